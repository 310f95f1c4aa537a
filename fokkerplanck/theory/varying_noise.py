"""Escape and occupation where the noise varies: Laplace's method in any reading.

With ``D = d(x) I`` and a drift ``-grad L`` in detailed balance (always so on a line; elsewhere
when d is a function of the loss), the stationary density is ``d^-kappa e^-Phi``, where ``Phi`` is
the climb ``int dL / d``. What follows holds for small noise, and needs no more of it than its
values at the critical points and the climbs between them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError

__all__ = ["basin_log_ratio", "loss_climb", "varying_noise_log_time"]

Array = NDArray[np.float64]
#: Gauss-Legendre nodes for a climb over the loss.
NODES = 64


def varying_noise_log_time(
    H_a: ArrayLike, H_b: ArrayLike, noise: tuple[float, float], climb: float, kappa: float
) -> float:
    """Logarithm of the mean time from a minimum a to the far side of a saddle b.

    ``tau = (2 pi / |lambda_b|) sqrt(|det H_b| / det H_a) (d_b / d_a)^(kappa - n/2) e^Phi_ab``;
    on a line ``2 pi / sqrt(H_a |H_b|) (d_b / d_a)^(kappa - 1/2) e^Phi_ab``.

    Parameters
    ----------
    H_a, H_b : array_like, shape (n, n)
        Hessians of the loss; numbers on a line.
    noise : tuple of float
        d at a and at b.
    climb : float
        ``Phi_ab``; from about 5 on the law holds.
    kappa : float
        Reading: 1 Ito, 1/2 Stratonovich, 0 Hanggi and Klimontovich.

    Raises
    ------
    CaseError
        When the one is no minimum or the other has not just one direction down.
    """
    well, top = (np.linalg.eigvalsh(np.atleast_2d(h)) for h in (H_a, H_b))
    if well[0] <= 0 or not (top[0] < 0 and (top[1:] > 0).all()):
        msg = "an escape starts at a minimum and passes a saddle with one direction down"
        raise CaseError(msg)
    dets = float(np.log(np.abs(top)).sum() - np.log(well).sum())
    power = kappa - 0.5 * well.size
    rise = power * log(noise[1] / noise[0])
    return log(2 * pi / -top[0]) + 0.5 * dets + rise + climb


def basin_log_ratio(
    H_A: ArrayLike,
    H_B: ArrayLike,
    noise: tuple[float, float],
    difference: float,
    kappa: float,
) -> float:
    """``ln(p_A / p_B)``: how much more of the stationary mass is in the basin of A than of B.

    ``p_A / p_B = sqrt(det H_B / det H_A) (d_A / d_B)^(n/2 - kappa) e^{-(Phi_A - Phi_B)}``: on a
    line the factor ``(D_B / D_A)^kappa sqrt(Phi''_B / Phi''_A)``. White noise, ``d = T``, leaves
    Laplace's ``sqrt(det H_B / det H_A) e^{(L_B - L_A) / T}``, with ``T = eta sigma^2 / (2 B)`` for
    gradient noise ``C = sigma^2 I``.

    Parameters
    ----------
    H_A, H_B : array_like, shape (n, n)
        Hessians of the loss at the two minima.
    noise : tuple of float
        d at A and at B.
    difference : float
        ``Phi_A - Phi_B = int_B^A dL / d``.
    kappa : float
        Reading, as above.

    Raises
    ------
    CaseError
        When a Hessian is not positive definite.
    """
    first, second = (np.linalg.eigvalsh(np.atleast_2d(h)) for h in (H_A, H_B))
    if min(first[0], second[0]) <= 0:
        msg = "basins are those of minima: their Hessians must be positive definite"
        raise CaseError(msg)
    dets = float(np.log(second).sum() - np.log(first).sum())
    power = 0.5 * first.size - kappa
    return 0.5 * dets + power * log(noise[0] / noise[1]) - difference


def loss_climb(noise: Callable[[Array], Array], low: float, high: float) -> float:
    """``Phi = int dL / d(L)`` for noise that is a smooth function of the loss."""
    x, w = np.polynomial.legendre.leggauss(NODES)
    at = 0.5 * (low + high) + 0.5 * (high - low) * x
    return float(0.5 * (high - low) * (w @ (1 / noise(at))))
