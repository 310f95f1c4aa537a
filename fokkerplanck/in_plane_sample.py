"""Positions of walkers of in-plane SGD: their density, and who is in which well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.sets import PointSet

__all__ = ["InPlaneSample"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class InPlaneSample:
    """Walkers at some moments.

    Parameters
    ----------
    steps : ndarray of int, shape (n,)
        When.
    positions : ndarray, shape (n, walkers, dim)
    learning_rate : float
        Time of a step.

    Notes
    -----
    Errors are those of independent walkers: the moments of one walker count as one, however many.
    """

    steps: NDArray[np.int64]
    positions: Array = field(repr=False)
    learning_rate: float

    @property
    def walkers(self) -> int:
        """Number of walkers."""
        return int(self.positions.shape[1])

    def density(self, grid: Grid) -> tuple[Array, Array]:
        """Density on the cells of a grid, averaged over the moments, and its standard error."""
        flat = self._cells(grid)
        size, moments = int(np.prod(grid.shape)), len(self.steps)
        share = np.bincount(flat.ravel(), minlength=size) / flat.size
        # walker by walker: how much of its time it spends in each cell that it visits
        pair, times = np.unique(np.arange(self.walkers) * size + flat, return_counts=True)
        square = np.bincount(pair % size, (times / moments) ** 2, minlength=size) / self.walkers
        error = np.sqrt(np.clip(square - share**2, 0.0, None) / self.walkers)
        made = (np.asarray(v).reshape(grid.shape) / grid.volume for v in (share, error))
        density, deviation = made
        return density, deviation

    def shares(self, grid: Grid) -> Array:
        """Share of its moments that each walker spends in each cell, shape (walkers, cells)."""
        size = int(np.prod(grid.shape))
        flat = np.arange(self.walkers) * size + self._cells(grid)
        counts = np.bincount(flat.ravel(), minlength=self.walkers * size)
        return np.asarray(counts.reshape(self.walkers, size) / len(self.steps))

    def moments(self) -> tuple[Array, Array]:
        """Mean (dim,) and covariance (dim, dim) over walkers and moments."""
        x = self.positions.reshape(-1, self.positions.shape[-1])
        return x.mean(axis=0), np.atleast_2d(np.cov(x.T, ddof=0))

    def occupation(self, parts: Sequence[PointSet], grid: Grid) -> tuple[Array, Array]:
        """Share of walkers in each set, averaged over the moments, and its standard error."""
        x = self.positions.reshape(-1, self.positions.shape[-1])
        inside = np.stack(
            [part.contains(x, grid).reshape(self.positions.shape[:2]).mean(0) for part in parts]
        )
        return inside.mean(axis=1), inside.std(axis=1, ddof=1) / sqrt(self.walkers)

    def _cells(self, grid: Grid) -> NDArray[np.int64]:
        """Flat number of the cell of each position, shape (n, walkers)."""
        index = [
            np.clip((self.positions[..., d] - a.min) / a.spacing, 0, a.cells - 1).astype(np.int64)
            for d, a in enumerate(grid.axes)
        ]
        return np.asarray(np.ravel_multi_index(tuple(index), grid.shape), dtype=np.int64)
