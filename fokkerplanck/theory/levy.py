r"""Closed forms of motion under symmetric alpha-stable noise.

Noise is normalised by :math:`E e^{i w L_t} = e^{-t |w|^\alpha}` throughout: its jumps have the
measure :math:`C_{1, \alpha} |y|^{-1 - \alpha} dy`, and at alpha = 2 it is Gaussian of variance 2 t.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, gamma, pi
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.solvers.fractional import jump_constant
from fokkerplanck.theory.prediction import Prediction

__all__ = [
    "cauchy_double_well",
    "cauchy_quartic",
    "getoor_time",
    "jump_constant",
    "levy_exit_side",
    "levy_exit_time",
    "levy_landing_density",
    "levy_landing_quantile",
    "levy_ou_characteristic",
    "levy_ou_scale",
    "levy_transition_time",
    "levy_well_rates",
]

Array = NDArray[np.float64]
#: Largest width of the law in a well, over the distance to its edge, at which the laws of small
#: noise are within two percent (measured on parabolas and quartics, alpha from 0.8 to 1.5).
NARROW = 0.03
#: ``e^-LOGS`` of the landing density is left out at either end.
LOGS = 36.0


def getoor_time(
    x: ArrayLike, alpha: float, *, radius: float = 1.0, scale: float = 1.0, dim: int = 1
) -> Array:
    r"""Mean time at which pure jumps leave a ball, from a distance x of its centre.

    .. math::

        T(x) = \frac{\Gamma(n / 2)}{2^\alpha \Gamma(1 + \alpha / 2) \Gamma((n + \alpha) / 2)}
        \frac{(r^2 - x^2)^{\alpha / 2}}{s^\alpha}

    and on a line :math:`(r^2 - x^2)^{\alpha / 2} / (s^\alpha \Gamma(1 + \alpha))`. Exact, for
    isotropic noise without drift, 0 < alpha <= 2.

    References
    ----------
    R. K. Getoor, Trans. Amer. Math. Soc. 101 (1961) 75.
    """
    _check(alpha, scale)
    if not (radius > 0 and dim >= 1):
        msg = f"needs a positive radius and at least one dimension, got {radius} and {dim}"
        raise CaseError(msg)
    front = gamma(0.5 * dim) / (
        2.0**alpha * gamma(1.0 + 0.5 * alpha) * gamma(0.5 * (dim + alpha)) * scale**alpha
    )
    inside = np.maximum(radius**2 - np.asarray(x, dtype=np.float64) ** 2, 0.0)
    return np.asarray(front * inside ** (0.5 * alpha))


def levy_landing_density(
    y: ArrayLike, alpha: float, *, start: float = 0.0, radius: float = 1.0
) -> Array:
    r"""Density of the point that pure jumps out of an interval lead to.

    .. math::

        p(y) = \frac{\sin(\pi \alpha / 2)}{\pi}
        \Bigl(\frac{r^2 - x^2}{y^2 - r^2}\Bigr)^{\alpha / 2} \frac{1}{|x - y|}, \quad |y| > r

    from x in (-r, r), whatever the scale. Exact, without drift, 0 < alpha < 2; 0 inside.

    References
    ----------
    R. M. Blumenthal, R. K. Getoor and D. B. Ray, Trans. Amer. Math. Soc. 99 (1961) 540.
    """
    _check(alpha, 1.0, below_two=True)
    if not abs(start) < radius:
        msg = f"the start lies in (-{radius:g}, {radius:g}), got {start:g}"
        raise CaseError(msg)
    at = np.asarray(y, dtype=np.float64)
    out = np.abs(at) > radius
    far = np.where(out, at, 2.0 * radius)
    ratio = (radius**2 - start**2) / (far**2 - radius**2)
    density = np.sin(0.5 * pi * alpha) / pi * ratio ** (0.5 * alpha) / np.abs(far - start)
    return np.asarray(np.where(out, density, 0.0))


def levy_exit_side(x: ArrayLike, alpha: float, *, radius: float = 1.0) -> Array:
    r"""Probability that pure jumps out of (-r, r) lead to its right.

    .. math::

        P(x) = \frac{1}{B(\alpha / 2, \alpha / 2)} \int_0^{(1 + x / r) / 2}
        (t (1 - t))^{\alpha / 2 - 1} dt

    Exact, without drift, 0 < alpha <= 2.

    References
    ----------
    B. A. Rogozin, Theory Probab. Appl. 17 (1972) 332.
    """
    from scipy.special import betainc

    _check(alpha, 1.0)
    if not radius > 0.0:
        msg = f"needs a positive radius, got {radius}"
        raise CaseError(msg)
    share = np.clip(0.5 * (1.0 + np.asarray(x, dtype=np.float64) / radius), 0.0, 1.0)
    return np.asarray(betainc(0.5 * alpha, 0.5 * alpha, share))


def levy_landing_quantile(
    share: float, alpha: float, *, start: float = 0.0, radius: float = 1.0
) -> float:
    """Overshoot of the right end that a share of the jumps beyond it stay below.

    From `levy_landing_density` and `levy_exit_side`; to about 1e-8.
    """
    from scipy.integrate import quad
    from scipy.optimize import brentq

    _check(alpha, 1.0, below_two=True)
    if not 0.0 < share < 1.0:
        msg = f"a share lies between 0 and 1, got {share}"
        raise CaseError(msg)
    x = start / radius
    whole = float(levy_exit_side(x, alpha))
    front = np.sin(0.5 * pi * alpha) / pi * (1.0 - x**2) ** (0.5 * alpha)
    first = -LOGS / (1.0 - 0.5 * alpha)

    def density(log: float) -> float:
        # by the overshoot, next to the edge too
        away = np.exp(log)
        return float(front * (away * (2.0 + away)) ** (-0.5 * alpha) / (1.0 + away - x) * away)

    def missing(log: float) -> float:
        below = sum(quad(density, *ends, limit=200)[0] for ends in ((first, 0.0), (0.0, log)))
        return float(below) - share * whole

    return radius * float(np.exp(brentq(missing, first + 1.0, LOGS / alpha)))


def levy_exit_time(
    alpha: float,
    scale: float,
    left: float,
    right: float,
    *,
    curvature: float = 1.0,
    normalisation: Literal["stable", "bare"] = "stable",
) -> Prediction:
    r"""Mean time to leave a well by one long jump, for weak noise.

    .. math:: T = \frac{\alpha}{C s^\alpha (a^{-\alpha} + b^{-\alpha})}

    whatever the height of the barrier.

    Parameters
    ----------
    alpha, scale : float
        0 < alpha < 2 and s.
    left, right : float
        Distances b and a of the edges from the minimum; one may be infinite.
    curvature : float
        Of the loss at the minimum: the formula counts as valid where the law inside the well,
        of width :math:`s / (\alpha k)^{1 / \alpha}`, is narrower than 3 % of both distances.
    normalisation : str
        ``"stable"``: C is that of noise with :math:`E e^{i w L_t} = e^{-t |w|^\alpha}`, as in this
        package and in the discrete model of heavy-tailed SGD. ``"bare"``: C = 1, jumps of measure
        :math:`|y|^{-1 - \alpha} dy`, as in the papers on metastability; with stable noise that is
        too small by :math:`1 / C_{1, \alpha}` (3.3 at alpha = 1.5).

    References
    ----------
    P. Imkeller and I. Pavlyukevich, Stoch. Process. Appl. 116 (2006) 611.
    """
    _check(alpha, scale, below_two=True)
    if not (left > 0 and right > 0 and min(left, right) < np.inf and curvature > 0):
        msg = f"needs positive distances and curvature, got {left}, {right} and {curvature}"
        raise CaseError(msg)
    if normalisation not in ("stable", "bare"):
        msg = f'the normalisation is "stable" or "bare", got {normalisation!r}'
        raise CaseError(msg)
    front = jump_constant(alpha) if normalisation == "stable" else 1.0
    time = alpha / (front * scale**alpha * (left**-alpha + right**-alpha))
    width = levy_ou_scale(alpha, scale, curvature)
    part = width / min(left, right)
    if part <= NARROW:
        return Prediction(time)
    note = f"weak noise wanted: the law in the well is {part:.2g} of the distance to its edge wide"
    return Prediction(time, False, note)


def levy_well_rates(
    minima: Sequence[float], maxima: Sequence[float], alpha: float, scale: float
) -> Array:
    r"""Rates between wells for weak noise.

    .. math::

        k_{i j} = \frac{C_{1, \alpha} s^\alpha}{\alpha}
        \bigl| |s_{j - 1} - m_i|^{-\alpha} - |s_j - m_i|^{-\alpha} \bigr|

    with the basin of :math:`m_j` between the maxima :math:`s_{j - 1}` and :math:`s_j`, and no
    maximum beyond the outermost wells. One jump leads there, over any wells in between.

    Returns
    -------
    ndarray, shape (wells, wells)
        Rows sum to 0.

    References
    ----------
    P. Imkeller and I. Pavlyukevich, J. Phys. A 39 (2006) L237.
    """
    _check(alpha, scale, below_two=True)
    m = np.asarray(minima, dtype=np.float64)
    edges = np.concatenate(([-np.inf], np.asarray(maxima, dtype=np.float64), [np.inf]))
    if len(edges) != len(m) + 1 or not ((edges[:-1] < m) & (m < edges[1:])).all():
        msg = f"needs one maximum between two minima, in order; got {minima} and {maxima}"
        raise CaseError(msg)
    reach = np.abs(edges[None, :] - m[:, None]) ** -alpha
    rates = jump_constant(alpha) * scale**alpha / alpha * np.abs(np.diff(reach, axis=1))
    np.fill_diagonal(rates, 0.0)
    np.fill_diagonal(rates, -rates.sum(axis=1))
    return np.asarray(rates)


def levy_transition_time(minimum: float, maximum: float, alpha: float, scale: float) -> float:
    """Mean time from one of two wells to the other, ``alpha / (C s^alpha) distance^alpha``.

    For weak noise; the distance is that of the minimum from the maximum between the wells.
    """
    _check(alpha, scale, below_two=True)
    distance = abs(maximum - minimum)
    return float(alpha / jump_constant(alpha) * (distance / scale) ** alpha)


def levy_ou_scale(alpha: float, scale: float, curvature: float = 1.0) -> float:
    r"""Scale of the stationary stable law in a parabola, :math:`s / (\alpha k)^{1 / \alpha}`."""
    _check(alpha, scale)
    return float(scale / (alpha * curvature) ** (1.0 / alpha))


def levy_ou_characteristic(
    w: ArrayLike,
    alpha: float,
    scale: float,
    curvature: float = 1.0,
    *,
    time: float = np.inf,
    start: float = 0.0,
) -> NDArray[np.complex128]:
    r"""Characteristic function of a Levy-driven Ornstein-Uhlenbeck process.

    .. math::

        E e^{i w x_t} = \exp\Bigl(i w x_0 e^{-k t}
        - \frac{s^\alpha |w|^\alpha}{\alpha k} (1 - e^{-\alpha k t})\Bigr)

    Exact for :math:`dx = -k x\,dt + s\,dL^\alpha`, 0 < alpha <= 2.
    """
    _check(alpha, scale)
    frequency = np.asarray(w, dtype=np.float64)
    left = exp(-curvature * time)
    spread = levy_ou_scale(alpha, scale, curvature) ** alpha * (1.0 - left**alpha)
    return np.asarray(np.exp(1j * frequency * start * left - spread * np.abs(frequency) ** alpha))


def cauchy_quartic(x: ArrayLike, scale: float = 1.0) -> Array:
    r"""Stationary density of Cauchy noise in the single quartic well :math:`L = x^4 / 4`.

    .. math:: p = \frac{a^3}{\pi (x^4 - a^2 x^2 + a^4)}, \quad a = s^{1 / 3}

    Exact, alpha = 1. It has two peaks where the loss has one well.

    References
    ----------
    A. Chechkin, V. Gonchar, J. Klafter, R. Metzler and L. Tanatarov, Chem. Phys. 284 (2002) 233.
    """
    _check(1.0, scale)
    a, y = scale ** (1.0 / 3.0), np.asarray(x, dtype=np.float64)
    return np.asarray(a**3 / (pi * (y**4 - a**2 * y**2 + a**4)))


def cauchy_double_well(x: ArrayLike, scale: float = 1.0) -> Array:
    r"""Stationary density of Cauchy noise in the double well :math:`L = x^4 / 4 - x^2 / 2`.

    .. math::

        p = \frac{2 P (P^2 + Q^2)}{\pi ((x - Q)^2 + P^2)((x + Q)^2 + P^2)}

    with the complex roots :math:`-P \pm i Q` of :math:`m^3 + m = s`. Exact, alpha = 1; the
    characteristic function obeys :math:`\phi''' + \phi' = s \phi` for positive frequencies.
    """
    _check(1.0, scale)
    p, q = _roots(scale)
    y = np.asarray(x, dtype=np.float64)
    return np.asarray(
        2.0 * p * (p**2 + q**2) / (pi * ((y - q) ** 2 + p**2) * ((y + q) ** 2 + p**2))
    )


def _roots(scale: float) -> tuple[float, float]:
    """P and Q, from the real root 2 P of the cubic."""
    roots = np.roots([1.0, 0.0, 1.0, -scale])
    real = float(roots[np.argmin(np.abs(roots.imag))].real)
    return 0.5 * real, float(np.sqrt(1.0 + 0.75 * real**2))


def _check(alpha: float, scale: float, *, below_two: bool = False) -> None:
    if not (0.0 < alpha <= 2.0 and not (below_two and alpha == 2.0)):
        allowed = "above 0 and below 2" if below_two else "above 0 and at most 2"
        msg = f"the index of a stable law is {allowed} here, got {alpha}"
        raise CaseError(msg, key="noise.alpha")
    if not (0.0 < scale < np.inf):
        msg = f"the scale of the noise is positive and finite, got {scale}"
        raise CaseError(msg, key="noise.scale")
