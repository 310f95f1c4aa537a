"""Refinement: orders seen, limits reached, honesty where there is no order."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.forces import expressions
from fokkerplanck.observe import covariance
from fokkerplanck.refinement import refined, refined_all, regridded
from fokkerplanck.theory import boltzmann_density, driven_ring

TRUNCATED = fp.Problem(
    fp.Grid.line(-1.0, 0.7, 60), fp.landscapes.quartic(), fp.noise.white(temperature=0.3)
)


def spread(problem):
    return float(covariance(problem.grid, fp.stationary(problem).density)[0, 0])


def truth():
    problem = TRUNCATED
    found = boltzmann_density(problem.landscape.loss, 0.3, fp.Grid.line(-1.0, 0.7, 400))
    return float(found.covariance[0, 0])


@pytest.mark.parametrize("cells", [60, 61, 63])
def test_moments_in_a_box_converge_to_second_order(cells):
    problem = fp.Problem(fp.Grid.line(-1.0, 0.7, cells), TRUNCATED.landscape, TRUNCATED.noise)
    found = refined(spread, problem)
    assert found.order == pytest.approx(2.0, abs=0.02)
    assert found.extrapolated == pytest.approx(truth(), rel=1e-6)
    plain = abs(found.values[-1] / truth() - 1)
    assert found.error == pytest.approx(plain, rel=0.05)
    assert found.cells == ((math.floor(cells / 2 + 0.5),), (cells,), (2 * cells,))


def test_logarithms_have_relative_errors():
    plain = refined(spread, TRUNCATED)
    logs = refined(lambda p: math.log(spread(p)), TRUNCATED, log=True)
    assert logs.log
    assert logs.order == pytest.approx(plain.order, abs=0.01)
    assert math.exp(logs.extrapolated) == pytest.approx(plain.extrapolated, rel=1e-6)
    assert logs.error == pytest.approx(plain.error, rel=1e-2)


def test_several_numbers_come_from_one_solve():
    calls = []

    def both(problem):
        calls.append(problem.grid.shape)
        value = spread(problem)
        return [value, 2 * value]

    one, two = refined_all(both, TRUNCATED, levels=(1, 2, 4))
    assert calls == [(60,), (120,), (240,)]
    assert two.extrapolated == pytest.approx(2 * one.extrapolated, rel=1e-14)
    assert two.error == pytest.approx(one.error)


def test_walls_stay_periodic_and_a_driven_current_converges_to_second_order():
    ring = fp.Problem(
        fp.Grid.line(0.0, 2 * np.pi, 48, walls="periodic"),
        fp.landscapes.from_expression("cos(x)"),
        fp.noise.white(temperature=0.5),
        expressions(0.5),
    )
    found = refined(
        lambda p: float(fp.stationary(p, weight="fitted").current.mean()), ring, levels=(1, 2, 4)
    )
    exact = driven_ring(np.cos, 0.5, 0.5, 2 * np.pi).current
    assert found.order == pytest.approx(2.0, abs=0.02)
    assert found.extrapolated == pytest.approx(exact, rel=1e-6)
    assert all(regridded(ring, s).grid.axes[0].periodic for s in (0.5, 2))


def test_both_axes_of_a_plane_are_refined():
    plane = fp.Problem(
        fp.Grid.plane((-1.0, 0.7, 30), (-0.5, 0.8, 24), walls=("reflecting", "absorbing")),
        fp.landscapes.quartic(dim=2),
        fp.noise.white(temperature=0.3),
    )
    finer = regridded(plane, 2)
    assert finer.grid.shape == (60, 48)
    assert finer.grid.walls == plane.grid.walls


def test_rounding_and_changes_of_sign_have_no_order():
    flat = refined(lambda p: 0.1 + 1e-16 * p.grid.shape[0], TRUNCATED)
    assert math.isnan(flat.order)
    assert flat.extrapolated == flat.values[-1]
    assert flat.error < 1e-12
    signs = {30: 1.0, 60: 2.0, 120: 1.75}
    found = refined(lambda p: signs[p.grid.shape[0]], TRUNCATED)
    assert math.isnan(found.order)
    assert found.error == pytest.approx(0.25 / 1.75)
    growing = {30: 1.0, 60: 1.1, 120: 1.3}
    found = refined(lambda p: growing[p.grid.shape[0]], TRUNCATED)
    assert math.isnan(found.order)
    assert found.error == pytest.approx(0.2 / 1.3)


def test_two_levels_give_the_difference():
    found = refined(spread, TRUNCATED, levels=(1, 2))
    assert math.isnan(found.order)
    assert found.error == pytest.approx(abs(1 - found.values[0] / found.values[1]))


@pytest.mark.parametrize("order", [1.0, 2.0, 3.7])
def test_any_order_is_recovered_on_uneven_grids(order):
    line = fp.Problem(fp.Grid.line(-1.0, 1.0, 13), TRUNCATED.landscape, TRUNCATED.noise)
    found = refined(lambda p: 3.0 + p.grid.spacing[0] ** order, line, levels=(0.5, 1, 1.7, 2.9))
    assert found.order == pytest.approx(order, rel=1e-8)
    assert found.extrapolated == pytest.approx(3.0, rel=1e-10)


def test_what_lives_on_one_grid_is_refused():
    def fixed(points):
        return np.full((60, 1, 1), 0.2)

    problem = fp.Problem(TRUNCATED.grid, TRUNCATED.landscape, fp.noise.tensor(fixed))
    problem.fields()
    with pytest.raises(fp.CaseError, match="cannot be evaluated on a grid of 30 cells"):
        refined(spread, problem)


def test_bad_levels_and_small_grids_are_refused():
    small = fp.Problem(fp.Grid.line(-1.0, 1.0, 4), TRUNCATED.landscape, TRUNCATED.noise)
    with pytest.raises(fp.CaseError, match="4 cells is too small"):
        refined(spread, small)
    for levels in [(1,), (2, 1), (0, 1), (1, math.inf)]:
        with pytest.raises(fp.CaseError, match="levels"):
            refined(spread, TRUNCATED, levels=levels)
    with pytest.raises(fp.CaseError, match="same grid twice"):
        refined(spread, TRUNCATED, levels=(1, 1.001))
    with pytest.raises(fp.CaseError, match="refined alike"):
        regridded(
            fp.Problem(
                fp.Grid.plane((-1, 1, 7), (-1, 1, 64)),
                fp.landscapes.quartic(dim=2),
                TRUNCATED.noise,
            ),
            0.5,
        )


def test_passage_times_in_the_plane_converge_to_second_order():
    landscape = fp.landscapes.from_expression("(x**2 - 1)**2/4 + y**2 + x*y/2", 2)
    barrier = 0.31640625
    problem = fp.Problem(
        fp.Grid.plane((-2.0, 2.0, 128), (-2.0, 2.0, 128)),
        landscape,
        fp.noise.white(barrier / 30),
    )
    minimum = np.array([1.0606601717798212, -0.26516504294495535])
    disc = fp.sets.Ball(minimum, 0.25)

    def log_time(p):
        return fp.mean_first_passage(p, -minimum, disc).log10_mean * math.log(10)

    found = refined(log_time, problem, log=True)
    # a hand-written solve at 2048 cells a side
    assert math.exp(found.extrapolated) == pytest.approx(4.45042e13, rel=5e-6)
    assert 1.5 < found.order < 8
    assert found.error < 1e-4


def test_passage_times_on_a_line_are_limits_already():
    quartic = fp.Problem(
        fp.Grid.line(-2.4, 2.4, 256), fp.landscapes.quartic(), fp.noise.white(0.0125)
    )
    right = fp.sets.HalfPlane([1.0], 1.0)
    found = refined(lambda p: fp.mean_first_passage(p, [-1.0], right).mean, quartic)
    assert found.extrapolated == pytest.approx(2198644401.4082888762, rel=1e-10)
    assert found.error < 1e-9
