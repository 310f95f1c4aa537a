"""Linear regression by SGD with the noise that it has: one that grows with the distance.

A minibatch of B samples ``y = x.w + e`` gives the gradient ``H_batch (theta - w) - noise``; the
curvature of the batch fluctuates, so that the covariance of the noise is a linear function of the
second moment S of the position. Both are found at once; nothing is expanded in the learning rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.three_factors import HeavyBall, heavy_ball

__all__ = ["RegressionLaw", "data_regression", "gaussian_regression"]

Array = NDArray[np.float64]
#: Most coordinates of given data: the system for S has n (n + 1) / 2 unknowns.
MOST = 64
ROUNDING = 1e-10


@dataclass(frozen=True, eq=False)
class RegressionLaw:
    """First two moments of the stationary law of SGD on a regression, exactly.

    Parameters
    ----------
    mean : ndarray, shape (n,)
        ``(H + lambda)^-1 H w``.
    moments : HeavyBall
        Covariances of position and velocity, and ``<x v^T>``.
    noise : ndarray, shape (n, n)
        Covariance of the gradient noise of one step, in the mean over the law: C / B.
    """

    mean: Array
    moments: HeavyBall
    noise: Array


def gaussian_regression(
    H: ArrayLike,
    learning_rate: float,
    batch_size: float,
    momentum: float = 0.0,
    *,
    weight_decay: float = 0.0,
    residual_variance: float = 1.0,
    optimum: ArrayLike | None = None,
) -> RegressionLaw:
    """Regression on fresh samples ``x ~ N(0, H)``, ``y = x.w + e``, e of variance sigma^2.

    By Wick's rule ``C = H S' H + H (tr(H S') + sigma^2)`` with ``S' = S + m m^T``, m the mean of
    ``theta - w``. On a line without momentum ``var = eta sigma^2 / (B (2 - eta h (1 + 2 / B)))``.

    Parameters
    ----------
    H : array_like, shape (n, n)
        Covariance of x, the Hessian; or its eigenvalues, shape (n,).
    learning_rate, batch_size, momentum, weight_decay : float
    residual_variance : float
        ``sigma^2``.
    optimum : array_like, shape (n,), optional
        w, by default the origin; it matters with weight decay only.

    Raises
    ------
    CaseError
        On numbers out of range, and where the second moment of the steps diverges: it does so
        before the mean.
    """
    h, axes, w = _frame(H, optimum)
    force = h + weight_decay
    offset = -weight_decay / np.where(force > 0, force, 1.0) * (axes.T @ w)
    # stationary covariance of the modes under noise of covariance 1, over B
    kernel = heavy_ball(np.diag(force), np.ones((len(h), len(h))), learning_rate, momentum).position
    kernel = kernel / _batch(batch_size)
    gain = kernel * np.multiply.outer(h, h)
    own = np.diag(kernel) * h / (1 - np.diag(gain))
    share = float(h @ own)
    if np.abs(gain).max() >= 1 or share >= 1:
        raise _diverges(learning_rate, batch_size, max(float(np.abs(gain).max()), share))
    s = gain * np.multiply.outer(offset, offset) / (1 - gain)
    heat = residual_variance + float(h @ (np.diag(s) + offset**2))
    heat /= 1 - share
    s = s + np.diag(own * heat)
    second = s + np.multiply.outer(offset, offset)
    c = np.multiply.outer(h, h) * second + np.diag(h) * (residual_variance + h @ np.diag(second))
    return _law(axes, force, c / batch_size, w + axes @ offset, learning_rate, momentum)


def data_regression(
    X: ArrayLike,
    y: ArrayLike,
    learning_rate: float,
    batch_size: int,
    momentum: float = 0.0,
    *,
    weight_decay: float = 0.0,
    replacement: bool = True,
) -> RegressionLaw:
    """Regression on given data, whose batches are drawn anew in every step.

    ``C(S) = <x x^T (x.S x + r^2)> - H S H - g g^T`` over the samples, with residuals r and the mean
    gradient g of the loss without weight decay, both at the mean of theta.

    Parameters
    ----------
    X, y : array_like, shape (N, n) and (N,)
        Inputs and targets; the loss is ``|X theta - y|^2 / 2 N``. At most 64 columns.
    learning_rate, batch_size, momentum, weight_decay : float
    replacement : bool
        Whether a sample may be twice in one batch; without, the noise is ``(N - B) / (N - 1)`` of
        that.

    Raises
    ------
    CaseError
        On data of other shapes, numbers out of range, and where the second moment diverges.
    """
    x, target = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.ndim != 2 or target.shape != x.shape[:1] or not x.size:
        msg = f"data are X of shape (N, n) and y of shape (N,), got {x.shape} and {target.shape}"
        raise CaseError(msg)
    count, n = x.shape
    if n > MOST:
        msg = f"the second moment of {n} coordinates is too large to solve for: at most {MOST}"
        raise CaseError(msg)
    share = 1 / _batch(batch_size)
    if not replacement:
        if batch_size > count:
            msg = f"a batch of {batch_size} without replacement needs as many samples, got {count}"
            raise CaseError(msg)
        share *= (count - batch_size) / max(count - 1, 1)
    h, axes = np.linalg.eigh(x.T @ x / count)
    h = np.maximum(h, 0.0)
    force, x = h + weight_decay, x @ axes
    kernel = heavy_ball(np.diag(force), np.ones((n, n)), learning_rate, momentum).position
    mean = (x.T @ target / count) / force
    residual = x @ mean - target
    gradient = x.T @ residual / count
    still = (x * residual[:, None] ** 2).T @ x / count - np.multiply.outer(gradient, gradient)
    a, b = np.triu_indices(n)
    pairs, twice = x[:, a] * x[:, b], np.where(a == b, 1.0, 2.0)
    grows = pairs.T @ (pairs * twice) / count - np.diag(h[a] * h[b])
    gain = share * kernel[a, b]
    try:
        s = np.linalg.solve(np.eye(len(a)) - gain[:, None] * grows, gain * still[a, b])
    except np.linalg.LinAlgError:
        raise _diverges(learning_rate, batch_size, 1.0) from None
    c = np.empty((n, n))
    c[a, b] = c[b, a] = share * (grows @ s + still[a, b])
    whole = np.empty((n, n))
    whole[a, b] = whole[b, a] = s
    # of a positive map S -> T(S) + Q the fixed point is positive just where its powers converge
    if np.linalg.eigvalsh(whole)[0] < -ROUNDING * np.abs(whole).max():
        raise _diverges(learning_rate, batch_size, float(np.max(gain * np.diag(grows))))
    return _law(axes, force, c, axes @ mean, learning_rate, momentum)


def _law(
    axes: Array, force: Array, noise: Array, mean: Array, learning_rate: float, momentum: float
) -> RegressionLaw:
    def turned(m: Array) -> Array:
        return np.asarray(axes @ m @ axes.T)

    noise = 0.5 * (noise + noise.T)
    found = heavy_ball(np.diag(force), noise, learning_rate, momentum)
    return RegressionLaw(mean, HeavyBall(*(turned(m) for m in found)), turned(noise))


def _frame(H: ArrayLike, optimum: ArrayLike | None) -> tuple[Array, Array, Array]:
    h = np.atleast_1d(np.asarray(H, dtype=np.float64))
    values, axes = (h, np.eye(len(h))) if h.ndim == 1 else np.linalg.eigh(h)
    if values.min() < -ROUNDING * np.abs(values).max():
        msg = f"H is a covariance: no eigenvalue is below 0, got {values.min():g}"
        raise CaseError(msg)
    w = np.zeros(len(values)) if optimum is None else np.atleast_1d(np.asarray(optimum, float))
    if w.shape != values.shape:
        msg = f"the optimum has {len(values)} coordinates, got {w.shape}"
        raise CaseError(msg)
    return np.maximum(values, 0.0), np.asarray(axes), w


def _batch(size: float) -> float:
    if not (np.isfinite(size) and size > 0):
        msg = f"batch_size is a positive number, got {size}"
        raise CaseError(msg, key="sgd.batch_size")
    return float(size)


def _diverges(learning_rate: float, batch_size: float, share: float) -> CaseError:
    msg = (
        f"the second moment diverges: with learning_rate = {learning_rate:g} and batch_size = "
        f"{batch_size:g} the noise of the curvature feeds itself (gain {share:.3g}; it must be "
        "below 1); the law then has a tail of index 2 or less"
    )
    return CaseError(msg, key="sgd.learning_rate")
