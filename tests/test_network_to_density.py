"""From training to passage times, as a user goes: three networks, their plane, a case on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:FutureWarning"),
]

ROOT = Path(__file__).parents[1]
REDUCED = ("sample.x.cells=9", "sample.y.cells=9", "sample.table=true")
RATE = 3.0
#: part of the time that steps of this learning rate cost; 6 % on 25 x 25 samples
STEPS = 0.15
CASE = """
title = "Density of SGD on the plane of three networks"

[grid]
x = {{ min = {x[0]}, max = {x[1]}, cells = 96 }}
y = {{ min = {y[0]}, max = {y[1]}, cells = 96 }}

[landscape]
kind = "sampled"
file = "plane.h5"

[sgd]
learning_rate = {rate}
batch_size = 1

[noise]
kind = "covariance"

[initial]
kind = "gaussian"
mean = {start}
std = [0.3, 0.3]

[evolve]
times = {{ start = 10, stop = 1e6, count = 6, spacing = "log", unit = "steps" }}

[stationary]

[[passage]]
name = "away"
from = {{ centre = {start} }}
to = {{ centre = {target}, radius = 1.0 }}
"""


def cli(capsys: Any, *words: str) -> str:
    """Run a command to its end; what it prints."""
    from fokkerplanck.cli import main

    with pytest.raises(SystemExit) as left:
        main(list(words))
    out, err = capsys.readouterr()
    assert left.value.code in (0, None), err
    return str(out)


def test_three_networks_their_plane_and_a_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from fokkerplanck.in_plane import InPlane
    from fokkerplanck.sampled_passage import sample_passage
    from fokkerplanck.sets import Ball

    monkeypatch.chdir(tmp_path)
    reduced = [word for setting in REDUCED for word in ("--set", setting)]
    config = str(ROOT / "scripts" / "resnet" / "plane.toml")
    plane = json.loads(cli(capsys, "project", config, "-o", "plane.h5", *reduced, "--json"))
    assert plane["points"] == [9, 9]
    assert plane["table"]
    for anchor in plane["anchors"]:
        assert anchor["loss"] == pytest.approx(anchor["network_loss"], rel=1e-6)

    start, target = (plane["anchors"][k]["position"] for k in (0, 1))
    x, y = plane["extent"]
    Path("case.toml").write_text(CASE.format(x=x, y=y, rate=RATE, start=start, target=target))
    found = json.loads(cli(capsys, "run", "case.toml", "-o", "case.h5", "--json"))
    assert found["mass_error"] < 1e-12
    assert found["minimum_density"] >= 0
    away = found["passage"]["away"]
    assert away["error"] < 0.05
    # nothing crosses within hundreds of steps; in the end what evolved is stationary
    first, last = (found["evolve"]["basin_masses"][k] for k in (0, -1))
    home = int(np.argmax(first))
    assert first[home] > 0.95
    np.testing.assert_allclose(last, found["stationary"]["basin_masses"], atol=1e-3)

    # walkers of the same landscape take the time of the diffusion, but for steps of this length
    surface = InPlane.load("plane.h5")
    ends = start, Ball(target, 1.0)
    same = sample_passage(surface.problem(RATE, 1), *ends, walkers=1000, dynamics="sgd")
    error = 4 * same.standard_error / same.mean + STEPS
    assert same.mean / RATE == pytest.approx(away["mean_steps"], rel=error)

    # those of the table interpolate otherwise: within what the result says of so few samples
    stated = found["landscape"]["interpolation"]["relative_to_noise"]
    assert 0.1 < stated < 1.0
    twin = surface.escape(*ends, RATE, 1, walkers=1000, noise="gaussian")
    error = stated + 4 * twin.steps_error / twin.mean_steps + STEPS
    assert abs(np.log(twin.mean_steps / away["mean_steps"])) < error

    # the network's own minibatches: noise of the same covariance, not Gaussian, goes sooner
    real = surface.escape(*ends, RATE, 1, walkers=1000)
    assert real.arrived >= 200
    assert real.mean_steps + 4 * real.steps_error < twin.mean_steps

    cli(capsys, "info", "case.h5")
    cli(capsys, "plot", "case.h5", "-o", "case.png")
    cli(capsys, "plot", "plane.h5", "-o", "plane.png")
    assert all(Path(name).stat().st_size > 20_000 for name in ("case.png", "plane.png"))
