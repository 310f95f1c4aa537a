"""Tables of a confrontation on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.table import Table

from fokkerplanck.confrontation import Confrontation
from fokkerplanck.confrontation_density import Occupied
from fokkerplanck.confrontation_occupation import Occupation
from fokkerplanck.confrontation_row import Measured, Ratio, Row
from fokkerplanck.terminal import number, table

__all__ = ["confrontation_table", "density_table", "occupation_table", "reasons_table"]

#: How the readings are called in the heads of tables.
READINGS = {"ito": "Ito", "stratonovich": "Stratonovich", "hanggi-klimontovich": "H.-K."}


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


def occupation_table(found: Confrontation) -> Table:
    """Share of time in each well: measured with intervals, predicted in each reading with z."""
    made = table(("rate", "right"), ("batch", "right"), ("well", "right"))
    columns = [f"{100 * found.confidence:g} %", "Gaussian twin", "Ito", "z", "z twin"]
    for name in ["in-plane SGD", *columns, "Stratonovich", "z", "z twin", "H.-K.", "z", "z twin"]:
        made.add_column(name, justify="right")
    for row in found.rows:
        if row.occupation is None:
            continue
        for k in range(len(row.occupation.wells)):
            head = (f"{row.learning_rate:g}", f"{row.batch_size}") if k == 0 else ("", "")
            made.add_row(*head, *_well(row.occupation, k))
    return made


def density_table(found: Confrontation) -> Table:
    """Distances of histograms from stationary densities, and their first two moments."""
    made = table(("rate", "right"), ("batch", "right"), ("noise", "left"), ("steps", "right"))
    names = ["starts agree, p", *(f"L1 {name}" for name in READINGS.values())]
    for name in [*names, f"sampling, {100 * found.confidence:g} %", "mean", "Ito mean"]:
        made.add_column(name, justify="right")
    for name in ["variance", "Ito variance"]:
        made.add_column(name, justify="right")
    for row in found.rows:
        if (seen := row.occupation) is None:
            continue
        kinds = {"SGD": seen.sgd, "twin": seen.gaussian, "twin, half rate": seen.other_gaussian}
        for name, one in kinds.items():
            head = (f"{row.learning_rate:g}", f"{row.batch_size}") if name == "SGD" else ("", "")
            made.add_row(*head, name, *_density(seen, one))
    return made


def _well(found: Occupation, k: int) -> Iterator[str]:
    """Cells of a well, from its place on."""
    yield _vector(found.wells[k])
    low, high = found.sgd.interval[k]
    yield f"{found.sgd.occupation[k]:.4f} ± {found.sgd.standard_error[k]:.4f}"
    yield f"{low:.4f} to {high:.4f}"
    yield f"{found.gaussian.occupation[k]:.4f} ± {found.gaussian.standard_error[k]:.4f}"
    for reading in READINGS:
        yield f"{found.fokker_planck[reading].occupation[k]:.4f}"
        yield f"{found.sgd.z[reading][k]:+.1f}"
        yield f"{found.gaussian.z[reading][k]:+.1f}"


def _density(found: Occupation, one: Occupied) -> Iterator[str]:
    """Cells of one kind of noise, from the number of steps on."""
    ito = found.fokker_planck["ito"]
    times = 2 if one is found.other_gaussian else 1
    yield f"{times * found.burn_in} + {times * found.window}"
    yield f"{one.agreement:.2g}"
    yield from (f"{one.l1[reading]:.3f}" for reading in READINGS)
    yield f"{one.sampling_bound:.3f}"
    yield f"{_vector(one.mean)} ± {_vector(one.mean_error, 2)}"
    yield _vector(ito.mean)
    # the trace: that of the distance from the mean
    size, error, law = (
        sum(row[d] for d, row in enumerate(matrix))
        for matrix in (one.covariance, one.covariance_error, ito.covariance)
    )
    yield f"{number(size, 4)} ± {number(error, 2)}"
    yield number(law, 4)


def _vector(values: Sequence[float], digits: int = 4) -> str:
    text = ", ".join(number(v, digits) for v in values)
    return text if len(values) == 1 else f"({text})"


def _other(row: Row) -> str:
    return f" ({row.other_sgd.learning_rate:g}, {row.other_sgd.batch_size:g})"


def _mean(found: Measured) -> str:
    return f"{number(found.mean_steps, 5)} ± {number(found.standard_error, 2)}"


def _ratio(found: Ratio | None) -> str:
    if found is None:
        return "-"
    parts: Sequence[str] = [f"{v:.3f}" for v in (found.value, found.low, found.high)]
    return f"{parts[0]} [{parts[1]}, {parts[2]}]"
