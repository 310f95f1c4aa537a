"""Mean first-passage times on a line in closed form: free and drifting motion, linear drift."""

from __future__ import annotations

from math import exp, expm1, inf, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import dawsn, log_ndtr

from fokkerplanck.theory.quadrature import panel_rule

__all__ = [
    "disc_exit_time",
    "drift_exit",
    "drift_passage_time",
    "free_passage_time",
    "linear_exit_log_time",
    "linear_exit_time",
    "linear_passage_log_time",
    "linear_passage_time",
]

Array = NDArray[np.float64]
#: Nodes in a panel of a reduced length of at most 1/4.
NODES = 16


def free_passage_time(start: float, length: float, diffusion: float) -> float:
    """``T = (L^2 - x^2) / (2 D)``: free diffusion, 0 reflects and L absorbs."""
    return (length - start) * (length + start) / (2 * diffusion)


def drift_passage_time(start: float, length: float, drift: float, diffusion: float) -> float:
    """``T = (L - x) / mu - (D / mu^2) (e^{-mu x / D} - e^{-mu L / D})``: constant drift mu.

    0 reflects and L absorbs.
    """
    pe, q = drift / diffusion, length - start
    if abs(pe * length) < 1e-4:
        # series of e^{-mu x / D}, where the terms above cancel
        third = pe * (length**3 - start**3) / 6
        fourth = pe**2 * (length**4 - start**4) / 24
        return (0.5 * q * (length + start) - third + fourth) / diffusion
    return (q + exp(-pe * length) * -expm1(pe * q) / pe) / drift


def drift_exit(start: float, length: float, drift: float, diffusion: float) -> tuple[float, float]:
    """Mean time to leave (0, L), both of whose ends absorb, and the probability to leave at L.

    ``P = (1 - e^{-mu x / D}) / (1 - e^{-mu L / D})`` and ``T = (L P - x) / mu``.
    """
    pe = drift / diffusion
    if abs(pe * length) < 1e-6:
        free, ratio = start * (length - start) / (2 * diffusion), start / length
        return free, ratio * (1 + 0.5 * pe * (length - start))
    if pe > 0:
        probability = expm1(-pe * start) / expm1(-pe * length)
    else:
        probability = exp(pe * (length - start)) * expm1(pe * start) / expm1(pe * length)
    return (length * probability - start) / drift, probability


def disc_exit_time(radius: float, distance: float, trace: float) -> float:
    """``T = (R^2 - r^2) / (2 c)``: mean time to leave a ball, for drift along the spheres.

    Holds in any dimension for every Ito diffusion tensor whose trace is c everywhere, whatever
    its axes do, as long as ``f . x = 0``: ``Lb r^2 = 2 tr D``.

    Parameters
    ----------
    radius, distance : float
        Of the ball, and of the start from its centre.
    trace : float
        Of D.
    """
    return (radius - distance) * (radius + distance) / (2 * trace)


def linear_exit_log_time(stiffness: float, diffusion: float, radius: float) -> float:
    """Natural logarithm of `linear_exit_time`, which may overflow."""
    z = stiffness * radius**2 / (2 * diffusion)
    free = log(radius**2 / (2 * diffusion))
    if z < 0:
        # (2 / |k|) int_0^{sqrt|z|} dawsn(u) du
        points, weights = _panels(0.0, sqrt(-z))
        return log(2 / -stiffness * float(weights @ dawsn(points)))
    if z == 0:
        return free
    n = np.arange(int(z + 12 * sqrt(z) + 64))
    # terms z^n n! / ((3/2)_n (n + 1)!), from the ratio of each to the next
    logs = np.concatenate([[0.0], np.cumsum(np.log(z * (n + 1) / ((n + 1.5) * (n + 2))))])
    top = float(logs.max())
    return free + top + log(float(np.exp(logs - top).sum()))


def linear_exit_time(stiffness: float, diffusion: float, radius: float) -> float:
    """Mean time of ``dx = -k x dt + sqrt(2 D) dW`` to leave (-r, r) from 0.

    ``T = (r^2 / 2 D) 2F2(1, 1; 3/2, 2; k r^2 / 2 D)``; a negative k drives outwards.

    Parameters
    ----------
    stiffness, diffusion, radius : float
        k, D > 0 and r > 0.
    """
    return _exp(linear_exit_log_time(stiffness, diffusion, radius))


def linear_passage_log_time(
    start: float, target: float, stiffness: float, diffusion: float
) -> float:
    """Natural logarithm of `linear_passage_time`, which may overflow."""
    width = sqrt(2 * diffusion / stiffness)
    if target < start:
        start, target = -start, -target
    points, weights = _panels(start / width, target / width)
    logs = points**2 + log_ndtr(sqrt(2.0) * points)
    top = float(logs.max())
    return log(2 * sqrt(pi) / stiffness * float(weights @ np.exp(logs - top))) + top


def linear_passage_time(start: float, target: float, stiffness: float, diffusion: float) -> float:
    """Mean time of ``dx = -k x dt + sqrt(2 D) dW`` on the whole line from one point to another.

    ``T = (sqrt(pi) / k) int_{x0/c}^{b/c} e^{u^2} (1 + erf u) du``, ``c^2 = 2 D / k``.

    Parameters
    ----------
    start, target : float
        x0 and b.
    stiffness, diffusion : float
        k > 0 and D > 0.

    References
    ----------
    L. M. Ricciardi and S. Sato, J. Appl. Probab. 25 (1988) 43.
    """
    if start == target:
        return 0.0
    return _exp(linear_passage_log_time(start, target, stiffness, diffusion))


def _panels(low: float, high: float) -> tuple[Array, Array]:
    # e^{u^2} grows by 2 u per length
    steepest = max(1.0, abs(low), abs(high))
    points, weights = panel_rule(low, high, 1 + int(4 * steepest * (high - low)), NODES)
    return points.ravel(), weights.ravel()


def _exp(x: float) -> float:
    return exp(x) if x < 709.7 else inf
