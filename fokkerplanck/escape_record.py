"""What is found of escape as parts of the JSON object of a run and as groups of its file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck.layout import Group

if TYPE_CHECKING:
    from fokkerplanck.metastability import QuasiStationary
    from fokkerplanck.passage import Passage
    from fokkerplanck.refinement import Refined
    from fokkerplanck.relaxation import Spectrum
    from fokkerplanck.survival import Survival
    from fokkerplanck.transitions import ReactiveCurrent
    from fokkerplanck.well_rates import RateMatrix

__all__ = [
    "passage_group",
    "passage_json",
    "quasi_stationary_group",
    "quasi_stationary_json",
    "rates_group",
    "rates_json",
    "refined_json",
    "spectrum_group",
    "spectrum_json",
]

#: numbers of a passage and of its reactive current, in the order in which they are told
PASSAGE = (
    "mean",
    "log10_mean",
    "variance",
    "log10_variance",
    "rate",
    "log10_rate",
    "probability",
    "error",
    "variance_error",
    "jumps",
    "anchors",
    "weight",
)
REACTIVE = ("flux", "log10_flux", "rate", "log10_rate", "population", "error")


def passage_json(
    found: Passage,
    reactive: ReactiveCurrent | None,
    survival: Survival | None,
    refined: Mapping[str, Refined] | None,
) -> dict[str, Any]:
    """Part ``passage.NAME`` of the JSON object; what was not computed is None."""
    return {
        **{name: getattr(found, name) for name in PASSAGE},
        "method": "fokker-planck",
        "from": found.start,
        "to": found.target,
        "reactive": None if reactive is None else {k: getattr(reactive, k) for k in REACTIVE},
        "survival": None
        if survival is None
        else {"times": survival.times, "survival": survival.survival, "error": survival.error},
        "refined": None if refined is None else {k: refined_json(v) for k, v in refined.items()},
    }


def passage_group(
    index: int,
    found: Passage,
    sets: tuple[Any, Any],
    reactive: ReactiveCurrent | None,
    survival: Survival | None,
    names: tuple[str, ...],
) -> Group:
    """Group ``/passage/NAME``: fields on the grid, the curve of survival, numbers as attributes.

    Parameters
    ----------
    index : int
        Its place in the case: groups of a file have no order.
    sets : (ndarray, ndarray)
        Shares of each cell in the set it starts from and in the target.
    names : tuple of str
        Names of the axes.
    """
    arrays: dict[str, Any] = {
        "log10_time": (found.log10_times, names, "log10 of the mean time to reach the target"),
        "source": (sets[0], names, "share of the cell in the set it starts from"),
        "target": (sets[1], names, "share of the cell in the target"),
    }
    coordinates: dict[str, Any] = {}
    facts = {"index": index, **{name: getattr(found, name) for name in PASSAGE}}
    facts |= {"from": found.start, "to": found.target}
    if reactive is not None:
        q = reactive.committor
        arrays["committor"] = (q.forward, names, "probability to reach the target first")
        arrays["committor_backward"] = (q.backward, names, "probability to come from the source")
        current = "reactive current per unit of flux"
        arrays["reactive_current"] = (reactive.current, (*names, "component"), current)
        facts |= {f"reactive_{name}": getattr(reactive, name) for name in REACTIVE}
    if survival is not None:
        coordinates["passage_time"] = (survival.times, "time since the start")
        curve = "probability not to have arrived"
        arrays["survival"] = (survival.survival, ("passage_time",), curve)
        arrays["arrival"] = (survival.density, ("passage_time",), "density of the arrival time")
    return Group(arrays, facts, coordinates)


def spectrum_json(found: Spectrum, refined: Sequence[Refined] | None) -> dict[str, Any]:
    """Part ``spectrum_modes`` of the JSON object; ``numbers`` are those of tables and figures."""
    return {
        "frequencies": found.frequencies,
        "log10_rates": found.log10_rates,
        "time_scales": found.time_scales,
        "errors": found.errors,
        "methods": list(found.methods),
        "numbers": found.numbers,
        "refined": None if refined is None else [refined_json(r) for r in refined],
    }


def spectrum_group(found: Spectrum, names: tuple[str, ...]) -> Group:
    """Group ``/spectrum``: rates and modes."""
    arrays = {
        "rate": (found.rates, ("mode",), "decay rate"),
        "frequency": (found.frequencies, ("mode",), "angular frequency"),
        "log10_rate": (found.log10_rates, ("mode",), "log10 of the decay rate"),
        "error": (found.errors, ("mode",), "estimated relative error of the rate"),
        "right": (found.right, ("mode", *names), "eigenfunction of the generator"),
        "left": (found.left, ("mode", *names), "density of the mode"),
    }
    return Group(arrays, {})


def rates_json(found: RateMatrix) -> dict[str, Any]:
    """Part ``rates`` of the JSON object."""
    return {
        "wells": [well.position for well in found.wells],
        "rates": found.rates,
        "log10_rates": found.log10_rates,
        "populations": found.populations,
        "error": found.error,
    }


def rates_group(found: RateMatrix) -> Group:
    """Group ``/rates``: from the well of the row to that of the column."""
    pair = ("well", "to_well")
    places = np.array([well.position for well in found.wells])
    arrays = {
        "position": (places, ("well", "component"), "minimum of the well"),
        "rate": (found.rates, pair, "transitions per unit time of a system in the well"),
        "log10_rate": (found.log10_rates, pair, "log10 of the rate"),
        "population": (found.populations, ("well",), "stationary probability of the well"),
    }
    return Group(arrays, {"error": found.error})


def quasi_stationary_json(found: QuasiStationary) -> dict[str, Any]:
    """Part ``quasi_stationary.NAME`` of the JSON object."""
    with np.errstate(divide="ignore", over="ignore"):
        time = float(1.0 / np.float64(found.rate))
    return {
        "rate": found.rate,
        "log10_rate": found.log10_rate,
        "mean_exit_time": time,
        "log10_mean_exit_time": -found.log10_rate,
        "minimum": found.minimum.position,
        "error": found.error,
    }


def quasi_stationary_group(
    index: int, found: QuasiStationary, well: Any, names: tuple[str, ...]
) -> Group:
    """Group ``/quasi_stationary/NAME``: the density, the well it is in, numbers as attributes.

    Parameters
    ----------
    index : int
        Its place in the case.
    well : ndarray, shape (*shape,)
        Share of each cell in the well.
    names : tuple of str
        Names of the axes.
    """
    arrays = {
        "density": (found.density, names, "density before the well is left"),
        "well": (well, names, "share of the cell in the well"),
    }
    return Group(arrays, {"index": index, **quasi_stationary_json(found)})


def refined_json(found: Refined) -> dict[str, Any]:
    """Say what refinement found: values on each grid, their limit, order and relative error."""
    values, limit = found.values, found.extrapolated
    extra = {}
    if found.log:
        logs, log_limit = values / math.log(10), limit / math.log(10)
        extra = {"log10_values": logs, "log10_extrapolated": log_limit}
        with np.errstate(over="ignore"):
            values, limit = np.exp(values), float(np.exp(limit))
    return {
        "cells": [list(shape) for shape in found.cells],
        "values": values,
        "extrapolated": limit,
        "order": found.order,
        "error": found.error,
        **extra,
    }
