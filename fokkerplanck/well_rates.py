"""Rates between the wells of a landscape that has several: a small chain that stands for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.killed_chain import killed_chains
from fokkerplanck.landscapes.critical import CriticalPoint, critical_points
from fokkerplanck.landscapes.newton import Box
from fokkerplanck.passage import LN10, coarse_differences, extrapolated
from fokkerplanck.sets import Ball
from fokkerplanck.transitions import flux_between

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["MOST_WELLS", "RateMatrix", "rate_matrix"]

Array = NDArray[np.float64]
MOST_WELLS = 24
#: Part of the distance to the nearest saddle or minimum that the core of a well reaches, unless
#: it is given; and least radius in cells.
CORE, LEAST = 0.25, 1.0


@dataclass(frozen=True, eq=False)
class RateMatrix:
    """Transition rates between wells.

    Parameters
    ----------
    wells : tuple of CriticalPoint
        The minima.
    cores : tuple of Ball
        Set around each that counts as being there; on a line the minimum itself.
    rates : ndarray, shape (n, n)
        ``rates[i, j]``: transitions per unit of time from well i to well j, no third core met in
        between, over the probability to have come last from i. Diagonal 0, and on a line those
        between wells that are not next to each other.
    log10_rates : ndarray, shape (n, n)
        Decimal logarithms, -inf where the rates are 0.
    populations : ndarray, shape (n,)
        Stationary probability to have come last from each core.
    error : float
        Largest relative error to be expected of the rates: rounding, the spread of fluxes over
        dividing lines, and the discretisation from a coarser grid or fewer nodes; nan where no
        coarser grid can be solved.
    """

    wells: tuple[CriticalPoint, ...]
    cores: tuple[Ball, ...]
    rates: Array
    log10_rates: Array
    populations: Array
    error: float

    def log10_passage_times(self) -> Array:
        """Decimal logarithms of the mean times between wells in this chain, shape (n, n).

        -inf on the diagonal. They agree with those of the whole problem up to the time it takes to
        relax within the wells.
        """
        from fokkerplanck.solvers.scaled import Scaled
        from fokkerplanck.solvers.small_chain import SmallChain

        n = len(self.wells)
        rates = Scaled.from_log(self.log10_rates * LN10)
        times = np.full((n, n), -np.inf)
        for j in range(n):
            rest = np.delete(np.arange(n), j)
            chain = SmallChain(rates[np.ix_(rest, rest)], rates[rest, j])
            times[rest, j] = chain.solve(np.ones(n - 1)).log() / LN10
        return times

    def passage_times(self) -> Array:
        """Mean times between wells in this chain, shape (n, n); inf beyond 1e308."""
        with np.errstate(over="ignore"):
            return np.asarray(10.0 ** self.log10_passage_times())

    def log10_relaxation_rates(self) -> Array:
        """Decimal logarithms of the relaxation rates of this chain, slowest first, shape (n - 1,).

        To compare with the slowest modes of the whole problem, see `fokkerplanck.spectrum`: they
        agree where the wells are deep.
        """
        from fokkerplanck.solvers.chain_modes import slow_modes
        from fokkerplanck.solvers.scaled import Scaled

        modes = slow_modes(Scaled.from_log(self.log10_rates * LN10))
        return np.asarray(modes.rates.log()[1:] / LN10)

    def relaxation_rates(self) -> Array:
        """Relaxation rates of this chain, slowest first, shape (n - 1,)."""
        return np.asarray(10.0 ** self.log10_relaxation_rates())

    def _repr_html_(self) -> str:
        names = [", ".join(f"{c:.4g}" for c in w.position) for w in self.wells]
        head = "".join(f"<th>to ({n})</th>" for n in names)
        rows = "".join(
            f"<tr><th>({n})</th>{''.join(f'<td>{r:.4g}</td>' for r in row)}</tr>"
            for n, row in zip(names, self.rates, strict=True)
        )
        return f"<table><tr><th>from</th>{head}</tr>{rows}</table>"


def rate_matrix(
    problem: Problem,
    wells: Sequence[ArrayLike] | None = None,
    *,
    radius: float | None = None,
    weight: str = "midpoint",
) -> RateMatrix:
    r"""Rates between all pairs of wells.

    With cores :math:`A_i` around the minima, :math:`q_j` the probability to meet core j first and
    :math:`\tilde q_i` that to have come last from core i,

    .. math:: k_{ij} = \frac{\text{flux of } \pi_x \tilde q_i(x) Q_{xy} q_j(y)
        \text{ into core } j}{\sum_x \pi_x \tilde q_i(x)}.

    Parameters
    ----------
    problem : Problem
        Walls must not absorb.
    wells : sequence of points, optional
        The minima nearest to these; all of them unless given.
    radius : float, optional
        Radius of the cores. Unless given, a quarter of the distance to the nearest other critical
        point in the plane, and a point on a line.
    weight : str
        Link weight in the plane.

    Raises
    ------
    CaseError
        Fewer than two wells, more than 24, or cores that overlap.
    NumericalError
        If a rate cannot be vouched for.

    References
    ----------
    Vanden-Eijnden and Venturoli, J. Chem. Phys. 130, 194101 (2009), for rates between cores.
    """
    if any("absorbing" in walls for walls in problem.grid.walls):
        msg = "rates between wells need a stationary state, but a wall of the grid is absorbing"
        raise CaseError(msg, key="rates")
    found, box = critical_points(problem.landscape, problem.grid), Box.around(problem.grid)
    chosen = _chosen([p for p in found if p.kind == "minimum"], wells, box)
    cores = [_core(problem, w, found, radius) for w in chosen]
    _check_apart(cores, box)
    log_rates, log_population, error = _solved(problem, cores, weight)
    if problem.grid.dim > 1:
        different = ~np.eye(len(chosen), dtype=np.bool_)

        def on_other_grid(other: Problem) -> list[float]:
            return [float(r) for r in _solved(other, cores, weight)[0][different]]

        found_here = [float(r) for r in log_rates[different]]
        errors = coarse_differences(problem, on_other_grid, found_here)
        error = float(np.max([error, *errors]))
    populations = np.exp(log_population)
    return RateMatrix(
        tuple(chosen), tuple(cores), np.exp(log_rates), log_rates / LN10, populations, error
    )


def _solved(problem: Problem, cores: Sequence[Ball], weight: str) -> tuple[Array, Array, float]:
    """Ln of the rates, of the populations, and the relative error of the solve."""
    chains = killed_chains(problem, cores, weight=weight)
    n = len(cores)
    log_rates, error = np.full((n, n), -np.inf), chains[-1].error
    log_population = np.zeros(n)
    next_to = _neighbours(problem, cores)
    for i, j in np.ndindex(n, n):
        if not next_to[i, j]:
            continue
        parts = [flux_between(chain, i, j) for chain in chains]
        log_flux, doubt = extrapolated([p[0] for p in parts])
        log_population[i], _ = extrapolated([p[1] for p in parts])
        log_rates[i, j] = log_flux - log_population[i]
        error = max(error, doubt, parts[-1][3])
    return log_rates, log_population, error


def _neighbours(problem: Problem, cores: Sequence[Ball]) -> NDArray[np.bool_]:
    """Which cores can be reached from which without meeting a third: on a line the next ones."""
    n = len(cores)
    reached = ~np.eye(n, dtype=np.bool_)
    if problem.grid.dim > 1:
        return reached
    order = np.argsort([core.centre[0] for core in cores])
    apart = np.abs(np.subtract.outer(np.argsort(order), np.argsort(order)))
    reached &= apart == 1
    if problem.grid.axes[0].periodic:
        reached |= apart == n - 1
    return reached


def _chosen(
    minima: list[CriticalPoint], wells: Sequence[ArrayLike] | None, box: Box
) -> list[CriticalPoint]:
    chosen = minima
    if wells is not None:
        near = [
            min(minima, key=lambda m: box.distance(m.position, np.atleast_1d(place)))
            for place in wells
            if minima
        ]
        chosen = list(dict.fromkeys(near))
    if not 2 <= len(chosen) <= MOST_WELLS:
        msg = f"rates are between 2 to {MOST_WELLS} wells, this landscape has {len(chosen)}"
        raise CaseError(f"{msg} of those asked for" if wells is not None else msg, key="rates")
    return chosen


def _core(
    problem: Problem,
    well: CriticalPoint,
    points: Sequence[CriticalPoint],
    radius: float | None,
) -> Ball:
    grid = problem.grid
    if radius is None and grid.dim == 1:
        return Ball(well.position)
    if radius is None:
        box = Box.around(grid)
        gaps = [box.distance(p.position, well.position) for p in points if p is not well]
        radius = max(CORE * min(gaps), LEAST * max(grid.spacing))
    return Ball(well.position, radius)


def _check_apart(cores: Sequence[Ball], box: Box) -> None:
    for i, a in enumerate(cores):
        for b in cores[:i]:
            if box.distance(np.array(a.centre), np.array(b.centre)) <= a.radius + b.radius:
                msg = f"the cores {a.text} and {b.text} overlap; take a smaller radius"
                raise CaseError(msg, key="rates.radius")
