"""Rows of other programs on escape from wells, as a user would write them by hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import log, nan
from typing import Any

import numpy as np
from bench_core import Array, Row, Sweep
from bench_wells import CoupledWells, DoubleWell, densities, lagrange, passages

__all__ = ["rows"]

LEFT, RIGHT = -1.0, 1.0
#: Programs that have no mean passage times.
WITHOUT = {
    "py-pde": "cannot: no boundary-value problems of this kind",
    "fplanck": "cannot: no absorbing boundaries",
    "PyDDM": "cannot: passage densities up to a given time only",
}


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` has small grids only."""
    n = 128 if quick else 512
    w, fipy = f"W2 {n} cells, passage", ("fipy", "threadpoolctl")
    out = [
        Row(w, "SciPy tridiagonal, Scharfetter-Gummel", lambda: tridiagonal(n, fitted), LINE),
        Row(w, "SciPy tridiagonal, midpoint", lambda: tridiagonal(n, midpoint), LINE),
        Row(w, "SciPy quadrature by hand", lambda: quadrature(n), ("scipy.integrate",)),
        Row(w, "FiPy, self-adjoint form, LU", lambda: fipy_line(n), fipy),
        *(Row(w, name, cannot=why) for name, why in WITHOUT.items()),
    ]
    w = f"W2 {n} cells, density"
    out += [
        Row(w, "SciPy, Scharfetter-Gummel, LU", lambda: null_vector(n), SPARSE),
        Row(w, "FiPy BE, one step", lambda: fipy_rest(n), fipy),
        Row(w, "fplanck", lambda: fplanck_rest(n), ("fplanck", "scipy.constants")),
        Row(w, "py-pde", cannot=WITHOUT["py-pde"]),
        Row(w, "PyDDM", cannot="cannot: no stationary densities"),
    ]
    for m in (64,) if quick else (128, 256, 512, 1024):
        w = f"W4 {m}^2"
        out.append(Row(w, "SciPy by hand, staircase, MMD", lambda m=m: staircase(m), SPARSE))
        if m <= 256:
            out.append(Row(w, "FiPy, self-adjoint form, LU", lambda m=m: fipy_plane(m), fipy))
            out += [Row(w, name, cannot=why) for name, why in WITHOUT.items()]
    return out


LINE = ("scipy.linalg",)
SPARSE = ("scipy.sparse.linalg", "threadpoolctl")
#: Weight of a jump of length h, over h^2 / T, from the climbs to the middle and the end.
Weight = Callable[[Array, Array], Array]


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
        _solved(fipy.DiffusionTerm(weight) == -source, times)
        places, weights = lagrange((LEFT - well.low) / h - 0.5)
        return float(np.array(times.value)[places] @ weights)

    return passages(_logs(), lambda b: lambda: _or_nan(solve, b))


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
        _solved(fipy.DiffusionTerm(weight) - fipy.ImplicitSourceTerm(sink) == -source, times)
        return given.at_start(np.array(times.value).reshape(cells, cells).T)

    return passages(_plane_logs(cells), lambda b: lambda: _or_nan(solve, b))


def _solved(equation: Any, variable: Any) -> None:
    import fipy
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        equation.solve(var=variable, solver=fipy.LinearLUSolver(tolerance=1e-12))


def _or_nan(solve: Callable[[float], float], barrier: float) -> float:
    """Nan where the matrix is found to be singular."""
    try:
        with np.errstate(all="ignore"):
            return solve(barrier)
    except (RuntimeError, ArithmeticError, ValueError):
        return nan


def staircase(cells: int) -> Sweep:
    """Midpoint rates to the four neighbours; cells with their centre in the disc absorb."""
    import scipy.sparse as sp
    from scipy.sparse.linalg import splu
    from threadpoolctl import threadpool_limits

    def solve(barrier: float) -> float:
        given = CoupledWells(cells, barrier)
        x, h = given.centres, given.spacing
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
        times = np.zeros((cells, cells))
        with threadpool_limits(1, user_api="blas"):
            factor = splu(
                sp.csc_array(matrix[free][:, free]),
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
            times.ravel()[free] = factor.solve(np.ones(free.size))
        return given.at_start(times)

    return passages(_plane_logs(cells), lambda b: lambda: solve(b))


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

    return densities(cells, tuple(DoubleWell.EXACT), lambda well: lambda: solve(well))


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

    return densities(cells, tuple(DoubleWell.EXACT), lambda well: lambda: solve(well))


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

    return densities(cells, tuple(DoubleWell.EXACT), lambda well: lambda: solve(well))


def _logs() -> dict[float, float]:
    return {b: log(t) for b, t in DoubleWell.EXACT.items()}


def _plane_logs(cells: int) -> dict[float, float]:
    return {b: CoupledWells(cells, b).log_exact for b in CoupledWells.BARRIERS}
