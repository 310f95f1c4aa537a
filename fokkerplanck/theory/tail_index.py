"""The power of the tail that random curvature gives to SGD on a regression (Kesten)."""

from __future__ import annotations

from math import inf, log

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, roots_jacobi

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.theory.quadrature import panel_rule

__all__ = ["log_growth", "tail_index"]

Array = NDArray[np.float64]
#: Standard deviations of the length of a batch that are integrated over; width of a panel.
REACH, PANEL, NODES = 13.0, 0.5, 20
#: Powers from which on their zero is smooth enough for any rule.
HIGH = 100.0
#: Largest index looked for.
LARGEST = 1e8


def tail_index(learning_rate: float, curvature: float, batch_size: int) -> float:
    """Index alpha of the tail of one-dimensional Gaussian regression: ``p ~ |theta|^(-1 - alpha)``.

    Steps ``theta <- (1 - eta a) theta + noise`` with the curvature of a batch, ``a = (1/B) sum
    x_i^2`` and ``x ~ N(0, h)``, now and then are steps away; ``E|1 - eta a|^alpha = 1``. Moments
    below alpha exist, so that the variance is finite just for alpha > 2, which is ``eta h (1 +
    2/B) < 2``; alpha grows like ``B / (eta h)`` where steps are small.

    Parameters
    ----------
    learning_rate, curvature : float
        eta and h.
    batch_size : int
        B.

    Returns
    -------
    float
        0 where no stationary law exists at all, ``E ln|1 - eta a| >= 0``.

    References
    ----------
    H. Kesten, Acta Math. 131 (1973) 207; M. Gurbuzbalaban, U. Simsekli and L. Zhu, ICML 2021.
    """
    from scipy.optimize import brentq

    size = _size(learning_rate, curvature, batch_size)
    small = 1e-6
    if log_growth(small, learning_rate, curvature, batch_size) >= 0:
        return 0.0
    high = 2.0
    while log_growth(high, learning_rate, curvature, batch_size) <= 0:
        high *= 2
        if high > LARGEST:
            msg = f"no tail index below {LARGEST:g} at learning_rate * curvature = {size:g}"
            raise NumericalError(msg)
    low = high / 2 if high > 2 else small
    return float(
        brentq(
            lambda power: log_growth(power, learning_rate, curvature, batch_size),
            low,
            high,
            xtol=1e-13,
            rtol=1e-13,
        )
    )


def log_growth(power: float, learning_rate: float, curvature: float, batch_size: int) -> float:
    """``ln E|1 - eta a|^power``, of which the index is the root above 0.

    ``a = (h / B) u^2`` with u of the chi law of B; around the zero at ``eta a = 1`` the power is
    taken into the weight of a Gauss-Jacobi rule, so that any power > 0 is integrated to rounding.
    """
    size = _size(learning_rate, curvature, batch_size)
    b = int(batch_size)
    zero = (b / size) ** 0.5
    near = min(0.5 * zero, 0.25)
    # the law has its mass around sqrt(B), the powers lift what lies at sqrt(2 power)
    top = (b + 2 * power) ** 0.5 + REACH
    parts = []
    for low, high in ((0.0, zero - near), (zero + near, max(top, zero + 2 * near))):
        panels = int(np.ceil((high - low) / PANEL))
        u, w = (part.ravel() for part in panel_rule(low, high, panels, NODES))
        parts.append(np.log(w) + _log_chi(u, b) + power * np.log(np.abs(1 - (u / zero) ** 2)))
    # a high power is smooth there, and the rule for its weight would overflow
    jacobi = power if power < HIGH else 0.0
    t, w = roots_jacobi(NODES, 0.0, jacobi)
    with np.errstate(divide="ignore"):
        away = near * (1 + t) / 2
        weight = np.log(w) + log(near / 2) + jacobi * log(near / 2 / zero)
        weight = weight + (power - jacobi) * np.log(away / zero)
    for side in (-1.0, 1.0):
        u = zero + side * away
        parts.append(weight + _log_chi(u, b) + power * np.log(1 + u / zero))
    return float(logsumexp(np.concatenate(parts)))


def _log_chi(u: Array, b: int) -> Array:
    with np.errstate(divide="ignore"):
        rise = (b - 1) * np.log(u) if b > 1 else np.zeros_like(u)
    return np.asarray(rise - u * u / 2 + (1 - b / 2) * log(2.0) - gammaln(b / 2))


def _size(learning_rate: float, curvature: float, batch_size: int) -> float:
    size = learning_rate * curvature
    if not (0 < size < inf and batch_size >= 1 and int(batch_size) == batch_size):
        msg = "needs learning_rate * curvature > 0 and a whole batch_size >= 1, got "
        msg += f"{size} and {batch_size}"
        raise CaseError(msg)
    return size
