"""Linear systems of long jumps: elimination where small, Krylov iteration on two levels above."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import lu_solve
from scipy.linalg.lapack import dgbtrf, dgbtrs, dgetrf
from scipy.sparse.linalg import LinearOperator, gmres

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.levy_generator import LevyGenerator

__all__ = ["COARSE", "DENSE", "LevySystem"]

Array = NDArray[np.float64]
#: Up to so many nodes the matrix is eliminated.
DENSE = 1024
#: Nodes of the coarse level above.
COARSE = 1024
#: Jumps over more nodes than this, at least, are left to the coarse level.
REACH = 16
#: Vectors of a Krylov space, the reduction of the residual wanted from one, and how many are tried.
SPACE, REDUCTION, CORRECTIONS = 60, 1e-9, 8
#: Relative correction aimed at, and the last one at worst.
AIM, WORST = 1e-12, 1e-5
#: A space has to shrink a residual to this part for its correction to be trusted.
CONTRACTED = 0.3
#: Spaces that may fail to, before the equations are given up.
STALLS = 2
TINY = 1e-300


@dataclass(frozen=True, eq=False)
class LevySystem:
    r"""Solve :math:`(\sigma - Q) u = b`, or its transpose with a restart.

    Transposed, the matrix is :math:`\sigma - Q^T + \rho\, w 1^T` with w = 1/n: walkers are taken
    away at the rate :math:`\rho` and put anywhere. It is regular where Q conserves mass, and its
    solution for b = w is the stationary one times :math:`1 / \rho`.

    Parameters
    ----------
    generator : LevyGenerator
    coarse : LevyGenerator
        The same on `COARSE` nodes or fewer; not used where the matrix is eliminated.
    transposed : bool
    shift, restart : float
        sigma and rho.

    Notes
    -----
    Two levels precondition GMRES: elimination on the coarse nodes, then of a band of the matrix
    that reaches over a coarse spacing, with jumps over more than that as killing. Products with
    the matrix itself are made by FFT.
    """

    generator: LevyGenerator
    coarse: LevyGenerator
    transposed: bool = False
    shift: float = 0.0
    restart: float = 0.0

    def solve(self, right: Array) -> tuple[Array, float]:
        """Return the solution and the relative size of the last correction to it.

        Corrections solve the same equations for what is left of `right`; the last one shows what
        rounding and the iteration leave undetermined.

        Raises
        ------
        NumericalError
            When that stays above 1e-5.
        """
        u = np.zeros(self.generator.nodes)
        change, rest, stalls = np.inf, 1.0, 0
        for _ in range(CORRECTIONS):
            left = right - self.product(u)
            step, shrunk = self._solved(left)
            now = _largest(step) / max(_largest(u + step), TINY)
            if not now < 0.5 * change and rest < CONTRACTED:
                break
            u, change, rest = u + step, now, shrunk
            stalls += rest >= CONTRACTED
            if (change < AIM and rest < CONTRACTED) or stalls == STALLS:
                break
        if not (change < WORST and rest < CONTRACTED):
            msg = (
                f"the solution of {self.generator.nodes} equations with long jumps is undetermined "
                f"to {change:.1e}: times or densities that span too many orders of magnitude (few "
                "long jumps and a high barrier, or a very long grid) are beyond it"
            )
            raise NumericalError(msg)
        return u, change

    def solve_to(self, right: Array, weight: Array, wanted: float) -> tuple[Array, float, float]:
        """As `fokkerplanck.solvers.levy_chain.ShiftedSystem`: as accurate as can be."""
        u, change = self.solve(right)
        return u, 0.0, change

    def product(self, u: Array) -> Array:
        """Multiply the matrix and u."""
        if self.transposed:
            out = self.shift * u - self.generator.apply_transposed(u)
            return np.asarray(out + self.restart * u.mean())
        return np.asarray(self.shift * u - self.generator.apply(u))

    def _solved(self, right: Array) -> tuple[Array, float]:
        """Solution, and by how much the residual has become smaller."""
        size = float(np.linalg.norm(right))
        if size == 0.0:
            return np.zeros_like(right), 0.0
        if self.generator.nodes <= DENSE:
            return np.asarray(lu_solve(self._factors, right)), 0.0
        n = self.generator.nodes
        matrix = LinearOperator((n, n), matvec=lambda z: self.product(self._improve(z)))
        z, _ = gmres(matrix, right / size, rtol=REDUCTION, restart=SPACE, maxiter=1)
        step = size * self._improve(z)
        return step, float(np.linalg.norm(right - self.product(step))) / size

    def _improve(self, r: Array) -> Array:
        """Approximate solution of the system: coarse nodes first, then the band."""
        z = self._up @ lu_solve(self._coarse_factors, self._down @ r)
        return np.asarray(z + self._band_solve(r - self.product(z)))

    @cached_property
    def _factors(self) -> tuple[Array, NDArray[np.int32]]:
        return self._eliminated(self.generator)

    @cached_property
    def _coarse_factors(self) -> tuple[Array, NDArray[np.int32]]:
        return self._eliminated(self.coarse)

    def _eliminated(self, generator: LevyGenerator) -> tuple[Array, NDArray[np.int32]]:
        q = generator.dense()
        matrix = -(q.T if self.transposed else q)
        matrix[np.diag_indices_from(matrix)] += self.shift
        if self.transposed:
            matrix += self.restart / generator.nodes
        lu, pivots, info = dgetrf(matrix, overwrite_a=True)
        if info != 0:
            msg = f"elimination fails at node {info} of {generator.nodes}: noise so weak that the "
            msg += "rates differ by more than rounding holds"
            raise NumericalError(msg)
        return lu, pivots

    @cached_property
    def _up(self) -> sp.csr_array:
        """Linear interpolation from coarse to fine nodes, constant beyond the outermost."""
        n, m = self.generator.nodes, self.coarse.nodes
        h, wide = self.generator.spacing, self.coarse.spacing
        at = (np.arange(n) - 0.5 * (n - 1)) * h / wide + 0.5 * (m - 1)
        at = np.clip(at, 0.0, m - 1.0)
        left = np.minimum(at.astype(np.int64), m - 2)
        share = at - left
        rows = np.arange(n)
        values = np.concatenate((1.0 - share, share))
        place = (np.concatenate((rows, rows)), np.concatenate((left, left + 1)))
        return sp.csr_array(sp.coo_array((values, place), shape=(n, m)))

    @cached_property
    def _down(self) -> sp.csr_array:
        """Weighted means of fine nodes around coarse ones."""
        total = np.asarray(self._up.sum(axis=0)).ravel()
        return sp.csr_array(sp.diags_array(1.0 / total) @ self._up.T)

    @cached_property
    def _reach(self) -> int:
        return max(REACH, int(np.ceil(self.generator.nodes / self.coarse.nodes)))

    @cached_property
    def _band(self) -> tuple[Array, NDArray[np.int32]]:
        reach, n = self._reach, self.generator.nodes
        near = self.generator.near(reach)
        band = np.zeros((3 * reach + 1, n), order="F")
        if self.transposed:
            for k in range(-reach, reach + 1):
                # entry (i, j = i + k) of Q stands at column j; it becomes (j, i)
                row = near[reach - k, max(k, 0) : n + min(k, 0)]
                band[2 * reach + k, max(-k, 0) : n - max(k, 0)] = -row
        else:
            band[reach:] = -near
        band[2 * reach] += self.shift
        lu, pivots, info = dgbtrf(band, reach, reach, overwrite_ab=True)
        if info != 0:
            msg = f"elimination of the near jumps failed at node {info}"
            raise NumericalError(msg)
        return lu, pivots

    def _band_solve(self, r: Array) -> Array:
        lu, pivots = self._band
        x, _ = dgbtrs(lu, self._reach, self._reach, r, pivots)
        return np.asarray(x)


def _largest(u: Array) -> float:
    return float(np.abs(u).max())
