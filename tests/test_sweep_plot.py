"""Figures of sweeps: what is drawn, and what cannot be."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fokkerplanck.cli import main
from fokkerplanck.errors import CaseError
from fokkerplanck.plot.sweep import plot_sweep, sweep_figure
from fokkerplanck.sweep_file import write_sweep
from tests.sweeps import synthetic

B, ETA, T = "noise.batch_size", "noise.learning_rate", "noise.temperature"


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_points_line_and_prediction():
    laws = {"kramers": lambda t: 0.25 / t + 0.1}
    result = synthetic({T: [0.02, 0.05, 0.1]}, lambda t: 0.25 / t + t, laws)
    upper, lower = sweep_figure(result).axes
    points, fitted, law = upper.get_lines()
    assert points.get_xdata().tolist() == pytest.approx([10, 20, 50])
    assert np.allclose(points.get_ydata(), [2.6, 5.05, 12.52])
    slope = np.polyfit([10, 20, 50], [2.6, 5.05, 12.52], 1)[0]
    assert np.diff(fitted.get_ydata())[0] == pytest.approx(40 * slope)
    assert law.get_linestyle() == "--"
    assert legend(upper)[0].startswith("solved: slope $0.248")
    assert legend(upper)[1] == "kramers: slope $0.25$"
    # what is left: t - 0.1
    assert np.allclose(lower.get_lines()[0].get_ydata(), [0.0, -0.05, -0.08])
    assert lower.get_xlabel() == "1 / temperature"


def test_laws_that_cannot_be_told_apart_need_no_panel():
    laws = {"passage-quadrature": lambda t: 0.25 / t}
    result = synthetic({T: [0.02, 0.05, 0.1]}, lambda t: 0.25 / t, laws)
    (ax,) = sweep_figure(result).axes
    assert ax.get_xlabel() == "1 / temperature"


def test_series_have_names_and_many_a_sequence_of_colours():
    few = synthetic({B: [1, 2, 3], ETA: [0.1, 0.2]}, lambda b, eta: b / eta)
    (ax,) = sweep_figure(few).axes
    assert legend(ax)[:2] == ["learning rate = 0.1: slope $10$", "learning rate = 0.2: slope $5$"]
    etas = np.linspace(0.1, 0.5, 12).tolist()
    (ax,) = sweep_figure(synthetic({B: [1, 2, 3], ETA: etas}, lambda b, eta: b / eta)).axes
    assert "12 series" in legend(ax)
    assert len({line.get_color() for line in ax.get_lines()}) == 12


def test_map_of_two_keys_leaves_failed_points_blank():
    result = synthetic({B: [1, 2, 4, 16], ETA: [0.1, 0.2]}, lambda b, eta: b / eta, missing=[3])
    ax, bar = sweep_figure(result, what="map").axes
    values = ax.collections[0].get_array().reshape(2, 4)  # rows are the second key
    assert values[0, 0] == pytest.approx(10 / math.log(10))
    assert values.mask.tolist() == [[False] * 4, [False, True, False, False]]
    assert ax.get_xscale() == "log"
    assert ax.get_yscale() == "linear"
    assert "tau" in bar.get_ylabel()


@pytest.mark.parametrize(
    ("vary", "options", "message"),
    [
        ({B: [1, 2]}, {"what": "map"}, "full grid of two keys"),
        ({B: [1, 2], "noise.model": ["a", "b"]}, {"what": "map"}, "full grid of two keys"),
        ({B: [1, 2]}, {"what": "movie"}, "of a sweep can be drawn: lines, map"),
        ({"noise.model": ["a", "b"]}, {}, "no line to draw"),
        ({B: [1, 2]}, {"against": "1/x"}, "unknown name"),
    ],
)
def test_what_cannot_be_drawn(vary, options, message):
    result = synthetic(vary, lambda *values: 1.0)
    with pytest.raises(CaseError, match=message):
        sweep_figure(result, **options)


def test_files_and_the_command(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    result = synthetic({B: [1, 2, 4], ETA: [0.1, 0.2]}, lambda b, eta: b / eta)
    assert plot_sweep(result, "a.pdf").stat().st_size > 1000
    write_sweep(result, Path("a.h5"))
    with pytest.raises(SystemExit) as stop:
        main(["plot", "a.h5", "--against", "batch_size/learning_rate", "--passage", "a"])
    assert not stop.value.code
    assert capsys.readouterr().out.strip() == "a.png"
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
