"""Symmetric alpha-stable laws: sampling, characteristic function, logarithms, tails."""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma, isfinite, pi

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.special import expit

from fokkerplanck.errors import CaseError

__all__ = ["StableLaw", "log_variance"]

Array = NDArray[np.float64]
EULER = 0.57721566490153286
#: Closer to 1 than this, Zolotarev's integrand changes over a small part of the angles: the mean
#: is taken over E instead. Logarithms of E, their distance, and that of the logits of U there.
NEAR_CAUCHY = 0.05
LOG_E, STEP_E, STEP_U = (-36.0, 4.5), 0.25, 0.02
#: Of the quadrature of a tail: logits, their distance, and that over the width of a change; most
#: points x times nodes held at once.
REACH, COARSE, FINE, CHUNK = 34.0, 0.1, 0.25, 4_000_000


@dataclass(frozen=True, slots=True)
class StableLaw:
    """The law with ``E exp(iwX) = exp(-|scale w|^alpha)``.

    Parameters
    ----------
    alpha : float
        Index, 0 < alpha <= 2; 2 is the normal law of variance ``2 scale^2``, 1 is Cauchy's.
    scale : float

    Raises
    ------
    CaseError
        A parameter is out of its range.

    References
    ----------
    J. M. Chambers, C. L. Mallows and B. W. Stuck, J. Am. Stat. Assoc. 71, 340 (1976); J. P. Nolan,
    Commun. Stat. Stoch. Models 13, 759 (1997).
    """

    alpha: float
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.alpha <= 2:
            msg = f"alpha = {self.alpha:g}: a stable law needs 0 < alpha <= 2"
            raise CaseError(msg)
        if not (self.scale > 0 and isfinite(self.scale)):
            msg = f"scale = {self.scale:g}: a stable law needs a finite scale > 0"
            raise CaseError(msg)

    def sample(self, shape: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        """Draw independent values: ``sin(a U) / cos(U)^(1/a) (cos((1 - a) U) / E)^((1 - a)/a)``.

        ``U`` is uniform on (-pi/2, pi/2) and E exponential of mean 1.
        """
        a = self.alpha
        u = rng.uniform(-pi / 2, pi / 2, shape)
        if a == 1:
            return self.scale * np.tan(u)
        e = rng.standard_exponential(shape)
        return self.scale * _angular(u, a) * e ** ((a - 1) / a)

    def characteristic(self, w: ArrayLike) -> Array:
        """``exp(-|scale w|^alpha)``."""
        return np.exp(-(np.abs(self.scale * np.asarray(w, dtype=np.float64)) ** self.alpha))

    @property
    def log_mean(self) -> float:
        """``E ln|X| = ln(scale) + (1/alpha - 1) 0.5772...``."""
        return float(np.log(self.scale)) + (1 / self.alpha - 1) * EULER

    @property
    def log_variance(self) -> float:
        """``Var ln|X| = (pi^2 / 6) (1/alpha^2 + 1/2)``."""
        return log_variance(self.alpha)

    @property
    def tail_constant(self) -> float:
        """C of ``P(|X| > x) ~ C x^-alpha``; 0 for the normal law."""
        if self.alpha == 2:
            return 0.0
        a = self.alpha
        return float(2 * gamma(a) * np.sin(pi * a / 2) / pi * self.scale**a)

    def tail(self, x: ArrayLike) -> Array:
        """``P(|X| > x)``, by Zolotarev's integral over the angle of the sampler.

        For alpha > 1, ``X > x`` is ``E > (x / S(U))^(a/(a-1))``, so that the chance is the mean of
        an exponential over U; below 1 the other way round. Near alpha = 1 it is the mean over E of
        the chance that ``S(U) > x E^((1 - a)/a)``.
        """
        x = np.abs(np.asarray(x, dtype=np.float64)) / self.scale
        if self.alpha == 1:
            return np.asarray(1 - 2 / pi * np.arctan(x))
        flat = np.ravel(x)
        if abs(self.alpha - 1) < NEAR_CAUCHY:
            return _tail_near_one(flat, self.alpha).reshape(x.shape)
        power = self.alpha / (self.alpha - 1)
        angles = _angles(self.alpha)
        size = max(1, CHUNK // len(angles[0]))
        parts = [_tail(flat[k : k + size], power, *angles) for k in range(0, len(flat), size)]
        return np.concatenate(parts or [flat]).reshape(x.shape)


def log_variance(alpha: ArrayLike) -> float:
    """``Var ln|X|`` of a stable law, as a formula: also where an estimate of alpha is above 2."""
    return float(pi**2 / 6 * (1 / np.asarray(alpha, dtype=np.float64) ** 2 + 0.5))


def _angular(u: Array, a: float, cos: Array | None = None) -> Array:
    """Angular factor S(U) of the sampler; cos(U) may be given where it is better known."""
    cos = np.cos(u) if cos is None else cos
    return np.asarray(np.sin(a * u) / cos ** (1 / a) * np.cos((1 - a) * u) ** ((1 - a) / a))


def _tail(x: Array, power: float, inverse: Array, weights: Array) -> Array:
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        rest = np.exp(-((x[:, None] * inverse) ** power))
    return np.asarray((rest if power > 0 else 1 - rest) @ weights)


def _angles(a: float) -> tuple[Array, Array]:
    """``1 / S(U)`` at nodes on (0, pi/2), and weights: a trapezoidal rule in the logit of U.

    Large values come from U near pi/2, small ones from U near 0; the integrand changes where S(U)
    is x, the faster the nearer alpha is to 1.
    """
    step = min(COARSE, FINE * abs(a - 1) / a)
    s = np.arange(-REACH, REACH + step, step)
    u, rest = pi / 2 / (1 + np.exp(-s)), pi / 2 / (1 + np.exp(s))
    weights = step * u * rest / (pi / 2)
    return 1 / _angular(u, a, np.sin(rest)), weights / weights.sum()


def _tail_near_one(x: Array, a: float) -> Array:
    """Mean over E of the share of angles with S(U) above ``x E^((1 - a)/a)``."""
    logit = np.arange(-REACH, REACH + STEP_U, STEP_U)
    u, rest = pi / 2 / (1 + np.exp(-logit)), pi / 2 / (1 + np.exp(logit))
    size = np.log(_angular(u, a, np.sin(rest)))  # grows with U
    angle = CubicSpline(size, logit)
    t = np.arange(*LOG_E, STEP_E)
    weights = STEP_E * np.exp(t - np.exp(t))
    with np.errstate(divide="ignore"):
        log = np.log(x)
    out = np.zeros(len(x))
    for shift, weight in zip((1 - a) / a * t, weights / weights.sum(), strict=True):
        out += weight * expit(-angle(np.clip(log + shift, size[0], size[-1])))
    return out
