"""Mean exit and transition times under long jumps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import barycentric_interpolate

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid, Wall
from fokkerplanck.landscapes.critical import critical_points
from fokkerplanck.levy import Levy, Nodes, point_inside

__all__ = ["LevyExit", "levy_exit", "levy_transition"]

Array = NDArray[np.float64]
#: Nodes around the start that its time is interpolated from.
STENCIL = 6
#: Error from which on no time is given.
LOST = 0.1
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class LevyExit:
    """Mean time until a walker is killed, from every node and from a point.

    Parameters
    ----------
    grid : Grid
        The domain that is left.
    x, times : ndarray, shape (n,)
        Nodes, and the mean times from them.
    start, mean, rate : float
        A point, the mean time from there, and one over it.
    error : float
        Relative error of `mean`: its change from half as many nodes, and `rounding`.
    rounding : float
        Relative size of what solving the equations leaves undetermined.
    """

    grid: Grid
    x: Array
    times: Array
    start: float
    mean: float
    rate: float
    error: float
    rounding: float


def levy_exit(problem: Levy, start: float, domain: tuple[float, float] | None = None) -> LevyExit:
    r"""Mean time to leave a domain, by drift or by a jump over its edge.

    .. math:: -L' T' + s^\alpha \bigl(-(-\Delta)^{\alpha / 2}\bigr) T = -1, \quad T = 0
        \text{ outside}

    Parameters
    ----------
    problem : Levy
    start : float
    domain : (float, float), optional
        Its ends; the grid of the problem, whose walls then absorb on at least one side, unless
        given. It is cut into as many cells as the grid.

    Raises
    ------
    CaseError
        When no wall absorbs, or the start lies outside.
    NumericalError
        When the equations could not be solved to 1e-5, or half as many nodes change
        the time by more than a tenth.
    """
    if domain is not None:
        cells = problem.grid.shape[0]
        problem = replace(problem, grid=Grid.line(*domain, cells, walls="absorbing"))
    if "absorbing" not in problem.grid.walls[0]:
        msg = "nobody leaves: make a wall of the grid absorbing, or give the domain to be left"
        raise CaseError(msg, key="grid.x.walls")
    at = point_inside(start, problem.grid, "passage.from")
    count = problem.grid.shape[0]
    nodes = problem.at(count)
    times, rounding = problem.system(nodes).solve(np.ones(count))
    # products by FFT are off by this part of the largest rate, which times amplify
    rounding += EPSILON * abs(nodes.generator.jumps.first[0]) * float(times.max())
    half = problem.at(count // 2)
    fewer, _ = problem.system(half).solve(np.ones(count // 2))
    mean, rough = _time_at(problem, nodes, times, at), _time_at(problem, half, fewer, at)
    error = abs(rough / mean - 1.0) + rounding
    if not (mean > 0.0 and error < LOST):
        msg = (
            f"the mean exit time from x = {at:.6g} came out as {mean:.4g} on {count} nodes and "
            f"{rough:.4g} on half as many: more cells are needed"
        )
        raise NumericalError(msg)
    return LevyExit(problem.grid, nodes.x, times, at, mean, 1.0 / mean, error, rounding)


def levy_transition(problem: Levy, start: float, target: float) -> LevyExit:
    """Mean time from one minimum to the basin of another, at the edge of the chain of wells.

    The walker has arrived once it is beyond the maximum that separates the target from all other
    minima; it may have jumped there over any number of wells. Other ends of the grid are as in the
    problem.

    Parameters
    ----------
    problem : Levy
        With walls that do not absorb.
    start : float
        Where the walker begins.
    target : float
        Near the first or the last minimum on the grid.

    Raises
    ------
    CaseError
        When there is just one minimum, or the target lies between others.
    """
    grid = problem.grid
    point_inside(start, grid, "passage.from")
    found = critical_points(problem.landscape, grid)
    minima = sorted(float(c.position[0]) for c in found if c.kind == "minimum")
    tops = sorted(float(c.position[0]) for c in found if c.kind != "minimum")
    if len(minima) < 2 or not tops:
        msg = f"there is no other well to go to: minima on the grid at {minima}"
        raise CaseError(msg, key="passage.to")
    nearest = min(minima, key=lambda m: abs(m - target))
    axis = grid.axes[0]
    walls: tuple[Wall, Wall]
    if nearest == minima[-1] and start < tops[-1]:
        low, high, walls = axis.min, tops[-1], (axis.walls[0], "absorbing")
    elif nearest == minima[0] and start > tops[0]:
        low, high, walls = tops[0], axis.max, ("absorbing", axis.walls[1])
    else:
        msg = f"the target is the first or last of the minima {minima}, and the start not in its "
        msg += f"basin; got {target:.6g} from {start:.6g}"
        raise CaseError(msg, key="passage.to")
    cut = Grid.line(low, high, grid.shape[0], walls=walls)
    return levy_exit(replace(problem, grid=cut), start)


def _time_at(problem: Levy, nodes: Nodes, times: Array, at: float) -> float:
    """Interpolate between nodes, with what is singular at walls divided out."""
    axis = problem.grid.axes[0]
    first = int(np.clip(np.searchsorted(nodes.x, at) - STENCIL // 2, 0, len(times) - STENCIL))
    near = slice(first, first + STENCIL)
    points = np.append(nodes.x[near], at)
    weight = np.ones(STENCIL + 1)
    for side, distance in enumerate((points - axis.min, axis.max - points)):
        layer = nodes.generator.wind[-side] == 0.0
        if problem.fates[side] == "killed" and layer:
            weight *= distance ** (1.0 if problem.temperature > 0.0 else 0.5 * problem.alpha)
    value = barycentric_interpolate(points[:-1], times[near] / weight[:-1], at)
    return float(value * weight[-1])
