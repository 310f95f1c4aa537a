"""Every mode of a small chain, its eigenvalue right however far the time scales are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import breadth_first_order, connected_components

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.scaled import Scaled
from fokkerplanck.solvers.small_chain import SmallChain

if TYPE_CHECKING:
    import mpmath

__all__ = ["ChainModes", "column", "in_many_digits", "slow_modes", "spread_bits"]

Array = NDArray[np.float64]
#: Binary digits beyond those that the spread of the eigenvalues takes.
GUARD = 96
#: Relative error of an eigenvalue at which the precision is raised, and raised how often.
TOLERANCE = 1e-15
ATTEMPTS = 5
#: Imaginary parts relative to the whole below which they are rounding of the digits carried.
REAL = 1e-20


@dataclass(frozen=True, eq=False)
class ChainModes:
    """Eigenvalues and eigenvectors of -Q, slowest first: ``-Q r = lambda r, l -Q = lambda l``.

    Parameters
    ----------
    rates : Scaled, shape (n,)
        Real parts of the eigenvalues, >= 0; exactly 0 for what never decays.
    turning : ndarray, shape (n,)
        Imaginary over real parts: 0 in detailed balance, pairs of opposite sign otherwise.
    right, left : ndarray, shape (n, n), float or complex
        One mode per row, its entry of largest modulus 1.
    errors : ndarray, shape (n,)
        Estimates of the relative errors of the eigenvalues.
    """

    rates: Scaled
    turning: Array
    right: NDArray[Any]
    left: NDArray[Any]
    errors: Array


def slow_modes(
    rates: ArrayLike | Scaled,
    absorption: ArrayLike | Scaled | None = None,
    *,
    reversible_within: float = 1e-12,
) -> ChainModes:
    """All modes of a chain of up to some 64 states, each eigenvalue right to 1e-14 or better.

    The eigenproblem is solved in as many digits as the slowest time scale needs, which a solve
    without subtraction tells beforehand: 1e-300 beside 1 takes 0.03 s for 8 states in detailed
    balance and 1 s for 30, five times as much without.

    Parameters
    ----------
    rates, absorption
        As for `SmallChain`.
    reversible_within : float
        Largest relative mismatch of rates around a loop that is taken for rounding: such a chain
        is made exactly reversible first, which changes its rates by that much.

    Raises
    ------
    NumericalError
        If modes coincide so closely that there is no basis of eigenvectors.
    """
    import mpmath as mp

    chain = SmallChain(rates, absorption)
    still = _never_absorbed(chain)
    weights = _equilibrium(chain, reversible_within)
    bits = GUARD + _spread(chain, still)
    if weights is not None:
        bits += _bits(weights.log()) // 2
    for _ in range(ATTEMPTS):
        with mp.workprec(bits):
            if weights is None:
                values, right, left, loss = _general(chain)
            else:
                values, right, left, loss = _symmetric(chain, weights)
            order = sorted(range(chain.states), key=lambda k: abs(values[k]))
            errors = [
                mp.mpf(0) if j < len(still) else loss[k] / abs(values[k]) if values[k] else mp.inf
                for j, k in enumerate(order)
            ]
            worst = max(errors)
            if worst < TOLERANCE:
                return _modes([values[k] for k in order], right, left, order, errors, len(still))
            bits += GUARD + (int(mp.log(worst, 2)) if worst < mp.inf else bits)
    msg = "modes of the chain coincide: their eigenvectors cannot be told apart"
    raise NumericalError(msg)


def _modes(
    values: list[Any], right: Any, left: Any, order: list[int], errors: list[Any], still: int
) -> ChainModes:
    import mpmath as mp

    values = [mp.re(v) if abs(mp.im(v)) <= REAL * abs(v) else v for v in values]
    values[:still] = [mp.mpf(0)] * still
    keys = sorted(range(len(values)), key=lambda j: (mp.re(values[j]), mp.im(values[j])))
    real = [_pair(mp.re(values[j])) for j in keys]
    return ChainModes(
        Scaled(np.array([m for m, _ in real]), np.array([e for _, e in real], dtype=np.int64)),
        np.array([float(mp.im(values[j]) / mp.re(values[j])) if values[j] else 0.0 for j in keys]),
        _rows([right[:, order[j]] for j in keys]),
        _rows([left[order[j], :] for j in keys]),
        np.array([float(errors[j]) for j in keys]),
    )


def _symmetric(chain: SmallChain, weights: Scaled) -> tuple[list[Any], Any, Any, list[Any]]:
    """Modes of S, ``S_ij = -c_ij / sqrt(p_i p_j)``, c the conductances ``p_i a_ij = p_j a_ji``."""
    import mpmath as mp

    n = chain.states
    root = [mp.sqrt(_mpf(weights, i)) for i in range(n)]
    s = mp.zeros(n)
    for i in range(n):
        s[i, i] += _mpf(chain.total_absorption, i)
        for j in np.flatnonzero(chain.rates.mantissa[i, :i]).tolist():
            c = mp.sqrt(_mpf(chain.rates, (i, j)) * _mpf(chain.rates, (j, i)))
            s[i, j] = s[j, i] = -c
            s[i, i] += c * root[j] / root[i]
            s[j, j] += c * root[i] / root[j]
    values, u = mp.eigsy(s)
    right, left = u.copy(), u.T
    for i in range(n):
        for k in range(n):
            right[i, k] /= root[i]
            left[k, i] *= root[i]
    loss = 4 * n * mp.eps * mp.mnorm(s, "f")
    return list(values), right, left, [loss] * n


def _general(chain: SmallChain) -> tuple[list[Any], Any, Any, list[Any]]:
    """Modes of a chain without detailed balance, and bounds of the errors of its eigenvalues."""
    import mpmath as mp

    n = chain.states
    a = -in_many_digits(chain)
    values, right = mp.eig(a)
    try:
        left = right**-1
    except ZeroDivisionError:
        return values, right, right, [mp.inf] * n
    loss = 4 * n * mp.eps * mp.mnorm(a, "f")
    condition = [mp.norm(right[:, k]) * mp.norm(left[k, :]) for k in range(n)]
    return values, right, left, [loss * c for c in condition]


def in_many_digits(chain: SmallChain) -> Any:
    """Make the generator of a chain a matrix of mpmath, its diagonal summed in many digits."""
    import mpmath as mp

    n = chain.states
    q = mp.zeros(n)
    for i in range(n):
        q[i, i] = -_mpf(chain.total_absorption, i)
        for j in np.flatnonzero(chain.rates.mantissa[i]).tolist():
            q[i, j] = _mpf(chain.rates, (i, j))
            q[i, i] -= q[i, j]
    return q


def column(values: Scaled) -> Any:
    """Make an array a column of mpmath."""
    import mpmath as mp

    return mp.matrix([_mpf(values, i) for i in range(len(values))])


def _never_absorbed(chain: SmallChain) -> list[int]:
    """One state of each group that is never left: the one of largest weight in it."""
    into = chain.rates.mantissa > 0
    count, label = connected_components(into, connection="strong")
    states = []
    for k in range(count):
        inside = np.flatnonzero(label == k)
        leaves = into[np.ix_(inside, label != k)].any()
        if not leaves and not chain.total_absorption.mantissa[inside].any():
            weights = SmallChain(chain.rates[np.ix_(inside, inside)]).stationary()
            states.append(int(inside[np.argmax(weights.log())]))
    return states


def spread_bits(chain: SmallChain) -> int:
    """Bits between the fastest rate of a chain and the slowest of its modes."""
    return _spread(chain, _never_absorbed(chain))


def _spread(chain: SmallChain, still: list[int]) -> int:
    """Bits between the fastest rate and the slowest, the inverse of the longest mean time."""
    d = chain.total_absorption
    fastest = (chain.rates.sum(axis=1) + d).log().max()
    if fastest == -np.inf:
        return 0
    stop = Scaled.from_log(np.where(np.isin(np.arange(chain.states), still), fastest, -np.inf))
    times = SmallChain(chain.rates, d + stop).solve(np.ones(chain.states))
    return max(0, int((fastest + times.log().max()) / np.log(2.0)))


def _equilibrium(chain: SmallChain, within: float) -> Scaled | None:
    """Weights in detailed balance on every link, or None where there are none."""
    a, n = chain.rates, chain.states
    link = a.mantissa > 0
    if (link != link.T).any():
        return None
    weights = [Scaled.of(1.0)] * n
    for root in np.unique(connected_components(link)[1], return_index=True)[1].tolist():
        order, parent = breadth_first_order(link, root, directed=False)
        for k in order[1:].tolist():
            before = int(parent[k])
            weights[k] = weights[before] * a[before, k] / a[k, before]
    mantissa = np.array([float(w.mantissa) for w in weights])
    p = Scaled(mantissa, np.array([int(w.exponent) for w in weights], dtype=np.int64))
    i, j = np.nonzero(np.triu(link))
    log = (p[i] * a[i, j] / (p[j] * a[j, i])).log()
    return p if np.abs(log).max(initial=0.0) <= within else None


def _bits(log: Array) -> int:
    return int((log.max() - log.min()) / np.log(2.0))


def _mpf(number: Scaled, key: Any) -> mpmath.mpf:
    import mpmath as mp

    return mp.ldexp(mp.mpf(float(number.mantissa[key])), int(number.exponent[key]))


def _pair(x: Any) -> tuple[float, int]:
    """Mantissa and exponent of a number of mpmath."""
    import mpmath as mp

    if not x > 0:
        return 0.0, 0
    m, e = mp.frexp(x)
    m, shift = np.frexp(float(m))  # rounded up to 1 it is normal no more
    return float(m), int(e) + int(shift)


def _rows(vectors: list[Any]) -> NDArray[Any]:
    """Vectors as rows of floats, the entry of largest modulus made 1."""
    rows = []
    for v in vectors:
        top = max(v, key=abs)
        rows.append([complex(x / top) for x in v])
    out = np.array(rows)
    out.imag[abs(out.imag) <= REAL] = 0.0
    return out if out.imag.any() else out.real
