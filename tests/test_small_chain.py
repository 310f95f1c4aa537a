"""Small chains against mpmath in hundreds to thousands of digits, entry by entry."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.scaled import Scaled
from fokkerplanck.solvers.small_chain import SmallChain
from tests.chains import (
    digits,
    exact,
    largest_error,
    minus_generator,
    random_rates,
    reversible_rates,
)

SEEDS = st.integers(0, 2**32 - 1)
MAKERS = st.sampled_from([random_rates, reversible_rates])
TOLERANCE = 1e-12  # of the issue; measured 2e-15


def random_chain(seed, n, make, spread):
    rng = np.random.default_rng(seed)
    a = make(rng, n, spread, filled=rng.choice([0.1, 0.5, 1.0]))
    d = np.where(rng.random(n) < 0.3, 10.0 ** rng.uniform(-spread, spread, n), 0.0)
    d[rng.integers(n)] = 10.0 ** rng.uniform(-spread, spread)
    return rng, a, d


def check_solves(seed, n, make, spread):
    rng, a, d = random_chain(seed, n, make, spread)
    b = np.where(rng.random((n, 2)) < 0.7, 10.0 ** rng.uniform(-spread, spread, (n, 2)), 0.0)
    chain = SmallChain(a, d)
    forward, transposed = chain.solve(b), chain.solve_transposed(b)
    with mp.workdps(digits(a, d)):
        inverse = minus_generator(a, d) ** -1
        right = mp.matrix(n, 2)
        for i, x in enumerate(exact(b)):
            right[i // 2, i % 2] = x
        assert largest_error(forward, list(inverse * right)) < TOLERANCE
        assert largest_error(transposed, list(inverse.T * right)) < TOLERANCE


@given(SEEDS, st.integers(1, 9), MAKERS, st.sampled_from([0, 3, 30, 150]))
@settings(max_examples=60, deadline=None)
def test_solves_are_entrywise_right(seed, n, make, spread):
    check_solves(seed, n, make, spread)


@given(SEEDS, st.integers(10, 16), MAKERS)
@settings(max_examples=3, deadline=None)
def test_solves_of_more_states(seed, n, make):
    check_solves(seed, n, make, 150)


@pytest.mark.slow
@given(SEEDS, st.integers(30, 40), MAKERS)
@settings(max_examples=3, deadline=None)
def test_solves_of_forty_states(seed, n, make):
    check_solves(seed, n, make, 30)


def eliminated(rates, absorption, b):
    """``(-Q)^-1 b`` in the digits of the context, without subtraction, the first state first."""
    n = len(absorption)
    a, d, x = [exact(row) for row in rates], exact(absorption), exact(b)
    total = [mp.mpf(0)] * n
    for k in range(n):
        total[k] = d[k] + mp.fsum(a[k][k + 1 :])
        for i in range(k + 1, n):
            f = a[i][k] / total[k]
            if f:
                d[i] += f * d[k]
                x[i] += f * x[k]
                a[i] = [u + f * v for u, v in zip(a[i], a[k], strict=True)]
                a[i][i] = mp.mpf(0)
    for k in reversed(range(n)):
        x[k] = (x[k] + mp.fdot(a[k][k + 1 :], x[k + 1 :])) / total[k]
    return x


@given(SEEDS, st.integers(21, 60), MAKERS)
@settings(max_examples=4, deadline=None)
def test_solves_of_sixty_states(seed, n, make):
    """Plain elimination would take 20 000 digits here."""
    rng, a, d = random_chain(seed, n, make, 150)
    b = 10.0 ** rng.uniform(-150, 150, n)
    with mp.workdps(100):
        assert largest_error(SmallChain(a, d).solve(b), eliminated(a, d, b)) < TOLERANCE


@given(SEEDS, st.integers(2, 9), st.sampled_from([0, 3, 150]))
@settings(max_examples=40, deadline=None)
def test_stationary_weights_are_entrywise_right(seed, n, spread):
    """The last rows of the inverse with one state absorbing are the weights over its own."""
    rng = np.random.default_rng(seed)
    a = random_rates(rng, n, spread, filled=0.5)
    p = SmallChain(a).stationary()
    with mp.workdps(digits(a, np.zeros(n))):
        m = minus_generator(a, np.zeros(n))
        weights = [mp.det(m[1:, 1:])] if n > 1 else [mp.mpf(1)]
        weights += list(mp.lu_solve(m[1:, 1:].T, -m[0, 1:].T) * weights[0])
        truth = [w / mp.fsum(weights) for w in weights]
        assert largest_error(p, truth) < TOLERANCE


def test_sixty_states_reversible():
    """Weights of a reversible chain are known: 2**p, here over 1000 decades."""
    rng = np.random.default_rng(4)
    n = 60
    p = rng.integers(-1650, 1650, n)
    c = rng.integers(-100, 100, (n, n))
    c = np.tril(c, -1) + np.tril(c, -1).T
    off = 1.0 - np.eye(n)
    rates = Scaled.normal(off, c - p[:, None])
    weights = Scaled.normal(np.ones(n), p)
    truth = exact(weights)
    total = mp.fsum(truth)
    assert largest_error(SmallChain(rates).stationary(), [w / total for w in truth]) < TOLERANCE


def test_a_chain_of_ten_thousand_decades():
    """Up a ladder of n steps of ratio r: the mean time is a sum of powers, 1e9000 the largest."""
    n, r = 31, 10.0**300
    a = np.diag(np.ones(n - 1), 1) + np.diag(np.full(n - 1, r), -1)
    d = np.zeros(n)
    d[-1] = 1.0
    times = SmallChain(a, d).solve(np.ones(n))
    with mp.workdps(50):
        steps = [mp.fsum(mp.mpf(r) ** j for j in range(k + 1)) for k in range(n)]
        truth = [mp.fsum(steps[k:]) for k in range(n)]
    assert largest_error(times, truth) < 1e-13
    assert times.log10()[0] == pytest.approx(9000, rel=1e-14)


def test_probabilities_of_targets_sum_to_one():
    rng = np.random.default_rng(0)
    a = random_rates(rng, 12, 100)
    d = 10.0 ** rng.uniform(-100, 100, (12, 3))
    chain = SmallChain(a, d)
    share = chain.solve(chain.absorption)
    assert share.shape == (12, 3)
    assert abs(share.sum(axis=1).value() - 1).max() < 1e-14


def test_states_that_are_never_absorbed_are_named():
    a = np.zeros((4, 4))
    a[0, 1] = a[1, 0] = a[2, 0] = 1.0
    chain = SmallChain(a, [0.0, 0.0, 0.0, 1.0])
    with pytest.raises(NumericalError, match="from states 0, 1, 2"):
        chain.solve(np.ones(4))
    with pytest.raises(NumericalError, match="2 groups of states"):
        SmallChain(a).stationary()
    with pytest.raises(NumericalError, match="no stationary density"):
        chain.stationary()


def test_states_left_for_good_have_no_weight():
    a = np.zeros((3, 3))
    a[0, 1], a[1, 2], a[2, 1] = 1.0, 2.0, 1.0
    assert SmallChain(a).stationary().value() == pytest.approx([0, 1 / 3, 2 / 3], abs=1e-16)


@pytest.mark.parametrize(
    ("rates", "absorption"),
    [
        ([[0.0, -1.0], [1.0, 0.0]], [1.0, 0.0]),
        ([[0.0, np.inf], [1.0, 0.0]], [1.0, 0.0]),
        ([[0.0, 1.0], [1.0, 0.0]], [1.0, np.nan]),
        ([[0.0, 1.0]], [1.0]),
        ([[0.0, 1.0], [1.0, 0.0]], [1.0]),
    ],
)
def test_what_is_no_chain_is_refused(rates, absorption):
    with pytest.raises(ValueError):
        SmallChain(rates, absorption)


def test_the_diagonal_is_ignored():
    chain = SmallChain([[-1.0, 1.0], [2.0, np.nan]], [0.0, 1.0])
    assert chain.solve([1.0, 1.0]).value() == pytest.approx([4.0, 3.0])


@given(st.lists(st.floats(0, 1e308), min_size=1, max_size=5), st.integers(-5000, 5000))
def test_scaled_arithmetic(values, shift):
    x = Scaled.of(np.array(values))
    far = x * Scaled.normal(np.array(1.0), np.array(shift))
    back = far / Scaled.normal(np.array(1.0), np.array(shift))
    assert (back.value() == np.array(values)).all()
    assert ((far + far).value() == (2.0 * far).value()).all()
    ratio = (x.sum() / (x @ np.ones(len(values)))).value() if any(values) else 1.0
    assert ratio == pytest.approx(1.0, rel=1e-15)


@given(st.floats(-1e5, 1e5))
def test_scaled_logarithms(log):
    again = Scaled.from_log(log).log()
    assert abs(again - log) <= 2e-16 * max(1.0, abs(log))


def test_scaled_near_one():
    x = 1.0 + np.array([-1e-15, 1e-15, 1e-9])
    assert (Scaled.of(x).log() == np.log(x)).all()
    assert (Scaled.of(np.array([4.0, 2.0, 0.0])).sqrt().value() == [2.0, np.sqrt(2.0), 0.0]).all()
