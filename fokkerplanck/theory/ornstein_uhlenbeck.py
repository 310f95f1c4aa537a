"""Linear drift and constant diffusion: everything in closed form, in any dimension."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm, solve_continuous_lyapunov

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.theory.gaussian import gaussian_cells, gaussian_density
from fokkerplanck.theory.quadrature import panel_rule

__all__ = ["OrnsteinUhlenbeck"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OrnsteinUhlenbeck:
    """The process ``dx = -A (x - mu) dt + sqrt(2 D) dW``.

    Its law stays normal: mean ``m(t) = mu + e^{-At} (m0 - mu)`` and covariance
    ``S(t) = S + e^{-At} (S0 - S) e^{-A^T t}`` with ``A S + S A^T = 2 D``.

    Parameters
    ----------
    rate : array_like, shape (n, n)
        A. A stationary law needs all its eigenvalues in the right half plane.
    diffusion : array_like, shape (n, n)
        D, symmetric and positive semi-definite (it may be singular, as with inertia).
    centre : array_like, shape (n,), optional
        mu, by default the origin.

    Raises
    ------
    CaseError
        On shapes that do not fit, or a diffusion that is not positive semi-definite.

    References
    ----------
    C. W. Gardiner, Handbook of Stochastic Methods, 3rd ed., section 4.4.6.
    """

    rate: Array
    diffusion: Array
    centre: Array

    def __init__(
        self, rate: ArrayLike, diffusion: ArrayLike, centre: ArrayLike | None = None
    ) -> None:
        a = np.atleast_2d(np.asarray(rate, dtype=np.float64))
        d = np.atleast_2d(np.asarray(diffusion, dtype=np.float64))
        mu = np.zeros(len(a)) if centre is None else np.atleast_1d(np.asarray(centre, dtype=float))
        if a.shape != (mu.size, mu.size) or d.shape != a.shape:
            msg = f"rate {a.shape}, diffusion {d.shape} and centre {mu.shape} do not fit together"
            raise CaseError(msg)
        scale = np.abs(d).max()
        if np.abs(d - d.T).max() > 1e-12 * scale or np.linalg.eigvalsh(d)[0] < -1e-12 * scale:
            msg = f"the diffusion must be symmetric positive semi-definite, got {d.tolist()}"
            raise CaseError(msg)
        for name, value in (("rate", a), ("diffusion", d), ("centre", mu)):
            value = value.copy()
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    @property
    def dim(self) -> int:
        """Number of variables."""
        return len(self.centre)

    @cached_property
    def stable(self) -> bool:
        """Whether a stationary law exists: all eigenvalues of A have a positive real part."""
        return bool(np.linalg.eigvals(self.rate).real.min() > 0)

    @cached_property
    def stationary_covariance(self) -> Array:
        """S of the stationary law, from the Lyapunov equation ``A S + S A^T = 2 D``.

        Raises `CaseError` where there is none.
        """
        if not self.stable:
            msg = "no stationary law: an eigenvalue of the rate has a real part <= 0"
            raise CaseError(msg)
        s = solve_continuous_lyapunov(self.rate, 2 * self.diffusion)
        return np.asarray(0.5 * (s + s.T))

    @cached_property
    def circulation(self) -> Array:
        """Antisymmetric ``Q = A S - D``; zero exactly when detailed balance holds."""
        q = self.rate @ self.stationary_covariance - self.diffusion
        return np.asarray(0.5 * (q - q.T))

    @cached_property
    def entropy_production(self) -> float:
        """Stationary entropy production rate ``tr(Q^T D^-1 Q S^-1)`` in units of k_B.

        Raises `CaseError` for a singular D (inertia): the formula does not apply there.
        """
        if np.linalg.eigvalsh(self.diffusion)[0] <= 1e-14 * np.abs(self.diffusion).max():
            msg = "the entropy production formula needs an invertible diffusion"
            raise CaseError(msg)
        inner = self.circulation.T @ np.linalg.solve(self.diffusion, self.circulation)
        return float(np.trace(inner @ np.linalg.inv(self.stationary_covariance)))

    def propagator(self, time: float) -> Array:
        """``e^{-A t}``, shape (n, n)."""
        return np.asarray(expm(-self.rate * time))

    def mean(self, time: float, initial: ArrayLike) -> Array:
        """Mean at `time` of a law that starts with mean `initial`, shape (n,)."""
        start = np.atleast_1d(np.asarray(initial, dtype=np.float64))
        return np.asarray(self.centre + self.propagator(time) @ (start - self.centre))

    def covariance(self, time: float, initial: ArrayLike | None = None) -> Array:
        """Covariance at `time`, shape (n, n), of a law that starts with `initial` (default 0)."""
        start = np.zeros_like(self.rate) if initial is None else np.atleast_2d(initial)
        decay = self.propagator(time)
        return np.asarray(decay @ start @ decay.T + self._accumulated(time))

    def scheduled_covariance(
        self,
        time: float,
        initial: ArrayLike,
        factor: Callable[[float], float],
        breakpoints: Sequence[float] = (),
    ) -> Array:
        """Covariance under a diffusion ``factor(t) D``.

        ``S(t) = e^{-At} S0 e^{-A^T t} + int_0^t 2 factor(s) e^{-A(t-s)} D e^{-A^T(t-s)} ds``,
        by Gauss-Legendre panels between the `breakpoints` where the factor jumps.

        Parameters
        ----------
        time : float
            Upper limit t >= 0.
        initial : array_like, shape (n, n)
            S0.
        factor : callable
            Of one time; smooth between the breakpoints.
        breakpoints : sequence of float
            Times of its jumps.

        Returns
        -------
        ndarray, shape (n, n)
        """
        decay = self.propagator(time)
        total = np.asarray(decay @ np.atleast_2d(initial) @ decay.T, dtype=np.float64)
        stops = [0.0, *(b for b in sorted(breakpoints) if 0 < b < time), time]
        fastest = max(1.0, float(np.abs(np.linalg.eigvals(self.rate)).max()))
        for low, high in pairwise(stops):
            panels = int(np.ceil(fastest * (high - low)))
            times, weights = panel_rule(low, high, panels, 16)
            for s, weight in zip(times.flat, weights.flat, strict=True):
                e = self.propagator(time - s)
                total += 2.0 * weight * factor(s) * (e @ self.diffusion @ e.T)
        return total

    def correlation(self, time: float) -> Array:
        """Stationary ``C(t) = <(x(t) - mu) (x(0) - mu)^T> = e^{-At} S``, shape (n, n)."""
        return np.asarray(self.propagator(time) @ self.stationary_covariance)

    def displacement(self, time: float) -> float:
        """Stationary mean squared displacement ``2 tr[(1 - e^{-At}) S]``."""
        gone = np.eye(self.dim) - self.propagator(time)
        return float(2 * np.trace(gone @ self.stationary_covariance))

    def stationary_density(self, points: ArrayLike) -> Array:
        """Stationary normal density at points of shape (..., n)."""
        return gaussian_density(points, self.centre, self.stationary_covariance)

    def stationary_current(self, points: ArrayLike) -> Array:
        """Stationary current ``J = -Q grad(Phi) p``, ``Phi = y^T S^-1 y / 2``, shape (..., n)."""
        y = np.asarray(points, dtype=np.float64) - self.centre
        velocity = -y @ (self.circulation @ np.linalg.inv(self.stationary_covariance)).T
        return np.asarray(velocity * self.stationary_density(points)[..., None])

    def density_cells(
        self, grid: Grid, time: float, mean: ArrayLike, covariance: ArrayLike | None = None
    ) -> Array:
        """Cell averages at `time`, from a normal (or, without covariance, a point) start.

        Parameters
        ----------
        grid : Grid
            Of the same dimension.
        time : float
            Time since the start; with no `covariance` it must be positive.
        mean, covariance : array_like
            Moments at the start.

        Returns
        -------
        ndarray, shape (*grid.shape,)
        """
        moments = self.mean(time, mean), self.covariance(time, covariance)
        return gaussian_cells(grid, *moments)

    def stationary_cells(self, grid: Grid) -> Array:
        """Cell averages of the stationary density, shape (*grid.shape,)."""
        return gaussian_cells(grid, self.centre, self.stationary_covariance)

    def _accumulated(self, time: float) -> Array:
        """Covariance grown from zero, ``int_0^t 2 e^{-As} D e^{-A^T s} ds``."""
        if self.stable:
            decay, s = self.propagator(time), self.stationary_covariance
            grown = s - decay @ s @ decay.T
        else:
            # Van Loan's block exponential needs no stationary law
            n = self.dim
            zero = np.zeros((n, n))
            block = expm(time * np.block([[-self.rate, 2 * self.diffusion], [zero, self.rate.T]]))
            grown = block[:n, n:] @ block[:n, :n].T
        return np.asarray(0.5 * (grown + grown.T))
