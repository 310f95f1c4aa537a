"""Wells of a landscape given on cells: their regions, minima and the passes between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.watershed import basins, passes, root

__all__ = ["Wells", "find_wells"]

Array = NDArray[np.float64]
Cell = tuple[int, ...]

#: wells shallower than this part of the range between the lowest minimum and the highest pass
#: are merged with their neighbour: a figure is about the deep ones
SHALLOW = 0.03
#: a figure with more wells than this is read by nobody
MOST = 6


@dataclass(frozen=True, slots=True)
class Wells:
    """Deep wells of a landscape.

    Parameters
    ----------
    labels : ndarray of int, shape (*shape)
        Which well each cell belongs to.
    minima : tuple of cell indices
        The lowest cell of each well.
    passes : tuple of cell indices
        The cells over which neighbouring wells are joined at the lowest loss (the saddles).
    bottoms, saddles : ndarray, shape (wells, dim) and (passes, dim)
        Where they are between the cell centres.
    """

    labels: NDArray[np.intp]
    minima: tuple[Cell, ...]
    passes: tuple[Cell, ...]
    bottoms: Array
    saddles: Array

    def masses(self, density: Array, volume: float) -> Array:
        """Mass of `density` in each well, shape (wells,)."""
        weights = density.ravel() * volume
        return np.asarray(
            np.bincount(self.labels.ravel(), weights, minlength=len(self.minima)), dtype=np.float64
        )

    def names(self) -> list[str]:
        """Positions of the minima as text."""
        return [_position(point) for point in self.bottoms]


def find_wells(loss: Array, grid: Grid) -> Wells | None:
    """Find the deep wells of a cell-valued landscape; None when it is flat.

    Basins of steepest descent are merged over the lowest passes, shallowest first, so that what
    is left are the wells whose depth (pass minus minimum) is a visible part of the relief: the
    merge tree of the landscape, cut at one depth.
    """
    if not np.isfinite(loss).all() or np.ptp(loss) == 0.0:
        return None
    labels, found = basins(loss, tuple(axis.periodic for axis in grid.axes))
    minima = [tuple(int(i) for i in cell) for cell in found]
    tree = _merge_tree(loss, minima, _passes(loss, labels, grid))
    kept = _deep(tree)
    owner = _roots([float(loss[c]) for c in minima], [edge for edge in tree if edge not in kept])
    lowest = sorted(set(owner), key=lambda k: minima[k])
    rename = {old: new for new, old in enumerate(lowest)}
    relabel = np.array([rename[r] for r in owner], dtype=np.intp)
    bottoms, tops = [minima[k] for k in lowest], [edge[3] for edge in kept]
    return Wells(
        relabel[labels],
        tuple(bottoms),
        tuple(tops),
        _between_cells(loss, bottoms, grid),
        _between_cells(loss, tops, grid),
    )


def _between_cells(loss: Array, cells: list[Cell], grid: Grid) -> Array:
    """Critical points of the parabolas through the cells and their neighbours."""
    return np.array([_newton(loss, cell, grid) for cell in cells]).reshape(-1, grid.dim)


def _newton(loss: Array, cell: Cell, grid: Grid) -> Array:
    point = np.array([axis.centres[i] for axis, i in zip(grid.axes, cell, strict=True)])
    if any(not 0 < i < n - 1 for i, n in zip(cell, loss.shape, strict=True)):
        return point
    near = loss[tuple(slice(i - 1, i + 2) for i in cell)]
    # the rows of the cross through the middle, one for each axis
    rows = [near] if grid.dim == 1 else [near[:, 1], near[1, :]]
    gradient = np.array([(row[2] - row[0]) / 2 for row in rows])
    hessian = np.diag([row[2] - 2 * row[1] + row[0] for row in rows])
    if grid.dim == 2:
        hessian += (near[2, 2] - near[2, 0] - near[0, 2] + near[0, 0]) / 4 * (1 - np.eye(2))
    step = -np.linalg.pinv(hessian) @ gradient
    return np.asarray(point + np.clip(step, -1.0, 1.0) * grid.spacing)


#: height of a pass, the two basins that touch there, its cell
Pass = tuple[float, int, int, Cell]
#: depth of the shallower well, the two basins that touch, the pass between them
Edge = tuple[float, int, int, Cell]


def _passes(loss: Array, labels: NDArray[np.intp], grid: Grid) -> list[Pass]:
    """Lowest pass between each pair of neighbouring basins, lowest first."""
    pairs, heights, cells = passes(loss, labels, tuple(axis.periodic for axis in grid.axes))
    where = np.stack(np.unravel_index(cells, loss.shape), axis=-1).tolist()
    rows = zip(heights.tolist(), pairs.tolist(), where, strict=True)
    return [(height, a, b, tuple(cell)) for height, (a, b), cell in rows]


def _merge_tree(loss: Array, minima: list[Cell], crossings: list[Pass]) -> list[Edge]:
    """Join basins over their passes from the lowest up; the deeper minimum survives."""
    parent = np.arange(len(minima))
    depth = [float(loss[cell]) for cell in minima]
    tree: list[Edge] = []
    for height, a, b, cell in crossings:
        low, high = sorted((root(parent, a), root(parent, b)), key=depth.__getitem__)
        if low == high:
            continue
        parent[high] = low
        tree.append((height - depth[high], a, b, cell))
    return tree


def _deep(tree: list[Edge]) -> list[Edge]:
    """Edges of the tree that stay passes between separate wells, deepest first."""
    deepest = max((edge[0] for edge in tree), default=0.0)
    deep = [edge for edge in tree if edge[0] > SHALLOW * deepest]
    return sorted(deep, key=lambda edge: -edge[0])[: MOST - 1]


def _roots(depth: list[float], edges: list[Edge]) -> list[int]:
    """Give every basin the number of the deepest one it is merged with."""
    parent = np.arange(len(depth))
    for _, a, b, _ in edges:
        low, high = sorted((root(parent, a), root(parent, b)), key=depth.__getitem__)
        parent[high] = low
    return [root(parent, k) for k in range(len(depth))]


def _position(point: Array) -> str:
    values = [f"{c:.2f}" for c in np.round(point, 2) + 0.0]
    text = ",\\,".join(values).replace("-", "{-}")
    return f"$x = {text}$" if len(values) == 1 else f"$({text})$"
