"""Run the benchmarks: this program and others, side by side.

``python scripts/bench.py`` runs every row in a fresh process, prints a table for each problem and
the same in Markdown with ``--markdown``. Programs that are not installed are skipped with a note.

Columns: L1 error against the exact cell averages; smallest density over the peak; mass error;
seconds of the first complete call, imports excluded and compilation included; median seconds of
up to three more calls; that median over ours; peak memory above that after the imports (of the
whole process for rows that run the command).

Rows of escape solve a problem at several barriers b, in temperatures: errors of each (relative, of
a mean passage time; L1, of a density); seconds of the first call at the first barrier; median and
largest seconds of one call over all barriers; median CPU seconds, which other work on the machine
disturbs less, and these over ours; peak memory, and that of the whole process.
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
from collections.abc import Sequence
from typing import Any

import bench_escape
import bench_escape_peers
import bench_ours
import bench_peers
import numpy as np
from bench_core import Row, Sweep

OURS = "fokkerplanck"
MARK = "BENCH-RESULT "
#: No more warm calls once this many seconds are spent.
PATIENCE = 20.0
COLUMNS = (
    ("l1", "L1 error", "{:.2e}"),
    ("minimum", "min / peak", "{:.1e}"),
    ("mass_error", "mass error", "{:.1e}"),
    ("first_s", "first s", "{:.3g}"),
    ("warm_s", "warm s", "{:.3g}"),
    ("slowest_s", "slowest s", "{:.3g}"),
    ("times_ours", "x ours", "{:.3g}"),
    ("cpu_s", "CPU s", "{:.3g}"),
    ("cpu_times_ours", "x ours", "{:.3g}"),
    ("memory_mb", "memory MB", "{:.0f}"),
    ("peak_mb", "peak MB", "{:.0f}"),
)
Result = dict[str, Any]


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="small grids, a minute in all")
    parser.add_argument("--only", metavar="TEXT", default="", help="rows whose name contains TEXT")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--markdown", action="store_true", help="print Markdown tables")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds that a row may take")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    options = parser.parse_args()
    files = (bench_ours, bench_peers, bench_escape, bench_escape_peers)
    rows = [row for file in files for row in file.rows(options.quick)]
    if options.row:
        print(MARK + json.dumps(measure(next(r for r in rows if r.key == options.row))))
        return
    # ours first in every group, whatever the order of the files
    groups = list(dict.fromkeys(r.group for r in rows))
    rows.sort(key=lambda r: groups.index(r.group))
    chosen = [r for r in rows if options.only.lower() in r.key.lower()]
    results = compared([run(r, options) for r in chosen])
    if options.json:
        print(json.dumps({"machine": machine(), "rows": results}, indent=2))
    elif options.markdown:
        print(markdown(results))
    else:
        show(results)


def run(row: Row, options: argparse.Namespace) -> Result:
    """Measure one row in a fresh process; what went wrong stands under "note"."""
    base: Result = {"group": row.group, "name": row.name}
    if row.prepare is None:
        return base | {"note": row.cannot}
    missing = [m for m in row.needs if importlib.util.find_spec(m.split(".")[0]) is None]
    if missing:
        return base | {"note": f"skipped: {missing[0]} is not installed"}
    print(f"{row.key} ...", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--row", row.key] + ["--quick"] * options.quick
    environment = {**os.environ, "FIPY_SOLVERS": "scipy", "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=options.limit, env=environment
        )
    except subprocess.TimeoutExpired:
        return base | {"note": f"stopped after {options.limit:.0f} s"}
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            return base | json.loads(line.removeprefix(MARK))
    last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    return base | {"note": f"failed: {last[0][:150]}"}


def measure(row: Row) -> Result:
    """Time a row in this process."""
    sys.argv = sys.argv[:1]  # FiPy reads options there
    for module in row.needs:
        importlib.import_module(module)
    before = peak_mb(resource.RUSAGE_SELF)
    assert row.prepare is not None
    task = row.prepare()
    if isinstance(task, Sweep):
        return swept(task, before)
    call, judged = task
    first, _, result = timed(call)
    warm: list[float] = []
    while len(warm) < 3 and first + sum(warm) < PATIENCE:
        wall, _, result = timed(call)
        warm.append(wall)
    children = peak_mb(resource.RUSAGE_CHILDREN)
    memory = children if children > 1 else peak_mb(resource.RUSAGE_SELF) - before
    out: Result = {"first_s": first, "warm_s": statistics.median(warm) if warm else None}
    return out | {"memory_mb": memory} | judged(result)


def swept(task: Sweep, before: float) -> Result:
    """Time a sweep, the first value once more than the others; each several times if fast."""
    first, _, _ = timed(task.ready[0]())
    times: list[tuple[float, ...]] = []
    found = []
    for ready in task.ready:
        call = ready()
        repeats = 3 if first * 3 * len(task.ready) < PATIENCE else 1
        done = [timed(call) for _ in range(repeats)]
        found.append(done[-1][2])
        if not np.isnan(found[-1]).any():  # giving up takes no time
            times.append(tuple(statistics.median(d[k] for d in done) for k in (0, 1)))
        del call
    wall, cpu = zip(*times, strict=True)
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


def compared(results: list[Result]) -> list[Result]:
    """Add to each row its time over that of ours in the same group."""
    ours = {r["group"]: r for r in results if r["name"] == OURS}
    out = []
    for r in results:
        own = ours.get(r["group"], {}) if r["name"] != OURS else {}
        ratios = {}
        for name, of in (("times_ours", seconds), ("cpu_times_ours", lambda r: r.get("cpu_s"))):
            if of(own) and of(r):
                ratios[name] = of(r) / of(own)
        out.append(r | ratios)
    return out


def seconds(result: Result) -> float | None:
    """Warm seconds, or the first ones where there was no time for a second call."""
    return result.get("warm_s") or result.get("first_s")


Column = tuple[str, str, str]


def columns(members: list[Result]) -> list[Column]:
    """Columns of a table: those that any of its rows has something in."""
    labels = dict.fromkeys(label for r in members for label in r.get("errors", ()))
    used = [c for c in COLUMNS if any(r.get(c[0]) is not None for r in members)]
    return [(label, label, "{:.1e}") for label in labels] + used


def cells(result: Result, shown: list[Column]) -> list[str]:
    """Entries of one line of a table."""
    if "note" in result:
        return [result["name"], result["note"], *[""] * (len(shown) - 1)]
    values = result | result.get("errors", {})
    return [result["name"], *(_entry(values.get(key), form) for key, _, form in shown)]


def _entry(value: Any, form: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return form.format(value)


def grouped(results: list[Result]) -> dict[str, list[Result]]:
    """Results by problem, in order."""
    out: dict[str, list[Result]] = {}
    for r in results:
        out.setdefault(r["group"], []).append(r)
    return out


def machine() -> dict[str, Any]:
    """Where and with what this was measured."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in (OURS, "numpy", "scipy", "numba", "fipy", "py-pde", "fplanck", "pyddm"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "cpus": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": found,
    }


def about() -> str:
    """Describe the machine in one sentence."""
    m = machine()
    versions = ", ".join(f"{k} {v}" for k, v in m["versions"].items())
    return f"{m['machine']}, {m['cpus']} CPUs, Python {m['python']}; {versions}."


def markdown(results: list[Result]) -> str:
    """Tables for the documentation."""
    lines = [about(), ""]
    for group, members in grouped(results).items():
        shown = columns(members)
        head = ["", *(title for _, title, _ in shown)]
        lines += [f"### {group}", "", _line(head), _line(["---"] * len(head))]
        lines += [_line(cells(r, shown)) for r in members] + [""]
    return "\n".join(lines)


def _line(entries: Sequence[str]) -> str:
    return "| " + " | ".join(entries) + " |"


def show(results: list[Result]) -> None:
    """Print tables to the terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(about())
    for group, members in grouped(results).items():
        table = Table(title=group, title_justify="left")
        table.add_column("")
        shown = columns(members)
        for _, title, _ in shown:
            table.add_column(title, justify="right")
        for r in members:
            style = "bold" if r["name"] == OURS else None
            table.add_row(*cells(r, shown), style=style)
        console.print(table)


if __name__ == "__main__":
    main()
