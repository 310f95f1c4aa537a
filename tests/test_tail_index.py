"""Stable laws, and the index of samples: unbiased, with errors that are right."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest
from scipy.special import digamma, gammaln
from scipy.stats import chi2, kstest, levy_stable

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.tail_index import block_estimate
from fokkerplanck.tail_index_fit import goodness_of_fit
from fokkerplanck.tail_index_regression import empirical_modulus, fit_stable
from fokkerplanck.tail_index_scan import block_scan
from fokkerplanck.tail_index_stable import StableLaw

ALPHAS = (1.0, 1.2, 1.5, 1.8, 2.0)
#: samples of each index, as the sheet of theory asks for; chance of a wrong alarm in each test
SAMPLES, CHANCE = 20, 1e-3


def rng_of(*key):
    return np.random.default_rng(key)


def within(statistic, freedom):
    low, high = chi2.ppf([CHANCE / 2, 1 - CHANCE / 2], freedom)
    return low < statistic < high


# stable laws


@pytest.mark.parametrize("alpha", [0.7, *ALPHAS])
def test_logarithms_of_samples_have_their_moments(alpha):
    law, n = StableLaw(alpha, 3.0), 200_000
    logs = np.log(np.abs(law.sample(n, rng_of(1))))
    assert abs(logs.mean() - law.log_mean) < 4 * sqrt(law.log_variance / n)
    fourth = ((logs - logs.mean()) ** 4).mean()
    assert abs(logs.var() - law.log_variance) < 4 * sqrt((fourth - logs.var() ** 2) / n)


@pytest.mark.parametrize("alpha", [0.7, 1.0, 1.3, 1.9, 2.0])
def test_samples_have_the_characteristic_function(alpha):
    law, n = StableLaw(alpha, 0.5), 200_000
    x = law.sample(n, rng_of(2))
    w = np.array([0.3, 1.0, 3.0])
    found = np.cos(w[:, None] * x).mean(axis=1)
    error = np.sqrt((1 + law.characteristic(2 * w)) / 2 - law.characteristic(w) ** 2) / sqrt(n)
    assert (np.abs(found - law.characteristic(w)) < 4 * error).all()


@pytest.mark.parametrize("alpha", [0.6, 0.9, 1.1, 1.5, 1.9])
def test_tails_are_those_of_an_independent_program(alpha):
    x = np.array([0.01, 0.1, 1.0, 5.0, 50.0])
    due = 2 * levy_stable.sf(x, alpha, 0.0)
    assert StableLaw(alpha, 2.0).tail(2 * x) == pytest.approx(due, abs=1e-9)


def test_tails_next_to_the_cauchy_law():
    """The mean over E, and that over U, are the same; and go over into the arctangent."""
    x = np.array([0.0, 1e-3, 0.1, 1.0, 5.0, 50.0, 1e6])
    near = [StableLaw(a).tail(x) for a in (0.951, 0.949)]
    between = np.sqrt(StableLaw(0.953).tail(x) * near[1])
    assert near[0] == pytest.approx(between, rel=1e-4)
    low, one, high = (StableLaw(a).tail(x) for a in (0.999, 1.0, 1.001))
    assert np.sqrt(low * high) == pytest.approx(one, rel=1e-4)
    assert (np.abs(low - one) > 1e-9)[1:].all()
    assert StableLaw(0.9999).tail(1e9) == pytest.approx(
        StableLaw(0.9999).tail_constant * 1e9**-0.9999
    )


def test_tails_of_cauchy_and_normal_laws_and_far_away():
    from scipy.special import erfc

    x = np.array([0.0, 0.3, 1.0, 4.0])
    assert StableLaw(1.0).tail(x) == pytest.approx(1 - 2 / np.pi * np.arctan(x), abs=1e-14)
    assert StableLaw(2.0).tail(x) == pytest.approx(erfc(x / 2), abs=1e-12)
    law = StableLaw(1.5, 2.0)
    assert law.tail(2e4) == pytest.approx(law.tail_constant * 2e4**-1.5, rel=1e-4)


def test_sampler_at_one_and_two_is_cauchy_and_normal():
    assert kstest(StableLaw(1.0, 2.0).sample(20_000, rng_of(3)), "cauchy", (0, 2.0)).pvalue > 1e-3
    normal = kstest(StableLaw(2.0, 2.0).sample(20_000, rng_of(4)), "norm", (0, sqrt(8.0)))
    assert normal.pvalue > 1e-3


def test_samples_are_reproducible_and_of_any_shape():
    law = StableLaw(1.4)
    assert law.sample((3, 2), rng_of(5)).shape == (3, 2)
    assert (law.sample(7, rng_of(5)) == law.sample(7, rng_of(5))).all()


@pytest.mark.parametrize(("alpha", "scale"), [(0.0, 1.0), (2.1, 1.0), (np.nan, 1.0), (1.5, 0.0)])
def test_laws_out_of_range_are_refused(alpha, scale):
    with pytest.raises(CaseError, match="stable law needs"):
        StableLaw(alpha, scale)


# the estimate by blocks


@pytest.mark.parametrize("alpha", ALPHAS)
def test_block_estimate_is_unbiased_and_its_error_is_right(alpha):
    x = StableLaw(alpha).sample((10_000, SAMPLES), rng_of(10, int(10 * alpha)))
    found = [block_estimate(column, 100) for column in x.T]
    alphas = np.array([one.alpha for one in found])
    stated = np.array([one.error for one in found])
    predicted = alpha**2 / log(100) * sqrt(StableLaw(alpha).log_variance / 100)
    assert stated.mean() == pytest.approx(predicted, rel=0.1)
    # to second order 1/x lifts the mean by the variance over alpha
    mean = (alphas.mean() - predicted**2 / alpha - alpha) / (predicted / sqrt(SAMPLES))
    assert mean**2 < chi2.ppf(1 - CHANCE, 1)
    assert within((((alphas - alphas.mean()) / predicted) ** 2).sum(), SAMPLES - 1)
    together = block_estimate(x, 100)
    assert abs(together.alpha - alpha) < 3.3 * together.error
    assert together.error == pytest.approx(predicted / sqrt(SAMPLES), rel=0.05)
    # the spread of blocks knows it without the law
    assert together.spread_error == pytest.approx(together.error, rel=0.35)


def test_error_from_the_spread_of_blocks_knows_dependent_coordinates():
    one = StableLaw(1.5).sample((4096, 1), rng_of(11))
    alone, copies = block_estimate(one, 64), block_estimate(np.repeat(one, 50, axis=1), 64)
    assert copies.alpha == pytest.approx(alone.alpha, rel=1e-12)
    assert copies.spread_error == pytest.approx(alone.spread_error, rel=1e-9)
    assert copies.error == pytest.approx(alone.error / sqrt(50), rel=1e-12)


def test_estimates_do_not_depend_on_the_unit():
    x = StableLaw(1.3).sample(4096, rng_of(12))
    assert block_estimate(1e6 * x).alpha == pytest.approx(block_estimate(x).alpha, rel=1e-10)
    a, b = fit_stable(x), fit_stable(1e6 * x)
    assert (b.alpha, b.scale) == pytest.approx((a.alpha, 1e6 * a.scale), rel=1e-9)


def mean_log_of_sum(transform, count):
    """``E ln S`` of a sum of positive terms with the Laplace transform of one (Frullani)."""
    v = np.arange(-80.0, 25.0, 0.1)
    t = np.exp(v)
    return 0.1 * float((np.exp(-t) - transform(t) ** count).sum())


def of_mixture(density, squares, z):
    """Laplace transform of squares that depend on z with a density, by the trapezoidal rule."""
    weights = density(z) * (z[1] - z[0])
    assert weights.sum() == pytest.approx(1.0, abs=1e-9)
    return lambda t: np.exp(-np.outer(t, squares(z))) @ weights


def index_of_mixture(transform, mean_log, block):
    """Pooled index of normal values whose variances are drawn: exact, without sampling."""
    return 2 * log(block) / (mean_log_of_sum(transform, block) - mean_log)


def lognormal(ss):
    z = np.linspace(-10, 10, 201)
    normal = lambda z: np.exp(-(z**2) / 2) / sqrt(2 * np.pi)  # noqa: E731
    return of_mixture(normal, lambda z: np.exp(2 * ss * z), z), 0.0


def student(nu):
    # variance nu / (2 G) with G of the gamma law nu/2; z = ln G
    k, z = nu / 2, np.linspace(-30, 6, 601)
    density = lambda z: np.exp(k * z - np.exp(z) - gammaln(k))  # noqa: E731
    return of_mixture(density, lambda z: nu / 2 * np.exp(-z), z), log(k) - digamma(k)


@pytest.mark.parametrize(("ss", "sheet"), [(0.5, 1.811), (1.0, 1.423), (2.0, 0.877)])
def test_unequal_scales_of_gaussian_values_read_as_heavy_tails(ss, sheet):
    rng, n = rng_of(13, int(2 * ss)), 400_000
    x = np.exp(ss * rng.standard_normal(n)) * rng.standard_normal(n)
    found = block_estimate(x, 100)
    exact = index_of_mixture(*lognormal(ss), 100)
    assert abs(found.alpha - exact) < 3.3 * found.spread_error
    # the sheet sampled no more than 100 000 values
    assert abs(exact - sheet) < 3 * 2 * found.spread_error
    # the formula is for blocks that know the mean square of the scales: not at ss = 2
    formula = 1 / (0.5 + ss**2 / log(100))
    assert (abs(exact - formula) < 0.03) == (ss < 2)
    assert exact > formula


@pytest.mark.parametrize(
    ("name", "sheet"), [("laplace", 1.784), ("student 5", 1.870), ("student 3", 1.750)]
)
def test_laws_of_finite_variance_read_below_two(name, sheet):
    rng, n = rng_of(14, len(name)), 400_000
    if name == "laplace":
        x = rng.laplace(size=n)
        # squares of the scale are exponential, their sums of the gamma law
        exact = 2 * log(100) / (digamma(100) - digamma(1))
    else:
        nu = int(name[-1])
        x, exact = rng.standard_t(nu, size=n), index_of_mixture(*student(nu), 100)
    found = block_estimate(x, 100)
    assert abs(found.alpha - exact) < 3.3 * found.spread_error
    assert abs(exact - sheet) < 3 * 2 * found.spread_error


def test_scan_is_flat_for_a_stable_law_and_climbs_for_finite_variance():
    stable = block_scan(StableLaw(1.5).sample((2048, 300), rng_of(15)))
    assert list(stable.block[:4]) == [2, 4, 8, 16]
    assert (np.abs(stable.alpha - 1.5) < 4 * stable.error)[:7].all()
    laplace = block_scan(rng_of(16).laplace(size=(2048, 300)))
    assert (np.diff(laplace.alpha[:7]) > 0).all()
    block, alpha, error = laplace.longest
    assert block >= 64
    # sums of squared scales are of the gamma law
    exact = 2 * log(8) / (digamma(block) - digamma(block / 8))
    assert abs(alpha - exact) < 3.3 * error


def test_scan_and_estimate_agree_at_one_block_length():
    x = StableLaw(1.2).sample((1024, 3), rng_of(17))
    scan, one = block_scan(x), block_estimate(x, 32)
    assert scan.alpha[list(scan.block).index(32)] == pytest.approx(one.alpha, rel=1e-12)


# the estimate by characteristic functions


@pytest.mark.parametrize("alpha", [0.6, *ALPHAS])
def test_regression_is_unbiased_and_its_errors_are_right(alpha):
    n, samples = 4000, 60
    law = StableLaw(alpha, 3.0)
    found = [fit_stable(law.sample(n, rng_of(20, int(10 * alpha), k))) for k in range(samples)]
    for due, value, error in (
        (alpha, [one.alpha for one in found], [one.alpha_error for one in found]),
        (3.0, [one.scale for one in found], [one.scale_error for one in found]),
    ):
        value, stated = np.array(value), float(np.sqrt((np.array(error) ** 2).mean()))
        assert abs(value.mean() - due) < 3.3 * stated / sqrt(samples)
        assert within((((value - value.mean()) / stated) ** 2).sum(), samples - 1)


def test_regression_knows_the_index_better_than_blocks():
    x = StableLaw(1.5).sample(10_000, rng_of(21))
    assert fit_stable(x).alpha_error < block_estimate(x, 100).error / 3


def test_regression_does_not_depend_on_the_centre():
    x = StableLaw(1.5).sample(10_000, rng_of(22))
    assert fit_stable(x + 1e3).alpha == pytest.approx(fit_stable(x).alpha, abs=1e-8)


def test_powers_give_the_modulus_at_multiples():
    x = StableLaw(1.1).sample(500, rng_of(23))
    plain = np.array([abs(np.exp(1j * 0.3 * k * x).sum()) ** 2 for k in range(1, 5)])
    assert empirical_modulus(x, 0.3, 4) == pytest.approx((plain / 500 - 1) / 499, rel=1e-12)


def test_values_of_no_stable_law_are_refused():
    with pytest.raises(CaseError, match="atom"):
        fit_stable(np.r_[np.zeros(80), np.ones(20)])
    with pytest.raises(CaseError, match="at least 64"):
        fit_stable(np.arange(10.0))
    with pytest.raises(CaseError, match="finite"):
        fit_stable(np.r_[np.arange(100.0), np.nan])
    # tails heavier than any power
    x = rng_of(24).standard_normal(5000)
    with pytest.raises(NumericalError, match="no stable law"):
        fit_stable(np.sign(x) * np.exp(20 * np.abs(x)))


# goodness of fit


def test_p_values_of_stable_samples_are_uniform():
    p = [
        goodness_of_fit(StableLaw(a).sample((200, 2), rng_of(30, k)), 39, rng_of(31, k)).p_value
        for k, a in enumerate(np.repeat(ALPHAS, 4))
    ]
    assert kstest(p, "uniform").pvalue > 0.01


def test_other_laws_are_rejected():
    rng = rng_of(32)
    for x in (rng.laplace(size=3000), rng.standard_t(3, size=3000), rng.uniform(-1, 1, 3000)):
        assert goodness_of_fit(x, 99, rng).p_value == pytest.approx(0.01)


def test_unequal_scales_do_not_spoil_the_fit():
    rng = rng_of(33)
    x = np.exp(2 * rng.standard_normal(20)) * StableLaw(1.6).sample((400, 20), rng)
    found = goodness_of_fit(x, 39, rng)
    assert found.p_value > 0.02
    assert abs(found.fit.alpha - 1.6) < 4 * found.fit.alpha_error
    assert (found.samples, found.coordinates) == (400, 20)


# bad input


@pytest.mark.parametrize(
    ("values", "block", "said"),
    [
        (np.ones((4, 4, 4)), None, r"shape \(4, 4, 4\)"),
        (np.arange(1.0, 11.0), None, "at least 64 samples"),
        (np.zeros(0), None, "0 samples of 1 coordinates"),
        (np.zeros((0, 3)), None, "0 samples"),
        (np.r_[np.nan, np.arange(1.0, 100.0)], None, "1 of 100 values are not finite, the first"),
        (np.r_[np.arange(100.0)], None, "exactly 0, the first at sample 0"),
        (np.arange(1.0, 101.0), 1, "block length 1: allowed are 2 to 12 for 100"),
        (np.arange(1.0, 101.0), 13, "at least 8 blocks"),
        (np.tile([1.0, -1.0], 50), 2, "adds up to exactly 0"),
    ],
)
def test_bad_samples_are_refused(values, block, said):
    with pytest.raises(CaseError, match=said):
        block_estimate(values, block)


def test_values_that_cancel_have_no_index():
    x = np.diff(rng_of(40).standard_normal(5001))
    with pytest.raises(NumericalError, match="cancel"):
        block_estimate(1e-3 * x + np.tile([1.0, -1.0], 2500), 50)


def test_too_few_draws_are_refused():
    with pytest.raises(CaseError, match="at least 19"):
        goodness_of_fit(np.arange(100.0), 5)
