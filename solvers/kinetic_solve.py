r"""Linear systems with the Klein-Kramers operator: ``(theta - t L) y = b`` by sparse elimination.

Odd modes meet only even ones, so that they are eliminated by division; what is left on the cells
is symmetric (complex symmetric for complex shifts):

.. math:: S = \theta + t g n + t^2 K^T (\theta + t g n)^{-1} K .

Its factors take about ``100 * modes * cells`` numbers at 256 cells and 64 modes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.kinetic import Kinetic
from fokkerplanck.solvers.threads import one_blas_thread

__all__ = ["Shifted"]

Numbers = NDArray[Any]
#: Refinement ends when the correction is this part of the solution.
SETTLED, REFINEMENTS = 1e-14, 5
#: Corrections that are larger than this at the end are a failure.
LARGEST_DOUBT = 1e-6


class Shifted:
    """Factorised ``theta - t L``.

    Parameters
    ----------
    operator : Kinetic
    shift : complex or float
        theta.
    time : float
        t.
    """

    def __init__(self, operator: Kinetic, shift: complex, time: float = 1.0) -> None:
        self.operator, self.time = operator, time
        even, odd = operator.damping
        self._even, self._odd = shift + time * even, shift + time * odd
        self._transport = operator.transport
        self._back = sp.csr_array(operator.transport.T)
        middle = sp.diags_array(time * time / self._odd)
        schur = sp.diags_array(self._even) + self._back @ (middle @ self._transport)
        self._lu = _factorise(sp.csc_array(schur))

    @property
    def size(self) -> int:
        """Numbers in the factors."""
        return int(self._lu.nnz)

    @one_blas_thread
    def solve(self, even: Numbers, odd: Numbers) -> tuple[Numbers, Numbers, float]:
        """Solve for right sides ordered by place first; also returns the last relative correction.

        Residuals are taken in flux form, so that mass and the exchange between wells are right
        even where the factors alone have lost them.
        """
        e, o = self._once(even, odd)
        doubt = np.inf
        for _ in range(REFINEMENTS):
            r_e, r_o = self._residual(e, o, even, odd)
            d_e, d_o = self._once(r_e, r_o)
            e, o = e + d_e, o + d_o
            change = np.sqrt(_square(d_e) + _square(d_o)) / max(
                np.sqrt(_square(e) + _square(o)), np.finfo(float).tiny
            )
            if change > 0.5 * doubt or change < SETTLED:
                doubt = min(doubt, change)
                break
            doubt = change
        if not doubt < LARGEST_DOUBT:
            msg = f"a kinetic system could not be solved: refinement stops at {doubt:.1e}"
            raise NumericalError(msg)
        return e, o, float(doubt)

    def _once(self, even: Numbers, odd: Numbers) -> tuple[Numbers, Numbers]:
        # (theta + t g n) e + t K^T o = b_e and (theta + t g n) o - t K e = b_o
        right = even - self.time * (self._back @ (odd / self._odd))
        e = np.asarray(self._lu.solve(np.asarray(right)))
        return e, (odd + self.time * (self._transport @ e)) / self._odd

    def _residual(
        self, e: Numbers, o: Numbers, even: Numbers, odd: Numbers
    ) -> tuple[Numbers, Numbers]:
        r_e = even - self._even * e - self.time * (self._back @ o)
        return r_e, odd - self._odd * o + self.time * (self._transport @ e)


def _square(v: Numbers) -> float:
    return float((v.real**2).sum() + (v.imag**2).sum())


@one_blas_thread
def _factorise(matrix: sp.csc_array) -> SuperLU:
    try:
        return splu(
            matrix,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError as error:
        msg = f"the factorisation of a kinetic system broke down: {error}"
        raise NumericalError(msg) from error
