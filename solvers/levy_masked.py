"""A generator with long jumps in which walkers that reach some nodes are gone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.levy_generator import LevyGenerator

__all__ = ["MaskedGenerator"]

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MaskedGenerator(LevyGenerator):
    """Q among the live nodes; on the others a diagonal alone, so that systems stay regular.

    Parameters
    ----------
    live : ndarray of bool, shape (n,)
    """

    live: Mask | None = None

    @classmethod
    def of(cls, generator: LevyGenerator, live: Mask) -> MaskedGenerator:
        """Mask a generator."""
        names = ("drift", "spacing", "alpha", "scale", "temperature", "outside", "distances")
        return cls(**{name: getattr(generator, name) for name in names}, live=live)

    def apply(self, u: Array) -> Array:
        """``Q u`` among the live."""
        return self._kept(super().apply(self._alive * u)) - self._still * u

    def apply_transposed(self, p: Array) -> Array:
        """``Q^T p`` among the live."""
        return self._kept(super().apply_transposed(self._alive * p)) - self._still * p

    def dense(self) -> Array:
        """Return the matrix, shape (n, n)."""
        matrix = super().dense() * np.outer(self._alive, self._alive)
        matrix[np.diag_indices_from(matrix)] -= self._still
        return np.asarray(matrix)

    def near(self, reach: int) -> Array:
        """Diagonals up to `reach`, as LAPACK stores bands."""
        band = super().near(reach)
        n = self.nodes
        for k in range(-reach, reach + 1):
            # entry (j + k, j) of the matrix
            columns = slice(max(-k, 0), n - max(k, 0))
            rows = slice(max(k, 0), n - max(-k, 0))
            band[reach + k, columns] *= self._alive[rows] * self._alive[columns]
        band[reach] -= self._still
        return np.asarray(band)

    def _kept(self, out: Array) -> Array:
        return np.asarray(self._alive * out)

    @cached_property
    def _alive(self) -> Array:
        live = np.ones(self.nodes) if self.live is None else self.live
        return np.asarray(live, dtype=np.float64)

    @cached_property
    def _still(self) -> Array:
        """Diagonal of the nodes that are not live: as fast as the fastest."""
        rate = abs(float(self.jumps.first[0])) + float(np.abs(self.local.diagonal()).max())
        return np.asarray(rate * (1.0 - self._alive))
