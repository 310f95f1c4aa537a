"""Gauss-Seidel passes on nine-point stencils, see `fokkerplanck.solvers.multigrid_kernels`."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["smooth"]

W, E, S, N, SW, SE, NW, NE = range(8)

#: Entries along a row that are left out in single precision: products of eight underflow, which
#: takes a hundred times as long. Passes in double precision leave none out.
SMALL = 2e-5

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def smooth(c, u, b, down, fresh, first, last, lower, upper):  # type: ignore[no-untyped-def]
    """Row after row, each solved from left to right and back: what drifts that way is solved.

    Rows ``first <= i < last``, upwards or downwards; `lower` and `upper` are what is read in place
    of the rows before and after them. With `fresh`, u is taken for 0, whatever it holds.

    Along a row, ``v_j = t_j + a_j v_j-1`` is rewritten in terms of v_j-8, so that eight chains of
    operations run side by side. Loops over parts of arrays from 0 on are what the compiler turns
    into vectors.
    """
    n = u.shape[1] - 2
    least = u.dtype.type(SMALL if u.itemsize < 8 else 0.0)
    side = np.zeros(n, dtype=u.dtype)
    t, a = np.zeros(n + 8, dtype=u.dtype), np.zeros(n + 8, dtype=u.dtype)
    t2, a2, v = np.zeros_like(t), np.zeros_like(t), np.zeros_like(t)
    t8, a8, t28, a28 = t[8:], a[8:], t2[8:], a2[8:]
    t7, a7, t26, a26, t4, a4 = t[7:], a[7:], t2[6:], a2[6:], t[4:], a[4:]
    v7, v8 = v[7:], v[8:]
    for x in range(last - first):
        i = last - 1 - x if down else first + x
        under = u[i - 1] if i > first else lower
        over = u[i + 1] if i < last - 1 else upper
        here, west, east = u[i, 1:], c[W, i, 1:], c[E, i, 1:]
        _beside(side, c, b, i, under, over, down, fresh)
        if fresh:
            _copy(t8, side, n)
        else:
            _add(t8, side, east, here[1:], n)
        _copy_large(a8, west, least, n)
        for back in range(2):
            if back:
                _add_turned(t8, side, west, v7, n)
                _copy_large_turned(a8, east, least, n)
            _add(t28, t8, a8, t7, n)
            _multiply(a28, a8, a7, n)
            _add(t8, t28, a28, t26, n)
            _multiply(a8, a28, a26, n)
            _add(t28, t8, a8, t4, n)
            _multiply(a28, a8, a4, n)
            _chains(v, t28, a28, n)
        _copy_turned(here, v8, n)


@_kernel
def _beside(side, c, b, i, under, over, down, fresh):  # type: ignore[no-untyped-def]
    """Sum what comes from the rows below and above; with `fresh`, from the one that is done."""
    n = side.size
    if fresh and down:
        _add(side, b[i, 1:], c[N, i, 1:], over[1:], n)
    else:
        _add(side, b[i, 1:], c[S, i, 1:], under[1:], n)
        if not fresh:
            _add_in(side, c[N, i, 1:], over[1:], n)
    if c.shape[0] > 4:
        if not (fresh and down):
            _add_two(side, c[SW, i, 1:], under, c[SE, i, 1:], under[2:], n)
        if down or not fresh:
            _add_two(side, c[NW, i, 1:], over, c[NE, i, 1:], over[2:], n)


@_kernel
def _copy(out, x, n):  # type: ignore[no-untyped-def]
    for q in range(n):
        out[q] = x[q]


@_kernel
def _add(out, x, a, y, n):  # type: ignore[no-untyped-def]
    for q in range(n):
        out[q] = x[q] + a[q] * y[q]


@_kernel
def _add_in(out, a, x, n):  # type: ignore[no-untyped-def]
    for q in range(n):
        out[q] += a[q] * x[q]


@_kernel
def _add_two(out, a, x, b, y, n):  # type: ignore[no-untyped-def]
    for q in range(n):
        out[q] += a[q] * x[q] + b[q] * y[q]


@_kernel
def _multiply(out, a, b, n):  # type: ignore[no-untyped-def]
    for q in range(n):
        out[q] = a[q] * b[q]


@_kernel
def _chains(v, t, a, n):  # type: ignore[no-untyped-def]
    for q in range(n):
        v[q + 8] = t[q] + a[q] * v[q]


@_kernel
def _copy_turned(out, x, n):  # type: ignore[no-untyped-def]
    for q in range(n):
        out[q] = x[np.uint64(n - 1 - q)]


@_kernel
def _add_turned(out, x, a, y, n):  # type: ignore[no-untyped-def]
    for q in range(n):
        p = np.uint64(n - 1 - q)
        out[q] = x[p] + a[p] * y[p]


@_kernel
def _copy_large(out, x, least, n):  # type: ignore[no-untyped-def]
    for q in range(n):
        out[q] = x[q] if x[q] > least else least * 0


@_kernel
def _copy_large_turned(out, x, least, n):  # type: ignore[no-untyped-def]
    for q in range(n):
        z = x[np.uint64(n - 1 - q)]
        out[q] = z if z > least else least * 0
