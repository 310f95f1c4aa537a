"""Regression with its own noise: second moments, where they diverge, and the tail of the law."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.limiting_dynamics import LimitingDynamics
from fokkerplanck.theory.regression_noise import data_regression, gaussian_regression
from fokkerplanck.theory.tail_index import log_growth, tail_index
from fokkerplanck.theory.three_factors import heavy_ball


def test_pinned_variance():
    """E7 of the theory sheet."""
    found = gaussian_regression([1.0], 0.3, 4)
    assert found.moments.position.item() == pytest.approx(0.048387096774194, rel=1e-13)
    eta, b, h, s = 0.07, 3, 1.9, 0.6
    due = eta * s / (b * (2 - eta * h * (1 + 2 / b)))
    found = gaussian_regression(h, eta, b, residual_variance=s)
    assert found.moments.position.item() == pytest.approx(due, rel=1e-14)


def wick(h, s, sigma, batch):
    """Covariance of the gradient of a Gaussian batch at a random place of second moment s."""
    return (h @ s @ h + h * np.sum(h * s) + sigma * h) / batch


@pytest.mark.parametrize("momentum", [0.0, 0.8])
@pytest.mark.parametrize("decay", [0.0, 0.4])
def test_gaussian_law_balances(momentum, decay):
    rng = np.random.default_rng(1)
    root = rng.normal(size=(4, 4))
    h, w = root @ root.T / 6, rng.normal(size=4)
    eta, batch, sigma = 0.05, 3, 0.7
    found = gaussian_regression(
        h, eta, batch, momentum, weight_decay=decay, residual_variance=sigma, optimum=w
    )
    force = h + decay * np.eye(4)
    np.testing.assert_allclose(force @ found.mean, h @ w, rtol=1e-11)
    m = found.mean - w
    noise = wick(h, found.moments.position + np.outer(m, m), sigma, batch)
    np.testing.assert_allclose(found.noise, noise, rtol=1e-9, atol=1e-12)
    again = heavy_ball(force, noise, eta, momentum)
    for a, b in zip(again, found.moments, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12)
    turned = gaussian_regression(np.linalg.eigvalsh(h), eta, batch, momentum, weight_decay=0.0)
    plain = gaussian_regression(h, eta, batch, momentum)
    assert np.trace(turned.moments.position) == pytest.approx(np.trace(plain.moments.position))


def test_small_steps_have_additive_noise():
    h = np.array([2.0, 0.5])
    eta, beta, batch = 1e-5, 0.9, 16
    found = gaussian_regression(h, eta, batch, beta)
    limit = LimitingDynamics(h, eta, beta, batch)
    np.testing.assert_allclose(np.diag(found.moments.position), limit.position_variances, rtol=1e-4)


def data(seed=3, count=40, n=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, n)) @ np.diag([1.5, 1.0, 0.4][:n])
    return x, x @ np.arange(1.0, n + 1) + 0.5 * rng.standard_t(5, size=count)


@pytest.mark.parametrize("replacement", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.7])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_data_law_balances(replacement, momentum, decay):
    """Noise that the law has, sample by sample, gives that law back."""
    x, y = data()
    count, eta, batch = len(y), 0.05, 4
    found = data_regression(x, y, eta, batch, momentum, weight_decay=decay, replacement=replacement)
    h = x.T @ x / count
    force = h + decay * np.eye(3)
    np.testing.assert_allclose(force @ found.mean, x.T @ y / count, rtol=1e-11)
    # moments of the gradients at random places, by quadrature over a cross of two-point laws
    root = np.linalg.cholesky(found.moments.position) * np.sqrt(3)
    places = np.concatenate([found.mean + root.T, found.mean - root.T])
    whole = np.zeros((3, 3))
    for place in places:
        g = x * (x @ place - y)[:, None]
        away = g - g.mean(axis=0)
        whole += away.T @ away / count / len(places)
    share = 1 / batch * (1 if replacement else (count - batch) / (count - 1))
    np.testing.assert_allclose(found.noise, share * whole, rtol=1e-9)
    again = heavy_ball(force, share * whole, eta, momentum)
    np.testing.assert_allclose(again.position, found.moments.position, rtol=1e-8)
    np.testing.assert_allclose(again.cross, found.moments.cross, rtol=1e-7, atol=1e-12)


def test_many_samples_are_gaussian():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200_000, 2)) @ np.diag([1.2, 0.6])
    y = rng.normal(size=len(x))
    found = data_regression(x, y, 0.2, 2, 0.5)
    h = np.array([1.44, 0.36])
    due = gaussian_regression(h, 0.2, 2, 0.5)
    np.testing.assert_allclose(
        np.diag(found.moments.position), np.diag(due.moments.position), rtol=2e-2
    )


def test_full_batches_are_silent():
    x, y = data()
    found = data_regression(x, y, 0.05, len(y), replacement=False)
    assert np.abs(found.moments.position).max() < 1e-15


def test_where_the_second_moment_diverges():
    batch = 4
    edge = 2 / (1 + 2 / batch)
    assert gaussian_regression([1.0], 0.999 * edge, batch).moments.position.item() > 0
    with pytest.raises(CaseError, match="second moment diverges"):
        gaussian_regression([1.0], 1.001 * edge, batch)
    # many coordinates feed each other's noise: tr H counts
    with pytest.raises(CaseError, match="second moment diverges"):
        gaussian_regression(np.ones(50), 0.3, 4)
    x, y = data(n=2)
    steepest = np.linalg.eigvalsh(x.T @ x / len(y))[-1]
    with pytest.raises(CaseError, match="second moment diverges"):
        data_regression(x, y, 1.5 / steepest, 1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: gaussian_regression([-1.0], 0.1, 4), "covariance"),
        (lambda: gaussian_regression([1.0], 0.1, 0), "batch_size"),
        (lambda: gaussian_regression([1.0], 0.1, 4, optimum=[1.0, 2.0]), "coordinates"),
        (lambda: data_regression(np.ones(3), np.ones(3), 0.1, 4), "shape"),
        (lambda: data_regression(np.ones((3, 80)), np.ones(3), 0.1, 2), "at most 64"),
        (lambda: data_regression(*data(), 0.1, 50, replacement=False), "without replacement"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(CaseError, match=words):
        call()


# --- the tail -----------------------------------------------------------------------------------


def growth(power, size, b):
    """``ln E|1 - eta a|^power`` with 25 digits."""
    with mpmath.workdps(25):
        zero = mpmath.sqrt(mpmath.mpf(b) / mpmath.mpf(size))

        def integrand(u):
            return (
                abs(1 - (u / zero) ** 2) ** mpmath.mpf(power)
                * u ** (b - 1)
                * mpmath.exp(-u * u / 2)
            )

        whole = mpmath.quad(integrand, [0, zero / 2, zero, zero + 1, zero + 4, 15, 60])
        norm = (1 - mpmath.mpf(b) / 2) * mpmath.log(2) - mpmath.loggamma(mpmath.mpf(b) / 2)
        return float(mpmath.log(whole) + norm)


@pytest.mark.parametrize(
    ("power", "size", "b"), [(0.01, 1.0, 1), (0.5, 0.3, 4), (7.3, 0.5, 2), (101, 1.9, 9)]
)
def test_growth_is_its_integral(power, size, b):
    due = growth(power, size, b)
    assert log_growth(power, size, 1.0, b) == pytest.approx(due, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("b", [1, 2, 4, 32])
def test_index_two_is_where_the_variance_ends(b):
    edge = 2 / (1 + 2 / b)
    assert tail_index(edge, 1.0, b) == pytest.approx(2.0, rel=1e-12)
    assert tail_index(0.9 * edge, 1.0, b) > 2 > tail_index(1.1 * edge, 1.0, b)


def test_even_indices_are_moments_of_chi_squared():
    """At index 4 the fourth moment ends: a polynomial in eta h / B."""
    b = 3
    moments = np.cumprod([1.0, *(b + 2 * k for k in range(4))])

    def fourth(s):
        return sum(
            m * (-s / b) ** k * c
            for k, (m, c) in enumerate(zip(moments, (1, 4, 6, 4, 1), strict=True))
        )

    roots = np.roots(
        [
            m * (-1 / b) ** k * c
            for k, (m, c) in enumerate(zip(moments, (1, 4, 6, 4, 1), strict=True))
        ][::-1][:-1]
    )
    edge = min(r.real for r in roots if abs(r.imag) < 1e-12 and r.real > 0)
    assert fourth(edge) == pytest.approx(1.0)
    assert tail_index(edge, 1.0, b) == pytest.approx(4.0, rel=1e-11)


def test_tails_thin_out_with_small_steps_and_vanish_where_nothing_settles():
    indices = [tail_index(s, 1.0, 8) for s in (1e-3, 1e-2, 0.1, 1.0)]
    assert (np.diff(indices) < 0).all()
    assert indices[0] == pytest.approx(10 * indices[1], rel=0.1)
    assert tail_index(10.0, 1.0, 1) == 0.0
    with pytest.raises(CaseError, match="whole batch_size"):
        tail_index(0.1, 1.0, 0)
