"""Walkers under stable noise against closed forms: variates, exits, landing, flows, streams."""

import numpy as np
import pytest
from scipy.special import betainc
from scipy.stats import kstest

import fokkerplanck as fp
from fokkerplanck.ensemble_start import NormalStart
from fokkerplanck.sets import Ball, Box, HalfPlane
from fokkerplanck.solvers.field_tables import line_tables, plane_tables
from fokkerplanck.solvers.hit_targets import LineTarget, PlaneTarget
from fokkerplanck.solvers.levy_walk import LevyWalk, jump_law, stable_variates
from fokkerplanck.theory.levy import getoor_time, jump_constant, levy_ou_characteristic

FLAT = fp.landscapes.from_expression("0*x", 1)
PARABOLA = fp.landscapes.from_expression("x**2/2", 1)
CLOUD = NormalStart.of([0.5], [0.1])
KILLED = (("absorbing", "absorbing"),) * 2


def flat(half=1.0):
    x = np.linspace(-half, half, 9)
    return line_tables(x, *[np.zeros(9)] * 4)


def flat_plane(half=1.0):
    x = np.linspace(-half, half, 9)
    return plane_tables(x, x, np.zeros((9, 9, 2)), np.zeros((2, 2)))


def cubic(half):
    """Drift -x^3, of which tables are exact."""
    x = np.linspace(-half, half, 65)
    return line_tables(x, -(x**3), -3 * x**2, *[np.zeros(65)] * 2)


def landing(where, alpha):
    """Law of 1 / y^2 at the exit from (-1, 1), from the centre: uniform if it is that of BGR."""
    return betainc(alpha / 2, 1 - alpha / 2, 1.0 / where[:, 0] ** 2)


def near(sample, mean, errors=4.0):
    return abs(sample.mean() - mean) < errors * sample.std() / np.sqrt(len(sample))


# --- variates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.5, 2.0])
def test_variates_have_the_stable_law(alpha):
    x = stable_variates(3, 100, 50, alpha).ravel()
    assert kstest(fp.StableLaw(alpha).tail(x), "uniform").pvalue > 1e-3
    assert abs((x > 0).mean() - 0.5) < 4 * 0.5 / np.sqrt(x.size)


def test_variates_are_continuous_at_the_cauchy_law():
    near_one, one = stable_variates(5, 1000, 1, 1 + 1e-9), stable_variates(5, 1000, 1, 1.0)
    np.testing.assert_allclose(near_one, one, rtol=1e-6)


@pytest.mark.parametrize("alpha", [0.8, 1.5, 2.0])
def test_pairs_have_the_isotropic_law(alpha):
    pairs = stable_variates(4, 200, 100, alpha, isotropic=True).reshape(-1, 2)
    for angle in (0.0, 0.7, 2.0):
        way = 0.9 * np.array([np.cos(angle), np.sin(angle)])
        assert near(np.cos(pairs @ way), np.exp(-(0.9**alpha)))


def test_constants_of_jumps():
    for alpha in (0.5, 1.2, 1.9):
        law = jump_law(alpha, 1.3, 1)
        c = 1.3**alpha * jump_constant(alpha)
        assert law.rate == pytest.approx(2 * c / alpha, rel=1e-12)
        assert law.variance == pytest.approx(2 * c / (2 - alpha), rel=1e-12)
        for dim in (1, 2):
            ball = jump_law(alpha, 1.3, dim).ball
            assert ball == pytest.approx(float(getoor_time(0, alpha, scale=1.3, dim=dim)))
    # at 2 nothing jumps, and short jumps have all the variance, 2 s^2 per time
    assert jump_law(2.0, 1.3, 2).rate == 0.0
    assert jump_law(2.0, 1.3, 2).variance == pytest.approx(2 * 1.3**2)


def test_bad_indices_are_refused():
    with pytest.raises(ValueError, match="at most 2"):
        stable_variates(0, 1, 1, 2.5)
    with pytest.raises(ValueError, match="positive scale"):
        LevyWalk(flat(), 1.0, -1.0, 0.0, 0.1)


# --- walks ----------------------------------------------------------------------------------------


def test_bits_depend_on_neither_threads_nor_company():
    starts = np.linspace(-0.9, 0.9, 60)[:, None]
    for fixed in (False, True):

        def walk(count, threads, seed=7, fixed=fixed):
            made = LevyWalk(
                flat(), 1.3, 1.0, 0.1, 0.02, KILLED, fixed=fixed, seed=seed, threads=threads
            )
            hits = made.first_hits(starts[:count], None, 50.0)
            return hits.times, hits.where, *made.snapshots(starts[:count], [0.1, 0.3])

        one, two, some = walk(60, 1), walk(60, 2), walk(20, 2)
        for a, b, c in zip(one, two, some, strict=True):
            assert np.array_equal(a, b, equal_nan=True)
            assert np.array_equal(a[:20], c, equal_nan=True)
        assert not np.array_equal(one[0], walk(60, 1, seed=8)[0])


def test_walks_that_are_interrupted_go_on_with_the_same_noise():
    walk = LevyWalk(flat(5.0), 1.5, 1.0, 0.0, 0.01, fixed=True, seed=1, threads=1)
    starts = np.zeros((10, 1))
    whole = next(walk.snapshots(starts, [0.5]))
    parts = list(walk.snapshots(starts, [0.1, 0.2, 0.5]))[-1]
    np.testing.assert_allclose(whole, parts, rtol=1e-12)


def test_the_flow_comes_back_from_afar():
    """x' = -x^3 from 1e4 and 3 by steps in which explicit ones would explode."""
    starts, time = np.array([[1e4], [3.0], [-0.5]]), 0.5
    walk = LevyWalk(cubic(1e4), 1.5, 1e-12, 0.0, 0.05, fixed=True)
    found = next(walk.snapshots(starts, [time]))
    exact = starts / np.sqrt(1 + 2 * starts**2 * time)
    np.testing.assert_allclose(found, exact, rtol=2e-3)


def test_leaving_an_interval():
    """Getoor's mean time, and where the first jump beyond leads (Blumenthal, Getoor and Ray)."""
    alpha = 1.5
    walk = LevyWalk(flat(), alpha, 1.0, 0.0, 0.01, KILLED, seed=3)
    hits = walk.first_hits(np.zeros((2000, 1)), None, 100.0)
    assert (hits.shape == -2).all()
    assert near(hits.times, float(getoor_time(0.0, alpha)))
    assert kstest(landing(hits.where, alpha), "uniform").pvalue > 1e-3


def test_jumps_over_a_target_do_not_count():
    target = LineTarget(np.array([[1.0, 1.3]]))
    walk = LevyWalk(flat(4.0), 0.8, 1.0, 0.0, 0.05, KILLED, seed=5)
    hits = walk.first_hits(np.zeros((1000, 1)), target, 100.0)
    met, lost = hits.shape == 0, hits.shape == -2
    assert met.any()
    assert lost.any()
    assert ((hits.where[met] >= 1.0) & (hits.where[met] <= 1.3)).all()
    assert (np.abs(hits.where[lost]) >= 4.0).all()
    assert not hits.crept.any()


def test_suppressed_jumps_leave_walkers_where_they_are():
    walls = (("suppressed", "stopped"),)
    walk = LevyWalk(flat(), 1.0, 3.0, 0.0, 0.5, walls, fixed=True, seed=2)
    starts = np.full((2000, 1), 0.25)
    x = next(walk.snapshots(starts, [0.5]))[:, 0]
    jump = 1.5 * stable_variates(2, 2000, 1, 1.0)[:, 0]
    z = 0.25 + jump
    np.testing.assert_allclose(x, np.where(z < -1.0, 0.25, np.minimum(z, 1.0)), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target": 0.5}, "a point"),
        ({"scheme": "milstein"}, "the scheme"),
        ({"step": -1.0}, "step"),
        ({"most_time": 0.0}, "longest time"),
        ({"target": Ball((0.0,), 0.1)}, "lies in the target"),
        ({"walkers": 1}, "walkers"),
    ],
)
def test_mistakes_are_named(change, words):
    problem = fp.Levy(fp.Grid.line(-1, 1, 64, walls="absorbing"), FLAT, 1.5, 1.0)
    given = {"start": 0.0, "target": "walls", **change}
    with pytest.raises(fp.CaseError, match=words):
        fp.sample_levy_passage(problem, **given)


# --- exits, slowly --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5, 1.8])
def test_exits_at_getoors_time_with_landing_as_it_should_be(alpha):
    problem = fp.Levy(fp.Grid.line(-1, 1, 64, walls="absorbing"), FLAT, alpha, 1.0)
    found = fp.sample_levy_passage(problem, 0.0, "walls", walkers=10_000, seed=1)
    exact = float(getoor_time(0.0, alpha))
    assert abs(found.mean - exact) < 4 * found.standard_error
    assert abs(found.step_error) < 4 * found.step_error_deviation
    assert (found.creeps, found.creeps_interval) == (0.0, (0.0, 0.0))
    # P(depth <= d) = I(1 - (1 + d)^-2); below rounding depths are 0
    levels, low, high = found.levels, *found.depth_intervals.T
    share = [betainc(1 - alpha / 2, alpha / 2, d * (2 + d) / (1 + d) ** 2) for d in (low, high)]
    seen = found.depth_quantiles > 1e-13
    assert seen.sum() >= 3
    slack = 0.006
    assert (share[0] - slack < levels)[seen].all()
    assert (levels < share[1] + slack)[seen].all()
    deep = found.depth[found.depth > 1e-12]
    below = betainc(1 - alpha / 2, alpha / 2, 1e-12 * 2)
    law = betainc(1 - alpha / 2, alpha / 2, deep * (2 + deep) / (1 + deep) ** 2)
    assert abs(len(deep) / found.arrived - (1 - below)) < 4 * np.sqrt(below / found.arrived) + 1e-4
    assert kstest((law - below) / (1 - below), "uniform").pvalue > 1e-3


@pytest.mark.slow
def test_eulers_steps_arrive_late_and_their_step_error_says_so():
    problem = fp.Levy(fp.Grid.line(-1, 1, 64, walls="absorbing"), FLAT, 1.5, 1.0)
    found = fp.sample_levy_passage(
        problem, 0.0, "walls", walkers=10_000, seed=1, scheme="euler", step=0.03
    )
    late = found.mean - float(getoor_time(0.0, 1.5))
    assert late > 5 * found.standard_error
    assert found.step_error > 3 * found.step_error_deviation
    assert 0.3 < found.step_error / late < 1.5


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.8, 1.5])
def test_leaving_a_disc(alpha):
    target = PlaneTarget.disc((0.0, 0.0), 1.0, outside=True)
    walk = LevyWalk(flat_plane(2.0), alpha, 1.0, 0.0, 0.01, KILLED, seed=4)
    start = np.tile([0.3, 0.4], (10_000, 1))
    hits = walk.first_hits(start, target, 100.0)
    assert near(hits.times, float(getoor_time(0.5, alpha, dim=2)))
    centre = walk.first_hits(0.0 * start, target, 100.0)
    law = betainc(alpha / 2, 1 - alpha / 2, 1.0 / (centre.where**2).sum(axis=1))
    assert kstest(law, "uniform").pvalue > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("alpha", "temperature"), [(0.8, 0.0), (1.5, 0.0), (1.0, 0.2), (1.5, 0.3), (2.0, 0.0)]
)
def test_exits_from_a_parabola_agree_with_the_equation(alpha, temperature):
    line = fp.Grid.line(-3, 1, 1000, walls=("reflecting", "absorbing"))
    problem = fp.Levy(line, PARABOLA, alpha, 0.5, temperature)
    exact = fp.levy_exit(problem, 0.0)
    found = fp.sample_levy_passage(problem, 0.0, "walls", walkers=10_000, seed=6)
    error = np.hypot(found.standard_error, exact.error * exact.mean)
    assert abs(found.mean - exact.mean) < 4 * error
    assert found.unresolved == 0
    assert (found.creeps > 0) == (temperature > 0 or alpha == 2.0)


@pytest.mark.slow
def test_drift_carries_walkers_over_the_edge_where_jumps_are_rarer_than_it():
    """Index 0.6, drift 1 towards the edge: some creep there; the time is that of the equation."""
    slope = fp.landscapes.from_expression("-x", 1)
    line = fp.Grid.line(-3, 1, 1000, walls=("reflecting", "absorbing"))
    problem = fp.Levy(line, slope, 0.6, 0.3)
    found = fp.sample_levy_passage(problem, 0.0, "walls", walkers=10_000, seed=6)
    exact = fp.levy_exit(problem, 0.0)
    assert abs(found.mean - exact.mean) < 4 * np.hypot(found.standard_error, exact.error)
    crept = (found.depth == 0.0).mean()
    assert 0.2 < crept < 0.95
    assert found.creeps == crept


@pytest.mark.slow
def test_gaussian_noise_is_that_of_the_other_ensembles():
    grid = fp.Grid.line(-2.4, 2.4, 240)
    quartic = fp.landscapes.quartic(1)
    problem = fp.Levy(grid, quartic, 2.0, np.sqrt(0.125))
    found = fp.sample_levy_passage(problem, -1.0, HalfPlane((1.0,), 1.0), walkers=1500, seed=2)
    exact = fp.mean_first_passage(fp.Problem(grid, quartic, fp.noise.white(0.125)), -1.0, 1.0)
    assert abs(found.mean - exact.mean) < 4 * found.standard_error
    assert found.creeps == 1.0
    assert found.depth.max() == 0.0


# --- densities, slowly ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.8, 1.0, 1.5, 2.0])
def test_a_parabola_has_the_stable_law_of_the_theory(alpha):
    x = np.linspace(-1e6, 1e6, 9)
    tables = line_tables(x, -x, -np.ones(9), *[np.zeros(9)] * 2)
    walk = LevyWalk(tables, alpha, 1.0, 0.0, 0.05, fixed=True, seed=9)
    times = [0.5, 8.0]
    for time, x in zip(times, walk.snapshots(np.full((40_000, 1), 1.5), times), strict=True):
        for w in (0.3, 1.0, 2.0):
            exact = levy_ou_characteristic(w, alpha, 1.0, time=time, start=1.5)
            assert near(np.cos(w * x[:, 0]), float(exact.real))
            assert near(np.sin(w * x[:, 0]), float(exact.imag))


@pytest.mark.slow
def test_independent_components_have_their_own_scales():
    x = np.linspace(-1e6, 1e6, 9)
    xy = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1)
    tables = plane_tables(x, x, -xy, np.zeros((2, 2)))
    for fixed in (True, False):
        walk = LevyWalk(tables, 1.3, (1.0, 0.4), 0.0, 0.05, independent=True, fixed=fixed, seed=9)
        found = next(walk.snapshots(np.zeros((20_000, 2)), [6.0]))
        for w in ([1.0, 0.0], [0.0, 2.0], [1.0, -1.5]):
            exact = np.exp(-np.sum(np.abs(np.array(w) * [1.0, 0.4]) ** 1.3) / 1.3)
            assert near(np.cos(found @ w), exact)


@pytest.mark.slow
@pytest.mark.parametrize("outside", ["stopped", "suppressed"])
def test_histograms_agree_with_the_equation_beside_walls(outside):
    grid = fp.Grid.line(-2, 2, 40)
    landscape = fp.landscapes.from_expression("x**2/2 + x/4", 1)
    problem = fp.Levy(grid, landscape, 1.4, 0.6, outside=outside)
    found = fp.sample_levy_densities(problem, CLOUD, [0.2, 1.0], walkers=10_000, seed=3, step=0.004)
    fine = fp.Levy(fp.Grid.line(-2, 2, 800), landscape, 1.4, 0.6, outside=outside)
    start = np.exp(-((fine.nodes - 0.5) ** 2) / (2 * 0.1**2)) / (0.1 * np.sqrt(2 * np.pi))
    path = fp.levy_evolve(fine, start, [0.2, 1.0])
    for k in range(2):
        exact = path.density[k].reshape(40, -1).mean(axis=1)
        off = np.abs(found.density[k] - exact).sum() * 0.1
        assert off < 1.6 * found.sampling_error[k]


@pytest.mark.slow
def test_walkers_that_are_left_between_absorbing_walls():
    grid = fp.Grid.line(-1, 1, 40, walls="absorbing")
    problem = fp.Levy(grid, PARABOLA, 1.2, 0.7)
    found = fp.sample_levy_densities(
        problem, NormalStart.of([0.3], [0.1]), [0.5], walkers=10_000, seed=3
    )
    fine = fp.Levy(fp.Grid.line(-1, 1, 800, walls="absorbing"), PARABOLA, 1.2, 0.7)
    start = np.exp(-((fine.nodes - 0.3) ** 2) / (2 * 0.1**2)) / (0.1 * np.sqrt(2 * np.pi))
    path = fp.levy_evolve(fine, start, [0.5])
    mass = found.density[0].sum() * grid.volume
    assert abs(mass - path.mass[0]) < 4 * np.sqrt(mass * (1 - mass) / 10_000)


@pytest.mark.slow
@pytest.mark.parametrize("sampled", [False, True])
def test_cauchy_noise_in_a_double_well(sampled):
    """The closed form of the stationary density, from a formula and from samples of the loss."""
    from fokkerplanck.theory.levy import cauchy_double_well

    grid = fp.Grid.line(-20, 20, 400)
    landscape = fp.landscapes.from_expression("x**4/4 - x**2/2", 1)
    if sampled:
        x = np.linspace(-20, 20, 2001)
        landscape = fp.landscapes.sampled(x, None, x**4 / 4 - x**2 / 2)
    problem = fp.Levy(grid, landscape, 1.0, 1.0)
    found = fp.sample_levy_densities(problem, [1.0], [8.0], walkers=10_000, seed=3)
    fine = np.linspace(-20, 20, 400 * 20 + 1)
    middle = 0.5 * (fine[1:] + fine[:-1])
    exact = cauchy_double_well(middle, 1.0).reshape(400, 20).mean(axis=1)
    off = np.abs(found.density[-1] - exact).sum() * 0.1
    assert off < 1.3 * found.sampling_error[-1]
    assert found.step_error[-1] < 2 * found.sampling_error[-1]


@pytest.mark.slow
def test_basins_and_boxes_are_targets_too():
    grid = fp.Grid.line(-3, 3, 600)
    landscape = fp.landscapes.quartic(1)
    problem = fp.Levy(grid, landscape, 1.2, 0.3)
    basin = fp.sample_levy_passage(problem, -1.0, HalfPlane((1.0,), 0.0), walkers=4000, seed=1)
    exact = fp.levy_first_passage(problem, -1.0, HalfPlane((1.0,), 0.0))
    assert abs(basin.mean - exact.mean) < 4 * basin.standard_error
    box = fp.sample_levy_passage(problem, -1.0, Box(((0.8, 1.2),)), walkers=1000, seed=1)
    assert box.mean > basin.mean
    assert (box.landing >= 0.8).all()
    assert (box.landing <= 1.2).all()
