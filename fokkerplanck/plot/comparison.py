"""The figure that sets two densities side by side: both, their difference, and the distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fokkerplanck.plot.style import number as number

if TYPE_CHECKING:
    from fokkerplanck.compare import Snapshot

__all__ = ["comparison_figure", "difference_curve", "difference_image"]

Array = NDArray[np.float64]


def comparison_figure(a: Snapshot, b: Snapshot, *, log: bool = False) -> Figure:
    raise NotImplementedError
