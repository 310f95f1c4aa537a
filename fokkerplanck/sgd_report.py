"""Lines and tables on the noise and on SGD, from the JSON object of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from fokkerplanck.terminal import number, place, short, table

__all__ = ["clock_text", "noise_rows", "sgd_table"]

#: most wells listed one by one
WELLS = 6


def noise_rows(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and text of each line on noise and hyper-parameters."""
    noise, sgd = result["noise"], result["sgd"]
    rows = [("noise", noise["assumption"])]
    if noise["schedule"]:
        rows.append(("schedule", noise["schedule"]))
    if sgd is None:
        return rows
    parts = [f"learning rate {sgd['learning_rate']:g}", f"batch size {sgd['batch_size']:g}"]
    if sgd["dataset_size"]:
        drawn = "" if sgd["replacement"] else " without replacement"
        parts[-1] += f" of {sgd['dataset_size']:g}{drawn}"
    parts += [f"{k.replace('_', ' ')} {sgd[k]:g}" for k in ("momentum", "weight_decay") if sgd[k]]
    rows.append(("sgd", f"{', '.join(parts)}; a step takes {sgd['step']:g}"))
    if sgd["note"]:
        rows.append(("note" if sgd["valid"] else "caution", sgd["note"]))
    return rows


def sgd_table(result: Mapping[str, Any]) -> Table | None:
    """Tabulate the mean loss above the bottom of each well, continuous and in discrete steps."""
    sgd = result["sgd"]
    if sgd is None or not sgd["wells"]:
        return None
    made = table(("well", "left"), ("rate x curvature", "right"))
    for name in ("excess loss", "discrete steps"):
        made.add_column(name, justify="right")
    for well in sgd["wells"][:WELLS]:
        losses = (well["continuous_excess_loss"], well["discrete_excess_loss"])
        made.add_row(
            place(well["position"]), short(well["eta_curvature"]), *(number(v) for v in losses)
        )
    if len(sgd["wells"]) > WELLS:
        made.add_row(f"... {len(sgd['wells']) - WELLS} more", "")
    return made


def clock_text(steps: float | None, epochs: float | None) -> str:
    """Write ``12 steps, 0.3 epochs``; nothing without steps."""
    if steps is None:
        return ""
    told = f"{number(steps, 5)} steps"
    return told if epochs is None else f"{told}, {number(epochs, 5)} epochs"
