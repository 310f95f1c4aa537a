"""A normal law in any number of dimensions, and what a grid can hold of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.theory.gaussian import gaussian_cells, gaussian_density

__all__ = ["NormalLaw"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class NormalLaw:
    """A normal law with its marginals and conditionals, which are normal too.

    Parameters
    ----------
    mean : ndarray, shape (n,)
    covariance : ndarray, shape (n, n)
        Symmetric; it may be singular until a density is asked for.
    """

    mean: Array
    covariance: Array

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.mean)

    def marginal(self, coordinates: Sequence[int]) -> NormalLaw:
        """Law of some coordinates, in the order given, whatever the others are.

        Raises
        ------
        CaseError
            For coordinates that do not exist or stand there twice.
        """
        keep = self._numbers(coordinates)
        return NormalLaw(self.mean[keep], self.covariance[np.ix_(keep, keep)])

    def conditional(self, given: Mapping[int, float]) -> NormalLaw:
        """Law of the other coordinates, in their order, where some have given values.

        ``m_r + S_rg S_gg^-1 (g - m_g)`` and ``S_rr - S_rg S_gg^-1 S_gr``. Its density times
        ``marginal(given).density(values)`` is the whole density on that slice.

        Parameters
        ----------
        given : mapping of int to float
            Coordinate -> value.

        Raises
        ------
        CaseError
            As `marginal`, or when nothing is left, or when the coordinates that are given have a
            singular covariance.
        """
        fixed = self._numbers(list(given))
        rest = [k for k in range(self.dim) if k not in set(fixed)]
        if not rest:
            msg = "a conditional law needs a coordinate that is not given"
            raise CaseError(msg)
        inner, mixed = (self.covariance[np.ix_(part, fixed)] for part in (fixed, rest))
        try:
            root = np.linalg.cholesky(inner)
        except np.linalg.LinAlgError:
            msg = f"coordinates {fixed} have a singular covariance: one of them tells another"
            raise CaseError(msg) from None
        half = np.linalg.solve(root, mixed.T)
        offset = np.array([given[k] for k in given], dtype=np.float64) - self.mean[fixed]
        spread = self.covariance[np.ix_(rest, rest)] - half.T @ half
        shift = half.T @ np.linalg.solve(root, offset) if fixed else np.zeros(len(rest))
        return NormalLaw(self.mean[rest] + shift, 0.5 * (spread + spread.T))

    def density(self, points: ArrayLike) -> Array:
        """Density at points of shape (..., n); raises `CaseError` for a singular covariance."""
        return gaussian_density(points, self.mean, self.covariance)

    def cells(self, grid: Grid) -> Array:
        """Averages over the cells of a grid with as many axes, shape (*grid.shape,).

        Raises
        ------
        CaseError
            For a grid of another dimension, or a singular covariance.
        """
        return gaussian_cells(grid, self.mean, self.covariance)

    def _numbers(self, coordinates: Sequence[int]) -> list[int]:
        found = [int(k) for k in coordinates]
        if len(set(found)) != len(found) or any(not 0 <= k < self.dim for k in found):
            msg = f"coordinates are different numbers from 0 to {self.dim - 1}, got {found}"
            raise CaseError(msg)
        return found
