"""Escape with inertia: depopulation, actions, the laws of all regimes, and pinned spectra."""

from __future__ import annotations

from math import erfc, exp, inf, log, pi, sqrt

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck import landscapes
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.theory.depopulation import depopulation, log_depopulation
from fokkerplanck.theory.eyring_kramers import eyring_kramers
from fokkerplanck.theory.inertial_langer import langer_rates, langer_with_momentum
from fokkerplanck.theory.klein_kramers import LAWS, InertialEscape, inertial_wells
from fokkerplanck.theory.well_action import round_trip

LINE = Grid.line(-2.4, 2.4, 512)
#: T, g, slowest rate of the quartic well (spectral, many digits), KGH / k and MM / k with k half
#: of it, and half a unit of their last digit.
SPECTRAL = (
    (0.1, 1.0, 2.251921198361e-02, 1.014117, 0.994382, 5e-7),
    (0.1, 0.1, 1.322267e-02, 2.658300, 1.003173, 5e-7),
    (0.05, 100.0, 2.7759129816e-05, 1.0925, 1.0925, 5e-5),
    (0.05, 10.0, 2.7537195119e-04, 1.090671, 1.090671, 5e-7),
    (0.05, 1.0, 1.785350197622e-03, 1.049982, 1.049434, 5e-7),
    (0.05, 0.3, 2.2538278e-03, 1.158963, 1.057775, 5e-7),
    (0.05, 0.1, 1.49194e-03, 1.933904, 1.136622, 5e-6),
    (0.05, 0.03, 6.268e-04, 4.767, 1.231, 5e-4),
    (0.025, 1.0, 1.231625e-05, 1.02555, 1.02555, 5e-6),
    (0.025, 0.3, 1.7014e-05, 1.0345, 1.0249, 5e-5),
)


def depopulated(d):
    """The integral as it is written, with 30 digits."""
    with mpmath.workdps(30):
        d = mpmath.mpf(d)

        def gone(y):
            s = y * y + mpmath.mpf(1) / 4
            return mpmath.log(-mpmath.expm1(-d * s)) / s

        reach = mpmath.sqrt(80 / d)
        stops = [0, *(reach * mpmath.mpf(2) ** (k - 44) for k in range(45))]
        return mpmath.quad(gone, stops) / mpmath.pi


@pytest.mark.parametrize("d", [1e-8, 1e-6, 1e-4, 1e-2, 0.3, 1.0, 3.0, 10.0, 40.0])
def test_depopulation_is_its_integral(d):
    due = depopulated(d)
    assert float(mpmath.expm1(mpmath.mpf(log_depopulation(d)) - due)) == pytest.approx(0, abs=1e-14)
    assert depopulation(d) == pytest.approx(float(mpmath.exp(due)), rel=2e-14)


@pytest.mark.parametrize("d", [0.5, 2.0, 20.0, 80.0, 300.0, 1e3])
def test_depopulation_is_a_sum_of_error_functions(d):
    due = -sum(erfc(sqrt(n * d) / 2) / n for n in range(1, int(3000 / d) + 2))
    assert log_depopulation(d) == pytest.approx(due, rel=1e-12, abs=1e-300)


def test_depopulation_at_both_ends():
    first = float(mpmath.zeta(0.5)) / sqrt(pi)
    for d in (1e-8, 1e-6):
        assert log_depopulation(d) - log(d) == pytest.approx(first * sqrt(d), rel=2e-3)
    assert depopulation(1e4) == 1.0
    assert (depopulation(inf), depopulation(0.0)) == (1.0, 0.0)
    for wrong in (-1.0, float("nan")):
        with pytest.raises(CaseError, match="round trip"):
            depopulation(wrong)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.floats(1e-8, 1e4), st.floats(1.0001, 3.0))
def test_depopulation_rises_and_stays_below_its_bounds(d, more):
    assert depopulation(d) <= depopulation(more * d)
    assert depopulation(d) < min(1.0 + 1e-15, d)


def orbits(landscape, grid):
    points = landscapes.critical_points(landscape, grid)
    walls = grid.axes[0].min, grid.axes[0].max
    return [
        round_trip(landscape, points, top, side, walls)
        for top in points
        if top.kind == "saddle"
        for side in (-1, 1)
    ]


def test_actions_in_closed_form():
    for orbit in orbits(landscapes.quartic(), LINE):
        assert orbit.action == pytest.approx(4 / 3, rel=1e-14)
        assert abs(orbit.turn) == pytest.approx(sqrt(2), rel=1e-14)
    cubic = orbits(landscapes.from_expression("x**2/2 - x**3/3"), Grid.line(-3, 3, 64))
    assert (cubic[0].action, cubic[0].turn) == (pytest.approx(1.2, rel=1e-13), -0.5)
    assert (cubic[1].action, cubic[1].minima) == (inf, 0)
    # a pendulum turns at the next top, of the same height
    for orbit in orbits(landscapes.from_expression("cos(x)"), Grid.line(-8, 8, 64))[1:5]:
        assert orbit.action == pytest.approx(16.0, rel=1e-12)
        assert orbit.minima == 1


def test_actions_across_kinks_of_the_slope():
    # sqrt of a parabola: closed forms on both sides of the joint
    given = landscapes.piecewise_quadratic(
        1, curvature=(2.0, 2.0), saddle_curvature=1.0, barrier=(1.0, 1.0)
    )
    for orbit in orbits(given, Grid.line(-6, 6, 64)):
        with mpmath.workdps(25):
            low, high = sorted((0.0, orbit.turn))
            middle = float(np.sign(orbit.turn)) * (sqrt(3.0) * 2 / 3)
            minimum = float(np.sign(orbit.turn)) * sqrt(3.0)
            floor = float(given.loss([[minimum]])[0])

            def speed(x, given=given, floor=floor):
                depth = 1.0 - float(given.loss(np.array([float(x)])) - floor)
                return mpmath.sqrt(2 * max(depth, 0))

            due = 2 * mpmath.quad(speed, sorted([low, middle, minimum, high]))
        assert orbit.action == pytest.approx(float(due), rel=1e-9)


@pytest.mark.parametrize(("t", "g", "slowest", "strong", "all_", "half"), SPECTRAL)
def test_pinned_spectral_values(t, g, slowest, strong, all_, half):
    found = inertial_wells(landscapes.quartic(), LINE, g, t)
    for law, due in (("kramers-grote-hynes", strong), ("melnikov-meshkov", all_)):
        ratio = found.rate(0, 1, law).rate / (slowest / 2)
        # the ratio, and the slowest rate in it, are rounded
        assert abs(ratio - due) <= 2 * half
        assert found.relaxation(law).rate == pytest.approx(2 * found.rate(0, 1, law).rate)


@pytest.mark.parametrize("friction", [1e-6, 1e-3, 0.1, 1.0, 30.0, 1e3])
def test_each_law_where_it_holds(friction):
    found = inertial_wells(landscapes.tilted(), LINE, friction, 0.02)
    for i, j in ((0, 1), (1, 0)):
        best = found.rate(i, j)
        assert best.valid
        for law in LAWS:
            rate = found.rate(i, j, law)
            off = abs(rate.rate / best.rate - 1)
            assert rate.valid == (off <= 0.05)
            assert rate.note == "" if rate.valid else "off the law" in rate.note
        bound = found.rate(i, j, "transition-state").rate
        assert best.rate < bound
    named = {1e-6: "energy-diffusion", 1e3: "overdamped"}
    if friction in named:
        assert found.rate(0, 1, named[friction]).rate == pytest.approx(best_of(found), rel=2e-3)


def best_of(found):
    return found.rate(0, 1).rate


def test_rates_balance_in_detail():
    """Both rates of two unequal wells leave their masses to Laplace's method, at any friction."""
    t = 0.02
    for friction in (1e-3, 0.2, 5.0):
        found = inertial_wells(landscapes.tilted(), LINE, friction, t)
        a, b = found.minima
        masses = sqrt(b.eigenvalues[0] / a.eigenvalues[0]) * exp((b.loss - a.loss) / t)
        for law in LAWS:
            ratio = found.rate(1, 0, law).rate / found.rate(0, 1, law).rate
            assert ratio == pytest.approx(masses, rel=1e-12)


def test_single_well_from_which_nothing_returns():
    cubic = landscapes.from_expression("x**2/2 - x**3/3")
    found = inertial_wells(cubic, Grid.line(-2, 3, 64), 0.01, 0.02)
    assert list(found.escapes) == [(0, 1)]
    escape = found.escapes[0, 1]
    assert escape.losses == (pytest.approx(0.01 * 1.2 / 0.02), inf)
    law = escape.kramers_grote_hynes.rate * depopulation(0.6)
    assert escape.melnikov_meshkov.rate == pytest.approx(law, rel=1e-13)
    weak = 0.6 * escape.transition_state.rate
    assert escape.energy_diffusion.rate == pytest.approx(weak, rel=1e-13)
    assert escape.melnikov_meshkov.valid


def test_overdamped_is_kramers_law():
    found = inertial_wells(landscapes.quartic(), LINE, 50.0, 0.05)
    points = landscapes.critical_points(landscapes.quartic(), LINE)
    minimum, saddle = points[0], points[2]
    due = eyring_kramers(minimum, saddle, 0.05).rate / 50
    assert found.rate(0, 1, "overdamped").rate == pytest.approx(due, rel=1e-12)


def test_mass_is_a_unit():
    """With mass m the motion is that of L / m at T / m with mass 1."""
    m, scaled = 0.3, landscapes.from_expression("(x**2 - 1)**2 / 4 / m", parameters={"m": 0.3})
    heavy = inertial_wells(landscapes.quartic(), LINE, 0.2, 0.03, mass=m)
    unit = inertial_wells(scaled, LINE, 0.2, 0.03 / m)
    for law in LAWS:
        assert heavy.rate(0, 1, law).log_rate == pytest.approx(unit.rate(0, 1, law).log_rate)


def test_caveats_of_wells_in_a_row():
    three = landscapes.from_expression("x**2 * (x**2 - 1)**2 + 0.02 * x")
    found = inertial_wells(three, Grid.line(-1.6, 1.6, 256), 0.1, 0.01)
    assert set(found.escapes) == {(0, 1), (1, 0), (1, 2), (2, 1)}
    notes = [found.rate(*way).note for way in ((0, 1), (1, 2))]
    assert any("another well" in note or "more than one" in note for note in notes)
    with pytest.raises(CaseError, match="two wells"):
        found.relaxation()
    with pytest.raises(CaseError, match="no top"):
        found.rate(0, 2)
    with pytest.raises(CaseError, match="laws are"):
        found.rate(0, 1, "arrhenius")


def test_wells_that_leak_behind_say_so():
    """The outer top of the right well is the lower one: an orbit at the inner top never turns."""
    leaky = landscapes.from_expression("x**2 * (1 - x**2)**2 - 0.12 * x**4 - 0.4 * x")
    found = inertial_wells(leaky, Grid.line(-1.2, 1.2, 256), 0.1, 0.01)
    for way, escape in found.escapes.items():
        rates = [found.rate(*way, law) for law in LAWS]
        assert not any(np.isnan(r.log_rate) for r in rates)
        if not np.isfinite(escape.actions[0]):
            assert "never turns" in rates[0].note


@pytest.mark.parametrize("wrong", [{"friction": 0.0}, {"temperature": -1.0}, {"mass": inf}])
def test_bad_numbers(wrong):
    numbers = {"friction": 1.0, "temperature": 0.1} | wrong
    with pytest.raises(CaseError, match="positive number"):
        inertial_wells(landscapes.quartic(), LINE, **numbers)


def test_planes_and_flat_points_are_refused():
    with pytest.raises(CaseError, match="line"):
        inertial_wells(landscapes.quartic(dim=2), Grid.plane((-2, 2, 9), (-2, 2, 9)), 1.0, 0.1)
    with pytest.raises(CaseError, match="maximum between"):
        inertial_wells(landscapes.from_expression("x"), LINE, 1.0, 0.1)
    with pytest.raises(CaseError, match="no curvature"):
        inertial_wells(landscapes.from_expression("x**4 * (x**2 - 1)**2"), LINE, 1.0, 0.1)


class Point:
    def __init__(self, loss, hessian):
        self.loss, self.hessian = loss, np.array(hessian)


WELL, SADDLE = Point(0.0, [[2.0, 0.3], [0.3, 1.5]]), Point(1.0, [[-1.0, 0.4], [0.4, 2.0]])


def test_langer_on_a_line_is_kramers_and_grote_and_hynes():
    for g in (0.01, 1.0, 1e6):
        escape = InertialEscape(2.0, 1.0, 0.25, (inf, inf), g, 0.02)
        law = langer_with_momentum(Point(0.0, [[2.0]]), Point(0.25, [[-1.0]]), 0.02, g)
        assert law.log_rate == pytest.approx(escape.kramers_grote_hynes.log_rate, rel=1e-14)


def test_langer_in_the_plane():
    g = np.array([[0.7, 0.2], [0.2, 1.9]])
    block = np.block([[np.zeros((2, 2)), np.eye(2)], [-SADDLE.hessian, -g]])
    leaving = max(np.linalg.eigvals(block).real)
    dets = np.linalg.det(WELL.hessian) / abs(np.linalg.det(SADDLE.hessian))
    due = leaving / (2 * pi) * sqrt(dets) * exp(-1.0 / 0.1)
    assert langer_with_momentum(WELL, SADDLE, 0.1, g).rate == pytest.approx(due, rel=1e-13)
    # strong friction: Langer's law of the mobility 1 / G
    from fokkerplanck.theory.eyring_kramers import langer

    slow = langer(WELL, SADDLE, 0.1, np.linalg.inv(1e7 * g))
    fast = langer_with_momentum(WELL, SADDLE, 0.1, 1e7 * g)
    assert fast.log_rate == pytest.approx(slow.log_rate, rel=1e-12)


@pytest.mark.parametrize(
    ("minimum", "saddle", "friction", "words"),
    [
        (WELL, SADDLE, [[1.0, 0.5], [0.0, 1.0]], "symmetric"),
        (WELL, SADDLE, -1.0, "positive definite"),
        (SADDLE, WELL, 1.0, "one direction down"),
    ],
)
def test_langer_refuses(minimum, saddle, friction, words):
    with pytest.raises(CaseError, match=words):
        langer_with_momentum(minimum, saddle, 0.1, friction)


def test_langer_rates_of_a_landscape():
    """Two wells in a plane whose second coordinate follows the first, as on a line at c = 0."""
    text = "(x**2 - 1)**2 / 4 + (y - c * x)**2 / 2"
    plane = Grid.plane((-2, 2, 64), (-2, 2, 64))
    apart = landscapes.from_expression(text, 2, {"c": 0.0})
    found = langer_rates(apart, plane, 0.7, 0.04)
    line = inertial_wells(landscapes.quartic(), LINE, 0.7, 0.04)
    due = line.rate(0, 1, "kramers-grote-hynes").log_rate
    assert set(found) == {(0, 1), (1, 0)}
    for rate in found.values():
        assert rate.log_rate == pytest.approx(due, rel=1e-12)
        assert rate.valid
    coupled = langer_rates(landscapes.from_expression(text, 2, {"c": 1.0}), plane, 0.7, 0.04)
    assert coupled[0, 1].rate < found[0, 1].rate
    with pytest.raises(CaseError, match="temperature"):
        langer_rates(apart, plane, 0.7, 0.0)


def first_passages(friction, temperature, walkers, step, seed):
    """Times from the bottom of one well of the quartic to that of the other, by small steps.

    Half a kick, half a drift, friction and noise exactly, half a drift, half a kick.
    """
    rng = np.random.default_rng(seed)
    x, v = -np.ones(walkers), np.sqrt(temperature) * rng.normal(size=walkers)
    fade = exp(-friction * step)
    noise = sqrt(temperature * (1 - fade * fade))
    times, now, pull = [], 0.0, np.zeros(walkers)
    while x.size:
        v -= 0.5 * step * pull
        x += 0.5 * step * v
        v = fade * v + noise * rng.normal(size=x.size)
        x += 0.5 * step * v
        pull = x * (x * x - 1)
        v -= 0.5 * step * pull
        now += step
        there = x >= 1
        if there.any():
            times += [now] * int(there.sum())
            x, v, pull = x[~there], v[~there], pull[~there]
    return np.array(times)


@pytest.mark.slow
def test_first_passage_is_sooner_than_the_change_of_wells():
    """At weak friction what arrives at the other bottom may come back, and often does.

    Relative to the slowest rate, which is exact, the time is ``A(d) / A(2 d)`` of that of a jump.
    """
    friction, t, slowest = 0.1, 0.05, 1.49194e-3
    times = first_passages(friction, t, 2500, 0.05, 7)
    ratio, error = times.mean() * slowest / 2, times.std() / 50 * slowest / 2
    d = friction * 4 / 3 / t
    due = depopulation(d) / depopulation(2 * d)
    assert abs(ratio - due) < 3 * error + 0.02  # what is left at a barrier of 5 temperatures
    assert ratio < 1 - 5 * error
    wells = inertial_wells(landscapes.quartic(), LINE, friction, t)
    law = wells.passage(0, 1).time * wells.relaxation().rate / 2
    assert law == pytest.approx(due, rel=1e-12)
