"""Where the edge of half a lattice is on the scale of many cells, and how killing moves it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import gammaln

__all__ = ["edge_killing", "edge_layer", "layer_ratios"]

Array = NDArray[np.float64]
#: Points of the quadratures over wave numbers.
POINTS = 80


@lru_cache(maxsize=256)
def edge_layer(
    alpha: float, jumps: float, gauss: float, drift: float, wind: float
) -> tuple[float, float]:
    r"""Distance of the edge from the last node of half a lattice, in cells, and its stiffness.

    Walkers on the nodes 0, 1, 2, ... are killed when they go below. With :math:`\psi` the symbol
    of -Q on all nodes, and :math:`\psi = c\,\varphi_+(z) \varphi_-(1 / z)` its Wiener-Hopf
    factors, :math:`z = e^{-i q}` and :math:`\varphi_\pm(0) = 1`, solutions near the edge are like
    the harmonic function :math:`\hat V(z) = 1 / ((1 - z)\,\varphi_+(z))`. Far from the edge that
    is the one of the continuum, with its edge

    .. math::

        \theta = \frac{1}{2} + \frac{1}{\pi} \Bigl[\int_0^\infty \frac{\ln |\psi_0|}{q^2} dq
        - \int_0^\pi \frac{\ln |\psi|}{4 \sin^2(q / 2)} dq\Bigr]

    cells from node 0, :math:`\psi_0` being the symbol of the continuum: (2 + alpha) / 4 for jumps
    alone, 1 for Gaussian noise, 1/2 for drift. The stiffness is
    :math:`c = \exp(\pi^{-1} \int_0^\pi \ln |\psi| dq)`.

    Parameters
    ----------
    alpha : float
    jumps : float
        :math:`(s / h)^\alpha`.
    gauss, drift : float
        :math:`T / h^2` and :math:`|f| / h`.
    wind : float
        Share of upwinding.

    References
    ----------
    F. Spitzer, *Principles of Random Walk*, section 18.
    """
    y, w = leggauss(POINTS)
    t, w = 0.5 * (y + 1.0), 0.5 * w
    q, dq = np.pi * t**2, 2.0 * np.pi * t * w
    half = 4.0 * np.sin(0.5 * q) ** 2
    lattice = np.log(_lattice(q, alpha, jumps, gauss, drift, wind))
    smooth = np.log(_continuum(q, alpha, jumps, gauss, drift))
    near = dq @ ((smooth - lattice) / half + smooth * (1.0 / q**2 - 1.0 / half))
    # q from pi on, as pi / t^2
    scale = float(np.log(_continuum(np.array([np.pi]), alpha, jumps, gauss, drift))[0])
    beyond = np.log(_continuum(np.pi / t**2, alpha, jumps, gauss, drift)) - scale
    far = (2.0 * t * w) @ beyond / np.pi + scale / np.pi
    return float(0.5 + (near + far) / np.pi), float(np.exp(dq @ lattice / np.pi))


def edge_killing(distance: float, layer: tuple[float, float]) -> float:
    r"""Rate of killing in the last node that moves the edge to a distance, in cells.

    Killing at a rate k subtracts :math:`k / (c + k)` of :math:`V_j - V_{j - 1}`, the derivative,
    from :math:`V_j`, since :math:`1 / (c\,\varphi_+)` is the Green function from node 0. So it
    moves the edge inwards by as many cells, and :math:`k = c (\theta - d) / (1 - \theta + d)`. A
    negative rate moves it outwards.

    Parameters
    ----------
    distance : float
        d > theta - 1.
    layer : (float, float)
        theta and c, see `edge_layer`.
    """
    theta, stiffness = layer
    shift = theta - distance
    return stiffness * shift / (1.0 - shift)


def layer_ratios(alpha: float, distance: float, count: int) -> Array:
    r"""Continuum over lattice in the nodes next to an edge, for jumps alone; shape (count,).

    .. math::

        \frac{(k + d)^a / \Gamma(1 + a)}{V_k - (\theta - d) (V_k - V_{k - 1})}, \qquad
        V_k = \frac{\Gamma(k + 1 + a)}{\Gamma(1 + a)\, k!}, \quad a = \alpha / 2

    It tends to 1 with the square of k.
    """
    a, k = 0.5 * alpha, np.arange(count)
    v = np.exp(gammaln(k + 1 + a) - gammaln(k + 1))
    lattice = v - (0.5 * (1.0 + a) - distance) * np.diff(v, prepend=0.0)
    return np.asarray((k + distance) ** a / lattice)


def _lattice(
    q: Array, alpha: float, jumps: float, gauss: float, drift: float, wind: float
) -> Array:
    sine = 2.0 * np.sin(0.5 * q)
    step = np.exp(1j * q) - 1.0
    upwind = step * (1.5 - 0.5 * np.exp(1j * q))
    by_drift = drift * ((1.0 - wind) * 1j * np.sin(q) + wind * upwind)
    return np.asarray(np.abs(jumps * sine**alpha + gauss * sine**2 - by_drift))


def _continuum(q: Array, alpha: float, jumps: float, gauss: float, drift: float) -> Array:
    return np.asarray(np.hypot(jumps * q**alpha + gauss * q**2, drift * q))
