"""Which link weight suits a problem: midpoint on gentle links, fitted on steep ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.detailed_balance import link_climbs
from fokkerplanck.solvers.reduction import lowest_cells
from fokkerplanck.solvers.stationary import share_over

if TYPE_CHECKING:
    from fokkerplanck.solvers.generator import Generator

__all__ = ["climbs", "too_steep", "too_steep_in_wells"]

Array = NDArray[np.float64]
#: A link that climbs by more than this is too steep for midpoint weights; and the share of all
#: jumps that may run over such links.
STEEP, FEW = 4.0, 1e-3


def too_steep(
    generator: Generator, mass: Array, few: float = FEW, climb: Array | None = None
) -> bool:
    """Whether more than a few of the jumps run over links too steep for midpoint weights.

    Parameters
    ----------
    generator : Generator
    mass : ndarray, shape (cells,) or (*shape,)
        Stationary masses.
    few : float
        Largest share of such jumps.
    climb : ndarray, shape (links,), optional
        `link_climbs` of the generator, where they are known.
    """
    if generator.weight != "midpoint":
        return False
    if climb is None:
        climb = link_climbs(generator)
    return share_over(generator, mass.ravel(), climb, STEEP) > few


def too_steep_in_wells(generator: Generator) -> bool:
    """Whether a bottom of a well has links too steep for midpoint weights: the well is lost.

    What `too_steep` asks for, where the stationary masses are not known.
    """
    if generator.weight != "midpoint":
        return False
    bottom = np.zeros(generator.cells, dtype=np.bool_)
    bottom[lowest_cells(generator)] = True
    links, climb = climbs(generator)
    near = bottom[generator.tail[links]] | bottom[generator.head[links]]
    return bool((climb[near] > STEEP).any())


def climbs(generator: Generator) -> tuple[NDArray[np.bool_], Array]:
    """Links that can be passed both ways, and the size of their climbs."""
    climb = link_climbs(generator)
    links = np.isfinite(climb)
    return links, np.abs(climb[links])
