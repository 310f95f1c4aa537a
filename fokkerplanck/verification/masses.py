"""Predictions about masses and moments: conservation, positivity, equilibrium, linear drift."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import initial, landscapes, noise
from fokkerplanck.density import Evolution, evolve
from fokkerplanck.grid import Grid
from fokkerplanck.observe import covariance, mean
from fokkerplanck.problem import Problem
from fokkerplanck.refinement import refined, refined_all
from fokkerplanck.steady_state import stationary
from fokkerplanck.theory import OrnsteinUhlenbeck, boltzmann_density
from fokkerplanck.verification.rows import Entry, Row, deviation

__all__ = ["ENTRIES"]

Array = NDArray[np.float64]

#: Mean of x^2 for L = (x^2 - 1)^2 / 4 by barrier / T, from an integration with 40 digits.
SECOND_MOMENT = {
    2: 0.852136152178334259,
    5: 0.936833940411833922,
    10: 0.972522758201354599,
    20: 0.986975054600083628,
    40: 0.993626446152596241,
    100: 0.997480862894219481,
}
#: Full tensors, turned by 30 degrees, by the ratio of their principal values.
RATIOS = (10, 50)
OU = "Ornstein-Uhlenbeck law"


def _quartic(temperature: float, cells: int = 480) -> Problem:
    grid = Grid.line(-2.4, 2.4, cells)
    return Problem(grid, landscapes.quartic(), noise.white(temperature))


def _turned(ratio: float) -> Problem:
    """Double well in the plane under a full tensor."""
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    turn = np.array([[c, -s], [s, c]])
    d = 0.1 * turn @ np.diag([1.0, 1.0 / ratio]) @ turn.T
    grid = Grid.plane((-2.0, 2.0, 64), (-2.0, 2.0, 64))
    return Problem(grid, landscapes.quartic(2), noise.tensor(0.5 * (d + d.T)))


def _evolved(problem: Problem, times: Array) -> Evolution:
    dim = problem.grid.dim
    start = initial.gaussian(problem.grid, [-1.0] * dim, 0.1)
    return evolve(problem, start, times)


def _mass() -> Iterator[Row]:
    against = "conservation of mass"
    line = _evolved(_quartic(0.05), np.linspace(0.01, 10.0, 1000))
    yield deviation("mass change, line, 1000 times", line.mass_error, 1e-12, against)
    late = _evolved(_quartic(0.05), np.geomspace(1e-2, 1e8, 21))
    yield deviation("mass change, line, to t = 1e8", late.mass_error, 1e-12, against)
    for ratio in RATIOS:
        plane = _evolved(_turned(ratio), np.array([0.1, 1.0, 10.0]))
        text = f"mass change, plane, tensor 1 : {ratio}"
        yield deviation(text, plane.mass_error, 1e-12, against)


def _positivity() -> Iterator[Row]:
    against = "positivity"
    line = _evolved(_quartic(0.0025), np.geomspace(1e-3, 1e6, 10))
    yield _below_zero("line, barrier/T = 100", line, against)
    for ratio in RATIOS:
        plane = _evolved(_turned(ratio), np.array([0.01, 0.1, 1.0]))
        yield _below_zero(f"plane, tensor 1 : {ratio}", plane, against)


def _equilibrium() -> Iterator[Row]:
    for ratio, second in SECOND_MOMENT.items():
        problem = _quartic(0.25 / ratio)
        found = stationary(problem)
        exact = np.exp(-problem.potential() * ratio / 0.25)
        exact /= problem.grid.integrate(exact)
        held = exact > 1e-100  # further out the exponents alone round by more
        worst = float(np.abs(found.density[held] / exact[held] - 1).max())
        text = f"worst cell, barrier/T = {ratio}"
        rounding = max(1e-12, 4e-14 * ratio)  # of the exponents
        yield deviation(text, worst, rounding, "Boltzmann's law")
        moment = covariance(problem.grid, found.density)[0, 0]
        moment += mean(problem.grid, found.density)[0] ** 2
        text = f"<x^2>, barrier/T = {ratio}"
        yield Row(text, float(moment), second, 1e-10, "integration, 40 digits")
    yield from _truncated()


def _truncated() -> Iterator[Row]:
    """Walls that cut the density: the moments of cells are of second order."""
    problem = Problem(Grid.line(-1.0, 0.7, 100), landscapes.quartic(), noise.white(0.3))
    found = refined(lambda p: float(mean(p.grid, stationary(p).density)[0]), problem)
    exact = boltzmann_density(problem.landscape.loss, 0.3, problem.grid).mean[0]
    against = "quadrature of e^(-L/T)"
    text = "mean in a narrow box, h to 0"
    yield Row(text, found.extrapolated, float(exact), 1e-6, against)
    yield Row("order of its error in h", found.order, 2.0, 0.02, "second order")


def _free() -> Iterator[Row]:
    d, times = 0.1, np.array([0.01, 0.1, 1.0])
    grid = Grid.line(-4.0, 4.0, 400)
    problem = Problem(grid, landscapes.from_expression(0.0), noise.white(d))
    start = initial.gaussian(grid, [0.3], 0.2)
    found = evolve(problem, start, times, tolerance=1e-11)
    first = covariance(grid, start)[0, 0]
    for time, density in zip(times, found.density, strict=True):
        gained = float(covariance(grid, density)[0, 0] - first)
        yield Row(f"variance gained by t = {time:g}", gained, 2 * d * time, 1e-8, "2 D t")


def _linear() -> Iterator[Row]:
    law, times = OrnsteinUhlenbeck([[1.0]], [[0.5]]), (0.1, 0.5, 1.0, 3.0)
    parabola = landscapes.from_expression("x**2/2")
    problem = Problem(Grid.line(-5.0, 5.0, 800), parabola, noise.white(0.5))

    def moments(on: Problem) -> list[float]:
        start = initial.gaussian(on.grid, [1.5], 0.5)
        found = evolve(on, start, times, tolerance=1e-10, weight="midpoint").density
        means = [float(mean(on.grid, p)[0]) for p in found]
        return means + [float(covariance(on.grid, p)[0, 0]) for p in found]

    found = refined_all(moments, problem, levels=(0.25, 0.5, 1.0))
    exact = [float(law.mean(t, [1.5])[0]) for t in times]
    exact += [float(law.covariance(t, [[0.25]])[0, 0]) for t in times]
    names = [f"{name} at t = {t:g}" for name in ("mean", "variance") for t in times]
    for name, numbers, value in zip(names, found, exact, strict=True):
        yield Row(name, float(numbers.values[-1]), value, 1e-4, OU)
    for name, numbers, value in zip(names, found, exact, strict=True):
        yield Row(f"{name}, h to 0", numbers.extrapolated, value, 1e-6, OU)


def _below_zero(text: str, found: Evolution, against: str) -> Row:
    lowest = min(found.minimum_density, 0.0)
    note = f"clipped on the way: {found.clipped:.0e} of the mass"
    return deviation(f"least, {text}", lowest, 0.0, against, note=note)


ENTRIES = (
    Entry("I.1", "mass conservation", "total mass over time, reflecting walls", _mass),
    Entry("I.2", "positivity", "smallest density, steep slopes and full tensors", _positivity),
    Entry("I.3", "equilibrium", "stationary density of the quartic double well", _equilibrium),
    Entry("I.4", "free diffusion", "variance of a density without drift", _free),
    Entry("I.5", "linear drift", "mean and variance over time in a parabola", _linear),
)
