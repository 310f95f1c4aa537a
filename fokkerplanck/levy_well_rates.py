"""Rates between all wells of a landscape under long jumps, over other wells too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.landscapes.base import finite_number
from fokkerplanck.landscapes.critical import CriticalPoint
from fokkerplanck.levy import Levy, Nodes
from fokkerplanck.levy_metastability import wells_on_line
from fokkerplanck.levy_state import steady
from fokkerplanck.sets import Ball
from fokkerplanck.solvers.levy_masked import MaskedGenerator
from fokkerplanck.solvers.levy_solve import LevySystem
from fokkerplanck.well_rates import MOST_WELLS, RateMatrix

__all__ = ["levy_rates"]

Array = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
#: Radius of cores, as a part of the distance to the nearest end of the basin.
CORE = 0.5
#: Nodes that a core has at least.
LEAST = 4
#: Part of a cell that counts as rounding of the place of a node.
EDGE = 1e-6
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
        `error` is the largest relative change of a rate from half as many nodes, and rounding.

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
    m_i|^{-\alpha} - |s_j - m_i|^{-\alpha}\bigr|`, with s the maxima and m the minima.

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
    rough, _, _ = _solved(problem, problem.at(count // 2), cores)
    apart = ~np.eye(len(cores), dtype=np.bool_)
    error = float(np.abs(rough[apart] / rates[apart] - 1.0).max()) + rounding
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
    inside = [_within(nodes, core) for core in cores]
    pi, rounding = steady(problem, nodes)
    coarse = problem.coarse(nodes)
    system = LevySystem(_masked(nodes, cores), _masked(coarse, cores), transposed=True)
    whole, n = nodes.generator, len(cores)
    rates, populations = np.zeros((n, n)), np.zeros(n)
    noise = EPS * abs(float(whole.jumps.first[0]))
    for i, core in enumerate(inside):
        held = np.where(core, pi, 0.0)
        free = ~np.any(inside, axis=0)
        source = np.where(free, whole.apply_transposed(held), 0.0)
        found, doubt = system.solve(source)
        came = held + np.where(free, found, 0.0)
        populations[i] = came.sum()
        inflow = whole.apply_transposed(came)
        rates[i] = [inflow[other].sum() / populations[i] for other in inside]
        rates[i, i] = 0.0
        least = np.delete(rates[i], i).min()
        rounding = max(rounding, doubt, noise / max(abs(float(least)), 1e-300))
    # all who wander come last from some core: what is missing is what the solves are off by
    rounding += abs(float(populations.sum()) - 1.0)
    return rates, populations / populations.sum(), rounding


def _within(nodes: Nodes, core: Ball) -> NDArray[np.bool_]:
    # nodes on the very edge are in, on both sides
    edge = core.radius + EDGE * nodes.generator.spacing
    return np.asarray(np.abs(nodes.x - core.centre[0]) <= edge)


def _masked(nodes: Nodes, cores: list[Ball]) -> MaskedGenerator:
    live = ~np.any([_within(nodes, core) for core in cores], axis=0)
    return MaskedGenerator.of(nodes.generator, live)
