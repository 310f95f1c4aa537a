"""The stretch of the line from which an underdamped path is to escape, cut into elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.solvers.half_range import half_range
from fokkerplanck.solvers.kinetic_elements import DEGREE, Elements, element_nodes, graded
from fokkerplanck.underdamped import Underdamped

__all__ = ["Stretch", "stretch_of"]

Array = NDArray[np.float64]
#: Nodes of elements for each cell of the grid.
NODES_PER_CELL = 1.5
#: Fewest elements of a stretch, before they shrink towards its absorbing ends, and functions.
FEWEST, FEWEST_FUNCTIONS = 8, 6


@dataclass(frozen=True, eq=False)
class Stretch:
    """Part of the line where a path is still on its way.

    Parameters
    ----------
    problem : Underdamped
    low, high : float
        Its ends.
    absorbing : tuple of bool
        Which of them is the target; the other is a wall that reflects.
    place : float
        Position of the start.
    velocity : float or None
        Velocity of the start; None means thermal ones.
    start, target : str
        In words.
    """

    problem: Underdamped
    low: float
    high: float
    absorbing: tuple[bool, bool]
    place: float
    velocity: float | None
    start: str
    target: str

    @property
    def count(self) -> int:
        """Number of elements before those next to targets are cut."""
        cells = (self.high - self.low) / self.problem.grid.axes[0].spacing
        return max(int(np.ceil(NODES_PER_CELL * cells / DEGREE)), FEWEST)

    @property
    def functions(self) -> int:
        """Number of even functions of velocity: half the modes of the problem."""
        return max(self.problem.mode_count // 2, FEWEST_FUNCTIONS)

    def elements(self, count: int | None = None, functions: int | None = None) -> Elements:
        """Cut the stretch into elements, by default as many as the grid and the modes ask for."""
        p = self.problem
        path = p.speed / p.rate
        edges = graded(self.low, self.high, count or self.count, self.absorbing, path)
        nodes, points = element_nodes(edges)
        t = p.temperature
        return Elements(
            edges,
            np.asarray(p.landscape.loss(self._inside(nodes)), dtype=np.float64) / t,
            np.asarray(p.landscape.loss(self._inside(points)), dtype=np.float64) / t,
            np.asarray(p.landscape.gradient(self._inside(points)), dtype=np.float64)[..., 0] / t,
            p.speed,
            p.rate,
            half_range(functions or self.functions),
            self.absorbing,
        )

    def _inside(self, x: Array) -> Array:
        """Points of the landscape for places on the stretch, which may go around a ring."""
        axis = self.problem.grid.axes[0]
        if axis.periodic:
            x = axis.min + np.mod(x - axis.min, axis.max - axis.min)
        return x[..., None]

    def on(self, centres: Array) -> tuple[NDArray[np.bool_], Array]:
        """Whether cell centres lie on the stretch, and where: on a ring, a turn further or not."""
        axis = self.problem.grid.axes[0]
        x = centres.astype(np.float64)
        if axis.periodic:
            x = self.low + np.mod(x - self.low, axis.max - axis.min)
        return (x > self.low) & (x < self.high), x


def stretch_of(
    problem: Underdamped, start: float | Sequence[float], target: float | Sequence[float]
) -> Stretch:
    """Find the stretch between a start and a target.

    Parameters
    ----------
    problem : Underdamped
    start : float or (float, float)
        Position, with thermal velocities, or position and velocity.
    target : float or (float, float)
        One point to be passed, or two that the start lies between.

    Raises
    ------
    CaseError
        When numbers are not finite, lie off the grid, or the start lies on or beyond the target.
    """
    begin, ends = _numbers(start, "from"), np.sort(_numbers(target, "to"))
    x0 = float(begin[0])
    axis = problem.grid.axes[0]
    low, high = axis.min, axis.max
    for name, values in (("from", begin[:1]), ("to", ends)):
        if ((values < low) | (values > high)).any():
            msg = f"x = {values.tolist()} does not lie on the grid [{low:g}, {high:g}]"
            raise CaseError(msg, key=name)
    if x0 in ends:
        msg = f"the start, x = {x0:g}, is the target itself"
        raise CaseError(msg, key="from")
    if ends.size == 2 and not ends[0] < x0 < ends[1]:
        msg = f"the start, x = {x0:g}, does not lie between the targets {ends.tolist()}"
        raise CaseError(msg, key="from")
    if ends.size == 2:
        sides = (float(ends[0]), float(ends[1]), (True, True))
    elif axis.periodic:
        first = float(ends[0]) if x0 > ends[0] else float(ends[0]) - (high - low)
        sides = (first, first + (high - low), (True, True))
    elif x0 < ends[0]:
        sides = (low, float(ends[0]), (False, True))
    else:
        sides = (float(ends[0]), high, (True, False))
    speed = float(begin[1]) if begin.size == 2 else None
    words = f"x = {x0:.4g}, " + ("thermal v" if speed is None else f"v = {speed:.4g}")
    goal = " or ".join(f"x = {b:.4g}" for b in ends)
    return Stretch(problem, *sides, x0, speed, words, goal)


def _numbers(value: float | Sequence[float] | ArrayLike, key: str) -> Array:
    out = np.atleast_1d(np.asarray(value, dtype=np.float64))
    if out.shape not in ((1,), (2,)) or not np.isfinite(out).all():
        msg = f"needs one or two finite numbers, got {value!r:.80}"
        raise CaseError(msg, key=key)
    return out
