"""Extrapolated implicit Euler steps for a linear system whose matrix need not be a generator."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu

from fokkerplanck.solvers.errors import NumericalError

__all__ = ["COLUMNS", "Extrapolation"]

Array = NDArray[np.float64]
#: Implicit Euler runs of 1, 2, ..., COLUMNS steps are extrapolated: the order in dt.
COLUMNS = 7
#: Steps are ``2**-level`` of the whole time, no finer than this.
DEEPEST = 40
#: Above this many unknowns factorisations are not kept, to save memory.
KEEP = 70_000
#: A step is doubled where the estimate is this much below what is allowed, or is rounding.
GROWTH, ROUNDING = 8.0, 1e-11
#: Mass that rounding may take in one run of implicit steps; more is a failure of the solves.
MOST_LOST = 1e-8
SHARE = 1.0 / 64.0  # of the tolerance, for one step however short


@dataclass(eq=False)
class Extrapolation:
    r"""Apply :math:`e^{t A}` by extrapolation of the implicit Euler method.

    The runs :math:`T_{n1} = (1 - \frac{h}{n} A)^{-n} p`, n = 1, 2, ..., are extrapolated to
    :math:`h / n \to 0` by :math:`T_{j,k+1} = T_{jk} + (T_{jk} - T_{j-1,k}) / (n_j / n_{j-k} - 1)`.
    Every column damps stiff parts (its stability function vanishes at infinity), so that a point
    start needs no special care. What the longest run changed, the distance between the last
    entries of the last two rows, estimates the error: too large by about the number of runs where
    the extrapolation converges, and still enough where dt times the rates is not small.

    Parameters
    ----------
    matrix : sparse array, shape (n, n)
        A. Signs of its entries do not matter.
    conservative : bool
        Whether the columns of A sum to 0. Every run then gets back the mass that rounding took,
        which the extrapolation would multiply by hundreds.

    References
    ----------
    E. Hairer and G. Wanner, Solving Ordinary Differential Equations II, section IV.9 (SEULEX).
    """

    matrix: sp.csc_array
    conservative: bool
    solves: int = 0
    _factors: dict[float, SuperLU] = field(default_factory=dict)

    def advance(self, start: Array, dt: float, tolerance: float) -> tuple[Array, float]:
        """Return ``exp(dt A) start`` and the estimate of its L1 error.

        Raises
        ------
        NumericalError
            If steps of ``2**-40 dt`` still miss their share of `tolerance`.
        """
        p, done, error, level = start, 0.0, 0.0, 0
        floor = ROUNDING * float(np.abs(start).sum())
        while done < 1.0:
            part = 2.0**-level
            new, estimate = self.step(p, part * dt)
            allowed = min(0.5 * tolerance * (part + SHARE), tolerance - error)
            if not estimate <= allowed:
                level += _levels_down(estimate, allowed)
                if level > DEEPEST:
                    raise NumericalError(_too_hard(dt, tolerance, estimate))
                continue
            p, done, error = new, done + part, error + estimate
            aligned = done % (2.0 * part) == 0.0
            if level > 0 and aligned and estimate <= max(allowed / GROWTH, floor):
                level -= 1
        return p, error

    def step(self, start: Array, dt: float) -> tuple[Array, float]:
        """One extrapolated step, and its L1 distance to that with one run less."""
        row: list[Array] = []
        before: list[Array] = []
        for n in range(1, COLUMNS + 1):
            new = [self._euler(start, dt, n)]
            for k in range(1, n):
                new.append(new[-1] + (new[-1] - row[k - 1]) / (n / (n - k) - 1.0))
            before, row = row, new
        return row[-1], float(np.abs(row[-1] - before[-1]).sum())

    def _euler(self, p: Array, dt: float, steps: int) -> Array:
        factor = self._factor(dt / steps)
        q = p
        for _ in range(steps):
            q = factor.solve(q)
        self.solves += steps
        if not self.conservative:
            return q
        amount, now = float(p.sum()), float(q.sum())
        if not abs(now - amount) <= MOST_LOST * abs(amount):
            msg = f"sparse elimination has lost its digits: mass is off by {now / amount - 1:.1e}"
            raise NumericalError(msg)
        return q * (amount / now)

    def _factor(self, dt: float) -> SuperLU:
        factor = self._factors.get(dt)
        if factor is None:
            n = self.matrix.shape[0]
            system = (sp.eye_array(n, format="csc") - dt * self.matrix).tocsc()
            factor = splu(system, permc_spec="MMD_AT_PLUS_A")
            if n > KEEP or len(self._factors) >= 3 * COLUMNS:
                self._factors.clear()
            self._factors[dt] = factor
        return factor


def _levels_down(estimate: float, allowed: float) -> int:
    """How often to halve a rejected step: by its order, but not on trust alone."""
    if not (np.isfinite(estimate) and allowed > 0.0):
        return 3
    return int(np.clip(np.ceil(np.log2(estimate / allowed) / COLUMNS), 1, 3))


def _too_hard(dt: float, tolerance: float, estimate: float) -> str:
    return (
        f"extrapolated implicit Euler steps cannot reach an L1 error of {tolerance:.1e} over a "
        f"time of {dt:.3e}: the estimate stays at {estimate:.1e}; a larger tolerance may do"
    )
