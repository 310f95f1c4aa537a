"""Nodes of a line: cell centres, and every place where something begins, ends or jumps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.jumps import find_jumps
from fokkerplanck.sets import PointSet
from fokkerplanck.solvers.line import LineRates, gauss_rule, line_rates

if TYPE_CHECKING:
    from fokkerplanck.grid import Axis, Grid
    from fokkerplanck.problem import Problem

__all__ = ["Nodes", "chain_rates", "line_nodes"]

Array = NDArray[np.float64]
Places = NDArray[np.int64]
#: Nodes nearer than this part of a cell to a special one are left out.
NEAR = 1e-6
#: Largest climb of Phi between two nodes of the coarsest chain, and most nodes there may be.
MOST_CLIMB, MOST_NODES = 3.0, 2e6


@dataclass(frozen=True, eq=False)
class Nodes:
    """Where the states of a chain on a line are.

    Parameters
    ----------
    x : ndarray, shape (nodes,)
        Ascending; on a ring within one period.
    ring : bool
        Whether the last node is a neighbour of the first.
    centres : ndarray of int, shape (cells,)
        Which nodes are the centres of cells.
    edges : tuple of ndarray
        For each set the places where it begins or ends, or the point that it is.
    """

    x: Array
    ring: bool
    centres: Places
    edges: tuple[Array, ...]

    def at_edges(self, k: int) -> Places:
        """Nodes on the edges of set k."""
        return _nearest(self.x, self.edges[k])


def line_nodes(problem: Problem, sets: Sequence[PointSet], levels: int) -> list[Nodes]:
    """Choose the nodes for sets and starts, several times.

    Parameters
    ----------
    problem : Problem
        On a line.
    sets : sequence of PointSet
        Their edges become nodes, or the point itself where a set is one.
    levels : int
        How many choices to make, each with half the distances of the one before.

    Raises
    ------
    NumericalError
        If the potential is so steep that more than two million nodes would be needed.
    """
    grid = problem.grid
    axis = grid.axes[0]
    base = axis.centres if axis.periodic else np.r_[axis.min, axis.centres, axis.max]
    jumps = _jumps(problem)
    inner = [_representative(part, axis) for part in sets]
    seen = _merged(base, np.concatenate([jumps, *inner]), axis)
    edges = tuple(_edges(part, seen, grid) for part in sets)
    x = _merged(base, np.concatenate([jumps, *edges]), axis)
    steep = np.ceil(np.abs(_panels(problem, x)[2]) / MOST_CLIMB)
    parts = np.maximum(steep, 1.0)
    if not parts.sum() * 2.0 ** (levels - 1) < MOST_NODES:
        msg = f"the potential climbs by {steep.sum() * MOST_CLIMB:.3g} times the noise strength "
        msg += f"along the line: more than {MOST_NODES:.0e} nodes would be needed"
        raise NumericalError(msg)
    choices = [_split(x, parts.astype(np.int64) << level, axis) for level in range(levels)]
    return [Nodes(c, axis.periodic, _nearest(c, axis.centres), edges) for c in choices]


def chain_rates(problem: Problem, x: Array) -> LineRates:
    """Rates between neighbouring nodes x, by quadrature of ``e^Phi`` and ``e^-Phi``.

    Raises
    ------
    CaseError
        If D is not positive at a point in between.
    """
    width, phi, climb, d = _panels(problem, x)
    return line_rates(width, phi, climb, d, problem.noise.kappa, ring=problem.grid.axes[0].periodic)


def _jumps(problem: Problem) -> Array:
    """Places where D or the slope of the loss jumps."""
    grid = problem.grid
    kinks = find_jumps(
        lambda x: problem.landscape.gradient(x[:, None])[:, 0], grid.axes[0].half_points
    )
    return np.append(problem.noise.breaks(problem.landscape, grid), kinks)


def _panels(problem: Problem, x: Array) -> tuple[Array, Array, Array, Array]:
    """Widths, Phi at Gauss points from the left node on, climbs, and D at Gauss points."""
    grid = problem.grid
    axis = grid.axes[0]
    begin, end = _ends(x, axis)
    width = end - begin
    at, weights, running = gauss_rule()
    z = begin[:, None] + width[:, None] * at
    points = (_wrapped(z, axis) if axis.periodic else z)[..., None]
    d = _diffusion(problem, points)
    even = np.ptp(d, axis=1) <= 1e-15 * d[:, 0]
    slope = problem.landscape.gradient(points)[..., 0] / d
    phi = width[:, None] * (slope @ running.T)
    climb = width * (slope @ weights)
    if even.any():  # with constant D, Phi is known from the loss itself
        low = _loss(problem, begin, axis)[:, None]
        phi = np.where(even[:, None], (problem.landscape.loss(points) - low) / d, phi)
        rise = _loss(problem, end, axis) - low[:, 0]
        climb = np.where(even, rise / d[:, 0], climb)
    if problem.force is not None:
        push = problem.force.values(points, grid.names)[..., 0] / d
        phi = phi - width[:, None] * (push @ running.T)
        climb = climb - width * (push @ weights)
    return width, phi, climb, d


def _ends(x: Array, axis: Axis) -> tuple[Array, Array]:
    """Both ends of the panels between neighbouring nodes."""
    end = np.append(x[1:], x[0] + _period(axis)) if axis.periodic else x[1:]
    return x[: end.size], end


def _split(x: Array, parts: Places, axis: Axis) -> Array:
    """Cut each panel into equal parts."""
    begin, end = _ends(x, axis)
    panel = np.repeat(np.arange(parts.size), parts)
    first = np.repeat(np.cumsum(parts) - parts, parts)
    fraction = (np.arange(panel.size) - first) / parts[panel]
    nodes = begin[panel] + fraction * (end - begin)[panel]
    return np.sort(_wrapped(nodes, axis)) if axis.periodic else np.append(nodes, x[-1])


def _nearest(x: Array, places: Array) -> Places:
    k = np.clip(np.searchsorted(x, places), 1, x.size - 1)
    return np.asarray(k - (places - x[k - 1] < x[k] - places))


def _period(axis: Axis) -> float:
    return axis.max - axis.min


def _wrapped(x: Array, axis: Axis) -> Array:
    return np.where(x >= axis.max, x - _period(axis), x)


def _loss(problem: Problem, x: Array, axis: Axis) -> Array:
    return problem.landscape.loss((_wrapped(x, axis) if axis.periodic else x)[:, None])


def _diffusion(problem: Problem, points: Array) -> Array:
    d = problem.noise.at(problem.landscape, problem.grid, points)[..., 0, 0]
    bad = ~(np.isfinite(d) & (d > 0))
    if bad.any():
        where = float(points[..., 0][bad][0])
        msg = f"the diffusion must be positive everywhere; at x = {where:.6g} it is {d[bad][0]:g}"
        raise CaseError(msg, key="noise")
    return np.asarray(d)


def _representative(part: PointSet, axis: Axis) -> Array:
    point = part.representative()
    if point is None:
        return np.empty(0)
    c = float(point[0])
    if axis.periodic:
        c = axis.min + (c - axis.min) % _period(axis)
    return np.array([c] if axis.min <= c <= axis.max else [])


def _edges(part: PointSet, x: Array, grid: Grid) -> Array:
    """Places where a set begins or ends between the walls."""
    axis = grid.axes[0]
    inside = part.contains(x[:, None], grid)
    if not inside.any():
        return _representative(part, axis)
    i = np.arange(x.size if axis.periodic else x.size - 1)
    j = (i + 1) % x.size
    change = inside[i] != inside[j]
    i, j = i[change], j[change]
    start, end = np.where(inside[j], x[i], x[j]), np.where(inside[j], x[j], x[i])
    if axis.periodic:
        end = end - _period(axis) * np.round((end - start) / _period(axis))
    fraction = part.entry(start[:, None], end[:, None], grid) if start.size else np.empty(0)
    edge = start + np.where(fraction <= 1.0, fraction, 1.0) * (end - start)
    if axis.periodic:
        edge = axis.min + (edge - axis.min) % _period(axis)
    return np.unique(edge)


def _merged(base: Array, special: Array, axis: Axis) -> Array:
    """Union of both, without base points that all but coincide with special ones."""
    special = np.unique(special)
    if not special.size:
        return base
    far = np.abs(base[:, None] - special[None, :]).min(axis=1) > NEAR * axis.spacing
    apart = np.diff(special, prepend=-np.inf) > 1e-3 * NEAR * axis.spacing
    return np.sort(np.append(base[far], special[apart]))
