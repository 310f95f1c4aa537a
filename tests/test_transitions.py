"""Committors, reactive currents and their rates, against quadrature and full matrices."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import forces
from fokkerplanck.errors import CaseError
from fokkerplanck.sets import Ball
from fokkerplanck.theory import LineProcess, line_committor

QUARTIC = "(x**2 - 1)**2 / 4"
TILTED = "x**4/4 - x**2/2 + x/10"
MINIMA = (-1.0466805318046, 0.945649273923591)


def tilted(temperature=0.05, cells=300, noise=None, walls="reflecting"):
    landscape = fp.landscapes.from_expression(TILTED)
    noise = noise or fp.noise.white(temperature)
    return fp.Problem(fp.Grid.line(-2.2, 2.2, cells, walls), landscape, noise)


def plane(barrier=5, cells=64, force=None):
    landscape = fp.landscapes.from_expression(f"{QUARTIC} + y**2 + x*y/2", dim=2)
    grid = fp.Grid.plane((-2, 2, cells), (-1.6, 1.6, cells))
    return fp.Problem(grid, landscape, fp.noise.white(0.31640625 / barrier), force)


LEFT, RIGHT = Ball([-1.06, 0.265], 0.3), Ball([1.06, -0.265], 0.3)
SWIRL = forces.expressions(["0.4*y", "-0.4*x"])


def full(problem):
    """Forward and backward committor by full matrices, cells in a set standing for the set."""
    q = problem.generator("midpoint").matrix.toarray()
    points = problem.grid.points()
    a = LEFT.contains(points, problem.grid).ravel()
    b = RIGHT.contains(points, problem.grid).ravel()
    p = fp.stationary(problem).density.ravel()
    back = q.T * p / p[:, None]  # rates of the reversed chain
    out = ~(a | b)
    found = []
    for rates, inside in ((q, b), (back, a)):
        u = inside.astype(float)
        source = rates[np.ix_(out, inside)].sum(axis=1)
        u[out] = np.linalg.solve(-rates[np.ix_(out, out)], source)
        found.append(u.reshape(problem.grid.shape))
    return found


@pytest.mark.parametrize("temperature", [0.05, 0.01, 0.0005])
def test_committor_of_the_tilted_well_is_that_of_quadrature(temperature):
    problem = tilted(temperature)
    found = fp.committor(problem, *MINIMA)
    x = problem.grid.axes[0].centres
    between = (x > MINIMA[0]) & (x < MINIMA[1])
    process = LineProcess(temperature, loss=lambda z: z**4 / 4 - z**2 / 2 + z / 10)
    exact = np.exp(line_committor(process, *MINIMA, x[between])[0])
    np.testing.assert_allclose(found.forward[between], exact, rtol=1e-9)
    assert (found.forward[x < MINIMA[0]] == 0).all()
    np.testing.assert_allclose(found.forward[x > MINIMA[1]], 1, rtol=1e-12)


def test_pinned_committor_at_the_middle():
    """theory.md B8: 0.311353805414418 at x = 0."""
    landscape = fp.landscapes.from_expression(TILTED)
    grid = fp.Grid.line(-2.2, 2.2, 301)  # an odd number: a cell has its centre at 0
    found = fp.committor(fp.Problem(grid, landscape, fp.noise.white(0.05)), *MINIMA)
    assert found.forward[150] == pytest.approx(0.311353805414418, rel=1e-10)


@pytest.mark.parametrize("problem", [tilted(), plane()], ids=["line", "plane"])
def test_forward_and_backward_add_up_in_detailed_balance(problem):
    ends = MINIMA if problem.grid.dim == 1 else (LEFT, RIGHT)
    found = fp.committor(problem, *ends)
    assert np.abs(found.forward + found.backward - 1).max() < 1e-12


def test_driven_committors_against_full_matrices():
    problem = plane(barrier=3, cells=24, force=SWIRL)
    found, (forward, backward) = fp.committor(problem, LEFT, RIGHT), full(problem)
    # the sets' borders are where they are, not where cells end: a difference of the order h
    assert np.abs(found.forward - forward).max() < 0.08
    assert np.abs(found.backward - backward).max() < 0.08
    assert np.abs(forward + backward - 1).max() > 0.05  # no detailed balance


@pytest.mark.parametrize("force", [None, SWIRL], ids=["balance", "driven"])
def test_unit_flux_through_any_line(force):
    """Lines between both sets carry a net reactive current of 1, whichever they are."""
    problem = plane(barrier=4, cells=80, force=force)
    found = fp.reactive_current(problem, LEFT, RIGHT)
    x, dy = problem.grid.axes[0].centres, problem.grid.spacing[1]
    through = found.current[..., 0].sum(axis=1) * dy
    between = np.abs(x) < 0.6
    np.testing.assert_allclose(through[between], 1.0, rtol=2e-3)
    assert abs(through[x < -1.5]).max() < 2e-3


def test_reverse_transitions_are_as_many():
    """Transitions alternate: as many lead back as forth, also without detailed balance."""
    problem = plane(barrier=4, cells=64, force=SWIRL)
    forth = fp.reactive_current(problem, LEFT, RIGHT)
    back = fp.reactive_current(problem, RIGHT, LEFT)
    assert forth.flux == pytest.approx(back.flux, rel=1e-9)
    assert forth.population + back.population == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("barrier", [10, 40, 200])
def test_rates_of_all_routes_agree_behind_a_high_barrier(barrier):
    """Flux over population, transition paths and passage times, up to relaxation within wells."""
    problem = plane(barrier, cells=96)
    reactive = fp.reactive_current(problem, LEFT, RIGHT)
    passage = fp.mean_first_passage(problem, LEFT, RIGHT)
    apart = np.expm1(np.log(10) * (reactive.log10_rate + passage.log10_mean))
    assert abs(apart) < 30 * np.exp(-barrier) + 1e-9


def test_flux_of_the_line_is_the_inverse_of_two_times():
    """On a line 1 / flux is the time of a round trip, exactly (renewal)."""
    for noise in (
        fp.noise.white(0.05),
        fp.noise.tensor("0.05*(1 + x**2)", reading="stratonovich"),
    ):
        problem = tilted(noise=noise)
        flux = fp.reactive_current(problem, *MINIMA).flux
        there = fp.mean_first_passage(problem, *MINIMA).mean
        back = fp.mean_first_passage(problem, *MINIMA[::-1]).mean
        assert flux * (there + back) == pytest.approx(1, rel=1e-10)


def test_a_driven_ring_prefers_one_way_round():
    """Both ways round carry flux; the sum of both is the transition flux."""
    landscape = fp.landscapes.from_expression("cos(2*x)")
    grid = fp.Grid.line(0, 2 * np.pi, 240, "periodic")
    problem = fp.Problem(grid, landscape, fp.noise.white(0.3), forces.expressions(0.3))
    found = fp.reactive_current(problem, np.pi / 2, 3 * np.pi / 2)
    x = grid.axes[0].centres
    ahead = found.current[(x > 2) & (x < 4), 0]
    behind = found.current[(x < 1) | (x > 5.3), 0]
    assert np.ptp(ahead) < 1e-9
    assert np.ptp(behind) < 1e-9
    assert ahead[0] - behind[0] == pytest.approx(1, rel=1e-9)
    assert ahead[0] > -2 * behind[0] > 0
    there = fp.mean_first_passage(problem, np.pi / 2, 3 * np.pi / 2).mean
    back = fp.mean_first_passage(problem, 3 * np.pi / 2, np.pi / 2).mean
    assert found.flux * (there + back) == pytest.approx(1, rel=1e-7)


def test_sets_that_overlap_are_refused():
    with pytest.raises(CaseError, match="overlap"):
        fp.committor(plane(), LEFT, Ball([-0.6, 0.265], 0.3))


def test_no_reactive_current_beside_absorbing_walls():
    with pytest.raises(CaseError, match="stationary state"):
        fp.reactive_current(tilted(walls=("absorbing", "reflecting")), *MINIMA)
    found = fp.committor(tilted(walls=("absorbing", "reflecting")), *MINIMA)
    assert np.isnan(found.backward).any()
