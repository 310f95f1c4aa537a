"""The tame part of a chain, solved by a factorisation or, on large planes, by multigrid."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.plane_solver import PlaneSolver, suits

__all__ = ["METHODS", "RestSolver", "rates_between"]

Array = NDArray[np.float64]
Cells = NDArray[np.int64]

METHODS = ("auto", "lu", "multigrid")
#: Cells from which on multigrid is faster than a factorisation (measured), and up to which the
#: factors fit into memory: they take about 2 kB per cell at 1024 x 1024, growing with ln N.
LARGE, LARGEST = 200_000, 4_500_000
#: Cells up to which transposed systems, whose errors are proven less often, go to factors.
TRANSPOSED = 1_100_000


class RestSolver:
    r"""Solve ``(1 + k - W) u = b``, W the jump probabilities between cells without anchors.

    Parameters
    ----------
    generator : Generator
    rest : ndarray of int
        The cells.
    killing : float
        k.
    method : str
        ``"lu"`` is an elimination without pivoting, in which nothing but the diagonal cancels;
        ``"multigrid"`` takes memory and time that grow with the cells, proves the error of each
        answer and gives way to the other where it cannot; ``"auto"`` chooses by their number.

    Raises
    ------
    NumericalError
        From `solve`, where multigrid proves no small error and factors would not fit.
    """

    def __init__(self, generator: Generator, rest: Cells, killing: float, method: str) -> None:
        self.generator, self.rest, self.killing = generator, rest, killing
        self._lu: SuperLU | None = None
        self._plane: PlaneSolver | None = None
        self._auto, self._error = method == "auto", 0.0
        many = method == "multigrid" or (method == "auto" and rest.size >= LARGE)
        if many and suits(generator):
            kept = np.zeros(generator.cells, dtype=np.bool_)
            kept[rest] = True
            self._plane = PlaneSolver(generator, kept, killing)
        else:
            self._factorise()

    @property
    def method(self) -> str:
        """What solves: ``"lu"`` or ``"multigrid"``."""
        return "lu" if self._plane is None else "multigrid"

    @property
    def error(self) -> float:
        """Largest relative error, as proven, of iterated answers so far; 0 of factors."""
        return self._error if self._plane is None else self._plane.error

    def solve(self, b: Array, trans: str = "N") -> Array:
        """Solve for b of shape (rest,) or (rest, n), transposed if `trans` is "T"."""
        if trans == "T" and self._auto and self.rest.size <= TRANSPOSED:
            self._give_way()
        if self._plane is not None:
            try:
                return self._plane.solve(b, trans)
            except NumericalError:
                self._give_way()
        assert self._lu is not None
        return np.asarray(self._lu.solve(b, trans=trans))  # type: ignore[call-overload]

    def jumps(self) -> Array:
        """Mean number of jumps until the chain leaves the rest, right to a tenth.

        Raises
        ------
        RuntimeError
            If there are cells that it never leaves.
        """
        one = np.ones(self.rest.size)
        if self._plane is not None:
            try:
                return self._plane.jumps()
            except NumericalError:
                self._give_way()
        return self.solve(one)

    def _give_way(self) -> None:
        """Go on with factors, if multigrid solved so far."""
        if self._plane is not None:
            self._factorise()
            self._error, self._plane = self._plane.error, None

    def _factorise(self) -> None:
        n = self.rest.size
        if n > LARGEST:
            msg = (
                f"{n} cells are too many for a factorisation, and the multigrid solver, which is "
                "for reflecting or absorbing walls and jumps between neighbours, cannot vouch for "
                "its answer: use fewer cells"
            )
            raise NumericalError(msg)
        number = np.full(self.generator.cells, -1, dtype=np.int64)
        number[self.rest] = np.arange(n)
        w = rates_between(self.generator, number, n)
        w = sp.diags_array(-1.0 / self.generator.exit_rate[self.rest]) @ w
        self._lu = _lu(sp.csc_array(w + (1.0 + self.killing) * sp.eye_array(n)))


def rates_between(g: Generator, number: Cells, n: int, first: int = 0) -> sp.csr_array:
    """Jump rates between cells by their new numbers, -1 for none; at least one from `first` on."""
    tail, head = number[g.tail], number[g.head]
    if first:
        near = (tail >= first) | (head >= first)
        tail, head, forward, backward = tail[near], head[near], g.forward[near], g.backward[near]
    else:
        forward, backward = g.forward, g.backward
    i, j = np.concatenate([tail, head]), np.concatenate([head, tail])
    rates = np.concatenate([forward, backward])
    kept = (rates > 0) & (i >= 0) & (j >= 0)
    return sp.coo_array((rates[kept], (i[kept], j[kept])), shape=(n, n)).tocsr()


def _lu(matrix: sp.csc_array) -> SuperLU:
    return splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        panel_size=4,  # a quarter faster than with SuperLU's own choice
        relax=12,
        options={"SymmetricMode": True},
    )
