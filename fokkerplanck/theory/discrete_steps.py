"""The law of SGD on a quadratic loss after any number of steps, exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.theory.heavy_ball_steps import HeavyBallSteps

__all__ = ["Moments", "after_steps"]

Array = NDArray[np.float64]


class Moments(NamedTuple):
    """Mean, shape (n,), and covariance, shape (n, n)."""

    mean: Array
    covariance: Array


def after_steps(
    steps: int,
    H: ArrayLike,
    C_over_B: ArrayLike,
    learning_rate: float,
    momentum: float = 0.0,
    *,
    mean: ArrayLike,
    covariance: ArrayLike | None = None,
    centre: ArrayLike | None = None,
) -> Moments:
    """Mean and covariance after `steps` steps ``v <- beta v - H x - xi``, ``x <- x + eta v``.

    With ``z = (x, v)``, ``z <- M z + noise`` and Z the stationary covariance of z, the covariance
    is ``Z + M^k (Z_0 - Z) M^kT``.

    Parameters
    ----------
    steps : int
        k.
    H, C_over_B, learning_rate, momentum
        As in `three_factors.discrete_covariance`, which is the limit.
    mean, covariance : array_like, shape (n,) and (n, n)
        Of the start (by default a point), which is at rest.
    centre : array_like, shape (n,), optional
        The minimum, by default the origin.

    Raises
    ------
    CaseError
        As `three_factors.discrete_covariance`.
    """
    ball = HeavyBallSteps(H, C_over_B, learning_rate, momentum)
    middle = np.zeros(ball.dim) if centre is None else np.atleast_1d(np.asarray(centre))
    offset = np.atleast_1d(np.asarray(mean, dtype=np.float64)) - middle
    found = ball.moments([steps], offset, covariance=covariance)
    return Moments(np.asarray(middle + found.mean[0]), found.covariance[0])
