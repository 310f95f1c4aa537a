"""Predictions of escape by name: quadrature, Kramers, Eyring and Kramers, Langer."""

from __future__ import annotations

from math import asinh, exp, log, log10, pi, sqrt
from types import SimpleNamespace

import numpy as np
import pytest

from fokkerplanck import forces, landscapes, noise
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.problem import Problem
from fokkerplanck.theory.line_process import LineProcess
from fokkerplanck.theory.passage_quadrature import exit_passage, line_passage
from fokkerplanck.theory.predictions import PREDICTIONS
from fokkerplanck.theory.wells import chain_log_time


def region(**shape):
    empty = {"centre": None, "radius": None, "box": None, "halfplane": None, "basin": None}
    return SimpleNamespace(**{**empty, **shape})


def case(start, end, name="cross.it"):
    return SimpleNamespace(passage=(SimpleNamespace(name=name, from_=start, to=end),))


def point(*x):
    return region(centre=x, radius=0.0)


def predict(name, problem, field, start=None, end=None):
    if start is None:
        return PREDICTIONS[name](problem, SimpleNamespace(passage=()), field)
    return PREDICTIONS[name](problem, case(start, end), f"passage.cross.it.{field}")


def wells(temperature, walls="reflecting", cells=200, loss=None):
    given = landscapes.quartic() if loss is None else landscapes.from_expression(loss, 1)
    return Problem(Grid.line(-2.5, 2.5, cells, walls), given, noise.white(temperature))


def value(found):
    assert found.valid, found.note
    return found.value


def test_pinned_times_by_quadrature():
    problem = wells(0.0125)
    for end, mean in ((0.0, 1099322196.6865907876), (1.0, 2198644401.4082888762)):
        found = value(predict("passage-quadrature", problem, "mean", point(-1.0), point(end)))
        assert found == pytest.approx(mean, rel=1e-12)
        found = value(predict("passage-quadrature", problem, "log10_mean", point(1.0), point(-end)))
        assert found == pytest.approx(log10(mean), rel=1e-13)
    gap = value(predict("relaxation-quadrature", problem, "spectrum.0"))
    assert gap == pytest.approx(9.0965142493130157936e-10, rel=1e-12)


@pytest.mark.parametrize(
    "end",
    [
        region(box=((0.5, 3.0),)),
        region(centre=(0.8,), radius=0.3),
        region(halfplane=SimpleNamespace(normal=(2.0,), offset=1.0)),
    ],
)
def test_targets_of_any_shape_begin_where_they_begin(end):
    problem = wells(0.05)
    found = value(predict("passage-quadrature", problem, "mean", point(-1.0), end))
    exact = line_passage(LineProcess(0.05, drift=lambda x: x - x**3), -1.0, 0.5)
    assert found == pytest.approx(exact.mean, rel=1e-12)
    spread = value(predict("passage-quadrature", problem, "variance", point(-1.0), end))
    assert spread == pytest.approx(exact.variance, rel=1e-12)


def test_basin_and_interval():
    problem = wells(0.05)
    start, end = region(box=((-1.2, -0.9),)), region(basin=(0.9,))
    found = value(predict("passage-quadrature", problem, "mean", start, end))
    exact = line_passage(LineProcess(0.05, drift=lambda x: x - x**3), (-1.2, -0.9), 0.0)
    assert found == pytest.approx(exact.mean, rel=1e-10)


def test_walls_that_absorb():
    tilt = landscapes.from_expression("-x", 1)
    grid = Grid.line(0, 1, 40, ["absorbing", "absorbing"])
    both = Problem(grid, tilt, noise.white(0.25))
    found = value(predict("passage-quadrature", both, "mean", point(0.3), "walls"))
    assert found == pytest.approx(0.411843659500443, rel=1e-13)
    # to a point, and not to the wall on the left
    one = value(predict("passage-quadrature", both, "probability", point(0.3), point(0.9)))
    assert one == pytest.approx(-np.expm1(-1.2) / -np.expm1(-3.6), rel=1e-13)
    half = Problem(Grid.line(0, 1, 40, ["reflecting", "absorbing"]), tilt, noise.white(0.25))
    found = value(predict("passage-quadrature", half, "mean", point(0.3), "walls"))
    assert found == pytest.approx(0.629280356744133, rel=1e-13)
    free = Problem(grid, landscapes.from_expression("0*x", 1), noise.white(0.25))
    slow = value(predict("relaxation-quadrature", free, "spectrum.0"))
    assert slow == pytest.approx(0.25 * pi**2, rel=1e-12)


@pytest.mark.parametrize(
    ("reading", "mean"),
    [
        ("ito", 0.5),
        ("stratonovich", pi / 4 - log(2) / 2),
        ("hanggi-klimontovich", asinh(1) ** 2 / 2),
    ],
)
def test_readings_of_a_problem(reading, mean):
    bowl = landscapes.from_expression("x**2/2", 1)
    given = noise.tensor("1 + x**2", reading=reading)
    problem = Problem(Grid.line(-1, 1, 50, "absorbing"), bowl, given)
    found = value(predict("passage-quadrature", problem, "mean", point(0.0), "walls"))
    assert found == pytest.approx(mean, rel=1e-13)


@pytest.mark.parametrize(
    ("reading", "mean"),
    [
        ("ito", 18464088.8651461),
        ("stratonovich", 26091526.4228296),
        ("hanggi-klimontovich", 36878352.1370871),
    ],
)
def test_frozen_noise_of_a_problem(reading, mean):
    given = noise.hessian(0.025, 1, reading=reading)
    problem = Problem(Grid.line(-2.5, 2.5, 100), landscapes.quartic(), given)
    found = value(predict("passage-quadrature", problem, "mean", point(-1.0), point(1.0)))
    assert found == pytest.approx(mean, rel=1e-10)


def test_around_a_ring():
    wave = landscapes.from_expression("cos(x)", 1)
    ring = Grid.line(0, 2 * pi, 60, "periodic")
    push = forces.expressions(["0.5"])
    problem = Problem(ring, wave, noise.white(0.5), push)
    found = value(predict("passage-quadrature", problem, "mean", point(5.0), point(1.0)))
    process = LineProcess(0.5, drift=lambda x: np.sin(x) + 0.5)
    exact = exit_passage(process, 5.0, (1.0, 1.0 + 2 * pi)).mean
    assert found == pytest.approx(exact, rel=1e-12)
    across = region(box=((6.0, 7.0),))
    found = value(predict("passage-quadrature", problem, "mean", point(2.0), across))
    exact = exit_passage(process, 2.0, (7.0 - 2 * pi, 6.0)).mean
    assert found == pytest.approx(exact, rel=1e-12)
    wide = predict("passage-quadrature", problem, "mean", region(box=((2.0, 2.5),)), across)
    assert "driven ring" in wide.note
    assert not wide.valid
    still = Problem(ring, wave, noise.white(0.5))
    wide = value(predict("passage-quadrature", still, "mean", region(box=((2.0, 2.5),)), across))
    process = LineProcess(0.5, drift=np.sin)
    exact = exit_passage(process, (2.0, 2.5), (7.0 - 2 * pi, 6.0)).mean
    assert wide == pytest.approx(exact, rel=1e-12)
    assert "ring" in predict("relaxation-quadrature", problem, "spectrum.0").note


@pytest.mark.parametrize("name", ["kramers", "eyring-kramers"])
def test_kramers_between_wells_and_to_the_top(name):
    t = 1 / 120
    across = value(predict(name, wells(t), "mean", point(-1.0), point(1.0)))
    assert across == pytest.approx(2 * pi / sqrt(2) * exp(30), rel=1e-12)
    for start, end in ((-1.0, 0.0), (1.0, 0.0)):
        touch = value(predict(name, wells(t), "mean", point(start), point(end)))
        assert touch == pytest.approx(across / 2, rel=1e-12)
    rate = value(predict(name, wells(t), "log10_rate", point(1.0), point(-1.0)))
    assert rate == pytest.approx(-log10(across), rel=1e-13)
    slow = value(predict(name, wells(t), "spectrum.0"))
    assert slow == pytest.approx(2 / across, rel=1e-12)


@pytest.mark.parametrize("end", [-0.05, 0.0, 0.03, 0.1, 0.3, 1.0])
@pytest.mark.parametrize("tilt", [0.0, 0.02])
def test_kramers_anywhere_beyond_the_top(end, tilt):
    problem = wells(1 / 200, loss=f"(x**2 - 1)**2/4 + {tilt}*x")
    target = region(box=((end + 0.05 * (tilt > 0), 1.1),))
    formula = value(predict("kramers", problem, "mean", point(-1.0), target))
    exact = value(predict("passage-quadrature", problem, "mean", point(-1.0), target))
    assert formula == pytest.approx(exact, rel=0.02)


def test_next_order_of_kramers():
    errors = []
    for t in (1 / 80, 1 / 160):
        problem = wells(t, loss="x**4/4 - x**2/2 + x/10")
        ends = point(0.945649273923591), point(-1.0466805318046)
        exact = value(predict("passage-quadrature", problem, "mean", *ends))
        formula = value(predict("kramers-corrected", problem, "mean", *ends))
        errors.append(abs(formula / exact - 1))
    assert errors[1] < 6e-4
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.3)
    exact = value(predict("relaxation-quadrature", wells(1 / 160), "spectrum.0"))
    formula = value(predict("kramers-corrected", wells(1 / 160), "spectrum.0"))
    assert formula == pytest.approx(exact, rel=5e-4)
    near = predict("kramers-corrected", wells(1 / 160), "mean", point(-1.0), point(0.0))
    assert "well beyond" in near.note


def test_three_wells_in_a_row():
    problem = wells(1 / 20, loss="cos(5*x) + x**2/20 - x/20")
    for start, end in ((-1.87, 1.87), (0.62, -1.87), (-0.62, 1.257)):
        ends = point(start), point(end)
        formula = value(predict("kramers", problem, "mean", *ends))
        exact = value(predict("passage-quadrature", problem, "mean", *ends))
        assert formula == pytest.approx(exact, rel=0.03)
    assert "exactly two" in predict("kramers", problem, "spectrum.0").note


@pytest.mark.parametrize(
    ("problem", "start", "end", "note"),
    [
        (wells(0.1), point(-1.0), point(1.0), "below 5"),
        (wells(0.02), point(-0.1), point(1.0), "too high"),
        (wells(0.02), point(-1.0), point(-0.5), "no maximum"),
        (wells(0.02), point(-1.0), point(1.6), "far side"),
        (wells(0.02), region(box=((-1.0, 1.0),)), point(2.0), "no maximum"),
        (wells(0.001, loss="x**4*(x - 1)**2"), point(0.0), point(1.0), "no curvature"),
        (wells(0.02, "absorbing"), point(-1.0), point(1.0), "absorbs"),
        (wells(0.02), point(-1.0), "walls", "wall"),
        (wells(0.02), region(box=((-1.0, 1.0),)), point(0.0), "overlap"),
    ],
)
def test_kramers_knows_its_range(problem, start, end, note):
    found = predict("kramers", problem, "mean", start, end)
    assert not found.valid
    assert note in found.note


def coupled(temperature, mobility=None, walls="reflecting", stiffness=1.0, slope=1.0):
    loss = f"(x**2 - 1)**2/4 + {stiffness}/2*(y - {slope}*x)**2"
    given = landscapes.from_expression(loss, 2)
    grid = Grid.plane((-2.2, 2.2, 40), (-3, 3, 40), walls)
    if mobility is None:
        return Problem(grid, given, noise.white(temperature))
    m = np.array(mobility)

    def extra(x):
        gradient = given.gradient(x)
        return gradient - gradient @ m

    return Problem(grid, given, noise.tensor(temperature * m), forces.function(extra))


LEFT, RIGHT = region(centre=(-1.0, -1.0), radius=0.1), region(centre=(1.0, 1.0), radius=0.25)


def test_eyring_and_kramers_in_the_plane():
    problem = coupled(0.025)
    time = value(predict("eyring-kramers", problem, "mean", LEFT, RIGHT))
    assert value(predict("eyring-kramers", problem, "spectrum.0")) == pytest.approx(2 / time)
    rate = value(predict("eyring-kramers", problem, "rates.rates.0.1"))
    assert rate == pytest.approx(1 / time, rel=1e-12)
    # the same landscape, seen by Langer's formula
    assert value(predict("langer", problem, "mean", LEFT, RIGHT)) == pytest.approx(time, rel=1e-9)
    basin = region(basin=(0.9, 0.9))
    touch = value(predict("eyring-kramers", problem, "mean", LEFT, basin))
    assert touch == pytest.approx(time / 2, rel=1e-12)
    point_start = region(centre=(-0.8, -1.1), radius=0.0)
    again = value(predict("eyring-kramers", problem, "mean", point_start, RIGHT))
    assert again == pytest.approx(time, rel=1e-12)


@pytest.mark.parametrize(
    ("k", "c", "mobility", "t", "formula"),
    [
        (1, 1, [[1, 0.6], [0.6, 2]], 0.05, 2.8561300399e-03),
        (2, 0.5, [[0.3, -0.2], [-0.2, 4]], 0.025, 5.5635894997e-06),
    ],
)
def test_langer_of_a_problem_in_detailed_balance(k, c, mobility, t, formula):
    problem = coupled(t, mobility, stiffness=k, slope=c)
    assert value(predict("langer", problem, "spectrum.0")) == pytest.approx(formula, rel=1e-9)
    logs = value(predict("langer", problem, "rates.log10_rates.1.0"))
    assert logs == pytest.approx(log10(formula / 2), rel=1e-9)


@pytest.mark.parametrize(
    ("problem", "name", "start", "end", "note"),
    [
        (coupled(0.1), "eyring-kramers", LEFT, RIGHT, "below 5"),
        (coupled(0.02, walls="absorbing"), "eyring-kramers", LEFT, RIGHT, "absorbs"),
        (coupled(0.02, [[1, 0.6], [0.6, 2]]), "eyring-kramers", LEFT, RIGHT, "isotropic"),
        (coupled(0.02), "eyring-kramers", LEFT, region(box=((0, 2), (-3, 3))), "saddle"),
        (coupled(0.02), "eyring-kramers", LEFT, region(centre=(0.0, 2.0), radius=0.2), "hold"),
        (coupled(0.02), "langer", region(box=((-2, 2), (-3, 3))), RIGHT, "more than one"),
    ],
)
def test_saddle_formulas_know_their_range(problem, name, start, end, note):
    found = predict(name, problem, "mean", start, end)
    assert not found.valid
    assert note in found.note


def test_noise_of_descent_is_not_of_langers_kind():
    grid = Grid.plane((-2, 2, 20), (-2, 2, 20))
    bowl = landscapes.from_expression("(x**2 - 1)**2/4 + (y - x)**2/2", 2)
    problem = Problem(grid, bowl, noise.tensor([[0.05, 0.0], [0.0, 0.03]]))
    assert "detailed balance" in predict("langer", problem, "spectrum.0").note


def test_chain_of_wells_by_elimination():
    rng = np.random.default_rng(5)
    rates = np.exp(rng.uniform(-6, 2, (5, 5)))
    np.fill_diagonal(rates, 0)
    q = rates - np.diag(rates.sum(axis=1))
    times = np.linalg.solve(q[:4, :4], -np.ones(4))
    with np.errstate(divide="ignore"):
        logs = np.log(rates)
    for k in range(4):
        assert chain_log_time(logs, k, [4]) == pytest.approx(log(times[k]), abs=1e-11)
    # a factor of e^-2000 only shifts the answer
    assert chain_log_time(logs - 2000, 0, [4]) == pytest.approx(log(times[0]) + 2000, abs=1e-9)


@pytest.mark.parametrize(
    "name",
    ["kramers", "eyring-kramers", "langer", "passage-quadrature", "relaxation-quadrature"],
)
def test_unknown_quantities_are_refused_with_a_list(name):
    for quantity in ("stationary.mean.0", "passage.cross.it.colour", "spectrum.9"):
        with pytest.raises(CaseError, match="does not predict"):
            PREDICTIONS[name](wells(0.02), case(point(-1.0), point(1.0)), quantity)
