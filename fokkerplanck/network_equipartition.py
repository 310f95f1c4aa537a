"""Equipartition on a network's path: mean loss, size of a step, and the virial between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.network_run import NetworkRun
from fokkerplanck.network_statistics import Estimate, estimate, jackknife

__all__ = ["Equipartition", "equipartition_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Equipartition:
    """``E[L] - L0 = (1 + beta) / (4 eta) E|theta_{k+1} - theta_k|^2``, weight decay in L.

    Parameters
    ----------
    kinetic : Estimate
        The right side, in all weights.
    excess : Estimate
        The left side, in all weights: mean loss on the path less that at the path's mean.
    virial, virial_zero : Estimate
        ``E[(theta - a) . grad L] / 2`` about the reference point and about a = 0: equal to the
        right side for every loss and noise once the path is stationary, equal to the left side
        where the loss is quadratic.
    kinetic_along, potential_along : Estimate
        Right and left side of the directions, the left from the curvature at the reference point.
    """

    kinetic: Estimate
    excess: Estimate
    virial: Estimate
    virial_zero: Estimate
    kinetic_along: Estimate
    potential_along: Estimate


def equipartition_of(run: NetworkRun) -> Equipartition:
    """Measure both sides, and what stands between them."""
    eta, beta = float(run.how["learning_rate"]), float(run.how["momentum"])
    decay, path = float(run.how["weight_decay"]), run.path
    _, losses, norms, virial, virial_zero = run.looks[:, 1:]
    least = float(run.point["mean_loss"]) + 0.5 * decay * float(run.point["mean_norm"])
    blocks = len(path.sizes)

    def means(values: Array) -> Array:
        return np.array([part.mean() for part in np.array_split(values, blocks)])

    stiffness = run.point["curvature"] + decay
    square = np.einsum("bkk->bk", path.position_square)
    return Equipartition(
        kinetic=estimate((1 + beta) / (4 * eta) * path.sizes),
        excess=estimate(means(losses + 0.5 * decay * norms) - least),
        virial=estimate(means(0.5 * virial)),
        virial_zero=estimate(means(0.5 * virial_zero)),
        kinetic_along=jackknife(
            lambda v, vv: (1 + beta) * eta / 4 * (vv - v**2).sum(),
            path.velocity,
            path.velocity_square,
        ),
        potential_along=jackknife(
            lambda x, xx: 0.5 * (stiffness * (xx - x**2)).sum(), path.position, square
        ),
    )
