"""Escape over a barrier on a line: Kramers' law, its next order, and slow relaxation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log, pi

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.theory.quadrature import panel_rule

__all__ = [
    "TwoWells",
    "derivatives",
    "kramers_correction",
    "kramers_log_time",
    "kramers_time",
    "two_wells",
]

#: Gauss-Legendre points in a panel
NODES = 8
#: Exponentials beyond this are infinite.
OVERFLOW = 709.7

Array = NDArray[np.float64]


def kramers_time(well: float, top: float, barrier: float, diffusion: float) -> float:
    """Kramers' mean time to cross to well beyond a barrier.

    ``tau = 2 pi exp(Delta L / D) / sqrt(L''(a) |L''(b)|)``; good for ``Delta L / D`` above about 5
    (and half of it is the mean time to first touch the top).

    Parameters
    ----------
    well, top : float
        Second derivatives of the loss at the minimum a and at the top b of the barrier.
    barrier : float
        ``L(b) - L(a)``.
    diffusion : float
        Constant D.

    References
    ----------
    H. A. Kramers, Physica 7 (1940) 284, equation 17.
    """
    log_time = kramers_log_time(well, top, barrier, diffusion)
    return exp(log_time) if log_time < OVERFLOW else inf


def kramers_log_time(well: float, top: float, barrier: float, diffusion: float) -> float:
    """Natural logarithm of `kramers_time`, which may overflow."""
    return barrier / diffusion + log(2 * pi) - 0.5 * log(well * abs(top))


def kramers_correction(well: tuple[float, float, float], top: tuple[float, float, float]) -> float:
    """Coefficient c1 of the next order: ``tau = tau_Kramers (1 + c1 D + ...)``.

    Parameters
    ----------
    well, top : tuple of float
        Second, third and fourth derivatives of the loss at the minimum and at the top.

    Notes
    -----
    It belongs to the time to cross to well beyond the top. The next order of Laplace's method at
    both ends: ``5 L3^2 / (24 |L2|^3) -+ L4 / (8 L2^2)`` with - at the minimum and + at the top.
    """

    def end(derivatives: tuple[float, float, float], sign: float) -> float:
        second, third, fourth = derivatives
        return 5 * third**2 / (24 * abs(second) ** 3) + sign * fourth / (8 * second**2)

    return end(well, -1.0) + end(top, 1.0)


def derivatives(
    curvature: Callable[[Array], Array], point: float, reach: float
) -> tuple[float, float, float]:
    """Second, third and fourth derivative of a loss, from its second on a short interval.

    Parameters
    ----------
    curvature : callable
        L'' at points of shape (n,).
    point, reach : float
        Where, and half the length of the interval, over which L'' is nearly a polynomial.
    """
    legendre = np.polynomial.legendre
    nodes, _ = legendre.leggauss(NODES + 1)
    at = curvature(point + reach * nodes)
    values = np.linalg.solve(legendre.legvander(nodes, NODES), at)
    slopes = [float(legendre.legval(0.0, legendre.legder(values, k))) / reach**k for k in range(3)]
    return slopes[0], slopes[1], slopes[2]


@dataclass(frozen=True, eq=False)
class TwoWells:
    """Slow relaxation between two wells on a line.

    Parameters
    ----------
    rate : float
        Slowest relaxation rate, the sum of the two escape rates.
    right : float
        Equilibrium mass right of the saddle.
    committor : callable
        Probability to end in the right well, at points of shape (n,).
    """

    rate: float
    right: float
    committor: Callable[[Array], Array]

    def mass_right(self, time: float, start: float) -> float:
        """Mass on the right at a late time, when `start` went there at once.

        ``right + (start - right) e^{-rate t}``, without cancellation while rate t is small.
        """
        return start - (self.right - start) * float(np.expm1(-self.rate * time))


def two_wells(
    loss: Callable[[Array], Array],
    diffusion: float,
    walls: tuple[float, float],
    minima: tuple[float, float],
    saddle: float,
    *,
    panels: int = 4000,
) -> TwoWells:
    """Relaxation of two wells under white noise, by quadrature.

    The committor q between the minima solves the backward equation exactly, so that its Rayleigh
    quotient ``lambda = D int q'^2 e^{-L/D} / (Z Var q)`` bounds the slow rate from above and is
    right up to terms exponentially small in the barrier; no Laplace approximation is made.

    Parameters
    ----------
    loss : callable
        L at points of shape (n,).
    diffusion : float
        Constant D.
    walls : tuple of float
        Ends of the line (reflecting).
    minima : tuple of float
        Left and right minimum.
    saddle : float
        Maximum between them.
    panels : int
        Equal panels of 8 Gauss-Legendre nodes.
    """
    left, right = minima
    low, high = walls
    x, w = _panels(low, high, panels)
    v = loss(x) / diffusion
    p = w * np.exp(-(v - v.min()))
    z = p.sum()
    committor, climb, shift = _committor(loss, diffusion, left, right, panels)
    q = committor(x)
    mean = float(p @ q / z)
    variance = float(p @ (q - mean) ** 2 / z)
    # D / (Z int e^{L/D}), each integral scaled by its own largest exponent
    flux = diffusion * np.exp(float(v.min()) - shift) / (z * climb)
    xr, wr = _panels(saddle, high, panels)
    beyond = float((wr * np.exp(-(loss(xr) / diffusion - v.min()))).sum() / z)
    return TwoWells(float(flux / variance), beyond, committor)


def _committor(
    loss: Callable[[Array], Array], diffusion: float, left: float, right: float, panels: int
) -> tuple[Callable[[Array], Array], float, float]:
    """Committor ``int_a^x e^{L/D} / int_a^b e^{L/D}``, and that integral with its scale."""
    edges = np.linspace(left, right, panels + 1)
    y, u = _panels(left, right, panels)
    climb = loss(y) / diffusion
    shift = float(climb.max())
    parts = (u * np.exp(climb - shift)).reshape(panels, -1).sum(axis=1)
    rising = np.concatenate([[0.0], np.cumsum(parts)])
    total = float(rising[-1])

    def committor(x: Array) -> Array:
        return np.asarray(np.interp(x, edges, rising / total))

    return committor, total, shift


def _panels(low: float, high: float, panels: int) -> tuple[Array, Array]:
    x, w = panel_rule(low, high, panels, NODES)
    return x.ravel(), w.ravel()
