"""Predictions about distances between densities, the H-theorem and schedules of the noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import distances, forces, initial, landscapes, noise
from fokkerplanck.density import evolve
from fokkerplanck.grid import Grid
from fokkerplanck.observe import covariance
from fokkerplanck.problem import Problem
from fokkerplanck.refinement import refined, refined_all
from fokkerplanck.schedule import Schedule
from fokkerplanck.steady_state import stationary
from fokkerplanck.theory import distances as exact
from fokkerplanck.theory.gaussian import gaussian_cells
from fokkerplanck.verification.rows import Entry, Row, deviation

__all__ = ["ENTRIES"]

Array = NDArray[np.float64]

#: Normal laws on a line: N(0, 1) and N(1, 4); and in a plane, see `_plane_distances`.
LINE = (exact.Normal.of(0.0, 1.0), exact.Normal.of(1.0, 4.0))
PLANE = (
    exact.Normal.of([1.0, -0.5], [[2.0, 0.5], [0.5, 1.0]]),
    exact.Normal.of([0.0, 0.0], [[1.0, -0.3], [-0.3, 0.8]]),
)
#: L1 distances of these pairs, by quadrature.
L1_LINE, L1_PLANE = 0.780131320242111, 0.92119227
CLOSED = "closed form for normal laws"


Numbers = dict[str, tuple[float, float]]


def _metrics(pair: tuple[exact.Normal, exact.Normal], grid: Grid, l1: float) -> Numbers:
    """Distances of two normal laws on a grid, beside what they are."""
    p, q = (gaussian_cells(grid, n.mean, n.covariance) for n in pair)
    a, b = pair
    return {
        "KL(p, q)": (distances.kl(p, q, grid), exact.kl(a, b)),
        "KL(q, p)": (distances.kl(q, p, grid), exact.kl(b, a)),
        "Hellinger distance": (distances.hellinger(p, q, grid), exact.hellinger(a, b)),
        "Fisher information": (
            distances.relative_fisher(p, q, grid),
            exact.relative_fisher(a, b),
        ),
        "L1 distance": (distances.l1(p, q, grid), l1),
    }


def _line_metrics(grid: Grid) -> Numbers:
    p, q = (gaussian_cells(grid, n.mean, n.covariance) for n in LINE)
    w1, w2 = (distances.wasserstein(p, q, grid, k).value for k in (1, 2))
    wasserstein = {"W1": (w1, exact.w1(*LINE)), "W2": (w2, exact.w2(*LINE))}
    return _metrics(LINE, grid, L1_LINE) | wasserstein


def _plane_metrics(grid: Grid) -> Numbers:
    return _metrics(PLANE, grid, L1_PLANE)


def _distances() -> Iterator[Row]:
    line, plane = Grid.line(-19.0, 21.0, 4000), Grid.plane((-9.0, 11.0, 400), (-9.0, 8.0, 340))
    yield from _refined_distances("line", line, _line_metrics)
    yield from _refined_distances("plane", plane, _plane_metrics)
    p, q = (gaussian_cells(plane, n.mean, n.covariance) for n in PLANE)
    second = distances.wasserstein(p, q, plane, 2)
    note = f"its own estimate of its error: {second.error:.0e}"
    yield Row("W2, plane", second.value, exact.w2(*PLANE), 5e-3, CLOSED, note=note)


def _refined_distances(where: str, grid: Grid, metrics: Callable[[Grid], Numbers]) -> Iterator[Row]:
    # only the grid of this problem is of interest
    flat = Problem(grid, landscapes.from_expression(0.0, grid.dim), noise.white(1.0))
    found = refined_all(
        lambda p: [v for v, _ in metrics(p.grid).values()], flat, levels=(0.5, 0.75, 1.0)
    )
    for (name, (plain, value)), number in zip(metrics(grid).items(), found, strict=True):
        if name == "L1 distance":  # has kinks, and so no order
            yield Row(f"{name}, {where}", plain, value, 1e-5, "quadrature")
        else:
            text = f"{name}, {where}, h to 0"
            tolerance = 1e-5 if name.startswith("Fisher") and grid.dim == 2 else 1e-6
            yield Row(text, number.extrapolated, value, tolerance, CLOSED)


def _relaxing(cells: int = 800) -> Problem:
    return Problem(
        Grid.line(-7.0, 7.0, cells), landscapes.from_expression("x**2/2"), noise.white(1.0)
    )


def _entropy_fall(problem: Problem) -> list[float]:
    """KL from equilibrium at t = 1/2, its slope in time, and the slope from the information."""
    step, grid = 5e-4, problem.grid
    start = initial.gaussian(grid, [2.0], 0.5)
    times = [0.5 - step, 0.5, 0.5 + step]
    found = evolve(problem, start, times, tolerance=1e-11, weight="midpoint").density
    rest = stationary(problem).density
    before, here, after = (distances.kl(p, rest, grid) for p in found)
    information = distances.relative_fisher(found[1], rest, grid)
    return [here, (after - before) / (2 * step), -information]


def _h_theorem() -> Iterator[Row]:
    names = ("KL at t = 0.5", "d KL / dt at t = 0.5", "-D I at t = 0.5")
    values = (0.759223594956125, -1.57665117732, -1.57665117732)
    found = refined_all(_entropy_fall, _relaxing(), levels=(0.25, 0.5, 1.0))
    for name, numbers, value in zip(names, found, values, strict=True):
        yield Row(f"{name}, 800 cells", float(numbers.values[-1]), value, 1e-3, "H-theorem")
        yield Row(f"{name}, h to 0", numbers.extrapolated, value, 1e-6, "H-theorem")
    yield from _driven_fall()


def _driven_fall() -> Iterator[Row]:
    """Without detailed balance too, two densities only come closer."""
    ring = Problem(
        Grid.line(0.0, 2 * np.pi, 200, "periodic"),
        landscapes.from_expression("cos(x)"),
        noise.white(0.5),
        forces.expressions(2.0),
    )
    times = np.geomspace(1e-2, 30.0, 60)
    pair = [
        evolve(ring, initial.gaussian(ring.grid, [m], 0.3), times, tolerance=1e-11)
        for m in (1.0, 4.0)
    ]
    kl = [distances.kl(p, q, ring.grid) for p, q in zip(*(e.density for e in pair), strict=True)]
    rise = float(np.diff(kl).max())
    text = "largest rise of KL, driven ring"
    yield deviation(text, max(rise, 0.0), 1e-14, "H-theorem of any chain")


def _schedule() -> Iterator[Row]:
    schedule = Schedule.expression("exp(-t/3)")
    problem = Problem(
        Grid.line(-3.0, 3.0, 800),
        landscapes.from_expression("x**2/2"),
        noise.white(0.1, schedule=schedule),
    )

    def variance(on: Problem) -> float:
        start = initial.gaussian(on.grid, [0.0], np.sqrt(0.1))
        found = evolve(on, start, [2.0], tolerance=1e-9, weight="midpoint")
        return float(covariance(on.grid, found.density[-1])[0, 0])

    found = refined(variance, problem, levels=(0.25, 0.5, 1.0))
    value, against = 0.0612437415061364, "dS/dt = 2 D(t) - 2 h S"
    yield Row("variance at t = 2, 800 cells", float(found.values[-1]), value, 1e-3, against)
    yield Row("variance at t = 2, h to 0", found.extrapolated, value, 1e-6, against)


ENTRIES = (
    Entry("I.33", "distances", "distances between normal laws on cells", _distances),
    Entry("I.34", "H-theorem", "fall of the relative entropy in time", _h_theorem),
    Entry("I.35", "schedule", "variance under noise that decays in time", _schedule),
)
