"""Predictions in the limit of small noise: Kramers, Eyring and Kramers, Langer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf, log
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck.theory.case_line import line_way
from fokkerplanck.theory.detailed_balance import Bath, bath
from fokkerplanck.theory.eyring_kramers import LEAST_BARRIER, high_enough
from fokkerplanck.theory.line_wells import LineWells
from fokkerplanck.theory.prediction import Prediction, invalid, is_index, passage_asked, unknown
from fokkerplanck.theory.well_passage import WellRates, well_passage
from fokkerplanck.theory.wells import Wells, degenerate, find_wells

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["ESCAPES", "KNOWN", "PASSAGE", "SLOWEST", "said"]

LOG10 = log(10.0)
#: From the logarithm of a mean time; the time is distributed exponentially.
PASSAGE: dict[str, Callable[[float], float]] = {
    "mean": lambda t: _exp(t),
    "variance": lambda t: _exp(2 * t),
    "rate": lambda t: _exp(-t),
    "log10_mean": lambda t: t / LOG10,
    "log10_variance": lambda t: 2 * t / LOG10,
    "log10_rate": lambda t: -t / LOG10,
}
#: From the logarithm of a rate.
SLOWEST: dict[str, Callable[[float], float]] = {
    "spectrum.0": lambda r: _exp(r),
    "spectrum_modes.log10_rates.0": lambda r: r / LOG10,
}
RATES = ("rates.rates.i.j", "rates.log10_rates.i.j")
KNOWN = (*(f"passage.NAME.{key}" for key in PASSAGE), *SLOWEST)


def _on_a_line(
    problem: Problem, case: Any, quantity: str, *, name: str, corrected: bool
) -> Prediction:
    """Kramers' law on a line, to leading or to the next order."""
    asked = passage_asked(case, quantity)
    if not (asked and asked[1] in PASSAGE) and quantity not in SLOWEST:
        raise unknown(quantity, name, KNOWN)
    if problem.grid.dim != 1 or problem.grid.axes[0].periodic:
        return invalid("needs a line with walls")
    found = bath(problem, isotropic=True)
    if isinstance(found, str):
        return invalid(found)
    line = LineWells.of(problem, found.temperature, corrected=corrected)
    if isinstance(line, str):
        return invalid(line)
    if asked is None:
        rate = line.relaxation()
        return said(rate, SLOWEST[quantity])
    way = line_way(problem, asked[0])
    if isinstance(way, str) or way.target is None:
        return invalid(way if isinstance(way, str) else "the target is a wall")
    return said(line.passage(way.start, way.target), PASSAGE[asked[1]])


def _in_any_dimension(
    problem: Problem, case: Any, quantity: str, *, name: str, isotropic: bool
) -> Prediction:
    """Eyring's and Kramers' law for white noise, Langer's for a constant tensor."""
    asked, parts = passage_asked(case, quantity), quantity.split(".")
    matrix = len(parts) == 4 and ".".join([*parts[:2], "i", "j"]) in RATES
    if not (asked and asked[1] in PASSAGE) and quantity not in SLOWEST and not matrix:
        raise unknown(quantity, name, (*KNOWN, *RATES))
    if asked is not None and problem.grid.dim == 1 and not problem.grid.axes[0].periodic:
        return _on_a_line(problem, case, quantity, name=name, corrected=False)
    found = bath(problem, isotropic=isotropic)
    if isinstance(found, str):
        return invalid(found)
    wells = find_wells(problem.landscape, problem.grid)
    if not wells.ways:
        return invalid("needs two minima and a saddle that connects them")
    if degenerate((*wells.minima, *(saddle for saddle, *_ in wells.ways))):
        return invalid("a minimum or saddle has a direction without curvature")
    if asked is not None:
        return said(
            well_passage(problem, asked[0], wells, _rates(problem, wells, found)), PASSAGE[asked[1]]
        )
    if matrix:
        count = len(wells.minima)
        if not all(is_index(k, count) for k in parts[2:]):
            raise unknown(quantity, name, (*KNOWN, *RATES))
        i, j = (int(k) % count for k in parts[2:])
        rate = wells.log_rates(*found)[i, j], wells.lowest_barrier([i], found.temperature)
        return said(rate, SLOWEST["spectrum.0"] if parts[1] == "rates" else lambda r: r / LOG10)
    if len(wells.minima) != 2:
        return invalid(f"needs exactly two minima, found {len(wells.minima)}")
    logs = wells.log_rates(*found)
    both = float(np.logaddexp(logs[0, 1], logs[1, 0]))
    return said((both, wells.lowest_barrier([0, 1], found.temperature)), SLOWEST[quantity])


def said(
    found: tuple[float, float] | tuple[float, float, str] | str, read: Callable[[float], float]
) -> Prediction:
    """Turn a logarithm, the lowest barrier and perhaps a caveat into a prediction."""
    if isinstance(found, str):
        return invalid(found)
    value, barrier, *caveat = found
    if not np.isfinite(value):
        return invalid("no saddle leads there")
    notes = [str(note) for note in caveat if note]
    if not high_enough(barrier):
        notes.append(f"barrier / T = {barrier:.3g} is below {LEAST_BARRIER:g}")
    return Prediction(read(value), not notes, "; ".join(notes))


def _rates(problem: Problem, wells: Wells, found: Bath) -> WellRates:
    isotropic = np.allclose(found.mobility, found.mobility[0, 0] * np.eye(problem.grid.dim))
    return WellRates(
        wells.log_rates(*found),
        lambda numbers: wells.lowest_barrier(numbers, found.temperature),
        lambda saddle: found.temperature,
        isotropic,
    )


def _exp(x: float) -> float:
    return float(np.exp(x)) if x < 709.7 else inf


#: Name in a case file -> formula, called with (problem, case, quantity).
ESCAPES: dict[str, Callable[[Any, Any, str], Prediction]] = {
    "eyring-kramers": partial(_in_any_dimension, name="eyring-kramers", isotropic=True),
    "kramers": partial(_on_a_line, name="kramers", corrected=False),
    "kramers-corrected": partial(_on_a_line, name="kramers-corrected", corrected=True),
    "langer": partial(_in_any_dimension, name="langer", isotropic=False),
}
