"""Modes of chains on a line against closed forms, counts in many digits and dense modes."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck.solvers.birth_death import BirthDeath
from fokkerplanck.solvers.chain_modes import slow_modes
from fokkerplanck.solvers.line_modes import eigenvalues, modes
from tests.chains import exact, largest_error
from tests.test_birth_death import dense, random_line, well

SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.integers(1, 9), st.sampled_from([1, 30, 150]), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_line_and_dense_agree(seed, n, spread, absorbing, one_way):
    _, up, down, a = random_line(seed, n, spread, one_way=0.15 * one_way)
    if not absorbing:
        a[:] = 0.0
    found, truth = modes(up, down, a, n), slow_modes(dense(up, down), a)
    still = n - found.rates.size
    assert (truth.rates.mantissa[:still] == 0).all()
    assert largest_error(found.rates, exact(truth.rates[still:])) < 1e-13
    for got, true in ((found.right, truth.right[still:]), (found.left, truth.left[still:])):
        same = np.minimum(abs(got - true), abs(got + true)).max(axis=1, initial=0.0)
        assert (same < 1e-9).all()


def below(up, down, absorption, x):
    """How many eigenvalues lie below x, from pivots in the digits of the context."""
    up, down, a = exact(up), exact(down), exact(absorption)
    rest, count = a[0] - x, 0
    for i in range(len(a)):
        pivot = rest + up[i]
        count += pivot < 0
        if i + 1 < len(a):
            rest = a[i + 1] - x + down[i + 1] * rest / pivot
    return count


@pytest.mark.parametrize(("n", "depth", "count"), [(2000, 30.0, 4), (500, 300.0, 3)])
def test_brackets_in_many_digits(n, depth, count):
    up, down, a = well(n, depth)
    values = exact(eigenvalues(up, down, a, count))
    with mp.workdps(600):
        for k, x in enumerate(values):
            assert below(up, down, a, x * (1 - mp.mpf(10) ** -13)) == k
            assert below(up, down, a, x * (1 + mp.mpf(10) ** -13)) == k + 1


@pytest.mark.parametrize("n", [1, 2, 7, 50_000])
def test_uniform_lines(n):
    """``2 - 2 cos(k pi / (n + 1))`` between absorbing ends, ``k pi / n`` between walls."""
    one = np.ones(n)
    up, down = np.append(one[1:], 0.0), np.append(0.0, one[1:])
    k = np.arange(1, min(n, 10) + 1)
    absorbing = (2 - up - down) * one
    values = eigenvalues(up, down, absorbing, 10).value()
    assert values == pytest.approx(4 * np.sin(np.pi * k / (2 * n + 2)) ** 2, rel=1e-13)
    still = 4 * np.sin(np.pi * k[k < n] / (2 * n)) ** 2
    found = modes(up, down, 0 * one, 10)
    assert found.rates.value() == pytest.approx(still, rel=1e-13)
    x = (np.arange(n) + 0.5) / n
    for j, right, left in zip(k, found.right, found.left, strict=False):
        assert abs(abs(right) - abs(left)).max() < 1e-10
        shape = np.cos(j * np.pi * x) / np.cos(j * np.pi * x[0])
        assert abs(right * right[0] - right[0] ** 2 * shape).max() < 1e-8


def test_a_rate_of_1e_minus_3000():
    """Behind a barrier of 5000 T the slowest rate is the inverse of the longest mean time."""
    up, down, a = well(4001, 5000.0)
    found = modes(up, down, a, 2)
    times = BirthDeath(up, down, a).solve(np.ones(4001))
    assert abs((found.rates[0] * times.max()).value() - 1) < 1e-12
    assert found.rates.log10()[0] < -3000
    share = (times / times.max()).value()
    assert found.right[0] == pytest.approx(share, abs=1e-12)


def test_a_symmetric_double_well_between_absorbing_ends():
    """Two rates that agree to all digits: the modes are a basis of what lives in both wells."""
    up, down, a = well(301, 300.0, width=1.35)
    a[0] = a[-1] = 1.0
    found = modes(up, down, a, 4)
    assert abs((found.rates[0] / found.rates[1]).value() - 1) < 1e-13
    assert (found.rates[2] / found.rates[1]).log10() > 50
    overlap = found.left @ found.right.T
    size = np.sqrt(abs(np.outer(np.diag(overlap), np.diag(overlap))))
    assert abs(overlap / size - np.diag(np.sign(np.diag(overlap)))).max() < 1e-7
    bottoms = abs(np.linspace(-1.35, 1.35, 301)[:, None] - [-1, 1]).argmin(axis=0)
    assert abs(np.linalg.det(found.right[:2, bottoms])) > 0.5


def test_parts_that_nothing_joins():
    """Twice the same line: every rate twice, every mode on one of the two."""
    up, down, a = well(50, 5.0)
    found = modes(np.tile(up, 2), np.tile(down, 2), np.tile(a, 2), 6)
    alone = modes(up, down, a, 3)
    assert found.rates.value() == pytest.approx(np.repeat(alone.rates.value(), 2), rel=1e-14)
    first, second = abs(found.right).reshape(6, 2, 50).max(axis=2).T
    assert (np.minimum(first, second) == 0.0).all()
    assert first.sum() == second.sum() == 3.0
