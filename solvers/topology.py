"""Which cells of a plane are joined by the links of a Selling decomposition."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.pieces import PIECE, in_pieces

__all__ = ["LatticeLinks", "lattice_links"]

Array = NDArray[np.float64]
Indices = NDArray[np.int32]

_WALL_CODE = {"reflecting": 0, "absorbing": 1, "periodic": 2}


class LatticeLinks(NamedTuple):
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
        Lattice vectors of each cell, first non-zero component positive; or (1, 3, 2), those of
        all cells.
    rho : ndarray, shape (cells, 3) or (1, 3)
        Their strengths.

    Returns
    -------
    LatticeLinks
        A strength is 0 at an end whose own decomposition lacks the vector. Of one decomposition
        for all cells, both ends of the links share their strengths.
    """
    codes = np.array([[_WALL_CODE[w] for w in axis] for axis in walls])
    given = (np.array(shape), codes, offsets, rho, int(np.abs(offsets).max(initial=0)))
    rows, each = shape[0], max(1, PIECE // shape[1])
    counts = np.zeros((-(-rows // each) + 1, 2), dtype=np.int64)
    nothing = _room(0, 0, strengths=False, shared=False, arms=False)

    def count(low: int, high: int) -> None:
        counts[low // each + 1] = _links_kernel(*given, low, high, 0, 0, False, *nothing)

    in_pieces(count, rows, each)
    starts = counts.cumsum(axis=0)
    links, cuts = starts[-1].tolist()
    uniform = len(offsets) == 1
    known = np.unique(rho[rho > 0.0]) if uniform else np.empty(0)
    even = known.size == 1
    made = _room(
        links, cuts, strengths=not even, shared=uniform, arms="absorbing" in np.ravel(walls)
    )

    def fill(low: int, high: int) -> None:
        link, cut = starts[low // each]
        _links_kernel(*given, low, high, link, cut, True, *made)

    in_pieces(fill, rows, each)
    one = np.broadcast_to(np.ones(1), (links,))
    strength = np.broadcast_to(known, (links,)) if even else None
    return made._replace(
        rho_tail=made.rho_tail if strength is None else strength,
        rho_head=made.rho_head if strength is None else strength,
        arm_tail=made.arm_tail if made.arm_tail.size else one,
        arm_head=made.arm_head if made.arm_head.size else one,
    )


def _room(links: int, cuts: int, *, strengths: bool, shared: bool, arms: bool) -> LatticeLinks:
    """Make room for what the kernel fills; strengths and arms may be left out."""
    rho = np.empty(links * strengths)
    return LatticeLinks(
        np.empty(links, dtype=np.int32),
        np.empty(links, dtype=np.int32),
        np.empty((links, 2), dtype=np.int32),
        rho,
        rho if shared else np.empty(links * strengths),
        np.empty(links * arms),
        np.empty(links * arms),
        np.empty(cuts, dtype=np.int32),
        np.empty((cuts, 2), dtype=np.int32),
        np.empty(cuts),
        np.empty(cuts),
    )


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _arm_kernel(n, walls, ix, iy, ex, ey):  # type: ignore[no-untyped-def]
    """Length of the arm from a cell along e: theta if an absorbing wall cuts it, else 1."""
    theta, absorbed = _wall_kernel(n, walls, ix, iy, ex, ey)
    return theta if absorbed else 1.0


@njit(cache=True, nogil=True)
def _links_kernel(  # type: ignore[no-untyped-def]
    n, walls, offsets, rho, reach, low, high, link, cut, write, tail, head, offset, rho_tail,
    rho_head, arm_tail, arm_head, cut_cell, cut_offset, cut_rho, cut_theta,
):  # fmt: skip
    """Run over the cells c of some rows and the vectors +-e of their decomposition.

    Links are written from number `link` on, those that a wall cuts from number `cut` on; returns
    the numbers after the last of them.
    """
    ny = n[1]
    far = 2 * reach  # whose links, and those of all their neighbours, stay inside
    each = 1 if rho.shape[0] > 1 else 0
    strengths, arms = rho_tail.size > 0, arm_tail.size > 0
    kinds = 0  # links that a cell far from the walls writes, where all have the same
    for k in range(3):
        kinds += rho[0, k] > 0.0
    ix, iy = low, -1
    for c in range(low * ny, high * ny):
        iy += 1
        if iy == ny:
            ix, iy = ix + 1, 0
        inside = far <= ix < n[0] - far and far <= iy < ny - far
        if inside and each == 0:
            if write:
                for k in range(3):
                    if rho[0, k] == 0.0:
                        continue
                    ex, ey = offsets[0, k, 0], offsets[0, k, 1]
                    tail[link], head[link] = c, c + ex * ny + ey
                    offset[link, 0], offset[link, 1] = ex, ey
                    if strengths:
                        rho_tail[link] = rho_head[link] = rho[0, k]
                    if arms:
                        arm_tail[link] = arm_head[link] = 1.0
                    link += 1
            else:
                link += kinds
            continue
        here = each * c
        for k in range(3):
            if rho[here, k] == 0.0:
                continue
            for sign in (1, -1):
                ex, ey = sign * offsets[here, k, 0], sign * offsets[here, k, 1]
                if not inside:
                    theta, absorbed = _wall_kernel(n, walls, ix, iy, ex, ey)
                    if theta < 2.0:
                        if absorbed and write:
                            opposite = _arm_kernel(n, walls, ix, iy, -ex, -ey)
                            cut_cell[cut], cut_theta[cut] = c, theta
                            cut_offset[cut, 0], cut_offset[cut, 1] = ex, ey
                            cut_rho[cut] = rho[here, k] * 2.0 / (theta * (theta + opposite))
                        cut += absorbed
                        continue
                jx, jy = ix + ex, iy + ey
                if not inside:
                    jx, jy = jx % n[0], jy % n[1]
                other = jx * ny + jy
                rho_j = rho[here, k]
                if each:
                    rho_j = 0.0
                    for m in range(3):
                        same = offsets[other, m, 0] == offsets[here, k, 0]
                        if same and offsets[other, m, 1] == offsets[here, k, 1]:
                            rho_j = rho[other, m]
                # the cell at the tail writes the link, unless its decomposition lacks it
                if sign == -1 and rho_j > 0.0:
                    continue
                if write:
                    up = sign == 1
                    tail[link], head[link] = (c, other) if up else (other, c)
                    offset[link, 0], offset[link, 1] = offsets[here, k, 0], offsets[here, k, 1]
                    if strengths:
                        rho_tail[link] = rho[here, k] if up else rho_j
                        rho_head[link] = rho_j if up else rho[here, k]
                    if arms:
                        a = b = 1.0
                        if not inside:
                            a = 2.0 / (1.0 + _arm_kernel(n, walls, ix, iy, -ex, -ey))
                            b = 2.0 / (1.0 + _arm_kernel(n, walls, jx, jy, ex, ey))
                        arm_tail[link], arm_head[link] = (a, b) if up else (b, a)
                link += 1
    return link, cut
