"""Where walkers under long jumps land: through which edge, how far beyond, by a jump or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.levy import Levy
from fokkerplanck.levy_beyond import Beyond
from fokkerplanck.levy_line import KilledLine, killed_line
from fokkerplanck.levy_refinement import changes
from fokkerplanck.levy_sets import Interval, checked_start, checked_target
from fokkerplanck.sets import PointSet

__all__ = ["LandingSide", "LevyLanding", "levy_landing"]

Array = NDArray[np.float64]
#: Shares of walkers that quantiles of the overshoot are given for.
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
#: Places where densities are given, from this part of a length beyond the edge on; up to as many
#: lengths of the grid beyond walls, or to the other end of a target.
PLACES, FIRST, LAST = 61, 1e-4, 100.0
#: Error of a probability from which on nothing is given.
LOST = 0.05
#: Sides that fewer than these walkers end on have no quantiles.
RARE = 1e-12
TINY = 1e-300
#: Error of the logarithm of an overshoot from which on it is not given.
UNKNOWN = 0.7


@dataclass(frozen=True, eq=False)
class LandingSide:
    """Walkers that end beyond one edge.

    Parameters
    ----------
    name : str
        ``"left wall"``, ``"right wall"``, or the target and from where.
    edge : float
        Place of the edge.
    probability : float
        To end beyond this edge.
    creep, jump : float
        Its two parts: to be carried over the edge by drift or Gaussian noise, and to jump.
    points, density : ndarray, shape (m,)
        Places beyond the edge, and the density of the landing points of jumps there. Its integral
        is `jump`.
    levels, overshoot : ndarray, shape (5,)
        Shares of those who jump, and distances from the edge within which so many land; nan where
        nobody jumps, or it is uncertain by a factor of two.
    error, split_error : float
        Absolute errors to be expected of the probability, and of its two parts.
    density_error : float
        Largest relative error to be expected of the density, and of the overshoot.
    """

    name: str
    edge: float
    probability: float
    creep: float
    jump: float
    points: Array = field(repr=False)
    density: Array = field(repr=False)
    levels: Array = field(repr=False)
    overshoot: Array
    error: float
    split_error: float
    density_error: float


@dataclass(frozen=True, eq=False)
class LevyLanding:
    """Where walkers end.

    Parameters
    ----------
    grid : Grid
    sides : tuple of LandingSide
        Edges of the target, then absorbing walls that are not the target. Probabilities of all
        add up to 1.
    probability : float
        To end in the target.
    error : float
        The largest of those of the probabilities of the sides.
    start, target : str
        What they are, in words.
    """

    grid: Grid
    sides: tuple[LandingSide, ...]
    probability: float
    error: float
    start: str
    target: str


def levy_landing(
    problem: Levy,
    start: PointSet | float | Sequence[float] | ArrayLike,
    target: PointSet | float | Sequence[float] | ArrayLike | str = "walls",
) -> LevyLanding:
    r"""Where walkers land when they first enter a target, or leave through absorbing walls.

    From the mean times g(x) dx spent at x, :math:`Q^T g = -\delta` at the start, jumps land with
    the density

    .. math:: f(y) = s^\alpha C_{1, \alpha} \int g(x) |y - x|^{-1 - \alpha} dx

    and what else ends beyond an edge has crept over it. That can be where there is Gaussian noise,
    or, for alpha < 1, drift over the edge; without these all have jumped.

    Parameters
    ----------
    problem, start, target
        As in `levy_first_passage`. A target up to a wall that does not absorb, where walkers are
        stopped, counts as reaching to infinity.

    Raises
    ------
    CaseError
        As `levy_first_passage`.
    NumericalError
        When the equations could not be solved to 1e-5, or half as many nodes change a probability
        by 0.05.

    References
    ----------
    R. M. Blumenthal, R. K. Getoor and D. B. Ray, Trans. Amer. Math. Soc. 99 (1961) 540, for jumps
    alone out of an interval.
    """
    pieces, words = checked_target(problem.grid, target)
    begin = checked_start(problem.grid, start, pieces, words)
    cells = problem.grid.shape[0]
    fine = _found(problem, cells, pieces, begin)

    def numbers(found: list[_Found]) -> Array:
        if [f.beyond.edge for f in found] != [f.beyond.edge for f in fine]:
            msg = f"fewer nodes do not see all edges of {words}: more cells than {cells} are needed"
            raise NumericalError(msg)
        return np.concatenate([s.numbers(f.points) for s, f in zip(found, fine, strict=True)])

    here = numbers(fine)
    off = changes(
        cells, lambda n: numbers(_found(problem, n, pieces, begin)), here, inner=bool(pieces)
    )
    shape = len(fine), -1
    parts = zip(fine, here.reshape(shape), off.reshape(shape), strict=True)
    sides = [_side(found, its, away, words) for found, its, away in parts]
    error = max(max(side.error, side.split_error) for side in sides)
    if not error < LOST:
        msg = f"where walkers end, or whether they jump there, is uncertain by {error:.2g} on "
        msg += f"{cells} nodes: more cells are needed"
        raise NumericalError(msg)
    own = [s.probability for s, f in zip(sides, fine, strict=True) if f.sink < len(pieces)]
    reached = sum(own) if pieces else sum(side.probability for side in sides)
    whole = max(side.error for side in sides)
    return LevyLanding(problem.grid, tuple(sides), reached, whole, begin.text, words)


@dataclass(frozen=True, eq=False)
class _Found:
    """One side on some nodes: what ends there, jumps as functions, and the rounding."""

    sink: int
    beyond: Beyond
    probability: float
    rounding: float
    points: Array
    creeps: bool

    @property
    def jump(self) -> float:
        """Probability to jump there."""
        whole = self.probability
        return min(self.beyond.jumped(0.0), whole) if self.creeps else whole

    def numbers(self, points: Array) -> Array:
        """Probability to end there and to jump there, logarithms of the overshoot and density.

        The logarithms are 0 where nobody jumps.
        """
        logs = np.zeros(len(LEVELS) + len(points))
        if self.jump > RARE:
            overshoot = self.beyond.quantiles(np.array(LEVELS))
            seen = np.concatenate([overshoot, self.beyond.density(points)])
            logs = np.log(np.maximum(seen, TINY))
        return np.concatenate([[self.probability, self.jump], logs])

    @property
    def excess(self) -> float:
        """What it came out above all that ends there: a layer at the edge was not seen."""
        return max(self.beyond.jumped(0.0) - self.probability, 0.0) if self.creeps else 0.0


def _found(problem: Levy, count: int, pieces: Sequence[Interval], begin: PointSet) -> list[_Found]:
    line = killed_line(problem, count, pieces)
    mass, rounding = line.occupation(line.start_mass(begin))
    point = begin.representative() if begin.is_point else None
    at = None if point is None else float(point[0])
    found = []
    for sink, beyond in _edges(line, mass, at):
        if not beyond.here.any():
            continue
        jumps, local = line.rates(sink)
        probability = float(mass[beyond.here] @ (jumps + local)[beyond.here])
        gauss = problem.temperature > 0.0 or problem.alpha == 2.0
        creeps = gauss or (problem.alpha < 1.0 and beyond.drift > 0.0)
        points = beyond.edge + beyond.way * _places(problem.grid, beyond.width)
        found.append(_Found(sink, beyond, probability, rounding, points, creeps))
    return found


def _edges(line: KilledLine, mass: Array, at: float | None) -> list[tuple[int, Beyond]]:
    """Edges of intervals, from both sides, then absorbing walls."""
    axis, outside = line.problem.grid.axes[0], line.generator.outside
    found = []
    for sink, (low, high) in enumerate(line.pieces):
        reach = high if np.isfinite(high) or outside[1] == "stopped" else axis.max
        back = low if np.isfinite(low) or outside[0] == "stopped" else axis.min
        if np.isfinite(low):
            found.append((sink, Beyond(line, mass, low, 1, reach - low, at)))
        if np.isfinite(high):
            found.append((sink, Beyond(line, mass, high, -1, high - back, at)))
    for side, (sink, wall) in enumerate(zip(line.walls, (axis.min, axis.max), strict=True)):
        if outside[side] == "killed":
            found.append((sink, Beyond(line, mass, wall, 2 * side - 1, np.inf, at)))
    return found


def _places(grid: Grid, width: float) -> Array:
    axis = grid.axes[0]
    length = axis.max - axis.min
    last = width if np.isfinite(width) else LAST * length
    return np.asarray(np.geomspace(FIRST * min(width, length), last, PLACES))


def _side(fine: _Found, numbers: Array, off: Array, words: str) -> LandingSide:
    """Make a side of its numbers, see `_Found.numbers`, and their errors."""
    jumps, here = fine.jump > RARE, slice(2, 2 + len(LEVELS))
    away = float(np.expm1(min(float(off[2:].max()), 100.0)))
    if jumps and not fine.creeps:
        # what counting jumps over the edge, and walkers, differ by
        away = max(away, abs(fine.beyond.jumped(0.0) / fine.jump - 1.0))
    return LandingSide(
        name=_name(fine, words),
        edge=fine.beyond.edge,
        probability=fine.probability,
        creep=fine.probability - fine.jump,
        jump=fine.jump,
        points=fine.points,
        density=fine.beyond.density(fine.points),
        levels=np.array(LEVELS),
        overshoot=np.where(jumps & (off[here] < UNKNOWN), np.exp(numbers[here]), np.nan),
        error=float(off[0]) + fine.rounding,
        split_error=float(off[1]) + fine.excess + fine.rounding,
        density_error=away + fine.rounding,
    )


def _name(found: _Found, words: str) -> str:
    right = found.beyond.way > 0
    if found.sink < len(found.beyond.line.pieces):
        return f"{words}, from the {'left' if right else 'right'}"
    return f"{'right' if right else 'left'} wall"
