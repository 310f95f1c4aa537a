"""Densities under long jumps in the plane: stationary, and in time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.levy_plane import PlaneLevy
from fokkerplanck.levy_plane_killed import plane_system
from fokkerplanck.levy_plane_tail import Tails, tails_outside

__all__ = ["PlaneStationary", "plane_stationary", "regridded_mass", "steady_masses"]

Array = NDArray[np.float64]
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
    return float(np.abs(mass - regridded_mass(rough, half.grid, problem.grid)).sum())


def regridded_mass(mass: Array, grid: Grid, other: Grid) -> Array:
    """Masses on the cells of another grid over the same rectangle, by cubic interpolation."""
    x, y = (axis.centres for axis in grid.axes)
    spline = RectBivariateSpline(x, y, mass)
    to = [
        np.clip(axis.centres, c[0], c[-1]) for axis, c in zip(other.axes, (x, y), strict=True)
    ]
    found = np.asarray(spline(*to), dtype=np.float64)
    return found * (mass.sum() / found.sum())
