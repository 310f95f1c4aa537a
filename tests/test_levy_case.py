"""Cases of heavy-tailed noise: run, killed and resumed, stored, compared, drawn; refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fokkerplanck.case import build, parse_case
from fokkerplanck.case.build_levy import levy, levy_start
from fokkerplanck.cli import main
from fokkerplanck.compare import compare_files
from fokkerplanck.errors import CaseError
from fokkerplanck.levy_cells import cell_density, node_density
from fokkerplanck.plot import plot_result
from fokkerplanck.run import run_case
from fokkerplanck.store import read
from tests.interruptions import assert_no_way_to_go_on, assert_resumes_to

WELL = """
title = "jumps in a parabola"
[grid]
x = { min = -16.0, max = 16.0, cells = 256 }
[landscape]
kind = "expression"
loss = "x**2 / 2"
[noise]
kind = "levy"
alpha = 1.5
scale = 1.0
[initial]
kind = "gaussian"
mean = [2.0]
std = [0.5]
[evolve]
times = [0.0, 0.25, 0.5, 1.0]
tolerance = 1e-6
[stationary]
points = [0.0, 0.5]
frequencies = [1.0]
[[passage]]
name = "far"
from = { centre = [0.0] }
to = { halfplane = { normal = [1.0], offset = 12.0 } }
[[expect]]
quantity = "stationary.characteristic.real.0"
prediction = "levy-ou"
rtol = 3e-3
[[expect]]
quantity = "stationary.density_at.1"
prediction = "levy-ou"
rtol = 1e-2
[[expect]]
quantity = "stationary.interquartile_range"
prediction = "levy-ou"
rtol = 2e-3
[[expect]]
quantity = "evolve.median.2"
prediction = "levy-ou"
rtol = 2e-2
"""
BOX = """
[grid]
x = { min = -1.0, max = 1.0, cells = 64, walls = ["absorbing", "reflecting"] }
[landscape]
kind = "expression"
loss = "x**2 / 2"
[noise]
kind = "levy"
alpha = 0.8
scale = 0.3
[initial]
kind = "gaussian"
mean = [0.2]
std = [0.2]
[evolve]
times = [0.1, 1.0]
"""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("levy") / "well.h5"
    run_case(parse_case(WELL), path)
    return path


def summary(path: Path) -> dict[str, Any]:
    with read(path) as stored:
        assert stored.summary is not None
        return dict(json.loads(stored.summary))


def test_expectations_hold(result: Path) -> None:
    for row in summary(result)["expect"]:
        assert row["pass"], row
        assert row["valid"], row


def test_mass_inside_and_in_the_tails_is_one(result: Path) -> None:
    found = summary(result)
    with read(result) as stored:
        assert stored.stationary is not None
        inside = stored.grid.integrate(stored.stationary.density)
        tails = dict(stored.file["stationary"].attrs)
    assert inside + found["stationary"]["outside"] == pytest.approx(1.0, abs=1e-12)
    assert sum(found["stationary"]["outside_sides"]) == pytest.approx(tails["outside"], rel=0.05)
    assert found["mass_error"] < 1e-12
    assert any("beyond the walls" in text for text in found["noise"]["remarks"])


def test_what_does_not_exist_is_not_given(result: Path) -> None:
    """Tails |x|^-2.5: a mean, and no variance."""
    found = summary(result)
    assert found["stationary"]["tail_exponents"] == pytest.approx([2.5, 2.5], abs=1e-5)
    assert found["stationary"]["covariance"] == [[None]]
    assert found["stationary"]["mean"][0] == pytest.approx(0.0, abs=1e-6)
    assert found["evolve"]["covariance"] == [[[None]]] * 4
    assert any("variance is infinite" in text for text in found["noise"]["remarks"])


def test_steep_walls_of_the_loss_give_a_variance() -> None:
    """In a quartic well tails of Cauchy noise are |x|^-4; of the variance some lies outside."""
    text = WELL.replace('"x**2 / 2"', '"x**4 / 4"').replace("alpha = 1.5", "alpha = 1.0")
    text = text.split("[initial]")[0].replace("16.0", "8.0") + "[stationary]\npoints = [0.7]\n"
    for name in ("covariance.0.0", "density_at.0", "median", "quartiles.2"):
        text += f'[[expect]]\nquantity = "stationary.{name}"\nprediction = "cauchy-quartic"\n'
        text += "rtol = 3e-3\natol = 1e-6\n"
    found = run_case(parse_case(text)).json()
    assert [row["pass"] for row in found["expect"]] == [True] * 4
    assert found["expect"][0]["predicted"] == pytest.approx(1.0)  # P^2 + Q^2 = scale^(2/3)


def test_current_and_its_jumps_carry_the_masses(result: Path) -> None:
    """Mass left of a point changes by what the current takes across it."""
    text = WELL.split("[stationary]")[0].replace("[0.0, 0.25, 0.5, 1.0]", "[0.5, 0.51, 0.52]")
    found = run_case(parse_case(text.replace("1e-6", "1e-7")))
    early, now, late = found.snapshots
    h = 32.0 / 256
    assert now.current is not None
    assert now.jump_current is not None
    below = [np.cumsum(s.density) * h - 0.5 * s.density * h for s in (early, late)]
    change = (below[1] - below[0]) / 0.02
    np.testing.assert_allclose(now.current[:, 0], -change, atol=2e-4 * np.abs(change).max())
    # far out drift brings back what jumps lead there
    assert now.jump_current[-8, 0] > 10.0 * abs(now.current[-8, 0])


@pytest.mark.parametrize("after", [1, 3])
def test_stopped_and_resumed_is_the_same_bit_for_bit(
    result: Path, tmp_path: Path, after: int
) -> None:
    fields = "time density current jump_current grid_error time_error"
    observed = "mean median quartiles basin_masses"
    assert_resumes_to(result, WELL, after, tmp_path / "out.h5", fields, observed)


def test_another_index_is_no_way_to_go_on(tmp_path: Path) -> None:
    other, message = WELL.replace("= 1.5", "= 1.4"), r"noise\.alpha was 1\.5, is 1\.4"
    assert_no_way_to_go_on(WELL, other, tmp_path / "out.h5", message)


def test_densities_keep_their_mass_between_nodes_and_cells() -> None:
    """Nodes lie beside the centres of cells where a wall kills."""
    case = parse_case(BOX)
    problem = levy(case)
    start = levy_start(case, problem)
    h = problem.at(64).generator.spacing
    at_nodes = node_density(problem, start)
    assert at_nodes.sum() * h == pytest.approx(1.0, abs=1e-12)
    back = cell_density(problem, at_nodes)
    assert back.sum() * problem.grid.volume == pytest.approx(1.0, abs=1e-12)
    assert back.min() >= 0.0
    assert np.abs(back - start).sum() * problem.grid.volume < 2e-3
    assert np.abs(problem.nodes - problem.grid.axes[0].centres).max() > 1e-4


def test_who_leaves_through_a_wall_is_gone() -> None:
    found = run_case(parse_case(BOX)).json()
    first, last = found["evolve"]["mass"]
    assert 0.0 < last < first < 1.0
    assert found["mass_error"] == 0.0
    assert found["noise"]["fates"] == ["killed", "stopped"]


def test_a_box_without_jumps_over_its_walls_is_another_density(
    result: Path, tmp_path: Path
) -> None:
    path = tmp_path / "box.h5"
    text = WELL.split("[[passage]]")[0].replace(
        "scale = 1.0", 'scale = 1.0\noutside = "suppressed"'
    )
    run_case(parse_case(text), path)
    found = summary(path)
    assert found["stationary"]["outside"] == 0.0
    assert found["stationary"]["covariance"][0][0] > 1.0  # of a box: it exists
    assert any("that of a box" in text for text in found["noise"]["remarks"])
    metrics = compare_files(result, path, at="stationary").metrics
    assert metrics["tv"] is not None
    assert 1e-3 < metrics["tv"] < 2e-2


def test_sgd_has_the_noise_of_its_steps() -> None:
    """``dw = -grad f dt + eta^((alpha - 1) / alpha) sigma dL``, t = eta k."""
    sgd = "[sgd]\nlearning_rate = 0.05\nbatch_size = 4\ndataset_size = 40\n"
    short = WELL.split("[stationary]")[0].replace("1e-6", '1e-6\nunit = "time"')
    text = short.replace("scale = 1.0", "sigma = 2.0") + sgd
    case = parse_case(text.replace("[0.0, 0.25, 0.5, 1.0]", "[5, 10]").replace('"time"', '"steps"'))
    found = run_case(case).json()
    scale = 0.05 ** (1.0 / 3.0) * 2.0
    assert found["noise"]["scale"] == pytest.approx(scale, rel=1e-14)
    assert found["evolve"]["times"] == pytest.approx([0.25, 0.5])
    assert found["evolve"]["epochs"] == pytest.approx([0.5, 1.0])
    given = short.replace("scale = 1.0", f"scale = {scale!r}")
    same = run_case(parse_case(given.replace("[0.0, 0.25, 0.5, 1.0]", "[0.25, 0.5]"))).json()
    assert found["evolve"]["median"] == same["evolve"]["median"]


def test_file_is_told_and_drawn(result: Path, tmp_path: Path, capsys: Any) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["info", str(result)])
    told = capsys.readouterr().out
    assert not stop.value.code
    assert "alpha = 1.5" in told
    with read(result) as stored:
        assert stored.heavy_tailed
        for what in (None, "passage"):
            assert plot_result(stored, tmp_path / f"{what}.png", what=what, dpi=40).exists()


def refused(old: str, new: str, key: str, *words: str, text: str = WELL) -> Any:
    return pytest.param(text.replace(old, new), key, words, id=f"{key} {new[:24]}")


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        refused("alpha = 1.5\n", "", "noise.alpha", "missing"),
        refused("= 1.5", "= 0", "noise.alpha", "> 0"),
        refused("= 1.5", "= 2.5", "noise.alpha", "<= 2"),
        refused("= 1.5", "= nan", "noise.alpha", "finite"),
        refused("scale = 1.0", "scale = -1.0", "noise.scale", "> 0"),
        refused("scale = 1.0", "", "noise", "scale", "sigma"),
        refused("scale = 1.0", "sigma = 1.0", "noise.sigma", "[sgd]"),
        refused("scale = 1.0", "scale = 1.0\ntemperature = -1.0", "noise.temperature", ">= 0"),
        refused("scale = 1.0", 'scale = 1.0\noutside = "killed"', "noise.outside", '"stopped"'),
        refused("scale = 1.0", 'scale = 1.0\nreading = "stratonovich"', "noise.reading", '"ito"'),
        refused("scale = 1.0", 'scale = 1.0\nschedule = "exp(-t)"', "noise.schedule", "leave out"),
        refused("cells = 256", "cells = 31", "grid.x.cells", ">= 32", "31"),
        refused("cells = 256", 'cells = 256, walls = "periodic"', "grid.x.walls", "ring"),
        refused("[initial]", '[dynamics]\nkind = "underdamped"\n[initial]', "dynamics.kind"),
        refused("[initial]", '[dynamics]\ndrift = { force = ["1"] }\n[initial]', "dynamics.drift"),
        refused("1e-6\n", '1e-6\nmethod = "krylov"\n', "evolve.method", '"ensemble"'),
        refused("scale = 1.0", "scale = [1.0, 2.0]", "noise.scale", "line"),
        refused("scale = 1.0", 'scale = 1\ncomponents = "isotropic"', "noise.components", "plane"),
        refused("[0.0, 0.5]", "[[0.0, 0.5]]", "stationary.points.0", "a number"),
        refused("[0.0, 0.5]", "[99.0]", "stationary.points.0", "outside the grid"),
        refused("0.0] }", "0.0] }\nreactive = true", "passage.0.reactive", "no path"),
        refused(
            "[stationary]", "[ensemble]\nwalkers = 9\n[stationary]", "ensemble", "nothing uses"
        ),
        refused('prediction = "levy-ou"', 'prediction = "kramers"', "expect.0.prediction", "heavy"),
    ],
)
def test_what_cannot_be_is_refused(text: str, key: str, words: tuple[str, ...]) -> None:
    with pytest.raises(CaseError) as error:
        run_case(parse_case(text))
    assert error.value.key == key
    for word in words:
        assert word in error.value.message


def test_targets_that_jumps_lead_over_are_refused_before_anything_is_solved() -> None:
    from fokkerplanck.run import job_of

    text = WELL.replace("{ halfplane = { normal = [1.0], offset = 12.0 } }", "{ centre = [5.0] }")
    with pytest.raises(CaseError, match="jumps lead over") as error:
        job_of(parse_case(text))
    assert error.value.key == "passage.0.to"


def test_points_and_frequencies_of_gaussian_noise() -> None:
    """At the end of a sweep over the index they are there, too."""
    text = WELL.split("[initial]")[0].replace("16.0", "8.0")
    text += "[stationary]\npoints = [0.0, 1.0]\nfrequencies = [1.0]\n"
    found = run_case(parse_case(text.replace("alpha = 1.5", "alpha = 2.0"))).json()["stationary"]
    gauss = np.exp([0.0, -0.5]) / np.sqrt(2.0 * np.pi)
    assert found["density_at"] == pytest.approx(gauss, rel=1e-3)
    assert found["characteristic"]["real"][0] == pytest.approx(np.exp(-0.5), rel=1e-3)


def test_walkers_evolve_a_density(result: Path) -> None:
    """Its median within four standard errors of what is solved for."""
    text = WELL.split("[stationary]")[0].replace("tolerance = 1e-6", 'method = "ensemble"')
    found = run_case(parse_case(text + "[ensemble]\nwalkers = 4000\n")).json()["evolve"]
    solved = summary(result)["evolve"]
    assert found["method"] == "ensemble"
    assert found["covariance"] == [[[None]]] * 4
    assert found["ensemble"]["covariance"] is None
    for k in range(4):
        width = solved["interquartile_range"][k]
        assert found["median"][k] == pytest.approx(solved["median"][k], abs=0.06 * width)


def test_walkers_leave_after_getoor() -> None:
    """The mean time within its interval, and half of the landings within the exact median."""
    text = BOX.split("[initial]")[0].replace('["absorbing", "reflecting"]', '"absorbing"')
    text = text.replace("x**2 / 2", "0*x").replace(
        "alpha = 0.8\nscale = 0.3", "alpha = 1.5\nscale = 1"
    )
    text += '[[passage]]\nname = "out"\nfrom = { centre = [0.5] }\nto = "walls"\n'
    text += 'method = "ensemble"\n[ensemble]\nwalkers = 2000\nconfidence = 0.999\n'
    found = run_case(parse_case(text)).json()["passage"]["out"]
    low, high = found["interval"]
    assert low < 0.606261162328465 < high
    assert found["landing"]["creeps"] == 0.0
    low, high = found["landing"]["depth_intervals"][2]
    assert low < 0.0378760 < high  # by the landing law of Blumenthal, Getoor and Ray


def test_grid_of_a_problem_is_that_of_the_case() -> None:
    case = parse_case(WELL)
    assert levy(case).grid == build.grid(case)
