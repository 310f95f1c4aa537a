"""Comparing snapshots: on one grid, on two, from files; tolerances and what they report."""

from __future__ import annotations

import json

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.compare import METRICS, Snapshot, compare, parse_tolerances
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.theory.gaussian import gaussian_cells
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck

DRIVEN = OrnsteinUhlenbeck([[2, -1], [1.5, 1]], [[1, 0.3], [0.3, 0.5]])


def double_well(cells, right=0.3, walls="reflecting"):
    grid = Grid.line(-3, 3, cells, walls)
    p = (1 - right) * gaussian_cells(grid, [-1.0], [[0.04]])
    p += right * gaussian_cells(grid, [1.0], [[0.04]])
    x = grid.axes[0].centres
    return Snapshot(grid, p, loss=(x**2 - 1) ** 2 / 4, label="wells")


def driven(cells):
    grid = Grid.plane((-4, 4, cells), (-4, 4, cells))
    current = DRIVEN.stationary_current(grid.points())
    return Snapshot(grid, DRIVEN.stationary_cells(grid), current=current)


def test_equal_densities_differ_by_nothing():
    found = compare(double_well(120), double_well(120), tolerances={"tv": 0.0, "w2": 0.0})
    assert found.passed
    numbers = [v for v in found.metrics.values() if v is not None]
    assert max(numbers) == 0
    assert found.metrics["max_current_difference"] is None


def test_moved_mass_is_seen_by_every_metric():
    found = compare(double_well(240, 0.3), double_well(240, 0.2))
    m = found.metrics
    assert m["tv"] == pytest.approx(0.1, rel=1e-5)
    assert m["basin_masses"] == pytest.approx(0.1, rel=1e-5)
    assert m["mean"] == pytest.approx(0.2, rel=1e-9)
    assert m["w1"] == pytest.approx(0.2, rel=1e-4)
    assert m["w1"] < m["w2"] < np.sqrt(0.1) * 2
    assert m["kl"] == pytest.approx(0.7 * np.log(7 / 8) + 0.3 * np.log(3 / 2), rel=1e-4)
    assert m["mass"] < 1e-12


def test_finer_grid_of_the_same_density_is_close_and_noted():
    found = compare(double_well(120), double_well(480))
    assert found.metrics["tv"] < 1e-10
    assert any("120" in note and "480" in note for note in found.notes)
    across = compare(double_well(120), double_well(480), resolution="finer")
    assert across.metrics["tv"] < 5e-3


def test_currents_are_compared_on_the_common_grid():
    assert compare(driven(40), driven(40)).metrics["max_current_difference"] == 0
    found = compare(driven(80), driven(40))
    assert 0 < found.metrics["relative_current_difference"] < 0.03
    still = driven(40)
    still = Snapshot(still.grid, still.density, current=np.zeros_like(still.current))
    assert compare(driven(40), still).metrics["relative_current_difference"] == 1


def test_lost_mass_is_noted_and_measured():
    whole, part = double_well(60), double_well(60)
    part = Snapshot(part.grid, 0.5 * part.density, loss=part.loss)
    found = compare(whole, part)
    assert found.metrics["mass"] == pytest.approx(0.5)
    assert found.metrics["w2"] == pytest.approx(0, abs=1e-9)
    assert found.metrics["tv"] == pytest.approx(0.25)
    assert any("normalised" in note for note in found.notes)


def test_missing_support_is_null_with_a_note_and_never_passes():
    grid = Grid.line(0, 1, 10)
    p, q = np.zeros((2, 10))
    p[:5], q[:] = 2.0, 1.0
    found = compare(Snapshot(grid, q), Snapshot(grid, p), tolerances={"kl": 1e9})
    assert found.metrics["kl"] is None
    assert found.metrics["kl_reverse"] == pytest.approx(np.log(2))
    assert not found.passed
    assert found.failed == ("kl",)
    assert any(note.startswith("kl is infinite") for note in found.notes)
    assert json.loads(json.dumps(found.json(), allow_nan=False))["kl"] is None


def test_json_and_tables_hold_all_metrics():
    found = compare(driven(24), driven(24), tolerances={"tv": 0.1})
    assert set(METRICS) <= set(found.json())
    assert found.json()["passed"] is True
    text, html = found.table(), found._repr_html_()
    assert all(name in text and name in html for name in METRICS)
    assert "pass" in text
    failing = compare(double_well(60, 0.1), double_well(60), tolerances={"tv": 1e-6})
    assert "FAIL" in failing.table()


def test_tolerances_from_the_command_line():
    assert parse_tolerances(["tv=1e-3", "w2 = 0.5"]) == {"tv": 1e-3, "w2": 0.5}
    with pytest.raises(CaseError, match="did you mean 'hellinger'"):
        parse_tolerances(["helinger=0.1"])
    for bad in ("tv", "tv=", "tv=much", "tv=-1", "=1", "tv=nan"):
        with pytest.raises(CaseError):
            parse_tolerances([bad])
    with pytest.raises(CaseError, match="unknown metric"):
        compare(double_well(60), double_well(60), tolerances={"L7": 1.0})


def test_dimensions_and_shapes_must_fit():
    with pytest.raises(CaseError, match="cannot be compared"):
        compare(double_well(60), driven(24))
    with pytest.raises(CaseError, match="shape"):
        Snapshot(Grid.line(0, 1, 5), np.ones(6))


CASE = """
title = "well"
[grid]
x = {{ min = -3.0, max = 3.0, cells = {cells} }}
[landscape]
kind = "expression"
loss = "x**2 / 2"
[noise]
kind = "white"
temperature = 0.5
[initial]
kind = "gaussian"
mean = [1.0]
std = [0.3]
[evolve]
times = [0.5, 1.0, 2.0]
[stationary]
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    paths = []
    for cells in (100, 200):
        case = folder / f"{cells}.toml"
        case.write_text(CASE.format(cells=cells))
        paths.append(folder / f"{cells}.h5")
        fp.load_case(case).run(output=paths[-1])
    return paths


def test_files_default_to_their_last_snapshots(files):
    from fokkerplanck.compare import compare_files

    found = compare_files(*files)
    assert found.times == (2.0, 2.0)
    assert 0 < found.metrics["tv"] < 1e-3
    assert compare_files(files[0], files[0]).metrics["tv"] == 0


def test_files_at_a_time(files):
    from fokkerplanck.compare import compare_files

    assert compare_files(*files, at=1.0 + 1e-12).times == (1.0, 1.0)
    still = compare_files(*files, at="stationary")
    assert still.times == (None, None)
    assert still.metrics["max_current_difference"] < 1e-12
    with pytest.raises(CaseError, match=r"0\.5, 1, 2"):
        compare_files(*files, at=1.5)
    with pytest.raises(CaseError, match="stationary"):
        compare_files(*files, at="later")


def test_command_exits_with_4_beyond_a_tolerance(files):
    from fokkerplanck.compare import compare_files

    assert compare_files(*files, tolerances={"l1": 1e-2}).passed
    assert not compare_files(*files, tolerances={"l1": 1e-9}).passed
