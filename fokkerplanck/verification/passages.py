"""Predictions about first-passage times on a line, and in a disc."""

from __future__ import annotations

from collections.abc import Iterator
from math import asinh, log, pi

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import landscapes, noise, theory
from fokkerplanck.grid import Grid
from fokkerplanck.passage import Passage, mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.sets import Box, HalfPlane
from fokkerplanck.steady_state import stationary
from fokkerplanck.transitions import committor
from fokkerplanck.verification.references import BARRIER, QUARTIC, TILTED, quartic, tilted
from fokkerplanck.verification.rows import Entry, Row, from_log10

__all__ = ["ENTRIES"]

Array = NDArray[np.float64]

#: Coefficient of T in the correction to Kramers' time of the quartic well, and bounds on that of
#: its square, of the quartic and of the tilted well.
CORRECTION, NEXT, NEXT_TILTED = 1.5, 15.0, 25.0
LOW = "the law is one for barriers above 5 T"
#: Barrier / T beyond the table.
DEEP = (200.0, 600.0)
LN10 = log(10.0)
DIGITS = "integration, 40 digits"


def right_of(x: float) -> HalfPlane:
    """All points of a line from x on."""
    return HalfPlane((1.0,), x)


def left_of(x: float) -> HalfPlane:
    """All points of a line up to x."""
    return HalfPlane((-1.0,), -x)


def _crossing(temperature: float, target: float = 1.0) -> Passage:
    return mean_first_passage(quartic(temperature), [-1.0], right_of(target))


def _log10_kramers(temperature: float) -> float:
    return (log(2 * pi / np.sqrt(2.0)) + BARRIER / temperature) / LN10


def _quartic_times() -> Iterator[Row]:
    for row in QUARTIC:
        text = f"barrier/T = {row.ratio:g}, from -1 to 1"
        yield Row(text, _crossing(row.temperature).mean, row.cross, 1e-10, DIGITS)
        text = f"barrier/T = {row.ratio:g}, from -1 to 0"
        yield Row(text, _crossing(row.temperature, 0.0).mean, row.touch, 1e-10, DIGITS)
    for ratio in DEEP:
        process = theory.LineProcess(BARRIER / ratio, loss=lambda x: (x**2 - 1) ** 2 / 4)
        exact = theory.line_passage(process, -1.0, 1.0).log10_mean
        found = _crossing(BARRIER / ratio).log10_mean
        text = f"barrier/T = {ratio:g}, from -1 to 1"
        yield from_log10(text, found, exact, 1e-10, "quadrature of exp(+-L/T)")


def _kramers() -> Iterator[Row]:
    for row in QUARTIC:
        found = 10 ** (_crossing(row.temperature).log10_mean - _log10_kramers(row.temperature))
        text = f"time/Kramers, barrier/T = {row.ratio:g}"
        yield Row(text, found, row.over_kramers, 1e-10, DIGITS)
    for row in QUARTIC:
        t, valid = row.temperature, row.ratio >= 5
        found = 10 ** (_crossing(t).log10_mean - _log10_kramers(t))
        note = "" if valid else LOW
        text = f"time/Kramers, barrier/T = {row.ratio:g}"
        allowed = NEXT * t**2
        yield Row(
            text, found, 1 + CORRECTION * t, allowed, "Kramers, 1 + c1 T", valid=valid, note=note
        )
    yield from _kramers_tilted()


def _kramers_tilted() -> Iterator[Row]:
    t, top = 0.05, _derivatives(TILTED.saddle)
    for name, begin, end, kramers in (
        ("right", TILTED.left, TILTED.right, TILTED.kramers_forth),
        ("left", TILTED.right, TILTED.left, TILTED.kramers_back),
    ):
        found = _tilted_time(begin, end) / kramers
        due = 1 + t * theory.kramers_correction(_derivatives(begin), top)
        valid = begin == TILTED.left  # 7.1 T high from there, and 3.2 T from the other well
        note = "" if valid else LOW
        text = f"time/Kramers, tilted, to the {name}"
        allowed = NEXT_TILTED * t**2
        yield Row(text, found, due, allowed, "Kramers, 1 + c1 T", valid=valid, note=note)


def _derivatives(x: float) -> tuple[float, float, float]:
    """Second to fourth derivative of the tilted well."""
    return 3 * x**2 - 1, 6 * x, 6.0


def _tilted_time(begin: float, end: float) -> float:
    target = right_of(end) if end > begin else left_of(end)
    return mean_first_passage(tilted(), [begin], target).mean


def _slope() -> Iterator[Row]:
    slopes = []
    for t in (0.0025, 0.00125, 0.000625):
        ratio = 10 ** (_crossing(t).log10_mean - _log10_kramers(t))
        slopes.append((ratio - 1) / t)
    yield Row("(time/Kramers - 1)/T at T = 0.0025", slopes[0], CORRECTION, 0.02, "c1 = 3/2")
    limit = (slopes[0] - 6 * slopes[1] + 8 * slopes[2]) / 3
    yield Row("(time/Kramers - 1)/T, T to 0", limit, CORRECTION, 1e-5, "c1 = 3/2")


def _touching() -> Iterator[Row]:
    for row in QUARTIC[2:]:
        ratio = 10 ** (
            _crossing(row.temperature, 0.0).log10_mean - _crossing(row.temperature).log10_mean
        )
        allowed = 1e-4 if row.ratio < 20 else 1e-8
        text = f"2 touch/cross, barrier/T = {row.ratio:g}"
        yield Row(text, 2 * ratio, 1.0, allowed, "1 + O(e^(-barrier/T))")


def _readings() -> Iterator[Row]:
    exact = {
        "ito": 0.5,
        "stratonovich": pi / 4 - log(2) / 2,
        "hanggi-klimontovich": asinh(1.0) ** 2 / 2,
    }
    for reading, value in exact.items():
        problem = Problem(
            Grid.line(-1.0, 1.0, 400, "absorbing"),
            landscapes.from_expression("x**2/2"),
            noise.tensor("1 + x**2", reading=reading),
        )
        found = mean_first_passage(problem, [0.0], "walls").mean
        yield Row(f"exit time, {reading}", found, value, 1e-10, "closed form")


def _tilted() -> Iterator[Row]:

    for name, begin, end, exact in (
        ("left to right", TILTED.left, TILTED.right, TILTED.forth),
        ("right to left", TILTED.right, TILTED.left, TILTED.back),
    ):
        yield Row(f"mean time, {name}", _tilted_time(begin, end), exact, 1e-10, DIGITS)
    # an odd number of cells has a centre at 0
    problem = tilted(401)
    low, high = problem.grid.axes[0].min, problem.grid.axes[0].max
    found = committor(problem, Box(((low, TILTED.left),)), Box(((TILTED.right, high),)))
    q = float(found.forward[200])
    yield Row("committor at x = 0", q, TILTED.committor, 1e-10, DIGITS)
    mass = stationary(problem).density * left_of(TILTED.saddle).shares(problem.grid)
    computed = problem.grid.integrate(mass)
    yield Row("mass left of the saddle", computed, TILTED.mass_left, 1e-8, DIGITS)


ENTRIES = (
    Entry("I.6", "passage of the quartic well", "mean first-passage times", _quartic_times),
    Entry("I.8", "Kramers' law", "passage times over Kramers' time", _kramers),
    Entry("I.9", "correction to Kramers' law", "its slope in the temperature", _slope),
    Entry("I.10", "saddle and well", "passage time to the saddle and across it", _touching),
    Entry("I.11", "three readings", "mean exit time under noise that varies", _readings),
    Entry("I.12", "tilted well", "passage times, committor, mass", _tilted),
)
