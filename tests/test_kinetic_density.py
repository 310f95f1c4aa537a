"""Underdamped densities: exact moments, order, mass, symmetry, entropy, long times, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck.grid import Axis
from fokkerplanck.kinetic_density import kinetic_evolve_steps
from fokkerplanck.kinetic_steady import equilibrium_state
from tests.kinetics import FREE, HARMONIC, QUARTIC, quartic

SQUARE = fp.landscapes.from_expression("x**2", dim=1)


def heavy_ball(cells, velocities=256, modes=None):
    """SGD with momentum in a quadratic well: eta = 0.1, beta = 0.9, B = 32, h = 2, noise as h."""
    sgd = fp.SGD(learning_rate=0.1, batch_size=32, momentum=0.9)
    grid = fp.Grid.line(-1.2, 1.2, cells)
    axis = Axis(-6.0, 6.0, velocities, name="v")
    return fp.Underdamped.momentum(grid, SQUARE, sgd, 2.0, velocity=axis, modes=modes)


def linear(problem, curvature):
    """Drift matrix A and stationary covariance of dz = -A z dt + noise."""
    a = np.array([[0.0, -1.0], [curvature / problem.mass, problem.rate]])
    return a, np.diag([problem.temperature / curvature, problem.speed**2])


def exact(problem, curvature, mean, covariance, time):
    a, stationary = linear(problem, curvature)
    step = expm(-a * time)
    found = stationary + step @ (covariance - stationary) @ step.T
    return step @ mean, 0.5 * (found + found.T)


def test_momentum_is_the_dictionary_of_sgd():
    problem = heavy_ball(64)
    assert problem.rate == pytest.approx(2 * 0.526315789473684, rel=1e-14)
    assert problem.speed**2 == pytest.approx(0.328947368421053, rel=1e-14)
    assert problem.temperature / 2 == pytest.approx(0.015625, rel=1e-14)


def test_oscillator_against_exact_gaussian():
    errors, period = {}, 2 * np.pi / 4.55802844097073
    start, width = np.array([0.5, 0.0]), np.diag([0.0078, 0.16])
    for cells in (64, 128):
        problem = heavy_ball(cells)
        begin = fp.phase_gaussian(problem, start, covariance=width)
        path = fp.kinetic_evolve(problem, begin, [period / 4, period])
        mean, covariance = exact(problem, 2.0, start, width, period)
        gauss = fp.initial.gaussian(problem.phase_grid, mean, covariance=covariance)
        volume = problem.phase_grid.volume
        errors[cells] = np.abs(path.density[-1] - gauss).sum() * volume
        assert np.abs(path.density.sum(axis=(1, 2)) * volume - 1).max() < 1e-12
        assert path.mass_error < 1e-12
        assert path.time_error < 1e-10
    assert errors[128] < 1e-3
    assert np.log2(errors[64] / errors[128]) > 3.5
    assert np.abs(path.means[-1] - mean).max() < 1e-3 * 0.5
    assert path.minimum_density > -1e-3 * path.density.max()


@pytest.mark.slow
def test_oscillator_at_256_squared():
    problem, period = heavy_ball(256), 2 * np.pi / 4.55802844097073
    start, width = np.array([0.5, 0.0]), np.diag([0.0078, 0.16])
    path = fp.kinetic_evolve(problem, fp.phase_gaussian(problem, start, covariance=width), [period])
    mean, covariance = exact(problem, 2.0, start, width, period)
    gauss = fp.initial.gaussian(problem.phase_grid, mean, covariance=covariance)
    assert np.abs(path.density[-1] - gauss).sum() * problem.phase_grid.volume < 1e-4
    assert np.abs(path.means[-1] - mean).max() < 1e-4


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ([1.0, 0.0], [0.3, 2.5]),  # hotter than twice the temperature
        ([5.5, 0.0], [0.3, 0.8]),  # fifteen temperatures up the slope
        pytest.param([-1.0, 4.0], [0.5, 0.6], marks=pytest.mark.slow),  # fast
    ],
)
def test_starts_that_are_hot_or_far(mean, std):
    grid = fp.Grid.line(-8.5, 8.5, 180)
    problem = fp.Underdamped(grid, HARMONIC, 0.8, 1.0, modes=84)
    begin = fp.phase_gaussian(problem, mean, std)
    assert np.allclose(begin.mean, mean, atol=1e-8)
    assert np.allclose(begin.covariance, np.diag(np.square(std)), atol=1e-7)
    path = fp.kinetic_evolve(problem, begin, [0.7, 3.0, 30.0])
    for k, time in enumerate([0.7, 3.0]):
        m, c = exact(problem, 1.0, np.array(mean), np.diag(np.square(std)), time)
        assert np.allclose(path.means[k], m, atol=2e-3)
        assert np.allclose(path.covariances[k], c, atol=5e-3)
    assert np.allclose(path.covariances[-1], np.eye(2), atol=1e-6)
    assert path.mass_error < 1e-12


def test_stationary_state_and_its_current():
    problem = heavy_ball(128)
    found = fp.kinetic_stationary(problem)
    x, v = (axis.centres for axis in problem.phase_grid.axes)
    p = np.exp(-(x[:, None] ** 2) / problem.temperature - v**2 / (2 * problem.speed**2))
    p /= p.sum() * problem.phase_grid.volume
    current = np.stack([v * p, -2.0 / problem.mass * x[:, None] * p], axis=-1)
    assert np.abs(found.current - current).sum() < 1e-2 * np.abs(current).sum()
    assert np.abs(found.density - p).sum() < 1e-2 * p.sum()
    assert found.entropy_production < 1e-25
    assert found.irreversibility < 1e-12
    assert found.residual < 1e-13
    assert found.density.sum() * problem.phase_grid.volume == pytest.approx(1, abs=1e-13)
    assert (found.density >= 0).all()


def test_current_is_what_changes_the_moments():
    problem = quartic(0.5, 0.1)
    state = fp.phase_gaussian(problem, [-0.8, 0.1], [0.15, 0.25])
    found = fp.kinetic_current(problem, state)
    grid = problem.phase_grid
    x = grid.axes[0].centres
    assert found.field[..., 0].sum() * grid.volume == pytest.approx(0.1, abs=1e-4)
    drift = -(x**3 - x) @ state.density().sum(axis=1) * grid.volume - 0.5 * 0.1
    assert found.field[..., 1].sum() * grid.volume == pytest.approx(drift, abs=1e-3)
    assert abs(found.divergence.sum()) * grid.volume < 1e-12
    assert found.entropy_production > 0
    near = next(kinetic_evolve_steps(problem, state, [1e-4])).state
    slope = (near.density() - state.density()) / 1e-4
    assert np.allclose(-found.divergence, slope, atol=2e-3 * np.abs(slope).max())
    assert np.allclose(found.reversible + found.irreversible, found.field)


def test_entropy_relative_to_equilibrium_falls():
    problem = quartic(1.0, 0.1, cells=80)
    rest = fp.kinetic_stationary(problem).density
    begin = fp.phase_gaussian(problem, [-0.8, 0.0], [0.2, 0.3])
    path = fp.kinetic_evolve(problem, begin, np.geomspace(0.05, 200, 8))
    seen = rest > 1e-8 * rest.max()
    kl = []
    for p in path.density:
        q = np.maximum(p[seen], 1e-300)
        kl.append(float((q * np.log(q / rest[seen])).sum()) * problem.phase_grid.volume)
    assert (np.diff(kl) < 1e-9).all()
    assert kl[-1] < 0.1 * kl[0]


def test_mirrored_problem_has_mirrored_density():
    left = fp.landscapes.from_expression("(x**2 - 1)**2 / 4 + 0.1 * x", dim=1)
    right = fp.landscapes.from_expression("(x**2 - 1)**2 / 4 - 0.1 * x", dim=1)
    found = []
    for landscape, sign in ((left, 1), (right, -1)):
        problem = fp.Underdamped(fp.Grid.line(-2.4, 2.4, 100), landscape, 0.6, 0.1)
        begin = fp.phase_gaussian(problem, [-0.9 * sign, 0.2 * sign], [0.2, 0.25])
        found.append(fp.kinetic_evolve(problem, begin, [2.0]).density[0])
    assert np.allclose(found[0], found[1][::-1, ::-1], atol=1e-12)


@pytest.mark.slow
def test_a_hundred_million_times_and_the_slowest_rate():
    problem = quartic(1.0, 0.05, cells=128)
    begin = fp.phase_gaussian(problem, [-1.0, 0.0], [0.12, 0.2])
    path = fp.kinetic_evolve(problem, begin, [300.0, 600.0, 1e8, 1e12])
    left = 0.5 - path.density[:, 64:].sum(axis=(1, 2)) * problem.phase_grid.volume
    rate = np.log(left[0] / left[1]) / 300.0
    assert rate == pytest.approx(1.785350197622e-03, rel=1e-6)
    rest = fp.kinetic_stationary(problem).density
    assert np.abs(path.density[-1] - rest).sum() * problem.phase_grid.volume < 1e-8
    assert path.mass_error < 1e-12
    assert path.time_error < 1e-8
    assert path.methods == ("rational", "rational", "stationary", "stationary")


def test_free_particle_on_a_ring():
    grid = fp.Grid.line(-np.pi, np.pi, 64, walls="periodic")
    problem = fp.Underdamped(grid, FREE, 0.5, 0.4)
    begin = fp.phase_gaussian(problem, [0.0, 0.3], [0.5, 0.4])
    path = fp.kinetic_evolve(problem, begin, [1.0, 4.0])
    assert np.allclose(path.means[:, 1], 0.3 * np.exp(-0.5 * path.times), rtol=1e-8)
    # <cos x> of the free Gaussian that is wrapped around
    t = 1.0
    mean = 0.3 * (1 - np.exp(-0.5 * t)) / 0.5
    spread = (1 - np.exp(-0.5 * t)) / 0.5
    noise = 2 * 0.4 / 0.5 * (t - 2 * spread + (1 - np.exp(-t)) / (2 * 0.5))
    variance = 0.25 + 0.16 * spread**2 + noise
    x = grid.axes[0].centres
    marginal = path.density[0].sum(axis=1) * problem.phase_grid.volume
    shape = np.sin(grid.axes[0].spacing / 2) / (grid.axes[0].spacing / 2)
    expected = np.cos(mean) * np.exp(-variance / 2) * shape
    assert np.cos(x) @ marginal == pytest.approx(expected, abs=1e-5)


def test_densities_are_projected_and_given_back():
    problem = quartic(1.0, 0.1, cells=100)
    given = fp.initial.gaussian(problem.phase_grid, [-0.8, 0.1], [0.2, 0.3])
    state = fp.phase_state(problem, given)
    assert np.abs(state.density() - given).sum() * problem.phase_grid.volume < 3e-3
    assert state.mean == pytest.approx([-0.8, 0.1], abs=1e-6)
    thermal = fp.phase_thermal(problem, fp.initial.gaussian(problem.grid, -0.8, 0.2))
    assert thermal.covariance[1, 1] == pytest.approx(0.1, rel=1e-10)
    point = fp.phase_delta(problem, [-0.8, 0.1])
    assert point.mean == pytest.approx([-0.8, 0.1], abs=1e-8)
    assert "wide" in point.text


def test_equilibrium_stays():
    problem = quartic(0.3, 0.1, cells=80)
    state = equilibrium_state(problem)
    path = fp.kinetic_evolve(problem, state, [1.0, 1e5])
    assert np.allclose(path.density[0], state.density(), atol=1e-13)
    assert path.remarks == () or "walls" not in path.remarks[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"friction": 0.0}, "Newton"),
        ({"friction": -1.0}, "positive finite"),
        ({"friction": np.nan}, "positive finite"),
        ({"temperature": 0.0}, "follow paths"),
        ({"mass": 0.0}, "overdamped"),
        ({"modes": 7}, "even number"),
        ({"velocity": Axis(-0.3, 0.3, 32, name="v")}, "too short for the temperature"),
        ({"grid": fp.Grid.line(-2, 2, 40, walls="absorbing")}, "kinetic_first_passage"),
        ({"grid": fp.Grid.plane((-2, 2, 9), (-2, 2, 9))}, "on a line"),
    ],
)
def test_hostile_problems_are_refused(change, words):
    given = {
        "grid": fp.Grid.line(-2, 2, 40),
        "landscape": QUARTIC,
        "friction": 1.0,
        "temperature": 0.1,
    }
    with pytest.raises(fp.CaseError, match=words):
        fp.Underdamped(**(given | change))


def test_hostile_starts_are_refused():
    problem = quartic(1.0, 0.05, cells=60)
    with pytest.raises(fp.CaseError, match="below the cell width"):
        fp.phase_gaussian(problem, [0, 0], [0.01, 0.2])
    with pytest.raises(fp.CaseError, match="Hermite modes"):
        fp.phase_gaussian(problem, [0, 0], [0.2, 0.001])
    with pytest.raises(fp.CaseError, match="inside the walls"):
        fp.phase_gaussian(problem, [2.2, 0], [0.2, 0.2])
    with pytest.raises(fp.CaseError, match="finite numbers"):
        fp.phase_gaussian(problem, [np.nan, 0], [0.2, 0.2])
    with pytest.raises(fp.CaseError, match="shape"):
        fp.phase_state(problem, np.ones((3, 3)))
    with pytest.raises(fp.CaseError, match="increasing"):
        fp.kinetic_evolve(problem, equilibrium_state(problem), [2.0, 1.0])
    with pytest.raises(fp.CaseError, match="too coarse"):
        fp.kinetic_stationary(quartic(1.0, 1e-4, cells=30))
    ring = fp.Grid.line(-2, 2.5, 40, walls="periodic")
    with pytest.raises(fp.CaseError, match="periodic"):
        fp.kinetic_stationary(fp.Underdamped(ring, QUARTIC, 1.0, 0.1))


def test_walls_and_velocities_that_are_too_close_are_remarked_on():
    grid = fp.Grid.line(-1.3, 1.3, 60)
    axis = Axis(-0.9, 0.9, 40, name="v")
    problem = fp.Underdamped(grid, QUARTIC, 1.0, 0.1, velocity=axis)
    path = fp.kinetic_evolve(problem, equilibrium_state(problem), [1.0])
    assert any("walls are close" in r for r in path.remarks)
    assert any("velocity axis is short" in r for r in path.remarks)
    assert path.wall_mass > 1e-3
