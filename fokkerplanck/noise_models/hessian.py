"""Noise of SGD whose gradient covariance is the Hessian of the (bare) loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.grid import Grid
from fokkerplanck.noise_models.base import Array, Noise
from fokkerplanck.spd import absolute, check_spd

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape

__all__ = ["AbsoluteNoise", "FrozenNoise"]


@dataclass(frozen=True, kw_only=True)
class FrozenNoise(Noise):
    """``D = eb |H|`` of one critical point per region; see `noise.hessian`."""

    eb: float
    unused_floor: float | None = None

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "hessian"

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        tail = "" if self.unused_floor is None else "; the floor is not used by this model"
        return (
            f"SGD noise D = eb |H|, eb = {self.eb:g}, frozen by region: H is that of the region's "
            "minimum where the Hessian is positive definite, and of the nearest saddle elsewhere; "
            f"D jumps in between, so results depend on the reading ({self.reading}){tail}."
        )

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        from fokkerplanck.regions import find_regions

        return self.eb * find_regions(landscape.bare, grid).curvature

    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points."""
        from fokkerplanck.regions import curvature_at

        return self.eb * curvature_at(landscape.bare, grid, points)

    def breaks(self, landscape: Landscape, grid: Grid) -> Array:
        """Places on a line where D jumps: the borders of the regions."""
        from fokkerplanck.regions import borders

        return borders(landscape.bare, grid) if grid.dim == 1 else np.empty(0)


@dataclass(frozen=True, kw_only=True)
class AbsoluteNoise(Noise):
    """``D = eb sqrt(H^2 + floor^2)`` at every point; see `noise.hessian`."""

    eb: float
    floor: float

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "hessian"

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        return (
            f"SGD noise D = eb sqrt(H^2 + floor^2) at every point, eb = {self.eb:g}, floor = "
            f"{self.floor:g}, in the {self.reading} reading: escape times grow without bound as "
            "the floor goes to 0, so results depend on the floor and mean nothing without it."
        )

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        d = self.at(landscape, grid, grid.points())
        check_spd(d, grid, "noise")
        return d

    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points."""
        return self.eb * absolute(landscape.bare.hessian(points), self.floor)
