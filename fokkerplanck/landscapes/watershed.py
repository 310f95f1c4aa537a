"""Basins of a landscape given on cells, and the lowest passes between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fokkerplanck.landscapes.base import Array

__all__ = ["Labels", "basins", "join_to", "passes", "root"]

Labels = NDArray[np.intp]
Cell = tuple[int, ...]
#: wells shallower than this many rounding errors of the loss are none
ROUNDING = 64.0


def basins(
    loss: Array, periodic: Sequence[bool], spacing: Sequence[float] | None = None
) -> tuple[Labels, list[Cell]]:
    """Which minimum each cell flows down to, by steepest descent over all neighbours.

    Parameters
    ----------
    loss : ndarray, shape (*shape)
        The loss on cells, one or two dimensions.
    periodic : sequence of bool
        For each axis, whether its two ends are neighbours.
    spacing : sequence of float, optional
        Cell widths, by which slopes are measured; equal ones unless given.

    Returns
    -------
    labels : ndarray of int, shape (*shape)
        Number of the basin of each cell.
    minima : list of cell indices
        The lowest cell of each basin; basin k drains to ``minima[k]``. In the order of cells.

    Notes
    -----
    Cells without a lower neighbour are joined over plateaus, and wells no deeper than the
    rounding error of the loss are joined to their neighbours, so a flat landscape is one basin.
    """
    loss = np.asarray(loss, dtype=np.float64)
    roots = _descend(loss, tuple(periodic), spacing or (1.0,) * loss.ndim)
    number, labels = np.unique(roots, return_inverse=True)
    labels = labels.reshape(loss.shape)
    parent = _join_shallow(loss, labels, number, tuple(periodic))
    kept, renamed = np.unique(number[parent], return_inverse=True)
    minima = [tuple(int(i) for i in np.unravel_index(c, loss.shape)) for c in kept]
    return renamed[labels].astype(np.intp), minima


def join_to(loss: Array, labels: Labels, periodic: Sequence[bool], cells: Sequence[Cell]) -> Labels:
    """Join basins until each holds one of `cells`; label k is then that of ``cells[k]``.

    A grid breaks a narrow, slanting valley into many small basins; each is given to the one it
    spills into first. Cells that share a basin share the smaller label.
    """
    wanted = [int(labels[cell]) for cell in cells]
    name = {basin: k for k, basin in reversed(list(enumerate(wanted)))}
    pairs, _, _ = passes(np.asarray(loss), labels, tuple(periodic))
    parent = np.arange(int(labels.max()) + 1)
    for a, b in pairs.tolist():
        low, high = root(parent, a), root(parent, b)
        if low in name and high in name:
            continue
        if high in name:
            low, high = high, low
        parent[high] = low
    final = np.array([name[root(parent, k)] for k in range(len(parent))], dtype=np.intp)
    return np.asarray(final[labels])


def _descend(loss: Array, periodic: tuple[bool, ...], spacing: Sequence[float]) -> Labels:
    """Flat index of the cell each cell ends in; pointer jumping follows all paths at once."""
    indices = np.arange(loss.size).reshape(loss.shape)
    target, steepest = indices.copy(), np.zeros(loss.shape)
    for offset in _offsets(loss.ndim):
        length = float(np.hypot.reduce(np.multiply(offset, spacing)))
        slope = (loss - _shifted(loss, offset, periodic, np.inf)) / length
        better = slope > steepest
        np.copyto(steepest, slope, where=better)
        np.copyto(target, _shifted(indices, offset, periodic, -1), where=better)
    flat: Labels = target.ravel()
    while True:
        further = flat[flat]
        if np.array_equal(further, flat):
            return flat
        flat = further


def _join_shallow(
    loss: Array, labels: Labels, number: Labels, periodic: tuple[bool, ...]
) -> Labels:
    """Which basin each basin belongs to, once those of depth zero to rounding are joined."""
    depth = loss.ravel()[number]
    tolerance = ROUNDING * np.finfo(float).eps * float(np.abs(loss).max())
    pairs, heights, _ = passes(loss, labels, periodic)
    level = heights - depth[pairs].min(axis=-1, initial=np.inf) <= tolerance
    parent = _plateaus(pairs[level], depth)
    # a joint basin is at least as deep as its parts: what is deep now stays deep
    shallow = heights - depth[pairs].max(axis=-1, initial=-np.inf) <= tolerance
    for (a, b), height in zip(
        pairs[shallow & ~level].tolist(), heights[shallow & ~level], strict=True
    ):
        low, high = sorted((root(parent, a), root(parent, b)), key=lambda k: (depth[k], k))
        if low != high and height - depth[high] <= tolerance:
            parent[high] = low
    while not np.array_equal(parent[parent], parent):
        parent = parent[parent]
    return parent


def _plateaus(pairs: Labels, depth: Array) -> Labels:
    """Lowest basin of each set of basins that touch at their own level."""
    count = len(depth)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    sets, label = connected_components(graph, directed=False)
    lowest = np.zeros(sets, dtype=np.intp)
    order = np.lexsort((np.arange(count), depth))[::-1]
    lowest[label[order]] = order  # the lowest is written last
    return np.asarray(lowest[label])


def passes(loss: Array, labels: Labels, periodic: tuple[bool, ...]) -> tuple[Labels, Array, Labels]:
    """Lowest pass between each two basins that touch, lowest first.

    Returns
    -------
    pairs : ndarray of int, shape (n, 2)
        The basins, smaller label first.
    heights : ndarray, shape (n,)
        Loss at the pass.
    cells : ndarray of int, shape (n,)
        Its highest cell, as a flat index.
    """
    indices = np.arange(loss.size).reshape(loss.shape)
    found: list[list[NDArray[Any]]] = []
    for offset in _offsets(loss.ndim)[: (3**loss.ndim - 1) // 2]:
        other = _shifted(labels, offset, periodic, -1)
        touch = (other != labels) & (other >= 0)
        beyond = _shifted(loss, offset, periodic, np.inf)[touch]
        here = loss[touch]
        cell = np.where(
            here >= beyond, indices[touch], _shifted(indices, offset, periodic, -1)[touch]
        )
        found.append([labels[touch], other[touch], np.maximum(here, beyond), cell])
    first, second, height, cell = (np.concatenate(part) for part in zip(*found, strict=True))
    pairs = np.sort(np.stack([first, second], axis=-1), axis=-1).astype(np.intp)
    order = np.lexsort((cell, height))
    code = (pairs[:, 0] * (int(labels.max()) + 1) + pairs[:, 1])[order]
    _, where = np.unique(code, return_index=True)
    best = order[np.sort(where)]
    return pairs[best], height[best].astype(np.float64), cell[best].astype(np.intp)


def _offsets(dim: int) -> list[tuple[int, ...]]:
    return [o for o in product((-1, 0, 1), repeat=dim) if any(o)]


def _shifted(
    values: NDArray[Any], offset: Sequence[int], periodic: Sequence[bool], outside: float
) -> NDArray[Any]:
    """Value at cell + offset; `outside` beyond a wall."""
    out = values
    for axis, (step, wraps) in enumerate(zip(offset, periodic, strict=True)):
        if step == 0:
            continue
        out = np.roll(out, -step, axis)
        if not wraps:
            edge: list[slice | int] = [slice(None)] * values.ndim
            edge[axis] = -1 if step > 0 else 0
            out[tuple(edge)] = outside
    return out


def root(parent: Labels, k: int) -> int:
    """Find the representative of `k` in a forest of joined sets; paths are halved on the way."""
    while parent[k] != k:
        parent[k] = parent[parent[k]]
        k = int(parent[k])
    return k
