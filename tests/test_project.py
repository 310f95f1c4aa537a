"""Projections of real networks: derivatives, anchors, kills, any network, and the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fokkerplanck.errors import CaseError, DataError, NumericalError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning"),
]

ROOT = Path(__file__).parents[1]
CONFIG = """
title = "Small"
[data]
kind = "digits"
label_noise = 0.2
subset = { count = 150 }
[network]
width = 2
[train]
networks = 3
learning_rate = 0.1
batch_size = 16
epochs = 3
[directions]
kind = "minima"
[sample]
x = { cells = 5 }
y = { cells = 4 }
batch = 64
"""


@pytest.fixture(scope="module")
def trained() -> tuple[Any, Any, list[Any]]:
    """Network, data, and the weights of three trained networks."""
    from fokkerplanck.projection import digits, resnet, train

    data = digits(0.2).subset(200)
    weights = []
    for seed in range(3):
        model = resnet(width=2, seed=seed)
        settings: dict[str, Any] = {"learning_rate": 0.1, "batch_size": 20, "epochs": 3}
        weights.append(train(model, data, seed=seed, **settings).weights)
    return model, data, weights


def sample(model: Any, data: Any, directions: Any, path: Path, **options: Any) -> Path:
    from fokkerplanck.projection import project
    from fokkerplanck.projection.weights import cross_entropies

    extent = options.pop("extent", None) or directions.extent()
    options = {"cells": 4, "batch": 64} | options
    return project(
        model,
        options.pop("loss", cross_entropies),
        data,
        directions,
        extent,
        output=path,
        **options,
    )


def test_derivatives_are_those_of_the_loss(tmp_path: Path, trained: Any) -> None:
    from fokkerplanck.projection import Flat, through_minima

    model, data, weights = trained
    directions, flat = through_minima(weights), Flat(model)
    path = sample(model, data, directions, tmp_path / "plane.h5", networks=weights)

    def loss(position: Any) -> float:
        return float(flat.losses(directions.weights(position), data).mean())

    step = 1e-4 * np.eye(2)
    with h5py.File(path) as file:
        points = [(i, j) for i in range(4) for j in range(4)]
        gradients, hessians = file["gradient"][...], file["hessian"][...]
        largest = np.abs(gradients).max(), np.abs(hessians).max()
        for i, j in points[::3]:
            at = np.array([file["x"][i], file["y"][j]])
            assert file["loss"][i, j] == pytest.approx(loss(at), rel=1e-12)
            slope = [(loss(at + s) - loss(at - s)) / 2e-4 for s in step]
            np.testing.assert_allclose(gradients[i, j], slope, rtol=1e-4, atol=1e-8 * largest[0])
            second = [
                [
                    (loss(at + r + s) - loss(at + r - s) - loss(at - r + s) + loss(at - r - s))
                    / 4e-8
                    for s in step
                ]
                for r in step
            ]
            np.testing.assert_allclose(hessians[i, j], second, rtol=1e-4, atol=1e-5 * largest[1])


def test_the_table_and_the_covariance_are_those_of_explicit_gradients(
    tmp_path: Path, trained: Any
) -> None:
    import torch
    from torch.func import grad, vmap

    from fokkerplanck.projection import Flat, through_minima

    model, data, weights = trained
    data = data.subset(60)
    directions, flat = through_minima(weights), Flat(model)
    path = sample(model, data, directions, tmp_path / "plane.h5", hessian=False)

    def loss(theta: Any, x: Any, y: Any) -> Any:
        return flat.loss_vector(theta, x[None], y[None])[0]

    x, y = torch.tensor(data.inputs, dtype=torch.float64), torch.tensor(data.labels)
    with h5py.File(path) as file:
        assert "hessian" not in file
        for i, j in ((0, 0), (1, 2), (3, 3)):
            theta = flat.tensor(directions.weights([file["x"][i], file["y"][j]]))
            each = vmap(grad(loss), in_dims=(None, 0, 0))(theta, x, y).numpy() @ directions.axes.T
            wanted = np.cov(each.T, bias=True)
            np.testing.assert_allclose(file["covariance"][i, j], wanted, rtol=1e-9)
            np.testing.assert_allclose(file["table/gradient"][:, i, j], each, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_losses_at_anchors_are_the_networks_own(tmp_path: Path, norm: str) -> None:
    import torch
    from torch.nn.functional import cross_entropy

    from fokkerplanck.projection import digits, resnet, through_minima, train

    data, networks, weights = digits().subset(100), [], []
    for seed in range(2):
        networks.append(resnet(width=2, norm=norm, seed=seed))
        settings: dict[str, Any] = {"learning_rate": 0.05, "batch_size": 20, "epochs": 3}
        weights.append(train(networks[-1], data, seed=seed, **settings).weights)
    directions = through_minima(weights)
    path = sample(
        networks[0], data, directions, tmp_path / "line.h5", networks=weights, hessian=False
    )
    with torch.no_grad():  # as anyone would evaluate them
        x, y = torch.tensor(data.inputs), torch.tensor(data.labels)
        own = [float(cross_entropy(network.eval()(x), y)) for network in networks]
    with h5py.File(path) as file:
        np.testing.assert_allclose(file.attrs["anchor_losses"], own, rtol=1e-6)
        np.testing.assert_allclose(file.attrs["network_losses"], own, rtol=1e-6)
    with pytest.raises(NumericalError, match="loss at the anchor minimum 0"):
        sample(networks[0], data, directions, tmp_path / "b.h5", networks=weights, loss=Drifting())


class Drifting:
    """A loss that is another one at each call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, outputs: Any, labels: Any) -> Any:
        self.calls += 1
        return outputs[:, 0] + self.calls


def test_any_network_loss_and_loader(tmp_path: Path) -> None:
    import torch
    from torch import nn

    from fokkerplanck.projection import Directions, flatten

    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.5, activation="gelu", batch_first=True)
    model = nn.Sequential(nn.Embedding(10, 8), layer, nn.Flatten(), nn.LazyLinear(2))
    tokens, values = torch.randint(10, (30, 4)), torch.randn(30, 2)
    model(tokens)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(tokens, values), batch_size=7, shuffle=True
    )
    weights = flatten(model)
    axes = np.linalg.qr(np.random.default_rng(0).normal(size=(weights.size, 1)))[0].T
    directions = Directions(weights, axes, np.zeros((1, 1)), ("here",))

    def squares(outputs: Any, labels: Any) -> Any:
        return ((outputs - labels) ** 2).sum(dim=1)

    options: dict[str, Any] = {"extent": (-1, 1), "cells": 101, "loss": squares}
    path = sample(
        model, loader, directions, tmp_path / "line.h5", networks=weights[None], **options
    )
    with h5py.File(path) as file:
        with torch.no_grad():
            own = float(squares(model.eval().double()(tokens), values.double()).mean())
        assert file["loss"][50] == pytest.approx(own, rel=1e-6)
        x, loss = file["x"][...], file["loss"][...]
        slope = np.gradient(loss, x, edge_order=2)
        error = np.abs(slope - file["gradient"][:, 0])[2:-2].max()
        assert error < 1e-2 * np.abs(slope).max()
        second = np.gradient(file["gradient"][:, 0], x, edge_order=2)
        error = np.abs(second - file["hessian"][:, 0, 0])[2:-2].max()
        assert error < 1e-2 * np.abs(second).max()


def test_a_network_without_forward_mode_is_named(tmp_path: Path) -> None:
    import torch
    from torch import nn

    from fokkerplanck.projection import Directions, flatten

    class Backward(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, x: Any) -> Any:
            return x * 2

    class Layer(nn.Module):
        def forward(self, x: Any) -> Any:
            return Backward.apply(x)

    model = nn.Sequential(nn.Linear(3, 2), Layer())
    data = [(torch.randn(5, 3), torch.zeros(5, dtype=torch.int64))]
    weights = flatten(model)
    directions = Directions(weights, np.eye(1, weights.size), np.zeros((1, 1)), ("a",))
    with pytest.raises(CaseError, match=r"model: .* forward mode"):
        sample(model, data, directions, tmp_path / "a.h5", extent=(0, 1))


def test_points_that_are_not_finite_are_kept_and_named(tmp_path: Path, trained: Any) -> None:
    from fokkerplanck.projection import through_minima

    model, data, weights = trained
    directions, path = through_minima(weights[:2]), tmp_path / "line.h5"

    def broken(outputs: Any, labels: Any) -> Any:
        return (outputs.sum(dim=1) - 1e3).log()

    options: dict[str, Any] = {"loss": broken, "hessian": False}
    with pytest.raises(
        DataError, match=r"4 of 4 points are not finite .* index \(0,\) at"
    ) as error:
        sample(model, data, directions, path, **options)
    assert "--allow-nan" in str(error.value)
    assert not path.exists()
    sample(model, data, directions, path, resume=True, allow_nan=True, **options)
    with h5py.File(path) as file:
        assert file.attrs["not_finite"] == 4
        assert np.isnan(file["loss"][...]).all()


def test_an_interruption_says_how_to_go_on(tmp_path: Path, trained: Any) -> None:
    from fokkerplanck.projection import through_minima

    model, data, weights = trained
    directions, path = through_minima(weights[:2]), tmp_path / "line.h5"

    def interrupt(done: int, count: int, holes: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"2 of 4 points are in .*line\.h5\.part"):
        sample(model, data, directions, path, hessian=False, progress=interrupt)
    with pytest.raises(DataError, match="--resume goes on"):
        sample(model, data, directions, path, hessian=False)
    sample(model, data, directions, path, hessian=False, resume=True)
    before = path.read_bytes()
    sample(model, data, directions, path, hessian=False, resume=True)  # nothing to do
    with pytest.raises(DataError, match="exists already"):
        sample(model, data, directions, path, hessian=True, resume=True)
    sample(model, data, directions, path, hessian=False, force=True)
    assert path.read_bytes() == before


def test_arguments_that_do_not_fit(tmp_path: Path, trained: Any) -> None:
    from fokkerplanck.projection import Directions, through_minima

    model, data, weights = trained
    directions, path = through_minima(weights), tmp_path / "plane.h5"
    other = Directions(np.zeros(5), np.eye(2, 5), np.zeros((0, 2)))
    with pytest.raises(CaseError, match="weights, the directions 5"):
        sample(model, data, other, path, extent=[(0, 1), (0, 1)])
    for changes, message in [
        ({"cells": 3}, "at least 4"),
        ({"extent": (0, 1)}, "a pair"),
        ({"extent": [(0, 1), (1, 1)]}, "min < max"),
        ({"networks": weights[:2]}, "3 anchors"),
        ({"batch": 0}, "positive number"),
        ({"device": "gpu7"}, "device 'gpu7' cannot be used"),
        ({"loss": lambda o, y: o.mean()}, "for each sample"),
    ]:
        with pytest.raises(CaseError, match=message):
            sample(model, data, directions, path, **changes)
    assert not list(tmp_path.iterdir())


def command(folder: Path, *words: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-W", "ignore", "-m", "fokkerplanck.cli", "project", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(line, cwd=folder, env=environment, text=True, **pipes)


def test_the_command_goes_on_after_a_kill_to_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "plane.toml").write_text(CONFIG)
    whole = command(tmp_path, "plane.toml", "--json")
    out, err = whole.communicate(timeout=300)
    assert whole.returncode == 0, err
    found = json.loads(out)
    assert found["points"] == [5, 4]
    for anchor in found["anchors"]:
        assert anchor["loss"] == pytest.approx(anchor["network_loss"], rel=1e-6)
    wanted = (tmp_path / "plane.h5").read_bytes()

    (tmp_path / "plane.h5").unlink()
    killed = command(tmp_path, "plane.toml", "-q")
    part = tmp_path / "plane.h5.part"
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and not points_done(part):
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=60)
    assert 0 < points_done(part) < 20
    for words, message in (
        (["-q"], "--resume goes on"),
        (["--resume", "--set", "sample.batch=10"], "batch (64, now 10)"),
    ):
        refused = command(tmp_path, "plane.toml", *words)
        assert message in refused.communicate(timeout=300)[1]
        assert refused.returncode == 2
    resumed = command(tmp_path, "plane.toml", "-q", "--resume")
    assert resumed.communicate(timeout=300) == ("", "")
    assert resumed.returncode == 0
    assert (tmp_path / "plane.h5").read_bytes() == wanted
    assert not part.exists()

    begin, end = CONFIG.index("networks ="), CONFIG.index("[directions]")
    names = ", ".join(f'"plane_network{k}.npz"' for k in range(3))
    (tmp_path / "again.toml").write_text(f"{CONFIG[:begin]}weights = [{names}]\n{CONFIG[end:]}")
    again = command(tmp_path, "again.toml", "-q", "--set", "sample.hessian=false")
    assert again.communicate(timeout=300) == ("", "")
    with h5py.File(tmp_path / "plane.h5") as one, h5py.File(tmp_path / "again.h5") as other:
        for name in ("x", "y", "loss", "gradient", "covariance", "table/gradient"):
            np.testing.assert_allclose(one[name][...], other[name][...], rtol=1e-12, atol=1e-14)


def points_done(part: Path) -> int:
    """Count points as `state` holds them, whoever is writing."""
    try:
        with h5py.File(part, "r", locking=False) as file:
            return int((file["points/state"][...] > 0).sum())
    except (OSError, KeyError):
        return 0


def test_the_command_refuses_what_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fokkerplanck.cli import main

    monkeypatch.chdir(tmp_path)
    np.savez("short.npz", weights=np.zeros(7))
    np.savez("other.npz", w=np.zeros(7))
    np.savez("nan.npz", weights=np.full(1320, np.nan))
    Path("cut.npz").write_bytes(Path("short.npz").read_bytes()[:60])
    begin, end = CONFIG.index("networks ="), CONFIG.index("[directions]")
    for name, message in [
        ("short.npz", "train.weights.0: short.npz has weights of shape (7,); the network has 1320"),
        ("other.npz", "other.npz: no array weights; it has w"),
        ("nan.npz", "weights that are not finite"),
        ("cut.npz", "cut.npz: cannot be read"),
        ("none.npz", "none.npz: no such file"),
    ]:
        weights = f'weights = ["{name}", "{name}", "{name}"]\n'
        Path("plane.toml").write_text(CONFIG[:begin] + weights + CONFIG[end:])
        with pytest.raises(SystemExit) as left:
            main(["project", "plane.toml", "-q"])
        assert left.value.code == 2, message


@pytest.mark.parametrize(
    ("directions", "sample_"),
    [
        ('kind = "pca"\ndim = 1', "x = { cells = 5 }"),
        (
            'kind = "random"\nseed = 3',
            "x = { cells = 4, min = -1, max = 1 }\ny = { cells = 4, min = -1, max = 1 }",
        ),
        ('kind = "hessian"\ndim = 1', "x = { cells = 5, min = -1, max = 1 }"),
    ],
)
def test_the_command_takes_all_kinds_of_directions(
    tmp_path: Path, directions: str, sample_: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fokkerplanck.cli import main

    monkeypatch.chdir(tmp_path)
    text = CONFIG.replace('kind = "minima"', directions).replace("networks = 3", "networks = 1")
    text = text[: text.index("x = {")] + sample_ + "\nhessian = false\n"
    Path("plane.toml").write_text(text)
    with pytest.raises(SystemExit) as left:
        main(["project", "plane.toml"])
    assert left.value.code in (0, None)
    with h5py.File("plane.h5") as file:
        assert np.isfinite(file["loss"][...]).all()
        assert file.attrs["network_losses"].size == len(file.attrs["anchor_names"])
