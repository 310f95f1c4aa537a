"""Evolution as a Poisson sum of jumps: no negative term, exact mass, known truncation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammainc, gammaln, xlogy

from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.operator import Jump
from fokkerplanck.solvers.propagator import Advance, Propagator, conserve
from fokkerplanck.solvers.recurrence import Recurrence
from fokkerplanck.solvers.stepping import Trial

__all__ = ["Uniformisation", "poisson_sum"]

Array = NDArray[np.float64]
LONGEST = 500.0  # jumps on average in one sum: exp(-500) is still a normal number
TAIL = 1e-17
ROUNDING = 2.0e-16


class Uniformisation(Propagator):
    """``exp(t Q.T) P = sum_k Poisson(k; rate t) W^k P``, ``W = 1 + Q.T / rate >= 0``.

    Nothing is ever subtracted, so that even the far tails are right to relative accuracy. The
    cost is proportional to ``rate * t``: about ``1.3 rate t`` products. The truncated tail of
    the Poisson weights, the exact L1 error, is put on the last term: no mass is lost.

    References
    ----------
    A. Jensen, Skand. Aktuarietidskr. 36 (1953) 87.
    """

    name = "uniformisation"

    def __init__(
        self, generator: Generator, fields: Fields | None = None, jump: Jump | None = None
    ) -> None:
        super().__init__(generator, fields)
        self.jump = jump or Jump(generator)

    def cost(self, dt: float) -> float:
        """Estimate seconds from the number of products."""
        return self.products(dt) * self.jump.seconds

    def products(self, dt: float) -> float:
        """Estimate the number of products for `dt`."""
        jumps = self.jump.rate * dt
        sums = np.ceil(jumps / LONGEST)
        return float(jumps + sums * (20.0 + 8.5 * np.sqrt(jumps / max(sums, 1.0))))

    def advance(self, mass: Array, dt: float, tolerance: float) -> Advance:
        """Return ``exp(dt Q.T) mass``; the L1 error is that of rounding, whatever `tolerance`."""
        count = max(1, int(np.ceil(self.jump.rate * dt / LONGEST)))
        error, products = 0.0, 0
        for _ in range(count):
            part = poisson_sum(self.jump, mass, dt / count)
            mass = part.mass
            error, products = error + part.error, products + part.products
        return Advance(mass, error, products=products, method=self.name)


def poisson_sum(jump: Jump, mass: Array, dt: float) -> Trial:
    """One Poisson sum, for ``jump.rate * dt`` up to about 700 (beyond, the weights underflow)."""
    jumps = jump.rate * dt
    weights, tail = _weights(jumps)
    series = Recurrence(jump, mass, float(weights[0]))
    one = np.ones(len(weights) - 1)
    series.extend(one, 0.0 * one, weights[1:])
    total = series.total
    amount = float(mass.sum())
    error = (2.0 * tail + ROUNDING * len(weights)) * amount
    if jump.conservative:
        error += conserve(total, mass)
    return Trial(total, error, products=len(weights) - 1)


def _weights(jumps: float) -> tuple[Array, float]:
    """Poisson weights 0..K, the last one with the rest of the tail, and that rest."""
    if jumps == 0.0:
        return np.ones(1), 0.0
    last = int(jumps + 9.0 * np.sqrt(jumps) + 20.0)
    k = np.arange(last + 1)
    tails = gammainc(k + 1.0, jumps)  # P(more than k jumps)
    last = int(np.argmax(tails < TAIL)) if tails[-1] < TAIL else last
    k = k[: last + 1]
    weights = np.exp(xlogy(k, jumps) - jumps - gammaln(k + 1.0))
    weights /= weights.sum()
    return weights, float(tails[last])
