"""Stationary laws of SGD near a minimum: continuous, discrete, with momentum; any dimension."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import solve_discrete_lyapunov

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.three_factors import (
    continuous_covariance,
    continuous_excess_loss,
    discrete_covariance,
    discrete_excess_loss,
    excess_loss,
    heavy_ball,
)

#: E2 of the theory sheet.
H2 = np.array([[2.0, 0.5], [0.5, 1.0]])
ETA, BATCH = 0.2, 16


def spd(rng, n, low=0.3, high=3.0):
    axes = np.linalg.qr(rng.normal(size=(n, n)))[0]
    matrix = (axes * rng.uniform(low, high, n)) @ axes.T
    return 0.5 * (matrix + matrix.T)


def by_lyapunov(h, c, eta, beta):
    """Covariance of (x, v) from the linear map of one step, solved as one linear system."""
    n = len(h)
    one = np.eye(n)
    step = np.block([[one - eta * h, eta * beta * one], [-h, beta * one]])
    kick = np.vstack([eta * one, one])
    return solve_discrete_lyapunov(step, kick @ c @ kick.T, method="direct")


#: Seeds of random problems; matrices are made by numpy.
problems = st.tuples(
    st.integers(1, 6), st.integers(0, 2**32 - 1), st.floats(0.01, 0.6), st.floats(0.0, 0.95)
)


def test_pinned_covariances():
    noise = H2 / BATCH
    np.testing.assert_allclose(
        discrete_covariance(H2, noise, ETA),
        [[0.007839721254355, 0.000435540069686], [0.000435540069686, 0.006968641114983]],
        rtol=1e-12,
    )
    flat = ETA / (2 * BATCH) * np.eye(2)
    np.testing.assert_allclose(continuous_covariance(H2, noise, ETA), flat, rtol=1e-14, atol=1e-17)


def test_pinned_losses():
    noise = H2 / BATCH
    assert continuous_excess_loss(H2, noise, ETA) == pytest.approx(0.009375, rel=1e-14)
    assert discrete_excess_loss(H2, noise, ETA) == pytest.approx(0.0115418118466899, rel=1e-14)
    largest = ETA * np.linalg.eigvalsh(H2)[-1]
    assert largest == pytest.approx(0.44, abs=2e-3)


def test_pinned_heavy_ball():
    eta, beta, batch, h = 0.1, 0.9, 32, 2.0
    found = heavy_ball(h, h / batch, eta, beta)
    assert found.position.item() == pytest.approx(0.0164930555555556, rel=1e-14)
    assert found.velocity.item() == pytest.approx(0.347222222222222, rel=1e-14)
    assert found.cross.item() == pytest.approx(0.0173611111111111, rel=1e-14)
    slow = continuous_covariance(h, h / batch, eta, beta).item()
    assert slow == pytest.approx(0.015625, rel=1e-14)
    assert slow / found.position.item() == pytest.approx(0.947368421052632, rel=1e-14)
    # equipartition: the loss is told by the length of the steps
    steps = (1 + beta) / (4 * eta) * eta**2 * found.velocity.item()
    assert steps == pytest.approx(excess_loss(h, found.position), rel=1e-14)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems)
def test_steps_keep_their_law(problem):
    n, seed, eta, beta = problem
    rng = np.random.default_rng(seed)
    h, c = spd(rng, n), spd(rng, n)
    found = heavy_ball(h, c, eta, beta)
    whole = np.block([[found.position, found.cross], [found.cross.T, found.velocity]])
    due = by_lyapunov(h, c, eta, beta)
    # the direct solution loses what I - M (x) M has as its condition
    np.testing.assert_allclose(whole, due, rtol=1e-9, atol=1e-9 * np.abs(due).max())
    assert np.linalg.eigvalsh(whole)[0] > 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(problems)
def test_lyapunov_equation_of_the_diffusion(problem):
    n, seed, eta, beta = problem
    rng = np.random.default_rng(seed)
    h, c = spd(rng, n), spd(rng, n)
    s = continuous_covariance(h, c, eta, beta)
    residual = h @ s + s @ h - eta * c / (1 - beta)
    assert np.abs(residual).max() < 1e-13 * np.abs(h @ s).max() * n
    assert continuous_excess_loss(h, c, eta, beta) == pytest.approx(excess_loss(h, s), rel=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(problems)
def test_axes_do_not_matter(problem):
    n, seed, eta, beta = problem
    rng = np.random.default_rng(seed)
    h, c = spd(rng, n), spd(rng, n)
    turn = np.linalg.qr(rng.normal(size=(n, n)))[0]

    def turned(m):
        m = turn @ m @ turn.T
        return 0.5 * (m + m.T)

    for law in (continuous_covariance, discrete_covariance):
        s = law(turned(h), turned(c), eta, beta)
        np.testing.assert_allclose(s, turned(law(h, c, eta, beta)), atol=1e-12 * np.abs(s).max())


@settings(max_examples=40, deadline=None, derandomize=True)
@given(problems)
def test_small_steps_are_the_diffusion_to_first_order(problem):
    n, seed, _, beta = problem
    rng = np.random.default_rng(seed)
    h, c = spd(rng, n), spd(rng, n)

    def gap(eta):
        s = discrete_covariance(h, c, eta, beta)
        return np.abs(s / eta - continuous_covariance(h, c, eta, beta) / eta).max()

    # away from beta = 1: there the next term is eta beta (h_i - h_j)^2 / (1 - beta)^2
    eta = 1e-3 * (1 - beta) ** 2
    assert gap(eta) / gap(eta / 2) == pytest.approx(2, rel=0.02)


def test_steps_of_any_size_above_zero():
    s, v, cross = heavy_ball(H2, H2, 1e-300, 0.5)
    np.testing.assert_allclose(s, 1e-300 * np.eye(2), rtol=1e-12, atol=1e-314)
    np.testing.assert_allclose(v, H2 / 0.75, rtol=1e-12)
    np.testing.assert_allclose(np.diag(cross), np.diag(1e-300 / 2 * v), rtol=1e-12)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(problems)
def test_loss_of_heavy_ball_in_closed_form(problem):
    n, seed, eta, beta = problem
    rng = np.random.default_rng(seed)
    h, c = spd(rng, n), spd(rng, n)
    inverse = np.linalg.inv(2 * np.eye(n) - eta * h / (1 + beta))
    due = eta / (2 * (1 - beta)) * np.trace(c @ inverse)
    assert discrete_excess_loss(h, c, eta, beta) == pytest.approx(due, rel=1e-12)
    steps = (1 + beta) / (4 * eta) * eta**2 * np.trace(heavy_ball(h, c, eta, beta).velocity)
    assert steps == pytest.approx(due, rel=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_curvature_alone_decides_when_noise_is_the_hessian(momentum):
    rng = np.random.default_rng(3)
    h = spd(rng, 5)
    eb = ETA / (2 * BATCH) / (1 - momentum)
    s = continuous_covariance(h, h / BATCH, ETA, momentum)
    np.testing.assert_allclose(s, eb * np.eye(5), rtol=1e-12, atol=1e-15)
    # and isotropic noise has the variance of Boltzmann's law
    even = continuous_covariance(h, np.eye(5) / BATCH, ETA, momentum)
    np.testing.assert_allclose(even, eb * np.linalg.inv(h), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("h", "c", "eta", "beta", "said"),
    [
        (2.0, 1.0, 1.0, 0.0, "diverges"),
        (2.0, 1.0, 1.5, 0.5, "diverges"),
        (-1.0, 1.0, 0.1, 0.0, "positive definite"),
        (1.0, -1.0, 0.1, 0.0, "semi-definite"),
        (1.0, 1.0, 0.0, 0.0, "learning_rate"),
        (1.0, 1.0, 0.1, 1.0, "momentum"),
        (np.eye(2), 1.0, 0.1, 0.0, "differ in size"),
        ([[1.0, 0.5], [0.0, 1.0]], np.eye(2), 0.1, 0.0, "symmetric"),
        (np.nan, 1.0, 0.1, 0.0, "finite"),
    ],
)
def test_what_has_no_stationary_law_is_refused(h, c, eta, beta, said):
    with pytest.raises(CaseError, match=said):
        discrete_covariance(h, c, eta, beta)


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5])
@pytest.mark.parametrize("beta", [0.0, 0.8])
def test_walkers_that_take_the_steps(n, beta):
    rng = np.random.default_rng(11)
    h, c = spd(rng, n), spd(rng, n) / 8
    eta, walkers, steps, burn = 0.3, 4000, 3000, 400
    root = np.linalg.cholesky(c)
    x, v, total = np.zeros((walkers, n)), np.zeros((walkers, n)), np.zeros((walkers, n, n))
    for k in range(steps):
        v = beta * v - x @ h - rng.normal(size=x.shape) @ root.T
        x = x + eta * v
        if k >= burn:
            total += x[:, :, None] * x[:, None, :]
    each = total / (steps - burn)
    error = each.std(axis=0) / np.sqrt(walkers)
    assert np.abs((each.mean(axis=0) - discrete_covariance(h, c, eta, beta)) / error).max() < 4
    # the continuous law is off by far more than that here
    slow = continuous_covariance(h, c, eta, beta)
    assert np.abs((each.mean(axis=0) - slow) / error).max() > 50
