"""Relative entropy only falls, at the rate that the relative Fisher information gives."""

from __future__ import annotations

import numpy as np
import pytest

from fokkerplanck import distances, forces, landscapes, noise
from fokkerplanck.density import evolve
from fokkerplanck.grid import Grid
from fokkerplanck.initial import gaussian
from fokkerplanck.problem import Problem
from fokkerplanck.steady_state import stationary


def test_rate_of_the_linear_process():
    grid = Grid.line(-7, 7, 1400)
    bowl = Problem(grid, landscapes.from_expression("x**2/2", 1), noise.white(1.0))
    start = gaussian(grid, [2.0], std=[0.5])
    times = (0.499, 0.5, 0.501)
    found = evolve(bowl, start, times, tolerance=1e-11)
    at_rest = stationary(bowl).density
    before, now, after = (distances.kl(p, at_rest, grid) for p in found.density)
    assert now == pytest.approx(0.759223594956125, rel=1e-4)
    assert (after - before) / 0.002 == pytest.approx(-1.57665117732, rel=1e-3)
    fisher = distances.relative_fisher(found.density[1], at_rest, grid)
    assert -fisher == pytest.approx(-1.57665117732, rel=1e-3)


def test_two_densities_of_one_driven_process_come_closer():
    grid = Grid.plane((-2, 2, 24), (-2, 2, 20))
    well = landscapes.from_expression("(x**2 - 1)**2/4 + y**2/2 + x*y/4", 2)
    turning = forces.expressions(["y", "-x"])
    problem = Problem(grid, well, noise.tensor([[0.2, 0.05], [0.05, 0.1]]), turning)
    times = np.geomspace(1e-2, 10, 8)
    one, other = (
        evolve(problem, gaussian(grid, m, std=[0.3, 0.3]), times, tolerance=1e-10).density
        for m in ([-0.9, 0.0], [0.6, 0.2])
    )
    for measure in (distances.kl, distances.total_variation, distances.hellinger):
        course = [measure(p, q, grid) for p, q in zip(one, other, strict=True)]
        assert np.all(np.diff(course) < 0)
