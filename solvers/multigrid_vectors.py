"""Vectors on a plane of cells, several at a time: projections, combinations, changes of answers."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["change", "combine", "dots", "weigh"]

_kernel = njit(cache=True, nogil=True, error_model="numpy")
_sum = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})


@_sum
def dots(many, v, out, first, last):  # type: ignore[no-untyped-def]
    """Products of some vectors, and of v itself, with v: out has one more entry than `many`."""
    out[:] = 0.0
    for i in range(first, last):
        for k in range(out.size - 1):
            z = v[i, 0] * 0
            for j in range(v.shape[1]):
                z += many[k, i, j] * v[i, j]
            out[k] += z
        z = v[i, 0] * 0
        for j in range(v.shape[1]):
            z += v[i, j] * v[i, j]
        out[-1] += z


@_sum
def combine(many, factors, v, first, last):  # type: ignore[no-untyped-def]
    """``v += sum_k f_k x_k``; returns the squared length."""
    square = 0.0
    for i in range(first, last):
        for k in range(factors.size):
            f = v.dtype.type(factors[k])
            for j in range(v.shape[1]):
                v[i, j] += f * many[k, i, j]
        z = v[i, 0] * 0
        for j in range(v.shape[1]):
            z += v[i, j] * v[i, j]
        square += z
    return square


@_kernel
def weigh(r, u, s, most, out, first, last):  # type: ignore[no-untyped-def]
    """``out = r u / s``, r at most `most`, 0 where s is."""
    for i in range(first, last):
        for j in range(r.shape[1]):
            x = s[i, j]
            out[i, j] = min(r[i, j], most) * (u[i, j] / x) if x > 0.0 else 0.0


@_kernel
def change(u, s, e, most, first, last):  # type: ignore[no-untyped-def]
    """Add s e to u, entries changed by a factor of `most` at most; returns the largest e s / u.

    Those that are no numbers are left out, and count as infinite.
    """
    largest = 0.0
    for i in range(first, last):
        for j in range(u.shape[1]):
            x = u[i, j]
            if x > 0.0 and s[i, j] > 0.0:
                z = e[i, j] / (x / s[i, j])
                if not abs(z) < np.inf:
                    z, largest = 0.0, np.inf
                largest = max(largest, abs(z))
                u[i, j] = x * min(max(1.0 + z, 1.0 / most), most)
    return largest
