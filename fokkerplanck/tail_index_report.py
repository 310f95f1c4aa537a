"""A study of tails as a JSON object, and as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from fokkerplanck.tail_index_scan import BlockScan
from fokkerplanck.tail_index_study import TailStudy
from fokkerplanck.tail_index_verdict import off_centre, verdict_of
from fokkerplanck.terminal import number, plain_table, short, table

__all__ = ["print_tails", "tails_json"]

POOLED = "all coordinates in one row, blocks over neighbours (the public procedure)"
NAMES = {
    "shuffled": "the same values in random order",
    "gaussian variances": "Gaussian, same variance of each",
    "gaussian medians": "Gaussian, same median of |x| of each",
    "gaussian covariance": "Gaussian, same covariance",
}


def tails_json(study: TailStudy) -> dict[str, Any]:
    """Return the object that ``tail-index --json`` prints."""
    each = np.full(study.coordinates, np.nan)
    np.divide(1.0, study.each, out=each, where=study.each > 0)
    return {
        "samples": len(study.values),
        "coordinates": study.coordinates,
        "left_out": study.left_out,
        "centred": study.centred,
        "seed": study.seed,
        "per_coordinate": {
            **asdict(study.coordinate),
            "spread": study.spread,
            "due_spread": study.due_spread,
            "quantiles": {str(q): float(np.nanquantile(each, q)) for q in (0.05, 0.5, 0.95)},
            "scan": _scan(study.scan),
        },
        "characteristic_function": _fitted(study),
        "pooled": {**asdict(study.pooled), "procedure": POOLED, "scan": _scan(study.pooled_scan)},
        "controls": {
            one.name.replace(" ", "_"): {
                "alpha": one.alpha if one.inverse > 0 else None,
                "spread": one.spread if one.inverse > 0 else None,
                "draws": one.draws,
                "margin_of_inverse": one.margin,
                "scan": _scan(one.scan),
            }
            for one in study.controls
        },
        "goodness_of_fit": None if study.goodness is None else asdict(study.goodness),
        "cautions": _cautions(study),
        "verdict": asdict(verdict_of(study)),
    }


def print_tails(found: Mapping[str, Any]) -> None:
    """Print a study from its JSON object."""
    console = Console()
    facts = plain_table()
    facts.add_row("samples", str(found["samples"]))
    out = f", {found['left_out']} left out" if found["left_out"] else ""
    facts.add_row("coordinates", f"{found['coordinates']}{out}")
    one = found["per_coordinate"]
    facts.add_row("blocks", f"{one['blocks']} of {one['block']} values along the samples")
    console.print(facts)
    console.print()
    console.print(_estimates(found))
    console.print()
    facts = plain_table()
    for name, text in _judgement(found):
        facts.add_row(name, escape(text))
    console.print(facts)


def _estimates(found: Mapping[str, Any]) -> Any:
    rows = table(("estimate of", "left"), ("alpha", "right"), ("error", "right"))
    one, pooled = found["per_coordinate"], found["pooled"]
    error = max(one["error"], one["spread_error"])
    rows.add_row("coordinates, sums over blocks", number(one["alpha"], 4), short(error))
    fit = found["characteristic_function"]
    if fit["alpha"] is not None:
        name = "coordinates, characteristic functions"
        rows.add_row(name, number(fit["alpha"], 4), short(fit["error"]))
    if found["coordinates"] > 1:
        rows.add_row("pooled values, blocks over neighbours", *_pair(pooled, "error"))
    for name, control in found["controls"].items():
        rows.add_row(f"  {NAMES[name.replace('_', ' ')]}", *_pair(control, "spread"))
    return rows


def _pair(found: Mapping[str, Any], error: str) -> tuple[str, str]:
    return number(found["alpha"], 4), short(found[error])


def _judgement(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    one, good = found["per_coordinate"], found["goodness_of_fit"]
    rows = []
    if found["coordinates"] > 1:
        text = f"{one['spread']:.3g}, from the error of each alone {one['due_spread']:.3g}"
        rows.append(("spread over coordinates", text))
    if good is None:
        rows.append(("stable law", "none fits"))
    else:
        fit = good["fit"]
        text = f"alpha {fit['alpha']:.4g} ± {fit['alpha_error']:.1g}, p = {good['p_value']:.2g} "
        rows.append(("stable law", text + f"({good['draws']} simulated samples)"))
    rows += [("[yellow]caution[/yellow]", text) for text in found["cautions"]]
    return [*rows, ("[bold]verdict[/bold]", found["verdict"]["words"])]


def _fitted(study: TailStudy) -> dict[str, Any]:
    alpha, error, spread = study.fitted or (None, None, None)
    return {
        "alpha": alpha,
        "error": error,
        "spread": spread,
        "fitted": len(study.fits),
        "not_fitted": study.not_fitted,
        "fits": [asdict(fit) for fit in study.fits],
    }


def _scan(scan: BlockScan) -> dict[str, Any]:
    names = ("alpha", "error", "local", "local_error")
    columns = {name: _numbers(getattr(scan, name)) for name in names}
    return {"block": scan.block.tolist(), **columns}


def _numbers(values: Any) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]


def _cautions(study: TailStudy) -> list[str]:
    found = []
    if off_centre(study):
        found.append(
            f"means of coordinates are {study.off_centre:.2g} standard errors from 0: blocks take "
            "noise to be centred, and read a drift as heavy tails; subtract it first (--centre)"
        )
    if study.coordinate.spread_error > 2 * study.coordinate.error:
        found.append(
            "blocks scatter more than independent stable values would: coordinates, or samples, "
            "depend on each other"
        )
    if study.not_fitted:
        found.append(f"{study.not_fitted} coordinates could not be fitted by a stable law")
    return found
