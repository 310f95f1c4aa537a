"""Tables for a terminal, at home in 80 columns."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fokkerplanck.escape_report import escape_tables
from fokkerplanck.sgd_report import clock_text, noise_rows, sgd_table
from fokkerplanck.store import VELOCITY
from fokkerplanck.surface_report import surface_rows
from fokkerplanck.terminal import number, place, plain_table, short, table

if TYPE_CHECKING:
    from fokkerplanck.grid import Axis
    from fokkerplanck.store import StoredResult

__all__ = ["print_info", "print_run", "print_verification"]

VERDICT = {True: "[green]pass[/green]", False: "[bold red]FAIL[/bold red]"}
#: most wells listed one by one
WELLS = 6
#: mean climb of a link from which on the grid is called coarse
COARSE = 1.0
#: most times listed one by one
TIMES = 10


def print_run(result: Mapping[str, Any]) -> None:
    """Print the summary of a run from its JSON object."""
    console = Console()
    if result["title"]:
        console.print(f"\n[bold]{escape(result['title'])}[/bold]")
    facts = plain_table()
    for name, value in [
        *_dynamics_rows(result),
        *noise_rows(result),
        *_jump_rows(result),
        *surface_rows(result),
        *_grid_rows(result),
        *_evolve_rows(result),
        *_stationary_rows(result),
    ]:
        facts.add_row(name, escape(value))
    console.print(facts)
    if result["landscape"]["minima"]:
        console.print(_wells(result))
    if (steps := sgd_table(result)) is not None:
        console.print()
        console.print(steps)
    for found in escape_tables(result):
        console.print()
        console.print(found)
    if result["expect"]:
        console.print()
        console.print(_expectations(result["expect"]))
        if failed := sum(not row["pass"] for row in result["expect"]):
            n = len(result["expect"])
            console.print(f"[bold red]{failed} of {n} expectations do not hold[/bold red]")
    place = f"[bold]{escape(str(result['output']))}[/bold]  " if result["output"] else ""
    console.print(f"{place}[dim]in {result['wall_seconds']:.2f} s[/dim]", soft_wrap=True)


def print_verification(outcome: Mapping[str, Any]) -> None:
    """Print the verdicts of ``verify`` from its JSON object."""
    console = Console()
    by_case: dict[str, list[Mapping[str, Any]]] = {}
    for row in outcome["results"]:
        by_case.setdefault(row["case"], []).append(row)
    for case, rows in by_case.items():
        console.print(f"\n[bold]{escape(case)}[/bold]", soft_wrap=True)
        console.print(_expectations([r for r in rows if "error" not in r]))
        for row in rows:
            if "error" in row:
                console.print(f"[bold red]not solved[/bold red]: {escape(row['error'])}")
    colour = "red" if outcome["failed"] else "green"
    console.print(f"[{colour}]{outcome['passed']} passed, {outcome['failed']} failed[/{colour}]")


def print_info(stored: StoredResult) -> None:
    """Print what a result file holds and where it comes from."""
    from fokkerplanck.describe import datasets

    console = Console()
    facts = plain_table()
    for name, value in _info_rows(stored):
        facts.add_row(name, escape(value))
    console.print(facts)
    console.print("\n[bold]arrays[/bold]")
    arrays = Table(box=None, show_header=False, padding=(0, 1, 0, 1), highlight=False)
    for name, (dims, about) in datasets(stored).items():
        arrays.add_row(escape(name), f"[dim]{escape(dims)}[/dim]", escape(about))
    console.print(arrays)
    console.print("\n[bold]case[/bold]")
    console.print(escape(textwrap.indent(stored.case_text.rstrip(), "  ")), highlight=False)


def _dynamics_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows of underdamped motion: what moves, and how well that is resolved."""
    found = result.get("dynamics")
    if not found:
        return []
    parts = [f"{name} {found[name]:.6g}" for name in ("friction", "mass", "temperature")]
    low, high = found["velocity"]
    return [
        ("dynamics", f"underdamped: {', '.join(parts)}"),
        ("velocities", f"{found['modes']} Hermite modes, shown from {low:.4g} to {high:.4g}"),
        *(("remark", text) for text in found["remarks"]),
    ]


def _jump_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows of heavy-tailed noise: what walls do to jumps, and what there is to know."""
    return [("remark", text) for text in result["noise"].get("remarks", ())]


def _grid_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("grid", " x ".join(map(str, result["grid"]["cells"])) + " cells")]
    if result["mass_error"] is not None:
        rows.append(("mass error", f"{result['mass_error']:.1e}"))
        rows.append(("smallest density", f"{result['minimum_density']:.1e}"))
    return rows


def _evolve_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    evolve = result["evolve"]
    if not evolve:
        return []
    times = evolve["times"]
    if (walkers := evolve.get("ensemble")) is not None:
        return [
            ("times", f"{len(times)}, from {times[0]:g} to {times[-1]:g}{_until(evolve)}"),
            ("method", f"ensemble ({walkers['walkers']} walkers, seed {walkers['seed']})"),
            ("dynamics", walkers["note"]),
            ("step", f"{walkers['step']:.3g}"),
            ("sampling error (L1)", f"{walkers['sampling_errors'][-1]:.1e}"),
            ("step error (L1)", _step_error(walkers["step_errors"])),
        ]
    work = [f"{evolve[k]} {k}" for k in ("products", "solves") if evolve.get(k)]
    if evolve["method"] != "fipy" and evolve["weight"] in ("fitted", "midpoint"):
        # which have a discretisation of their own
        work.insert(0, f"{evolve['weight']} weights")
    return [
        ("times", f"{len(times)}, from {times[0]:g} to {times[-1]:g}{_until(evolve)}"),
        ("method", f"{evolve['method']} ({', '.join(work)})" if work else evolve["method"]),
        ("time error (L1)", f"{evolve['time_error']:.1e}"),
        *_cells_error(evolve),
    ]


def _cells_error(evolve: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Say how much half the cells change the last density, where that is known."""
    errors = evolve.get("grid_error")
    if not errors or errors[-1] is None:
        return []
    return [("error of the cells (L1)", f"{errors[-1]:.1e}")]


def _step_error(errors: Sequence[float] | None) -> str:
    """Say what is known of the error of a step."""
    if errors is None:
        return "none: the step is that of descent"
    return f"{errors[-1]:.1e}" if errors[-1] else "not seen beside that of sampling"


def _until(evolve: Mapping[str, Any]) -> str:
    """Say how many steps that is."""
    last = [None if evolve[k] is None else evolve[k][-1] for k in ("steps", "epochs")]
    return f" ({clock})" if (clock := clock_text(*last)) else ""


def _stationary_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = result["stationary"]
    if not found:
        return []
    if "outside" in found:
        return _tails_rows(found)
    rows = [
        ("entropy production", number(found["entropy_production"])),
        ("irreversibility", number(found["irreversibility"])),
        ("residual", f"{found['residual']:.1e} ({_discretisation(found['weight'])})"),
    ]
    if found["mean_climb"] > COARSE:
        climb = f"the density climbs {found['mean_climb']:.2g} times the noise per cell"
        rows.append(("coarse grid", f"{climb}, better below 1: use more cells"))
    return rows


def _tails_rows(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Rows of a stationary density with heavy tails: how good it is, and what is not in it."""
    rows = [("stationary error (L1)", f"{found['error']:.1e}")]
    if "tail_exponents" not in found:  # in the plane
        power = found["tail_exponent"]
        tails = f", tails |x|^-{power:.4g}" if power is not None else ""
        rows.append(("beyond the walls", f"{found['outside']:.2e} of the mass{tails}"))
        for name, quartiles in zip("xy", found["quartiles"], strict=True):
            rows.append((f"stationary quartiles, {name}", ", ".join(map(number, quartiles))))
        return rows
    low, high = found["quartiles"][0], found["quartiles"][-1]
    if any(found["tail_exponents"]):
        powers = ", ".join(f"|x|^-{b:.4g}" for b in found["tail_exponents"] if b is not None)
        rows.append(("beyond the walls", f"{found['outside']:.2e} of the mass, tails {powers}"))
    rows.append(
        ("stationary quartiles", f"{number(low)}, {number(found['median'])}, {number(high)}")
    )
    return rows


def _discretisation(weight: str) -> str:
    return "Hermite modes" if weight == "hermite" else f"{weight} weights"


def _wells(result: Mapping[str, Any]) -> Table:
    """Tabulate where each well is, and the probability in it at the end and for ever."""
    made = table(("well", "left"), ("loss", "right"))
    columns = []
    if result["evolve"]:
        last = result["evolve"]["times"][-1]
        columns.append((f"mass at t = {last:g}", result["evolve"]["basin_masses"][-1]))
    if result["stationary"]:
        columns.append(("stationary mass", result["stationary"]["basin_masses"]))
    for name, _ in columns:
        made.add_column(name, justify="right")
    minima = result["landscape"]["minima"]
    for k, well in enumerate(minima[:WELLS]):
        loss = number(0.0 if abs(well["loss"]) < 1e-14 else well["loss"])
        made.add_row(place(well["position"]), loss, *(number(m[k]) for _, m in columns))
    if len(minima) > WELLS:
        made.add_row(f"... {len(minima) - WELLS} more", "")
    return made


def _expectations(rows: Sequence[Mapping[str, Any]]) -> Table:
    made = table(
        ("expected", "left"),
        ("computed", "right"),
        ("predicted", "right"),
        ("error", "right"),
        ("allowed", "right"),
        ("", "left"),
    )
    for row in rows:
        name = row["quantity"] + (f"\n  {row['prediction']}" if row["prediction"] else "")
        note = "" if row["valid"] else " [yellow](outside its range)[/yellow]"
        made.add_row(
            escape(name),
            number(row["computed"], 5),
            number(row["predicted"], 5),
            short(row["relative_error"]),
            _tolerance(row),
            VERDICT[row["pass"]] + note,
        )
    return made


def _tolerance(row: Mapping[str, Any]) -> str:
    """Relative tolerance as it is, absolute one with a sign."""
    parts = [f"{row['rtol']:g}"] if row["rtol"] is not None else []
    return " ".join([*parts, *([f"±{row['atol']:g}"] if row["atol"] is not None else [])])


def _info_rows(stored: StoredResult) -> list[tuple[str, str]]:
    made = stored.provenance
    versions = made.pop("versions", {})
    axes = [
        f"{a.name} in [{a.min:g}, {a.max:g}], {a.cells} cells, {_walls(stored, a)}"
        for a in stored.grid.axes
    ]
    status = str(stored.attrs["status"])
    if (n := stored.times.size) < (planned := stored.attrs["planned"]):
        status += f" ({n} of {planned} snapshots; go on with run --resume)"
    surface = surface_rows(json.loads(stored.summary)) if stored.summary else []
    return [
        ("file", str(stored.path)),
        ("title", stored.title),
        ("status", status),
        ("grid", "\n".join(axes)),
        *_moves(stored),
        ("times", _times([float(t) for t in stored.times])),
        ("noise", str(stored.file["diffusion"].attrs.get("noise_assumption", "not recorded"))),
        *surface,
        *((name.replace("_", " "), str(value)) for name, value in made.items() if value != ""),
        ("versions", ", ".join(f"{name} {v}" for name, v in versions.items())),
    ]


def _walls(stored: StoredResult, axis: Axis) -> str:
    no_walls = stored.underdamped and axis.name == VELOCITY
    return "no walls" if no_walls else " | ".join(axis.walls)


def _moves(stored: StoredResult) -> list[tuple[str, str]]:
    if not stored.underdamped:
        return []
    names = ("friction", "mass", "temperature", "modes")
    return [
        ("dynamics", ", ".join(["underdamped", *(f"{n} {stored.attrs[n]:.6g}" for n in names)]))
    ]


def _times(times: Sequence[float]) -> str:
    shown = [f"{t:g}" for t in times]
    if len(shown) > TIMES:
        shown = [*shown[: TIMES // 2], "...", *shown[-TIMES // 2 :]]
    return f"{len(times)}: {', '.join(shown)}" if times else "none"
