"""Distances between normal laws in closed form, for checking the numerical ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import sqrtm
from scipy.special import ndtr

__all__ = ["Normal", "hellinger", "kl", "kl_rate", "relative_fisher", "w1", "w2"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Normal:
    """A normal law N(mean, covariance).

    Parameters
    ----------
    mean : ndarray, shape (n,)
        First moment.
    covariance : ndarray, shape (n, n)
        Positive definite.
    """

    mean: Array
    covariance: Array

    @classmethod
    def of(cls, mean: ArrayLike, covariance: ArrayLike) -> Normal:
        """Make one from anything array-like; scalars stand for one dimension."""
        m = np.atleast_1d(np.asarray(mean, dtype=np.float64))
        return cls(m, np.atleast_2d(np.asarray(covariance, dtype=np.float64)))


def kl(p: Normal, q: Normal) -> float:
    """Kullback-Leibler divergence of p from q.

    ``KL = [tr(S2^-1 S1) + m^T S2^-1 m - n + ln(det S2 / det S1)] / 2``, ``m = m1 - m2``.
    """
    m = p.mean - q.mean
    ratio = np.linalg.solve(q.covariance, p.covariance)
    away = m @ np.linalg.solve(q.covariance, m)
    return float(0.5 * (np.trace(ratio) + away - m.size - np.linalg.slogdet(ratio)[1]))


def hellinger(p: Normal, q: Normal) -> float:
    """Hellinger distance ``sqrt(1 - BC)`` with the Bhattacharyya coefficient.

    ``BC = (det S1 det S2)^(1/4) det(S)^(-1/2) exp(-m^T S^-1 m / 8)``, ``S = (S1 + S2) / 2``.
    """
    m, s = p.mean - q.mean, 0.5 * (p.covariance + q.covariance)
    logs = [np.linalg.slogdet(x)[1] for x in (p.covariance, q.covariance, s)]
    log_bc = 0.25 * (logs[0] + logs[1]) - 0.5 * logs[2] - m @ np.linalg.solve(s, m) / 8
    return float(np.sqrt(-np.expm1(log_bc)))


def w2(p: Normal, q: Normal) -> float:
    """Quadratic Wasserstein distance.

    ``W2^2 = |m|^2 + tr(S1 + S2 - 2 (S1^(1/2) S2 S1^(1/2))^(1/2))``.

    References
    ----------
    C. R. Givens and R. M. Shortt, Michigan Math. J. 31 (1984) 231.
    """
    m = p.mean - q.mean
    root = np.real(sqrtm(p.covariance))
    cross = np.real(sqrtm(root @ q.covariance @ root))
    return float(np.sqrt(max(m @ m + np.trace(p.covariance + q.covariance - 2 * cross), 0.0)))


def w1(p: Normal, q: Normal) -> float:
    """Wasserstein distance of order 1 of two normal laws on the line.

    The quantiles differ by a normal variable N(m, s^2), ``m = m1 - m2``, ``s = s1 - s2``, so
    ``W1 = E|N(m, s^2)| = |s| sqrt(2/pi) e^{-m^2/2s^2} + m (1 - 2 ndtr(-m/|s|))``.

    Raises
    ------
    ValueError
        In more than one dimension, where there is no closed form.
    """
    if p.mean.size != 1:
        msg = "W1 of normal laws has a closed form on the line only"
        raise ValueError(msg)
    m = float(p.mean[0] - q.mean[0])
    s = abs(float(np.sqrt(p.covariance[0, 0]) - np.sqrt(q.covariance[0, 0])))
    if s == 0:
        return abs(m)
    spread = s * np.sqrt(2 / np.pi) * np.exp(-0.5 * (m / s) ** 2)
    return float(spread + m * (1 - 2 * ndtr(-m / s)))


def relative_fisher(p: Normal, q: Normal) -> float:
    """Relative Fisher information ``int p |grad ln(p / q)|^2``.

    ``tr[(S2^-1 - S1^-1) S1 (S2^-1 - S1^-1)] + |S2^-1 (m1 - m2)|^2``.
    """
    ip, iq = np.linalg.inv(p.covariance), np.linalg.inv(q.covariance)
    pull = iq @ (p.mean - q.mean)
    return float(np.trace((iq - ip) @ p.covariance @ (iq - ip)) + pull @ pull)


def kl_rate(p: Normal, stationary: Normal, diffusion: float) -> float:
    """H-theorem with detailed balance: ``d KL(p_t | p_s) / dt = -D I(p_t | p_s)`` (<= 0)."""
    return -diffusion * relative_fisher(p, stationary)
