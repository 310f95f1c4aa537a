"""Stochastic complementation: split a metastable chain into a tame rest and a tiny anchor chain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator

__all__ = ["Censored", "censor", "gth_stationary", "solve_transposed"]

Array = NDArray[np.float64]

#: Mean number of jumps before an anchor is met above which a well gets an anchor of its own:
#: an elimination without subtraction loses at most about this factor times the rounding unit.
MAX_JUMPS = 1e8
MAX_ANCHORS = 64
#: Probability to be killed at a jump while anchors are searched: keeps every number finite.
KILLING = 1e-9


@dataclass(frozen=True, eq=False)
class Censored:
    """A generator with one anchor cell in every metastable well.

    Parameters
    ----------
    anchors, rest : ndarray of int
        Cell numbers of both kinds.
    solver : SuperLU
        Factors of ``I - W``, W the jump probabilities within the rest.
    exit_rate : ndarray, shape (rest,)
        Total rates out of the rest's cells.
    jumps : float
        Largest mean number of jumps before an anchor is met: the condition of the solves.
    """

    anchors: NDArray[np.int64]
    rest: NDArray[np.int64]
    solver: SuperLU
    exit_rate: Array
    jumps: float


def censor(generator: Generator) -> Censored:
    """Find anchors for a generator whose cells all communicate.

    The mean number of jumps to the anchors is solved for; where it exceeds `MAX_JUMPS` an anchor
    is added at the cell most occupied, until there is no such place left.

    Raises
    ------
    NumericalError
        If there are cells that no anchor can be reached from, or too many metastable wells.

    References
    ----------
    Meyer, SIAM Rev. 31, 240 (1989).
    """
    q, out = generator.matrix, generator.exit_rate
    if not (out > 0).all():
        cell = tuple(int(k) for k in np.unravel_index(int(np.argmin(out)), generator.shape))
        place = cell[0] if len(cell) == 1 else cell
        msg = (
            "there is no unique stationary density on this grid: "
            f"cell {place} can never be left, every jump rate out of it is 0"
        )
        raise NumericalError(msg)
    anchors: list[int] = []
    while True:
        rest = np.setdiff1d(np.arange(generator.cells), anchors)
        lu = _factorise(q, out, rest, KILLING)
        jumps = lu.solve(np.ones(rest.size))
        if jumps.max() <= MAX_JUMPS:
            break
        if len(anchors) == MAX_ANCHORS:
            msg = f"more than {MAX_ANCHORS} metastable wells: refine the grid or raise the noise"
            raise NumericalError(msg)
        occupation = solve_transposed(lu, np.ones(rest.size)) / out[rest]
        anchors.append(int(rest[np.argmax(np.where(jumps > jumps.max() / 2, occupation, 0.0))]))
    lu = _factorise(q, out, rest, 0.0)
    jumps = lu.solve(np.ones(rest.size))
    if not np.isfinite(jumps).all() or jumps.min() < 1 - 1e-6:
        msg = "the cells of the grid do not all communicate: no unique stationary density"
        raise NumericalError(msg)
    return Censored(np.array(anchors), rest, lu, out[rest], float(jumps.max()))


def gth_stationary(rates: Array) -> Array:
    """Stationary probabilities of a small chain by elimination without subtraction.

    Parameters
    ----------
    rates : ndarray, shape (n, n)
        Jump rates >= 0; the diagonal is ignored.

    Returns
    -------
    ndarray, shape (n,)
        Right to relative accuracy in every entry.

    References
    ----------
    Grassmann, Taksar and Heyman, Oper. Res. 33, 1107 (1985).
    """
    a = np.array(rates, dtype=np.float64)
    n = a.shape[0]
    np.fill_diagonal(a, 0.0)
    for k in range(n - 1, 0, -1):
        total = a[k, :k].sum()
        if not total > 0:
            msg = "the wells do not all communicate: no unique stationary density"
            raise NumericalError(msg)
        a[:k, k] /= total
        a[:k, :k] += np.outer(a[:k, k], a[k, :k])
        np.fill_diagonal(a[:k, :k], 0.0)
    p = np.ones(n)
    for k in range(1, n):
        p[k] = p[:k] @ a[:k, k]
    return np.asarray(p / p.sum())


def solve_transposed(lu: SuperLU, rhs: Array) -> Array:
    """Solve ``A.T x = rhs`` with the factors of A."""
    return np.asarray(lu.solve(rhs, trans="T"))  # type: ignore[call-overload]


def _factorise(q: sp.csr_array, out: Array, rest: NDArray[np.int64], killing: float) -> SuperLU:
    """LU of (1 + killing) I - W without pivoting: a row-scaled M-matrix, nothing cancels."""
    block = q[rest][:, rest]
    matrix = sp.diags_array(-1 / out[rest]) @ block + killing * sp.eye_array(rest.size)
    return splu(
        sp.csc_matrix(matrix),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
