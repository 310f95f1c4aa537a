"""Values at a point of the plane from those in the cells around it, where some may be dead."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid

__all__ = ["around", "interpolate"]

Array = NDArray[np.float64]


def interpolate(log_u: Array, live: NDArray[np.bool_], grid: Grid, point: Array) -> float:
    """Ln of u at a point: cubic through 4 x 4 live cells, else a quadratic fitted to live cells.

    Nan where one of these is.
    """
    window, offset = _window(grid, point, 4)
    if not live[window].all():
        window, offset = _window(grid, point, 5)
    good = live[window]
    if not good.any():
        msg = f"the start at {point.tolist()} lies inside the target"
        raise CaseError(msg, key="from")
    values = log_u[window][good]
    top = float(values.max())
    if not np.isfinite(top):
        return top if np.isnan(top) else -np.inf
    degree = 3 if good.all() and offset.shape[0] == 16 else 2
    x, y = offset[good].T
    powers = [(i, j) for i in range(4) for j in range(4) if degree == 3 or i + j <= 2]
    if len(powers) > values.size:
        powers = [(0, 0)]
    basis = np.stack([x**i * y**j for i, j in powers], axis=-1)
    at_point = np.linalg.lstsq(basis, np.exp(values - top), rcond=None)[0][0]
    if not at_point > 0:  # next to the target, where u falls to 0
        nearest = np.argmin(x**2 + y**2)
        return float(values[nearest])
    return top + float(np.log(at_point))


def _window(grid: Grid, point: Array, size: int) -> tuple[NDArray[np.int64], Array]:
    """Flat numbers of size x size cells around a point, and their distances in cells."""
    places, steps = [], []
    for axis, c in zip(grid.axes, point, strict=True):
        s = (c - axis.min) / axis.spacing - 0.5
        first = int(np.floor(s)) - (size // 2 - 1) if size % 2 == 0 else round(s) - size // 2
        k = np.arange(first, first + size)
        if not axis.periodic:
            k = k - max(k[-1] - axis.cells + 1, 0) + max(-k[0], 0)
            k = k[(k >= 0) & (k < axis.cells)]
        places.append(k % axis.cells)
        steps.append(k - s)
    flat = places[0][:, None] * grid.shape[1] + places[1][None, :]
    x, y = np.meshgrid(*steps, indexing="ij")
    return flat.ravel(), np.stack([x.ravel(), y.ravel()], axis=-1)


def around(live: NDArray[np.bool_], grid: Grid, point: Array) -> Array:
    """Spread unit mass over the 2 x 2 cells around a point, its centre of mass there.

    Where some of them are dead, or beyond a wall, in the nearest live one.
    """
    window, offset = _window(grid, point, 2)
    mass = np.zeros(live.size)
    share = np.prod(1.0 - np.abs(offset), axis=-1)
    if live[window].all() and (np.abs(offset) <= 1.0).all():
        np.add.at(mass, window, share)
        return mass
    window, offset = _window(grid, point, 5)
    distance = np.where(live[window], (offset**2).sum(axis=-1), np.inf)
    if not np.isfinite(distance).any():
        msg = f"the start at {point.tolist()} lies inside the target"
        raise CaseError(msg, key="from")
    mass[window[np.argmin(distance)]] = 1.0
    return mass
