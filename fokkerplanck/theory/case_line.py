"""A problem on a line as `LineProcess`, and the passages of a case as intervals."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.theory.line_process import LineProcess
from fokkerplanck.theory.passage_quadrature import LinePassage, exit_passage, line_passage

if TYPE_CHECKING:
    from fokkerplanck.grid import Axis, Grid
    from fokkerplanck.landscapes.base import OnGrid
    from fokkerplanck.problem import Problem
    from fokkerplanck.sets import PointSet

__all__ = ["LineWay", "line_process", "line_way", "passage_by_quadrature", "set_of"]

Array = NDArray[np.float64]
#: Change of Phi around a ring that is rounding.
UNDRIVEN = 1e-9


class LineWay(NamedTuple):
    """A passage on a line: ends of the start and of the target; None for absorbing walls."""

    start: tuple[float, float]
    target: tuple[float, float] | None


def line_process(problem: Problem) -> LineProcess | str:
    """Drift, diffusion and reading of a problem on a line; or what is wrong with it."""
    if problem.grid.dim != 1:
        return "needs a line"
    if problem.schedule is not None:
        return "the diffusion follows a schedule"
    axis = problem.grid.axes[0]
    breaks = problem.noise.breaks(problem.landscape, problem.grid)
    low, high = axis.min, axis.max
    if axis.periodic:
        # a window of two turns holds every way between two meetings with a target
        turns = np.arange(-2, 3) * (high - low)
        breaks, low, high = (breaks[:, None] + turns).ravel(), -inf, inf
    return LineProcess(
        lambda x: problem.noise.at(problem.landscape, problem.grid, _points(x, axis))[..., 0, 0],
        drift=_drift(problem, axis),
        kappa=problem.noise.kappa,
        low=low,
        high=high,
        breaks=tuple(breaks.tolist()),
    )


def line_way(problem: OnGrid, table: Any) -> LineWay | str:
    """Read a ``[[passage]]`` of a case on a line; or say what is wrong with it."""
    start = _ends(set_of(problem, table.from_), problem.grid)
    if start is None:
        return "the start is not an interval"
    if isinstance(table.to, str):
        return LineWay(start, None)
    target = _ends(set_of(problem, table.to), problem.grid)
    if target is None:
        return "the target is not an interval"
    return LineWay(start, target)


def set_of(problem: OnGrid, table: Any) -> PointSet:
    """Make the set that a table ``from`` or ``to`` of a passage describes."""
    from fokkerplanck import sets

    if table.centre is not None:
        return sets.Ball(table.centre, table.radius or 0.0)
    if table.box is not None:
        return sets.Box(table.box)
    if table.halfplane is not None:
        return sets.HalfPlane(table.halfplane.normal, table.halfplane.offset)
    return sets.Basin(table.basin, problem.landscape)


def passage_by_quadrature(problem: Problem, way: LineWay) -> LinePassage | str:
    """Solve a passage exactly; or say why it cannot be."""
    process = line_process(problem)
    if isinstance(process, str):
        return process
    try:
        if problem.grid.axes[0].periodic:
            return _around(process, way, problem.grid.axes[0])
        return _between_walls(process, way, problem.grid.walls[0])
    except ValueError as error:
        return str(error)


def _between_walls(process: LineProcess, way: LineWay, walls: tuple[str, str]) -> LinePassage | str:
    absorbs = [wall == "absorbing" for wall in walls]
    low, high, (first, last) = process.low, process.high, way.start
    if way.target is None:
        if all(absorbs):
            return exit_passage(process, way.start, (low, high))
        return line_passage(process, way.start, high if absorbs[1] else low)
    near, far = way.target
    if last <= near:
        if absorbs[0]:
            return exit_passage(process, way.start, (low, near), "right")
        return line_passage(process, way.start, near)
    if first >= far:
        if absorbs[1]:
            return exit_passage(process, way.start, (far, high), "left")
        return line_passage(process, way.start, far)
    return "start and target overlap"


def _around(process: LineProcess, way: LineWay, axis: Axis) -> LinePassage | str:
    """Both ways around a ring, rolled out between two images of the target."""
    if way.target is None:
        return "a ring has no walls"
    period = axis.max - axis.min
    (first, last), (near, far) = way.start, way.target
    turns = np.ceil((far - first) / period) * period
    first, last = first + turns, last + turns
    if last > near + period:
        return "start and target overlap"
    if last > first and abs(process.climb(near, near + period)) > UNDRIVEN:
        return "a start of some extent on a driven ring: its density there carries a current"
    return exit_passage(process, (first, last), (far, near + period))


def _points(x: Array, axis: Axis) -> Array:
    if axis.periodic:
        x = axis.min + np.mod(x - axis.min, axis.max - axis.min)
    return x[:, None]


def _drift(problem: Problem, axis: Axis) -> Callable[[Array], Array]:
    def drift(x: Array) -> Array:
        points = _points(x, axis)
        pull = -problem.landscape.gradient(points)[..., 0]
        if problem.force is None:
            return np.asarray(pull)
        return np.asarray(pull + problem.force.values(points, problem.grid.names)[..., 0])

    return drift


def _ends(part: PointSet, grid: Grid) -> tuple[float, float] | None:
    """Find the ends of a set on a line, to rounding; None where it is not one interval."""
    axis = grid.axes[0]
    named = part.representative()
    x = axis.half_points
    if named is not None:
        inner = _points(named, axis)[:, 0] if axis.periodic else np.clip(named, axis.min, axis.max)
        x = np.union1d(x, inner)

    def inside(at: Array) -> NDArray[np.bool_]:
        return part.contains(_points(np.atleast_1d(at), axis), grid)

    found = inside(x)
    if axis.periodic and found.any() and not found.all():
        # begin outside, so that an interval across the wall is in one piece
        x, found = x[:-1], found[:-1]
        k = int(np.argmin(found))
        x = np.concatenate([x[k:], x[: k + 1] + axis.max - axis.min])
        found = np.concatenate([found[k:], found[: k + 1]])
    if not found.any():
        return None
    i, j = int(np.argmax(found)), x.size - 1 - int(np.argmax(found[::-1]))
    if not found[i : j + 1].all():
        return None
    low = x[i] if i == 0 else _edge(inside, x[i], x[i - 1])
    high = x[j] if j == x.size - 1 else _edge(inside, x[j], x[j + 1])
    return float(low), float(high)


def _edge(inside: Callable[[Array], NDArray[np.bool_]], within: float, without: float) -> float:
    """Find the last point within, on the way from one within to one without."""
    for _ in range(100):
        middle = 0.5 * (within + without)
        if middle in (within, without):
            break
        if inside(np.array([middle]))[0]:
            within = middle
        else:
            without = middle
    return float(within)
