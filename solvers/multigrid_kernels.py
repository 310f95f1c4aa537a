"""Kernels of the multigrid solver: nine-point stencils on a plane of cells.

A matrix ``1 - W`` with one row for each cell is kept as the entries of W along the lattice vectors
`WAYS`: ``c[k, i, j]`` joins cell (i, j) to its neighbour in direction k. All arrays have a rim of
zeros, so that cells are numbered from 1. Kernels work on rows ``first <= i < last``.

"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = [
    "WAYS",
    "add",
    "coarse_stencil",
    "correct",
    "gather_lines",
    "gather_middle",
    "length",
    "line_weights",
    "middle_weights",
    "product",
    "relative",
    "residual",
    "restrict",
    "restrict_transposed",
    "scale",
    "spread_lines",
    "spread_middle",
    "sweep",
    "take_out",
    "transform",
    "transposed",
]

#: Directions of neighbours; those of a five-point stencil come first.
WAYS = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))
W, E, S, N, SW, SE, NW, NE = range(8)
#: Largest sum of a row of a conditioned chain.
MOST = 1.5
#: Rounding of a residual, relative to the entry; and what is not taken for 0.
UNIT, LOST = 1e-15, 1e-295
#: Range of the values whose inverse is a number.
TINY, LARGE = 1e-307, 1e307

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def residual(c, u, b, r, first, last):  # type: ignore[no-untyped-def]
    """``r = b - u + W u``."""
    n = u.shape[1] - 2
    for i in range(first, last):
        for j in range(1, n + 1):
            r[i, j] = (
                (b[i, j] - u[i, j])
                + (c[W, i, j] * u[i, j - 1] + c[E, i, j] * u[i, j + 1])
                + (c[S, i, j] * u[i - 1, j] + c[N, i, j] * u[i + 1, j])
            )
        if c.shape[0] > 4:
            for j in range(1, n + 1):
                r[i, j] += (
                    c[SW, i, j] * u[i - 1, j - 1]
                    + c[SE, i, j] * u[i - 1, j + 1]
                    + c[NW, i, j] * u[i + 1, j - 1]
                    + c[NE, i, j] * u[i + 1, j + 1]
                )


@_kernel
def product(c, u, out, first, last):  # type: ignore[no-untyped-def]
    """``out = u - W u``."""
    n = u.shape[1] - 2
    for i in range(first, last):
        for j in range(1, n + 1):
            z = u[i, j] - (c[W, i, j] * u[i, j - 1] + c[E, i, j] * u[i, j + 1])
            out[i, j] = z - (c[S, i, j] * u[i - 1, j] + c[N, i, j] * u[i + 1, j])
        if c.shape[0] > 4:
            for j in range(1, n + 1):
                out[i, j] -= (
                    c[SW, i, j] * u[i - 1, j - 1]
                    + c[SE, i, j] * u[i - 1, j + 1]
                    + c[NW, i, j] * u[i + 1, j - 1]
                    + c[NE, i, j] * u[i + 1, j + 1]
                )


@_kernel
def transform(c, s, out, first, last):  # type: ignore[no-untyped-def]
    """Entries ``W_ij s_j / s_i``: the chain conditioned on what s is the mean of.

    Where s is no such mean, and rows would add up to much more than 1, they are scaled down.
    """
    n, nine = s.shape[1] - 2, c.shape[0] > 4
    for i in range(first, last):
        for j in range(1, n + 1):
            w, e = c[W, i, j] * s[i, j - 1], c[E, i, j] * s[i, j + 1]
            u, v = c[S, i, j] * s[i - 1, j], c[N, i, j] * s[i + 1, j]
            d = w + e + u + v
            if nine:
                d += c[SW, i, j] * s[i - 1, j - 1] + c[SE, i, j] * s[i - 1, j + 1]
                d += c[NW, i, j] * s[i + 1, j - 1] + c[NE, i, j] * s[i + 1, j + 1]
            d = max(d / MOST, s[i, j])
            f = 1.0 / d if s[i, j] > TINY and d < LARGE else 0.0
            out[W, i, j], out[E, i, j] = w * f, e * f
            out[S, i, j], out[N, i, j] = u * f, v * f
            if nine:
                out[SW, i, j] = c[SW, i, j] * s[i - 1, j - 1] * f
                out[SE, i, j] = c[SE, i, j] * s[i - 1, j + 1] * f
                out[NW, i, j] = c[NW, i, j] * s[i + 1, j - 1] * f
                out[NE, i, j] = c[NE, i, j] * s[i + 1, j + 1] * f


@_kernel
def transposed(c, out, first, last):  # type: ignore[no-untyped-def]
    """Entries of the transposed matrix."""
    n = c.shape[2] - 2
    for i in range(first, last):
        for j in range(1, n + 1):
            out[W, i, j] = c[E, i, j - 1]
            out[E, i, j] = c[W, i, j + 1]
            out[S, i, j] = c[N, i - 1, j]
            out[N, i, j] = c[S, i + 1, j]
        if c.shape[0] > 4:
            for j in range(1, n + 1):
                out[SW, i, j] = c[NE, i - 1, j - 1]
                out[SE, i, j] = c[NW, i - 1, j + 1]
                out[NW, i, j] = c[SE, i + 1, j - 1]
                out[NE, i, j] = c[SW, i + 1, j + 1]


@_kernel
def line_weights(c, p, first, last):  # type: ignore[no-untyped-def]
    """Weights 0 to 3: of cells between two coarse ones, jumps to the sides left out."""
    nx, ny, nine = c.shape[1] - 2, c.shape[2] - 2, c.shape[0] > 4
    for a in range(first, last):
        for e in range(1, p.shape[2] - 1):
            i, j = 2 * a - 1, 2 * e
            if j <= ny:
                low, high = c[W, i, j], c[E, i, j]
                if nine:
                    low += c[SW, i, j] + c[NW, i, j]
                    high += c[SE, i, j] + c[NE, i, j]
                d = max(1.0 - c[S, i, j] - c[N, i, j], low + high)
                if low + high > 1e-6 * d:
                    p[0, a, e], p[1, a, e] = low / d, high / d
            i, j = 2 * a, 2 * e - 1
            if i <= nx:
                low, high = c[S, i, j], c[N, i, j]
                if nine:
                    low += c[SW, i, j] + c[SE, i, j]
                    high += c[NW, i, j] + c[NE, i, j]
                d = max(1.0 - c[W, i, j] - c[E, i, j], low + high)
                if low + high > 1e-6 * d:
                    p[2, a, e], p[3, a, e] = low / d, high / d


@_kernel
def middle_weights(c, p, first, last):  # type: ignore[no-untyped-def]
    """Weights 4 to 7: of cells between four coarse ones."""
    nx, ny, nine = c.shape[1] - 2, c.shape[2] - 2, c.shape[0] > 4
    for a in range(first, last):
        i = 2 * a
        if i > nx:
            continue
        for e in range(1, p.shape[2] - 1):
            j = 2 * e
            if j > ny:
                continue
            s, n, w, h = c[S, i, j], c[N, i, j], c[W, i, j], c[E, i, j]
            p[4, a, e] = s * p[0, a, e] + w * p[2, a, e]
            p[5, a, e] = s * p[1, a, e] + h * p[2, a, e + 1]
            p[6, a, e] = n * p[0, a + 1, e] + w * p[3, a, e]
            p[7, a, e] = n * p[1, a + 1, e] + h * p[3, a, e + 1]
            if nine:
                p[4, a, e] += c[SW, i, j]
                p[5, a, e] += c[SE, i, j]
                p[6, a, e] += c[NW, i, j]
                p[7, a, e] += c[NE, i, j]


@_kernel
def coarse_stencil(c, p, out, scale, first, last):  # type: ignore[no-untyped-def]
    """Chain of the coarse cells, with rows scaled to a diagonal of 1.

    A jump leads from a coarse cell to a neighbour; from one between two coarse cells to them, or
    aside to where `p` takes over; and from one between four to where `p` leads.
    """
    many = c.shape[0]
    g = np.zeros((5, 5))  # chance to stand on fine cells around
    acc = np.zeros((3, 3))
    for a in range(first, last):
        for e in range(1, out.shape[2] - 1):
            i, j = 2 * a - 1, 2 * e - 1
            g[:] = 0.0
            acc[:] = 0.0
            g[2, 1], g[2, 3] = c[W, i, j], c[E, i, j]
            g[1, 2], g[3, 2] = c[S, i, j], c[N, i, j]
            if many > 4:
                g[1, 1], g[1, 3] = c[SW, i, j], c[SE, i, j]
                g[3, 1], g[3, 3] = c[NW, i, j], c[NE, i, j]
            for side in range(2):  # cells between two, left or right, below or above
                way = 2 * side - 1
                z = g[2, 2 + way]
                if z > 0.0:
                    x, y, k = i, j + way, 2 + way
                    acc[1, 1] += z * c[E - side, x, y]
                    acc[1, 2 * side] += z * c[W + side, x, y]
                    g[1, k] += z * c[S, x, y]
                    g[3, k] += z * c[N, x, y]
                    if many > 4:
                        _from_line(acc, z * c[SW, x, y], p, 2, a - 1, e + side - 1, a, e, 1)
                        _from_line(acc, z * c[SE, x, y], p, 2, a - 1, e + side, a, e, 1)
                        _from_line(acc, z * c[NW, x, y], p, 2, a, e + side - 1, a, e, 1)
                        _from_line(acc, z * c[NE, x, y], p, 2, a, e + side, a, e, 1)
                z = g[2 + way, 2]
                if z > 0.0:
                    x, y, k = i + way, j, 2 + way
                    acc[1, 1] += z * c[N - side, x, y]
                    acc[2 * side, 1] += z * c[S + side, x, y]
                    g[k, 1] += z * c[W, x, y]
                    g[k, 3] += z * c[E, x, y]
                    if many > 4:
                        _from_line(acc, z * c[SW, x, y], p, 0, a + side - 1, e - 1, a, e, 0)
                        _from_line(acc, z * c[SE, x, y], p, 0, a + side - 1, e, a, e, 0)
                        _from_line(acc, z * c[NW, x, y], p, 0, a + side, e - 1, a, e, 0)
                        _from_line(acc, z * c[NE, x, y], p, 0, a + side, e, a, e, 0)
            for s in range(2):
                for t in range(2):
                    z = g[1 + 2 * s, 1 + 2 * t]
                    if z > 0.0:
                        x, y = a - 1 + s, e - 1 + t
                        acc[s, t] += z * p[4, x, y]
                        acc[s, t + 1] += z * p[5, x, y]
                        acc[s + 1, t] += z * p[6, x, y]
                        acc[s + 1, t + 1] += z * p[7, x, y]
            d = 1.0 - acc[1, 1]
            rest = acc.sum() - acc[1, 1]
            d = max(d, rest)
            if not d > 0.0:
                d = 1.0
            d = 1.0 / d
            scale[a, e] = d
            out[W, a, e], out[E, a, e] = acc[1, 0] * d, acc[1, 2] * d
            out[S, a, e], out[N, a, e] = acc[0, 1] * d, acc[2, 1] * d
            out[SW, a, e], out[SE, a, e] = acc[0, 0] * d, acc[0, 2] * d
            out[NW, a, e], out[NE, a, e] = acc[2, 0] * d, acc[2, 2] * d


@_kernel
def _from_line(acc, z, p, k, x, y, a, e, along):  # type: ignore[no-untyped-def]
    """Spread chance z of a cell between coarse (x, y) and the next one, around coarse (a, e)."""
    if z > 0.0:
        g, h = x - a + 1, y - e + 1
        acc[g, h] += z * p[k, x, y]
        if along == 1:
            acc[g + 1, h] += z * p[k + 1, x, y]
        else:
            acc[g, h + 1] += z * p[k + 1, x, y]


@_kernel
def gather_middle(c, r, first, last):  # type: ignore[no-untyped-def]
    """Add to residuals of cells between four those that are met from there, for coarse rows."""
    nx, ny = r.shape[0] - 2, r.shape[1] - 2
    for a in range(first, last):
        i = 2 * a
        if i > nx:
            continue
        for j in range(2, ny + 1, 2):
            z = c[W, i, j] * r[i, j - 1] + c[E, i, j] * r[i, j + 1]
            r[i, j] += z + c[S, i, j] * r[i - 1, j] + c[N, i, j] * r[i + 1, j]


@_kernel
def gather_lines(c, r, first, last):  # type: ignore[no-untyped-def]
    """Add to residuals of cells between two those that are met from there."""
    nx, ny = r.shape[0] - 2, r.shape[1] - 2
    for a in range(first, last):
        i = 2 * a - 1
        for j in range(2, ny + 1, 2):
            r[i, j] += c[S, i, j] * r[i - 1, j] + c[N, i, j] * r[i + 1, j]
        i = 2 * a
        if i <= nx:
            for j in range(1, ny + 1, 2):
                r[i, j] += c[W, i, j] * r[i, j - 1] + c[E, i, j] * r[i, j + 1]


@_kernel
def restrict(c, scale, r, out, first, last):  # type: ignore[no-untyped-def]
    """Residuals of the coarse cells, after both `gather`."""
    for a in range(first, last):
        i = 2 * a - 1
        for e in range(1, out.shape[1] - 1):
            j = 2 * e - 1
            z = r[i, j] + c[W, i, j] * r[i, j - 1] + c[E, i, j] * r[i, j + 1]
            z += c[S, i, j] * r[i - 1, j] + c[N, i, j] * r[i + 1, j]
            if c.shape[0] > 4:
                z += c[SW, i, j] * r[i - 1, j - 1] + c[SE, i, j] * r[i - 1, j + 1]
                z += c[NW, i, j] * r[i + 1, j - 1] + c[NE, i, j] * r[i + 1, j + 1]
            out[a, e] = scale[a, e] * z


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


@_kernel
def relative(c, u, b, r, first, last):  # type: ignore[no-untyped-def]
    """``r = (b - u + W u) / u``, 0 where u is; returns the largest sizes of u r / u and u r / b.

    Both include the rounding of the residual; inf if u is 0 where it should be none.
    """
    n = u.shape[1] - 2
    worst, over = 0.0, 0.0
    for i in range(first, last):
        for j in range(1, n + 1):
            x = u[i, j]
            z = c[W, i, j] * u[i, j - 1] + c[E, i, j] * u[i, j + 1]
            z += c[S, i, j] * u[i - 1, j] + c[N, i, j] * u[i + 1, j]
            if c.shape[0] > 4:
                z += (c[SW, i, j] * u[i - 1, j - 1] + c[SE, i, j] * u[i - 1, j + 1]) + (
                    c[NW, i, j] * u[i + 1, j - 1] + c[NE, i, j] * u[i + 1, j + 1]
                )
            d = (b[i, j] - x) + z
            if x == 0.0:
                r[i, j] = 0.0
                if d > LOST:
                    worst = over = np.inf
                continue
            r[i, j] = d / x
            worst = max(worst, abs(r[i, j]) + UNIT)
            over = max(over, (abs(d) + UNIT * x) / b[i, j]) if b[i, j] > 0.0 else np.inf
    return worst, over


@_kernel
def add(f, x, v):  # type: ignore[no-untyped-def]
    """``v += f x``."""
    g = v.dtype.type(f)
    for i in range(v.shape[0]):
        for j in range(v.shape[1]):
            v[i, j] += g * x[i, j]


_sum = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc"})


@_sum
def take_out(x, v):  # type: ignore[no-untyped-def]
    """Take the part along x, of length 1, out of v; returns it."""
    s = 0.0
    for i in range(v.shape[0]):
        z = v[i, 0] * 0
        for j in range(v.shape[1]):
            z += x[i, j] * v[i, j]
        s += z
    add(-s, x, v)
    return s


@_sum
def length(v):  # type: ignore[no-untyped-def]
    """Euclidean length."""
    s = 0.0
    for i in range(v.shape[0]):
        z = v[i, 0] * 0
        for j in range(v.shape[1]):
            z += v[i, j] * v[i, j]
        s += z
    return np.sqrt(s)


@_kernel
def scale(v, f):  # type: ignore[no-untyped-def]
    """Multiply v by a number."""
    g = v.dtype.type(f)
    for i in range(v.shape[0]):
        for j in range(v.shape[1]):
            v[i, j] *= g


@_kernel
def sweep(c, u, b, down, left):  # type: ignore[no-untyped-def]
    """One Gauss-Seidel step, cell after cell along both axes: solves what drifts against it.

    Along a row, ``u_j = t_j + a_j u_j-1`` is rewritten in terms of u_j-4, so that four chains of
    operations run side by side.
    """
    nx, n = u.shape[0] - 2, u.shape[1] - 2
    t, a = np.zeros(n + 4, dtype=u.dtype), np.zeros(n + 4, dtype=u.dtype)
    t2, a2, v = np.zeros_like(t), np.zeros_like(t), np.zeros_like(t)
    behind, ahead = (E, W) if left else (W, E)
    step = 1 if left else -1
    side = np.empty(n + 2, dtype=u.dtype)
    for x in range(1, nx + 1):
        i = nx + 1 - x if down else x
        for j in range(1, n + 1):
            side[j] = (b[i, j] + c[ahead, i, j] * u[i, j - step]) + (
                c[S, i, j] * u[i - 1, j] + c[N, i, j] * u[i + 1, j]
            )
        if c.shape[0] > 4:
            for j in range(1, n + 1):
                side[j] += (c[SW, i, j] * u[i - 1, j - 1] + c[SE, i, j] * u[i - 1, j + 1]) + (
                    c[NW, i, j] * u[i + 1, j - 1] + c[NE, i, j] * u[i + 1, j + 1]
                )
        if left:
            for q in range(n):
                t[q + 4], a[q + 4] = side[n - q], c[behind, i, n - q]
        else:
            for q in range(n):
                t[q + 4], a[q + 4] = side[q + 1], c[behind, i, q + 1]
        for q in range(4, n + 4):
            t2[q], a2[q] = t[q] + a[q] * t[q - 1], a[q] * a[q - 1]
        for q in range(4, n + 4):
            t[q], a[q] = t2[q] + a2[q] * t2[q - 2], a2[q] * a2[q - 2]
        for q in range(4, n + 4):
            v[q] = t[q] + a[q] * v[q - 4]
        if left:
            for q in range(n):
                u[i, n - q] = v[q + 4]
        else:
            for q in range(n):
                u[i, q + 1] = v[q + 4]
