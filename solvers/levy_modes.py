"""Slowest modes of a generator with long jumps, of both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eig
from scipy.sparse.linalg import ArpackError, LinearOperator, eigs

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.levy_generator import LevyGenerator
from fokkerplanck.solvers.levy_solve import LevySystem

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


def levy_modes(
    generator: LevyGenerator, coarse: LevyGenerator, count: int, rate: float
) -> LevyModes:
    r"""Find the `count` slowest modes.

    Parameters
    ----------
    generator, coarse : LevyGenerator
        As in `LevySystem`.
    count : int
    rate : float
        About the size of the slowest rates: the shift of the inverse, and where mass is conserved
        the rate at which walkers are put anywhere, which moves the stationary mode to there.

    Raises
    ------
    NumericalError
        When the iteration does not converge.
    """
    still = 0 if "killed" in generator.outside else 1
    wanted = min(count + still + SPARE, generator.nodes - 2)
    if generator.nodes <= WHOLE:
        values, right, left = _dense(generator, wanted)
        method = "dense"
    else:
        values, right, left = _arnoldi(generator, coarse, wanted, rate)
        method = "arnoldi"
    if still:
        # the stationary mode: the one whose left vector has mass
        share = np.abs(left.sum(axis=1)) / np.abs(left).sum(axis=1)
        rest = np.delete(np.arange(len(values)), int(np.argmax(share)))
        values, right, left = values[rest], right[rest], left[rest]
    order = np.lexsort((values.imag, values.real))[:count]
    values, right, left = values[order], right[order], left[order]
    return LevyModes(values, right, left, _doubts(generator, values, right, left), method)


def _doubts(g: LevyGenerator, values: Complex, right: Complex, left: Complex) -> Array:
    """Estimate errors: rounding of products, and residuals, over the overlap of both vectors."""
    errors = []
    jumps, local = abs(float(g.jumps.first[0])), np.abs(g.local.diagonal())
    for value, u, p in zip(values, right, left, strict=True):
        overlap = abs(np.sum(p * u))
        residual = g.apply(u.real) + 1j * g.apply(u.imag) + value * u
        # the residual seen by the left vector is what moves the value to first order
        moved = abs(np.sum(p * residual))
        size = np.linalg.norm(p) * np.linalg.norm(u)
        rounding = EPS * (jumps * size + float(np.sum(local * np.abs(p) * np.abs(u))))
        scale = overlap * abs(value)
        errors.append((moved + rounding) / scale if scale > 0.0 else np.inf)
    return np.array(errors)


def _dense(generator: LevyGenerator, wanted: int) -> tuple[Complex, Complex, Complex]:
    both: Any = eig(-generator.dense(), left=True, right=True)
    values, left, right = both
    order = np.argsort(values.real)[:wanted]
    return values[order], right.T[order], left.conj().T[order]


def _arnoldi(
    generator: LevyGenerator, coarse: LevyGenerator, wanted: int, rate: float
) -> tuple[Complex, Complex, Complex]:
    values, right = _iterate(LevySystem(generator, coarse, False, shift=rate), wanted, rate)
    others, left = _iterate(LevySystem(generator, coarse, True, shift=rate), wanted, rate)
    pairs = [int(np.argmin(np.abs(others - value))) for value in values]
    return values, right, left[pairs]


def _iterate(system: LevySystem, wanted: int, rate: float) -> tuple[Complex, Complex]:
    n = system.generator.nodes
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
