"""Density diffusion theory: escape of SGD whose noise is the Hessian, and where it holds.

The noise of stochastic gradient descent is taken to be ``D = eb |H|``, ``eb = eta / (2 B)``, along
the escape direction. The theory freezes it at the curvature ``H_a`` of the minimum for a part s of
the climb, and at ``|H_b|`` of the saddle for the rest. Everything is said in one dimension, along
the path: transverse modes then have the variance eb at the minimum and at the saddle alike, and
drop out.

References
----------
Z. Xie, I. Sato and M. Sugiyama, "A diffusion theory for deep learning dynamics", ICLR 2021.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log, pi, sqrt

from fokkerplanck.theory.kramers import kramers_log_time
from fokkerplanck.theory.passage_forms import linear_exit_log_time

__all__ = [
    "FrozenEscape",
    "effective_switch",
    "fixed_radius_time",
    "flatness_ratio",
    "floor_slope",
    "inflection",
    "loss_noise_log_time",
    "parabola_switch",
    "rescaled_rate",
    "switch_fraction",
    "white_flatness_ratio",
]

#: Climbs below this are outside of the range of the theory.
LEAST_CLIMB = 5.0


@dataclass(frozen=True)
class FrozenEscape:
    """Escape over a barrier under two-temperature noise.

    Parameters
    ----------
    well, top : float
        Curvature ``H_a`` > 0 at the minimum, and that at the saddle (its size counts).
    barrier : float
        ``Delta L``.
    eb : float
        ``eta / (2 B)``.
    switch : float
        s, the part of the climb made at the noise of the well; see `switch_fraction`.
    """

    well: float
    top: float
    barrier: float
    eb: float
    switch: float

    @property
    def climb(self) -> float:
        """``Phi_ab = (Delta L / eb) (s / H_a + (1 - s) / |H_b|)``, what the barrier is in noise."""
        s = self.switch
        return self.barrier / self.eb * (s / self.well + (1 - s) / abs(self.top))

    @property
    def valid(self) -> bool:
        """Whether both legs of the climb together are at least 5."""
        return self.climb >= LEAST_CLIMB

    def log_time(self, kappa: float) -> float:
        """Logarithm of ``tau = 2 pi / (H_a^kappa |H_b|^(1 - kappa)) e^{Phi_ab}``.

        The noise jumps on the way up, so the reading matters: kappa is 1 for Ito (discrete SGD),
        1/2 for Stratonovich, 0 for Hanggi and Klimontovich.
        """
        return self.climb + log(2 * pi) - kappa * log(self.well) - (1 - kappa) * log(abs(self.top))

    def time(self, kappa: float) -> float:
        """Mean time to the far side of the barrier."""
        return _exp(self.log_time(kappa))

    @property
    def log_published(self) -> float:
        """Logarithm of ``tau = 2 pi / |H_b| e^{Phi_ab}``, as published.

        It is the law of the Hanggi-Klimontovich reading; that of the Ito equation which SGD obeys
        is longer by ``|H_b| / H_a``.
        """
        return self.log_time(0.0)

    @property
    def published(self) -> float:
        """Mean time as published."""
        return _exp(self.log_published)


def switch_fraction(well: float, switch: float, top: float) -> float:
    """``s = (L(c) - L(a)) / (L(b) - L(a))`` from the losses at minimum, switch and saddle.

    s is not free: it says where the noise changes.
    """
    return (switch - well) / (top - well)


def parabola_switch(well: float, top: float) -> float:
    """``s = |H_b| / (H_a + |H_b|)``: the switch where two matched parabolas meet."""
    return abs(top) / (well + abs(top))


def inflection(curvature: Callable[[float], float], well: float, top: float) -> float:
    """Point between a minimum and a saddle at which the curvature changes its sign."""
    from scipy.optimize import brentq  # slow to import

    return float(brentq(lambda x: float(curvature(x)), well, top, xtol=1e-15, rtol=1e-15))


def effective_switch(climb: float, barrier: float, well: float, top: float) -> float:
    """Find the s that would give a measured ``eb Phi_ab``; outside of [0, 1] none does.

    Parameters
    ----------
    climb : float
        ``eb Phi_ab``.
    barrier, well, top : float
        ``Delta L``, ``H_a`` and ``H_b``.
    """
    a, b = 1 / well, 1 / abs(top)
    return (climb / barrier - b) / (a - b)


def flatness_ratio(first: float, second: float, barrier: float, eb: float, switch: float) -> float:
    """Ratio of escape times of two wells that differ in curvature only, SGD noise.

    ``tau_1 / tau_2 = exp[(Delta L s / eb) (1 / H_1 - 1 / H_2)]`` (as published, prefactors equal):
    exponential, and a statement at fixed barrier. At fixed distance there is no such preference,
    see `fixed_radius_time`.
    """
    return _exp(barrier * switch / eb * (1 / first - 1 / second))


def white_flatness_ratio(first: float, second: float) -> float:
    """``tau_1 / tau_2 = sqrt(H_2 / H_1)``: as `flatness_ratio`, white noise, one dimension."""
    return sqrt(second / first)


def fixed_radius_time(curvature: float, radius: float, eb: float) -> float:
    """Mean time to leave (-r, r) in a parabola with its own noise ``D = eb H``.

    ``H T = F(r^2 / (2 eb))``, ``F(z) = z 2F2(1, 1; 3/2, 2; z)``: the exponent ``r^2 / (2 eb)``
    knows nothing of the curvature.
    """
    return _exp(linear_exit_log_time(1.0, eb, radius) - log(curvature))


def rescaled_rate(rate: Callable[[float], float], factor: float, eb: float) -> float:
    """Escape rate in ``L(sqrt(k) x)`` from rates in L: ``gamma(k, eb) = k gamma(1, k eb)``.

    Exact in any dimension and reading for ``D = eb g(H)`` with g homogeneous of degree one (|H|,
    frozen or not; a floor is multiplied by k). White noise does not feel k in its strength:
    ``gamma(k, D) = k gamma(1, D)``.

    Parameters
    ----------
    rate : callable
        ``gamma(1, eb)``.
    factor : float
        k, by which every Hessian is multiplied at the same barrier.
    eb : float
    """
    return factor * rate(factor * eb)


def floor_slope(gradient: float, third: float) -> float:
    """``d(eb Phi) / d ln(1/eps) = 2 |L'(c) / L'''(c)|`` at an inflection c, as eps goes to 0.

    For ``D = eb sqrt(L''^2 + eps^2)``. The noise vanishes at c while the drift does not, so that
    ``tau ~ eps^(-slope / eb)`` grows without bound.
    """
    return 2 * abs(gradient / third)


def loss_noise_log_time(
    curvatures: tuple[float, float], losses: tuple[float, float], strength: float, kappa: float
) -> float:
    """Logarithm of the escape time under noise proportional to the loss, ``D = c L``.

    ``tau = 2 pi / sqrt(H_a |H_b|) (L_b / L_a)^(1/c + kappa - 1/2)``: a power of the losses.

    Parameters
    ----------
    curvatures, losses : tuple of float
        At the minimum and at the saddle; losses are positive.
    strength : float
        c.
    kappa : float
        Reading, as in `FrozenEscape.log_time`.

    References
    ----------
    T. Mori, L. Ziyin, K. Liu and M. Ueda, ICML 2022 (the barrier of the logarithm of the loss).
    """
    (well, top), (low, high) = curvatures, losses
    return kramers_log_time(well, top, 0.0, 1.0) + (1 / strength + kappa - 0.5) * log(high / low)


def _exp(x: float) -> float:
    return exp(x) if x < 709.7 else inf
