"""Predictions of SGD by name: escape, covariances, masses; and when they are not valid."""

from __future__ import annotations

from math import log, pi, sqrt
from types import SimpleNamespace

import numpy as np
import pytest

from fokkerplanck import landscapes, noise, sets
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.sgd_settings import SGD
from fokkerplanck.theory.predictions import PREDICTIONS
from fokkerplanck.theory.sgd_path import along_path

READINGS = {"ito": 1.0, "stratonovich": 0.5, "hanggi-klimontovich": 0.0}


def region(**shape):
    empty = {"centre": None, "radius": None, "box": None, "halfplane": None, "basin": None}
    return SimpleNamespace(**{**empty, **shape})


def point(*x):
    return region(centre=x, radius=0.0)


def predict(name, problem, field, start=None, end=None):
    if start is None:
        return PREDICTIONS[name](problem, SimpleNamespace(passage=()), field)
    case = SimpleNamespace(passage=(SimpleNamespace(name="it", from_=start, to=end),))
    return PREDICTIONS[name](problem, case, f"passage.it.{field}")


def value(found):
    assert found.valid, found.note
    return found.value


def quartic(eb, reading="ito", **more):
    given = noise.hessian(2 * eb, 1, reading=reading, **more)
    return Problem(Grid.line(-2.5, 2.5, 100), landscapes.quartic(), given)


@pytest.mark.parametrize(("reading", "kappa"), READINGS.items())
def test_density_diffusion_on_a_line(reading, kappa):
    problem = quartic(0.025, reading)
    found = value(predict("density-diffusion", problem, "mean", point(-1.0), point(1.0)))
    assert found == pytest.approx(14997.7406317 / 2**kappa, rel=1e-9)
    touch = value(predict("density-diffusion", problem, "mean", point(-1.0), point(0.0)))
    assert touch == pytest.approx(found / 2, rel=1e-9)
    slow = value(predict("density-diffusion", problem, "spectrum.0"))
    assert slow == pytest.approx(2 / found, rel=1e-9)
    published = predict("density-diffusion-published", problem, "mean", point(-1.0), point(1.0))
    assert published.value == pytest.approx(14997.7406317, rel=1e-9)
    assert published.valid == (kappa == 0)
    if kappa:
        assert "Hanggi-Klimontovich" in published.note


def test_low_climbs_and_other_noise_are_not_valid():
    low = predict("density-diffusion", quartic(0.05), "mean", point(-1.0), point(1.0))
    assert "below 5" in low.note
    # the target is four widths beyond the top: a few of a million return
    assert low.value == pytest.approx(306.974890794 / 2, rel=1e-5)
    floored = quartic(0.01, model="absolute", floor=0.5)
    climb = 0.340732067823
    found = value(predict("density-diffusion", floored, "mean", point(-1.0), point(1.0)))
    ends = sqrt(4 + 0.25), sqrt(1 + 0.25)
    due = 2 * pi / sqrt(2) * sqrt(ends[1] / ends[0])
    assert log(found) == pytest.approx(log(due) + climb / 0.01, rel=1e-11)
    published = predict("density-diffusion-published", floored, "mean", point(-1.0), point(1.0))
    assert "frozen" in published.note
    walls = Problem(Grid.line(-2, 2, 50, "absorbing"), landscapes.quartic(), noise.hessian(0.02, 1))
    assert "absorbs" in predict("density-diffusion", walls, "spectrum.0").note


def test_white_noise_is_kramers_law():
    problem = Problem(Grid.line(-2.5, 2.5, 100), landscapes.quartic(), noise.white(1 / 120))
    for name in ("density-diffusion", "kramers"):
        found = value(predict(name, problem, "mean", point(-1.0), point(1.0)))
        assert found == pytest.approx(2 * pi / sqrt(2) * np.exp(30), rel=1e-12)


def valley(text, eb, reading="ito"):
    given = landscapes.from_expression(f"(x**2 - 1)**2/4 + {text}*y**2/2", 2)
    grid = Grid.plane((-2, 2, 40), (-1.5, 1.5, 40))
    return Problem(grid, given, noise.hessian(2 * eb, 1, reading=reading))


LEFT, RIGHT = region(centre=(-1.0, 0.0), radius=0.1), region(centre=(1.0, 0.0), radius=0.25)


@pytest.mark.slow
def test_density_diffusion_in_the_plane():
    eb = 0.02
    flat = valley("3", eb)
    found = value(predict("density-diffusion", flat, "log10_mean", LEFT, RIGHT))
    due = log(pi) + 7 / 36 / eb
    assert found == pytest.approx(due / log(10), rel=1e-10)
    hk = valley("3", eb, "hanggi-klimontovich")
    both = value(predict("density-diffusion-published", hk, "spectrum_modes.log10_rates.0"))
    assert both == pytest.approx(-log(pi) / log(10) - 7 / 36 / eb / log(10), rel=1e-10)
    # a valley that widens towards the saddle
    wide = valley("exp(x**2)", eb, "hanggi-klimontovich")
    law = along_path(wide.landscape, [-1.0, 0.0], [0.0, 0.0], eb)
    found = value(predict("density-diffusion", wide, "log10_mean", LEFT, RIGHT))
    assert found == pytest.approx(law.log_time(0.0) / log(10), rel=1e-9)
    left_out = predict("density-diffusion-published", wide, "mean", LEFT, RIGHT)
    assert "leaves out" in left_out.note


class Doubled(noise.FrozenNoise):
    """Noise that is not that of the points it is said to be frozen at."""

    def at(self, landscape, grid, points):
        return 2 * super().at(landscape, grid, points)


def test_other_noise_on_the_way_is_noticed():
    problem = valley("3", 0.02)
    other = Problem(problem.grid, problem.landscape, Doubled(eb=0.02, reading="ito"))
    found = predict("density-diffusion", other, "mean", LEFT, RIGHT)
    assert found.note == "the noise on the way is not that of its minimum and its saddle"


def test_bent_paths_are_not_valid():
    given = landscapes.from_expression("(x**2 - 1)**2/4 + (y - x**2)**2", 2)
    problem = Problem(Grid.plane((-2, 2, 40), (-2, 3, 40)), given, noise.hessian(0.02, 1))
    ends = region(centre=(-1.0, 1.0), radius=0.1), region(centre=(1.0, 1.0), radius=0.1)
    found = predict("density-diffusion", problem, "mean", *ends)
    assert np.isfinite(found.value)
    assert "share no axes" in found.note


@pytest.mark.parametrize(("reading", "kappa"), READINGS.items())
def test_loss_noise(reading, kappa):
    given = noise.loss(1 / 16, offset=0.05, reading=reading)
    problem = Problem(Grid.line(-2, 2, 100), landscapes.quartic(), given)
    found = value(predict("loss-noise", problem, "mean", point(-1.0), point(1.0)))
    due = 2 * pi / sqrt(2) * 6 ** (16 + kappa - 0.5)
    assert found == pytest.approx(due, rel=1e-10)
    plane = landscapes.from_expression("(x**2 - 1)**2/4 + 3*y**2/2", 2)
    grid = Grid.plane((-2, 2, 40), (-1, 1, 30))
    flat = Problem(grid, plane, noise.loss(1 / 16, offset=0.05, reading=reading))
    found = value(predict("loss-noise", flat, "mean", LEFT, RIGHT))
    assert found == pytest.approx(2 * pi / sqrt(2) * sqrt(2) * 6 ** (16 + kappa - 1) / sqrt(2))
    assert "proportional" in predict("loss-noise", quartic(0.02), "spectrum.0").note
    crossed = noise.loss(1 / 16, offset=0.05, hessian=[[1.0, 0.2], [0.2, 1.0]])
    tensor = Problem(grid, plane, crossed)
    assert "every direction" in predict("loss-noise", tensor, "mean", LEFT, RIGHT).note


def bowl(eta, batch=16, momentum=0.0, text="x**2 + x*y/2 + y**2/2"):
    sgd = SGD(eta, batch, momentum=momentum)
    given = landscapes.from_expression(text, 2)
    grid = Grid.plane((-1, 1, 20), (-1, 1, 20))
    return Problem(grid, given, noise.hessian(2 * sgd.eb, 1), sgd=sgd)


def test_covariance_of_steps_and_of_the_diffusion():
    problem = bowl(0.2)
    for at, due in (("0.0", 0.007839721254355), ("0.1", 0.000435540069686)):
        found = value(predict("discrete-sgd", problem, f"stationary.covariance.{at}"))
        assert found == pytest.approx(due, rel=1e-11)
    slow = predict("three-factors", problem, "stationary.covariance.0.0")
    assert slow.value == pytest.approx(0.2 / 32, rel=1e-9)
    assert "steps themselves differ by 0.2" in slow.note
    assert value(predict("three-factors", bowl(0.01), "stationary.covariance.1.1")) == (
        pytest.approx(0.01 / 32, rel=1e-9)
    )
    diverges = predict("discrete-sgd", bowl(1.0), "stationary.covariance.0.0")
    assert "diverges" in diverges.note
    bare = Problem(problem.grid, problem.landscape, problem.noise)
    assert "[sgd]" in predict("discrete-sgd", bare, "stationary.covariance.0.0").note


def test_law_after_steps():
    problem = bowl(0.2, momentum=0.5)
    start = SimpleNamespace(kind="delta", mean=[0.5, 0.0])
    times = [0.4, 2.0, 2.1]
    case = SimpleNamespace(passage=(), initial=start, evolve=SimpleNamespace(times=times))
    known = PREDICTIONS["discrete-sgd"]
    # one step at rest: x - eta H x
    assert value(known(problem, case, "evolve.mean.0.0")) == pytest.approx(0.3, rel=1e-9)
    assert value(known(problem, case, "evolve.mean.0.1")) == pytest.approx(-0.05, rel=1e-9)
    noise_1 = 0.2**2 * 2 / 16
    assert value(known(problem, case, "evolve.covariance.0.0.0")) == pytest.approx(
        noise_1, rel=1e-9
    )
    assert "whole number" in known(problem, case, "evolve.mean.2.0").note


def test_masses_of_two_basins():
    given = landscapes.from_expression("x**4/4 - x**2/2 + x/10", 1)
    white = Problem(Grid.line(-2.5, 2.5, 200), given, noise.white(1 / 20))
    found = predict("three-factors", white, "stationary.basin_masses.0")
    assert found.value == pytest.approx(0.978991835018061, rel=1e-11)
    assert "below 5" in found.note
    masses = []
    for reading, kappa in READINGS.items():
        sharp = landscapes.piecewise_quadratic(
            1, curvature=(6.0, 1.5), saddle_curvature=2.0, barrier=(0.5, 0.5)
        )
        problem = Problem(Grid.line(-2, 2.5, 200), sharp, noise.hessian(0.02, 1, reading=reading))
        mass = value(predict("three-factors", problem, "stationary.basin_masses.0"))
        masses.append(log(mass / (1 - mass)) - kappa * log(1.5 / 6))
    assert np.ptp(masses) < 1e-9
    plane = landscapes.from_expression("x**4/4 - x**2/2 + x/10 + (1 + x**2)*y**2", 2)
    grid = Grid.plane((-2, 2, 40), (-2, 2, 40))
    flat = Problem(grid, plane, noise.white(1 / 60))
    found = value(predict("three-factors", flat, "stationary.basin_masses.0"))
    same = PREDICTIONS["boltzmann"](flat, None, "stationary.basin_masses.0").value
    assert 1 - found == pytest.approx(1 - same, rel=0.1)


@pytest.mark.parametrize(
    "name",
    [
        "density-diffusion",
        "density-diffusion-published",
        "loss-noise",
        "discrete-sgd",
        "three-factors",
    ],
)
def test_unknown_quantities_are_refused_with_a_list(name):
    case = SimpleNamespace(passage=(), initial=None, evolve=None)
    for quantity in ("stationary.mean.0", "passage.it.colour", "spectrum.9", "evolve.mean.0.0"):
        with pytest.raises(CaseError, match="does not predict"):
            PREDICTIONS[name](quartic(0.02), case, quantity)


@pytest.mark.slow
@pytest.mark.parametrize("reading", ["ito", "hanggi-klimontovich"])
def test_four_wells_in_the_plane(reading):
    """Styblinski and Tang's loss: over two saddles and by way of the other wells."""
    given, gaps = landscapes.styblinski_tang(2), []
    start, end = (2.7468, 2.7468), (-2.9035, -2.9035)
    for eb in (0.1, 0.05):
        grid = Grid.plane((-4.6, 4.6, 160), (-4.6, 4.6, 160))
        problem = Problem(grid, given, noise.hessian(2 * eb, 1, reading=reading))
        exact = mean_first_passage(problem, start, sets.Ball(end, 0.3)).mean
        target = region(centre=end, radius=0.3)
        law = value(predict("density-diffusion", problem, "mean", point(*start), target))
        gaps.append(exact / law - 1)
    assert gaps[1] < 0.02
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=0.1)  # the next order


def test_times_in_steps_are_counted_as_steps():
    from fokkerplanck.case import parse_case
    from fokkerplanck.case.build import problem

    text = """
[grid]
x = { min = -2.0, max = 2.0, cells = 64 }
[landscape]
kind = "expression"
loss = "x**2 / 2"
[sgd]
learning_rate = 0.2
batch_size = 4
[noise]
kind = "covariance"
covariance = [[1.0]]
[initial]
kind = "delta"
mean = [0.5]
[evolve]
times = [3]
unit = "steps"
"""
    case = parse_case(text)
    found = PREDICTIONS["discrete-sgd"](problem(case), case, "evolve.mean.0.0")
    assert found.value == pytest.approx(0.5 * 0.8**3, rel=1e-12)
