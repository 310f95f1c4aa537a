"""The default: the cheapest method that can vouch for its answer."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.chebyshev import Chebyshev
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.poles import STRICTEST
from fokkerplanck.solvers.propagator import CLIP, Advance, Propagator, clip_rounding
from fokkerplanck.solvers.rational import FURTHEST, Rational
from fokkerplanck.solvers.tridiagonal import Tridiagonal
from fokkerplanck.solvers.uniformisation import Uniformisation

__all__ = ["Automatic"]

Array = NDArray[np.float64]
PATIENCE = 4.0  # each explicit stretch after a failed rational step is this much longer


class Automatic(Propagator):
    """Chooses per interval, by estimated seconds, and says in `Advance.method` what it chose.

    One dimension: tridiagonal, whatever the time. Two: an explicit method (Chebyshev, or the
    Poisson sum where that takes fewer products) while its products cost less than the
    factorisations of a rational step. Where a rational step is refused by its error estimate,
    because the density is still far from equilibrium, an explicit stretch of about the same
    cost goes first.
    """

    name = "auto"

    def __init__(self, generator: Generator, fields: Fields | None = None) -> None:
        super().__init__(generator, fields)
        self._line: Tridiagonal | None = None
        if len(generator.shape) == 1 and generator.reach <= 1:
            self._line = Tridiagonal(generator, fields)

    def cost(self, dt: float) -> float:
        """Estimate the seconds of the cheapest method."""
        if self._line is not None:
            return self._line.cost(dt)
        return min(self._chebyshev.cost(dt), self._uniform.cost(dt), self._rational.cost(dt))

    def advance(self, mass: Array, dt: float, tolerance: float) -> Advance:
        """Return ``exp(dt Q.T) mass`` to within `tolerance` in L1."""
        if self._line is not None:
            return self._line.advance(mass, dt, tolerance)
        if self._explicit_cost(dt) <= self._rational.cost(dt):
            return self._explicit(mass, dt, tolerance)
        return self._mixed(mass, dt, tolerance)

    def _mixed(self, mass: Array, dt: float, tolerance: float) -> Advance:
        done = Advance(mass, 0.0)
        left, stretch = dt, self._affordable()
        while left > 0.0:
            budget = 0.5 * (tolerance - done.error)
            part = self._implicit(done.mass, left, budget)
            if part is not None:
                return _joined(done, part)
            step = min(stretch, left)
            done = _joined(done, self._explicit(done.mass, step, budget))
            left, stretch = left - step, stretch * PATIENCE
        return done

    def _implicit(self, mass: Array, dt: float, tolerance: float) -> Advance | None:
        """Take one rational step, or rest at the stationary density; None if refused."""
        rational = self._rational
        at_rest = rational.at_rest(mass, tolerance)
        if at_rest is not None:
            return at_rest
        if rational.rate * dt > FURTHEST:
            try:
                return rational.advance(mass, dt, tolerance)
            except NumericalError:
                if rational.rate * dt > 1e2 * FURTHEST:
                    raise
                return None
        trial = rational.attempt(mass, dt)
        allowed = min(tolerance, STRICTEST * float(mass.sum()))
        if trial.error > allowed or trial.mass.min() < -CLIP * trial.mass.max():
            return None
        new, clipped = clip_rounding(trial.mass)
        error = trial.error + clipped
        return Advance(new, error, 0, trial.solves, clipped, rational.name)

    def _explicit(self, mass: Array, dt: float, tolerance: float) -> Advance:
        if self._uniform.cost(dt) <= self._chebyshev.cost(dt):
            return self._uniform.advance(mass, dt, tolerance)
        try:
            return self._chebyshev.advance(mass, dt, tolerance)
        except NumericalError:
            return self._uniform.advance(mass, dt, tolerance)

    def _explicit_cost(self, dt: float) -> float:
        return min(self._chebyshev.cost(dt), self._uniform.cost(dt))

    def _affordable(self) -> float:
        """Time that Chebyshev covers for the price of one rational step."""
        jump = self._chebyshev.jump
        products = self._rational.cost(0.0) / jump.seconds
        return float((products / 8.0) ** 2 / max(jump.rate, 1e-300))

    @cached_property
    def _chebyshev(self) -> Chebyshev:
        return Chebyshev(self.generator, self.fields)

    @cached_property
    def _uniform(self) -> Uniformisation:
        return Uniformisation(self.generator, self.fields)

    @cached_property
    def _rational(self) -> Rational:
        return Rational(self.generator, self.fields)


def _joined(first: Advance, second: Advance) -> Advance:
    names = dict.fromkeys([*first.method.split("+"), second.method])
    return Advance(
        second.mass,
        first.error + second.error,
        first.products + second.products,
        first.solves + second.solves,
        first.clipped + second.clipped,
        "+".join(name for name in names if name),
    )
