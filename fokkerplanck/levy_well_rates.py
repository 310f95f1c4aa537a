"""Rates between all wells of a landscape under long jumps, over other wells too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.landscapes.base import finite_number
from fokkerplanck.landscapes.critical import CriticalPoint
from fokkerplanck.levy import Levy, Nodes
from fokkerplanck.levy_metastability import wells_on_line
from fokkerplanck.levy_refinement import changes
from fokkerplanck.levy_state import steady
from fokkerplanck.sets import Ball
from fokkerplanck.solvers.levy_killed import KilledLevy, kill
from fokkerplanck.solvers.levy_solve import LevySystem
from fokkerplanck.well_rates import MOST_WELLS, RateMatrix

__all__ = ["levy_rates"]

Array = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
#: Radius of cores, as a part of the distance to the nearest end of the basin.
CORE = 0.5
#: Nodes that a core has at least.
LEAST = 4
#: Relative error from which on no rates are given.
LOST = 0.1


def levy_rates(problem: Levy, radius: float | None = None) -> RateMatrix:
    r"""Rates between all pairs of wells, by who came last from which core.

    With cores :math:`A_i` around the minima, and :math:`m_i` the stationary mass of those who
    have come last from core i, that is

    .. math:: Q^T m_i = 0 \text{ outside of all cores}, \quad m_i = \pi \text{ on } A_i, \quad
        m_i = 0 \text{ on } A_j,

    the rate is the flux of these into core j over their number,

    .. math:: k_{ij} = \sum_{y \in A_j} (Q^T m_i)_y \Big/ \sum_x m_i(x).

    Parameters
    ----------
    problem : Levy
        On a grid whose walls do not absorb.
    radius : float, optional
        Of the cores; half of the distance to the nearer end of each basin unless given.

    Returns
    -------
    RateMatrix
        `error` is the largest relative one of a rate, from fewer nodes, and rounding.

    Raises
    ------
    CaseError
        Fewer than two wells or more than 24, cores that overlap, leave their basins or hold too few
        nodes, or a wall that absorbs.
    NumericalError
        If a rate cannot be vouched for to a tenth.

    Notes
    -----
    A walker may jump from any well to any other, over those between; so nearest neighbours are
    not enough, and points would be jumped over: cores have a width. The definition is that of
    `fokkerplanck.rate_matrix`. Rates out of exits from basins, with the probability to settle in
    another, were not taken: they count walkers that return from beyond the edge at once. As the
    noise gets weak both tend to :math:`s^\alpha C_{1, \alpha} / \alpha\,\bigl||s_{j - 1} -
    m_i|^{-\alpha} - |s_j - m_i|^{-\alpha}\bigr|`, with s the maxima and m the minima. Edges of
    cores lie between nodes, by killing beside them (`kill`).

    References
    ----------
    E. Vanden-Eijnden and M. Venturoli, J. Chem. Phys. 130 (2009) 194101; P. Imkeller and
    I. Pavlyukevich, ESAIM Probab. Stat. 12 (2008) 412.
    """
    if "absorbing" in problem.grid.walls[0]:
        msg = "rates between wells need a stationary state, but a wall of the grid is absorbing"
        raise CaseError(msg, key="rates")
    minima, tops = wells_on_line(problem)
    if not 2 <= len(minima) <= MOST_WELLS:
        msg = f"rates are between 2 to {MOST_WELLS} wells, this landscape has {len(minima)}"
        raise CaseError(msg, key="rates")
    if radius is not None:
        finite_number(radius, "rates.radius", positive=True)
    cores = [_core(problem, well, tops, radius) for well in minima]
    count = problem.grid.shape[0]
    rates, populations, rounding = _solved(problem, problem.at(count), cores)
    apart = ~np.eye(len(cores), dtype=np.bool_)

    def on(fewer: int) -> Array:
        return _solved(problem, problem.at(fewer), cores)[0][apart]

    error = float((changes(count, on, rates[apart]) / np.abs(rates[apart])).max()) + rounding
    if not error < LOST or not (rates[apart] > 0.0).all():
        msg = (
            f"rates between wells are uncertain by {error:.1e} on {count} nodes (rounding "
            f"{rounding:.1e}): take more cells or more noise; few long jumps over high barriers "
            "are beyond it"
        )
        raise NumericalError(msg)
    with np.errstate(divide="ignore"):
        logs = np.log10(rates)
    return RateMatrix(tuple(minima), tuple(cores), rates, logs, populations, error)


def _core(problem: Levy, well: CriticalPoint, tops: list[float], radius: float | None) -> Ball:
    axis, at = problem.grid.axes[0], float(well.position[0])
    room = min(abs(end - at) for end in (*tops, axis.min, axis.max))
    size = CORE * room if radius is None else radius
    if size >= room:
        msg = f"the core of radius {size:.4g} around {at:.6g} leaves its basin, {room:.4g} away"
        raise CaseError(msg, key="rates.radius")
    least = LEAST * problem.grid.axes[0].spacing
    if size < least:
        msg = f"the core of radius {size:.4g} around {at:.6g} holds too few nodes: it needs a "
        msg += f"radius of {least:.4g}, or more cells"
        raise CaseError(msg, key="rates.radius" if radius is not None else "grid.x.cells")
    return Ball(well.position, size)


def _solved(problem: Levy, nodes: Nodes, cores: list[Ball]) -> tuple[Array, Array, float]:
    """Rates, populations, and relative rounding."""
    pi, rounding = steady(problem, nodes)
    killed, coarse = _killed(nodes, cores), problem.coarse(nodes)
    system = LevySystem(killed, _killed(coarse, cores), transposed=True)
    whole, n = nodes.generator, len(cores)
    rates, populations = np.zeros((n, n)), np.zeros(n)
    noise = EPS * abs(float(whole.jumps.first[0]))
    into = [np.sum(killed.rates_into(k), axis=0) for k in range(n)]
    for i in range(n):
        held = np.where(killed.owner == i, pi, 0.0)
        outflow = whole.apply_transposed(held)
        # edges between nodes: who is beside one counts, at a rate, as having been in the core
        source = np.where(killed.live, outflow + killed.beside(i) * pi, 0.0)
        found, doubt = system.solve(source)
        wanders = np.where(killed.live, found, 0.0)
        populations[i] = held.sum() + wanders.sum()
        for j in range(n):
            arrived = float(outflow[killed.owner == j].sum() + wanders @ into[j])
            rates[i, j] = arrived / populations[i] if j != i else 0.0
        least = np.delete(rates[i], i).min()
        rounding = max(rounding, doubt, noise / max(abs(float(least)), 1e-300))
    # all who wander come last from some core: what is missing is what the solves are off by
    rounding += abs(float(populations.sum()) - 1.0)
    return rates, populations / populations.sum(), rounding


def _killed(nodes: Nodes, cores: list[Ball]) -> KilledLevy:
    """Kill in the cores."""
    ends = [(float(c.centre[0]) - c.radius, float(c.centre[0]) + c.radius) for c in cores]
    return kill(nodes.generator, nodes.x, ends)
