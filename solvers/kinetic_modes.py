r"""Slowest modes of the Klein-Kramers operator, those that oscillate included.

Reversing velocities (J = 1 on even and -1 on odd modes) turns the symmetrised operator into its
transpose, so that a left eigenvector is J times the right one, and the quotient
:math:`x^T J (-L) x / x^T J x` has an error that is the square of that of the vector. Vectors come
from shift-and-invert Arnoldi iterations, with equilibrium projected out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackError, LinearOperator, eigs

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.kinetic import Kinetic
from fokkerplanck.solvers.kinetic_solve import Shifted

__all__ = ["KineticModes", "kinetic_modes", "slowest", "zero_eigenvalue"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
#: Values of two searches closer than this, relatively, are one.
SAME = 1e-7
#: Vectors beyond those asked for.
SPARE = 4
#: Inverse iterations for one mode, and the relative change after which they end.
MOST_ITERATIONS, STILL = 200, 1e-12


@dataclass(frozen=True, eq=False)
class KineticModes:
    """Eigenvalues of -L by ascending real part.

    Parameters
    ----------
    values : ndarray of complex, shape (n,)
    even : ndarray of complex, shape (n, half, cells)
    odd : ndarray of complex, shape (n, half, faces)
        Symmetrised right vectors; left ones have the sign of `odd` changed.
    errors : ndarray, shape (n,)
        Relative rounding errors to be expected, from residuals.
    """

    values: Complex
    even: Complex
    odd: Complex
    errors: Array


def zero_eigenvalue(operator: Kinetic) -> float:
    """Size of the eigenvalue that should be 0: that of what transport makes of equilibrium."""
    eq = np.zeros((operator.count, operator.half))
    eq[:, 0] = operator.equilibrium
    moved = operator.transport @ eq.ravel()
    return float(moved @ moved) / (operator.rate * float(eq.ravel() @ eq.ravel()))


def kinetic_modes(operator: Kinetic, count: int, shifts: Sequence[complex]) -> KineticModes:
    """Find the modes nearest to each of the shifts and, among them all, the slowest.

    Parameters
    ----------
    operator : Kinetic
    count : int
        How many, apart from equilibrium.
    shifts : sequence of complex
        Points around which eigenvalues of L are searched, ``count`` each; a mode that is far from
        all of them is missed.

    Raises
    ------
    NumericalError
        If the iteration does not converge.
    """
    found: list[tuple[complex, Complex, float]] = []
    for shift in shifts:
        for value, vector, error in _near(operator, count, shift):
            pair = [(value, vector)]
            if abs(value.imag) > SAME * abs(value):
                pair.append((value.conjugate(), vector.conj()))
            for v, x in pair:
                if all(abs(v - w) > SAME * abs(v) for w, *_ in found):
                    found.append((v, x, error))
    found.sort(key=lambda f: (round(f[0].real / abs(f[0]), 9) * abs(f[0]), f[0].imag))
    found = found[:count]
    cut = operator.count * operator.half
    vectors = np.array([f[1] for f in found])
    return KineticModes(
        np.array([f[0] for f in found]),
        vectors[:, :cut].reshape(len(found), operator.count, operator.half).swapaxes(1, 2),
        vectors[:, cut:].reshape(len(found), -1, operator.half).swapaxes(1, 2),
        np.array([f[2] for f in found]),
    )


def slowest(operator: Kinetic, begin: Array, shift: float) -> float:
    """Eigenvalue of -L of the slowest mode that does not oscillate, by inverse iteration.

    Parameters
    ----------
    operator : Kinetic
    begin : ndarray, shape (cells,)
        Observable that is like the mode: a step from one well to the other.
    shift : float
        Positive, and small against the rates of the wells.

    Raises
    ------
    NumericalError
        If the iteration does not settle on a real mode.
    """
    system = Shifted(operator, shift)
    cut = operator.count * operator.half
    eq = operator.equilibrium / np.linalg.norm(operator.equilibrium)
    x = np.zeros(cut + operator.odd_shape[0] * operator.odd_shape[1])
    x[: cut : operator.half] = begin * eq
    value = np.inf
    for _ in range(MOST_ITERATIONS):
        x[: cut : operator.half] -= eq * (eq @ x[: cut : operator.half])
        e, o, _ = system.solve(x[:cut], x[cut:])
        before = value
        found, y, _ = _refined(operator, np.concatenate([e, o]), cut)
        value, x = found.real, np.real(y)
        if abs(value - before) <= STILL * abs(value):
            return value
    msg = f"the slowest mode did not settle: {value:.6g} after {MOST_ITERATIONS} iterations"
    raise NumericalError(msg)


def _near(operator: Kinetic, count: int, shift: complex) -> list[tuple[complex, Complex, float]]:
    real = complex(shift).imag == 0.0
    system = Shifted(operator, complex(shift).real if real else complex(shift))
    cut = operator.count * operator.half
    eq = np.zeros((operator.count, operator.half))
    eq[:, 0] = operator.equilibrium
    eq = eq.ravel() / np.linalg.norm(eq)
    dtype = np.float64 if real else np.complex128

    def apply(b: NDArray[Any]) -> NDArray[Any]:
        b = np.asarray(b, dtype=dtype).ravel()
        e, o, _ = system.solve(b[:cut] - eq * (eq @ b[:cut]), b[cut:])
        return np.concatenate([e - eq * (eq @ e), o])

    size = cut + operator.odd_shape[0] * operator.odd_shape[1]
    begin = np.cos(np.arange(size) * np.sqrt(2.0)) * np.exp(-np.arange(size) % operator.half)
    wanted = min(count + SPARE, size - 2)
    try:
        _, vectors = eigs(
            LinearOperator((size, size), matvec=apply, dtype=dtype),
            k=wanted,
            which="LM",
            v0=begin.astype(dtype),
            ncv=min(max(2 * wanted + 10, 24), size - 1),
            tol=1e-11,
        )
    except ArpackError as error:
        msg = f"the slowest modes did not converge: {error}"
        raise NumericalError(msg) from error
    return [_refined(operator, np.asarray(x), cut) for x in vectors.T]


def _refined(operator: Kinetic, x: Complex, cut: int) -> tuple[complex, Complex, float]:
    """Value of a vector by the quotient of both sides, and its relative error."""
    x = x / np.linalg.norm(x)
    e, o = x[:cut], x[cut:]
    k = operator.transport
    d_e, d_o = operator.damping
    moved, back = np.asarray(k @ e), np.asarray(k.T @ o)
    norm = (e @ e) - (o @ o)
    value = complex((e * d_e) @ e + 2.0 * (o @ moved) - (o * d_o) @ o) / complex(norm)
    residual = np.concatenate([d_e * e + back - value * e, d_o * o - moved - value * o])
    # the error of a quotient of both sides is the square of the residual over the gap
    size = float(np.linalg.norm(residual))
    gap = max(abs(value), np.finfo(float).tiny)
    error = size**2 / (abs(norm) * gap * max(gap, operator.rate * 1e-2)) + 1e-15 / abs(norm)
    return complex(value), np.asarray(x, dtype=np.complex128), float(error)
