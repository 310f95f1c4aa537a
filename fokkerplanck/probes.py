"""Densities at given points, and their characteristic functions at given frequencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid

__all__ = ["Places", "density_at", "probes_json", "waves"]

Array = NDArray[np.float64]
Places = Sequence[float] | Sequence[Sequence[float]]


def density_at(grid: Grid, density: Array, points: Places) -> Array:
    """Density at points, shape (n,), by cubic splines through the centres of cells.

    Between the outermost centres and the walls it is that of the centres.
    """
    from scipy.interpolate import CubicSpline, RectBivariateSpline

    at = _places(points, grid.dim)
    axes = [axis.centres for axis in grid.axes]
    at = [np.clip(c, x[0], x[-1]) for c, x in zip(at.T, axes, strict=True)]  # type: ignore[assignment]
    if grid.dim == 1:
        return np.asarray(CubicSpline(axes[0], density)(at[0]))
    x, y = axes
    return np.asarray(RectBivariateSpline(x, y, density, s=0).ev(at[0], at[1]))


def waves(grid: Grid, density: Array, frequencies: Places) -> NDArray[np.complex128]:
    r"""Characteristic function :math:`E e^{i k \cdot x}` at frequencies k, shape (n,)."""
    k = _places(frequencies, grid.dim)
    found = density.astype(np.complex128) * grid.volume
    rows = np.broadcast_to(found, (len(k), *found.shape))
    for axis, c in zip(grid.axes, k.T, strict=True):
        wave = np.exp(1j * np.multiply.outer(c, axis.centres))
        rows = np.einsum("nx...,nx->n...", rows, wave)
    return np.asarray(rows)


def probes_json(
    grid: Grid, density: Array, points: Places | None, frequencies: Places | None
) -> dict[str, Any]:
    """Parts "density_at" and "characteristic" of the JSON object, those that are asked for."""
    found: dict[str, Any] = {}
    if points is not None:
        found |= {"points": points, "density_at": density_at(grid, density, points)}
    if frequencies is not None:
        seen = waves(grid, density, frequencies)
        parts = {"real": seen.real, "imaginary": seen.imag}
        found |= {"frequencies": frequencies, "characteristic": parts}
    return found


def _places(given: Places, dim: int) -> Array:
    return np.array(given, dtype=np.float64).reshape(-1, dim)
