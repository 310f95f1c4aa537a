"""Balls: discs of the plane, intervals of the line, and points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.sets.base import (
    STRETCH,
    Array,
    Mask,
    PointSet,
    centres,
    coordinates,
    image,
    images,
    nearest_image,
    separate,
    snapped,
    words,
)
from fokkerplanck.sets.box import box_contains, box_entry, box_shares, pieces

__all__ = ["Ball"]


@dataclass(frozen=True, init=False)
class Ball(PointSet):
    """All points no further than `radius` from `centre`.

    Parameters
    ----------
    centre : sequence of float, shape (dim,)
    radius : float
        Not negative. A ball of radius 0 is a point: a path on a line meets it, one in the plane
        never does.

    Raises
    ------
    CaseError
        A centre that is not one or two finite numbers, or a radius that is no such number.
    """

    centre: tuple[float, ...]
    radius: float

    def __init__(self, centre: float | Sequence[float] | Array, radius: float = 0.0) -> None:
        object.__setattr__(self, "centre", coordinates(centre, "centre"))
        if not 0.0 <= radius < np.inf:
            msg = f"needs a finite radius >= 0, got {radius}"
            raise CaseError(msg, key="radius")
        object.__setattr__(self, "radius", float(radius))

    @property
    def dim(self) -> int:  # type: ignore[override]
        """Number of coordinates."""
        return len(self.centre)

    @property
    def text(self) -> str:  # type: ignore[override]
        """A few words for tables."""
        place = words(self.centre)
        return (
            f"ball of radius {self.radius:.4g} around {place}" if self.radius else f"point {place}"
        )

    def contains(self, points: ArrayLike, grid: Grid) -> Mask:
        """See `PointSet.contains`."""
        self.check_dim(grid)
        points = np.asarray(points, dtype=np.float64)
        if self.dim == 1:
            return box_contains(*self._ends(), points, grid)
        return self._holds(separate(points), grid)

    def cells(self, grid: Grid) -> Mask:
        """See `PointSet.cells`."""
        self.check_dim(grid)
        if self.dim == 1:
            return self.contains(grid.points(), grid)
        return self._holds(centres(grid), grid)

    def wider(self, distance: float) -> Ball:
        """See `PointSet.wider`."""
        return Ball(self.centre, (self.radius + distance) * STRETCH)

    def shares(self, grid: Grid) -> Array:
        """See `PointSet.shares`; exact."""
        self.check_dim(grid)
        if self.dim == 1:
            return box_shares(*self._ends(), grid)
        if self.radius == 0.0:
            return np.zeros(grid.shape)
        area = np.zeros(grid.shape)
        for x in pieces(grid.axes[0], self.centre[0]):
            for y in pieces(grid.axes[1], self.centre[1]):
                area += self._areas(x, y)
        return snapped(area / grid.volume)

    def representative(self) -> Array | None:
        """Centre of the ball."""
        return np.array(self.centre)

    def _first(self, start: Array, end: Array, grid: Grid) -> Array:
        if self.dim == 1:
            return box_entry(*self._ends(), start, end, grid)
        best = np.full(len(start), np.inf)
        if self.radius == 0.0:
            return best
        way = end - start
        away = self._away(start, grid)
        longest = np.sqrt(_square(way).max(initial=0.0))
        for shift in images(grid, np.full(2, self.radius + longest)):
            from_image = away - shift
            near = np.flatnonzero(_square(from_image) <= (self.radius + longest) ** 2 * (1 + 1e-12))
            met = _chord(from_image[near], way[near], self.radius)
            best[near] = np.minimum(best[near], met)
        return best

    @property
    def is_point(self) -> bool:
        """Whether the radius is 0."""
        return self.radius == 0.0

    def _point_on(self, grid: Grid) -> bool:
        between = [
            axis.periodic or axis.min <= c <= axis.max
            for axis, c in zip(grid.axes, self.centre, strict=True)
        ]
        return self.is_point and all(between)

    def _holds(self, coordinates: Sequence[Array], grid: Grid) -> Mask:
        x, y = (
            image(part, centre, axis) - centre
            for part, centre, axis in zip(coordinates, self.centre, grid.axes, strict=True)
        )
        return np.asarray(x * x + y * y <= self.radius**2)

    def _ends(self) -> tuple[Array, Array]:
        """Bound the interval that the ball is on a line."""
        return np.array(self.centre) - self.radius, np.array(self.centre) + self.radius

    def _away(self, points: Array, grid: Grid) -> Array:
        """Displacement from the centre, or from its nearest image."""
        centre = np.array(self.centre)
        return np.asarray(nearest_image(points, centre, grid) - centre)

    def _areas(self, x: Array, y: Array) -> Array:
        """Area of the disc in each of the rectangles between the edges x and y."""
        cx, cy = self.centre
        r = self.radius
        reach = [
            np.flatnonzero((e[1:] >= c - r) & (e[:-1] <= c + r)) for e, c in ((x, cx), (y, cy))
        ]
        area = np.zeros((x.size - 1, y.size - 1))
        if reach[0].size and reach[1].size:
            (i, j), (k, m) = ((part[0], part[-1] + 1) for part in reach)
            corner = _quadrant((x[i : j + 1, None] - cx) / r, (y[None, k : m + 1] - cy) / r)
            area[i:j, k:m] = r * r * np.diff(np.diff(corner, axis=0), axis=1)
        return np.clip(area, 0.0, None)


def _square(vectors: Array) -> Array:
    x, y = vectors[..., 0], vectors[..., 1]
    return np.asarray(x * x + y * y)


def _chord(start: Array, way: Array, radius: float) -> Array:
    """Smaller root t of ``|start + t way| = radius`` for starts outside; inf where there is none.

    Written with the distance of the whole line from the centre, and without the difference of
    nearly equal numbers that the textbook's formula has near the boundary.
    """
    x, y = start.T
    u, v = way.T
    distance = np.hypot(x, y)
    power = (distance - radius) * (distance + radius)
    square, along, across = u * u + v * v, x * u + y * v, x * v - y * u
    under = square * radius**2 - across * across
    meets = (along < 0.0) & (under >= 0.0)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        root = power / (np.sqrt(np.maximum(under, 0.0)) - along)
    return np.where(meets, root, np.inf)


def _quadrant(x: Array, y: Array) -> Array:
    """Area of the part of the unit disc with X <= x and Y <= y."""
    x, y = np.clip(x, -1.0, 1.0), np.clip(y, -1.0, 1.0)
    left, below = _segment(x), _segment(y)
    inside = (left + below - np.pi / 2) / 2 + x * y
    corner = np.select(
        [(x >= 0.0) & (y >= 0.0), (x < 0.0) & (y >= 0.0), (x >= 0.0) & (y < 0.0)],
        [left + below - np.pi, left + 0.0 * y, below + 0.0 * x],
        0.0,
    )
    return np.where(x * x + y * y < 1.0, inside, corner)


def _segment(x: Array) -> Array:
    """Area of the part of the unit disc with X <= x."""
    return np.asarray(x * np.sqrt(1.0 - x * x) + np.arcsin(x) + np.pi / 2)
