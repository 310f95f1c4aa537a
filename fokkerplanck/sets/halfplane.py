"""Half-planes, on a line half-lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

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
    separate,
    snapped,
    words,
)

__all__ = ["HalfPlane"]


@dataclass(frozen=True, init=False)
class HalfPlane(PointSet):
    """All points with ``normal . x >= offset``.

    Parameters
    ----------
    normal : sequence of float, shape (dim,)
        Points into the set; of any length but zero.
    offset : float

    Raises
    ------
    CaseError
        A normal of zero, numbers that are not finite; on a grid, a normal with a component along
        a periodic axis, where no half of it can be told from the other.
    """

    normal: tuple[float, ...]
    offset: float

    def __init__(self, normal: float | Sequence[float] | Array, offset: float) -> None:
        object.__setattr__(self, "normal", coordinates(normal, "normal"))
        if not any(self.normal):
            msg = "needs a normal that is not zero: the set is normal . x >= offset"
            raise CaseError(msg, key="normal")
        if not np.isfinite(offset):
            msg = f"needs a finite offset, got {offset}"
            raise CaseError(msg, key="offset")
        object.__setattr__(self, "offset", float(offset))

    @property
    def dim(self) -> int:  # type: ignore[override]
        """Number of coordinates."""
        return len(self.normal)

    @property
    def text(self) -> str:  # type: ignore[override]
        """A few words for tables."""
        if self.dim == 1:
            sign = ">=" if self.normal[0] > 0 else "<="
            return f"half-line x {sign} {self.offset / self.normal[0]:.4g}"
        return f"half-plane {words(self.normal)} . (x, y) >= {self.offset:.4g}"

    def check_dim(self, grid: Grid) -> None:
        """Raise `CaseError` unless the grid has as many axes, and none periodic across the set."""
        super().check_dim(grid)
        for axis, component in zip(grid.axes, self.normal, strict=True):
            if axis.periodic and component:
                msg = f"{axis.name} is periodic: the {self.text} has no other side; take a box"
                raise CaseError(msg, key="normal")

    def contains(self, points: ArrayLike, grid: Grid) -> Mask:
        """See `PointSet.contains`."""
        self.check_dim(grid)
        return self._height(*separate(np.asarray(points, dtype=np.float64))) >= 0.0

    def cells(self, grid: Grid) -> Mask:
        """See `PointSet.cells`."""
        self.check_dim(grid)
        return self._height(*centres(grid)) >= 0.0

    def wider(self, distance: float) -> HalfPlane:
        """See `PointSet.wider`."""
        below = distance * STRETCH * float(np.linalg.norm(self.normal))
        return HalfPlane(self.normal, self.offset - below)

    def shares(self, grid: Grid) -> Array:
        """See `PointSet.shares`; exact."""
        self.check_dim(grid)
        sides = np.abs(np.array(self.normal) * grid.spacing)
        depth = self._height(*centres(grid)) / sides.sum() + 0.5
        return snapped(_below(np.clip(depth, 0.0, 1.0), float(sides.min() / sides.sum())))

    def representative(self) -> Array | None:
        """None: nothing distinguishes one point of the set."""
        return None

    def _first(self, start: Array, end: Array, grid: Grid) -> Array:
        before, after = self._height(*separate(start)), self._height(*separate(end))
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            return np.where(after >= 0.0, before / (before - after), np.inf)

    def _height(self, *coordinates: Array) -> Array:
        """Compute ``normal . x - offset``, not negative inside."""
        parts = [x * n for x, n in zip(coordinates, self.normal, strict=True)]
        return np.asarray(reduce(np.add, parts) - self.offset)


def _below(depth: Array, small: float) -> Array:
    """Share of a unit square below a line, which sweeps it as `depth` goes from 0 to 1.

    `small` <= 1/2 is the part of the sweep between one corner and the next.
    """
    if small == 0.0 or small == 1.0:  # along an axis, or on a line
        return depth
    depth_low = np.minimum(depth, 1.0 - depth)
    corner = np.minimum(depth_low, small) ** 2 / (2.0 * small * (1.0 - small))
    low = corner + np.maximum(depth_low - small, 0.0) / (1.0 - small)
    return np.where(depth <= 0.5, low, 1.0 - low)
