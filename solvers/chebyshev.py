"""Evolution by a Chebyshev sum: about ``8 sqrt(rate t)`` products, checked term by term."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ive

from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.operator import Jump
from fokkerplanck.solvers.propagator import Advance, Propagator, conserve
from fokkerplanck.solvers.recurrence import Recurrence
from fokkerplanck.solvers.stepping import Trial, advance_in_steps
from fokkerplanck.solvers.uniformisation import poisson_sum

__all__ = ["Chebyshev"]

Array = NDArray[np.float64]
NEGLIGIBLE = 1e-17  # a term this small, relative to the mass in L1, ...
CONSECUTIVE = 3  # ... so many times in a row, ends the sum
GROWTH = 4.0  # largest |c_k T_k P|_1, in units of the mass: beyond, the sum loses digits
AT_ONCE = 8  # terms that are added before the next look at them
FEW_JUMPS = 16.0  # below this many jumps a Poisson sum costs no more
EPS = float(np.finfo(np.float64).eps)


class Chebyshev(Propagator):
    """``exp(t Q.T) P = sum_k c_k T_k(W) P``, ``c_k = (2 - [k = 0]) e^-z I_k(z)``, ``z = rate t``.

    The usual bound on the truncation holds in the norm weighted by the stationary density, and
    says little in L1 where the density is far from equilibrium: there the terms grow, up to
    ``exp(v^2 t / 4 D)``, before they fall, and leave rounding behind. So the terms themselves are
    watched: the sum ends when several in a row are negligible in L1, and the step is shortened
    when one of them outgrows the mass; the shortest steps are Poisson sums, which cannot fail.

    References
    ----------
    H. Tal-Ezer, SIAM J. Numer. Anal. 26 (1989) 1 (parabolic problems) and 23 (1986) 11;
    Abramowitz and Stegun, eq. 9.6.34.
    """

    name = "chebyshev"

    def __init__(self, generator: Generator, fields: Fields | None = None) -> None:
        super().__init__(generator, fields)
        self.jump = Jump(generator)

    def cost(self, dt: float) -> float:
        """Estimate seconds from the number of products."""
        return float(8.0 * np.sqrt(self.jump.rate * dt) + 12.0) * self.jump.seconds

    def advance(self, mass: Array, dt: float, tolerance: float) -> Advance:
        """Return ``exp(dt Q.T) mass`` to within `tolerance` in L1."""
        return advance_in_steps(self._try, mass, dt, tolerance, self.name, shrink=2.0, grow=1.5)

    def _try(self, mass: Array, dt: float) -> Trial:
        z = self.jump.rate * dt
        if z <= FEW_JUMPS:
            return poisson_sum(self.jump, mass, dt)
        return self._sum(mass, z, np.arange(int(25.0 * np.sqrt(z) + 40.0)))

    def _sum(self, mass: Array, z: float, k: NDArray[np.int64]) -> Trial:
        jump, amount = self.jump, float(mass.sum())
        coefficients = np.asarray(2.0 * ive(k, z), dtype=np.float64)
        coefficients[0] /= 2.0
        series = Recurrence(jump, mass, float(coefficients[0]))
        twice, less = np.full(len(k), 2.0), np.full(len(k), -1.0)
        twice[1], less[1] = 1.0, 0.0  # T_1 = W T_0
        rounding, small, term, taken = 0.0, 0, np.inf, 1
        while small < CONSECUTIVE and taken < len(k):
            part = slice(taken, taken + AT_ONCE)
            c = coefficients[part]
            for i, norm in enumerate(series.extend(twice[part], less[part], c), taken):
                term = abs(float(coefficients[i])) * float(norm)
                rounding += EPS * np.sqrt(i) * term
                if not term <= GROWTH * amount:
                    return Trial(series.total, np.inf, products=i)
                small = small + 1 if term <= NEGLIGIBLE * amount else 0
            taken += c.size
        total = series.total
        if jump.conservative:
            rounding += conserve(total, mass)
        error = CONSECUTIVE * term + rounding + EPS * amount
        return Trial(total, error, products=taken - 1)
