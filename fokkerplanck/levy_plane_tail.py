"""Mass of the tails beyond the walls of a grid that stands for the whole plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.laguerre import laggauss
from numpy.typing import NDArray
from scipy.special import gamma

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.levy_plane import PlaneLevy
from fokkerplanck.solvers.fractional import jump_constant
from fokkerplanck.solvers.levy_plane_jumps import PlaneFates, PlaneJumps

__all__ = ["Tails", "jump_constant_plane", "tails_outside"]

Array = NDArray[np.float64]
#: Directions of jumps, and distances in each.
DIRECTIONS, DISTANCES = 32, 10
#: Logarithm of the distance, over that of the walls, beyond which the way back is no longer.
FURTHEST = 60.0
#: Step of the way back, as a part of the distance from the wells, and most steps.
STEP, MOST_STEPS = 0.1, 2_000
#: Of Rosenbrock's method.
GAMMA = 1.0 + np.sqrt(0.5)
TINY = 1e-300
KILLED: PlaneFates = (("killed", "killed"), ("killed", "killed"))


@dataclass(frozen=True)
class Tails:
    """Walkers beyond the walls.

    Parameters
    ----------
    mass : float
        Of the stationary state.
    rate : float
        Of jumps beyond the walls, per walker inside.
    """

    mass: float
    rate: float


def jump_constant_plane(alpha: float) -> float:
    r"""C of the jump measure :math:`C |y|^{-2 - \alpha} d^2 y` of an isotropic Levy motion.

    .. math:: C_{2, \alpha} = \frac{\alpha 2^{\alpha - 1} \Gamma(1 + \alpha / 2)}{\pi \Gamma(1 -
        \alpha / 2)}
    """
    half = 0.5 * alpha
    at_two = half / gamma(2.0 - half) * (2.0 - alpha)
    return float(2.0**alpha * gamma(1.0 + half) * at_two / (2.0 * np.pi))


def tails_outside(problem: PlaneLevy, mass: Array) -> Tails:
    r"""Stationary mass beyond the walls, where a single jump leads from the wells to there.

    Walkers that arrive at x outside stay for the time :math:`\tau(x)` that drift takes to bring
    them back, so that the mass is :math:`\int \lambda(x) \tau(x) dx` with the rate
    :math:`\lambda = s^\alpha C_{2, \alpha} |x - m|^{-2 - \alpha}` of jumps from the mean place m.
    On a line this is the balance of drift and jumps.

    Parameters
    ----------
    problem : PlaneLevy
    mass : ndarray, shape (nx, ny)
        Stationary masses of the cells.

    Raises
    ------
    CaseError
        Where drift does not bring walkers back.
    """
    jumps = PlaneJumps(problem.rates(), KILLED)
    rate = float(-(mass * jumps.apply(np.ones(problem.grid.shape))).sum())
    if problem.outside == "suppressed" or problem.alpha == 2.0:
        return Tails(0.0, rate)
    well = np.tensordot(mass, problem.grid.points(), axes=2)
    units, weights = _directions(problem)
    wall = _to_wall(problem.grid, well, units)
    z, laguerre = laggauss(DISTANCES)
    distance = wall[:, None] * np.exp(np.minimum(z / problem.alpha, FURTHEST))
    times = _way_back(problem, well + distance[..., None] * units[:, None, :])
    there = (weights * wall**-problem.alpha)[:, None] * laguerre / problem.alpha
    return Tails(float((there * times).sum()), rate)


def _directions(problem: PlaneLevy) -> tuple[Array, Array]:
    """Directions of jumps, and their rates over ``r^(-1 - alpha) dr``."""
    alpha = problem.alpha
    if problem.components == "independent":
        units = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        rates = [s**alpha * jump_constant(alpha) for s in problem.scales]
        return units, np.repeat(rates, 2)
    angle = 2.0 * np.pi * (np.arange(DIRECTIONS) + 0.5) / DIRECTIONS
    units = np.stack((np.cos(angle), np.sin(angle)), axis=-1)
    share = 2.0 * np.pi / DIRECTIONS
    rate = problem.scales[0] ** alpha * jump_constant_plane(alpha) * share
    return units, np.full(DIRECTIONS, rate)


def _to_wall(grid: Grid, well: Array, units: Array) -> Array:
    """Distance from the well to the walls in some directions."""
    with np.errstate(divide="ignore"):
        ways = [
            np.where(u > 0.0, (axis.max - c) / u, np.where(u < 0.0, (axis.min - c) / u, np.inf))
            for axis, c, u in zip(grid.axes, well, units.T, strict=True)
        ]
    return np.asarray(np.minimum(*ways))


def _way_back(problem: PlaneLevy, points: Array) -> Array:
    """Find the times that descent takes from points outside to the walls."""
    low = np.array([axis.min for axis in problem.grid.axes])
    high = np.array([axis.max for axis in problem.grid.axes])
    size = 0.5 * (high - low)
    x, times = points.reshape(-1, 2).copy(), np.zeros(points[..., 0].size)
    out = np.flatnonzero(((x < low) | (x > high)).any(axis=1))
    for _ in range(MOST_STEPS):
        if not out.size:
            return times.reshape(points.shape[:-1])
        here = x[out]
        # far away steps are parts of the distance, near the walls parts of the grid
        beyond = np.maximum(low - here, here - high)
        reach = STEP * np.maximum(np.hypot(*np.maximum(beyond, 0.0).T), size.min())
        dt, change = _descent(problem, here, reach)
        if not np.isfinite(change).all():
            break
        # the last step ends at the wall
        with np.errstate(divide="ignore", invalid="ignore"):
            part = np.where(beyond > 0.0, beyond / np.abs(change), 0.0).max(axis=1)
        done = np.all((here + change >= low) & (here + change <= high), axis=1)
        times[out] += np.where(done, np.minimum(part, 1.0), 1.0) * dt
        x[out] = here + change
        out = out[~done]
    at = points.reshape(-1, 2)[out[0]]
    msg = (
        f"descent does not lead back from ({at[0]:.6g}, {at[1]:.6g}), beyond walls where walkers "
        'are stopped; take a grid that reaches so far, or outside="suppressed" for a box'
    )
    raise CaseError(msg, key="grid")


def _descent(problem: PlaneLevy, x: Array, reach: Array) -> tuple[Array, Array]:
    """Time and way of one step down from each point (Rosenbrock's method of order 2, L-stable)."""
    with np.errstate(all="ignore"):
        return _rosenbrock(problem, x, reach)


def _rosenbrock(problem: PlaneLevy, x: Array, reach: Array) -> tuple[Array, Array]:
    slope = _finite(problem.landscape.gradient(x))
    curve = _finite(problem.landscape.hessian(x))
    dt = (reach / np.maximum(np.hypot(*slope.T), TINY))[:, None]
    matrix = np.eye(2) + GAMMA * dt[..., None] * curve
    first = _solved(matrix, -slope)
    there = _finite(problem.landscape.gradient(x + dt * first))
    second = _solved(matrix, -there - 2.0 * first)
    return dt[:, 0], dt * (1.5 * first + 0.5 * second)


def _solved(matrix: Array, right: Array) -> Array:
    """Solutions of 2 x 2 systems."""
    (a, b), (c, d) = matrix.transpose(1, 2, 0)
    found = np.stack((d * right[:, 0] - b * right[:, 1], a * right[:, 1] - c * right[:, 0]))
    return np.asarray((found / (a * d - b * c)).T)


def _finite(values: Array) -> Array:
    return np.nan_to_num(values, nan=0.0, posinf=1e150, neginf=-1e150)
