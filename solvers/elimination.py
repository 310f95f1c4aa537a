"""Elimination without subtraction, in numbers whose exponent is unlimited: the kernels.

A number is a pair ``x, k`` meaning ``x * 2**(512 k)``, with x = 0 or 2**-256 <= x < 2**256: in
range for every product and quotient, and brought back into it by one comparison. `wide` and
`narrow` pass between these pairs and `Scaled`.

References
----------
Grassmann, Taksar and Heyman, Oper. Res. 33, 1107 (1985); Alfa, Xue and Ye, Math. Comp. 71,
217 (2002): an elimination that carries each row's excess (its absorption) by itself adds,
multiplies and divides only, so that every entry keeps its relative accuracy.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.scaled import Scaled

__all__ = ["dense_factors", "dense_solve", "dense_solve_transposed", "narrow", "wide"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

UP, DOWN = 2.0**512, 2.0**-512
HIGH, LOW = 2.0**256, 2.0**-256


def wide(number: Scaled) -> tuple[Array, Integers]:
    """Pairs of the kernels, as fresh arrays in C order."""
    k = (number.exponent + 255) // 512
    x = np.ldexp(number.mantissa, (number.exponent - 512 * k).astype(np.intc))
    return np.array(x, order="C", ndmin=1), np.array(k, order="C", ndmin=1)


def narrow(x: Array, k: Integers) -> Scaled:
    """Back from the pairs of the kernels."""
    return Scaled.normal(x, 512 * k)


@njit(cache=True)
def _plus(x, kx, y, ky):  # type: ignore[no-untyped-def]
    if y == 0.0:
        return x, kx
    if x == 0.0:
        return y, ky
    if kx == ky:
        z = x + y
        if z >= HIGH:
            return z * DOWN, kx + 1
        return z, kx
    if kx > ky:
        return (x + y * DOWN, kx) if kx == ky + 1 else (x, kx)
    return (y + x * DOWN, ky) if ky == kx + 1 else (y, ky)


@njit(cache=True)
def _normal(z, k):  # type: ignore[no-untyped-def]
    if z >= HIGH:
        return z * DOWN, k + 1
    if z < LOW and z > 0.0:
        return z * UP, k - 1
    return z, k


@njit(cache=True)
def _times(x, kx, y, ky):  # type: ignore[no-untyped-def]
    return _normal(x * y, kx + ky)


@njit(cache=True)
def _over(x, kx, y, ky):  # type: ignore[no-untyped-def]
    return _normal(x / y, kx - ky)


@njit(cache=True)
def dense_factors(a, ka, d, kd, s, ks):  # type: ignore[no-untyped-def]
    """Eliminate states n-1, ..., 0 of a chain with rates a and absorption d, in place.

    Leaves in a[k, :k] the rates of state k, and in a[:k, k] the rates into it over its total
    s[k], both of the chain watched on states 0..k only. A total of 0 ends the elimination.
    """
    n = d.size
    for k in range(n - 1, -1, -1):
        t, kt = d[k], kd[k]
        for j in range(k):
            t, kt = _plus(t, kt, a[k, j], ka[k, j])
        s[k], ks[k] = t, kt
        if t == 0.0:
            return
        for i in range(k):
            if a[i, k] == 0.0:
                continue
            f, kf = _over(a[i, k], ka[i, k], t, kt)
            a[i, k], ka[i, k] = f, kf
            z, kz = _times(f, kf, d[k], kd[k])
            d[i], kd[i] = _plus(d[i], kd[i], z, kz)
            for j in range(k):
                if j != i:
                    z, kz = _times(f, kf, a[k, j], ka[k, j])
                    a[i, j], ka[i, j] = _plus(a[i, j], ka[i, j], z, kz)


@njit(cache=True)
def dense_solve(a, ka, s, ks, b, kb):  # type: ignore[no-untyped-def]
    """Turn b, shape (n, m), into the solution x of -Q x = b."""
    n, m = b.shape
    for k in range(n - 1, -1, -1):
        for i in range(k):
            if a[i, k] != 0.0:
                for c in range(m):
                    z, kz = _times(a[i, k], ka[i, k], b[k, c], kb[k, c])
                    b[i, c], kb[i, c] = _plus(b[i, c], kb[i, c], z, kz)
    for k in range(n):
        for j in range(k):
            if a[k, j] != 0.0:
                for c in range(m):
                    z, kz = _times(a[k, j], ka[k, j], b[j, c], kb[j, c])
                    b[k, c], kb[k, c] = _plus(b[k, c], kb[k, c], z, kz)
        for c in range(m):
            b[k, c], kb[k, c] = _over(b[k, c], kb[k, c], s[k], ks[k])


@njit(cache=True)
def dense_solve_transposed(a, ka, s, ks, b, kb, start):  # type: ignore[no-untyped-def]
    """Turn b, shape (n, m), into the solution y of -Q.T y = b; states below `start` are known."""
    n, m = b.shape
    for k in range(n - 1, start - 1, -1):
        for c in range(m):
            b[k, c], kb[k, c] = _over(b[k, c], kb[k, c], s[k], ks[k])
        for j in range(k):
            if a[k, j] != 0.0:
                for c in range(m):
                    z, kz = _times(a[k, j], ka[k, j], b[k, c], kb[k, c])
                    b[j, c], kb[j, c] = _plus(b[j, c], kb[j, c], z, kz)
    for k in range(start, n):
        for i in range(k):
            if a[i, k] != 0.0:
                for c in range(m):
                    z, kz = _times(a[i, k], ka[i, k], b[i, c], kb[i, c])
                    b[k, c], kb[k, c] = _plus(b[k, c], kb[k, c], z, kz)
