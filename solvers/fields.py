"""What a generator is assembled from: drift and diffusion as arrays on a grid."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

__all__ = ["KAPPA", "Fields", "scaled_tensors"]

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
    gradient : ndarray, shape (*half_shape, dim), or callable
        grad L on the half lattice, or what evaluates it when it is asked for: links along the
        axes need values of the loss only. The attribute is the array.
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

    def __post_init__(self) -> None:
        if callable(self.gradient):
            object.__setattr__(self, "_late", self.gradient)
            object.__delattr__(self, "gradient")

    if not TYPE_CHECKING:

        def __getattr__(self, name):
            """Evaluate the gradient on first use."""
            if name != "gradient" or "_late" not in self.__dict__:
                msg = f"{type(self).__name__!r} object has no attribute {name!r}"
                raise AttributeError(msg)
            object.__setattr__(self, name, self._late())
            return self.gradient

    def __repr__(self) -> str:
        return f"Fields(shape={self.shape}, walls={self.walls}, kappa={self.kappa})"

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def tensor(self) -> Array | None:
        """D, shape (dim, dim), where one tensor is spread over all cells; else None."""
        d = self.diffusion
        return None if any(d.strides[: self.dim]) else d[(0,) * self.dim]

    def scaled(self, factor: float) -> Fields:
        """Fields with D multiplied by a number."""
        known = self.__dict__.get("gradient", self.__dict__.get("_late"))
        d = scaled_tensors(factor, self.diffusion)
        d.flags.writeable = False
        return replace(self, diffusion=d, gradient=known)  # type: ignore[arg-type]

    def cell_potential(self) -> Array:
        """Evaluate L at cell centres, shape (*shape,)."""
        return self.potential[(slice(1, None, 2),) * self.dim]

    def drift(self) -> Array:
        """Drift ``-grad L + F`` on the half lattice, shape (*half_shape, dim)."""
        return -self.gradient if self.force is None else self.force - self.gradient

    def drift_in(self, cells: NDArray[np.int32]) -> Array:
        """Drift at the centres of some cells of a plane, shape (cells, dim)."""
        ny = self.shape[1]
        at = (2 * (cells // ny) + 1, 2 * (cells % ny) + 1)
        slope = self.gradient[at] if cells.size else np.empty((0, 2))
        return -slope if self.force is None else self.force[at] - slope


def scaled_tensors(factor: float, d: Array) -> Array:
    """Tensors times a number; one that is spread over all cells stays one."""
    if d.ndim < 3 or any(d.strides[:-2]):
        return factor * d
    return np.broadcast_to(factor * d[(0,) * (d.ndim - 2)], d.shape)
