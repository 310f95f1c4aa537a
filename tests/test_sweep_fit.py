"""Lines through logarithms: slopes, their errors, abscissae, series, predictions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.sweep_data import Header, Outcome, SweepResult
from fokkerplanck.sweep_fit import line
from tests.sweeps import synthetic

BATCHES = [8, 16, 32, 64]


def test_line_of_known_slope_and_standard_error():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    found = line(x, 3.0 * x + 1.0 + np.array([0.1, -0.1, -0.1, 0.1]))
    # residuals as they are: sum of squares 0.04, two degrees of freedom, spread of x 5
    assert found.slope == pytest.approx(3.0, rel=1e-14)
    assert found.intercept == pytest.approx(1.0, rel=1e-13)
    assert found.slope_error == pytest.approx(math.sqrt(0.04 / 2 / 5), rel=1e-12)
    assert (found.low, found.high) == pytest.approx((2.8, 3.2), rel=1e-12)


def test_slope_error_covers_the_truth_as_often_as_it_should():
    rng = np.random.default_rng(7)
    x = np.linspace(0.0, 1.0, 20)
    found = [line(x, 2.0 * x + rng.normal(size=20)) for _ in range(2000)]
    t = np.array([(f.slope - 2.0) / f.slope_error for f in found])
    # Student's t with 18 degrees of freedom: 95 % lie within 2.101; 3 standard deviations of that
    assert abs(np.mean(np.abs(t) < 2.101) - 0.95) < 3 * math.sqrt(0.95 * 0.05 / 2000)


def test_order_of_points_and_missing_ones_do_not_matter():
    x, y = np.array([3.0, 1.0, 2.0, 4.0]), np.array([6.0, 2.0, np.nan, 8.0])
    assert line(x, y).slope == pytest.approx(2.0, rel=1e-14)
    assert line(x, y).count == 3


def test_two_points_have_no_error_and_one_no_line():
    assert math.isnan(line(np.array([1.0, 2.0]), np.array([1.0, 5.0])).slope_error)
    assert line(np.array([1.0, 1.0]), np.array([1.0, 5.0])) is None


@pytest.mark.parametrize(
    ("key", "natural"),
    [
        ("noise.batch_size", lambda v: v),
        ("sgd.batch_size", lambda v: v),
        ("noise.learning_rate", lambda v: 1 / v),
        ("sgd.learning_rate", lambda v: 1 / v),
        ("noise.temperature", lambda v: 1 / v),
        ("landscape.parameters.k", lambda v: 1 / v),
        ("landscape.hessian_scale", lambda v: 1 / v),
        ("noise.floor", lambda v: v),
    ],
)
def test_natural_abscissa(key, natural):
    result = synthetic({key: [0.5, 1.0, 2.0]}, lambda v: 7.0 * natural(v) + 2.0)
    (fit,) = result.fit()
    assert fit.line.slope == pytest.approx(7.0, rel=1e-12)
    assert np.all(np.diff(fit.x) > 0)


def test_times_beyond_floats_are_fitted_by_their_decimal_logarithm():
    (fit,) = synthetic({"noise.batch_size": BATCHES}, lambda b: 100.0 * b).fit()
    assert fit.y[-1] == pytest.approx(6400.0)
    assert fit.line.slope == pytest.approx(100.0, rel=1e-12)


def test_other_keys_make_series():
    vary = {"noise.batch_size": BATCHES, "noise.model": ["frozen", "absolute"]}
    slopes = {"frozen": 0.5, "absolute": 0.25}
    fits = synthetic(vary, lambda b, model: slopes[model] * b).fit()
    assert [f.series["noise.model"] for f in fits] == ["frozen", "absolute"]
    assert [f.line.slope for f in fits] == pytest.approx([0.5, 0.25], rel=1e-12)


def test_three_families_are_one_line():
    """Theory.md C6: log tau + log k is linear in B / (k eta)."""
    k, b, eta = "landscape.parameters.k", "noise.batch_size", "noise.learning_rate"
    vary = {k: [0.5, 1.0, 2.0], b: [4, 8, 16], eta: [0.05, 0.1]}
    result = synthetic(vary, lambda k, b, eta: 0.4 * b / (k * eta) - math.log(k) + 1.0)
    (fit,) = result.fit(against="batch_size/(k*learning_rate)", scale="k")
    assert fit.line.count == 18
    assert fit.line.slope == pytest.approx(0.4, rel=1e-12)
    assert fit.line.slope_error < 1e-12
    assert len(result.fit(against="batch_size/learning_rate")) == 3  # one for each k


def test_points_side_by_side_are_one_series():
    vary = {"noise.batch_size": BATCHES, "noise.learning_rate": [0.1, 0.2, 0.3, 0.4]}
    (fit,) = synthetic(vary, lambda b, eta: b / eta, zipped=True).fit(
        against="batch_size/learning_rate"
    )
    assert fit.line.slope == pytest.approx(1.0, rel=1e-12)


def test_predictions_are_fitted_on_the_same_points():
    laws = {"kramers": lambda t: 0.25 / t + 0.5, "density-diffusion": lambda t: 0.5 / t}
    result = synthetic({"noise.temperature": [0.1, 0.05, 0.02]}, lambda t: 0.25 / t + t, laws)
    (fit,) = result.fit("passage.a.mean")
    assert list(fit.lines) == ["kramers", "density-diffusion"]
    assert fit.lines["kramers"].slope == pytest.approx(0.25, rel=1e-12)
    assert fit.lines["density-diffusion"].slope == pytest.approx(0.5, rel=1e-12)
    assert fit.line.low < fit.line.high < 0.25
    assert fit.outside == {"kramers": 1, "density-diffusion": 1}
    assert fit.json()["predicted"]["kramers"]["slope"] == fit.lines["kramers"].slope


def test_failed_points_are_left_out():
    result = synthetic({"noise.batch_size": BATCHES}, lambda b: 0.5 * b, missing=[1])
    (fit,) = result.fit()
    assert fit.points.tolist() == [0, 2, 3]
    assert fit.line.slope == pytest.approx(0.5, rel=1e-12)


def test_rates_are_turned():
    header = Header("", "", ("noise.temperature",), ((0.1, 0.05, 0.025),), False, "", {}, {})
    rates = {k: math.exp(-0.25 / t) for k, t in enumerate(header.values[0])}
    outcomes = {k: Outcome("done", "", {"spectrum": [r, 1.0]}) for k, r in rates.items()}
    (fit,) = SweepResult(header, outcomes).fit()
    assert fit.quantity == "spectrum.0"
    assert fit.line.slope == pytest.approx(0.25, rel=1e-12)


def test_numbers_of_the_case_may_stand_in_a_formula():
    case = "[noise]\nlearning_rate = 0.5\n"
    result = synthetic({"noise.batch_size": BATCHES}, lambda b: 3.0 * b, case=case)
    (fit,) = result.fit(against="batch_size/(2*noise.learning_rate)")
    assert fit.line.slope == pytest.approx(3.0, rel=1e-12)


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("1/noise.bacth_size", "unknown name noise.bacth_size; varied are noise.batch_size"),
        ("1/bacth", "unknown name 'bacth'"),
        ("__import__('os')", "varied are"),
        ("1/(batch_size - 8)", "not finite at noise.batch_size = 8"),
        ("2.0", "the same at every point"),
        ("noise.batch_size +", "is not an expression"),
    ],
)
def test_formulas_that_cannot_be_are_refused(against, message):
    result = synthetic({"noise.batch_size": BATCHES}, lambda b: 0.5 * b)
    with pytest.raises(CaseError, match=message.replace("(", r"\(")):
        result.fit(against=against)


def test_words_alone_have_no_line():
    result = synthetic({"noise.model": ["frozen", "absolute"]}, lambda m: 1.0)
    assert result.fit() == ()
    with pytest.raises(CaseError, match="has no numbers"):
        result.fit(against="noise.model")


def test_a_quantity_that_no_point_has_is_refused():
    result = synthetic({"noise.batch_size": BATCHES}, lambda b: 0.5 * b)
    with pytest.raises(CaseError, match="no quantity"):
        result.fit("passage.b.mean")
    assert result.quantity("stationary.basin_masses.-1").tolist() == [0.75] * 4
