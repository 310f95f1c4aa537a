"""Heavy-ball SGD on a quadratic loss, mode by mode: moments, correlations, distances, rotation.

In a direction of curvature ``kappa`` (weight decay included), with gradient noise of variance c,

    v_{k+1} = beta v_k - kappa x_k - xi_k,    x_{k+1} = x_k + eta v_{k+1}

has a normal stationary law. Beside the exact numbers of the steps stand those of the limiting
diffusion with inertia, in the time ``t = eta k``:

    dx = v dt,   dv = -(2 kappa x + 2 (1 - beta) v) / (eta (1 + beta)) dt + noise.

References
----------
D. Kunin, J. Sagastuy-Brena, L. Gillespie, E. Margalit, H. Tanaka, S. Ganguli and D. Yamins,
*The limiting dynamics of SGD: modified loss, phase-space oscillations, and anomalous diffusion*,
Neural Computation 36 (2024), for the diffusion. The steps: second moments of an autoregression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.oscillator import oscillator, oscillator_lag

__all__ = ["Modes"]

Array = NDArray[np.float64]
#: points of equal probability that mean angles are taken over: noise, radius, angle
NOISES, RADII, ANGLES = 48, 48, 96


@dataclass(frozen=True, eq=False)
class Modes:
    """Independent modes of heavy-ball SGD.

    Parameters
    ----------
    stiffness : array_like, shape (m,)
        kappa, zero or positive: zero is a flat direction, which diffuses for ever.
    noise : array_like, shape (m,)
        c >= 0, variance of the gradient of one step.
    learning_rate, momentum : float
        eta > 0 and beta in [0, 1).

    Raises
    ------
    CaseError
        For numbers out of range, or steps that diverge: ``eta kappa >= 2 (1 + beta)``.
    """

    stiffness: Array
    noise: Array
    learning_rate: float
    momentum: float

    def __init__(
        self, stiffness: ArrayLike, noise: ArrayLike, learning_rate: float, momentum: float
    ) -> None:
        kappa = np.atleast_1d(np.asarray(stiffness, dtype=np.float64))
        c = np.atleast_1d(np.asarray(noise, dtype=np.float64))
        if kappa.shape != c.shape or kappa.ndim != 1:
            msg = f"stiffness {kappa.shape} and noise {c.shape} must be lists of one length"
            raise CaseError(msg)
        if not (np.isfinite(learning_rate) and learning_rate > 0 and 0 <= momentum < 1):
            msg = (
                "learning_rate is positive and momentum in [0, 1), "
                f"got {learning_rate} and {momentum}"
            )
            raise CaseError(msg)
        if not (kappa >= 0).all() or not (c >= 0).all():
            msg = f"stiffness and noise are >= 0, got {kappa.min():g} and {c.min():g} at least"
            raise CaseError(msg)
        if learning_rate * kappa.max() >= 2 * (1 + momentum):
            msg = (
                f"the steps diverge: learning_rate * stiffness = {learning_rate * kappa.max():.6g} "
                f"is not below 2 (1 + momentum) = {2 * (1 + momentum):g}"
            )
            raise CaseError(msg)
        for name, value in (("stiffness", kappa), ("noise", c)):
            value = value.copy()
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "learning_rate", float(learning_rate))
        object.__setattr__(self, "momentum", float(momentum))

    @property
    def velocity(self) -> Array:
        """``var v = 2 c / ((1 - beta^2) (2 - eta kappa / (1 + beta)))``, of the steps."""
        return 2 * self.noise / ((1 - self.momentum**2) * self._damped)

    @property
    def position(self) -> Array:
        """``var x = eta (1 + beta) var v / (2 kappa)``, of the steps; infinite where flat."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._factor * self.velocity / self.stiffness

    @property
    def limit_velocity(self) -> Array:
        """``var v = c / (1 - beta^2)``, of the diffusion."""
        return self.noise / (1 - self.momentum**2)

    @property
    def limit_position(self) -> Array:
        """``var x = eta c / (2 (1 - beta) kappa)``, of the diffusion."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._factor * self.limit_velocity / self.stiffness

    @property
    def frequency(self) -> Array:
        """``w = sqrt(2 kappa / (eta (1 + beta)))``: the rate of rotation in the phase plane.

        The stationary current carries every point of the plane ``(w x, v)`` around the origin
        at this rate, clockwise, whether or not the mode oscillates.
        """
        return np.sqrt(self.stiffness / self._factor)

    @property
    def friction(self) -> float:
        """``g = (1 - beta) / (eta (1 + beta))``; a mode oscillates where w is larger."""
        return (1 - self.momentum) / (self.learning_rate * (1 + self.momentum))

    def distance(self, lags: ArrayLike) -> Array:
        """Mean squared distance ``<(x_{k+n} - x_k)^2>`` of the steps, shape (len(lags), m).

        From ``d_{n+1} = (1 + beta - eta kappa) d_n - beta d_{n-1} + eta kappa var x``, with half
        of the distance as d; nothing cancels, so flat directions are exact too.
        """
        wanted = np.asarray(lags, dtype=np.int64)
        eta, beta = self.learning_rate, self.momentum
        ahead = 1 + beta - eta * self.stiffness
        push = eta * self._factor * self.velocity
        before, now = np.zeros_like(self.noise), 0.5 * eta**2 * self.velocity
        found = np.zeros((wanted.size, self.noise.size))
        for n in range(1, int(wanted.max(initial=0)) + 1):
            found[wanted == n] = 2 * now
            before, now = now, ahead * now - beta * before + push
        return found

    def limit_distance(self, lags: ArrayLike) -> Array:
        """Mean squared distance of the diffusion, ``2 var x [1 - e^{-gt} (cos Wt + g/W sin Wt)]``.

        Shape (len(lags), m); ``t = eta n`` and ``W^2 = w^2 - g^2``, which may be negative.
        """
        t = self.learning_rate * np.asarray(lags, dtype=np.float64)
        stiff = self.stiffness > 0
        var = np.where(stiff, self.limit_position, 0.0)
        found = 2 * var * oscillator_lag(*self._oscillators, t).T
        # a flat direction: the velocity forgets itself at rate 2 g
        rate = 2 * self.friction
        drifted = (t / rate + np.expm1(-rate * t) / rate**2)[:, None]
        flat = 2 * self.limit_velocity * drifted
        return np.asarray(np.where(stiff, found, flat))

    def turning(self, lags: ArrayLike) -> Array:
        """``<x_{k+n} v_k> - <v_{k+n} x_k>`` of the steps, shape (len(lags), m).

        It is ``(r_{n-1} - r_{n+1}) / eta`` with r the correlation of positions, in distances
        ``(d_{n+1} - d_{n-1}) / eta`` with half of the squared distance as d.
        """
        n = np.asarray(lags, dtype=np.int64)
        half = 0.5 * self.distance(np.arange(int(n.max(initial=0)) + 2))
        return np.asarray((half[n + 1] - half[np.abs(n - 1)]) / self.learning_rate)

    def limit_turning(self, lags: ArrayLike) -> Array:
        """``2 var v e^{-gt} sin(Wt) / W``, of the diffusion."""
        t = self.learning_rate * np.asarray(lags, dtype=np.float64)
        return np.asarray(2 * self.limit_velocity * oscillator(*self._oscillators, t).kicked.T)

    def turn(self) -> Array:
        """Mean angle of a step in the plane ``(x / std x, v / std v)``, of the steps, shape (m,).

        The steps make angles in (-pi, pi] that are averaged over the stationary law of (x, v) and
        of the noise, at midpoints of equal probability. In the limit it is ``-eta w``. Undefined,
        NaN, for flat directions, and for modes without noise.
        """
        u = ndtri((np.arange(NOISES) + 0.5) / NOISES)
        r = np.sqrt(-2 * np.log((np.arange(RADII) + 0.5) / RADII))
        a = 2 * np.pi * (np.arange(ANGLES) + 0.5) / ANGLES
        first, second = (r[:, None] * f(a) for f in (np.cos, np.sin))
        found = np.full(self.noise.shape, np.nan)
        for k in np.flatnonzero((self.stiffness > 0) & (self.noise > 0)):
            sx, sv = np.sqrt(self.position[k]), np.sqrt(self.velocity[k])
            common = 0.5 * self.learning_rate * sv / sx  # correlation of x and v
            x, v = sx * first, sv * (common * first + np.sqrt(1 - common**2) * second)
            force = self.stiffness[k] * x[..., None] + np.sqrt(self.noise[k]) * u
            speed = self.momentum * v[..., None] - force
            place = x[..., None] + self.learning_rate * speed
            z, ahead = x / sx + 1j * v / sv, place / sx + 1j * speed / sv
            found[k] = np.angle(ahead * z[..., None].conj()).mean()
        return found

    @property
    def _oscillators(self) -> tuple[Array, Array]:
        return np.full_like(self.stiffness, self.friction), self.frequency**2

    @property
    def _factor(self) -> float:
        return self.learning_rate * (1 + self.momentum) / 2

    @property
    def _damped(self) -> Array:
        return np.asarray(2 - self.learning_rate * self.stiffness / (1 + self.momentum))
