"""Results of benchmarks as tables: on a terminal, and in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from bench_core import OURS

__all__ = ["FITTED_FROM", "compared", "exponents", "line", "markdown", "seconds", "show"]

Result = dict[str, Any]
Column = tuple[str, str, str]
COLUMNS: tuple[Column, ...] = (
    ("l1", "L1 error", "{:.2e}"),
    ("minimum", "min / peak", "{:.1e}"),
    ("mass_error", "mass error", "{:.1e}"),
    ("mean_square", "mean square", "{:.4f}"),
    ("first_s", "first s", "{:.3g}"),
    ("warm_s", "warm s", "{:.3g}"),
    ("calls", "calls", "{:d}"),
    ("slowest_s", "slowest s", "{:.3g}"),
    ("times_ours", "x ours", "{:.3g}"),
    ("cpu_s", "CPU s", "{:.3g}"),
    ("cpu_times_ours", "x ours", "{:.3g}"),
    ("per_s", "per s", "{:.3g}"),
    ("times_floor", "x floor", "{:.3g}"),
    ("memory_mb", "memory MB", "{:.0f}"),
    ("peak_mb", "peak MB", "{:.0f}"),
)
#: Quantities whose growth with the cells is fitted.
GROWING = (("warm_s", "time"), ("memory_mb", "memory"))
#: Sizes from which on growth is fitted.
FITTED_FROM = 512**2


def compared(results: list[Result], machine: dict[str, Any]) -> list[Result]:
    """Add what rows take over ours in the same group, over their floor, and their speed."""
    ours = {r["group"]: r for r in results if r["name"] == OURS}
    return [r | _ratios(r, ours.get(r["group"], {}), machine) for r in results]


def _ratios(r: Result, own: Result, machine: dict[str, Any]) -> Result:
    out: Result = {}
    spent = seconds(r)
    if r["name"] != OURS:
        for name, of in (("times_ours", seconds), ("cpu_times_ours", lambda r: r.get("cpu_s"))):
            if of(own) and of(r):
                out[name] = of(r) / of(own)
    if spent and r.get("work"):
        out["per_s"] = r["work"] / spent
    least = r.get("floor_bytes", 0.0) / machine.get("triad", math.inf)
    least += r.get("floor_normals", 0.0) / machine.get("normals", math.inf)
    if spent and least:
        out |= {"floor_s": least, "times_floor": spent / least}
    return out


def seconds(result: Result) -> float | None:
    """Warm seconds, or the first ones where there was no time for a second call."""
    return result.get("warm_s") or result.get("first_s")


def exponents(results: list[Result]) -> list[Result]:
    """Powers of the number of cells with which time and memory grow, from 512^2 up."""
    series: dict[tuple[str, str], list[Result]] = {}
    for r in results:
        if r.get("series") and "note" not in r:
            series.setdefault((r["series"], r["name"]), []).append(r)
    out = []
    for (group, name), members in series.items():
        large = [r for r in members if r["cells"] >= FITTED_FROM]
        used = large if len(large) > 1 else members
        if len(used) < 2:
            continue
        cells = np.log([r["cells"] for r in used])
        found = {}
        for key, title in GROWING:
            values = [seconds(r) if key == "warm_s" else r.get(key) for r in used]
            if all(values):
                found[title] = float(np.polyfit(cells, np.log(values), 1)[0])
        sizes = f"{math.isqrt(used[0]['cells'])}^2 to {math.isqrt(used[-1]['cells'])}^2"
        out.append(
            {"group": f"{group}, power of the cells", "name": f"{name}, {sizes}", "errors": found}
        )
    return out


def columns(members: list[Result]) -> list[Column]:
    """Columns of a table: those that any of its rows has something in."""
    labels = dict.fromkeys(label for r in members for label in r.get("errors", ()))
    used = [c for c in COLUMNS if any(r.get(c[0]) is not None for r in members)]
    return [(label, label, "{:.2g}") for label in labels] + used


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


def about(machine: dict[str, Any]) -> str:
    """Describe the machine in two sentences."""
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items())
    text = f"{machine['machine']}, {machine['cpus']} CPUs, Python {machine['python']}; {versions}."
    if "triad" in machine:
        text += (
            f" Limits: {machine['triad_1'] / 1e9:.1f} GB/s on one thread and"
            f" {machine['triad'] / 1e9:.1f} on {machine['threads']:.0f}"
            f" (triad of three arrays); {machine['normals'] / 1e6:.0f} million normals per second"
            f" (NumPy {machine['normals_numpy'] / 1e6:.0f}, compiled Box-Muller"
            f" {machine['normals_box_muller'] / 1e6:.0f}); real transforms of"
            f" {machine['fft_per_s'] / 1e6:.0f} million points per second."
        )
    return text


def markdown(results: list[Result], machine: dict[str, Any]) -> str:
    """Tables for the documentation."""
    lines = [about(machine), ""]
    for group, members in grouped(results).items():
        shown = columns(members)
        head = ["", *(title for _, title, _ in shown)]
        lines += [f"### {group}", "", line(head), line(["---"] * len(head))]
        lines += [line(cells(r, shown)) for r in members] + [""]
    return "\n".join(lines)


def line(entries: Sequence[str]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(entries) + " |"


def show(results: list[Result], machine: dict[str, Any]) -> None:
    """Print tables to the terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    console.print(about(machine))
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
