"""Slowest modes: pinned eigenvalues, orders, metastable modes, rings, absorbing walls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import eig

import fokkerplanck as fp
from fokkerplanck import forces
from fokkerplanck.errors import CaseError

QUARTIC = "(x**2 - 1)**2 / 4"
#: barrier/T -> lambda_1 of the quartic (theory.md B6: spectral integration in 40 digits)
GAPS = {
    2: 0.056818325252162417387,
    5: 0.0027761406365727255243,
    10: 1.9589272999730441433e-5,
    20: 9.0965142493130157936e-10,
    40: 1.8941172037666138782e-18,
    100: 1.6682905806595623154e-44,
}
#: k, c, M, T -> lambda_1 under drift -M grad V, D = T M (theory.md D2)
LANGER = [
    (1, 0.0, [[1, 0], [0, 1]], 0.05, 2.7761406e-03),
    (1, 1.0, [[1, 0], [0, 1]], 0.05, 1.6454034e-03),
    (1, 1.0, [[1, 0.6], [0.6, 2]], 0.05, 2.6009977e-03),
    (2, 0.5, [[0.3, -0.2], [-0.2, 4]], 0.05, 7.5530830e-04),
    (1, 1.0, [[1, 0.6], [0.6, 2]], 0.025, 1.84095e-05),
    (2, 0.5, [[0.3, -0.2], [-0.2, 4]], 0.025, 5.33138e-06),
]
#: d1, d2 -> lambda_1 under drift -grad V, D = diag(d1, d2), k = c = 1 (theory.md D3)
DRIVEN = {
    (0.06, 0.04): 1.9002395e-03,
    (0.05, 0.03): 5.918020e-04,
    (0.05, 0.08): 4.3432754e-03,
}


def quartic(barrier, cells=1024):
    # below barrier/T of 5 the walls must stand where e^{-V/T} is nothing
    reach = 3.4 if barrier < 5 else 2.4
    grid = fp.Grid.line(-reach, reach, cells)
    landscape = fp.landscapes.from_expression(QUARTIC)
    return fp.Problem(grid, landscape, fp.noise.white(0.25 / barrier))


def with_mobility(k, c, m, temperature, cells):
    """Drift -M grad V as a force, so that nothing but the force is known to the solver."""
    (a, b), (_, d) = m
    gx, gy = f"(x*(x**2 - 1) - {k * c}*(y - {c}*x))", f"({k}*(y - {c}*x))"
    force = forces.expressions([f"-({a}*{gx} + {b}*{gy})", f"-({b}*{gx} + {d}*{gy})"])
    grid = fp.Grid.plane((-2.2, 2.2, cells), (-2.4, 2.4, cells))
    flat = fp.landscapes.from_expression("0*x", dim=2)
    noise = fp.noise.tensor((temperature * np.array(m)).tolist())
    return fp.Problem(grid, flat, noise, force)


def driven(d1, d2, cells):
    landscape = fp.landscapes.from_expression(f"{QUARTIC} + (y - x)**2 / 2", dim=2)
    grid = fp.Grid.plane((-2.4, 2.4, cells), (-2.9, 2.9, cells))
    return fp.Problem(grid, landscape, fp.noise.tensor([[d1, 0.0], [0.0, d2]]))


def limit(coarse, fine):
    return fine + (fine - coarse) / 3


@pytest.mark.parametrize("barrier", GAPS)
def test_gap_of_the_quartic_at_any_barrier(barrier):
    found = fp.spectrum(quartic(barrier), 3)
    assert found.rates[0] == pytest.approx(GAPS[barrier], rel=2e-12)
    assert abs(found.rates[0] / GAPS[barrier] - 1) <= 3 * found.errors[0]
    assert found.methods[0] == "bisection"


def test_rates_below_the_range_of_floats_have_logarithms():
    found = fp.spectrum(quartic(1200, 2048), 1)
    exact = np.log10(np.sqrt(2) / np.pi) - 1200 / np.log(10)  # Kramers; the next order is 3e-4
    assert found.rates[0] == 0
    assert found.log10_rates[0] == pytest.approx(exact, abs=2e-4)


def test_modes_of_a_line_are_those_of_its_process():
    """Ornstein-Uhlenbeck: eigenvalues k n, eigenfunctions Hermite polynomials."""
    landscape = fp.landscapes.from_expression("x**2 / 2")
    found = fp.spectrum(fp.Problem(fp.Grid.line(-8, 8, 400), landscape, fp.noise.white(1.0)), 3)
    np.testing.assert_allclose(found.rates, [1, 2, 3], rtol=1e-7)
    x = fp.Grid.line(-8, 8, 400).axes[0].centres
    for mode, polynomial in zip(found.right, (x, x**2 - 1, x**3 - 3 * x), strict=True):
        inner = np.abs(x) < 3
        shape = mode[inner] * (polynomial[inner] @ mode[inner]) / (mode[inner] @ mode[inner])
        np.testing.assert_allclose(shape, polynomial[inner], atol=2e-4)


@pytest.mark.parametrize(("k", "c", "m", "temperature", "exact"), LANGER)
def test_langer_table(k, c, m, temperature, exact):
    cells = (48, 96) if temperature > 0.03 else (80, 160)
    rates = [fp.spectrum(with_mobility(k, c, m, temperature, n), 1).rates[0] for n in cells]
    assert rates[1] == pytest.approx(exact, rel=1e-4)
    assert limit(*rates) == pytest.approx(exact, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("k", "c", "m", "temperature", "exact"), LANGER)
def test_langer_table_at_256(k, c, m, temperature, exact):
    found = fp.spectrum(with_mobility(k, c, m, temperature, 256), 1)
    assert found.rates[0] == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize(("noise", "exact"), DRIVEN.items())
def test_rates_without_detailed_balance(noise, exact):
    rates = [fp.spectrum(driven(*noise, n), 1).rates[0] for n in (48, 96)]
    errors = [abs(rate / exact - 1) for rate in rates]
    assert errors[1] < 5e-3
    assert np.log2(errors[0] / errors[1]) > 1.9
    assert limit(*rates) == pytest.approx(exact, rel=5e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("noise", "exact"), DRIVEN.items())
def test_rates_without_detailed_balance_at_256(noise, exact):
    rates = [fp.spectrum(driven(*noise, n), 1).rates[0] for n in (128, 256)]
    assert rates[1] == pytest.approx(exact, rel=2e-3)
    assert limit(*rates) == pytest.approx(exact, rel=1e-5)


def test_metastable_modes_of_the_plane_at_any_barrier():
    """Separable wells: the slowest rate is that of the line, whatever is beside it."""
    landscape = fp.landscapes.from_expression(f"{QUARTIC} + y**2", dim=2)
    for barrier in (20, 100, 500):
        reach = 6 * np.sqrt(0.125 / barrier)
        grid = fp.Grid.plane((-1.6, 1.6, 400), (-reach, reach, 24))
        found = fp.spectrum(fp.Problem(grid, landscape, fp.noise.white(0.25 / barrier)), 1)
        line = fp.spectrum(quartic(barrier), 1)
        error = np.expm1(np.log(10) * (found.log10_rates[0] - line.log10_rates[0]))
        assert abs(error) < 3 * found.errors[0]
        assert abs(error) < 1e-5
        assert found.methods == ("anchors",)


def test_anchored_and_ordinary_modes_are_one_spectrum():
    """Beside a barrier of five temperatures both ways to a mode are open."""
    landscape = fp.landscapes.from_expression(f"{QUARTIC} + (y - x)**2 / 2 + x / 20", dim=2)
    grid = fp.Grid.plane((-2, 2, 24), (-2, 2, 24))
    problem = fp.Problem(grid, landscape, fp.noise.white(0.05))
    found = fp.spectrum(problem, 5)
    q = problem.generator("midpoint").matrix.toarray()
    exact = np.sort(eig(-q)[0].real)[1:6]
    np.testing.assert_allclose(found.rates, exact, rtol=1e-9)
    assert found.methods[0] == "anchors"
    assert found.methods[-1] == "arnoldi"
    for k, rate in enumerate(found.rates):
        right, left = found.right[k].ravel(), found.left[k].ravel()
        assert np.abs(q @ right + rate * right).max() < 1e-9 * rate * np.abs(q).max()
        assert np.abs(q.T @ left + rate * left).max() < 1e-9 * np.abs(q).max()
        others = [j for j in range(5) if j != k]
        for j in others:  # biorthogonal
            overlap = found.left[j].ravel() @ right
            assert abs(overlap) < 1e-8 * np.abs(found.left[j]).sum()


def test_modes_of_a_driven_ring_turn():
    landscape = fp.landscapes.from_expression("cos(x)")
    grid = fp.Grid.line(0, 2 * np.pi, 200, "periodic")
    force, noise = forces.expressions(0.5), fp.noise.white(0.5)
    found = fp.spectrum(fp.Problem(grid, landscape, noise, force), 4)
    # Fourier: p_m' = -D m^2 p_m - i m F p_m + m (p_{m-1} - p_{m+1}) / 2
    m = np.arange(-40, 41)
    a = np.diag(-0.5 * m**2 - 0.5j * m)
    a = a + np.diag(m[1:] / 2, -1) + np.diag(-m[:-1] / 2, 1)
    exact = np.sort_complex(-np.linalg.eigvals(a))
    exact = exact[np.argsort(exact.real)][1:5]
    np.testing.assert_allclose(found.rates, exact.real, rtol=1e-7)
    np.testing.assert_allclose(np.abs(found.frequencies), np.abs(exact.imag), rtol=1e-5)
    assert found.frequencies[:2].sum() == pytest.approx(0, abs=1e-9)


def test_absorbing_walls_have_a_slowest_mode_of_their_own():
    """Free diffusion between absorbing walls: D (n pi / L)^2; with one: odd quarters."""
    flat = fp.landscapes.from_expression("0*x")
    both = fp.Grid.line(0, 2, 200, "absorbing")
    found = fp.spectrum(fp.Problem(both, flat, fp.noise.white(0.3)), 3)
    np.testing.assert_allclose(found.rates, 0.3 * (np.pi * np.arange(1, 4) / 2) ** 2, rtol=1e-8)
    one = fp.Grid.line(0, 2, 200, ("reflecting", "absorbing"))
    found = fp.spectrum(fp.Problem(one, flat, fp.noise.white(0.3)), 2)
    np.testing.assert_allclose(found.rates, 0.3 * (np.pi * np.array([1, 3]) / 4) ** 2, rtol=1e-8)
    plane = fp.Grid.plane((0, 2, 40), (0, 1, 20), ("absorbing", "reflecting"))
    flat = fp.landscapes.from_expression("0*x", dim=2)
    found = fp.spectrum(fp.Problem(plane, flat, fp.noise.white(0.3)), 1)
    assert found.rates[0] == pytest.approx(0.3 * (np.pi / 2) ** 2, rel=2e-3)
    assert abs(found.rates[0] / (0.3 * (np.pi / 2) ** 2) - 1) < 3 * found.errors[0]


def test_gap_is_the_sum_of_both_rates():
    """Tilted wells at barrier/T of 20 and more: lambda_1 = k_lr + k_rl up to e^{-barrier/T}."""
    landscape = fp.landscapes.from_expression("x**4/4 - x**2/2 + x/10")
    problem = fp.Problem(fp.Grid.line(-2, 2, 400), landscape, fp.noise.white(0.005))
    rates = fp.rate_matrix(problem)
    slowest = fp.spectrum(problem, 1).rates[0]
    assert slowest == pytest.approx(rates.rates.sum(), rel=1e-9)
    assert rates.relaxation_rates()[0] == pytest.approx(rates.rates.sum(), rel=1e-12)


@pytest.mark.parametrize("count", [0, 51, -1])
def test_counts_are_checked(count):
    with pytest.raises(CaseError, match="from 1 to 50"):
        fp.spectrum(quartic(5), count)
