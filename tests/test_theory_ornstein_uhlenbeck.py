"""Linear processes of any size: many times at once, defective and unstable rates, time reversal."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm, solve_continuous_lyapunov

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.theory.linear_flow import LinearFlow
from fokkerplanck.theory.normal_law import NormalLaw
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck

#: E1 of the theory sheet.
A1, D1 = [[2.0, -1.0], [1.5, 1.0]], [[1.0, 0.3], [0.3, 0.5]]


def van_loan(a, d, t):
    """``e^{-At}`` and the covariance grown from zero, by one block exponential."""
    n = len(a)
    whole = expm(t * np.block([[-a, 2 * d], [np.zeros((n, n)), a.T]]))
    return whole[:n, :n], whole[:n, n:] @ whole[:n, :n].T


def random_process(seed, n, *, singular=False, shift=1.6):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, n)) / np.sqrt(n) + shift * np.eye(n)
    root = rng.normal(size=(n, n)) / np.sqrt(n)
    root[:, n // 2 if singular else n :] = 0
    return OrnsteinUhlenbeck(a, root @ root.T)


def test_pinned_numbers():
    process = OrnsteinUhlenbeck(A1, D1)
    s = process.stationary_covariance
    np.testing.assert_allclose(s, [[8 / 15, 1 / 15], [1 / 15, 0.4]], rtol=1e-13)
    assert process.circulation[0, 1] == pytest.approx(-0.566666666666667, rel=1e-14)
    assert process.entropy_production == pytest.approx(2.34959349593496, rel=1e-14)
    due = [[0.499670729076217, 0.060923926983161], [0.060923926983161, 0.305967214682122]]
    np.testing.assert_allclose(process.covariance(0.7), due, rtol=2e-14)
    np.testing.assert_allclose(process.covariances([0.7])[0], due, rtol=2e-14)
    assert process.displacement(0.7) == pytest.approx(1.44763375442851, rel=1e-14)
    assert OrnsteinUhlenbeck([[1, -2], [2, 1]], 0.7 * np.eye(2)).entropy_production == (
        pytest.approx(8.0, rel=1e-14)
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.booleans(), st.floats(-1.0, 3.0))
def test_many_times_are_those_of_one_exponential_each(seed, n, singular, shift):
    process = random_process(seed, n, singular=singular, shift=shift)
    rng = np.random.default_rng(seed)
    m, root = rng.normal(size=n), rng.normal(size=(n, n))
    start = root @ root.T
    times = np.array([0.0, 1e-6, 0.3, 0.1, 2.0])
    means, covariances = process.means(times, m), process.covariances(times, start)
    for k, t in enumerate(times):
        decay, grown = van_loan(process.rate, process.diffusion, t)
        due = decay @ start @ decay.T + grown
        scale = np.abs(due).max()
        assert np.abs(means[k] - decay @ m).max() < 1e-11 * max(np.abs(decay @ m).max(), 1e-3)
        assert np.abs(covariances[k] - due).max() < 1e-11 * scale
        assert np.abs(process.covariance(t, start) - due).max() < 1e-11 * scale


@pytest.mark.parametrize("n", [120, pytest.param(500, marks=pytest.mark.slow)])
def test_hundreds_of_dimensions_in_seconds(n):
    process = random_process(1, n, singular=True)
    times = np.geomspace(1e-2, 10.0, 12)
    begin = time.process_time()
    found = process.covariances(times, np.eye(n))
    assert time.process_time() - begin < 30.0  # about 2 on a core for 500
    assert process.flow.modes is not None
    s = solve_continuous_lyapunov(process.rate, 2 * process.diffusion)
    for k in (0, 5, 11):
        decay = expm(-process.rate * times[k])
        due = s + decay @ (np.eye(n) - s) @ decay.T
        assert np.abs(found[k] - due).max() < 1e-11 * np.abs(due).max()
    assert np.abs(process.covariances([200.0])[0] - s).max() < 1e-11 * np.abs(s).max()
    times = np.geomspace(1e-3, 100.0, 2000)
    moved = process.displacements(times)
    k = 1200
    due = 2 * np.trace((np.eye(n) - expm(-process.rate * times[k])) @ s)
    assert moved[k] == pytest.approx(due, rel=1e-11)


def jordan(n, value):
    return value * np.eye(n) + np.diag(np.ones(n - 1), 1)


@pytest.mark.parametrize("value", [0.7, 0.0, -0.3])
def test_defective_rates(value):
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(5, 5)))[0]
    for a in (jordan(5, value), turn @ jordan(5, value) @ turn.T):
        process = OrnsteinUhlenbeck(a, np.diag([0.0, 0.0, 0.0, 0.0, 1.0]))
        assert process.flow.modes is None
        times = np.array([3.0, 1.0, 2.0, 0.25])
        found = process.covariances(times, np.eye(5))
        means = process.means(times, np.ones(5))
        for k, t in enumerate(times):
            decay, grown = van_loan(a, process.diffusion, t)
            np.testing.assert_allclose(found[k], decay @ decay.T + grown, rtol=1e-11, atol=1e-12)
            np.testing.assert_allclose(means[k], decay.sum(axis=1), rtol=1e-12, atol=1e-13)


def test_nearly_defective_rates():
    """From far off to on top of critical damping, where modes lose what exponentials keep."""
    for gap in (1e-2, 1e-3, 1e-4, 1e-5, 1e-8, 1e-11, 0.0):
        a = np.array([[0.0, -1.0], [1.0 + gap, 2.0]])
        process = OrnsteinUhlenbeck(a, np.diag([0.0, 0.3]))
        decay, grown = van_loan(a, process.diffusion, 1.7)
        np.testing.assert_allclose(process.covariances([1.7])[0], grown, rtol=1e-11)
        np.testing.assert_allclose(
            process.means([1.7], [1.0, 0.5])[0], decay @ [1.0, 0.5], rtol=1e-11
        )


def test_noise_without_drift_spreads():
    process = OrnsteinUhlenbeck(np.zeros((2, 2)), np.diag([1.0, 0.0]))
    np.testing.assert_allclose(process.covariances([0.0, 2.0])[1], np.diag([4.0, 0.0]))
    # a free particle with inertia: <x^2> = 2 D t^3 / 3
    free = OrnsteinUhlenbeck([[0.0, -1.0], [0.0, 0.0]], np.diag([0.0, 0.5]))
    found = free.covariances([3.0])[0]
    np.testing.assert_allclose(found, [[9.0, 4.5], [4.5, 3.0]], rtol=1e-13)


def test_short_times_do_not_cancel():
    process = random_process(5, 6)
    small = 1e-9
    # stationary MSD = 2 tr D t + ... at short times
    due = 2 * np.trace(process.diffusion) * small
    assert process.displacements([small])[0] == pytest.approx(due, rel=1e-7)
    np.testing.assert_allclose(process.covariance(small), 2 * small * process.diffusion, rtol=1e-6)


def test_correlations_and_their_antisymmetry():
    process = random_process(9, 4)
    times = np.array([0.0, 1e-7, 0.8])
    found = process.correlations(times)
    np.testing.assert_allclose(found[0], process.stationary_covariance, rtol=1e-12)
    np.testing.assert_allclose(found[2], process.correlation(0.8), rtol=1e-11, atol=1e-12)
    odd = (found[1] - found[1].T) / 1e-7
    np.testing.assert_allclose(odd, -2 * process.circulation, atol=2e-7)


def test_displacements_of_some_coordinates():
    process = random_process(2, 5)
    s, t = process.stationary_covariance, 0.6
    lag = 2 * np.diag(s - process.correlation(t))
    assert process.displacements([t], [1, 3])[0] == pytest.approx(lag[1] + lag[3], rel=1e-12)
    total = sum(process.displacements([t], [k])[0] for k in range(5))
    assert process.displacements([t])[0] == pytest.approx(total, rel=1e-12)


def test_bad_times_and_large_matrices_in_messages():
    process = OrnsteinUhlenbeck(A1, D1)
    for wrong in ([-1.0], [np.nan]):
        with pytest.raises(CaseError, match="times"):
            process.covariances(wrong)
    with pytest.raises(CaseError, match=r"shape \(30, 30\)"):
        OrnsteinUhlenbeck(np.eye(30), -np.eye(30))


# --- what a grid can hold -----------------------------------------------------------------------


def test_marginals_integrate_and_slices_cut():
    process = random_process(11, 3)
    law = process.stationary_law
    pair = law.marginal([2, 0])
    assert pair.covariance[0, 1] == law.covariance[2, 0]
    grid = Grid.plane((-6, 6, 60), (-6, 6, 60))
    cells = pair.cells(grid)
    assert grid.integrate(cells) == pytest.approx(1.0, abs=1e-5)
    line = Grid.line(-6, 6, 60)
    np.testing.assert_allclose(
        cells.sum(axis=1) * grid.spacing[1], law.marginal([2]).cells(line), atol=2e-6
    )
    # a slice: density of what is given, times that of the rest
    given, rest = {1: 0.4}, np.array([[0.2, -0.3], [1.0, 0.1]])
    whole = law.density(np.column_stack([rest[:, 0], [0.4, 0.4], rest[:, 1]]))
    part = law.conditional(given).density(rest) * law.marginal([1]).density([[0.4]])
    np.testing.assert_allclose(part, whole, rtol=1e-12)
    np.testing.assert_allclose(
        process.conditional(given).density(rest) * 1.0,
        whole / law.marginal([1]).density([[0.4]]),
        rtol=1e-12,
    )
    again = law.conditional({0: 0.1, 2: -1.0})
    assert again.dim == 1


def test_law_at_a_time_and_marginal_in_hundreds_of_dimensions():
    process = random_process(4, 200)
    law = process.law(0.5, np.ones(200), np.eye(200))
    np.testing.assert_allclose(law.mean, process.mean(0.5, np.ones(200)))
    grid = Grid.plane((-8, 9, 64), (-8, 9, 64))
    assert grid.integrate(law.marginal([17, 150]).cells(grid)) == pytest.approx(1.0, abs=1e-6)
    # the density of all coordinates neither overflows nor vanishes in its logarithm
    wide = NormalLaw(np.zeros(400), 1e-2 * np.eye(400))
    assert np.isfinite(np.log(wide.density(np.full(400, 0.1))))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda law: law.marginal([0, 0]), "different numbers"),
        (lambda law: law.marginal([5]), "different numbers"),
        (lambda law: law.conditional({0: 1.0, 1: 1.0, 2: 0.0}), "not given"),
        (lambda law: law.conditional({0: 1.0, 1: 1.0}), "singular"),
        (lambda law: law.density([0.0, 0.0, 0.0]), "positive definite"),
    ],
)
def test_laws_refuse(call, words):
    law = NormalLaw(np.zeros(3), np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    with pytest.raises(CaseError, match=words):
        call(law)


def test_current_of_some_coordinates_is_the_integral_of_the_whole():
    process = random_process(6, 3)
    x = np.array([0.3, -0.2])
    nodes, weights = np.polynomial.legendre.leggauss(120)
    z = 12 * nodes  # tails beyond leave 1e-9
    points = np.column_stack([np.full(120, x[0]), z, np.full(120, x[1])])
    due = 12 * weights @ process.stationary_current(points)
    np.testing.assert_allclose(process.marginal_current([0, 2], x), due[[0, 2]], rtol=1e-7)
    u = process.current_matrix
    p = process.stationary_density(points[3])
    np.testing.assert_allclose(process.stationary_current(points[3]), u @ points[3] * p)


# --- time reversal --------------------------------------------------------------------------------


def oscillators(stiffness, friction, noise):
    n = len(stiffness)
    zero = np.zeros((n, n))
    return OrnsteinUhlenbeck(
        np.block([[zero, -np.eye(n)], [stiffness, friction]]),
        np.block([[zero, zero], [zero, noise]]),
    )


def by_spectra(stiffness, friction, noise):
    """Entropy production of the path of the positions, from its spectral density.

    The rate of the relative entropy of paths and reversed paths: ``int dw / (4 pi) tr(F F_r^-1 -
    1)`` with ``F = G 2 D G*``, ``G = (K - w^2 + i w g)^-1`` and ``F_r = F^T``.
    """
    n = len(stiffness)
    theta = (np.arange(4000) + 0.5) * np.pi / 4000 - np.pi / 2
    total = 0.0
    for angle in theta:
        w = np.tan(angle)
        g = np.linalg.inv(stiffness - w * w * np.eye(n) + 1j * w * friction)
        f = g @ (2 * noise) @ g.conj().T
        total += (np.trace(np.linalg.solve(f.T, f)).real - n) / np.cos(angle) ** 2
    return total * np.pi / 4000 / (4 * np.pi)


def test_oscillators_in_equilibrium_make_no_entropy():
    k = np.array([[2.0, 0.5], [0.5, 1.0]])
    process = oscillators(k, 0.3 * np.eye(2), 0.3 * 0.7 * np.eye(2))
    found = process.under_reversal([1, 1, -1, -1])
    assert found.entropy_production == pytest.approx(0.0, abs=1e-26)
    points = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_allclose(found.irreversible_current(points), 0.0, atol=1e-15)
    np.testing.assert_allclose(
        found.reversible_current(points), process.stationary_current(points), rtol=1e-9
    )
    with pytest.raises(CaseError, match="under_reversal"):
        _ = process.entropy_production


@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_two_temperatures_make_entropy_where_modes_mix(angle):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    k = np.diag([2.0, 1.0])
    friction, noise = 0.8 * np.eye(2), turn @ np.diag([0.5, 0.1]) @ turn.T
    found = oscillators(k, friction, noise).under_reversal([1, 1, -1, -1])
    if angle == 0:
        assert found.entropy_production == pytest.approx(0.0, abs=1e-25)
        return
    assert found.entropy_production > 1e-3
    due = by_spectra(k, friction, noise)
    assert found.entropy_production == pytest.approx(due, rel=1e-9)


def test_currents_add_up_and_positions_only_are_the_old_formula():
    process = OrnsteinUhlenbeck(A1, D1)
    found = process.under_reversal([1, 1])
    assert found.entropy_production == pytest.approx(process.entropy_production, rel=1e-13)
    mixed = oscillators(np.diag([2.0, 1.0]), np.eye(2), np.array([[0.5, 0.2], [0.2, 0.3]]))
    split = mixed.under_reversal([1, 1, -1, -1])
    points = np.random.default_rng(1).normal(size=(4, 4))
    np.testing.assert_allclose(
        split.reversible_current(points) + split.irreversible_current(points),
        mixed.stationary_current(points),
        rtol=1e-10,
    )


def test_dissipation_without_noise_is_infinite():
    process = oscillators(np.diag([2.0, 1.0]), np.eye(2), np.diag([0.5, 0.0]))
    coupled = OrnsteinUhlenbeck(process.rate + 0.2 * np.eye(4)[[0, 1, 3, 2]], process.diffusion)
    assert coupled.under_reversal([1, 1, -1, -1]).entropy_production == np.inf


def test_parities_are_checked():
    process = OrnsteinUhlenbeck(A1, D1)
    with pytest.raises(CaseError, match="parities"):
        process.under_reversal([1, 0])
    with pytest.raises(CaseError, match="unlike parity"):
        process.under_reversal([1, -1])


def test_symmetric_rates_have_orthogonal_modes():
    h = np.diag([1.0, 2.0]) + 0.1
    assert LinearFlow(h).modes is not None
    np.testing.assert_allclose(next(LinearFlow(h).propagators(np.array([0.3]))), expm(-0.3 * h))
