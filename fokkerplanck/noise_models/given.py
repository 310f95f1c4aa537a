"""Noise that is given outright: a temperature, or a tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.noise_models.base import Array, Noise, line_breaks, spread
from fokkerplanck.noise_models.entries import Entries
from fokkerplanck.spd import check_spd

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape

__all__ = ["TensorNoise", "WhiteNoise"]


@dataclass(frozen=True, kw_only=True)
class WhiteNoise(Noise):
    """``D = temperature I``; see `noise.white`."""

    temperature: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            msg = f"the temperature is a positive number, got {self.temperature}"
            raise CaseError(msg, key="noise.temperature")

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "white"

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        return (
            f"White noise, D = {self.temperature:g} I: the same everywhere and in every direction, "
            "so every reading of the noise gives the same result."
        )

    @property
    def diagonal(self) -> bool:
        """It is diagonal."""
        return True

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        return spread(self.temperature * np.eye(grid.dim), grid.shape)

    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points."""
        return np.array(spread(self.temperature * np.eye(grid.dim), points.shape[:-1]))


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorNoise(Noise):
    """Given diffusion tensor; see `noise.tensor`."""

    entries: Entries

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "tensor"

    @property
    def constant(self) -> bool:
        """Whether D is the same in all cells."""
        return self.entries.constant

    @property
    def diagonal(self) -> bool:
        """Whether no entry off the diagonal is anything but the number 0."""
        return self.entries.diagonal

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        if self.constant:
            return "Constant diffusion tensor: every reading of the noise gives the same result."
        return f"Diffusion tensor that varies in space, in the {self.reading} reading."

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        d = self.entries.in_cells(grid)
        check_spd(d, grid)
        return d

    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points."""
        return self.entries.at(grid, points)

    def breaks(self, landscape: Landscape, grid: Grid) -> Array:
        """Places on a line where D jumps."""
        return np.empty(0) if self.constant else line_breaks(self, landscape, grid)
