"""Tables of ``verify`` for a terminal: predictions by number, then cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fokkerplanck.report import print_verification

__all__ = ["print_listing", "print_verdicts"]

Rows = Sequence[Mapping[str, Any]]

VERDICT = {True: "[green]pass[/green]", False: "[bold red]FAIL[/bold red]"}
OUTSIDE = " [yellow](outside its range)[/yellow]"


def print_verdicts(outcome: Mapping[str, Any]) -> None:
    """Print the verdicts of ``verify`` from its JSON object."""
    console = Console()
    predictions = [row for row in outcome["results"] if row["case"] is None]
    for (number, name), rows in groupby(predictions, lambda r: (r["source"], r["name"])):
        console.print(f"\n[bold]{number}[/bold]  {escape(name)}")
        found = list(rows)
        solved = [row for row in found if "error" not in row]
        if solved:
            console.print(_table(solved))
        for row in found[len(solved) :]:
            console.print(f"[bold red]not solved[/bold red]: {escape(row['error'])}")
    cases = [row for row in outcome["results"] if row["case"] is not None]
    print_verification({**outcome, "results": cases})


def print_listing(entries: Sequence[Mapping[str, str]]) -> None:
    """Print which predictions there are."""
    table = _empty(("", "left"), ("prediction", "left"), ("checked", "left"))
    for entry in entries:
        table.add_row(*(escape(entry[key]) for key in ("source", "name", "about")))
    Console().print(table)


def _table(rows: Rows) -> Table:
    table = _empty(
        ("quantity", "left"),
        ("computed", "right"),
        ("predicted", "right"),
        ("error", "right"),
        ("allowed", "right"),
        ("", "left"),
    )
    against = None
    for row in rows:
        name = escape(row["quantity"])
        if row["prediction"] != against:
            against = row["prediction"]
            name += f"\n  [dim]against {escape(against)}[/dim]"
        error = row["relative_error"]
        if row["atol"] is not None and row["computed"] is not None:
            error = abs(row["computed"] - row["predicted"])
        table.add_row(
            name,
            _number(row["computed"]),
            _number(row["predicted"]),
            "-" if error is None else f"{error:.0e}",
            ("±" if row["atol"] is not None else "") + f"{row['tolerance']:g}",
            VERDICT[row["pass"]] + ("" if row["valid"] else OUTSIDE),
        )
    return table


def _empty(*columns: tuple[str, Any]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for name, justify in columns:
        table.add_column(name, justify=justify, overflow="fold")
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
