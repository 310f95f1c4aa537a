"""Where the walkers of an ensemble start: positions drawn from densities, laws and sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.sets import PointSet

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["NormalStart", "Start", "positions_in", "positions_of"]

Array = NDArray[np.float64]
#: Rounds of drawing again what fell outside of a set or beyond the walls.
ROUNDS = 1000


@dataclass(frozen=True)
class NormalStart:
    """Normal law to draw positions from, exact where a density on cells is an average.

    Parameters
    ----------
    mean : sequence of float, shape (dim,)
    covariance : sequence of sequence of float, shape (dim, dim)
    """

    mean: Sequence[float]
    covariance: Sequence[Sequence[float]]

    @classmethod
    def of(
        cls,
        mean: Sequence[float],
        std: Sequence[float] | None = None,
        covariance: Sequence[Sequence[float]] | None = None,
    ) -> NormalStart:
        """Make one from standard deviations along the axes, or from a covariance."""
        if covariance is None:
            covariance = np.diag(np.square(np.asarray(std, dtype=np.float64))).tolist()
        return cls(tuple(mean), tuple(tuple(row) for row in covariance))

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """Draw positions, shape (count, dim)."""
        root = np.linalg.cholesky(np.asarray(self.covariance, dtype=np.float64))
        return np.asarray(self.mean) + rng.standard_normal((count, len(self.mean))) @ root.T


#: A density on the cells, a point, or a normal law.
Start = NormalStart | ArrayLike


def positions_of(
    start: Start, grid: Grid, walkers: int, rng: np.random.Generator, *, key: str = "initial"
) -> Array:
    """Draw the positions at which walkers start, shape (walkers, dim).

    Parameters
    ----------
    start : NormalStart, array or point
        A density on the cells, shape (*shape,), has its walkers evenly within each cell; a point,
        shape (dim,), has them all.
    grid : Grid
    walkers : int
    rng : Generator

    Raises
    ------
    CaseError
        What is none of these, a density without mass, or a point outside of the grid.
    """
    if isinstance(start, NormalStart):
        return _again(lambda n: _wrapped(start.draw(rng, n), grid), grid, walkers)
    values = np.atleast_1d(np.asarray(start, dtype=np.float64))
    if values.shape == (grid.dim,):
        grid.cell_of(values.tolist())
        return np.tile(values, (walkers, 1))
    if values.shape != grid.shape:
        msg = f"needs a density of shape {grid.shape}, a point of {grid.dim} coordinates or a "
        msg += f"normal law; got shape {values.shape}"
        raise CaseError(msg, key=key)
    if not (np.isfinite(values).all() and values.min() >= 0.0 and values.any()):
        msg = "a density is finite, nowhere negative and not zero everywhere"
        raise CaseError(msg, key=key)
    return _in_cells(values, grid, walkers, rng)


def positions_in(
    part: PointSet,
    avoid: PointSet | None,
    problem: Problem,
    walkers: int,
    rng: np.random.Generator,
) -> Array:
    """Draw positions from the stationary density within a set, outside of another.

    A point has them all. Walls that absorb are closed for that density, as for the mean passage
    times of chains.

    Raises
    ------
    CaseError
        If nothing of the set is left outside of the other.
    """
    grid = problem.grid
    point = part.representative()
    if part.is_point and point is not None:
        return np.tile(point, (walkers, 1))
    weight = part.shares(grid) * _equilibrium(problem)
    if avoid is not None:
        weight = weight * (1.0 - avoid.shares(grid))
    if not weight.any():
        msg = f"nothing is left of the {part.text} to start from"
        raise CaseError(msg, key="from")

    def draw(count: int) -> Array:
        x = _in_cells(weight, grid, count, rng)
        good = part.contains(x, grid)
        if avoid is not None:
            good &= ~avoid.contains(x, grid)
        return np.asarray(x[good])

    return _again(draw, grid, walkers)


def _equilibrium(problem: Problem) -> Array:
    from fokkerplanck.steady_state import stationary

    if any("absorbing" in pair for pair in problem.grid.walls):
        problem = replace(problem, grid=Grid(tuple(_closed(a) for a in problem.grid.axes)))
    return stationary(problem).density


def _closed(axis: Axis) -> Axis:
    low, high = ("reflecting" if wall == "absorbing" else wall for wall in axis.walls)
    return replace(axis, walls=(low, high))


def _in_cells(weight: Array, grid: Grid, count: int, rng: np.random.Generator) -> Array:
    """Draw cells by their weight, and a place evenly within each."""
    below = np.cumsum(weight.ravel())
    cell = np.searchsorted(below, rng.random(count) * below[-1], side="right")
    index = np.unravel_index(np.minimum(cell, below.size - 1), grid.shape)
    place = rng.random((count, grid.dim))
    x = [
        axis.min + (k + place[:, d]) * axis.spacing
        for d, (axis, k) in enumerate(zip(grid.axes, index, strict=True))
    ]
    return np.stack(x, axis=-1)


def _again(draw: Callable[[int], Array], grid: Grid, walkers: int) -> Array:
    """Draw until enough positions are good and between the walls."""
    made: list[Array] = []
    count = 0
    for _ in range(ROUNDS):
        x = draw(walkers)
        inside = np.ones(len(x), dtype=np.bool_)
        for d, axis in enumerate(grid.axes):
            inside &= (x[:, d] >= axis.min) & (x[:, d] <= axis.max)
        made.append(x[inside])
        count += int(inside.sum())
        if count >= walkers:
            return np.concatenate(made)[:walkers]
    msg = "hardly any position drawn for a walker lies inside: is the set thinner than a cell?"
    raise CaseError(msg, key="from")


def _wrapped(x: Array, grid: Grid) -> Array:
    for d, axis in enumerate(grid.axes):
        if axis.periodic:
            x[:, d] = axis.min + (x[:, d] - axis.min) % (axis.max - axis.min)
    return x
