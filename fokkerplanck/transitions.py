"""Transitions between two sets: committors, reactive current, and the rate they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.killed_chain import KilledChain, killed_chains
from fokkerplanck.passage import LN10, coarse_differences, exp, extrapolated
from fokkerplanck.sets import Box, PointSet, as_set
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.scaled import log_sum

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["Committor", "ReactiveCurrent", "committor", "flux_between", "reactive_current"]

Array = NDArray[np.float64]
Place = PointSet | float | Sequence[float] | ArrayLike
SOURCE, TARGET = 0, 1
#: Levels of the committor at which the flux is counted again, for its error.
LEVELS = (0.3, 0.7)


@dataclass(frozen=True, eq=False)
class Committor:
    """Where trajectories between two sets go, and come from.

    Parameters
    ----------
    grid : Grid
    forward : ndarray, shape (*shape,)
        Probability to meet the target before the source.
    backward : ndarray, shape (*shape,)
        Probability to have come from the source rather than from the target, in the stationary
        state; 1 - forward in detailed balance. nan where walls absorb: there is no such state.
    error : float
        Relative rounding error to be expected.
    source, target : str
        What they are, in words.
    """

    grid: Grid = field(repr=False)
    forward: Array = field(repr=False)
    backward: Array = field(repr=False)
    error: float
    source: str
    target: str

    def _repr_html_(self) -> str:
        return f"<p>committor from {self.source} to {self.target}</p>"


@dataclass(frozen=True, eq=False)
class ReactiveCurrent:
    """Current of those trajectories that lead from a source to a target without return.

    Parameters
    ----------
    committor : Committor
    current : ndarray, shape (*shape, dim)
        Reactive current density, divided by `flux`: its net flux through any line between the two
        sets is 1.
    flux, log10_flux : float
        Number of transitions per unit of time in the stationary state.
    rate, log10_rate : float
        ``flux / population``: the transition rate of transition path theory.
    population : float
        Probability to have come last from the source, ``int p_s q_backward``.
    error : float
        Relative error to be expected of the flux: rounding, its spread over dividing lines, and
        the discretisation from a coarser grid or fewer nodes; nan where no coarser grid can be
        solved.
    """

    committor: Committor
    current: Array = field(repr=False)
    flux: float
    log10_flux: float
    rate: float
    log10_rate: float
    population: float
    error: float

    def _repr_html_(self) -> str:
        return (
            f"{self.committor._repr_html_()}<table><tr><th>flux</th><th>rate</th>"
            f"<th>relative error</th></tr><tr><td>{self.flux:.8g}</td><td>{self.rate:.8g}</td>"
            f"<td>{self.error:.1e}</td></tr></table>"
        )


def committor(
    problem: Problem, source: Place, target: Place, *, weight: str = "midpoint"
) -> Committor:
    r"""Probability to meet one set before another, :math:`Q q = 0` with q = 0 and 1 on them.

    Parameters
    ----------
    problem : Problem
    source, target : PointSet or point
        A point is a node on a line; in the plane, the cell that holds it.
    weight : str
        Link weight in the plane.

    Returns
    -------
    Committor

    Raises
    ------
    CaseError
        If the sets overlap, cannot be seen on the grid, or the noise has a schedule.
    NumericalError
        If the answer cannot be vouched for.

    References
    ----------
    E and Vanden-Eijnden, J. Stat. Phys. 123, 503 (2006).
    """
    return _committor(_chains(problem, source, target, weight)[-1], source, target)


def reactive_current(
    problem: Problem, source: Place, target: Place, *, weight: str = "midpoint"
) -> ReactiveCurrent:
    r"""Find the current and rate of transitions from one set to another.

    On a link from i to j the reactive flux is
    :math:`\pi_i q^-_i Q_{ij} q^+_j - \pi_j q^-_j Q_{ji} q^+_i`. The total is taken through the
    links that the level :math:`q^+ = 1/2` cuts, where sums over wells cannot drown it.

    Parameters
    ----------
    problem, source, target, weight
        As in `committor`; walls must not absorb.

    Returns
    -------
    ReactiveCurrent

    Raises
    ------
    CaseError, NumericalError
        As in `committor`; and if there is no stationary state.

    References
    ----------
    Metzner, Schuette and Vanden-Eijnden, Multiscale Model. Simul. 7, 1192 (2009).
    """
    if any("absorbing" in walls for walls in problem.grid.walls):
        msg = "a reactive current needs a stationary state, but a wall of the grid is absorbing"
        raise CaseError(msg, key="grid")
    chains = _chains(problem, source, target, weight)
    found = [flux_between(chain) for chain in chains]
    log_flux, error = extrapolated([f[0] for f in found])
    log_population, _ = extrapolated([f[1] for f in found])
    last = chains[-1]
    if len(chains) == 1:

        def on_other_grid(other: Problem) -> list[float]:
            return [flux_between(_chains(other, source, target, weight)[0])[0]]

        (error,) = coarse_differences(problem, on_other_grid, [log_flux])
    return ReactiveCurrent(
        _committor(last, source, target),
        last.current(found[-1][2]),
        flux=exp(log_flux),
        log10_flux=log_flux / LN10,
        rate=exp(log_flux - log_population),
        log10_rate=(log_flux - log_population) / LN10,
        population=exp(log_population),
        error=float(np.max([error, last.error, found[-1][3]])),
    )


def _chains(problem: Problem, source: Place, target: Place, weight: str) -> list[KilledChain]:
    sets = [_seen(problem.grid, as_set(place)) for place in (source, target)]
    points = problem.grid.points()
    inside = [part.contains(points, problem.grid) for part in sets]
    covered = [part.shares(problem.grid) for part in sets]
    if (inside[0] & inside[1]).any() or (covered[0] + covered[1] > 1 + 1e-9).any():
        msg = f"the source, {sets[0].text}, and the target, {sets[1].text}, overlap"
        raise CaseError(msg, key="to")
    return killed_chains(problem, sets, weight=weight)


def _seen(grid: Grid, part: PointSet) -> PointSet:
    """Return the set itself; in the plane, the cell that holds it where it is a point."""
    part.check_on(grid)
    point = part.representative()
    if grid.dim == 1 or point is None or not part.is_point:
        return part
    cell = grid.cell_of([float(c) for c in point])
    low = [a.min + k * a.spacing for a, k in zip(grid.axes, cell, strict=True)]
    return Box([(c, c + h) for c, h in zip(low, grid.spacing, strict=True)])


def _committor(chain: KilledChain, source: Place, target: Place) -> Committor:
    forward = chain.solve(chain.log_absorption[TARGET])
    if chain.reversed is None:
        backward = np.full(forward.size, np.nan)
    else:
        backward = chain.reversed.solve(chain.reversed.log_absorption[SOURCE])
    return Committor(
        chain.problem.grid,
        np.exp(np.minimum(chain.on_grid(forward, [-np.inf, 0.0]), 0.0)),
        np.exp(np.minimum(chain.on_grid(backward, [0.0, -np.inf]), 0.0)),
        chain.error,
        as_set(source).text,
        as_set(target).text,
    )


def flux_between(
    chain: KilledChain, source: int = SOURCE, target: int = TARGET
) -> tuple[float, float, Array, float]:
    """Count the transitions between two of the sets of a chain, none of the others in between.

    Parameters
    ----------
    chain : KilledChain
    source, target : int
        Numbers of the sets.

    Returns
    -------
    log_flux : float
        Ln of the transitions per unit of time.
    log_population : float
        Ln of the probability to have come last from the source.
    net : ndarray, shape (links,)
        Reactive fluxes on the links of ``chain.open``, divided by the total.
    spread : float
        Relative difference of the flux between dividing lines.

    Raises
    ------
    NumericalError
        If there is no stationary state, or the flux is below the range of numbers.
    """
    back = chain.reversed
    if back is None:
        msg = "there is no stationary state, so there is no reactive current"
        raise NumericalError(msg)
    sets = range(len(chain.log_absorption) - 1)
    ahead = chain.filled(
        chain.solve(chain.log_absorption[target]), [0.0 if k == target else -np.inf for k in sets]
    )
    behind = chain.filled(
        back.solve(back.log_absorption[source]), [0.0 if k == source else -np.inf for k in sets]
    )
    g, p = chain.open, chain.log_mass
    with np.errstate(divide="ignore"):
        forth = np.log(g.forward) + p[g.tail] + behind[g.tail] + ahead[g.head]
        over = np.log(g.backward) + p[g.head] + behind[g.head] + ahead[g.tail]
    scale = max(float(forth.max()), float(over.max()))
    if not np.isfinite(scale):
        msg = "no reactive flux is left between the two sets: it is below the smallest number"
        raise NumericalError(msg)
    net = np.exp(forth - scale) - np.exp(over - scale)
    q = np.exp(np.minimum(ahead, 0.0))
    totals = [_through(g, net, q, level) for level in (0.5, *LEVELS)]
    if not min(totals) > 0:
        msg = "no reactive flux is left between the two sets: it is lost in rounding"
        raise NumericalError(msg)
    spread = (max(totals) - min(totals)) / totals[0]
    return scale + float(np.log(totals[0])), log_sum(p + behind), net / totals[0], spread


def _through(g: Generator, net: Array, q: Array, level: float) -> float:
    """Net flux over the links that cross a level of the committor."""
    above = (q >= level).astype(np.int8)
    return float((net * (above[g.head] - above[g.tail])).sum())
