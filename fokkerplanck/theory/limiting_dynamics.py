"""The limiting dynamics of SGD with momentum: a linear process in position and velocity.

Around a minimum mu of a linear regression, whose gradient noise in one step has the covariance
``sigma^2 H / B``, steps of the heavy ball follow to second order in the learning rate eta

    dz = -A z dt + sqrt(2 D) dW,   z = (theta - mu, v),   t = eta k after k steps,
    A = [[0, -1], [2 (H + lambda) / (eta (1 + beta)), 2 (1 - beta) / (eta (1 + beta))]],
    D = diag(0, 2 (1 - beta) / (eta (1 + beta)) sigma^2 H) / (B (1 - beta^2)).

Each mode of H is a damped oscillator with a temperature of its own; `HeavyBallSteps` is what the
steps themselves do.

References
----------
D. Kunin et al., "The limiting dynamics of SGD: modified loss, phase space oscillations, and
anomalous diffusion", arXiv 2107.09133.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.heavy_ball_steps import HeavyBallSteps
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck
from fokkerplanck.theory.oscillator import oscillator, oscillator_lag

if TYPE_CHECKING:
    from fokkerplanck.sgd_settings import SGD

__all__ = ["InertialUnits", "LimitingDynamics", "equipartition_loss", "inertial_units"]

Array = NDArray[np.float64]
ROUNDING = 1e-12


class InertialUnits(NamedTuple):
    """SGD with momentum as a particle, under gradient noise ``C = c I``.

    Parameters
    ----------
    mass : float
        ``eta (1 + beta) / 2``.
    friction : float
        g, a rate: ``2 (1 - beta) / (eta (1 + beta))``; the force is ``-m g v``.
    temperature : float
        ``eta c / (2 B (1 - beta))``.
    """

    mass: float
    friction: float
    temperature: float


def inertial_units(
    learning_rate: float, momentum: float, batch_size: float, noise: float
) -> InertialUnits:
    """Read momentum SGD as a Klein-Kramers problem; time is ``eta k`` after k steps.

    Overdamped where ``g^2 >> 4 H / m``.

    Parameters
    ----------
    learning_rate, momentum, batch_size : float
    noise : float
        c, the variance of one sample's gradient in each direction.
    """
    _check(learning_rate, momentum, batch_size)
    return InertialUnits(
        learning_rate * (1 + momentum) / 2,
        2 * (1 - momentum) / (learning_rate * (1 + momentum)),
        learning_rate * noise / (2 * batch_size * (1 - momentum)),
    )


def equipartition_loss(step_square: float, learning_rate: float, momentum: float = 0.0) -> float:
    """``E[L] - L0`` from the mean squared length of a step, ``(1 + beta) / (4 eta) E|step|^2``.

    Exact for the stationary heavy ball on any quadratic loss without weight decay.
    """
    return (1 + momentum) / (4 * learning_rate) * step_square


@dataclass(frozen=True, eq=False)
class LimitingDynamics:
    """Everything that the limiting dynamics say, in closed form.

    Parameters
    ----------
    H : array_like, shape (n, n)
        Hessian of the loss without weight decay, symmetric and positive semi-definite; or its
        eigenvalues, shape (n,).
    learning_rate, momentum, batch_size : float
        eta > 0, beta in [0, 1) and B > 0.
    weight_decay : float
        lambda >= 0: in the force, not in the noise.
    residual_variance : float
        ``sigma^2`` of the regression.
    centre : array_like, shape (n,), optional
        mu, the minimum of the loss with its weight decay; by default the origin.

    Raises
    ------
    CaseError
        On numbers out of range, or a Hessian of another kind.
    """

    curvatures: Array
    axes: Array
    learning_rate: float
    momentum: float
    batch_size: float
    weight_decay: float
    residual_variance: float
    centre: Array

    def __init__(
        self,
        H: ArrayLike,
        learning_rate: float,
        momentum: float,
        batch_size: float,
        *,
        weight_decay: float = 0.0,
        residual_variance: float = 1.0,
        centre: ArrayLike | None = None,
    ) -> None:
        _check(learning_rate, momentum, batch_size)
        for name, number in (
            ("weight_decay", weight_decay),
            ("residual_variance", residual_variance),
        ):
            if not (np.isfinite(number) and number >= 0):
                msg = f"{name} is a number >= 0, got {number}"
                raise CaseError(msg, key=f"sgd.{name}")
        values, vectors = _modes(H)
        mu = np.zeros(len(values)) if centre is None else np.atleast_1d(np.asarray(centre, float))
        if mu.shape != values.shape:
            msg = f"the centre has {len(values)} coordinates, got {mu.shape}"
            raise CaseError(msg)
        given = (values, vectors, *map(float, (learning_rate, momentum, batch_size)))
        given += (float(weight_decay), float(residual_variance), mu)
        for name, value in zip(self.__dataclass_fields__, given, strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def of(
        cls,
        H: ArrayLike,
        sgd: SGD,
        *,
        residual_variance: float = 1.0,
        centre: ArrayLike | None = None,
    ) -> LimitingDynamics:
        """Take the settings of a case; batches without replacement count as larger ones.

        Raises
        ------
        CaseError
            For settings that change in time.
        """
        if sgd.learning_rate_of_t or sgd.batch_size_of_t:
            msg = "the limiting dynamics need a learning rate and a batch size that stay"
            raise CaseError(msg, key="sgd")
        batch = sgd.learning_rate / (2 * sgd.eb * (1 - sgd.momentum))
        return cls(
            H,
            sgd.learning_rate,
            sgd.momentum,
            batch,
            weight_decay=sgd.weight_decay,
            residual_variance=residual_variance,
            centre=centre,
        )

    # --- numbers and matrices ---------------------------------------------------------------------

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.curvatures)

    @property
    def sharpness(self) -> float:
        """``K = B (1 - beta^2)``, the inverse temperature of the modified loss."""
        return self.batch_size * (1 - self.momentum) * (1 + self.momentum)

    @property
    def damping(self) -> float:
        """``g_k = (1 - beta) / (eta (1 + beta))``, the rate at which oscillations fade."""
        return (1 - self.momentum) / (self.learning_rate * (1 + self.momentum))

    @property
    def stiffness(self) -> Array:
        """``w^2 = 2 (h + lambda) / (eta (1 + beta))`` of each mode, shape (n,)."""
        force = self.curvatures + self.weight_decay
        return 2 * force / (self.learning_rate * (1 + self.momentum))

    @property
    def threshold(self) -> float:
        """Value of ``h + lambda`` above which a mode oscillates: ``w^2 = g_k^2`` there."""
        return (1 - self.momentum) ** 2 / (2 * self.learning_rate * (1 + self.momentum))

    @property
    def oscillates(self) -> NDArray[np.bool_]:
        """Whether each mode does."""
        return np.asarray(self.curvatures + self.weight_decay > self.threshold)

    @property
    def frequencies(self) -> Array:
        """``W = sqrt(w^2 - g_k^2)`` of the modes that oscillate, 0 of the others; shape (n,)."""
        above = self.curvatures + self.weight_decay - self.threshold
        square = 2 * above / (self.learning_rate * (1 + self.momentum))
        return np.sqrt(np.maximum(square, 0.0))

    @cached_property
    def process(self) -> OrnsteinUhlenbeck:
        """The process of ``(theta, v)``: A, D and the centre ``(mu, 0)``."""
        n, zero = self.dim, np.zeros((self.dim, self.dim))
        pull = self._turned(self.stiffness)
        rate = np.block([[zero, -np.eye(n)], [pull, 2 * self.damping * np.eye(n)]])
        heat = self._turned(2 * self.damping * self.velocity_variances)
        diffusion = np.block([[zero, zero], [zero, heat]])
        return OrnsteinUhlenbeck(rate, diffusion, np.append(self.centre, np.zeros(n)))

    @property
    def parities(self) -> Array:
        """1 for positions and -1 for velocities, shape (2 n,); see `TimeReversal`."""
        return np.repeat([1.0, -1.0], self.dim)

    # --- the stationary law -----------------------------------------------------------------------

    @property
    def position_variances(self) -> Array:
        """``eta sigma^2 h / (2 B (1 - beta) (h + lambda))`` of each mode, shape (n,).

        Raises `CaseError` where a mode has neither curvature nor weight decay.
        """
        force = self.curvatures + self.weight_decay
        if force.min() <= 0:
            msg = "a mode without curvature and weight decay has no stationary law"
            raise CaseError(msg)
        share = self.curvatures / force
        scale = self.learning_rate * self.residual_variance
        return np.asarray(scale * share / (2 * self.batch_size * (1 - self.momentum)))

    @property
    def velocity_variances(self) -> Array:
        """``sigma^2 h / K`` of each mode, shape (n,)."""
        return np.asarray(self.residual_variance * self.curvatures / self.sharpness)

    @cached_property
    def covariance(self) -> Array:
        """Stationary covariance of ``(theta, v)``, shape (2 n, 2 n); the two are uncorrelated."""
        zero = np.zeros((self.dim, self.dim))
        x, v = self._turned(self.position_variances), self._turned(self.velocity_variances)
        return np.block([[x, zero], [zero, v]])

    @cached_property
    def modified_hessian(self) -> Array:
        """``U = 2 H^-1 (H + lambda) / (sigma^2 eta (1 + beta))``, shape (n, n).

        What the stationary density sees in place of the Hessian; without weight decay it is the
        same in all directions. Raises `CaseError` for a mode without noise.
        """
        if self.curvatures.min() <= 0 or self.residual_variance == 0:
            msg = "the modified loss is infinite along a mode without noise"
            raise CaseError(msg)
        return self._turned(1 / (self.sharpness * self.position_variances))

    def modified_loss(self, positions: ArrayLike, velocities: ArrayLike) -> Array:
        """Psi in ``p_s ~ e^{-K Psi}``: ``(y.U y + v.(sigma^2 H)^-1 v) / 2``, ``y = theta - mu``.

        Parameters
        ----------
        positions, velocities : array_like, shape (..., n)
        """
        y = np.asarray(positions, dtype=np.float64) - self.centre
        v = np.asarray(velocities, dtype=np.float64)
        inverse = self._turned(1 / (self.sharpness * self.velocity_variances))
        parts = [
            np.einsum("...i,...i->...", z, z @ m)
            for z, m in ((y, self.modified_hessian), (v, inverse))
        ]
        return np.asarray(0.5 * (parts[0] + parts[1]))

    def current_velocity(self, positions: ArrayLike, velocities: ArrayLike) -> Array:
        """``J / p = (v, -2 (H + lambda) y / (eta (1 + beta)))``, shape (..., 2 n).

        It circles along the levels of Psi, for ever, and is reversible: it makes no entropy.
        """
        y = np.asarray(positions, dtype=np.float64) - self.centre
        v = np.asarray(velocities, dtype=np.float64)
        return np.concatenate([v, -y @ self._turned(self.stiffness)], axis=-1)

    @property
    def step_square(self) -> float:
        """``E|theta_{k+1} - theta_k|^2 = eta^2 sigma^2 tr H / (B (1 - beta^2))``, stationary."""
        return float(self.learning_rate**2 * self.velocity_variances.sum())

    @property
    def expected_loss(self) -> float:
        """``E[L] - L0 = tr(H S) / 2`` of the loss without weight decay, around mu."""
        return float(0.5 * self.curvatures @ self.position_variances)

    # --- time -------------------------------------------------------------------------------------

    def mean(
        self, times: ArrayLike, position: ArrayLike, velocity: ArrayLike | None = None
    ) -> tuple[Array, Array]:
        """Mean positions and velocities at times, each of shape (times, n).

        In every mode ``e^{-gt} [a cos Wt + (g a + b) / W sin Wt]`` and ``e^{-gt} [b cos Wt -
        (w^2 a + g b) / W sin Wt]``; cosh and sinh where it does not oscillate, and their limit
        between.

        Parameters
        ----------
        times : array_like, shape (times,)
            In units of eta per step.
        position, velocity : array_like, shape (n,)
            Means at time 0; at rest by default.
        """
        a = self.axes.T @ (np.atleast_1d(np.asarray(position, dtype=float)) - self.centre)
        given = np.zeros(self.dim) if velocity is None else np.asarray(velocity, dtype=float)
        b = self.axes.T @ np.atleast_1d(given)
        stays, kicked, speed = (part.T for part in self._respond(times))
        x = stays * a + kicked * b
        v = speed * b - self.stiffness * kicked * a
        return self.centre + x @ self.axes.T, v @ self.axes.T

    def displacements(self, times: ArrayLike) -> Array:
        """Stationary mean squared displacement of each mode, shape (times, n).

        ``2 var(theta) [1 - e^{-g t} (cos Wt + (g / W) sin Wt)]``, with no loss at short times.
        """
        lag = oscillator_lag(np.full(self.dim, self.damping), self.stiffness, times)
        return np.asarray(2 * self.position_variances * lag.T)

    @cached_property
    def steps(self) -> HeavyBallSteps:
        """The steps themselves, exactly; raises `CaseError` where they diverge."""
        force = self._turned(self.curvatures + self.weight_decay)
        noise = self._turned(self.residual_variance * self.curvatures / self.batch_size)
        return HeavyBallSteps(force, noise, self.learning_rate, self.momentum)

    @property
    def bias(self) -> Array:
        """Variance of each mode over that of the steps: ``1 - eta (h + lambda) / (2 (1 + beta))``.

        The error of the continuous limit; where it is 0 the steps diverge.
        """
        force = self.curvatures + self.weight_decay
        return np.asarray(1 - self.learning_rate * force / (2 * (1 + self.momentum)))

    def _respond(self, times: ArrayLike) -> tuple[Array, Array, Array]:
        return oscillator(np.full(self.dim, self.damping), self.stiffness, times)

    def _turned(self, values: Array) -> Array:
        return np.asarray((self.axes * values) @ self.axes.T)


def _modes(H: ArrayLike) -> tuple[Array, Array]:
    h = np.asarray(H, dtype=np.float64)
    if h.ndim == 0:
        h = h[None]
    if h.ndim == 2:
        if h.shape[0] != h.shape[1] or np.abs(h - h.T).max() > ROUNDING * np.abs(h).max():
            msg = f"the Hessian is a symmetric matrix, or its eigenvalues; got shape {h.shape}"
            raise CaseError(msg)
        values, vectors = np.linalg.eigh(h)
        # what rounding leaves below zero is zero
        values = np.where(np.abs(values) <= ROUNDING * np.abs(values).max(), 0.0, values)
    else:
        values, vectors = h.copy(), np.eye(len(h))
    if not np.isfinite(values).all() or values.min() < 0:
        msg = f"the Hessian of a regression has no negative eigenvalue, got {values.min():g}"
        raise CaseError(msg)
    return values, vectors


def _check(learning_rate: float, momentum: float, batch_size: float) -> None:
    for name, value in (("learning_rate", learning_rate), ("batch_size", batch_size)):
        if not (np.isfinite(value) and value > 0):
            msg = f"{name} is a positive number, got {value}"
            raise CaseError(msg, key=f"sgd.{name}")
    if not 0 <= momentum < 1:
        msg = f"momentum lies in [0, 1), got {momentum}"
        raise CaseError(msg, key="sgd.momentum")
