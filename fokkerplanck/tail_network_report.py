"""Tables of gradient noise of networks through training."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from fokkerplanck.tail_network_coordinates import CoordinateTails
from fokkerplanck.tail_network_line import LineNoise, LineTimes
from fokkerplanck.tail_network_summary import Moment, Phases, Rung
from fokkerplanck.terminal import table

__all__ = ["ladder_table", "line_table", "moments_table", "phases_table", "places_table"]
__all__ += ["sample_table"]

Pair = tuple[float, float]


def moments_table(moments: Sequence[Moment]) -> Table:
    """Pooled index, its controls, and indices per coordinate."""
    rows = table(
        *(("run", "left"), ("step", "right"), ("accuracy", "right"), ("published", "right")),
        *(("Gaussian, variances", "right"), ("Gaussian, covariance", "right")),
        *(("shuffled", "right"), ("explained", "right"), ("by medians", "right")),
        *(("blocks", "right"), ("char. functions", "right"), ("5 to 95 %", "right")),
        *(("not Gaussian", "right"), ("excess", "right")),
    )
    for m in moments:
        pairs = (m.published, m.variances, m.covariance, m.shuffled)
        rows.add_row(
            *(m.name, str(m.step), f"{m.accuracy:.3f}"),
            *(pair(p) for p in pairs),
            *(pair(m.explained, 2), "" if m.fair is None else pair(m.fair, 2)),
            *(pair(m.block), pair(m.fitted)),
            f"{m.quantiles[0]:.2f} – {m.quantiles[1]:.2f}",
            *(f"{m.rejected:.2f}", f"{m.kurtosis:.2f}"),
        )
    return rows


def ladder_table(rungs: Sequence[Rung]) -> Table:
    """Index against the size of batches, and that of the scales from one size to the next."""
    rows = table(
        *(("batch", "right"), ("blocks", "right"), ("char. functions", "right")),
        *(("not Gaussian", "right"), ("excess", "right"), ("of scales, to next", "right")),
    )
    for r in rungs:
        scaling = "" if r.scaling is None else pair(r.scaling)
        numbers = f"{r.rejected:.2f}", f"{r.kurtosis:.2f}", scaling
        rows.add_row(str(r.batch), pair(r.block), pair(r.fitted), *numbers)
    return rows


def phases_table(phases: Sequence[Phases]) -> Table:
    """Index at the start, at both ends of the rise of accuracy, lowest after it, at the end."""
    rows = table(
        *(("run", "left"), ("rise", "right"), ("published", "left"), ("lowest at", "right")),
        *(("error", "right"), ("Gaussian, covariance", "left"), ("per coordinate", "left")),
        *(("with Gaussian", "right"), ("with coordinates", "right")),
    )
    for p in phases:
        rows.add_row(
            *(p.name, f"{p.rise[0]} – {p.rise[1]}", _way(p.published), str(p.lowest)),
            *(f"{p.error:.3f}", _way(p.covariance), _way(p.fitted)),
            *(f"{p.together:+.2f}", f"{p.apart:+.2f}"),
        )
    return rows


def sample_table(found: Sequence[tuple[str, int, CoordinateTails, Pair | None]]) -> Table:
    """Estimates from the shipped sample beside those of all recorded coordinates."""
    rows = table(
        *(("run", "left"), ("step", "right"), ("batch", "right"), ("blocks", "right")),
        *(("char. functions", "right"), ("recorded", "right")),
    )
    for name, step, one, recorded in found:
        rows.add_row(
            *(name, str(step), str(one.batch), pair((one.block, one.block_error))),
            pair((one.alpha, one.alpha_error)),
            "" if recorded is None else pair(recorded),
        )
    return rows


def places_table(places: Sequence[LineNoise]) -> Table:
    """Stable laws of the noise along a line."""
    rows = table(
        *(("x", "right"), ("batch", "right"), ("alpha", "right"), ("scale", "right")),
        *(("deviation of a sample", "right"), ("largest push", "right"), ("p", "right")),
    )
    for one in places:
        law = pair((one.alpha, one.alpha_error)), pair((one.scale, one.scale_error), 4)
        rest = f"{one.deviation:.4f}", f"{one.largest:.3f}", f"{one.p_value:.3f}"
        rows.add_row(f"{one.x:g}", str(one.batch), *law, *rest)
    return rows


def line_table(times: Sequence[LineTimes]) -> Table:
    """Write steps to leave a well of the line."""
    rows = table(
        *(("rate", "right"), ("scale", "right"), ("stable noise", "right"), ("walkers", "right")),
        *(("1 / chance of a leap", "right"), ("push of a leap", "right"), ("SGD", "right")),
        *(("Gaussian, varying", "right"), ("Gaussian, constant", "right")),
    )
    for one in times:
        rows.add_row(
            *(f"{one.learning_rate:g}", f"{one.scale:.4f}"),
            *(pair((one.levy, one.levy_error), 0), pair((one.walk, one.walk_error), 0)),
            *(f"{1 / one.chance:.0f}", f"{one.leap:.2f}"),
            *(f"{value:.4g}" for value in (one.sgd, one.ito, one.gaussian)),
        )
    return rows


def pair(value: Pair, digits: int = 3) -> str:
    """Write a value with its error."""
    return f"{value[0]:.{digits}f} ± {value[1]:.{digits}f}"


def _way(values: Sequence[float]) -> str:
    return " → ".join(f"{value:.2f}" for value in values)
