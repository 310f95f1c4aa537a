"""Predictions about stationary currents and the entropy they produce."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import forces, landscapes, noise
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem
from fokkerplanck.refinement import refined_all
from fokkerplanck.steady_state import Stationary, stationary
from fokkerplanck.theory import OrnsteinUhlenbeck
from fokkerplanck.verification.rows import Entry, Row, deviation

__all__ = ["ENTRIES"]

Array = NDArray[np.float64]

#: Linear drifts in the plane: name, A, D, entropy production in closed form, cells a side.
LINEAR = (
    ("full A, D", ((2.0, -1.0), (1.5, 1.0)), ((1.0, 0.3), (0.3, 0.5)), 2.34959349593496, 200),
    ("rotation", ((1.0, -2.0), (2.0, 1.0)), ((0.25, 0.0), (0.0, 0.25)), 8.0, 320),
)
#: Reach of the box in standard deviations of the stationary density.
REACH = 6.0
#: Ring of L = cos x under a constant force 1/2 and D = 1/2, by two quadratures and a Fourier solve.
RING = {
    "current": 0.027946558545,
    "mean velocity": 0.175593406037,
    "entropy production": 0.175593406037,
}


def _linear_problem(rate: Array, diffusion: Array, cells: int) -> Problem:
    """Linear drift as the gradient of ``|x|^2 / 2`` and a force that makes up for the rest."""
    process = OrnsteinUhlenbeck(rate, diffusion)
    reach = REACH * np.sqrt(np.diag(process.stationary_covariance))
    grid = Grid.plane((-reach[0], reach[0], cells), (-reach[1], reach[1], cells))
    rest = np.eye(2) - rate
    return Problem(
        grid,
        landscapes.from_expression("(x**2 + y**2) / 2", 2),
        noise.tensor(diffusion),
        forces.function(lambda x: x @ rest.T),
    )


def _current() -> Iterator[Row]:
    for name, rate, diffusion, _, cells in LINEAR:
        a, d = np.array(rate), np.array(diffusion)
        problem = _linear_problem(a, d, cells)
        exact = OrnsteinUhlenbeck(a, d).stationary_current(problem.grid.points())
        found = stationary(problem).current
        away = float(np.abs(found - exact).sum() / np.abs(exact).sum())
        text = f"L1 distance, {name}, {cells}^2"
        yield deviation(text, away, 1e-3, "J = -Q grad(Phi) p")


def _entropy() -> Iterator[Row]:
    for name, rate, diffusion, exact, cells in LINEAR:
        a, d = np.array(rate), np.array(diffusion)
        found = refined_all(
            lambda p: [stationary(p).entropy_production],
            _linear_problem(a, d, cells),
            levels=(0.25, 0.5, 1.0),
        )[0]
        against = "tr(Q^T D^-1 Q S^-1)"
        text = f"entropy, {name}"
        yield Row(f"{text}, {cells}^2", float(found.values[-1]), exact, 1e-3, against)
        yield Row(f"{text}, h to 0", found.extrapolated, exact, 1e-5, against)


def _ring_numbers(problem: Problem) -> list[float]:
    found: Stationary = stationary(problem)
    current = float(found.current.mean())
    return [current, 2 * np.pi * current, found.entropy_production]


def _ring() -> Iterator[Row]:
    problem = Problem(
        Grid.line(0.0, 2 * np.pi, 400, "periodic"),
        landscapes.from_expression("cos(x)"),
        noise.white(0.5),
        forces.expressions(0.5),
    )
    for (name, exact), found in zip(
        RING.items(), refined_all(_ring_numbers, problem, levels=(0.25, 0.5, 1.0)), strict=True
    ):
        against = "quadrature, Fourier sums"
        yield Row(f"{name}, 400 cells", float(found.values[-1]), exact, 1e-4, against)
        yield Row(f"{name}, h to 0", found.extrapolated, exact, 1e-8, against)


ENTRIES = (
    Entry("I.20", "current of linear drift", "stationary current in the plane", _current),
    Entry("I.21", "entropy of linear drift", "entropy production in the plane", _entropy),
    Entry("I.22", "driven ring", "current, velocity and entropy production of a ring", _ring),
)
