"""Covariances in a quadratic well while the noise changes in time."""

from __future__ import annotations

from math import exp

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.theory.annealing import (
    annealed_covariance,
    annealed_mean,
    annealed_variance,
    scheduled_covariance,
)
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck


def matrices(seed, n):
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(n, n)))[0]
    h = (axes * rng.uniform(0.2, 2.0, n)) @ axes.T
    a, b = rng.normal(size=(2, n, n))
    return 0.5 * (h + h.T), a @ a.T, b @ b.T


def integrated(h, d, start, time):
    """The same from the differential equation."""
    n = len(h)

    def slope(t, y):
        s = y.reshape(n, n)
        return (-h @ s - s @ h + 2 * d(t)).ravel()

    found = solve_ivp(slope, (0, time), start.ravel(), rtol=1e-11, atol=1e-12, method="DOP853")
    return found.y[:, -1].reshape(n, n)


def test_pinned_variance():
    pinned = 0.0612437415061364
    assert annealed_variance(2.0, 1.0, 0.1, 3.0, 0.1) == pytest.approx(pinned, rel=2e-14)
    found = scheduled_covariance(2.0, 1.0, lambda t: 0.1 * exp(-t / 3), 0.1)
    assert found.item() == pytest.approx(pinned, rel=1e-13)


def test_noise_that_fades_as_fast_as_the_well_forgets():
    h, d, start, t = 0.8, 0.3, 0.5, 1.7
    exact = (start + 2 * d * t) * exp(-2 * h * t)
    assert annealed_variance(t, h, d, 1 / (2 * h), start) == pytest.approx(exact, rel=1e-14)
    # and continuously so from both sides
    for nudge in (1 - 1e-9, 1 + 1e-9):
        near = annealed_variance(t, h, d, nudge / (2 * h), start)
        assert near == pytest.approx(exact, rel=3e-9)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.floats(0, 50), st.floats(0.05, 5), st.floats(0.02, 20), st.floats(0, 3))
def test_one_variable_is_the_law_of_the_sheet(t, h, tau, start):
    found = annealed_variance(t, h, 0.4, tau, start)
    # with many digits, as the difference of exponentials cancels
    with mpmath.workdps(60):
        t, h, tau = mpmath.mpf(t), mpmath.mpf(h), mpmath.mpf(tau)
        gap = 2 * h - 1 / tau
        grown = (
            (mpmath.exp(-t / tau) - mpmath.exp(-2 * h * t)) / gap
            if gap
            else t * mpmath.exp(-2 * h * t)
        )
        exact = start * mpmath.exp(-2 * h * t) + mpmath.mpf(0.8) * grown
    assert found == pytest.approx(float(exact), rel=1e-13, abs=1e-300)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.floats(0.1, 4))
def test_closed_form_is_the_quadrature(n, seed, tau, time):
    h, d, start = matrices(seed, n)
    closed = annealed_covariance(time, h, d, tau, start)
    summed = scheduled_covariance(time, h, lambda t: d * np.exp(-t / tau), start)
    np.testing.assert_allclose(closed, summed, rtol=0, atol=1e-12 * np.abs(closed).max())


def test_any_schedule_of_matrices():
    h, d, start = matrices(5, 3)
    turn = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])

    def noise(t):
        return (2 + np.sin(3 * t)) * d if t < 1 else turn @ d @ turn.T / (1 + t)

    found = scheduled_covariance(2.5, h, noise, start, [1.0])
    half = integrated(h, noise, start, 1.0 - 1e-12)
    due = integrated(h, lambda t: turn @ d @ turn.T / (2 + t), half, 1.5)
    np.testing.assert_allclose(found, due, rtol=1e-8)


def test_constant_noise_is_that_of_ornstein_and_uhlenbeck():
    h, d, start = matrices(8, 4)
    process = OrnsteinUhlenbeck(h, d)
    found = annealed_covariance(0.9, h, d, np.inf, start)
    np.testing.assert_allclose(found, process.covariance(0.9, start), rtol=1e-11)
    mean = annealed_mean(0.9, h, [1.0, 2.0, 3.0, 4.0], [0.5, 0.0, 0.0, 1.0])
    shifted = OrnsteinUhlenbeck(h, d, [0.5, 0.0, 0.0, 1.0])
    np.testing.assert_allclose(mean, shifted.mean(0.9, [1.0, 2.0, 3.0, 4.0]), rtol=1e-12)
    late = annealed_covariance(1e5, h, d, np.inf, start)
    np.testing.assert_allclose(late, process.stationary_covariance, rtol=1e-11)


def test_what_does_not_fit_is_refused():
    with pytest.raises(CaseError, match="do not fit"):
        annealed_covariance(1.0, np.eye(2), 1.0, 1.0, np.eye(2))
    with pytest.raises(CaseError, match="symmetric"):
        annealed_covariance(1.0, [[1.0, 1.0], [0.0, 1.0]], np.eye(2), 1.0, np.eye(2))
    with pytest.raises(NumericalError, match="breakpoints"):
        scheduled_covariance(1.0, 1.0, lambda t: 1.0 + (t > 0.123456789), 0.0, rtol=1e-15)
