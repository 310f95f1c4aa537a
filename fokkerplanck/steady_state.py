"""The stationary density, with the current it carries and the entropy it produces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.link_weight import climbs, too_steep
from fokkerplanck.solvers.current import cell_current, divergence, entropy_production
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.stationary import stationary_mass

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["Stationary", "stationary"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stationary:
    """Stationary state of a problem.

    Parameters
    ----------
    grid : Grid
        Where it lives.
    density : ndarray, shape (*shape,)
        Integrates to 1.
    current : ndarray, shape (*shape, dim)
        Probability current density at cell centres.
    entropy_production : float
        Rate, >= 0; zero in detailed balance.
    irreversibility : float
        ``|J|_1 / (|f p|_1 + |f p - J|_1)``, between 0 (equilibrium) and 1.
    residual : float
        Largest net outflow of a cell over its throughput: what is left of ``Q.T P = 0``.
    weight : str
        Link weight of the generator.
    mean_climb : float
        Mean over the density of the steepest climb of -ln(rate ratio) along a link of a cell: about
        the cell width over the width of a well. Above 1 the grid is too coarse for the noise.
    """

    grid: Grid
    density: Array = field(repr=False)
    current: Array = field(repr=False)
    entropy_production: float
    irreversibility: float
    residual: float
    weight: str
    mean_climb: float

    def _repr_html_(self) -> str:
        return (
            "<table><tr><th>entropy production</th><th>irreversibility</th><th>residual</th></tr>"
            f"<tr><td>{self.entropy_production:.6g}</td><td>{self.irreversibility:.3g}</td>"
            f"<td>{self.residual:.1e}</td></tr></table>"
        )


def stationary(problem: Problem, weight: str = "midpoint") -> Stationary:
    r"""Solve for the density that no longer changes, :math:`\nabla \cdot J = 0`.

    Parameters
    ----------
    problem : Problem
        Overdamped problem whose walls do not absorb.
    weight : str
        Link weight; ``"midpoint"`` is the better one for stationary fluxes where the drift is
        not the gradient of the loss. Falls back to ``"fitted"`` where more than a thousandth of
        the jumps run over links that climb by more than 4.

    Returns
    -------
    Stationary

    Raises
    ------
    NumericalError
        If a wall absorbs, cells do not communicate, or the residual cannot be trusted.
    """
    generator = problem.generator(weight)
    mass = stationary_mass(generator)
    if too_steep(generator, mass):
        generator = problem.generator("fitted")
        mass = stationary_mass(generator)
    grid = problem.grid
    fields = problem.fields()
    density = mass / grid.volume
    current = cell_current(generator, mass)
    centres = (slice(1, None, 2),) * grid.dim
    transport = fields.drift()[centres] * density[..., None]
    scale = np.abs(transport).sum() + np.abs(transport - current).sum()
    throughput = float((generator.exit_rate * mass.ravel()).max())
    outflow = float(np.abs(divergence(generator, mass)).max()) * grid.volume
    return Stationary(
        grid,
        density,
        current,
        entropy_production(generator, mass, fields),
        float(np.abs(current).sum() / scale) if scale > 0 else 0.0,
        outflow / throughput,
        generator.weight,
        _mean_climb(generator, mass),
    )


def _mean_climb(generator: Generator, mass: Array) -> float:
    links, climb = climbs(generator)
    steepest = np.zeros(generator.cells)
    for ends in (generator.tail, generator.head):
        np.maximum.at(steepest, ends[links], climb)
    return float(steepest @ mass.ravel())
