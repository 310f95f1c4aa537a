"""Slowest modes of chains on a line, each eigenvalue right however small it is.

Where both rates of a link are positive the chain is similar to a symmetric matrix, whose factors
``L D L.T`` come from an elimination without subtraction. Its eigenvalues are those of a product
of bidiagonal matrices with known entries: small relative changes of entries are small relative
changes of eigenvalues, 1e-300 or 1e-3000 beside 1. The differential qd transform, which counts
the eigenvalues below a number, makes no other errors.

References
----------
Demmel and Kahan, SIAM J. Sci. Stat. Comput. 11, 873 (1990); Fernando and Parlett, Numer. Math.
67, 191 (1994); Dhillon and Parlett, Linear Algebra Appl. 387, 1 (2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.solvers.birth_death import BirthDeath, LineFactors
from fokkerplanck.solvers.elimination import (
    count_below,
    count_below_wide,
    line_mode,
    line_resolvent,
    narrow,
    wide,
)
from fokkerplanck.solvers.scaled import Scaled

__all__ = ["LineModes", "eigenvalues", "modes"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Pair = tuple[Array, Integers]

#: Shifts smaller than this power of two times the largest rate are counted in wide numbers.
SMALL = -900
#: Relative width of a bracket at which bisection ends.
WIDTH = 2.0**-51
#: Eigenvalues closer than this share one invariant subspace.
CLUSTER = 1e-8


@dataclass(frozen=True, eq=False)
class LineModes:
    """Eigenvalues and eigenvectors of -Q, slowest first: ``-Q r = lambda r, l -Q = lambda l``.

    Parameters
    ----------
    rates : Scaled, shape (count,)
        Eigenvalues > 0, ascending; the zeros of what is never absorbed are left out.
    right, left : ndarray, shape (count, n)
        One mode per row, its entry of largest modulus 1.
    errors : ndarray, shape (count,)
        Estimates of the relative errors of the eigenvalues: the rounding of n pivots.
    """

    rates: Scaled
    right: Array
    left: Array
    errors: Array


def eigenvalues(
    up: ArrayLike | Scaled,
    down: ArrayLike | Scaled,
    absorption: ArrayLike | Scaled | None = None,
    count: int = 1,
) -> Scaled:
    """Slowest nonzero eigenvalues of -Q, ascending, each to about ``sqrt(n)`` roundings.

    Parameters
    ----------
    up, down, absorption
        As for `BirthDeath`.
    count : int
        How many; fewer are returned if there are no more.

    Returns
    -------
    Scaled, shape (count,)
    """
    return _bisect(_coupled(BirthDeath(up, down, absorption)), count)


def modes(
    up: ArrayLike | Scaled,
    down: ArrayLike | Scaled,
    absorption: ArrayLike | Scaled | None = None,
    count: int = 1,
) -> LineModes:
    """Slowest modes; eigenvalues as from `eigenvalues`, eigenvectors by twisted factorisation.

    Modes whose rates agree to 1e-8 are a basis of their common subspace. Where a link is
    passed one way only, every mode is followed from the side it lives on to the other.
    """
    chain = BirthDeath(up, down, absorption)
    found = [_segment_modes(part, begin, chain.states, count) for begin, part in _segments(chain)]
    rates = Scaled(
        np.concatenate([m.rates.mantissa for m in found]),
        np.concatenate([m.rates.exponent for m in found]),
    )
    order = np.lexsort((rates.mantissa, rates.exponent))[:count]
    return LineModes(
        rates[order],
        np.concatenate([m.right for m in found])[order],
        np.concatenate([m.left for m in found])[order],
        np.concatenate([m.errors for m in found])[order],
    )


def _segments(chain: BirthDeath) -> list[tuple[int, BirthDeath]]:
    """First state and chain of each part that no link joins to another."""
    up, down = chain.up.mantissa[:-1], chain.down.mantissa[1:]
    ends = [0, *(1 + np.flatnonzero((up == 0) & (down == 0))).tolist(), chain.states]
    parts = [slice(a, b) for a, b in pairwise(ends)]
    return [(p.start, BirthDeath(chain.up[p], chain.down[p], chain.absorption[p])) for p in parts]


def _segment_modes(chain: BirthDeath, begin: int, states: int, count: int) -> LineModes:
    rates = _bisect(_coupled(chain), count)
    right, left = np.zeros((2, rates.size, states))
    here = slice(begin, begin + chain.states)
    resolvent = _Resolvent(chain)
    for group in _clusters(rates):
        right[group, here], left[group, here] = resolvent.vectors(rates[group])
    error = 4 * np.finfo(float).eps * np.sqrt(chain.states)
    return LineModes(rates, right, left, np.full(rates.size, error))


def _coupled(chain: BirthDeath) -> BirthDeath:
    """Turn links that are passed one way only into absorption: the eigenvalues are the same."""
    forth, back = chain.up.mantissa[:-1] > 0, chain.down.mantissa[1:] > 0
    up, down = np.append(forth & back, False), np.append(False, forth & back)
    lost = chain.up * ~up + chain.down * ~down
    return BirthDeath(chain.up * up, chain.down * down, chain.absorption + lost)


def _bisect(chain: BirthDeath, count: int) -> Scaled:
    """Slowest eigenvalues of a chain whose links are all passed both ways."""
    zeros, slowest = _still(chain)
    count = max(0, min(count, chain.states - zeros))
    counter = _Counter(chain.factors, chain.up)
    total = chain.up + chain.down + chain.absorption
    fastest = total.max()
    low = slowest * np.full(count, 0.5)
    high = fastest * np.full(count, 4.0)
    wanted = zeros + np.arange(count)
    while True:
        if not ((high / low).value() > 1 + WIDTH).any():
            return (low + high) * 0.5
        middle = _middle(low, high)
        below = counter(middle) <= wanted
        low, high = _where(below, middle, low), _where(below, high, middle)


def _still(chain: BirthDeath) -> tuple[int, Scaled]:
    """Count the zero eigenvalues, and bound the others from below.

    With absorption added at one state of each part that has none, no eigenvalue moves down and
    none rises above the next one (Cauchy): the inverse of the longest mean time is the bound.
    """
    extra = np.zeros(chain.states)
    for begin, part in _segments(chain):
        if not part.absorption.mantissa.any():
            extra[begin + part.stationary().argmax()] = 1.0
    total = chain.up + chain.down
    fastest = total.max() if total.mantissa.any() else Scaled.of(1.0)
    killed = BirthDeath(chain.up, chain.down, chain.absorption + fastest * extra)
    times = killed.solve(np.ones(chain.states))
    return int(extra.sum()), 1.0 / times.max()


class _Counter:
    """Number of eigenvalues below shifts."""

    def __init__(self, factors: LineFactors, up: Scaled) -> None:
        self.q = narrow(*factors.total)
        self.e = up * narrow(*factors.back)
        self.top = max(int(x.max().exponent) for x in (self.q, self.e))
        self.wide = *wide(self.q), *wide(self.e)
        self.plain = _plain(self.q, self.top), _plain(self.e, self.top)

    def __call__(self, shifts: Scaled) -> Integers:
        count = np.zeros(shifts.size, dtype=np.int64)
        small = shifts.exponent < self.top + SMALL
        for part, kernel in ((small, True), (~small, False)):
            if part.any():
                found = np.zeros(int(part.sum()), dtype=np.int64)
                if kernel:
                    count_below_wide(*self.wide, *wide(shifts[part]), found)
                else:
                    count_below(*self.plain, _plain(shifts[part], self.top), found)
                count[part] = found
        return count


class _Resolvent:
    """Columns of ``(-Q - x)^-1`` beside eigenvalues: their eigenvectors."""

    def __init__(self, chain: BirthDeath) -> None:
        one, two = chain.factors, chain.factors_reversed
        n = chain.states
        self.states = n
        self.left = *one.total, *wide(chain.up * narrow(*one.back)), *one.absorbed
        back = wide(chain.down[::-1] * narrow(*two.back))
        self.right = tuple(x[::-1].copy() for x in (*two.total, *back, *two.absorbed))
        self.up, self.down = wide(chain.up), wide(chain.down)
        self.into_up = wide(chain.down[np.r_[1:n, 0]])
        self.into_down = wide(chain.up[np.r_[n - 1, : n - 1]])

    def vectors(self, rates: Scaled) -> tuple[Array, Array]:
        """Right and left eigenvectors of eigenvalues that agree to `CLUSTER`.

        Beside them the resolvent is a multiple of the projector on their subspace, whose columns
        are taken where its diagonal is largest once those before are projected out.
        """
        m = rates.size
        x = rates[0] * (1.0 if m == 1 else 1.0 - 2 * CLUSTER)
        pivots, diagonal = self._factors(x)
        right, left = np.zeros((2, m, self.states))
        found = np.zeros(self.states)
        for j in range(m):
            k = int(np.argmax(m * diagonal - found))
            r = _column(pivots, k, self.up, self.down)
            y = _column(pivots, k, self.into_up, self.into_down)
            for i in range(j):
                overlap = left[i] @ right[i]
                r, y = (
                    r - (left[i] @ r) / overlap * right[i],
                    y - (y @ right[i]) / overlap * left[i],
                )
            right[j], left[j] = r / np.abs(r).max(), y / np.abs(y).max()
            found += right[j] * left[j] / (right[j] @ left[j])
        return right, left

    def _factors(self, x: Scaled) -> tuple[tuple[Pair, Pair], Array]:
        """Pivots of both eliminations, and the diagonal of the resolvent, its trace made 1."""
        (x0, k0), n = wide(x), self.states
        d, r, g = ((np.zeros(n), np.zeros(n, dtype=np.int64)) for _ in range(3))
        line_resolvent(self.left, self.right, *self.up, x0[0], k0[0], *d, *r, *g)
        if not g[0].all():
            return (d, r), (g[0] == 0.0) / np.count_nonzero(g[0] == 0.0)
        size = 1.0 / narrow(np.abs(g[0]), g[1])
        return (d, r), (size / size.sum()).value()


def _column(pivots: tuple[Pair, Pair], k: int, up: Pair, down: Pair) -> Array:
    """Column k of the resolvent as floats, its entry of largest modulus 1 or -1."""
    n = up[0].size
    x, e = np.zeros(n), np.zeros(n, dtype=np.int64)
    line_mode(*up, *down, *pivots[0], *pivots[1], k, x, e)
    size = narrow(np.abs(x), e)
    return np.asarray(np.sign(x) * (size / size.max()).value())


def _clusters(rates: Scaled) -> list[slice]:
    """Group the eigenvalues that agree."""
    if not rates.size:
        return []
    gap = (rates[1:] / rates[:-1]).value() - 1
    ends = [0, *(1 + np.flatnonzero(gap > CLUSTER)).tolist(), rates.size]
    return [slice(a, b) for a, b in pairwise(ends)]


def _middle(low: Scaled, high: Scaled) -> Scaled:
    """Halve the exponents while they differ by much, the numbers then."""
    mean = (low + high) * 0.5
    power = Scaled.normal(np.ones(low.size), (low.exponent + high.exponent) >> 1)
    return _where(high.exponent - low.exponent > 2, power, mean)


def _where(condition: NDArray[np.bool_], x: Scaled, y: Scaled) -> Scaled:
    return Scaled(
        np.where(condition, x.mantissa, y.mantissa), np.where(condition, x.exponent, y.exponent)
    )


def _plain(x: Scaled, top: int) -> Array:
    """Floats, in units of ``2**top``."""
    return (x * Scaled.normal(np.array(1.0), np.array(-top))).value()
