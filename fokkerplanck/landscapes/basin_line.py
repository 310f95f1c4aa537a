"""The basin of a minimum on a line."""

from __future__ import annotations

import numpy as np

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Array, Landscape
from fokkerplanck.landscapes.critical import critical_points
from fokkerplanck.landscapes.newton import Box

__all__ = ["basin_on_line"]

#: points at which a maximum that is no critical point (a kink) is sought
SAMPLES = 4097


def basin_on_line(landscape: Landscape, grid: Grid, point: float) -> tuple[float, float]:
    """Find the ends of the basin of the minimum nearest to `point`; infinite ones are walls.

    Raises
    ------
    CaseError
        If there is no minimum.
    """
    found, box = critical_points(landscape, grid), Box.around(grid)
    minima = [p.position for p in found if p.kind == "minimum"]
    if not minima:
        msg = "the landscape has no minimum in the grid, and so no basin"
        raise CaseError(msg)
    number = int(np.argmin([box.distance(m, np.array([point])) for m in minima]))
    home = float(minima[number][0])
    tops = [float(p.position[0]) for p in found if p.kind == "saddle"]
    others = [float(m[0]) for k, m in enumerate(minima) if k != number]
    ends = [_end(landscape, grid, home, tops, others, side) for side in (-1, 1)]
    return ends[0], ends[1]


def _end(
    landscape: Landscape, grid: Grid, home: float, tops: list[float], others: list[float], side: int
) -> float:
    """End of the basin of `home` on its left (-1) or right (1) side."""
    axis = grid.axes[0]
    length = axis.max - axis.min
    turns = (-length, 0.0, length) if axis.periodic else (0.0,)
    wall = home + side * length if axis.periodic else (axis.min if side < 0 else axis.max)
    ahead = [side * (x + turn - home) for x in others for turn in turns]
    reach = min([d for d in ahead if d > 0.0], default=side * (wall - home))
    maxima = [side * (x + turn - home) for x in tops for turn in turns]
    nearest = min([d for d in maxima if 0.0 < d < reach], default=None)
    if nearest is not None:
        return home + side * nearest
    top = _highest(landscape, grid, home, home + side * reach)
    return side * np.inf if top == wall and not axis.periodic else top


def _highest(landscape: Landscape, grid: Grid, start: float, stop: float) -> float:
    """Where the loss is highest between two points."""
    from scipy.optimize import minimize_scalar

    box = Box.around(grid)

    def height(at: float | Array) -> Array:
        return landscape.loss(box.inside(np.atleast_1d(at)[:, None]))

    x = np.linspace(start, stop, SAMPLES)
    k = int(np.argmax(height(x)))
    if k in (0, SAMPLES - 1):
        return float(x[k])
    low, high = sorted((float(x[k - 1]), float(x[k + 1])))
    found = minimize_scalar(
        lambda s: -float(height(s)[0]),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-12 * abs(stop - start)},
    )
    return float(found.x)
