"""Densities under long jumps: stationary, and in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.levy import Levy, Nodes
from fokkerplanck.levy_state import fewer, l1_distance, start_masses, steady
from fokkerplanck.levy_steps import (
    CLIP_WEIGHT,
    LevyStep,
    advanced,
    check_after,
    check_tolerance,
    increasing_times,
)
from fokkerplanck.levy_tail import mass_outside
from fokkerplanck.solvers.levy_chain import LineLevyChain
from fokkerplanck.solvers.levy_evolve import Flow

if TYPE_CHECKING:
    from fokkerplanck.levy_plane import PlaneLevy
    from fokkerplanck.levy_plane_density import PlanePath, PlaneStationary

__all__ = [
    "LevyPath",
    "LevyStationary",
    "LevyStep",
    "increasing_times",
    "levy_evolve",
    "levy_evolve_steps",
    "levy_stationary",
]

Array = NDArray[np.float64]
#: L1 error from which on no density is given.
LOST = 0.5
#: Mass outside of the grid from which on the density inside means little.
MOST_OUTSIDE = 0.2


@dataclass(frozen=True, eq=False)
class LevyStationary:
    """Stationary density under long jumps.

    Parameters
    ----------
    grid : Grid
    x, density : ndarray, shape (n,)
        Nodes, and the density there; its integral is ``1 - outside``.
    outside : float
        Mass of the tails beyond the grid, from the balance of drift and jumps there; 0 where jumps
        beyond the walls are suppressed.
    error : float
        L1 change from half as many nodes, and `rounding`. What walls do to the density is not in
        it; that is of the order of `outside`.
    rounding : float
        Relative size of what solving the equations leaves undetermined.
    """

    grid: Grid
    x: Array
    density: Array
    outside: float
    error: float
    rounding: float


@dataclass(frozen=True, eq=False)
class LevyPath:
    """Densities under long jumps at some times.

    Parameters
    ----------
    grid : Grid
    x : ndarray, shape (n,)
    times : ndarray, shape (m,)
    density : ndarray, shape (m, n)
        None negative.
    mass : ndarray, shape (m,)
        What has not been killed; where no wall absorbs, 1 to rounding.
    integration_error : ndarray, shape (m,)
        L1 error of the integration in time, accumulated.
    error : ndarray, shape (m,)
        The same, what was clipped, and the L1 change from half as many nodes.
    clipped : ndarray, shape (m,)
        Negative mass that was set to 0 up to then.
    steps : tuple of LevyStep
    """

    grid: Grid
    x: Array
    times: Array
    density: Array = field(repr=False)
    mass: Array
    integration_error: Array
    error: Array
    clipped: Array
    steps: tuple[LevyStep, ...] = field(repr=False)


@overload
def levy_stationary(problem: Levy) -> LevyStationary: ...
@overload
def levy_stationary(problem: PlaneLevy) -> PlaneStationary: ...
def levy_stationary(problem: Levy | PlaneLevy) -> LevyStationary | PlaneStationary:
    r"""Stationary density, :math:`(L' p)' + T p'' - s^\alpha (-\Delta)^{\alpha / 2} p = 0`.

    With ``outside="stopped"`` the grid stands for the whole line, and the mass of the tails beyond
    it is taken from the balance :math:`|L'(x)|\,p(x) = s^\alpha C_{1, \alpha} |x|^{-\alpha} /
    \alpha` of drift and jumps. In the plane see `fokkerplanck.levy_plane_density`.

    Raises
    ------
    CaseError
        When a wall absorbs, or the loss does not rise beyond the walls, where walkers are stopped.
    NumericalError
        When the equations could not be solved to 1e-5, half as many nodes change the density
        wholly, or more than a fifth of the mass lies outside.
    """
    if not isinstance(problem, Levy):
        from fokkerplanck.levy_plane_density import plane_stationary

        return plane_stationary(problem)
    if "absorbing" in problem.grid.walls[0]:
        msg = "nothing is stationary where walls absorb: take reflecting ones"
        raise CaseError(msg, key="grid.x.walls")
    count = problem.grid.shape[0]
    outside = _outside(problem)
    nodes, half = problem.at(count), problem.at(count // 2)
    fine, rounding = steady(problem, nodes)
    rough, _ = steady(problem, half)
    error = l1_distance(fine, nodes, rough, half) + rounding
    outside = _outside(problem, fine)  # from all of the mass
    if problem.outside == "stopped":
        error += abs(mass_outside(problem, rough, half.x) - outside)
    if not error < LOST:
        msg = f"half as many nodes as {count} change the density by {error:.2g}: take more cells"
        raise NumericalError(msg)
    density = (1.0 - outside) * fine / nodes.generator.spacing
    return LevyStationary(problem.grid, nodes.x, density, outside, error, rounding)


def _outside(problem: Levy, density: Array | None = None) -> float:
    """Mass beyond the grid, where it stands for the whole line; refused where it is much."""
    outside = mass_outside(problem, density) if problem.outside == "stopped" else 0.0
    if not outside < MOST_OUTSIDE:
        axis = problem.grid.axes[0]
        msg = f"about {outside:.2g} of the mass lies beyond [{axis.min:.6g}, {axis.max:.6g}]: "
        msg += "take a longer grid"
        raise NumericalError(msg)
    return outside


@overload
def levy_evolve(
    problem: Levy, start: float | ArrayLike, times: Sequence[float], *, tolerance: float = 1e-5
) -> LevyPath: ...
@overload
def levy_evolve(
    problem: PlaneLevy, start: ArrayLike, times: Sequence[float], *, tolerance: float = 1e-5
) -> PlanePath: ...
def levy_evolve(
    problem: Levy | PlaneLevy,
    start: float | ArrayLike,
    times: Sequence[float],
    *,
    tolerance: float = 1e-5,
) -> LevyPath | PlanePath:
    """Densities at increasing times.

    Parameters
    ----------
    problem : Levy or PlaneLevy
    start : float or array_like, shape (n,) or (nx, ny)
        A point, or a density in the cells of the grid.
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
        When the tolerance cannot be reached, or negative masses exceed 1e-2.

    Notes
    -----
    Where no wall absorbs, mass is exact: see `fokkerplanck.solvers.levy_evolve`.
    """
    if not isinstance(problem, Levy):
        from fokkerplanck.levy_plane_density import plane_evolve

        return plane_evolve(problem, start, times, tolerance=tolerance)
    count = problem.grid.shape[0]
    nodes, half = problem.at(count), problem.at(count // 2)
    steps = tuple(levy_evolve_steps(problem, start, times, tolerance=tolerance))
    first = start_masses(problem, start, nodes)
    rough = start_masses(problem, start, half) if np.ndim(start) == 0 else fewer(first, nodes, half)
    others = _steps(problem, half, LevyStep(0.0, rough), increasing_times(times), tolerance)
    changes = [
        l1_distance(step.mass, nodes, other.mass, half)
        for step, other in zip(steps, others, strict=True)
    ]
    spent, clipped = (np.array([getattr(s, k) for s in steps]) for k in ("error", "clipped"))
    masses = np.array([step.mass for step in steps])
    return LevyPath(
        problem.grid,
        nodes.x,
        np.array([step.time for step in steps]),
        masses / nodes.generator.spacing,
        masses.sum(axis=1),
        spent,
        spent + CLIP_WEIGHT * clipped + np.array(changes),
        clipped,
        steps,
    )


def levy_evolve_steps(
    problem: Levy | PlaneLevy,
    start: float | ArrayLike,
    times: Sequence[float],
    *,
    tolerance: float = 1e-5,
    after: LevyStep | None = None,
) -> Iterator[LevyStep]:
    """Yield one `LevyStep` per time, each computed when asked for; see `levy_evolve`.

    With `after`, an earlier step (its time, mass, error and clipped mass), it goes on from there
    bit for bit as if there had been no break, and `start` is not used. Divide masses by the
    spacing of ``problem.nodes`` for densities.
    """
    if not isinstance(problem, Levy):
        from fokkerplanck.levy_plane_density import plane_evolve_steps

        return plane_evolve_steps(problem, start, times, tolerance=tolerance, after=after)
    at = increasing_times(times)
    check_tolerance(tolerance)
    nodes = problem.at(problem.grid.shape[0])
    if after is None:
        after = LevyStep(0.0, start_masses(problem, start, nodes))
    else:
        check_after(after, at, nodes.x.shape)
    return _steps(problem, nodes, after, at, tolerance)


def _steps(
    problem: Levy, nodes: Nodes, step: LevyStep, times: Array, tolerance: float
) -> Iterator[LevyStep]:
    flow = _flow(problem, nodes)
    for time in times.tolist():
        if time > step.time:
            step = advanced(flow, step, time, tolerance)
        yield step


def _flow(problem: Levy, nodes: Nodes) -> Flow:
    stationary = None
    if "killed" not in nodes.generator.outside:
        try:
            stationary = steady(problem, nodes)[0]
        except NumericalError:
            # few jumps over a high barrier: late times will be refused, early ones need it not
            stationary = None
    return Flow(LineLevyChain(nodes.generator, problem.coarse(nodes).generator), stationary)
