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

__all__ = [
    "count_below",
    "count_below_wide",
    "dense_factors",
    "dense_solve",
    "dense_solve_transposed",
    "line_factors",
    "line_mode",
    "line_products",
    "line_resolvent",
    "line_solve",
    "narrow",
    "wide",
]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

UP, DOWN = 2.0**512, 2.0**-512
HIGH, LOW = 2.0**256, 2.0**-256
#: What a pivot that came out 0 is taken for, relative to what it was the difference of.
TINY = 2.0**-60


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


@njit(cache=True)
def line_factors(up, ku, down, kd, a, ka, s, ks, p, kp, f, kf, g, kg):  # type: ignore[no-untyped-def]
    """Eliminate the states 0, 1, ... of a line of n states, each linked to the next.

    ``p_i = s_i + up_i`` is the total rate of state i once all before it are gone, s_i the part
    of it that is absorbed, ``s_i+1 = a_i+1 + down_i+1 s_i / p_i``; ``f_i = up_i / p_i`` and
    ``g_i = down_i+1 / p_i``. Where p_i = 0, nothing is ever absorbed and f_i = g_i = 0.
    """
    n = a.size
    t, kt = a[0], ka[0]
    for i in range(n):
        s[i], ks[i] = t, kt
        p[i], kp[i] = _plus(t, kt, up[i], ku[i])
        if i == n - 1:
            return
        if p[i] == 0.0:
            t, kt = 1.0, 0  # what falls back to state i never returns
        else:
            f[i], kf[i] = _over(up[i], ku[i], p[i], kp[i])
            g[i], kg[i] = _over(down[i + 1], kd[i + 1], p[i], kp[i])
            t, kt = _over(t, kt, p[i], kp[i])
        t, kt = _times(down[i + 1], kd[i + 1], t, kt)
        t, kt = _plus(a[i + 1], ka[i + 1], t, kt)


@njit(cache=True)
def line_solve(p, kp, f, kf, g, kg, b, kb):  # type: ignore[no-untyped-def]
    """Turn b, shape (n, m), into the solution of -Q x = b; with f and g exchanged, of -Q.T."""
    n, m = b.shape
    for i in range(n - 1):
        for c in range(m):
            z, kz = _times(g[i], kg[i], b[i, c], kb[i, c])
            b[i + 1, c], kb[i + 1, c] = _plus(b[i + 1, c], kb[i + 1, c], z, kz)
    for i in range(n - 1, -1, -1):
        for c in range(m):
            x, kx = _over(b[i, c], kb[i, c], p[i], kp[i])
            if i < n - 1:
                z, kz = _times(f[i], kf[i], b[i + 1, c], kb[i + 1, c])
                x, kx = _plus(x, kx, z, kz)
            b[i, c], kb[i, c] = x, kx


@njit(cache=True)
def line_products(ratio, kr, x, kx):  # type: ignore[no-untyped-def]
    """``x_i+1 = ratio_i x_i``, from x_0 on."""
    for i in range(ratio.size):
        x[i + 1], kx[i + 1] = _times(ratio[i], kr[i], x[i], kx[i])


@njit(cache=True, error_model="numpy")
def count_below(q, e, shift, count):  # type: ignore[no-untyped-def]
    """How many eigenvalues lie below each shift: pivots < 0 of L D L.T - shift.

    ``q_i = D_i`` and ``e_i = D_i L_i^2``, floats of at most 1. The differential stationary qd
    transform is exact for q and e changed by some roundings each, which changes no eigenvalue
    by more than their number.
    """
    s = np.empty(8)
    below = np.empty(8)
    x = np.empty(8)
    for first in range(0, shift.size, 8):
        for c in range(8):
            x[c] = shift[min(first + c, shift.size - 1)]
            s[c] = -x[c]
            below[c] = 0.0
        for i in range(q.size):
            for c in range(8):
                d = q[i] + s[c]
                d = -(q[i] * TINY + 1e-300) if d == 0.0 else d
                below[c] += 1.0 if d < 0.0 else 0.0
                s[c] = s[c] / d * e[i] - x[c]
        for c in range(min(8, shift.size - first)):
            count[first + c] = int(below[c])


@njit(cache=True)
def _signed(x, kx, y, ky):  # type: ignore[no-untyped-def]
    """Sum of numbers of any sign."""
    if y == 0.0:
        return x, kx
    if x == 0.0:
        return y, ky
    if kx < ky:
        x, kx, y, ky = y, ky, x, kx
    z = x
    if kx == ky:
        z = x + y
    elif kx == ky + 1:
        z = x + y * DOWN
    size = abs(z)
    if size >= HIGH:
        return z * DOWN, kx + 1
    if size < LOW and size > 0.0:
        return z * UP, kx - 1
    return z, kx


@njit(cache=True)
def _signed_times(x, kx, y, ky):  # type: ignore[no-untyped-def]
    z, kz = _normal(abs(x * y), kx + ky)
    return (-z if (x < 0.0) != (y < 0.0) else z), kz


@njit(cache=True)
def _signed_over(x, kx, y, ky):  # type: ignore[no-untyped-def]
    z, kz = _normal(abs(x / y), kx - ky)
    return (-z if (x < 0.0) != (y < 0.0) else z), kz


@njit(cache=True)
def _stationary_step(q, kq, e, ke, s, ks, x, kx):  # type: ignore[no-untyped-def]
    """Return pivot ``d = q + s`` and the next ``s = e s / d - x``."""
    d, kd = _signed(q, kq, s, ks)
    if d == 0.0:
        d, kd = _plus(abs(s), ks, x, kx)
        d, kd = _signed_times(d, kd, -TINY, 0)
    s, ks = _signed_over(s, ks, d, kd)
    s, ks = _signed_times(s, ks, e, ke)
    s, ks = _signed(s, ks, -x, kx)
    return d, kd, s, ks


@njit(cache=True)
def count_below_wide(q, kq, e, ke, shift, kshift, count):  # type: ignore[no-untyped-def]
    """As `count_below`, for numbers of any size."""
    for c in range(shift.size):
        s, ks = -shift[c], kshift[c]
        below = 0
        for i in range(q.size):
            x, kx = shift[c], kshift[c]
            d, _, s, ks = _stationary_step(q[i], kq[i], e[i], ke[i], s, ks, x, kx)
            if d < 0.0:
                below += 1
        count[c] = below


@njit(cache=True)
def line_resolvent(left, right, up, ku, x, kx, d, kd, r, kr, g, kg):  # type: ignore[no-untyped-def]
    """Pivots of -Q - x from both ends, d and r, and inverse diagonal entries g of its inverse.

    `left` and `right` hold q, e and the absorbed parts s of both eliminations. State k between
    what was eliminated on both sides keeps ``g_k = (s_k + t_k) + up_k (s'_k+1 + t'_k+1) / r_k+1``,
    t the shifted part of the absorption.
    """
    q, kq, e, ke, a, ka = left
    q2, kq2, e2, ke2, a2, ka2 = right
    n = q.size
    t, kt = -x, kx
    for i in range(n):
        g[i], kg[i] = _signed(t, kt, a[i], ka[i])
        d[i], kd[i], t, kt = _stationary_step(q[i], kq[i], e[i], ke[i], t, kt, x, kx)
    t, kt = -x, kx
    y, ky = 0.0, 0
    for i in range(n - 1, -1, -1):
        if i < n - 1:
            z, kz = _signed_times(up[i], ku[i], y, ky)
            g[i], kg[i] = _signed(g[i], kg[i], z, kz)
        y, ky = _signed(t, kt, a2[i], ka2[i])
        r[i], kr[i], t, kt = _stationary_step(q2[i], kq2[i], e2[i], ke2[i], t, kt, x, kx)
        y, ky = _signed_over(y, ky, r[i], kr[i])


@njit(cache=True)
def line_mode(up, ku, down, kd, d, kdd, r, kr, k, x, kx):  # type: ignore[no-untyped-def]
    """Column k of the inverse of -Q - x over its entry k: an eigenvector beside an eigenvalue.

    With the rates ``down_i+1`` for up_i and ``up_i-1`` for down_i, the row.
    """
    n = x.size
    x[k], kx[k] = 1.0, 0
    for i in range(k - 1, -1, -1):
        z, kz = _signed_times(up[i], ku[i], x[i + 1], kx[i + 1])
        x[i], kx[i] = _signed_over(z, kz, d[i], kdd[i])
    for i in range(k + 1, n):
        z, kz = _signed_times(down[i], kd[i], x[i - 1], kx[i - 1])
        x[i], kx[i] = _signed_over(z, kz, r[i], kr[i])
