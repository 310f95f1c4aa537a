"""Predictions about motion with inertia."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fokkerplanck import landscapes
from fokkerplanck.grid import Grid
from fokkerplanck.kinetic_density import kinetic_evolve_steps
from fokkerplanck.kinetic_rates import rate_against_friction
from fokkerplanck.kinetic_relaxation import kinetic_spectrum
from fokkerplanck.kinetic_steady import kinetic_stationary
from fokkerplanck.phase_space import phase_gaussian
from fokkerplanck.relaxation import spectrum
from fokkerplanck.theory.klein_kramers import inertial_wells
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck
from fokkerplanck.underdamped import Underdamped
from fokkerplanck.verification.references import quartic
from fokkerplanck.verification.rows import Entry, Row

__all__ = ["ENTRIES", "turnover"]

QUARTIC = "(x**2 - 1)**2 / 4"
GALERKIN = "spectral reference"
#: Slowest rate of the quartic well: temperature, friction, value, Hermite modes, relative error.
SLOWEST = (
    (0.1, 1.0, 2.251921198361e-02, 48, 1e-6),
    (0.05, 1.0, 1.785350197622e-03, 48, 1e-6),
    (0.05, 0.3, 2.2538278e-03, 80, 1e-5),
)
#: Rates over ten temperatures from weak to strong friction: how far below the law for all frictions
#: they may be, which is right to first order in temperatures over the barrier.
TURNOVER = {0.01: 0.15, 0.1: 0.07, 1.0: 0.05, 10.0: 0.05, 100.0: 0.05}
#: Friction so strong that inertia is seen no more, and the rate times it.
STRONG, LIMIT = 100.0, 2.7759129816e-03


def _well(friction: float, temperature: float, modes: int | None = None) -> Underdamped:
    loss = landscapes.from_expression(QUARTIC, dim=1)
    return Underdamped(Grid.line(-2.0, 2.0, 128), loss, friction, temperature, modes=modes)


def _slowest() -> Iterator[Row]:
    for temperature, friction, value, modes, rtol in SLOWEST:
        found = kinetic_spectrum(_well(friction, temperature, modes), 1)
        text = f"slowest rate, T = {temperature:g}, friction {friction:g}"
        yield Row(text, float(found.rates[0]), value, rtol, GALERKIN)
    steady = kinetic_stationary(_well(0.3, 0.05))
    share = 1.0 - steady.irreversibility
    text = "reversible part of the stationary current"
    yield Row(text, share, 1.0, 1e-12, "detailed balance, v odd")
    yield from _oscillator()


def _oscillator() -> Iterator[Row]:
    """Momentum SGD in a parabola: eta = 0.1, beta = 0.9, B = 32, curvature 2."""
    mass, friction, temperature, stiffness = 0.095, 0.1, 0.03125, 2.0
    loss = landscapes.from_expression("x**2", dim=1)
    line = Grid.line(-0.8, 0.8, 128)
    problem = Underdamped(line, loss, friction, temperature, mass=mass, modes=32)
    rate = np.array([[0.0, -1.0], [stiffness / mass, friction / mass]])
    noise = np.diag([0.0, friction * temperature / mass**2])
    law = OrnsteinUhlenbeck(rate, noise, np.zeros(2))
    mean, spread = np.array([-0.2, 0.0]), np.diag([0.01, 0.2])
    start = phase_gaussian(problem, mean.tolist(), covariance=spread)
    for moment in kinetic_evolve_steps(problem, start, [0.5, 1.3]):
        after = law.mean(moment.time, mean), law.covariance(moment.time, spread)
        found = moment.state.mean, moment.state.covariance
        text = f"of an oscillating well, t = {moment.time:g}"
        yield Row(f"mean {text}", float(found[0][0]), float(after[0][0]), 1e-4, "linear process")
        value = float(found[1][0, 1]), float(after[1][0, 1])
        yield Row(f"covariance {text}", *value, 1e-4, "linear process")


def _strong() -> Iterator[Row]:
    found = float(kinetic_spectrum(_well(STRONG, 0.05, 8), 1).rates[0])
    text = f"friction x slowest rate, friction {STRONG:g}"
    yield Row(text, STRONG * found, LIMIT, 1e-6, GALERKIN)
    without = float(spectrum(quartic(0.05), 1).rates[0])
    yield Row("the same over that without inertia", STRONG * found / without, 1.0, 1e-3, "limit")


def turnover() -> Iterator[Row]:
    """Rates over four decades of friction, beside the law that holds for all of them."""
    problem = _well(1.0, 0.025)
    found = rate_against_friction(problem, list(TURNOVER))
    for friction, rate, error in zip(found.frictions, found.rates, found.errors, strict=True):
        wells = inertial_wells(problem.landscape, problem.grid, float(friction), 0.025)
        law = wells.rate(0, 1)
        text = f"rate out of a well over the law, friction {friction:g}"
        note = f"solved to {error:.0e}; {law.note}".rstrip("; ")
        ratio, room = float(rate[0]) / law.rate, TURNOVER[float(friction)]
        yield Row(text, ratio, 1.0, room, "Mel'nikov-Meshkov", valid=law.valid, note=note)


ENTRIES = (
    Entry(
        "I.23", "motion with inertia", "slowest rates, stationary current, oscillation", _slowest
    ),
    Entry("I.24", "strong friction", "relaxation tends to that without inertia", _strong),
)
