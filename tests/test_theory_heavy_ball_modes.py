"""Modes of heavy-ball SGD: pinned numbers, limits, and the steps themselves."""

from __future__ import annotations

import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.heavy_ball_modes import Modes
from fokkerplanck.theory.three_factors import heavy_ball


def test_pinned_numbers():
    """Sheet E5 and E6: eta = 0.1, beta = 0.9, B = 32, h = 2, with and without weight decay."""
    one = Modes([2.0, 2.5], [2 / 32, 2 / 32], 0.1, 0.9)
    np.testing.assert_allclose(one.position[0], 0.0164930555555556, rtol=1e-13)
    np.testing.assert_allclose(one.velocity[0], 0.347222222222222, rtol=1e-13)
    np.testing.assert_allclose(one.limit_position, [0.015625, 0.0125], rtol=1e-13)
    np.testing.assert_allclose(one.limit_velocity, 0.328947368421053, rtol=1e-13)
    np.testing.assert_allclose(one.friction, 0.526315789473684, rtol=1e-13)
    np.testing.assert_allclose(one.limit_distance([13])[0, 0], 0.0171203222869310, rtol=1e-13)
    soft, lags = Modes([0.01], [0.01 / 32], 0.1, 0.9), [1, 20, 1000]
    wanted = [1.645169781522e-5, 0.00354339314908, 0.0312577355892]
    np.testing.assert_allclose(soft.distance(lags)[:, 0], wanted, rtol=1e-11)
    wanted = [1.588375691353e-5, 0.00353607679055, 0.0312495098405]
    np.testing.assert_allclose(soft.limit_distance(lags)[:, 0], wanted, rtol=1e-11)


def test_equipartition_is_exact():
    """``kappa var x / 2 = (1 + beta) / (4 eta) E|step|^2`` for every mode of the steps."""
    modes = Modes([3.0, 0.2, 1e-4], [0.3, 0.7, 1e-3], 0.2, 0.8)
    potential = 0.5 * modes.stiffness * modes.position
    kinetic = 1.8 / (4 * 0.2) * modes.distance([1])[0]
    np.testing.assert_allclose(potential, kinetic, rtol=1e-12)


def test_distance_and_turning_against_powers_of_the_matrix():
    kappa, c, eta, beta = 1.7, 0.4, 0.1, 0.9
    modes, law = Modes([kappa], [c], eta, beta), heavy_ball(kappa, c, eta, beta)
    step = np.array([[1 - eta * kappa, eta * beta], [-kappa, beta]])
    both = np.block([[law.position, law.cross], [law.cross, law.velocity]])
    for n in (1, 2, 7, 40):
        later = np.linalg.matrix_power(step, n) @ both
        far = 2 * (both[0, 0] - later[0, 0])
        np.testing.assert_allclose(modes.distance([n])[0, 0], far, rtol=1e-11)
        turning = later[0, 1] - later[1, 0]
        np.testing.assert_allclose(modes.turning([n])[0, 0], turning, rtol=1e-9, atol=1e-13)


def test_flat_directions_are_the_limit_of_soft_ones():
    flat, soft = (Modes([k], [0.1], 0.1, 0.9) for k in (0.0, 1e-9))
    lags = [1, 10, 1000]
    np.testing.assert_allclose(flat.distance(lags), soft.distance(lags), rtol=1e-6)
    np.testing.assert_allclose(flat.limit_distance(lags), soft.limit_distance(lags), rtol=1e-5)
    # diffuses with 2 D = eta c / (1 - beta)^2 a step
    rate = np.diff(flat.distance([10_000, 10_001])[:, 0])[0]
    np.testing.assert_allclose(rate, 0.1**2 * 0.1 / 0.1**2, rtol=1e-9)


def test_steps_become_the_limit():
    """With ``eta -> 0`` at fixed friction, frequency and time, at second order."""
    errors = []
    for part in (4, 8, 16, 32):
        eta = 0.1 / part
        beta = (1 - 0.5 * eta) / (1 + 0.5 * eta)  # friction 0.5
        modes = Modes([2 * eta * (1 + beta)], [1 - beta**2], eta, beta)  # frequency 2
        np.testing.assert_allclose([modes.friction, *modes.frequency], [0.5, 2.0])
        lags = [10 * part]
        far, limit = modes.distance(lags), modes.limit_distance(lags)
        turn = modes.turn()[0] / (-eta * modes.frequency[0])
        errors.append([np.abs(far / limit - 1).max(), abs(turn - 1)])
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(orders[:, 0], 2.0, atol=0.01)
    assert errors[-1][1] < 2e-3  # of the midpoints


def test_mean_turn_of_simulated_steps():
    rng, eta, beta, kappa, c = np.random.default_rng(3), 0.1, 0.9, 2.0, 0.5
    modes = Modes([kappa], [c], eta, beta)
    law = heavy_ball(kappa, c, eta, beta)
    both = np.block([[law.position, law.cross], [law.cross, law.velocity]])
    x, v = np.linalg.cholesky(both) @ rng.standard_normal((2, 400_000))
    w = beta * v - kappa * x - np.sqrt(c) * rng.standard_normal(x.size)
    sx, sv = np.sqrt(law.position[0, 0]), np.sqrt(law.velocity[0, 0])
    angles = np.angle(((x + eta * w) / sx + 1j * w / sv) * (x / sx - 1j * v / sv))
    error = angles.std() / np.sqrt(x.size)
    assert abs(angles.mean() - modes.turn()[0]) < 4 * error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([-1.0], [1.0], 0.1, 0.9), ">= 0"),
        (([1.0], [-1.0], 0.1, 0.9), ">= 0"),
        (([1.0, 2.0], [1.0], 0.1, 0.9), "one length"),
        (([1.0], [1.0], 0.0, 0.9), "learning_rate is positive"),
        (([1.0], [1.0], 0.1, 1.0), r"momentum in \[0, 1\)"),
        (([50.0], [1.0], 0.1, 0.9), "the steps diverge"),
    ],
)
def test_numbers_out_of_range(arguments, message):
    with pytest.raises(CaseError, match=message):
        Modes(*arguments)
