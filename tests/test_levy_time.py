"""Long jumps in time: against exponentials of the whole generator, closed forms, and itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

import fokkerplanck as fp
from fokkerplanck import theory
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.levy_density import LevyStep, levy_evolve_steps
from fokkerplanck.solvers.levy_chain import LineLevyChain
from fokkerplanck.solvers.levy_evolve import Flow

FLAT = fp.landscapes.from_expression("0 * x", dim=1)
PARABOLA = fp.landscapes.from_expression("x**2 / 2", dim=1)
QUARTIC = fp.landscapes.from_expression("(x**2 - 1)**2 / 4", dim=1)


def line(low, high, cells, loss, alpha, scale, temperature=0.0, walls="reflecting", **more):
    grid = fp.Grid.line(low, high, cells, walls=walls)
    return fp.Levy(grid, loss, alpha, scale, temperature, **more)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8])
@pytest.mark.parametrize(
    ("problem", "start"),
    [
        (line(-4, 4, 150, QUARTIC, 1.5, 0.3), -1.0),
        (line(-4, 4, 150, QUARTIC, 0.7, 0.5), -1.0),
        (line(-1, 1, 100, FLAT, 1.5, 1.0, walls="absorbing"), 0.3),
        (line(-1, 2, 100, PARABOLA, 1.2, 0.5, 0.1, walls=("absorbing", "reflecting")), 0.3),
        (line(0, 2, 100, FLAT, 0.8, 1.0, outside="suppressed"), 0.4),
    ],
)
def test_exponentials_of_the_generator(problem, start, tolerance):
    """Errors stay below what is reported, which stays below the tolerance."""
    times = [1e-3, 0.1, 1.0, 7.0]
    first, *_ = levy_evolve_steps(problem, start, [0.0])
    columns = problem.at(len(first.mass)).generator.dense().T
    for step in levy_evolve_steps(problem, start, times, tolerance=tolerance):
        exact = expm(step.time * columns) @ first.mass
        off = np.abs(step.mass - exact).sum()
        # the exponential itself is good to about 1e-13 times the norm
        assert off < step.error + 2.5 * step.clipped + 1e-11
        assert step.error < tolerance
        assert step.mass.min() >= 0.0


@pytest.mark.parametrize(
    ("problem", "start", "time"),
    [
        (
            line(-3.1, 3.1, 160, FLAT, 0.7, 0.08, walls="absorbing", outside="suppressed"),
            -2.2,
            0.18,
        ),
        (line(-2.6, 2.6, 148, PARABOLA, 1.2, 0.27, outside="suppressed"), -2.28, 5.9),
        (line(-2.1, 2.1, 66, PARABOLA, 0.8, 0.084, outside="suppressed"), -0.018, 17.0),
        (line(-8.1, 8.1, 129, PARABOLA, 1.6, 0.15), -5.9, 6.8),
    ],
)
def test_small_spaces_are_not_believed(problem, start, time):
    """Drift that dominates, one long step: spaces of few vectors agree that all is over."""
    first, step = levy_evolve_steps(problem, start, [0.0, time], tolerance=1e-4)
    exact = expm(time * problem.at(len(first.mass)).generator.dense().T) @ first.mass
    assert np.abs(step.mass - exact).sum() < step.error + 2.5 * step.clipped + 1e-11


def test_order_of_times_makes_no_difference():
    """Few times or many: the same density within the errors of both."""
    problem = line(-5, 5, 400, QUARTIC, 1.3, 0.3)
    (few,) = levy_evolve_steps(problem, 0.5, [2.0], tolerance=1e-7)
    *_, many = levy_evolve_steps(problem, 0.5, np.linspace(0.1, 2.0, 20), tolerance=1e-7)
    assert np.abs(few.mass - many.mass).sum() < few.error + many.error + 2 * many.clipped
    assert many.error < 1e-7


@pytest.mark.parametrize("walls", ["reflecting", "absorbing"])
def test_an_interrupted_run_goes_on_bit_for_bit(walls):
    problem = line(-3, 3, 120, QUARTIC, 1.4, 0.4, walls=walls)
    times = np.geomspace(1e-3, 30.0, 7)
    whole = list(levy_evolve_steps(problem, 1.0, times))
    saved = whole[2]
    after = LevyStep(saved.time, saved.mass.copy(), saved.error, saved.clipped)
    rest = list(levy_evolve_steps(problem, 1.0, times[3:], after=after))
    for a, b in zip(whole[3:], rest, strict=True):
        assert np.array_equal(a.mass, b.mass)
        assert (a.time, a.error, a.clipped, a.method) == (b.time, b.error, b.clipped, b.method)


def test_mass_is_exact_and_late_times_are_stationary():
    problem = line(-8, 8, 500, QUARTIC, 1.2, 0.3)
    path = fp.levy_evolve(problem, -1.0, [1e-2, 1.0, 1e2, 1e6])
    assert path.mass == pytest.approx(np.ones(4), abs=1e-13)
    steady = fp.levy_stationary(problem)
    off = np.abs(path.density[-1] * (1 - steady.outside) - steady.density).sum() * 16 / 500
    assert off < 1e-10
    assert path.steps[-1].method == "stationary"
    # on the way the well that was started in still holds more
    left = path.density[:, problem.nodes < 0].sum(axis=1) * 16 / 500
    assert (np.diff(left) < 0).all()
    assert left[-1] == pytest.approx(0.5, abs=1e-9)


def test_survival_decays_with_the_slowest_rate():
    problem = line(-1, 1, 500, FLAT, 1.0, 1.0, walls="absorbing")
    path = fp.levy_evolve(problem, 0.0, [3.0, 4.0, 5.0], tolerance=1e-9)
    rates = -np.diff(np.log(path.mass))
    # Kulczycki, Kwasnicki, Malecki and Stos (2010)
    assert rates == pytest.approx([1.1577738836977] * 2, rel=5e-5)


def test_densities_in_the_cells_are_starts():
    problem = line(-6, 6, 300, PARABOLA, 1.5, 0.5)
    start = fp.initial.gaussian(problem.grid, 1.0, 0.3)
    path = fp.levy_evolve(problem, start, [0.5])
    # characteristic function: of the Gaussian, contracted, times that of the stable law
    for w in (0.5, 1.0):
        gauss = np.exp(1j * w * np.exp(-0.5) - 0.5 * (w * np.exp(-0.5) * 0.3) ** 2)
        jumps = complex(theory.levy_ou_characteristic(w, 1.5, 0.5, time=0.5, start=0.0))
        found = (path.density[0] * np.exp(1j * w * path.x)).sum() * 12 / 300
        assert found == pytest.approx(gauss * jumps, abs=3e-3)
    assert np.abs(path.density[0]).sum() * 12 / 300 == pytest.approx(1.0)


def test_at_two_it_is_gaussian_diffusion():
    """An Ornstein-Uhlenbeck process of temperature s^2 stays Gaussian."""
    grid = fp.Grid.line(-3, 3, 300)
    times = np.array([0.1, 1.0, 20.0])
    path = fp.levy_evolve(
        fp.Levy(grid, PARABOLA, 2.0, np.sqrt(0.1)), fp.initial.gaussian(grid, 0.8, 0.2), times
    )
    for time, p, error in zip(times, path.density, path.error, strict=True):
        width = np.sqrt(0.1 + (0.04 - 0.1) * np.exp(-2 * time))
        exact = fp.initial.gaussian(grid, 0.8 * np.exp(-time), width)
        gap = np.abs(p - exact).sum() * 6 / 300
        assert gap < 1e-3
        assert gap < error


def test_errors_of_the_discretisation_fall():
    def found(cells):
        return fp.levy_evolve(line(-6, 6, cells, QUARTIC, 1.5, 0.5), -1.0, [0.5])

    coarse, fine = found(200), found(400)
    assert fine.error[0] < 0.4 * coarse.error[0]
    h = fine.x[1] - fine.x[0]
    off = np.abs(np.interp(fine.x, coarse.x, coarse.density[0]) - fine.density[0]).sum() * h
    assert off < coarse.error[0]


def test_a_front_too_sharp_for_the_cells_is_refused():
    with pytest.raises(NumericalError, match="more cells or a smoother start"):
        fp.levy_evolve(line(-8, 8, 100, QUARTIC, 1.9, 0.05), 6.0, [0.01])


def test_what_rounding_hides_is_refused():
    """A barrier that nobody crosses at alpha = 2: early times are found, late ones are not."""
    problem = line(-3, 3, 200, QUARTIC, 2.0, 0.03)
    early = fp.levy_evolve(problem, -1.0, [0.1, 5.0])
    assert early.mass == pytest.approx([1, 1], abs=1e-12)
    with pytest.raises(NumericalError):
        fp.levy_evolve(problem, -1.0, [1e14])


def test_bad_starts_times_and_tolerances():
    problem = line(-2, 2, 64, QUARTIC, 1.5, 0.3)
    for tolerance in (0.0, 0.5, float("nan")):
        with pytest.raises(CaseError, match=r"evolve\.tolerance"):
            levy_evolve_steps(problem, 0.0, [1.0], tolerance=tolerance)
    with pytest.raises(CaseError, match=r"evolve\.times"):
        levy_evolve_steps(problem, 0.0, [])
    step = LevyStep(2.0, np.full(64, 1 / 64))
    with pytest.raises(CaseError, match="go on after 2"):
        levy_evolve_steps(problem, 0.0, [1.0], after=step)
    with pytest.raises(CaseError, match="64 nodes"):
        levy_evolve_steps(problem, 0.0, [3.0], after=replace(step, mass=np.ones(3)))


def test_a_flow_that_loses_mass_says_what_is_left():
    """Masses that are not of sum 1 are evolved as they are."""
    problem = line(-1, 1, 64, FLAT, 1.5, 1.0, walls="absorbing")
    nodes = problem.at(64)
    flow = Flow(LineLevyChain(nodes.generator, nodes.generator))
    mass = np.exp(-(nodes.x**2))
    one = flow.advance(mass, 0.3, 1e-9)
    two = flow.advance(2.0 * mass, 0.3, 2e-9)
    assert two.mass == pytest.approx(2.0 * one.mass, rel=1e-7)
    exact = expm(0.3 * nodes.generator.dense().T) @ mass
    assert one.mass == pytest.approx(exact, abs=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("cells", [16384, 65536])
def test_many_nodes_and_nine_decades(cells):
    problem = line(-10, 10, cells, QUARTIC, 1.5, 0.1)
    steps = list(levy_evolve_steps(problem, -1.0, np.geomspace(1e-3, 1e6, 10), tolerance=1e-4))
    assert steps[-1].error < 1e-4
    assert steps[-1].method == "stationary"
    assert [s.mass.sum() for s in steps] == pytest.approx(np.ones(10), abs=1e-12)
    steady = fp.levy_stationary(problem)
    h = steady.x[1] - steady.x[0]
    off = np.abs(steps[-1].mass - steady.density * h / (1 - steady.outside)).sum()
    assert off < 1e-9
