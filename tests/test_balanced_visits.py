"""What anchors collect in detailed balance, against solves of the whole rest."""

from __future__ import annotations

import numpy as np
import pytest

from fokkerplanck.forces import expressions
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes import from_expression
from fokkerplanck.noise import white
from fokkerplanck.plane_chain import PlaneChain
from fokkerplanck.problem import Problem
from fokkerplanck.sets import Ball
from fokkerplanck.solvers.balanced_visits import BalancedVisits
from fokkerplanck.solvers.reduction import Reduction

LOSS = "(x**2 - 1)**2 / 4 + y**2 + x*y / 2 + x / 20"
DISC = Ball((1.0606601717798212, -0.2651650429449553), 0.25)


def chain(barrier, cells=40, **more):
    grid = Grid.plane((-2, 2, cells), (-2, 2, cells))
    noise = white(0.31640625 / barrier)
    return PlaneChain(
        Problem(grid, from_expression(LOSS, dim=2), noise, **more), [DISC], "midpoint"
    )


def visits(made, r):
    return BalancedVisits(made.generator, made.log_mass, r.anchors, r.rest, r.hits)


def logarithm(values):
    with np.errstate(divide="ignore"):
        return np.log(values)


@pytest.mark.parametrize("barrier", [1, 5, 20, 100])
def test_rates_to_end_need_no_solve(barrier):
    made = chain(barrier)
    r = Reduction(made.generator, made.live)
    found = visits(made, r).ends(logarithm(made.generator.absorption[r.rest]))
    chance = r.forward(made.generator.absorption[r.rest])
    np.testing.assert_allclose(found, np.log(r.leaving @ chance), atol=1e-11)
    # what cells beside the disc, which are out of balance, change
    alone = visits(made, r)._collected(logarithm(made.generator.absorption[r.rest]))
    assert np.abs(alone - found).max() > 0.01


@pytest.mark.parametrize("barrier", [20, 100])
def test_what_is_collected_of_any_source(barrier):
    made = chain(barrier)
    r = Reduction(made.generator, made.live)
    b = np.random.default_rng(3).uniform(0.5, 2.0, r.rest.size)
    true = np.log(r.leaving @ r.forward(b))
    found = visits(made, r).collected(np.log(b), np.log(r.forward(b).max()))
    if barrier == 20:  # e^-20 may still be seen
        assert found is None
    else:
        np.testing.assert_allclose(found, true, atol=1e-11)


def test_answers_without_a_solve_are_right_or_not_given():
    made = chain(60)
    r = Reduction(made.generator, made.live, exact=0, method="multigrid", log_mass=made.log_mass)
    plain = Reduction(made.generator, made.live)
    zero = np.where(made.live, 0.0, -np.inf)
    first = plain.solve(zero)
    np.testing.assert_allclose(r.solve(zero)[made.live], first[made.live], atol=1e-7)
    true, found = plain.solve(first), r.solve_far(first)
    given = made.live & ~np.isnan(found)
    np.testing.assert_allclose(found[given], true[given], atol=1e-7)
    assert 0.3 < given.sum() / made.live.sum() < 1.0  # beyond the saddle direct ways matter
    assert plain.solve_far(first) is None


def test_driven_chains_are_refused():
    driven = chain(5, force=expressions(["-y", "x"]))
    r = Reduction(driven.generator, driven.live)
    with pytest.raises(ValueError, match="not in detailed balance"):
        visits(driven, r)
