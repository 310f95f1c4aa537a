"""W8: how long commands take from the shell, the first time and later.

Every call is a process of its own. The first one of a run finds no compiled kernels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_core import OURS, Metrics, Row, Task

__all__ = ["rows"]

CASES = Path(__file__).resolve().parent.parent / "cases"
#: What is imported before anything can be solved.
IMPORTS = {
    OURS: ("fokkerplanck", "from fokkerplanck import evolve, stationary, mean_first_passage"),
    "FiPy": ("fipy", "import fipy"),
    "py-pde": ("pde", "import pde"),
    "fplanck": ("fplanck", "import numpy; numpy.product = numpy.prod; import fplanck"),
    "PyDDM": ("pyddm", "import pyddm"),
    "JAX": ("jax", "import jax"),
}


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` leaves the larger runs out."""
    out = [Row("W8 --help", OURS, lambda: command("--help"))]
    out += [Row("W8 import", name, lambda c=c: bare(c), (m,)) for name, (m, c) in IMPORTS.items()]
    for name in ("double_well_1d",) if quick else ("double_well_1d", "double_well_2d"):
        out.append(Row(f"W8 run {name}", OURS, lambda name=name: run(name)))
    if not quick:
        big = ("grid.x.cells=512", "grid.y.cells=512")
        out.append(Row("W8 run double_well_2d, 512^2", OURS, lambda: run("double_well_2d", big)))
    return out


def command(*words: str) -> Task:
    """Time the command; the first call of `run` compiles what it needs."""
    start = "from fokkerplanck.cli import main; main()"
    return bare(start, *words)


def run(name: str, changes: tuple[str, ...] = ()) -> Task:
    """Time `run` of a case."""
    folder = tempfile.TemporaryDirectory()
    words = ["run", str(CASES / f"{name}.toml"), "-o", str(Path(folder.name) / "out.h5")]
    words += ["--force", "--json"] + [part for c in changes for part in ("--set", c)]
    call, _ = command(*words)

    def judge(printed: str) -> Metrics:
        folder.cleanup()
        return {"mass_error": float(json.loads(printed)["mass_error"])}

    return call, judge


def bare(code: str, *words: str) -> Task:
    """Time a fresh interpreter; its kernels are kept in a folder of their own."""
    folder = tempfile.TemporaryDirectory()
    environment = {**os.environ, "NUMBA_CACHE_DIR": folder.name}

    def call() -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-300:])
        return done.stdout

    def judge(printed: str) -> Metrics:
        folder.cleanup()
        return {}

    return call, judge
