"""Figures of passages, spectra and rates hold the numbers they are drawn from."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.contour import QuadContourSet

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.plot import figure_of, plot_result
from fokkerplanck.plot.escape import ESCAPE, material
from fokkerplanck.plot.streams import crossings, dividing_lines, flux_streams
from fokkerplanck.store import StoredResult
from tests.plot_results import LOG10_MEAN, escape_file, is_png, panel, plane_file, wells_file


@pytest.fixture
def line(tmp_path: Path) -> StoredResult:
    return escape_file(tmp_path / "line.h5", 1)


@pytest.fixture
def plane(tmp_path: Path) -> StoredResult:
    return escape_file(tmp_path / "plane.h5", 2)


def no_ends(grid: Grid) -> np.ndarray:
    return np.zeros(grid.shape, dtype=bool)


def test_streamlines_start_where_they_halve_equal_shares_of_the_flux() -> None:
    grid = Grid.plane((-2.0, 2.0, 100), (-1.5, 1.5, 300))
    x, y = np.moveaxis(grid.points(), -1, 0)
    current = np.stack([np.exp(-0.5 * (y / 0.2) ** 2), 0 * y], axis=-1)
    q = 0.5 + 0.2 * x + 0.1 * y  # an oblique line of even odds
    n = 10
    points = crossings(current, q, grid, n)
    np.testing.assert_allclose(0.5 + 0.2 * points[:, 0] + 0.1 * points[:, 1], 0.5, atol=1e-9)
    flux = [0.5 * (1 + math.erf(v / 0.2 / math.sqrt(2))) for v in np.sort(points[:, 1])]
    np.testing.assert_allclose(flux, (np.arange(n) + 0.5) / n, atol=0.02)
    (only,) = dividing_lines(q, grid)
    assert np.ptp(only[:, 1]) == pytest.approx(3.0, abs=0.02)


def test_streamlines_follow_the_current_until_they_meet_a_set() -> None:
    """A current on circles around the origin, from below to above."""
    grid = Grid.plane((-2.0, 2.0, 160), (-2.0, 2.0, 160))
    x, y = np.moveaxis(grid.points(), -1, 0)
    radius = np.hypot(x, y)
    size = np.exp(-0.5 * ((radius - 1) / 0.1) ** 2) * (x > 0)
    current = np.stack([-y, x], axis=-1) * (size / radius)[..., None]
    source, target = y < -0.8, y > 0.8
    lines = flux_streams(current, 0.5 + 0.25 * y, source | target, grid, 5)
    assert len(lines) == 5
    for points in lines:
        away = np.linalg.norm(points, axis=1)
        assert np.ptp(away) < 0.01
        assert points[0, 1] == pytest.approx(-0.8, abs=0.03)
        assert points[-1, 1] == pytest.approx(0.8, abs=0.03)
        assert np.diff(points[:, 1]).min() > 0


def test_streamlines_pass_periodic_walls_and_end_at_others() -> None:
    grid = Grid.plane((0.0, 1.0, 40), (0.0, 1.0, 40), ("reflecting", "periodic"))
    current = np.broadcast_to([0.5, 1.0], (40, 40, 2))
    q = grid.points()[..., 0]
    for points in flux_streams(current, q, no_ends(grid), grid, 3):
        inside = points[np.isfinite(points).all(axis=1)]
        assert inside.min() >= 0.0
        assert inside.max() <= 1.0
        assert np.isnan(points).any()
        assert (inside[0, 0], inside[-1, 0]) == pytest.approx((0.0, 1.0), abs=1e-9)
    assert flux_streams(0 * current, q, no_ends(grid), grid, 3) == []
    assert flux_streams(current, 0 * q, no_ends(grid), grid, 3) == []


def test_committor_of_a_line_is_drawn_with_its_loss(line: StoredResult) -> None:
    figure = figure_of(line, name="a back")
    curve, even = panel(figure, "committor").lines
    stored = line.passage("a back")
    assert np.array_equal(curve.get_ydata(), stored.committor)
    assert even.get_ydata()[0] == 0.5
    # source and target are shaded where they are
    spans = [
        p.get_extents().transformed(panel(figure, "committor").transData.inverted())
        for p in panel(figure, "committor").patches
    ]
    assert [(s.x0, s.x1) for s in spans] == [
        pytest.approx((-1.3, -0.7), abs=0.06),
        pytest.approx((0.7, 1.3), abs=0.06),
    ]
    assert panel(figure, "loss").lines


def test_survival_is_drawn_beside_the_exponential_of_its_mean(line: StoredResult) -> None:
    figure = figure_of(line, what="survival", name="a back")
    curve, law = panel(figure, "not arrived").lines
    times = line.passage("a back").times
    assert np.array_equal(curve.get_xdata(), times)
    np.testing.assert_allclose(law.get_ydata(), np.exp(-times), rtol=1e-9)
    assert panel(figure, "not arrived").get_xscale() == "log"
    arrivals = panel(figure, "arrivals").lines[0].get_ydata()
    np.testing.assert_allclose(arrivals, times * np.exp(-times))


def test_passages_stand_in_the_order_of_the_case(line: StoredResult) -> None:
    labels = [t.get_text() for t in panel(figure_of(line), "committor").get_legend().texts]
    assert labels == [r"over \$", "a back"]


def test_ladder_reaches_beyond_floats(line: StoredResult) -> None:
    ax = panel(figure_of(line, what="spectrum"), "time scale")
    (rungs,) = (c for c in ax.collections if isinstance(c, LineCollection))
    heights = [segment[0, 1] for segment in rungs.get_segments()]
    assert heights == pytest.approx([LOG10_MEAN, 0.0, -0.3])
    low, high = ax.get_ylim()
    assert low < -0.3 < LOG10_MEAN < high
    texts = " ".join(t.get_text() for t in ax.texts)
    assert r"\times10^{400}" in texts
    assert "gap" in texts


def test_modes_are_drawn(line: StoredResult, plane: StoredResult) -> None:
    figure = figure_of(line, what="spectrum")
    curves = [c.get_ydata() for c in panel(figure, "observable").lines[:3]]
    np.testing.assert_allclose(curves[0], line.spectrum.right[0])
    assert curves[1].min() == pytest.approx(-1.0, abs=0.01)  # signs are free: negative at first
    images = [ax.images[0] for ax in figure_of(plane, what="spectrum").axes if ax.images]
    slow = images[0].get_array()
    whole = plane.spectrum.right[0].T
    assert slow.shape[0] <= whole.shape[0]
    assert slow.max() == pytest.approx(whole.max(), rel=1e-6)


def test_committor_map_has_its_line_of_even_odds(plane: StoredResult) -> None:
    figure = figure_of(plane, what="passage", name="a back")
    ax = panel(figure, "a back")
    filled, even, *_ = (c for c in ax.collections if isinstance(c, QuadContourSet))
    np.testing.assert_allclose(filled.levels, np.linspace(0, 1, 11))
    assert even.levels == [0.5]
    assert np.abs(even.get_paths()[0].vertices[:, 0]).max() < 0.03
    (streams,) = (c for c in ax.collections if type(c) is LineCollection)
    ends = np.array([segment[[0, -1], 0] for segment in streams.get_segments()])
    np.testing.assert_allclose(np.abs(ends[:, 0] + 1), 0.3, atol=0.15)
    np.testing.assert_allclose(np.abs(ends[:, 1] - 1), 0.3, atol=0.15)
    assert ax.get_aspect() == 1.0


def test_several_passages_get_a_panel_each(plane: StoredResult) -> None:
    titles = [ax.get_title() for ax in figure_of(plane).axes if ax.get_title()]
    assert titles[:2] == [r"over \$", "a back"]
    assert [title.partition(",")[0] for title in titles[2:]] == [r"left \$", "a right"]


def test_rates_are_written_into_their_matrix(plane: StoredResult) -> None:
    ax = panel(figure_of(plane, what="rates"), "from well")
    logs = plane.rates.log10_rates
    drawn = ax.images[0].get_array()
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_array_equal(np.asarray(drawn)[off], logs[off])
    texts = [t.get_text() for t in ax.texts if "$" in t.get_text()]
    assert len(texts) == 9
    assert r"$1.00\times10^{-350}$" in texts
    assert "$0.001$" in texts
    assert "$p = 0.5$" in texts


def test_densities_of_wells_are_drawn_within_their_borders(line: StoredResult) -> None:
    left, right = line.quasi_stationary.values()
    for what in (None, "quasi-stationary"):
        ax = panel(figure_of(line, what=what), "density in the well")
        curves = [c for c in ax.lines if len(c.get_xdata()) > 2]
        for curve, stored in zip(curves, (left, right), strict=True):
            inside = stored.well > 0
            assert np.array_equal(curve.get_ydata()[inside], stored.density[inside])
            assert np.isnan(curve.get_ydata()[~inside]).all()
        borders = [c.get_xdata()[0] for c in ax.lines if len(c.get_xdata()) == 2]
        assert borders == pytest.approx([0.0, 0.0], abs=1e-12)
        labels = [t.get_text() for t in ax.get_legend().texts]
        assert labels[0].startswith(r"left \$, exit after")
        assert r"\times10^{400}" in labels[1]
    assert panel(figure_of(line, what="quasi-stationary", log=True), "dens").get_yscale() == "log"


def test_maps_of_wells_have_the_border_of_their_basin(plane: StoredResult) -> None:
    figure = figure_of(plane, what="quasi-stationary", log=True)
    for name, stored in plane.quasi_stationary.items():
        ax = panel(figure, name.replace("$", r"\$"))
        image = ax.images[0]
        assert isinstance(image.norm, LogNorm)
        assert image.get_array().max() == pytest.approx(stored.density.max())
        *_, border = (c for c in ax.collections if isinstance(c, QuadContourSet))
        assert np.abs(border.get_paths()[0].vertices[:, 0]).max() < 1e-9
    maps = [ax for ax in figure_of(plane, what=None).axes if ax.images]
    assert len(maps) == 2  # beside the committors


def test_modes_are_numbered_from_the_stationary_one(tmp_path: Path) -> None:
    for walls, first in (("reflecting", 1), ("absorbing", 0)):
        result = escape_file(tmp_path / f"{walls}.h5", 1, walls=walls)
        figure = figure_of(result, what="spectrum")
        labels = [t.get_text() for t in panel(figure, "observable").get_legend().texts]
        assert labels == [f"$k = {first + k}$" for k in range(3)]
        assert rf"$1/\lambda_{{{first}}} = " in panel(figure, "time scale").texts[0].get_text()


def test_stationary_state_stands_beside_the_passage(tmp_path: Path) -> None:
    result = escape_file(tmp_path / "steady.h5", 2, stationary=True)
    figure = figure_of(result, name="a back")
    image = panel(figure, "stationary").images[0].get_array()
    assert image.max() == pytest.approx(result.stationary.density.max())


def test_sets_and_wells_stay_in_the_picture(plane: StoredResult) -> None:
    found = material(plane, "passage")
    left, right = found.grid.axes[0].min, found.grid.axes[0].max
    assert left < -1.3 < 1.3 < right
    assert found.passages[0].committor.shape == found.grid.shape == found.loss.shape
    assert found.passages[0].source.sum() == plane.passage("over $").source.sum()


@pytest.mark.parametrize(
    ("what", "dim"),
    [
        *((what, 2) for what in (None, *ESCAPE)),
        *((what, 1) for what in (None, "survival")),
        *(pytest.param(w, 1, marks=pytest.mark.slow) for w in ESCAPE if w != "survival"),
    ],
)
def test_every_figure_can_be_drawn(tmp_path: Path, dim: int, what: str | None) -> None:
    result = escape_file(tmp_path / "out.h5", dim)
    assert is_png(plot_result(result, tmp_path / "a.png", what=what, dpi=40))


def test_what_is_not_there_is_said(line: StoredResult, tmp_path: Path) -> None:
    for result in (wells_file(tmp_path / "w.h5"), plane_file(tmp_path / "p.h5")):
        for what in ESCAPE:
            with pytest.raises(
                CaseError, match=r"add .*\[\[?(passage|spectrum|rates|quasi_st\w+)\]"
            ):
                figure_of(result, what=what)
    with pytest.raises(CaseError, match='no passage "under"'):
        figure_of(line, name="under")
    with pytest.raises(CaseError, match="leave out --at"):
        figure_of(line, what="passage", at=1.0)
    with pytest.raises(CaseError, match="leave out --what rates"):
        plot_result(line, tmp_path / "a.gif", what="rates")
