"""Lattice links of a problem: which cells they join, their strength and their climb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.selling import selling_decomposition

__all__ = ["Links", "line_links", "plane_links"]

Array = NDArray[np.float64]
Indices = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Links:
    """Links between cells, and links that an absorbing wall cuts.

    Parameters
    ----------
    tail, head, offset : ndarray of int32
        As in `Generator`.
    rho_tail, rho_head : ndarray, shape (links,)
        Strength along the link in the decomposition of the tensor of either end.
    first, second, total : ndarray, shape (links,)
        Climb of Phi from tail to middle, middle to head, tail to head.
    harmonic : ndarray of bool, shape (links,)
        Whether flux along the link is one-dimensional (both tensors diagonal).
    wall_cell : ndarray of int32, shape (cut links,)
        Cells with a link through an absorbing wall.
    wall_rate, wall_climb : ndarray, shape (cut links,)
        Strength of the part inside (``rho / theta``, theta the fraction of the link) and the
        climb along it.
    """

    tail: Indices
    head: Indices
    offset: Indices
    rho_tail: Array
    rho_head: Array
    first: Array
    second: Array
    total: Array
    harmonic: NDArray[np.bool_]
    wall_cell: Indices
    wall_rate: Array
    wall_climb: Array


def line_links(fields: Fields) -> Links:
    """Links of a 1-D problem: one between neighbours, closed to a ring on a periodic axis."""
    (n,), (h,), ((low, high),) = fields.shape, fields.spacing, fields.walls
    d = fields.diffusion[:, 0, 0]
    if not (d > 0).all():
        cell = int(np.argmin(d))
        msg = f"the diffusion of cell {cell} is not positive: {d[cell]}"
        raise ValueError(msg)
    climb = np.diff(fields.potential)
    if fields.force is not None:
        f = fields.force[:, 0]
        climb = climb - h / 4 * (f[1:] + f[:-1])  # of each half link, by the trapezoidal rule
    # half links: 2 i leads from the low edge of cell i to its centre, 2 i + 1 on to its high edge
    climb = climb / np.repeat(d, 2)
    tail = np.arange(n if low == "periodic" else n - 1, dtype=np.int32)
    head = (tail + 1) % np.int32(n)
    first, second = climb[2 * tail + 1], climb[2 * head]
    total = first + second
    if fields.force is None and low != "periodic":
        u = fields.cell_potential()
        total = np.where(d[tail] == d[head], (u[head] - u[tail]) / d[tail], total)
    ends = [(0, low, -climb[0]), (n - 1, high, climb[-1])]
    cut = [(cell, z) for cell, wall, z in ends if wall == "absorbing"]
    cells = np.array([cell for cell, _ in cut], dtype=np.int32)
    return Links(
        tail,
        head,
        np.ones((tail.size, 1), dtype=np.int32),
        d[tail] / h**2,
        d[head] / h**2,
        first,
        second,
        total,
        np.ones(tail.size, dtype=np.bool_),
        cells,
        2 * d[cells] / h**2,
        np.array([z for _, z in cut], dtype=np.float64),
    )


def plane_links(fields: Fields) -> Links:
    """Links of a 2-D problem, from the Selling decomposition of every cell's tensor.

    A link that leaves through a reflecting wall is dropped; one that leaves through an absorbing
    wall keeps the part inside.
    """
    nx, ny = fields.shape
    d = fields.diffusion.reshape(nx * ny, 2, 2)
    determinant = d[:, 0, 0] * d[:, 1, 1] - d[:, 0, 1] ** 2
    if not ((determinant > 0) & (d[:, 0, 0] > 0)).all():
        cell = int(np.argmin(np.where(d[:, 0, 0] > 0, determinant, -np.inf)))
        msg = f"the diffusion tensor of cell {divmod(cell, ny)} is not positive definite"
        raise ValueError(msg)
    inverse = np.empty_like(d)
    inverse[:, 0, 0], inverse[:, 1, 1] = d[:, 1, 1] / determinant, d[:, 0, 0] / determinant
    inverse[:, 0, 1] = inverse[:, 1, 0] = -d[:, 0, 1] / determinant
    h = np.array(fields.spacing)
    offsets, rho = selling_decomposition(d, (float(h[0]), float(h[1])))
    walls = np.array([[_WALL_CODE[w] for w in axis] for axis in fields.walls])
    force = np.zeros((1, 1, 2)) if fields.force is None else fields.force
    ints, reals, wall_cell, wall_reals = _plane_links_kernel(
        np.array([nx, ny]), h, walls, offsets, rho, inverse,
        np.ascontiguousarray(fields.potential), np.ascontiguousarray(fields.gradient),
        np.ascontiguousarray(force), fields.force is not None,
    )  # fmt: skip
    diagonal = d[:, 0, 1] == 0
    tail, head = ints[:, 0].copy(), ints[:, 1].copy()
    rho_tail, rho_head, first, second, total = (column.copy() for column in reals.T)
    return Links(
        tail,
        head,
        ints[:, 2:].copy(),
        rho_tail,
        rho_head,
        first,
        second,
        total,
        diagonal[tail] & diagonal[head],
        wall_cell,
        wall_reals[:, 0].copy(),
        wall_reals[:, 1].copy(),
    )


_WALL_CODE = {"reflecting": 0, "absorbing": 1, "periodic": 2}


@njit(cache=True)
def _half_climb_kernel(inv, lx, ly, du, gx, gy, fx, fy):  # type: ignore[no-untyped-def]
    """Climb over half a link l: a dU + b.G/2 - (D^-1 l).F/2, with D^-1 l = a l + b, b.l = 0."""
    wx = inv[0, 0] * lx + inv[0, 1] * ly
    wy = inv[1, 0] * lx + inv[1, 1] * ly
    a = (wx * lx + wy * ly) / (lx * lx + ly * ly)
    # b = D^-1 l - a l, written so that it vanishes exactly for an isotropic tensor
    s = (wy * lx - wx * ly) / (lx * lx + ly * ly)
    return a * du + 0.5 * s * (gy * lx - gx * ly) - 0.5 * (wx * fx + wy * fy), a


@njit(cache=True)
def _wall_fraction_kernel(n, i, e, walls):  # type: ignore[no-untyped-def]
    """Fraction of link e inside the walls (2 when all of it is) and whether it ends absorbed."""
    theta, absorbed = 2.0, False
    for k in range(2):
        j = i[k] + e[k]
        side = 0 if j < 0 else 1
        if walls[k, 0] == 2 or 0 <= j < n[k]:
            continue
        edge = -0.5 - i[k] if side == 0 else n[k] - 0.5 - i[k]
        t = edge / e[k]
        here = walls[k, side] == 1
        if abs(t - theta) < 1e-12:
            absorbed = absorbed or here
        elif t < theta:
            theta, absorbed = t, here
    return theta, absorbed


@njit(cache=True)
def _plane_links_kernel(n, h, walls, offsets, rho, inv, u, g, f, forced):  # type: ignore[no-untyped-def]
    """Run through cells i and vectors e of their decomposition; each pair of cells once."""
    nx, ny = n[0], n[1]
    cells = nx * ny
    ints = np.empty((6 * cells, 4), dtype=np.int32)
    reals = np.empty((6 * cells, 5))
    cut_cell = np.empty(6 * cells, dtype=np.int32)
    cut = np.empty((6 * cells, 2))
    links, cuts = 0, 0
    i, e = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64)
    mid, end = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64)
    for c in range(cells):
        i[0], i[1] = c // ny, c % ny
        cx, cy = 2 * i[0] + 1, 2 * i[1] + 1
        for k in range(3):
            if rho[c, k] == 0.0:
                continue
            for sign in (1, -1):
                e[0], e[1] = sign * offsets[c, k, 0], sign * offsets[c, k, 1]
                lx, ly = e[0] * h[0], e[1] * h[1]
                theta, absorbed = _wall_fraction_kernel(n, i, e, walls)
                if theta < 2.0:
                    if absorbed:
                        gx, gy = g[cx, cy, 0], g[cx, cy, 1]
                        fx, fy = (f[cx, cy, 0], f[cx, cy, 1]) if forced else (0.0, 0.0)
                        wx = inv[c, 0, 0] * lx + inv[c, 0, 1] * ly
                        wy = inv[c, 1, 0] * lx + inv[c, 1, 1] * ly
                        cut_cell[cuts] = c
                        cut[cuts, 0] = rho[c, k] / theta
                        cut[cuts, 1] = theta * (wx * (gx - fx) + wy * (gy - fy))
                        cuts += 1
                    continue
                for axis in range(2):
                    mid[axis] = 2 * i[axis] + 1 + e[axis]
                    end[axis] = 2 * i[axis] + 1 + 2 * e[axis]
                    if walls[axis, 0] == 2:
                        mid[axis] %= 2 * n[axis]
                        end[axis] %= 2 * n[axis]
                j = (end[0] // 2) * ny + end[1] // 2
                rho_j = 0.0
                for m in range(3):
                    if (
                        offsets[j, m, 0] == offsets[c, k, 0]
                        and offsets[j, m, 1] == offsets[c, k, 1]
                    ):
                        rho_j = rho[j, m]
                # the cell at the low end writes the link, unless its decomposition lacks it
                if sign == -1 and rho_j > 0.0:
                    continue
                fx1 = fy1 = fx2 = fy2 = 0.0
                mx, my, ex, ey = mid[0], mid[1], end[0], end[1]
                if forced:
                    fx1 = 0.5 * (f[cx, cy, 0] + f[mx, my, 0])
                    fy1 = 0.5 * (f[cx, cy, 1] + f[mx, my, 1])
                    fx2 = 0.5 * (f[mx, my, 0] + f[ex, ey, 0])
                    fy2 = 0.5 * (f[mx, my, 1] + f[ex, ey, 1])
                z1, a1 = _half_climb_kernel(
                    inv[c], lx, ly, u[mx, my] - u[cx, cy],
                    0.5 * (g[cx, cy, 0] + g[mx, my, 0]), 0.5 * (g[cx, cy, 1] + g[mx, my, 1]),
                    fx1, fy1,
                )  # fmt: skip
                z2, a2 = _half_climb_kernel(
                    inv[j], lx, ly, u[ex, ey] - u[mx, my],
                    0.5 * (g[mx, my, 0] + g[ex, ey, 0]), 0.5 * (g[mx, my, 1] + g[ex, ey, 1]),
                    fx2, fy2,
                )  # fmt: skip
                total = z1 + z2
                if (
                    a1 == a2
                ):  # climb from cell values of the loss alone: exact, whatever lies between
                    du = u[ex, ey] - u[cx, cy]
                    total = a1 * du + (z1 - a1 * (u[mx, my] - u[cx, cy]))
                    total += z2 - a2 * (u[ex, ey] - u[mx, my])
                flip = sign == -1
                ints[links, 0], ints[links, 1] = (j, c) if flip else (c, j)
                ints[links, 2], ints[links, 3] = offsets[c, k, 0], offsets[c, k, 1]
                reals[links, 0], reals[links, 1] = (
                    (rho_j, rho[c, k]) if flip else (rho[c, k], rho_j)
                )
                reals[links, 2], reals[links, 3] = (-z2, -z1) if flip else (z1, z2)
                reals[links, 4] = -total if flip else total
                links += 1
    return ints[:links].copy(), reals[:links].copy(), cut_cell[:cuts].copy(), cut[:cuts].copy()
