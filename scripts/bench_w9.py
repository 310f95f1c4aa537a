"""W9: mean passage times of a 1-D well at many temperatures: a sweep, and loops over single runs.

A loop over processes is measured at a few points and multiplied.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench_core import OURS, Array, Metrics, Row, Task

__all__ = ["rows"]

CASE = """
[grid]
x = { min = -2.4, max = 2.4, cells = 512 }
[landscape]
kind = "quartic"
[noise]
kind = "white"
temperature = 0.05
[[passage]]
name = "over"
from = { centre = [-1.0] }
to = { centre = [1.0] }
"""
KEY = "noise.temperature"
NEEDS = ("numpy", "numba", "sympy", "fokkerplanck.sweep", "fokkerplanck.run")


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` has a tenth of the points."""
    n = 20 if quick else 200
    w = f"W9 {n} points"
    few = 4 if quick else 10
    return [
        Row(w, OURS, lambda: sweep(n, None), NEEDS),
        Row(w, f"{OURS}, one process", lambda: sweep(n, 0), NEEDS),
        Row(w, "loop over run_case", lambda: loop(n), NEEDS),
        Row(w, f"loop over `run`, {few} points multiplied", lambda: commands(n, few)),
        Row(w, "SciPy quadrature by hand, a loop", lambda: by_hand(n), ("scipy.integrate",)),
    ]


def temperatures(points: int) -> Array:
    """Barriers of 2 to 40 temperatures."""
    return np.asarray(0.25 / np.geomspace(2.0, 40.0, points))


def sweep(points: int, workers: int | None) -> Task:
    """`run_sweep`, with a file."""
    from fokkerplanck.sweep import run_sweep

    folder, case = _case()
    values = {KEY: temperatures(points).tolist()}

    def call() -> Any:
        output = Path(folder.name) / "sweep.h5"
        return run_sweep(case, values, output, force=True, workers=workers)

    return call, lambda found: _judge(found, points, folder)


def _judge(found: Any, points: int, folder: tempfile.TemporaryDirectory[str]) -> Metrics:
    folder.cleanup()
    return {"work": float(points)}


def loop(points: int) -> Task:
    """Run the case again and again in this process, a file each."""
    from fokkerplanck.case import load_case
    from fokkerplanck.run import run_case

    folder, case = _case()

    def call() -> None:
        for t in temperatures(points):
            loaded = load_case(case, (f"{KEY}={float(t)!r}",))
            run_case(loaded, Path(folder.name) / "one.h5", force=True)

    return call, lambda found: _judge(found, points, folder)


def commands(points: int, few: int) -> Task:
    """Call the command again and again; `scale` says how many times this is to be taken."""
    folder, case = _case()
    start = "from fokkerplanck.cli import main; main()"
    output = str(Path(folder.name) / "one.h5")

    def call() -> None:
        for t in temperatures(points)[:: points // few][:few]:
            words = [
                "run",
                str(case),
                "-o",
                output,
                "--force",
                "--json",
                "--set",
                f"{KEY}={float(t)!r}",
            ]
            subprocess.run(
                [sys.executable, "-c", start, *words],
                env=os.environ,
                capture_output=True,
                check=True,
            )

    return call, lambda found: _judge(found, points, folder) | {"scale": points / few}


def by_hand(points: int) -> Task:
    """Double integral of theory in SciPy: what a loop costs that checks and keeps nothing."""
    from scipy.integrate import cumulative_simpson, simpson

    x = np.linspace(-2.4, 1.0, 513)
    climb = (x**2 - 1) ** 2 / 4
    over = x >= -1.0 - 1e-9

    def call() -> Array:
        found = []
        for t in temperatures(points):
            below = cumulative_simpson(np.exp(-climb / t), x=x, initial=0)
            found.append(simpson((np.exp(climb / t) * below)[over], x=x[over]) / t)
        return np.array(found)

    return call, lambda found: {"work": float(points)}


def _case() -> tuple[tempfile.TemporaryDirectory[str], Path]:
    folder = tempfile.TemporaryDirectory()
    case = Path(folder.name) / "well.toml"
    case.write_text(CASE)
    return folder, case
