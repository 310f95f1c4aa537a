"""Tables of a sweep on a terminal: points, quantities, and slopes beside the predicted ones."""

from __future__ import annotations

import itertools
import json
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fokkerplanck.sweep_data import SweepResult
from fokkerplanck.sweep_fit import default_quantities
from fokkerplanck.terminal import number, plain_table, table

if TYPE_CHECKING:
    from fokkerplanck.sweep_fit import Fit, Line

__all__ = ["describe_sweep", "print_sweep", "print_sweep_info", "shown_quantities"]

#: what is shown of a result, in this order; the rest is in the file
SHOWN = (
    r"passage\.(?!.*\.(reactive|survival|refined)\.).*\.log10_mean",
    r"quasi_stationary\..*\.rate",
    r"stationary\.basin_masses\.\d+",
    r"rates\.rates\.(\d+)\.(?!\1\Z)\d+",
    r"spectrum\.0",
)
MOST_COLUMNS = 6
MOST_ROWS = 40
#: columns of a terminal that the status of a point needs
MARGIN = 8
#: relative difference of slopes below which they are the same
ROUNDING = 1e-10
#: most messages of failed points, and most fits
MOST_MESSAGES, MOST_FITS = 10, 12
COLOURS = {"failed": "yellow", "crashed": "bold red", "missing": "dim"}


def print_sweep(
    result: SweepResult, fitted: Sequence[Fit], quantities: Sequence[str] | None = None
) -> None:
    """Print points, fits, and what went wrong."""
    console = Console()
    if result.title:
        console.print(f"\n[bold]{escape(result.title)}[/bold]")
    _print_points(console, result, quantities or shown_quantities(result))
    _print_fits(console, fitted)
    _print_messages(console, result)
    if result.path is not None:
        console.print(f"[bold]{escape(str(result.path))}[/bold]", soft_wrap=True)


def print_sweep_info(result: SweepResult, fitted: Sequence[Fit]) -> None:
    """Print what a sweep holds, its fits, and the case that was varied."""
    console = Console()
    header = result.header
    facts = plain_table()
    axes = [f"{k} = {_list(v)}" for k, v in zip(header.keys, header.values, strict=True)]
    how = "side by side" if header.zipped else "full grid"
    rows = [
        ("file", str(result.path)),
        ("title", header.title),
        ("points", f"{' x '.join(map(str, header.shape))} ({how}): {_tally(result)}"),
        ("varied", "\n".join(axes)),
        ("versions", ", ".join(f"{name} {v}" for name, v in header.versions.items())),
    ]
    for name, value in rows:
        facts.add_row(name, escape(value))
    console.print(facts)
    console.print("\n[bold]quantities[/bold]")
    # indices of lists as one: curvatures.0, curvatures.1
    names = dict.fromkeys(re.sub(r"\.\d+(?=\.|\Z)", ".N", name) for name in result.scalars)
    console.print(escape(textwrap.indent("\n".join(names), "  ")), highlight=False)
    _print_fits(console, fitted)
    _print_messages(console, result)
    console.print("\n[bold]case[/bold]")
    console.print(escape(textwrap.indent(header.case.rstrip(), "  ")), highlight=False)


def shown_quantities(result: SweepResult) -> list[str]:
    """Return the quantities that a table shows unless asked otherwise."""
    found = [n for p in SHOWN for n in result.scalars if re.fullmatch(p, n)]
    return (found or default_quantities(result) or list(result.scalars))[:MOST_COLUMNS]


def _print_points(console: Console, result: SweepResult, quantities: Sequence[str]) -> None:
    rows = result.header.rows()
    half = MOST_ROWS // 2
    long = len(rows) > MOST_ROWS
    shown = [*range(half), *range(len(rows) - half, len(rows))] if long else range(len(rows))
    keys, found = result.header.keys, [(name, result.quantity(name)) for name in quantities]
    columns = [(_head(key), [_value(rows[k][i]) for k in shown]) for i, key in enumerate(keys)]
    more = [(_head(name), [number(float(c[k])) for k in shown]) for name, c in found]
    fitting = _fitting(columns, more, console.width - MARGIN)
    columns += more[:fitting]
    made = table(*((head, "right") for head, _ in columns), ("", "left"))
    for column in made.columns:
        column.no_wrap = True
    for line, k in enumerate(shown):
        if long and line == half:
            made.add_row(f"... {len(rows) - MOST_ROWS} more")
        status = result.status[k]
        mark = "" if status == "done" else f"[{COLOURS[status]}]{status}[/{COLOURS[status]}]"
        made.add_row(*(escape(cells[line]) for _, cells in columns), mark)
    console.print(made)
    if fitting < len(more):
        console.print(f"[dim]{len(more) - fitting} more: see --quantity[/dim]")


def _fitting(
    first: Sequence[tuple[str, list[str]]], more: Sequence[tuple[str, list[str]]], width: int
) -> int:
    """Count the columns that have room beside the first ones; one at least."""
    widths = [1 + max(map(len, [*head.split("\n"), *cells])) for head, cells in (*first, *more)]
    sums = list(itertools.accumulate(widths))[len(first) :]
    return max(1, sum(s <= width for s in sums))


def _head(path: str) -> str:
    """Break a path into the lines of a head: two parts, indices with the part before them."""
    return re.sub(r"\.(?!\d)", "\n", path)


def _print_fits(console: Console, fitted: Sequence[Fit]) -> None:
    groups: dict[tuple[str, str], list[Fit]] = {}
    for fit in (f for f in fitted if not f.bent):
        groups.setdefault((fit.ordinate, fit.against), []).append(fit)
    for (name, against), members in groups.items():
        counts = {found.count for f in members for found in (f.line, *f.lines.values())}
        points = f", {min(counts)} points" if len(counts) == 1 else ""
        title = f"\n[bold]{escape(name)}[/bold] against [bold]{escape(against)}[/bold]{points}"
        console.print(title, highlight=False)
        console.print(_lines(members[:MOST_FITS], counted=len(counts) > 1))
        if len(members) > MOST_FITS:
            console.print(f"... {len(members) - MOST_FITS} more series: see --json")


def _lines(fitted: Sequence[Fit], *, counted: bool) -> Table:
    """Tabulate slopes: of all points, and between the two at either end of the abscissa.

    ``off`` is how far a law's slope is from the computed one, ``outside`` counts the points that
    the law itself says are outside its range.
    """
    series = any(fit.series for fit in fitted)
    heads = ["slope", "±", "off", "low", "high"]
    heads += ["points"] if counted else []
    if outside := any(n for fit in fitted for n in fit.outside.values()):
        heads.append("outside")
    made = table(("", "left"), *((head, "right") for head in heads))
    for column in made.columns:
        column.no_wrap = True
    for fit in fitted:
        name = ", ".join(f"{k.rpartition('.')[2]} = {_value(v)}" for k, v in fit.series.items())
        more = [str(fit.line.count)] if counted else []
        made.add_row(escape(name) if series else "computed", *_cells(fit.line, None), *more)
        for law, found in fit.lines.items():
            more = [str(found.count)] if counted else []
            if outside:
                more.append(f"[yellow]{fit.outside[law]}[/yellow]" if fit.outside[law] else "0")
            made.add_row(f"  {escape(law)}", *_cells(found, fit.line.slope), *more)
    return made


def _cells(found: Line, computed: float | None) -> list[str]:
    off = None if not computed else found.slope / computed - 1
    error = found.slope_error if math.isfinite(found.slope_error) else None
    return [
        number(found.slope),
        "-" if error is None else f"{error:.0e}",
        "" if off is None else f"{100 * off:+.2g} %" if abs(off) > ROUNDING else "0 %",
        number(found.low, 5),
        number(found.high, 5),
    ]


def _print_messages(console: Console, result: SweepResult) -> None:
    tally = result.tally()
    if set(tally) == {"done"}:
        return
    console.print(f"\n{len(result)} points: {_tally(result)}")
    rows = result.header.rows()
    by_message: dict[str, list[int]] = {}
    for k, message in result.messages.items():
        by_message.setdefault(message, []).append(k)
    for message, members in list(by_message.items())[:MOST_MESSAGES]:
        values = zip(result.header.keys, rows[members[0]], strict=True)
        where = ", ".join(f"{key} = {_value(v)}" for key, v in values)
        others = f" and {len(members) - 1} more" if len(members) > 1 else ""
        status = result.status[members[0]]
        text = escape(f"{where}{others}: {message}")
        console.print(f"[{COLOURS[status]}]{status}[/{COLOURS[status]}] {text}", highlight=False)
    if len(by_message) > MOST_MESSAGES:
        console.print(f"... {len(by_message) - MOST_MESSAGES} other messages: see --json")


def _tally(result: SweepResult) -> str:
    return ", ".join(f"{n} {status}" for status, n in result.tally().items())


def _list(values: Sequence[Any]) -> str:
    shown = [_value(v) for v in values]
    if len(shown) > 10:
        shown = [*shown[:5], "...", *shown[-5:]]
    return f"{', '.join(shown)} ({len(values)})"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)


def describe_sweep(result: SweepResult, fitted: Sequence[Fit]) -> Mapping[str, Any]:
    """Return what ``info --json`` prints."""
    header = result.header
    versions = {"case": header.case, "case_hash": header.case_hash}
    return {**result.json(fitted), **versions, "versions": dict(header.versions)}
