"""Between a grid and the next coarser one, with the weights of `multigrid_coarse`."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["correct", "restrict", "restrict_transposed", "spread_lines", "spread_middle"]

W, E, S, N, SW, SE, NW, NE = range(8)

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def restrict(c, p, scale, r, out, first, last):  # type: ignore[no-untyped-def]
    """Residuals of the coarse cells: those met on the way to the next coarse cell.

    What is met between four cells comes with the time spent in those between two beside them, as
    the coarse chain has it, so that it answers right where a smooth answer is slow to build up.
    """
    m = out.shape[1] - 2
    flat = np.zeros(m + 2, r.dtype)
    middle, upright = np.zeros((2, m + 2), r.dtype), np.zeros((2, m + 2), r.dtype)
    if first > 1:
        _behind(c, p, r, middle[1], upright[1], first - 1)
    for a in range(first, last):
        now, i = (a - first) % 2, 2 * a - 1
        _behind(c, p, r, middle[now], upright[now], a)
        m0, m1, u0, u1 = middle[1 - now], middle[now], upright[1 - now], upright[now]
        _between(c, p, r, flat, m0, m1, a)
        for q in range(m):
            e, j = q + 1, 2 * q + 1
            z = r[i, j] + (c[W, i, j] * flat[q] + c[E, i, j] * flat[e])
            out[a, e] = scale[a, e] * (z + (c[S, i, j] * u0[e] + c[N, i, j] * u1[e]))
        if c.shape[0] > 4:
            for q in range(m):
                e, j = q + 1, 2 * q + 1
                z = c[SW, i, j] * m0[q] + c[SE, i, j] * m0[e]
                out[a, e] += scale[a, e] * (z + (c[NW, i, j] * m1[q] + c[NE, i, j] * m1[e]))


@_kernel
def _behind(c, p, r, middle, upright, a):  # type: ignore[no-untyped-def]
    """Of the cells of row 2 a: between four cells, and between one below and one above."""
    i, m, nine = 2 * a, upright.size - 2, c.shape[0] > 4
    if i > r.shape[0] - 2:
        middle[:], upright[:] = 0.0, 0.0
        return
    for q in range((r.shape[1] - 2) // 2):
        e, j = q + 1, 2 * q + 2
        z = c[W, i, j] * (p[9, a, e] * r[i, j - 1]) + c[E, i, j] * (p[9, a, e + 1] * r[i, j + 1])
        y = c[S, i, j] * (p[8, a, e] * r[i - 1, j]) + c[N, i, j] * (p[8, a + 1, e] * r[i + 1, j])
        middle[e] = r[i, j] + (z + y)
    for q in range(m):
        e, j = q + 1, 2 * q + 1
        upright[e] = r[i, j] + (c[W, i, j] * middle[q] + c[E, i, j] * middle[e])
    if nine:
        for q in range(m):
            e, j = q + 1, 2 * q + 1
            z = c[SW, i, j] * (p[8, a, q] * r[i - 1, j - 1])
            z += c[SE, i, j] * (p[8, a, e] * r[i - 1, j + 1])
            y = c[NW, i, j] * (p[8, a + 1, q] * r[i + 1, j - 1])
            y += c[NE, i, j] * (p[8, a + 1, e] * r[i + 1, j + 1])
            upright[e] += z + y


@_kernel
def _between(c, p, r, flat, under, over, a):  # type: ignore[no-untyped-def]
    """Of the cells of row 2 a - 1 between one to the left and one to the right."""
    i = 2 * a - 1
    for q in range((r.shape[1] - 2) // 2):
        e, j = q + 1, 2 * q + 2
        flat[e] = r[i, j] + (c[S, i, j] * under[e] + c[N, i, j] * over[e])
    if c.shape[0] > 4:
        for q in range((r.shape[1] - 2) // 2):
            e, j = q + 1, 2 * q + 2
            z = c[SW, i, j] * (p[9, a - 1, e] * r[i - 1, j - 1])
            z += c[SE, i, j] * (p[9, a - 1, e + 1] * r[i - 1, j + 1])
            y = c[NW, i, j] * (p[9, a, e] * r[i + 1, j - 1])
            y += c[NE, i, j] * (p[9, a, e + 1] * r[i + 1, j + 1])
            flat[e] += z + y


@_kernel
def correct(p, coarse, u, first, last):  # type: ignore[no-untyped-def]
    """Add the interpolated values of the coarse grid, for coarse rows."""
    nx, ny = u.shape[0] - 2, u.shape[1] - 2
    for a in range(first, last):
        i = 2 * a - 1
        for e in range(1, coarse.shape[1] - 1):
            u[i, 2 * e - 1] += coarse[a, e]
        for e in range(1, ny // 2 + 1):
            u[i, 2 * e] += p[0, a, e] * coarse[a, e] + p[1, a, e] * coarse[a, e + 1]
        if i < nx:
            for e in range(1, coarse.shape[1] - 1):
                u[i + 1, 2 * e - 1] += p[2, a, e] * coarse[a, e] + p[3, a, e] * coarse[a + 1, e]
            for e in range(1, ny // 2 + 1):
                u[i + 1, 2 * e] += (
                    p[4, a, e] * coarse[a, e]
                    + p[5, a, e] * coarse[a, e + 1]
                    + p[6, a, e] * coarse[a + 1, e]
                    + p[7, a, e] * coarse[a + 1, e + 1]
                )


@_kernel
def restrict_transposed(p, r, out, first, last):  # type: ignore[no-untyped-def]
    """Right-hand sides of the coarse cells in the transposed problem: the adjoint of `correct`."""
    for a in range(first, last):
        i = 2 * a - 1
        for e in range(1, out.shape[1] - 1):
            j = 2 * e - 1
            z = r[i, j] + p[1, a, e - 1] * r[i, j - 1] + p[3, a - 1, e] * r[i - 1, j]
            z += p[6, a - 1, e] * r[i - 1, j + 1] + p[7, a - 1, e - 1] * r[i - 1, j - 1]
            if i < r.shape[0] - 2:
                z += p[2, a, e] * r[i + 1, j] + p[5, a, e - 1] * r[i + 1, j - 1]
            if j < r.shape[1] - 2:
                z += p[0, a, e] * r[i, j + 1]
                if i < r.shape[0] - 2:
                    z += p[4, a, e] * r[i + 1, j + 1]
            out[a, e] = z


@_kernel
def spread_lines(c, scale, coarse, y, first, last):  # type: ignore[no-untyped-def]
    """Adjoint of `restrict`: times spent in coarse cells, and next to them."""
    nx, ny, nine = y.shape[0] - 2, y.shape[1] - 2, c.shape[0] > 4
    for a in range(first, last):
        for e in range(1, coarse.shape[1] - 1):
            i, j = 2 * a - 1, 2 * e - 1
            z = scale[a, e] * coarse[a, e]
            right = scale[a, e + 1] * coarse[a, e + 1]
            above = scale[a + 1, e] * coarse[a + 1, e]
            y[i, j] = z
            if j < ny:
                y[i, j + 1] = c[E, i, j] * z
                if j + 2 <= ny:
                    y[i, j + 1] += c[W, i, j + 2] * right
            if i < nx:
                y[i + 1, j] = c[N, i, j] * z
                if i + 2 <= nx:
                    y[i + 1, j] += c[S, i + 2, j] * above
            if i < nx and j < ny:
                y[i + 1, j + 1] = 0.0
                if nine:
                    y[i + 1, j + 1] = c[NE, i, j] * z
                    if j + 2 <= ny:
                        y[i + 1, j + 1] += c[NW, i, j + 2] * right
                    if i + 2 <= nx:
                        y[i + 1, j + 1] += c[SE, i + 2, j] * above
                    if j + 2 <= ny and i + 2 <= nx:
                        z = scale[a + 1, e + 1] * coarse[a + 1, e + 1]
                        y[i + 1, j + 1] += c[SW, i + 2, j + 2] * z


@_kernel
def spread_middle(c, y, first, last):  # type: ignore[no-untyped-def]
    """Add the times spent between four coarse cells, come from between two."""
    nx, ny = y.shape[0] - 2, y.shape[1] - 2
    for a in range(first, last):
        i = 2 * a
        if i > nx:
            continue
        for j in range(2, ny + 1, 2):
            z = c[E, i, j - 1] * y[i, j - 1] + c[N, i - 1, j] * y[i - 1, j]
            if j < ny:
                z += c[W, i, j + 1] * y[i, j + 1]
            if i < nx:
                z += c[S, i + 1, j] * y[i + 1, j]
            y[i, j] += z
