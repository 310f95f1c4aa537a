"""Tables of passages, slow modes, rates and exits of wells, from the JSON object of a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from fokkerplanck.sgd_report import clock_text
from fokkerplanck.terminal import large, number, place, short, table

__all__ = ["escape_tables"]

#: most wells whose rates are shown
WELLS = 5


#: Relative error of a mean time from which on the grid is called too coarse.
COARSE = 0.1


def escape_tables(result: Mapping[str, Any]) -> Iterator[Table]:
    """Tables of whatever a run has found of escape."""
    if result["passage"]:
        yield _passages(result["passage"])
    if result["spectrum"]:
        yield _modes(result["spectrum"], result["spectrum_modes"])
    if result["rates"]:
        yield _rates(result["rates"])
    if result["selection"]:
        yield _selection(result["selection"])
    if result["quasi_stationary"]:
        yield _exits(result["quasi_stationary"])
    rows = [*_refined_rows(result)]
    if rows:
        yield _refinement(rows)


def _passages(passages: Mapping[str, Mapping[str, Any]]) -> Table:
    """Mean times; the spread is 1 for an exponential law."""
    made = table(("passage", "left"), ("mean time", "right"), ("spread", "right"))
    reactive = any(p["reactive"] for p in passages.values())
    lost = any(p["probability"] < 1.0 for p in passages.values())
    for shown, name in ((reactive, "reactive flux"), (lost, "probability"), (True, "error")):
        if shown:
            made.add_column(name, justify="right")
    for name, p in passages.items():
        way = f"{escape(name)}\n[dim]  {escape(p['from'])}\n  to {escape(p['to'])}[/dim]"
        if clock := clock_text(p["mean_steps"], p["mean_epochs"]):
            way += f"\n  {clock}"
        if p.get("method") == "ensemble":
            way += f"\n[dim]  {_walkers(p)}[/dim]"
        elif p["error"] is None or p["error"] > COARSE:
            way += "\n  too coarse a grid: use more cells"
        for side, landed in ((p.get("landing") or {}).get("sides") or {}).items():
            way += f"\n[dim]  {_landed(side, landed)}[/dim]"
        if p.get("no_committor"):
            way += f"\n[dim]  no committor: {escape(p['no_committor'])}[/dim]"
        row = [way, large(p["mean"], p["log10_mean"], _digits(p["error"])), _spread(p)]
        if reactive:
            flux = p["reactive"] or {"flux": None, "log10_flux": None}
            row.append(large(flux["flux"], flux["log10_flux"], 5))
        if lost:
            row.append(number(p["probability"]))
        made.add_row(*row, short(p["error"]))
    return made


def _landed(side: str, found: Mapping[str, Any]) -> str:
    """Say how many land on one side, how many of them jump, and how far half of these go."""
    said = f"lands {escape(side.rpartition(', ')[2])}: {number(found['probability'], 5)}"
    if found["creep"] > 0.0:
        said += f", creeping {number(found['creep'], 3)}"
    middle = dict(zip(found["levels"], found["overshoot"], strict=True)).get(0.5)
    if middle is None or found["density_error"] > COARSE:
        return said
    return f"{said}, half within {number(middle, 3)} beyond"


def _walkers(passage: Mapping[str, Any]) -> str:
    """Say what walkers found: the interval, how many arrived, what the step may have done."""
    low, high = passage["interval"]
    said = f"{100 * passage['confidence']:g} % interval {number(low, 5)} to {number(high, 5)}\n"
    said += f"  {passage['arrived']} of {passage['walkers']} walkers arrived"
    if passage["censored"]:
        said += f", {passage['censored']} given up"
    if passage["step_error"] is not None:
        share = passage["step_error"] / passage["mean"]
        spread = passage["step_error_deviation"] / passage["mean"]
        said += f"\n  step error {short(share)} ± {short(spread)}"
    note = escape(passage["note"]).replace("; ", "\n  ").replace(", ", "\n  ")
    return f"{said}\n  {note}"


def _digits(error: float | None) -> int:
    """Count the digits that an error leaves, one more than are right."""
    if error is None or error >= 1.0:
        return 2
    return 8 if error <= 0.0 else max(2, min(8, 2 + int(-math.log10(error))))


def _spread(passage: Mapping[str, Any]) -> str:
    """Divide standard deviation by mean, by their logarithms: neither need fit a float."""
    if passage["log10_variance"] is None or passage["log10_mean"] is None:
        return "-"
    return number(10 ** (passage["log10_variance"] / 2 - passage["log10_mean"]), 4)


def _modes(rates: list[float], modes: Mapping[str, Any]) -> Table:
    made = table(("mode", "right"), ("rate", "right"), ("time scale", "right"))
    turns = any(modes["frequencies"])
    if turns:
        made.add_column("frequency", justify="right")
    made.add_column("error", justify="right")
    made.add_column("found by")
    for k, rate in enumerate(rates):
        log10 = modes["log10_rates"][k]
        row = [str(modes["numbers"][k]), large(rate, log10), large(modes["time_scales"][k], -log10)]
        if turns:
            row.append(number(modes["frequencies"][k]))
        made.add_row(*row, short(modes["errors"][k]), modes["methods"][k])
    return made


def _rates(found: Mapping[str, Any]) -> Table:
    wells = found["wells"]
    shown = range(min(len(wells), WELLS))
    made = table(("rates from well", "left"), ("population", "right"))
    for k in shown:
        made.add_column(f"to {place(wells[k])}", justify="right")
    for i in shown:
        rates = [
            "" if i == j else large(found["rates"][i][j], found["log10_rates"][i][j], 5)
            for j in shown
        ]
        made.add_row(place(wells[i]), number(found["populations"][i], 5), *rates)
    if len(wells) > WELLS:
        made.add_row(f"... {len(wells) - WELLS} more", "")
    return made


def _selection(found: Mapping[str, Any]) -> Table:
    """Tabulate the minima with their share and dwell times, measured and by two theories."""
    theories = found["theories"]
    made = table(("minimum", "left"), ("ln det H", "right"), (found["law"], "right"))
    made.add_column("dwell time", justify="right")
    for name, theory in theories.items():
        made.add_column(name if theory["valid"] else f"[dim]{name}[/dim]", justify="right")
    for k, well in enumerate(found["wells"][:WELLS]):
        dwell = found["log10_dwell_times"] or [None] * len(found["wells"])
        row = [place(well), number(found["log_determinants"][k], 4)]
        row += [number(found["occupation"][k], 5), large(None, dwell[k], 5)]
        for theory in theories.values():
            time = large(None, theory["log10_dwell_times"][k], 3)
            row.append(time if theory["valid"] else f"[dim]{time}[/dim]")
        made.add_row(*row)
    if len(found["wells"]) > WELLS:
        made.add_row(f"... {len(found['wells']) - WELLS} more")
    notes = [f"{name}: {theory['note']}" for name, theory in theories.items() if theory["note"]]
    made.caption = "\n".join(notes) or None
    made.caption_justify = "left"
    return made


def _exits(wells: Mapping[str, Mapping[str, Any]]) -> Table:
    """Tabulate how long wells are kept by those that have not left them yet."""
    made = table(("quasi-stationary", "left"), ("well", "left"))
    for name in ("exit rate", "mean exit time", "error"):
        made.add_column(name, justify="right")
    for name, found in wells.items():
        time = large(found["mean_exit_time"], found["log10_mean_exit_time"], 8)
        rate = large(found["rate"], found["log10_rate"], 8)
        made.add_row(escape(name), place(found["minimum"]), rate, time, short(found["error"]))
    return made


def _refined_rows(result: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, passage in result["passage"].items():
        for what, refined in (passage["refined"] or {}).items():
            yield f"{what}, {name}", refined
    modes = result["spectrum_modes"] or {}
    for k, refined in enumerate(modes.get("refined") or ()):
        yield f"rate of mode {modes['numbers'][k]}", refined


def _refinement(rows: list[tuple[str, Mapping[str, Any]]]) -> Table:
    """Tabulate what solutions on several grids tend to; the middle one is that of the case."""
    made = table(
        ("refined", "left"),
        ("as it is", "right"),
        ("extrapolated", "right"),
        ("order", "right"),
        ("error", "right"),
    )
    for name, found in rows:
        middle = len(found["values"]) // 2
        logs = found.get("log10_values", [None] * len(found["values"]))
        made.add_row(
            escape(name),
            large(found["values"][middle], logs[middle], 8),
            large(found["extrapolated"], found.get("log10_extrapolated"), 8),
            "-"
            if found["order"] is None or math.isnan(found["order"])
            else f"{found['order']:.2f}",
            short(found["error"]),
        )
    return made
