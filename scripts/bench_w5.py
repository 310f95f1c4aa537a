"""W5: growth with the grid: evolution, passage over fifty temperatures, and products alone.

With ``--large`` the grids go to 4096 x 4096, where one row may take minutes and gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bench_w3
import numpy as np
from bench_core import OURS, Array, Metrics, Row, Sweep, Task, floor
from bench_w3 import Bowl, nine_points
from bench_w4 import NEEDS, multigrid, ours, staircase

__all__ = ["rows"]

BARRIER = 50.0
#: At fifty temperatures multigrid on the whole chain ends without an answer.
EASY = 10.0
SPARSE = ("scipy.sparse.linalg", "threadpoolctl")
KERNEL = ("numpy", "numba", "fokkerplanck.solvers.recurrence", "fokkerplanck.solvers.assemble")
#: Terms of the recurrence in a call, and bytes of a term where each is a pass of its own: seven
#: rates and the last vector in; the new vector and the sum, in and out.
TERMS, TRAFFIC = 32, 96.0


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` has small grids only."""
    sizes = (64, 128) if quick else (256, 512, 1024, 2048, 4096)
    out = []
    for m in sizes:
        out += _passage(m)
    for m in [m for m in sizes if m <= 2048]:
        w = f"W5 evolution {m}^2"
        size = {"series": "W5 evolution", "cells": m * m, "large": m > 1024}
        task = lambda m=m: bench_w3.ours(m, 10)  # noqa: E731
        out.append(Row(w, OURS, task, bench_w3.EVOLVE, **size))  # type: ignore[arg-type]
        if m <= 1024:
            task = lambda m=m: bench_w3.scipy_plane(m, 10)  # noqa: E731
            name = "SciPy CN, 9 points, LU, 50 steps"
            out.append(Row(w, name, task, bench_w3.SPARSE, **size))  # type: ignore[arg-type]
    for m in (128,) if quick else (256, 1024, 2048):
        w = f"W5 {TERMS} products {m}^2"
        out += [
            Row(w, OURS, lambda m=m: products(m), KERNEL),
            Row(w, f"{OURS}, 1 thread", lambda m=m: products(m, threads=1), KERNEL),
            Row(w, f"{OURS}, a pass for each", lambda m=m: products(m, depth=1), KERNEL),
            Row(w, "SciPy, compressed rows", lambda m=m: compressed(m), ("scipy.sparse",)),
        ]
    return out


def _passage(m: int) -> list[Row]:
    def easy(cells: int, barriers: tuple[float, ...]) -> Sweep:
        return multigrid(cells, (EASY,))

    tasks: list[tuple[str, Callable[[int, tuple[float, ...]], Sweep], tuple[str, ...], int]] = [
        (OURS, ours, NEEDS, 4096),
        ("SciPy by hand, staircase, MMD", staircase, SPARSE, 2048),
        ("pyamg, staircase", multigrid, (*SPARSE, "pyamg"), 1024),
        ("pyamg, staircase, a barrier it can do", easy, (*SPARSE, "pyamg"), 4096),
    ]
    return [
        Row(
            f"W5 passage {m}^2",
            name,
            lambda task=task: task(m, (BARRIER,)),  # type: ignore[misc]
            needs,
            series="W5 passage",
            cells=m * m,
            large=m > 1024,
        )
        for name, task, needs, most in tasks
        if m <= most
    ]


def products(cells: int, threads: int | None = None, depth: int | None = None) -> Task:
    """Terms of a Chebyshev sum of this program, all in one call."""
    from fokkerplanck.solvers.operator import Jump
    from fokkerplanck.solvers.recurrence import Recurrence

    given = Bowl(cells, 10)
    jump = Jump(bench_w3.problem(given)().generator())
    start = given.start().ravel() * given.spacing**2
    a, b, c = np.full(TERMS, 2.0), np.full(TERMS, -1.0), np.full(TERMS, 1.0 / TERMS)
    a[0], b[0] = 1.0, 0.0
    series = Recurrence(jump, start, 0.0, threads, depth)

    def judge(norms: Array) -> Metrics:
        return {"terms_in_a_pass": float(series.depth), "work": float(TERMS * cells**2)}

    return lambda: series.extend(a, b, c), floor(judge, TERMS * TRAFFIC * cells**2)


def compressed(cells: int) -> Task:
    """Compute the same recurrence with SciPy's product."""
    given = Bowl(cells, 10)
    matrix = nine_points(given).tocsr()
    matrix *= -1.0 / matrix.diagonal().min()
    start = given.start().ravel() * given.spacing**2

    def call() -> Array:
        old, now, total = start, start + matrix @ start, np.zeros_like(start)
        for _ in range(TERMS - 1):
            new = matrix @ now
            new += now
            new *= 2.0
            new -= old
            total += new / TERMS
            old, now = now, new
        return total

    def judge(total: Any) -> Metrics:
        return {"work": float(TERMS * cells**2)}

    return call, judge
