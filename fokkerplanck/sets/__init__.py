"""Sets of points between which passages are measured: balls, boxes, half-planes, basins.

A set knows which points it holds, where a straight segment enters it, and what share of each
cell it covers; so its boundary lies where it is, and not where cells end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.sets.ball import Ball
from fokkerplanck.sets.base import PointSet
from fokkerplanck.sets.basin import Basin
from fokkerplanck.sets.box import Box
from fokkerplanck.sets.halfplane import HalfPlane

__all__ = ["Ball", "Basin", "Box", "HalfPlane", "PointSet", "as_set"]


def as_set(thing: PointSet | float | Sequence[float] | ArrayLike) -> PointSet:
    """Return `thing` itself where it is a set; the coordinates of a point become a point.

    Raises
    ------
    CaseError
        What is neither a set nor one or two finite numbers.
    """
    if isinstance(thing, PointSet):
        return thing
    return Ball(np.atleast_1d(thing))
