"""Predictions by name: what they say, when they hold, and that they agree with the solvers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from fokkerplanck import forces, landscapes, noise
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck
from fokkerplanck.theory.predictions import PREDICTIONS


def case(times=(0.5, 1.0), **start):
    initial = SimpleNamespace(**{"std": None, "covariance": None, **start}) if start else None
    return SimpleNamespace(initial=initial, evolve=SimpleNamespace(times=times))


def predict(name, problem, quantity, given=None):
    return PREDICTIONS[name](problem, given or case(), quantity)


def wells(temperature, cells=400, **more):
    grid = Grid.line(-2.5, 2.5, cells)
    return Problem(grid, landscapes.quartic(), noise.white(temperature), **more)


def rotating(cells=60, walls="reflecting"):
    grid = Grid.plane((-6, 6, cells), (-6, 6, cells), walls)
    turning = forces.expressions(["3*(y - 0.1)", "-3*(x - 0.2)"])
    bowl = landscapes.from_expression("(x - 0.2)**2 + (y - 0.1)**2", 2)
    return Problem(grid, bowl, noise.tensor([[0.4, 0.1], [0.1, 0.3]]), turning)


def test_boltzmann_of_the_quartic():
    problem = wells(0.05)
    square = predict("boltzmann", problem, "stationary.covariance.0.0")
    assert square.valid
    assert square.value == pytest.approx(0.936833940411833922, rel=1e-12)
    half = predict("boltzmann", problem, "stationary.basin_masses.-1")
    assert half.value == pytest.approx(0.5, rel=1e-12)
    z = predict("boltzmann", problem, "stationary.log_partition")
    assert np.exp(z.value) == pytest.approx(0.83405880410691047, rel=1e-12)


def test_boltzmann_is_not_valid_where_it_does_not_apply():
    assert not predict("boltzmann", rotating(), "stationary.mean.0").valid
    problem = wells(0.05, force=forces.expressions(["0.1"]))
    found = predict("boltzmann", problem, "stationary.mean.0")
    assert "gradient" in found.note
    assert np.isnan(found.value)


def test_linear_process_is_read_off_the_problem():
    exact = OrnsteinUhlenbeck([[2, -3], [3, 2]], [[0.4, 0.1], [0.1, 0.3]], [0.2, 0.1])
    problem, given = rotating(), case(kind="gaussian", mean=[1.0, 0.0], std=[0.2, 0.3])
    name = "ornstein-uhlenbeck"
    production = predict(name, problem, "stationary.entropy_production")
    assert production.value == pytest.approx(exact.entropy_production, rel=1e-10)
    assert production.valid
    s = predict(name, problem, "stationary.covariance.0.1").value
    assert s == pytest.approx(exact.stationary_covariance[0, 1], rel=1e-10)
    m = predict(name, problem, "evolve.mean.-1.1", given).value
    assert m == pytest.approx(exact.mean(1.0, [1.0, 0.0])[1], rel=1e-9)
    c = predict(name, problem, "evolve.covariance.0.1.0", given).value
    assert c == pytest.approx(exact.covariance(0.5, np.diag([0.04, 0.09]))[1, 0], rel=1e-9)


def test_linear_process_with_times_by_rule_and_a_point_start():
    rule = SimpleNamespace(start=0.1, stop=10.0, count=3, spacing="log")
    given = case(times=rule, kind="delta", mean=[0.5])
    problem = Problem(
        Grid.line(-6, 6, 100), landscapes.from_expression("x**2/2", 1), noise.white(0.3)
    )
    m = predict("ornstein-uhlenbeck", problem, "evolve.mean.1.0", given)
    assert m.value == pytest.approx(0.5 * np.exp(-1.0), rel=1e-10)
    c = predict("ornstein-uhlenbeck", problem, "evolve.covariance.1.0.0", given)
    assert c.value == pytest.approx(0.3 * (1 - np.exp(-2.0)), rel=1e-10)


def test_near_walls_make_a_linear_prediction_invalid():
    bowl = landscapes.from_expression("x**2/2", 1)
    problem = Problem(Grid.line(-2, 6, 100), bowl, noise.white(0.5))
    found = predict("ornstein-uhlenbeck", problem, "stationary.covariance.0.0")
    assert not found.valid
    assert found.value == pytest.approx(0.5)
    assert "wall" in found.note


def test_curved_drift_is_not_linear():
    found = predict("ornstein-uhlenbeck", wells(0.1), "stationary.mean.0")
    assert not found.valid
    assert found.note == "the drift is not linear"


def test_driven_ring():
    grid = Grid.line(-1, 2 * np.pi - 1, 64, "periodic")
    wave = landscapes.from_expression("cos(x)", 1)
    problem = Problem(grid, wave, noise.white(0.5), forces.expressions(["0.5"]))
    found = predict("driven-ring", problem, "stationary.entropy_production")
    assert found.valid
    assert found.value == pytest.approx(0.175593406037, rel=1e-9)
    assert predict("driven-ring", problem, "stationary.current").value == pytest.approx(
        0.027946558545, rel=1e-9
    )
    assert not predict("driven-ring", wells(0.1), "stationary.current").valid


def test_relaxation_of_two_wells():
    given = case(times=(1e2, 1e8, 1e16), kind="gaussian", mean=[-1.0], std=[0.1])
    problem = wells(1 / 120)
    name = "kramers-relaxation"
    slow = 2 / (2 * np.pi / np.sqrt(2) * np.exp(30.0) * (1 + 1.5 / 120))
    found = predict(name, problem, "evolve.basin_masses.1.1", given)
    assert found.valid
    assert found.value == pytest.approx(0.5e8 * slow, rel=1e-3)
    left = predict(name, problem, "evolve.basin_masses.1.0", given)
    assert left.value + found.value == pytest.approx(1, abs=1e-15)
    last = predict(name, problem, "evolve.basin_masses.-1.1", given)
    assert last.value == pytest.approx(0.5 * -np.expm1(-1e16 * slow), rel=1e-3)


def test_relaxation_has_a_range():
    given = case(times=(1.0, 1e3), kind="delta", mean=[-1.0])
    name = "kramers-relaxation"
    early = predict(name, wells(0.02), "evolve.basin_masses.0.1", given)
    assert "not late" in early.note
    low = predict(name, wells(0.1), "evolve.basin_masses.1.1", given)
    assert "below 5" in low.note
    assert not early.valid
    assert not low.valid


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("boltzmann", "evolve.mean.0.0"),
        ("boltzmann", "stationary.mean"),
        ("boltzmann", "stationary.mean.7"),
        ("boltzmann", "stationary.entropy_production.0"),
        ("kramers-relaxation", "evolve.mean.0.0"),
        ("kramers-relaxation", "evolve.basin_masses.9.0"),
    ],
)
def test_unknown_quantities_are_refused_with_a_list(name, quantity):
    with pytest.raises(CaseError, match="does not predict"):
        predict(name, wells(0.02), quantity, case(kind="delta", mean=[-1.0]))


def test_solvers_meet_the_predictions():
    from fokkerplanck.density import evolve
    from fokkerplanck.initial import gaussian

    problem = wells(1 / 50, cells=400)
    given = case(times=(1e4, 1e6), kind="gaussian", mean=[-1.0], std=[0.1])
    start = gaussian(problem.grid, [-1.0], std=[0.1])
    found = evolve(problem, start, given.evolve.times, weight="midpoint")
    right = problem.grid.axes[0].centres > 0
    for k in (0, 1):
        wanted = predict("kramers-relaxation", problem, f"evolve.basin_masses.{k}.1", given)
        mass = found.density[k][right].sum() * problem.grid.volume
        assert wanted.valid
        assert mass == pytest.approx(wanted.value, rel=(5e-4, 5e-5)[k])
