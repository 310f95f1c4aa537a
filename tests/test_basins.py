"""Basins of attraction against landscapes whose borders are known in closed form."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from fokkerplanck import landscapes
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.sets import Ball, Basin, Box, HalfPlane

#: top of the barrier of x^4 - 16 x^2 + 5 x
ST_TOP = float(np.sort(np.roots([4.0, 0.0, -32.0, 5.0]).real)[1])


def links(grid):
    """Both directions of all links to the eight neighbours of each cell."""
    nx, ny = grid.shape
    points = grid.points()
    pairs = []
    for i, j in ((1, 0), (0, 1), (1, 1), (1, -1)):
        low = points[: nx - i, max(0, -j) : ny - max(0, j)]
        high = points[i:, max(0, j) : ny + min(0, j)]
        pairs += [(low, high), (high, low)]
    return tuple(np.concatenate([p[k].reshape(-1, 2) for p in pairs]) for k in (0, 1))


def assert_same(basin, known, grid):
    centres = grid.points()
    assert np.array_equal(basin.contains(centres, grid), known.contains(centres, grid))
    start, end = links(grid)
    found, wanted = basin.entry(start, end, grid), known.entry(start, end, grid)
    # a basin is looked for between ends on different sides only: no corners are cut
    both = np.isfinite(found)
    assert both.sum() > 20
    assert np.isfinite(wanted[both]).all()
    assert known.contains(start, grid)[~both & np.isfinite(wanted)].sum() == 0
    assert not known.contains(end, grid)[~both].any()
    assert found[both] == pytest.approx(wanted[both], abs=1e-6)
    # 21 points in each cell
    assert basin.shares(grid) == pytest.approx(known.shares(grid), abs=0.12)


@pytest.mark.parametrize(("walls", "cells"), [("reflecting", 24), ("absorbing", 31)])
def test_a_round_basin(walls, cells):
    ring = landscapes.from_expression("(x**2 + y**2)/2 - (x**2 + y**2)**2/4", dim=2)
    grid = Grid.plane((-1.6, 1.7, cells), (-1.5, 1.6, cells), walls)
    assert_same(Basin((0.1, 0.0), ring), Ball((0.0, 0.0), 1.0), grid)


@pytest.mark.parametrize("cells", [21, 32])
def test_a_straight_border_across_the_grid(cells):
    c, s = np.cos(np.radians(30.0)), np.sin(np.radians(30.0))
    turned = landscapes.rotated(landscapes.quartic(dim=2), 30.0)
    grid = Grid.plane((-2.0, 2.0, cells), (-2.0, 2.0, cells))
    side = -1.0 if cells % 2 else 1.0
    assert_same(Basin((side * c, side * s), turned), HalfPlane((side * c, side * s), 0.0), grid)


def test_four_wells():
    four = landscapes.styblinski_tang(dim=2)
    grid = Grid.plane((-4.0, 4.0, 31), (-4.0, 4.0, 40))
    sides = ((-np.inf, ST_TOP), (ST_TOP, np.inf))
    total = np.zeros(grid.shape)
    for x, y in product(sides, sides):
        point = [-3.0 if side[0] < -9 else 3.0 for side in (x, y)]
        basin, known = Basin(point, four), Box([x, y])
        assert np.array_equal(
            basin.contains(grid.points(), grid), known.contains(grid.points(), grid)
        )
        total += basin.shares(grid)
    assert_same(Basin((3.0, -3.0), four), Box([sides[1], sides[0]]), grid)
    assert total == pytest.approx(np.ones(grid.shape))


def test_a_basin_across_periodic_walls():
    waves = landscapes.from_expression("cos(x) + cos(y)", dim=2)
    grid = Grid.plane((-1.0, 4 * np.pi - 1, 20), (-2.0, 4 * np.pi - 2, 21), "periodic")
    home = Basin((3 * np.pi, 3 * np.pi), waves)
    assert_same(home, Box([(2 * np.pi, 4 * np.pi)] * 2), grid)
    image = Basin((-np.pi, -np.pi), waves)
    assert np.array_equal(home.contains(grid.points(), grid), image.contains(grid.points(), grid))


def test_curved_borders_do_not_depend_on_the_grid():
    # cell to cell descent misplaces one cell in sixteen here
    surface = landscapes.mueller_brown()
    box = (-2.2, 1.6), (-1.0, 2.6)
    coarse, fine = (Grid.plane((*box[0], n), (*box[1], n)) for n in (20, 60))
    basin = Basin((-0.05, 0.47), surface)
    inside = basin.contains(coarse.points(), coarse)
    assert np.array_equal(inside, basin.contains(fine.points(), fine)[1::3, 1::3])
    start, end = links(coarse)
    t = basin.entry(start, end, coarse)
    on = np.isfinite(t) & (t > 0.0)
    way = (end - start)[on]
    for side, there in ((-1, False), (1, True)):
        near = start[on] + (t[on] + side * 2e-6)[:, None] * way
        assert (basin.contains(near, fine) == there).all()


def test_a_mirrored_landscape_has_mirrored_basins():
    surface = landscapes.mueller_brown()
    turned = landscapes.rotated(surface, 90.0)
    grid = Grid.plane((-2.0, 1.6, 45), (-1.0, 2.6, 45))
    other = Grid.plane((-2.6, 1.0, 45), (-2.0, 1.6, 45))
    inside = Basin((0.62, 0.03), surface).contains(grid.points(), grid)
    there = Basin((-0.03, 0.62), turned).contains(other.points(), other)
    assert np.array_equal(np.rot90(inside), there)


@pytest.mark.slow
def test_a_rugged_sampled_landscape_is_divided_without_rest():
    rng = np.random.default_rng(3)
    x = np.linspace(-1.0, 1.0, 8)
    rugged = landscapes.sampled(x, x, rng.normal(size=(8, 8)))
    grid = Grid.plane((-1.0, 1.0, 24), (-1.0, 1.0, 24))
    minima = [p for p in landscapes.critical_points(rugged, grid) if p.kind == "minimum"]
    assert len(minima) > 5
    basins = [Basin(m.position, rugged) for m in minima]
    inside = np.array([b.contains(grid.points(), grid) for b in basins])
    assert inside.sum(axis=0).max() == 1
    # what is left flows down to a wall
    wall = inside.sum(axis=0) == 0
    assert 0 < wall.mean() < 0.5
    for basin, minimum in zip(basins, minima, strict=True):
        assert basin.contains(minimum.position, grid)


@pytest.mark.parametrize(
    ("loss", "point", "bounds"),
    [
        ("(x**2 - 1)**2", 0.9, (0.0, np.inf)),
        ("(x**2 - 1)**2", -3.0, (-np.inf, 0.0)),
        ("cos(3*x)", 1.0, (0.0, 2 * np.pi / 3)),
        ("x**2", 0.0, (-np.inf, np.inf)),
        ("x**2/2 - x**3/3", 0.0, (-np.inf, 1.0)),
    ],
)
def test_a_basin_of_a_line_lies_between_its_maxima(loss, point, bounds):
    line = Grid.line(-2.0, 2.0, 81)
    landscape = landscapes.from_expression(loss, dim=1)
    basin, known = Basin(point, landscape), Box([bounds])
    assert np.array_equal(basin.contains(line.points(), line), known.contains(line.points(), line))
    assert basin.shares(line) == pytest.approx(known.shares(line), abs=1e-8)
    start, end = line.points()[:-1], line.points()[1:]
    for a, b in ((start, end), (end, start)):
        assert basin.entry(a, b, line) == pytest.approx(known.entry(a, b, line), abs=1e-7)


class Roof(landscapes.Landscape):
    """(|x| - 1)^2: the top of its barrier is a kink, at which no gradient vanishes."""

    dim, name = 1, "roof"

    def loss(self, points):
        return (np.abs(points[..., 0]) - 1) ** 2

    def gradient(self, points):
        return 2 * (np.abs(points) - 1) * np.sign(points)

    def hessian(self, points):
        return np.full((*np.shape(points), 1), 2.0)


def test_a_kink_ends_a_basin_of_a_line():
    line = Grid.line(-2.0, 1.8, 60)
    shares = Basin(1.0, Roof()).shares(line)
    assert shares == pytest.approx(Box([(0.0, 2.0)]).shares(line), abs=1e-9)


def test_a_basin_of_a_ring():
    ring = Grid.line(0.0, 2 * np.pi, 60, "periodic")
    wave = landscapes.from_expression("cos(x) + 0.3*sin(2*x)", dim=1)
    everything = Basin(3.0, wave).shares(ring)
    assert everything == pytest.approx(np.ones(60))
    waves = landscapes.from_expression("-cos(2*x)", dim=1)
    home = Basin(6.2, waves)
    assert ring.integrate(home.shares(ring)) == pytest.approx(np.pi)
    assert home.contains([[0.1], [1.5], [1.7], [6.2]], ring).tolist() == [True, True, False, True]


def test_mistakes_are_explained():
    slope = landscapes.from_expression("x + 2*y", dim=2)
    grid = Grid.plane((0.0, 1.0, 8), (0.0, 1.0, 8))
    with pytest.raises(CaseError, match="no minimum in the grid"):
        Basin((0.0, 0.0), slope).check_on(grid)
    line = Grid.line(0.0, 1.0, 8)
    with pytest.raises(CaseError, match="no minimum in the grid"):
        Basin(0.5, landscapes.from_expression("x", dim=1)).shares(line)
    with pytest.raises(CaseError, match="landscape is 2-D"):
        Basin(0.0, slope)
