"""Cases with ``method = "ensemble"``: numbers, files, interruption, comparison, messages."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fokkerplanck.case import parse_case
from fokkerplanck.compare import compare_files
from fokkerplanck.errors import CaseError
from fokkerplanck.plot import figure_of
from fokkerplanck.report import print_run
from fokkerplanck.run import Interrupted, run_case
from fokkerplanck.store import read

CASES = Path(__file__).parents[1] / "cases"

WALKERS = """
title = "Walkers in two wells"
[grid]
x = { min = -2.4, max = 2.4, cells = 120 }
[landscape]
kind = "quartic"
[noise]
kind = "white"
temperature = 0.125
[initial]
kind = "gaussian"
mean = [-1.0]
std = [0.2]
[evolve]
times = [0.0, 0.5, 1.0, 2.0]
method = "ensemble"
[ensemble]
walkers = 4000
seed = 3
[[passage]]
name = "there"
from = { centre = -1 }
to = { centre = 1 }
method = "ensemble"
[[passage]]
name = "solved"
from = { centre = -1 }
to = { centre = 1 }
[[expect]]
quantity = "passage.there.mean"
value = 41.034280268736711806
rtol = 0.06
"""
DESCENT = """
[grid]
x = { min = -2.0, max = 2.0, cells = 80 }
[landscape]
kind = "expression"
loss = "x**2 / 2"
[noise]
kind = "hessian"
[sgd]
learning_rate = 0.2
batch_size = 2
[initial]
kind = "delta"
mean = [0.5]
[evolve]
times = [0.36, 10.0]
method = "ensemble"
[ensemble]
walkers = 5000
dynamics = "sgd"
"""


def case(text=WALKERS, **changes):
    """Case with some texts replaced by others."""
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return parse_case(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The case run into a file."""
    path = tmp_path_factory.mktemp("walkers") / "walkers.h5"
    return run_case(case(), path)


def test_numbers_are_those_of_walkers(finished, capsys):
    result = json.loads(json.dumps(finished.json(), allow_nan=False))
    walkers = result["evolve"]["ensemble"]
    assert finished.passed
    assert result["mass_error"] == 0.0
    assert walkers["walkers"] == 4000
    assert result["evolve"]["method"] == "ensemble"
    assert result["evolve"]["time_error"] >= walkers["sampling_errors"][-1]
    assert np.shape(walkers["basin_intervals"]) == (4, 2, 2)
    there, solved = result["passage"]["there"], result["passage"]["solved"]
    assert (there["method"], solved["method"]) == ("ensemble", "fokker-planck")
    assert solved.keys() <= there.keys()
    assert there["error"] == pytest.approx(there["standard_error"] / there["mean"])
    assert there["arrived"] + there["censored"] + there["lost"] == there["walkers"]
    assert abs(there["mean"] - solved["mean"]) < 3.5 * there["standard_error"]
    print_run(result)
    told = capsys.readouterr().out
    assert "ensemble (4000 walkers, seed 3)" in told
    assert "4000 of 4000 walkers arrived" in told


def test_files_hold_errors_and_no_currents(finished):
    with read(finished.output) as stored:
        assert stored.walkers == 4000
        assert stored.current(1) is None
        share = stored.density(1) * stored.grid.volume
        error = np.sqrt(share * (1 - share) / 4000) / stored.grid.volume
        assert np.allclose(stored.density_error(1), error)
        there = stored.passage("there")
        assert there.log10_time is None
        assert not there.has_fields
        assert there.facts["standard_error"] > 0
        assert there.survival[0] > 0.99
        assert stored.passage("solved").has_fields


def test_figures_show_walkers(finished):
    with read(finished.output) as stored:
        for what in (None, "passage"):
            figure_of(stored, what=what).draw_without_rendering()
        figure_of(stored, what="passage", name="there").draw_without_rendering()


def test_comparison_tells_what_sampling_gives(finished, tmp_path):
    solved = case(a=('method = "ensemble"\n[ensemble]', "[ensemble]"))
    run_case(solved, tmp_path / "solved.h5")
    found = compare_files(finished.output, tmp_path / "solved.h5", at=2.0)
    sampling = found.json()["sampling"]
    assert sampling["agrees"]
    assert found.metrics["l1"] == pytest.approx(sampling["expected"]["l1"], rel=0.3)
    assert "agrees within sampling error: p = " in found.table()
    other = case(a=("temperature = 0.125", "temperature = 0.2"))
    run_case(other, tmp_path / "other.h5")
    found = compare_files(finished.output, tmp_path / "other.h5", at=2.0)
    assert not found.sampling.test.agrees
    assert "same seed" in found.table()
    assert compare_files(tmp_path / "solved.h5", tmp_path / "solved.h5").json()["sampling"] is None


def test_an_interrupted_run_goes_on_with_the_same_walkers(finished, tmp_path, monkeypatch):
    from fokkerplanck import sampled_density

    path, follow = tmp_path / "walkers.h5", sampled_density.sampled_steps
    short = case(a=('method = "ensemble"\n[[passage]]', "[[passage]]"))

    def stops(*args, **options):
        for k, step in enumerate(follow(*args, **options)):
            if k == 2:
                raise KeyboardInterrupt
            yield step

    monkeypatch.setattr("fokkerplanck.ensemble_run.sampled_steps", stops)
    with pytest.raises(Interrupted):
        run_case(short, path)
    monkeypatch.undo()
    again = run_case(short, path, resume=True)
    for k in range(4):
        assert np.array_equal(again.density(k), finished.density(k))
    ensembles = [run.json()["evolve"]["ensemble"] for run in (again, finished)]
    assert ensembles[0] == ensembles[1]
    with pytest.raises(CaseError, match=r"ensemble\.seed was 3, is 4"):
        run_case(case(a=("seed = 3", "seed = 4")), path, resume=True)


def test_descent_has_times_that_are_whole_steps():
    found = run_case(case(DESCENT)).json()["evolve"]
    assert found["times"] == pytest.approx([0.4, 10.0])  # 0.36 is 1.8 steps
    walkers = found["ensemble"]
    assert walkers["step"] == 0.2
    assert walkers["step_errors"] is None
    exact = 0.2 / 2 / (2 - 0.2)
    spread = walkers["covariance_error"][1][0][0]
    assert abs(walkers["covariance"][1][0][0] - exact) < 4 * spread


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"a": ('method = "ensemble"', 'method = "auto"')}, "ensemble: nothing uses it"),
        ({"a": ("walkers = 4000", "walkers = 1")}, "ensemble.walkers: must be >= 2"),
        ({"a": ("seed = 3", 'dynamics = "gd"')}, "ensemble.dynamics"),
        ({"a": ('"ensemble"\n[[expect]]', '"walkers"\n[[expect]]')}, "passage.1.method"),
        ({"a": ('"ensemble"\n[ens', '"ensembel"\n[ens')}, "did you mean"),
        (
            {"a": ('1 }\nmethod = "ens', '1 }\nreactive = true\nmethod = "ens')},
            "passage.0.reactive",
        ),
    ],
)
def test_mistakes_are_told_where_they_are(changes, words):
    second = "to = { centre = 1 }\n[[expect]]"
    text = WALKERS.replace(second, second.replace("[[", 'method = "ensemble"\n[['))
    if "nothing uses it" in words:
        text = text.replace('"ensemble"', '"auto"')
        changes = {}
    with pytest.raises(CaseError) as wrong:
        case(text, **changes)
    assert words in str(wrong.value)


def test_descent_needs_a_learning_rate():
    sgd = case(a=("seed = 3", 'dynamics = "sgd"'))
    with pytest.raises(CaseError, match="learning_rate"):
        run_case(sgd)


def test_defaults_serve_without_a_table():
    bare = case(a=("[ensemble]\nwalkers = 4000\nseed = 3\n", ""))
    assert bare.ensemble is None
    assert parse_case(bare.text) == bare
    assert 'method = "auto"' not in bare.text


def test_moments_are_those_of_the_positions_not_of_the_cells(tmp_path):
    text = (CASES / "three_factors" / "descent_in_a_bowl.toml").read_text(encoding="utf-8")
    case = parse_case(text.replace("cells = 80", "cells = 7").replace("200_000", "1000"))
    found = case.run(tmp_path / "a.h5").json()["evolve"]
    np.testing.assert_array_equal(found["mean"], found["ensemble"]["mean"])
    np.testing.assert_array_equal(found["covariance"], found["ensemble"]["covariance"])
