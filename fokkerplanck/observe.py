r"""Numbers read off a density: moments, masses of wells, entropy, distance to another density.

A density here is an array of cell values, shape (\*shape,), its axes in the order of the grid.
Moments take the mass of every cell to sit at its centre, and are those of the surviving part
where walls absorb.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid

__all__ = ["basin_masses", "covariance", "entropy", "mean", "relative_entropy"]

Array = NDArray[np.float64]


def mean(grid: Grid, density: Array) -> Array:
    r"""Mean position :math:`\int x\, p / \int p`, shape (dim,); nan without any mass."""
    marginals = zip(_marginals(density), grid.axes, strict=True)
    return np.array([_moment(p, axis.centres) for p, axis in marginals])


def covariance(grid: Grid, density: Array) -> Array:
    r"""Covariance of the position, :math:`\int (x-m)(x-m)^T p / \int p`, shape (dim, dim)."""
    m = mean(grid, density)
    away = [axis.centres - c for axis, c in zip(grid.axes, m, strict=True)]
    marginals = _marginals(density)
    c = np.diag([_moment(p, a**2) for p, a in zip(marginals, away, strict=True)])
    if grid.dim == 2:
        total = density.sum()
        c[0, 1] = c[1, 0] = away[0] @ density @ away[1] / total if total > 0 else np.nan
    return c


def basin_masses(labels: NDArray[np.integer], count: int, grid: Grid, density: Array) -> Array:
    """Probability in each basin, shape (count,); `labels` are 0 ... count - 1 on cells."""
    masses = np.bincount(labels.ravel(), density.ravel(), minlength=count)
    return np.asarray(masses * grid.volume, dtype=np.float64)


def entropy(grid: Grid, density: Array) -> float:
    r"""Differential entropy :math:`-\int p \ln p` of a density."""
    p = density[density > 0]
    return float(-np.sum(p * np.log(p)) * grid.volume)


def relative_entropy(grid: Grid, density: Array, reference: Array) -> float:
    r"""Kullback-Leibler divergence :math:`\int p \ln (p/q)` from a reference density q.

    It never grows in time when q is stationary (the H-theorem). Infinite where q vanishes and p
    does not.
    """
    there = density > 0
    p, q = density[there], reference[there]
    if (q <= 0).any():
        return float("inf")
    return float(np.sum(p * (np.log(p) - np.log(q))) * grid.volume)


def _marginals(density: Array) -> list[Array]:
    """Sum over all other axes, for each axis."""
    if density.ndim == 1:
        return [density]
    return [density.sum(axis=1), density.sum(axis=0)]


def _moment(mass: Array, values: Array) -> float:
    total = mass.sum()
    return float(mass @ values / total) if total > 0 else float("nan")
