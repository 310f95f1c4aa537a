"""Predictions by quadrature on a line: passages and the slowest rate, exact for any noise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fokkerplanck.theory.case_line import line_process, line_way, passage_by_quadrature
from fokkerplanck.theory.line_process import LineProcess
from fokkerplanck.theory.passage_quadrature import LinePassage
from fokkerplanck.theory.prediction import Prediction, invalid, passage_asked, unknown
from fokkerplanck.theory.relaxation_quadrature import LineRate, escape_rate, relaxation_rate

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["QUADRATURES"]

#: Estimated errors above this are not called exact.
ACCURATE = 1e-9

PASSAGE: dict[str, Callable[[LinePassage], float]] = {
    "mean": lambda p: p.mean,
    "variance": lambda p: p.variance,
    "rate": lambda p: p.rate,
    "log10_mean": lambda p: p.log10_mean,
    "log10_variance": lambda p: p.log10_variance,
    "log10_rate": lambda p: -p.log10_mean,
    "probability": lambda p: p.probability,
}
SLOWEST: dict[str, Callable[[LineRate], float]] = {
    "spectrum.0": lambda r: r.rate,
    "spectrum_modes.log10_rates.0": lambda r: r.log10_rate,
}


def _passage(problem: Problem, case: Any, quantity: str) -> Prediction:
    """First passage on a line or ring: any drift, diffusion and reading."""
    asked = passage_asked(case, quantity)
    if asked is None or asked[1] not in PASSAGE:
        raise unknown(quantity, "passage-quadrature", [f"passage.NAME.{key}" for key in PASSAGE])
    table, field = asked
    if problem.grid.dim != 1:
        return invalid("needs a line")
    way = line_way(problem, table)
    if isinstance(way, str):
        return invalid(way)
    found = passage_by_quadrature(problem, way)
    if isinstance(found, str):
        return invalid(found)
    return _vouched(PASSAGE[field](found), found.error)


def _relaxation(problem: Problem, case: Any, quantity: str) -> Prediction:
    """Slowest rate on a line: of relaxation, or of escape through absorbing walls."""
    if quantity not in SLOWEST:
        raise unknown(quantity, "relaxation-quadrature", list(SLOWEST))
    process = line_process(problem)
    if isinstance(process, str):
        return invalid(process)
    if problem.grid.axes[0].periodic:
        return invalid("a ring has no slowest monotonic mode")
    try:
        found = _slowest(process, problem.grid.walls[0])
    except ValueError as error:
        return invalid(str(error))
    return _vouched(SLOWEST[quantity](found), found.error)


def _slowest(process: LineProcess, walls: tuple[str, str]) -> LineRate:
    low, high = process.low, process.high
    ends = [x if w == "absorbing" else None for x, w in zip((low, high), walls, strict=True)]
    if ends == [None, None]:
        return relaxation_rate(process, 0.5 * (low + high), high - low)
    return escape_rate(process, *ends)


def _vouched(value: float, error: float) -> Prediction:
    if error > ACCURATE:
        return Prediction(value, False, f"the quadrature is known to {error:.1e} only")
    return Prediction(value)


#: Name in a case file -> quadrature, called with (problem, case, quantity).
QUADRATURES: dict[str, Callable[[Any, Any, str], Prediction]] = {
    "passage-quadrature": _passage,
    "relaxation-quadrature": _relaxation,
}
