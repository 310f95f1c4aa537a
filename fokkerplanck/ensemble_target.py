"""Sets as the targets that compiled walkers know, and when walkers first meet them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.sets import Ball, Basin, Box, HalfPlane, PointSet

if TYPE_CHECKING:
    from fokkerplanck.solvers.ensemble import Walk
    from fokkerplanck.solvers.hit_targets import PlaneTarget

__all__ = ["ARRIVED", "LOST", "WALKING", "ends_on_line", "first_hits", "plane_target"]

Array = NDArray[np.float64]
Fates = NDArray[np.int64]
#: What became of a walker.
ARRIVED, WALKING, LOST = 1, 0, -1
#: Cells along an axis on which a basin of the plane is drawn at least.
FINE = 512


def first_hits(
    walk: Walk,
    starts: Array,
    end: PointSet | None,
    grid: Grid,
    most_steps: int,
    *,
    bridge: bool,
    progress: Callable[[float], None] | None = None,
) -> tuple[Array, Fates]:
    """Count the steps until walkers first meet a set, and what became of each.

    Parameters
    ----------
    walk : Walk
    starts : ndarray, shape (m, dim)
    end : PointSet or None
        None for the walls that absorb.
    grid : Grid
    most_steps : int
        After which a walker is given up.
    bridge : bool
        Whether the set may be met between two steps.
    progress : callable, optional
        Told the fraction of the walks that have ended.

    Returns
    -------
    times : ndarray, shape (m,)
        In steps.
    fates : ndarray of int, shape (m,)
        1 arrived, 0 given up, -1 absorbed by a wall that is not the target.

    Notes
    -----
    On a line between walls walkers meet a set from one side, so all behind its edge counts: a step
    of descent that leaps over a point has passed it.
    """
    if grid.dim == 2:
        area = _nowhere(grid) if end is None else plane_target(end, grid)
        return _read(walk.first_hits(starts, area, most_steps, bridge, progress), walls=end is None)
    from fokkerplanck.solvers.hit_targets import LineTarget

    axis = grid.axes[0]
    if end is None:
        beyond = 2 * axis.max - axis.min
        hits = walk.first_hits(
            starts, LineTarget(np.array([[beyond, np.inf]])), most_steps, bridge, progress
        )
        return _read(hits, walls=True)
    if axis.periodic:
        ring = LineTarget(_on_ring(end, axis, bridge=bridge))
        return _read(walk.first_hits(starts, ring, most_steps, bridge, progress), walls=False)
    low, high = ends_on_line(end, grid)
    times, fates = np.zeros(len(starts)), np.full(len(starts), ARRIVED, np.int64)
    sides = (starts[:, 0] < low, (low, np.inf)), (starts[:, 0] > high, (-np.inf, high))
    for here, interval in sides:
        if here.any():
            # both sides keep the numbers of their walkers, and with them their noise
            begin = np.where(here[:, None], starts, _within(interval, axis))
            target = LineTarget(np.array([interval]))
            found = _read(walk.first_hits(begin, target, most_steps, bridge, progress), walls=False)
            times[here], fates[here] = found[0][here], found[1][here]
    return times, fates


def _read(hits: object, *, walls: bool) -> tuple[Array, Fates]:
    """Read times and fates; where the walls are the target, those absorbed have arrived."""
    shape: Fates = hits.shape  # type: ignore[attr-defined]
    fates = np.select([shape >= 0, shape == -1], [ARRIVED, WALKING], ARRIVED if walls else LOST)
    return hits.times, fates  # type: ignore[attr-defined]


def _within(interval: tuple[float, float], axis: Axis) -> float:
    """Return a place at which a walk ends at once."""
    return axis.max if interval[1] == np.inf else axis.min


def ends_on_line(end: PointSet, grid: Grid) -> tuple[float, float]:
    """Find the ends of an interval on a line; infinite where it reaches a wall."""
    if isinstance(end, Ball):
        low, high = end.centre[0] - end.radius, end.centre[0] + end.radius
    elif isinstance(end, Box):
        low, high = end.bounds[0]
    elif isinstance(end, HalfPlane):
        edge = end.offset / end.normal[0]
        low, high = (edge, np.inf) if end.normal[0] > 0 else (-np.inf, edge)
    elif isinstance(end, Basin):
        (low,), (high,) = end._ends(grid)
    else:
        raise _unknown(end)
    axis = grid.axes[0]
    if axis.periodic:
        return float(low), float(high)
    return float(low if low > axis.min else -np.inf), float(high if high < axis.max else np.inf)


def _on_ring(end: PointSet, axis: Axis, *, bridge: bool) -> Array:
    """Intervals that a set is between the ends of a periodic axis, shape (1 or 2, 2)."""
    low, high = ends_on_line(end, Grid((axis,)))
    length = axis.max - axis.min
    if high - low == 0.0 and not bridge:
        msg = f"steps of descent on a ring leap over the {end.text}: give it a radius"
        raise CaseError(msg, key="to")
    shift = np.floor((low - axis.min) / length) * length
    low, high = low - shift, high - shift
    if high <= axis.max:
        return np.array([[low, high]])
    return np.array([[axis.min, high - length], [low, axis.max]])


def plane_target(end: PointSet, grid: Grid) -> PlaneTarget:
    """Return the shapes of a set in the plane, with their images along periodic axes."""
    from fokkerplanck.solvers.hit_targets import PlaneTarget

    if isinstance(end, HalfPlane):
        return PlaneTarget.half_plane(end.normal, end.offset)
    if isinstance(end, Ball):
        return PlaneTarget.union(
            *(
                PlaneTarget.disc(np.add(end.centre, shift).tolist(), end.radius)
                for shift in _shifts(grid)
            )
        )
    if isinstance(end, Box):
        low, high = np.array(end.bounds).T
        return PlaneTarget.union(
            *(
                PlaneTarget.box((low + shift).tolist(), (high + shift).tolist())
                for shift in _shifts(grid)
            )
        )
    if isinstance(end, Basin):
        return _cells(end, grid)
    raise _unknown(end)


def _cells(end: PointSet, grid: Grid) -> PlaneTarget:
    """Draw a set on cells at least as fine as those of the grid."""
    from fokkerplanck.solvers.hit_targets import PlaneTarget

    parts = [max(1, -(-FINE // n)) for n in grid.shape]
    fine = Grid(
        tuple(
            Axis(a.min, a.max, a.cells * k, a.walls, a.name)
            for a, k in zip(grid.axes, parts, strict=True)
        )
    )
    points = fine.points()
    corner, spacing = points[0, 0].tolist(), fine.spacing
    return PlaneTarget.cells(end.contains(points, grid), tuple(corner), (spacing[0], spacing[1]))


def _nowhere(grid: Grid) -> PlaneTarget:
    """Return a target that nobody meets, for walks that end at walls."""
    from fokkerplanck.solvers.hit_targets import PlaneTarget

    axis = grid.axes[0]
    return PlaneTarget.half_plane((1.0, 0.0), 2 * axis.max - axis.min)


def _shifts(grid: Grid) -> list[Array]:
    """Shifts of the images of a set along periodic axes."""
    sides = [
        (0.0, axis.min - axis.max, axis.max - axis.min) if axis.periodic else (0.0,)
        for axis in grid.axes
    ]
    return [np.array([x, y]) for x in sides[0] for y in sides[1]]


def _unknown(end: PointSet) -> CaseError:
    msg = f"walkers do not know sets like the {end.text}: take a ball, box, half-plane or basin"
    return CaseError(msg, key="to")
