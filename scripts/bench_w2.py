"""W2: a 1-D double well from shallow to very deep, passage times and stationary densities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite, log, sqrt
from typing import Any, ClassVar

import numpy as np
from bench_barriers import WITHOUT, lagrange, or_inf, or_nan, passages
from bench_core import OURS, Array, Row, Sweep
from bench_fipy import solved

__all__ = ["DoubleWell", "rows"]

LEFT, RIGHT = -1.0, 1.0
LINE = ("scipy.linalg",)
SPARSE = ("scipy.sparse.linalg", "threadpoolctl")
PASSAGE = ("numpy", "scipy.sparse.linalg", "numba", "sympy", "fokkerplanck.passage")
REST = (*PASSAGE, "fokkerplanck.steady_state")
#: Weight of a jump of length h, over h^2 / T, from the climbs to the middle and the end.
Weight = Callable[[Array, Array], Array]


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` has small grids only."""
    n = 128 if quick else 512
    w, fipy = f"W2 {n} cells, passage", ("fipy", "threadpoolctl")
    out = [
        Row(w, OURS, lambda: ours(n), PASSAGE),
        Row(w, "SciPy tridiagonal, Scharfetter-Gummel", lambda: tridiagonal(n, fitted), LINE),
        Row(w, "SciPy tridiagonal, midpoint", lambda: tridiagonal(n, midpoint), LINE),
        Row(w, "SciPy quadrature by hand", lambda: quadrature(n), ("scipy.integrate",)),
        Row(w, "FiPy, self-adjoint form, LU", lambda: fipy_line(n), fipy),
        *(Row(w, name, cannot=why) for name, why in WITHOUT.items()),
    ]
    w = f"W2 {n} cells, density"
    return [
        *out,
        Row(w, OURS, lambda: ours_at_rest(n), REST),
        Row(w, "SciPy, Scharfetter-Gummel, LU", lambda: null_vector(n), SPARSE),
        Row(w, "FiPy BE, one step", lambda: fipy_rest(n), fipy),
        Row(w, "fplanck", lambda: fplanck_rest(n), ("fplanck", "scipy.constants")),
        Row(w, "py-pde", cannot=WITHOUT["py-pde"]),
        *(Row(w, p, cannot="cannot: no stationary densities") for p in ("PyDDM", "pychangcooper")),
    ]


@dataclass(frozen=True)
class DoubleWell:
    """W2: loss (x^2 - 1)^2 / 4, barrier 1/4, at T = 1/4 over `barrier`; from -1 to +1."""

    cells: int
    barrier: float
    low: float = -2.4
    high: float = 2.4

    #: Mean passage times: by quadrature in 40 digits, the last in 30.
    EXACT: ClassVar = {
        2: 41.034280268736711806,
        5: 729.67069194232279882,
        10: 102108.36545716983696,
        20: 2198644401.4082888762,
        40: 1055900868237102311.4,
        100: 1.1988319200419483535e44,
        600: 1.6773585257598393286e261,
    }  # fmt: skip

    @property
    def temperature(self) -> float:
        """D."""
        return 0.25 / self.barrier

    def climb(self, x: Array) -> Array:
        """Loss over T."""
        return np.asarray((x * x - 1) ** 2 / (4 * self.temperature))

    @classmethod
    def cut(cls, cells: int, barrier: float) -> DoubleWell:
        """Return the well from where it is 40 T deep to +1, which is all that a passage needs."""
        depth = min(40 * 0.25 / barrier, 5.0)
        return cls(cells, barrier, -sqrt(1 + 2 * sqrt(depth)), 1.0)

    @property
    def spacing(self) -> float:
        """Width of a cell."""
        return (self.high - self.low) / self.cells

    @property
    def edges(self) -> Array:
        """Cell edges."""
        return np.linspace(self.low, self.high, self.cells + 1)

    def exact(self) -> Array:
        """Cell averages of the stationary density."""
        node, weight = np.polynomial.legendre.leggauss(8)
        centres = (self.edges[1:] + self.edges[:-1]) / 2
        p = np.exp(-self.climb(centres[:, None] + self.spacing / 2 * node)) @ (weight / 2)
        return np.asarray(p / (p.sum() * self.spacing))


def _densities(
    cells: int, barriers: Sequence[float], ready: Callable[[DoubleWell], Callable[[], Array]]
) -> Sweep:
    """Sweep over barriers of the stationary density; errors are L1 against cell averages."""
    wells = [DoubleWell(cells, b) for b in barriers]

    def judge(found: Sequence[Array]) -> dict[str, Any]:
        errors = {}
        for well, p in zip(wells, found, strict=True):
            error = float(np.abs(p - well.exact()).sum() * well.spacing)
            errors[f"b = {well.barrier:g}"] = error if isfinite(error) else "singular"
        return {"errors": errors}

    return Sweep(tuple(lambda w=w: ready(w) for w in wells), judge)


def ours(cells: int) -> Sweep:
    """W2 by `mean_first_passage`."""
    from fokkerplanck.passage import mean_first_passage

    return passages(
        {b: log(t) for b, t in DoubleWell.EXACT.items()},
        lambda b: or_inf(lambda: mean_first_passage(_quartic(cells, b)(), -1.0, 1.0).mean),
        32.0 * cells,
    )


def ours_at_rest(cells: int) -> Sweep:
    """W2's stationary density."""
    from fokkerplanck.steady_state import stationary

    return _densities(
        cells,
        tuple(DoubleWell.EXACT),
        lambda well: lambda: stationary(_quartic(cells, well.barrier)()).density,
    )


def _quartic(cells: int, barrier: float) -> Callable[[], Any]:
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import from_expression
    from fokkerplanck.noise import white
    from fokkerplanck.problem import Problem

    well = DoubleWell(cells, barrier)
    loss = from_expression("(x**2 - 1)**2 / 4", dim=1)
    grid = Grid.line(well.low, well.high, cells)
    return lambda: Problem(grid, loss, white(well.temperature))


def fitted(half: Array, whole: Array) -> Array:
    """Bernoulli function of the whole climb."""
    small = np.abs(whole) < 1e-8
    return np.where(small, 1 - whole / 2, whole / np.expm1(np.where(small, 1.0, whole)))


def midpoint(half: Array, whole: Array) -> Array:
    """Boltzmann factor of the middle over that of the start."""
    return np.exp(-half)


def _jumps(well: DoubleWell, weight: Weight) -> tuple[Array, Array]:
    """Rates up and down between cells."""
    edges = well.edges
    centres = (edges[1:] + edges[:-1]) / 2
    at, between = well.climb(centres), well.climb(edges[1:-1])
    unit, whole = well.temperature / well.spacing**2, np.diff(at)
    up, down = weight(between - at[:-1], whole), weight(between - at[1:], -whole)
    return unit * up, unit * down


def tridiagonal(cells: int, weight: Weight) -> Sweep:
    """Cells up to an absorbing wall at +1; LAPACK's banded LU."""
    from scipy.linalg import solve_banded

    def solve(barrier: float) -> float:
        well = DoubleWell.cut(cells, barrier)
        h = well.spacing
        up, down = _jumps(well, weight)
        last, quarter, end = well.climb(RIGHT - np.array([[h / 2], [h / 4], [0.0]]))
        out = 2 * well.temperature / h**2 * weight(quarter - last, end - last)
        bands = np.zeros((3, cells))
        bands[0, 1:], bands[2, :-1] = -up, -down
        bands[1] = np.append(up, out) + np.append(0.0, down)
        times = solve_banded((1, 1), bands, np.ones(cells))
        places, weights = lagrange((LEFT - well.low) / h - 0.5)
        return float(times[places] @ weights)

    return passages(_logs(), lambda b: lambda: solve(b))


def quadrature(cells: int) -> Sweep:
    """Double integral of theory, by Simpson's rule in both directions."""
    from scipy.integrate import cumulative_simpson, simpson

    def solve(barrier: float) -> float:
        well = DoubleWell.cut(cells, barrier)
        inner = int((RIGHT - LEFT) / well.spacing)
        x = LEFT + (RIGHT - LEFT) / inner * np.arange(inner - cells, inner + 1)
        climb = well.climb(x)
        below = cumulative_simpson(np.exp(-climb), x=x, initial=0)
        between = slice(cells - inner, None)
        return float(simpson(np.exp(climb[between]) * below[between], x=x[between])) / (
            well.temperature
        )

    return passages(_logs(), lambda b: lambda: solve(b))


def fipy_line(cells: int) -> Sweep:
    """``(e^-V T')' = -e^-V / T`` (V in temperatures), absorbing wall at +1."""
    import fipy

    def solve(barrier: float) -> float:
        well = DoubleWell.cut(cells, barrier)
        h = well.spacing
        mesh = fipy.Grid1D(nx=cells, dx=h) + well.low
        times = fipy.CellVariable(mesh=mesh)
        times.constrain(0.0, mesh.facesRight)
        weight = fipy.FaceVariable(
            mesh=mesh, value=np.exp(-well.climb(np.array(mesh.faceCenters)[0]))
        )
        source = fipy.CellVariable(
            mesh=mesh, value=np.exp(-well.climb(np.array(mesh.cellCenters)[0])) / well.temperature
        )
        solved(fipy.DiffusionTerm(weight) == -source, times)
        places, weights = lagrange((LEFT - well.low) / h - 0.5)
        return float(np.array(times.value)[places] @ weights)

    return passages(_logs(), lambda b: lambda: or_nan(solve, b))


def null_vector(cells: int) -> Sweep:
    """``Q.T p = 0`` by sparse LU, the first equation replaced by the norm."""
    import scipy.sparse as sp
    from scipy.sparse.linalg import splu
    from threadpoolctl import threadpool_limits

    def solve(well: DoubleWell) -> Array:
        up, down = _jumps(well, fitted)
        diagonal = -np.append(up, 0.0) - np.append(0.0, down)
        matrix = sp.diags_array([up, diagonal, down], offsets=[-1, 0, 1]).tolil()
        matrix[0, :] = well.spacing
        with threadpool_limits(1, user_api="blas"):
            return np.asarray(splu(matrix.tocsc()).solve(np.eye(cells)[0]))

    return _densities(cells, tuple(DoubleWell.EXACT), lambda well: lambda: solve(well))


def fipy_rest(cells: int) -> Sweep:
    """One implicit step of 1e3 passage times, with exponential convection."""
    import fipy

    def solve(well: DoubleWell) -> Array:
        mesh = fipy.Grid1D(nx=cells, dx=well.spacing) + well.low
        p = fipy.CellVariable(mesh=mesh, value=-0.5 / well.low, hasOld=True)
        x = mesh.faceCenters
        drift = fipy.FaceVariable(mesh=mesh, rank=1, value=-x * (x * x - 1))
        flux = fipy.DiffusionTerm(well.temperature) - fipy.ExponentialConvectionTerm(drift)
        p.updateOld()
        solver = fipy.LinearLUSolver(tolerance=1e-12)
        (fipy.TransientTerm() == flux).solve(
            var=p, dt=1e3 * well.EXACT[well.barrier], solver=solver
        )
        return np.array(p.value)

    return _densities(cells, tuple(DoubleWell.EXACT), lambda well: lambda: solve(well))


def fplanck_rest(cells: int) -> Sweep:
    """Steady state of fplanck (with ``np.product``, which numpy 2 dropped)."""
    vars(np)["product"] = np.prod
    import fplanck
    from scipy.constants import k

    def solve(well: DoubleWell) -> Array:
        solver = fplanck.fokker_planck(
            temperature=well.temperature / k,
            drag=1.0,
            extent=[well.high - well.low],
            resolution=well.spacing * (1 + 1e-12),  # it rounds the number of cells up
            boundary=fplanck.boundary.reflecting,
            potential=lambda x: (x**2 - 1) ** 2 / 4,
        )
        return np.asarray(solver.steady_state()) / well.spacing

    return _densities(cells, tuple(DoubleWell.EXACT), lambda well: lambda: solve(well))


def _logs() -> dict[float, float]:
    return {b: log(t) for b, t in DoubleWell.EXACT.items()}
