"""Predictions about slow relaxation, and about escape in the plane."""

from __future__ import annotations

from collections.abc import Iterator
from math import log

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck import forces, landscapes, noise
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes import CriticalPoint, Landscape, critical_points
from fokkerplanck.observe import covariance, mean
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.refinement import refined_all
from fokkerplanck.relaxation import spectrum
from fokkerplanck.sets import Ball
from fokkerplanck.steady_state import stationary
from fokkerplanck.theory.eyring_kramers import eyring_kramers, langer
from fokkerplanck.verification.references import QUARTIC, quartic
from fokkerplanck.verification.rows import Entry, Row, from_log10

__all__ = ["ENTRIES"]

Array = NDArray[np.float64]
LN10 = log(10.0)
DIGITS = "integration, 40 digits"
GALERKIN = "spectral reference"
#: Grids of the plane that answers are extrapolated from, over the one of `CELLS` a side.
LEVELS = (0.5, 0.75, 1.0)
CELLS = 256

#: Mobilities of wells, by name.
MOBILITIES = {
    "straight": ((1.0, 0.0), (0.0, 1.0)),
    "sheared": ((1.0, 0.0), (0.0, 1.0)),
    "full M": ((1.0, 0.6), (0.6, 2.0)),
    "skew M": ((0.3, -0.2), (-0.2, 4.0)),
}
#: Double well of stiffness k and coupling c with a mobility at temperature T: its slowest rate.
LANGER = (
    (1.0, 0.0, "straight", 0.05, 2.7761406e-03),
    (1.0, 1.0, "sheared", 0.05, 1.6454034e-03),
    (1.0, 1.0, "full M", 0.05, 2.6009977e-03),
    (2.0, 0.5, "skew M", 0.05, 7.5530830e-04),
    (1.0, 1.0, "full M", 0.025, 1.84095e-05),
    (2.0, 0.5, "skew M", 0.025, 5.33138e-06),
)
#: Noise diag(d1, d2) on the plain gradient of the well with k = c = 1, which breaks detailed
#: balance unless d1 = d2: slowest rate, <x^2>, <y^2>, <xy>.
DRIVEN = (
    (0.05, 0.05, 1.6454034e-03, 0.9368339404, 0.9868339404, 0.9368339404),
    (0.06, 0.04, 1.9002395e-03, 0.9302541307, 0.9646090378, 0.9246090378),
    (0.05, 0.03, 5.918020e-04, 0.9458192845, 0.9703429449, 0.9403429449),
    (0.05, 0.08, 4.3432754e-03, 0.9240030906, 1.0126462136, 0.9326462136),
)
#: Passage of the coupled well (x^2 - 1)^2 / 4 + y^2 + x y / 2 from the left minimum to the disc of
#: radius 1/4 around the right one, by barrier / T; solved at 2048^2 by hand and extrapolated.
COUPLED = {5: 674.57678, 10: 94558.889, 20: 2.034791e9, 30: 4.45042e13}
#: Beyond, its ratio to the law of Eyring and Kramers goes to 1 like 1 + 0.40 T / barrier.
DEEP, CORRECTION = (100, 500), 0.40


def _gap() -> Iterator[Row]:
    for row in QUARTIC:
        found = spectrum(quartic(row.temperature), 1)
        text = f"slowest rate, barrier/T = {row.ratio:g}"
        yield from_log10(text, float(found.log10_rates[0]), np.log10(row.gap), 1e-10, DIGITS)
        # a mean time across is 2 / gap, up to exponentially small terms
        product = 10 ** float(found.log10_rates[0]) * row.cross / 2
        valid = row.ratio >= 5
        note = "" if valid else "two wells need a barrier"
        text = f"rate x time/2, barrier/T = {row.ratio:g}"
        allowed = max(1e-8, 5 * np.exp(-row.ratio))
        yield Row(text, product, 1.0, allowed, "two-state relaxation", valid=valid, note=note)


def _well(stiffness: float, coupling: float, temperature: float) -> tuple[Grid, Landscape]:
    """Box that holds all but 1e-14 of the density, and the loss."""
    side = 1.0 + 2.6 * temperature**0.4
    width = 6.5 * np.sqrt(temperature / stiffness)
    reach = coupling * 1.3 + width
    grid = Grid.plane((-side, side, CELLS), (-reach, reach, CELLS))
    return grid, landscapes.quartic(2, stiffness=stiffness, coupling=coupling)


def with_mobility(grid: Grid, landscape: Landscape, mobility: ArrayLike, t: float) -> Problem:
    """Drift ``-M grad L`` with noise ``D = T M``: in detailed balance."""
    m = np.asarray(mobility, dtype=np.float64)
    rest = np.eye(2) - m
    force = None
    if rest.any():
        force = forces.function(lambda x: landscape.gradient(x) @ rest.T)
    return Problem(grid, landscape, noise.tensor(t * m), force)


def _slowest(problem: Problem) -> float:
    return float(spectrum(problem, 1).rates[0])


def _langer() -> Iterator[Row]:
    for k, c, name, t, exact in LANGER:
        (grid, landscape), m = _well(k, c, t), MOBILITIES[name]
        problem = with_mobility(grid, landscape, m, t)
        found = refined_all(lambda p: [_slowest(p)], problem, levels=LEVELS)[0]
        text, note = f"{name}, T = {t:g}", f"k = {k:g}, c = {c:g}, M = {m}"
        digits = 1e-6 if t > 0.03 else 1e-5  # of the reference
        last = float(found.values[-1])
        yield Row(f"rate, {text}, {CELLS}^2", last, exact, 1e-5, GALERKIN, note=note)
        yield Row(f"rate, {text}, h to 0", found.extrapolated, exact, digits, GALERKIN, note=note)
        minimum, saddle = _ends(landscape, grid)
        ratio = found.extrapolated / (2 * langer(minimum, saddle, t, m).rate)
        yield Row(f"rate/Langer, {text}", ratio, 1.0, 3 * t, "Langer's law, up to O(T)", note=note)


def _ends(landscape: Landscape, grid: Grid) -> tuple[CriticalPoint, CriticalPoint]:
    """Leftmost minimum and the saddle."""
    points = critical_points(landscape, grid)
    minima = sorted((p for p in points if p.kind == "minimum"), key=lambda p: p.position[0])
    return minima[0], next(p for p in points if p.kind == "saddle")


def coupled(ratio: float, cells: int = CELLS) -> Problem:
    """Coupled well in the plane at a barrier of `ratio` temperatures."""
    grid = Grid.plane((-2.0, 2.0, cells), (-2.0, 2.0, cells))
    landscape = landscapes.from_expression("(x**2 - 1)**2/4 + y**2 + x*y/2", 2)
    minimum, saddle = _ends(landscape, grid)
    return Problem(grid, landscape, noise.white((saddle.loss - minimum.loss) / ratio))


def _coupled() -> Iterator[Row]:
    against = "hand-written solver"
    for ratio, exact in COUPLED.items():
        text = f"coupled, barrier/T = {ratio}, {CELLS}^2"
        yield Row(text, 10 ** _coupled_time(coupled(ratio)), exact, 5e-6, against)
    for ratio in DEEP:
        problem = coupled(ratio)
        minimum, saddle = _ends(problem.landscape, problem.grid)
        law = eyring_kramers(minimum, saddle, problem.noise.temperature)  # type: ignore[attr-defined]
        due = law.log_time / LN10 + np.log10(1 + CORRECTION / ratio)
        text = f"coupled, barrier/T = {ratio}, {CELLS}^2"
        allowed = 0.02 / ratio + 1 / ratio**2  # what two digits of the correction leave
        found = _coupled_time(problem)
        yield from_log10(text, found, due, allowed, "Eyring-Kramers, next order")


def _coupled_time(problem: Problem) -> float:
    minimum, _ = _ends(problem.landscape, problem.grid)
    start = minimum.position
    return mean_first_passage(problem, start, Ball(-start, 0.25)).log10_mean


def _driven() -> Iterator[Row]:
    names = ("rate", "<x^2>", "<y^2>", "<xy>")
    for d1, d2, *exact in DRIVEN:
        grid, landscape = _well(1.0, 1.0, max(d1, d2))
        problem = Problem(grid, landscape, noise.tensor([[d1, 0.0], [0.0, d2]]))
        found = refined_all(_numbers, problem, levels=LEVELS)
        where = f"D = {d1:g}, {d2:g}"
        for name, number, value in zip(names, found[:4], exact, strict=True):
            plain, limit = (1e-3, 2e-6) if name == names[0] else (1e-5, 1e-7)
            text = f"{name}, {where}"
            last = float(number.values[-1])
            yield Row(f"{text}, {CELLS}^2", last, value, plain, GALERKIN)
            yield Row(f"{text}, h to 0", number.extrapolated, value, limit, GALERKIN)
        against = "an exact identity"
        text = f"<y^2>-<xy>, {where}, h to 0"
        yield Row(text, found[4].extrapolated, d2, 1e-6, against)


def _numbers(problem: Problem) -> list[float]:
    """Slowest rate, second moments, and the difference of two of them."""
    p = stationary(problem).density
    m = mean(problem.grid, p)
    c = covariance(problem.grid, p) + np.outer(m, m)
    x, y, xy = float(c[0, 0]), float(c[1, 1]), float(c[0, 1])
    return [_slowest(problem), x, y, xy, y - xy]


def _plane() -> Iterator[Row]:
    yield from _langer()
    yield from _coupled()


ENTRIES = (
    Entry("I.7", "spectral gap of the quartic well", "slowest rate, by barrier", _gap),
    Entry("I.18", "Langer's law", "slowest rates and passage times in the plane", _plane),
    Entry(
        "I.19", "anisotropic noise", "slowest rate and moments without detailed balance", _driven
    ),
)
