"""Any noise, stronger or weaker by a constant factor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.noise_models import Noise
from fokkerplanck.solvers.fields import scaled_tensors

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape

__all__ = ["ScaledNoise"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ScaledNoise(Noise):
    """``D = factor * D_base``, in the reading of the base.

    Raises
    ------
    CaseError
        When the factor is not positive, or the base has a schedule or another reading.
    """

    base: Noise
    factor_on_base: float

    @classmethod
    def of(cls, base: Noise, factor: float) -> ScaledNoise:
        """Multiply the diffusion tensor of a noise."""
        return cls(base=base, factor_on_base=float(factor), reading=base.reading)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.isfinite(self.factor_on_base) and self.factor_on_base > 0):
            msg = f"the factor on the noise is a positive number, got {self.factor_on_base}"
            raise CaseError(msg, key="noise")
        if self.base.schedule is not None or self.base.reading != self.reading:
            msg = "a noise that is scaled has no schedule, and keeps its reading"
            raise CaseError(msg, key="noise")

    @property
    def kind(self) -> str:
        """Name of the base in case files."""
        return self.base.kind

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        return f"{self.factor_on_base:g} times: {self.base.assumption}"

    @property
    def diagonal(self) -> bool:
        """That of the base."""
        return self.base.diagonal

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        return scaled_tensors(self.factor_on_base, self.base.diffusion(landscape, grid))

    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points."""
        return self.factor_on_base * self.base.at(landscape, grid, points)

    def breaks(self, landscape: Landscape, grid: Grid) -> Array:
        """Places on a line where D jumps."""
        return self.base.breaks(landscape, grid)
