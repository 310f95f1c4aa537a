"""Linear systems of long jumps in the plane: Krylov spaces on a chain of coarser grids."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve
from scipy.sparse.linalg import LinearOperator, SuperLU, gmres, splu

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.levy_plane_generator import PlaneLevyGenerator

if TYPE_CHECKING:
    from fokkerplanck.solvers.levy_plane_sweeps import Sweeps

__all__ = ["DENSE", "PlaneLevySystem", "Transfer"]

Array = NDArray[np.float64]
#: Up to so many cells the matrix is eliminated.
DENSE = 1100
#: Vectors of a Krylov space, the reduction of the residual wanted from one, and how many are tried.
SPACE, REDUCTION, CORRECTIONS = 50, 1e-8, 8
#: Relative correction aimed at, and the last one at worst.
AIM, WORST = 1e-7, 1e-5
#: A space has to shrink a residual to this part for its correction to be trusted.
CONTRACTED = 0.3
#: Spaces that may fail to, before the equations are given up.
STALLS = 2
#: Residual left by a single space that is as good as asked.
ENOUGH = 3e-8
#: Residual left by a space around sweeps above which elimination takes their place.
SWEPT = 1e-4
#: Least and largest reduction of a residual that is asked of one space.
FINEST, COARSEST = 1e-11, 1e-2
#: Spaces that a residual is reduced by, one after another.
SPACES = 3
#: Rate of distant jumps over the shift up to which coarser grids are not needed.
ALONE = 1.0
TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Transfer:
    """Linear interpolation between cells of a fine and a coarse grid over the same rectangle.

    Parameters
    ----------
    fine, coarse : (int, int)
        Shapes.
    """

    fine: tuple[int, int]
    coarse: tuple[int, int]

    def up(self, u: Array) -> Array:
        """From coarse to fine cells, constant beyond the outermost."""
        x, y = self._up
        return np.asarray((y @ (x @ u).T).T)

    def down(self, u: Array) -> Array:
        """Weighted means of fine cells around coarse ones."""
        x, y = self._down
        return np.asarray((y @ (x @ u).T).T)

    @cached_property
    def _up(self) -> tuple[sp.csr_array, sp.csr_array]:
        x, y = (_linear(n, m) for n, m in zip(self.fine, self.coarse, strict=True))
        return x, y

    @cached_property
    def _down(self) -> tuple[sp.csr_array, sp.csr_array]:
        x, y = (
            sp.csr_array(sp.diags_array(1.0 / np.asarray(m.sum(axis=0)).ravel()) @ m.T)
            for m in self._up
        )
        return x, y


@dataclass(frozen=True, eq=False)
class PlaneLevySystem:
    r"""Solve :math:`(\sigma - Q) u = b`, or its transpose with a restart.

    Transposed, the matrix is :math:`\sigma - Q^T + \rho\, w 1^T` with w = 1/n, as in `LevySystem`.

    Parameters
    ----------
    levels : tuple of PlaneLevyGenerator
        The generator, and the same on ever fewer cells, the last on at most `DENSE`.
    transposed : bool
    shift, restart : float
        sigma and rho.

    Notes
    -----
    GMRES is preconditioned from coarse to fine: elimination on the fewest cells, then on each
    finer grid sweeps over the sparse part of the matrix, with jumps over more than one cell as
    killing. Where one Krylov space is not enough with sweeps (very unequal amplitudes along the
    axes), the sparse parts are eliminated.
    """

    levels: tuple[PlaneLevyGenerator, ...]
    transposed: bool = False
    shift: float = 0.0
    restart: float = 0.0
    _eliminating: bool = field(default=False, init=False, repr=False)

    @property
    def generator(self) -> PlaneLevyGenerator:
        """On the finest grid."""
        return self.levels[0]

    def solve_once(self, right: Array) -> Array:
        """Return the solution to 1e-8 of the residual, from one Krylov space where that will do."""
        u, rest = self._solved(right)
        return u if rest <= ENOUGH else self.solve(right)[0]

    def solve(self, right: Array) -> tuple[Array, float]:
        """Return the solution and the relative size of the last correction to it.

        Corrections solve the same equations for what is left of `right`; the last one shows what
        rounding and the iteration leave undetermined.

        Raises
        ------
        NumericalError
            When that stays above 1e-5.
        """
        u = np.zeros_like(right)
        change, rest, stalls = np.inf, 1.0, 0
        for _ in range(CORRECTIONS):
            left = right - self.product(u)
            step, shrunk = self._solved(left)
            if shrunk > SWEPT and not self._eliminating:
                object.__setattr__(self, "_eliminating", True)
                self.__dict__.pop("_smoothers", None)
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
                f"the solution of {right.size} equations with long jumps is undetermined to "
                f"{change:.1e}: times or densities that span too many orders of magnitude (few "
                "long jumps and a high barrier, or a very large grid) are beyond it"
            )
            raise NumericalError(msg)
        return u, change

    def solve_to(self, right: Array, weight: Array, wanted: float) -> tuple[Array, float]:
        """Return about the solution and the norm of its residual over `weight`.

        Parameters
        ----------
        right, weight : ndarray, shape (nx, ny)
        wanted : float
            What that norm may be; it is up to twice that, or what rounding lets it be.
        """
        size = float(np.linalg.norm(right / weight))
        if size == 0.0:
            return np.zeros_like(right), 0.0
        u, left, rest = np.zeros_like(right), right, size
        for _ in range(SPACES):
            reduction = min(max(wanted / rest, FINEST), COARSEST)
            step = u + self._iterated(left, weight, reduction)
            left = right - self.product(step)
            now = float(np.linalg.norm(left / weight))
            if not now < CONTRACTED * rest:
                break
            u, rest = step, now
            if rest <= 2.0 * wanted:
                break
        return u, rest

    def product(self, u: Array, level: int = 0) -> Array:
        """Multiply the matrix and u."""
        g = self.levels[level]
        if self.transposed:
            return np.asarray(self.shift * u - g.apply_transposed(u) + self.restart * u.mean())
        return np.asarray(self.shift * u - g.apply(u))

    def _solved(self, right: Array) -> tuple[Array, float]:
        """Solution, and by how much the residual has become smaller."""
        size = float(np.linalg.norm(right))
        if size == 0.0:
            return np.zeros_like(right), 0.0
        if len(self.levels) == 1:
            return self._improve(right, 0), 0.0
        step = self._iterated(right, np.ones_like(right), REDUCTION)
        return step, float(np.linalg.norm(right - self.product(step))) / size

    def _iterated(self, right: Array, weight: Array, reduction: float) -> Array:
        """Solution from one Krylov space, in the norm of what is divided by `weight`."""
        if len(self.levels) == 1:
            return self._improve(right, 0)
        shape, n = right.shape, right.size

        def matvec(z: Array) -> Array:
            return (self.product(self._improve(weight * z.reshape(shape), 0)) / weight).ravel()

        matrix, first = LinearOperator((n, n), matvec=matvec), (right / weight).ravel()
        size = float(np.linalg.norm(first))
        z, _ = gmres(matrix, first / size, rtol=reduction, restart=SPACE, maxiter=1)
        return self._improve(size * weight * z.reshape(shape), 0)

    def _improve(self, r: Array, level: int) -> Array:
        """Approximate solution of the system: coarser cells first, then what is sparse."""
        if level < len(self.levels) - 1 and self._distant[level] < ALONE * self.shift:
            return np.asarray(self._smoothers[level].solve(r.ravel()).reshape(r.shape))
        if level == len(self.levels) - 1:
            return np.asarray(lu_solve(self._eliminated, r.ravel()).reshape(r.shape))
        transfer = self._transfers[level]
        z = transfer.up(self._improve(transfer.down(r), level + 1))
        live = self.levels[level].live
        z = z if live is None else np.where(live, z, 0.0)
        rest = r - self.product(z, level)
        return np.asarray(z + self._smoothers[level].solve(rest.ravel()).reshape(r.shape))

    @cached_property
    def _distant(self) -> list[float]:
        """Rates of all jumps to cells that do not touch, on each grid."""
        tables = [g.rates for g in self.levels]
        touching = [2.0 * (w[1, 0] + w[0, 1]) + 4.0 * w[1, 1] for w in (r.single for r in tables)]
        return [float(r.total - near) for r, near in zip(tables, touching, strict=True)]

    @cached_property
    def _transfers(self) -> list[Transfer]:
        pairs = zip(self.levels[:-1], self.levels[1:], strict=True)
        return [Transfer(fine.shape, coarse.shape) for fine, coarse in pairs]

    @cached_property
    def _smoothers(self) -> list[Sweeps | SuperLU]:
        return [self._smoother(g) for g in self.levels[:-1]]

    def _smoother(self, generator: PlaneLevyGenerator) -> Sweeps | SuperLU:
        q = generator.near()
        diagonal = np.full(q.shape[0], self.shift)
        if generator.live is not None:
            diagonal += ~generator.live.ravel()
        matrix = sp.csc_array(sp.diags_array(diagonal) - (q.T if self.transposed else q))
        if not self._eliminating:
            from fokkerplanck.solvers.levy_plane_sweeps import Sweeps

            return Sweeps(sp.csr_array(matrix), generator.shape)
        options = {"SymmetricMode": True}
        return splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)

    @cached_property
    def _eliminated(self) -> tuple[Array, NDArray[np.int32]]:
        generator = self.levels[-1]
        q = generator.dense()
        n = len(q)
        matrix = -(q.T if self.transposed else q)
        diagonal = np.full(n, self.shift)
        if generator.live is not None:
            diagonal += ~generator.live.ravel()
        matrix[np.diag_indices(n)] += diagonal
        if self.transposed:
            matrix += self.restart / n
        lu, pivots = lu_factor(matrix, overwrite_a=True)
        return lu, pivots


def _linear(n: int, m: int) -> sp.csr_array:
    """Linear interpolation from m to n cells of a line, constant beyond the outermost."""
    at = np.clip((np.arange(n) + 0.5) * (m / n) - 0.5, 0.0, m - 1.0)
    left = np.minimum(at.astype(np.int64), m - 2)
    share = at - left
    rows = np.arange(n)
    place = (np.concatenate((rows, rows)), np.concatenate((left, left + 1)))
    return sp.csr_array(sp.coo_array((np.concatenate((1.0 - share, share)), place), shape=(n, m)))


def _largest(u: Array) -> float:
    return float(np.abs(u).max())
