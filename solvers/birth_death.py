"""Chains on a line in O(states), every entry right to relative accuracy, rates of any size."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.solvers.elimination import line_factors, line_products, line_solve, narrow, wide
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.scaled import Scaled

__all__ = ["BirthDeath", "LineFactors", "solve", "solve_transposed", "stationary"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Pair = tuple[Array, Integers]


class LineFactors(NamedTuple):
    """What the elimination from one end leaves; see `line_factors`."""

    absorbed: Pair
    total: Pair
    onward: Pair
    back: Pair


class BirthDeath:
    """Markov chain of n states on a line, with jumps to neighbours and absorption.

    Parameters
    ----------
    up, down : array or Scaled, shape (n,)
        Rates to the next and to the previous state, >= 0; ``up[-1] = down[0] = 0``.
    absorption : array or Scaled, shape (n,), optional
        Rates out of the chain, >= 0. None absorbs nothing.

    Raises
    ------
    ValueError
        If shapes differ, a rate is negative, infinite or not a number, or a rate leads off an end.

    Notes
    -----
    Solves eliminate without subtraction, so that each entry is right to about
    ``sqrt(n)`` roundings whatever the rates; see `fokkerplanck.solvers.small_chain`.
    """

    def __init__(
        self,
        up: ArrayLike | Scaled,
        down: ArrayLike | Scaled,
        absorption: ArrayLike | Scaled | None = None,
    ) -> None:
        self.up, self.down = Scaled.of(up), Scaled.of(down)
        n = self.up.size
        self.absorption = Scaled.of(np.zeros(n) if absorption is None else absorption)
        shapes = [x.shape for x in (self.up, self.down, self.absorption)]
        if n == 0 or shapes != [(n,)] * 3:
            msg = f"up, down and absorption must have one shape (n,), got {shapes}"
            raise ValueError(msg)
        if self.up.mantissa[-1] or self.down.mantissa[0]:
            msg = "up[-1] and down[0] must be 0: they lead off the line"
            raise ValueError(msg)

    @property
    def states(self) -> int:
        """Number of states."""
        return self.up.size

    def solve(self, b: ArrayLike | Scaled) -> Scaled:
        """Return ``(-Q)^-1 b`` for b >= 0 of shape (n,) or (n, m); see `SmallChain.solve`.

        Raises
        ------
        NumericalError
            If there are states that can never be absorbed.
        """
        p, f, g = self._checked
        return self._solve(b, p, f, g)

    def solve_transposed(self, b: ArrayLike | Scaled) -> Scaled:
        """Return ``(-Q.T)^-1 b`` for b >= 0: mean times spent in each state, started from b.

        Raises
        ------
        NumericalError
            If there are states that can never be absorbed.
        """
        p, f, g = self._checked
        return self._solve(b, p, g, f)

    def stationary(self) -> Scaled:
        """Stationary probabilities, shape (n,); 0 in states that are left for good.

        Raises
        ------
        NumericalError
            If a state absorbs, or if there are several groups of states that are never left.
        """
        if self.absorption.mantissa.any():
            msg = "states absorb, so all mass leaves in the end: there is no stationary density"
            raise NumericalError(msg)
        up, down = self.up[:-1], self.down[1:]
        apart = np.flatnonzero((up.mantissa == 0) & (down.mantissa == 0))
        only_up = np.flatnonzero((up.mantissa > 0) & (down.mantissa == 0))
        only_down = np.flatnonzero((up.mantissa == 0) & (down.mantissa > 0))
        first = int(only_up.max(initial=-1)) + 1
        last = int(only_down.min(initial=self.states - 1))
        if apart.size or last < first:
            msg = "several groups of states are never left: no unique stationary density"
            raise NumericalError(msg)
        x, k = np.zeros(self.states), np.zeros(self.states, dtype=np.int64)
        x[first] = 1.0
        part = slice(first, last + 1)
        line_products(*wide(up[first:last] / down[first:last]), x[part], k[part])
        weights = narrow(x, k)
        return weights / weights.sum()

    @cached_property
    def factors(self) -> LineFactors:
        """Elimination from the first state to the last."""
        return eliminate(self.up, self.down, self.absorption)

    @cached_property
    def factors_reversed(self) -> LineFactors:
        """Elimination of the line read backwards, its arrays in that order."""
        return eliminate(self.down[::-1], self.up[::-1], self.absorption[::-1])

    @cached_property
    def _checked(self) -> tuple[Pair, Pair, Pair]:
        _, p, f, g = self.factors
        stuck = np.flatnonzero(p[0] == 0.0)
        if stuck.size:
            msg = f"absorption can never be reached from state {stuck[0]}"
            raise NumericalError(msg)
        return p, f, g

    def _solve(self, b: ArrayLike | Scaled, p: Pair, f: Pair, g: Pair) -> Scaled:
        c = Scaled.of(b)
        if c.ndim not in (1, 2) or len(c) != self.states:
            msg = f"b must have shape ({self.states},) or ({self.states}, m), got {c.shape}"
            raise ValueError(msg)
        x, k = wide(c)
        line_solve(*p, *f, *g, x.reshape(self.states, -1), k.reshape(self.states, -1))
        return narrow(x, k)


def solve(
    up: ArrayLike, down: ArrayLike, absorption: ArrayLike, b: ArrayLike, *, log: bool = False
) -> Array:
    """Natural logarithms of ``(-Q)^-1 b``, b >= 0 or, if `log`, given by natural logarithms.

    As `BirthDeath.solve`, which keeps the digits that logarithms of large numbers lose.
    """
    return BirthDeath(up, down, absorption).solve(_given(b, log)).log()


def solve_transposed(
    up: ArrayLike, down: ArrayLike, absorption: ArrayLike, b: ArrayLike, *, log: bool = False
) -> Array:
    """Natural logarithms of ``(-Q.T)^-1 b``; see `solve`."""
    return BirthDeath(up, down, absorption).solve_transposed(_given(b, log)).log()


def stationary(up: ArrayLike, down: ArrayLike) -> Array:
    """Natural logarithms of the stationary probabilities; see `BirthDeath.stationary`."""
    return BirthDeath(up, down).stationary().log()


def eliminate(up: Scaled, down: Scaled, absorption: Scaled) -> LineFactors:
    """Run `line_factors`; all arrays have shape (n,)."""
    n = absorption.size
    out = LineFactors(*((np.zeros(n), np.zeros(n, dtype=np.int64)) for _ in range(4)))
    line_factors(*wide(up), *wide(down), *wide(absorption), *(x for pair in out for x in pair))
    return out


def _given(b: ArrayLike, log: bool) -> Scaled:
    return Scaled.from_log(b) if log else Scaled.of(b)
