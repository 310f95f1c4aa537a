r"""Cumulant generating functions of gradients along a line, and where they vanish.

:math:`h(x, p) = \ln \mathrm E\,e^{-p\,g(x)}` is that of the displacement of a step, in units of the
learning rate. It is 0 at p = 0 and at one other p, the slope of the quasi-potential.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.cramer import cramer_root

__all__ = ["Cumulants", "NormalCumulants", "SampleCumulants", "Tilted"]

Array = NDArray[np.float64]
#: Half the distance of a central difference, in the units of x.
NEAR = 1e-5


@dataclass(frozen=True, eq=False)
class Tilted:
    """The root and the derivatives of h there, at each x; all of shape (n,).

    Parameters
    ----------
    theta : ndarray
        p with h(x, p) = 0, of the sign of the mean gradient.
    p, pp, x, px : ndarray
        ``h_p`` (minus the mean gradient under the tilted law), ``h_pp`` (its variance), ``h_x`` and
        ``h_px``.
    """

    theta: Array
    p: Array
    pp: Array
    x: Array
    px: Array


class Cumulants(Protocol):
    """A law of the gradient of one sample at every x."""

    def tilted(self, x: Array) -> Tilted:
        """Root, and derivatives there."""
        ...

    def moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance."""
        ...


@dataclass(frozen=True, eq=False)
class SampleCumulants:
    """N equally likely samples.

    Parameters
    ----------
    gradients : callable
        From x, shape (n,), to the gradients of all samples, shape (n, N).
    """

    gradients: Callable[[Array], Array]

    def tilted(self, x: Array) -> Tilted:
        """Root, and derivatives there; infinite where no sample points uphill."""
        g = self.gradients(x)
        slope = (self.gradients(x + NEAR) - self.gradients(x - NEAR)) / (2 * NEAR)
        theta = cramer_root(g)
        finite = np.where(np.isfinite(theta), theta, 0.0)
        z = -finite[:, None] * g
        weight = np.exp(z - z.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        mean, tilt = (weight * g).sum(axis=1), (weight * slope).sum(axis=1)
        away = g - mean[:, None]
        return Tilted(
            theta,
            -mean,
            (weight * away**2).sum(axis=1),
            -finite * tilt,
            -tilt + finite * (weight * away * slope).sum(axis=1),
        )

    def moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance."""
        g = self.gradients(x)
        return g.mean(axis=1), g.var(axis=1)


@dataclass(frozen=True, eq=False)
class NormalCumulants:
    r"""Normal law: :math:`h = -p\,\bar g + p^2 C/2`, with the root :math:`2 \bar g / C`.

    Parameters
    ----------
    moments_at : callable
        From x, shape (n,), to mean and variance, shape (n,) each.
    """

    moments_at: Callable[[Array], tuple[Array, Array]]

    def tilted(self, x: Array) -> Tilted:
        """Root, and derivatives there."""
        mean, variance = self.moments_at(x)
        pairs = zip(self.moments_at(x + NEAR), self.moments_at(x - NEAR), strict=True)
        slope, change = ((a - b) / (2 * NEAR) for a, b in pairs)
        theta = 2 * mean / variance
        return Tilted(
            theta,
            mean,
            variance,
            -theta * slope + theta**2 * change / 2,
            -slope + theta * change,
        )

    def moments(self, x: Array) -> tuple[Array, Array]:
        """Mean and variance."""
        return self.moments_at(x)
