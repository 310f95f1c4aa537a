"""Modes of a chain whose rates are not far below those of its jumps: shift-and-invert Arnoldi."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import eig
from scipy.sparse.linalg import ArpackError, LinearOperator, SuperLU, eigs, splu

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.threads import one_blas_thread

__all__ = ["ArnoldiModes", "arnoldi_modes"]

Array = NDArray[np.float64]
#: Vectors beyond those asked for: the last ones converge last.
SPARE = 3
#: Without detailed balance modes are looked for up to so many times the last rate that is wanted,
#: since those that turn are far from 0; and at most so many.
WIDE, MOST = 4.0, 160
#: Chains of up to this many cells are solved as full matrices.
DENSE = 40
EPS, TINY = np.finfo(float).eps, np.finfo(float).tiny


@dataclass(frozen=True, eq=False)
class ArnoldiModes:
    """Eigenvalues of -Q by ascending real part, with their vectors.

    Parameters
    ----------
    values : ndarray of complex, shape (n,)
    right, left : ndarray of complex, shape (n, cells)
        Largest modulus 1; 0 in cells that are not live.
    errors : ndarray, shape (n,)
        Relative errors to be expected of the values.
    """

    values: NDArray[np.complex128]
    right: NDArray[np.complex128]
    left: NDArray[np.complex128]
    errors: Array


@one_blas_thread
def arnoldi_modes(
    generator: Generator,
    live: NDArray[np.bool_],
    count: int,
    shift: float,
    *,
    turning: bool = False,
) -> ArnoldiModes:
    r"""Find the eigenvalues of -Q that are nearest to 0, and among them those of least real part.

    Both sides of :math:`(\sigma - Q)^{-1}` are iterated; the pencil of both subspaces gives
    values whose error is the product of those of the vectors. Their absolute error is that of the
    rounding unit times the largest rate: much slower modes need `AnchorModes`.

    Parameters
    ----------
    generator : Generator
    live : ndarray of bool, shape (cells,)
    count : int
        How many, of the smallest.
    shift : float
        sigma > 0, about the size of the eigenvalues wanted.
    turning : bool
        Whether eigenvalues may be complex. Then those of modulus up to four times the last real
        part are searched; one with a larger imaginary part is missed.

    Raises
    ------
    NumericalError
        If the iteration does not converge.
    """
    cells = np.flatnonzero(live)
    q = generator.matrix[cells][:, cells]
    count = min(count, cells.size)
    wanted = min(count + SPARE, cells.size)
    if cells.size <= max(DENSE, wanted + 2):
        seen, right, left = _dense(q.toarray(), wanted)
    else:
        lu = _factorise(q, shift)
        most = min(MOST, cells.size // 2)
        while True:
            seen, right = _iterate(lu, cells.size, wanted, "N")
            seen = 1.0 / seen - shift
            needed = WIDE * float(np.sort(seen.real)[count - 1])
            if not turning or wanted >= most or float(np.abs(seen).max()) >= needed:
                break
            wanted = min(2 * wanted, most)
        _, left = _iterate(lu, cells.size, wanted, "T")
    values, right, left = _paired(q, right, left)
    order = np.argsort(values.real)[:count]
    values, right, left = values[order], right[:, order], left[:, order]
    # backward errors of Q are relative to its entries: what they move each value by
    out = generator.exit_rate[cells]
    moved = np.einsum("ik,i,ik->k", np.abs(left), out, np.abs(right))
    rounding = EPS * moved / np.abs(np.einsum("ik,ik->k", left, right))
    doubt = np.abs(values[:, None] - seen[None, :]).min(axis=1)
    errors = (rounding + doubt) / np.maximum(np.abs(values), TINY)
    return ArnoldiModes(values, _spread(right, cells, live), _spread(left, cells, live), errors)


def _factorise(q: sp.csr_array, shift: float) -> SuperLU:
    return splu(
        sp.csc_matrix(shift * sp.eye_array(q.shape[0]) - q),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


def _iterate(
    lu: SuperLU, n: int, count: int, side: str
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    def apply(b: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(lu.solve(np.ascontiguousarray(b).ravel(), trans=side))  # type: ignore[call-overload]

    begin = 1.0 + np.cos(np.arange(n) * np.sqrt(2.0))  # the same in every run
    try:
        values, vectors = eigs(
            LinearOperator((n, n), matvec=apply, dtype=np.float64),
            k=min(count, n - 2),
            which="LM",
            v0=begin,
            ncv=min(max(3 * count + 5, 30), n - 1),
        )
    except ArpackError as error:
        msg = f"the slowest modes did not converge: {error}"
        raise NumericalError(msg) from error
    return np.asarray(values), np.asarray(vectors)


def _dense(q: Array, count: int) -> tuple[NDArray[np.complex128], ...]:
    values, right = np.linalg.eig(-q)
    left = np.linalg.inv(right).T
    order = np.argsort(values.real)[:count]
    return values[order], right[:, order], left[:, order]


def _paired(
    q: sp.csr_array, right: NDArray[np.complex128], left: NDArray[np.complex128]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128], NDArray[np.complex128]]:
    """Eigenpairs of -Q in the two subspaces."""
    moved = np.asarray(q @ right)
    values, x = eig(-(left.T @ moved), left.T @ right)
    z = np.linalg.inv(left.T @ right @ x)
    return values, right @ x, left @ z.T


def _spread(
    vectors: NDArray[np.complex128], cells: NDArray[np.int64], live: NDArray[np.bool_]
) -> NDArray[np.complex128]:
    out = np.zeros((vectors.shape[1], live.size), dtype=np.complex128)
    for k, v in enumerate(vectors.T):
        out[k, cells] = v / v[np.argmax(np.abs(v))]
    return out
