"""Exit from a disc under a tensor whose axes turn from place to place: an answer in closed form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck import forces, landscapes, noise
from fokkerplanck.grid import Grid
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.refinement import refined_all
from fokkerplanck.sets import Ball, PointSet
from fokkerplanck.theory.passage_forms import disc_exit_time
from fokkerplanck.verification.rows import Entry, Row, deviation

__all__ = ["ENTRIES"]

Array = NDArray[np.float64]
#: Speed of the force around the centre.
SPEED = 1.0
#: Cells a side of [-1.05, 1.05]^2.
CELLS = 192


@dataclass(frozen=True)
class Outside(PointSet):
    """Everything outside of the open unit disc."""

    dim: int = 2
    text: str = "outside of the unit disc"

    def contains(self, points: ArrayLike, grid: Grid) -> NDArray[np.bool_]:
        """See `PointSet.contains`."""
        x = np.asarray(points, dtype=np.float64)
        return np.asarray((x**2).sum(axis=-1) >= 1.0)

    def shares(self, grid: Grid) -> Array:
        """See `PointSet.shares`."""
        return np.asarray(1.0 - Ball((0.0, 0.0), 1.0).shares(grid))

    def representative(self) -> None:
        """See `PointSet.representative`."""

    def _first(self, start: Array, end: Array, grid: Grid) -> Array:
        way = end - start
        a, b = (way**2).sum(axis=1), (start * way).sum(axis=1)
        c = (start**2).sum(axis=1) - 1.0
        # the later of the two crossings of the line: the segment leaves the disc there
        return np.asarray((-b + np.sqrt(np.maximum(b * b - a * c, 0.0))) / a)


def turning(points: Array) -> Array:
    """Tensor of trace 1 whose axes and ratio change from place to place, up to 1 : 49."""
    x, y = points[..., 0], points[..., 1]
    angle, share = 1.5 * x + y, 0.9 + 0.08 * np.sin(3 * x)
    c, s = np.cos(angle), np.sin(angle)
    d = np.empty((*x.shape, 2, 2))
    d[..., 0, 0] = share * c**2 + (1 - share) * s**2
    d[..., 1, 1] = share * s**2 + (1 - share) * c**2
    d[..., 0, 1] = d[..., 1, 0] = (2 * share - 1) * c * s
    return d


def stirring(points: Array) -> Array:
    """Force around the centre, stronger on the right: perpendicular to x everywhere."""
    x, y = points[..., 0], points[..., 1]
    return np.asarray(SPEED * (1 + x)[..., None] * np.stack([-y, x], axis=-1))


def exit_problem(cells: int, *, stirred: bool) -> Problem:
    """Flat loss in a box around the unit disc, with or without the force."""
    side = (-1.05, 1.05, cells)
    force = forces.function(stirring) if stirred else None
    flat = landscapes.from_expression(0.0, 2)
    return Problem(Grid.plane(side, side), flat, noise.tensor(turning), force)


def times_in_disc(problem: Problem) -> tuple[Array, Array]:
    """Mean exit times of all cells with centres in the disc, and what they should be."""
    log10 = mean_first_passage(problem, [0.0, 0.0], Outside()).log10_times
    radius = np.linalg.norm(problem.grid.points(), axis=-1)
    inside = np.isfinite(log10)
    exact = np.array([disc_exit_time(1.0, float(r), 1.0) for r in radius[inside]])
    return 10 ** log10[inside], exact


def _largest_error(problem: Problem) -> float:
    found, exact = times_in_disc(problem)
    return float(np.abs(found - exact).max() / exact.max())


def _disc() -> Iterator[Row]:
    against = "(1 - r^2) / (2 tr D)"
    worst = _largest_error(exit_problem(CELLS, stirred=False))
    yield deviation("error, worst cell, no force", worst, 1e-11, against)
    worst = _largest_error(exit_problem(CELLS, stirred=True))
    text = f"error, worst cell, stirred, {CELLS}^2"
    yield deviation(text, worst, 1e-3, against)
    problem = exit_problem(CELLS, stirred=True)
    centre, largest = refined_all(
        lambda p: [mean_first_passage(p, [0.0, 0.0], Outside()).mean, 1 + _largest_error(p)],
        problem,
        levels=(0.5, 0.75, 1.0),
    )
    text = "time from the centre, h to 0"
    yield Row(text, centre.extrapolated, 0.5, 1e-5, against)
    yield Row("order of the error in h", largest.order, 2.0, 0.1, "second order")


ENTRIES = (
    Entry("I.36", "exit from a disc", "mean exit time under a turning tensor, stirred", _disc),
)
