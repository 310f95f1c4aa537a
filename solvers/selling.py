"""Selling decomposition: a positive definite tensor as non-negative rates along lattice vectors."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.pieces import in_pieces

__all__ = ["selling_decomposition"]

Array = NDArray[np.float64]

#: An obtuse superbase is reached after about sqrt(anisotropy) flips; this stops at ratios of 1e8.
MAX_FLIPS = 20_000


def selling_decomposition(
    diffusion: Array, spacing: tuple[float, float]
) -> tuple[NDArray[np.int32], Array]:
    """Write ``D = sum_e rho_e l_e l_e^T`` with ``rho_e >= 0`` in every cell of a plane.

    ``l_e = (e_x h_x, e_y h_y)`` are lattice links and e integer vectors, found from an obtuse
    superbase of the lattice for the metric D: exact for any symmetric positive definite tensor.

    Parameters
    ----------
    diffusion : ndarray, shape (cells, 2, 2)
        Symmetric positive definite tensors.
    spacing : tuple of float
        Cell widths ``(h_x, h_y)``.

    Returns
    -------
    offsets : ndarray of int32, shape (cells, 3, 2)
        The vectors e, first non-zero component positive.
    rho : ndarray, shape (cells, 3)
        Rates along them (inverse time), >= 0.

    Raises
    ------
    ValueError
        If a tensor is so anisotropic that the search does not end (ratio above about 1e8).

    References
    ----------
    Selling, J. reine angew. Math. 77, 143 (1874); Conway and Sloane, Proc. R. Soc. A 436, 55
    (1992), section 2.
    """
    hx, hy = spacing
    scale = np.array([[1 / hx**2, 1 / (hx * hy)], [1 / (hx * hy), 1 / hy**2]])
    cells = diffusion.shape[0]
    offsets = np.empty((cells, 3, 2), dtype=np.int32)
    rho = np.empty((cells, 3))

    def piece(low: int, high: int) -> None:
        scaled = np.ascontiguousarray(diffusion[low:high] * scale)
        unfinished = _selling_kernel(scaled, MAX_FLIPS, offsets[low:high], rho[low:high])
        if unfinished >= 0:
            cell = low + unfinished
            msg = (
                f"the diffusion tensor of cell {cell} is too anisotropic for this grid: "
                f"{diffusion[cell].tolist()}"
            )
            raise ValueError(msg)

    in_pieces(piece, cells)
    return offsets, rho


@njit(cache=True, nogil=True)
def _selling_kernel(d, max_flips, offsets, rho):  # type: ignore[no-untyped-def]
    """Flip (v_i, v_j, v_k) -> (-v_i, v_j, v_i - v_j) while v_i.D v_j > 0; e_k = perp(v_k)."""
    cells = d.shape[0]
    v = np.zeros((3, 2), dtype=np.int64)
    for c in range(cells):
        a, b, g = d[c, 0, 0], d[c, 0, 1], d[c, 1, 1]
        v[0, 0], v[0, 1], v[1, 0], v[1, 1], v[2, 0], v[2, 1] = 1, 0, 0, 1, -1, -1
        tolerance = 1e-15 * (a + g)
        for flip in range(max_flips + 1):
            worst, wi, wj = tolerance, -1, -1
            for k in range(3):
                i, j = (k + 1) % 3, (k + 2) % 3
                product = v[i, 0] * (a * v[j, 0] + b * v[j, 1]) + v[i, 1] * (
                    b * v[j, 0] + g * v[j, 1]
                )
                rho[c, k] = max(-product, 0.0)
                offsets[c, k, 0], offsets[c, k, 1] = -v[k, 1], v[k, 0]
                if product > worst:
                    worst, wi, wj = product, i, j
            if wi < 0:
                break
            if flip == max_flips:
                return c
            wk = 3 - wi - wj
            v[wk, 0], v[wk, 1] = v[wi, 0] - v[wj, 0], v[wi, 1] - v[wj, 1]
            v[wi, 0], v[wi, 1] = -v[wi, 0], -v[wi, 1]
        for k in range(3):
            x, y = offsets[c, k, 0], offsets[c, k, 1]
            if x < 0 or (x == 0 and y < 0):
                offsets[c, k, 0], offsets[c, k, 1] = -x, -y
    return -1
