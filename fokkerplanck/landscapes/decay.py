"""Weight decay: a parabola added to the loss, of which the noise of gradients knows nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.base import Array, Landscape, as_points

__all__ = ["Decayed", "decayed"]


@dataclass(frozen=True)
class Decayed(Landscape):
    """``L + decay |x|^2 / 2``; see `decayed`."""

    original: Landscape
    decay: float

    @property
    def dim(self) -> int:  # type: ignore[override]
        """Number of coordinates."""
        return self.original.dim

    @property
    def name(self) -> str:  # type: ignore[override]
        """Kind of the original."""
        return self.original.name

    @property
    def elementwise(self) -> bool:  # type: ignore[override]
        """That of the original."""
        return self.original.elementwise

    @property
    def bare(self) -> Landscape:
        """The loss without weight decay."""
        return self.original.bare

    def loss(self, points: ArrayLike) -> Array:
        """See `Landscape.loss`."""
        x = as_points(points, self.dim)
        return np.asarray(self.original.loss(x) + 0.5 * self.decay * (x * x).sum(axis=-1))

    def gradient(self, points: ArrayLike) -> Array:
        """See `Landscape.gradient`."""
        x = as_points(points, self.dim)
        return np.asarray(self.original.gradient(x) + self.decay * x)

    def loss_on(self, axes: Sequence[Array]) -> Array:
        """See `Landscape.loss_on`."""
        square = sum(x * x for x in np.ix_(*axes))
        return np.asarray(self.original.loss_on(axes) + 0.5 * self.decay * square)

    def gradient_on(self, axes: Sequence[Array]) -> Array:
        """See `Landscape.gradient_on`."""
        out = self.original.gradient_on(axes)
        for i, x in enumerate(np.ix_(*axes)):
            out[..., i] += self.decay * x
        return out

    def hessian(self, points: ArrayLike) -> Array:
        """See `Landscape.hessian`."""
        return np.asarray(self.original.hessian(points) + self.decay * np.eye(self.dim))

    def covariance(self, points: ArrayLike, floor: float = 0.0) -> Array:
        """See `Landscape.covariance`: that of the bare loss."""
        return self.original.covariance(points, floor)

    def minimum_hint(self) -> Array:
        """See `Landscape.minimum_hint`: minima move towards the origin."""
        hints = self.original.minimum_hint()
        return np.concatenate([hints, np.zeros((1, self.dim))]) if len(hints) else hints


def decayed(landscape: Landscape, decay: float) -> Landscape:
    """Add weight decay to a loss, ``L + decay |x|^2 / 2``, in the drift only.

    Its attribute ``bare`` is the loss without: noise models take the Hessian, the covariance of
    gradients and the value of the loss from there, as weight decay carries no noise.

    Raises
    ------
    CaseError
        Unless the decay is a finite number >= 0.
    """
    if not (np.isfinite(decay) and decay >= 0):
        msg = f"weight_decay is a number >= 0, got {decay}"
        raise CaseError(msg, key="sgd.weight_decay")
    return landscape if decay == 0 else Decayed(landscape, float(decay))
