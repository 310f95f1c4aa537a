"""Mass of the tails beyond the walls of a grid that stands for the whole line."""

from __future__ import annotations

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.levy import Levy
from fokkerplanck.solvers.fractional import jump_constant

__all__ = ["mass_outside"]

Array = NDArray[np.float64]
#: Panels of the logarithm of the distance, and points in each.
PANELS, POINTS = 40, 8
#: ``e^-DECADES`` of the tail is left out.
DECADES = 28.0


def mass_outside(problem: Levy) -> float:
    r"""Stationary mass beyond both walls, where a single jump leads from the wells to there.

    What jumps beyond x comes back by drift, :math:`|L'(x)|\,p(x) = s^\alpha C_{1, \alpha} |x -
    m|^{-\alpha} / \alpha` for the lowest node m, and the tail is the integral of p.

    Raises
    ------
    CaseError
        Where the loss does not rise beyond the walls: nothing would bring walkers back.
    """
    axis = problem.grid.axes[0]
    x = problem.nodes
    well = float(x[np.argmin(problem.landscape.loss(x[:, None]))])
    return _beyond(problem, well, axis.max) + _beyond(problem, well, axis.min)


def _beyond(problem: Levy, well: float, wall: float) -> float:
    alpha, side = problem.alpha, np.sign(wall - well)
    y, weight = leggauss(POINTS)
    width = DECADES / (alpha * PANELS)
    log = (width * (np.arange(PANELS)[:, None] + 0.5 * (y + 1.0))).ravel()
    weights = np.tile(0.5 * width * weight, PANELS)
    distance = np.abs(wall - well) * np.exp(log)
    with np.errstate(over="ignore"):
        slope = side * problem.landscape.gradient((well + side * distance)[:, None])[:, 0]
    if not (slope > 0.0).all():
        at = float((well + side * distance)[~(slope > 0.0)][0])
        msg = (
            f"the loss does not rise outwards at x = {at:.6g}, beyond a wall where walkers are "
            'stopped; take a grid that reaches so far, or outside="suppressed" for a box'
        )
        raise CaseError(msg, key="grid.x")
    flux = problem.scale**alpha * jump_constant(alpha) / alpha * distance**-alpha
    return float(np.sum(weights * distance * flux / slope))
