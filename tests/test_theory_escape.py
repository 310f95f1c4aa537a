"""Closed forms of escape against pinned digits and exact quadrature."""

from __future__ import annotations

from math import exp, log, pi, sqrt
from types import SimpleNamespace

import numpy as np
import pytest

from fokkerplanck import landscapes
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.critical import critical_points
from fokkerplanck.theory.boltzmann import laplace_masses
from fokkerplanck.theory.eyring_kramers import eyring_kramers, langer, over_paths
from fokkerplanck.theory.kramers import (
    derivatives,
    kramers_correction,
    kramers_log_time,
    kramers_time,
)
from fokkerplanck.theory.line_process import LineProcess
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck
from fokkerplanck.theory.passage_forms import (
    disc_exit_time,
    drift_exit,
    drift_passage_time,
    free_passage_time,
    linear_exit_log_time,
    linear_exit_time,
    linear_passage_log_time,
    linear_passage_time,
)
from fokkerplanck.theory.passage_quadrature import exit_passage, line_passage
from fokkerplanck.theory.quasipotential import (
    hamilton_jacobi,
    linear_quasipotential,
    separable_quasipotential,
    virial_balance,
)


def critical(loss, hessian):
    return SimpleNamespace(loss=loss, hessian=np.array(hessian, dtype=float))


def test_pinned_times_on_a_line():
    assert free_passage_time(0.7, 2.0, 0.3) == pytest.approx((4 - 0.49) / 0.6, rel=1e-15)
    time = drift_passage_time(0.3, 1.0, 1.0, 0.25)
    assert time == pytest.approx(0.629280356744133, rel=1e-14)
    time, right = drift_exit(0.3, 1.0, 1.0, 0.25)
    assert time == pytest.approx(0.411843659500443, rel=1e-14)
    assert right == pytest.approx(0.711843659500443, rel=1e-14)
    mirrored, left = drift_exit(0.7, 1.0, -1.0, 0.25)
    assert mirrored == pytest.approx(time, rel=1e-14)
    assert left == pytest.approx(1 - right, rel=1e-14)
    assert linear_exit_time(1.0, 1.0, 1.0) == pytest.approx(0.595749318512758, rel=1e-14)
    time = linear_passage_time(0.0, 1.0, 1.0, 0.5)
    assert time == pytest.approx(4.03772833295520761, rel=1e-14)
    assert disc_exit_time(1.0, 0.6, 1.0) == pytest.approx(0.32, rel=1e-15)


@pytest.mark.parametrize("k", [-3.0, -0.1, 0.0, 1e-3, 40.0, 800.0])
def test_linear_exit_by_quadrature(k):
    exact = exit_passage(LineProcess(1.0, drift=lambda x: -k * x), 0.0, (-1, 1))
    assert linear_exit_log_time(k, 1.0, 1.0) == pytest.approx(exact.log_mean, abs=1e-12)


@pytest.mark.parametrize(("x", "b"), [(-20.0, 30.0), (1.9, 2.0), (3.0, -5.0)])
def test_linear_passage_by_quadrature(x, b):
    exact = line_passage(LineProcess(0.5, drift=lambda x: -x), x, b)
    assert linear_passage_log_time(x, b, 1.0, 0.5) == pytest.approx(exact.log_mean, abs=5e-13)


@pytest.mark.parametrize("mu", [1e-7, 1e-5, -1e-3, 0.4, -2.0, 60.0, -60.0])
def test_drift_by_quadrature(mu):
    process = LineProcess(1.0, drift=lambda x: np.full_like(x, mu), low=0.0)
    time = line_passage(process, 0.3, 1.0).mean
    assert drift_passage_time(0.3, 1.0, mu, 1.0) == pytest.approx(time, rel=1e-11)
    exact = exit_passage(process, 0.3, (0.0, 1.0), "right")
    time, right = drift_exit(0.3, 1.0, mu, 1.0)
    assert right == pytest.approx(exact.probability, rel=1e-11)
    whole = exit_passage(process, 0.3, (0.0, 1.0)).mean
    assert time == pytest.approx(whole, rel=1e-8)


def test_kramers_of_the_tilted_well():
    left, saddle, right = 2.2866204069763, -0.969378054792942, 1.68275764781665
    va, vs, vb = -0.352386073800036, 0.00502551557382098, -0.152639441773785
    time = kramers_time(left, saddle, vs - va, 0.05)
    assert time == pytest.approx(5367.52232708, rel=1e-11)
    assert kramers_time(right, saddle, vs - vb, 0.05) == pytest.approx(115.181547545, rel=1e-11)
    masses = laplace_masses(np.array([va, vb]), np.array([left, right]), 0.05)
    assert masses[0] == pytest.approx(0.978991835018061, rel=1e-12)


def test_kramers_of_styblinski_and_tang():
    time = kramers_time(29.2695527763376, -15.8526118788883, 25.2250590143393, 3.0)
    assert time == pytest.approx(1308.04511563, rel=1e-11)


def test_kramers_next_order_from_curvatures_alone():
    well = derivatives(lambda x: 3 * x**2 - 1, -1.0, 0.1)
    top = derivatives(lambda x: 3 * x**2 - 1, 0.0, 0.1)
    assert well == pytest.approx((2.0, -6.0, 6.0), rel=1e-11)
    assert kramers_correction(well, top) == pytest.approx(1.5, rel=1e-11)
    # slope of exact / Kramers at T = 0.0025
    exact = line_passage(LineProcess(0.0025, drift=lambda x: x - x**3), -1.0, 1.0)
    ratio = exact.log_mean - kramers_log_time(2.0, -1.0, 0.25, 0.0025)
    assert np.expm1(ratio) / 0.0025 == pytest.approx(1.52, abs=0.005)


def test_first_touch_takes_half_the_time():
    for t in (0.0125, 0.00625):
        process = LineProcess(t, drift=lambda x: x - x**3)
        to_top, across = (line_passage(process, -1.0, b).mean for b in (0.0, 1.0))
        assert 2 * to_top / across == pytest.approx(1, abs=5e-9)
    escape = eyring_kramers(critical(0.0, [[2.0]]), critical(0.25, [[-1.0]]), 0.0125)
    assert exp(escape.log_touch_time) == pytest.approx(to_top_at(0.0125), rel=0.021)
    assert exp(escape.log_time - escape.log_touch_time) == pytest.approx(2.0, rel=1e-14)


def to_top_at(t):
    return line_passage(LineProcess(t, drift=lambda x: x - x**3), -1.0, 0.0).mean


#: k, c, M, T, slow rate, 2 k of Langer's formula, its unstable rate.
VALLEYS = [
    (1, 0, [[1, 0], [0, 1]], 0.05, 2.7761406e-03, 3.0331418103e-03, 1.0),
    (1, 1, [[1, 0], [0, 1]], 0.05, 1.6454034e-03, 1.8745847315e-03, 0.618033988749895),
    (1, 1, [[1, 0.6], [0.6, 2]], 0.05, 2.6009977e-03, 2.8561300399e-03, 0.941640786499874),
    (2, 0.5, [[0.3, -0.2], [-0.2, 4]], 0.05, 7.5530830e-04, 8.2570989360e-04, 0.272229241238168),
    (1, 1, [[1, 0.6], [0.6, 2]], 0.025, 1.84095e-05, 1.9244452831e-05, 0.941640786499874),
    (2, 0.5, [[0.3, -0.2], [-0.2, 4]], 0.025, 5.33138e-06, 5.5635894997e-06, 0.272229241238168),
]


def valley(k, c, curvature, height):
    return critical(height, [[curvature + k * c * c, -k * c], [-k * c, k]])


@pytest.mark.parametrize(("k", "c", "mobility", "t", "slow", "formula", "unstable"), VALLEYS)
def test_langer_in_bent_valleys(k, c, mobility, t, slow, formula, unstable):
    minimum, saddle = valley(k, c, 2.0, 0.0), valley(k, c, -1.0, 0.25)
    way = langer(minimum, saddle, t, mobility)
    both = over_paths([way, way])
    assert both.rate == pytest.approx(formula, rel=1e-10)
    growth = way.rate * 2 * pi / sqrt(2) * exp(0.25 / t)
    assert growth == pytest.approx(unstable, rel=1e-12)
    # the error of the formula is of order T / barrier
    assert slow / both.rate == pytest.approx(1, abs=2.5 * t)
    assert both.valid


def test_langer_with_plain_mobility_is_eyring_and_kramers():
    minimum, saddle = valley(1, 1, 2.0, 0.0), valley(1, 1, -1.0, 0.25)
    same = langer(minimum, saddle, 0.01, np.eye(2)).log_rate
    assert eyring_kramers(minimum, saddle, 0.01).log_rate == same
    line = eyring_kramers(critical(0, [[2.0]]), critical(0.25, [[-1.0]]), 0.01)
    assert line.log_time == pytest.approx(kramers_log_time(2.0, -1.0, 0.25, 0.01), abs=1e-13)


def test_rates_of_found_critical_points_at_any_barrier():
    loss = landscapes.from_expression("(x**2 - 1)**2/4 + y**2 + x*y/2", 2)
    points = critical_points(loss, Grid.plane((-2, 2, 64), (-2, 2, 64)))
    minimum, saddle = (next(p for p in points if p.kind == kind) for kind in ("minimum", "saddle"))
    assert saddle.loss - minimum.loss == pytest.approx((9 / 8) ** 2 / 4, rel=1e-12)
    found = eyring_kramers(minimum, saddle, (saddle.loss - minimum.loss) / 3000)
    assert found.barrier == pytest.approx(3000, rel=1e-12)
    assert found.rate == 0.0
    assert found.time == float("inf")
    assert found.log_time == pytest.approx(3000, abs=3)


def test_several_saddles_and_the_range():
    minimum = critical(0.0, [[2.0]])
    ways = [eyring_kramers(minimum, critical(h, [[-1.0]]), 0.1) for h in (0.4, 0.9)]
    both = over_paths(ways)
    assert both.rate == pytest.approx(ways[0].rate + ways[1].rate, rel=1e-14)
    assert both.barrier == pytest.approx(4.0)
    assert not both.valid
    assert both.note == "barrier / T = 4 is below 5"
    assert ways[1].note == ""


@pytest.mark.parametrize(
    ("minimum", "saddle", "mobility", "message"),
    [
        ([[1, 0], [0, -1]], [[-1, 0], [0, 1]], np.eye(2), "starts at a minimum"),
        (np.eye(2), -np.eye(2), np.eye(2), "one negative eigenvalue"),
        (np.eye(2), [[-1, 0], [0, 1]], [[1, 2], [2, 1]], "positive definite"),
        (np.eye(2), [[-1, 0], [0, 1]], [[1, 0], [0.1, 1]], "symmetric"),
    ],
)
def test_points_that_are_no_escape(minimum, saddle, mobility, message):
    with pytest.raises(CaseError, match=message):
        langer(critical(0, minimum), critical(1, saddle), 0.1, mobility)


def test_linear_quasipotential_solves_its_equation():
    process = OrnsteinUhlenbeck([[2, -1], [1.5, 1]], [[1, 0.3], [0.3, 0.5]])
    x = np.random.default_rng(3).normal(size=(20, 2))
    gradient = x @ np.linalg.inv(process.stationary_covariance)
    residual = hamilton_jacobi(gradient, -x @ process.rate.T, process.diffusion)
    assert np.abs(residual).max() < 1e-13
    step = 1e-5 * np.eye(2)
    rise = [
        linear_quasipotential(process, x + s) - linear_quasipotential(process, x - s) for s in step
    ]
    np.testing.assert_allclose(np.transpose(rise) / 2e-5, gradient, rtol=1e-7, atol=1e-8)


def test_separable_quasipotential():
    x = np.array([[0.5, -2.0], [1.0, 3.0]])
    phi = separable_quasipotential([lambda u: u**4, lambda u: u**2 / 2], [0.1, 0.2], x)
    np.testing.assert_allclose(phi, [0.0625 / 0.1 + 10, 10 + 22.5])


#: d1, d2, <x^2>, <y^2>, <xy> of L = (x^2 - 1)^2 / 4 + (y - x)^2 / 2.
UNBALANCED = [
    (0.05, 0.05, 0.9368339404, 0.9868339404, 0.9368339404),
    (0.06, 0.04, 0.9302541307, 0.9646090378, 0.9246090378),
    (0.05, 0.03, 0.9458192845, 0.9703429449, 0.9403429449),
    (0.05, 0.08, 0.9240030906, 1.0126462136, 0.9326462136),
]


@pytest.mark.parametrize(("d1", "d2", "xx", "yy", "xy"), UNBALANCED)
def test_moments_without_detailed_balance(d1, d2, xx, yy, xy):
    assert yy - xy == pytest.approx(d2, abs=2e-10)
    # any points with these second moments
    points = np.linalg.cholesky([[xx, xy], [xy, yy]]).T * sqrt(2)
    drift = np.stack([np.zeros(2), points[:, 0] - points[:, 1]], axis=-1)
    balance = virial_balance(points, np.full(2, 0.5), drift, np.diag([d1, d2]))
    assert balance[1, 1] == pytest.approx(0, abs=1e-9)


def test_virial_of_a_linear_process_vanishes():
    process = OrnsteinUhlenbeck([[2, -1], [1.5, 1]], [[1, 0.3], [0.3, 0.5]])
    points = np.linalg.cholesky(process.stationary_covariance).T * sqrt(2)
    balance = virial_balance(points, np.full(2, 0.5), -points @ process.rate.T, process.diffusion)
    np.testing.assert_allclose(balance, 0, atol=1e-14)


def test_log_of_an_overflowing_time():
    assert kramers_time(2.0, -1.0, 0.25, 0.25 / 900) == float("inf")
    log_time = kramers_log_time(2.0, -1.0, 0.25, 0.25 / 900)
    assert log_time == pytest.approx(900 + log(2 * pi / sqrt(2)), rel=1e-14)
