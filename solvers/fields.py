"""What a generator is assembled from: drift and diffusion as arrays on a grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["KAPPA", "Fields"]

Array = NDArray[np.float64]

#: Reading of the noise -> kappa of theory: 1 Ito, 1/2 Stratonovich, 0 Hanggi-Klimontovich.
KAPPA = {"ito": 1.0, "stratonovich": 0.5, "hanggi-klimontovich": 0.0}


@dataclass(frozen=True, eq=False, repr=False)
class Fields:
    """Drift ``f = -grad L + F`` and diffusion tensor D of one overdamped problem.

    The probability current is ``J_i = f_i p - sum_j [kappa d_j(D_ij p) + (1 - kappa) D_ij d_j p]``.
    The *half lattice* has ``2 n + 1`` points per axis from wall to wall; cell centres are its
    points with odd indices, midpoints of links and the walls are the others.

    Parameters
    ----------
    shape, spacing : tuple
        Cells along each axis and their widths.
    walls : tuple of (str, str)
        Low and high wall of each axis: reflecting, absorbing or periodic.
    diffusion : ndarray, shape (*shape, dim, dim)
        D at cell centres, symmetric positive definite.
    potential : ndarray, shape (*half_shape,)
        The loss L on the half lattice.
    gradient : ndarray, shape (*half_shape, dim)
        grad L on the half lattice.
    force : ndarray, shape (*half_shape, dim), or None
        Extra force F that is not a gradient.
    kappa : float
        Reading of the noise, 1, 1/2 or 0 (see `KAPPA`).
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    walls: tuple[tuple[str, str], ...]
    diffusion: Array
    potential: Array
    gradient: Array
    force: Array | None = None
    kappa: float = 1.0

    def __repr__(self) -> str:
        return f"Fields(shape={self.shape}, walls={self.walls}, kappa={self.kappa})"

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def cell_potential(self) -> Array:
        """Evaluate L at cell centres, shape (*shape,)."""
        return self.potential[(slice(1, None, 2),) * self.dim]

    def drift(self) -> Array:
        """Drift ``-grad L + F`` on the half lattice, shape (*half_shape, dim)."""
        return -self.gradient if self.force is None else self.force - self.gradient
