"""W4: escape from a 2-D well to a disc around another, at barriers up to 500 temperatures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log, nan, pi, sqrt
from typing import Any, ClassVar

import numpy as np
from bench_barriers import WITHOUT, lagrange, or_inf, or_nan, passages
from bench_core import OURS, Array, Row, Sweep
from bench_fipy import solved

__all__ = ["NEEDS", "CoupledWells", "multigrid", "ours", "rows", "staircase"]

NEEDS = ("numpy", "scipy.sparse.linalg", "numba", "sympy", "fokkerplanck.passage")
SPARSE = ("scipy.sparse.linalg", "threadpoolctl")
FIPY = ("fipy", "threadpoolctl")
#: SuperLU at its best on such matrices; with pivoting this ordering fills up at deep barriers.
UNPIVOTED = {
    "permc_spec": "MMD_AT_PLUS_A",
    "diag_pivot_thresh": 0.0,
    "options": {"SymmetricMode": True},
}


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` has small grids only."""
    out = []
    for m in (64,) if quick else (128, 256, 512, 1024):
        w = f"W4 {m}^2"
        out += [
            Row(w, OURS, lambda m=m: ours(m), NEEDS),
            Row(w, "SciPy LU of our matrix", lambda m=m: plain_lu(m), NEEDS),
            Row(
                w,
                "SciPy LU of our matrix, MMD, no pivoting",
                lambda m=m: plain_lu(m, **UNPIVOTED),
                NEEDS,
            ),
            Row(w, "SciPy by hand, staircase, MMD", lambda m=m: staircase(m), SPARSE),
            Row(w, "pyamg, staircase", lambda m=m: multigrid(m), (*SPARSE, "pyamg")),
        ]
        if m <= 256:
            out.append(Row(w, "FiPy, self-adjoint form, LU", lambda m=m: fipy_plane(m), FIPY))
            out += [Row(w, name, cannot=why) for name, why in WITHOUT.items()]
    return out


@dataclass(frozen=True)
class CoupledWells:
    """W4: loss (x^2 - 1)^2 / 4 + y^2 + x y / 2 on [-2, 2]^2, T = 0.31640625 / barrier.

    From the left minimum to a disc of radius 1/4 around the right one.
    """

    cells: int
    barrier: float
    half: float = 2.0
    radius: float = 0.25

    LOSS = "(x**2 - 1)**2 / 4 + y**2 + x*y / 2"
    START = (-1.0606601717798212, 0.2651650429449553)
    #: By extrapolation of two discretisations; they agree to 1e-6 and better.
    KNOWN: ClassVar = {5: 674.57678, 10: 94558.889, 20: 2.03479128e9, 30: 4.4504225e13}
    BARRIERS = (*KNOWN, 100, 500)

    @property
    def temperature(self) -> float:
        """D."""
        return 0.31640625 / self.barrier

    @property
    def spacing(self) -> float:
        """Width of a cell."""
        return 2 * self.half / self.cells

    @property
    def centres(self) -> Array:
        """Cell centres along either axis."""
        return np.asarray((np.arange(self.cells) + 0.5) * self.spacing - self.half)

    @property
    def target(self) -> tuple[float, float]:
        """Centre of the disc."""
        return (-self.START[0], -self.START[1])

    @property
    def log_exact(self) -> float:
        """Ln of the mean passage time; beyond the table Eyring-Kramers times 1 + 0.40 / barrier."""
        if self.barrier in self.KNOWN:
            return log(self.KNOWN[self.barrier])
        # Hessians: [[2.375, 0.5], [0.5, 2]] at the minima, [[-1, 0.5], [0.5, 2]] at the saddle
        downhill = (sqrt(10.0) - 1) / 2
        prefactor = 2 * pi / downhill * sqrt(2.25 / 4.5)
        return log(prefactor * (1 + 0.40 / self.barrier)) + self.barrier

    def climb(self, x: Array, y: Array) -> Array:
        """Loss over T."""
        return np.asarray(((x * x - 1) ** 2 / 4 + y * y + x * y / 2) / self.temperature)

    def inside(self, x: Array, y: Array) -> Any:
        """Whether points are in the disc."""
        return (x - self.target[0]) ** 2 + (y - self.target[1]) ** 2 <= self.radius**2

    def at_start(self, values: Array) -> float:
        """Values of cells, shape (cells, cells), interpolated at the start."""
        for c in reversed(self.START):
            places, weights = lagrange((c + self.half) / self.spacing - 0.5)
            values = values[..., places] @ weights
        return float(values)


def ours(cells: int, barriers: tuple[float, ...] = ()) -> Sweep:
    """W4 by `mean_first_passage`, set-up included."""
    from fokkerplanck.passage import mean_first_passage
    from fokkerplanck.sets import Ball

    def ready(barrier: float) -> Callable[[], float]:
        given = CoupledWells(cells, barrier)
        problem, disc = _coupled(given), Ball(given.target, given.radius)
        return or_inf(lambda: mean_first_passage(problem(), given.START, disc).mean)

    # four rates and the diagonal in, times out
    return passages(_logs(cells, barriers), ready, 48.0 * cells**2)


def plain_lu(cells: int, **options: Any) -> Sweep:
    """SuperLU of the matrix that W4 comes down to here, disc cut and all: one LU and one solve."""
    from scipy.sparse import csc_array
    from scipy.sparse.linalg import splu

    from fokkerplanck.plane_chain import PlaneChain
    from fokkerplanck.sets import Ball
    from fokkerplanck.solvers.threads import one_blas_thread

    def ready(barrier: float) -> Callable[[], float]:
        given = CoupledWells(cells, barrier)
        disc = Ball(given.target, given.radius)
        chain = PlaneChain(_coupled(given)(), [disc], "midpoint")
        live = np.flatnonzero(chain.live)
        matrix = csc_array(-chain.generator.matrix[live][:, live])
        del chain

        @one_blas_thread
        def call() -> float:
            times: Array = np.zeros((cells, cells))
            times.ravel()[live] = splu(matrix, **options).solve(np.ones(live.size))
            return given.at_start(times)

        return call

    return passages(_logs(cells), ready)


def _coupled(given: CoupledWells) -> Callable[[], Any]:
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import from_expression
    from fokkerplanck.noise import white
    from fokkerplanck.problem import Problem

    side = (-given.half, given.half, given.cells)
    loss = from_expression(given.LOSS, dim=2)
    return lambda: Problem(Grid.plane(side, side), loss, white(given.temperature))


def fipy_plane(cells: int) -> Sweep:
    """As on the line; the disc is held at 0 by a large sink."""
    import fipy

    def solve(barrier: float) -> float:
        given = CoupledWells(cells, barrier)
        h = given.spacing
        mesh = fipy.Grid2D(nx=cells, ny=cells, dx=h, dy=h) + [[-given.half]] * 2
        times = fipy.CellVariable(mesh=mesh)
        face, cell = np.array(mesh.faceCenters), np.array(mesh.cellCenters)
        weight = fipy.FaceVariable(mesh=mesh, value=np.exp(-given.climb(*face)))
        free = ~given.inside(*cell)
        density = np.exp(-given.climb(*cell))
        if not (density.all() and weight.value.all()):
            return nan  # rows of zeros, on which SuperLU crashes now and then
        source = fipy.CellVariable(mesh=mesh, value=free * density / given.temperature)
        sink = fipy.CellVariable(mesh=mesh, value=~free * 1e10 * density)
        solved(fipy.DiffusionTerm(weight) - fipy.ImplicitSourceTerm(sink) == -source, times)
        return given.at_start(np.array(times.value).reshape(cells, cells).T)

    return passages(_logs(cells), lambda b: lambda: or_nan(solve, b))


def staircase(cells: int, barriers: tuple[float, ...] = ()) -> Sweep:
    """Midpoint rates to the four neighbours; cells with their centre in the disc absorb; LU."""
    from scipy.sparse.linalg import splu
    from threadpoolctl import threadpool_limits

    def solve(barrier: float) -> float:
        given = CoupledWells(cells, barrier)
        matrix, free, _ = stairs(given)
        times = np.zeros((cells, cells))
        with threadpool_limits(1, user_api="blas"):
            times.ravel()[free] = splu(matrix.tocsc(), **UNPIVOTED).solve(np.ones(free.size))
        return given.at_start(times)

    return passages(_logs(cells, barriers), lambda b: lambda: solve(b))


def multigrid(cells: int, barriers: tuple[float, ...] = ()) -> Sweep:
    """Solve the same, symmetrised, by CG with smoothed aggregation on ``sqrt(pi)``."""

    def solve(barrier: float) -> float:
        given = CoupledWells(cells, barrier)
        times, _ = aggregated(given)
        return given.at_start(times)

    return passages(_logs(cells, barriers), lambda b: lambda: or_nan(solve, b))


def aggregated(given: CoupledWells) -> tuple[Array, int]:
    """Mean passage times by pyamg, shape (cells, cells), and how many iterations they took.

    Rounding holds the residual at 6e-7 of the first one on 2048 x 2048 cells and a barrier of 10; a
    tolerance below costs iterations up to the limit and changes no digit of the table.
    """
    import pyamg
    import scipy.sparse as sp
    from threadpoolctl import threadpool_limits

    matrix, free, climb = stairs(given)
    root = np.exp(-(climb - climb.min()) / 2)
    scaled, back = sp.diags_array(root), sp.diags_array(1 / root)
    symmetric = (scaled @ matrix @ back).tocsr()
    symmetric = ((symmetric + symmetric.T) / 2).tocsr()
    symmetric.indices, symmetric.indptr = (
        symmetric.indices.astype(np.int32), symmetric.indptr.astype(np.int32),
    )  # fmt: skip
    residuals: list[float] = []
    with threadpool_limits(1, user_api="blas"):  # 15 times faster: its blocks are tiny
        hierarchy = pyamg.smoothed_aggregation_solver(
            sp.csr_matrix(symmetric), B=root[:, None], symmetry="symmetric"
        )
        found = hierarchy.solve(root, tol=1e-6, accel="cg", maxiter=300, residuals=residuals)
    times = np.zeros((given.cells, given.cells))
    times.ravel()[free] = found / root
    return times, len(residuals) - 1


def stairs(given: CoupledWells) -> tuple[Any, Any, Array]:
    """Matrix ``-Q`` of the cells that do not absorb, their numbers, and their climb."""
    import scipy.sparse as sp

    cells, x, h = given.cells, given.centres, given.spacing
    climb = given.climb(x[:, None], x[None, :])
    number = np.arange(cells**2).reshape(cells, cells)
    ends, rates = [], []
    middle = x[:-1] + h / 2
    for a, b, face in (
        (np.s_[:-1], np.s_[1:], given.climb(middle[:, None], x[None, :])),
        (np.s_[:, :-1], np.s_[:, 1:], given.climb(x[:, None], middle[None, :])),
    ):
        for one, other in ((a, b), (b, a)):
            ends.append((number[one].ravel(), number[other].ravel()))
            rates.append(given.temperature / h**2 * np.exp(climb[one] - face).ravel())
    i, j = (np.concatenate(part) for part in zip(*ends, strict=True))
    rate = np.concatenate(rates)
    total = np.bincount(i, rate)
    matrix = sp.csr_array((-rate, (i, j)), shape=(cells**2, cells**2)) + sp.diags_array(total)
    free = np.flatnonzero(~given.inside(x[:, None], x[None, :]).ravel())
    return matrix[free][:, free], free, climb.ravel()[free]


def _logs(cells: int, barriers: tuple[float, ...] = ()) -> dict[float, float]:
    return {b: CoupledWells(cells, b).log_exact for b in barriers or CoupledWells.BARRIERS}
