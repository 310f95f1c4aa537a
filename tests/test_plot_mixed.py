"""Figures of escape where passages differ in what is known of them, and rates hardly differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fokkerplanck.plot.escape import material
from fokkerplanck.plot.passage import time_map
from fokkerplanck.plot.passage_figure import line_passages, plane_passages
from fokkerplanck.plot.rates_figure import rate_matrix_image
from fokkerplanck.stored_escape import StoredRates
from tests.plot_results import escape_file, panel


def test_rates_that_differ_by_rounding_have_one_colour() -> None:
    rates = np.array([[0.0, 4e-4], [4e-4 * (1 + 1e-14), 0.0]])
    with np.errstate(divide="ignore"):
        pair = StoredRates(np.array([[-1.0], [1.0]]), rates, np.log10(rates), np.full(2, 0.5))
    norm = rate_matrix_image(pair).norm
    assert np.ptp(norm(pair.log10_rates[[0, 1], [1, 0]])) < 1e-9
    assert norm.vmax - norm.vmin > 0.1


def test_times_do_not_share_an_axis_with_committors(tmp_path: Path) -> None:
    found = material(escape_file(tmp_path / "line.h5", 1), None)
    first, second = found.passages
    bare = replace(second, committor=None, committor_backward=None, current=None)
    figure = line_passages(replace(found, passages=(first, bare)), None)
    assert len([x for x in panel(figure, "committor").lines if len(x.get_xdata()) > 2]) == 1
    figure = line_passages(replace(found, passages=(bare,)), None)
    assert panel(figure, "mean time").lines


def test_maps_of_several_passages_have_names_and_one_bar_for_committors(tmp_path: Path) -> None:
    found = material(escape_file(tmp_path / "plane.h5", 2), None)
    first, second = found.passages
    bare = replace(second, committor=None, committor_backward=None, current=None)
    figure = plane_passages(replace(found, passages=(first, bare)), None)
    assert panel(figure, second.name).get_title().count("tau") == 1
    bars = [ax.get_ylabel() for ax in figure.axes for ax in ax.child_axes]
    assert sorted(bars)[0] == "committor $q$"


def test_times_a_little_longer_than_from_the_start_leave_the_scale_round(tmp_path: Path) -> None:
    found = material(escape_file(tmp_path / "plane.h5", 2), None)
    p = found.passages[0]
    longer = replace(p, log10_time=p.log10_time + np.log10(1.003))
    np.testing.assert_allclose(time_map(longer, found.grid).levels, np.linspace(0, 1, 11))
