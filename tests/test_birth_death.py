"""Chains on a line against mpmath, the dense elimination and closed forms."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck.solvers import birth_death
from fokkerplanck.solvers.birth_death import BirthDeath
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.small_chain import SmallChain
from tests.chains import digits, exact, largest_error, minus_generator

SEEDS = st.integers(0, 2**32 - 1)
SPREADS = st.sampled_from([0, 3, 30, 150])
TOLERANCE = 1e-12  # of the issue; measured 2e-15 for 60 states


def random_line(seed, n, spread, *, one_way=0.0):
    rng = np.random.default_rng(seed)
    up, down, a = 10.0 ** rng.uniform(-spread, spread, (3, n))
    up[-1] = down[0] = 0.0
    up[rng.random(n) < one_way] = 0.0
    a *= rng.random(n) < 0.2
    a[rng.integers(n)] = 1.0
    return rng, up, down, a


def dense(up, down):
    return np.diag(up[:-1], 1) + np.diag(down[1:], -1)


def well(n, depth, width=1.5):
    """A double well of barrier `depth` times T, absorbed at its right end."""
    v = depth * (np.linspace(-width, width, n) ** 2 - 1) ** 2
    half = np.diff(v) / 2
    up, down = np.append(np.exp(-half), 0.0), np.append(0.0, np.exp(half))
    a = np.zeros(n)
    a[-1] = 1.0
    return up, down, a


@given(SEEDS, st.integers(1, 12), SPREADS)
@settings(max_examples=40, deadline=None)
def test_solves_are_entrywise_right(seed, n, spread):
    rng, up, down, a = random_line(seed, n, spread)
    b = np.where(rng.random((n, 2)) < 0.7, 10.0 ** rng.uniform(-spread, spread, (n, 2)), 0.0)
    chain = BirthDeath(up, down, a)
    with mp.workdps(digits(dense(up, down), a)):
        inverse = minus_generator(dense(up, down), a) ** -1
        right = mp.matrix(n, 2)
        for i, x in enumerate(exact(b)):
            right[i // 2, i % 2] = x
        assert largest_error(chain.solve(b), list(inverse * right)) < TOLERANCE
        assert largest_error(chain.solve_transposed(b), list(inverse.T * right)) < TOLERANCE


def eliminated(up, down, absorption, b):
    """``(-Q)^-1 b`` in the digits of the context, without subtraction, the last state first."""
    up, down, s, x = exact(up), exact(down), exact(absorption), exact(b)
    for i in range(len(x) - 1, 0, -1):
        back = s[i] + down[i]
        s[i - 1] += up[i - 1] * s[i] / back
        x[i - 1] += up[i - 1] / back * x[i]
    x[0] /= s[0]
    for i in range(1, len(x)):
        x[i] = (x[i] + down[i] * x[i - 1]) / (s[i] + down[i])
    return x


@given(SEEDS, st.sampled_from([60, 2000]), SPREADS)
@settings(max_examples=20, deadline=None)
def test_long_lines(seed, n, spread):
    rng, up, down, a = random_line(seed, n, spread)
    b = 10.0 ** rng.uniform(-spread, spread, n)
    chain = BirthDeath(up, down, a)
    with mp.workdps(100):
        truth = eliminated(up, down, a, b)
        assert largest_error(chain.solve(b), truth) < TOLERANCE
        log = [float(mp.log(x)) for x in truth]
    assert birth_death.solve(up, down, a, b) == pytest.approx(log, rel=1e-13, abs=1e-12)
    assert birth_death.solve(up, down, a, np.log(b), log=True) == pytest.approx(log, rel=1e-12)


@pytest.mark.slow
def test_barrier_of_five_thousand():
    """The mean time is the double sum over Boltzmann factors, ln of it 1e4; 50 000 states."""
    n = 50_000
    up, down, a = well(n, 5000.0)
    times = BirthDeath(up, down, a).solve(np.ones(n))
    with mp.workdps(40):
        truth = eliminated(up, down, a, np.ones(n))
        assert largest_error(times, truth) < TOLERANCE
    assert times.log()[0] > 7000


@given(SEEDS, st.integers(1, 60), SPREADS)
@settings(max_examples=40, deadline=None)
def test_dense_and_line_agree(seed, n, spread):
    """One-way links and states that are left for good included."""
    rng, up, down, a = random_line(seed, n, spread, one_way=0.2)
    line, full = BirthDeath(up, down, a), SmallChain(dense(up, down), a)
    b = rng.random(n)
    if full.trapped().any():
        with pytest.raises(NumericalError, match="can never be reached"):
            line.solve(b)
    else:
        for x, y in [
            (line.solve(b), full.solve(b)),
            (line.solve_transposed(b), full.solve_transposed(b)),
        ]:
            assert largest_error(x, exact(y)) < TOLERANCE
    still = np.zeros(n)
    try:
        weights = SmallChain(dense(up, down), still).stationary()
    except NumericalError:
        with pytest.raises(NumericalError, match="no unique"):
            BirthDeath(up, down, still).stationary()
    else:
        assert largest_error(BirthDeath(up, down).stationary(), exact(weights)) < TOLERANCE


def test_stationary_weights_of_deep_wells():
    up, down, _ = well(2001, 5000.0)
    v = 5000.0 * (np.linspace(-1.5, 1.5, 2001) ** 2 - 1) ** 2
    log = birth_death.stationary(up, down)
    assert log - log[1000] == pytest.approx(v[1000] - v, abs=1e-9)
    assert np.logaddexp.reduce(log) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    ("up", "down", "match"),
    [([1.0, 1.0], [0.0, 1.0], "off the line"), ([1.0, 0.0], [0.0], "one shape")],
)
def test_what_is_no_line_is_refused(up, down, match):
    with pytest.raises(ValueError, match=match):
        BirthDeath(up, down)
