"""Occupation of the minima on a line under the stationary law, by quadrature."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.landscapes.critical import CriticalPoint, critical_points
from fokkerplanck.theory.case_line import line_process
from fokkerplanck.theory.line_integrals import log_integral
from fokkerplanck.theory.line_process import speed_weight

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["log_occupation_on_line"]

Array = NDArray[np.float64]


def log_occupation_on_line(problem: Problem, minima: Sequence[CriticalPoint]) -> Array | None:
    r"""Logarithms of the stationary masses of the basins, to about 13 digits at any barrier.

    The density is :math:`D^{-\kappa} e^{-\Phi}`, :math:`\Phi = -\int f / D`; cells that are wider
    than the wells, or in which D jumps, do not matter.

    Returns
    -------
    ndarray, shape (wells,), or None
        None in the plane, on a ring, where walls absorb, and where the borders of the basins are
        not exactly the maxima between the minima.
    """
    axis = problem.grid.axes[0]
    process = line_process(problem)
    if isinstance(process, str) or axis.periodic or "absorbing" in axis.walls:
        return None
    places = np.array([m.position[0] for m in minima])
    found = critical_points(problem.landscape, problem.grid)
    tops = np.array(sorted(p.position[0] for p in found if p.kind == "saddle"))
    inner = tops[(tops > places[0]) & (tops < places[-1])]
    if not np.array_equal(np.searchsorted(places, inner), np.arange(1, places.size)):
        return None
    panels = process.panels(axis.min, *inner.tolist(), axis.max)
    weight = speed_weight(panels, process.kappa)
    cuts = [0, *np.searchsorted(panels.edges, inner).tolist(), panels.half_widths.size]
    widths = panels.half_widths
    logs = np.array([log_integral(weight.part(a, b), widths[a:b]) for a, b in pairwise(cuts)])
    return np.asarray(logs - np.logaddexp.reduce(logs))
