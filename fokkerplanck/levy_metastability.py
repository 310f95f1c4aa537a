"""The density that a well holds under long jumps before it is left, with its exit rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid, Wall
from fokkerplanck.landscapes.critical import CriticalPoint, critical_points
from fokkerplanck.levy import Levy
from fokkerplanck.levy_relaxation import levy_spectrum
from fokkerplanck.metastability import QuasiStationary

__all__ = ["levy_quasi_stationary", "wells_on_line"]

Array = NDArray[np.float64]


def levy_quasi_stationary(problem: Levy, well: float | ArrayLike) -> QuasiStationary:
    r"""Slowest mode of the problem with both ends of one basin absorbing.

    The density is the positive solution of :math:`Q^T p = -\lambda p` where walkers are killed once
    they drift or jump out of the basin of a minimum. Its exit rate :math:`\lambda` is, at weak
    noise, that of a single jump over the nearer end or the other,
    :math:`s^\alpha C_{1, \alpha} / \alpha\,(a^{-\alpha} + b^{-\alpha})`.

    Parameters
    ----------
    problem : Levy
    well : float
        The minimum nearest to it is meant. Its basin is cut into as many cells as the grid.

    Returns
    -------
    QuasiStationary
        With the density at the nodes of the problem, 0 outside of the basin.

    Raises
    ------
    CaseError
        If there is no minimum, or just one and no wall absorbs: then nothing ever leaves.
    NumericalError
        If the rate cannot be vouched for to a tenth.

    References
    ----------
    P. Imkeller and I. Pavlyukevich, Stoch. Process. Appl. 116 (2006) 611.
    """
    minima, tops = wells_on_line(problem)
    if not minima or (len(minima) == 1 and "absorbing" not in problem.grid.walls[0]):
        msg = f"a quasi-stationary density is that of one well of several; there are {len(minima)}"
        raise CaseError(msg, key="quasi_stationary")
    place = np.asarray(well, dtype=np.float64).ravel()
    if place.shape != (1,) or not np.isfinite(place[0]):
        msg = f"needs the place of a minimum on the line, got {well!r:.80}"
        raise CaseError(msg, key="quasi_stationary")
    chosen = min(minima, key=lambda m: abs(float(m.position[0]) - place[0]))
    basin = replace(problem, grid=_basin(problem, chosen, tops))
    found = levy_spectrum(basin, 1)
    values = np.maximum(found.left[0], 0.0)
    axis, inside = basin.grid.axes[0], basin.nodes
    x = problem.nodes
    ends = [np.array([v]) for v in (axis.min, axis.max)]
    # towards an absorbing wall the density falls to about 0; at others it goes on
    edge = [
        0.0 if wall == "absorbing" else values[k]
        for k, wall in zip((0, -1), axis.walls, strict=True)
    ]
    density = np.interp(
        x,
        np.concatenate((ends[0], inside, ends[1])),
        np.concatenate(([edge[0]], values, [edge[1]])),
        left=0.0,
        right=0.0,
    )
    total = float(density.sum() * problem.at(len(x)).generator.spacing)
    if not total > 0.0:
        msg = f"the basin of {float(chosen.position[0]):.6g} holds no node: take more cells"
        raise NumericalError(msg)
    return QuasiStationary(
        problem.grid,
        chosen,
        density / total,
        float(found.rates[0]),
        float(found.log10_rates[0]),
        float(found.errors[0]),
    )


def wells_on_line(problem: Levy) -> tuple[list[CriticalPoint], list[float]]:
    """Minima, and the places of the maxima between them, in order."""
    found = critical_points(problem.landscape, problem.grid)
    minima = sorted((c for c in found if c.kind == "minimum"), key=lambda c: float(c.position[0]))
    tops = sorted(float(c.position[0]) for c in found if c.kind != "minimum")
    return minima, tops


def _basin(problem: Levy, well: CriticalPoint, tops: list[float]) -> Grid:
    """Return the basin of a minimum as a grid of as many cells, absorbing where others begin."""
    axis, at = problem.grid.axes[0], float(well.position[0])
    below, above = [t for t in tops if t < at], [t for t in tops if t > at]
    low: tuple[float, Wall] = (below[-1], "absorbing") if below else (axis.min, axis.walls[0])
    high: tuple[float, Wall] = (above[0], "absorbing") if above else (axis.max, axis.walls[1])
    return Grid.line(low[0], high[0], problem.grid.shape[0], walls=(low[1], high[1]))
