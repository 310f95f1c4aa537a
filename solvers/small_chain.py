"""Small chains, every entry of every answer right to relative accuracy, rates of any size."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components

from fokkerplanck.solvers.elimination import (
    dense_factors,
    dense_solve,
    dense_solve_transposed,
    narrow,
    wide,
)
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.scaled import Scaled

__all__ = ["SmallChain", "off_diagonal"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Factors = tuple[Array, Integers, Array, Integers]


class SmallChain:
    """Markov chain of up to some 200 states, given by what is never negative.

    With Q the generator (``Q[i, j]`` the rate i -> j, row sums minus the absorption), the answers
    come from an elimination without subtraction: entrywise right to about 1e-14 for any rates,
    also where the matrix of numbers ``-Q`` has lost its smallest eigenvalues to rounding.

    Parameters
    ----------
    rates : array or Scaled, shape (n, n)
        Jump rates >= 0; the diagonal is ignored.
    absorption : array or Scaled, shape (n,) or (n, targets), optional
        Rates out of each state, one column per target. None absorbs nothing.

    Raises
    ------
    ValueError
        If shapes do not fit or a rate is negative, infinite or not a number.

    References
    ----------
    Grassmann, Taksar and Heyman, Oper. Res. 33, 1107 (1985); Alfa, Xue and Ye, Math. Comp. 71,
    217 (2002).
    """

    def __init__(
        self, rates: ArrayLike | Scaled, absorption: ArrayLike | Scaled | None = None
    ) -> None:
        a = off_diagonal(rates)
        n = len(a)
        d = Scaled.of(np.zeros(n) if absorption is None else absorption)
        if d.ndim not in (1, 2) or len(d) != n:
            msg = f"absorption must have shape ({n},) or ({n}, targets), got {d.shape}"
            raise ValueError(msg)
        self.rates = a
        self.absorption = d

    @property
    def states(self) -> int:
        """Number of states."""
        return len(self.rates)

    @cached_property
    def total_absorption(self) -> Scaled:
        """Absorption rate of each state into any target, shape (n,)."""
        return self.absorption if self.absorption.ndim == 1 else self.absorption.sum(axis=1)

    def solve(self, b: ArrayLike | Scaled) -> Scaled:
        """Return ``(-Q)^-1 b`` for b >= 0 of shape (n,) or (n, m).

        ``b = 1`` gives mean times to absorption; a column of the absorption rates, the
        probability to end in that target.

        Raises
        ------
        NumericalError
            If there are states that can never be absorbed.
        """
        a, ka, s, ks = self._factors
        x, k = wide(self._right_hand_side(b))
        dense_solve(a, ka, s, ks, x.reshape(self.states, -1), k.reshape(self.states, -1))
        return narrow(x, k)

    def solve_transposed(self, b: ArrayLike | Scaled) -> Scaled:
        """Return ``(-Q.T)^-1 b`` for b >= 0: mean times spent in each state, started from b.

        Raises
        ------
        NumericalError
            If there are states that can never be absorbed.
        """
        a, ka, s, ks = self._factors
        x, k = wide(self._right_hand_side(b))
        columns = x.reshape(self.states, -1), k.reshape(self.states, -1)
        dense_solve_transposed(a, ka, s, ks, *columns, 0)
        return narrow(x, k)

    def stationary(self) -> Scaled:
        """Stationary probabilities, shape (n,); 0 in states that are left for good.

        Raises
        ------
        NumericalError
            If a state absorbs, or if there are several groups of states that are never left.
        """
        if self.total_absorption.mantissa.any():
            msg = "states absorb, so all mass leaves in the end: there is no stationary density"
            raise NumericalError(msg)
        root = int(np.flatnonzero(self._closed_class())[0])
        order = np.r_[root, np.delete(np.arange(self.states), root)]
        a, ka, s, ks = _eliminate(self.rates[np.ix_(order, order)], self.total_absorption)
        p, kp = np.zeros((self.states, 1)), np.zeros((self.states, 1), dtype=np.int64)
        p[0] = 1.0
        dense_solve_transposed(a, ka, s, ks, p, kp, 1)
        weights = narrow(p[:, 0], kp[:, 0])[np.argsort(order)]
        return weights / weights.sum()

    def trapped(self) -> NDArray[np.bool_]:
        """States that absorption can never be reached from, shape (n,)."""
        absorbed, into = self.total_absorption.mantissa > 0, self.rates.mantissa > 0
        for _ in range(self.states):
            more = absorbed | into[:, absorbed].any(axis=1)
            if (more == absorbed).all():
                break
            absorbed = more
        return ~absorbed

    @cached_property
    def _factors(self) -> Factors:
        stuck = np.flatnonzero(self.trapped())
        if stuck.size:
            names = ", ".join(str(k) for k in stuck[:8]) + (", ..." if stuck.size > 8 else "")
            msg = f"absorption can never be reached from state{'s'[: stuck.size - 1]} {names}"
            raise NumericalError(msg)
        return _eliminate(self.rates, self.total_absorption)

    def _right_hand_side(self, b: ArrayLike | Scaled) -> Scaled:
        c = Scaled.of(b)
        if c.ndim not in (1, 2) or len(c) != self.states:
            msg = f"b must have shape ({self.states},) or ({self.states}, m), got {c.shape}"
            raise ValueError(msg)
        return c

    def _closed_class(self) -> NDArray[np.bool_]:
        """States of the one group that is never left."""
        into = self.rates.mantissa > 0
        count, label = connected_components(into, connection="strong")
        leaves = np.zeros(count, dtype=bool)
        i, j = np.nonzero(into)
        np.logical_or.at(leaves, label[i], label[i] != label[j])
        if np.count_nonzero(~leaves) > 1:
            groups = np.count_nonzero(~leaves)
            msg = f"{groups} groups of states are never left: no unique stationary density"
            raise NumericalError(msg)
        return np.asarray(~leaves[label])


def off_diagonal(rates: ArrayLike | Scaled) -> Scaled:
    """Check that rates form a square, and put 0 on its diagonal."""
    a = rates if isinstance(rates, Scaled) else np.array(rates, dtype=np.float64)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or a.size == 0:
        msg = f"rates must have shape (n, n), got {a.shape}"
        raise ValueError(msg)
    if isinstance(a, Scaled):
        return a * (1.0 - np.eye(len(a)))
    np.fill_diagonal(a, 0.0)
    return Scaled.of(a)


def _eliminate(rates: Scaled, absorption: Scaled) -> Factors:
    (a, ka), (d, kd) = wide(rates), wide(absorption)
    s, ks = np.zeros_like(d), np.zeros_like(kd)
    dense_factors(a, ka, d, kd, s, ks)
    return a, ka, s, ks
