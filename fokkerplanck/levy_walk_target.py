"""Sets as the targets of walkers with long jumps, and how deep in them walkers land."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.ensemble_target import ends_on_line, plane_target
from fokkerplanck.grid import Grid
from fokkerplanck.sets import PointSet

if TYPE_CHECKING:
    from fokkerplanck.solvers.hit_targets import Target

__all__ = ["depths", "jump_target"]

Array = NDArray[np.float64]


def jump_target(end: PointSet | None, grid: Grid) -> Target | None:
    """Return the target of a set; None for the walls.

    On a line a set that reaches a wall goes on beyond it: who jumps there has arrived.
    """
    if end is None:
        return None
    if grid.dim == 2:
        return plane_target(end, grid)
    from fokkerplanck.solvers.hit_targets import LineTarget

    return LineTarget(np.array([ends_on_line(end, grid)]))


def depths(target: Target | None, grid: Grid, where: Array, shape: NDArray[np.int64]) -> Array:
    """Distance of landing points (n, dim) from the edge of the target, or from the walls."""
    if target is None:
        low = np.array([a.min for a in grid.axes])
        high = np.array([a.max for a in grid.axes])
        return np.asarray(np.maximum(np.maximum(low - where, where - high), 0.0).max(axis=1))
    inside = -target.distance(where)[np.maximum(shape, 0), np.arange(len(where))]
    return np.asarray(np.maximum(inside, 0.0))
