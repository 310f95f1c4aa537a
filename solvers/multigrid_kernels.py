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
    "product",
    "relative",
    "remainder",
    "residual",
    "scatter",
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
def relative(c, u, b, r, first, last):  # type: ignore[no-untyped-def]
    """``r = (b - u + W u) / u``, 0 where u is; returns the largest sizes of u r / u and u r / b.

    Both include the rounding of the residual; inf if u is 0 where it should be none, or no number.
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
            if not abs(d) < np.inf:
                r[i, j] = 0.0
                worst = over = np.inf
                continue
            if x == 0.0:
                r[i, j] = 0.0
                if d > LOST:
                    worst = over = np.inf
                continue
            r[i, j] = d / x
            worst = max(worst, abs(r[i, j]))
            z = abs(d) + UNIT * x
            if z > over * b[i, j]:
                over = z / b[i, j]
    return worst + UNIT if worst > 0.0 else 0.0, over


@_kernel
def remainder(c, u, t, r, first, last):  # type: ignore[no-untyped-def]
    """``r = 1 - (1 - W^u) t`` of the chain conditioned on u, 0 where u is.

    Returns the least and the largest t where u is not 0, and the largest r.
    """
    n = u.shape[1] - 2
    least, most, rest = np.inf, 0.0, -np.inf
    for i in range(first, last):
        for j in range(1, n + 1):
            x = u[i, j]
            if not x > 0.0:
                r[i, j] = 0.0
                continue
            z = c[W, i, j] * (u[i, j - 1] * t[i, j - 1]) + c[E, i, j] * (u[i, j + 1] * t[i, j + 1])
            z += c[S, i, j] * (u[i - 1, j] * t[i - 1, j]) + c[N, i, j] * (u[i + 1, j] * t[i + 1, j])
            if c.shape[0] > 4:
                z += c[SW, i, j] * (u[i - 1, j - 1] * t[i - 1, j - 1])
                z += c[SE, i, j] * (u[i - 1, j + 1] * t[i - 1, j + 1])
                z += c[NW, i, j] * (u[i + 1, j - 1] * t[i + 1, j - 1])
                z += c[NE, i, j] * (u[i + 1, j + 1] * t[i + 1, j + 1])
            d = 1.0 - t[i, j] + z / x
            r[i, j] = d
            if not abs(d) < np.inf:
                r[i, j], rest = 0.0, np.inf
                continue
            least, most, rest = min(least, t[i, j]), max(most, t[i, j]), max(rest, d)
    return least, most, rest


@_kernel
def scatter(c, tail, head, offset, forward, backward, per, kept, ways):  # type: ignore[no-untyped-def]
    """Put jump probabilities along links into a stencil: rates times `per`, between kept cells.

    ``ways[3 x + y + 4]`` is the direction of a link to cell (x, y).
    """
    ny = c.shape[2] - 2
    for k in range(tail.size):
        a, b = tail[k], head[k]
        if kept[a] and kept[b]:
            x, y = offset[k, 0], offset[k, 1]
            c[ways[3 * x + y + 4], a // ny + 1, a % ny + 1] += forward[k] * per[a]
            c[ways[4 - 3 * x - y], b // ny + 1, b % ny + 1] += backward[k] * per[b]
