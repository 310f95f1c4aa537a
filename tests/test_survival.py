"""The law of first-passage times: survival curves, and what stays in a well before it is left."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck import forces
from fokkerplanck.errors import CaseError
from fokkerplanck.killed_chain import killed_chains
from fokkerplanck.sets import Ball, Box

QUARTIC = "(x**2 - 1)**2 / 4"


def line(barrier=3.0, cells=120, walls="reflecting"):
    landscape = fp.landscapes.from_expression(QUARTIC)
    return fp.Problem(
        fp.Grid.line(-2.4, 2.4, cells, walls), landscape, fp.noise.white(0.25 / barrier)
    )


def plane(barrier=3.0, cells=20, force=None):
    landscape = fp.landscapes.from_expression(f"{QUARTIC} + y**2 + x*y/2", dim=2)
    grid = fp.Grid.plane((-1.8, 1.8, cells), (-1.4, 1.4, cells))
    return fp.Problem(grid, landscape, fp.noise.white(0.31640625 / barrier), force)


TARGET = Ball([1.06, -0.265], 0.3)


def free(walls):
    return fp.Problem(
        fp.Grid.line(0, 1, 100, walls), fp.landscapes.from_expression("0*x"), fp.noise.white(0.5)
    )


def test_free_diffusion_between_absorbing_walls():
    """``S(t) = sum_k 4 / ((2 k + 1) pi) sin((2 k + 1) pi x) e^{-D (2 k + 1)^2 pi^2 t}``."""
    times = np.array([0.05, 0.1, 0.3, 1.0, 3.0])
    found = fp.first_passage_distribution(free("absorbing"), 0.3, "walls", times)
    k = 2 * np.arange(200) + 1
    decay = np.exp(-0.5 * np.pi**2 * np.outer(times, k**2))
    exact = decay @ (4 / (k * np.pi) * np.sin(0.3 * k * np.pi))
    np.testing.assert_allclose(found.survival, exact, rtol=2e-4, atol=1e-9)
    flux = decay @ (4 / (k * np.pi) * np.sin(0.3 * k * np.pi) * 0.5 * (np.pi * k) ** 2)
    np.testing.assert_allclose(found.density, flux, rtol=3e-4, atol=1e-8)


@pytest.mark.parametrize("barrier", [1.0, 6.0, 60.0])
@pytest.mark.parametrize("make", [line, plane])
def test_survival_integrates_to_the_mean(make, barrier):
    problem = make(barrier, cells=200 if make is line else 24)
    start, target = (-1.0, 0.0) if make is line else ([-1.06, 0.265], TARGET)
    found = fp.first_passage_distribution(problem, start, target, count=300)
    curve = np.r_[1.0, found.survival]
    times = np.r_[0.0, found.times]
    log_tail = found.survival[-1] * found.mean
    mean = np.trapezoid(curve, times) + log_tail
    assert mean == pytest.approx(found.mean, rel=2e-3)
    assert (np.diff(found.survival) <= 1e-12).all()
    assert found.density.min() >= 0
    seen = found.survival > 0
    np.testing.assert_allclose(np.log10(found.survival[seen]), found.log10_survival[seen])


@pytest.mark.parametrize("force", [None, forces.expressions(["0.4*y", "-0.4*x"])])
def test_survival_against_the_matrix_exponential(force):
    problem = plane(force=force, cells=14)
    (chain,) = killed_chains(problem, [TARGET])
    start = Box([[-1.3, -0.8], [0.0, 0.5]])
    found = fp.first_passage_distribution(problem, start, TARGET, [0.3, 3.0, 30.0, 300.0])
    live = chain.live
    q = chain.generator.matrix.toarray()[np.ix_(live, live)]
    mass = chain.start_mass(start)[live]
    for time, survival in zip(found.times, found.survival, strict=True):
        exact = (mass @ expm(q * time)).sum() / mass.sum()
        assert survival == pytest.approx(exact, rel=1e-6)


def test_deep_wells_are_left_at_random():
    """Exponential from relaxation within the well on, at any barrier."""
    found = fp.first_passage_distribution(line(200), -1.0, 1.0)
    np.testing.assert_allclose(found.survival, np.exp(-found.times / found.mean), rtol=1e-6)
    found = fp.first_passage_distribution(plane(100, 64), [-1.06, 0.265], TARGET)
    np.testing.assert_allclose(found.survival, np.exp(-found.times / found.mean), rtol=1e-5)


def test_survival_of_those_that_will_arrive():
    """With a competing wall: given arrival, the curve starts at 1 and integrates to the mean."""
    landscape = fp.landscapes.from_expression(QUARTIC)
    grid = fp.Grid.line(-1.4, 2.4, 120, ("absorbing", "reflecting"))
    problem = fp.Problem(grid, landscape, fp.noise.white(0.125))
    found = fp.first_passage_distribution(problem, -1.2, 1.0, count=400)
    passage = fp.mean_first_passage(problem, -1.2, 1.0)
    assert passage.probability < 0.999
    mean = np.trapezoid(np.r_[1.0, found.survival], np.r_[0.0, found.times])
    assert mean == pytest.approx(passage.mean, rel=2e-3)


def test_times_are_checked():
    with pytest.raises(CaseError, match="positive"):
        fp.first_passage_distribution(line(), -1.0, 1.0, [0.0, 1.0])
    with pytest.raises(CaseError, match="1e308"):
        fp.first_passage_distribution(line(2000), -1.0, 1.0)


@pytest.mark.parametrize("barrier", [3, 20, 100])
def test_quasi_stationary_exit_is_the_gap_of_the_half_line(barrier):
    """theory.md B4: by symmetry the exit rate of one well is lambda_1 of the whole line."""
    problem = line(barrier, 400)
    found = fp.quasi_stationary(problem, -1.0)
    gap = fp.spectrum(problem, 1)
    assert found.rate == pytest.approx(gap.rates[0], rel=1e-7)
    assert found.density.min() >= 0
    assert problem.grid.integrate(found.density) == pytest.approx(1, abs=1e-12)
    assert found.density[problem.grid.axes[0].centres > 0].max() == 0


@pytest.mark.slow
def test_quasi_stationary_density_of_the_plane_keeps_its_shape():
    """From it the survival in the basin is exponential from the start."""
    problem = plane(4.0, 24)
    found = fp.quasi_stationary(problem, [-1.06, 0.265])
    target = fp.sets.Basin([1.06, -0.265], problem.landscape)
    (chain,) = killed_chains(problem, [target])
    mass = (found.density * problem.grid.volume).ravel()
    left = chain.generator.matrix.T @ mass
    inside = mass > 1e-6 * mass.max()
    np.testing.assert_allclose(left[inside], -found.rate * mass[inside], rtol=1e-6)
