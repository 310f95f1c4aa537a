"""Three factors: what learning rate, batch size and curvature make of SGD near a minimum.

Steps ``x <- x - eta H x - eta xi`` (heavy ball: ``v <- beta v - H x - xi``, ``x <- x + eta v``)
with gradient noise of covariance ``C / B`` have a normal stationary law. The diffusion that stands
for them depends on eta and B through ``eta / B`` alone; the discrete law is exact, and differs by
terms of order ``eta lambda_max(H)``. Everything is matrices, of any size.

References
----------
S. Jastrzebski et al., "Three factors influencing minima in SGD", arXiv 1711.04623; S. Mandt,
M. Hoffman and D. Blei, JMLR 18 (2017), for the continuous law.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError

__all__ = [
    "HeavyBall",
    "continuous_covariance",
    "continuous_excess_loss",
    "discrete_covariance",
    "discrete_excess_loss",
    "excess_loss",
    "heavy_ball",
]

Array = NDArray[np.float64]
#: Relative differences below this are rounding: of a matrix from its transpose, of an eigenvalue
#: from zero.
ROUNDING = 1e-12


class HeavyBall(NamedTuple):
    """Second moments of the stationary law of heavy-ball SGD on a quadratic loss.

    Parameters
    ----------
    position, velocity : ndarray, shape (n, n)
        Covariances of x and of ``v = (x - x_before) / eta``.
    cross : ndarray, shape (n, n)
        ``<x v^T>``.
    """

    position: Array
    velocity: Array
    cross: Array


def continuous_covariance(
    H: ArrayLike, C_over_B: ArrayLike, learning_rate: float, momentum: float = 0.0
) -> Array:
    """Stationary covariance of the diffusion: ``H S + S H = eta (C / B) / (1 - beta)``.

    Parameters
    ----------
    H : array_like, shape (n, n)
        Hessian of the loss that drives (with its weight decay), positive definite.
    C_over_B : array_like, shape (n, n)
        Covariance of the gradient noise of one step, positive semi-definite.
    learning_rate, momentum : float
        eta > 0 and beta in [0, 1), in the overdamped limit.

    Returns
    -------
    ndarray, shape (n, n)
        For ``C = H``: ``eta / (2 B (1 - beta)) I``, whatever the curvatures.

    Raises
    ------
    CaseError
        On matrices that are not of these kinds, or numbers out of range.
    """
    h, vectors, c = _modes(H, C_over_B, learning_rate, momentum)
    s = learning_rate / (1 - momentum) * c / (h[:, None] + h)
    return _rotated(s, vectors)


def discrete_covariance(
    H: ArrayLike, C_over_B: ArrayLike, learning_rate: float, momentum: float = 0.0
) -> Array:
    """Exact stationary covariance of the steps themselves, at any stable learning rate.

    Parameters and errors as in `continuous_covariance`; besides, raises `CaseError` when the
    iteration diverges, ``eta lambda_max(H) >= 2 (1 + beta)``. For ``C = H`` and no momentum it is
    ``(eta / B) (2 I - eta H)^-1``.
    """
    return heavy_ball(H, C_over_B, learning_rate, momentum).position


def heavy_ball(
    H: ArrayLike, C_over_B: ArrayLike, learning_rate: float, momentum: float = 0.0
) -> HeavyBall:
    """All second moments of the steps, in closed form.

    Between modes i and j of H, with ``u = h_i`` and ``w = h_j``,

        S_ij = eta (C/B)_ij (1 - beta^2)
               / {(1 - beta)^2 [(1 + beta) (u + w) - eta u w] + eta beta (u - w)^2}

    from the two recursions of second order; nothing cancels. Parameters and errors as in
    `discrete_covariance`.
    """
    h, vectors, c = _modes(H, C_over_B, learning_rate, momentum)
    eta, beta = learning_rate, momentum
    if eta * h[-1] >= 2 * (1 + beta):
        msg = (
            f"the iteration diverges: learning_rate * largest curvature = {eta * h[-1]:.6g}, and "
            f"it is stable only below 2 (1 + momentum) = {2 * (1 + beta):g}"
        )
        raise CaseError(msg, key="sgd.learning_rate")
    u, w = h[:, None], h
    decay = (1 - beta) ** 2 * ((1 + beta) * (u + w) - eta * u * w) + eta * beta * (u - w) ** 2
    s = eta * (1 - beta) * (1 + beta) * c / decay
    speed = s * (u + w) / ((1 + beta) * eta)
    cross = s * (u - beta * w) / ((1 - beta) * (1 + beta))
    return HeavyBall(
        _rotated(s, vectors), _rotated(speed, vectors), np.asarray(vectors @ cross @ vectors.T)
    )


def excess_loss(H: ArrayLike, covariance: ArrayLike) -> float:
    """``E[L] - L0 = tr(H S) / 2`` on a quadratic loss."""
    h, s = np.atleast_2d(H), np.atleast_2d(covariance)
    return float(0.5 * np.sum(h * np.asarray(s).T))


def continuous_excess_loss(
    H: ArrayLike, C_over_B: ArrayLike, learning_rate: float, momentum: float = 0.0
) -> float:
    """``E[L] - L0 = eta tr(C / B) / (4 (1 - beta))`` of the diffusion; the Hessian drops out.

    Parameters and errors as in `continuous_covariance`.
    """
    _modes(H, C_over_B, learning_rate, momentum)
    return float(learning_rate * np.trace(np.atleast_2d(C_over_B)) / (4 * (1 - momentum)))


def discrete_excess_loss(
    H: ArrayLike, C_over_B: ArrayLike, learning_rate: float, momentum: float = 0.0
) -> float:
    """``E[L] - L0`` of the steps: ``(eta / 2) tr[(C/B) (2 I - eta H / (1+beta))^-1] / (1-beta)``.

    Exact for every C: only its diagonal in the frame of H counts, where the modes do not mix.
    Parameters and errors as in `discrete_covariance`.
    """
    return excess_loss(H, discrete_covariance(H, C_over_B, learning_rate, momentum))


def _modes(
    H: ArrayLike, C_over_B: ArrayLike, learning_rate: float, momentum: float
) -> tuple[Array, Array, Array]:
    """Curvatures (ascending) and axes of H, and the noise in that frame."""
    h, c = _symmetric(H, "the Hessian"), _symmetric(C_over_B, "the noise covariance")
    if h.shape != c.shape:
        msg = f"Hessian {h.shape} and noise covariance {c.shape} differ in size"
        raise CaseError(msg)
    if not (np.isfinite(learning_rate) and learning_rate > 0):
        msg = f"learning_rate is a positive number, got {learning_rate}"
        raise CaseError(msg, key="sgd.learning_rate")
    if not 0 <= momentum < 1:
        msg = f"momentum lies in [0, 1), got {momentum}"
        raise CaseError(msg, key="sgd.momentum")
    values, vectors = np.linalg.eigh(h)
    if values[0] <= 0:
        msg = f"a stationary law needs a positive definite Hessian; it has curvature {values[0]:g}"
        raise CaseError(msg)
    if np.linalg.eigvalsh(c)[0] < -ROUNDING * max(np.abs(c).max(), np.finfo(float).tiny):
        msg = f"the noise covariance must be positive semi-definite, got {c.tolist()}"
        raise CaseError(msg)
    return values, vectors, np.asarray(vectors.T @ c @ vectors)


def _symmetric(matrix: ArrayLike, what: str) -> Array:
    m = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
    good = m.ndim == 2 and m.shape[0] == m.shape[1] and bool(np.isfinite(m).all())
    if not good or np.abs(m - m.T).max() > ROUNDING * np.abs(m).max():
        msg = f"{what} must be a symmetric matrix of finite numbers, got {m.tolist()}"
        raise CaseError(msg)
    return np.asarray(0.5 * (m + m.T))


def _rotated(matrix: Array, vectors: Array) -> Array:
    back = vectors @ matrix @ vectors.T
    return np.asarray(0.5 * (back + back.T))
