"""Closed forms that the evolution in one and two dimensions must meet."""

import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal, expm

from fokkerplanck.solvers.assemble import assemble
from fokkerplanck.solvers.evolve import evolve
from fokkerplanck.solvers.stationary import stationary_mass
from tests import fields
from tests.generators import centres, chain, gaussian_cells, product_wells


def moments(mass, x):
    total = mass.sum()
    mean = (mass @ x) / total
    return mean, (mass @ x**2) / total - mean**2


def ornstein_uhlenbeck(n):
    """dX = -x dt + dW from N(2, 0.2^2) to t = 1 on [-6, 6]: computed and exact cell masses."""
    x, h = centres(-6.0, 6.0, n)
    (step,) = evolve(chain(x**2 / 2, h, 0.5), gaussian_cells(-6, 6, n, 2.0, 0.2), [1.0])
    spread = np.sqrt(0.5 - (0.5 - 0.04) * np.exp(-2.0))
    return step, gaussian_cells(-6, 6, n, 2.0 * np.exp(-1.0), spread)


def test_ornstein_uhlenbeck_density_converges_at_second_order():
    errors = []
    for n in (256, 1024, 4096):
        step, truth = ornstein_uhlenbeck(n)
        errors.append(np.abs(step.mass - truth).sum())
        assert step.mass.min() >= 0.0
        assert step.mass.sum() == pytest.approx(1.0, abs=1e-12)
    assert errors[2] <= 3e-6
    assert np.all(np.log2(np.divide(errors[:-1], errors[1:])) / 2 > 1.95)


def test_ornstein_uhlenbeck_moments_follow_their_equations():
    x, h = centres(-6.0, 6.0, 2000)
    times = [0.1, 0.5, 1.0, 3.0]
    for step in evolve(chain(x**2 / 2, h, 0.5), gaussian_cells(-6, 6, 2000, 1.0, 0.5), times):
        mean, variance = moments(step.mass, x)
        assert mean == pytest.approx(np.exp(-step.time), abs=1e-5)
        decay = np.exp(-2 * step.time)
        assert variance == pytest.approx(0.25 * decay + 0.5 * (1 - decay), abs=1e-5)


@pytest.mark.parametrize("method", ["tridiagonal", "chebyshev", "uniformisation"])
def test_free_diffusion_spreads_as_two_d_t_from_a_point(method):
    x, h = centres(-6.0, 6.0, 301)
    start = np.zeros(301)
    start[150] = 1.0
    for step in evolve(chain(np.zeros(301), h, 0.3), start, [0.2, 1.0], method=method):
        mean, variance = moments(step.mass, x)
        assert mean == pytest.approx(0.0, abs=1e-12)
        assert variance == pytest.approx(2 * 0.3 * step.time, abs=1e-10)


def test_mass_crosses_a_barrier_of_thirty_at_the_kramers_rate():
    # T = 1/120: k = sqrt(2)/(2 pi) e^-30 / (1 + 1.5 T), right half (1 - exp(-2 k t)) / 2
    temperature, n = 1.0 / 120.0, 1024
    x, h = centres(-2.4, 2.4, n)
    generator = chain((x**2 - 1) ** 2 / 4, h, temperature)
    rate = np.sqrt(2) / (2 * np.pi) * np.exp(-30) / (1 + 1.5 * temperature)
    times = np.unique(np.concatenate([np.logspace(-2, 16, 39), [1e8]]))
    start = gaussian_cells(-2.4, 2.4, n, -1.0, 0.05)
    start /= start.sum()
    right = {}
    for step in evolve(generator, start, times):
        assert abs(step.mass.sum() - 1.0) <= 1e-10
        assert step.mass.min() >= 0.0
        right[step.time] = step.mass[x > 0].sum()
    assert right[1e8] == pytest.approx(-0.5 * np.expm1(-2 * rate * 1e8), rel=1e-3)
    assert right[1e16] == pytest.approx(0.5, rel=1e-10)
    middle = times[np.argmin(np.abs(times - 1e13))]
    assert right[middle] == pytest.approx(-0.5 * np.expm1(-2 * rate * middle), rel=1e-3)


def test_the_slow_rate_is_the_eigenvalue_of_the_same_chain():
    # half line with absorption at the saddle: its lowest eigenvalue is the slow rate, and here
    # (barrier 5) a dense solver still resolves it
    temperature, n = 0.05, 400
    x, h = centres(-2.4, 2.4, n)
    v = (x**2 - 1) ** 2 / 4
    generator = chain(v, h, temperature)
    off = np.sqrt(generator.forward * generator.backward)
    slow = -eigh_tridiagonal(-generator.exit_rate, off, select="i", select_range=(n - 2, n - 2))[0]
    start = np.where(x < 0, np.exp(-v / temperature), 0.0)
    start /= start.sum()
    early, late = evolve(generator, start, [300.0, 600.0])
    excess = [step.mass[x < 0].sum() - 0.5 for step in (early, late)]
    assert -np.log(excess[1] / excess[0]) / 300.0 == pytest.approx(slow[0], rel=1e-8)


def test_a_point_start_is_fine_at_every_time():
    x, h = centres(-2.4, 2.4, 512)
    v = (x**2 - 1) ** 2 / 4
    generator = chain(v, h, 0.05)
    start = np.zeros(512)
    start[np.argmin(np.abs(x + 2.2))] = 1.0
    steps = list(evolve(generator, start, np.logspace(-4, 7, 23)))
    assert all(step.mass.min() >= 0 for step in steps)
    assert all(abs(step.mass.sum() - 1) < 1e-11 for step in steps)
    assert steps[-1].error < 1e-8
    mean, _ = moments(steps[0].mass, x)
    assert mean < -2.1
    boltzmann = np.exp(-v / 0.05)
    np.testing.assert_allclose(steps[-1].mass, boltzmann / boltzmann.sum(), rtol=1e-8, atol=1e-30)


@pytest.mark.parametrize("method", ["auto", "chebyshev", "rational"])
def test_distance_to_equilibrium_and_relative_entropy_never_grow(method):
    plane, _, _ = product_wells(20, 0.05)
    x, _ = centres(-2.0, 2.0, 20)
    weight = np.exp(-((x**2 - 1) ** 2 / 4)[:, None] / 0.05 - (x**2 / 2) / 0.05).ravel()
    weight /= weight.sum()
    start = np.zeros(400)
    start[5 * 20 + 14] = 1.0
    entropy, distance = [], []
    for step in evolve(plane, start, np.logspace(-2, 5, 15), method=method):
        p = step.mass
        some = p > 0
        entropy.append((p[some] * np.log(p[some] / weight[some])).sum())
        distance.append(np.abs(p - weight).sum())
    assert np.all(np.diff(entropy) <= 1e-9)
    assert np.all(np.diff(distance) <= 1e-9)
    assert entropy[0] > 1.0
    assert entropy[-1] < 1e-8


def test_a_driven_ring_carries_a_packet_at_the_drift_velocity():
    n, velocity, diffusion = 400, 3.0, 0.02
    h = 1.0 / n
    x = h * np.arange(n)
    ring = chain(np.zeros(n), h, diffusion, ring=True, force=velocity)
    turn = np.exp(2j * np.pi / n)
    mode = ring.forward[0] * (turn - 1) + ring.backward[0] * (1 / turn - 1)
    assert mode == pytest.approx(2j * np.pi * velocity - 4 * np.pi**2 * diffusion, rel=2e-3)
    start = np.zeros(n)
    start[0] = 1.0
    for method in ("auto", "tridiagonal"):
        for step in evolve(ring, start, [0.05, 0.1, 1.0, 5.0], method=method):
            phase = (step.mass * np.exp(2j * np.pi * x)).sum()
            assert abs(phase - np.exp(mode * step.time)) < 1e-10
            assert step.mass.sum() == pytest.approx(1.0, abs=1e-11)


def test_mass_stays_on_a_line_of_many_cells():
    """Rounding of an elimination grows with its length; many steps must not add it up."""
    n = 40_000
    x, h = centres(-2.4, 2.4, n)
    g = chain((x**2 - 1) ** 2 / 4, h, 0.05)
    for step in evolve(g, gaussian_cells(-2.4, 2.4, n, -1.0, 0.1), np.geomspace(1e-2, 1e4, 60)):
        assert step.mass.sum() == pytest.approx(1.0, abs=1e-12)
        assert step.mass.min() >= 0.0
    assert step.error < 1e-9


@pytest.mark.parametrize("force", [0.5, 20.0])
def test_driven_rings_come_to_rest_at_any_time(force):
    """Strongly driven modes turn hundreds of times before they decay; then nothing changes."""
    grid = fields.line(0, 2 * np.pi, 128, "periodic")
    q = assemble(fields.line_fields(grid, 0.1, np.cos, lambda x: force + 0 * x))
    start = np.zeros(q.cells)
    start[40] = 1.0
    steps = list(evolve(q, start, [1.0, 30.0, 1e8], tolerance=1e-9))
    for step in steps[:2]:
        exact = expm(q.matrix.toarray().T * step.time) @ start
        assert np.abs(step.mass - exact).sum() <= step.error + 1e-11
    assert np.abs(steps[-1].mass - stationary_mass(q)).sum() < 1e-9
    assert steps[-1].error < 1e-9
