"""Spectrum of underdamped motion: pinned values, exact oscillators, the overdamped limit."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.solvers.kinetic_modes import slowest
from tests.kinetics import HARMONIC, QUARTIC, quartic

#: temperature, friction, lambda_1 and its last digit, tolerance at 200 cells
TABLE = [
    (0.1, 1.0, 2.251921198361e-2, 1e-14, 5e-5),
    (0.1, 0.1, 1.322267e-2, 1e-8, 1e-3),
    (0.05, 100.0, 2.7759129816e-5, 1e-15, 5e-5),
    (0.05, 10.0, 2.7537195119e-4, 1e-14, 5e-5),
    (0.05, 1.0, 1.785350197622e-3, 1e-15, 5e-5),
    (0.05, 0.3, 2.2538278e-3, 1e-10, 1e-3),
    (0.05, 0.1, 1.49194e-3, 1e-8, 1e-3),
    (0.05, 0.03, 6.268e-4, 1e-7, 3e-3),
    (0.025, 1.0, 1.231625e-5, 1e-11, 5e-5),
    (0.025, 0.3, 1.7014e-5, 1e-9, 1e-3),
]


def lambda_1(friction, temperature, cells=200, modes=None):
    problem = quartic(friction, temperature, cells, reach=2.5 if temperature > 0.08 else 2.2)
    operator = problem.operator(modes=modes or problem.mode_count, cells=cells)
    begin = np.sign(problem.grid.axes[0].centres)
    return slowest(operator, begin, 1e-4 * min(friction, 1.0))


@pytest.mark.parametrize(("temperature", "friction", "value", "digit", "rtol"), TABLE)
def test_table_of_spectral_values(temperature, friction, value, digit, rtol):
    found = lambda_1(friction, temperature)
    assert abs(found - value) < rtol * value
    if friction >= 0.1:  # far better where the table has the digits
        assert abs(found - value) < 1e-6 * value + digit


@pytest.mark.parametrize(("friction", "modes"), [(100.0, 24), (1.0, 48), (0.3, 80)])
def test_order_in_the_cells(friction, modes):
    values = [lambda_1(friction, 0.05, n, modes) for n in (50, 100, 200)]
    assert np.log2(abs((values[0] - values[1]) / (values[1] - values[2]))) > 3.7


def test_high_friction_is_the_overdamped_problem():
    grid = fp.Grid.line(-2.2, 2.2, 200)
    slow = fp.spectrum(fp.Problem(grid, QUARTIC, fp.noise.white(0.05)), 1).rates[0]
    assert lambda_1(100.0, 0.05) * 100.0 == pytest.approx(slow, rel=1e-4)
    # the next order of the expansion in 1 / friction^2 is all that is left
    gap = [lambda_1(g, 0.05, modes=24) * g / slow - 1.0 for g in (50.0, 100.0)]
    assert gap[0] / gap[1] == pytest.approx(4.0, rel=0.02)


@pytest.mark.parametrize("friction", [0.4, pytest.param(3.0, marks=pytest.mark.slow)])
def test_damped_oscillator(friction):
    problem = fp.Underdamped(fp.Grid.line(-8, 8, 120), HARMONIC, friction, 1.0, modes=24)
    found = fp.kinetic_spectrum(problem, 5)
    root = np.sqrt(complex(friction**2 / 4 - 1))
    pair = (friction / 2 - root, friction / 2 + root)
    sums = [a * pair[0] + b * pair[1] for a in range(9) for b in range(9) if a + b]
    exact = np.sort_complex(np.round(np.array(sums), 12))[:5]
    assert found.rates == pytest.approx(exact.real, rel=1e-5)
    turning = np.abs(exact.imag)
    for rate in np.unique(np.round(exact.real, 6)):
        group = np.abs(exact.real - rate) < 1e-4
        assert np.sort(np.abs(found.frequencies[group])) == pytest.approx(
            np.sort(turning[group]), abs=1e-5
        )
    assert found.zero < 1e-15
    assert (found.errors < 1e-4).all()


@pytest.mark.slow
def test_errors_are_honest_and_modes_decay():
    problem = quartic(0.3, 0.1, cells=80, modes=32)
    found = fp.kinetic_spectrum(problem, 3)
    fine = fp.kinetic_spectrum(quartic(0.3, 0.1, cells=120, modes=60), 3)
    assert np.allclose(found.rates, fine.rates, rtol=3 * found.errors.max())
    assert abs(found.rates[0] / fine.rates[0] - 1) < 2 * found.errors[0]
    assert found.left.shape == found.right.shape == (3, *problem.phase_grid.shape)
    # the slowest observable tells the wells apart
    assert found.right[0, 20, 64] * found.right[0, 60, 64] < 0
    assert found.zero < 1e-15
    assert found.numbers == (1, 2, 3)


def test_bad_counts_and_unresolved_modes():
    with pytest.raises(fp.CaseError, match="1 to 50"):
        fp.kinetic_spectrum(quartic(1.0, 0.1), 0)
    with pytest.raises(fp.NumericalError, match="Hermite modes"):
        fp.kinetic_spectrum(quartic(0.01, 0.05, cells=60, modes=8), 1)


def test_rates_between_wells_against_friction():
    tilted = fp.landscapes.from_expression("(x**2 - 1)**2 / 4 + 0.02 * x", dim=1)
    problem = fp.Underdamped(fp.Grid.line(-2.2, 2.2, 200), tilted, 1.0, 0.05)
    curve = fp.rate_against_friction(problem, [0.05, 0.5, 30.0])
    assert curve.rates.sum(axis=1) == pytest.approx(curve.eigenvalues)
    # detailed balance between the wells
    assert curve.rates[:, 0] * curve.populations[0] == pytest.approx(
        curve.rates[:, 1] * curve.populations[1]
    )
    assert (curve.errors < 1e-2).all()
    assert curve.barrier == pytest.approx(0.02, abs=1e-2)
    # in between there is more than at both ends
    assert curve.eigenvalues[1] > max(curve.eigenvalues[0], curve.eigenvalues[2])
    with pytest.raises(fp.CaseError, match="two wells"):
        fp.rate_against_friction(fp.Underdamped(fp.Grid.line(-5, 5, 60), HARMONIC, 1.0, 1.0), [1.0])


def test_half_range_elements_reach_the_digits_of_the_table():
    exact = {(0.1, 1.0): 2.251921198361e-2, (0.05, 1.0): 1.785350197622e-3}
    for (temperature, friction), value in exact.items():
        reach = 2.5 if temperature > 0.08 else 2.2
        curve = fp.rate_against_friction(quartic(1.0, temperature, 300, reach), [friction])
        assert curve.eigenvalues[0] == pytest.approx(value, rel=1e-10)
        assert curve.methods == ("half-range",)


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0.05, 0.025])
def test_turnover_over_five_decades(temperature):
    frictions = np.geomspace(1e-3, 1e2, 11)
    curve = fp.rate_against_friction(quartic(1.0, temperature), frictions)
    assert (curve.errors[frictions > 5e-3] < 1e-2).all()
    assert (curve.errors < 0.1).all()
    top = int(np.argmax(curve.eigenvalues))
    assert 0.1 < frictions[top] < 1.0
    assert (np.diff(curve.eigenvalues[: top + 1]) > 0).all()
    assert (np.diff(curve.eigenvalues[top:]) < 0).all()


@pytest.mark.slow
@pytest.mark.parametrize(("friction", "rtol"), [(0.03, 1e-3), (0.003, 2e-2)])
def test_two_discretisations_agree_at_low_friction(friction, rtol):
    """Hermite modes on a lattice, and half-range functions on elements: nothing is shared."""
    curve = fp.rate_against_friction(quartic(1.0, 0.05), [friction])
    assert curve.methods == ("half-range",)
    found = lambda_1(friction, 0.05, 200, 500)
    assert found == pytest.approx(curve.eigenvalues[0], rel=rtol)
