"""Ensembles of walkers: Euler-Maruyama in any reading of the noise, and SGD itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.crew import available_threads
from fokkerplanck.solvers.field_tables import FieldTables, LineTables
from fokkerplanck.solvers.herds import FOREVER, Herd, Hunt, Progress, outcome
from fokkerplanck.solvers.hit_targets import LineTarget, PlaneTarget, Target
from fokkerplanck.solvers.walk_rules import Rules

__all__ = ["Hits", "Walk"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hits:
    """First hits of walkers.

    Parameters
    ----------
    times : ndarray, shape (m,)
        In steps; of walks that did not arrive, when they ended.
    arrived : ndarray of bool, shape (m,)
        Whether the target was met.
    where : ndarray, shape (m, dim)
        Where; of walks that did not arrive, the last place. In the plane the point of the border
        nearest to the straight way, good to about a step.
    shape : ndarray of int, shape (m,)
        Which interval or shape of the target was met, from 0; -1 for walks that still went on
        after the most steps, -2 for those that ended at an absorbing wall.
    """

    times: Array
    arrived: NDArray[np.bool_]
    where: Array
    shape: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Walk:
    r"""Walkers of :math:`dX = f dt + \sqrt{2 D}\,dW`, or of SGD.

    Parameters
    ----------
    tables : FieldTables
        Drift and diffusion.
    step : float
        Time of one step: dt, or eta / (1 - beta) of SGD.
    kappa : float
        Reading of the noise on a line: 1 Ito, 1/2 Stratonovich, 0 Hanggi-Klimontovich. In the plane
        it must be 1: the drift holds (1 - kappa) div D already.
    walls : tuple of (str, str)
        Of each axis: "reflecting", "absorbing", "periodic".
    momentum : float
        beta of heavy-ball SGD.
    seed : int
        Of all streams; walker number k has a stream of its own, made from both.
    discrete : bool
        SGD itself: nothing happens between two steps. Implied by momentum.
    threads : int, optional
        All that the process may use. The result does not depend on it.

    Notes
    -----
    A step is :math:`X' = X + f dt + \sqrt{2 D dt} N` with the Ito drift
    :math:`f + (1-\kappa) D'`. Where D jumps on a line, a Brownian bridge tells whether the break
    was met; from then on the walker is a skew Brownian motion, on the upper side with probability
    :math:`D_+^{1/2-\kappa} / (D_+^{1/2-\kappa} + D_-^{1/2-\kappa})`, with the drift of that side.
    This makes errors of averages fall as dt in every reading, not as its square root.

    With momentum, :math:`v' = \beta v - \nabla L + \xi` and :math:`x' = x + \eta v'`, where
    :math:`\eta = (1 - \beta) dt` and the gradient's noise has the covariance
    :math:`2 D / dt = C / B`, that is :math:`D = \eta C / (2 B (1 - \beta))`. Walkers start with
    v = 0; `states` has it after any step.

    At a reflecting wall walkers are mirrored, in the plane along D n.

    References
    ----------
    Lejay, *Probability Surveys* 3 (2006) 413 (skew Brownian motion); Gobet, *Stochastic Processes
    and their Applications* 87 (2000) 167 (bridges at walls).
    """

    tables: FieldTables
    step: float
    kappa: float = 1.0
    walls: Sequence[tuple[str, str]] = (("reflecting", "reflecting"),) * 2
    momentum: float = 0.0
    seed: int = 0
    discrete: bool = False
    threads: int | None = None

    def __post_init__(self) -> None:
        Rules.of(self, discrete=self.discrete)

    def snapshots(
        self, positions: Array, steps: Iterable[int], progress: Progress | None = None
    ) -> Iterator[tuple[int, Array]]:
        """Positions of all walkers after given numbers of steps.

        Parameters
        ----------
        positions : ndarray, shape (m, dim)
            Where they start.
        steps : iterable of int
            Increasing, from 0 on.
        progress : callable, optional
            Told the fraction done, about ten times a second.

        Yields
        ------
        steps : int
        positions : ndarray, shape (m, dim)
            nan for walkers that an absorbing wall took.
        """
        for n, herd in self._herds(positions, steps, progress):
            yield n, herd.positions()

    def states(
        self, positions: Array, steps: Iterable[int], progress: Progress | None = None
    ) -> Iterator[tuple[int, Array, Array]]:
        """Positions and heavy-ball velocities of all walkers after given numbers of steps.

        Parameters as of `snapshots`.

        Yields
        ------
        steps : int
        positions, velocities : ndarray, shape (m, dim)
            ``v = (x - x_before) / eta`` of the last step, mirrored where a wall was met; nan for
            walkers that an absorbing wall took.

        Raises
        ------
        ValueError
            For walks without momentum, which have no velocity.
        """
        if not self.momentum > 0:
            msg = "only walks with momentum have velocities"
            raise ValueError(msg)
        rate = (1 - self.momentum) * self.step
        for n, herd in self._herds(positions, steps, progress):
            yield n, herd.positions(), herd.momenta() / rate

    def _herds(
        self, positions: Array, steps: Iterable[int], progress: Progress | None
    ) -> Iterator[tuple[int, Herd]]:
        """Take all walkers to each number of steps."""
        starts = self._points(positions)
        wanted = [int(n) for n in steps]
        if any(b <= a for a, b in zip([-1, *wanted], wanted, strict=False)):
            msg = f"steps must be whole numbers that increase from 0 on, got {wanted}"
            raise ValueError(msg)
        rules = Rules.of(self, discrete=self.discrete)
        herd = Herd(rules, starts, np.arange(len(starts)), self.seed)
        for n in wanted:
            herd.advance(n, wanted[-1], self._threads, progress)
            yield n, herd

    def first_hits(
        self,
        starts: Array,
        target: Target,
        most_steps: int,
        bridge: bool | None = None,
        progress: Progress | None = None,
    ) -> Hits:
        """When and where walkers first meet a target.

        Parameters
        ----------
        starts : ndarray, shape (m, dim)
            Where they start; those inside arrive at time 0.
        target : LineTarget or PlaneTarget
            The set.
        most_steps : int
            Walks that take longer are given up.
        bridge : bool, optional
            Whether a target may be met between two steps (by default unless the walk is discrete);
            otherwise only places after whole steps count, as in SGD.
        progress : callable, optional
            Told the fraction of walks that have ended, about ten times a second.

        Returns
        -------
        Hits
        """
        points = self._points(starts)
        discrete = self.discrete or self.momentum > 0
        if bridge and discrete:
            msg = "a discrete walk is nowhere between two steps: it has no bridge"
            raise ValueError(msg)
        if target.dim != self.tables.dim:
            msg = f"the target has dimension {target.dim}, the walk {self.tables.dim}"
            raise ValueError(msg)
        rules = Rules.of(self, discrete=discrete, sharp=bridge is False, target=target)
        inside = target.distance(points) <= 0
        out = outcome(points)
        home = inside.any(axis=0)
        out[0][home], out[2][home] = 0.0, inside.argmax(axis=0)[home]
        most = min(int(most_steps), FOREVER)
        Hunt(rules, points, np.flatnonzero(~home), self.seed, most, out).run(
            self._threads, progress
        )
        return Hits(out[0], out[2] >= 0, out[1], out[2])

    @property
    def _threads(self) -> int:
        return self.threads or available_threads()

    def _points(self, positions: Array) -> Array:
        points = np.array(positions, dtype=np.float64, ndmin=2, order="C")
        if points.shape[1:] != (self.tables.dim,) or not np.isfinite(points).all():
            msg = f"positions must be finite, of shape (m, {self.tables.dim}), got {points.shape}"
            raise ValueError(msg)
        lower, upper = np.atleast_1d(self.tables.lower), np.atleast_1d(self.tables.upper)
        if (points < lower).any() or (points > upper).any():
            msg = f"walkers must start between the walls, {lower} and {upper}"
            raise ValueError(msg)
        return points


__all__ += ["LineTables", "LineTarget", "PlaneTarget"]
