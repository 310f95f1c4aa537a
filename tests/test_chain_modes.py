"""Modes of small chains, however far their time scales are apart."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck.solvers.chain_modes import slow_modes
from fokkerplanck.solvers.errors import NumericalError
from tests.chains import digits, exact, minus_generator, random_rates, reversible_rates

SEEDS = st.integers(0, 2**32 - 1)
TOLERANCE = 1e-13


def check_mode(m, value, right, left):
    """An eigenvalue lies within n |p/p'| of the value, p the characteristic polynomial.

    The resolvent beside an eigenvalue turns any vector into its eigenvector.
    """
    n = m.rows
    resolvent = (m - value * (1 + mp.mpf(10) ** -14) * mp.eye(n)) ** -1
    trace = sum(resolvent[i, i] for i in range(n))
    assert n / abs(trace) < n * TOLERANCE * abs(value)
    for got, power in ((right, resolvent), (left, resolvent.T)):
        vector = power * (power * mp.matrix(got.tolist()))
        top = max(range(n), key=lambda i: abs(vector[i]))
        truth = np.array([complex(x / vector[top]) for x in vector])
        assert abs(got / got[top] - truth).max() < 1e-10


def check_modes(a, d):
    n = len(a)
    modes = slow_modes(a, d)
    assert abs(modes.right).max(axis=1) == pytest.approx(1.0)
    assert (np.diff(modes.rates.log()[modes.rates.mantissa > 0]) >= 0).all()
    still = int((modes.rates.mantissa == 0).sum())
    assert still == (0 if d.any() else 1)
    if still:
        assert (modes.right[0] == 1.0).all()
    with mp.workdps(digits(a, d)):
        m = minus_generator(a, d)
        values = [
            x * mp.mpc(1, t)
            for x, t in zip(exact(modes.rates), modes.turning.tolist(), strict=True)
        ]
        for k in range(still, n):
            check_mode(m, values[k], modes.right[k], modes.left[k])
        total = mp.fsum(m[i, i] for i in range(n))
        assert abs(mp.fsum(values) / total - 1) < 1e-14
        if not still:
            assert abs(mp.fprod(values) / mp.det(m) - 1) < TOLERANCE


@given(SEEDS, st.integers(2, 7), st.booleans(), st.sampled_from([1, 10, 150]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_modes(seed, n, reversible, spread, absorbing):
    rng = np.random.default_rng(seed)
    make = reversible_rates if reversible else random_rates
    a = make(rng, n, spread, filled=0.7)
    d = np.zeros(n)
    if absorbing:
        d[rng.integers(n)] = 10.0 ** rng.uniform(-spread, spread)
    check_modes(a, d)


@pytest.mark.slow
@given(SEEDS, st.integers(10, 16), st.booleans())
@settings(max_examples=6, deadline=None)
def test_modes_of_more_states(seed, n, reversible):
    rng = np.random.default_rng(seed)
    make = reversible_rates if reversible else random_rates
    check_modes(make(rng, n, 30, filled=0.5), np.eye(n)[0])


def test_a_driven_ring_turns():
    """lambda_k = r (1 - exp(2 pi i k / n)): all on a circle."""
    n, r = 7, 1e-200
    modes = slow_modes(r * np.roll(np.eye(n), 1, axis=1), np.zeros(n))
    k = np.array([0, 1, -1, 2, -2, 3, -3])
    truth = 1 - np.exp(2j * np.pi * k / n)
    assert modes.rates.value() / r == pytest.approx(truth.real, rel=1e-14)
    value = modes.rates.value() / r * (1 + 1j * modes.turning)
    assert abs(np.sort_complex(value) - np.sort_complex(truth)).max() < 1e-14
    assert abs(abs(modes.right) - 1).max() < 1e-14


def test_two_states_a_thousand_decades_apart():
    """lambda = (k + k' + d)/2 +- sqrt(...): k' d / (k + k' + d) of the slow mode."""
    from fokkerplanck.solvers.scaled import Scaled

    ln10 = np.log(10.0)
    rates = Scaled.from_log(np.array([[-np.inf, 0.0], [-1000 * ln10, -np.inf]]))
    modes = slow_modes(rates, Scaled.from_log([-np.inf, -2000 * ln10]))
    assert modes.rates.log10() == pytest.approx([-2000, 0.0], rel=1e-13, abs=1e-13)


def test_degenerate_modes_have_a_basis():
    """A ring of equal rates: the modes come in pairs."""
    n = 6
    ring = np.roll(np.eye(n), 1, axis=1)
    modes = slow_modes(ring + ring.T, np.zeros(n))
    truth = np.sort(2 - 2 * np.cos(2 * np.pi * np.arange(n) / n))
    assert modes.rates.value() == pytest.approx(truth, rel=1e-14)
    assert np.linalg.matrix_rank(modes.right) == n


def test_groups_that_are_never_left():
    rates = np.kron(np.diag([1.0, 1e-100, 0.0]), np.ones((2, 2)))[:5, :5]
    modes = slow_modes(rates, np.zeros(5))
    assert modes.rates.value() == pytest.approx([0, 0, 0, 2e-100, 2.0], rel=1e-14)


def test_modes_without_a_basis_are_refused():
    """One way through equal rates: a Jordan block."""
    with pytest.raises(NumericalError, match="coincide"):
        slow_modes(np.diag(np.ones(2), 1), [0.0, 0.0, 1.0])
