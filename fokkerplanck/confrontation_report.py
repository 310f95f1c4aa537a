"""Tables of a confrontation on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from fokkerplanck.confrontation import Confrontation
from fokkerplanck.confrontation_row import Measured, Ratio, Row
from fokkerplanck.terminal import number, table

__all__ = ["confrontation_table", "reasons_table"]


def confrontation_table(found: Confrontation) -> Table:
    """Mean steps: measured with intervals, predicted in each reading with z-scores."""
    made = table(("rate", "right"), ("batch", "right"), ("in-plane SGD", "right"))
    columns = [f"{100 * found.confidence:g} %", "Gaussian twin", "Ito", "z", "z twin"]
    for name in [*columns, "Stratonovich", "z", "H.-K.", "z", "KS p"]:
        made.add_column(name, justify="right")
    for row in found.rows:
        low, high = row.sgd.interval
        ito, stratonovich, other = row.fokker_planck.values()
        made.add_row(
            *(f"{row.learning_rate:g}", f"{row.batch_size}", _mean(row.sgd)),
            *(f"{number(low, 4)} to {number(high, 4)}", _mean(row.gaussian)),
            *(number(ito.mean_steps, 5), f"{ito.z_sgd:+.1f}", f"{ito.z_gaussian:+.1f}"),
            *(number(stratonovich.mean_steps, 5), f"{stratonovich.z_sgd:+.1f}"),
            *(number(other.mean_steps, 5), f"{other.z_sgd:+.1f}"),
            f"{row.law.p:.2g}",
        )
    return made


def reasons_table(found: Confrontation) -> Table:
    """Ratios of times that tell where a difference comes from."""
    made = table(("rate", "right"), ("batch", "right"))
    names = {
        "sgd": "SGD / Ito",
        "gaussian": "twin / Ito",
        "other_gaussian": "twin, half rate / Ito",
        "non_gaussian": "SGD / twin",
        "other_sgd": "SGD, other rate / Ito",
        "epochs": "epochs / SGD",
    }
    for name in [*names.values(), "form (KS)"]:
        made.add_column(name, justify="right")
    for row in found.rows:
        cells = [_ratio(row.ratios.get(name)) for name in names]
        cells[4] += _other(row)
        made.add_row(f"{row.learning_rate:g}", f"{row.batch_size}", *cells, f"{row.law.shape:.3f}")
    return made


def _other(row: Row) -> str:
    return f" ({row.other_sgd.learning_rate:g}, {row.other_sgd.batch_size:g})"


def _mean(found: Measured) -> str:
    return f"{number(found.mean_steps, 5)} ± {number(found.standard_error, 2)}"


def _ratio(found: Ratio | None) -> str:
    if found is None:
        return "-"
    parts: Sequence[str] = [f"{v:.3f}" for v in (found.value, found.low, found.high)]
    return f"{parts[0]} [{parts[1]}, {parts[2]}]"
