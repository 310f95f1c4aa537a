"""Sweeps of the barrier: measured times, the law, its next order, and their figure."""

from __future__ import annotations

import json

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.barrier_sweep import sweep_barriers
from fokkerplanck.cli import main
from fokkerplanck.forces import expressions
from fokkerplanck.plot.kramers import kramers_figure
from fokkerplanck.sets import Ball, HalfPlane

CASE = """
title = "Tilted"
[grid]
x = { min = -2.4, max = 2.4, cells = 200 }
[landscape]
kind = "tilted"
[noise]
kind = "white"
temperature = 0.05
[[passage]]
name = "back"
from = { centre = [0.95] }
to = { halfplane = { normal = [-1.0], offset = 1.0 } }
"""


def line(landscape):
    return fp.Problem(fp.Grid.line(-2.4, 2.4, 300), landscape, fp.noise.white(1.0))


def test_kramers_law_and_its_next_order_on_a_line():
    sweep = sweep_barriers(line(fp.landscapes.quartic()), ratios=(2, 5, 20, 100))
    assert sweep.derived
    # c1 T = 3/2 T = 3/8 T / barrier
    assert sweep.correction == pytest.approx(0.375, rel=1e-6)
    expected = [1.24995099350558, 1.10659734175471, 1.02000073724549, 1.00379548304813]
    assert 1 + sweep.deviations == pytest.approx(expected, rel=1e-10)
    assert (np.abs(sweep.remainders) < 1.0 / sweep.ratios**2).all()
    assert sweep.valid.tolist() == [False, True, True, True]


def test_both_ways_over_an_uneven_barrier():
    problem = line(fp.landscapes.tilted())
    forth = sweep_barriers(problem, ratios=(50, 100))
    back = sweep_barriers(problem, Ball([0.95]), HalfPlane([-1.0], 1.04), ratios=(50, 100))
    assert forth.barrier == pytest.approx(0.00502551557382098 + 0.352386073800036, rel=1e-9)
    assert back.barrier == pytest.approx(0.00502551557382098 + 0.152639441773785, rel=1e-9)
    for sweep in (forth, back):
        assert np.abs(sweep.remainders).max() < 1e-3
        assert sweep.deviations == pytest.approx(sweep.correction / sweep.ratios, rel=0.1)


def test_the_law_in_the_plane_with_a_fitted_correction():
    problem = fp.Problem(
        fp.Grid.plane((-2.0, 2.0, 96), (-2.0, 2.0, 96)),
        fp.landscapes.from_expression("(x**2 - 1)**2/4 + y**2 + x*y/2", 2),
        fp.noise.white(1.0),
    )
    sweep = sweep_barriers(problem, ratios=(5, 10, 20, 30))
    assert not sweep.derived
    assert sweep.correction == pytest.approx(0.4, abs=0.05)
    assert np.all(np.diff(sweep.deviations) < 0)


def test_what_has_no_barrier_is_refused():
    well = line(fp.landscapes.from_expression("x**2/2"))
    with pytest.raises(fp.CaseError, match="two minima"):
        sweep_barriers(well)
    driven = fp.Problem(well.grid, fp.landscapes.quartic(), well.noise, expressions(0.1))
    tensor = fp.Problem(well.grid, fp.landscapes.quartic(), fp.noise.tensor(0.1))
    for problem in (driven, tensor):
        with pytest.raises(fp.CaseError, match="white noise"):
            sweep_barriers(problem)
    quartic = line(fp.landscapes.quartic())
    with pytest.raises(fp.CaseError, match="no minimum lies"):
        sweep_barriers(quartic, Ball([-1.0]), HalfPlane([1.0], 1.5))


def test_the_figure_shows_law_and_deviation():
    sweep = sweep_barriers(line(fp.landscapes.quartic()), ratios=(2, 10, 50))
    upper, lower = kramers_figure(sweep).axes
    solved = next(a for a in upper.lines if a.get_label() == "solved")
    assert np.array_equal(solved.get_ydata(), sweep.log10_times)
    assert lower.get_yscale() == "log"
    below = next(a for a in lower.lines if "law" in a.get_label())
    assert np.array_equal(below.get_ydata(), np.abs(sweep.deviations))


def test_verify_draws_the_sweep_of_a_case(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tilted.toml").write_text(CASE)

    def ask(*arguments):
        with pytest.raises(SystemExit) as left:
            main(["verify", *arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return left.value.code or 0, captured

    status, said = ask("tilted.toml", "--plot", "back.png", "--json")
    assert status == 0
    found = json.loads(said.out)
    assert found["barrier"] == pytest.approx(0.157664957, rel=1e-6)
    assert len(found["deviation"]) == len(found["log10_time"])
    assert (tmp_path / "back.png").read_bytes().startswith(b"\x89PNG")
    assert ask("tilted.toml", "--plot", "back.png")[0] == 2  # it exists now
    assert ask("tilted.toml", "--plot", "back.png", "--force")[0] == 0
    assert ask("--plot", "back.gif")[0] == 2
