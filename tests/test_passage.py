"""Passage times on a line: pinned digits at any barrier, noise and reading; both ends, rings."""

from __future__ import annotations

from math import asinh, exp, inf, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck import forces, landscapes, noise
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.schedule import Schedule
from fokkerplanck.sets import Ball, Basin, Box, HalfPlane
from fokkerplanck.theory import LineProcess, exit_passage, line_passage
from tests.escapes import quartic_line, quartic_log_time, quartic_process
from tests.test_theory_passage import FROZEN, PARABOLAS, QUARTIC, REGULARISED

READINGS = {1.0: "ito", 0.5: "stratonovich", 0.0: "hanggi-klimontovich"}
LEFT, RIGHT = -1.0466805318046, 0.945649273923591
FLAT = landscapes.from_expression(0.0)
#: What double precision leaves of the answers, errors of 1e-14 being typical.
DIGITS = 1e-12


def tilted(cells=400, temperature=0.05, **kwargs):
    return Problem(
        Grid.line(-2.2, 2.2, cells, **kwargs), landscapes.tilted(), noise.white(temperature)
    )


TILTED = LineProcess(0.05, loss=lambda x: x**4 / 4 - x**2 / 2 + x / 10, low=-2.2, high=2.2)


def check(found, exact, tolerance=DIGITS, *, error=1e-8):
    assert found.mean == pytest.approx(exact, rel=tolerance)
    assert found.error < error
    assert found.rate * found.mean == pytest.approx(1.0)
    assert found.log10_mean == pytest.approx(log(exact) / log(10), abs=tolerance)
    assert found.weight == "quadrature"


@pytest.mark.parametrize(("t", "top", "well", "rate"), QUARTIC)
def test_quartic_at_any_barrier(t, top, well, rate):
    """theory.md B6. Beyond barrier/T of 25 ordinary elimination has no digits left."""
    problem = quartic_line(1024, t)
    check(mean_first_passage(problem, -1.0, 0.0), top)
    found = mean_first_passage(problem, -1.0, 1.0)
    check(found, well)
    # an exponential law, but for the time within the wells
    assert found.variance / found.mean**2 == pytest.approx(
        1.0, abs=0.2 if t > 0.1 else 0.02 if t > 0.02 else 1e-6
    )
    if t < 0.03:
        assert found.rate / (rate / 2) == pytest.approx(1.0, abs=1e-3 if t > 0.02 else 1e-6)


def test_few_cells_are_enough():
    for t, top, well, _ in QUARTIC:
        problem = quartic_line(60, t)
        check(mean_first_passage(problem, -1.0, 0.0), top)
        check(mean_first_passage(problem, -1.0, 1.0), well)


@pytest.mark.parametrize("barrier", [600, 5000])
def test_times_beyond_floating_point(barrier):
    found = mean_first_passage(quartic_line(1024, 0.25 / barrier, 1.6), -1.0, 1.0)
    exact = quartic_log_time(barrier)
    assert found.log10_mean * log(10) == pytest.approx(exact, abs=1e-11)
    assert found.log10_variance == pytest.approx(2 * found.log10_mean, abs=1e-10)
    assert found.mean == (pytest.approx(exp(exact), rel=1e-10) if barrier == 600 else inf)
    assert found.variance == inf
    assert found.error < 1e-10


def test_tilted_well():
    """theory.md B8, and both ways round the same by mirroring."""
    problem = tilted(1024)
    check(mean_first_passage(problem, LEFT, RIGHT), 5890.9195316605)
    check(mean_first_passage(problem, RIGHT, LEFT), 132.91662514067)
    mirror = Problem(problem.grid, landscapes.tilted(tilt=-0.1), problem.noise)
    for start, end in ((LEFT, RIGHT), (RIGHT, LEFT), (0.3, -0.7)):
        there = mean_first_passage(problem, start, end)
        back = mean_first_passage(mirror, -start, -end)
        assert back.mean == pytest.approx(there.mean, rel=1e-13)
        assert back.variance == pytest.approx(there.variance, rel=1e-12)
        assert np.flip(back.log10_times) == pytest.approx(there.log10_times, abs=1e-12)


@pytest.mark.parametrize(
    ("kappa", "mean"), [(1.0, 0.5), (0.5, pi / 4 - log(2) / 2), (0.0, asinh(1) ** 2 / 2)]
)
@pytest.mark.parametrize("cells", [7, 64])
def test_exit_in_three_readings(kappa, mean, cells):
    problem = Problem(
        Grid.line(-1, 1, cells, "absorbing"),
        landscapes.from_expression("x**2/2"),
        noise.tensor("1 + x**2", reading=READINGS[kappa]),
    )
    found = mean_first_passage(problem, 0.0, "walls")
    check(found, mean)
    if kappa == 1.0:
        x = problem.grid.axes[0].centres
        assert 10**found.log10_times == pytest.approx((1 - x**2) / 2, rel=1e-12)


def test_free_diffusion():
    """Reflecting at 0, absorbing at L: T = (L^2 - x^2) / 2D, variance (L^4 - x^4) / 6D^2."""
    length, x, d = 2.0, 0.7, 0.3
    grid = Grid.line(0.0, length, 25, ("reflecting", "absorbing"))
    found = mean_first_passage(Problem(grid, FLAT, noise.white(d)), x, "walls")
    check(found, (length**2 - x**2) / (2 * d))
    assert found.variance == pytest.approx((length**4 - x**4) / (6 * d * d), rel=1e-12)
    assert found.variance_error < 1e-10
    assert found.probability == 1.0


@pytest.mark.parametrize("d", [0.25, 1e-3, 1e-4])
def test_constant_drift(d):
    """Where D is small the time is sharp: variance 2 D (L - x) / mu^3, far below mean^2."""
    grid = Grid.line(0.0, 1.0, 50, ("reflecting", "absorbing"))
    problem = Problem(grid, FLAT, noise.white(d), forces.expressions(1.0))
    found = mean_first_passage(problem, 0.3, "walls")
    exact = 0.7 - d * (exp(-0.3 / d) - exp(-1.0 / d))
    check(found, exact, 1e-11, error=1e-7)
    if d == 0.25:
        assert exact == pytest.approx(0.629280356744133)
    process = LineProcess(d, drift=np.ones_like, low=0.0, high=1.0)
    spread = line_passage(process, 0.3, 1.0).variance
    assert found.variance == pytest.approx(spread, rel=1e-11 if d == 0.25 else 1e-3)
    assert abs(found.variance / spread - 1) < found.variance_error


def test_either_end():
    """theory.md B7: both walls absorb; then one of them as a target, given that it is met."""
    drift, d = forces.expressions(1.0), noise.white(0.25)
    whole = mean_first_passage(
        Problem(Grid.line(0.0, 1.0, 40, "absorbing"), FLAT, d, drift), 0.3, "walls"
    )
    check(whole, 0.411843659500443)
    process = LineProcess(0.25, drift=np.ones_like)
    assert whole.variance == pytest.approx(exit_passage(process, 0.3, (0, 1)).variance, rel=1e-10)
    right = mean_first_passage(
        Problem(Grid.line(0.0, 1.3, 52, ("absorbing", "reflecting")), FLAT, d, drift),
        0.3,
        HalfPlane([1.0], 1.0),
    )
    left = mean_first_passage(
        Problem(Grid.line(-0.3, 1.0, 52, ("reflecting", "absorbing")), FLAT, d, drift),
        0.3,
        HalfPlane([-1.0], 0.0),
    )
    assert right.probability == pytest.approx(0.711843659500443, rel=1e-12)
    assert left.probability == pytest.approx(1 - 0.711843659500443, rel=1e-12)
    for found, side in ((right, "right"), (left, "left")):
        exact = exit_passage(process, 0.3, (0.0, 1.0), side)
        check(found, exact.mean)
        assert found.variance == pytest.approx(exact.variance, rel=1e-10)
    total = right.probability * right.mean + left.probability * left.mean
    assert total == pytest.approx(whole.mean, rel=1e-12)


def test_rare_ends_have_times_of_their_own():
    """Up a slope against all odds: probability e^-60, and the time of those that make it."""
    process = LineProcess(0.01, drift=lambda x: -np.ones_like(x))
    problem = Problem(
        Grid.line(0.0, 1.0, 80, ("absorbing", "reflecting")),
        FLAT,
        noise.white(0.01),
        forces.expressions(-1.0),
    )
    found = mean_first_passage(problem, 0.2, Box([(0.8, 1.0)]))
    exact = exit_passage(process, 0.2, (0.0, 0.8), "right")
    assert found.probability == pytest.approx(exact.probability, rel=1e-11)
    assert found.probability < 1e-25
    check(found, exact.mean, 1e-11)
    assert found.variance == pytest.approx(exact.variance, rel=1e-5)
    assert abs(found.variance / exact.variance - 1) < found.variance_error


@pytest.mark.parametrize("d", [1e-3, 2e-4])
def test_sharp_times_of_the_rarest(d):
    """Up a slope with probability e^-600 and e^-3000, in a time that is sharp."""
    problem = Problem(
        Grid.line(0.0, 1.0, 80, ("absorbing", "reflecting")),
        FLAT,
        noise.white(d),
        forces.expressions(-1.0),
    )
    found = mean_first_passage(problem, 0.2, Box([(0.8, 1.0)]))
    exact = exit_passage(LineProcess(d, drift=lambda x: -np.ones_like(x)), 0.2, (0.0, 0.8), "right")
    check(found, exact.mean, 1e-10, error=1e-6)
    assert found.variance == pytest.approx(exact.variance, rel=1e-3)
    assert found.variance < (0.1 * found.mean) ** 2


def test_linear_drift():
    """Exit of an Ornstein-Uhlenbeck process, and its passage from below."""
    loss = landscapes.from_expression("x**2/2")
    found = mean_first_passage(
        Problem(Grid.line(-1, 1, 40, "absorbing"), loss, noise.white(1.0)), 0.0, "walls"
    )
    check(found, 0.595749318512758)
    problem = Problem(Grid.line(-6, 1.5, 100), loss, noise.white(0.5))
    found = mean_first_passage(problem, 0.0, 1.0)
    check(found, 4.03772833295520761)
    process = LineProcess(0.5, loss=lambda x: x**2 / 2, low=-6.0, high=1.5)
    exact = line_passage(process, 0.0, 1.0)
    assert found.variance == pytest.approx(exact.variance, rel=1e-10)


@pytest.mark.parametrize("row", PARABOLAS)
def test_frozen_noise_on_matched_parabolas(row):
    """theory.md C7: D jumps on the way; each reading has its own prefactor."""
    ha, hb, height, eb, *means = row
    length = sqrt(2 * height * (ha + hb) / (ha * hb))
    landscape = landscapes.piecewise_quadratic(
        curvature=(ha, ha), saddle_curvature=hb, barrier=(height, height)
    )
    grid = Grid.line(-length - 9 * sqrt(eb), length + 9 * sqrt(eb), 400)
    for (_, reading), mean in zip(READINGS.items(), means, strict=True):
        frozen = noise.hessian(2 * eb, 1, model="frozen", reading=reading)
        found = mean_first_passage(
            Problem(grid, landscape, frozen), -length, length * ha / (ha + hb)
        )
        check(found, mean)


@pytest.mark.parametrize(("eb", "ito", "stratonovich", "hanggi"), FROZEN)
def test_frozen_noise_on_the_quartic(eb, ito, stratonovich, hanggi):
    means = (ito, stratonovich, hanggi)
    for (_, reading), mean in zip(READINGS.items(), means, strict=True):
        frozen = noise.hessian(2 * eb, 1, model="frozen", reading=reading)
        problem = Problem(Grid.line(-2.4, 2.4, 200), landscapes.quartic(), frozen)
        check(mean_first_passage(problem, -1.0, 1.0), mean)


@pytest.mark.parametrize("row", REGULARISED)
def test_noise_with_a_floor(row):
    """theory.md C9: D = eb sqrt(H^2 + eps^2) all but stops at the inflections.

    Far out ``Phi ~ x^2 / 6 eb`` grows so slowly that the wall must stand at -4.
    """
    eps, *means = row

    def problem(eb, kappa):
        absolute = noise.hessian(2 * eb, 1, model="absolute", floor=eps, reading=READINGS[kappa])
        return Problem(Grid.line(-4.0, 2.4, 1024), landscapes.quartic(), absolute)

    for (eb, kappa), mean in zip(
        ((0.05, 1.0), (0.05, 0.0), (0.05, 0.5), (0.025, 1.0), (0.025, 0.0)),
        means[:-1],
        strict=True,
    ):
        check(mean_first_passage(problem(eb, kappa), -1.0, 1.0), mean, 2e-11, error=1e-7)
    check(mean_first_passage(problem(0.05, 1.0), -1.0, 0.0), means[-1], 2e-11, error=1e-7)


@pytest.mark.parametrize(
    ("c", "ito", "stratonovich", "hanggi"),
    [
        (1 / 16, 30259564162029.0, 12746101835635.0, 5374417965177.0),
        (1 / 8, 17770019.545902, 7724583.446649, 3372072.6381983),
        (1 / 4, 13383.397459291, 6207.1556467307, 2934.5190623071),
    ],
)
def test_noise_proportional_to_the_loss(c, ito, stratonovich, hanggi):
    """theory.md C11. Walls stand where a heavy tail (x^-4 c) of weight is nothing."""
    for (_, reading), mean in zip(READINGS.items(), (ito, stratonovich, hanggi), strict=True):
        d = noise.tensor("c*((x**2 - 1)**2/4 + 0.05)", parameters={"c": c}, reading=reading)
        wide = Problem(Grid.line(-40.0, 2.0, 4000), landscapes.quartic(), d)
        check(mean_first_passage(wide, -1.0, 1.0), mean, 1e-11)


@settings(deadline=None, max_examples=12)
@given(
    st.floats(-0.95, 1.1),
    st.floats(0.0, 0.3),
    st.floats(0.02, 2.0),
    st.sampled_from(list(READINGS)),
    st.integers(40, 90),
)
def test_starts_of_any_extent(x, width, t, kappa, cells):
    """Averaged over the stationary density within; to a wall, to a set, between two ends."""
    start = (x, min(x + width, 1.15))
    process = LineProcess(
        lambda y: t * (1 + 0.5 * np.sin(3 * y)), drift=lambda y: y - y**3, kappa=kappa,
        low=-1.0, high=1.4,
    )  # fmt: skip
    begin = Box([start]) if start[1] - start[0] > 1e-3 else (x,)
    exact_start = start if start[1] - start[0] > 1e-3 else x
    d = noise.tensor("t*(1 + sin(3*x)/2)", parameters={"t": t}, reading=READINGS[kappa])

    def problem(low):
        grid = Grid.line(-1.0, 1.4, cells, (low, "reflecting"))
        return Problem(grid, landscapes.quartic(), d)

    found = mean_first_passage(problem("reflecting"), begin, HalfPlane([1.0], 1.2))
    agree(found, line_passage(process, exact_start, 1.2))
    found = mean_first_passage(problem("absorbing"), begin, HalfPlane([1.0], 1.2))
    exact = exit_passage(process, exact_start, (-1.0, 1.2), "right")
    agree(found, exact)
    assert found.probability == pytest.approx(exact.probability, rel=1e-8)


def agree(found, exact):
    """Within the error that is said, which is small."""
    for log10, estimate, log_exact in (
        (found.log10_mean, found.error, exact.log_mean),
        (found.log10_variance, found.variance_error, exact.log_variance),
    ):
        assert estimate < 1e-4
        assert abs(log10 * log(10) - log_exact) < 2 * estimate + 1e-9


def test_the_field_of_times():
    """From every cell: what is asked one by one; nothing inside the target."""
    problem = tilted(30)
    found = mean_first_passage(problem, LEFT, Ball([0.9], 0.3))
    x = problem.grid.axes[0].centres
    inside = np.abs(x - 0.9) < 0.3
    assert np.isneginf(found.log10_times[inside]).all()
    for k in np.flatnonzero(~inside)[::5]:
        low = x[k] < 0.9
        exact = line_passage(TILTED, x[k], 0.6 if low else 1.2)
        # the field is that of the finest chain; the mean at the start is extrapolated
        assert 10 ** found.log10_times[k] == pytest.approx(exact.mean, rel=1e-6)


@settings(deadline=None, max_examples=15)
@given(st.floats(-0.4, 0.4), st.floats(0.05, 0.95), st.floats(0.05, 1.0))
def test_rings(force, begin, width):
    """Around a ring a target is met from both sides: an interval between two ends."""
    whole, seam = 2 * pi, 6.0
    loss, d = landscapes.from_expression("cos(x)/2"), noise.white(0.2)
    grid = Grid.line(0.0, whole, 90, "periodic")

    def passage(turn):
        start = [turn * (seam + width + begin * (whole - width)) % whole]
        target = Ball([turn * (seam + width / 2) % whole], width / 2)
        problem = Problem(grid, loss, d, forces.expressions(turn * force))
        return mean_first_passage(problem, start, target)

    process = LineProcess(0.2, drift=lambda x: np.sin(x) / 2 + force)
    ends = (seam + width, seam + whole)
    exact = exit_passage(process, ends[0] + begin * (ends[1] - ends[0]), ends)
    found, mirrored = passage(1), passage(-1)
    agree(found, exact)
    assert mirrored.mean == pytest.approx(found.mean, rel=1e-11)


def test_a_point_on_a_ring_is_met_from_both_sides():
    """Free motion to a point at the distance x on one side and 1 - x on the other."""
    grid = Grid.line(0.0, 1.0, 20, "periodic")
    problem = Problem(grid, FLAT, noise.white(0.4))
    found = mean_first_passage(problem, 0.13, 0.9)
    check(found, 0.23 * 0.77 / 0.8)


def test_basins_end_at_the_saddle():
    problem = tilted(120)
    basin = Basin([RIGHT], problem.landscape)
    found = mean_first_passage(problem, LEFT, basin)
    exact = line_passage(TILTED, LEFT, 0.101031257881011)
    assert found.mean == pytest.approx(exact.mean, rel=1e-9)


def test_walls_beside_a_deep_well_hold_the_time_of_escape():
    """Absorbing walls at +-2.4 far above the barrier change nothing that can be seen."""
    closed = mean_first_passage(quartic_line(200, 0.0125), -1.0, 1.0)
    open_ = mean_first_passage(quartic_line(200, 0.0125, walls="absorbing"), -1.0, 1.0)
    assert open_.probability == pytest.approx(1.0, abs=1e-12)
    assert open_.mean == pytest.approx(closed.mean, rel=1e-11)


def test_a_time_scale_of_the_noise_is_one_of_the_answer():
    """Exact scaling: doubling temperature and loss halves all times."""
    one = mean_first_passage(tilted(100), LEFT, RIGHT)
    loss = landscapes.from_expression("2*(x**4/4 - x**2/2 + x/10)")
    two = mean_first_passage(
        Problem(Grid.line(-2.2, 2.2, 100), loss, noise.white(0.1)), LEFT, RIGHT
    )
    assert two.mean == pytest.approx(one.mean / 2, rel=1e-13)
    assert two.variance == pytest.approx(one.variance / 4, rel=1e-12)


def test_quadratures_agree_with_the_process():
    exact = line_passage(quartic_process(0.03), (-1.3, -0.8), 0.7)
    found = mean_first_passage(quartic_line(128, 0.03), Box([(-1.3, -0.8)]), 0.7)
    check(found, exact.mean, 1e-11)
    assert found.variance == pytest.approx(exact.variance, rel=1e-10)


def test_mistakes_are_explained():
    problem = tilted(40)
    with pytest.raises(CaseError, match="lies in the target"):
        mean_first_passage(problem, 0.9, Ball([1.0], 0.3))
    with pytest.raises(CaseError, match="no wall of the grid is absorbing"):
        mean_first_passage(problem, LEFT, "walls")
    with pytest.raises(CaseError, match='set of points or "walls"'):
        mean_first_passage(problem, LEFT, "the right well")
    with pytest.raises(CaseError, match="outside the grid"):
        mean_first_passage(problem, LEFT, Ball([7.0], 0.3))
    cooling = noise.white(0.05, schedule=Schedule.steps([1.0], [0.5]))
    with pytest.raises(CaseError, match="schedule"):
        mean_first_passage(Problem(problem.grid, problem.landscape, cooling), LEFT, RIGHT)
    with pytest.raises(NumericalError, match="more than"):
        mean_first_passage(tilted(40, temperature=1e-8), LEFT, RIGHT)
