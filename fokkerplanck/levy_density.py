"""Densities under long jumps: stationary, and in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.levy import Levy, Nodes, point_inside
from fokkerplanck.levy_tail import mass_outside
from fokkerplanck.solvers.levy_evolve import MOST, levy_masses

__all__ = ["LevyPath", "LevyStationary", "levy_evolve", "levy_stationary"]

Array = NDArray[np.float64]
#: L1 error from which on no density is given.
LOST = 0.5
#: Mass outside of the grid from which on the density inside means little.
MOST_OUTSIDE = 0.2
#: What the mass of a given start may be off by.
OFF = 1e-3
#: Mass that rounding may take on the way.
MOST_ROUNDING = 1e-6


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
    mass : ndarray, shape (m,)
        What has not been killed.
    integration_error : ndarray, shape (m,)
        L1 error of the integration in time, all of it rounding.
    error : ndarray, shape (m,)
        The same, and the L1 change from half as many nodes.
    """

    grid: Grid
    x: Array
    times: Array
    density: Array
    mass: Array
    integration_error: Array
    error: Array


def levy_stationary(problem: Levy) -> LevyStationary:
    r"""Stationary density, :math:`(L' p)' + T p'' - s^\alpha (-\Delta)^{\alpha / 2} p = 0`.

    With ``outside="stopped"`` the grid stands for the whole line, and the mass of the tails beyond
    it is taken from the balance :math:`|L'(x)|\,p(x) = s^\alpha C_{1, \alpha} |x|^{-\alpha} /
    \alpha` of drift and jumps.

    Raises
    ------
    CaseError
        When a wall absorbs, or the loss does not rise beyond the walls, where walkers are stopped.
    NumericalError
        When the equations could not be solved to 1e-5, half as many nodes change the density
        wholly, or more than a fifth of the mass lies outside.
    """
    if "absorbing" in problem.grid.walls[0]:
        msg = "nothing is stationary where walls absorb: take reflecting ones"
        raise CaseError(msg, key="grid.x.walls")
    count = problem.grid.shape[0]
    outside = mass_outside(problem) if problem.outside == "stopped" else 0.0
    if not outside < MOST_OUTSIDE:
        axis = problem.grid.axes[0]
        msg = f"about {outside:.2g} of the mass lies beyond [{axis.min:.6g}, {axis.max:.6g}]: "
        msg += "take a longer grid"
        raise NumericalError(msg)
    nodes, half = problem.at(count), problem.at(count // 2)
    fine, rounding = _steady(problem, nodes)
    rough, _ = _steady(problem, half)
    error = _distance(fine, nodes, rough, half) + rounding
    if not error < LOST:
        msg = f"half as many nodes as {count} change the density by {error:.2g}: take more cells"
        raise NumericalError(msg)
    density = (1.0 - outside) * fine
    return LevyStationary(problem.grid, nodes.x, density, outside, error, rounding)


def levy_evolve(problem: Levy, start: float | ArrayLike, times: Sequence[float]) -> LevyPath:
    """Densities at increasing times.

    Parameters
    ----------
    problem : Levy
        On at most 2048 cells.
    start : float or array_like, shape (n,)
        A point, or a density at the nodes of the problem.
    times : sequence of float
        Increasing, the first at least 0.

    Raises
    ------
    CaseError
        When times do not increase, the start is not a density or lies outside, or cells are too
        many.
    NumericalError
        When rounding leaves less than six digits.
    """
    at = _increasing(times)
    count = problem.grid.shape[0]
    if count > MOST:
        msg = f"densities in time are found on at most {MOST} cells under long jumps, got {count}"
        raise CaseError(msg, key="grid.x.cells")
    nodes, half = problem.at(count), problem.at(count // 2)
    first = _start(problem, start, nodes)
    rough = _start(problem, start, half) if np.ndim(start) == 0 else _fewer(first, nodes, half)
    found, spent = _path(nodes, first, at)
    other, _ = _path(half, rough, at)
    if not spent[-1] < MOST_ROUNDING:
        msg = f"rounding has taken {spent[-1]:.1e} of the mass by time {at[-1]:.4g}"
        raise NumericalError(msg)
    changes = [_distance(p, nodes, q, half) for p, q in zip(found, other, strict=True)]
    mass = found.sum(axis=1) * nodes.generator.spacing
    return LevyPath(problem.grid, nodes.x, at, found, mass, spent, spent + np.array(changes))


def _increasing(times: Sequence[float]) -> Array:
    at = np.asarray(times, dtype=np.float64)
    good = at.ndim == 1 and len(at) > 0 and np.isfinite(at).all()
    if not (good and at[0] >= 0 and (np.diff(at) > 0).all()):
        msg = f"needs increasing finite times from 0 on, got {times!r:.80}"
        raise CaseError(msg, key="evolve.times")
    return at


def _steady(problem: Levy, nodes: Nodes) -> tuple[Array, float]:
    """Density of mass 1: walkers are taken away at a rate and put anywhere, for free."""
    count, h = len(nodes.x), nodes.generator.spacing
    size = 0.5 * h * count
    rate = (problem.scale / size) ** problem.alpha + problem.temperature / size**2
    p, rounding = problem.system(nodes, transposed=True, restart=rate).solve(np.full(count, rate))
    return p / (p.sum() * h), rounding


def _path(nodes: Nodes, start: Array, times: Array) -> tuple[Array, Array]:
    h = nodes.generator.spacing
    masses, spent = levy_masses(nodes.generator, start * h, times.tolist())
    return masses / h, spent


def _start(problem: Levy, start: float | ArrayLike, nodes: Nodes) -> Array:
    """Density at the nodes: as given, or a point shared by its two neighbours."""
    x, h = nodes.x, nodes.generator.spacing
    if np.ndim(start) == 0:
        at = np.clip(point_inside(start, problem.grid, "initial.point"), x[0], x[-1])
        return np.asarray(np.maximum(0.0, 1.0 - np.abs(x - at) / h) / h)
    p = np.asarray(start, dtype=np.float64)
    if p.shape != x.shape or not np.isfinite(p).all() or p.min() < 0.0:
        msg = f"needs a point, or a density >= 0 at the {len(x)} nodes, got shape {p.shape}"
        raise CaseError(msg, key="initial")
    if not abs(p.sum() * h - 1.0) < OFF:
        msg = f"the initial density has mass {p.sum() * h:.6g} on the nodes, not 1"
        raise CaseError(msg, key="initial")
    return np.asarray(p / (p.sum() * h))


def _fewer(p: Array, nodes: Nodes, half: Nodes) -> Array:
    """Interpolate a density on half as many nodes, and keep its mass."""
    q = _between(half.x, nodes.x, p)
    return np.asarray(q * (p.sum() * nodes.generator.spacing / (q.sum() * half.generator.spacing)))


def _distance(p: Array, nodes: Nodes, q: Array, half: Nodes) -> float:
    """L1 distance of densities on nodes and on half as many."""
    return float(np.abs(p - _between(nodes.x, half.x, q)).sum() * nodes.generator.spacing)


def _between(x: Array, nodes: Array, p: Array) -> Array:
    """Interpolation that stays within its neighbours, constant beyond the outermost nodes."""
    return np.asarray(PchipInterpolator(nodes, p)(np.clip(x, nodes[0], nodes[-1])))
