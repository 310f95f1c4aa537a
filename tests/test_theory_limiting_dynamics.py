"""SGD with momentum near a minimum: the limiting dynamics, and the steps that they stand for."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.sgd_settings import SGD
from fokkerplanck.theory.discrete_steps import after_steps
from fokkerplanck.theory.heavy_ball_steps import HeavyBallSteps
from fokkerplanck.theory.limiting_dynamics import (
    LimitingDynamics,
    equipartition_loss,
    inertial_units,
)
from fokkerplanck.theory.oscillator import oscillator, oscillator_lag
from fokkerplanck.theory.three_factors import continuous_covariance, excess_loss, heavy_ball

#: E5 and E6 of the theory sheet.
ETA, BETA, BATCH = 0.1, 0.9, 32


def pinned(h=2.0, decay=0.0):
    return LimitingDynamics([h], ETA, BETA, BATCH, weight_decay=decay)


def test_pinned_continuous_numbers():
    found = pinned()
    assert found.damping == pytest.approx(0.526315789473684, rel=1e-14)
    assert found.frequencies[0] == pytest.approx(4.55802844097073, rel=1e-14)
    assert found.threshold == pytest.approx(0.0263157894736842, rel=1e-14)
    assert found.oscillates[0]
    assert found.position_variances[0] == pytest.approx(0.015625, rel=1e-14)
    assert found.velocity_variances[0] == pytest.approx(0.328947368421053, rel=2e-15)
    assert found.displacements([1.3])[0, 0] == pytest.approx(0.0171203222869310, rel=1e-13)
    decayed = pinned(decay=0.5)
    assert decayed.position_variances[0] == pytest.approx(0.0125, rel=1e-14)
    assert decayed.velocity_variances[0] == found.velocity_variances[0]


def test_pinned_discrete_numbers():
    steps, found = pinned().steps, pinned()
    z = steps.stationary
    assert z.position.item() == pytest.approx(0.0164930555555556, rel=1e-14)
    assert z.velocity.item() == pytest.approx(0.347222222222222, rel=1e-14)
    assert z.cross.item() == pytest.approx(0.0173611111111111, rel=1e-14)
    assert found.bias[0] == pytest.approx(0.947368421052632, rel=1e-14)
    ratio = found.position_variances[0] / z.position.item()
    assert found.bias[0] == pytest.approx(ratio, rel=1e-14)


@pytest.mark.parametrize(
    ("n", "continuous", "discrete"),
    [
        (1, 1.588375691353e-5, 1.645169781522e-5),
        (20, 0.00353607679055, 0.00354339314908),
        (1000, 0.0312495098405, 0.0312577355892),
    ],
)
def test_pinned_displacements(n, continuous, discrete):
    found = pinned(0.01)
    assert found.displacements([n * ETA])[0, 0] == pytest.approx(continuous, rel=3e-12)
    assert found.steps.displacements([n])[0, 0] == pytest.approx(discrete, rel=3e-12)


def test_equipartition_and_step_size():
    h = np.array([[2.0, 0.5], [0.5, 1.0]])
    found = LimitingDynamics(h, ETA, BETA, BATCH, residual_variance=0.7)
    square = ETA**2 * np.trace(found.steps.stationary.velocity)
    loss = excess_loss(h, found.steps.stationary.position)
    assert equipartition_loss(square, ETA, BETA) == pytest.approx(loss, rel=1e-13)
    assert equipartition_loss(found.step_square, ETA, BETA) == (
        pytest.approx(found.expected_loss, rel=1e-13)
    )
    assert found.step_square == pytest.approx(ETA**2 / (BATCH * (1 - BETA**2)) * 0.7 * 3.0)
    one = pinned().steps.stationary
    assert equipartition_loss(ETA**2 * one.velocity.item(), ETA, BETA) == (
        pytest.approx(0.0164930555555556, rel=1e-14)
    )


def test_noise_of_any_shape_obeys_equipartition():
    rng = np.random.default_rng(0)
    h, root = np.diag([2.0, 0.7, 0.1]), rng.normal(size=(3, 3))
    z = heavy_ball(h, root @ root.T, ETA, BETA)
    square = ETA**2 * np.trace(z.velocity)
    assert equipartition_loss(square, ETA, BETA) == pytest.approx(excess_loss(h, z.position))


def random_dynamics(seed, n, beta, decay, eta=0.1):
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(n, n)))[0]
    h = (axes * rng.uniform(0.01, 3.0, n)) @ axes.T
    return LimitingDynamics(
        0.5 * (h + h.T), eta, beta, 8, weight_decay=decay, residual_variance=0.6, centre=np.ones(n)
    )


problems = st.tuples(
    st.integers(0, 2**32 - 1), st.integers(1, 5), st.floats(0.0, 0.95), st.floats(0.0, 1.0)
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(problems)
def test_closed_forms_are_those_of_the_linear_process(problem):
    found = random_dynamics(*problem)
    process = found.process
    s = process.stationary_covariance
    np.testing.assert_allclose(s, found.covariance, atol=1e-12 * np.abs(s).max())
    n, scale = found.dim, np.abs(process.circulation).max()
    h = found._turned(found.curvatures) * 0.6 / found.sharpness
    zero = np.zeros((n, n))
    due = np.block([[zero, -h], [h, zero]])
    np.testing.assert_allclose(process.circulation, due, atol=1e-10 * scale)
    a, b = np.linspace(0.3, 2.0, n), np.linspace(-1.0, 0.5, n)
    x, v = found.mean([0.0, 0.37, 2.0], a, b)
    due = process.means([0.0, 0.37, 2.0], np.append(a, b))
    np.testing.assert_allclose(np.hstack([x, v]), due, atol=1e-10)
    moved = found.displacements([0.01, 1.1]).sum(axis=1)
    due = process.displacements([0.01, 1.1], range(n))
    np.testing.assert_allclose(moved, due, rtol=1e-8)
    assert process.under_reversal(found.parities).entropy_production == pytest.approx(0, abs=1e-18)


def test_stationary_density_is_that_of_the_modified_loss():
    found = random_dynamics(3, 2, 0.8, 0.3)
    points = np.random.default_rng(1).normal(size=(6, 4)) * 0.1 + [1, 1, 0, 0]
    p = found.process.stationary_density(points)
    psi = found.modified_loss(points[:, :2], points[:, 2:])
    np.testing.assert_allclose(np.diff(np.log(p)), -found.sharpness * np.diff(psi), rtol=1e-8)
    velocity = found.current_velocity(points[:, :2], points[:, 2:])
    np.testing.assert_allclose(
        found.process.stationary_current(points), velocity * p[:, None], rtol=1e-7, atol=1e-12
    )
    flat = random_dynamics(3, 2, 0.8, 0.0).modified_hessian
    np.testing.assert_allclose(flat, 2 / (0.6 * 0.1 * 1.8) * np.eye(2), atol=1e-12 * flat.max())


def test_velocities_that_mix_make_entropy():
    found = random_dynamics(3, 2, 0.8, 0.0)
    rate, noise = found.process.rate, found.process.diffusion.copy()
    noise[2:, 2:] = [[0.5, 0.1], [0.1, 0.2]]
    from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck

    mixing = OrnsteinUhlenbeck(rate, noise).under_reversal(found.parities)
    assert mixing.entropy_production > 1e-4


def exact(g, w2, t):
    """Response of an oscillator with 60 digits: stays, kicked, speed, lag."""
    with mpmath.workdps(60):
        g, w2, t = (mpmath.mpf(float(v)) for v in (g, w2, t))
        q = mpmath.sqrt(mpmath.mpc(g * g - w2))
        s = (mpmath.exp(-g * t) * (mpmath.sinh(q * t) / q if q else t)).real
        c = (mpmath.exp(-g * t) * mpmath.cosh(q * t)).real
        return tuple(map(float, (c + g * s, s, c - g * s, 1 - c - g * s)))


@pytest.mark.parametrize(
    "off", [0, 1e-15, -1e-15, 1e-10, -1e-10, 1e-4, -1e-4, 0.3, -0.3, 20, -0.999999]
)
def test_all_three_regimes_of_damping(off):
    g = 0.5263
    w2 = g * g * (1 + off)
    for t in (1e-9, 1e-3, 0.5, 1.0, 3.0, 30.0):
        due = exact(g, w2, t)
        found = [part.item() for part in oscillator(g, w2, t)]
        scale = np.abs(due[:3]).max() if t > 1e-2 else np.array([1.0, t, 1.0])
        assert np.abs(np.array(found) - due[:3]).max() < 5e-14 * np.max(scale)
        assert oscillator_lag(g, w2, t).item() == pytest.approx(due[3], rel=5e-14)


def test_the_mean_at_critical_damping():
    at = LimitingDynamics([pinned().threshold], ETA, BETA, BATCH)
    g, t = at.damping, np.array([0.1, 2.0, 9.0])
    x, v = at.mean(t, [1.5], [0.4])
    np.testing.assert_allclose(x[:, 0], np.exp(-g * t) * (1.5 + (g * 1.5 + 0.4) * t), rtol=1e-13)
    due = np.exp(-g * t) * (0.4 - (g * g * 1.5 + g * 0.4) * t)
    np.testing.assert_allclose(v[:, 0], due, rtol=1e-13)


def test_small_steps_are_the_limit():
    """With friction and frequencies held (1 - beta and H like eta), steps come to it like eta."""
    t = 1.2
    off = []
    for eta in (5e-4, 2.5e-4):
        found = LimitingDynamics(eta * np.diag([20.0, 3.0]), eta, 1 - 8 * eta, 4)
        mean = found.mean([t], [1.0, -0.5])[0][0]
        steps = found.steps.moments([round(t / eta)], [1.0, -0.5])
        off.append(np.abs(steps.mean[0] - mean).max())
    assert 1.9 < off[0] / off[1] < 2.1
    assert off[1] < 1e-3


def by_recursion(h, c, eta, beta, steps, mean, spread):
    """Means and covariances of (x, v), one step after the other."""
    n = len(h)
    one = np.eye(n)
    step = np.block([[one - eta * h, eta * beta * one], [-h, beta * one]])
    kick = np.vstack([eta * one, one])
    z, s = np.append(mean, np.zeros(n)), np.zeros((2 * n, 2 * n))
    s[:n, :n] = spread
    for _ in range(steps):
        z, s = step @ z, step @ s @ step.T + kick @ c @ kick.T
    return z, s


@settings(max_examples=25, deadline=None, derandomize=True)
@given(problems, st.integers(0, 60))
def test_steps_are_those_of_the_recursion(problem, steps):
    seed, n, beta, _ = problem
    rng = np.random.default_rng(seed)
    axes, root = np.linalg.qr(rng.normal(size=(n, n)))[0], rng.normal(size=(n, n))
    h, c = (axes * rng.uniform(0.01, 3.0, n)) @ axes.T, root @ root.T
    h = 0.5 * (h + h.T)
    mean, spread = rng.normal(size=n), np.diag(rng.uniform(0, 1, n))
    z, s = by_recursion(h, c, 0.3, beta, steps, mean, spread)
    found = HeavyBallSteps(h, c, 0.3, beta).moments([steps, 0], mean, covariance=spread)
    scale = max(np.abs(s).max(), np.abs(found.velocity).max())
    np.testing.assert_allclose(np.append(found.mean[0], found.mean_velocity[0]), z, atol=1e-11)
    got = np.block([[found.covariance[0], found.cross[0]], [found.cross[0].T, found.velocity[0]]])
    np.testing.assert_allclose(got, s, atol=1e-10 * scale)
    np.testing.assert_allclose(found.covariance[1], spread, atol=1e-11 * scale)
    after = after_steps(steps, h, c, 0.3, beta, mean=mean + 1, covariance=spread, centre=np.ones(n))
    np.testing.assert_allclose(after.covariance, s[:n, :n], atol=1e-10 * scale)
    np.testing.assert_allclose(after.mean - 1, z[:n], atol=1e-11)


def test_displacements_of_slow_modes_keep_their_digits():
    """A mode that needs 1e12 steps: diffusion to begin with, to many digits."""
    eta, beta, h = 0.1, 0.9, 1e-11
    found = HeavyBallSteps(np.diag([h, 2.0]), np.diag([h, 2.0]) / 32, eta, beta)
    n = np.array([1, 7, 100, 12345, 10**9])
    moved = found.displacements(n)[:, 0]
    with mpmath.workdps(60):
        s = mpmath.mpf(eta) * mpmath.mpf(h)
        b = mpmath.mpf(beta)
        trace = 1 + b - s
        root = mpmath.sqrt(trace**2 / 4 - b)
        fast, slow = trace / 2 - root, trace / 2 + root
        first = 1 - s / (1 + b)
        for k, steps in enumerate(n):
            kept = ((first - fast) * slow ** int(steps) - (first - slow) * fast ** int(steps)) / (
                slow - fast
            )
            due = 2 * found.stationary.position[0, 0] * float(1 - kept)
            assert moved[k] == pytest.approx(due, rel=1e-11)


def test_displacements_at_critical_damping():
    # 1 - eta h + beta = 2 sqrt(beta): the step has one eigenvector
    eta, beta = 0.1, 0.81
    h = (1 - np.sqrt(beta)) ** 2 / eta
    found = HeavyBallSteps([[h]], [[1.0]], eta, beta)
    step = np.array([[1 - eta * h, eta * beta], [-h, beta]])
    z = found.stationary
    whole = np.array([[z.position.item(), z.cross.item()], [z.cross.item(), z.velocity.item()]])
    for n in (3, 50):
        gone = np.linalg.matrix_power(step, n) - np.eye(2)
        assert found.displacements([n])[0, 0] == pytest.approx(-2 * (gone @ whole)[0, 0], rel=1e-10)


def test_units_of_a_particle():
    units = inertial_units(ETA, BETA, BATCH, 0.8)
    found = LimitingDynamics([2.0], ETA, BETA, BATCH)
    assert units.friction == pytest.approx(2 * found.damping)
    assert found.stiffness[0] == pytest.approx(2.0 / units.mass)
    # C = c I is sigma^2 h = c on this one mode: var v = T / m, var x = T / h
    one = LimitingDynamics([2.0], ETA, BETA, BATCH, residual_variance=0.4)
    assert one.velocity_variances[0] == pytest.approx(units.temperature / units.mass)
    assert one.position_variances[0] == pytest.approx(units.temperature / 2.0)
    slow = continuous_covariance([[2.0]], [[0.8 / BATCH]], ETA, BETA).item()
    assert slow == pytest.approx(units.temperature / 2.0)


def test_settings_of_a_case():
    sgd = SGD(ETA, 32, 200, replacement=False, momentum=BETA, weight_decay=0.5)
    found = LimitingDynamics.of([2.0], sgd)
    share = (200 - 32) / 199
    assert found.position_variances[0] == pytest.approx(0.0125 * share, rel=1e-13)
    with pytest.raises(CaseError, match="that stay"):
        LimitingDynamics.of([2.0], SGD(ETA, 32, learning_rate_of_t="0.1/(1 + t)"))


def test_one_mode_of_many_on_a_grid():
    """What a solver in position and velocity is compared with: one mode out of hundreds."""
    found = LimitingDynamics(np.linspace(0.1, 2.0, 150), ETA, BETA, BATCH)
    k = 70
    law = found.process.marginal([k, 150 + k])
    grid = Grid.plane((-0.9, 0.9, 80), (-4.0, 4.0, 80))
    p = law.cells(grid)
    assert grid.integrate(p) == pytest.approx(1.0, abs=1e-7)
    x, v = grid.points()[..., 0], grid.points()[..., 1]
    assert grid.integrate(p * x * v) == pytest.approx(0.0, abs=1e-12)
    assert grid.integrate(p * v * v) == pytest.approx(
        found.velocity_variances[k] + grid.spacing[1] ** 2 / 12, rel=1e-6
    )


def test_hundreds_of_modes():
    h = np.geomspace(1e-6, 1.0, 700)
    found = LimitingDynamics(h, ETA, BETA, BATCH)
    times = np.geomspace(1e-2, 1e7, 50)
    assert found.displacements(times).shape == (50, 700)
    rows = found.displacements([1e9])[0]
    np.testing.assert_allclose(rows, 2 * found.position_variances)
    short = found.displacements([1e-6])[0]
    np.testing.assert_allclose(short, found.velocity_variances * 1e-12, rtol=1e-6)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"H": [-1.0]}, "negative eigenvalue"),
        ({"H": [[1.0, 0.5], [0.0, 1.0]]}, "symmetric"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"momentum": 1.0}, "momentum"),
        ({"batch_size": 0}, "batch_size"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"centre": [0.0, 0.0]}, "coordinates"),
    ],
)
def test_bad_settings(wrong, words):
    good = {"H": [1.0], "learning_rate": 0.1, "momentum": 0.5, "batch_size": 4}
    with pytest.raises(CaseError, match=words):
        LimitingDynamics(**good | wrong)


def test_modes_without_a_law():
    flat = LimitingDynamics([0.0, 1.0], ETA, BETA, BATCH)
    with pytest.raises(CaseError, match="no stationary law"):
        _ = flat.position_variances
    with pytest.raises(CaseError, match="without noise"):
        _ = LimitingDynamics([0.0], ETA, BETA, BATCH, weight_decay=1.0).modified_hessian
    with pytest.raises(CaseError, match="diverges"):
        _ = LimitingDynamics([50.0], ETA, BETA, BATCH).steps
    with pytest.raises(CaseError, match="whole numbers"):
        pinned().steps.displacements([1.5])
    assert np.isfinite(expm(-flat.process.rate)).all()
