"""Generators: rates, conservation, consistency, readings, walls, weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.sparse.linalg import spsolve

from fokkerplanck.grid import Grid
from fokkerplanck.solvers.assemble import assemble
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.fields import KAPPA
from fokkerplanck.solvers.stationary import stationary_mass
from fokkerplanck.solvers.weights import MANY, bernoulli, jump_weights
from tests.fields import line, line_fields, plane, plane_fields, quartic, rotation, tensor
from tests.strategies import WEIGHTS, random_fields


def exit_times(generator):
    """Mean time to absorption from every cell, for moderate barriers."""
    return spsolve(generator.matrix.tocsc(), -np.ones(generator.cells)).reshape(generator.shape)


@settings(deadline=None, max_examples=50)
@given(random_fields(), WEIGHTS)
def test_rates_are_never_negative_and_rows_balance(fields, weight):
    q = assemble(fields, weight)
    assert q.forward.min() >= 0
    assert q.backward.min() >= 0
    assert q.absorption.min() >= 0
    rows = np.asarray(q.matrix.sum(axis=1)).ravel() + q.absorption
    assert np.abs(rows).max() <= 1e-13 * q.exit_rate.max()
    absorbing = any("absorbing" in pair for pair in fields.walls)
    assert q.conservative != absorbing


@settings(deadline=None, max_examples=25)
@given(random_fields(), WEIGHTS)
def test_matrix_and_link_fluxes_are_adjoint(fields, weight):
    """The rate of change of a mean by link fluxes is the mean of Q u by the matrix."""
    q = assemble(fields, weight)
    rng = np.random.default_rng(1)
    u, p = rng.normal(size=q.cells), rng.uniform(size=q.cells)
    by_links = np.sum(q.flux(p) * (u[q.head] - u[q.tail])) - np.sum(q.absorption * p * u)
    assert by_links == pytest.approx(p @ (q.matrix @ u), rel=1e-10)


def turning_tensor(x, y):
    """A tensor whose axes turn with x and y, and its divergence."""
    angle, ratio = 0.5 * x + 0.3 * y, 0.3
    c, s = np.cos(2 * angle), np.sin(2 * angle)
    mean, half = (1 + ratio) / 2, (1 - ratio) / 2
    d = np.stack(
        [np.stack([mean + half * c, half * s], -1), np.stack([half * s, mean - half * c], -1)], -2
    )
    return d, np.stack([half * (-s + 0.6 * c), half * (c + 0.6 * s)], axis=-1)


@pytest.mark.parametrize("weight", ["fitted", "midpoint"])
def test_ito_operator_converges_at_every_point(weight):
    """Q u -> f.grad u + D:Hess u with a rotating drift: second order in the mean."""
    errors = []
    for n in (32, 64, 128):
        grid = plane(1.0, n)
        x, y = np.moveaxis(grid.points(), -1, 0)
        d, _ = turning_tensor(x, y)
        fields = plane_fields(
            grid, d, lambda x, y: x**2 + y**4 / 4, lambda x, y: (2 * x, y**3),
            lambda x, y: (-y * (1 + x), x),
        )  # fmt: skip
        u = np.sin(x) * np.exp(y / 2)
        ux, uy = np.cos(x) * np.exp(y / 2), u / 2
        exact = (-2 * x - y * (1 + x)) * ux + (x - y**3) * uy
        exact += -d[..., 0, 0] * u + d[..., 0, 1] * ux + d[..., 1, 1] * u / 4
        inside = (slice(n // 4, 3 * n // 4),) * 2
        value = (assemble(fields, weight).matrix @ u.ravel()).reshape(grid.shape)
        errors.append(np.abs(value - exact)[inside].mean())
    assert (np.log2(np.array(errors[:-1]) / errors[1:]) > 1.85).all(), errors


@pytest.mark.parametrize("weight", ["fitted", "midpoint"])
@pytest.mark.parametrize("reading", KAPPA)
def test_readings_converge_to_the_density_without_current(weight, reading):
    """f = -D grad U + kappa div D makes J vanish for p = e^{-U}, whatever the turning tensor."""
    kappa, errors = KAPPA[reading], []

    def force(x, y):
        d, div = turning_tensor(x, y)
        slope = np.stack([4 * x + y, x + 4 * y**3], axis=-1)
        return np.moveaxis(kappa * div - np.einsum("...ij,...j", d, slope), -1, 0)

    for n in (24, 48, 96):
        grid = plane(1.5, n)
        x, y = np.moveaxis(grid.points(), -1, 0)
        exact = np.exp(-(2 * x**2 + x * y + y**4))
        fields = plane_fields(grid, turning_tensor(x, y)[0], force=force, kappa=kappa)
        mass = stationary_mass(assemble(fields, weight))
        errors.append(np.abs(mass - exact / exact.sum()).sum())
    assert errors[-1] < 4e-4
    assert np.log2(errors[0] / errors[-1]) / 2 > 1.75, errors


@pytest.mark.parametrize(
    ("reading", "exact"),
    [
        ("ito", 0.5),
        ("stratonovich", np.pi / 4 - np.log(2) / 2),
        ("hanggi-klimontovich", np.arcsinh(1) ** 2 / 2),
    ],
)
@pytest.mark.parametrize("weight", ["fitted", "midpoint"])
def test_three_readings_of_multiplicative_noise(reading, exact, weight):
    """Exit from (-1, 1) with f = -x and D = 1 + x^2: closed forms, second order, 1e-5 at 401."""
    errors = []
    for n in (101, 201, 401):
        fields = line_fields(
            line(-1, 1, n, "absorbing"), lambda x: 1 + x**2, lambda x: x**2 / 2,
            kappa=KAPPA[reading],
        )  # fmt: skip
        errors.append(abs(exit_times(assemble(fields, weight))[n // 2] / exact - 1))
    assert errors[-1] < 1e-5
    assert np.log2(errors[0] / errors[1]) > 1.95


def test_free_diffusion_to_absorbing_walls_is_exact():
    """(L^2 - x^2) / 2 D is a quadratic, which cut arms reproduce to rounding."""
    grid = line(-1, 1, 20, "absorbing")
    times = exit_times(assemble(line_fields(grid, 0.25)))
    assert times == pytest.approx((1 - grid.axes[0].centres ** 2) / 0.5, rel=1e-12)


def test_exit_from_a_box_through_oblique_links():
    """A quadratic that vanishes on both walls x = -+1, with a full tensor and y periodic."""
    grid = Grid.plane((-1, 1, 24), (-1, 1, 24), ("absorbing", "periodic"))
    d = tensor(1.0, 0.1, np.deg2rad(35))
    times = exit_times(assemble(plane_fields(grid, d)))
    exact = (1 - grid.points()[..., 0] ** 2) / (2 * d[0, 0])
    assert np.abs(times / exact - 1).max() < 1e-12


@pytest.mark.parametrize("reading", KAPPA)
def test_discontinuous_noise_between_aligned_cells(reading):
    """D doubles outside the inflections of the quartic; exit time from -1 by double quadrature."""
    kappa, c, b = KAPPA[reading], 1 / np.sqrt(3), 3 / np.sqrt(3)

    def d(x):
        return np.where(np.abs(x) > c, 0.1, 0.05)

    def phi(x):  # int V' / D from 0
        inner = quartic(np.clip(x, -c, c)) / 0.05
        return inner + (quartic(x) - quartic(np.clip(x, -c, c))) / 0.1

    x = np.linspace(-4 * c, b, 280_001)
    middle = (x[1:] + x[:-1]) / 2
    h = x[1] - x[0]
    below = np.cumsum(d(middle) ** -kappa * np.exp(-phi(middle))) * h
    scale = d(middle) ** (kappa - 1) * np.exp(phi(middle))
    start = middle > -1
    exact = np.sum((below * scale)[start]) * h

    errors = []
    for n in (280, 560, 1120):  # cell edges on the jumps of D and on the wall
        grid = line(-4 * c, b, n, ("reflecting", "absorbing"))
        times = exit_times(assemble(line_fields(grid, d, quartic, kappa=kappa)))
        errors.append(abs(np.interp(-1, grid.axes[0].centres, times) / exact - 1))
    assert errors[-1] < 1e-4
    assert np.log2(errors[0] / errors[2]) / 2 > 1.8


@pytest.mark.parametrize("shift", [3, 17])
def test_drift_without_diffusion_limit_is_upwinded(shift):
    """Where the climb of a link is enormous its rate tends to the upwind rate, never to nan."""
    grid = line(-1, 1, 40)
    q = assemble(line_fields(grid, 10.0**-shift, lambda x: -x))
    h = grid.spacing[0]
    assert q.forward == pytest.approx(np.full(39, 1 / h), rel=10.0 ** (1 - shift) / h + 1e-12)
    assert q.backward.max() < 1e-10


def test_midpoint_rates_never_overflow():
    """Links beyond all floats are fitted; the ratio of both rates is what it is everywhere."""
    fields = line_fields(line(-1, 1, 40), 1e-4, lambda x: x**2)
    q, fitted = assemble(fields, "midpoint"), assemble(fields)
    first, second = np.diff(fields.potential)[1:-1].reshape(-1, 2).T / 1e-4
    climb, h = first + second, q.spacing[0]
    gentle = np.maximum(np.abs(first), np.abs(second)) < 300
    assert 10 < gentle.sum() < 30
    assert (q.forward[~gentle] == fitted.forward[~gentle]).all()
    exact = 1e-4 / h**2 * np.exp(-first[gentle])
    assert q.forward[gentle] == pytest.approx(exact, rel=1e-12)
    both = np.abs(climb) < 600
    ratio = np.log(q.backward[both]) - np.log(q.forward[both])
    assert ratio == pytest.approx(climb[both], rel=1e-12)


def test_absorption_never_overflows():
    """Only the wall is steep: out of it at the speed of the drift."""
    grid = line(-1, 1, 10, ("reflecting", "absorbing"))
    fields = line_fields(grid, 1e-3, lambda x: np.where(x > 0.99, -3.0, 0.0))
    q = assemble(fields, "midpoint")
    assert q.absorption[-1] == assemble(fields).absorption[-1]
    assert 10 < q.absorption[-1] < 1e4


def test_jumps_longer_than_the_grid_are_refused():
    with pytest.raises(NumericalError, match="anisotropy"):
        assemble(plane_fields(plane(1.0, 5), tensor(1.0, 1e-4, 0.3)))


def test_indefinite_tensors_are_refused_with_the_cell():
    d = np.array(np.broadcast_to(np.eye(2), (6, 5, 2, 2)))
    d[4, 3] = [[1.0, 2.0], [2.0, 1.0]]
    with pytest.raises(ValueError, match=r"\(4, 3\)"):
        assemble(plane_fields(Grid.plane((0, 1, 6), (0, 1, 5)), d))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_a_problem_turns_its_generator(turns):
    """Quarter turns of drift, tensor and walls permute the rates (to rounding)."""
    n, r = 16, rotation(np.pi / 2 * turns).round()
    grid = plane(1.5, n)
    d = tensor(0.4, 0.05, 0.4)

    def force(x, y):
        return (np.sin(y) + x * y, np.cos(x) - y)

    def turned(x, y):
        old = np.einsum("ji,...j->...i", r, np.stack([x, y], axis=-1))
        f = np.stack(force(old[..., 0], old[..., 1]), axis=-1)
        new = np.einsum("ij,...j->...i", r, f)
        return (new[..., 0], new[..., 1])

    rng = np.random.default_rng(0)
    p = rng.uniform(size=(n, n))
    before = assemble(plane_fields(grid, d, force=force)).matrix.T @ p.ravel()
    after = (
        assemble(plane_fields(grid, r @ d @ r.T, force=turned)).matrix.T
        @ np.rot90(p, turns).ravel()
    )
    expected = np.rot90(before.reshape(n, n), turns)
    assert np.abs(after.reshape(n, n) - expected).max() <= 1e-12 * np.abs(before).max()


def test_bernoulli_function():
    z = np.array([-800.0, -3.0, -1e-6, 0.0, 1e-6, 3.0, 800.0])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        exact = np.where(z == 0, 1.0, z / np.expm1(z))
    assert bernoulli(z) == pytest.approx(exact, rel=1e-15, abs=1e-300)


@settings(deadline=None, max_examples=100)
@given(st.floats(-900, 900), st.floats(-900, 900))
def test_fitted_weights_integrate_the_exponential_of_a_broken_line(first, second):
    """Against quadrature in logarithms; rates of links that climb too far are 0, never nan."""
    forward, backward = jump_weights(np.array([first]), np.array([second]), "fitted")
    s = (np.arange(20_000) + 0.5) / 10_000
    phi = np.where(s < 1, first * s, first + second * (s - 1))
    exact = -np.log(np.mean(np.exp(phi - phi.max()))) - phi.max()
    assert np.isfinite(forward[0] + backward[0])
    if abs(exact) < 700:
        assert np.log(forward[0]) == pytest.approx(exact, abs=5e-3)
    if abs(exact + first + second) < 700:
        assert np.log(backward[0]) == pytest.approx(exact + first + second, abs=5e-3)


def test_drift_of_a_ring_closes():
    """Round a periodic axis the climbs add up to minus the work of the force over D."""
    grid = line(0, 2 * np.pi, 50, "periodic")
    q = assemble(line_fields(grid, 0.5, np.cos, lambda x: 0.5 + 0 * x))
    work, _ = quad(lambda x: 0.5 / 0.5, 0, 2 * np.pi)
    assert np.sum(np.log(q.forward / q.backward)) == pytest.approx(work, rel=1e-12)


def test_many_links_have_the_weights_that_few_have():
    rng = np.random.default_rng(8)
    sizes = 10.0 ** rng.uniform(-9, 3, (2, MANY)) * rng.choice([-1.0, 1.0], (2, MANY))
    together = jump_weights(*sizes, "fitted")
    apart = [jump_weights(*half, "fitted") for half in np.split(sizes, 2, axis=1)]
    for k in range(2):
        np.testing.assert_allclose(together[k], np.concatenate([a[k] for a in apart]), rtol=1e-13)
    # exchanging the ends of a link exchanges its rates, to the last bit
    back = jump_weights(-sizes[1], -sizes[0], "fitted")
    assert (back[0] == together[1]).all()
    assert (back[1] == together[0]).all()
