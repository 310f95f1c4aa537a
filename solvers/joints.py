"""Links that join what a reflecting wall cut off."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.topology import LatticeLinks

__all__ = ["join"]

Array = NDArray[np.float64]
Indices = NDArray[np.int32]


def join(
    lattice: LatticeLinks,
    shape: tuple[int, ...],
    walls: tuple[tuple[str, str], ...],
    diffusion: Array,
    spacing: tuple[float, ...],
) -> LatticeLinks:
    """Join cells near reflecting walls that have lost the links to the rest.

    A reflecting wall drops the links that cross it. Where a tensor's links are long, some cells in
    corners then have none left, or only links among themselves. Such clusters are joined to their
    neighbours along the axes with the strength of the smallest eigenvalue of D, which is part of D
    in every direction: it moves the tensor in a strip that is as narrow as the links are long.

    Parameters
    ----------
    lattice : LatticeLinks
        Links of the Selling decomposition.
    shape, walls, spacing : tuple
        Of the grid.
    diffusion : ndarray, shape (cells, 2, 2) or (1, 2, 2)
        Tensor of each cell, or of all of them.

    Returns
    -------
    LatticeLinks
        The same object where nothing was cut off.
    """
    label = np.arange(np.prod(shape), dtype=np.int32)
    if _clusters_kernel(lattice.tail, lattice.head, label) == 1:
        return lattice
    tail, head, offset = _neighbours(shape, walls)
    apart = label[tail] != label[head]
    tail, head, offset = tail[apart], head[apart], offset[apart]
    smallest = np.broadcast_to(np.linalg.eigvalsh(diffusion)[:, 0], label.shape)
    square = (offset * np.asarray(spacing) ** 2).sum(axis=1)  # h^2 of the link's own axis
    ones = np.ones(tail.size)
    return LatticeLinks(
        np.concatenate([lattice.tail, tail]),
        np.concatenate([lattice.head, head]),
        np.concatenate([lattice.offset, offset]),
        np.concatenate([lattice.rho_tail, smallest[tail] / square]),
        np.concatenate([lattice.rho_head, smallest[head] / square]),
        np.concatenate([lattice.arm_tail, ones]),
        np.concatenate([lattice.arm_head, ones]),
        lattice.cut_cell,
        lattice.cut_offset,
        lattice.cut_rho,
        lattice.theta,
    )


def _neighbours(
    shape: tuple[int, ...], walls: tuple[tuple[str, str], ...]
) -> tuple[Indices, Indices, Indices]:
    """All pairs of cells side by side: tail, head and the unit vector between them."""
    number = np.arange(np.prod(shape), dtype=np.int32).reshape(shape)
    tails, heads, offsets = [], [], []
    for axis, (low, _) in enumerate(walls):
        after = np.roll(number, -1, axis=axis)
        here = number
        if low != "periodic":
            inside = tuple(slice(0, -1 if k == axis else None) for k in range(len(shape)))
            here, after = number[inside], after[inside]
        tails.append(here.ravel())
        heads.append(after.ravel())
        unit = np.zeros(len(shape), dtype=np.int32)
        unit[axis] = 1
        offsets.append(np.broadcast_to(unit, (here.size, len(shape))))
    return np.concatenate(tails), np.concatenate(heads), np.concatenate(offsets)


@njit(cache=True)
def _clusters_kernel(tail, head, label):  # type: ignore[no-untyped-def]
    """Count clusters of cells that links join; `label`, at first 0, 1, ..., tells them apart.

    Each cell points to one of smaller number in its cluster, the first one to itself.
    """
    count = label.size
    for e in range(tail.size):
        a, b = tail[e], head[e]
        while label[a] != a:
            label[a] = label[label[a]]
            a = label[a]
        while label[b] != b:
            label[b] = label[label[b]]
            b = label[b]
        if a != b:
            label[max(a, b)] = min(a, b)
            count -= 1
    for c in range(label.size):
        label[c] = label[label[c]]
    return count
