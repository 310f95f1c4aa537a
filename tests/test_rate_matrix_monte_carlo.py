"""Passage times and rates between three wells against paths: only the equation is shared.

The surface of Müller and Brown at T = 25 has barriers of 4.2 and 1.4 T, low enough to sample. The
wells and discs are those of the published minima.
"""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import landscapes
from fokkerplanck.sets import Ball
from tests.ensembles import Ensemble

WELLS = np.array([[-0.55822363, 1.44172584], [-0.05001082, 0.46669410], [0.62349940, 0.02803776]])
RADIUS = 0.1
EQUAL = np.diag([25.0, 25.0])
#: a noise that does not fit the landscape: a current flows, and detailed balance is gone
TURNED = np.array([[20.0, -8.0], [-8.0, 30.0]])


def problem(diffusion, cells=192, left=-3.0):
    # the left wall far away: the loss rises slowly there, and paths know of no wall
    grid = fp.Grid.plane((left, 1.3, cells), (-0.7, 2.4, cells))
    return fp.Problem(grid, landscapes.mueller_brown(), fp.noise.tensor(diffusion))


def discs():
    return np.column_stack([WELLS, np.full(3, RADIUS)])


def assert_within(found, error, wanted, sigmas=3.0, bias=0.0):
    """Agreement within some standard errors, and a part that the step of the paths adds."""
    assert np.abs(found - wanted) == pytest.approx(0.0, abs=sigmas * error + bias * abs(wanted))


def sampled_rates(diffusion, dt, total, seed):
    """Rates between the discs, and their standard errors from independent paths."""
    count = 128
    steps = int(total / dt / count)
    moves, times = Ensemble(diffusion, dt, seed).transitions(discs(), steps, count)
    rates = moves.sum(axis=0) / times.sum(axis=0)[:, None]
    residual = moves - rates * times[:, :, None]
    return rates, residual.std(axis=0, ddof=1) * np.sqrt(count) / times.sum(axis=0)[:, None]


@pytest.mark.slow
def test_the_mean_time_between_two_wells():
    times = Ensemble(EQUAL, 4e-5, seed=1).passages(WELLS[0], WELLS[2], RADIUS, 2000)
    passage = fp.mean_first_passage(problem(EQUAL), WELLS[0], Ball(WELLS[2], RADIUS))
    assert_within(times.mean(), times.std() / np.sqrt(times.size), passage.mean, bias=0.005)
    squares = (times - times.mean()) ** 2
    error = squares.std() / np.sqrt(times.size)
    assert_within(squares.mean(), error, passage.variance, bias=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("diffusion", [EQUAL, TURNED], ids=["equal", "turned"])
def test_the_distribution_of_passage_times(diffusion):
    target = Ball(WELLS[2], RADIUS)
    times = Ensemble(diffusion, 4e-5, seed=2).passages(WELLS[0], WELLS[2], RADIUS, 12000)
    passage = fp.mean_first_passage(problem(diffusion), WELLS[0], target)
    assert_within(times.mean(), times.std() / np.sqrt(times.size), passage.mean, bias=0.005)
    at = passage.mean * np.array([0.02, 0.1, 0.3, 1.0, 2.0, 4.0])
    # fitted: rates up the steep walls do not grow beyond all bounds, as times are stepped through
    coarse = problem(diffusion, 72)
    curve = fp.first_passage_distribution(coarse, WELLS[0], target, at, weight="fitted")
    alive = (times[:, None] > at).mean(axis=0)
    error = np.sqrt(curve.survival * (1 - curve.survival) / times.size)
    for k in range(at.size):
        assert_within(alive[k], error[k], curve.survival[k], bias=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("diffusion", [EQUAL, TURNED], ids=["equal", "turned"])
def test_which_well_is_met_first(diffusion):
    committor = fp.committor(
        problem(diffusion, 256), Ball(WELLS[0], RADIUS), Ball(WELLS[2], RADIUS)
    )
    grid = problem(diffusion, 256).grid
    for place in ((-0.822, 0.624), (-0.5, 0.5), (0.212, 0.293), (-1.0, 0.3)):
        cell = grid.cell_of(place)
        start = grid.points()[cell]
        ends = Ensemble(diffusion, 2e-5, seed=3).splits(start, discs()[[0, 2]], 8000)
        q = committor.forward[cell]
        assert_within(ends[1] / ends.sum(), np.sqrt(q * (1 - q) / ends.sum()), q, bias=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("diffusion", [EQUAL, TURNED], ids=["equal", "turned"])
def test_the_rates_between_three_wells(diffusion):
    rates, error = sampled_rates(diffusion, 4e-5, total=4000.0, seed=4)
    matrix = fp.rate_matrix(problem(diffusion), radius=RADIUS)
    assert np.array([w.position for w in matrix.wells]) == pytest.approx(WELLS, abs=1e-6)
    for i, j in zip(*np.nonzero(1 - np.eye(3)), strict=True):
        assert_within(rates[i, j], error[i, j], matrix.rates[i, j], bias=0.01)
    # the sampled rates are sharp enough to mean something
    assert error[0, 1] < 0.03 * rates[0, 1]
    assert error[2, 1] < 0.01 * rates[2, 1]


@pytest.mark.slow
@pytest.mark.parametrize("left", [-1.7, -3.0], ids=["tight", "steep corners"])
def test_the_rates_give_back_the_passage_times_of_pairs(left):
    # barriers of 20 to 59 T, the shallow one 4.7 T; in the corners of the wide box rates underflow
    low = problem(np.diag([1.8, 1.8]), 160, left)
    matrix = fp.rate_matrix(low, radius=RADIUS)
    times = matrix.passage_times()
    for i, j in zip(*np.nonzero(1 - np.eye(3)), strict=True):
        pair = fp.mean_first_passage(low, Ball(WELLS[i], RADIUS), Ball(WELLS[j], RADIUS))
        # between the two upper wells the mean is that of rare excursions to the lowest one, and
        # their share depends on where in the shallow core they begin, and on its cells
        rare = 0 not in (i, j)
        assert times[i, j] == pytest.approx(pair.mean, rel=0.05 if rare else 1e-8)
