"""Drift and noise of a problem as tables that walkers look up, and how exact the tables are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import NumericalError

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem
    from fokkerplanck.solvers.field_tables import FieldTables

__all__ = ["EnsembleFields", "ensemble_fields"]

Array = NDArray[np.float64]
#: Error of the drift between nodes that is aimed at, of its scale where walkers are.
TOLERANCE = 1e-6
#: Fewest and most intervals of a line, and of each axis of a plane.
LINE, PLANE = (512, 2**17), (64, 1024)
#: Part of an interval over which derivatives are taken where no formula gives them.
NUDGE = 1e-3


@dataclass(frozen=True, eq=False)
class EnsembleFields:
    """Drift and diffusion at the nodes of a table.

    Parameters
    ----------
    axes : tuple of ndarray
        Nodes along each axis, from wall to wall.
    drift : ndarray, shape (*nodes, dim)
        That of the Ito equation in the plane; on a line f itself, and the kernel knows the reading.
    drift_slope : ndarray, shape (nodes,), or None
        df/dx on a line.
    diffusion : ndarray, shape (*nodes, dim, dim)
    diffusion_slope : ndarray, shape (nodes,), or None
        dD/dx on a line, one-sided next to jumps.
    breaks : ndarray
        Places on a line where D jumps.
    error : float
        Largest difference of the drift from the formula, halfway between nodes, over its size.
    """

    axes: tuple[Array, ...]
    drift: Array = field(repr=False)
    drift_slope: Array | None = field(repr=False)
    diffusion: Array = field(repr=False)
    diffusion_slope: Array | None = field(repr=False)
    breaks: Array
    error: float

    def tables(self, factor: float = 1.0) -> FieldTables:
        """Make the tables, with D multiplied by a factor of time."""
        from fokkerplanck.solvers.field_tables import line_tables, plane_tables

        if len(self.axes) == 1:
            assert self.drift_slope is not None
            assert self.diffusion_slope is not None
            return line_tables(
                self.axes[0],
                self.drift[:, 0],
                self.drift_slope,
                factor * self.diffusion[:, 0, 0],
                factor * self.diffusion_slope,
                breaks=self.breaks,
            )
        return plane_tables(*self.axes, self.drift, factor * self.diffusion)


def ensemble_fields(problem: Problem) -> EnsembleFields:
    """Evaluate drift and noise of a problem for its walkers, with as many nodes as it takes.

    Raises
    ------
    NumericalError
        Where no table of the largest size is exact to 1 %.
    """
    fewest, most = LINE if problem.grid.dim == 1 else PLANE
    make = _line if problem.grid.dim == 1 else _plane
    count = max(fewest, *problem.grid.shape)
    while True:
        made = make(problem, count)
        if made.error <= TOLERANCE or 2 * count > most:
            break
        count *= 2
    if made.error > 0.01:
        msg = (
            f"the drift changes too fast for tables of {count} intervals: between their nodes they "
            f"are off by {made.error:.1e} of it; take a smaller grid"
        )
        raise NumericalError(msg)
    return made
