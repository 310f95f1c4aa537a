"""The density that a well holds before it is left: quasi-stationary, with its exit rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.killed_chain import killed_chains
from fokkerplanck.passage import LN10, coarse_differences
from fokkerplanck.relaxation import Spectrum, modes_of
from fokkerplanck.sets import Basin

if TYPE_CHECKING:
    from fokkerplanck.landscapes.critical import CriticalPoint
    from fokkerplanck.problem import Problem

__all__ = ["QuasiStationary", "quasi_stationary"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class QuasiStationary:
    """Density of those that have not left a well yet, after a while.

    Parameters
    ----------
    grid : Grid
    minimum : CriticalPoint
    density : ndarray, shape (*shape,)
        Integrates to 1, 0 outside the basin.
    rate, log10_rate : float
        Exit rate: from this density the exit time is exponential with mean ``1 / rate``. The
        basin ends on the separatrix, from where half of the paths return; so for a high barrier the
        rate is twice that of transitions.
    error : float
        Relative error to be expected of the rate; in the plane that of the discretisation, too,
        from a coarser grid, nan where none can be solved.
    """

    grid: Grid = field(repr=False)
    minimum: CriticalPoint
    density: Array = field(repr=False)
    rate: float
    log10_rate: float
    error: float

    def _repr_html_(self) -> str:
        place = ", ".join(f"{c:.6g}" for c in self.minimum.position)
        return f"<p>well at ({place}): exit rate {self.rate:.8g}, error {self.error:.1e}</p>"


def quasi_stationary(
    problem: Problem, minimum: ArrayLike, *, weight: str = "midpoint"
) -> QuasiStationary:
    r"""Slowest mode of the problem with the borders of one basin absorbing.

    The density is the positive left vector, :math:`Q^T p = -\lambda p`, of the chain that ends
    when the basin of attraction of a minimum under -grad L is left, or at an absorbing wall.

    Parameters
    ----------
    problem : Problem
    minimum : point
        The minimum nearest to it is meant.
    weight : str
        Link weight in the plane.

    Raises
    ------
    CaseError
        If there is no minimum, or just one and no wall absorbs: then nothing ever leaves.
    NumericalError
        If the rate cannot be vouched for.

    References
    ----------
    Collet, Martinez and San Martin, *Quasi-Stationary Distributions* (2013), chapter 6.
    """
    from fokkerplanck.landscapes.critical import critical_points
    from fokkerplanck.landscapes.newton import Box

    minima = [p for p in critical_points(problem.landscape, problem.grid) if p.kind == "minimum"]
    absorbing = any("absorbing" in walls for walls in problem.grid.walls)
    if not minima or (len(minima) == 1 and not absorbing):
        msg = f"a quasi-stationary density is that of one well of several; there are {len(minima)}"
        raise CaseError(msg)
    place = np.atleast_1d(np.asarray(minimum, dtype=np.float64))
    box = Box.around(problem.grid)
    well = min(minima, key=lambda m: box.distance(m.position, place))
    others = [Basin(m.position, problem.landscape) for m in minima if m is not well]

    def mode(asked: Problem) -> Spectrum:
        return modes_of(asked, killed_chains(asked, others, weight=weight), 1)

    found = mode(problem)
    error, log_rate = float(found.errors[0]), LN10 * float(found.log10_rates[0])
    if problem.grid.dim == 2:
        (coarse,) = coarse_differences(
            problem, lambda p: [LN10 * float(mode(p).log10_rates[0])], [log_rate]
        )
        error = float(np.maximum(error, coarse))
    density = np.maximum(found.left[0], 0.0)
    return QuasiStationary(
        problem.grid,
        well,
        density / problem.grid.integrate(density),
        float(found.rates[0]),
        float(found.log10_rates[0]),
        error,
    )
