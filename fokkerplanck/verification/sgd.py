"""Predictions about escape under the noise of stochastic gradient descent, ``D = eb g(H)``."""

from __future__ import annotations

from collections.abc import Iterator
from math import log, sqrt

from fokkerplanck import landscapes, noise
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes import Landscape
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.steady_state import stationary
from fokkerplanck.theory.density_diffusion import (
    FrozenEscape,
    floor_slope,
)
from fokkerplanck.verification.passages import right_of
from fokkerplanck.verification.rows import Entry, Row

__all__ = ["ENTRIES", "KAPPA", "MANY_DIGITS", "READINGS", "SHORT", "frozen_time", "parabola_time"]

READINGS = ("ito", "stratonovich", "hanggi-klimontovich")
SHORT = dict(zip(READINGS, ("Ito", "Strat.", "HK"), strict=True))
KAPPA = dict(zip(READINGS, (1.0, 0.5, 0.0), strict=True))
#: Mean times from -1 to 1 in the quartic well whose noise switches at the inflection points, in
#: the three readings, by eb; quadrature with many digits.
FROZEN = {
    0.05: (185.196021815018, 246.989571686058, 334.647293507116),
    0.025: (8054.3116744369, 11263.8498343558, 15802.9757887196),
    0.0125: (18464088.8651461, 26091526.4228296, 36878352.1370871),
    0.00625: (103495966211159.0, 146364437433257.0, 206989610833749.0),
}
#: The same across parabolas of curvatures (well, top) and a barrier, by (well, top, barrier, eb).
PARABOLAS = {
    (4, 1, 1, 0.05): (39032867.1773409759, 73991214.2460434494, 143907908.383448396),
    (4, 1, 1, 0.025): (920796726357970.314, 1816445802379781.52, 3607743954423403.94),
    (1, 4, 1, 0.025): (3524342010560749.66, 1774744830448453.15, 899946240392304.891),
    (2, 1, 0.25, 0.01): (3508066135.83312781, 4957938724.32581238, 7008368202.68515232),
}
#: eb times the climb of the quartic well under D = eb sqrt(H^2 + floor^2), by floor.
CLIMBS = {0.1: 0.687663486735, 0.01: 1.19886951801}
#: H times the mean exit time from (-1, 1) in a parabola with D = eb H, by eb.
FIXED_RADIUS = {0.1: 66.228204290359, 0.05: 6545.7650634108}
MANY_DIGITS = "quadrature, many digits"
SWITCH = 4 / 9


def _frozen_noise(eb: float, reading: str) -> noise.Noise:
    return noise.hessian(2 * eb, 1, model="frozen", reading=reading)


def frozen_time(
    eb: float, reading: str, *, landscape: Landscape | None = None, length: float = 1.0
) -> float:
    """Mean time between the minima of the quartic well, at -length and length."""
    grid = Grid.line(-2.4 * length, 2.4 * length, 1024)
    problem = Problem(grid, landscape or landscapes.quartic(), _frozen_noise(eb, reading))
    return mean_first_passage(problem, [-length], right_of(length)).mean


def _prefactors() -> Iterator[Row]:
    for eb, times in FROZEN.items():
        law = FrozenEscape(well=2.0, top=-1.0, barrier=0.25, eb=eb, switch=SWITCH)
        for reading, exact in zip(READINGS, times, strict=True):
            found = frozen_time(eb, reading)
            yield Row(f"quartic, eb = {eb:g}, {SHORT[reading]}", found, exact, 1e-10, MANY_DIGITS)
            if eb == min(FROZEN):
                text = f"time/published law, {SHORT[reading]}"
                ratio, due = found / law.published, law.time(KAPPA[reading]) / law.published
                note = "2 pi e^Phi / (H_a^kappa |H_b|^(1 - kappa)) over that at kappa = 0"
                yield Row(text, ratio, due, 0.03, "first order of Laplace", note=note)
    for (well, top, barrier, eb), times in PARABOLAS.items():
        for reading, exact in zip(READINGS, times, strict=True):
            found = parabola_time(well, top, barrier, eb, reading)
            text = f"parabolas {well}, {top}, eb = {eb:g}, {SHORT[reading]}"
            yield Row(text, found, exact, 1e-10, MANY_DIGITS)


def parabola_time(well: float, top: float, barrier: float, eb: float, reading: str) -> float:
    """Mean time from the minimum to where the barrier's parabola ends on the other side."""
    landscape = landscapes.piecewise_quadratic(
        1, curvature=(well, well), saddle_curvature=top, barrier=(barrier, barrier)
    )
    reach = sqrt(2 * barrier * (well + top) / (well * top))
    joint = reach * well / (well + top)
    wall = reach + 12 * sqrt(eb)
    problem = Problem(Grid.line(-wall, wall, 1024), landscape, _frozen_noise(eb, reading))
    return mean_first_passage(problem, [-reach], right_of(joint)).mean


def _rescaling() -> Iterator[Row]:
    for factor, eb in ((2.0, 0.025), (0.5, 0.025)):
        length = 1 / sqrt(factor)
        steep = landscapes.scaled(landscapes.quartic(), length=length)
        for reading in READINGS:
            here = frozen_time(eb, reading, landscape=steep, length=length)
            there = frozen_time(factor * eb, reading)
            text = f"ratio of rates, k = {factor:g}, {SHORT[reading]}"
            yield Row(text, there / (factor * here), 1.0, 1e-11, "exact rescaling")


def _slope() -> Iterator[Row]:
    times = [log(frozen_time(eb, "hanggi-klimontovich")) for eb in (0.0125, 0.00625)]
    found = (times[1] - times[0]) / 80
    exact = log(FROZEN[0.00625][2] / FROZEN[0.0125][2]) / 80
    yield Row("slope of ln time over 1/eb", found, exact, 1e-10, MANY_DIGITS)
    climb = FrozenEscape(well=2.0, top=-1.0, barrier=0.25, eb=1.0, switch=SWITCH).climb
    yield Row("slope of ln time over 1/eb", found, climb, 2e-3, "7/36, eb to 0")


def _divergence() -> Iterator[Row]:
    eb, found = 0.025, []
    for floor, exact in CLIMBS.items():
        found.append(eb * _climb(floor, eb))
        yield Row(f"eb x climb, floor = {floor:g}", found[-1], exact, 1e-4, MANY_DIGITS)
    slope = (found[1] - found[0]) / log(10.0)
    # L' and L''' at the inflection point, x = -1 / sqrt 3
    due = floor_slope(2 / (3 * sqrt(3.0)), -6 / sqrt(3.0))
    yield Row("slope of it over ln(1/floor)", slope, due, 2e-3, "2 |L'/L'''| = 2/9")


def _climb(floor: float, eb: float) -> float:
    """Climb of the stationary density from well to saddle, in the reading where p = e^-Phi."""
    model = noise.hessian(2 * eb, 1, model="absolute", floor=floor, reading=READINGS[2])
    problem = Problem(Grid.line(-2.005, 2.005, 4010 + 1), landscapes.quartic(), model)
    p = stationary(problem).density
    well, top = (p[problem.grid.cell_of([x])] for x in (-1.0, 0.0))
    return log(float(well / top))


def _fixed_radius() -> Iterator[Row]:
    for eb, exact in FIXED_RADIUS.items():
        for h in (1.0, 4.0):
            problem = Problem(
                Grid.line(-1.0, 1.0, 1024, "absorbing"),
                landscapes.from_expression("h * x**2 / 2", parameters={"h": h}),
                noise.white(eb * h),
            )
            found = h * mean_first_passage(problem, [0.0], "walls").mean
            yield Row(f"H x exit time, H = {h:g}, eb = {eb:g}", found, exact, 1e-10, MANY_DIGITS)


ENTRIES = (
    Entry(
        "I.13", "prefactor of SGD escape", "times under frozen noise, three readings", _prefactors
    ),
    Entry("I.14", "rescaling", "escape rates of rescaled landscapes", _rescaling),
    Entry("I.15", "exponent of SGD escape", "slope of the time over the noise", _slope),
    Entry("I.16", "vanishing noise", "how the climb diverges with the floor", _divergence),
    Entry(
        "I.17", "exit at a fixed radius", "exit times in parabolas of any curvature", _fixed_radius
    ),
)
