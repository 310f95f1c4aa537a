"""Sets at which walks end, as the numbers that compiled walkers read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LineTarget", "PlaneTarget", "Target"]

Array = NDArray[np.float64]
DISC, BOX, HALF_PLANE, LEVEL = 0, 1, 2, 3


@dataclass(frozen=True, eq=False)
class LineTarget:
    """Intervals on a line.

    Parameters
    ----------
    intervals : ndarray, shape (k, 2)
        Ends of each, one of them perhaps infinite; they must not overlap.
    """

    intervals: Array

    dim = 1

    def __post_init__(self) -> None:
        intervals = np.asarray(self.intervals, dtype=np.float64).reshape(-1, 2)
        ascending = np.sort(intervals, axis=0)
        if (
            not (intervals[:, 0] <= intervals[:, 1]).all()
            or (ascending[1:, 0] <= ascending[:-1, 1]).any()
        ):
            msg = f"intervals must be (low, high) and apart from each other, got {intervals}"
            raise ValueError(msg)
        object.__setattr__(self, "intervals", intervals)

    def __len__(self) -> int:
        return len(self.intervals)

    def distance(self, points: Array) -> Array:
        """Distance of points (n, 1) to each interval, negative inside, shape (k, n)."""
        x = points[:, 0]
        return np.array([np.maximum(a - x, x - b) for a, b in self.intervals]).reshape(-1, len(x))


@dataclass(frozen=True, eq=False)
class PlaneTarget:
    """Discs, boxes, half-planes and sets of grid cells.

    Parameters
    ----------
    shapes : ndarray, shape (k, 5)
        Kind and numbers: disc (x, y, radius, 1 or -1 for its
        outside), box (x low, x high, y low, y high), half-plane
        (nx, ny, offset: n.x >= offset with |n| = 1), level (nothing more).
    level : ndarray, shape (nx, ny)
        Distance to the set of cells at their centres, negative inside; (0, 0) without one.
    corner, spacing : tuple of float
        Centre of the first cell of the level, and distance of centres.
    """

    shapes: Array
    level: Array
    corner: tuple[float, float] = (0.0, 0.0)
    spacing: tuple[float, float] = (1.0, 1.0)

    dim = 2

    def __len__(self) -> int:
        return len(self.shapes)

    @classmethod
    def disc(cls, centre: Sequence[float], radius: float, *, outside: bool = False) -> PlaneTarget:
        """Points within `radius` of the centre, or all others."""
        return cls._of(DISC, *centre, radius, -1.0 if outside else 1.0)

    @classmethod
    def box(cls, lower: Sequence[float], upper: Sequence[float]) -> PlaneTarget:
        """Points between two corners."""
        return cls._of(BOX, lower[0], upper[0], lower[1], upper[1])

    @classmethod
    def half_plane(cls, normal: Sequence[float], offset: float) -> PlaneTarget:
        """Points with ``normal . x >= offset``."""
        n = float(np.hypot(normal[0], normal[1]))
        return cls._of(HALF_PLANE, normal[0] / n, normal[1] / n, offset / n)

    @classmethod
    def cells(
        cls, mask: NDArray[np.bool_], corner: tuple[float, float], spacing: tuple[float, float]
    ) -> PlaneTarget:
        """Cells of a grid; `corner` is the centre of the first. The border is good to about h/2."""
        from scipy.ndimage import distance_transform_edt

        if not 0 < mask.sum() < mask.size:
            msg = "a mask must have cells inside and outside"
            raise ValueError(msg)
        outside = distance_transform_edt(~mask, sampling=spacing)
        inside = distance_transform_edt(mask, sampling=spacing)
        half = min(spacing) / 2  # from a centre to the edge between it and its neighbour
        level = np.where(mask, half - inside, outside - half)
        return cls(np.array([[LEVEL, 0, 0, 0, 0.0]]), level, corner, spacing)

    @classmethod
    def union(cls, *targets: PlaneTarget) -> PlaneTarget:
        """All shapes of several targets, in order; one of them may hold a set of cells."""
        levels = [t for t in targets if t.level.size]
        if len(levels) > 1:
            msg = "only one target may be a set of cells: join the masks"
            raise ValueError(msg)
        of = levels[0] if levels else targets[0]
        return cls(np.concatenate([t.shapes for t in targets]), of.level, of.corner, of.spacing)

    @classmethod
    def _of(cls, kind: int, *numbers: float) -> PlaneTarget:
        row = np.zeros((1, 5))
        row[0, : 1 + len(numbers)] = (kind, *numbers)
        return cls(row, np.zeros((0, 0)))

    def distance(self, points: Array) -> Array:
        """Distance of points (n, 2) to each shape, negative inside, shape (k, n)."""
        return np.array([self._distance(shape, points) for shape in self.shapes])

    def _distance(self, shape: Array, points: Array) -> Array:
        x, y = points.T
        kind, a, b, c, d = shape
        if kind == DISC:
            return np.asarray(d * (np.hypot(x - a, y - b) - c))
        if kind == BOX:
            return np.asarray(np.maximum(np.maximum(a - x, x - b), np.maximum(c - y, y - d)))
        if kind == HALF_PLANE:
            return np.asarray(c - a * x - b * y)
        from scipy.ndimage import map_coordinates

        place = (points - self.corner) / self.spacing
        return np.asarray(map_coordinates(self.level, place.T, order=1, mode="nearest"))


Target = LineTarget | PlaneTarget
