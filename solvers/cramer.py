"""The root of a moment generating function: how steeply a random walk's chances fall uphill."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.solvers.errors import NumericalError

__all__ = ["cramer_root", "log_mean_exp"]

Array = NDArray[np.float64]
#: Doublings until the function is positive, and steps of Newton's iteration from there.
DOUBLINGS, STEPS = 200, 60
#: Mean over root mean square below which the root is that of the next order.
FLAT = 1e-9
ROUNDING = float(np.finfo(np.float64).eps)


def log_mean_exp(theta: Array, gradients: Array) -> Array:
    r"""Return :math:`\Lambda(\theta) = \ln N^{-1} \sum_i e^{-\theta g_i}` for rows of g, (n, N)."""
    z = -theta[:, None] * gradients
    top = z.max(axis=1)
    out = np.empty(len(z))
    near = top < 1
    # next to 0, where it is a small difference, of numbers that are small as well
    out[near] = np.log1p(np.expm1(z[near]).mean(axis=1))
    out[~near] = top[~near] + np.log(np.exp(z[~near] - top[~near, None]).mean(axis=1))
    return out


def cramer_root(gradients: ArrayLike) -> Array:
    r"""Root :math:`\theta \ne 0` of :math:`N^{-1} \sum_i e^{-\theta g_i} = 1` for rows of g.

    Parameters
    ----------
    gradients : array_like, shape (n, N)

    Returns
    -------
    ndarray, shape (n,)
        It has the sign of the mean gradient; infinite where no sample points the other way, 0
        where the mean vanishes.

    Raises
    ------
    NumericalError
        If Newton's iteration does not settle.

    Notes
    -----
    Lambda is convex and 0 at 0: beyond the root Newton's iteration comes down to it from one side.
    """
    g = np.asarray(gradients, dtype=np.float64)
    g = g.reshape(-1, g.shape[-1])
    mean, square = g.mean(axis=1), (g**2).mean(axis=1)
    sign = np.sign(mean)
    size = np.sqrt(square)
    out = np.zeros(len(g))
    flat = np.abs(mean) <= FLAT * size
    never = ~flat & ((sign[:, None] * g).min(axis=1) >= 0)
    out[never] = sign[never] * np.inf
    # next to the root 0 the other one is 2 mean / E g^2, which subtraction would lose
    rest = flat & (size > 0)
    out[rest] = 2 * mean[rest] / square[rest]
    live = ~flat & ~never
    if live.any():
        out[live] = sign[live] * _positive(sign[live, None] * g[live])
    return out


def _positive(g: Array) -> Array:
    """Positive roots of rows whose mean is positive."""
    theta = 2 * g.mean(axis=1) / (g**2).mean(axis=1)
    for _ in range(DOUBLINGS):
        below = log_mean_exp(theta, g) < 0
        if not below.any():
            break
        theta[below] *= 2
    # what rounding of the mean leaves of the root
    close = 64 * ROUNDING * np.sqrt((g**2).mean(axis=1)) / g.mean(axis=1)
    for _ in range(STEPS):
        z = -theta[:, None] * g
        weight = np.exp(z - z.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        step = log_mean_exp(theta, g) / -(weight * g).sum(axis=1)
        theta -= step
        if (np.abs(step) <= close * theta).all():
            return np.asarray(theta)
    msg = "no root of a moment generating function was found: gradients span too many decades"
    raise NumericalError(msg)
