"""Figures hold the numbers they are drawn from, and files are what their names say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.colors import CenteredNorm, LogNorm
from matplotlib.figure import Figure
from PIL import Image

from fokkerplanck import plot
from fokkerplanck.compare import Snapshot
from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.grid import Grid
from fokkerplanck.plot import comparison_figure, figure_of, plot_comparison, plot_result
from fokkerplanck.plot.comparison import difference_curve, difference_image
from fokkerplanck.plot.line import curve_top, density_curves, spacetime, time_edges
from fokkerplanck.plot.plane import density_image, loss_contours, streamlines
from fokkerplanck.plot.select import Shot, choose, scale_of, stationary_shot
from fokkerplanck.plot.style import number
from fokkerplanck.plot.subject import index_near
from fokkerplanck.plot.wells import find_wells
from fokkerplanck.store import StoredResult, read
from fokkerplanck.writer import Group, Header, Writer
from fokkerplanck.writer import Snapshot as Row

State = tuple[np.ndarray, np.ndarray]
SCALARS = {
    "mass": 1.0,
    "minimum": 0.0,
    "time_error": 0.0,
    "clipped": 0.0,
    "products": 1,
    "solves": 0,
    "method": "exact",
}


def write(
    path: Path,
    grid: Grid,
    loss: np.ndarray,
    times: Sequence[float],
    states: Sequence[State],
    stationary: State | None = None,
    title: str = "a test",
) -> StoredResult:
    """A result file with given densities and currents; D = 1."""
    diffusion = np.broadcast_to(np.eye(grid.dim), (*grid.shape, grid.dim, grid.dim))
    header = Header(grid, title, loss, diffusion, None, "", "0", len(times), {})
    with Writer(path, header) as writer:
        for t, (p, j) in zip(times, states, strict=True):
            writer.append(Row(t, p.ravel() * grid.volume, p, j, SCALARS))
        groups = {}
        if stationary is not None:
            names = ("x", "y")[: grid.dim]
            arrays = {
                "density": (stationary[0], names, "density"),
                "current": (stationary[1], (*names, "component"), "current"),
            }
            groups["stationary"] = Group(arrays, {"entropy_production": 0.0})
        writer.finish("complete", groups=groups)
    return read(path)


def is_png(path: Path) -> bool:
    with Image.open(path) as image:
        image.verify()
        return image.format == "PNG"


def normal(grid: Grid, mean: Sequence[float], std: float) -> np.ndarray:
    distance = grid.points() - np.asarray(mean)
    p = np.exp(-0.5 * (distance**2).sum(axis=-1) / std**2)
    return p / grid.integrate(p)


TIMES = np.logspace(-2, 4, 13)


@pytest.fixture
def wells(tmp_path: Path) -> StoredResult:
    """Two wells that exchange mass at rate 0.01; the current is that of the exchange."""
    grid = Grid.line(-2.0, 2.0, 80)
    x = grid.axes[0].centres
    left, right = normal(grid, [-1.0], 0.15), normal(grid, [1.0], 0.15)
    gone = 0.5 * (1 - np.exp(-0.02 * TIMES))
    flux = 0.01 * np.exp(-0.02 * TIMES)[:, None] * np.cumsum(left - right) * grid.spacing[0]
    states = [((1 - g) * left + g * right, j[:, None]) for g, j in zip(gone, flux, strict=True)]
    steady = (0.5 * (left + right), 1e-17 * np.sin(x)[:, None])
    return write(tmp_path / "wells.h5", grid, (x**2 - 1) ** 2 / 4, TIMES, states, steady)


@pytest.fixture
def plane(tmp_path: Path) -> StoredResult:
    """A Gaussian that turns counter-clockwise on a grid of unequal sides."""
    grid = Grid.plane((-3.0, 3.0, 60), (-2.0, 2.5, 45))
    points = grid.points()
    steady = normal(grid, [0.0, 0.0], 0.6)
    turn = np.stack([-points[..., 1], points[..., 0]], axis=-1)
    states = []
    for angle in (0.0, 0.6, 1.2):
        p = normal(grid, [np.cos(angle), np.sin(angle)], 0.4)
        states.append((p, p[..., None] * turn))
    loss = 0.5 * (points**2).sum(axis=-1)
    return write(
        tmp_path / "plane.h5",
        grid,
        loss,
        [0.0, 0.6, 1.2],
        states,
        (steady, steady[..., None] * turn),
        title="turning $ α",
    )


def panel(figure: Figure, name: str) -> mpl.axes.Axes:
    """The axes whose label of the ordinate, or title, begins with a name."""
    return next(
        ax
        for ax in figure.axes
        if ax.get_ylabel().startswith(name) or ax.get_title().startswith(name)
    )


# what is drawn is what was computed


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


# comparisons


def test_difference_is_centred_at_zero(plane: StoredResult) -> None:
    difference = plane.density(0) - plane.density(1)
    image = difference_image(difference, plane.grid)
    assert np.array_equal(image.get_array(), difference.T)
    assert isinstance(image.norm, CenteredNorm)
    assert image.norm(0.0) == pytest.approx(0.5)
    assert -image.norm.vmin == image.norm.vmax == pytest.approx(np.abs(difference).max())
    red, _, blue, _ = image.cmap(image.norm(difference.max()))
    assert red > blue


def test_comparison_shows_both_their_difference_and_the_distances(tmp_path: Path) -> None:
    fine, coarse = Grid.line(-3.0, 3.0, 120), Grid.line(-3.0, 3.0, 60)
    a = Snapshot(grid=fine, density=normal(fine, [0.0], 0.5), label="a_$1.h5", time=1.0)
    b = Snapshot(grid=coarse, density=normal(coarse, [0.25], 0.5), label="b.h5", time=None)
    figure = comparison_figure(a, b)
    first, second = panel(figure, "density").lines
    assert np.array_equal(first.get_ydata(), a.density)
    assert np.array_equal(second.get_ydata(), b.density)
    difference = panel(figure, "$p_A").lines[0].get_ydata()
    expected = a.density.reshape(60, 2).mean(axis=1) - b.density
    assert np.allclose(difference, expected, atol=1e-12)
    texts = " ".join(t.get_text() for ax in figure.axes for t in ax.texts)
    assert "a_$1.h5, t = 1" in texts
    assert "W_1 = 0.25$" in texts
    low, high = panel(figure, "$p_A").get_ylim()
    assert low == -high
    out = plot_comparison(a, b, tmp_path / "c.png", log=True, dpi=50)
    assert is_png(out)


def test_comparison_of_planes(plane: StoredResult, tmp_path: Path) -> None:
    out = plot_comparison(plane, plane, tmp_path / "c.pdf", at=0.6, dpi=50)
    assert out.read_bytes().startswith(b"%PDF")
    pair = [
        Snapshot(grid=plane.grid, density=plane.density(k), loss=plane.loss, time=float(k))
        for k in (0, 2)
    ]
    a, b, difference = (ax.images[0] for ax in comparison_figure(*pair).axes if ax.images)
    assert a.norm is b.norm
    assert np.allclose(difference.get_array(), a.get_array() - b.get_array())
    with pytest.raises(CaseError, match=r"allowed are \.png, \.pdf"):
        plot_comparison(*pair, tmp_path / "c.gif")


def test_difference_of_a_line_is_filled_on_both_sides() -> None:
    grid = Grid.line(0.0, 1.0, 4)
    line = difference_curve(np.array([1.0, -1.0, 0.0, 0.5]), grid)
    assert len(line.axes.collections) == 2
    assert np.array_equal(line.get_ydata(), [1.0, -1.0, 0.0, 0.5])


# files


def test_picture_files(wells: StoredResult, plane: StoredResult, tmp_path: Path) -> None:
    small = plot_result(plane, tmp_path / "a.png", dpi=50, at=0.6)
    large = plot_result(plane, tmp_path / "b.PNG", dpi=100, at=0.6)
    with Image.open(small) as a, Image.open(large) as b:
        assert a.format == b.format == "PNG"
        assert b.width == pytest.approx(2 * a.width, abs=4)
        assert a.text["Title"] == "turning $ α"
        assert np.ptp(np.asarray(a.convert("L"))) > 200
    pdf = plot_result(wells, tmp_path / "c.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert pdf.rstrip().endswith(b"%%EOF")
    assert b"/FontFile2" in pdf or b"/Type42" in pdf
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".h5") == [
        "a.png",
        "b.PNG",
        "c.pdf",
    ]


def test_same_result_gives_the_same_file(wells: StoredResult, tmp_path: Path) -> None:
    for suffix in (".png", ".pdf"):
        names = [tmp_path / f"{k}{suffix}" for k in "ab"]
        files = [plot_result(wells, name, dpi=40, what="stationary") for name in names]
        assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("options", [{}, {"log": True}])
def test_movie_has_a_frame_for_every_time(
    wells: StoredResult, plane: StoredResult, tmp_path: Path, options: dict[str, bool]
) -> None:
    for result in (wells, plane):
        seen: list[tuple[int, int]] = []
        n = len(result.times)
        out = plot_result(
            result,
            tmp_path / f"{result.grid.dim}.gif",
            dpi=40,
            progress=lambda done, total, seen=seen: seen.append((done, total)),
            **options,
        )
        assert seen == [(k + 1, n) for k in range(n)]
        with Image.open(out) as movie:
            assert movie.format == "GIF"
            assert movie.n_frames == n
            frames = []
            for k in range(n):
                movie.seek(k)
                frames.append(np.asarray(movie.convert("L"), dtype=float))
        assert all(np.abs(a - b).max() > 50 for a, b in pairwise(frames))


def test_interrupted_movie_leaves_nothing(plane: StoredResult, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plot_result(plane, tmp_path / "m.gif", dpi=40, progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["plane.h5"]


def test_mp4_without_ffmpeg_says_how_to_get_it(
    plane: StoredResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(DataError, match="pip install imageio-ffmpeg"):
        plot_result(plane, tmp_path / "m.mp4")


def test_mp4(plane: StoredResult, tmp_path: Path) -> None:
    if shutil.which("ffmpeg") is None:
        pytest.importorskip("imageio_ffmpeg")
    for dpi in (40, 41):  # an odd number of pixels is padded: the codec wants even ones
        out = plot_result(plane, tmp_path / f"{dpi}.mp4", dpi=dpi)
        assert out.read_bytes()[4:8] == b"ftyp"


def test_only_known_suffixes(wells: StoredResult, tmp_path: Path) -> None:
    for name in ("a.svg", "a.h5", "a", "a.png.exe"):
        with pytest.raises(CaseError, match=r"\.png, \.pdf, \.gif, \.mp4"):
            plot_result(wells, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["wells.h5"]


def test_existing_file_is_not_touched(wells: StoredResult, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    out.write_text("mine")
    with pytest.raises(DataError, match="--force"):
        plot_result(wells, out)
    assert out.read_text() == "mine"
    plot_result(wells, out, dpi=40, force=True, at=10.0)
    assert is_png(out)
    with pytest.raises(DataError, match="does not exist"):
        plot_result(wells, tmp_path / "nowhere" / "a.png")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"what": "colour"}, "density, current, stationary"),
        ({"at": 3.0}, "no snapshot"),
        ({"at": float("nan")}, "no snapshot"),
        ({"at": 10.0, "what": "stationary"}, "has no time"),
    ],
)
def test_bad_options(wells: StoredResult, options: dict[str, object], message: str) -> None:
    with pytest.raises(CaseError, match=message):
        figure_of(wells, **options)


def test_what_a_result_lacks_is_said(plane: StoredResult, tmp_path: Path) -> None:
    grid, state = plane.grid, (plane.density(0), plane.current(0))
    one = write(tmp_path / "one.h5", grid, plane.loss, [1.0], [state])
    with pytest.raises(CaseError, match=r"\[stationary\]"):
        figure_of(one, what="stationary")
    with pytest.raises(CaseError, match="at least two times"):
        plot_result(one, tmp_path / "one.gif")
    with pytest.raises(CaseError, match="leave out --at"):
        plot_result(plane, tmp_path / "one.gif", at=0.6)
    none = write(tmp_path / "none.h5", grid, plane.loss, [], [])
    with pytest.raises(CaseError, match="nothing to plot"):
        figure_of(none)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("dim", [1, 2])
def test_degenerate_results_are_drawn(tmp_path: Path, dim: int, log: bool) -> None:
    grid = Grid.line(0.0, 1.0, 5) if dim == 1 else Grid.plane((0.0, 1.0, 5), (0.0, 40.0, 3))
    flat, zero = np.zeros(grid.shape), np.zeros((*grid.shape, dim))
    delta = flat.copy()
    delta[(2,) * dim if dim == 1 else (2, 1)] = 1 / grid.volume
    even = np.full(grid.shape, 1 / (grid.volume * delta.size))
    results = [
        write(tmp_path / "a.h5", grid, flat, [0.0], [(delta, zero)]),
        write(tmp_path / "b.h5", grid, flat, [0.0, 1.0], [(delta, zero), (flat, zero)]),
        write(tmp_path / "c.h5", grid, flat, [], [], (even, zero)),
        write(tmp_path / "d.h5", grid, flat, [0.0, 1e-3, 1e16], [(delta, zero)] * 3, (even, zero)),
    ]
    for k, result in enumerate(results):
        out = plot_result(result, tmp_path / f"{k}.png", dpi=40, log=log)
        assert is_png(out)


def test_user_settings_and_pyplot_are_left_alone(wells: StoredResult, tmp_path: Path) -> None:
    code = (
        "import sys, matplotlib as mpl\n"
        "mpl.rcParams['font.size'] = 31\n"
        "from fokkerplanck.plot import plot_result\n"
        "from fokkerplanck.store import read\n"
        "plot_result(read(sys.argv[1]), sys.argv[2], dpi=40, at=10.0)\n"
        "assert mpl.rcParams['font.size'] == 31\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    wells.close()
    out = tmp_path / "s.png"
    command = [sys.executable, "-W", "error", "-c", code, str(wells.path), str(out)]
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "MPLBACKEND")}
    subprocess.run(command, check=True, env=environment, timeout=120)
    assert out.exists()


# choices


def test_chosen_times_skip_plateaus() -> None:
    change = np.zeros(41)
    change[[5, 6, 7, 30]] = 0.3
    chosen = choose(change, 6)
    assert chosen[0] == 0
    assert chosen[-1] == 40
    assert len(chosen) == 6
    assert {5, 6, 7} & set(chosen)
    assert choose(change, 6, settled=True)[-1] < 40
    assert choose(np.zeros(30), 5) == [0, 7, 14, 22, 29] or len(choose(np.zeros(30), 5)) == 5
    assert choose(np.zeros(3), 5) == [0, 1, 2]


def test_shallow_ripples_are_no_wells() -> None:
    grid = Grid.line(-2.0, 2.0, 400)
    x = grid.axes[0].centres
    found = find_wells((x**2 - 1) ** 2 / 4 + 0.05 * x + 1e-3 * np.sin(60 * x), grid)
    places = [float(x[cell]) for cell in found.minima]
    assert places == pytest.approx([-1.02, 0.97], abs=0.08)
    assert [float(x[cell]) for cell in found.passes] == pytest.approx([0.05], abs=0.08)
    assert find_wells(np.ones(400), grid) is None


def test_wells_in_the_plane_meet_at_the_saddle() -> None:
    grid = Grid.plane((-2.0, 2.0, 81), (-1.0, 1.0, 41))
    x, y = np.moveaxis(grid.points(), -1, 0)
    found = find_wells((x**2 - 1) ** 2 / 4 + y**2, grid)
    points = grid.points()
    assert np.allclose([points[c] for c in found.minima], [[-1, 0], [1, 0]], atol=0.06)
    assert np.allclose([points[c] for c in found.passes], [[0, 0]], atol=0.06)
    masses = found.masses(normal(grid, [1.0, 0.0], 0.1), grid.volume)
    assert masses == pytest.approx([0.0, 1.0], abs=1e-9)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.25, "0.25"),
        (1000.0, "1000"),
        (1e6, "10^{6}"),
        (3.16e-7, r"3.2\times10^{-7}"),
        (-1e-9, "-10^{-9}"),
        (99.96, "100"),
        (0.0999, "0.1"),
        (12345.0, r"1.2\times10^{4}"),
        (float("inf"), r"\infty"),
    ],
)
def test_numbers_are_written_short(value: float, text: str) -> None:
    assert number(value, 2) == text


def test_public_names_are_there() -> None:
    assert all(hasattr(plot, name) for name in plot.__all__)
