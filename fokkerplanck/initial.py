"""Initial densities: cell averages of mass exactly 1 (to rounding), shape (*shape,)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Axis, Grid

__all__ = ["delta", "gaussian", "uniform"]

Array = NDArray[np.float64]
#: A Gaussian with less of its mass than this inside the walls is refused.
INSIDE = 0.999
#: Standard deviations after which a Gaussian is zero in double precision.
REACH = 39.0
#: Smallest and largest standard deviation, in lengths of the grid, that a Gaussian may have.
WIDTHS = (1e-9, 100.0)


def gaussian(
    grid: Grid,
    mean: float | Sequence[float],
    std: float | Sequence[float] | None = None,
    *,
    covariance: Sequence[Sequence[float]] | Array | None = None,
) -> Array:
    """Gaussian density, averaged over each cell.

    Averages are exact: differences of the normal distribution function along each axis, and for
    a full covariance those of ``y`` given ``x`` integrated over x by Gauss-Legendre quadrature to
    rounding. On a periodic axis the density is the wrapped one. What lies outside the walls (at
    most 0.1 %) is cut off and the rest scaled to mass 1.

    Parameters
    ----------
    grid : Grid
    mean : float or sequence of float, shape (dim,)
    std : float or sequence of float, shape (dim,)
        Standard deviations along the axes; a single number holds for all.
    covariance : array_like, shape (dim, dim)
        Symmetric positive definite matrix, instead of `std`.

    Returns
    -------
    ndarray, shape (*shape,)

    Raises
    ------
    CaseError
        When sizes do not fit, the covariance is not symmetric positive definite, less than 99.9 %
        of the mass lies inside the walls, or the width is out of all proportion to the grid.
    """
    centre = _vector(mean, grid, "initial.mean")
    matrix = _covariance(grid, std, covariance)
    sd = np.sqrt(np.diagonal(matrix))
    _check_width(grid, matrix)
    if grid.dim == 1 or matrix[0, 1] == 0:
        parts = [_axis_mass(*args) for args in zip(grid.axes, centre, sd, strict=True)]
        mass = reduce(np.multiply.outer, parts)
    else:
        mass = _correlated(grid, centre, matrix)
    inside = float(mass.sum())
    if inside < INSIDE:
        msg = (
            f"only {inside:.6g} of the Gaussian with mean {centre.tolist()} and standard "
            f"deviations {sd.tolist()} lies inside the walls; at least {INSIDE} must"
        )
        raise CaseError(msg, key="initial")
    return _normalised(mass, grid)


def delta(grid: Grid, point: float | Sequence[float]) -> Array:
    """All mass at one point.

    It is shared linearly between the cell centres around the point, so that the mean is right and
    a point half-way between two cells favours neither; a point at a cell centre fills that cell.
    Within half a cell of a wall that is not periodic the outermost cell has it all.

    Raises
    ------
    CaseError
        When the point lies outside the grid.
    """
    at = _vector(point, grid, "initial.point")
    grid.cell_of(at.tolist())
    parts = [_shares(axis, c) for axis, c in zip(grid.axes, at, strict=True)]
    return _normalised(reduce(np.multiply.outer, parts), grid)


def uniform(grid: Grid) -> Array:
    """Constant density."""
    return _normalised(np.ones(grid.shape), grid)


def _check_width(grid: Grid, covariance: Array) -> None:
    length = [axis.max - axis.min for axis in grid.axes]
    sd = np.sqrt(np.linalg.eigvalsh(covariance))
    if sd.min() < WIDTHS[0] * max(length) or sd.max() > WIDTHS[1] * min(length):
        msg = (
            f"standard deviations between {sd.min():.3g} and {sd.max():.3g} do not suit a grid of "
            f"length {min(length):.6g}: take a delta for a point, or a uniform density"
        )
        raise CaseError(msg, key="initial")


def _normalised(mass: Array, grid: Grid) -> Array:
    total: float = mass.sum() * grid.volume
    return mass / total


def _axis_mass(axis: Axis, mean: float, sd: float) -> Array:
    """Mass of a normal distribution in each cell, wrapped on a periodic axis."""
    edges = axis.edges
    return sum(
        (_interval_mass((edges - mean - s) / sd) for s in _images(axis, mean, sd)), 0.0 * edges[1:]
    )


def _interval_mass(z: Array) -> Array:
    """``Phi(z[k+1]) - Phi(z[k])`` along the last axis, by symmetry without cancellation."""
    from scipy.special import ndtr

    low, high = z[..., :-1], z[..., 1:]
    right = low > 0
    return np.where(right, ndtr(-low) - ndtr(-high), ndtr(high) - ndtr(low))


def _images(axis: Axis, mean: float, sd: float) -> Array:
    """Shifts of the mean by whole periods that reach into the axis."""
    if not axis.periodic:
        return np.zeros(1)
    period = axis.max - axis.min
    first = np.floor((axis.min - mean - REACH * sd) / period)
    last = np.ceil((axis.max - mean + REACH * sd) / period)
    return period * np.arange(first, last + 1)


def _correlated(grid: Grid, mean: Array, covariance: Array) -> Array:
    """Cell masses of a correlated Gaussian in the plane, wrapped on periodic axes."""
    ax, ay = grid.axes
    sx, sy = np.sqrt(np.diagonal(covariance))
    slope = covariance[0, 1] / sx**2
    rest = np.sqrt(np.linalg.eigvalsh(covariance).prod()) / sx
    # widths on which the integrand varies: sx, and rest / |slope|
    scale = sx * rest / max(rest, sx * abs(slope))
    mass = np.zeros(grid.shape)
    for shift in _images(ax, mean[0], sx):
        centre = mean[0] + shift
        x, w, cell = _quadrature(ax.edges, centre, sx, scale)
        w *= np.exp(-0.5 * ((x - centre) / sx) ** 2) / (sx * np.sqrt(2 * np.pi))
        for y in _images(ay, mean[1], sy):
            _add_rows(mass, cell, w, (ay.edges - mean[1] - y)[None, :], slope * (x - centre), rest)
    return mass


def _add_rows(
    mass: Array, cell: NDArray[np.intp], w: Array, edges: Array, shift: Array, rest: float
) -> None:
    """Add ``w Phi-differences`` of y given x to the rows of `mass`, in blocks that fit a cache."""
    for start in range(0, len(w), 256):
        part = slice(start, start + 256)
        rows = w[part, None] * _interval_mass((edges - shift[part, None]) / rest)
        np.add.at(mass, cell[part], rows)


def _quadrature(
    edges: Array, mean: float, sd: float, scale: float
) -> tuple[Array, Array, NDArray[np.intp]]:
    """Gauss-Legendre points and weights on panels no wider than `scale`, and the cell of each."""
    low, high = max(edges[0], mean - 9.5 * sd), min(edges[-1], mean + 9.5 * sd)
    if low >= high:
        return np.empty(0), np.empty(0), np.empty(0, dtype=np.intp)
    count = int(np.ceil((high - low) / scale)) + 1
    inner = edges[(edges > low) & (edges < high)]
    breaks = np.unique(np.concatenate([np.linspace(low, high, count), inner]))
    node, weight = np.polynomial.legendre.leggauss(10)
    half, middle = np.diff(breaks) / 2, (breaks[1:] + breaks[:-1]) / 2
    x = middle[:, None] + half[:, None] * node
    cell = np.clip(np.searchsorted(edges, middle, side="right") - 1, 0, len(edges) - 2)
    return x.ravel(), (half[:, None] * weight).ravel(), np.repeat(cell, node.size)


def _shares(axis: Axis, c: float) -> Array:
    """Shares of a point mass between the two nearest centres of an axis."""
    n = axis.cells
    place = (c - axis.min) / axis.spacing - 0.5
    if abs(place - round(place)) < 1e-9:
        place = float(round(place))
    if not axis.periodic:
        place = min(max(place, 0.0), n - 1.0)
    k = int(np.floor(place))
    out = np.zeros(n)
    out[k % n] += 1 - (place - k)
    out[(k + 1) % n] += place - k
    return out


def _vector(value: float | Sequence[float] | Array, grid: Grid, key: str) -> Array:
    v = np.atleast_1d(np.asarray(value, dtype=np.float64))
    if v.shape != (grid.dim,) or not np.isfinite(v).all():
        msg = f"needs {grid.dim} finite number{'s' * (grid.dim > 1)}, got {value}"
        raise CaseError(msg, key=key)
    return v


def _covariance(
    grid: Grid,
    std: float | Sequence[float] | None,
    covariance: Sequence[Sequence[float]] | Array | None,
) -> Array:
    if (std is None) == (covariance is None):
        msg = "needs std or covariance, and not both"
        raise CaseError(msg, key="initial")
    if std is not None:
        sd = _vector(np.full(grid.dim, std) if np.ndim(std) == 0 else std, grid, "initial.std")
        if sd.min() <= 0:
            msg = f"standard deviations are positive, got {sd.tolist()} (a point is a delta)"
            raise CaseError(msg, key="initial.std")
        return np.diag(sd**2)
    matrix = np.asarray(covariance, dtype=np.float64)
    if matrix.shape != (grid.dim, grid.dim) or not np.isfinite(matrix).all():
        msg = f"needs a finite {grid.dim} x {grid.dim} matrix, got {covariance}"
        raise CaseError(msg, key="initial.covariance")
    eigenvalues = np.linalg.eigvalsh(matrix)
    if not np.allclose(matrix, matrix.T, rtol=1e-12, atol=0) or eigenvalues.min() <= 0:
        msg = (
            f"needs a symmetric positive definite matrix, got {matrix.tolist()} with eigenvalues "
            f"{', '.join(f'{v:.6g}' for v in eigenvalues)}"
        )
        raise CaseError(msg, key="initial.covariance")
    return matrix
