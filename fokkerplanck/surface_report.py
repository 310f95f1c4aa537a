"""Lines and tables on sampled landscapes, from the JSON objects of ``run`` and ``info``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape

from fokkerplanck.surface_record import path_share
from fokkerplanck.terminal import number, place, plain_table, short, table

__all__ = ["print_surface", "surface_rows"]

#: attributes shown before all others
FIRST = ("share", "trajectory_shares", "network", "data", "directions")
#: lists longer than this are shortened
LONGEST = 400
#: most points listed one by one
POINTS = 8
METHODS = {
    "values": "cubic spline through the losses (C2)",
    "gradients": "quintic spline through losses and gradients (C3)",
}


def surface_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and text of each line that ``run`` prints on a sampled landscape."""
    found = (result.get("landscape") or {}).get("interpolation")
    if found is None:
        return []
    rows = [("landscape", _samples(found)), ("interpolation", _method(found))]
    rows += [("share of the path", text)] if (text := _share(found["attributes"])) else []
    return rows + [("caution", text) for text in found["cautions"]]


def print_surface(about: Mapping[str, Any]) -> None:
    """Print what ``info`` says of a sampled landscape."""
    console = Console()
    facts = plain_table()
    found = about["interpolation"]
    for name, text in [*_head(about), *(_errors(found) if found else [])]:
        facts.add_row(name, escape(text))
    for hole in about["holes"]:
        facts.add_row("[bold red]incomplete[/bold red]", escape(hole))
    for caution in found["cautions"] if found else ():
        facts.add_row("[yellow]caution[/yellow]", escape(caution))
    console.print(facts)
    if found:
        _print_points(console, about, found)
    rest = {k: v for k, v in about["attributes"].items() if k not in FIRST}
    if rest:
        console.print("\n[bold]attributes[/bold]")
        more = plain_table()
        for name, value in rest.items():
            more.add_row(escape(name), escape(_text(value)))
        console.print(more)


def _head(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("file", about["file"])]
    given = about["attributes"]
    share = _share(given) or "not recorded: whether it represents the path is unknown"
    if "share" in given and path_share(given) is None:
        share += " (the minima it runs through lie in it by construction)"
    rows += [("share of the path", share), ("samples", _samples(about))]
    rows += [(name, _text(given[name])) for name in FIRST[2:] if name in given]
    if about["range"]:
        rows.append(("loss", f"from {about['range'][0]:.6g} to {about['range'][1]:.6g}"))
    rows.append(("besides", ", ".join(about["datasets"]) or "nothing: no noise is known"))
    return rows


def _share(given: Mapping[str, Any]) -> str:
    share = path_share(given)
    if share is None:
        return ""
    if len(shares := given.get("trajectory_shares", ())) > 1:
        each = ", ".join(f"{100 * s:.3g}" for s in shares)
        return f"{each} % of the squared displacement of each training lie in it"
    return f"{100 * share:.3g} % of the squared displacement lies in it"


def _samples(about: Mapping[str, Any]) -> str:
    count = " x ".join(map(str, about["samples"]))
    box = " x ".join(f"[{a:g}, {b:g}]" for a, b in about["box"])
    return f"{count} samples on {box}"


def _method(found: Mapping[str, Any]) -> str:
    text = METHODS[found["method"]]
    if (loss := found["loss"]) is not None:
        text += f"; loss good to {loss['relevant']:.1e} up to the highest saddle"
        text += " at most" if loss["order"] is None else ""
        if (part := found["relative_to_barrier"]) is not None:
            text += f", {part:.1e} of the lowest barrier"
    return text


def _errors(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("interpolation", METHODS[found["method"]])]
    for name in ("loss", "gradient", "hessian", "covariance"):
        if (error := found[name]) is None:
            continue
        order = "not scaled" if error["order"] is None else f"order {error['order']:.1f}"
        text = f"{error['largest']:.1e} at {place(error['position'])}, {error['relevant']:.1e} "
        text += f"up to the highest saddle, rms {error['rms']:.1e} ({order})"
        rows.append((f"error of {name}", text))
    if (check := found["gradient_disagreement"]) is not None:
        text = f"differs from the slope of the losses by {check['largest']:.1e} at "
        text += f"{place(check['position'])}, rms {check['relative']:.1e} of its size"
        rows.append(("gradient measured", text))
    if (check := found.get("hessian_disagreement")) is not None:
        rows.append(("hessian measured", f"differs from that of the spline by {check:.1e} (rms)"))
    if (noise := found["noise"]) is not None:
        text = f"{noise['smallest_eigenvalue']:.3g}, before any floor"
        rows.append(("least eigenvalue of C", text))
    return rows


def _print_points(console: Console, about: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    made = table(("point", "left"), ("loss", "right"), ("curvatures", "right"), ("noise", "right"))
    rows = (found["noise"] or {}).get("minima", [])
    ratios = {str(row["position"]): row["ratio"] for row in rows}
    points = [("minimum", p) for p in about["minima"]] + [("saddle", p) for p in about["saddles"]]
    for kind, point in points[:POINTS]:
        ratio = ratios.get(str(point["position"]))
        curvatures = ", ".join(number(c, 4) for c in point["curvatures"])
        made.add_row(
            f"{kind} {place(point['position'])}",
            number(point["loss"]),
            curvatures,
            "" if ratio is None else f"{short(ratio)} of the saddle's",
        )
    if len(points) > POINTS:
        made.add_row(f"... {len(points) - POINTS} more", "")
    if points:
        console.print(made)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
