"""A passage of walkers as a part of the JSON object of a run and as a group of its file."""

from __future__ import annotations

from math import log, log10, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.layout import Group

if TYPE_CHECKING:
    from fokkerplanck.sampled_passage import SampledPassage

__all__ = ["sampled_group", "sampled_json"]

Array = NDArray[np.float64]
#: points of the curve of survival, at even steps of it
POINTS = 200
#: numbers that only walkers have
OWN = (
    "standard_error",
    "interval",
    "confidence",
    "rate_error",
    "probability_interval",
    "walkers",
    "arrived",
    "lost",
    "censored",
    "limit",
    "step",
    "step_error",
    "step_error_deviation",
    "dynamics",
    "seed",
    "note",
)


def sampled_json(found: SampledPassage, *, survival: bool) -> dict[str, Any]:
    """Part ``passage.NAME`` of the JSON object; the keys of other methods are there, too."""
    curve = None
    if survival:
        times, share = _curve(found)
        curve = {"times": times, "survival": share, "error": _band(found)}
    return {
        **_numbers(found),
        "jumps": None,
        "anchors": None,
        "weight": None,
        "method": "ensemble",
        **{name: getattr(found, name) for name in OWN},
        "from": found.start,
        "to": found.target,
        "reactive": None,
        "survival": curve,
        "refined": None,
    }


def sampled_group(
    index: int, found: SampledPassage, sets: tuple[Any, Any], names: tuple[str, ...]
) -> Group:
    """Group ``/passage/NAME``: the sets, times of arrival and survival, numbers as attributes."""
    times, share = _curve(found)
    arrays: dict[str, Any] = {
        "source": (sets[0], names, "share of the cell in the set it starts from"),
        "target": (sets[1], names, "share of the cell in the target"),
        "arrival_time": (found.times, ("walker",), "times of the walkers that arrived"),
        "survival": (share, ("passage_time",), "share of the walkers not to have arrived"),
        "arrival": (_density(times, share), ("passage_time",), "density of the arrival time"),
    }
    facts = {"index": index, "method": "ensemble", **_numbers(found)}
    facts |= {name: getattr(found, name) for name in OWN}
    facts |= {"from": found.start, "to": found.target}
    facts = {name: value for name, value in facts.items() if value is not None}
    return Group(arrays, facts, {"passage_time": (times, "time since the start")})


def _numbers(found: SampledPassage) -> dict[str, float]:
    """Return what every passage has; `error` is the standard error over the mean."""
    return {
        "mean": found.mean,
        "log10_mean": log10(found.mean),
        "variance": found.variance,
        "log10_variance": log10(found.variance) if found.variance > 0 else -np.inf,
        "rate": found.rate,
        "log10_rate": log10(found.rate),
        "probability": found.probability,
        "error": found.standard_error / found.mean,
        "variance_error": _variance_error(found),
    }


def _variance_error(found: SampledPassage) -> float:
    """Relative standard error of the variance, that of an exponential law where that is assumed."""
    if found.censored or found.times.size < 3 or not found.variance > 0:
        return sqrt(8.0 / found.arrived)
    fourth = float(((found.times - found.mean) ** 4).mean())
    return sqrt(max(fourth / found.variance**2 - 1.0, 0.0) / found.arrived)


def _curve(found: SampledPassage) -> tuple[Array, Array]:
    """Survival at some of the times of arrival, each a step of the curve as it was sampled."""
    places = np.unique(np.linspace(0, found.times.size - 1, POINTS).astype(int))
    times = np.unique(found.times[places])
    return times, found.survival(times)


def _density(times: Array, share: Array) -> Array:
    if times.size < 2:
        return np.zeros(times.size)
    return np.asarray(-np.gradient(share, times))


def _band(found: SampledPassage) -> float:
    """Half width of the band that holds the whole curve (Dvoretzky, Kiefer and Wolfowitz)."""
    return sqrt(log(2.0 / (1.0 - found.confidence)) / (2.0 * found.arrived))
