"""Linear drift and constant diffusion: everything in closed form, in any dimension."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.theory.gaussian import LARGEST_SHOWN, gaussian_cells, gaussian_density
from fokkerplanck.theory.linear_flow import LinearFlow, leap
from fokkerplanck.theory.normal_law import NormalLaw
from fokkerplanck.theory.quadrature import panel_rule
from fokkerplanck.theory.time_reversal import TimeReversal

__all__ = ["OrnsteinUhlenbeck"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OrnsteinUhlenbeck:
    """The process ``dx = -A (x - mu) dt + sqrt(2 D) dW``.

    Its law stays normal: mean ``m(t) = mu + e^{-At} (m0 - mu)`` and covariance
    ``S(t) = S + e^{-At} (S0 - S) e^{-A^T t}`` with ``A S + S A^T = 2 D``. Methods that take many
    times decompose A once, so that hundreds of variables take seconds.

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
            shown = d.tolist() if d.size <= LARGEST_SHOWN else f"shape {d.shape}"
            msg = f"the diffusion must be symmetric positive semi-definite, got {shown}"
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
    def flow(self) -> LinearFlow:
        """``e^{-At}``, decomposed."""
        return LinearFlow(self.rate)

    @cached_property
    def stable(self) -> bool:
        """Whether a stationary law exists: all eigenvalues of A have a positive real part."""
        return bool(np.linalg.eigvals(self.rate).real.min() > 0)

    @cached_property
    def stationary_covariance(self) -> Array:
        """S of the stationary law, from the Lyapunov equation ``A S + S A^T = 2 D``.

        Raises `CaseError` where there is none.
        """
        from scipy.linalg import solve_continuous_lyapunov

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

        Raises `CaseError` for a singular D (inertia): the formula does not apply there, and
        `under_reversal` is what to ask.
        """
        if np.linalg.eigvalsh(self.diffusion)[0] <= 1e-14 * np.abs(self.diffusion).max():
            msg = "the entropy production formula needs an invertible diffusion; with velocities, "
            msg += "which change sign when time is reversed, ask under_reversal"
            raise CaseError(msg)
        inner = self.circulation.T @ np.linalg.solve(self.diffusion, self.circulation)
        return float(np.trace(inner @ np.linalg.inv(self.stationary_covariance)))

    def under_reversal(self, parities: ArrayLike) -> TimeReversal:
        """Split the stationary current into what time reversal keeps and what it turns round.

        Parameters
        ----------
        parities : array_like, shape (n,)
            1 for a variable that stays when time is reversed (a position), -1 for one that
            changes its sign (a velocity).

        Raises
        ------
        CaseError
            On other parities, or a diffusion that mixes the two kinds.
        """
        return TimeReversal(self.rate, self.diffusion, self.stationary_covariance, parities)

    def propagator(self, time: float) -> Array:
        """``e^{-A t}``, shape (n, n)."""
        return leap(self.rate, None, time)[0]

    def mean(self, time: float, initial: ArrayLike) -> Array:
        """Mean at `time` of a law that starts with mean `initial`, shape (n,)."""
        return np.asarray(self.means([time], initial)[0])

    def means(self, times: ArrayLike, initial: ArrayLike) -> Array:
        """Means at all `times`, shape (times, n)."""
        start = np.atleast_1d(np.asarray(initial, dtype=np.float64))
        return np.asarray(self.centre + self.flow.applied(_times(times), start - self.centre))

    def covariance(self, time: float, initial: ArrayLike | None = None) -> Array:
        """Covariance at `time`, shape (n, n), of a law that starts with `initial` (default 0)."""
        decay, grown = leap(self.rate, self.diffusion, time)
        if initial is None:
            return grown
        return np.asarray(decay @ np.atleast_2d(initial) @ decay.T + grown)

    def covariances(self, times: ArrayLike, initial: ArrayLike | None = None) -> Array:
        """Covariances at all `times`, shape (times, n, n), from `initial` (default 0).

        Any A will do, stable or not, and any D. See `LinearFlow`.
        """
        start = np.zeros_like(self.rate) if initial is None else np.atleast_2d(initial)
        when = _times(times)
        found = self.flow.covariances(when, np.asarray(start, dtype=np.float64), self.diffusion)
        return np.array(list(found)).reshape(len(when), self.dim, self.dim)

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
            decays = self.flow.propagators(time - times.ravel())
            for s, weight, e in zip(times.flat, weights.flat, decays, strict=True):
                total += 2.0 * weight * factor(s) * (e @ self.diffusion @ e.T)
        return total

    def correlation(self, time: float) -> Array:
        """Stationary ``C(t) = <(x(t) - mu) (x(0) - mu)^T> = e^{-At} S``, shape (n, n)."""
        return np.asarray(self.propagator(time) @ self.stationary_covariance)

    def correlations(self, times: ArrayLike) -> Array:
        """Stationary correlations at all `times`, shape (times, n, n)."""
        s, when = self.stationary_covariance, _times(times)
        found = [decay @ s for decay in self.flow.propagators(when)]
        return np.array(found).reshape(len(when), self.dim, self.dim)

    def displacement(self, time: float) -> float:
        """Stationary mean squared displacement ``2 tr[(1 - e^{-At}) S]``."""
        return float(self.displacements([time])[0])

    def displacements(self, times: ArrayLike, coordinates: Sequence[int] | None = None) -> Array:
        """Stationary mean squared displacements at all `times`, shape (times,).

        Parameters
        ----------
        times : array_like
        coordinates : sequence of int, optional
            Which are summed over, by default all: with inertia, those that are positions.
        """
        s = self.stationary_covariance
        if coordinates is not None:
            chosen = np.zeros(self.dim)
            chosen[list(coordinates)] = 1.0
            s = s * chosen
        return 2 * self.flow.traces_gone(_times(times), s)

    @cached_property
    def stationary_law(self) -> NormalLaw:
        """The stationary law; raises `CaseError` where there is none."""
        return NormalLaw(self.centre, self.stationary_covariance)

    def law(self, time: float, mean: ArrayLike, covariance: ArrayLike | None = None) -> NormalLaw:
        """Law at `time`, of a start with these moments (a point without covariance)."""
        return NormalLaw(self.mean(time, mean), self.covariance(time, covariance))

    def marginal(self, coordinates: Sequence[int]) -> NormalLaw:
        """Stationary law of some coordinates, such as one or two that a grid can hold."""
        return self.stationary_law.marginal(coordinates)

    def conditional(self, given: Mapping[int, float]) -> NormalLaw:
        """Stationary law of the other coordinates where some have given values: a slice."""
        return self.stationary_law.conditional(given)

    @cached_property
    def current_matrix(self) -> Array:
        """U in ``J = U (x - mu) p``: ``U = -Q S^-1``, shape (n, n)."""
        return np.asarray(-np.linalg.solve(self.stationary_covariance, self.circulation.T).T)

    def marginal_current(self, coordinates: Sequence[int], points: ArrayLike) -> Array:
        """Stationary current of some coordinates, all others integrated over.

        It is ``-Q_cc S_cc^-1 (x_c - mu_c) p(x_c)``: that of the block of Q.

        Parameters
        ----------
        coordinates : sequence of int, length m
        points : array_like, shape (..., m)
        """
        law, block = self.marginal(coordinates), np.ix_(list(coordinates), list(coordinates))
        velocity = -np.linalg.solve(law.covariance, self.circulation[block].T).T
        y = np.asarray(points, dtype=np.float64) - law.mean
        return np.asarray(y @ velocity.T * law.density(points)[..., None])

    def stationary_density(self, points: ArrayLike) -> Array:
        """Stationary normal density at points of shape (..., n)."""
        return gaussian_density(points, self.centre, self.stationary_covariance)

    def stationary_current(self, points: ArrayLike) -> Array:
        """Stationary current ``J = -Q grad(Phi) p``, ``Phi = y^T S^-1 y / 2``, shape (..., n)."""
        y = np.asarray(points, dtype=np.float64) - self.centre
        return np.asarray(y @ self.current_matrix.T * self.stationary_density(points)[..., None])

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


def _times(times: ArrayLike) -> Array:
    when = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if when.ndim != 1 or not np.isfinite(when).all() or (when < 0).any():
        msg = f"times are finite and none is below 0, got {times!r:.80}"
        raise CaseError(msg)
    return when
