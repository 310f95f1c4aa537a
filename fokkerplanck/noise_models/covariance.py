"""Noise of SGD from the covariance of its gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.grid import Grid
from fokkerplanck.noise_models.base import Array, Noise, line_breaks
from fokkerplanck.noise_models.entries import Entries
from fokkerplanck.spd import check_spd

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape

__all__ = ["CovarianceNoise"]

KEY = "noise.covariance"


@dataclass(frozen=True, kw_only=True, eq=False)
class CovarianceNoise(Noise):
    """``D = eb (C + floor I)``, or that with its trace spread evenly; see `noise.covariance`."""

    eb: float
    entries: Entries | None = None
    floor: float = 0.0
    isotropic: bool = False

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "covariance"

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        whence = "measured with the sampled landscape" if self.entries is None else "as given"
        floor = f", with the floor {self.floor:g} on its diagonal" if self.floor else ""
        even = ", replaced everywhere by the isotropic one of the same trace" * self.isotropic
        return (
            f"SGD noise D = eb C, eb = {self.eb:g}: C is the covariance of the gradient of one "
            f"sample, {whence}{floor}{even}, in the {self.reading} reading; gradient noise is "
            "taken as Gaussian and independent from step to step."
        )

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        c = self._covariance(landscape, grid, grid.points())
        check_spd(self.eb * c, grid, KEY)  # before its trace hides what is not definite
        return self._scaled(c)

    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points."""
        return self._scaled(self._covariance(landscape, grid, points))

    def _covariance(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        if self.entries is None:
            return landscape.bare.covariance(points, self.floor)
        return self.entries.at(grid, points) + self.floor * np.eye(grid.dim)

    def _scaled(self, c: Array) -> Array:
        if self.isotropic:
            dim = c.shape[-1]
            c = np.trace(c, axis1=-2, axis2=-1)[..., None, None] / dim * np.eye(dim)
        return np.asarray(self.eb * c)

    def breaks(self, landscape: Landscape, grid: Grid) -> Array:
        """Places on a line where D jumps; sampled covariances are smooth."""
        if self.entries is None or self.entries.constant:
            return np.empty(0)
        return line_breaks(self, landscape, grid)
