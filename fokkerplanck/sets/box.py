"""Boxes, on a line intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.sets.base import (
    STRETCH,
    Array,
    Mask,
    PointSet,
    centres,
    image,
    images,
    nearest_image,
    periods,
    separate,
    snapped,
)

__all__ = ["Box", "box_contains", "box_entry", "box_shares", "pieces"]


@dataclass(frozen=True, init=False)
class Box(PointSet):
    """All points with low <= x <= high along each axis.

    Parameters
    ----------
    bounds : sequence of (low, high)
        One pair per axis, low < high; infinite ones are allowed.

    Raises
    ------
    CaseError
        Unless there are one or two such pairs.
    """

    bounds: tuple[tuple[float, float], ...]

    def __init__(self, bounds: Sequence[Sequence[float]]) -> None:
        try:
            pairs = tuple((float(low), float(high)) for low, high in bounds)
        except (TypeError, ValueError):
            pairs = ()
        if len(pairs) not in (1, 2) or not all(low < high for low, high in pairs):
            msg = f"a box needs [low, high] with low < high for each axis, got {bounds!r:.80}"
            raise CaseError(msg, key="box")
        object.__setattr__(self, "bounds", pairs)

    @property
    def dim(self) -> int:  # type: ignore[override]
        """Number of coordinates."""
        return len(self.bounds)

    @property
    def text(self) -> str:  # type: ignore[override]
        """A few words for tables."""
        ranges = " x ".join(f"[{low:.4g}, {high:.4g}]" for low, high in self.bounds)
        return f"{'interval' if self.dim == 1 else 'box'} {ranges}"

    def contains(self, points: ArrayLike, grid: Grid) -> Mask:
        """See `PointSet.contains`."""
        self.check_dim(grid)
        return box_contains(*self._ends(), np.asarray(points, dtype=np.float64), grid)

    def cells(self, grid: Grid) -> Mask:
        """See `PointSet.cells`."""
        self.check_dim(grid)
        return _holds(*self._ends(), centres(grid), grid)

    def wider(self, distance: float) -> Box:
        """See `PointSet.wider`."""
        more = distance * STRETCH
        return Box([(low - more, high + more) for low, high in self.bounds])

    def shares(self, grid: Grid) -> Array:
        """See `PointSet.shares`; exact."""
        self.check_dim(grid)
        return box_shares(*self._ends(), grid)

    def representative(self) -> Array | None:
        """Middle of the box, where it has one."""
        middle = np.array(self.bounds).mean(axis=1)
        return middle if np.isfinite(middle).all() else None

    def _ends(self) -> tuple[Array, Array]:
        low, high = np.array(self.bounds).T
        return low, high

    def _first(self, start: Array, end: Array, grid: Grid) -> Array:
        return box_entry(*self._ends(), start, end, grid)


def box_contains(low: Array, high: Array, points: Array, grid: Grid) -> Mask:
    """Whether points, shape (..., dim), lie between the sides of a box."""
    return _holds(low, high, separate(points), grid)


def box_shares(low: Array, high: Array, grid: Grid) -> Array:
    """Exact shares of the cells that lie in a box."""
    low, high, centre = _sides(low, high, grid)
    parts = []
    for i, axis in enumerate(grid.axes):
        length = np.zeros(axis.cells)
        for edges in pieces(axis, centre[i]):
            length += np.diff(np.clip(edges, low[i], high[i]))
        parts.append(length / axis.spacing)
    return snapped(reduce(np.multiply.outer, parts))


def box_entry(low: Array, high: Array, start: Array, end: Array, grid: Grid) -> Array:
    """Fractions at which segments enter a box; above 1 where they do not."""
    low, high, centre = _sides(low, high, grid)
    way = end - start
    start = nearest_image(start, centre, grid)
    reach = np.abs(np.where(np.isfinite(high), high, centre) - centre)
    best = np.full(len(start), np.inf)
    for shift in images(grid, reach + np.abs(way).max(axis=0, initial=0.0)):
        np.minimum(best, _slabs(start, way, low + shift, high + shift), out=best)
    return best


def pieces(axis: Axis, centre: float) -> Iterator[Array]:
    """Edges of the cells of an axis; of a periodic one all images within half a period.

    Where a cell is cut half a period away from `centre`, its parts belong to different images.
    """
    if not axis.periodic:
        yield axis.edges
        return
    length = axis.max - axis.min
    first = np.ceil((centre - axis.max) / length - 0.5)
    for turn in range(2):
        edges = axis.edges + (first + turn) * length
        yield np.clip(edges, centre - length / 2, centre + length / 2)


def _holds(low: Array, high: Array, coordinates: Sequence[Array], grid: Grid) -> Mask:
    low, high, centre = _sides(low, high, grid)
    parts = []
    for i, axis in enumerate(grid.axes):
        away = image(coordinates[i], centre[i], axis)
        parts.append((away >= low[i]) & (away <= high[i]))
    return np.asarray(reduce(np.logical_and, parts))


def _sides(low: Array, high: Array, grid: Grid) -> tuple[Array, Array, Array]:
    """Sides and middle of a box; one as wide as a periodic axis has no sides along it."""
    length = periods(grid)
    whole = (length > 0.0) & (high - low >= length)
    low, high = np.where(whole, -np.inf, low), np.where(whole, np.inf, high)
    bounded = np.isfinite(low) & np.isfinite(high)
    return low, high, np.where(bounded, low, 0.0) / 2 + np.where(bounded, high, 0.0) / 2


def _slabs(start: Array, way: Array, low: Array, high: Array) -> Array:
    """Fraction at which ``start + t way`` is first between all sides; inf where it never is."""
    first, last = np.zeros(len(start)), np.full(len(start), np.inf)
    for i in range(start.shape[1]):
        begin, step = start[:, i], way[:, i]
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            a, b = (low[i] - begin) / step, (high[i] - begin) / step
        still = step == 0.0
        if still.any():
            between = (begin >= low[i]) & (begin <= high[i])
            a[still] = np.where(between, -np.inf, np.inf)[still]
            b[still] = np.inf
        np.maximum(first, np.minimum(a, b), out=first)
        np.minimum(last, np.maximum(a, b), out=last)
    return np.where(first <= last, first, np.inf)
