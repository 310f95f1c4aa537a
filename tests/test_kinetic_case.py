"""Underdamped cases: run, killed and resumed, stored, compared, drawn; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fokkerplanck.case import Case, build, parse_case
from fokkerplanck.case.build_underdamped import phase_passages, phase_start, underdamped
from fokkerplanck.cli import main
from fokkerplanck.compare import compare_files
from fokkerplanck.errors import CaseError
from fokkerplanck.plot import plot_result
from fokkerplanck.run import run_case
from fokkerplanck.store import read
from tests.interruptions import assert_no_way_to_go_on, assert_resumes_to

WELL = """
title = "a damped well"
[grid]
x = { min = -2.0, max = 2.0, cells = 40 }
v = { min = -2.0, max = 2.0, cells = 32 }
[landscape]
kind = "expression"
loss = "x**2 / 2"
[noise]
kind = "white"
temperature = 0.1
[dynamics]
kind = "underdamped"
friction = 0.8
modes = 24
[initial]
kind = "gaussian"
mean = [-0.6, 0.1]
std = [0.2, 0.3]
[evolve]
times = [0.0, 0.5, 1.0, 2.0, 4.0]
[stationary]
[spectrum]
count = 2
[[expect]]
quantity = "evolve.mean.2.0"
prediction = "ornstein-uhlenbeck"
rtol = 1e-4
[[expect]]
quantity = "evolve.covariance.3.0.1"
prediction = "ornstein-uhlenbeck"
rtol = 1e-3
[[expect]]
quantity = "stationary.covariance.1.1"
prediction = "boltzmann"
rtol = 1e-12
"""
MOMENTUM = """
[grid]
x = { min = -0.8, max = 0.8, cells = 64 }
[landscape]
kind = "expression"
loss = "x**2"
[sgd]
learning_rate = 0.1
batch_size = 32
dataset_size = 3200
momentum = 0.9
[noise]
kind = "covariance"
covariance = [[2.0]]
[dynamics]
kind = "underdamped"
modes = 24
[initial]
kind = "stationary"
[evolve]
times = [0, 10, 20]
unit = "steps"
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kinetic") / "well.h5"
    run_case(parse_case(WELL), path)
    return path


def summary(path: Path) -> dict[str, Any]:
    with read(path) as stored:
        assert stored.summary is not None
        return dict(json.loads(stored.summary))


def test_json_has_all_of_the_contract(result: Path) -> None:
    found = summary(result)
    assert found["mass_error"] < 1e-12
    assert found["minimum_density"] > -1e-3
    assert found["grid"] == {"cells": [40, 32]}
    assert found["dynamics"]["kind"] == "underdamped"
    assert (found["dynamics"]["friction"], found["dynamics"]["mass"]) == (0.8, 1.0)
    assert np.shape(found["evolve"]["mean"]) == (5, 2)
    assert np.shape(found["evolve"]["covariance"]) == (5, 2, 2)
    assert np.allclose(found["evolve"]["basin_masses"], 1.0, atol=1e-9)
    assert found["stationary"]["irreversibility"] == pytest.approx(0.0, abs=1e-12)
    assert found["spectrum"] == pytest.approx([0.4, 0.4], rel=1e-6)
    assert all(row["pass"] for row in found["expect"])


def test_entropy_is_produced_on_the_way_and_no_more_at_rest(result: Path) -> None:
    produced = summary(result)["evolve"]["entropy_production"]
    assert min(produced) > 0
    assert produced[-1] < 0.1 * produced[1]


def test_file_has_named_axes_and_opens_with_xarray(result: Path) -> None:
    xarray = pytest.importorskip("xarray")
    with xarray.open_dataset(result, engine="h5netcdf") as data:
        assert data["density"].dims == ("time", "x", "v")
        assert data["current"].dims == ("time", "x", "v", "component")
        assert data["loss"].dims == ("x",)
        assert data["energy"].dims == ("x", "v")
        assert data["diffusion"].dims == ("row", "column")
        mass = data["density"].sum(("x", "v")) * 0.1 * 0.125
        np.testing.assert_allclose(mass, 1.0, atol=1e-12)
    with xarray.open_dataset(result, engine="h5netcdf", group="stationary") as data:
        parts = data["reversible"] + data["irreversible"]
        np.testing.assert_allclose(parts, data["current"], atol=1e-14)


def test_old_programs_are_told_and_old_files_stay_readable(result: Path, tmp_path: Path) -> None:
    line = WELL.replace('kind = "underdamped"\nfriction = 0.8\nmodes = 24', 'kind = "overdamped"')
    line = line.replace("v = { min = -2.0, max = 2.0, cells = 32 }\n", "").split("[[expect]]")[0]
    line = line.replace("[-0.6, 0.1]", "[-0.6]").replace("[0.2, 0.3]", "[0.2]")
    run_case(parse_case(line), tmp_path / "line.h5")
    with h5py.File(result) as new, h5py.File(tmp_path / "line.h5") as old:
        assert new.attrs["format_version"] == 2
        assert old.attrs["format_version"] == 1


FIELDS = "time density current mean_x time_error checkpoint/modes"
OBSERVED = "mean covariance basin_masses"


@pytest.mark.parametrize("after", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_interrupted_and_resumed_is_the_same_bit_for_bit(
    result: Path, tmp_path: Path, after: int
) -> None:
    assert_resumes_to(result, WELL, after, tmp_path / "out.h5", FIELDS, OBSERVED)


def test_resumed_in_a_hotter_basis_is_the_same_bit_for_bit(tmp_path: Path) -> None:
    """Fast starts have a basis of modes that is hotter than the problem, and cools on the way."""
    text = WELL.split("[stationary]")[0].replace("-0.6, 0.1", "-1.5, 0.0").replace("= 24", "= 64")
    text = text.replace("cells = 40", "cells = 64").replace("0.2, 0.3", "0.15, 0.45")
    text = text.replace("[0.0, 0.5, 1.0, 2.0, 4.0]", "[1.0, 2.0, 8.0, 16.0]")
    case = parse_case(text)
    start = phase_start(case, underdamped(case, build.problem(case)))
    assert start.operator.cold < 1
    whole = tmp_path / "straight.h5"
    run_case(case, whole)
    for after in (1, 2, 3):
        assert_resumes_to(whole, text, after, tmp_path / f"{after}.h5", FIELDS, OBSERVED)


def test_another_friction_is_no_way_to_go_on(tmp_path: Path) -> None:
    other, message = WELL.replace("= 0.8", "= 0.7"), r"dynamics\.friction was 0\.8, is 0\.7"
    assert_no_way_to_go_on(WELL, other, tmp_path / "out.h5", message)


def test_momentum_has_a_mass_and_steps_of_the_learning_rate() -> None:
    found = run_case(parse_case(MOMENTUM)).json()
    d = found["dynamics"]
    assert [d[k] for k in ("mass", "friction", "temperature")] == pytest.approx(
        [0.095, 0.1, 0.03125], rel=1e-12
    )
    assert found["evolve"]["times"] == pytest.approx([0.0, 1.0, 2.0], abs=1e-15)
    assert found["evolve"]["steps"] == pytest.approx([0, 10, 20])
    assert found["evolve"]["epochs"] == pytest.approx([0.0, 0.1, 0.2])
    assert found["evolve"]["covariance"][2][1][1] == pytest.approx(0.328947368421053, rel=1e-9)
    assert "inertia" in found["sgd"]["note"]


def test_constant_hessian_noise_is_one_temperature_and_varying_noise_is_refused() -> None:
    def problem(text: str) -> float:
        case = parse_case(text)
        return underdamped(case, build.problem(case)).temperature

    hessian = MOMENTUM.replace('kind = "covariance"\ncovariance = [[2.0]]', 'kind = "hessian"')
    assert problem(hessian) == pytest.approx(0.03125, rel=1e-12)
    varying = MOMENTUM.replace("[[2.0]]", '[["2 + x"]]')
    with pytest.raises(CaseError, match=r"varies from 0\.0189.* one temperature"):
        problem(varying)


@pytest.mark.parametrize(
    ("start", "velocity"),
    [
        ('kind = "gaussian"\nmean = [-0.6]\nstd = [0.2]', 0.1),
        ('kind = "gaussian"\nmean = [-0.6, 0.0]\ncovariance = [[0.04, 0.01], [0.01, 0.09]]', 0.09),
        ('kind = "delta"\nmean = [-0.6]', 0.1),
        ('kind = "stationary"', 0.1),
        ('kind = "uniform"', 0.1),
    ],
)
def test_starts(start: str, velocity: float) -> None:
    before, after = WELL.split("[initial]")
    text = f"{before}[initial]\n{start}\n[evolve]{after.split('[evolve]')[1]}"
    case = parse_case(text)
    state = phase_start(case, underdamped(case, build.problem(case)))
    assert state.mass == pytest.approx(1.0, abs=1e-12)
    assert state.covariance[1, 1] == pytest.approx(velocity, rel=1e-6)


def test_a_start_from_a_file_in_x_and_v_or_in_x(result: Path) -> None:
    before, after = WELL.split("[initial]")
    start = f'kind = "file"\nfile = "{result}"\nat = 1.0'
    case = parse_case(f"{before}[initial]\n{start}\n[evolve]{after.split('[evolve]')[1]}")
    state = phase_start(case, underdamped(case, build.problem(case)))
    expected = summary(result)["evolve"]["mean"][2]
    assert state.mean == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    ("to", "target"),
    [
        ("{ centre = [1.0], radius = 0.25 }", (0.75,)),
        ("{ centre = [-1.5], radius = 0.25 }", (-1.25,)),
        ("{ box = [[0.9, 1.2]] }", (0.9,)),
        ("{ halfplane = { normal = [2.0], offset = 1.0 } }", (0.5,)),
        ("{ centre = [0.7] }", (0.7,)),
    ],
)
def test_targets_are_their_nearest_points(to: str, target: tuple[float, ...]) -> None:
    case = parse_case(f'{WELL}\n[[passage]]\nname = "p"\nfrom = {{ centre = [0.0] }}\nto = {to}\n')
    (ends,) = phase_passages(case, build.problem(case))
    assert ends.target == pytest.approx(target, abs=1e-12)


def test_passage_in_the_json_and_in_the_file(tmp_path: Path) -> None:
    table = '\n[[passage]]\nname = "up"\nfrom = { centre = [0.0, 0.2] }\n'
    text = (
        WELL.split("[initial]")[0]
        + table
        + "to = { halfplane = { normal = [1.0], offset = 0.5 } }\n"
    )
    found = run_case(parse_case(text), tmp_path / "out.h5").json()["passage"]["up"]
    assert 0 < found["mean"] < 60
    assert found["error"] < 1e-2
    with read(tmp_path / "out.h5") as stored:
        held = stored.passage("up")
        assert held.log10_time is not None
        assert held.log10_time.shape == (40, 32)
        assert held.source.sum() == 1.0
        plot_result(stored, tmp_path / "out.png")


def test_compare_with_itself_and_with_its_overdamped_limit(result: Path, tmp_path: Path) -> None:
    assert compare_files(result, result).metrics["l1"] == 0.0
    text = WELL.replace('kind = "underdamped"\nfriction = 0.8\nmodes = 24', 'kind = "overdamped"')
    text = text.split("[initial]")[0].replace("v = { min = -2.0, max = 2.0, cells = 32 }\n", "")
    run_case(parse_case(text + "[stationary]\n"), tmp_path / "line.h5")
    found = compare_files(result, tmp_path / "line.h5", at="stationary")
    assert found.metrics["l1"] is not None
    assert found.metrics["l1"] < 5e-3
    assert "summed over v" in found.notes[0]


def test_compare_with_a_plane_is_refused(result: Path, tmp_path: Path) -> None:
    plane = """
[grid]
x = { min = -1, max = 1, cells = 8 }
y = { min = -1, max = 1, cells = 8 }
[landscape]
kind = "expression"
loss = "x**2 + y**2"
[noise]
kind = "white"
temperature = 1.0
[stationary]
"""
    run_case(parse_case(plane), tmp_path / "plane.h5")
    with pytest.raises(CaseError, match="no common ground"):
        compare_files(result, tmp_path / "plane.h5", at="stationary")


@pytest.mark.parametrize(
    "what",
    [
        None,
        "spectrum",
        *(pytest.param(w, marks=pytest.mark.slow) for w in ("current", "stationary")),
    ],
)
def test_figures(result: Path, tmp_path: Path, what: str | None) -> None:
    with read(result) as stored:
        plot_result(stored, tmp_path / "out.png", what=what)
    assert (tmp_path / "out.png").stat().st_size > 10_000


@pytest.mark.slow
def test_movie(result: Path, tmp_path: Path) -> None:
    with read(result) as stored:
        plot_result(stored, tmp_path / "out.gif", dpi=40)
    assert (tmp_path / "out.gif").stat().st_size > 1000


def test_info_says_that_velocities_have_no_walls(
    result: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["info", str(result)])
    out = capsys.readouterr().out
    assert "no walls" in out
    assert "friction 0.8" in out


REFUSED = [
    ("no friction", "friction = 0.8\n", "", ("dynamics.friction", "missing key")),
    ("friction 0", "friction = 0.8", "friction = 0", ("dynamics.friction", "> 0")),
    ("odd modes", "modes = 24", "modes = 25", ("even number", "25")),
    ("a force", "modes = 24", 'drift = { force = ["1"] }', ("dynamics.drift", "gradient")),
    ("a plane", "[landscape]", "y = { min = -1, max = 1, cells = 9 }\n[landscape]", ("grid.y",)),
    ("walls of v", "cells = 32 }", 'cells = 32, walls = "reflecting" }', ("grid.v.walls",)),
    ("absorbing", "cells = 40 }", 'cells = 40, walls = "absorbing" }', ("[[passage]]",)),
    ("short v", "v = { min = -2.0", "v = { min = -0.1", ("grid.v", "too short")),
    ("reading", "temperature = 0.1", 'temperature = 0.1\nreading = "stratonovich"', ("ito",)),
    ("schedule", "temperature = 0.1", 'temperature = 0.1\nschedule = "1 + t"', ("schedule",)),
    ("tensor", 'kind = "white"\ntemperature = 0.1', 'kind = "tensor"\nD = [[0.1]]', ("white",)),
    ("three means", "mean = [-0.6, 0.1]", "mean = [0, 0, 0]", ("initial.mean",)),
    ("one width", "std = [0.2, 0.3]", "std = [0.2]", ("initial.std", "2 entries")),
    ("outside v", "mean = [-0.6, 0.1]", "mean = [-0.6, 3.0]", ("initial.mean.1", "v from")),
    ("rates", "[stationary]", "[rates]\n[stationary]", ("rates", "overdamped")),
    ("selection", "[stationary]", "[selection]\n[stationary]", ("selection", "overdamped")),
    ("ensemble", "[stationary]", "[ensemble]\nwalkers = 10\n[stationary]", ("ensemble",)),
    ("quasi", "[stationary]", "[[quasi_stationary]]\nwell = [0.0]\n[stationary]", ("quasi_",)),
    ("method", "[stationary]", '[stationary]\nweight = "fitted"', ("stationary.weight",)),
    ("unknown kind", '"underdamped"', '"damped"', ("dynamics.kind", "damped", "overdamped")),
    ("law", '"boltzmann"', '"kramers"', ("kramers", "overdamped motion")),
]


@pytest.mark.parametrize(
    ("old", "new", "says"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_what_cannot_be_is_refused_with_a_reason(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    says: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert old in WELL
    Path("case.toml").write_text(WELL.replace(old, new, 1))
    with pytest.raises(SystemExit) as stop:
        main(["run", "case.toml", "-o", "out.h5"])
    assert stop.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("error: case.toml")
    for part in says:
        assert part in err
    assert not Path("out.h5").exists()


def test_a_sweep_over_friction_fits_no_line(tmp_path: Path) -> None:
    from fokkerplanck.case.load import Variants
    from fokkerplanck.plot.sweep import plot_sweep
    from fokkerplanck.sweep import run_sweep

    text = WELL.split("[initial]")[0] + "[spectrum]\ncount = 1\n"
    variants = Variants.of(parse_case(text))
    path = tmp_path / "sweep.h5"
    found = run_sweep(variants, {"dynamics.friction": [0.5, 1.0, 3.0]}, path, workers=0)
    rates = found.scalars["spectrum.0"]
    # a damped oscillator of frequency 1: friction over two, and beyond 2 the slow root
    expected = [0.25, 0.5, 1.5 - np.sqrt(1.25)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5)
    (fit,) = found.fit()
    assert fit.json()["computed"] is None
    np.testing.assert_allclose(fit.x, np.log([0.5, 1.0, 3.0]))
    plot_sweep(found, tmp_path / "sweep.png")


def test_velocities_of_overdamped_motion_are_refused() -> None:
    text = WELL.replace('kind = "underdamped"\nfriction = 0.8\nmodes = 24', 'kind = "overdamped"')
    with pytest.raises(CaseError, match="underdamped"):
        parse_case(text)


def test_friction_and_momentum_exclude_each_other() -> None:
    text = MOMENTUM.replace('kind = "underdamped"', 'kind = "underdamped"\nfriction = 1.0')
    with pytest.raises(CaseError, match=r"1 - sgd\.momentum"):
        parse_case(text)


def test_laws_of_inertia_are_not_for_overdamped_cases(tmp_path: Path) -> None:
    text = WELL.replace('kind = "underdamped"\nfriction = 0.8\nmodes = 24', 'kind = "overdamped"')
    text = text.replace("v = { min = -2.0, max = 2.0, cells = 32 }\n", "").split("[[expect]]")[0]
    text = text.replace("[-0.6, 0.1]", "[-0.6]").replace("[0.2, 0.3]", "[0.2]")
    text += '[[expect]]\nquantity = "spectrum.0"\nprediction = "melnikov-meshkov"\nrtol = 0.1\n'
    case: Case = parse_case(text)
    with pytest.raises(CaseError, match="underdamped motion"):
        run_case(case)
