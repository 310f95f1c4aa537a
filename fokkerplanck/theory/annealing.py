"""A quadratic well while the noise is turned down: mean and covariance under a schedule.

``dx = -H (x - mu) dt + sqrt(2 D(t)) dW`` stays normal, with ``dS/dt = -H S - S H + 2 D(t)``. A
learning rate that decays, or a batch that grows, is a D(t) in the time ``t = int eta dk``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.theory.quadrature import panel_rule

__all__ = ["annealed_covariance", "annealed_mean", "annealed_variance", "scheduled_covariance"]

Array = NDArray[np.float64]
#: Gauss-Legendre nodes in a panel; panels are doubled at most this often.
NODES, DOUBLINGS = 16, 14


def annealed_variance(
    time: float, stiffness: float, diffusion: float, decay: float, start: float
) -> float:
    """Variance of one coordinate under ``D = D0 e^{-t/tau}``.

    ``S = S0 e^{-2ht} + 2 D0 (e^{-t/tau} - e^{-2ht}) / (2h - 1/tau)``, and its limit
    ``S0 e^{-2ht} + 2 D0 t e^{-2ht}`` at ``2h = 1/tau``.

    Parameters
    ----------
    time, stiffness : float
        t and h.
    diffusion, decay : float
        D0 and tau.
    start : float
        S0.
    """
    return float(annealed_covariance(time, stiffness, diffusion, decay, start)[0, 0])


def annealed_covariance(
    time: float, H: ArrayLike, diffusion: ArrayLike, decay: float, start: ArrayLike
) -> Array:
    """Covariance under ``D(t) = D0 e^{-t/tau}``, shape (n, n); in closed form.

    In the frame of H every entry obeys the law of one variable, with ``h_i + h_j`` for 2h.

    Parameters
    ----------
    time : float
    H, diffusion, start : array_like, shape (n, n)
        Hessian (symmetric), D0 and S0.
    decay : float
        tau > 0; infinite for noise that stays.

    Raises
    ------
    CaseError
        On matrices whose shapes differ, or a Hessian that is not symmetric.
    """
    vectors, pairs, d, s = _frame(H, diffusion, start)
    fade, gap = 1 / decay, pairs - 1 / decay
    # (e^{-t/tau} - e^{-pt}) / (p - 1/tau), from the slower of the two exponentials
    slow = np.exp(-np.minimum(pairs, fade) * time)
    size = np.abs(gap) * time
    share = np.where(size > 0, -np.expm1(-size) / np.where(size > 0, size, 1.0), 1.0)
    return _back(np.exp(-pairs * time) * s + 2 * d * time * slow * share, vectors)


def scheduled_covariance(
    time: float,
    H: ArrayLike,
    diffusion: Callable[[float], ArrayLike],
    start: ArrayLike,
    breakpoints: Sequence[float] = (),
    *,
    rtol: float = 1e-12,
) -> Array:
    """Covariance under any ``D(t)``, shape (n, n), by quadrature.

    ``S(t) = e^{-Ht} S0 e^{-Ht} + 2 int_0^t e^{-H(t-s)} D(s) e^{-H(t-s)} ds``.

    Parameters
    ----------
    time : float
    H, start : array_like, shape (n, n)
        Hessian (symmetric) and S0.
    diffusion : callable
        D at a time, shape (n, n) (or a number in one dimension); smooth between the breakpoints.
    breakpoints : sequence of float
        Times at which it jumps or has a kink.
    rtol : float
        Panels are doubled until the largest entry changes by less than this part.

    Raises
    ------
    CaseError
        As `annealed_covariance`.
    NumericalError
        When the quadrature does not settle.
    """
    vectors, pairs, _, s = _frame(H, diffusion(0.0), start)
    stops = [0.0, *(b for b in sorted(breakpoints) if 0 < b < time), time]
    kept = np.exp(-pairs * time) * s
    fastest = max(1.0, float(np.abs(pairs).max()) * time / 8)
    panels, last = int(np.ceil(fastest)), None
    for _ in range(DOUBLINGS):
        total = kept + sum(
            _grown(time, low, high, panels, pairs, vectors, diffusion)
            for low, high in pairwise(stops)
        )
        if last is not None and np.abs(total - last).max() <= rtol * np.abs(total).max():
            return _back(total, vectors)
        panels, last = 2 * panels, total
    msg = f"the covariance at t = {time:g} under a schedule does not settle: give its breakpoints"
    raise NumericalError(msg)


def annealed_mean(
    time: float, H: ArrayLike, initial: ArrayLike, centre: ArrayLike | None = None
) -> Array:
    """Mean ``mu + e^{-Ht} (m0 - mu)``, shape (n,), whatever the schedule of the noise."""
    h, start = np.atleast_2d(H), np.atleast_1d(np.asarray(initial, dtype=np.float64))
    middle = np.zeros_like(start) if centre is None else np.atleast_1d(centre)
    values, vectors = np.linalg.eigh(h)
    gone = vectors @ (np.exp(-values * time) * (vectors.T @ (start - middle)))
    return np.asarray(middle + gone)


def _grown(
    time: float,
    low: float,
    high: float,
    panels: int,
    pairs: Array,
    vectors: Array,
    diffusion: Callable[[float], ArrayLike],
) -> Array:
    """``2 int e^{-p (t - s)} D(s) ds`` over a stretch of times, in the frame of H."""
    times, weights = panel_rule(low, high, panels, NODES)
    x, w = times.ravel(), weights.ravel()
    d = np.array([np.atleast_2d(diffusion(float(s))) for s in x])
    d = np.einsum("ji,kjl,lm->kim", vectors, d, vectors)
    return np.asarray(
        2 * np.einsum("k,kij,kij->ij", w, np.exp(-np.multiply.outer(time - x, pairs)), d)
    )


def _frame(
    H: ArrayLike, diffusion: ArrayLike, start: ArrayLike
) -> tuple[Array, Array, Array, Array]:
    """Axes of H, sums ``h_i + h_j``, and the two matrices in that frame."""
    h, d, s = (np.atleast_2d(np.asarray(m, dtype=np.float64)) for m in (H, diffusion, start))
    if not h.shape == d.shape == s.shape or h.shape[0] != h.shape[1]:
        msg = f"Hessian {h.shape}, diffusion {d.shape} and covariance {s.shape} do not fit together"
        raise CaseError(msg)
    if np.abs(h - h.T).max() > 1e-12 * np.abs(h).max():
        msg = f"the Hessian must be symmetric, got {h.tolist()}"
        raise CaseError(msg)
    values, vectors = np.linalg.eigh(h)
    turned = (np.asarray(vectors.T @ m @ vectors) for m in (d, s))
    return vectors, values[:, None] + values, *turned


def _back(matrix: Array, vectors: Array) -> Array:
    out = vectors @ matrix @ vectors.T
    return np.asarray(0.5 * (out + out.T))
