"""Passage times in the plane: pinned values, wells turned with their tensor, starts, errors."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck import forces, landscapes, noise
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.interpolate import around, interpolate
from fokkerplanck.killed_chain import killed_chains
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.sets import Ball, Box, HalfPlane
from fokkerplanck.theory import LineProcess, exit_passage, line_passage
from tests.escapes import (
    COUPLED_MINIMUM,
    FLAT,
    Outside,
    coupled,
    eyring_kramers_log_time,
    quartic_process,
    square,
    turned_wells,
)

#: Barrier/T -> mean time from the left minimum of the coupled well to the disc of radius 1/4
#: around the right one: cut cells extrapolated, and 80-bit floats.
COUPLED = {5: 674.57678, 10: 94558.889, 20: 2.034791e9, 30: 4.4504225e13}
RIGHT = np.array(COUPLED_MINIMUM)
DISC = Ball(RIGHT, 0.25)


def crossing(cells, barrier):
    return mean_first_passage(coupled(cells, barrier), -RIGHT, DISC)


def turned_error(cells, degrees, anisotropy, barrier, offset=0.9):
    """Relative error of the time from one minimum to a half-plane beyond the saddle."""
    problem, axis = turned_wells(cells, degrees, barrier, anisotropy)
    found = mean_first_passage(problem, -axis, HalfPlane(axis, offset))
    exact = line_passage(quartic_process(0.25 / barrier), -1.0, offset)
    return np.expm1(found.log10_mean * log(10) - exact.log_mean), found


@pytest.mark.parametrize(("barrier", "mean"), COUPLED.items())
def test_coupled_well(barrier, mean):
    found = crossing(256, barrier)
    assert found.mean == pytest.approx(mean, rel=5e-6)
    assert found.error < 2e-5
    assert found.anchors == 1
    assert found.jumps < 1e4


@pytest.mark.parametrize(("barrier", "cells"), [(100, 128), (500, 192)])
def test_coupled_well_beyond_other_solvers(barrier, cells):
    """The ratio to Eyring-Kramers goes to 1 like 1 + 0.40 / (barrier / T)."""
    found = crossing(cells, barrier)
    ratio = np.exp(found.log10_mean * log(10) - eyring_kramers_log_time(barrier))
    assert ratio == pytest.approx(1 + 0.40 / barrier, abs=2e-4)
    assert found.log10_variance == pytest.approx(2 * found.log10_mean, abs=1e-9)


@pytest.mark.slow
def test_ratio_to_eyring_kramers_at_512():
    for barrier in (100, 500):
        found = crossing(512, barrier)
        ratio = np.exp(found.log10_mean * log(10) - eyring_kramers_log_time(barrier))
        assert (ratio - 1) * barrier == pytest.approx(0.39, abs=0.01)


def test_there_and_back():
    """V(-x) = V(x): the passage from right to left takes as long; so in any mirrored frame."""
    problem = coupled(64, 8)
    there = mean_first_passage(problem, -RIGHT, DISC)
    back = mean_first_passage(problem, RIGHT, Ball(-RIGHT, 0.25))
    assert back.mean == pytest.approx(there.mean, rel=1e-12)
    assert back.variance == pytest.approx(there.variance, rel=1e-12)
    assert np.flip(back.log10_times) == pytest.approx(there.log10_times, abs=1e-12)


@pytest.mark.parametrize(
    ("degrees", "anisotropy", "barrier", "limits"),
    [(25, 20, 12, (2e-5, 1.2e-6)), (70, 50, 60, (1e-3, 1.2e-4))],
)
def test_turned_wells(degrees, anisotropy, barrier, limits):
    """Nothing is aligned with the grid, links are long, and still the answer is that of a line."""
    for cells, limit in zip((129, 257), limits, strict=True):
        error, found = turned_error(cells, degrees, anisotropy, barrier)
        assert abs(error) < limit
        assert found.weight == "midpoint"
        assert abs(error) < 3 * found.error


@pytest.mark.slow
def test_turned_wells_of_large_anisotropy_at_512():
    for degrees, limit in ((70, 1e-5), (25, 1e-6)):
        error, _ = turned_error(512, degrees, 50, 60)
        assert abs(error) < limit


@pytest.mark.slow
def test_turned_wells_at_a_barrier_of_three_hundred():
    """Anisotropy 100. Langer's law is off by 1.5 T = 1.25e-3; the answer by ten times less."""
    barrier, temperature = 300, 0.25 / 300
    error, found = turned_error(513, 20, 100, barrier)
    assert abs(error) < 2e-4
    langer = barrier + log(2 * pi / np.sqrt(2.0))
    ratio = np.exp(found.log10_mean * log(10) - langer)
    assert ratio == pytest.approx(1 + 1.5 * temperature, abs=2.5e-4)


def test_steep_links_change_the_weight():
    """Where a cell is wider than a well, midpoint weights see nothing of it."""
    for cells, barrier, weight in ((64, 100, "midpoint"), (64, 200, "fitted")):
        found = crossing(cells, barrier)
        ratio = np.exp(found.log10_mean * log(10) - eyring_kramers_log_time(barrier))
        assert found.weight == weight
        assert 0.003 < abs(ratio - 1) < found.error


def test_deep_wells_on_a_coarse_grid_have_a_large_error():
    """Wells narrower than a cell: wrong by a fifth, and said so; or nothing is said at all."""
    error, found = turned_error(193, 20, 100, 300)
    assert abs(error) > 0.1
    assert found.weight == "fitted"
    assert found.error > abs(error) / 3
    with pytest.raises(NumericalError, match="too coarse"):
        turned_error(129, 20, 100, 300)


def test_competing_walls():
    """Along x everything is one-dimensional: probability, time and variance given the target."""
    temperature = 0.1
    process = LineProcess(temperature, loss=lambda x: (x**2 - 1) ** 2 / 4)
    exact = exit_passage(process, -0.4, (-1.4, 0.7), "right")
    loss = landscapes.from_expression("(x**2 - 1)**2/4 + y**2/2", 2)
    errors = []
    for cells in (30, 60, 120):
        grid = Grid.plane(
            (-1.4, 1.3, cells), (-1.5, 1.5, 20), (("absorbing", "reflecting"), "reflecting")
        )
        found = mean_first_passage(
            Problem(grid, loss, noise.white(temperature)), [-0.4, 0.1], HalfPlane([1.0, 0.0], 0.7)
        )
        errors.append(
            [
                found.probability / exact.probability - 1,
                found.mean / exact.mean - 1,
                found.variance / exact.variance - 1,
            ]
        )
    errors = np.abs(errors)
    assert (errors[-1] < 5e-3).all()
    assert (np.log2(errors[0] / errors[-1]) / 2 > 1.7).all()


def test_walls_as_a_target():
    """Exit from a square, D = 1: 0.0736713532814 of its area from the centre; exact to h^2."""
    times = []
    for cells in (20, 40, 80):
        grid = Grid.plane((0, 1, cells), (0, 1, cells), "absorbing")
        found = mean_first_passage(Problem(grid, FLAT, noise.white(1.0)), [0.5, 0.5], "walls")
        times.append(found.mean)
        assert abs(found.mean / 0.0736713532814 - 1) < 3 * found.error
    assert times[-1] == pytest.approx(0.0736713532814, rel=3e-4)
    assert times[2] + (times[2] - times[1]) / 3 == pytest.approx(0.0736713532814, rel=2e-5)


def test_starts_are_averaged_over_equilibrium():
    """From a strip across a flat channel: the mean over it of the times of a line."""
    grid = Grid.plane((0.0, 1.0, 60), (0.0, 0.5, 12))
    slope = landscapes.from_expression("x", 2)
    problem = Problem(grid, slope, noise.white(0.4))
    process = LineProcess(0.4, drift=lambda x: -np.ones_like(x), low=0.0, high=1.0)
    exact = line_passage(process, (0.11, 0.47), 0.83)
    found = mean_first_passage(problem, Box([(0.11, 0.47), (0.1, 0.37)]), HalfPlane([1, 0], 0.83))
    assert found.mean == pytest.approx(exact.mean, rel=5e-4)
    assert found.variance == pytest.approx(exact.variance, rel=5e-4)


@settings(deadline=None, max_examples=20)
@given(st.floats(0, 0.93), st.floats(0, 2 * pi))
def test_any_point_of_the_disc_is_a_start(r, angle):
    """T is quadratic there: interpolation between cells and next to the boundary is exact."""
    grid = Grid.plane((-1.3, 1.33, 33), (-1.31, 1.3, 30))
    problem = Problem(grid, FLAT, noise.tensor([[0.7, 0.2], [0.2, 0.3]]))
    start = r * np.array([np.cos(angle), np.sin(angle)])
    found = mean_first_passage(problem, start, Outside())
    assert found.mean == pytest.approx((1 - r * r) / 2, rel=1e-10)


@given(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0), st.sampled_from(["reflecting", "periodic"]))
def test_interpolation_is_exact_on_cubics(x, y, walls):
    grid = Grid.plane((-1, 1, 9), (-1, 1, 11), ("reflecting", walls))
    p = grid.points()
    # along a periodic axis what is interpolated closes upon itself
    c = (lambda s: np.sin(pi * s)) if walls == "periodic" else (lambda s: s**3 - s**2 + s / 2)
    values = 3 + p[..., 0] ** 3 / 5 - p[..., 0] * c(p[..., 1]) / 3
    live = np.ones(values.size, dtype=bool)
    found = np.exp(interpolate(np.log(values).ravel(), live, grid, np.array([x, y])))
    exact = 3 + x**3 / 5 - x * c(y) / 3
    assert found == pytest.approx(exact, rel=5e-3 if walls == "periodic" else 1e-12)


@given(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0))
def test_mass_around_a_point_has_its_mean_there(x, y):
    grid = Grid.plane((-1, 1, 9), (-1, 1, 11))
    mass = around(np.ones(99, dtype=bool), grid, np.array([x, y]))
    assert mass.sum() == pytest.approx(1.0)
    assert mass.min() >= 0
    reach = 1 - np.array(grid.spacing) / 2
    mean = mass @ grid.points().reshape(-1, 2)
    inner = (np.abs([x, y]) <= reach).all()
    assert mean == pytest.approx([x, y], abs=1e-12 if inner else max(grid.spacing))


def test_errors_cover_the_discretisation():
    exact = COUPLED[10]
    for cells in (48, 96):
        found = crossing(cells, 10)
        assert abs(found.mean / exact - 1) < 3 * found.error
        assert found.error < 1e-2


def test_weights_agree_in_the_limit():
    exact = COUPLED[5]
    for weight, limit in (("midpoint", 4e-5), ("fitted", 6e-4)):
        means = [
            mean_first_passage(coupled(n, 5), -RIGHT, DISC, weight=weight).mean for n in (48, 96)
        ]
        assert means[1] + (means[1] - means[0]) / 3 == pytest.approx(exact, rel=limit)


def test_more_wells_than_the_way_needs():
    """A much deeper well aside: T = sum of p h / capacity, h the chance to have seen the start."""
    grid = Grid.plane((-1.8, 1.8, 72), (-0.9, 1.9, 56))
    start, end = Ball((-1.0, 0.0), 0.2), Ball((1.0, 0.0), 0.3)

    def passage(depth):
        text = "(x**2 - 1)**2/4 + 2*y**2 - a*exp(-((x + 1)**2 + (y - 1.2)**2)/0.1)"
        loss = landscapes.from_expression(text, 2, parameters={"a": depth})
        problem = Problem(grid, loss, noise.white(0.05))
        left = np.exp(-problem.potential() / 0.05)[: grid.shape[0] // 2].sum()
        return mean_first_passage(problem, start, end), left

    (deep, much), (plain, little) = passage(3.6), passage(0.0)
    assert deep.anchors >= 2
    assert deep.mean > 1e4 * plain.mean
    assert deep.mean / plain.mean == pytest.approx(much / little, rel=0.01)


def test_non_gradient_drift_against_a_dense_solve():
    """Moderate barrier, a force that turns: solving the same matrix in full."""
    problem = Problem(
        square(1.8, 30),
        landscapes.from_expression("(x**2 - 1)**2/4 + y**2/2 + x*y/5", 2),
        noise.tensor([[0.1, 0.04], [0.04, 0.06]]),
        forces.function(lambda p: 0.3 * np.stack([-p[..., 1], p[..., 0]], axis=-1)),
    )
    target = Ball((0.9, -0.1), 0.4)
    (chain,) = killed_chains(problem, [target])
    q = chain.killed.generator.matrix.toarray()[np.ix_(chain.live, chain.live)]
    first = np.linalg.solve(q, -np.ones(len(q)))
    second = np.linalg.solve(q, -2 * first)
    found = mean_first_passage(problem, Ball((-1.0, 0.2), 0.2), target)
    assert 10 ** found.log10_times.ravel()[chain.live] == pytest.approx(first, rel=1e-9)
    p = np.linalg.svd(problem.generator("midpoint").matrix.toarray().T)[2][-1]
    share = (p * Ball((-1.0, 0.2), 0.2).shares(problem.grid).ravel())[chain.live]
    share /= share.sum()
    assert found.mean == pytest.approx(share @ first, rel=1e-9)
    assert found.variance == pytest.approx(share @ second - (share @ first) ** 2, rel=1e-8)


def test_mistakes_are_explained():
    problem = coupled(24, 5)
    with pytest.raises(CaseError, match="lies in the target"):
        mean_first_passage(problem, RIGHT, DISC)
    with pytest.raises(CaseError, match="never hits"):
        mean_first_passage(problem, -RIGHT, [1.0, 0.0])
    with pytest.raises(CaseError, match="holds no centre of a cell"):
        mean_first_passage(problem, -RIGHT, Ball((1.0, 0.0), 1e-3))
    with pytest.raises(NumericalError, match="below 1e-300"):
        mean_first_passage(coupled(24, 1500), -RIGHT, Ball(RIGHT, 0.4))
