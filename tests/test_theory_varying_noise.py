"""Laplace's method with noise that varies: escape times, basin ratios, loss noise."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest

from fokkerplanck import landscapes, noise, sets
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.critical import critical_points
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.theory.boltzmann import laplace_masses, zero_current_line
from fokkerplanck.theory.density_diffusion import FrozenEscape, loss_noise_log_time
from fokkerplanck.theory.line_process import LineProcess
from fokkerplanck.theory.passage_quadrature import line_passage, stationary_masses
from fokkerplanck.theory.varying_noise import (
    basin_log_ratio,
    loss_climb,
    varying_noise_log_time,
)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
def test_frozen_and_loss_noise_are_special_cases(kappa):
    law = FrozenEscape(2.0, -1.0, 0.25, 0.02, 4 / 9)
    noises = (0.02 * 2.0, 0.02 * 1.0)
    found = varying_noise_log_time(2.0, -1.0, noises, law.climb, kappa)
    assert found == pytest.approx(law.log_time(kappa), rel=1e-14)
    climb = loss_climb(lambda x: x / 16, 0.05, 0.3)
    assert climb == pytest.approx(16 * log(6), rel=1e-13)
    found = varying_noise_log_time(2.0, -1.0, (0.05 / 16, 0.3 / 16), climb, kappa)
    due = loss_noise_log_time((2.0, -1.0), (0.05, 0.3), 1 / 16, kappa)
    assert found == pytest.approx(due, rel=1e-13)


#: c, and mean times from -1 to 1 in the three readings, of noise c (L + 0.05).
LOSS_NOISE = [
    (1 / 16, 30259564162029.0, 12746101835635.0, 5374417965177.0),
    (1 / 8, 17770019.545902, 7724583.446649, 3372072.6381983),
    (1 / 4, 13383.397459291, 6207.1556467307, 2934.5190623071),
]


def offset_quartic(x):
    return (x**2 - 1) ** 2 / 4 + 0.05


@pytest.mark.parametrize(("c", "ito", "strat", "hanggi"), LOSS_NOISE)
def test_pinned_times_under_loss_noise(c, ito, strat, hanggi):
    for kappa, pinned in ((1.0, ito), (0.5, strat), (0.0, hanggi)):
        process = LineProcess(
            lambda x: c * offset_quartic(x), drift=lambda x: x - x**3, kappa=kappa
        )
        exact = line_passage(process, -1.0, 1.0)
        assert exact.mean == pytest.approx(pinned, rel=5e-14)
        formula = loss_noise_log_time((2.0, -1.0), (0.05, 0.3), c, kappa)
        # the next order is linear in c
        assert abs(exact.log_mean - formula) < 1.1 * c


@pytest.mark.parametrize(
    "reading",
    [
        "ito",
        *(pytest.param(r, marks=pytest.mark.slow) for r in ("stratonovich", "hanggi-klimontovich")),
    ],
)
def test_loss_noise_in_the_plane(reading):
    gaps = []
    text = "(x**2 - 1)**2/4 + 3*y**2/2 + 0.05"
    given = landscapes.from_expression(text, 2)
    for c in (1 / 12, 1 / 24):
        grid = Grid.plane((-1.9, 1.9, 320), (-1.0, 1.0, 160))
        problem = Problem(
            grid,
            given,
            noise.tensor([[f"{c}*({text})", 0.0], [0.0, f"{c}*({text})"]], reading=reading),
        )
        tau = mean_first_passage(problem, [-1.0, 0.0], sets.HalfPlane([1.0, 0.0], 1.0)).mean
        ends = (np.diag([2.0, 3.0]), np.diag([-1.0, 3.0]))
        law = varying_noise_log_time(*ends, (0.05 * c, 0.3 * c), log(6) / c, problem.noise.kappa)
        gaps.append(log(tau) - law)
    # linear in c, and the cells leave 1e-3
    assert 2 * gaps[1] - gaps[0] == pytest.approx(0, abs=3e-3)


def tilted(x):
    return x**4 / 4 - x**2 / 2 + x / 10


def test_basin_masses_of_the_tilted_well():
    given = landscapes.from_expression("x**4/4 - x**2/2 + x/10", 1)
    left, right, saddle = critical_points(given, Grid.line(-3, 3, 300))
    t = 1 / 20
    ends = (left.hessian, right.hessian)
    ratio = basin_log_ratio(*ends, (t, t), (left.loss - right.loss) / t, 1.0)
    assert 1 / (1 + exp(-ratio)) == pytest.approx(0.978991835018061, rel=1e-13)
    dets = np.array([float(h[0, 0]) for h in ends])
    same = laplace_masses(np.array([left.loss, right.loss]), dets, t)
    assert same[0] == pytest.approx(0.978991835018061, rel=1e-13)
    exact = zero_current_line(lambda x: x - x**3 - 0.1, lambda x: t + 0 * x, -3, 3, panels=2000)
    place = float(saddle.position[0])
    inside = exact.expectation(lambda x: np.asarray(x < place, dtype=float))
    assert inside == pytest.approx(0.977954192696704, rel=1e-4)


@pytest.mark.parametrize("kappa", [0.0, 0.5, 1.0])
def test_basin_ratio_of_frozen_noise_against_quadrature(kappa):
    """Sharp and flat well: p_A / p_B has (D_B / D_A)^kappa."""
    given = landscapes.piecewise_quadratic(
        1, curvature=(6.0, 1.5), saddle_curvature=2.0, barrier=(0.5, 0.5)
    )
    (a, b), joints = given.minima, given.joints
    gaps = []
    for eb in (0.01, 0.005):

        def d(x, eb=eb):
            return eb * np.where(x < joints[0], 6.0, np.where(x > joints[1], 1.5, 2.0))

        process = LineProcess(
            d,
            drift=lambda x: -given.gradient(x[:, None])[:, 0],
            kappa=kappa,
            low=a - 2,
            high=b + 3,
            breaks=joints,
        )
        left, right = stationary_masses(process, [-np.inf, 0.0, np.inf])
        climb = process.climb(b, a)
        law = basin_log_ratio(6.0, 1.5, (6 * eb, 1.5 * eb), climb, kappa)
        frozen = kappa * log(1.5 / 6) - climb
        assert law == pytest.approx(frozen, rel=1e-12)
        gaps.append(left - right - law)
    assert abs(gaps[1]) < 5e-3
    assert abs(gaps[1]) < abs(gaps[0]) + 1e-12


def test_rates_and_masses_are_consistent():
    there = varying_noise_log_time(2.0, -1.0, (0.04, 0.02), 12.0, 1.0)
    back = varying_noise_log_time(5.0, -1.0, (0.1, 0.02), 9.0, 1.0)
    ratio = basin_log_ratio(2.0, 5.0, (0.04, 0.1), -3.0, 1.0)
    assert there - back == pytest.approx(ratio, rel=1e-14)
    # n-D: the same saddle cancels
    rng = np.random.default_rng(1)
    a, b = (np.diag(rng.uniform(1, 4, 4)) for _ in range(2))
    top = np.diag([-1.0, 1.0, 2.0, 3.0])
    there = varying_noise_log_time(a, top, (0.04, 0.02), 12.0, 0.5)
    back = varying_noise_log_time(b, top, (0.1, 0.02), 9.0, 0.5)
    ratio = basin_log_ratio(a, b, (0.04, 0.1), -3.0, 0.5)
    assert there - back == pytest.approx(ratio, rel=1e-13)


def test_what_is_no_well_is_refused():
    with pytest.raises(CaseError, match="minimum"):
        varying_noise_log_time(-1.0, -1.0, (1.0, 1.0), 5.0, 1.0)
    with pytest.raises(CaseError, match="positive definite"):
        basin_log_ratio(-1.0, 1.0, (1.0, 1.0), 0.0, 1.0)
