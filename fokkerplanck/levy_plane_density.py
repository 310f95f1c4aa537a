"""Densities under long jumps in the plane: stationary, and in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import RectBivariateSpline

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.interpolate import around
from fokkerplanck.levy_plane import PlaneLevy, point_in_plane
from fokkerplanck.levy_plane_killed import plane_system
from fokkerplanck.levy_plane_tail import tails_outside
from fokkerplanck.levy_state import OFF
from fokkerplanck.levy_steps import (
    CLIP_WEIGHT,
    LevyStep,
    advanced,
    check_after,
    check_tolerance,
    increasing_times,
)
from fokkerplanck.solvers.levy_chain import PlaneLevyChain
from fokkerplanck.solvers.levy_evolve import Flow

__all__ = [
    "PlanePath",
    "PlaneStationary",
    "plane_evolve",
    "plane_evolve_steps",
    "plane_stationary",
    "steady_masses",
]

Array = NDArray[np.float64]
#: A point, or a density.
Start = float | Sequence[float] | ArrayLike
#: L1 error from which on no density is given.
LOST = 0.5
#: Mass outside of the grid from which on the density inside means little.
MOST_OUTSIDE = 0.2


@dataclass(frozen=True, eq=False)
class PlaneStationary:
    """Stationary density under long jumps in the plane.

    Parameters
    ----------
    grid : Grid
    density : ndarray, shape (nx, ny)
        In the cells; its integral is ``1 - outside``.
    outside : float
        Mass of the tails beyond the grid, from the balance of drift and single jumps there; 0 where
        jumps beyond the walls are suppressed.
    escape_rate : float
        Rate of jumps beyond the walls in the stationary state, per walker.
    error : float
        L1 change from half as many cells along each axis, and `rounding`. What walls do to the
        density is not in it; that is of the order of `outside`.
    rounding : float
        Relative size of what solving the equations leaves undetermined.
    """

    grid: Grid = field(repr=False)
    density: Array = field(repr=False)
    outside: float
    escape_rate: float
    error: float
    rounding: float


@dataclass(frozen=True, eq=False)
class PlanePath:
    """Densities under long jumps in the plane at some times.

    Parameters
    ----------
    grid : Grid
    times : ndarray, shape (m,)
    density : ndarray, shape (m, nx, ny)
        None negative.
    mass : ndarray, shape (m,)
        What has not been killed; where no wall absorbs, 1 to rounding.
    integration_error : ndarray, shape (m,)
        L1 error of the integration in time, accumulated.
    error : ndarray, shape (m,)
        The same, what was clipped, and the L1 change from half as many cells along each axis.
    clipped : ndarray, shape (m,)
        Negative mass that was set to 0 up to then.
    steps : tuple of LevyStep
    """

    grid: Grid = field(repr=False)
    times: Array
    density: Array = field(repr=False)
    mass: Array
    integration_error: Array
    error: Array
    clipped: Array
    steps: tuple[LevyStep, ...] = field(repr=False)


def plane_stationary(problem: PlaneLevy) -> PlaneStationary:
    r"""Stationary density, :math:`\nabla \cdot (p \nabla L) + T \Delta p + J^T p = 0`.

    With ``outside="stopped"`` the grid stands for the whole plane, and the mass of the tails beyond
    it is that of walkers on their way back from single jumps, see `tails_outside`.

    Raises
    ------
    CaseError
        When a wall absorbs, or the drift does not lead back from beyond the walls, where walkers
        are stopped.
    NumericalError
        When the equations could not be solved to 1e-5, half as many cells change the density
        wholly, or more than a fifth of the mass lies outside.
    """
    if problem.absorbing:
        msg = "nothing is stationary where walls absorb: take reflecting ones"
        raise CaseError(msg, key="grid.x.walls")
    mass, rounding = steady_masses(problem)
    tails = tails_outside(problem, mass)
    if not tails.mass < MOST_OUTSIDE:
        msg = f"about {tails.mass:.2g} of the mass lies beyond the walls: take a larger grid"
        raise NumericalError(msg)
    error = _change(problem, mass) + rounding
    if not error < LOST:
        cells = " x ".join(map(str, problem.grid.shape))
        msg = f"half as many cells as {cells} change the density by {error:.2g}: take more cells"
        raise NumericalError(msg)
    density = (1.0 - tails.mass) * mass / problem.grid.volume
    return PlaneStationary(problem.grid, density, tails.mass, tails.rate, error, rounding)


def plane_evolve(
    problem: PlaneLevy, start: Start, times: Sequence[float], *, tolerance: float = 1e-5
) -> PlanePath:
    """Densities at increasing times.

    Parameters
    ----------
    problem : PlaneLevy
    start : point or array_like, shape (nx, ny)
        A point, shared by the four cells around it, or a density in the cells.
    times : sequence of float
        Increasing, the first at least 0.
    tolerance : float
        L1 error of the integration in time, accumulated; that of the discretisation is reported
        beside it.

    Raises
    ------
    CaseError
        When times do not increase, the start is not a density or lies outside, or the tolerance
        is not between 1e-10 and 0.1.
    NumericalError
        When the tolerance cannot be kept, or negative masses exceed 1e-2.
    """
    steps = tuple(plane_evolve_steps(problem, start, times, tolerance=tolerance))
    half = problem.fewer(0.5)
    first = _start(problem, start)
    point = np.shape(start) == (2,)
    rough = _start(half, start) if point else _regridded(first, problem.grid, half.grid)
    begin = LevyStep(0.0, np.maximum(rough, 0.0))
    others = _steps(half, begin, increasing_times(times), tolerance)
    changes = [
        float(np.abs(step.mass - _regridded(other.mass, half.grid, problem.grid)).sum())
        for step, other in zip(steps, others, strict=True)
    ]
    spent, clipped = (np.array([getattr(s, k) for s in steps]) for k in ("error", "clipped"))
    masses = np.array([step.mass for step in steps])
    return PlanePath(
        problem.grid,
        np.array([step.time for step in steps]),
        masses / problem.grid.volume,
        masses.sum(axis=(1, 2)),
        spent,
        spent + CLIP_WEIGHT * clipped + np.array(changes),
        clipped,
        steps,
    )


def plane_evolve_steps(
    problem: PlaneLevy,
    start: Start,
    times: Sequence[float],
    *,
    tolerance: float = 1e-5,
    after: LevyStep | None = None,
) -> Iterator[LevyStep]:
    """Yield one `LevyStep` per time, its masses of shape (nx, ny); see `levy_evolve_steps`."""
    at = increasing_times(times)
    check_tolerance(tolerance)
    if after is None:
        after = LevyStep(0.0, _start(problem, start))
    else:
        check_after(after, at, problem.grid.shape)
    return _steps(problem, after, at, tolerance)


def _steps(
    problem: PlaneLevy, step: LevyStep, times: Array, tolerance: float
) -> Iterator[LevyStep]:
    stationary = None
    if not problem.absorbing:
        # few jumps over a high barrier: late times will be refused, early ones need it not
        with suppress(NumericalError):
            stationary = steady_masses(problem)[0].ravel()
    levels = plane_system(problem, problem.generator()).levels
    flow, shape = Flow(PlaneLevyChain(levels), stationary), problem.grid.shape
    for time in times.tolist():
        if time > step.time:
            flat = replace(step, mass=step.mass.ravel())
            step = advanced(flow, flat, time, tolerance)
            step = replace(step, mass=step.mass.reshape(shape))
        yield step


def _start(problem: PlaneLevy, start: Start) -> Array:
    """Masses of the cells: as given, or a point shared by the four around it."""
    grid = problem.grid
    given = np.asarray(start, dtype=np.float64)
    if given.shape == (2,):
        point = np.array(point_in_plane(given, grid, "initial.point"))
        live = np.ones(grid.shape[0] * grid.shape[1], dtype=np.bool_)
        return around(live, grid, point).reshape(grid.shape)
    if given.shape != grid.shape or not np.isfinite(given).all() or given.min() < 0.0:
        msg = f"needs a point, or a density >= 0 in the {grid.shape} cells, got shape "
        msg += f"{given.shape}"
        raise CaseError(msg, key="initial")
    mass = given.sum() * grid.volume
    if not abs(mass - 1.0) < OFF:
        msg = f"the initial density has mass {mass:.6g} on the grid, not 1"
        raise CaseError(msg, key="initial")
    return np.asarray(given / given.sum())


def steady_masses(problem: PlaneLevy) -> tuple[Array, float]:
    """Stationary masses of the cells, which sum to 1, and what is undetermined of them.

    Walkers are taken away at a rate and put anywhere, for free.
    """
    size = 0.5 * min(axis.max - axis.min for axis in problem.grid.axes)
    rate = (max(problem.scales) / size) ** problem.alpha + problem.temperature / size**2
    system = plane_system(problem, problem.generator(), transposed=True, restart=rate)
    p, rounding = system.solve(np.full(problem.grid.shape, rate))
    return p / p.sum(), rounding


def _change(problem: PlaneLevy, mass: Array) -> float:
    """L1 distance of the stationary masses from those on half as many cells along each axis."""
    half = problem.fewer(0.5)
    rough, _ = steady_masses(half)
    return float(np.abs(mass - _regridded(rough, half.grid, problem.grid)).sum())


def _regridded(mass: Array, grid: Grid, other: Grid) -> Array:
    """Masses on the cells of another grid over the same rectangle, by cubic interpolation."""
    x, y = (axis.centres for axis in grid.axes)
    spline = RectBivariateSpline(x, y, mass)
    to = [np.clip(axis.centres, c[0], c[-1]) for axis, c in zip(other.axes, (x, y), strict=True)]
    found = np.asarray(spline(to[0], to[1]), dtype=np.float64)
    return np.asarray(found * (mass.sum() / found.sum()) if mass.any() else found)
