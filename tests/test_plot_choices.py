"""Figures of comparisons, and what figures choose to show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import CenteredNorm

from fokkerplanck import plot
from fokkerplanck.compare import Snapshot
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.plot import comparison_figure, plot_comparison
from fokkerplanck.plot.comparison import difference_curve, difference_image
from fokkerplanck.plot.select import choose
from fokkerplanck.plot.style import number
from fokkerplanck.plot.wells import find_wells
from fokkerplanck.store import StoredResult
from tests.plot_results import is_png, normal, panel, plane_file


@pytest.fixture
def plane(tmp_path: Path) -> StoredResult:
    return plane_file(tmp_path / "plane.h5")


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
