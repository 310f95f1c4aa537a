"""Tables of a network beside the theory of momentum, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from fokkerplanck.network_comparison import RunComparison
from fokkerplanck.network_distances import SPECTRA
from fokkerplanck.network_statistics import Estimate
from fokkerplanck.terminal import number, table

__all__ = ["balance_table", "modes_table", "travel_table"]


def modes_table(run: RunComparison) -> Table:
    """One row for each direction: measured variances over predicted ones, and why."""
    made = table(("h", "right"), ("kappa way", "right"), ("c", "right"), ("var x", "right"))
    names = ("/ steps", "/ limit", "/ way", "var v", "/ steps", "/ limit", "/ way")
    for name in (*names, "kappa eff.", "noise eff.", "turn", "/ steps", "TV shape", "TV law"):
        made.add_column(name, justify="right")
    for row in run.modes:
        point, way = row.predicted["point"], row.predicted["way"]
        x, v = row.position, row.velocity
        made.add_row(
            *(
                number(row.curvature, 4),
                number(way.stiffness, 3),
                number(point.noise, 3),
                _relative(x),
            ),
            *(_over(x, point.position), _over(x, point.limit_position), _over(x, way.position)),
            *(_relative(v), _over(v, point.velocity), _over(v, point.limit_velocity)),
            *(_over(v, way.velocity), _over(row.stiffness, point.stiffness)),
            *(_over(row.noise, point.noise), _pm(row.turn), _over(row.turn, point.turn)),
            *(f"{row.shape:.3f}", f"{row.law:.3f}"),
        )
    return made


def balance_table(runs: Sequence[RunComparison]) -> Table:
    """One row for each path: equipartition, drift, circulation."""
    made = table(("path", "left"), ("loss", "right"), ("(1+b)/(4e) E|step|^2", "right"))
    for name in ("E[L] - L0, over it", "virial / 2", "about 0", "K directions"):
        made.add_column(name, justify="right")
    for name in ("norm drift", "x drift", "circulation, way", "largest"):
        made.add_column(name, justify="right")
    for run in runs:
        e = run.equipartition
        kinetic, along = e.kinetic.value, e.kinetic_along.value
        drift = max(abs(row.drift) for row in run.modes)
        found = run.circulation
        made.add_row(
            *(run.name, number(run.loss, 4), _pm(e.kinetic), _over(e.excess, kinetic)),
            *(_over(e.virial, kinetic), _over(e.virial_zero, kinetic)),
            *(_over(e.potential_along, along), f"{run.norm_drift:+.1%}", f"{drift:.2f}"),
            *(
                ("-", "-")
                if found is None
                else (_pm(found.slope["way"]), f"{found.largest['way']:.3f}")
            ),
        )
    return made


def travel_table(runs: Sequence[RunComparison]) -> Table:
    """One row for each path: size of a step, and exponents of the distance."""
    made = table(("path", "left"), ("E|step|^2", "right"), ("/ point", "right"), ("/ way", "right"))
    for name in ("steps", "exponent", *SPECTRA):
        made.add_column(name, justify="right")
    for name in ("limit", "steps", "exponent", *SPECTRA):
        made.add_column(name, justify="right")
    for name in ("flat, point", "way"):
        made.add_column(name, justify="right")
    for run in runs:
        d = run.distances
        cells = [run.name, _pm(d.size)]
        cells += [_over(d.size, d.predicted_size[source]) for source in ("point", "way")]
        for k, e in enumerate(run.exponents):
            cells += [f"{e.first}-{e.last}", _interval(e.measured)]
            cells += [f"{e.predicted[source]:.3f}" for source in SPECTRA]
            cells += [f"{e.limit['point']:.3f}"] if k == 0 else []
        made.add_row(*cells, *(f"{d.flat[source]:.1%}" for source in ("point", "way")))
    return made


def _pm(found: Estimate) -> str:
    if not np.isfinite(found.error) or found.error == 0:
        return number(found.value, 4)
    return f"{number(found.value, 3)} ± {number(found.error, 1)}"


def _relative(found: Estimate) -> str:
    if not np.isfinite(found.error) or found.value == 0:
        return number(found.value, 3)
    return f"{found.value:.3g} ± {100 * found.error / abs(found.value):.0f} %"


def _over(found: Estimate, by: float) -> str:
    if by == 0 or not np.isfinite(by):
        return "-"
    return f"{found.value / by:.2f} ± {abs(found.error / by):.2f}"


def _interval(found: Estimate) -> str:
    return f"{found.value:.3f} ± {found.half_width:.3f}"
