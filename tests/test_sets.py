"""Balls, boxes and half-planes: their boundaries lie where they are, and not where cells end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.sets import Ball, Box, HalfPlane, as_set

PLANE = Grid.plane((-2.0, 2.0, 40), (-1.0, 3.0, 32))
TORUS = Grid.plane((-2.0, 2.0, 40), (-1.0, 3.0, 32), "periodic")
LINE = Grid.line(-2.0, 2.0, 40)
RING = Grid.line(-2.0, 2.0, 40, "periodic")

number = st.floats(-3.0, 3.0)
small = st.floats(0.05, 1.9)
grids = st.sampled_from([PLANE, TORUS])
points = st.tuples(st.floats(-2.0, 2.0), st.floats(-1.0, 3.0))


@st.composite
def sets_of_the_plane(draw):
    kind = draw(st.sampled_from(["ball", "box", "halfplane"]))
    if kind == "ball":
        return Ball((draw(number), draw(number)), draw(small))
    if kind == "box":
        low = draw(st.tuples(number, number))
        return Box([(a, a + draw(small)) for a in low])
    angle = draw(st.floats(0.0, 6.28))
    return HalfPlane((np.cos(angle), np.sin(angle)), draw(number))


@given(sets_of_the_plane(), grids, st.floats(0.0, 0.5))
@settings(max_examples=60, deadline=None)
def test_cells_are_those_whose_centre_is_in_the_set(part, grid, distance):
    if isinstance(part, HalfPlane):
        grid = PLANE
    centres = grid.points()
    assert (part.cells(grid) == part.contains(centres, grid)).all()
    near = part.near(centres, distance, grid)
    assert (part.wider(distance).cells(grid) == near).all()
    assert near[part.cells(grid)].all()


def dense(start, end, count=400):
    t = np.linspace(0.0, 1.0, count + 1)
    return t, start + t[:, None] * (np.asarray(end) - start)


@given(sets_of_the_plane(), grids, points, st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5)))
@settings(max_examples=300, deadline=None)
def test_the_entry_is_the_first_point_of_the_segment_in_the_set(part, grid, start, way):
    if isinstance(part, HalfPlane):
        grid = PLANE
    start = np.array([start])
    end = start + way
    (t,) = part.entry(start, end, grid)
    fractions, along = dense(start[0], end[0])
    inside = part.contains(along, grid)
    if part.contains(start, grid)[0]:
        assert t == 0.0
    elif np.isinf(t):
        assert not inside.any()
    else:
        assert 0.0 < t <= 1.0
        assert not inside[fractions < t - 1e-9].any()
        step = np.array(way) / max(np.hypot(*way), 1e-300)
        place = start[0] + t * np.array(way)
        angle = np.arange(16) * np.pi / 8
        around = place + 1e-7 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        assert part.contains(around, grid).any()
        assert not part.contains(place - 1e-7 * step, grid) or t * np.hypot(*way) < 1e-6


@given(sets_of_the_plane(), grids, points, st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5)))
@settings(max_examples=300, deadline=None)
def test_what_a_segment_meets_is_near_its_start(part, grid, start, way):
    if isinstance(part, HalfPlane):
        grid = PLANE
    start = np.array([start])
    (t,) = part.entry(start, start + way, grid)
    if np.isfinite(t):
        assert part.near(start, t * np.hypot(*way), grid).all()


@given(sets_of_the_plane(), points, points)
@settings(max_examples=100, deadline=None)
def test_mirrored_sets_are_entered_at_mirrored_points(part, start, end):
    mirrored = {
        Ball: lambda s: Ball((-s.centre[0], s.centre[1]), s.radius),
        Box: lambda s: Box([(-s.bounds[0][1], -s.bounds[0][0]), s.bounds[1]]),
        HalfPlane: lambda s: HalfPlane((-s.normal[0], s.normal[1]), s.offset),
    }[type(part)](part)
    start, end, flip = np.array([start]), np.array([end]), np.array([-1.0, 1.0])
    there = mirrored.entry(flip * start, flip * end, PLANE)
    assert np.array_equal(part.entry(start, end, PLANE), there)
    shares = part.shares(PLANE)
    assert mirrored.shares(PLANE)[::-1] == pytest.approx(shares, abs=1e-12)


#: numbers to which periods are added without rounding
dyadic = st.integers(-127, 127).map(lambda k: k / 64)
lattice = st.tuples(dyadic, dyadic)


@given(st.sampled_from(["ball", "box"]), lattice, st.integers(1, 127), lattice, lattice)
@settings(max_examples=50, deadline=None)
def test_sets_repeat_with_the_period(kind, place, size, start, end):
    size = size / 64

    def made(centre):
        x, y = centre
        return Ball(centre, size) if kind == "ball" else Box([(x, x + size), (y, y + size)])

    start, end = np.array([start]), np.array([end])
    end = start + np.clip(end - start, -1.5, 1.5)
    first = made(place)
    for shift in ((4.0, 0.0), (0.0, -4.0), (-4.0, 8.0)):
        image = made(np.array(place) + shift)
        assert image.shares(TORUS) == pytest.approx(first.shares(TORUS), abs=1e-9)
        moved = image.entry(start + shift, end + shift, TORUS)
        assert moved == pytest.approx(first.entry(start, end, TORUS), abs=1e-6)


@given(st.floats(0.05, 1.9), points)
@settings(max_examples=60, deadline=None)
def test_shares_of_a_disc_on_a_torus_sum_to_its_area(radius, centre):
    shares = Ball(centre, radius).shares(TORUS)
    assert shares.min() >= 0.0
    assert shares.max() <= 1.0
    assert TORUS.integrate(shares) == pytest.approx(np.pi * radius**2, rel=1e-10)


@given(points, small, small)
@settings(max_examples=60, deadline=None)
def test_shares_of_a_box_on_a_torus_sum_to_its_area(corner, width, height):
    box = Box([(corner[0], corner[0] + width), (corner[1], corner[1] + height)])
    assert TORUS.integrate(box.shares(TORUS)) == pytest.approx(width * height, rel=1e-10)


@given(sets_of_the_plane(), st.integers(0, 39), st.integers(0, 31))
@settings(max_examples=60, deadline=None)
def test_the_share_of_a_cell_is_what_points_in_it_tell(part, i, j):
    within = (np.arange(60) + 0.5) / 60 - 0.5
    offsets = np.stack(np.meshgrid(within, within), axis=-1) * PLANE.spacing
    inside = part.contains(PLANE.points()[i, j] + offsets, PLANE)
    assert part.shares(PLANE)[i, j] == pytest.approx(inside.mean(), abs=0.04)


@given(st.floats(0.0, 6.28), number)
@settings(max_examples=60, deadline=None)
def test_a_half_plane_and_its_complement_share_every_cell(angle, offset):
    n = np.array([np.cos(angle), np.sin(angle)])
    both = HalfPlane(n, offset).shares(PLANE) + HalfPlane(-n, -offset).shares(PLANE)
    assert both == pytest.approx(np.ones(PLANE.shape), abs=1e-11)


def test_a_segment_that_only_grazes_or_crosses_a_set_enters_it():
    disc = Ball((0.0, 0.0), 0.5)
    start = np.array([[-1.0, 0.0], [-1.0, 0.5], [-1.0, 0.3], [-1.0, 0.6], [1.0, 0.0]])
    end = np.array([[1.0, 0.0], [1.0, 0.5], [1.0, 0.3], [1.0, 0.6], [2.0, 0.0]])
    assert disc.entry(start, end, PLANE) == pytest.approx([0.25, 0.5, 0.3, np.inf, np.inf])
    box = Box([(-0.5, 0.5), (-0.5, 0.5)])
    start = np.array([[-1.0, 0.0], [-1.0, 0.5], [-1.0, 0.0], [-1.0, 0.51], [0.5, -1.0]])
    end = np.array([[1.0, 0.0], [1.0, 0.5], [0.0, 1.0], [1.0, 0.51], [0.5, 1.0]])
    assert box.entry(start, end, PLANE) == pytest.approx([0.25, 0.25, 0.5, np.inf, 0.25])


def test_the_short_way_crosses_a_periodic_wall():
    start, end = np.array([[1.9, 0.0]]), np.array([[-1.9, 0.0]])
    assert Ball((-2.0, 0.0), 0.05).entry(start, end, TORUS) == pytest.approx([0.25])
    assert Ball((2.0, 4.0), 0.05).entry(start, end, TORUS) == pytest.approx([0.25])
    assert np.isinf(Ball((0.0, 0.0), 0.05).entry(start, end, TORUS)[0])
    assert Box([(1.95, 2.1)]).entry(start[:, :1], end[:, :1], RING) == pytest.approx([0.25])
    assert Box([(1.95, 2.1)]).contains([[-1.92], [-1.8], [1.96]], RING).tolist() == [
        True,
        False,
        True,
    ]


def test_shares_on_a_line_are_exact():
    for part, length in (
        (Box([(-0.33, 0.71)]), 1.04),
        (Ball(0.2, 0.37), 0.74),
        (HalfPlane(-2.0, 1.0), 1.5),
        (HalfPlane(1.0, 0.123), 1.877),
        (Ball(0.2), 0.0),
    ):
        shares = part.shares(LINE)
        assert LINE.integrate(shares) == pytest.approx(length, abs=1e-14)
        assert np.count_nonzero((shares > 0) & (shares < 1)) <= 2
    ends = Box([(1.83, 2.31)]).shares(RING)
    assert RING.integrate(ends) == pytest.approx(0.48)
    assert ends[0] == 1.0
    assert ends[-1] == 1.0


def test_a_point_is_met_on_a_line_and_never_in_the_plane():
    start, end = np.array([[-0.5], [0.5], [-0.5]]), np.array([[0.5], [-0.3], [-0.1]])
    assert Ball(0.1).entry(start, end, LINE) == pytest.approx([0.6, 0.5, np.inf])
    point = Ball((0.1, 0.2))
    assert point.contains((0.1, 0.2), PLANE)
    assert np.isinf(point.entry([[0.0, 0.2]], [[1.0, 0.2]], PLANE)).all()
    assert not point.shares(PLANE).any()
    point.check_on(PLANE)


def test_a_box_as_wide_as_the_period_has_no_sides():
    band = Box([(-5.0, 5.0), (0.0, 1.0)])
    assert TORUS.integrate(band.shares(TORUS)) == pytest.approx(4.0)
    t = band.entry([[1.9, -0.5]], [[-1.9, 0.5]], TORUS)
    assert t == pytest.approx([0.5])


def test_an_end_on_the_boundary_is_always_an_entry():
    rng = np.random.default_rng(5)
    angle, start = rng.uniform(0, 2 * np.pi, 1000), rng.uniform(-2, 2, (1000, 2))
    disc = Ball((0.1, 0.7), 0.3)
    end = np.array(disc.centre) + 0.3 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    inside = disc.contains(end, PLANE)
    assert inside.any()
    assert (disc.entry(start, end, PLANE)[inside] <= 1.0).all()


def test_points_become_sets():
    assert as_set(0.5).text == "point (0.5)"
    assert as_set([1.0, 2.0]).dim == 2
    half = HalfPlane(1.0, 0.0)
    assert as_set(half) is half
    assert half.text == "half-line x >= 0"
    assert Ball((1.06, -0.27), 0.25).text == "ball of radius 0.25 around (1.06, -0.27)"
    assert Box([(0, 1), (2, 3)]).text == "box [0, 1] x [2, 3]"
    with pytest.raises(CaseError, match="one or two finite numbers"):
        as_set("walls")
    with pytest.raises(CaseError, match="one or two finite numbers"):
        as_set([1.0, np.nan])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ball((0.0, 0.0), -1.0), "radius >= 0, got -1"),
        (lambda: Ball((0.0, 0.0), np.nan), "finite radius"),
        (lambda: Box([(1.0, 1.0)]), "low < high"),
        (lambda: Box([1.0, 2.0]), "low < high for each axis"),
        (lambda: Box([]), "low < high"),
        (lambda: HalfPlane((0.0, 0.0), 1.0), "normal that is not zero"),
        (lambda: HalfPlane((1.0, 0.0), np.inf), "finite offset"),
        (lambda: Ball((5.0, 0.0), 0.5).check_on(PLANE), "lies outside the grid"),
        (lambda: Ball((5.0, 0.0)).check_on(PLANE), "lies outside the grid"),
        (lambda: Ball((0.0, 0.0), 0.01).check_on(PLANE), "holds no centre of a cell"),
        (lambda: Box([(2.5, 3.0)]).check_on(LINE), r"lies outside the grid \[-2, 2\]"),
        (lambda: Ball(0.0, 1.0).check_on(PLANE), "is 1-D, but the grid is 2-D"),
        (lambda: HalfPlane((1.0, 1.0), 0.0).contains([0.0, 0.0], TORUS), "x is periodic"),
        (lambda: HalfPlane(1.0, 9.0).check_on(LINE), "lies outside"),
    ],
)
def test_mistakes_are_explained(make, message):
    with pytest.raises(CaseError, match=message):
        make()


def test_a_half_plane_along_a_periodic_axis_is_allowed():
    strip = Grid.plane((-2.0, 2.0, 16), (0.0, 1.0, 8), ("reflecting", "periodic"))
    HalfPlane((1.0, 0.0), 0.5).check_on(strip)


def test_sets_thinner_than_a_cell_count_on_a_line():
    Box([(0.01, 0.02)]).check_on(LINE)
    Ball(0.013).check_on(LINE)
