"""Motion on a line with any drift and any noise: what passage times are integrals of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.theory.line_integrals import Scaled
from fokkerplanck.theory.line_panels import LinePanels, Potential, resolve

__all__ = ["LineProcess", "scale_density", "speed_weight"]

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

#: Stationary weights below exp(-DEPTH) of the largest are left out.
DEPTH = 80.0
#: Points at which the way to a far wall is looked over.
LATTICE = 2048
#: Doublings of the distance after which a side without a wall is not confining.
DOUBLINGS = 64


@dataclass(frozen=True, eq=False)
class LineProcess:
    """``dx = f dt + sqrt(2 D) dW`` on a line, in the reading kappa.

    Parameters
    ----------
    diffusion : callable or float
        D > 0 at points of shape (n,).
    drift : callable, optional
        f at points of shape (n,). Needed wherever D varies.
    loss : callable, optional
        L with ``f = -L'``, for want of a drift, where D is constant (between breaks).
    kappa : float
        1 for Ito, 1/2 for Stratonovich, 0 for Hanggi and Klimontovich.
    low, high : float
        Reflecting walls; infinite where the drift confines.
    breaks : sequence of float
        Where f or D jumps, or has a kink. Others are found by bisection, at a price.

    Notes
    -----
    With ``Phi = -int f / D`` the speed weight is ``w = D^-kappa e^-Phi``, a stationary density
    without current, and the scale density is ``s = D^(kappa - 1) e^Phi``; ``w s = 1 / D``.

    References
    ----------
    C. W. Gardiner, Handbook of Stochastic Methods, 3rd ed., section 5.2.
    """

    diffusion: Function | float
    drift: Function | None = None
    loss: Function | None = None
    kappa: float = 1.0
    low: float = -inf
    high: float = inf
    breaks: Sequence[float] = ()

    def __post_init__(self) -> None:
        if self.drift is None and self.loss is None:
            msg = "a process on a line needs a drift or a loss"
            raise ValueError(msg)
        if not self.low < self.high:
            msg = f"the walls must be in order, got {self.low} and {self.high}"
            raise ValueError(msg)

    @property
    def potential(self) -> Potential:
        """Phi and ln D, ready to be sampled."""
        d = self.diffusion
        return Potential(d if callable(d) else _constant(float(d)), self.drift, self.loss)

    def mirrored(self) -> LineProcess:
        """Return the same process seen in ``-x``."""
        drift, loss, d = self.drift, self.loss, self.diffusion
        return LineProcess(
            (lambda x: d(-x)) if callable(d) else d,
            None if drift is None else (lambda x: -drift(-x)),
            None if loss is None else (lambda x: loss(-x)),
            self.kappa,
            -self.high,
            -self.low,
            [-b for b in self.breaks],
        )

    def panels(self, *marks: float) -> LinePanels:
        """Panels from the least to the largest of `marks`, with edges at all and at breaks."""
        inside = [b for b in self.breaks if min(marks) < b < max(marks)]
        return resolve(self.potential, np.array([*marks, *inside]))

    def climb(self, start: float, end: float) -> float:
        """``Phi(end) - Phi(start)``: the barrier in units of the noise on the way."""
        if start == end:
            return 0.0
        panels = self.panels(start, end)
        _, _, climb, _ = self.potential.sample(panels.edges[:-1], panels.edges[1:])
        return float(climb.sum()) * (1 if end > start else -1)

    def floor(self, start: float, unit: float) -> float:
        """Point on the left of `start` beyond which the stationary weight can be left out.

        Parameters
        ----------
        start : float
            Where the walk towards the left wall begins.
        unit : float
            A length of the problem.

        Raises
        ------
        ValueError
            Without a wall, when the weight does not fall off.
        """
        if start <= self.low:
            return start
        lattice = self._to_wall(start) if isfinite(self.low) else self._doubling(start, unit)
        depth = self._depth(lattice)
        kept = int(np.argmax(depth < depth.min() + DEPTH))
        return float(lattice[max(kept - 1, 0)])

    def _to_wall(self, start: float) -> Array:
        return np.linspace(self.low, start, LATTICE + 1)

    def _doubling(self, start: float, unit: float) -> Array:
        """Lattice, ever wider, that ends where the weight has long fallen off."""
        for doublings in range(4, DOUBLINGS):
            steps = unit * 2.0 ** np.linspace(-10, doublings, 8 * (doublings + 10) + 1)
            lattice = start - np.append(steps[::-1], 0.0)
            depth = self._depth(lattice)
            if depth[:8].min() > depth.min() + DEPTH and depth[0] > depth[8]:
                return lattice
        msg = f"the drift does not confine on the side of {start - unit:g}: give a wall"
        raise ValueError(msg)

    def _depth(self, lattice: Array) -> Array:
        """``-ln w`` in the pieces of a lattice, the least of each, shape (n,)."""
        rise, log_d, climb, _ = self.potential.sample(lattice[:-1], lattice[1:])
        start = np.concatenate([[0.0], np.cumsum(climb)[:-1]])
        return np.asarray((start[:, None] + rise + self.kappa * log_d).min(axis=1))


def speed_weight(panels: LinePanels, kappa: float) -> Scaled:
    """``w = D^-kappa e^-Phi`` at the nodes."""
    return _exponential(-kappa * panels.log_diffusion - panels.phi)


def scale_density(panels: LinePanels, kappa: float) -> Scaled:
    """``s = D^(kappa - 1) e^Phi`` at the nodes."""
    return _exponential((kappa - 1) * panels.log_diffusion + panels.phi)


def _exponential(logs: Array) -> Scaled:
    return Scaled(np.ones_like(logs), logs)


def _constant(value: float) -> Function:
    return lambda x: np.full(np.shape(x), value)
