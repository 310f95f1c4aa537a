"""Normal densities on a grid, as exact cell averages."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.theory.quadrature import panel_rule

__all__ = ["gaussian_cells", "gaussian_density"]

Array = NDArray[np.float64]

#: Widest panel of the Gauss-Legendre rule, in standard deviations: 12 nodes leave 1e-17.
PANEL = 0.75
NODES = 12
#: Beyond this many panels per cell the density is a ridge far below the grid's resolution.
MOST_PANELS = 4096
#: Entries of the largest matrix that messages show.
LARGEST_SHOWN = 16


def gaussian_density(points: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> Array:
    """Evaluate the normal density ``exp(-y^T S^-1 y / 2) / sqrt(det(2 pi S))``.

    Here ``y = x - mean`` and S is the covariance.

    Parameters
    ----------
    points : array_like, shape (..., n)
        Where it is evaluated.
    mean, covariance : array_like, shape (n,) and (n, n)
        First two moments; the covariance must be positive definite.

    Returns
    -------
    ndarray, shape (...)

    Raises
    ------
    CaseError
        If the covariance is not symmetric positive definite.
    """
    mean, covariance = _moments(mean, covariance)
    y = np.asarray(points, dtype=np.float64) - mean
    exponent = np.einsum("...i,...i->...", y, y @ np.linalg.inv(covariance))
    # the determinant of hundreds of variables may overflow, its logarithm does not
    log_norm = np.linalg.slogdet(2 * np.pi * covariance)[1]
    return np.asarray(np.exp(-0.5 * (exponent + log_norm)))


def gaussian_cells(grid: Grid, mean: ArrayLike, covariance: ArrayLike) -> Array:
    """Averages of a normal density over the cells of a grid, to rounding.

    Axis-aligned densities are products of differences of the error function. Otherwise the
    conditional density of y given x is integrated so, and x by Gauss-Legendre panels that are
    narrow against the width of the ridge. Nothing is wrapped or reflected at the walls.

    Parameters
    ----------
    grid : Grid
        One or two axes.
    mean, covariance : array_like, shape (dim,) and (dim, dim)
        First two moments.

    Returns
    -------
    ndarray, shape (*grid.shape,)
        Density per volume; ``grid.integrate`` of it is the mass inside the walls.

    Raises
    ------
    CaseError
        If the covariance is not symmetric positive definite or of the wrong shape.
    """
    mean, covariance = _moments(mean, covariance)
    if mean.size != grid.dim:
        msg = f"a density on a {grid.dim}-D grid has {grid.dim} mean values, got {mean.size}"
        raise CaseError(msg)
    if grid.dim == 1:
        return _interval_masses(grid.axes[0], mean[0], np.sqrt(covariance[0, 0])) / grid.volume
    if covariance[0, 1] == 0:
        sides = [
            _interval_masses(a, m, s)
            for a, m, s in zip(grid.axes, mean, np.sqrt(np.diag(covariance)), strict=True)
        ]
        return np.multiply.outer(*sides) / grid.volume
    return _correlated_masses(grid, mean, covariance) / grid.volume


def _moments(mean: ArrayLike, covariance: ArrayLike) -> tuple[Array, Array]:
    m = np.atleast_1d(np.asarray(mean, dtype=np.float64))
    s = np.atleast_2d(np.asarray(covariance, dtype=np.float64))
    if s.shape != (m.size, m.size) or not np.allclose(s, s.T, rtol=1e-12, atol=0):
        msg = f"a covariance of {m.size} variables is symmetric of that size, got {_shown(s)}"
        raise CaseError(msg)
    if np.linalg.eigvalsh(s)[0] <= 0:
        msg = f"the covariance must be positive definite, got {_shown(s)}"
        raise CaseError(msg)
    return m, s


def _shown(matrix: Array) -> str:
    """Show a small matrix, or the shape of a large one."""
    return str(matrix.tolist()) if matrix.size <= LARGEST_SHOWN else f"shape {matrix.shape}"


def normal_interval(low: ArrayLike, high: ArrayLike) -> Array:
    """Probability of a standard normal variable between `low` <= `high`, accurate in both tails."""
    low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    # reflect intervals in the upper tail, where 1 - ndtr would cancel
    upper = low > 0
    return np.asarray(ndtr(np.where(upper, -low, high)) - ndtr(np.where(upper, -high, low)))


def _interval_masses(axis: Axis, mean: float, std: float) -> Array:
    z = (axis.edges - mean) / std
    return normal_interval(z[:-1], z[1:])


def _correlated_masses(grid: Grid, mean: Array, covariance: Array) -> Array:
    x, y = grid.axes
    ridge = np.sqrt(np.linalg.det(covariance) / covariance[1, 1])
    panels = int(np.ceil(x.spacing / (PANEL * ridge)))
    if panels > MOST_PANELS:
        msg = f"a ridge {panels} times narrower than a cell cannot be averaged over cells"
        raise CaseError(msg)
    std = np.sqrt(covariance[0, 0])
    slope = covariance[0, 1] / covariance[0, 0]
    narrow = np.sqrt(np.linalg.det(covariance) / covariance[0, 0])
    masses = np.zeros(grid.shape)
    nodes, weights = panel_rule(0.0, 1.0, panels, NODES)
    for node, weight in zip(nodes.flat, weights.flat, strict=True):
        at = x.edges[:-1] + node * x.spacing - mean[0]
        marginal = np.exp(-0.5 * (at / std) ** 2) / (np.sqrt(2 * np.pi) * std)
        z = (y.edges[None, :] - mean[1] - slope * at[:, None]) / narrow
        inner = normal_interval(z[:, :-1], z[:, 1:])
        masses += (weight * x.spacing * marginal)[:, None] * inner
    return masses
