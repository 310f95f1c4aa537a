"""Transfer of densities between grids that keeps mass and positivity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Axis, Grid

__all__ = ["Regridded", "common_grid", "regrid", "regrid_vectors"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Regridded:
    """A density on its new grid, and the mass that fell outside of it."""

    density: Array
    outside: float


def regrid(density: Array, source: Grid, target: Grid, *, linear: bool = True) -> Regridded:
    """Move a density to another grid: every target cell gets the mass that lies in it.

    Inside a source cell the density is linear, with the slope of its neighbours limited so that
    it stays non-negative; this changes no cell's mass. Target cells that are unions of source
    cells get their exact sums.

    Parameters
    ----------
    density : ndarray, shape (*source.shape,)
        Density per volume, >= 0.
    source, target : Grid
        Of one dimension; their extents may differ.
    linear : bool
        If false, densities are constant inside source cells: linear in `density` and first
        order, where the default is second order.

    Returns
    -------
    Regridded

    Raises
    ------
    CaseError
        If the dimensions differ.
    """
    if source.dim != target.dim:
        msg = f"a {source.dim}-D and a {target.dim}-D grid cannot be compared"
        raise CaseError(msg)
    mass = np.asarray(density, dtype=np.float64) * source.volume
    before = mass.sum()
    for k, (old, new) in enumerate(zip(source.axes, target.axes, strict=True)):
        if not _same_cells(old, new):
            moved = _transfer(np.moveaxis(mass, k, -1), old, new, linear)
            mass = np.moveaxis(np.maximum(moved, 0.0), -1, k)
    return Regridded(mass / target.volume, float(before - mass.sum()))


def regrid_vectors(field: Array, source: Grid, target: Grid) -> Array:
    """Mean of a vector field, shape (*source.shape, dim), over the cells of another grid.

    The field is constant on source cells and zero outside of the source grid.
    """
    total = np.asarray(field, dtype=np.float64) * source.volume
    for k, (old, new) in enumerate(zip(source.axes, target.axes, strict=True)):
        if not _same_cells(old, new):
            moved = _transfer(np.moveaxis(total, k, -1), old, new, linear=False)
            total = np.moveaxis(moved, -1, k)
    return np.asarray(total / target.volume)


def common_grid(a: Grid, b: Grid, resolution: str = "coarser") -> Grid:
    """Grid on which two densities can be compared.

    Parameters
    ----------
    a, b : Grid
        Of one dimension.
    resolution : str
        Per axis ``"coarser"`` compares the masses of cells that both grids resolve;
        ``"finer"`` keeps the finer cells and interpolates the other density.

    Returns
    -------
    Grid
        Covers both; `a` or `b` itself along axes of the same extent.

    Raises
    ------
    CaseError
        If the dimensions differ or the resolution has another name.
    """
    if resolution not in ("coarser", "finer"):
        msg = f'resolution is "coarser" or "finer", got {resolution!r}'
        raise CaseError(msg, key="resolution")
    if a.dim != b.dim:
        msg = f"a {a.dim}-D and a {b.dim}-D density cannot be compared"
        raise CaseError(msg)
    finer = resolution == "finer"
    return Grid(tuple(_common_axis(x, y, finer) for x, y in zip(a.axes, b.axes, strict=True)))


def _common_axis(a: Axis, b: Axis, finer: bool) -> Axis:
    keep, other = (a, b) if (a.spacing <= b.spacing) == finer else (b, a)
    h = keep.spacing
    # extend by whole cells, so that the kept axis' own masses are not cut
    below = max(0, int(np.ceil((keep.min - other.min) / h - 1e-9)))
    above = max(0, int(np.ceil((other.max - keep.max) / h - 1e-9)))
    if below == above == 0:
        return keep
    cells = keep.cells + below + above
    return Axis(keep.min - below * h, keep.max + above * h, cells, name=keep.name)


def _same_cells(a: Axis, b: Axis) -> bool:
    close = abs(a.min - b.min) + abs(a.max - b.max) <= 1e-12 * (a.max - a.min)
    return a.cells == b.cells and close


def _transfer(mass: Array, old: Axis, new: Axis, linear: bool) -> Array:
    """Masses in the new cells along the last axis, as differences of the distribution function."""
    place = (new.edges - old.min) / old.spacing
    # edges that should coincide do so
    near = np.round(place)
    place = np.clip(np.where(np.abs(place - near) < 1e-9, near, place), 0.0, old.cells)
    cell = np.minimum(place.astype(np.intp), old.cells - 1)
    s = place - cell
    slope = _limited_slope(mass, old.periodic) if linear else np.zeros_like(mass)
    inside = mass[..., cell] * s + 0.5 * slope[..., cell] * (s * s - s)
    return _sums(mass, cell, inside)


def _sums(mass: Array, cell: NDArray[np.intp], inside: Array) -> Array:
    """Mass between neighbouring new edges: whole old cells plus the parts at both ends.

    Sums over whole cells, not differences of running sums: those would lose the tails' digits.
    """
    first, last = cell[:-1], cell[1:]
    padded = np.concatenate([mass, np.zeros_like(mass[..., :1])], axis=-1)
    edges = np.stack([first, np.maximum(last, first)], axis=-1).ravel()
    whole = np.add.reduceat(padded, edges, axis=-1)[..., ::2]
    whole = np.where(last > first, whole, 0.0)
    return np.asarray(whole + inside[..., 1:] - inside[..., :-1])


def _limited_slope(mass: Array, periodic: bool) -> Array:
    if periodic:
        slope = 0.5 * (np.roll(mass, -1, axis=-1) - np.roll(mass, 1, axis=-1))
    else:
        slope = np.gradient(mass, axis=-1)
    return np.clip(slope, -2 * mass, 2 * mass)
