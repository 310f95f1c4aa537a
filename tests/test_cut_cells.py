"""The part of a cell on one side of a border: exact for borders along an axis, close for others."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fokkerplanck as fp
from fokkerplanck.cut_cells import mean_shares
from fokkerplanck.regions import find_regions


def half_plane(normal, offset):
    """Shares of the two sides of normal . x = offset."""

    def shares(x, number):
        inside = (x @ np.asarray(normal) < offset).astype(float)
        return np.stack([inside, 1 - inside], axis=-1)

    return shares


def part_of_square(normal, offset, width):
    """Area of a half-plane in a rectangle around 0, over that of the rectangle, by polygons."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.asarray(width) / 2
    level = corners @ np.asarray(normal) - offset
    kept = []
    for k in range(4):
        a, b, u, v = corners[k], corners[(k + 1) % 4], level[k], level[(k + 1) % 4]
        if u < 0:
            kept.append(a)
        if (u < 0) != (v < 0):
            kept.append(a + (b - a) * u / (u - v))
    if len(kept) < 3:
        return 0.0
    x, y = np.array(kept).T
    area = 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))
    return area / np.prod(width)


@settings(deadline=None, max_examples=60)
@given(st.floats(0, 2 * np.pi), st.floats(-0.6, 0.6), st.floats(0.3, 3.0))
def test_part_on_one_side_of_a_straight_border(angle, offset, ratio):
    normal, width = (np.cos(angle), np.sin(angle)), (ratio, 1.0)
    found = mean_shares(half_plane(normal, offset), np.zeros((1, 2)), width)
    assert found.sum() == pytest.approx(1.0)
    # a border through a corner makes a kink, which eight Gauss points leave an error of 1/500
    assert found[0, 0] == pytest.approx(part_of_square(normal, offset, width), abs=6e-3)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 3), st.floats(-0.49, 0.49))
def test_border_along_an_axis_is_exact(quarter, offset):
    normal = np.round([np.cos(quarter * np.pi / 2), np.sin(quarter * np.pi / 2)])
    found = mean_shares(half_plane(normal, offset), np.zeros((1, 2)), (1.0, 1.0))
    assert found[0, 0] == pytest.approx(0.5 + offset, abs=1e-12)


def test_frozen_noise_in_the_plane_converges_to_the_time_on_the_line():
    # x and y part, so the plane has the passage time of the line
    noise, target = fp.noise.hessian(0.02, 1), fp.sets.HalfPlane
    line = fp.Problem(fp.Grid.line(-2.2, 2.2, 256), fp.landscapes.quartic(), noise)
    exact = fp.mean_first_passage(line, [-1.0], target((1.0,), 0.9)).mean
    errors = []
    for cells in (97, 193):
        grid = fp.Grid.plane((-2.2, 2.2, cells), (-0.7, 0.7, 24))
        plane = fp.Problem(grid, fp.landscapes.quartic(2), noise)
        found = fp.mean_first_passage(plane, [-1.0, 0.0], target((1.0, 0.0), 0.9)).mean
        errors.append(abs(found / exact - 1))
    assert errors[0] < 1e-3
    assert errors[1] < 2e-4


def test_cut_cells_of_the_plane_are_those_of_the_line():
    landscape, x = fp.landscapes.quartic(2), (-2.2, 2.2, 193)
    plane = find_regions(landscape, fp.Grid.plane(x, (-1.0, 1.0, 8))).curvature[:, 4, 0, 0]
    line = find_regions(fp.landscapes.quartic(), fp.Grid.line(*x)).curvature[:, 0, 0]
    np.testing.assert_allclose(plane, line, rtol=1e-12)
