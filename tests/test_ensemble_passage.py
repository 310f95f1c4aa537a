"""First passages of walkers against exact times, and intervals that hold what they promise."""

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.sampled_passage import agreement
from fokkerplanck.sampling import z_score
from fokkerplanck.schedule import Schedule
from fokkerplanck.sgd_settings import SGD

QUARTIC = fp.Problem(fp.Grid.line(-2.4, 2.4, 240), fp.landscapes.quartic(1), fp.noise.white(0.125))
#: theory B6, barrier over temperature 2
EXACT = 41.034280268736711806
#: theory C9, D = eb sqrt(V''^2 + 1), eb = 0.05: times from -1 to 1 in the three readings
READINGS = {"ito": 276.47604759344, "stratonovich": 339.87876787912}
READINGS["hanggi-klimontovich"] = 444.78824368261
#: theory C7, check 1b
JOINED = {"ito": 64.5854652588, "stratonovich": 98.8530005061}
JOINED["hanggi-klimontovich"] = 167.388071001


def flat_quartic(reading="ito", scale=0.01):
    """Quartic of scale 0.01 at learning rate 1 and batch size 10: eb = 0.05, eta h = 0.02."""
    landscape = fp.landscapes.from_expression(f"{scale} * (x**2 - 1)**2 / 4", 1)
    noise = fp.noise.hessian(1.0, 10, model="absolute", floor=scale, reading=reading)
    return fp.Problem(QUARTIC.grid, landscape, noise, sgd=SGD(1.0, 10)), scale


def joined_parabolas(eta, batch):
    """Landscape of theory C7 with H_a = 4, H_b = 1, Delta L = 1, and where the climb ends."""
    landscape = fp.landscapes.piecewise_quadratic(
        1, curvature=(4.0, 4.0), saddle_curvature=1.0, barrier=(1.0, 1.0)
    )
    start, end = landscape.minima[0], -landscape.joints[0]
    grid = fp.Grid.line(-6.0, 1.6, 700)
    noise = fp.noise.hessian(eta, batch)
    return fp.Problem(grid, landscape, noise, sgd=SGD(eta, batch)), start, end


@pytest.fixture(scope="module")
def crossing():
    """Paths over a barrier of 2 temperatures."""
    return fp.sample_passage(QUARTIC, -1.0, 1.0, walkers=3000, seed=2)


def test_paths_cross_in_the_exact_mean_time(crossing):
    assert abs(agreement(crossing, EXACT).statistic) < 3
    assert crossing.standard_error < 0.025 * EXACT
    assert crossing.arrived == crossing.walkers
    assert crossing.censored == crossing.lost == 0
    assert abs(crossing.step_error) < 4 * crossing.step_error_deviation
    low, high = crossing.interval
    assert low < crossing.mean < high
    assert crossing.rate == pytest.approx(1 / crossing.mean)


def test_times_have_the_law_of_the_survival(crossing):
    """Kolmogorov and Smirnov: the whole curve within 1.95 / sqrt(n), that is at the level 1e-3."""
    exact = fp.first_passage_distribution(QUARTIC, -1.0, 1.0)
    away = np.abs(crossing.survival(exact.times) - exact.survival).max()
    assert away < 1.95 / np.sqrt(crossing.walkers)


def test_walkers_given_up_count_as_far_as_they_came():
    found = fp.sample_passage(QUARTIC, -1.0, 1.0, walkers=3000, seed=2, most_steps=20_000)
    assert found.censored > 500
    assert "exponential" in found.note
    # the law starts late, so the exponential one is off by its dead time over the mean, some %
    assert abs(found.mean - EXACT) < 3 * found.standard_error + 0.06 * EXACT
    assert found.standard_error == pytest.approx(found.mean / np.sqrt(found.arrived))
    low, high = found.interval
    assert low * high == pytest.approx(found.mean**2)


def test_descent_obeys_the_ito_reading_and_no_other():
    """Learning rate times curvature 0.02: the mean escape time to 2 %, and the readings apart."""
    problem, scale = flat_quartic()
    found = fp.sample_passage(problem, -1.0, 1.0, walkers=3000, dynamics="sgd", seed=5)
    assert found.standard_error < 0.02 * found.mean
    distance = {r: agreement(found, time / scale).statistic for r, time in READINGS.items()}
    assert abs(distance["ito"]) < 3
    assert distance["stratonovich"] < -10
    assert distance["hanggi-klimontovich"] < -25
    solved = fp.mean_first_passage(problem, -1.0, 1.0).mean
    assert abs(agreement(found, solved).statistic) < 3


@pytest.mark.slow
def test_descent_picks_the_ito_reading_of_frozen_noise():
    """Theory C7, check 1b. Where D jumps the error of steps falls as their root: they are small."""
    problem, start, end = joined_parabolas(2.5e-4, 5e-4)
    found = fp.sample_passage(problem, start, end, walkers=4000, dynamics="sgd")
    distance = {r: agreement(found, time).statistic for r, time in JOINED.items()}
    assert found.standard_error < 0.02 * found.mean
    assert abs(distance["ito"]) < 3
    assert distance["stratonovich"] < -10
    assert distance["hanggi-klimontovich"] < -50


@pytest.mark.slow
@pytest.mark.parametrize("reading", READINGS)
def test_paths_follow_every_reading(reading):
    problem, scale = flat_quartic(reading)
    found = fp.sample_passage(problem, -1.0, 1.0, walkers=10_000, seed=1)
    assert abs(agreement(found, READINGS[reading] / scale).statistic) < 3.5


@pytest.mark.slow
def test_intervals_hold_the_exact_time_as_often_as_they_say():
    """Of 200 intervals at 90 %, 180 +- 4.2 hold it."""
    steep = fp.Problem(QUARTIC.grid, QUARTIC.landscape, fp.noise.white(0.3))
    exact = fp.mean_first_passage(steep, -1.0, 1.0).mean
    held = {False: 0, True: 0}
    for seed in range(200):
        found = fp.sample_passage(steep, -1.0, 1.0, walkers=200, seed=seed, confidence=0.9)
        held[False] += found.interval[0] < exact < found.interval[1]
    assert 166 <= held[False] <= 194


def test_a_set_starts_from_its_equilibrium():
    start, end = fp.sets.Basin([-1.0], QUARTIC.landscape), fp.sets.Ball([1.0], 0.1)
    found = fp.sample_passage(QUARTIC, start, end, walkers=2000)
    exact = fp.mean_first_passage(QUARTIC, start, end).mean
    assert abs(agreement(found, exact).statistic) < 3.5


def test_walls_compete_with_the_target():
    grid = fp.Grid.line(-1.0, 1.0, 100, walls="absorbing")
    flat = fp.Problem(grid, fp.landscapes.from_expression("0.3 * x", 1), fp.noise.white(0.5))
    found = fp.sample_passage(flat, 0.2, 0.7, walkers=2000, step=1e-3)
    exact = fp.mean_first_passage(flat, 0.2, 0.7)
    low, high = found.probability_interval
    assert found.lost > 100
    assert low - 0.01 < exact.probability < high + 0.01
    assert abs(agreement(found, exact.mean).statistic) < 4
    out = fp.sample_passage(flat, 0.2, "walls", walkers=2000, step=1e-3)
    exact = fp.mean_first_passage(flat, 0.2, "walls")
    assert out.lost == 0
    assert abs(agreement(out, exact.mean).statistic) < 4


def test_a_ring_is_met_from_both_sides():
    grid = fp.Grid.line(0.0, 2 * np.pi, 120, walls="periodic")
    ring = fp.Problem(grid, fp.landscapes.from_expression("cos(x) / 4", 1), fp.noise.white(0.5))
    for end in (0.5, fp.sets.Ball([0.1], 0.4)):
        found = fp.sample_passage(ring, 3.0, end, walkers=2000, seed=3)
        exact = fp.mean_first_passage(ring, 3.0, end).mean
        assert abs(agreement(found, exact).statistic) < 3.5
    with pytest.raises(fp.CaseError, match="give it a radius"):
        fp.sample_passage(ring, 3.0, 0.5, walkers=10, dynamics="sgd", step=0.1)


def test_hopeless_runs_are_refused_with_advice():
    cold = fp.Problem(QUARTIC.grid, QUARTIC.landscape, fp.noise.white(0.0125))
    with pytest.raises(fp.NumericalError, match=r"Fokker-Planck equation instead .*auto"):
        fp.sample_passage(cold, -1.0, 1.0)
    with pytest.raises(fp.NumericalError, match=r"none of the walkers .*most_steps"):
        fp.sample_passage(cold, -1.0, 1.0, walkers=100, most_steps=100)


def test_threads_make_no_difference(monkeypatch):
    def found():
        passage = fp.sample_passage(QUARTIC, -1.0, 1.0, walkers=300, step=0.02)
        densities = fp.sample_densities(QUARTIC, [-1.0], [0.7, 1.0], walkers=3000, step=0.02)
        return passage.times, densities.density

    monkeypatch.setattr("fokkerplanck.solvers.ensemble.available_threads", lambda: 1)
    alone = found()
    monkeypatch.setattr("fokkerplanck.solvers.ensemble.available_threads", lambda: 3)
    for one, many in zip(alone, found(), strict=True):
        assert np.array_equal(one, many)


def test_what_has_no_meaning_is_refused():
    changing = fp.noise.white(0.1, schedule=Schedule.expression("exp(-t)"))
    problem = fp.Problem(QUARTIC.grid, QUARTIC.landscape, changing)
    with pytest.raises(fp.CaseError, match="schedule"):
        fp.sample_passage(problem, -1.0, 1.0)
    slowing = SGD(0.1, 10, learning_rate_of_t="0.1 / (1 + t)", batch_size_of_t="10 / (1 + t)")
    problem = fp.Problem(QUARTIC.grid, QUARTIC.landscape, QUARTIC.noise, sgd=slowing)
    with pytest.raises(fp.CaseError, match="learning rate that does not change"):
        fp.sample_passage(problem, -1.0, 1.0, dynamics="sgd")
    with pytest.raises(fp.CaseError, match="lies in the target"):
        fp.sample_passage(QUARTIC, 1.0, fp.sets.Ball([1.0], 0.1))


def test_agreement_is_a_z_score():
    test = z_score(-1.96, 1.0)
    assert test.p == pytest.approx(0.05, rel=1e-3)
    assert test.agrees
    assert not z_score(4.0, 1.0).agrees
