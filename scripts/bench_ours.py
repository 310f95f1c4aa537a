"""Rows of this program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench_core import Bowl, Metrics, Parabola, Row, Task, judge

__all__ = ["rows"]

EVOLVE = ("numpy", "scipy.linalg", "numba", "sympy", "fokkerplanck.density")
CASES = Path(__file__).resolve().parent.parent / "cases"


def rows(quick: bool) -> list[Row]:
    """All rows of ours; `quick` has small grids only."""
    out = []
    for n in (256,) if quick else (256, 1024, 4096):
        out.append(Row(f"W1 {n} cells", "fokkerplanck", lambda n=n: _parabola(n), EVOLVE))
        out.append(
            Row(
                f"W1 {n} cells",
                "fokkerplanck, method fipy",
                lambda n=n: _parabola(n, "fipy", 1e-6),
                (*EVOLVE, "fipy"),
            )
        )
    m = 64 if quick else 256
    for r in (10,) if quick else (1, 10, 100, 1000):
        out.append(Row(f"W3 {m}^2, r = {r}", "fokkerplanck", lambda r=r: _bowl(m, r), EVOLVE))
    rest = (*EVOLVE, "fokkerplanck.steady_state")
    out.append(Row(f"stationary {m}^2, driven", "fokkerplanck", lambda: _stationary(m), rest))
    for n in (64,) if quick else (256, 512):
        out.append(Row(f"assembly {n}^2", "fokkerplanck", lambda n=n: _assembly(n), EVOLVE))
    for name in ("double_well_1d", "double_well_2d"):
        out.append(Row(f"run {name}", "fokkerplanck", lambda name=name: _command(name), ("numba",)))
    if not quick:
        big = ("grid.x.cells=512", "grid.y.cells=512")
        task = lambda: _command("double_well_2d", big)  # noqa: E731
        out.append(Row("run double_well_2d at 512^2", "fokkerplanck", task, ("numba",)))
    return out


def _parabola(cells: int, method: str = "auto", tolerance: float = 1e-8) -> Task:
    from fokkerplanck.density import evolve
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import from_expression
    from fokkerplanck.noise import white
    from fokkerplanck.problem import Problem

    given = Parabola(cells)
    grid = Grid.line(given.low, given.high, cells)
    loss, start = from_expression("x**2 / 2", dim=1), given.start()
    start = start / (start.sum() * given.spacing)

    def call() -> Any:
        problem = Problem(grid, loss, white(given.diffusion))
        found = evolve(problem, start, [1.0], method=method, tolerance=tolerance)
        return found.density[0]

    return call, lambda p: judge(p, given.exact(), given.spacing)


def _problem(given: Bowl) -> Any:
    from fokkerplanck.forces import expressions
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import from_expression
    from fokkerplanck.noise import tensor
    from fokkerplanck.problem import Problem

    side = (-given.half, given.half, given.cells)
    force = None
    if given.swirl:
        force = expressions((f"{-given.swirl} * y", f"{given.swirl} * x"))
    loss = from_expression("(x**2 + y**2) / 2", dim=2)
    return lambda: Problem(Grid.plane(side, side), loss, tensor(given.tensor), force)


def _bowl(cells: int, ratio: float) -> Task:
    from fokkerplanck.density import evolve

    given = Bowl(cells, ratio)
    problem, start = _problem(given), given.start()
    start = start / (start.sum() * given.spacing**2)
    return (
        lambda: evolve(problem(), start, [1.0], tolerance=1e-6).density[0],
        lambda p: judge(p, given.exact(), given.spacing**2),
    )


def _stationary(cells: int) -> Task:
    from fokkerplanck.steady_state import stationary

    given = Bowl(cells, 10, swirl=2.0)
    problem = _problem(given)
    return (
        lambda: stationary(problem()).density,
        lambda p: judge(p, given.at_rest(), given.spacing**2),
    )


def _assembly(cells: int) -> Task:
    from fokkerplanck.solvers.assemble import assemble

    fields = _problem(Bowl(cells, 10))().fields()
    return lambda: assemble(fields), lambda q: {"links": float(q.tail.size)}


def _command(name: str, changes: tuple[str, ...] = ()) -> Task:
    """Time the whole command in a process of its own; the first one compiles everything."""
    folder = tempfile.TemporaryDirectory()
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(Path(folder.name) / "cache")}
    start = "from fokkerplanck.cli import main; main()"
    output = str(Path(folder.name) / "out.h5")
    command = [sys.executable, "-c", start, "run", str(CASES / f"{name}.toml"), "-o", output]
    command += ["--force", "--json"] + [part for c in changes for part in ("--set", c)]

    def call() -> str:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-300:])
        return done.stdout

    def measure(printed: str) -> Metrics:
        folder.cleanup()
        return {"mass_error": float(json.loads(printed)["mass_error"])}

    return call, measure
