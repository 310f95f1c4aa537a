"""Annealing: slow cooling finds the deep well, and leaves a power of the duration behind."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.annealing import SHAPES, anneal
from fokkerplanck.errors import CaseError
from fokkerplanck.scaled_noise import ScaledNoise
from fokkerplanck.schedule import Schedule

GRID = fp.Grid.line(-2.4, 2.4, 256)
TILTED = fp.landscapes.tilted()
#: loss above the saddle of the shallow well, and above the deep well's minimum (theory.md B8)
BARRIER = 0.00502551557382098 + 0.152639441773785
DEPTH = 0.352386073800036 - 0.152639441773785
SHARP_AND_FLAT = fp.landscapes.from_expression("(x**2 - 1)**2 * exp(-x) / 4", 1)


def tilted(temperature=0.05):
    return fp.Problem(GRID, TILTED, fp.noise.white(temperature))


def right(problem):
    return fp.initial.gaussian(problem.grid, [1.0], [0.1])


def test_slow_annealing_leaves_a_power_of_its_duration():
    problem = tilted()
    found = anneal(problem, right(problem), np.geomspace(1e3, 1e9, 7), cold=0.05)
    assert found.exponent == pytest.approx(DEPTH / BARRIER, rel=2e-3)
    # logarithms of the duration correct the exponent, less and less
    gaps = found.exponent - found.exponents[2:]
    assert (np.diff(np.abs(gaps)) < 0).all()
    assert abs(gaps[-1]) < 0.1
    assert found.occupation.sum(axis=1) == pytest.approx(1.0, abs=1e-8)
    # the chain of wells says the same without solving any density
    left = found.occupation[3:, 1], found.chain[3:, 1]
    np.testing.assert_allclose(*left, rtol=5e-3)


def test_fast_annealing_keeps_the_well_of_the_start():
    problem = tilted()
    found = anneal(problem, right(problem), [0.01, 0.1], stairs=8)
    assert found.occupation[:, 1] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.slow
def test_stairs_are_extrapolated_to_the_smooth_schedule():
    problem = tilted(0.2)
    tau, cold = 20.0, 0.2
    smooth = Schedule.expression("exp(-t * c)", {"c": -log(cold) / tau})
    changed = replace(problem, noise=replace(problem.noise, schedule=smooth))
    density = fp.evolve(changed, right(problem), [tau], tolerance=1e-6).density[-1]
    found = anneal(problem, right(problem), [tau], cold=cold, stairs=32)
    left = density[GRID.axes[0].centres < 0.101031257881011].sum() * GRID.volume
    assert found.occupation[0, 0] == pytest.approx(left, abs=max(3e-5, 2 * found.error.max()))
    finer = anneal(problem, right(problem), [tau], cold=cold, stairs=64)
    assert found.error.max() / finer.error.max() == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_go_from_one_to_cold(shape):
    values = SHAPES[shape](np.array([0.0, 0.5, 1.0]), 0.1)
    assert values[[0, 2]] == pytest.approx([1.0, 0.1])
    assert 0.1 < values[1] < 1.0


@pytest.mark.slow
def test_hessian_noise_anneals_into_the_flat_minimum_of_equal_depth():
    problem = fp.Problem(fp.Grid.line(-2.0, 3.2, 256), SHARP_AND_FLAT, fp.noise.hessian(0.1, 1))
    start = fp.initial.gaussian(problem.grid, [-1.0], [0.1])
    found = anneal(problem, start, [1e3, 1e6], cold=0.2, stairs=16)
    # what stays in the sharp well falls with the duration, though its loss is as low
    assert found.occupation[0, 0] < 1e-2
    assert found.occupation[1, 0] < 1e-2 * found.occupation[0, 0]
    white = replace(problem, noise=fp.noise.white(0.05))
    indifferent = anneal(white, start, [1e3, 1e6], cold=0.2, stairs=16)
    assert indifferent.occupation[1, 0] > 0.1
    assert indifferent.exponent == pytest.approx(0.0, abs=0.02)


def test_noise_is_scaled_in_every_way():
    for base in (fp.noise.hessian(0.1, 1), fp.noise.tensor("0.1 + 0.05*sin(x)")):
        scaled = ScaledNoise.of(base, 0.25)
        points = GRID.points()
        np.testing.assert_allclose(
            scaled.at(TILTED, GRID, points), 0.25 * base.at(TILTED, GRID, points)
        )
        np.testing.assert_allclose(
            scaled.diffusion(TILTED, GRID), 0.25 * base.diffusion(TILTED, GRID)
        )
        np.testing.assert_array_equal(scaled.breaks(TILTED, GRID), base.breaks(TILTED, GRID))
    half = fp.noise.hessian(0.05, 1)  # the same as half of eta
    np.testing.assert_allclose(
        ScaledNoise.of(fp.noise.hessian(0.1, 1), 0.5).diffusion(TILTED, GRID),
        half.diffusion(TILTED, GRID),
        rtol=1e-14,
    )


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"durations": []}, "positive numbers"),
        ({"durations": [2.0, 1.0]}, "increase"),
        ({"cold": 1.5}, "between 0 and 1"),
        ({"shape": "cubic"}, "exponential, linear, inverse"),
        ({"stairs": 1}, "at least 4 stairs"),
    ],
)
def test_refuses(options, match):
    problem = tilted()
    with pytest.raises(CaseError, match=match):
        anneal(problem, right(problem), **{"durations": [1.0], **options})


def test_refuses_a_single_well_and_a_schedule():
    bowl = fp.Problem(GRID, fp.landscapes.from_expression("x**2", 1), fp.noise.white(0.1))
    with pytest.raises(CaseError, match="two wells"):
        anneal(bowl, right(bowl), [1.0])
    changing = fp.noise.white(0.1, schedule=Schedule.expression("exp(-t)"))
    with pytest.raises(CaseError, match="without one"):
        anneal(replace(bowl, noise=changing), right(bowl), [1.0])
