"""Predictions about heavy-tailed noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fokkerplanck import landscapes
from fokkerplanck.grid import Grid
from fokkerplanck.levy import Levy
from fokkerplanck.levy_density import levy_stationary
from fokkerplanck.levy_overshoot import levy_landing
from fokkerplanck.levy_passage import levy_exit
from fokkerplanck.levy_relaxation import levy_spectrum
from fokkerplanck.levy_well_rates import levy_rates
from fokkerplanck.theory.levy import (
    cauchy_double_well,
    cauchy_quartic,
    getoor_time,
    levy_exit_side,
    levy_exit_time,
    levy_landing_density,
    levy_landing_quantile,
    levy_ou_characteristic,
    levy_transition_time,
)
from fokkerplanck.verification.rows import Entry, Row, deviation

__all__ = ["ENTRIES"]

#: Index and start of exits without drift.
GETOOR = ((0.5, 0.0), (1.0, 0.0), (1.2, 0.5), (1.5, 0.5), (1.8, 0.0))
#: Index, scale, and exact time over that for weak noise, of exits from (-1, 1) in a parabola.
WEAK = ((1.5, 0.01, 0.9984), (1.5, 0.003, 0.9997), (1.2, 0.01, 0.9969), (0.8, 0.01, 0.9944))
#: The same from the left well of the quartic to beyond its maximum.
ACROSS = ((1.5, 0.01, 0.9850), (1.2, 0.01, 0.9839))
NUMERICS = "independent numerics"
#: Indices of exits whose landing is looked at.
LANDING = (0.5, 1.0, 1.5, 1.8)
SIDE, BEYOND = "Rogozin", "Blumenthal-Getoor-Ray"
#: Slowest rate of a Cauchy flight in (-1, 1): T. Kulczycki, M. Kwasnicki, J. Malecki and A. Stos,
#: Proc. London Math. Soc. 101 (2010) 589.
SLOWEST = 1.1577738836977


def _getoor() -> Iterator[Row]:
    flat = landscapes.from_expression("0 * x", dim=1)
    grid = Grid.line(-1.0, 1.0, 2048, walls="absorbing")
    for alpha, start in GETOOR:
        found = levy_exit(Levy(grid, flat, alpha, 1.0), start).mean
        text = f"exit time from (-1, 1), alpha = {alpha:g}, from x = {start:g}"
        yield Row(text, found, float(getoor_time(start, alpha)), 2e-7, "Getoor")
    yield from _landing(Grid.line(-1.0, 1.0, 1024, walls="absorbing"))
    grid = Grid.line(-1.0, 1.0, 256, walls="absorbing")
    for alpha in (0.5, 1.0, 1.5):
        rates = levy_spectrum(Levy(grid, flat, alpha, 1.0), 5).rates
        law = (5.0 * np.pi / 2.0 - (2.0 - alpha) * np.pi / 8.0) ** alpha
        text = f"fifth rate of killing in (-1, 1), alpha = {alpha:g}"
        yield Row(text, float(rates[4]), float(law), 1e-3, "Kwasnicki")
        if alpha == 1.0:
            text = "slowest rate of killing in (-1, 1), alpha = 1"
            yield Row(text, float(rates[0]), SLOWEST, 5e-5, "Kulczycki and others")


def _landing(grid: Grid) -> Iterator[Row]:
    flat, start = landscapes.from_expression("0 * x", dim=1), 0.3
    for alpha in LANDING:
        side = levy_landing(Levy(grid, flat, alpha, 1.0), start).sides[1]
        where = f"of (-1, 1), alpha = {alpha:g}, from x = {start:g}"
        due = float(levy_exit_side(start, alpha))
        yield Row(f"probability to leave on the right {where}", side.probability, due, 1e-5, SIDE)
        half = levy_landing_quantile(0.5, alpha, start=start)
        yield Row(f"median overshoot {where}", float(side.overshoot[2]), half, 1e-3, BEYOND)
        law = levy_landing_density(side.points, alpha, start=start)
        gap = float(np.abs(side.density / law - 1.0).max())
        yield deviation(f"largest relative error of the landing density {where}", gap, 3e-3, BEYOND)


def _weak() -> Iterator[Row]:
    parabola = landscapes.from_expression("x**2 / 2", dim=1)
    for alpha, scale, ratio in WEAK:
        found = levy_exit(
            Levy(Grid.line(-1.0, 1.0, 2047), parabola, alpha, scale), 0.0, (-1.0, 1.0)
        )
        law = levy_exit_time(alpha, scale, 1.0, 1.0)
        text = f"exit time, alpha = {alpha:g}, scale = {scale:g}"
        yield Row(text, found.mean, law.value, 6e-3, "Imkeller-Pavlyukevich", valid=law.valid)
        yield Row(f"the same over the law, {text}", found.mean / law.value, ratio, 5e-4, NUMERICS)
    quartic = landscapes.from_expression("(x**2 - 1)**2 / 4", dim=1)
    for alpha, scale, ratio in ACROSS:
        problem = Levy(Grid.line(-10.0, 0.0, 8192), quartic, alpha, scale)
        found = levy_exit(problem, -1.0, (-10.0, 0.0))
        law_time = levy_transition_time(-1.0, 0.0, alpha, scale) / (1.0 + 9.0**-alpha)
        text = f"time out of a well over the law, alpha = {alpha:g}, scale = {scale:g}"
        yield Row(text, found.mean / law_time, ratio, 1e-3, NUMERICS)
    # wells at -2, 0 and 2: the walker jumps over the one between as if it were not there
    three = landscapes.from_expression("x**6 / 6 - 5 * x**4 / 4 + 2 * x**2", dim=1)
    rates = levy_rates(Levy(Grid.line(-5.0, 5.0, 600), three, 1.5, 0.01)).rates
    near, far = (1.0 / levy_transition_time(0.0, edge, 1.5, 0.01) for edge in (1.0, 3.0))
    for to, name, law_rate in ((1, "next", near - far), (2, "last", far)):
        text = f"rate from the first of three wells to the {name}"
        yield Row(text, float(rates[0, to]), law_rate, 0.01, "Imkeller-Pavlyukevich")


def _cauchy() -> Iterator[Row]:
    single = landscapes.from_expression("x**4 / 4", dim=1)
    double = landscapes.from_expression("x**4 / 4 - x**2 / 2", dim=1)
    for loss, law, scale, text in (
        (single, cauchy_quartic, 1.0, "one quartic well"),
        (double, cauchy_double_well, 1.0, "double well"),
        (double, cauchy_double_well, 0.25, "double well, scale 1/4"),
    ):
        found = levy_stationary(Levy(Grid.line(-20.0, 20.0, 8192), loss, 1.0, scale))
        h = found.x[1] - found.x[0]
        gap = float(np.abs(found.density - law(found.x, scale)).sum() * h)
        yield deviation(f"L1 of the Cauchy density, {text}", gap, 1e-4, "zero flux, by Fourier")
    parabola = landscapes.from_expression("x**2 / 2", dim=1)
    found = levy_stationary(Levy(Grid.line(-200.0, 200.0, 16384), parabola, 1.5, 1.0))
    value = float((found.density * np.cos(found.x)).sum() * (found.x[1] - found.x[0]))
    law_value = float(levy_ou_characteristic(1.0, 1.5, 1.0).real)
    yield Row("E cos x in a parabola, alpha = 1.5", value, law_value, 1e-4, "stable law")
    slow = levy_spectrum(Levy(Grid.line(-50.0, 50.0, 800), parabola, 1.5, 1.0), 3).rates
    for k, rate in enumerate(slow, start=1):
        yield Row(f"rate {k} of relaxation in a parabola", float(rate), k, 5e-3, "theta k")


ENTRIES = (
    Entry("I.29", "Getoor's exit times", "jumps alone leave an interval", _getoor),
    Entry("I.30", "Levy exit", "small heavy-tailed noise leaves a well by one jump", _weak),
    Entry("I.31", "Cauchy double well", "stationary densities of heavy-tailed noise", _cauchy),
)
