"""Rows of this program on escape from wells, and factorisations of its own matrix."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
from bench_core import Array, Row, Sweep
from bench_wells import CoupledWells, DoubleWell, densities, passages

__all__ = ["rows"]

NEEDS = ("numpy", "scipy.sparse.linalg", "numba", "sympy", "fokkerplanck.passage")
#: SuperLU at its best on such matrices; with pivoting this ordering fills up at deep barriers.
UNPIVOTED = {
    "permc_spec": "MMD_AT_PLUS_A",
    "diag_pivot_thresh": 0.0,
    "options": {"SymmetricMode": True},
}


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` has small grids only."""
    n = 128 if quick else 512
    rest = (*NEEDS, "fokkerplanck.steady_state")
    out = [
        Row(f"W2 {n} cells, passage", "fokkerplanck", lambda: line(n), NEEDS),
        Row(f"W2 {n} cells, density", "fokkerplanck", lambda: line_density(n), rest),
    ]
    for m in (64,) if quick else (128, 256, 512, 1024):
        w = f"W4 {m}^2"
        out += [
            Row(w, "fokkerplanck", lambda m=m: plane(m), NEEDS),
            Row(w, "SciPy LU of our matrix", lambda m=m: plain_lu(m), NEEDS),
            Row(
                w,
                "SciPy LU of our matrix, MMD, no pivoting",
                lambda m=m: plain_lu(m, **UNPIVOTED),
                NEEDS,
            ),
        ]
    return out


def line(cells: int) -> Sweep:
    """W2 by `mean_first_passage`."""
    from fokkerplanck.passage import mean_first_passage

    return passages(
        {b: log(t) for b, t in DoubleWell.EXACT.items()},
        lambda b: lambda: mean_first_passage(_quartic(cells, b)(), -1.0, 1.0).mean,
    )


def line_density(cells: int) -> Sweep:
    """W2's stationary density."""
    from fokkerplanck.steady_state import stationary

    return densities(
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


def plane(cells: int) -> Sweep:
    """W4 by `mean_first_passage`, set-up included."""
    from fokkerplanck.passage import mean_first_passage
    from fokkerplanck.sets import Ball

    def ready(barrier: float) -> Callable[[], float]:
        given = CoupledWells(cells, barrier)
        problem, disc = _coupled(given), Ball(given.target, given.radius)
        return lambda: mean_first_passage(problem(), given.START, disc).mean

    return passages({b: CoupledWells(cells, b).log_exact for b in CoupledWells.BARRIERS}, ready)


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

    return passages({b: CoupledWells(cells, b).log_exact for b in CoupledWells.BARRIERS}, ready)


def _coupled(given: CoupledWells) -> Callable[[], Any]:
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import from_expression
    from fokkerplanck.noise import white
    from fokkerplanck.problem import Problem

    side = (-given.half, given.half, given.cells)
    loss = from_expression(given.LOSS, dim=2)
    return lambda: Problem(Grid.plane(side, side), loss, white(given.temperature))
