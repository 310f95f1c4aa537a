"""Which cells of a plane are joined by the links of a Selling decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["LatticeLinks", "lattice_links"]

Array = NDArray[np.float64]
Indices = NDArray[np.int32]

_WALL_CODE = {"reflecting": 0, "absorbing": 1, "periodic": 2}


@dataclass(frozen=True, eq=False)
class LatticeLinks:
    """Links between cells, and those that an absorbing wall cuts at a fraction theta.

    Where a wall cuts one arm of a cell at theta, the strengths of both arms are multiplied so
    that their second difference stays exact on quadratics: by ``2 / (theta (theta + theta'))``
    (done in `cut_rho`) and by ``2 / (theta' (theta + theta'))`` (`arm_tail`, `arm_head`).
    """

    tail: Indices
    head: Indices
    offset: Indices
    rho_tail: Array
    rho_head: Array
    arm_tail: Array
    arm_head: Array
    cut_cell: Indices
    cut_offset: Indices
    cut_rho: Array
    theta: Array


def lattice_links(
    shape: tuple[int, ...], walls: tuple[tuple[str, str], ...], offsets: Indices, rho: Array
) -> LatticeLinks:
    """List the links of every cell's decomposition, each pair of cells with an offset once.

    Parameters
    ----------
    shape, walls : tuple
        Cells and walls of both axes.
    offsets : ndarray of int32, shape (cells, 3, 2)
        Lattice vectors of each cell, first non-zero component positive.
    rho : ndarray, shape (cells, 3)
        Their strengths.

    Returns
    -------
    LatticeLinks
        A strength is 0 at an end whose own decomposition lacks the vector.
    """
    codes = np.array([[_WALL_CODE[w] for w in axis] for axis in walls])
    ints, reals, cut_ints, cut_reals = _links_kernel(
        np.array(shape), codes, offsets, rho, int(np.abs(offsets).max(initial=0))
    )
    return LatticeLinks(
        ints[:, 0].copy(),
        ints[:, 1].copy(),
        ints[:, 2:].copy(),
        reals[:, 0].copy(),
        reals[:, 1].copy(),
        reals[:, 2].copy(),
        reals[:, 3].copy(),
        cut_ints[:, 0].copy(),
        cut_ints[:, 1:].copy(),
        cut_reals[:, 0].copy(),
        cut_reals[:, 1].copy(),
    )


@njit(cache=True)
def _wall_kernel(n, walls, ix, iy, ex, ey):  # type: ignore[no-untyped-def]
    """Fraction of link e inside the walls (2 when all of it is) and whether it ends absorbed."""
    theta, absorbed = 2.0, False
    for k in range(2):
        i, e = (ix, ex) if k == 0 else (iy, ey)
        if 0 <= i + e < n[k] or walls[k, 0] == 2:
            continue
        side = 0 if e < 0 else 1
        t = (-0.5 - i if side == 0 else n[k] - 0.5 - i) / e
        here = walls[k, side] == 1
        if abs(t - theta) < 1e-12:  # through a corner
            absorbed = absorbed or here
        elif t < theta:
            theta, absorbed = t, here
    return theta, absorbed


@njit(cache=True)
def _arm_kernel(n, walls, ix, iy, ex, ey):  # type: ignore[no-untyped-def]
    """Length of the arm from a cell along e: theta if an absorbing wall cuts it, else 1."""
    theta, absorbed = _wall_kernel(n, walls, ix, iy, ex, ey)
    return theta if absorbed else 1.0


@njit(cache=True)
def _links_kernel(n, walls, offsets, rho, reach):  # type: ignore[no-untyped-def]
    """Run over cells c and vectors +-e of their decomposition."""
    ny, cells = n[1], n[0] * n[1]
    far = 2 * reach  # whose links, and those of all their neighbours, stay inside
    ints, reals = np.empty((6 * cells, 4), dtype=np.int32), np.empty((6 * cells, 4))
    cut_ints, cut_reals = np.empty((6 * cells, 3), dtype=np.int32), np.empty((6 * cells, 2))
    links, cuts = 0, 0
    for c in range(cells):
        ix, iy = c // ny, c % ny
        inside = far <= ix < n[0] - far and far <= iy < ny - far
        for k in range(3):
            if rho[c, k] == 0.0:
                continue
            for sign in (1, -1):
                ex, ey = sign * offsets[c, k, 0], sign * offsets[c, k, 1]
                if not inside:
                    theta, absorbed = _wall_kernel(n, walls, ix, iy, ex, ey)
                if not inside and theta < 2.0:
                    if absorbed:
                        opposite = _arm_kernel(n, walls, ix, iy, -ex, -ey)
                        cut_ints[cuts, 0], cut_ints[cuts, 1], cut_ints[cuts, 2] = c, ex, ey
                        cut_reals[cuts, 0] = rho[c, k] * 2.0 / (theta * (theta + opposite))
                        cut_reals[cuts, 1] = theta
                        cuts += 1
                    continue
                jx, jy = ix + ex, iy + ey
                if not inside:
                    jx, jy = jx % n[0], jy % n[1]
                other = jx * ny + jy
                rho_j = 0.0
                for m in range(3):
                    same = offsets[other, m, 0] == offsets[c, k, 0]
                    if same and offsets[other, m, 1] == offsets[c, k, 1]:
                        rho_j = rho[other, m]
                # the cell at the tail writes the link, unless its decomposition lacks it
                if sign == -1 and rho_j > 0.0:
                    continue
                here, there = (0, 1) if sign == 1 else (1, 0)
                ints[links, here], ints[links, there] = c, other
                reals[links, here], reals[links, there] = rho[c, k], rho_j
                reals[links, 2], reals[links, 3] = 1.0, 1.0
                if not inside:
                    arm = _arm_kernel(n, walls, ix, iy, -ex, -ey)
                    reals[links, 2 + here] = 2.0 / (1.0 + arm)
                    arm = _arm_kernel(n, walls, jx, jy, ex, ey)
                    reals[links, 2 + there] = 2.0 / (1.0 + arm)
                ints[links, 2], ints[links, 3] = offsets[c, k, 0], offsets[c, k, 1]
                links += 1
    return ints[:links], reals[:links], cut_ints[:cuts], cut_reals[:cuts]
