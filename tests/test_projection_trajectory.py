"""Paths of real networks: what is recorded is what the network did; needs the extra [resnet]."""

from __future__ import annotations

import numpy as np
import pytest

from fokkerplanck.errors import CaseError, DataError

pytest.importorskip("torch", exc_type=ImportError)
pytest.importorskip("sklearn", exc_type=ImportError)

from pathlib import Path

from fokkerplanck.network_comparison import compare_network
from fokkerplanck.network_run import read_network
from fokkerplanck.projection import Flat, digits, flatten, resnet
from fokkerplanck.projection.curvature import hessian_product, top_eigenvectors
from fokkerplanck.projection.momentum import run_momentum
from fokkerplanck.projection.momentum_config import load_momentum
from fokkerplanck.projection.spectrum import (
    lanczos_quadrature,
    noise_quadrature,
    sample_gradients,
)
from fokkerplanck.projection.trajectory import record

pytestmark = pytest.mark.slow

HOW = {"learning_rate": 0.02, "batch_size": 16, "momentum": 0.9, "weight_decay": 0.01}
CONFIG = """
title = "tiny"
[data]
kind = "digits"
label_noise = 0.2
subset = { count = 100 }
[network]
width = 2
[plateau]
learning_rate = 0.02
batch_size = 16
momentum = 0.9
weight_decay = 0.01
steps = 1000
[measure]
directions = 3
probes = 2
lanczos = 10
snapshots = 2
[[run]]
name = "one"
settle = 1000
window = 1000
steps = 1000
[[run]]
name = "other"
draw = "epochs"
learning_rate = 0.01
settle = 1000
window = 1000
steps = 1000
"""


@pytest.fixture(scope="module")
def data():
    return digits(0.2).subset(60)


def small(norm="group"):
    return resnet(width=2, norm=norm, seed=3)


@pytest.fixture(scope="module")
def axes():
    size = flatten(small()).size
    return np.linalg.qr(np.random.default_rng(0).standard_normal((size, 3)))[0].T


@pytest.fixture(scope="module")
def straight(data, axes):
    return record(small(), data, 2000, **HOW, axes=axes, lags=[1, 7, 500], snapshots=4, seed=5)


def test_what_is_recorded_is_what_the_network_did(data, axes, straight):
    eta = HOW["learning_rate"]
    np.testing.assert_array_equal(straight.velocities, np.diff(straight.positions, axis=0) / eta)
    # the optimiser's own velocity; weights are rounded to single precision
    own = axes @ straight.velocity
    np.testing.assert_allclose(straight.velocities[-1], own, atol=1e-4 * np.abs(own).max())
    start = flatten(small())
    np.testing.assert_allclose(
        straight.positions[-1], axes @ (straight.weights - start), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_array_equal(straight.snapshots[-1], straight.weights.astype(np.float32))
    flat = Flat(small())
    loss = flat.losses(straight.weights, data).mean()
    np.testing.assert_allclose(straight.losses[-1], loss, rtol=1e-5)
    np.testing.assert_allclose(straight.norms[-1], straight.weights @ straight.weights)


def test_distances_are_those_of_the_weights(straight):
    assert straight.distances.shape == (20, 3)
    np.testing.assert_allclose(straight.distances[:, 0], straight.sizes[::100], rtol=1e-4)
    kept = straight.snapshots.astype(np.float64)  # after 500, 1000, 1500 and 2000 steps
    far = ((kept[1:] - kept[:-1]) ** 2).sum(axis=1)
    np.testing.assert_allclose(straight.distances[[5, 10, 15], 2], far, rtol=1e-5)
    assert np.isfinite(straight.distances[:16, 2]).all()
    assert np.isnan(straight.distances[16:, 2]).all()


def test_a_path_cut_in_two_is_the_same(data, axes, straight, tmp_path):
    """Interrupted in the middle of a chunk as well."""
    path = tmp_path / "path.npz"
    how = {**HOW, "axes": axes, "lags": [1, 7, 500], "snapshots": 4, "seed": 5, "checkpoint": path}

    def stop(done, loss):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(small(), data, 2000, **how, progress=stop)
    with np.load(path) as file:
        assert int(file["epochs"][0]) == 1000
    resumed = record(small(), data, 2000, **how)
    for name in ("positions", "sizes", "distances", "losses", "virials", "snapshots", "mean"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(straight, name))
    with pytest.raises(CaseError, match=r"momentum was 0\.9, is 0\.5"):
        record(small(), data, 2000, **{**how, "momentum": 0.5})
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as a checkpoint"):
        record(small(), data, 2000, **how)


def test_the_path_is_that_of_the_formula(data):
    """Full batches are gradient descent: the steps by hand, in double precision."""
    model = small().double()
    flat = Flat(model)
    theta, v = flat.weights.copy(), np.zeros(flat.size)
    how = {"learning_rate": 0.05, "momentum": 0.8, "weight_decay": 0.02}
    path = record(model, data, 1000, batch_size=60, **how, axes=np.eye(flat.size)[:2])
    for k in range(3):
        np.testing.assert_allclose(path.positions[k], (theta - flat.weights)[:2], atol=1e-12)
        gradient = sample_gradients(flat, theta, data).mean(axis=0) + 0.02 * theta
        v = 0.8 * v - gradient
        theta = theta + 0.05 * v


def test_draws_of_batches(data):
    from fokkerplanck.projection.trajectory import CHUNK, DRAWS

    rng = np.random.default_rng(0)
    batches, replaced, epochs = (
        DRAWS[d](rng, 60, 16) for d in ("batches", "replacement", "epochs")
    )
    assert all(b.shape == (CHUNK, 16) for b in (batches, replaced, epochs))
    assert all(len(set(b)) == 16 for b in batches)
    assert any(len(set(b)) < 16 for b in replaced)
    assert all(len(set(epochs[k : k + 3].ravel())) == 48 for k in range(0, 999, 3))


def test_directions_and_quadratures_of_the_hessian(data):
    """Against the whole Hessian of a small network."""
    flat = Flat(small())
    product = hessian_product(flat, flat.weights, data)
    whole = np.array([product(row) for row in np.eye(flat.size)])
    np.testing.assert_allclose(whole, whole.T, atol=1e-12)
    values, vectors = np.linalg.eigh(whole)
    top = top_eigenvectors(product, flat.size, 4, tolerance=1e-10)
    np.testing.assert_allclose(top.axes @ top.axes.T, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(top.values, values[::-1][:4], rtol=1e-9)
    # tr[exp(H / 2) C] without the top directions, by quadrature for every sample's probe
    gradients = sample_gradients(flat, flat.weights, data)
    np.testing.assert_allclose(
        gradients.mean(axis=0) @ top.axes[0],
        np.gradient(
            [flat.losses(flat.weights + s * top.axes[0], data).mean() for s in (-1e-4, 0, 1e-4)],
            1e-4,
        )[1],
        rtol=1e-5,
    )
    start = np.random.default_rng(1).standard_normal(flat.size)
    exact = ((vectors[:, :-4].T @ start) ** 2 * np.exp(values[:-4] / 2)).sum()
    found = lanczos_quadrature(product, start, 40, top.axes)
    np.testing.assert_allclose(found.weights @ np.exp(found.nodes / 2), exact, rtol=1e-8)
    covariance = np.cov(gradients.T, bias=True)
    rest = np.eye(flat.size) - top.axes.T @ top.axes
    wanted = np.trace(rest @ covariance @ rest)
    probes = noise_quadrature(product, gradients, 200, 1, top.axes)
    sums = np.array([q.weights.sum() for q in probes])
    assert abs(sums.mean() - wanted) < 4 * sums.std() / np.sqrt(200)


def test_networks_and_numbers_that_are_refused(data, axes):
    for changes, message in (
        ({"learning_rate": -1.0}, "learning_rate is a positive"),
        ({"batch_size": 61}, "1 to 60"),
        ({"momentum": 1.0}, r"momentum is a number in \[0, 1\)"),
        ({"draw": "some"}, "draw is one of batches, replacement, epochs"),
        ({"look_every": 300}, "divisor of 1000"),
        ({"axes": 2 * axes}, "orthonormal"),
        ({"axes": axes[:, 1:]}, "axes: finite numbers of shape"),
        ({"lags": [0]}, "lags are whole numbers"),
    ):
        with pytest.raises(CaseError, match=message):
            record(small(), data, 1000, **{**HOW, **changes})
    with pytest.raises(CaseError, match="positive multiple of 1000"):
        record(small(), data, 500, **HOW)
    with pytest.raises(CaseError, match="batch norm"):
        record(small("batch"), data, 1000, **HOW)


def test_a_file_from_its_config(tmp_path):
    """Runs made one by one, and together: the same numbers; then the comparison."""
    source = tmp_path / "momentum.toml"
    source.write_text(CONFIG)
    config, text = load_momentum(source)
    output = tmp_path / "network.h5"
    assert not run_momentum(config, text, source, output, only=[1])
    assert run_momentum(config, text, source, output, only=[0])
    found = read_network(output)
    assert [run.name for run in found.runs] == ["one", "other"]
    assert found.runs[1].how["learning_rate"] == 0.01
    assert found.runs[1].how["draw"] == "epochs"
    assert found.about["config"] == text
    before = output.read_bytes()
    assert run_momentum(config, text, source, output)  # all stages are there
    assert output.read_bytes() == before
    for run, compared in zip(found.runs, compare_network(found), strict=True):
        assert isinstance(compared.modes[0].position.value, float)
        assert (run.point["residual"] < 0.05 * run.point["curvature"][0]).all()
        sizes = run.how["learning_rate"] ** 2 * run.path.velocity_square.sum(axis=1)
        assert (sizes < run.path.sizes).all()  # along three directions, and in all
    with pytest.raises(CaseError, match="runs 0 to 1, not 2"):
        run_momentum(config, text, source, output, only=[2])


def test_configs_that_are_refused(tmp_path):
    source = Path(tmp_path / "momentum.toml")
    for old, new, message in (
        ('name = "other"', 'name = "one"', "another name for each run"),
        ("width = 2", 'norm = "batch"', "norm is group or none"),
        ("settle = 1000", "settle = 1500", "multiple of 1000"),
        ("momentum = 0.9", "momentum = 1.0", "momentum"),
    ):
        source.write_text(CONFIG.replace(old, new, 1))
        with pytest.raises(CaseError, match=message):
            load_momentum(source)
