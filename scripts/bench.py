"""Benchmarks: this program and others, side by side.

``python scripts/bench.py`` runs every row in a fresh process and prints a table for each problem,
or Markdown (``--markdown``), or JSON (``--json``); ``--save FILE`` keeps the JSON. The other
programs come with ``pip install ".[bench]"``; those not installed are skipped with a note. ``--only
W3`` runs a part, ``--quick`` small grids, ``--large`` grids to 4096 x 4096 as well. ``--readme``
rewrites the tables of the README, ``--load FILE`` takes results saved before instead of new ones
(several times: later ones replace earlier ones).

Columns: errors (L1 against the exact cell averages; relative and signed, of times); smallest
density over the peak; mass error; seconds of the first complete call, imports excluded and
compilation included; median seconds of three or more further calls, as many as fit into
``--patience``, at least one unless the first took five times that; how many there were; that median
over ours; peak memory above that after the imports (of the whole
process for rows that run a command). "x floor" is the time over the least that any program needs
at the limits of the machine, which are measured in the same run: what must pass between memory and
processor once (the docstring of each workload says what), or the normals that must be drawn.

Rows of escape solve a problem at several barriers b, in temperatures: seconds of the first call at
the first barrier; median and largest seconds of one call over all barriers; median CPU seconds,
which other work on the machine disturbs less, and these over ours.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import bench_w1
import bench_w2
import bench_w3
import bench_w4
import bench_w5
import bench_w6
import bench_w7
import bench_w8
import bench_w9
import numpy as np
from bench_core import OURS, Row, Sweep
from bench_machine import limits
from bench_readme import rewrite, tables
from bench_tables import compared, exponents, markdown, show

WORKLOADS = (
    bench_w1, bench_w2, bench_w3, bench_w4, bench_w5, bench_w6, bench_w7, bench_w8, bench_w9
)  # fmt: skip
MARK = "BENCH-RESULT "
LIMITS = "limits"
#: Warm calls of a row, when they fit into the patience.
LEAST, MOST = 3, 7
#: Calls this short are repeated up to `MOST` times.
SHORT = 0.5
PEERS = (
    "numpy", "scipy", "numba", "fipy", "py-pde", "fplanck", "pyddm", "pychangcooper", "pyamg",
    "jax", "diffrax",
)  # fmt: skip
Result = dict[str, Any]


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="small grids, a few minutes in all")
    parser.add_argument("--large", action="store_true", help="grids to 4096 x 4096 as well")
    parser.add_argument(
        "--only", metavar="TEXT", action="append", default=[], help="rows whose name contains TEXT"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--save", metavar="FILE", type=Path, help="write the JSON object there")
    parser.add_argument(
        "--load", metavar="FILE", type=Path, action="append", default=[], help="results kept before"
    )
    parser.add_argument("--readme", action="store_true", help="rewrite the tables of README.md")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds that a row may take")
    parser.add_argument(
        "--patience",
        type=float,
        default=30.0,
        help="seconds after which no more warm calls are begun",
    )
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    rows = [row for workload in WORKLOADS for row in workload.rows(options.quick)]
    if options.row == LIMITS:
        print(MARK + json.dumps(limits()))
    elif options.row:
        row = next(r for r in rows if r.key == options.row)
        print(MARK + json.dumps(measure(row, options.patience)))
    elif options.list:
        print("\n".join(r.key + " (--large)" * r.large for r in rows))
    else:
        report(rows, options)


def report(rows: list[Row], options: argparse.Namespace) -> None:
    """Measure what was asked for, and print it."""
    where, results = loaded(options.load) if options.load else (machine(options), [])
    if not options.load:
        for row in rows:
            if chosen(row, options):
                results.append(run(row, options))
                save(results, where, options)  # what was measured is not lost
        results = compared(results, where)
    results += exponents(results)
    save(results, where, options)
    if options.json:
        print(json.dumps({"machine": where, "rows": results}, indent=2))
    elif options.readme:
        print(f"tables rewritten: {', '.join(rewrite(results)) or 'none'}")
        print("\n\n".join(f"{mark}\n{text}" for mark, text in tables(results).items()))
    elif options.markdown or not sys.stdout.isatty():
        print(markdown(results, where))
    else:
        show(results, where)


def save(results: list[Result], where: dict[str, Any], options: argparse.Namespace) -> None:
    """Write the JSON object where it was asked for."""
    if options.save:
        options.save.write_text(json.dumps({"machine": where, "rows": results}, indent=1) + "\n")


def chosen(row: Row, options: argparse.Namespace) -> bool:
    """Whether a row is to be run."""
    if row.large and not options.large:
        return False
    return not options.only or any(text.lower() in row.key.lower() for text in options.only)


def loaded(files: list[Path]) -> tuple[dict[str, Any], list[Result]]:
    """Results kept before; the same row in a later file replaces that in an earlier one."""
    where: dict[str, Any] = {}
    rows: dict[tuple[str, str], Result] = {}
    for file in files:
        kept = json.loads(file.read_text())
        where = kept["machine"]
        rows |= {(r["group"], r["name"]): r for r in kept["rows"] if "power of" not in r["group"]}
    return where, compared(list(rows.values()), where)


def run(row: Row, options: argparse.Namespace) -> Result:
    """Measure one row in a fresh process; what went wrong stands under "note"."""
    base: Result = {"group": row.group, "name": row.name}
    if row.series:
        base |= {"series": row.series, "cells": row.cells}
    if row.prepare is None:
        return base | {"note": row.cannot}
    missing = [m for m in row.needs if importlib.util.find_spec(m.split(".")[0]) is None]
    if missing:
        return base | {"note": f"skipped: {missing[0]} is not installed"}
    print(f"{row.key} ...", file=sys.stderr, flush=True)
    return base | process(row.key, options)


def process(key: str, options: argparse.Namespace) -> Result:
    """Run one row, or the limits of the machine, in a fresh process."""
    command = [sys.executable, __file__, "--row", key, "--patience", str(options.patience)]
    command += ["--quick"] * options.quick
    environment = {**os.environ, "FIPY_SOLVERS": "scipy", "PYTHONWARNINGS": "ignore"}
    environment |= {"JAX_PLATFORMS": "cpu"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=options.limit, env=environment
        )
    except subprocess.TimeoutExpired:
        return {"note": f"stopped after {options.limit:.0f} s"}
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            return dict(json.loads(line.removeprefix(MARK)))
    last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    return {"note": f"failed: {last[0][:150]}"}


def measure(row: Row, patience: float) -> Result:
    """Time a row in this process."""
    sys.argv = sys.argv[:1]  # FiPy reads options there
    for module in row.needs:
        importlib.import_module(module)
    before = peak_mb(resource.RUSAGE_SELF)
    assert row.prepare is not None
    task = row.prepare()
    if isinstance(task, Sweep):
        return swept(task, before, patience)
    call, judged = task
    first, _, result = timed(call)
    warm: list[float] = []
    while first + sum(warm) < (patience if warm else 5 * patience):
        if len(warm) >= (MOST if min([first, *warm]) < SHORT else LEAST):
            break
        wall, _, result = timed(call)
        warm.append(wall)
    children = peak_mb(resource.RUSAGE_CHILDREN)
    whole = peak_mb(resource.RUSAGE_SELF)
    memory = children if children > 1 else whole - before
    out: Result = {"first_s": first, "warm_s": statistics.median(warm) if warm else None}
    found = out | {"calls": len(warm), "memory_mb": memory, "peak_mb": whole} | judged(result)
    if "scale" in found:  # measured for a part only
        found |= {k: found[k] * found["scale"] for k in ("first_s", "warm_s") if found[k]}
    return found


def swept(task: Sweep, before: float, patience: float) -> Result:
    """Time a sweep, the first value once more than the others; each several times if fast."""
    first, _, _ = timed(task.ready[0]())
    times: list[tuple[float, ...]] = []
    found = []
    for ready in task.ready:
        call = ready()
        repeats = LEAST if first * LEAST * len(task.ready) < patience else 1
        done = [timed(call) for _ in range(repeats)]
        found.append(done[-1][2])
        if np.isfinite(found[-1]).all():  # giving up takes no time
            times.append(tuple(statistics.median(d[k] for d in done) for k in (0, 1)))
        del call
    wall, cpu = zip(*(times or [(first, first)]), strict=True)
    peak = peak_mb(resource.RUSAGE_SELF)
    return {
        "first_s": first,
        "warm_s": statistics.median(wall),
        "slowest_s": max(wall),
        "cpu_s": statistics.median(cpu),
        "memory_mb": peak - before,
        "peak_mb": peak,
        "warm_of_each_s": wall,
    } | task.judge(found)


def timed(call: Any) -> tuple[float, float, Any]:
    """Seconds of a call, CPU seconds of this process in it, and what it returned."""
    start, used = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - start, time.process_time() - used, result


def peak_mb(who: int) -> float:
    """Peak resident memory so far (Linux counts in kB, macOS in bytes)."""
    return resource.getrusage(who).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def machine(options: argparse.Namespace) -> dict[str, Any]:
    """Where and with what this is measured, and what the machine can do."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in (OURS, *PEERS):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "cpus": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": found,
    } | process(LIMITS, options)


if __name__ == "__main__":
    main()
