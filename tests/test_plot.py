"""Figures hold the numbers they are drawn from."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import LogNorm

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.plot import figure_of
from fokkerplanck.plot.line import curve_top, density_curves, spacetime, time_edges
from fokkerplanck.plot.plane import density_image, loss_contours, streamlines
from fokkerplanck.plot.select import Shot, scale_of, stationary_shot
from fokkerplanck.plot.subject import index_near
from fokkerplanck.store import StoredResult
from tests.plot_results import TIMES, normal, panel, plane_file, wells_file, write


@pytest.fixture
def wells(tmp_path: Path) -> StoredResult:
    return wells_file(tmp_path / "wells.h5")


@pytest.fixture
def plane(tmp_path: Path) -> StoredResult:
    return plane_file(tmp_path / "plane.h5")


def test_line_figure_holds_the_densities(wells: StoredResult) -> None:
    figure = figure_of(wells)
    *early, steady = panel(figure, "density $p(x").lines
    stored = np.array([wells.density(k) for k in range(len(TIMES))])
    drawn = np.array([line.get_ydata() for line in early])
    assert 4 <= len(drawn) <= 7
    where = [int(np.abs(stored - d).max(axis=1).argmin()) for d in drawn]
    assert where == sorted(set(where))
    assert np.array_equal(drawn, stored[where])
    assert np.array_equal(steady.get_ydata(), wells.stationary.density)
    assert steady.get_linestyle() == "--"
    assert np.array_equal(early[0].get_xdata(), wells.grid.axes[0].centres)
    assert figure.axes[1].get_xlim() == (-2.0, 2.0)


def test_curves_go_from_dark_to_bright(wells: StoredResult) -> None:
    shots = [Shot(wells.density(k), None, float(TIMES[k])) for k in (0, 4, 8, 12)]
    lines = density_curves(shots, wells.grid)
    light = [np.dot([0.2126, 0.7152, 0.0722], mpl.colors.to_rgb(x.get_color())) for x in lines]
    assert np.all(np.diff(light) > 0.05)


def test_map_over_time_is_the_density_on_log_time(wells: StoredResult) -> None:
    figure = figure_of(wells)
    ax = panel(figure, "$x$")
    mesh = next(c for c in ax.collections if isinstance(c, QuadMesh))
    stored = np.array([wells.density(k) for k in range(len(TIMES))])
    assert np.array_equal(mesh.get_array(), stored.T)
    corners = mesh.get_coordinates()
    assert np.allclose(corners[0, 1:-1, 0], np.sqrt(TIMES[1:] * TIMES[:-1]))
    assert np.allclose(corners[:, 0, 1], wells.grid.axes[0].edges)
    assert ax.get_xscale() == "log"


def test_map_of_a_fine_grid_keeps_the_mass() -> None:
    grid = Grid.line(0.0, 1.0, 4 * 1024 + 4)
    p = np.random.default_rng(1).random((3, grid.shape[0]))
    mesh = spacetime(np.array([1.0, 2.0, 3.0]), p, grid, norm=scale_of([p]).norms[0])
    coarse = np.asarray(mesh.get_array())
    assert coarse.shape[0] <= 1030
    assert np.allclose(coarse.mean(axis=0), p.mean(axis=1))


def test_times_are_halfway_on_their_own_axis() -> None:
    assert np.allclose(time_edges(np.array([1.0, 2.0, 4.0]), logarithmic=False), [0.5, 1.5, 3, 5])
    edges = time_edges(np.array([1.0, 100.0]), logarithmic=True)
    assert np.allclose(edges, [0.1, 10.0, 1000.0])


def test_masses_in_the_wells_are_drawn(wells: StoredResult) -> None:
    ax = panel(figure_of(wells), "mass in well")
    left, right = (line.get_ydata() for line in ax.lines if len(line.get_xdata()) == len(TIMES))
    gone = 0.5 * (1 - np.exp(-0.02 * TIMES))
    assert np.allclose(right, gone, atol=1e-9)
    assert np.allclose(left, 1 - gone, atol=1e-9)


def test_start_far_above_the_rest_is_cut() -> None:
    narrow, wide = np.array([0.0, 100.0]), np.array([1.0, 1.0])
    assert curve_top([narrow, wide, wide]) < 5.0
    assert curve_top([1.5 * wide, wide, wide]) > 1.5


def test_image_is_the_transposed_density_between_the_walls(plane: StoredResult) -> None:
    p = plane.density(1)
    image = density_image(p, plane.grid)
    assert np.array_equal(image.get_array(), p.T)
    assert tuple(image.get_extent()) == (-3.0, 3.0, -2.0, 2.5)
    assert image.origin == "lower"
    # the pixel under a point is the cell that holds it
    x, y = plane.grid.points()[np.unravel_index(p.argmax(), p.shape)]
    left, right, bottom, top = image.get_extent()
    row = int((y - bottom) / (top - bottom) * 45)
    column = int((x - left) / (right - left) * 60)
    assert image.get_array()[row, column] == p.max()


def test_plane_figure_shows_all_states_in_order(plane: StoredResult) -> None:
    figure = figure_of(plane)
    images = [ax.images[0] for ax in figure.axes if ax.images]
    states = [plane.density(k) for k in range(3)] + [plane.stationary.density]
    assert len(images) == 4
    for image, p in zip(images, states, strict=True):
        assert np.array_equal(image.get_array(), p.T)
    titles = [image.axes.get_title() for image in images]
    assert titles == ["$t = 0$", "$t = 0.6$", "$t = 1.2$", "stationary"]
    assert all(image.axes.get_aspect() == 1.0 for image in images)


def test_one_colour_scale_where_peaks_are_alike_else_one_each() -> None:
    flat = np.ones((2, 2))
    alike = scale_of([flat, 1.25 * flat])
    assert alike.shared
    assert {norm.vmax for norm in alike.norms} == {1.25}
    apart = scale_of([flat, 10 * flat])
    assert not apart.shared
    assert [norm.vmax for norm in apart.norms] == [1.0, 10.0]
    log = scale_of([flat, 10 * flat], log=True)
    assert isinstance(log.norms[0], LogNorm)
    assert log.norms[0].vmin == pytest.approx(log.floor)


def test_streamlines_follow_a_rotation(plane: StoredResult) -> None:
    current = plane.stationary.current
    drawn = streamlines(current, plane.grid)
    segments = np.array(drawn.lines.get_segments())
    middle, step = segments.mean(axis=1), segments[:, 1] - segments[:, 0]
    radius, length = np.linalg.norm(middle, axis=1), np.linalg.norm(step, axis=1)
    keep = (length > 0) & (radius > 0.3)
    assert keep.sum() > 100
    cross = middle[:, 0] * step[:, 1] - middle[:, 1] * step[:, 0]
    assert (cross[keep] / (radius * length)[keep]).min() > 0.97
    heads = np.array([arrow.get_path().vertices.mean(axis=0) for arrow in drawn.arrows])
    assert len(heads) > 3
    assert np.linalg.norm(heads, axis=1).max() < 2.5
    assert drawn.lines in drawn.lines.axes.collections
    drawn.remove()
    assert drawn.lines.axes is None


def test_streamlines_are_thick_where_the_current_is_strong_and_absent_below_the_floor() -> None:
    grid = Grid.plane((0.0, 1.0, 40), (0.0, 1.0, 40))
    x = grid.points()[..., 0]
    size = np.where(x > 0.5, 1.0, np.where(x > 0.25, 0.1, 1e-4))
    drawn = streamlines(np.stack([0 * size, size], axis=-1), grid)
    place = np.array(drawn.lines.get_segments())[:, 0, 0]
    width = np.asarray(drawn.lines.get_linewidth())
    assert place.min() > 0.22
    assert width[place > 0.6].min() > 1.5 * width[place < 0.45].max()
    assert streamlines(np.zeros((40, 40, 2)), grid) is None


def test_rounding_is_no_current(plane: StoredResult, tmp_path: Path, wells: StoredResult) -> None:
    assert stationary_shot(plane).current is not None
    assert stationary_shot(wells).current is None
    grid, p = plane.grid, plane.stationary.density
    noise = 1e-15 * np.random.default_rng(2).standard_normal((*grid.shape, 2))
    still = write(tmp_path / "still.h5", grid, plane.loss, [], [], (p, noise))
    figure = figure_of(still)
    assert not any(type(c) is LineCollection for c in figure.axes[0].collections)
    assert any(type(c) is LineCollection for c in figure_of(plane, at=0.6).axes[0].collections)
    with pytest.raises(CaseError, match="no current above rounding"):
        figure_of(still, what="current")


def test_ring_shows_its_current(tmp_path: Path) -> None:
    grid = Grid.line(-np.pi, np.pi, 60, "periodic")
    x = grid.axes[0].centres
    p = normal(grid, [0.0], 1.0)
    times = np.linspace(0.0, 2.0, 9)
    states = [(p, np.full((60, 1), -0.25 * t)) for t in times]
    ring = write(tmp_path / "ring.h5", grid, np.cos(x), times, states, (p, np.full((60, 1), -0.5)))
    figure = figure_of(ring)
    texts = [t.get_text() for t in panel(figure, "density $p(x").texts]
    assert any("J = -0.5" in t and "leftarrow" in t for t in texts)
    line, steady = panel(figure, "mean current").lines
    assert np.allclose(line.get_ydata(), -0.25 * times)
    assert np.allclose(steady.get_ydata(), -0.5)
    assert panel(figure, "mean current").get_xscale() == "linear"
    # these differ too much for one scale, and the first one is zero: it is left out
    curves = [c.get_ydata() for c in panel(figure_of(ring, what="current"), "current").lines]
    assert np.allclose(curves[:-1], -1.0)


def test_one_time_is_asked_for(wells: StoredResult, plane: StoredResult) -> None:
    line, steady = panel(figure_of(wells, at=10.0), "density $p(x").lines
    assert np.array_equal(line.get_ydata(), wells.density(6))
    assert "10" in line.get_label()
    assert np.array_equal(steady.get_ydata(), wells.stationary.density)
    figure = figure_of(plane, at=0.6, what="density")
    assert np.array_equal(figure.axes[0].images[0].get_array(), plane.density(1).T)
    assert not any(type(c) is LineCollection for c in figure.axes[0].collections)
    speed = np.linalg.norm(plane.current(1), axis=-1)
    figure = figure_of(plane, at=0.6, what="current")
    assert np.array_equal(figure.axes[0].images[0].get_array(), speed.T)
    figure = figure_of(plane, what="stationary")
    assert np.array_equal(figure.axes[0].images[0].get_array(), plane.stationary.density.T)


def test_nearest_time_is_close_or_refused(wells: StoredResult) -> None:
    assert index_near(wells, 9.8) == 6
    with pytest.raises(CaseError, match="no snapshot at t = 20"):
        index_near(wells, 20.0)


def test_contours_lie_inside_the_relief(plane: StoredResult) -> None:
    levels = loss_contours(plane.loss, plane.grid).levels
    assert len(levels) > 5
    assert plane.loss.min() < levels[0] < levels[-1] < plane.loss.max()
    assert loss_contours(np.ones(plane.grid.shape), plane.grid) is None
