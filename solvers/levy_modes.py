"""Slowest modes of a generator with long jumps, of both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eig
from scipy.optimize import linear_sum_assignment
from scipy.sparse.linalg import ArpackError, LinearOperator, eigs

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.levy_chain import LevyChain

__all__ = ["LevyModes", "levy_modes"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
EPS = float(np.finfo(np.float64).eps)
#: Up to so many nodes the whole matrix is diagonalised.
WHOLE = 256
#: Modes sought beyond those asked for, so that pairs are whole and none is skipped.
SPARE = 4
#: Relative accuracy asked of the iteration.
CONVERGED = 1e-10
#: Eigenvalues that differ by less, relatively, are one.
SAME = 1e-7


@dataclass(frozen=True, eq=False)
class LevyModes:
    """Eigenvalues of -Q by ascending real part, the stationary one left out where there is one.

    Parameters
    ----------
    values : ndarray of complex, shape (count,)
    right, left : ndarray of complex, shape (count, n)
        Observables and masses.
    errors : ndarray, shape (count,)
        Relative, from rounding and the iteration.
    method : str
        ``"dense"`` or ``"arnoldi"``.
    """

    values: Complex
    right: Complex
    left: Complex
    errors: Array
    method: str


def levy_modes(chain: LevyChain, count: int, rate: float) -> LevyModes:
    r"""Find the `count` slowest modes.

    Parameters
    ----------
    chain : LevyChain
    count : int
    rate : float
        About the size of the slowest rates: the shift of the inverse, and where mass is conserved
        the rate at which walkers are put anywhere, which moves the stationary mode to there.

    Raises
    ------
    NumericalError
        When the iteration does not converge.
    """
    still = 0 if chain.kills else 1
    wanted = min(count + still + SPARE, chain.nodes - 2)
    if chain.nodes <= WHOLE:
        values, right, left = _dense(chain, wanted)
        method = "dense"
    else:
        values, right, left = _arnoldi(chain, wanted, rate)
        method = "arnoldi"
    if still:
        # the stationary mode: the one whose left vector has mass
        share = np.abs(left.sum(axis=1)) / np.abs(left).sum(axis=1)
        rest = np.delete(np.arange(len(values)), int(np.argmax(share)))
        values, right, left = values[rest], right[rest], left[rest]
    order = np.lexsort((values.imag, values.real))[:count]
    values, right, left = values[order], right[order], _paired(values, right, left)[order]
    return LevyModes(values, right, left, _doubts(chain, values, right, left), method)


def _paired(values: Complex, right: Complex, left: Complex) -> Complex:
    """Left vectors that belong to the right ones also where eigenvalues are the same."""
    out = left.copy()
    close = np.abs(values[:, None] - values) < SAME * np.abs(values)
    for k, row in enumerate(close):
        group = np.flatnonzero(row)
        if len(group) > 1:
            overlap = left[group] @ right[group].T
            turned = np.linalg.lstsq(overlap, left[group], rcond=None)[0]
            out[k] = turned[np.flatnonzero(group == k)[0]]
    return out


def _doubts(chain: LevyChain, values: Complex, right: Complex, left: Complex) -> Array:
    """Estimate errors: rounding of products, and residuals, over the overlap of both vectors."""
    errors = []
    jumps, local = chain.jump_rate, chain.local_rates
    for value, u, p in zip(values, right, left, strict=True):
        overlap = abs(np.sum(p * u))
        residual = chain.apply(u.real) + 1j * chain.apply(u.imag) + value * u
        # the residual seen by the left vector is what moves the value to first order
        moved = abs(np.sum(p * residual))
        size = np.linalg.norm(p) * np.linalg.norm(u)
        rounding = EPS * (jumps * size + float(np.sum(local * np.abs(p) * np.abs(u))))
        scale = overlap * abs(value)
        errors.append((moved + rounding) / scale if scale > 0.0 else np.inf)
    return np.array(errors)


def _dense(chain: LevyChain, wanted: int) -> tuple[Complex, Complex, Complex]:
    both: Any = eig(-chain.dense(), left=True, right=True)
    values, left, right = both
    order = np.argsort(values.real)[:wanted]
    return values[order], right.T[order], left.conj().T[order]


def _arnoldi(chain: LevyChain, wanted: int, rate: float) -> tuple[Complex, Complex, Complex]:
    values, right = _iterate(chain, wanted, rate, transposed=False)
    others, left = _iterate(chain, wanted, rate, transposed=True)
    _, pairs = linear_sum_assignment(np.abs(values[:, None] - others))
    return values, right, left[pairs]


def _iterate(
    chain: LevyChain, wanted: int, rate: float, *, transposed: bool
) -> tuple[Complex, Complex]:
    n, system = chain.nodes, chain.system(rate, transposed=transposed)
    inverse = LinearOperator((n, n), matvec=lambda b: system.solve(b.ravel())[0], dtype=np.float64)
    begin = 1.0 + np.cos(np.arange(n) * np.sqrt(2.0))  # the same in every run
    try:
        values, vectors = eigs(
            inverse, k=wanted, which="LM", v0=begin, ncv=2 * wanted + 20, tol=CONVERGED
        )
    except ArpackError as error:
        msg = f"the slowest modes under long jumps did not converge: {error}"
        raise NumericalError(msg) from error
    return 1.0 / values - rate, np.asarray(vectors.T)
