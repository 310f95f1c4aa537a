"""The Klein-Kramers operator: what holds to rounding, on any lattice."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import expm

from fokkerplanck.solvers.hermite import cell_averages, gaussian_modes, polynomials, weighted
from fokkerplanck.solvers.kinetic_cells import averages
from fokkerplanck.solvers.kinetic_modes import kinetic_modes, zero_eigenvalue
from fokkerplanck.solvers.kinetic_solve import Shifted
from fokkerplanck.solvers.kinetic_start import cooled, visible
from fokkerplanck.solvers.kinetic_steps import Explicit
from tests.kinetics import lattice

CASES = {
    "double well": (lambda x: (x * x - 1) ** 2 / 4, -2.2, 2.2, 0.05, False),
    "coarse and steep": (lambda x: (x * x - 1) ** 2 / 4, -3.0, 3.0, 0.01, False),
    "ring": (lambda x: np.cos(x), -np.pi, np.pi, 0.3, True),
    "slope against a wall": (lambda x: x, 0.0, 1.0, 0.2, False),
}


def operator(name, cells=24, friction=0.7, modes=8):
    potential, low, high, temperature, periodic = CASES[name]
    return lattice(potential, low, high, cells, friction, temperature, modes, periodic)


def matrix(op):
    e, o = op.damping
    k = op.transport
    return sp.block_array([[-sp.diags_array(e), -k.T], [k, -sp.diags_array(o)]]).toarray()


def random_modes(op, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=op.even_shape), rng.normal(size=op.odd_shape)


def flat(even, odd):
    return np.concatenate([even.T.ravel(), odd.T.ravel()])


@pytest.mark.parametrize("name", CASES)
def test_equilibrium_is_stationary_and_mass_is_kept(name):
    op = operator(name)
    big = matrix(op)
    eq = np.zeros(op.even_shape)
    eq[0] = op.equilibrium
    state = flat(eq, np.zeros(op.odd_shape))
    scale = np.abs(big).max() * np.abs(state).max()
    assert np.abs(big @ state).max() < 1e-14 * scale
    weights = np.zeros(op.even_shape)
    weights[0] = op.weights[0]
    assert np.abs(flat(weights, np.zeros(op.odd_shape)) @ big).max() < 1e-14 * np.abs(big).max()
    assert zero_eigenvalue(op) < 1e-15


@pytest.mark.parametrize("name", CASES)
def test_what_turns_decays_at_half_the_friction_or_faster(name):
    values = np.linalg.eigvals(matrix(operator(name)))
    turning = np.abs(values.imag) > 1e-6 * np.abs(values).max()
    assert values.real.max() < 1e-10 * np.abs(values).max()
    assert turning.any()
    assert values.real[turning].max() <= -0.5 * 0.7 * (1 - 1e-9)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("friction", [0.01, 0.7, 300.0])
def test_series_is_the_exponential(name, friction):
    op = operator(name, cells=12, friction=friction, modes=6)
    even, odd = random_modes(op)
    exact = expm(0.3 * matrix(op)) @ flat(even, odd)
    found = flat(*Explicit(op).advance(even, odd, 0.3))
    assert np.abs(found - exact).max() < 1e-12 * np.abs(flat(even, odd)).max()


def test_series_in_a_hotter_basis_is_the_exponential():
    op = operator("double well", cells=12, modes=8).heated(4.0)
    big = matrix(op)
    n, half = op.count, op.half
    for j in range(1, half):
        for i in range(n):
            big[i * half + j, i * half + j - 1] -= op.rate * 0.75 * np.sqrt(2 * j * (2 * j - 1))
        for i in range(n - 1):
            k = (n + i) * half + j
            big[k, k - 1] -= op.rate * 0.75 * np.sqrt((2 * j + 1) * 2 * j)
    even, odd = random_modes(op)
    found = flat(*Explicit(op).advance(even, odd, 0.4))
    assert np.allclose(found, expm(0.4 * big) @ flat(even, odd), atol=1e-11)


@pytest.mark.parametrize("shift", [0.3, -2.0 + 5.0j])
def test_solves_invert(shift):
    op = operator("double well")
    even, odd = (x.T.ravel() for x in random_modes(op))
    e, o, doubt = Shifted(op, shift, 3.0).solve(even, odd)
    back = shift * np.concatenate([e, o]) - 3.0 * (matrix(op) @ np.concatenate([e, o]))
    assert doubt < 1e-12
    assert np.allclose(back, np.concatenate([even, odd]), atol=1e-10)


def test_steep_faces_have_no_spurious_slow_modes():
    op = lattice(lambda x: (x * x - 1) ** 2 / 4, -2.2, 2.2, 100, 10.0, 0.025, 12)
    values = kinetic_modes(op, 2, [1e-3]).values.real
    assert values[0] == pytest.approx(1.9412624e-6, rel=1e-4)
    assert values[1] > 0.05


def test_modes_of_gaussians_and_their_averages():
    w = np.linspace(-12, 12, 4001)
    p = np.exp(-0.5 * (w - 0.6) ** 2 / 0.7) / np.sqrt(2 * np.pi * 0.7)
    found = gaussian_modes(np.array(0.6), 0.7, 12)
    assert np.allclose(found, polynomials(w, 12) @ p * (w[1] - w[0]), atol=1e-12)
    assert np.allclose(found @ weighted(w, 12), p, atol=3e-3)
    edges = np.linspace(-3, 3, 13)
    table = cell_averages(edges, 12)
    total = table.sum(axis=1) * 0.5
    assert np.allclose(total, np.eye(12)[0], atol=1e-14)
    fine = weighted(np.linspace(-1, -0.5, 2001), 12)
    mean = (fine[:, :-1] + fine[:, 1:]).sum(axis=1) / 4000
    assert np.allclose(table[:, 4], mean, atol=1e-7)


def test_a_colder_basis_holds_the_same_density():
    op = operator("double well", cells=40, modes=40).heated(2.0)
    mean, variance = np.array(0.3 / np.sqrt(2)), 0.4
    x = np.linspace(-2.2, 2.2, 81)
    shape = np.exp(-0.5 * ((x + 1) / 0.15) ** 2)
    modes = gaussian_modes(mean, variance, 40)
    even, odd = modes[0::2, None] * shape[1::2], modes[1::2, None] * shape[2:-1:2]
    start = visible(op, even, odd, 0.0)
    cold = cooled(op, start.even, start.odd, 2.0, 0.0)
    exact = gaussian_modes(mean * np.sqrt(2), 2 * variance, 40)[:12]
    found = cold.operator.weights[0] * cold.even[:6]
    assert np.allclose(found, exact[0::2, None] * shape[1::2], atol=1e-9)


def test_averages_over_cells_are_of_fourth_order():
    errors = []
    for n in (20, 40):
        op = lattice(lambda x: 0 * x, 0.0, 2 * np.pi, n, 1.0, 1.0, 4, periodic=True)
        x = op.spacing * (np.arange(n) + 0.5)
        even, odd = np.array([np.sin(x)] * 2), np.array([np.sin(x - 0.5 * op.spacing)] * 2)
        exact = np.sin(x) * np.sin(op.spacing / 2) / (op.spacing / 2)
        errors.append(np.abs(averages(op, even, odd) - exact).max())
    assert np.log2(errors[0] / errors[1]) > 3.9
