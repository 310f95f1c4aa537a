"""Stationary masses: equilibrium to rounding, driven states, deep wells."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck.grid import Grid
from fokkerplanck.solvers.assemble import assemble
from fokkerplanck.solvers.current import cell_current, divergence, entropy_production
from fokkerplanck.solvers.detailed_balance import link_climbs
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.reduction import MAX_JUMPS, Reduction
from fokkerplanck.solvers.stationary import (
    equilibrium_mass,
    share_over,
    stationary_mass,
)
from tests.fields import line, line_fields, plane, plane_fields, quartic, tensor
from tests.strategies import WEIGHTS, random_fields

CONSERVATIVE = st.sampled_from([("reflecting", "reflecting"), ("periodic", "periodic")])


def boltzmann(loss, temperature):
    w = np.exp(-(loss - loss.min()) / temperature)
    return w / w.sum()


@pytest.mark.parametrize("weight", ["fitted", "midpoint"])
def test_boltzmann_is_stationary_for_any_cell_values(weight):
    """White noise and a loss that is nothing but random numbers: e^{-L/T} to rounding."""
    rng = np.random.default_rng(3)
    grid = plane(1.0, 24)
    half = tuple(2 * n + 1 for n in grid.shape)
    loss = rng.normal(size=half)
    fields = plane_fields(grid, 0.2 * np.eye(2), lambda x, y: loss)
    q = assemble(fields, weight)
    p = boltzmann(fields.cell_potential(), 0.2)
    assert np.abs(q.matrix.T @ p.ravel()).max() <= 1e-13 * (q.exit_rate * p.ravel()).max()
    assert np.abs(stationary_mass(q) / p - 1).max() < 1e-12
    assert entropy_production(q, p, fields) == pytest.approx(
        0, abs=1e-20 + 1e-25 * q.exit_rate.sum()
    )


def test_equilibrium_does_not_depend_on_the_order_or_direction_of_links():
    rng = np.random.default_rng(4)
    loss = rng.normal(size=(15, 15))
    q = assemble(plane_fields(plane(1.0, 7), 0.2 * np.eye(2), lambda x, y: loss), "midpoint")
    order, turned = rng.permutation(q.tail.size), rng.random(q.tail.size) < 0.5
    mixed = Generator(
        q.shape,
        q.spacing,
        np.where(turned, q.head, q.tail)[order],
        np.where(turned, q.tail, q.head)[order],
        np.where(turned, -1, 1)[order].astype(np.int32)[:, None] * q.offset[order],
        np.where(turned, q.backward, q.forward)[order],
        np.where(turned, q.forward, q.backward)[order],
        q.absorption,
    )
    p = boltzmann(loss[1::2, 1::2], 0.2)
    assert stationary_mass(mixed) == pytest.approx(p, rel=1e-12)


def test_equilibrium_of_a_long_chain_of_links_in_no_order():
    """Ln of the masses is the sum of the climbs: a random walk of 3000 steps."""
    rng = np.random.default_rng(5)
    n = 3000
    order = rng.permutation(n - 1).astype(np.int32)
    up = rng.lognormal(size=n - 1)
    q = Generator(
        (n,), (1.0,), order, order + np.int32(1), np.ones((n - 1, 1), dtype=np.int32),
        up[order], np.ones(n - 1), np.zeros(n),
    )  # fmt: skip
    logs = np.concatenate([[0.0], np.cumsum(np.log(up))])
    assert np.log(stationary_mass(q)) == pytest.approx(logs - np.logaddexp.reduce(logs), abs=1e-10)


def test_steep_links_carry_their_share_of_the_jumps():
    """Rates and masses of two levels: the share by hand; a one-way link counts among all only."""
    link = np.arange(3, dtype=np.int32)
    q = Generator(
        (4,), (1.0,), link, link + np.int32(1), np.ones((3, 1), dtype=np.int32),
        np.array([1.0, np.exp(-5.0), 2.0]), np.array([1.0, 1.0, 0.0]), np.zeros(4),
    )  # fmt: skip
    p = np.array([3.0, 3.0, 3.0 * np.exp(-5.0), 1.0])
    steep = 6.0 * np.exp(-5.0)
    every = 6.0 + steep + 6.0 * np.exp(-5.0)
    climb = link_climbs(q)
    assert climb[:2] == pytest.approx([0.0, 5.0])
    assert climb[2] == -np.inf
    assert share_over(q, p, climb, 4.0) == pytest.approx(steep / every, rel=1e-14)
    assert share_over(q, p, climb, 6.0) == 0.0


def test_quartic_weights_are_right_300_orders_below_the_peak():
    fields = line_fields(line(-2.4, 2.4, 400), 0.0025, quartic)
    p = stationary_mass(assemble(fields))
    exact = boltzmann(fields.cell_potential(), 0.0025)
    visible = exact > 1e-290
    assert visible.sum() > 300
    assert np.abs(p[visible] / exact[visible] - 1).max() < 1e-11


@pytest.mark.parametrize("barrier", [5, 30, 100])
def test_censored_elimination_finds_wells_that_ordinary_lu_loses(barrier):
    """The general solver on a reversible problem with two unequal wells, against e^{-L/T}."""
    temperature = 0.25 / barrier
    grid = plane(1.6, 48)
    fields = plane_fields(
        grid,
        temperature * np.eye(2),
        lambda x, y: quartic(x) + 0.02 * x + y**2,
        lambda x, y: (x**3 - x + 0.02, 2 * y),
    )
    p = np.exp(Reduction(assemble(fields)).stationary()).reshape(grid.shape)
    exact = boltzmann(fields.cell_potential(), temperature)
    right = grid.points()[..., 0] > 0
    assert p[right].sum() == pytest.approx(exact[right].sum(), rel=1e-10)
    assert np.abs(p - exact).sum() < 1e-11


@settings(deadline=None, max_examples=30)
@given(random_fields(pairs=CONSERVATIVE), WEIGHTS)
def test_stationary_states_balance_in_every_cell(fields, weight):
    q = assemble(fields, weight)
    p = stationary_mass(q)
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1, abs=1e-13)
    throughput = (q.exit_rate * p.ravel()).max()
    assert np.abs(divergence(q, p)).max() * q.volume <= 1e-11 * throughput


@pytest.mark.parametrize("weight", ["fitted", "midpoint"])
def test_driven_ring(weight):
    """V = cos x, F = D = 1/2 on a ring: current and entropy production by quadrature."""
    grid = line(0, 2 * np.pi, 400, "periodic")
    fields = line_fields(grid, 0.5, np.cos, lambda x: 0.5 + 0 * x)
    q = assemble(fields, weight)
    p = stationary_mass(q)
    j = cell_current(q, p)[:, 0]
    assert np.ptp(j) < 1e-12
    assert j.mean() == pytest.approx(0.027946558545, rel=1e-4)
    assert entropy_production(q, p, fields) == pytest.approx(0.175593406037, rel=1e-4)


def ornstein_uhlenbeck(n, a, d, extent=4.5):
    return plane_fields(
        plane(extent, n),
        np.array(d),
        force=lambda x, y: (-(a[0][0] * x + a[0][1] * y), -(a[1][0] * x + a[1][1] * y)),
    )


A, D = [[2, -1], [1.5, 1]], [[1, 0.3], [0.3, 0.5]]
SIGMA = np.array([[0.533333333333333, 0.0666666666666667], [0.0666666666666667, 0.4]])
Q12 = -0.566666666666667


def exact_ou(fields):
    grid = plane(4.5, fields.shape[0])
    x, inverse = grid.points(), np.linalg.inv(SIGMA)
    p = np.exp(-0.5 * np.einsum("...i,ij,...j", x, inverse, x))
    p /= 2 * np.pi * np.sqrt(np.linalg.det(SIGMA))
    velocity = -np.einsum("ij,jk,...k->...i", [[0, Q12], [-Q12, 0]], inverse, x)
    return p, velocity * p[..., None]


def test_ornstein_uhlenbeck_current_and_entropy_production():
    """A non-reversible linear drift with a full tensor at 200^2, each to 1e-3."""
    fields = ornstein_uhlenbeck(200, A, D)
    q = assemble(fields, "midpoint")
    mass = stationary_mass(q)
    p, j = exact_ou(fields)
    assert np.abs(mass / q.volume - p).sum() * q.volume < 1e-3
    assert np.abs(cell_current(q, mass) - j).sum() / np.abs(j).sum() < 1e-3
    assert entropy_production(q, mass, fields) == pytest.approx(2.34959349593496, rel=1e-3)


@pytest.mark.parametrize("weight", ["fitted", "midpoint"])
def test_ornstein_uhlenbeck_converges_at_second_order(weight):
    errors = []
    for n in (40, 80, 160):
        fields = ornstein_uhlenbeck(n, A, D)
        q = assemble(fields, weight)
        mass = stationary_mass(q)
        p, j = exact_ou(fields)
        errors.append(
            [
                np.abs(mass / q.volume - p).sum() * q.volume,
                np.abs(cell_current(q, mass) - j).sum() / np.abs(j).sum(),
                abs(entropy_production(q, mass, fields) / 2.34959349593496 - 1),
            ]
        )
    e = np.array(errors)
    assert (np.log2(e[:-1] / e[1:]) > 1.85).all(), e


def test_rotating_drift_produces_twice_the_squared_frequency():
    fields = ornstein_uhlenbeck(200, [[1, -2], [2, 1]], 0.25 * np.eye(2), 3.0)
    q = assemble(fields)
    assert entropy_production(q, stationary_mass(q), fields) == pytest.approx(8, rel=1e-3)


def test_every_metastable_well_gets_an_anchor():
    grid = line(-3, 3, 300)
    q = assemble(line_fields(grid, 0.005, lambda x: np.cos(2 * np.pi * x) / 5 + 0.01 * x**2))
    chain = Reduction(q)
    assert chain.jumps < MAX_JUMPS
    assert len(chain.anchors) == 6
    assert np.allclose(abs(grid.axes[0].centres[chain.anchors]) % 1, 0.5, atol=0.05)


def test_no_stationary_state_behind_an_absorbing_wall():
    q = assemble(line_fields(line(-1, 1, 10, ("reflecting", "absorbing")), 0.1))
    with pytest.raises(NumericalError, match="absorbs"):
        stationary_mass(q)


def test_cells_that_do_not_communicate_are_refused():
    link = np.array([0, 2], dtype=np.int32)
    q = Generator(
        (4,), (1.0,), link, link + np.int32(1), np.ones((2, 1), dtype=np.int32),
        np.array([1.0, 1.0]), np.array([1.0, 0.5]), np.zeros(4),
    )  # fmt: skip
    assert equilibrium_mass(q) is None
    with pytest.raises(NumericalError, match="no unique stationary"):
        stationary_mass(q)


def test_current_of_a_drifting_density_is_its_mean_velocity():
    """The integral of J is d<x>/dt by the generator itself, exactly."""
    grid = Grid.plane((-2, 2, 30), (-1, 1, 20))
    fields = plane_fields(
        grid, np.array([[0.3, 0.1], [0.1, 0.2]]), force=lambda x, y: (1 + y, x * y)
    )
    q = assemble(fields)
    x = grid.points()
    p = np.exp(-4 * ((x[..., 0] - 0.5) ** 2 + x[..., 1] ** 2))
    p /= p.sum()
    rate = (q.matrix.T @ p.ravel()).reshape(grid.shape)
    moved = (rate[..., None] * x).sum(axis=(0, 1))
    assert cell_current(q, p).sum(axis=(0, 1)) * q.volume == pytest.approx(moved, rel=1e-10)
    assert -divergence(q, p) * q.volume == pytest.approx(rate, abs=1e-12 * np.abs(rate).max())


@pytest.mark.parametrize("ratio", [1e3, 1e4])
@pytest.mark.parametrize("weight", ["fitted", "midpoint"])
def test_no_corner_is_cut_off_by_long_links(ratio, weight):
    """Free diffusion between reflecting walls fills the box evenly, whatever the anisotropy."""
    grid = plane(1.0, 48)
    q = assemble(plane_fields(grid, tensor(1.0, 1 / ratio, np.deg2rad(30))), weight)
    assert stationary_mass(q) == pytest.approx(np.full(grid.shape, 1 / 48**2), rel=1e-9)
    slope = plane_fields(
        grid, tensor(1.0, 1 / ratio, np.deg2rad(30)), force=lambda x, y: (0.3 - x, y * x)
    )
    p = stationary_mass(assemble(slope))
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1, abs=1e-12)
