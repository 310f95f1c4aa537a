"""A chain on ordered states whose jumps are bounded: times by elimination without subtraction.

States are eliminated from the end that is far from the target, so that nothing fills in outside the
band. Every state carries its probability to be absorbed by itself: the diagonal, in which small
probabilities of escape would be lost to rounding, is never looked at.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError

__all__ = ["BandChain"]

Array = NDArray[np.float64]
#: Sum of magnitudes over the sum, in a pivot, that is allowed: digits lost are its logarithm.
CANCELLED = 1e5


@njit(cache=True)
def band_factors_kernel(band, left, absorbed, pivot):  # type: ignore[no-untyped-def]
    """Eliminate states 0, 1, ...: ``s_k = a_k + sum_j>k P_kj``, ``P_ij += P_ik P_kj / s_k``.

    Parameters
    ----------
    band : ndarray, shape (n, left + right + 1)
        ``P_ij`` at [i, j - i + left], changed in place: below the diagonal the shares P_ik / s_k.
    left : int
    absorbed : ndarray, shape (n,)
        a, changed in place.
    pivot : ndarray, shape (n,)
        s.

    Returns
    -------
    float
        Largest sum of magnitudes over sum; inf where a sum is not positive.
    """
    n, width = band.shape
    right = width - 1 - left
    worst = 1.0
    for k in range(n):
        up = min(right, n - 1 - k)
        s = absorbed[k]
        size = abs(s)
        for j in range(left + 1, left + up + 1):
            s += band[k, j]
            size += abs(band[k, j])
        pivot[k] = s
        if not s > 0.0:
            return np.inf
        worst = max(worst, size / s)
        for i in range(k + 1, min(k + left, n - 1) + 1):
            shift = k - i
            f = band[i, left + shift] / s
            band[i, left + shift] = f
            if f != 0.0:
                absorbed[i] += f * absorbed[k]
                for j in range(left + 1, left + up + 1):
                    band[i, j + shift] += f * band[k, j]
    return worst


@njit(cache=True)
def band_solve_kernel(band, left, pivot, x):  # type: ignore[no-untyped-def]
    """Turn b, shape (n,), into the solution of ``x = b + P x``, from factors."""
    n, width = band.shape
    right = width - 1 - left
    for k in range(n):
        for i in range(k + 1, min(k + left, n - 1) + 1):
            x[i] += band[i, left + k - i] * x[k]
    for k in range(n - 1, -1, -1):
        s = x[k]
        for j in range(1, min(right, n - 1 - k) + 1):
            s += band[k, left + j] * x[k + j]
        x[k] = s / pivot[k]


class BandChain:
    r"""Solve :math:`u = b + P u` on states in a row.

    Parameters
    ----------
    band : ndarray, shape (n, left + right + 1)
        Probability to go from i to j at ``[i, j - i + left]``; the rest of each row's 1 is
        absorbed or stays, and the entry of staying is not looked at. Overwritten.
    left : int
        How many states a jump goes back at most.
    absorbed : ndarray, shape (n,)
        Probability to be absorbed at a jump. Overwritten.

    Raises
    ------
    NumericalError
        If digits are lost: entries of an interpolation may be slightly negative, and a pivot in
        which they cancel is no longer the probability that it stands for.

    References
    ----------
    Grassmann, Taksar and Heyman, Oper. Res. 33, 1107 (1985).
    """

    def __init__(self, band: Array, left: int, absorbed: Array) -> None:
        self._band, self._left, self._pivot = band, left, np.empty(len(band))
        self.cancelled = float(band_factors_kernel(band, left, absorbed, self._pivot))
        if not self.cancelled < CANCELLED:
            msg = "probabilities to move on cancel: weights of interpolation outweigh jumps; take "
            raise NumericalError(msg + "more nodes, or interpolate linearly")

    def solve(self, b: Array) -> Array:
        """Return u for b of shape (n,)."""
        out = np.array(b, dtype=np.float64)
        band_solve_kernel(self._band, self._left, self._pivot, out)
        if not np.isfinite(out).all():
            msg = "times beyond 1e308 steps: the chain knows no larger numbers"
            raise NumericalError(msg)
        return out
