"""What the watersheds of cells tell about basins: a guess everywhere, certainty deep in wells."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Array, Landscape
from fokkerplanck.landscapes.descent import OPEN, WALL, Codes
from fokkerplanck.landscapes.watershed import Cell, Labels, basins, join_to, passes

__all__ = ["Watersheds"]

#: part of a well's depth up to which its cells are sure
DEPTH = 0.5


class Watersheds:
    """Watersheds of the cells of a plane, and the minima they lead to.

    Parameters
    ----------
    landscape : Landscape
    grid : Grid
    minima : sequence of (cell, loss)
        The true minima.

    Attributes
    ----------
    labels : ndarray of int, shape (*shape)
        Number of the watershed of each cell; narrow valleys are broken into many.
    lowest : list of cell indices
        Lowest cell of each.
    """

    def __init__(
        self, landscape: Landscape, grid: Grid, minima: Sequence[tuple[Cell, float]]
    ) -> None:
        self.grid = grid
        self.loss = landscape.loss(grid.points())
        self._wraps = tuple(axis.periodic for axis in grid.axes)
        self.labels, self.lowest = basins(self.loss, self._wraps, grid.spacing)
        self._cells = [cell for cell, _ in minima]
        self._floor = np.array([loss for _, loss in minima])

    @cached_property
    def suggested(self) -> Codes:
        """Number of a minimum, or `WALL`, for each cell: a guess."""
        count = len(self._cells)
        return np.where(self._joined < count, self._joined, WALL).astype(np.int32)

    def deep(self, saddles: Sequence[float]) -> Codes:
        """Give the number of the minimum to cells deep in its well, `OPEN` to all others.

        What is connected below a level, and that level below every saddle and every way out,
        belongs to the one minimum in it.

        Parameters
        ----------
        saddles : sequence of float
            Losses of all saddles.
        """
        from scipy.ndimage import label

        count, labels = len(self._cells), int(self._joined.max()) + 1
        cells = tuple(np.array(self._cells).T)
        own, times = np.unique(self._joined[cells], return_counts=True)
        alone = np.isin(self._joined[cells], own[times == 1])
        passes_up = [min((s for s in saddles if s > low), default=np.inf) for low in self._floor]
        exits = np.minimum(passes_up, self._lowest_exits(labels + count)[:count])
        level = np.full(labels + count, -np.inf)
        level[:count] = np.where(
            alone & (exits > self._floor), self._floor + DEPTH * (exits - self._floor), -np.inf
        )
        parts, _ = label(self.loss < level[self._joined])
        home = np.zeros(labels + count, dtype=parts.dtype)
        home[:count] = parts[cells]
        sure = (parts > 0) & (parts == home[self._joined])
        return np.where(sure, self._joined, OPEN).astype(np.int32)

    @cached_property
    def _joined(self) -> Labels:
        """Watersheds, each joined to a minimum or else to a lowest cell along a wall."""
        taken = {int(self.labels[cell]) for cell in self._cells}
        walls = [c for k, c in enumerate(self.lowest) if k not in taken and self._at_wall(c)]
        return join_to(self.loss, self.labels, self._wraps, [*self._cells, *walls])

    def _lowest_exits(self, labels: int) -> Array:
        """Loss of the lowest cell through which each of the joined watersheds can be left."""
        exits = np.full(labels, np.inf)
        pairs, heights, _ = passes(self.loss, self._joined, self._wraps)
        np.minimum.at(exits, pairs.ravel(), np.repeat(heights, 2))
        for i, axis in enumerate(self.grid.axes):
            for wall, end in zip(axis.walls, (0, -1), strict=True):
                if wall == "absorbing":
                    along = np.take(self._joined, end, axis=i)
                    np.minimum.at(exits, along, np.take(self.loss, end, axis=i))
        return exits

    def _at_wall(self, cell: Cell) -> bool:
        return any(
            not axis.periodic and c in (0, axis.cells - 1)
            for axis, c in zip(self.grid.axes, cell, strict=True)
        )
