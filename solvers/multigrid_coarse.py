"""Coarser chains of nine-point stencils, see `fokkerplanck.solvers.multigrid_kernels`.

Coarse cell (a, e) is the fine cell (2 a - 1, 2 e - 1). Behind it along both axes lie a cell
between two, (2 a - 1, 2 e) or (2 a, 2 e - 1), and one between four, (2 a, 2 e). Of the weights
``p[k, a, e]``, 0 and 1 lead from the first to the coarse cells left and right, 2 and 3 from the
second to those below and above, 4 to 7 from the third to all four; 8 and 9 are times that are spent
in the first two.
"""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["COUNT", "coarse_stencil", "line_weights", "middle_weights"]

#: Weights of each coarse cell.
COUNT = 10
W, E, S, N, SW, SE, NW, NE = range(8)

_kernel = njit(cache=True, nogil=True, error_model="numpy")


@_kernel
def line_weights(c, p, steep, first, last):  # type: ignore[no-untyped-def]
    """Weights of cells between two coarse ones, jumps to the sides left out.

    With `steep`, odds are those of jumps along the line: right for answers that change by factors
    from cell to cell. Otherwise answers are smooth, and odds are such that those who come here from
    between four cells drift into the direction that they should.
    """
    nx, ny, nine = c.shape[1] - 2, c.shape[2] - 2, c.shape[0] > 4
    sw = se = nw = ne = c[W, 0, 0]
    for a in range(first, last):
        for e in range(1, p.shape[2] - 1):
            for kind in range(2):
                i, j = 2 * a - 1 + kind, 2 * e - kind
                if i > nx or j > ny:
                    continue
                if nine:
                    sw, se, nw, ne = c[SW, i, j], c[SE, i, j], c[NW, i, j], c[NE, i, j]
                w, e_, s, n = c[W, i, j], c[E, i, j], c[S, i, j], c[N, i, j]
                x, y = (e_ - w) + ((ne - nw) + (se - sw)), (n - s) + ((ne - se) + (nw - sw))
                corners = (sw + se) + (nw + ne)
                lost = max(1.0 - ((w + e_) + (s + n) + corners), 0.0)
                if kind == 0:
                    low, high = w + (sw + nw), e_ + (se + ne)
                    along, across, ahead, aside = x, y, w + e_, s + n
                else:
                    low, high = s + (sw + se), n + (nw + ne)
                    along, across, ahead, aside = y, x, s + n, w + e_
                time = 1.0
                if not low + high > 1e-6 * (low + high + lost):
                    low = high = 0.0
                elif steep:
                    z = (1.0 - lost) / (low + high)
                    low, high = low * z, high * z
                else:
                    if abs(along) > aside:
                        time = aside / abs(along)
                    if time * abs(across) > ahead:
                        time = ahead / abs(across)
                    shift = 0.0
                    if aside > 0.0:
                        shift = min(max(time * along / aside, -1.0), 1.0)
                    elif along != 0.0:
                        shift = along / abs(along)
                    if (j == ny) if kind == 0 else (i == nx):  # nothing lies beyond
                        shift = -1.0
                    z = 1.0 - time * lost
                    low, high = z * (1.0 - shift) / 2, z * (1.0 + shift) / 2
                p[2 * kind, a, e], p[2 * kind + 1, a, e], p[8 + kind, a, e] = low, high, time


@_kernel
def middle_weights(c, p, first, last):  # type: ignore[no-untyped-def]
    """Weights of cells between four coarse ones."""
    nx, ny, nine = c.shape[1] - 2, c.shape[2] - 2, c.shape[0] > 4
    for a in range(first, last):
        i = 2 * a
        if i > nx:
            continue
        for q in range(ny // 2):
            e, j = q + 1, 2 * q + 2
            s, n, w, h = c[S, i, j], c[N, i, j], c[W, i, j], c[E, i, j]
            p[4, a, e] = s * p[0, a, e] + w * p[2, a, e]
            p[5, a, e] = s * p[1, a, e] + h * p[2, a, e + 1]
            p[6, a, e] = n * p[0, a + 1, e] + w * p[3, a, e]
            p[7, a, e] = n * p[1, a + 1, e] + h * p[3, a, e + 1]
        if nine:
            for q in range(ny // 2):
                e, j = q + 1, 2 * q + 2
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
    m = out.shape[2] - 2
    flat = np.zeros((6, m + 1), out.dtype)  # from cells between left and right to a - 1, a, a + 1
    below, above = np.zeros((6, m + 1), out.dtype), np.zeros((6, m + 1), out.dtype)
    if first > 1:
        _from_upright(c, p, above, first - 1)
    for a in range(first, last):
        below, above = above, below
        _from_flat(c, p, flat, a)
        _from_upright(c, p, above, a)
        i, nine = 2 * a - 1, c.shape[0] > 4
        for q in range(m):
            e, j = q + 1, 2 * q + 1
            w, h, s, n = c[W, i, j], c[E, i, j], c[S, i, j], c[N, i, j]
            sw = w * flat[0, q] + s * below[0, e]
            so = w * flat[1, q] + h * flat[0, e] + s * below[1, e]
            se = h * flat[1, e] + s * below[2, e]
            we = w * flat[2, q] + s * below[3, e] + n * above[0, e]
            ce = (w * flat[3, q] + h * flat[2, e]) + (s * below[4, e] + n * above[1, e])
            ea = h * flat[3, e] + s * below[5, e] + n * above[2, e]
            nw = w * flat[4, q] + n * above[3, e]
            no = w * flat[5, q] + h * flat[4, e] + n * above[4, e]
            ne = h * flat[5, e] + n * above[5, e]
            if nine:
                z = c[SW, i, j]
                sw += z * p[4, a - 1, q]
                so += z * p[5, a - 1, q]
                we += z * p[6, a - 1, q]
                ce += z * p[7, a - 1, q]
                z = c[SE, i, j]
                so += z * p[4, a - 1, e]
                se += z * p[5, a - 1, e]
                ce += z * p[6, a - 1, e]
                ea += z * p[7, a - 1, e]
                z = c[NW, i, j]
                we += z * p[4, a, q]
                ce += z * p[5, a, q]
                nw += z * p[6, a, q]
                no += z * p[7, a, q]
                z = c[NE, i, j]
                ce += z * p[4, a, e]
                ea += z * p[5, a, e]
                no += z * p[6, a, e]
                ne += z * p[7, a, e]
            d = max(1.0 - ce, ((we + ea) + (so + no)) + ((sw + se) + (nw + ne)))
            d = 1.0 / d if d > 0.0 else 1.0
            scale[a, e] = d
            out[W, a, e], out[E, a, e], out[S, a, e], out[N, a, e] = we * d, ea * d, so * d, no * d
            out[SW, a, e], out[SE, a, e] = sw * d, se * d
            out[NW, a, e], out[NE, a, e] = nw * d, ne * d


@_kernel
def _from_flat(c, p, to, a):  # type: ignore[no-untyped-def]
    """Where jumps lead from cells between left and right: to both in rows a - 1, a, a + 1."""
    i, nine = 2 * a - 1, c.shape[0] > 4
    for q in range((c.shape[2] - 2) // 2):
        e, j = q + 1, 2 * q + 2
        s, n = c[S, i, j], c[N, i, j]
        to[0, e], to[1, e] = s * p[4, a - 1, e], s * p[5, a - 1, e]
        to[2, e] = c[W, i, j] + (s * p[6, a - 1, e] + n * p[4, a, e])
        to[3, e] = c[E, i, j] + (s * p[7, a - 1, e] + n * p[5, a, e])
        to[4, e], to[5, e] = n * p[6, a, e], n * p[7, a, e]
    if nine:
        for q in range((c.shape[2] - 2) // 2):
            e, j = q + 1, 2 * q + 2
            sw, se, nw, ne = c[SW, i, j], c[SE, i, j], c[NW, i, j], c[NE, i, j]
            to[0, e] += sw * p[2, a - 1, e]
            to[1, e] += se * p[2, a - 1, e + 1]
            to[2, e] += sw * p[3, a - 1, e] + nw * p[2, a, e]
            to[3, e] += se * p[3, a - 1, e + 1] + ne * p[2, a, e + 1]
            to[4, e] += nw * p[3, a, e]
            to[5, e] += ne * p[3, a, e + 1]


@_kernel
def _from_upright(c, p, to, a):  # type: ignore[no-untyped-def]
    """Where they lead from cells between below and above: in rows a, a + 1 left, on, right."""
    i, nine = 2 * a, c.shape[0] > 4
    for q in range(to.shape[1] - 1):
        e, j = q + 1, 2 * q + 1
        w, h = c[W, i, j], c[E, i, j]
        to[0, e], to[2, e] = w * p[4, a, q], h * p[5, a, e]
        to[1, e] = c[S, i, j] + (w * p[5, a, q] + h * p[4, a, e])
        to[4, e] = c[N, i, j] + (w * p[7, a, q] + h * p[6, a, e])
        to[3, e], to[5, e] = w * p[6, a, q], h * p[7, a, e]
    if nine:
        for q in range(to.shape[1] - 1):
            e, j = q + 1, 2 * q + 1
            sw, se, nw, ne = c[SW, i, j], c[SE, i, j], c[NW, i, j], c[NE, i, j]
            to[0, e] += sw * p[0, a, q]
            to[1, e] += sw * p[1, a, q] + se * p[0, a, e]
            to[2, e] += se * p[1, a, e]
            to[3, e] += nw * p[0, a + 1, q]
            to[4, e] += nw * p[1, a + 1, q] + ne * p[0, a + 1, e]
            to[5, e] += ne * p[1, a + 1, e]
