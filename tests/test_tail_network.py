"""Noise of networks: what the public procedure says of it, and what batches say of its tails."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from math import log
from pathlib import Path

import h5py
import numpy as np
import pytest
from rich.console import Console

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.tail_index_file import read_noise
from fokkerplanck.tail_index_stable import StableLaw
from fokkerplanck.tail_network_coordinates import batch_noise, coordinate_tails, scale_index
from fokkerplanck.tail_network_file import read_noise_file, write_noise_file
from fokkerplanck.tail_network_pooled import (
    draw_batches,
    fair_estimates,
    noise_factor,
    pooled_estimates,
    pooled_index,
    published_block,
)
from fokkerplanck.tail_network_report import ladder_table, moments_table, phases_table
from fokkerplanck.tail_network_summary import ladder_of, moment_of, phases_of, sample_tails

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
    assert alpha[0] == pytest.approx(log(found.block) / rise, abs=4 * error[1])
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
    middle = np.median(np.abs(noise), axis=0)
    other, scatter = pooled_index(middle * rng.standard_normal(noise.shape), 160)
    assert other == pytest.approx(0.5, abs=4 * scatter + 0.01)
    assert inverse - other > 10 * np.hypot(error, scatter)
    # the covariance of such samples is made by a few of them: Gaussian noise of it is pooled alike
    fair = fair_estimates(centred(x), 4, 64, 4, rng)
    assert (fair[1:, 0] - 0.5 > 0.6 * (fair[0, 0] - 0.5)).all()
    # coordinates do
    one = coordinate_tails(noise[:, ::8], 1, 64, rng)
    assert one.alpha == pytest.approx(1, abs=3 * one.alpha_error)


@pytest.mark.parametrize(("alpha", "batches"), [(1.3, (2, 8)), (2.0, (2, 32))])
def test_scales_of_batches_tell_the_index(alpha, batches, rng):
    """Scales fall as B^(1/alpha - 1) under a stable law: as B^(-1/2) under a normal one."""
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


SHIPPED = Path(__file__).parents[1] / "cases/heavy_tails/noise.h5"


@pytest.fixture(scope="module")
def shipped():
    return read_noise_file(SHIPPED)


def test_shipped_sample_gives_the_recorded_indices(shipped):
    """Four coordinates scatter as those that were recorded do; the same batch sizes."""
    for name in ("width 4, batch 32", "width 8, batch 32"):
        run = shipped.run(name)
        for step in (0, 4096):
            recorded = {rung.batch: rung for rung in ladder_of(run, step)}
            for batch in (8, 128):
                one = sample_tails(run, step, batch)
                error = np.hypot(one.alpha_error, recorded[batch].fitted[1])
                spread = max(one.spread, one.alpha_error) / 2
                assert abs(one.alpha - recorded[batch].fitted[0]) < 3 * np.hypot(error, spread)


def test_what_the_page_says(shipped):
    """Claims of NETWORK.md in words, from the numbers of the shipped file."""
    runs = {run.name: run for run in shipped.runs}
    for name, run in runs.items():
        begin = moment_of(run, 0)
        # the pooled index calls noise heavy-tailed that Gaussians explain in full
        assert begin.published[0] < 1.7
        if run.how["batch_size"] >= 32:
            assert abs(begin.explained[0] - 1) < 4 * begin.explained[1]
        if run.how["batch_size"] == 128:
            assert begin.fitted[0] == pytest.approx(2, abs=3 * begin.fitted[1])
            assert begin.rejected < 0.02
        # and it does not see them come
        if name == "width 4, batch 32":
            late = moment_of(run, 1024)
            assert late.fitted[0] < 1.3 < late.published[0]
            assert begin.published[0] - late.published[0] < 0.15
    # the index climbs with the batch to 2: of no stable law
    rungs = ladder_of(runs["width 8, batch 32"], 4096)
    assert rungs[0].fitted[0] < 0.8
    assert rungs[-1].fitted[0] == pytest.approx(2, abs=0.05)
    found = [rung.scaling for rung in rungs if rung.scaling is not None]
    assert found[-1][0] - found[0][0] > 5 * np.hypot(found[-1][1], found[0][1])


def test_file_goes_there_and_back(shipped, tmp_path):
    path = tmp_path / "noise.h5"
    write_noise_file(path, replace(shipped, runs=shipped.runs[1:2]))
    run, before = read_noise_file(path).runs[0], shipped.runs[1]
    assert run.how == before.how
    assert np.array_equal(run.numbers, before.numbers)
    assert np.array_equal(run.fair, before.fair)
    assert run.samples[0] == pytest.approx(before.samples[0], rel=2e-3)
    with h5py.File(path, "r+") as file:
        del file["runs/0/ladder"]
    with pytest.raises(DataError, match="runs/0 lacks ladder"):
        read_noise_file(path)
    other = SHIPPED.parents[1] / "resnet" / "line.h5"
    with pytest.raises(DataError, match=r"line\.h5: is not a file of gradient noise"):
        read_noise_file(other)
    with pytest.raises(CaseError, match="no run 'none'; there are"):
        shipped.run("none")


def test_tail_index_reads_the_shipped_noise():
    noise = read_noise(SHIPPED, "minibatches")
    assert noise.shape == (512, 24)
    assert np.sqrt((noise**2).mean(axis=0)) == pytest.approx(np.ones(24), rel=1e-3)


def test_tables_hold_what_was_found(shipped):
    run = shipped.runs[0]
    text = [
        moments_table([moment_of(run, 0)]),
        ladder_table(ladder_of(run, 0)),
        phases_table([phases_of(run)]),
    ]
    console = Console(width=240, record=True, file=StringIO())
    for table in text:
        console.print(table)
    shown = console.export_text()
    assert f"{moment_of(run, 0).published[0]:.3f}" in shown
    assert f"{ladder_of(run, 0)[2].fitted[0]:.3f}" in shown
