"""Streamlines of a reactive current that carry equal shares of it.

They start on the line that trajectories cross with even odds, committor 1/2, at points between
which equal parts of the flux pass; so where lines are close, many trajectories go.
"""

from __future__ import annotations

import numpy as np
from contourpy import contour_generator
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from fokkerplanck.grid import Grid

__all__ = ["crossings", "dividing_lines", "flux_streams"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: length of a step along a line, in cells
STEP = 0.4
#: a line ends where the current falls below this part of its maximum
FLOOR = 1e-9
#: a line is given up when it is this many times longer than the grid
LONGEST = 6.0


def flux_streams(
    current: Array, committor: Array, ends: Mask, grid: Grid, count: int = 12
) -> list[Array]:
    """Trace `count` streamlines, each the middle of an equal share of the flux.

    Parameters
    ----------
    current : ndarray, shape (nx, ny, 2)
        Reactive current on cells.
    committor : ndarray, shape (nx, ny)
    ends : ndarray of bool, shape (nx, ny)
        Cells of source and target, in which lines end.
    grid : Grid
    count : int
        Number of lines.

    Returns
    -------
    list of ndarray, shape (n, 2)
        Points from source to target; rows of nan where a line leaves through a periodic wall.
    """
    starts = crossings(current, committor, grid, count)
    if not len(starts):
        return []
    back, ahead = (_trace(starts, sign * current, ends, grid) for sign in (-1.0, 1.0))
    return [np.concatenate([b[:0:-1], a]) for b, a in zip(back, ahead, strict=True)]


def crossings(current: Array, committor: Array, grid: Grid, count: int) -> Array:
    """Points on the line of even odds that halve each of `count` equal shares of the flux."""
    points, shares = [], []
    for line in dividing_lines(committor, grid):
        step, middle = np.diff(line, axis=0), 0.5 * (line[1:] + line[:-1])
        field = _at(current, _indices(middle, grid), grid)
        through = field[:, 0] * step[:, 1] - field[:, 1] * step[:, 0]
        # contours have no common orientation; what turns back on the way is not drawn twice
        through *= np.sign(through.sum()) or 1.0
        points.append(middle)
        shares.append(np.maximum(through, 0.0))
    if not points or not (total := np.concatenate(shares)).sum() > 0:
        return np.empty((0, 2))
    along = np.cumsum(total) / total.sum()
    wanted = (np.arange(count) + 0.5) / count
    return np.asarray(np.concatenate(points)[np.searchsorted(along, wanted)])


def dividing_lines(committor: Array, grid: Grid, level: float = 0.5) -> list[Array]:
    """Lines on which a cell-valued field has a value, each of shape (n, 2)."""
    x, y = (axis.centres for axis in grid.axes)
    return [np.asarray(line) for line in contour_generator(x, y, committor.T).lines(level)]


def _trace(starts: Array, current: Array, ends: Mask, grid: Grid) -> list[Array]:
    """Follow the current from each point, all lines a step at a time."""
    place = _indices(starts, grid)
    field = current / np.asarray(grid.spacing)  # in cells per time
    least = FLOOR * float(np.linalg.norm(field, axis=-1).max())
    lines = [[p] for p in starts]
    going = np.arange(len(starts))
    for _ in range(int(LONGEST * sum(grid.shape) / STEP)):
        half = place[going] + 0.5 * STEP * _direction(field, place[going], least, grid)
        move = STEP * _direction(field, half, least, grid)
        place[going], wrapped = _inside(place[going] + move, grid)
        for k, jumped in zip(going, wrapped, strict=True):
            lines[k] += [np.full(2, np.nan)] * bool(jumped) + [_points(place[k], grid)]
        cell = np.rint(place[going]).astype(int) % grid.shape
        stopped = ends[tuple(cell.T)] | ~move.any(axis=1) | _at_wall(place[going], grid)
        going = going[~stopped]
        if not going.size:
            break
    return [np.array(line) for line in lines]


def _direction(field: Array, place: Array, least: float, grid: Grid) -> Array:
    values = _at(field, place, grid)
    size = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.where(size > least, values / np.where(size > 0, size, 1.0), 0.0)


def _at(field: Array, place: Array, grid: Grid) -> Array:
    """Bilinear interpolation of a vector field at places in units of cells."""
    # walls repeat the outermost cells, periodic axes go round
    inner = [
        c if axis.periodic else c.clip(0.0, axis.cells - 1.0)
        for c, axis in zip(place.T, grid.axes, strict=True)
    ]
    parts = [map_coordinates(field[..., d], inner, order=1, mode="grid-wrap") for d in (0, 1)]
    return np.stack(parts, axis=-1)


def _indices(points: Array, grid: Grid) -> Array:
    low = np.array([axis.centres[0] for axis in grid.axes])
    return np.asarray((points - low) / grid.spacing)


def _points(place: Array, grid: Grid) -> Array:
    low = np.array([axis.centres[0] for axis in grid.axes])
    return np.asarray(low + place * grid.spacing)


def _inside(place: Array, grid: Grid) -> tuple[Array, Mask]:
    """Places moved back into the grid, and whether they came through a periodic wall."""
    wrapped = np.zeros(len(place), dtype=bool)
    for d, axis in enumerate(grid.axes):
        column = place[:, d]
        if axis.periodic:
            turned = (column + 0.5) % axis.cells - 0.5
            wrapped |= np.abs(turned - column) > 0.5
            place[:, d] = turned
        else:
            place[:, d] = column.clip(-0.5, axis.cells - 0.5)
    return place, wrapped


def _at_wall(place: Array, grid: Grid) -> Mask:
    at = np.zeros(len(place), dtype=bool)
    for d, axis in enumerate(grid.axes):
        if not axis.periodic:
            at |= (place[:, d] <= -0.5) | (place[:, d] >= axis.cells - 0.5)
    return at
