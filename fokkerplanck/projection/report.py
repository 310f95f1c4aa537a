"""What a projection has come to, as a table on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from fokkerplanck.terminal import number, place, plain_table, table

__all__ = ["print_projection"]


def print_projection(found: Mapping[str, Any]) -> None:
    """Print the JSON object of ``project``."""
    console = Console(highlight=False)
    facts = plain_table()
    for name, value in _facts(found):
        facts.add_row(name, escape(value))
    console.print(facts)
    if found["anchors"]:
        rows = table(
            ("network", "left"), ("at", "left"), ("loss there", "right"), ("its own", "right")
        )
        for anchor in found["anchors"]:
            losses = number(anchor["loss"], 7), number(anchor["network_loss"], 7)
            rows.add_row(escape(anchor["name"]), place(anchor["position"]), *losses)
        console.print(rows)


def _facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    points = " x ".join(map(str, found["points"]))
    ranges = " x ".join(place(ends) for ends in found["extent"])
    facts = [
        ("network", found["network"]),
        ("data", f"{found['data']}, {found['samples']} samples"),
        ("directions", f"{found['directions']}: {found['note']}"),
    ]
    if found["share"] is not None:
        facts.append(("share held", f"{found['share']:.4g} of the squared displacement"))
    if found["trajectory_shares"]:
        shares = ", ".join(f"{share:.2g}" for share in found["trajectory_shares"])
        facts.append(("of trainings", f"{shares} of the squared distances from the ends"))
    facts.append(("points", f"{points} in {ranges}"))
    if found["loss"] is not None:
        facts.append(("loss", " to ".join(number(v, 4) for v in found["loss"])))
    if found["not_finite"]:
        facts.append(("not finite", f"{found['not_finite']} points"))
    facts.append(("file", found["output"]))
    return facts
