"""Densities over time from a problem: what the command line and notebooks use."""

import numpy as np
import pytest

from fokkerplanck import landscapes, noise
from fokkerplanck.density import Evolution, evolve, evolve_steps
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem
from fokkerplanck.schedule import Schedule


def bowl(walls="reflecting", cells=200, **options):
    grid = Grid.line(-4.0, 4.0, cells, walls)
    loss = landscapes.from_expression("x**2 / 2", 1, {})
    return Problem(grid, loss, noise.white(0.5, **options))


def hump(grid, mean, std):
    x = grid.axes[0].centres
    p = np.exp(-((x - mean) ** 2) / (2 * std**2))
    return p / (p.sum() * grid.volume)


def test_a_density_relaxes_to_boltzmann():
    problem = bowl()
    seen = []
    result = evolve(
        problem, hump(problem.grid, 1.0, 0.3), [0.0, 0.5, 50.0], on_step=lambda s: seen.append(s)
    )
    assert isinstance(result, Evolution)
    assert result.density.shape == (3, 200)
    assert [step.time for step in seen] == [0.0, 0.5, 50.0]
    x = problem.grid.axes[0].centres
    boltzmann = np.exp(-(x**2))
    boltzmann /= boltzmann.sum() * problem.grid.volume
    np.testing.assert_allclose(result.at(49.0), boltzmann, rtol=1e-8)
    assert result.mass_error < 1e-12
    assert result.minimum_density >= 0.0
    assert 0.0 < result.time_error <= 1e-8
    assert result.methods == ("start", "tridiagonal", "tridiagonal")
    assert "tridiagonal" in result._repr_html_()


def test_absorbing_walls_lose_mass_and_report_no_error():
    problem = bowl(walls=("reflecting", "absorbing"))
    result = evolve(problem, hump(problem.grid, 2.0, 0.5), [1.0, 20.0])
    mass = result.density.sum(axis=1) * problem.grid.volume
    assert 1.0 > mass[0] > mass[1] > 0.0
    assert result.mass_error == 0.0


def test_a_schedule_of_the_noise_is_followed():
    smooth = bowl(schedule=Schedule.expression("exp(-t / 3)"), cells=800)
    start = hump(smooth.grid, 0.0, np.sqrt(0.1))
    x = smooth.grid.axes[0].centres
    density = evolve(smooth, start, [2.0]).density[-1] * smooth.grid.volume
    truth = 0.1 * np.exp(-4.0) + 1.0 * (np.exp(-2 / 3) - np.exp(-4.0)) / (2 - 1 / 3)
    assert density @ x**2 == pytest.approx(truth, abs=5e-5)
    steps = bowl(schedule=Schedule.steps([1.0], [0.2]), cells=800)
    density = evolve(steps, start, [1.0, 1.5]).density[-1] * steps.grid.volume
    middle = 0.1 * np.exp(-2.0) + 0.5 * (1 - np.exp(-2.0))
    truth = middle * np.exp(-1.0) + 0.1 * (1 - np.exp(-1.0))
    assert density @ x**2 == pytest.approx(truth, abs=5e-5)


def test_steps_are_lazy():
    problem = bowl()
    steps = evolve_steps(problem, hump(problem.grid, 1.0, 0.3), [1.0, 2.0])
    assert next(steps).time == 1.0


def test_bad_arguments_are_case_errors():
    problem = bowl()
    good = hump(problem.grid, 1.0, 0.3)
    for initial in (good[:-1], -good, 0 * good, good * np.nan):
        with pytest.raises(CaseError, match=r"densit|mass"):
            evolve(problem, initial, [1.0])
    with pytest.raises(CaseError, match="unknown evolution method"):
        evolve(problem, good, [1.0], method="magic")
    with pytest.raises(CaseError, match="times"):
        evolve(problem, good, [2.0, 1.0])
    with pytest.raises(CaseError, match="tolerance"):
        evolve(problem, good, [1.0], tolerance=0.0)
