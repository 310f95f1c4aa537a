"""Moving densities between grids keeps mass, positivity and what both grids resolve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.regrid import common_grid, regrid, regrid_vectors
from fokkerplanck.theory.gaussian import gaussian_cells


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(3, 30), st.integers(3, 30), st.booleans())
def test_mass_and_sign_are_kept_on_any_pair_of_grids(seed, n, m, linear):
    rng = np.random.default_rng(seed)
    source = Grid.plane((-1, 2, n), (0, 1, m))
    target = Grid.plane((-1 - rng.random(), 2 + rng.random(), m), (0, 1 + rng.random(), n))
    p = rng.random(source.shape) ** 6
    moved = regrid(p, source, target, linear=linear)
    assert moved.density.min() >= 0
    assert target.integrate(moved.density) == pytest.approx(source.integrate(p), rel=1e-12)
    assert abs(moved.outside) < 1e-12


def test_same_grid_is_left_alone():
    grid = Grid.plane((0, 1, 7), (0, 2, 9))
    p = np.random.default_rng(0).random(grid.shape)
    np.testing.assert_allclose(regrid(p, grid, grid).density, p, rtol=1e-15)


def test_union_of_cells_gets_exact_sums():
    fine, coarse = Grid.plane((-2.4, 2.4, 24), (0, 1, 18)), Grid.plane((-2.4, 2.4, 8), (0, 1, 6))
    p = np.random.default_rng(1).random(fine.shape)
    sums = p.reshape(8, 3, 6, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(regrid(p, fine, coarse).density, sums, rtol=1e-13)
    back = regrid(regrid(p, fine, coarse).density, coarse, fine)
    np.testing.assert_allclose(regrid(back.density, fine, coarse).density, sums, rtol=1e-13)


def test_constant_stays_constant():
    source, target = Grid.line(-1, 1, 13), Grid.line(-1, 1, 29)
    np.testing.assert_allclose(regrid(np.full(13, 0.5), source, target).density, 0.5, rtol=1e-13)


def test_mass_outside_is_counted():
    source, target = Grid.line(0, 4, 8), Grid.line(1, 2.5, 5)
    moved = regrid(np.full(8, 0.25), source, target)
    assert moved.outside == pytest.approx(1 - 1.5 / 4, rel=1e-13)
    assert target.integrate(moved.density) == pytest.approx(1.5 / 4, rel=1e-13)


def test_small_tails_keep_their_digits():
    source, target = Grid.line(-10, 10, 200), Grid.line(-10, 10, 100)
    p = gaussian_cells(source, [0.0], [[0.5]])
    q = gaussian_cells(target, [0.0], [[0.5]])
    np.testing.assert_allclose(regrid(p, source, target).density, q, rtol=1e-10)


@pytest.mark.parametrize(("linear", "order"), [(True, 1.9), (False, 0.9)])
def test_order_between_grids_that_do_not_nest(linear, order):
    errors = []
    for n in (60, 120, 240):
        source, target = Grid.line(-5, 5, n), Grid.line(-5, 5, int(1.3 * n))
        p, q = (gaussian_cells(g, [0.1], [[0.6]]) for g in (source, target))
        errors.append(target.integrate(abs(regrid(p, source, target, linear=linear).density - q)))
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert rates.min() > order


def test_vectors_are_averaged():
    fine, coarse = Grid.plane((0, 1, 8), (0, 1, 12)), Grid.plane((0, 1, 4), (0, 1, 4))
    j = np.random.default_rng(2).normal(size=(*fine.shape, 2))
    means = j.reshape(4, 2, 4, 3, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(regrid_vectors(j, fine, coarse), means, atol=1e-13)


def test_common_grid_covers_both_and_keeps_cells():
    a, b = Grid.line(-2, 2, 40), Grid.line(-3, 1, 20)
    coarse, fine = common_grid(a, b), common_grid(a, b, "finer")
    for grid, h in ((coarse, 0.2), (fine, 0.1)):
        (axis,) = grid.axes
        assert axis.min <= -3 + 1e-12
        assert axis.max >= 2 - 1e-12
        assert axis.spacing == pytest.approx(h)
    assert common_grid(a, a) == a
    assert common_grid(a, Grid.line(-2, 2, 16)).shape == (16,)
    with pytest.raises(CaseError, match="1-D and a 2-D"):
        common_grid(a, Grid.plane((0, 1, 4), (0, 1, 4)))
    with pytest.raises(CaseError, match="coarser"):
        common_grid(a, b, "best")
