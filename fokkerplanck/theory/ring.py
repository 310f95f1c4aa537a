"""A particle driven around a ring by a constant force: the simplest stationary current."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.theory.quadrature import panel_rule

__all__ = ["DrivenRing", "driven_ring"]

#: Gauss-Legendre points in a panel
NODES = 16

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DrivenRing:
    """Stationary state on a driven ring.

    Parameters
    ----------
    current : float
        Probability per time that passes any point.
    velocity : float
        Mean velocity, period times current.
    entropy_production : float
        ``F <v> / D``, in units of k_B per time.
    """

    current: float
    velocity: float
    entropy_production: float


def driven_ring(
    loss: Callable[[Array], Array],
    force: float,
    diffusion: float,
    period: float,
    *,
    points: int = 1024,
    nodes: int = 640,
) -> DrivenRing:
    """Stationary current of ``dx = (-L'(x) + F) dt + sqrt(2 D) dW`` on a ring.

    ``J = D (1 - e^{-F P / D}) / int_0^P ds e^{-F s / D} int_0^P dx e^{(L(x + s) - L(x)) / D}``:
    the trapezoidal rule over the ring, Gauss-Legendre panels over the lag s.

    Parameters
    ----------
    loss : callable
        Periodic L at points of shape (n,).
    force, diffusion, period : float
        F, D > 0 and P.
    points, nodes : int
        Of the two rules.

    References
    ----------
    H. Risken, The Fokker-Planck Equation, 2nd ed., section 11.3; R. L. Stratonovich (1967).
    """
    if force < 0:
        mirrored = driven_ring(
            lambda x: loss(-x), -force, diffusion, period, points=points, nodes=nodes
        )
        return DrivenRing(-mirrored.current, -mirrored.velocity, mirrored.entropy_production)
    x = period * np.arange(points) / points
    here = loss(x) / diffusion
    height = float(np.ptp(here))
    total = 0.0
    lags, weights = panel_rule(0.0, period, max(1, nodes // NODES), NODES)
    for lag, weight in zip(lags.flat, weights.flat, strict=True):
        there = loss(np.mod(x + lag, period)) / diffusion
        inner = np.exp(there - here - height).mean() * period
        total += weight * np.exp(-force * lag / diffusion) * float(inner)
    push = force * period / diffusion
    current = diffusion * -np.expm1(-push) * np.exp(-height) / total
    velocity = float(period * current)
    return DrivenRing(float(current), velocity, force * velocity / diffusion)
