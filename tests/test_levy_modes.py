"""Long jumps: spectra, currents, quasi-stationary densities and rates, against theory."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck import theory
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.levy_flux import levy_current
from fokkerplanck.levy_metastability import levy_quasi_stationary
from fokkerplanck.levy_relaxation import levy_spectrum
from fokkerplanck.levy_well_rates import levy_rates
from fokkerplanck.solvers.levy_killed import kill
from fokkerplanck.theory.levy import jump_constant

FLAT = fp.landscapes.from_expression("0 * x", dim=1)
PARABOLA = fp.landscapes.from_expression("x**2 / 2", dim=1)
QUARTIC = fp.landscapes.from_expression("(x**2 - 1)**2 / 4", dim=1)
DOUBLE = fp.landscapes.from_expression("x**4 / 4 - x**2 / 2", dim=1)
#: Wells at -2, 0 and 2, with maxima at -1 and 1.
THREE = fp.landscapes.from_expression("x**6 / 6 - 5 * x**4 / 4 + 2 * x**2", dim=1)


def line(low, high, cells, loss, alpha, scale, temperature=0.0, walls="reflecting", **more):
    grid = fp.Grid.line(low, high, cells, walls=walls)
    return fp.Levy(grid, loss, alpha, scale, temperature, **more)


def jump_rate(alpha, scale, well, low, high):
    """Rate of single jumps from a well into an interval (theory of weak noise)."""
    rate = scale**alpha * jump_constant(alpha) / alpha
    return rate * abs(abs(low - well) ** -alpha - abs(high - well) ** -alpha)


# -- spectra ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("alpha", "cells"), [(1.5, 250), (1.8, 500)])
def test_ornstein_uhlenbeck_has_whole_numbers(alpha, cells):
    """As under Gaussian noise: the rates are theta k, whatever the index."""
    found = levy_spectrum(line(-25, 25, cells, PARABOLA, alpha, 1.0), 3)
    exact = np.arange(1, 4)
    assert found.rates == pytest.approx(exact, rel=0.01)
    assert (np.abs(found.rates / exact - 1) < found.errors + 3e-3).all()
    assert (found.frequencies == 0).all()
    assert found.numbers == (1, 2, 3)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [1.2, 1.5])
def test_ornstein_uhlenbeck_on_a_long_line(alpha):
    found = levy_spectrum(line(-200, 200, 16384, PARABOLA, alpha, 1.0), 3)  # h = 0.024
    assert found.rates == pytest.approx([1, 2, 3], rel=2e-3)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 1.5])
def test_killed_flights(alpha):
    r"""Kwasnicki: (k pi / 2 - (2 - alpha) pi / 8)^alpha + O(1 / k) in (-1, 1)."""
    found = levy_spectrum(line(-1, 1, 250, FLAT, alpha, 1.0, walls="absorbing"), 6)
    k = np.arange(1, 7)
    law = (k * np.pi / 2 - (2 - alpha) * np.pi / 8) ** alpha
    gap = np.abs(found.rates / law - 1)
    assert gap[0] < 0.025
    assert (gap[2:] < 5e-3).all()
    assert found.numbers[0] == 0
    if alpha == 1.0:
        # Kulczycki, Kwasnicki, Malecki and Stos, Proc. London Math. Soc. 101 (2010) 589
        exact = np.array([1.1577738836977, 2.7547547422])
        assert found.rates[:2] == pytest.approx(exact, rel=1.5e-4)
        assert (np.abs(found.rates[:2] / exact - 1) < found.errors[:2]).all()


def test_iterated_modes_are_those_of_the_matrix():
    problem = line(-3, 3, 300, QUARTIC, 1.2, 0.4, 0.05)
    found = levy_spectrum(problem, 3)
    assert found.methods[0] == "arnoldi"
    exact = np.sort(-np.linalg.eigvals(problem.at(300).generator.dense()).real)
    assert found.rates == pytest.approx(exact[1:4], rel=1e-9)
    g = problem.at(300).generator
    for rate, u, p in zip(found.rates, found.right, found.left, strict=True):
        assert g.apply(u) == pytest.approx(-rate * u, abs=1e-6)
        assert g.apply_transposed(p) == pytest.approx(-rate * p, abs=1e-6)


def test_modes_of_both_sides_belong_together():
    """Biorthogonal; the slow one tells the wells apart and decays in time as it says."""
    problem = line(-5, 5, 240, QUARTIC, 1.5, 0.2)
    found = levy_spectrum(problem, 2)
    gram = found.left @ found.right.T
    assert abs(gram[0, 1]) < 1e-7 * abs(gram[0, 0])
    assert np.abs(found.left.sum(axis=1)).max() < 1e-8  # no mass
    inside = np.abs(np.abs(problem.nodes) - 1) < 0.3
    assert np.abs(found.right[0][inside]) == pytest.approx(1, abs=0.05)
    path = fp.levy_evolve(problem, -1.0, [20.0, 60.0], tolerance=1e-9)
    means = path.density @ found.right[0]
    assert np.log(means[0] / means[1]) / 40 == pytest.approx(found.rates[0], rel=1e-7)


def test_modes_that_cannot_be_are_refused():
    with pytest.raises(CaseError, match=r"spectrum\.count"):
        levy_spectrum(line(-1, 1, 64, QUARTIC, 1.5, 1.0), 0)
    with pytest.raises(CaseError, match=r"spectrum\.count"):
        levy_spectrum(line(-1, 1, 64, QUARTIC, 1.5, 1.0), 60)
    with pytest.raises(NumericalError, match="uncertain"):
        levy_spectrum(line(-3, 3, 200, QUARTIC, 2.0, 0.03), 1)


# -- currents -----------------------------------------------------------------------------------


def test_no_current_flows_in_a_stationary_density():
    """Jumps outwards balance the drift at every face; the drift is known in closed form."""
    problem = line(-10, 10, 2048, DOUBLE, 1.0, 1.0)
    found = levy_current(problem, fp.levy_stationary(problem).density)
    assert np.abs(found.total).max() < 1e-12
    x = found.x[1:-1]
    law = (x**3 - x) * theory.cauchy_double_well(x, 1.0)
    near = np.abs(x) < 5
    assert found.jumps[1:-1][near] == pytest.approx(law[near], abs=1e-4)


@pytest.mark.parametrize("outside", ["stopped", "suppressed"])
@pytest.mark.parametrize("walls", ["reflecting", "absorbing", ("absorbing", "reflecting")])
def test_currents_are_sums_over_pairs(walls, outside):
    problem = line(-1, 1.5, 60, PARABOLA, 1.3, 0.8, 0.2, walls=walls, outside=outside)
    g = problem.at(60).generator
    h = g.spacing
    p = np.exp(-3 * (problem.nodes - 0.3) ** 2)
    found = levy_current(problem, p)
    # what each node loses is the difference of the faces beside it
    assert np.diff(found.total) == pytest.approx(-h * g.apply_transposed(p), abs=1e-12)
    assert found.total == pytest.approx(found.drift + found.gaussian + found.jumps, abs=1e-12)
    rates = g.jumps.dense()
    for side, fate in enumerate(g.outside):
        if fate == "stopped":
            rates[:, -side] += g.beyond[side]
    k = 25
    astride = h * (p[:k] @ rates[:k, k:]).sum() - h * (p[k:] @ rates[k:, :k]).sum()
    for side, sign in ((0, -1), (1, 1)):
        if g.outside[side] == "killed":
            across = slice(k, None) if side == 0 else slice(0, k)
            astride += sign * h * (p[across] @ g.beyond[side][across])
    assert found.jumps[k] == pytest.approx(astride, rel=1e-10)
    assert found.rounding < 1e-11
    with pytest.raises(CaseError, match="density"):
        levy_current(problem, p[:-1])


def test_gaussian_current_at_two():
    """At alpha = 2 jumps reach the next node: the current is that of Gaussian noise."""
    jumps = line(-2, 2, 300, QUARTIC, 2.0, 0.5)
    gauss = line(-2, 2, 300, QUARTIC, 2.0, 1e-3, 0.25 - 1e-6)
    p = np.exp(-2 * (jumps.nodes - 0.2) ** 2)
    one, two = levy_current(jumps, p), levy_current(gauss, p)
    assert one.total == pytest.approx(two.total, abs=1e-10)
    assert one.jumps[1:-1] == pytest.approx(-0.25 * np.diff(p) / (4 / 300), abs=1e-10)


# -- wells --------------------------------------------------------------------------------------


def test_a_well_is_left_by_one_jump():
    problem = line(-6, 6, 512, THREE, 1.5, 0.01)
    found = levy_quasi_stationary(problem, 0.2)
    law = 2 * jump_rate(1.5, 0.01, 0.0, 1.0, np.inf)
    assert found.rate == pytest.approx(law, rel=0.006)
    assert found.rate == pytest.approx(1 / fp.levy_exit(problem, 0.0, (-1.0, 1.0)).mean, rel=2e-3)
    assert found.minimum.position[0] == pytest.approx(0, abs=1e-9)
    assert found.density.sum() * 12 / 512 == pytest.approx(1)
    assert (found.density[np.abs(problem.nodes) > 1] == 0).all()
    # exact without drift: the flight killed outside of (-1, 1)
    free = line(-1, 1, 400, FLAT, 1.0, 1.0, walls="absorbing")
    assert levy_spectrum(free, 1).rates[0] == pytest.approx(1.1577738836977, rel=6e-5)


@pytest.mark.parametrize(("alpha", "scale"), [(1.5, 0.1), (1.5, 0.02), (0.8, 0.02)])
def test_rates_between_three_wells(alpha, scale):
    """Tending to single jumps, also over the well between; and to the slowest modes."""
    problem = line(-5, 5, 512, THREE, alpha, scale)
    found = levy_rates(problem)
    wells, ends = [-2, 0, 2], [-np.inf, -1, 1, np.inf]
    assert [w.position[0] for w in found.wells] == pytest.approx(wells, abs=1e-8)
    near = {(1.5, 0.1): 0.03, (1.5, 0.02): 0.015, (0.8, 0.02): 0.015}[alpha, scale]
    for i, j in np.ndindex(3, 3):
        if i != j:
            law = jump_rate(alpha, scale, wells[i], ends[j], ends[j + 1])
            assert found.rates[i, j] == pytest.approx(law, rel=near)
    chain = found.rates - np.diag(found.rates.sum(axis=1))
    slow = np.sort(-np.linalg.eigvals(chain).real)[1:]
    modes = levy_spectrum(problem, 2)
    assert slow == pytest.approx(modes.rates, rel=2e-3 + found.error)
    # stationary: as many enter a well as leave it
    flux = found.populations[:, None] * found.rates
    assert flux.sum(axis=0) == pytest.approx(flux.sum(axis=1), rel=1e-6)


def test_rates_do_not_depend_on_cores_of_deep_wells():
    problem = line(-4, 4, 500, QUARTIC, 1.5, 0.05)
    small, large = levy_rates(problem, 0.2), levy_rates(problem, 0.6)
    assert small.rates == pytest.approx(large.rates, rel=0.02)
    slowest = levy_spectrum(problem, 1).rates[0]
    assert small.rates.sum() == pytest.approx(slowest, rel=0.01)
    # who has just come over the edge may return: cores are reached later, but not much
    time = fp.levy_first_passage(problem, -1.0, fp.sets.Box([(0.0, 4.0)])).mean
    assert 1 < 1 / (small.rates[0, 1] * time) < 1.08


def test_killed_generators_agree_in_all_forms():
    nodes = line(-1, 1, 40, PARABOLA, 1.3, 0.8, 0.1, outside="suppressed").at(40)
    g = nodes.generator
    killed = kill(g, nodes.x, [(-0.61, -0.3), (0.22, 0.5)])
    dense, live = killed.dense(), killed.live
    u = np.cos(np.arange(40.0))
    assert killed.apply(u) == pytest.approx(dense @ u, abs=1e-9)
    assert killed.apply_transposed(u) == pytest.approx(dense.T @ u, abs=1e-9)
    extra = killed.beside(0) + killed.beside(1)
    inner = g.dense()[np.ix_(live, live)] - np.diag(extra[live])
    assert dense[np.ix_(live, live)] == pytest.approx(inner)
    assert not dense[np.ix_(live, ~live)].any()
    lost = sum(np.sum(killed.rates_into(k), axis=0) for k in (0, 1))
    assert dense.sum(axis=1)[live] == pytest.approx(-lost[live], abs=1e-9)
    band = killed.near(5)
    for k in range(-5, 6):
        row = band[5 + k, max(-k, 0) : 40 - max(k, 0)]
        assert row == pytest.approx(np.diagonal(dense, -k), abs=1e-9)


def test_edges_of_cores_lie_between_nodes():
    """Second order: without killing beside edges 400 cells were off by 3e-3."""
    rates = [levy_rates(line(-4, 4, n, QUARTIC, 1.5, 0.3)) for n in (200, 400)]
    exact = 0.048064  # 1600 cells
    off = [abs(r.rates[0, 1] / exact - 1.0) for r in rates]
    assert off[0] < 1.5e-3
    assert off[1] < 3e-4
    assert all(o < r.error for o, r in zip(off, rates, strict=True))


def test_wells_that_cannot_be_are_refused():
    with pytest.raises(CaseError, match="one well of several"):
        levy_quasi_stationary(line(-2, 2, 64, PARABOLA, 1.5, 0.1), 0.0)
    with pytest.raises(CaseError, match="place of a minimum"):
        levy_quasi_stationary(line(-2, 2, 64, QUARTIC, 1.5, 0.1), [0.0, 1.0])
    with pytest.raises(CaseError, match="2 to 24 wells"):
        levy_rates(line(-2, 2, 64, PARABOLA, 1.5, 0.1))
    with pytest.raises(CaseError, match="absorbing"):
        levy_rates(line(-2, 2, 64, QUARTIC, 1.5, 0.1, walls="absorbing"))
    with pytest.raises(CaseError, match=r"rates\.radius"):
        levy_rates(line(-2, 2, 64, QUARTIC, 1.5, 0.1), 1.5)
    with pytest.raises(CaseError, match=r"rates\.radius"):
        levy_rates(line(-2, 2, 64, QUARTIC, 1.5, 0.1), -1.0)
    with pytest.raises(CaseError, match="too few nodes"):
        levy_rates(line(-20, 20, 64, QUARTIC, 1.5, 0.1))
    deep = line(-3, 3, 200, QUARTIC, 2.0, 0.03)
    with pytest.raises(NumericalError):
        levy_rates(deep)
    with pytest.raises(NumericalError):
        levy_quasi_stationary(deep, 1.0)
