"""What is known of stationary states without detailed balance: quasi-potentials and moments.

With constant noise that is not isotropic, the drift ``-grad L`` of stochastic gradient descent
leaves no detailed balance, and the stationary density is no function of the loss. For small noise
it is ``exp(-Phi)`` to leading order, where ``grad Phi . D grad Phi + f . grad Phi = 0``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck

__all__ = [
    "hamilton_jacobi",
    "linear_quasipotential",
    "separable_quasipotential",
    "virial_balance",
]

Array = NDArray[np.float64]


def hamilton_jacobi(gradient: Array, drift: Array, diffusion: Array) -> Array:
    """Residual ``grad Phi . D grad Phi + f . grad Phi`` of a quasi-potential, shape (...).

    Parameters
    ----------
    gradient, drift : ndarray, shape (..., n)
        Of Phi, and f.
    diffusion : ndarray, shape (..., n, n)

    References
    ----------
    M. I. Freidlin and A. D. Wentzell, Random Perturbations of Dynamical Systems, chapter 4.
    """
    pushed = np.einsum("...ij,...j->...i", diffusion, gradient) + drift
    return np.asarray(np.einsum("...i,...i->...", gradient, pushed))


def linear_quasipotential(process: OrnsteinUhlenbeck, points: ArrayLike) -> Array:
    """``Phi = y^T S^-1 y / 2``, y = x - mu, of a linear process; shape (...).

    S is the stationary covariance, so that here ``exp(-Phi)`` is exact at any noise.
    """
    y = np.asarray(points, dtype=np.float64) - process.centre
    pull = y @ np.linalg.inv(process.stationary_covariance)
    return np.asarray(0.5 * np.einsum("...i,...i->...", y, pull))


def separable_quasipotential(
    losses: Sequence[Callable[[Array], Array]], diffusions: Sequence[float], points: ArrayLike
) -> Array:
    """``Phi = sum_i L_i(x_i) / D_i`` of a loss ``sum_i L_i(x_i)`` with constant diagonal noise."""
    x = np.asarray(points, dtype=np.float64)
    parts = zip(losses, diffusions, strict=True)
    return np.asarray(sum(loss(x[..., i]) / d for i, (loss, d) in enumerate(parts)))


def virial_balance(points: Array, masses: Array, drift: Array, diffusion: Array) -> Array:
    """``<x_i f_j + x_j f_i> + 2 <D_ij>``, shape (n, n): zero in any stationary state (Ito).

    It needs no detailed balance, only that nothing is lost at infinity. For
    ``L = U(x) + (y - x)^2 / 2`` with ``D = diag(d1, d2)`` its last entry says
    ``<y^2> - <xy> = d2``, whatever U is.

    Parameters
    ----------
    points, drift : ndarray, shape (m, n)
        Positions and f there.
    masses : ndarray, shape (m,)
        Probabilities.
    diffusion : ndarray, shape (m, n, n) or (n, n)
    """
    cross = np.einsum("m,mi,mj->ij", masses, points, drift)
    tensor = np.broadcast_to(diffusion, (len(points), *np.shape(diffusion)[-2:]))
    return np.asarray(cross + cross.T + 2 * np.einsum("m,mij->ij", masses, tensor))
