"""Cases of heavy-tailed noise in the plane, walkers that evolve densities, and refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.case import parse_case
from fokkerplanck.case.build import problem
from fokkerplanck.case.build_levy import levy, levy_start
from fokkerplanck.compare import compare_files
from fokkerplanck.errors import CaseError
from fokkerplanck.plot import plot_result
from fokkerplanck.run import run_case
from fokkerplanck.sets import Ball
from fokkerplanck.store import read
from fokkerplanck.theory.levy_plane_predictions import plane_wave
from fokkerplanck.writer import part_path
from tests.interruptions import assert_resumes_to

ROOT = Path(__file__).parents[1]
BOWL = """
title = "jumps in a bowl"
[grid]
x = { min = -16.0, max = 16.0, cells = 48 }
y = { min = -16.0, max = 16.0, cells = 48 }
[landscape]
kind = "expression"
loss = "x**2 / 2 + y**2 / 2 + x*y/4"
[noise]
kind = "levy"
alpha = 1.5
scale = 1.0
temperature = 0.5
[initial]
kind = "gaussian"
mean = [3.0, -2.0]
std = [0.8, 0.8]
[evolve]
times = [0.0, 0.25, 0.5]
tolerance = 1e-5
[stationary]
points = [[0.0, 0.0]]
frequencies = [[0.5, 0.0], [0.3, 0.3], [0.3, -0.3]]
"""
#: within what 48 cells make of it and the mass outside, 0.7%; with 96 and a longer grid 0.3%
EXPECT = """
[[passage]]
name = "far"
from = { centre = [0.0, 0.0] }
to = { halfplane = { normal = [1.0, 0.0], offset = 8.0 } }
[[expect]]
quantity = "stationary.characteristic.real.0"
prediction = "levy-ou"
rtol = 1.5e-2
[[expect]]
quantity = "stationary.characteristic.real.1"
prediction = "levy-ou"
rtol = 1.5e-2
[[expect]]
quantity = "stationary.characteristic.real.2"
prediction = "levy-ou"
rtol = 1.5e-2
"""
INDEPENDENT = BOWL.replace("scale = 1.0", 'scale = [1.0, 0.5]\ncomponents = "independent"')


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plane") / "bowl.h5"
    run_case(parse_case(BOWL + EXPECT), path)
    return path


def summary(path: Path) -> dict[str, Any]:
    with read(path) as stored:
        assert stored.summary is not None
        return dict(json.loads(stored.summary))


def test_expectations_hold(result: Path) -> None:
    for row in summary(result)["expect"]:
        assert row["pass"], row


def test_mass_is_kept_and_the_rest_lies_outside(result: Path) -> None:
    found = summary(result)
    with read(result) as stored:
        assert stored.stationary is not None
        inside = stored.grid.integrate(stored.stationary.density)
    assert inside + found["stationary"]["outside"] == pytest.approx(1.0, abs=1e-12)
    assert 1e-3 < found["stationary"]["outside"] < 1e-1
    assert found["mass_error"] < 1e-10
    assert found["passage"]["far"]["error"] < 0.1


def test_what_does_not_exist_is_not_given(result: Path) -> None:
    """Tails |x|^-2.5 of each coordinate: a mean, and no variance."""
    found = summary(result)
    assert found["stationary"]["tail_exponent"] == pytest.approx(2.5, abs=1e-5)
    assert found["stationary"]["covariance"] == [[None] * 2] * 2
    assert found["evolve"]["covariance"] == [[[None] * 2] * 2] * 3
    assert found["evolve"]["mean"][0] == pytest.approx([3.0, -2.0], abs=1e-3)
    assert any("ariances are infinite" in text for text in found["noise"]["remarks"])


def test_current_is_what_the_density_loses(result: Path) -> None:
    """Mass left of a line changes by the current over it."""
    text = BOWL.split("[stationary]")[0].replace("[0.0, 0.25, 0.5]", "[0.25, 0.26, 0.27]")
    early, now, late = run_case(parse_case(text.replace("1e-5", "1e-7"))).snapshots
    h = 32.0 / 48
    assert now.current is not None
    below = [np.cumsum(s.density.sum(axis=1)) * h**2 for s in (early, late)]
    change = (below[1] - below[0]) / 0.02
    flux = now.current[..., 0].sum(axis=1) * h
    # the current at centres is the mean over both faces
    expected = -0.5 * (change + np.concatenate(([0.0], change[:-1])))
    np.testing.assert_allclose(flux, expected, atol=5e-3 * np.abs(change).max())


def test_stopped_and_resumed_is_the_same_bit_for_bit(result: Path, tmp_path: Path) -> None:
    fields = "time density current jump_current grid_error time_error"
    text = BOWL.split("[stationary]")[0]
    assert_resumes_to(result, text, 2, tmp_path / "out.h5", fields, "mean median quartiles")


def test_file_is_drawn_and_compared(result: Path, tmp_path: Path) -> None:
    with read(result) as stored:
        assert stored.heavy_tailed
        assert plot_result(stored, tmp_path / "plane.png", dpi=40, log=True, at=0.25).exists()
    assert compare_files(result, result).metrics["tv"] == 0.0


def test_laws_in_a_bowl_are_those_of_its_axes() -> None:
    """Independent noise along the axes of a parabola: a product; isotropic: ``|k|^a s^a/(a h)``."""
    case = parse_case(INDEPENDENT.replace(" + x*y/4", "").replace("y**2 / 2", "y**2"))
    made, k = levy(case), np.array([0.7, -1.1])
    found = plane_wave(made, np.diag([1.0, 2.0]), k)  # type: ignore[arg-type]
    law = 0.7**1.5 / 1.5 + (0.5 * 1.1) ** 1.5 / 3.0 + 0.5 * (0.49 / 2 + 1.21 / 4)
    assert found == pytest.approx(np.exp(-law), rel=1e-10)
    made = levy(parse_case(BOWL))
    found = plane_wave(made, 2.0 * np.eye(2), k)  # type: ignore[arg-type]
    size = float(np.hypot(*k))
    assert found == pytest.approx(np.exp(-(size**1.5) / 3.0 - 0.5 * size**2 / 4.0), rel=1e-10)


def test_independent_noise_of_index_two_is_a_tensor() -> None:
    case = parse_case(INDEPENDENT.replace("alpha = 1.5", "alpha = 2.0"))
    assert not case.heavy_tailed
    for tensor in problem(case).diffusion()[0]:
        np.testing.assert_allclose(tensor, np.diag([1.5, 0.75]))


def test_points_and_frequencies_at_index_two() -> None:
    """The limit of a sweep over the index: a Gaussian of variance T + s^2 over the curvature."""
    text = BOWL.replace("alpha = 1.5", "alpha = 2").replace(" + x*y/4", "").replace("16.0", "7.0")
    head, tail = text.split("[initial]")[0], text.split("[stationary]")[1]
    found = run_case(parse_case(f"{head}[stationary]{tail}")).json()["stationary"]
    assert found["density_at"][0] == pytest.approx(1.0 / (2 * np.pi * 1.5), rel=1e-2)
    waves = found["characteristic"]["real"]
    law = [np.exp(-0.75 * 0.25), *[np.exp(-0.75 * 0.18)] * 2]
    assert waves == pytest.approx(law, rel=1e-2)


def test_a_point_to_start_from_is_where_it_should_be() -> None:
    text = BOWL.replace('kind = "gaussian"', 'kind = "delta"').replace("std = [0.8, 0.8]\n", "")
    case = parse_case(text)
    made = levy(case)
    start = levy_start(case, made)
    assert made.grid.integrate(start) == pytest.approx(1.0)
    mean = np.tensordot(start, made.grid.points(), axes=2) * made.grid.volume
    np.testing.assert_allclose(mean, [3.0, -2.0], atol=1e-12)


WALK = BOWL.split("[stationary]")[0].replace("tolerance = 1e-5", 'method = "ensemble"')
WALK += "[ensemble]\nwalkers = 2000\nconfidence = 0.9999\n"


def test_walkers_evolve_densities(result: Path, tmp_path: Path) -> None:
    """Quartiles within four standard errors of what the solver finds; resumed bit for bit."""
    path, other = tmp_path / "walk.h5", tmp_path / "again.h5"
    found = run_case(parse_case(WALK), path).json()["evolve"]
    solved = summary(result)["evolve"]
    assert found["ensemble"]["walkers"] == 2000
    assert found["ensemble"]["covariance"] is None
    assert found["covariance"] == [[[None] * 2] * 2] * 3
    for k in (1, 2):
        for row, true in zip(found["quartiles"][k], solved["quartiles"][k], strict=True):
            width = true[2] - true[0]
            # of a median over 2000, and of the cells
            assert row[1] == pytest.approx(true[1], abs=4 * 0.02 * width + 0.05)
    fields = "density density_error observables/mean time_error"
    assert_resumes_to(path, WALK, 2, other, fields)


def refused(old: str, new: str, key: str, *words: str, text: str = BOWL + EXPECT) -> Any:
    return pytest.param(text.replace(old, new, 1), key, words, id=f"{key} {new[:24]}")


RATES = "[rates]\n[stationary]"
QUASI = "[[quasi_stationary]]\nwell = [0.0, 0.0]\n[stationary]"


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        refused("scale = 1.0", "scale = [1.0, 2.0]", "noise.scale", "independent"),
        refused("1.0, 0.5]", "1.0]", "noise.scale", "pair", text=INDEPENDENT),
        refused("1.0, 0.5]", "1.0, -0.5]", "noise.scale.1", "> 0", text=INDEPENDENT),
        refused("1.0, 0.5]", '1.0, "a"]', "noise.scale.1", "number", text=INDEPENDENT),
        refused('"independent"', '"both"', "noise.components", "isotropic", text=INDEPENDENT),
        refused("cells = 48", "cells = 15", "grid.x.cells", ">= 16"),
        refused("cells = 48 }\n[land", "cells = 48, walls = 'periodic' }\n[land", "grid.y.walls"),
        refused("[[0.0, 0.0]]", "[0.0]", "stationary.points.0", "pair"),
        refused("[[0.0, 0.0]]", "[[0.0, 99.0]]", "stationary.points.0", "y from -16 to 16"),
        refused("[[0.5, 0.0]", "[[0.5, 0.0, 1.0]", "stationary.frequencies.0", "pair"),
        refused("[stationary]", RATES, "rates", "plane"),
        refused("[stationary]", QUASI, "quasi_stationary", "plane"),
        refused("8.0 } }", "8.0 } }\nsurvival = true", "passage.0.survival", "ensemble"),
        refused("8.0 } }", "8.0 } }\nreactive = true", "passage.0.reactive", "no path"),
        refused("{ halfplane = { normal = [1.0, 0.0], offset = 8.0 } }", '"walls"', "passage.0.to"),
        refused(
            "{ halfplane = { normal = [1.0, 0.0], offset = 8.0 } }",
            "{ centre = [5.0, 0.0] }",
            "passage.0.to",
            "radius",
        ),
        refused("offset = 8.0", "offset = -8.0", "passage.0.from", "lies"),
    ],
)
def test_what_cannot_be_is_refused(text: str, key: str, words: tuple[str, ...]) -> None:
    from fokkerplanck.run import job_of

    with pytest.raises(CaseError) as error:
        job_of(parse_case(text))
    assert error.value.key == key
    for word in words:
        assert word in error.value.message


@pytest.mark.slow
@pytest.mark.parametrize("components", ["isotropic", "independent"])
def test_walkers_reach_a_ball_when_the_solver_says(components: str) -> None:
    """Time to a ball, within four standard errors, with the solver's error."""
    loss = fp.landscapes.make("expression", 2, {"loss": "x**2/2 + y**2/2"})
    grid = fp.Grid.plane((-8.0, 8.0, 160), (-8.0, 8.0, 160))
    scale = 1.0 if components == "isotropic" else (1.0, 0.6)
    made = fp.PlaneLevy(grid, loss, 1.5, scale, components=components)  # type: ignore[arg-type]
    target = Ball((2.0, 1.0), 0.8)
    solved = fp.levy_first_passage(made, (-1.0, 0.0), target)
    walked = fp.sample_levy_passage(made, (-1.0, 0.0), target, walkers=20_000, seed=5)
    assert walked.probability == 1.0
    due = 4.0 * walked.standard_error + solved.error * solved.mean
    assert abs(walked.mean - solved.mean) < due
    assert due < 0.06 * solved.mean
    assert walked.creeps == 0.0


LONG = BOWL.split("[stationary]")[0].replace(
    "[0.0, 0.25, 0.5]", '{ start = 1e-3, stop = 1.0, count = 60, spacing = "log" }'
)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killed_runs_go_on(tmp_path: Path, number: signal.Signals) -> None:
    case, output = tmp_path / "case.toml", tmp_path / "out.h5"
    case.write_text(LONG)
    command = [sys.executable, "-m", "fokkerplanck.cli", "run", str(case), "-o", str(output)]
    process = subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=_hear_interrupts
    )
    saved = _wait_for_snapshots(part_path(output), process, least=4)
    process.send_signal(number)
    _, message = process.communicate(timeout=60)
    assert "Traceback" not in message
    left = part_path(output) if number == signal.SIGKILL else output
    with read(left) as stored:
        kept = stored.times.size
        first = stored.density(0)
    assert saved <= kept < 60
    again = subprocess.run(
        [*command, "--resume"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    with read(output) as stored:
        assert stored.complete
        assert stored.times.size == 60
        np.testing.assert_array_equal(stored.density(0), first)
        assert np.abs(stored.file["mass"][...] - 1.0).max() < 1e-10


def _hear_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _wait_for_snapshots(path: Path, process: subprocess.Popen[str], least: int) -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists():
            with read(path) as stored:
                if (n := int(stored.times.size)) >= least:
                    return n
        time.sleep(0.02)
    pytest.fail(f"the run ended with {process.poll()} before it saved {least} snapshots")
