"""The default: the cheapest method that can vouch for its answer."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.poles import STRICTEST
from fokkerplanck.solvers.propagator import CLIP, Advance, Propagator, clip_rounding
from fokkerplanck.solvers.tridiagonal import Tridiagonal

if TYPE_CHECKING:
    from fokkerplanck.solvers.chebyshev import Chebyshev
    from fokkerplanck.solvers.late import Late
    from fokkerplanck.solvers.rational import Rational
    from fokkerplanck.solvers.uniformisation import Uniformisation

__all__ = ["Automatic"]

Array = NDArray[np.float64]
CHEAP, DEAR = 0.02, 300.0  # seconds of explicit work
ROUNDS = 5  # explicit stretches on a driven ring, each `PATIENCE` times as long
DRIVEN = 0.2  # share of a rational step's cost that explicit methods may take on a driven chain
PATIENCE = 4.0  # each explicit stretch after a failed rational step is this much longer


class Automatic(Propagator):
    """Chooses per interval, by estimated seconds, and says in `Advance.method` what it chose.

    One dimension: tridiagonal, whatever the time; on a driven ring, whose modes oscillate, explicit
    stretches first, until the ring has come to rest or they cost too much. Two: an explicit method
    (Chebyshev, or the Poisson sum where that takes fewer products) while its products cost less
    than the factorisations of a rational step, or a fifth of them on a driven chain. Where a
    rational step is refused by its error estimate or bound, because the density is still far from
    equilibrium, an explicit stretch of about the same cost goes first. Once the fast modes have
    died out, the slow ones alone are summed.
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
            return self._on_the_line(self._line, mass, dt, tolerance)
        explicit = self._explicit_cost(dt)
        if explicit <= min(self._late.cost(dt), self._rational.cost(dt) * DRIVEN):
            return self._explicit(mass, dt, tolerance)  # whether driven or not
        dear = self._rational.cost(dt) * self._patience
        if explicit > min(self._late.cost(dt), dear):
            late = self._late
            if dt >= late.earliest(tolerance / float(mass.sum())):
                return late.advance(mass, dt, tolerance)
        if explicit <= dear:
            return self._explicit(mass, dt, tolerance)
        return self._mixed(mass, dt, tolerance)

    def _on_the_line(self, line: Tridiagonal, mass: Array, dt: float, tolerance: float) -> Advance:
        if not line.chain.driven:
            return line.advance(mass, dt, tolerance)
        if self._explicit_cost(dt) < CHEAP:
            return self._explicit(mass, dt, tolerance)
        done, left = self._relaxed(mass, dt, 0.5 * tolerance)
        if left == 0.0:
            return done
        try:
            return done.then(line.advance(done.mass, left, 0.5 * tolerance))
        except NumericalError:  # too many short steps: their rounding adds up
            if self._explicit_cost(left) > DEAR:
                raise
            return done.then(self._explicit(done.mass, left, 0.5 * tolerance))

    def _relaxed(self, mass: Array, dt: float, tolerance: float) -> tuple[Advance, float]:
        """Go on explicitly for a while, to see whether a strongly driven ring comes to rest.

        Its modes oscillate much faster than they decay, which only short steps follow; but they
        decay within a few rounds, and who has come to rest stays so.
        """
        done, left = Advance(mass, 0.0), dt
        stretch = dt * CHEAP / max(self._uniform.cost(dt), CHEAP)
        for _ in range(ROUNDS):
            rest = self._rational.at_rest(done.mass, 0.5 * (tolerance - done.error))
            if rest is not None:
                return done.then(rest), 0.0
            step = min(stretch, left)
            done = done.then(self._explicit(done.mass, step, 0.25 * (tolerance - done.error)))
            left = 0.0 if step == left else left - step
            if left == 0.0:
                break
            stretch *= PATIENCE
        return done, left

    def _mixed(self, mass: Array, dt: float, tolerance: float) -> Advance:
        from fokkerplanck.solvers.rational import MOST_PIECES

        rational = self._rational
        done = Advance(mass, 0.0)
        left, stretch = dt, self._affordable()
        for _ in range(MOST_PIECES):
            budget = 0.5 * (tolerance - done.error)
            step = min(left, rational.longest)
            part = rational.at_rest(done.mass, budget)
            if part is not None:
                return done.then(part)
            part = self._rational_step(done.mass, step, budget)
            ladder = not rational.reversible and not rational.bounded
            patient = not ladder or stretch <= self._affordable()
            if part is None and not (patient and self._explicit_cost(min(stretch, left)) < DEAR):
                return done.then(rational.advance(done.mass, left, budget))
            if part is None:
                step = min(stretch, left)
                part = self._explicit(done.mass, step, budget)
                stretch *= PATIENCE
            done = done.then(part)
            if step == left:
                return done
            left -= step
        raise NumericalError(rational.too_far(dt))

    def _rational_step(self, mass: Array, dt: float, tolerance: float) -> Advance | None:
        if self._rational.reversible:
            return self._one_step(mass, dt, tolerance)
        return self._rational.bounded_step(mass, dt, tolerance)

    def _one_step(self, mass: Array, dt: float, tolerance: float) -> Advance | None:
        """Take one rational step; None if its error estimate refuses it."""
        trial = self._rational.attempt(mass, dt)
        allowed = min(tolerance, STRICTEST * float(mass.sum()))
        if trial.error > allowed or trial.mass.min() < -CLIP * trial.mass.max():
            return None
        new, clipped = clip_rounding(trial.mass)
        return Advance(new, trial.error + clipped, 0, trial.solves, clipped, self._rational.name)

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
    def _patience(self) -> float:
        """Share of a rational step's cost up to which explicit methods are not given up.

        On driven chains Chebyshev sums break into many short ones, which their cost ignores.
        """
        return 1.0 if self._rational.reversible else DRIVEN

    @cached_property
    def _chebyshev(self) -> Chebyshev:
        from fokkerplanck.solvers.chebyshev import Chebyshev

        return Chebyshev(self.generator, self.fields)

    @cached_property
    def _uniform(self) -> Uniformisation:
        from fokkerplanck.solvers.uniformisation import Uniformisation

        return Uniformisation(self.generator, self.fields, self._chebyshev.jump)

    @cached_property
    def _late(self) -> Late:
        from fokkerplanck.solvers.late import Late

        return Late(self.generator, self.fields)

    @cached_property
    def _rational(self) -> Rational:
        from fokkerplanck.solvers.rational import Rational

        return Rational(self.generator, self.fields)
