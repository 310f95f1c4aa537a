"""The Müller-Brown surface, the usual test of searches for saddles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.base import Array, Landscape, as_points, finite_number

__all__ = ["MuellerBrown", "mueller_brown"]

#: rows A, a, b, c, x0, y0 of the four terms (Müller and Brown 1979, table 1)
TERMS = np.array(
    [
        [-200.0, -100.0, -170.0, 15.0],
        [-1.0, -1.0, -6.5, 0.7],
        [0.0, 0.0, 11.0, 0.6],
        [-10.0, -10.0, -6.5, 0.7],
        [1.0, 0.0, -0.5, -1.0],
        [0.0, 0.5, 1.5, 1.0],
    ]
)


@dataclass(frozen=True)
class MuellerBrown(Landscape):
    """L = scale sum_k A_k exp(a_k u^2 + b_k u v + c_k v^2), u = x - x0_k, v = y - y0_k.

    Three minima and two saddles in [-1.5, 1.2] x [-0.2, 2]; unscaled, the minima have the losses
    -146.6995, -108.1667 and -80.7678, the saddles -40.6648 and -72.2489.

    References
    ----------
    K. Müller and L. D. Brown, Theoretica Chimica Acta 53, 75 (1979).
    """

    scale: float = 1.0
    elementwise: ClassVar[bool] = True

    @property
    def dim(self) -> int:  # type: ignore[override]
        """Number of coordinates."""
        return 2

    @property
    def name(self) -> str:  # type: ignore[override]
        """Kind in a case file."""
        return "mueller-brown"

    def loss(self, points: ArrayLike) -> Array:
        """See `Landscape.loss`."""
        return np.asarray(self._terms(points)[0].sum(axis=-1))

    def gradient(self, points: ArrayLike) -> Array:
        """See `Landscape.gradient`."""
        term, px, py = self._terms(points)
        return np.stack([(term * px).sum(axis=-1), (term * py).sum(axis=-1)], axis=-1)

    def hessian(self, points: ArrayLike) -> Array:
        """See `Landscape.hessian`."""
        term, px, py = self._terms(points)
        _, a, b, c, _, _ = TERMS
        out = np.empty((*term.shape[:-1], 2, 2))
        out[..., 0, 0] = (term * (px * px + 2.0 * a)).sum(axis=-1)
        out[..., 1, 1] = (term * (py * py + 2.0 * c)).sum(axis=-1)
        out[..., 0, 1] = out[..., 1, 0] = (term * (px * py + b)).sum(axis=-1)
        return out

    def minimum_hint(self) -> Array:
        """See `Landscape.minimum_hint`."""
        return np.array([[-0.558224, 1.441726], [-0.050011, 0.466694], [0.623499, 0.028038]])

    def _terms(self, points: ArrayLike) -> tuple[Array, Array, Array]:
        """Compute the four terms, and the gradients of their exponents; each of shape (..., 4)."""
        points = as_points(points, 2)
        A, a, b, c, x0, y0 = TERMS
        u, v = points[..., 0, np.newaxis] - x0, points[..., 1, np.newaxis] - y0
        term = self.scale * A * np.exp(a * u * u + b * u * v + c * v * v)
        return term, 2.0 * a * u + b * v, b * u + 2.0 * c * v


def mueller_brown(dim: int = 2, scale: float = 1.0) -> MuellerBrown:
    """Müller-Brown surface times `scale`; it exists in two dimensions only.

    Raises
    ------
    CaseError
        One dimension, or a scale that is not positive.
    """
    if dim != 2:
        msg = f"mueller-brown needs two coordinates (grid.x and grid.y), got {dim}"
        raise CaseError(msg, key="landscape.kind")
    return MuellerBrown(finite_number(scale, "landscape.scale", positive=True))
