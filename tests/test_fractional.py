"""Rates of long jumps: sums, symbols, and the generator made of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fokkerplanck.solvers.fractional import (
    Toeplitz,
    difference_weights,
    jump_constant,
    jump_rates,
    tail_rates,
)
from fokkerplanck.solvers.levy_generator import LevyGenerator
from fokkerplanck.solvers.levy_solve import LevySystem

ALPHAS = [0.1, 0.5, 1.0, 1.5, 1.9, 2.0]
FATES = [("killed", "killed"), ("stopped", "suppressed"), ("killed", "stopped")]


@pytest.mark.parametrize("alpha", ALPHAS)
def test_weights_are_fourier_coefficients_of_the_symbol(alpha):
    """Of ``|2 sin(k/2)|^alpha``, which is ``|k|^alpha`` to second order."""
    weights = difference_weights(alpha, 40)
    count = 1 << 18
    k = 2 * np.pi * np.arange(count) / count
    symbol = np.abs(2 * np.sin(k / 2)) ** alpha
    coefficients = np.fft.rfft(symbol).real[:40] / count
    # sampling the kink at k = 0 costs of the order count^(-1 - alpha)
    assert weights == pytest.approx(coefficients, abs=20 * count ** -(1 + alpha) + 1e-14)


def test_at_two_it_is_the_second_difference():
    assert difference_weights(2.0, 5) == pytest.approx([2, -1, 0, 0, 0], abs=1e-15)
    assert jump_constant(2.0) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_rates_are_positive_and_their_tails_exact(alpha):
    h, count = 0.1, 3000
    rates, tails = jump_rates(alpha, count + 1, h), tail_rates(alpha, count, h)
    assert (rates >= 0).all()
    # what a tail loses from one cell to the next is one rate, and the whole is half of g_0
    assert tails[:-1] - tails[1:] == pytest.approx(rates[1:-1], rel=1e-9, abs=1e-12 * tails[0])
    whole = difference_weights(alpha, 1)[0] * h**-alpha
    assert 2 * tails[0] == pytest.approx(whole, rel=1e-13)
    # far away they are the jump measure, and its tail C / (alpha y^alpha) beyond the midpoint
    y = h * (count - 0.5)
    assert tails[-1] == pytest.approx(jump_constant(alpha) / alpha * y**-alpha, rel=1e-6, abs=1e-15)


@given(n=st.integers(2, 70), seed=st.integers(0, 9))
def test_products_by_fft(n, seed):
    rng = np.random.default_rng(seed)
    matrix, u = Toeplitz(rng.normal(size=n)), rng.normal(size=n)
    assert matrix @ u == pytest.approx(matrix.dense() @ u, abs=1e-12)


def _generator(outside, alpha=1.3, n=60, steep=1.0, temperature=0.02):
    x = np.linspace(-1, 1, n + 1)
    return LevyGenerator(-steep * x * (1 + x**2), 2 / n, alpha, 0.5, temperature, outside)


@pytest.mark.parametrize("outside", FATES)
@pytest.mark.parametrize("steep", [1.0, 300.0])
def test_products_are_those_of_the_dense_matrix(outside, steep):
    q = _generator(outside, steep=steep)
    dense, u = q.dense(), np.random.default_rng(1).random(60)
    size = np.abs(dense).max()
    assert q.apply(u) == pytest.approx(dense @ u, abs=1e-13 * size)
    assert q.apply_transposed(u) == pytest.approx(dense.T @ u, abs=1e-13 * size)


@pytest.mark.parametrize("outside", FATES)
def test_it_is_a_generator(outside):
    q = _generator(outside).dense()
    size = np.abs(q).max()
    assert (q[~np.eye(60, dtype=bool)] >= 0).all()
    if "killed" in outside:
        assert (q.sum(axis=1) < 0).all()
    else:
        assert q.sum(axis=1) == pytest.approx(np.zeros(60), abs=1e-13 * size)


def test_mass_is_exact_where_drift_is_upwinded():
    q = _generator(("stopped", "stopped"), alpha=0.6, steep=1e4)
    assert (q.wind[[1, -2]] > 0.9).all()
    dense = q.dense()
    assert dense.sum(axis=1) == pytest.approx(np.zeros(60), abs=1e-13 * np.abs(dense).max())


@pytest.mark.parametrize("alpha", [0.6, 1.4])
@pytest.mark.parametrize("steep", [1.0, 1e3])
def test_drift_is_of_second_order(alpha, steep):
    """Weakly: ``u . Q^T p`` for smooth u and p that vanish at the walls."""
    errors = []
    for n in (200, 400, 800):
        with_drift = _generator(("suppressed", "suppressed"), alpha, n, steep)
        without = _generator(("suppressed", "suppressed"), alpha, n, 0.0)
        x = (np.arange(n) + 0.5) * 2 / n - 1
        p, u = (1 - x**2) ** 4, np.exp(x)
        found = u @ (with_drift.apply_transposed(p) - without.apply_transposed(p)) * 2 / n
        nodes, weights = np.polynomial.legendre.leggauss(40)
        drift = -steep * nodes * (1 + nodes**2)
        exact = weights @ (drift * (1 - nodes**2) ** 4 * np.exp(nodes))
        errors.append(abs(found / exact - 1))
    assert errors[0] / errors[1] > 3.3
    assert errors[1] / errors[2] > 3.3
    assert errors[-1] < 1e-4


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize(("alpha", "steep"), [(0.6, 50.0), (1.6, 5.0)])
def test_iteration_finds_what_elimination_does(monkeypatch, alpha, steep, transposed):
    from fokkerplanck.solvers import levy_solve

    fine = _generator(("killed", "stopped"), alpha, 900, steep, 0.0)
    coarse = _generator(("killed", "stopped"), alpha, 100, steep, 0.0)
    right = np.random.default_rng(0).random(900)
    exact, _ = LevySystem(fine, fine, transposed, restart=0.3).solve(right)
    monkeypatch.setattr(levy_solve, "DENSE", 10)
    found, change = LevySystem(fine, coarse, transposed, restart=0.3).solve(right)
    assert change < 1e-10
    assert found == pytest.approx(exact, abs=1e-9 * np.abs(exact).max())
