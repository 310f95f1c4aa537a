"""The probability current of a density: a vector field on cells, and its divergence."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.solvers.current import cell_current, divergence, entropy_production

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["Current", "current"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Current:
    """Probability current of a density under a problem's dynamics.

    Parameters
    ----------
    grid : Grid
        Where it lives.
    field : ndarray, shape (*shape, dim)
        J at cell centres; its integral is the rate of change of the mean position.
    divergence : ndarray, shape (*shape,)
        Net outflow of each cell by volume, ``-dp/dt``; zero to rounding at stationarity.
    entropy_production : float
        Rate, of the link fluxes where they carry it one by one, else of J.
    """

    grid: Grid
    field: Array = dataclasses.field(repr=False)
    divergence: Array = dataclasses.field(repr=False)
    entropy_production: float

    def _repr_html_(self) -> str:
        largest = float(np.linalg.norm(self.field, axis=-1).max())
        return f"<p>probability current, largest |J| = {largest:.4g}</p>"


def current(
    problem: Problem, density: Array, *, time: float = 0.0, weight: str = "fitted"
) -> Current:
    """Probability current of `density`, from the jump fluxes of the generator itself.

    Parameters
    ----------
    problem : Problem
        Dynamics.
    density : ndarray, shape (*grid.shape,)
        Probability density.
    time : float
        Instant, for scheduled noise.
    weight : str
        Link weight of the generator.

    Returns
    -------
    Current

    Raises
    ------
    CaseError
        If the shape is not that of the grid.
    """
    if np.shape(density) != problem.grid.shape:
        msg = f"a density here has shape {problem.grid.shape}, got {np.shape(density)}"
        raise CaseError(msg)
    generator = problem.generator(weight=weight, time=time)
    mass = np.asarray(density, dtype=np.float64) * problem.grid.volume
    return Current(
        problem.grid,
        cell_current(generator, mass),
        divergence(generator, mass),
        entropy_production(generator, mass, problem.fields(time)),
    )
