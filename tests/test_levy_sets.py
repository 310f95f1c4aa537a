"""Passages to sets under long jumps: committors, landing, laws of the time, lattice edges."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betainc

import fokkerplanck as fp
from fokkerplanck import theory
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.levy_line import killed_line
from fokkerplanck.sets import Ball, Basin, Box, HalfPlane, as_set
from fokkerplanck.solvers.levy_edges import edge_layer
from fokkerplanck.solvers.levy_killed import kill
from fokkerplanck.solvers.levy_solve import LevySystem
from fokkerplanck.theory.levy import jump_constant

FLAT = fp.landscapes.from_expression("0 * x", dim=1)
PARABOLA = fp.landscapes.from_expression("x**2 / 2", dim=1)
QUARTIC = fp.landscapes.from_expression("(x**2 - 1)**2 / 4", dim=1)
BEYOND = [(-np.inf, -1.0), (1.0, np.inf)]


def line(low, high, cells, loss, alpha, scale, temperature=0.0, walls="reflecting", **more):
    grid = fp.Grid.line(low, high, cells, walls=walls)
    return fp.Levy(grid, loss, alpha, scale, temperature, **more)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 1.7, 2.0])
def test_edges_of_half_a_lattice(alpha):
    """Jumps alone: from Gamma functions; Gaussian noise and drift alone: 1 and 1/2."""
    assert edge_layer(alpha, 3.0, 0.0, 0.0, 0.0) == pytest.approx(((2 + alpha) / 4, 3), abs=1e-6)
    assert edge_layer(alpha, 1e-9, 5.0, 0.0, 0.0) == pytest.approx((1, 5), abs=1e-4)
    assert edge_layer(alpha, 1e-9, 0.0, 5.0, 1.0) == pytest.approx((0.5, 7.5), abs=1e-4)


@pytest.mark.parametrize("alpha", [0.5, 1.3, 1.9])
def test_getoor_with_edges_anywhere_between_nodes(alpha):
    """Exact exit times from (-1, 1) on lattices that do not know of it, to second order."""
    for cells in (200, 331, 450):
        problem = line(-2.3, 3.1, cells, FLAT, alpha, 1.0, walls="absorbing")
        found = killed_line(problem, cells, BEYOND)
        u, _ = found.solve(np.ones(cells))
        exact = theory.getoor_time(found.x, alpha)
        near = np.abs(found.x) < 0.8
        off = np.abs(found.smooth(u)[near] / exact[near] - 1).max()
        assert off < 2.5 * (5.4 / cells) ** 2


@pytest.mark.parametrize(("loss", "alpha", "temperature"), [
    (PARABOLA, 0.6, 0.0), (PARABOLA, 1.2, 0.0), (PARABOLA, 1.8, 0.1), ("-x**2 / 2", 0.6, 0.0),
])  # fmt: skip
def test_exits_are_of_second_order_under_drift_and_both_noises(loss, alpha, temperature):
    """At walls and at edges of sets between nodes, to the same limit."""
    loss = fp.landscapes.from_expression(loss, dim=1) if isinstance(loss, str) else loss
    times = []
    for cells in (128, 256, 512):
        problem = line(-1, 1, cells, loss, alpha, 0.5, temperature, walls="absorbing")
        found = killed_line(problem, cells, [])
        times.append(found.at(found.solve(np.ones(cells))[0], as_set(0.3)))
    steps = np.diff(times)
    assert 3.3 < steps[0] / steps[1] < 4.4
    limit = times[-1] + steps[1] / 3
    problem = line(-1.23, 1.31, 500, loss, alpha, 0.5, temperature, walls="absorbing")
    found = killed_line(problem, 500, BEYOND)
    inner = found.at(found.solve(np.ones(500))[0], as_set(0.3))
    assert inner == pytest.approx(limit, rel=1e-4)


def test_killed_matrices_are_consistent():
    """Products, bands and transposes are those of the dense matrix; rates add up to its rows."""
    problem = line(-2, 2, 90, QUARTIC, 1.3, 0.5, 0.02, walls="absorbing")
    nodes = problem.at(90)
    q = kill(nodes.generator, nodes.x, [(-0.4, 0.3), (1.2, 1.7)])
    dense, u = q.dense(), np.random.default_rng(1).random(90)
    size = np.abs(dense).max()
    assert q.apply(u) == pytest.approx(dense @ u, abs=1e-12 * size)
    assert q.apply_transposed(u) == pytest.approx(dense.T @ u, abs=1e-12 * size)
    band = q.near(3)
    for k in range(-3, 4):
        assert band[3 - k, max(k, 0) : 90 + min(k, 0)] == pytest.approx(np.diagonal(dense, k))
    rates = sum(np.sum(q.rates_into(k), axis=0) for k in (0, 1))
    rates += np.sum(q.rates_beyond(0), axis=0) + np.sum(q.rates_beyond(1), axis=0)
    assert -dense[q.live].sum(axis=1) == pytest.approx(rates[q.live], abs=1e-11 * size)
    live = q.live.astype(float)
    times, _ = LevySystem(q, q).solve(live)
    assert (times[~q.live] == 0).all()
    assert (times[q.live] > 0).all()


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.6])
def test_committor_of_jumps_alone(alpha):
    """Rogozin: out of (-1, 1) to the right first."""
    problem = line(-1.6, 1.53, 400, FLAT, alpha, 1.0)
    found = fp.levy_committor(problem, HalfPlane(-1, 1), HalfPlane(1, 1))
    law = betainc(alpha / 2, alpha / 2, np.clip((1 + found.x) / 2, 0, 1))
    off = np.abs(found.q - law).max()
    assert off < 1e-5
    assert off < found.error


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.6])
@pytest.mark.parametrize("start", [0.0, 0.4])
def test_landing_of_jumps_alone(alpha, start):
    """Blumenthal, Getoor and Ray: density of the landing point beyond (-1, 1)."""
    problem = line(-1, 1, 300, FLAT, alpha, 1.0, walls="absorbing")
    found = fp.levy_landing(problem, start)
    assert found.probability == pytest.approx(1, abs=1e-10)
    for side in found.sides:
        y = side.points
        law = np.sin(np.pi * alpha / 2) / np.pi * ((1 - start**2) / (y**2 - 1)) ** (alpha / 2)
        assert side.density == pytest.approx(law / np.abs(start - y), rel=2e-3)
        assert np.abs(side.density * np.abs(start - y) / law - 1).max() < side.density_error
        assert side.creep == 0
    right = betainc(alpha / 2, alpha / 2, (1 + start) / 2)
    assert found.sides[1].probability == pytest.approx(right, abs=1e-6)
    # a quantile is where the density has that integral
    side = found.sides[1]
    z = np.geomspace(1e-30, side.overshoot[2], 20001)
    law = ((1 - start**2) / (z * (z + 2))) ** (alpha / 2) / (1 + z - start)
    half = np.trapezoid(np.sin(np.pi * alpha / 2) / np.pi * law * z, np.log(z))
    assert half == pytest.approx(side.probability / 2, rel=1e-3)


def test_creeping():
    """Gaussian noise alone creeps; with few jumps and drift outwards, drift does."""
    alone = fp.levy_landing(line(-1, 1, 100, FLAT, 2.0, 0.5, walls="absorbing"), 0.2)
    assert [s.creep for s in alone.sides] == pytest.approx([0.4, 0.6], abs=1e-9)
    slide = fp.landscapes.from_expression("-x", dim=1)
    found = fp.levy_landing(line(-1, 1, 400, slide, 0.5, 0.01, walls="absorbing"), 0.0)
    right = found.sides[1]
    # it takes about time 1; who jumps out before does not creep
    front = jump_constant(0.5) * 0.01**0.5 / 0.5
    out = front * 2 * (1 + 2**0.5 - 1)
    assert 1 - right.creep == pytest.approx(out, rel=0.1)
    assert found.sides[0].creep == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
def test_an_inner_target_against_walkers():
    """Jumps over the target go on: a random walk of the stable law in small steps."""
    alpha, rng = 1.4, np.random.default_rng(3)
    problem = line(-2, 2, 1024, PARABOLA, alpha, 0.5, walls="absorbing")
    target = Box([(0.5, 0.9)])
    found = fp.levy_first_passage(problem, -0.5, target)
    dt, count = 2e-4, 20_000
    x, alive = np.full(count, -0.5), np.ones(count, dtype=bool)
    arrived = np.full(count, np.nan)
    for step in range(1, 100_000):
        n = int(alive.sum())
        if n == 0:
            break
        u, e = np.pi * (rng.random(n) - 0.5), rng.exponential(size=n)
        jump = np.sin(alpha * u) / np.cos(u) ** (1 / alpha)
        jump *= (np.cos((1 - alpha) * u) / e) ** ((1 - alpha) / alpha)
        y = x[alive] * (1 - dt) + 0.5 * dt ** (1 / alpha) * jump
        x[alive] = y
        hit = alive & (x >= 0.5) & (x <= 0.9)
        arrived[hit] = step * dt
        alive &= ~hit & (np.abs(x) < 2)
    share = np.isfinite(arrived).mean()
    assert share == pytest.approx(found.probability, abs=4 * 0.5 / count**0.5 + 0.01)
    times = arrived[np.isfinite(arrived)]
    assert times.mean() == pytest.approx(found.mean, abs=4 * times.std() / len(times) ** 0.5 + 0.03)


def test_an_inner_target_converges_within_its_error():
    """To second order, with its edges anywhere; competing walls make it conditional."""
    target = Box([(0.5, 1.2)])
    found = [
        fp.levy_first_passage(line(-4, 4, n, QUARTIC, 1.2, 0.5, walls="absorbing"), -1.0, target)
        for n in (200, 600)
    ]
    rough, fine = found
    assert abs(rough.mean / fine.mean - 1) < rough.error
    assert abs(rough.variance / fine.variance - 1) < rough.variance_error
    assert fine.probability == pytest.approx(0.7146, abs=2e-4)
    assert fine.error < 1e-3
    assert 10 ** fine.log10_times[fine.grid.cell_of([-1.0])[0]] == pytest.approx(
        fine.mean, rel=0.01
    )
    assert (fine.log10_times == -np.inf).sum() == pytest.approx(52, abs=2)


def test_the_set_to_start_from_is_averaged():
    """Of a box and of two halves of it: weights are stationary masses."""
    problem = line(-4, 4, 200, QUARTIC, 1.2, 0.5)
    target = HalfPlane(1, 0)
    whole, left, right = (
        fp.levy_first_passage(problem, Box([ends]), target).mean
        for ends in ((-1.5, -0.5), (-1.5, -1.0), (-1.0, -0.5))
    )
    p = fp.levy_stationary(problem)
    inner = [((p.x > a) & (p.x < b)) @ p.density for a, b in ((-1.5, -1.0), (-1.0, -0.5))]
    assert whole == pytest.approx(np.average([left, right], weights=inner), rel=3e-3)
    # what lies in the target does not count
    half = fp.levy_first_passage(problem, Box([(-1.5, 0.7)]), target).mean
    assert half == pytest.approx(
        fp.levy_first_passage(problem, Box([(-1.5, 0.0)]), target).mean, rel=1e-9
    )


def test_the_law_of_the_time():
    """Its integral is the mean, its slope the density, its end an exponential."""
    problem = line(-1, 1, 100, FLAT, 1.5, 1.0, walls="absorbing")
    law = fp.levy_passage_distribution(problem, 0.2, "walls")
    mean = np.trapezoid(law.survival * law.times, np.log(law.times)) + law.times[0]
    assert mean == pytest.approx(law.mean, rel=3e-3)
    slope = -np.gradient(law.survival, np.log(law.times)) / law.times
    assert slope[5:-5] == pytest.approx(law.density[5:-5], abs=0.02 * law.density.max())
    assert law.error < 1e-3
    late = np.log(law.survival[-10:])
    rates = np.diff(late) / np.diff(law.times[-10:])
    assert rates == pytest.approx(np.full(9, rates[-1]), rel=1e-3)


def test_bad_questions_are_refused():
    problem = line(-2, 2, 100, QUARTIC, 1.5, 0.3)
    bad = [
        (-1.0, Box([(-1.5, -0.5)]), "lies in the target"),
        (Box([(-1.2, -0.8)]), Box([(-1.5, -0.5)]), "inside the target"),
        (-1.0, Box([(0.5, 0.52)]), "less than 4 cells"),
        (-1.0, 1.0, "is a point"),
        (-1.0, Box([(-3.0, 3.0)]), "covers the grid"),
        (Basin(-1.0, QUARTIC), Box([(-3.0, 3.0)]), "covers the grid"),
        (-1.0, "walls", "nobody leaves"),
        (-1.0, Ball(5.0, 1.0), "outside the grid"),
        (-2.0, HalfPlane(1, 1), "between the walls"),
    ]
    for start, target, message in bad:
        with pytest.raises(CaseError, match=message):
            fp.levy_first_passage(problem, start, target)
    with pytest.raises(CaseError, match="overlap"):
        fp.levy_committor(problem, HalfPlane(1, -0.5), HalfPlane(-1, 0))
    with pytest.raises(CaseError, match="increasing"):
        fp.levy_passage_distribution(problem, -1.0, HalfPlane(1, 1), [1.0, 0.5])
    # two cells between the target and the wall: nothing can be told from there
    thin = line(-2, 2, 100, QUARTIC, 1.5, 0.3, walls="absorbing")
    with pytest.raises(NumericalError, match="more cells"):
        fp.levy_first_passage(thin, 1.9, Box([(1.0, 1.83)]))
