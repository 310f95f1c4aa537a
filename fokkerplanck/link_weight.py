"""Which link weight suits a problem: midpoint on gentle links, fitted on steep ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.reduction import lowest_cells

if TYPE_CHECKING:
    from fokkerplanck.solvers.generator import Generator

__all__ = ["climbs", "too_steep", "too_steep_in_wells"]

Array = NDArray[np.float64]
#: A link that climbs by more than this is too steep for midpoint weights; and the share of all
#: jumps that may run over such links.
STEEP, FEW = 4.0, 1e-3


def too_steep(generator: Generator, mass: Array, few: float = FEW) -> bool:
    """Whether more than a few of the jumps run over links too steep for midpoint weights.

    Parameters
    ----------
    generator : Generator
    mass : ndarray, shape (cells,) or (*shape,)
        Stationary masses.
    few : float
        Largest share of such jumps.
    """
    if generator.weight != "midpoint":
        return False
    p = mass.ravel()
    jumps = generator.forward * p[generator.tail] + generator.backward * p[generator.head]
    links, climb = climbs(generator)
    return float(jumps[links][climb > STEEP].sum()) > few * float(jumps.sum())


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
    links = (generator.forward > 0) & (generator.backward > 0)
    climb = np.log(generator.backward[links]) - np.log(generator.forward[links])
    return links, np.abs(climb)
