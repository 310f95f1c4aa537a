"""Symmetric positive definite tensors on the cells of a grid: check them, and make them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.solvers.pieces import all_finite

__all__ = ["absolute", "check_spd"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
#: Relative difference of off-diagonal entries above which a tensor is not symmetric.
ASYMMETRY = 1e-12


def check_spd(D: Array, grid: Grid, key: str = "noise.D") -> None:
    """Raise `CaseError` unless D is finite, symmetric and positive definite in every cell.

    Parameters
    ----------
    D : ndarray, shape (*shape, dim, dim)
        Diffusion tensor at cell centres.
    grid : Grid
        Tells where a cell is.
    key : str
        Key of the case file to blame.

    Raises
    ------
    CaseError
        Naming the first offending cell, its position, the tensor and its eigenvalues.
    """
    some = D
    if D.ndim > 2 and not any(D.strides[:-2]):  # one tensor, spread over all cells
        some = D[(slice(0, 1),) * (D.ndim - 2)]
    if not all_finite(some):
        broken: Mask = np.logical_not(np.isfinite(some)).max(axis=(-2, -1))
        _refuse(broken, D, grid, key, "has entries that are not finite")
    a, d = some[..., 0, 0], some[..., -1, -1]
    bad: Mask = np.minimum(a, d) <= 0
    if grid.dim == 2:
        upper, lower = some[..., 0, 1], some[..., 1, 0]
        largest = np.maximum(np.abs(a), np.abs(d))
        asymmetric: Mask = np.abs(upper - lower) > ASYMMETRY * largest
        _refuse(asymmetric, D, grid, key, "is not symmetric")
        # the correlation, unlike the determinant, neither under- nor overflows
        root = np.sqrt(np.abs(a)) * np.sqrt(np.abs(d))
        bad |= np.abs(upper) >= root * (1 - 2 * np.finfo(float).eps)
    _refuse(bad, D, grid, key, "is not positive definite")


def absolute(H: Array, floor: float) -> Array:
    """Matrix function ``sqrt(H^2 + floor^2 I)`` of symmetric 1 x 1 or 2 x 2 matrices.

    Parameters
    ----------
    H : ndarray, shape (..., dim, dim)
        Symmetric, dim 1 or 2.
    floor : float
        Positive: eigenvalues h of H become ``sqrt(h^2 + floor^2)``.

    Returns
    -------
    ndarray, shape (..., dim, dim)

    Notes
    -----
    In the plane the root of the positive definite ``M = H^2 + floor^2 I`` is
    ``(M + sqrt(det M) I) / sqrt(tr M + 2 sqrt(det M))`` (Cayley-Hamilton). It needs no
    eigenvectors, so that exchanging or mirroring the axes does just that to the result.
    """
    if H.shape[-1] == 1:
        return np.hypot(H, floor)
    a, b, d = H[..., 0, 0], H[..., 0, 1], H[..., 1, 1]
    f2 = floor * floor
    # det M = det(H)^2 + floor^2 tr(H^2) + floor^4: a sum of squares, nothing cancels
    root = np.sqrt((a * d - b * b) ** 2 + f2 * (a * a + 2 * b * b + d * d) + f2 * f2)
    scale = np.sqrt(a * a + 2 * b * b + d * d + 2 * f2 + 2 * root)
    out = np.empty_like(H)
    out[..., 0, 0] = (a * a + b * b + f2 + root) / scale
    out[..., 1, 1] = (d * d + b * b + f2 + root) / scale
    out[..., 0, 1] = out[..., 1, 0] = b * (a + d) / scale
    return out


def _refuse(bad: Mask, D: Array, grid: Grid, key: str, what: str) -> None:
    if not bad.any():
        return
    bad = np.broadcast_to(bad, D.shape[:-2])
    cell = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
    point = zip(grid.names, grid.points()[cell], strict=True)
    matrix = D[cell]
    msg = f"the diffusion tensor {what} at cell {cell} "
    msg += f"({', '.join(f'{n} = {v:.6g}' for n, v in point)}): D = {matrix.tolist()}"
    if np.isfinite(matrix).all():
        eigenvalues = np.sort_complex(np.linalg.eigvals(matrix))
        plain = eigenvalues.real if not eigenvalues.imag.any() else eigenvalues
        msg += f", eigenvalues {', '.join(f'{v:.6g}' for v in plain)}"
    msg += f" ({int(bad.sum())} of {bad.size} cells); it must be symmetric with all eigenvalues > 0"
    raise CaseError(msg, key=key)
