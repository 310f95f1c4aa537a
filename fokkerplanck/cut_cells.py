"""Parts of a cell that lie in different regions: lengths along lines, exact to rounding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["mean_shares"]

Array = NDArray[np.float64]
#: shares (n, m, regions) of points (n, m, dim); row k lies in cell k
Shares = Callable[[Array, NDArray[np.intp]], Array]

#: Segments that each line is cut into before its borders are looked for.
SEGMENTS = 8
#: Lines through a cell of the plane, at Gauss points.
LINES = 8
#: Halvings of a segment that a border crosses.
BISECTIONS = 52


def mean_shares(shares: Shares, centres: Array, spacing: tuple[float, ...]) -> Array:
    """Mean shares over the volume of cells that borders cut.

    Along lines through the cell the border is found by bisection; in the plane these lines run
    along the axis that crosses the border more often, so that a border along an axis is found as
    exactly as an oblique one. (Counting points on a lattice instead rounds the part of a cell to
    so many sixteenths, and for a border along an axis the same way in every cell.)

    Parameters
    ----------
    shares : callable
        From points (n, m, dim) and the numbers (n,) of their cells to shares (n, m, regions).
    centres : ndarray, shape (cells, dim)
    spacing : tuple of float
        Widths of the cells.

    Returns
    -------
    ndarray, shape (cells, regions)
    """
    cells, dim = centres.shape
    number = np.arange(cells)
    lattices = [_lattice(dim, axis) for axis in range(dim)]
    found = [shares(_points(centres, spacing, x), number) for x, _ in lattices]
    changes = np.array([_changed(s).sum(axis=(1, 2)) for s in found])
    along = changes.argmax(axis=0)
    out = np.empty((cells, found[0].shape[-1]))
    for axis, (lattice, weights) in enumerate(lattices):
        chosen = np.flatnonzero(along == axis)
        if chosen.size:
            x = _points(centres[chosen], spacing, lattice)
            lengths = _segments(shares, x, found[axis][chosen], chosen)
            out[chosen] = np.einsum("nlsr,l->nr", lengths, weights) / SEGMENTS
    return out


def _lattice(dim: int, axis: int) -> tuple[Array, Array]:
    """Points of the lines along an axis in the unit cell, (lines, nodes, dim), and weights."""
    nodes = np.linspace(-0.5, 0.5, SEGMENTS + 1)
    if dim == 1:
        return nodes[None, :, None], np.ones(1)
    across, weights = np.polynomial.legendre.leggauss(LINES)
    pair = np.broadcast_arrays(nodes[None, :], across[:, None] / 2)
    return np.stack(pair if axis == 0 else pair[::-1], axis=-1), weights / 2


def _points(centres: Array, spacing: tuple[float, ...], lattice: Array) -> Array:
    flat = (lattice * np.array(spacing)).reshape(-1, lattice.shape[-1])
    return np.asarray(centres[:, None, :] + flat)


def _changed(shares: Array) -> NDArray[np.bool_]:
    """Whether the owner changes along each segment, (cells, lines, segments)."""
    owner = shares.argmax(axis=-1).reshape(len(shares), -1, SEGMENTS + 1)
    return np.asarray(owner[..., 1:] != owner[..., :-1])


def _segments(shares: Shares, x: Array, found: Array, number: NDArray[np.intp]) -> Array:
    """Mean shares along each segment, (cells, lines, segments, regions)."""
    n, dim, regions = len(x), x.shape[-1], found.shape[-1]
    x = x.reshape(n, -1, SEGMENTS + 1, dim)
    s = found.reshape(n, -1, SEGMENTS + 1, regions)
    mean = (s[:, :, :-1] + s[:, :, 1:]) / 2
    cut = np.nonzero(_changed(found))
    low, high = x[:, :, :-1][cut], x[:, :, 1:][cut]
    first, last = s[:, :, :-1][cut], s[:, :, 1:][cut]
    start, owner, cell = low.copy(), first.argmax(axis=-1), number[cut[0]]
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        same = (shares(middle[:, None, :], cell)[:, 0].argmax(axis=-1) == owner)[:, None]
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    length = np.linalg.norm(x[0, 0, 1] - x[0, 0, 0])
    part = (np.linalg.norm(low - start, axis=-1) / length)[:, None]
    mean[cut] = part * first + (1 - part) * last
    return np.asarray(mean)
