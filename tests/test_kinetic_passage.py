"""First passage of underdamped motion: Milne's problem, limits, symmetry, paths."""

from __future__ import annotations

import numpy as np
import pytest

import fokkerplanck as fp
from fokkerplanck.solvers.half_range import half_range
from tests.kinetics import FREE, QUARTIC, quartic

#: -zeta(1/2): the extrapolation length of a free particle at an absorbing wall, in s / g
MILNE = 1.4603545088095868


def test_half_range_functions():
    v = half_range(10)
    assert np.allclose(v.raising[0, 1:][3:], 0, atol=1e-11)
    w = np.linspace(0, 14, 200001)
    values = np.array([v.values(x) for x in (0.3, -0.3)], dtype=object)
    even = np.array([list(e) for e, _ in values])
    odd = np.array([list(o) for _, o in values])
    assert np.allclose(even[0], even[1])
    assert np.allclose(odd[0], -odd[1])
    assert v.values(0.0)[1] == pytest.approx(np.zeros(9))
    assert even[0, 0] == pytest.approx(1.0, abs=1e-13)
    density = np.exp(-0.5 * w**2) / np.sqrt(2 * np.pi)
    assert v.flux[0, 0] == pytest.approx(2 * np.trapezoid(w * density, w), rel=1e-8)
    # multiplying by w leads from even to odd and back, adjoint to each other
    assert np.linalg.eigvalsh(v.odd).min() >= 1 - 1e-9
    assert abs(np.linalg.eigvalsh(v.even)).min() < 1e-12


def test_milne_problem():
    """Outside the layers T = c + L x - x^2 / 2, and c grows by Milne's length with the slope L."""
    rest = []
    for length in (18.0, 24.0):
        grid = fp.Grid.line(0.0, length, 160)
        problem = fp.Underdamped(grid, FREE, 1.0, 1.0, modes=48)
        found = fp.kinetic_first_passage(problem, length, 0.0)
        rest.append(found.mean - 0.5 * length**2)
    assert (rest[1] - rest[0]) / 6.0 == pytest.approx(MILNE, rel=2e-5)


def test_milne_length_shifts_the_wall_of_the_overdamped_problem():
    grid = fp.Grid.line(-2.2, 2.2, 200)
    gaps = []
    for friction in (100.0, 200.0):
        found = fp.kinetic_first_passage(quartic(friction, 0.05), -1.0, 0.5)
        shifted = fp.mean_first_passage(
            fp.Problem(grid, QUARTIC, fp.noise.white(0.05)),
            -1.0,
            0.5 + MILNE * np.sqrt(0.05) / friction,
        )
        gaps.append(found.mean / friction / shifted.mean - 1)
    assert abs(gaps[0]) < 2e-4
    assert gaps[0] / gaps[1] == pytest.approx(4.0, rel=0.2)


def test_wells_and_the_slowest_eigenvalue():
    """From well to well takes 1 / k = 2 / lambda_1, up to e^(-barrier / T)."""
    found = fp.kinetic_first_passage(quartic(1.0, 0.025), -1.0, 1.0)
    assert found.mean == pytest.approx(2 / 1.231625e-5, rel=2e-3)
    assert found.variance == pytest.approx(found.mean**2, rel=2e-3)
    assert found.error < 1e-5


@pytest.mark.parametrize("friction", [0.1, 1.0, 30.0])
def test_errors_are_honest(friction):
    rough = fp.kinetic_first_passage(quartic(friction, 0.1, cells=60, modes=36), -1.0, 0.3)
    fine = fp.kinetic_first_passage(quartic(friction, 0.1, cells=200, modes=120), -1.0, 0.3)
    assert abs(rough.mean / fine.mean - 1) < max(2 * rough.error, 1e-9)
    assert fine.error < 1e-4


def test_mirrored_starts_and_two_targets():
    problem = quartic(0.7, 0.1, cells=120)
    right = fp.kinetic_first_passage(problem, (-0.5, 0.2), 0.6)
    left = fp.kinetic_first_passage(problem, (0.5, -0.2), -0.6)
    assert right.mean == pytest.approx(left.mean, rel=1e-9)
    assert np.allclose(right.log10_times[:60], left.log10_times[::-1, ::-1][:60], atol=1e-8)
    both = fp.kinetic_first_passage(problem, 0.0, (-0.6, 0.6))
    assert both.mean < right.mean
    assert both.target == "x = -0.6 or x = 0.6"


def test_on_a_ring_the_target_is_on_both_sides():
    grid = fp.Grid.line(-1.0, 1.0, 100, walls="periodic")
    ring = fp.Underdamped(grid, FREE, 1.0, 0.5, modes=40)
    line = fp.Underdamped(fp.Grid.line(-2.0, 2.0, 200), FREE, 1.0, 0.5, modes=40)
    here = fp.kinetic_first_passage(ring, 0.7, 0.2)
    there = fp.kinetic_first_passage(line, -1.3, (-1.8, 0.2))
    assert here.mean == pytest.approx(there.mean, rel=1e-8)
    assert np.isfinite(here.log10_times).sum() > 0.95 * here.log10_times.size


def test_times_on_the_plane():
    problem = quartic(1.0, 0.1, cells=100)
    found = fp.kinetic_first_passage(problem, -1.0, 0.5)
    x, v = (axis.centres for axis in problem.phase_grid.axes)
    times = 10**found.log10_times
    assert (times[x > 0.5] == 0).all()
    inside = x < 0.5
    row = int(np.argmin(np.abs(x + 1)))
    assert times[row].max() < 2 * found.mean
    # just before the target: soon for who flies towards it, long for who flies away
    edge = np.flatnonzero(inside)[-1]
    assert times[edge, np.argmin(np.abs(v - 0.6))] < 0.2
    assert times[edge, np.argmin(np.abs(v + 1.2))] > 0.8 * found.mean


@pytest.mark.parametrize(
    ("start", "target", "words"),
    [
        (0.5, 0.5, "the target itself"),
        (5.0, 0.5, "does not lie on the grid"),
        (-1.0, np.nan, "finite"),
        (-1.5, (-1.0, 1.0), "between"),
        ((0.0, 1.0, 2.0), 0.5, "one or two"),
    ],
)
def test_bad_starts_and_targets(start, target, words):
    with pytest.raises(fp.CaseError, match=words):
        fp.kinetic_first_passage(quartic(1.0, 0.1), start, target)


def test_what_cannot_be_vouched_for_is_refused():
    with pytest.raises(fp.NumericalError, match="more modes"):
        fp.kinetic_first_passage(quartic(0.003, 0.05, cells=80, modes=12), -1.0, 0.5)
    with pytest.raises(fp.NumericalError, match="double precision"):
        fp.kinetic_first_passage(quartic(1.0, 0.25 / 45, cells=300), -1.0, 0.5)


def test_survival_has_the_mean_and_the_slowest_rate():
    problem = quartic(1.0, 0.15, cells=40, modes=24)
    times = np.geomspace(0.5, 400, 14)
    law = fp.kinetic_passage_distribution(problem, -1.0, 0.3, times, tolerance=1e-4)
    assert (np.diff(law.survival) < 0).all()
    assert law.survival[0] > 0.9
    late = np.log(law.survival[-2] / law.survival[-1]) / (times[-1] - times[-2])
    assert law.density[-1] / law.survival[-1] == pytest.approx(late, rel=1e-6)
    # density against the slope of the curve, from the trapezoidal rule on the logarithm
    inside = np.trapezoid(law.survival * times, np.log(times)) + times[0]
    assert inside + law.survival[-1] / late == pytest.approx(law.mean, rel=2e-2)


def paths(friction, temperature, target, velocity, walkers, dt, seed):
    """First passage times from x = -1 by BAOAB steps; None for thermal velocities."""
    rng = np.random.default_rng(seed)
    x = np.full(walkers, -1.0)
    v = (
        rng.normal(0, np.sqrt(temperature), walkers)
        if velocity is None
        else np.full(walkers, velocity)
    )
    times, left, t = np.zeros(walkers), np.arange(walkers), 0.0
    keep = np.exp(-friction * dt)
    kick = np.sqrt(temperature * (1 - keep**2))
    while left.size:
        t += dt
        v = v - 0.5 * dt * (x**3 - x)
        x = x + 0.5 * dt * v
        v = keep * v + kick * rng.normal(size=x.size)
        x = x + 0.5 * dt * v
        v = v - 0.5 * dt * (x**3 - x)
        out = x >= target
        times[left[out]] = t
        left, x, v = left[~out], x[~out], v[~out]
    return times


@pytest.mark.slow
@pytest.mark.parametrize(
    ("friction", "velocity"), [(0.2, None), (1.0, None), (1.0, 0.5), (5.0, None)]
)
def test_paths(friction, velocity):
    start = -1.0 if velocity is None else (-1.0, velocity)
    found = fp.kinetic_first_passage(quartic(friction, 0.12), start, 0.4)
    times = paths(friction, 0.12, 0.4, velocity, 6000, 0.01, 7)
    spread = times.std() / np.sqrt(times.size)
    assert abs(times.mean() - found.mean) < 4 * spread + 0.01
    assert times.var() == pytest.approx(found.variance, rel=0.15)


@pytest.mark.slow
def test_survival_against_paths():
    problem = quartic(0.3, 0.15, cells=60, modes=48)
    times = np.array([1.0, 2.0, 4.0, 8.0, 20.0, 60.0])
    law = fp.kinetic_passage_distribution(problem, (-1.0, 0.6), 0.2, times, tolerance=1e-4)
    seen = paths(0.3, 0.15, 0.2, 0.6, 20000, 0.01, 3)
    for time, alive in zip(times, law.survival, strict=True):
        share = (seen > time).mean()
        assert abs(share - alive) < 4 * np.sqrt(alive * (1 - alive) / seen.size) + 3e-3
