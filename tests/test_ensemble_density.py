"""Densities of walkers against closed forms, and the errors that are stated beside them."""

import numpy as np
import pytest
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

import fokkerplanck as fp
from fokkerplanck.ensemble_fields import ensemble_fields
from fokkerplanck.ensemble_plan import Plan
from fokkerplanck.ensemble_start import NormalStart, positions_in, positions_of
from fokkerplanck.sampling import chi_squared, expected_distances, moments_with_errors, wilson
from fokkerplanck.schedule import Schedule
from fokkerplanck.sgd_settings import SGD

#: dx = -x dt + sqrt(0.2) dW
GRID = fp.Grid.line(-2.0, 2.0, 80)
PARABOLA = fp.landscapes.from_expression("x**2 / 2", 1)
HOOKE = fp.Problem(GRID, PARABOLA, fp.noise.white(0.1))
QUARTIC = fp.Problem(fp.Grid.line(-2.4, 2.4, 240), fp.landscapes.quartic(1), fp.noise.white(0.125))
START = fp.initial.gaussian(QUARTIC.grid, -1.0, 0.2)
H = np.array([[2.0, 0.5], [0.5, 1.0]])
BOWL = fp.landscapes.from_expression("x**2 + x*y/2 + y**2/2", 2)


@pytest.fixture(scope="module")
def hooke():
    """Walkers from x = 1 at two times."""
    return fp.sample_densities(HOOKE, [1.0], [0.3, 1.5], walkers=40_000, seed=4)


def test_paths_have_the_density_of_ornstein_and_uhlenbeck(hooke):
    for k, t in enumerate(hooke.times):
        mean, variance = np.exp(-t), 0.1 * (1 - np.exp(-2 * t))
        exact = fp.initial.gaussian(GRID, mean, np.sqrt(variance)) * GRID.volume
        test = chi_squared(hooke.density[k] * GRID.volume, exact, (hooke.walkers, None))
        assert test.p > 1e-3
        assert abs(hooke.mean[k, 0] - mean) < 4 * hooke.mean_error[k, 0] + 0.01 * mean * 0.01
        assert abs(hooke.covariance[k, 0, 0] - variance) < 4 * hooke.covariance_error[k, 0, 0] + (
            variance * hooke.step
        )


def test_standard_errors_are_those_of_the_binomial_law(hooke):
    share = hooke.density * GRID.volume
    expected = np.sqrt(share * (1 - share) / hooke.walkers) / GRID.volume
    assert np.allclose(hooke.density_error, expected)
    assert share.sum(axis=1) == pytest.approx(1.0, abs=1e-12)


def test_the_same_seed_gives_the_same_walkers_and_another_gives_others():
    def sampled(seed):
        return fp.sample_densities(HOOKE, [1.0], [0.1], walkers=3000, seed=seed).density

    assert np.array_equal(sampled(1), sampled(1))
    assert not np.array_equal(sampled(1), sampled(2))


def test_occupations_have_wilsons_intervals():
    found = fp.sample_densities(QUARTIC, START, [0.0, 2.0], walkers=5000)
    exact = fp.evolve(QUARTIC, START, [2.0]).density[0]
    left = QUARTIC.grid.integrate(exact[:120])
    low, high = found.basin_intervals[1, 0]
    assert low < left < high
    assert found.basins.sum(axis=1) == pytest.approx(1.0)
    assert found.basins[0, 0] > 0.999


def test_a_schedule_is_followed():
    """Theory E9: D = D0 e^(-t/3), h = 1, S0 = D0 = 0.1; S(2) = 0.0612437415061364."""
    noise = fp.noise.white(0.1, schedule=Schedule.expression("exp(-t / 3)"))
    problem = fp.Problem(GRID, PARABOLA, noise)
    found = fp.sample_densities(
        problem, NormalStart.of([0.0], [np.sqrt(0.1)]), [2.0], walkers=40_000
    )
    deviation = found.covariance_error[0, 0, 0]
    assert abs(found.covariance[0, 0, 0] - 0.0612437415061364) < 4 * deviation


def test_legs_follow_learning_rates_that_change():
    sgd = SGD(0.01, 1, learning_rate_of_t="0.01 / (1 + t)", batch_size_of_t="1 / (1 + t)")
    problem = fp.Problem(GRID, PARABOLA, fp.noise.white(0.005), sgd=sgd)
    legs = Plan.of(problem, "sgd").legs([1.0, 3.0])
    taken = sum(leg.steps for leg in legs)
    assert taken == round(float(sgd.steps(3.0)))
    assert [leg.end for leg in legs if leg.output] == pytest.approx([1.0, 3.0], abs=0.01)
    assert all(leg.step == pytest.approx(0.01 / (1 + leg.begin), rel=0.03) for leg in legs)


def test_descent_has_its_own_variance():
    """The discrete formula eta c / (h (2 - eta h)) with c = 2 D / eta, far from D / h."""
    found = fp.sample_densities(HOOKE, [0.0], [20.0], walkers=20_000, step=0.4, dynamics="sgd")
    exact = 0.1 * 2 / (2 - 0.4)
    assert abs(found.covariance[0, 0, 0] - exact) < 3 * found.covariance_error[0, 0, 0]
    assert exact - 0.1 > 10 * found.covariance_error[0, 0, 0]
    assert found.step_error is None
    assert found.times[0] == 20.0


@pytest.mark.slow
@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_descent_in_the_plane_has_the_discrete_covariance(beta):
    """Theory E2 to 1 %: S = eta / (B (1 - beta)) (2 I - eta H / (1 + beta))^-1."""
    eta, batch = 0.2, 16
    sgd = SGD(eta, batch, momentum=beta)
    grid = fp.Grid.plane((-1.0, 1.0, 64), (-1.0, 1.0, 64))
    problem = fp.Problem(grid, BOWL, fp.noise.tensor(sgd.eb * H), sgd=sgd)
    found = fp.sample_densities(problem, [0.0, 0.0], [60.0], walkers=400_000, dynamics="sgd")
    exact = eta / batch / (1 - beta) * np.linalg.inv(2 * np.eye(2) - eta * H / (1 + beta))
    diagonal = np.diagonal(found.covariance[0]) / np.diagonal(exact)
    assert np.abs(diagonal - 1).max() < 0.01
    assert np.abs(found.covariance[0] - exact).max() < 0.01 * np.linalg.norm(exact, 2)
    continuous = sgd.eb * np.eye(2)
    assert np.abs(continuous - exact).max() > 0.1 * np.linalg.norm(exact, 2)


@pytest.mark.slow
def test_descent_with_one_ratio_of_learning_rate_and_batch_has_one_density():
    """Three pairs, learning rate times curvature up to 0.02, within sampling error."""
    landscape = fp.landscapes.from_expression("0.01 * (x**2 - 1)**2 / 4", 1)
    noise = fp.noise.hessian(1.0, 10, model="absolute", floor=0.01)
    solved = fp.evolve(fp.Problem(QUARTIC.grid, landscape, noise), START, [4000.0]).density[0]
    for k, eta in enumerate((0.25, 0.5, 1.0)):
        noise = fp.noise.hessian(eta, 10 * eta, model="absolute", floor=0.01)
        problem = fp.Problem(QUARTIC.grid, landscape, noise, sgd=SGD(eta, 10 * eta))
        found = fp.sample_densities(
            problem, START, [4000.0], walkers=20_000, dynamics="sgd", seed=k
        )
        volume = QUARTIC.grid.volume
        assert chi_squared(found.density[0] * volume, solved * volume, (20_000, None)).p > 1e-3


def test_paths_under_constant_noise_are_of_weak_order_two():
    """Moments of one step against those of dx = -H x dt: error of the stationary law ~ h^2."""
    tensor = np.array([[0.3, 0.1], [0.1, 0.2]])
    grid = fp.Grid.plane((-1.0, 1.0, 16), (-1.0, 1.0, 16))
    problem = fp.Problem(grid, BOWL, fp.noise.tensor(tensor))
    fields = ensemble_fields(problem, 1.0)
    exact = solve_continuous_lyapunov(H, 2 * tensor)

    def error(step):
        made = fields.for_step(step)
        slope = np.stack([made.drift[-1, 32], made.drift[32, -1]], axis=-1)
        noise = made.diffusion[32, 32]
        found = solve_discrete_lyapunov(np.eye(2) + step * slope, 2 * step * noise)
        return np.abs(found - exact).max()

    errors = [error(step) for step in (0.04, 0.02, 0.01)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert orders == pytest.approx(2.0, abs=0.1)
    assert errors[-1] < 2e-5


def test_walkers_start_where_they_should():
    rng = np.random.default_rng(0)
    density = fp.initial.uniform(GRID)
    density[:40] = 0.0
    x = positions_of(density, GRID, 1000, rng)
    assert x.min() > 0.0
    assert x.max() < 2.0
    part = fp.sets.Ball([-1.0], 0.3)
    inside = positions_in(part, fp.sets.Ball([-1.2], 0.1), QUARTIC, 1000, rng)[:, 0]
    assert np.abs(inside + 1.0).max() <= 0.3
    assert np.abs(inside + 1.2).min() >= 0.1
    with pytest.raises(fp.CaseError, match="shape"):
        positions_of(np.ones(7), GRID, 10, rng)
    with pytest.raises(fp.CaseError, match="outside"):
        positions_of([5.0], GRID, 10, rng)


def test_statistics_of_counts():
    rng = np.random.default_rng(1)
    p = fp.initial.gaussian(GRID, 0.0, 0.4)
    mass, n = p * GRID.volume, 2000
    draws = rng.multinomial(n, mass / mass.sum(), size=300) / n
    away = np.abs(draws - mass)
    expected = expected_distances(p, GRID, (n, None))
    assert expected["l1"] == pytest.approx(away.sum(axis=1).mean(), rel=0.05)
    below = np.abs(draws.cumsum(axis=1) - mass.cumsum()).sum(axis=1) * GRID.spacing[0]
    assert expected["w1"] == pytest.approx(below.mean(), rel=0.1)
    levels = np.array([chi_squared(d, mass, (n, None)).p for d in draws])
    pairs = np.array(
        [chi_squared(a, b, (n, n)).p for a, b in zip(draws[::2], draws[1::2], strict=True)]
    )
    for values in (levels, pairs):  # p is uniform if the laws are the same
        assert values.mean() == pytest.approx(0.5, abs=0.1)
        assert np.mean(values < 0.05) < 0.12
    other = fp.initial.gaussian(GRID, 0.1, 0.4) * GRID.volume
    assert chi_squared(draws[0], other, (n, None)).p < 1e-6
    low, high = wilson(rng.binomial(50, 0.02, size=2000), 50, 0.95).T
    assert np.mean((low <= 0.02) & (high >= 0.02)) > 0.9
    x = rng.standard_normal((400, 1000, 2)) @ np.array([[1.0, 0.3], [0.0, 0.5]])
    means, covariances, errors = zip(
        *((m[0], m[2], m[3]) for m in map(moments_with_errors, x)), strict=True
    )
    assert np.std(covariances, axis=0) == pytest.approx(np.mean(errors, axis=0), rel=0.15)
    assert np.std(means, axis=0) == pytest.approx(np.sqrt([1.0, 0.34]) / np.sqrt(1000), rel=0.15)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"walkers": 1}, "walkers is a whole number"),
        ({"step": -1.0}, "positive"),
        ({"step": 0.9}, "too long for paths"),
        ({"step": 1e-12}, "hours; take fewer walkers"),
        ({"dynamics": "gd"}, "one of sde, sgd"),
        ({"dynamics": "sgd"}, "learning_rate"),
        ({"confidence": 95}, "between 0 and 1"),
    ],
)
def test_messages_name_what_is_wrong(options, words):
    with pytest.raises(fp.CaseError, match=words):
        fp.sample_densities(HOOKE, [0.0], [1.0], **{"walkers": 10, **options})


def test_times_increase():
    with pytest.raises(fp.CaseError, match="increase"):
        fp.sample_densities(HOOKE, [0.0], [1.0, 0.5], walkers=10)
