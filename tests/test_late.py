"""Evolution long after the fast modes: any time, any barrier, mass and relaxation right."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import forces
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.evolve import evolve
from fokkerplanck.solvers.late import Late
from fokkerplanck.solvers.reduction import Reduction
from fokkerplanck.solvers.stationary import log_stationary
from tests.generators import random_lattice

QUARTIC = "(x**2 - 1)**2 / 4"


def wells(barrier, tilt=0.0, cells=(48, 20), force=None):
    landscape = fp.landscapes.from_expression(f"{QUARTIC} + y**2 + {tilt}*x", dim=2)
    grid = fp.Grid.plane((-1.7, 1.7, cells[0]), (-0.8, 0.8, cells[1]))
    return fp.Problem(grid, landscape, fp.noise.white(0.25 / barrier), force)


def start_left(problem):
    mass = np.zeros(problem.grid.shape)
    mass[problem.grid.cell_of([-1.0, 0.0])] = 1.0
    return mass.ravel()


def right(problem):
    return (problem.grid.points()[..., 0] > 0).ravel()


def exponential(generator, mass, time, digits=40):
    """``exp(t Q.T) mass`` in many digits, by squaring a Taylor sum."""
    n = generator.cells
    q = generator.matrix.toarray()
    with mp.workdps(digits):
        a = mp.matrix(n, n)
        for i in range(n):
            for j in np.flatnonzero(q[i]).tolist():
                if i != j:
                    a[j, i] = mp.mpf(float(q[i, j]))
                    a[i, i] -= a[j, i]
            a[i, i] -= mp.mpf(float(generator.absorption[i]))
        result = mp.expm(a * mp.mpf(time)) * mp.matrix([float(m) for m in mass])
        return np.array([float(v) for v in result])


@pytest.mark.parametrize("barrier", [20, 100, 200])
def test_mass_crosses_at_the_slowest_rate(barrier):
    """By symmetry ``(1 - e^(-lambda t)) / 2`` has crossed, relaxation within a well apart."""
    problem = wells(barrier)
    found = fp.spectrum(problem, 1)
    slow = 10.0 ** -found.log10_rates[0]
    late = Late(problem.generator(found.weight))
    for part in (1e-2 if barrier < 50 else 1e-9, 1.0, 5.0):
        step = late.advance(start_left(problem), part * slow, 1e-9)
        assert step.mass.sum() == pytest.approx(1, abs=1e-14)
        assert step.mass.min() >= 0
        crossed = step.mass[right(problem)].sum()
        assert crossed == pytest.approx(-np.expm1(-part) / 2, rel=1e-6)


def test_evolution_to_1e100_is_stationary():
    problem = wells(60, tilt=0.3)  # the right well holds e^-144 of the mass
    generator = problem.generator("midpoint")
    (early, *_, last) = evolve(generator, start_left(problem), [1e-2, 1e2, 1e6, 1e100])
    assert early.mass[right(problem)].sum() < 1e-30
    exact = np.exp(log_stationary(generator))
    assert last.method == "anchors"
    assert np.abs(last.mass - exact).sum() < 1e-12
    share = last.mass[right(problem)].sum()
    assert share == pytest.approx(exact[right(problem)].sum(), rel=1e-10)
    assert 0 < share < 1e-50


def test_weights_of_1e_minus_200_are_right_to_relative_accuracy():
    problem = wells(330, tilt=0.19, cells=(120, 30))
    generator = problem.generator("midpoint")
    reduced = Reduction(generator).stationary()
    tree = log_stationary(generator)  # products of rate ratios
    assert tree[right(problem)].max() < -210 * np.log(10)
    np.testing.assert_allclose(reduced[tree > -600], tree[tree > -600], atol=1e-9)
    last = Late(generator).advance(start_left(problem), 1e300, 1e-9)
    seen = tree > -600
    np.testing.assert_allclose(np.log(last.mass[seen]), tree[seen], atol=1e-8)


def test_driven_wells_relax_at_their_slowest_mode():
    swirl = forces.expressions(["0.3*y", "-0.3*x"])
    problem = wells(80, force=swirl, cells=(64, 40))
    generator = problem.generator("midpoint")
    assert fp.stationary(problem).entropy_production > 1e-4
    slow = 10.0 ** -fp.spectrum(problem, 1).log10_rates[0]
    assert slow > 1e20
    mass = start_left(problem)
    stationary = np.exp(log_stationary(generator))[right(problem)].sum()
    for step, part in zip(
        evolve(generator, mass, [1e-3 * slow, slow, 1e100]), (1e-3, 1.0, np.inf), strict=True
    ):
        crossed = step.mass[right(problem)].sum()
        assert crossed == pytest.approx(-stationary * np.expm1(-part), rel=1e-6)
        assert step.mass.sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("absorbing", [False, True])
@pytest.mark.parametrize("seed", [0, *(pytest.param(k, marks=pytest.mark.slow) for k in (1, 2))])
def test_small_chains_against_forty_digits(seed, absorbing):
    """Two lattices that hardly communicate, one-way links included."""
    rng = np.random.default_rng(seed)
    generator = random_lattice(rng, (4, 4), absorbing=absorbing, one_way=0.2)
    first = np.minimum(generator.tail, generator.head) < 8
    apart = first & (np.maximum(generator.tail, generator.head) >= 8)
    forward = np.where(apart, 1e-9 * generator.forward, generator.forward)
    backward = np.where(apart, 1e-9 * generator.backward, generator.backward)
    generator = type(generator)(
        generator.shape, generator.spacing, generator.tail, generator.head, generator.offset,
        forward, backward, 1e-7 * generator.absorption, generator.weight,
    )  # fmt: skip
    mass = rng.random(generator.cells)
    mass /= mass.sum()
    late = Late(generator)
    for time in (2 * late.earliest(1e-10), 1e9):
        exact = exponential(generator, mass, time)
        found = late.advance(mass, time, 1e-10).mass
        assert np.abs(found - exact).sum() < 1e-10 * max(exact.sum(), 1e-3)


def test_before_the_fast_modes_have_gone_it_refuses():
    problem = wells(20)
    late = Late(problem.generator("midpoint"))
    earliest = late.earliest(1e-9)
    assert 1 < earliest < 1e4
    with pytest.raises(NumericalError, match="too early"):
        late.advance(start_left(problem), 0.5 * earliest, 1e-9)
    early = late.advance(start_left(problem), earliest, 1e-9)
    step = next(evolve(late.generator, start_left(problem), [earliest], method="rational"))
    assert np.abs(early.mass - step.mass).sum() < 1e-8
