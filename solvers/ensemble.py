"""Ensembles of walkers: Euler-Maruyama in any reading of the noise, and SGD itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers import walk_kernels as k
from fokkerplanck.solvers.crew import available_threads, work
from fokkerplanck.solvers.field_tables import FieldTables, LineTables
from fokkerplanck.solvers.hit_targets import LineTarget, PlaneTarget, Target
from fokkerplanck.solvers.walk_rules import Rules

__all__ = ["Hits", "Walk"]

Array = NDArray[np.float64]
Progress = Callable[[float], None]
#: Walker-steps of one call of a kernel, some ten milliseconds.
PIECE = 2_000_000
#: Blocks that one task takes through time together.
TOGETHER = 8
FOREVER = 2**61


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
    v = 0; v at step n is the difference of snapshots n and n - 1 over eta.

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
        starts = self._points(positions)
        wanted = [int(n) for n in steps]
        if any(b <= a for a, b in zip([-1, *wanted], wanted, strict=False)):
            msg = f"steps must be whole numbers that increase from 0 on, got {wanted}"
            raise ValueError(msg)
        rules = Rules.of(self, discrete=self.discrete)
        herd = _Herd(rules, starts, np.arange(len(starts)), self.seed)
        for n in wanted:
            herd.advance(n, wanted[-1], self._threads, progress)
            yield n, herd.positions()

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
        out = _outcome(points)
        home = inside.any(axis=0)
        out[0][home], out[2][home] = 0.0, inside.argmax(axis=0)[home]
        most = min(int(most_steps), FOREVER)
        _Hunt(rules, points, np.flatnonzero(~home), self.seed, most, out).run(
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


def _outcome(starts: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """Make times, places and fates, before anything is known."""
    return np.zeros(len(starts)), starts.copy(), np.full(len(starts), k.WALKING, np.int64)


class _Blocks:
    """Memory of some blocks of lanes, with the queue of walkers that each takes from."""

    def __init__(self, blocks: int) -> None:
        self.integers = np.zeros((blocks, k.INTEGERS, k.LANES), np.int64)
        self.integers[:, k.NUMBER] = -1
        self.reals = np.zeros((blocks, k.KEPT, k.LANES))
        self.counts = np.zeros((blocks, k.COUNTERS), np.int64)

    def part(self, at: slice) -> tuple[Any, ...]:
        """Return the arrays of some of the blocks."""
        return self.integers[at], self.reals[at], self.counts[at]


class _Herd:
    """Walkers that go through time together."""

    def __init__(self, rules: Rules, starts: Array, queue: NDArray[np.intp], seed: int) -> None:
        self.rules, self.starts = rules, starts
        self.walkers = (queue.astype(np.int64), starts, np.uint64(seed % 2**64))
        self.out = _outcome(starts)
        begin = np.arange(0, len(starts), k.LANES)
        self.blocks = _Blocks(len(begin))
        self.blocks.counts[:, k.NEXT] = begin
        self.blocks.counts[:, k.STOP] = np.minimum(begin + k.LANES, len(starts))
        self.now = 0

    def advance(self, until: int, last: int, threads: int, progress: Progress | None) -> None:
        """Take all to the clock `until`; `last` is that of the end, for the progress."""
        counts = self.blocks.counts
        slices = [slice(i, i + TOGETHER) for i in range(0, len(counts), TOGETHER)]

        def look() -> None:
            if progress is not None:
                progress(float(counts[:, k.CLOCK].mean() / max(last, 1)))

        tasks = [partial(self._task, at, until) for at in slices]
        if until > self.now:
            work(tasks, threads, look)
        self.now = until

    def _task(self, at: slice, until: int) -> Iterator[None]:
        piece = max(PIECE // (TOGETHER * k.LANES), 2)
        clock = self.now
        while clock < until:
            clock = min(clock + piece, until)
            times = (np.int64(clock), np.int64(FOREVER), np.int64(FOREVER), False)
            self.rules.run(self.blocks.part(at), times, self.walkers, self.out)
            yield

    def positions(self) -> Array:
        """Where all are; nan for those that have ended."""
        if self.now == 0:
            return self.starts.copy()
        out: Array = np.full(self.starts.shape, np.nan)
        number = self.blocks.integers[:, k.NUMBER]
        live = number >= 0
        for axis in range(self.starts.shape[1]):
            out[number[live], axis] = self.blocks.reals[:, k.X + axis][live]
        return out


class _Hunt:
    """Walkers that go until each meets the target; lanes that are free take the next in turn."""

    def __init__(
        self,
        rules: Rules,
        starts: Array,
        queue: NDArray[np.intp],
        seed: int,
        most: int,
        out: tuple[Array, Array, NDArray[np.int64]],
    ) -> None:
        self.rules, self.most, self.out = rules, most, out
        self.walkers = (queue.astype(np.int64), starts, np.uint64(seed % 2**64))
        self.total, self.taken, self.lock = len(queue), 0, Lock()
        self.live: list[_Blocks] = []

    def run(self, threads: int, progress: Progress | None) -> None:
        """Let all walk."""

        def look() -> None:
            if progress is not None:
                walking = sum(int(b.counts[0, k.LIVE]) for b in self.live)
                progress(max(self.taken - walking, 0) / max(self.total, 1))

        self.threads = min(threads, -(-self.total // 8) or 1)
        if self.total:
            work([self._task] * self.threads, self.threads, look)

    def _take(self, blocks: _Blocks) -> None:
        """Give a block with an empty queue the next walkers, fewer towards the end."""
        count = blocks.counts[0]
        if count[k.NEXT] < count[k.STOP]:
            return
        with self.lock:
            left = self.total - self.taken
            share = min(max(left // (4 * self.threads), 64), left, 4096)
            count[k.NEXT], count[k.STOP] = self.taken, self.taken + share
            self.taken += share

    def _task(self) -> Iterator[None]:
        blocks = _Blocks(1)
        self.live.append(blocks)
        count = blocks.counts[0]
        while True:
            self._take(blocks)
            if count[k.NEXT] == count[k.STOP] and count[k.LIVE] == 0:
                return
            hungry = self.taken < self.total
            times = (np.int64(FOREVER), np.int64(self.most), np.int64(PIECE // k.LANES), hungry)
            self.rules.run(blocks.part(slice(0, 1)), times, self.walkers, self.out)
            yield


__all__ += ["LineTables", "LineTarget", "PlaneTarget"]
