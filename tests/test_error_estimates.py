"""Errors that escape reports are those that are made: never much smaller."""

from __future__ import annotations

from math import expm1, log

import numpy as np
import pytest

from fokkerplanck import landscapes, noise
from fokkerplanck.errors import NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Landscape
from fokkerplanck.noise import Noise
from fokkerplanck.passage import Passage, coarse_differences, mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.relaxation import spectrum
from fokkerplanck.sets import Ball, Box, PointSet
from fokkerplanck.theory import LineProcess, line_passage

LEFT, RIGHT = [-1.06066, 0.265165], [1.06066, -0.265165]
HEIGHT = 0.31640625


def coupled() -> Landscape:
    """Wells at LEFT and RIGHT, a barrier of HEIGHT between them."""
    return landscapes.from_expression("(x**2 - 1)**2 / 4 + y**2 + x*y / 2", dim=2)


def plane(cells: int, noises: Noise) -> Problem:
    return Problem(Grid.plane((-2, 2, cells), (-2, 2, cells)), coupled(), noises)


def away(found: Passage, log10_mean: float) -> float:
    return abs(expm1((found.log10_mean - log10_mean) * log(10.0)))


def sgd(barrier: float, model: str) -> Noise:
    floor = 0.5 if model == "absolute" else None
    return noise.hessian(2 * HEIGHT / barrier, 1, model=model, floor=floor)


@pytest.mark.parametrize(
    ("cells", "noises", "target"),
    [
        (24, noise.white(HEIGHT / 2), Ball(RIGHT, 0.25)),
        (24, noise.white(HEIGHT / 50), Ball(RIGHT, 0.25)),
        (48, noise.white(HEIGHT / 2), Box([(0.7, 1.3), (-0.6, 0.1)])),
        (32, sgd(10, "absolute"), Ball(RIGHT, 0.25)),
        (32, sgd(2, "frozen"), Ball(RIGHT, 0.25)),
        (24, sgd(10, "frozen"), Ball(RIGHT, 0.25)),
    ],
)
def test_errors_in_the_plane_are_not_small_by_chance(
    cells: int, noises: Noise, target: PointSet
) -> None:
    found = mean_first_passage(plane(cells, noises), LEFT, target)
    fine = mean_first_passage(plane(6 * cells, noises), LEFT, target)
    assert away(found, fine.log10_mean) < 3 * found.error


def test_grids_too_small_to_be_coarsened_leave_the_error_open() -> None:
    small = plane(3, noise.white(0.5))
    found = mean_first_passage(small, [-1.0, 0.3], Ball([1.0, 0.0], 0.7))
    assert np.isfinite(found.mean)
    assert np.isnan([found.error, found.variance_error]).all()
    assert np.isnan(spectrum(small, 1).errors).all()


def test_coarse_grids_count_whichever_way_they_are_off() -> None:
    problem = plane(24, noise.white(0.1))
    low, high = coarse_differences(problem, lambda _: [-4.0, 4.0], [0.0, 0.0])
    assert low == high > 10


def test_a_time_on_a_line_is_as_good_as_its_logarithm() -> None:
    temperature = 0.25 / 5000
    problem = Problem(Grid.line(-2.4, 2.4, 5), landscapes.quartic(), noise.white(temperature))
    process = LineProcess(temperature, drift=lambda x: x - x**3, low=-2.4, high=2.4)
    found = mean_first_passage(problem, -1.0, Ball([1.0], 0.25))
    exact = line_passage(process, -1.0, 0.75)
    assert away(found, exact.log10_mean) < 3 * found.error < 1e-11


def test_a_time_of_which_nothing_is_known_is_not_given():
    """Wells far narrower than a cell: coarser grids differ by powers of ten."""
    landscape = landscapes.from_expression("(x**2 - 1)**2 / 4 + y**2 + x*y / 2", dim=2)
    problem = Problem(Grid.plane((-2, 2, 12), (-2, 2, 12)), landscape, noise.white(0.002))
    with pytest.raises(NumericalError, match="too coarse for a mean passage time"):
        mean_first_passage(problem, [-1.06, 0.265], Ball([1.06, -0.265], 0.25))
