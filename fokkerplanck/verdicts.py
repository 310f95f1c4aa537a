"""Tables of ``verify`` for a terminal: predictions by number, then cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fokkerplanck.report import print_verification

__all__ = ["print_listing", "print_verdicts"]

Rows = Sequence[Mapping[str, Any]]

#: of the columns of numbers
WIDTH = 11
VERDICT = {True: "[green]pass[/green]", False: "[bold red]FAIL[/bold red]"}
OUTSIDE = {True: "[yellow](pass)[/yellow]", False: "[bold red](FAIL)[/bold red]"}


def print_verdicts(outcome: Mapping[str, Any]) -> None:
    """Print the verdicts of ``verify`` from its JSON object."""
    console = Console()
    predictions = [row for row in outcome["results"] if row["case"] is None]
    for (number, name), rows in groupby(predictions, lambda r: (r["source"], r["name"])):
        _print_entry(console, f"{number}  {name}", list(rows))
    if not all(row["valid"] or "error" in row for row in predictions):
        console.print("\n(in brackets: outside of the range of the formula)", style="dim")
    cases = [row for row in outcome["results"] if row["case"] is not None]
    print_verification({**outcome, "results": cases})


def _print_entry(console: Console, title: str, rows: Rows) -> None:
    console.print()
    console.print(title, style="bold", markup=False, highlight=False)
    for k, table in enumerate(_tables([row for row in rows if "error" not in row])):
        if k:
            console.print()
        console.print(table)
    for row in rows:
        if "error" in row:
            console.print(f"[bold red]not solved[/bold red]: {escape(row['error'])}")


def print_listing(entries: Sequence[Mapping[str, str]]) -> None:
    """Print which predictions there are."""
    table = Table("", "prediction", "checked", box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for entry in entries:
        table.add_row(*(escape(entry[key]) for key in ("source", "name", "about")))
    Console().print(table)


def _tables(rows: Rows) -> Iterator[Table]:
    """One table for each thing that is compared with, its name over the first column."""
    for against in dict.fromkeys(row["prediction"] for row in rows):
        table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False)
        table.add_column(f"against {escape(against)}", min_width=34, overflow="fold")
        for name, width in (
            ("computed", WIDTH),
            ("predicted", WIDTH),
            ("error", 5),
            ("allowed", 8),
        ):
            table.add_column(name, justify="right", min_width=width)
        table.add_column("", min_width=4)
        for row in rows:
            if row["prediction"] == against:
                table.add_row(*_cells(row))
        yield table


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    absolute, error = row["atol"] is not None, row["relative_error"]
    if absolute and row["computed"] is not None:
        error = abs(row["computed"] - row["predicted"])
    return (
        escape(row["quantity"]),
        _number(row["computed"]),
        _number(row["predicted"]),
        "-" if error is None else f"{error:.0e}",
        ("\u00b1" if absolute else "") + f"{row['tolerance']:.2g}",
        (VERDICT if row["valid"] else OUTSIDE)[row["pass"]],
    )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    text = f"{value:.6g}"
    return text if len(text) <= WIDTH else f"{value:.5g}"
