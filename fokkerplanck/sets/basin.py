"""Basins of attraction under -grad L."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Landscape
from fokkerplanck.landscapes.basin_line import basin_on_line
from fokkerplanck.landscapes.basin_map import BasinMap
from fokkerplanck.sets.base import Array, Mask, PointSet, coordinates, words
from fokkerplanck.sets.box import box_contains, box_entry, box_shares

__all__ = ["Basin"]

#: part of a segment to which the border is found on it
PRECISION = 1e-6
#: parts into which a segment is cut at a time
PARTS = 8
#: maps of the basins last asked for: a passage has two of them on one landscape
_MAPS: deque[tuple[Landscape, Grid, BasinMap]] = deque(maxlen=4)
#: the same on lines: ends of the basin of the minimum nearest to a point
_ENDS: deque[tuple[Landscape, Grid, float, tuple[float, float]]] = deque(maxlen=16)


@dataclass(frozen=True, init=False, eq=False)
class Basin(PointSet):
    """All points from which steepest descent leads to one minimum, and their border.

    Parameters
    ----------
    point : sequence of float, shape (dim,)
        The minimum nearest to this point is meant.
    landscape : Landscape

    Notes
    -----
    On a line the basin lies between the neighbouring maxima, or reaches to a wall. In the plane
    its border is found by following -grad L, to 1e-6 of a segment; paths slide along
    reflecting walls and end at absorbing ones.
    """

    point: tuple[float, ...]
    landscape: Landscape

    def __init__(self, point: float | Sequence[float] | Array, landscape: Landscape) -> None:
        object.__setattr__(self, "point", coordinates(point, "basin"))
        object.__setattr__(self, "landscape", landscape)
        if len(self.point) != landscape.dim:
            msg = f"the landscape is {landscape.dim}-D, but the point is {words(self.point)}"
            raise CaseError(msg, key="basin")

    @property
    def dim(self) -> int:  # type: ignore[override]
        """Number of coordinates."""
        return len(self.point)

    @property
    def text(self) -> str:  # type: ignore[override]
        """A few words for tables."""
        return f"basin of the minimum nearest to {words(self.point)}"

    def contains(self, points: ArrayLike, grid: Grid) -> Mask:
        """See `PointSet.contains`."""
        self.check_dim(grid)
        points = np.asarray(points, dtype=np.float64)
        if self.dim == 1:
            return box_contains(*self._ends(grid), points, grid)
        basins = _map(self.landscape, grid)
        inside = basins.contains(points.reshape(-1, 2), self._number(basins))
        return inside.reshape(points.shape[:-1])

    def shares(self, grid: Grid) -> Array:
        """See `PointSet.shares`; exact on a line."""
        self.check_dim(grid)
        if self.dim == 1:
            return box_shares(*self._ends(grid), grid)
        basins = _map(self.landscape, grid)
        return basins.shares(self._number(basins)).copy()

    def representative(self) -> Array | None:
        """Point that the basin was named by."""
        return np.array(self.point)

    @property
    def met_by_ends(self) -> bool:
        """In the plane: where a segment passes a corner of the border is not searched for."""
        return self.dim == 2

    def _first(self, start: Array, end: Array, grid: Grid) -> Array:
        if self.dim == 1:
            return box_entry(*self._ends(grid), start, end, grid)
        fraction = np.full(len(start), np.inf)
        enters = np.flatnonzero(self.contains(end, grid) & ~self.contains(start, grid))
        fraction[enters] = self._guessed(start[enters], (end - start)[enters], grid)
        enters = enters[np.isnan(fraction[enters])]
        fraction[enters] = self._searched(start[enters], (end - start)[enters], grid)
        return fraction

    def _guessed(self, start: Array, way: Array, grid: Grid) -> Array:
        """Fractions at which border curves are crossed, if both sides prove it; nan elsewhere."""
        basins = _map(self.landscape, grid)
        guess = basins.crossings(start, way, self._number(basins))
        likely = np.flatnonzero((guess > PRECISION) & (guess < 1.0 - PRECISION))
        sides = guess[likely, None] + PRECISION / 2 * np.array([-1.0, 1.0])
        inside = self.contains(start[likely, None] + sides[..., None] * way[likely, None], grid)
        fraction = np.full(len(start), np.nan)
        proved = likely[~inside[:, 0] & inside[:, 1]]
        fraction[proved] = guess[proved]
        return fraction

    def _searched(self, start: Array, way: Array, grid: Grid) -> Array:
        """Fractions at which segments that end inside enter, by following paths from between."""
        low, width = np.zeros(len(start)), 1.0
        parts = np.arange(1, PARTS) / PARTS
        while low.size and width > PRECISION:
            # many points at a time: following a path costs more than its company
            at = low[:, None] + width * parts
            inside = self.contains(start[:, None] + at[..., None] * way[:, None], grid)
            before = np.where(inside.any(axis=1), inside.argmax(axis=1), PARTS - 1)
            width /= PARTS
            low = low + before * width
        return low + width / 2

    def _ends(self, grid: Grid) -> tuple[Array, Array]:
        low, high = _line_ends(self.landscape, grid, self.point[0])
        return np.array([low]), np.array([high])

    def _number(self, basins: BasinMap) -> int:
        return basins.nearest(np.array(self.point))


def _map(landscape: Landscape, grid: Grid) -> BasinMap:
    for known, where, basins in _MAPS:
        if known is landscape and where == grid:
            return basins
    _MAPS.append((landscape, grid, BasinMap(landscape, grid)))
    return _MAPS[-1][2]


def _line_ends(landscape: Landscape, grid: Grid, point: float) -> tuple[float, float]:
    for known, where, near, ends in _ENDS:
        if known is landscape and where == grid and near == point:
            return ends
    _ENDS.append((landscape, grid, point, basin_on_line(landscape, grid, point)))
    return _ENDS[-1][3]
