"""Controls of pooled tail indices: which noise is called heavy-tailed, and which is not."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.tail_index_controls import controls, surrogates
from fokkerplanck.tail_index_report import tails_json
from fokkerplanck.tail_index_stable import StableLaw
from fokkerplanck.tail_index_study import study_tails
from fokkerplanck.tail_index_verdict import OUTCOMES, verdict_of

N, D = 512, 64


def scales(rng, ss=1.0):
    return np.exp(ss * rng.standard_normal(D))


def noise(kind, rng):
    normal = rng.standard_normal((N, D))
    if kind == "gaussian":
        return normal
    if kind in ("scales 0.5", "scales 1", "scales 2"):
        return scales(rng, float(kind.split()[1])) * normal
    if kind == "dependence":
        return normal + rng.standard_normal((N, 1))
    if kind == "finite":
        return scales(rng) * rng.laplace(size=(N, D))
    if kind == "other":
        return rng.standard_t(3, size=(N, D))
    if kind == "stable":
        return scales(rng) * StableLaw(1.5).sample((N, D), rng)
    if kind == "some":
        normal[:, ::8] = StableLaw(1.1).sample((N, D // 8), rng)
        return normal
    assert kind == "off centre"
    return normal + 0.4


@cache
def studied(kind):
    # simulated samples count for the last two only
    draws = 39 if kind in ("stable", "other") else 19
    return study_tails(noise(kind, np.random.default_rng(7)), draws=draws)


@pytest.mark.parametrize(
    ("kind", "outcome", "below_two"),
    [
        ("gaussian", "gaussian", False),
        ("scales 0.5", "scales", False),
        ("scales 1", "scales", False),
        ("scales 2", "scales", False),
        ("dependence", "dependence", False),
        ("finite", "finite", True),
        ("other", "other", True),
        ("stable", "stable", True),
        ("some", "some", True),
        ("off centre", "off centre", True),
    ],
)
def test_verdict(kind, outcome, below_two):
    found = verdict_of(studied(kind))
    assert (found.outcome, found.below_two) == (outcome, below_two)
    assert OUTCOMES[outcome][1:] in found.words


@pytest.mark.parametrize("ss", ["0.5", "1", "2"])
def test_pooled_estimate_of_gaussian_coordinates_is_that_of_its_control(ss):
    study = studied(f"scales {ss}")
    assert 2 - study.pooled.alpha > 3 * study.pooled.error
    for name in ("gaussian variances", "gaussian medians", "gaussian covariance"):
        assert not study.control(name).above(study.pooled.alpha)
    assert not verdict_of(study).pooled_survives
    assert "no evidence of heavy tails" in verdict_of(study).words.lower()
    one = study.coordinate
    assert abs(one.alpha - 2) < 3.3 * one.spread_error


def test_dependent_neighbours_are_told_from_unequal_scales():
    study = studied("dependence")
    pooled = study.pooled.alpha
    assert study.control("shuffled").differs(pooled)
    assert study.control("gaussian variances").above(pooled)
    assert not study.control("gaussian covariance").differs(pooled)
    # coordinates share half of their variance: the error knows
    assert study.coordinate.spread_error > 2 * study.coordinate.error


def test_heavy_tails_survive_the_fair_control():
    study = studied("stable")
    assert study.control("gaussian medians").above(study.pooled.alpha)
    assert abs(study.coordinate.alpha - 1.5) < 3.3 * study.coordinate.spread_error
    assert study.spread < 1.25 * study.due_spread


def test_sample_variances_of_heavy_tails_scatter_and_excuse_them():
    """The control by variances is unfair: equal scales look unequal where the variance is none."""
    x = StableLaw(1.5).sample((N, D), np.random.default_rng(8))
    by_variance, by_median = (
        next(one for one in controls(x, 22, 10, np.random.default_rng(9)) if one.name == name)
        for name in ("gaussian variances", "gaussian medians")
    )
    assert by_variance.alpha < 1.9
    assert by_median.alpha == pytest.approx(2.0, abs=4 * by_median.spread)


@pytest.mark.parametrize("shape", [(300, 40), (40, 300)])
def test_surrogates_keep_what_their_names_say(shape):
    rng = np.random.default_rng(10)
    x = rng.laplace(size=shape) @ rng.standard_normal((shape[1], shape[1]))
    made = surrogates(x)
    assert sorted(made["shuffled"](rng).ravel()) == sorted(x.ravel())
    draws = 400
    second = sum(y.T @ y for y in (made["gaussian covariance"](rng) for _ in range(draws)))
    off = second / draws - x.T @ x
    # each entry is a mean over rows and draws of products of normal numbers
    sizes = np.sqrt(np.diag(x.T @ x))
    assert np.abs(off / np.outer(sizes, sizes)).max() < 6 * np.sqrt(2 / (draws * shape[0]))
    variances = np.mean([(made["gaussian variances"](rng) ** 2).mean(0) for _ in range(100)], 0)
    assert variances == pytest.approx((x**2).mean(0), rel=6 * np.sqrt(2 / (100 * shape[0])))
    medians = np.mean([np.median(abs(made["gaussian medians"](rng)), 0) for _ in range(100)], 0)
    assert medians == pytest.approx(np.median(abs(x), 0), rel=0.15)


def test_study_is_reproducible():
    x = StableLaw(1.8).sample((100, 5), np.random.default_rng(11))
    a, b = (tails_json(study_tails(x, draws=19, seed=3)) for _ in range(2))
    assert json.dumps(a) == json.dumps(b)
    assert tails_json(study_tails(x, draws=19, seed=4))["controls"] != a["controls"]


def test_one_coordinate_has_no_pooled_verdict():
    x = StableLaw(1.5).sample(5000, np.random.default_rng(12))
    study = study_tails(x, draws=19)
    assert study.pooled.alpha == study.coordinate.alpha
    found = verdict_of(study)
    assert found.outcome == "stable"
    assert "pooled" not in found.words
    assert study.control("gaussian covariance") is None


def test_centring_takes_a_drift_away():
    x = noise("off centre", np.random.default_rng(13))
    study = study_tails(x, draws=19, centre=True)
    assert verdict_of(study).outcome == "gaussian"
    odd = study_tails(x[:101], draws=19, centre=True)
    assert (odd.values != 0).all()


def test_coordinates_without_a_tail_index_are_refused_or_left_out():
    x = np.random.default_rng(14).standard_normal((100, 4))
    x[:, 1] = 3.0
    with pytest.raises(CaseError, match=r"coordinate 1 is constant \(3\), 1 of 4"):
        study_tails(x)
    x[7, 2] = 0.0
    assert study_tails(x, draws=19, skip=True).left_out == 2
    x[:, 1] = x[:, 0]
    with pytest.raises(CaseError, match=r"coordinate 2 holds exact zeros \(1 of 100\)"):
        study_tails(x)
    with pytest.raises(CaseError, match="constant"):
        study_tails(np.ones((100, 3)), skip=True)


def test_pooled_values_below_their_controls_alone_decide_nothing():
    study = studied("gaussian")
    study = replace(study, pooled=replace(study.pooled, alpha=1.5))
    found = verdict_of(study)
    assert (found.outcome, found.pooled_survives, found.below_two) == ("undecided", True, False)
    assert "pooled alpha 1.500, below the" in found.words
