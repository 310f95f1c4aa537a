"""The heavy ball on a quadratic loss, step by step and exactly: means, covariances, displacements.

Each mode of the Hessian takes steps ``M = [[1 - eta h, eta beta], [-h, beta]]`` of ``(x, v)``; the
powers of M are made from ``M^n - 1`` by doubling, so that slow modes lose no digits and critical
damping, where M has one eigenvector, is nothing special.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.three_factors import HeavyBall, heavy_ball

__all__ = ["HeavyBallSteps", "StepMoments"]

Array = NDArray[np.float64]


class StepMoments(NamedTuple):
    """Moments of positions and velocities after each number of steps.

    Parameters
    ----------
    mean, mean_velocity : ndarray, shape (steps, n)
    covariance, velocity, cross : ndarray, shape (steps, n, n)
        Covariances of x and of ``v = (x - x_before) / eta``, and ``<x v^T>``.
    """

    mean: Array
    mean_velocity: Array
    covariance: Array
    velocity: Array
    cross: Array


@dataclass(frozen=True, eq=False)
class HeavyBallSteps:
    """Steps ``v <- beta v - H x - xi``, ``x <- x + eta v`` with noise of covariance ``C / B``.

    Parameters
    ----------
    H, C_over_B : array_like, shape (n, n)
        Hessian of the loss that drives, positive definite, and noise; any C, whether or not it
        commutes with H.
    learning_rate, momentum : float
        eta > 0 and beta in [0, 1).

    Raises
    ------
    CaseError
        As `three_factors.heavy_ball`: for matrices of other kinds, or steps that diverge.
    """

    curvatures: Array
    axes: Array
    learning_rate: float
    momentum: float
    stationary: HeavyBall

    def __init__(
        self, H: ArrayLike, C_over_B: ArrayLike, learning_rate: float, momentum: float = 0.0
    ) -> None:
        stationary = heavy_ball(H, C_over_B, learning_rate, momentum)
        values, vectors = np.linalg.eigh(np.atleast_2d(np.asarray(H, dtype=np.float64)))
        given = (values, vectors, float(learning_rate), float(momentum), stationary)
        for name, value in zip(self.__dataclass_fields__, given, strict=True):
            object.__setattr__(self, name, value)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.curvatures)

    def moments(
        self,
        steps: ArrayLike,
        mean: ArrayLike,
        velocity: ArrayLike | None = None,
        covariance: ArrayLike | None = None,
    ) -> StepMoments:
        """Moments after numbers of steps, of a start at rest unless it has a velocity.

        Parameters
        ----------
        steps : array_like of int, shape (steps,)
        mean, velocity : array_like, shape (n,)
            Of the start, measured from the minimum.
        covariance : array_like, shape (n, n), optional
            Of the positions at the start, by default a point; velocities have none.
        """
        n, axes = self.dim, self.axes
        at, speed = (
            axes.T @ (np.zeros(n) if m is None else np.atleast_1d(np.asarray(m, dtype=np.float64)))
            for m in (mean, velocity)
        )
        begun = -self._frame
        if covariance is not None:
            begun[:, :, 0, 0] += axes.T @ np.atleast_2d(covariance) @ axes
        rows = [self._after(p, at, speed, begun) for p in self._powers(_numbers(steps))]
        return StepMoments(*(np.array(part) for part in zip(*rows, strict=True)))

    def displacements(self, steps: ArrayLike) -> Array:
        """Stationary ``<|x_n - x_0|^2>`` of each mode of H, shape (steps, n).

        ``-2 [(M^n - 1) Z]_xx`` with Z the stationary covariance of the mode.
        """
        z = np.einsum("iiab->iab", self._frame)
        gone = (p @ z for p in self._gone(_numbers(steps)))
        return np.array([-2 * g[:, 0, 0] for g in gone]).reshape(-1, self.dim)

    @cached_property
    def _frame(self) -> Array:
        """Stationary covariances between modes i and j, shape (n, n, 2, 2)."""
        z = self.stationary
        position, velocity, cross = (self.axes.T @ m @ self.axes for m in (z[0], z[1], z[2]))
        return np.stack(
            [np.stack([position, cross], axis=-1), np.stack([cross.T, velocity], axis=-1)], axis=-2
        )

    def _after(self, power: Array, at: Array, speed: Array, begun: Array) -> tuple[Array, ...]:
        axes, z = self.axes, self._frame
        x = power[:, 0, 0] * at + power[:, 0, 1] * speed
        v = power[:, 1, 0] * at + power[:, 1, 1] * speed
        s = z + np.einsum("iab,ijbc,jdc->ijad", power, begun, power, optimize=True)
        back = [axes @ s[:, :, a, b] @ axes.T for a, b in ((0, 0), (1, 1), (0, 1))]
        position, velocity = (0.5 * (m + m.T) for m in back[:2])
        return axes @ x, axes @ v, position, velocity, back[2]

    def _powers(self, steps: NDArray[np.int64]) -> Iterator[Array]:
        """``M^n`` of each mode, shape (n, 2, 2)."""
        for gone in self._gone(steps):
            yield gone + np.eye(2)

    def _gone(self, steps: NDArray[np.int64]) -> Iterator[Array]:
        """``M^n - 1`` of each mode: ``(1 + E) (1 + F) - 1 = E + F + E F``."""
        eta, beta, h = self.learning_rate, self.momentum, self.curvatures
        one = np.empty((self.dim, 2, 2))
        one[:, 0, 0], one[:, 0, 1] = -eta * h, eta * beta
        one[:, 1, 0], one[:, 1, 1] = -h, beta - 1
        doubled = [one]
        while 2 ** len(doubled) <= int(steps.max(initial=0)):
            last = doubled[-1]
            doubled.append(2 * last + last @ last)
        for n in steps:
            gone = np.zeros_like(one)
            for k, part in enumerate(doubled):
                if int(n) >> k & 1:
                    gone = gone + part + gone @ part
            yield gone


def _numbers(steps: ArrayLike) -> NDArray[np.int64]:
    given = np.atleast_1d(np.asarray(steps))
    whole = given.astype(np.int64)
    if given.ndim != 1 or (whole != given).any() or (whole < 0).any():
        msg = f"steps are whole numbers from 0 on, got {steps!r:.80}"
        raise CaseError(msg)
    return whole
