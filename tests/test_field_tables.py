"""Drift and diffusion as tables: exact for cubics, exact across breaks, of known order."""

from __future__ import annotations

import numpy as np
import pytest

from fokkerplanck.solvers.field_tables import line_tables, plane_tables

POINTS = np.random.default_rng(0).uniform(-1, 1, (500, 2))


def test_cubics_are_exact_on_a_line():
    x = np.linspace(-3, 3, 12)
    t = line_tables(x, x - x**3, 1 - 3 * x**2, 1 + x**2, 2 * x)
    p = np.linspace(-3, 3, 301)
    drift, diffusion = t.values(p)
    np.testing.assert_allclose(drift, p - p**3, atol=2e-14)
    np.testing.assert_allclose(diffusion, 1 + p**2, atol=2e-14)
    # the Ito drift of the reading 0 gains D' = 2 x, which walkers find by the same cubics
    extra = t.ito_drift(0.0) - t.drift
    width, left = t.spacing, x[:-1]
    np.testing.assert_allclose(extra[:11, 0], 2 * left, atol=1e-13)
    np.testing.assert_allclose(extra[:11, 1], 2 * width, atol=1e-13)


@pytest.mark.parametrize("at", [0.123456, 0.5, -1.9999, 0.0])
def test_breaks_keep_both_sides(at):
    x = np.sort(np.concatenate([np.linspace(-2, 2, 9)[np.linspace(-2, 2, 9) != at], [at, at]]))
    below = np.arange(x.size) <= np.flatnonzero(x == at)[0]
    drift, slope = np.where(below, -(x**3), 2 * x), np.where(below, -3 * x**2, 2)
    d, dd = np.where(below, 1 + x**2, 3.0), np.where(below, 2 * x, 0.0)
    t = line_tables(x, drift, slope, d, dd)
    p = np.concatenate([np.linspace(-2, 2, 401), [at, at - 1e-12]])
    found = t.values(p)
    np.testing.assert_allclose(found[0], np.where(p < at, -(p**3), 2 * p), atol=1e-12)
    np.testing.assert_allclose(found[1], np.where(p < at, 1 + p**2, 3.0), atol=1e-12)
    np.testing.assert_allclose(t.breaks, [[at, 1 + at**2, 3, -(at**3), 2 * at]], atol=1e-15)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([0, 1, 2.5, 3], "equally spaced"),
        ([0, 1, 1, 1, 2], "twice at a break"),
        ([0, 0, 1, 2], "walls cannot be breaks"),
        ([0, 1, 1.2, 1.2, 1.6, 1.6, 2], "at most one"),
        ([0, 2, 1], "ascend"),
    ],
)
def test_nodes_that_cannot_be(x, words):
    ones = np.ones(len(x))
    with pytest.raises(ValueError, match=words):
        line_tables(np.array(x, float), ones, ones, ones, ones)


def test_negative_diffusion_is_refused():
    x = np.linspace(0, 1, 5)
    with pytest.raises(ValueError, match=r"x = 0\.5; it must not be negative"):
        line_tables(x, x, x, np.array([1, 1, -1, 1, 1.0]), x)


def grid(n, function):
    x = np.linspace(-1, 1, n + 1)
    return x, np.stack(function(*np.meshgrid(x, x, indexing="ij")), axis=-1)


def test_splines_in_the_plane_are_exact_for_cubics():
    def f(x, y):
        return x**3 * y**2 - y**3, 1 + x * y**3

    x, values = grid(7, f)
    t = plane_tables(x, x, values, np.eye(2))
    np.testing.assert_allclose(t.values(POINTS)[0], np.stack(f(*POINTS.T), -1), atol=1e-13)


def test_local_pieces_in_the_plane_are_exact_for_squares_and_stay_local():
    def f(x, y):
        return x**2 * y**2 - y, 1 + x * y

    x, values = grid(8, f)
    t = plane_tables(x, x, values, np.eye(2), smooth=False)
    np.testing.assert_allclose(t.values(POINTS)[0], np.stack(f(*POINTS.T), -1), atol=1e-13)
    values[4, 4] += 1
    far = np.abs(POINTS).max(axis=1) > 0.5
    again = plane_tables(x, x, values, np.eye(2), smooth=False).values(POINTS)[0]
    np.testing.assert_array_equal(again[far], t.values(POINTS)[0][far])


@pytest.mark.parametrize(("smooth", "order"), [(True, 4), (False, 3)])
@pytest.mark.parametrize("periodic", [True, False])
def test_order_in_the_plane(smooth, order, periodic):
    def f(x, y):
        return np.sin(np.pi * x) * np.cos(np.pi * y), np.exp(np.sin(np.pi * (x + y)))

    error = []
    for n in (16, 32):
        x, values = grid(n, f)
        tensor = values[..., 1, None, None] * np.array([[2, 1], [1, 1.0]])
        both = (periodic, periodic)
        t = plane_tables(x, x, values, tensor, smooth=smooth, periodic=both)
        drift, d = t.values(POINTS)
        exact = np.stack(f(*POINTS.T), -1)
        error.append(np.abs(drift - exact).max())
        np.testing.assert_allclose(d[:, 0, 0], 2 * drift[:, 1], rtol=1e-12)
        np.testing.assert_array_equal(d[:, 0, 1], d[:, 1, 0])
    assert np.log2(error[0] / error[1]) > order - 0.35, error


def test_shapes_in_the_plane_are_checked():
    x = np.linspace(0, 1, 6)
    with pytest.raises(ValueError, match="drift must have shape"):
        plane_tables(x, x, np.zeros((5, 6, 2)), np.eye(2))
    with pytest.raises(ValueError, match="equally spaced"):
        plane_tables(x**2, x, np.zeros((6, 6, 2)), np.eye(2))
