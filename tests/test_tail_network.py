"""Noise of networks: what the public procedure says of it, and what batches say of its tails."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.tail_index_stable import StableLaw
from fokkerplanck.tail_network_coordinates import batch_noise, coordinate_tails, scale_index
from fokkerplanck.tail_network_pooled import (
    draw_batches,
    fair_estimates,
    noise_factor,
    pooled_estimates,
    pooled_index,
    published_block,
)

SAMPLES, WEIGHTS = 1024, 400


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(3)


def centred(x):
    return (x - x.mean(axis=0)).astype(np.float32)


def rows(x, batch, rng, minibatches=64):
    """Pooled index of the noise, and of its controls, with errors."""
    found = pooled_estimates(centred(x), batch, minibatches, 8, rng)
    return 1 / found.inverse, found.error / found.inverse**2, found


def test_block_of_the_public_procedure():
    assert [published_block(n) for n in (36, 100, 97, 4934 * 64)] == [6, 10, 1, 128]


def test_batches_hold_every_sample_once(rng):
    drawn = draw_batches(50, 8, 200, rng)
    assert ((drawn > 0).sum(axis=1) == 8).all()
    assert np.allclose(drawn.sum(axis=1), 1)


def test_variance_of_batches_without_replacement(rng):
    """A mean of B out of N has (N - B) / (B (N - 1)) of the variance; that of all has none."""
    x = centred(rng.standard_normal((64, 40)))
    ratio = batch_noise(x, 16, 8000, rng).var(axis=0) / (x.astype(float) ** 2).mean(axis=0)
    assert ratio.mean() == pytest.approx(noise_factor(64, 16), rel=0.01)
    assert noise_factor(64, 64) == 0
    assert noise_factor(64, 1) == 1


def test_scales_explain_gaussian_noise_in_full(rng):
    """``1/alpha = (ln (sum of variances) / 2 - mean ln deviation) / ln K1`` over blocks."""
    x = np.exp(rng.standard_normal(WEIGHTS)) * rng.standard_normal((SAMPLES, WEIGHTS))
    alpha, error, found = rows(x, 16, rng)
    # sums of a block are normal: the mean of ln|Z| is in both logarithms
    block = np.tile(x.std(axis=0), 64).reshape(-1, found.block)
    rise = np.log((block**2).sum(axis=1)).mean() / 2 - np.log(block).mean()
    assert alpha[0] == pytest.approx(log(found.block) / rise, abs=4 * error[0])
    assert alpha[0] < 1.7
    for k in (1, 2):
        assert abs(alpha[0] - alpha[k]) < 4 * np.hypot(error[0], error[k])
    one = coordinate_tails(centred(x)[:, ::8], 16, 512, rng)
    assert one.alpha == pytest.approx(2, abs=3 * one.alpha_error)
    assert one.block == pytest.approx(2, abs=4 * one.block_error)
    assert one.rejected < 0.05


def test_dependent_neighbours_need_the_covariance(rng):
    """Weights of a layer move together: independent Gaussians do not explain the pooled index."""
    common = rng.standard_normal((SAMPLES, WEIGHTS // 40)).repeat(40, axis=1)
    alpha, error, _ = rows(common + 0.5 * rng.standard_normal((SAMPLES, WEIGHTS)), 16, rng)
    assert alpha[0] < alpha[1] - 10 * error[0]
    assert abs(alpha[0] - alpha[2]) < 4 * np.hypot(error[0], error[2])
    # in random order neither scales nor neighbours are left
    assert alpha[3] == pytest.approx(2, abs=5 * error[3])


def test_stable_noise_survives_its_controls(rng):
    """Cauchy samples: means of any number of them are Cauchy, and no Gaussian has their index."""
    x = StableLaw(1.0).sample((SAMPLES, WEIGHTS), rng)
    x = x.astype(np.float32)
    noise = x[rng.integers(SAMPLES, size=(64, 4))].mean(axis=1)
    inverse, error = pooled_index(noise, published_block(noise.size))
    assert inverse == pytest.approx(1, abs=4 * error + 0.03)
    # medians are those of one law for all weights, variances scatter as the tails do
    fair = fair_estimates(centred(x), 4, 64, 4, rng)
    assert fair[0, 0] - fair[2, 0] > 4 * np.hypot(fair[0, 1], fair[2, 1])
    assert fair[1, 0] > fair[2, 0] + 4 * np.hypot(fair[1, 1], fair[2, 1])


@pytest.mark.parametrize(("alpha", "batches"), [(1.3, (2, 8)), (2.0, (2, 32))])
def test_scales_of_batches_tell_the_index(alpha, batches, rng):
    """Scales fall as B^(1/alpha - 1) under a stable law, as B^(-1/2) under one of finite variance."""
    law = StableLaw(alpha)
    found = []
    for batch in batches:
        # of fresh samples: an array of few has all its moments
        x = law.sample((512, 24, batch), rng).mean(axis=2)
        found.append(coordinate_tails(x, 1, 512, rng))
    scales, errors = ([getattr(one, k) for one in found] for k in ("scale", "scale_error"))
    index, error = scale_index(batches, scales, errors, 10**9)
    assert index[0] == pytest.approx(alpha, abs=3 * error[0])
    assert found[1].alpha == pytest.approx(alpha, abs=3 * found[1].alpha_error)


def test_heavy_samples_of_finite_variance_become_gaussian_in_batches(rng):
    """The index climbs with the batch and that of the scales with it: no stable law does that."""
    x = centred(rng.standard_normal((1500, 16)) ** 3)
    found = [coordinate_tails(x, batch, 512, rng) for batch in (1, 8, 128)]
    alpha = [one.alpha for one in found]
    assert alpha[0] < 1 < alpha[1] < 1.8
    assert found[2].alpha > 1.9
    assert found[0].rejected == 1
    keys = ("batch", "scale", "scale_error")
    index, error = scale_index(*([getattr(o, k) for o in found] for k in keys), 1500)
    assert index[1] - index[0] > 5 * np.hypot(*error)
    # the excess of a cubed normal value is 10395 / 15^2 - 3, were there infinitely many of them
    assert found[0].kurtosis == pytest.approx(8 * found[1].kurtosis)
    assert 15 < found[0].kurtosis < 45


def test_batches_out_of_range(rng):
    with pytest.raises(CaseError, match="1 to 63 for 64 samples"):
        batch_noise(np.zeros((64, 3)), 64, 10, rng)
