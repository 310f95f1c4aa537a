"""Gauss-Legendre quadrature on equal panels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["panel_rule"]

Array = NDArray[np.float64]


def panel_rule(low: float, high: float, panels: int, nodes: int) -> tuple[Array, Array]:
    """Points and weights of a composite rule, exact to degree ``2 nodes - 1`` on each panel.

    Parameters
    ----------
    low, high : float
        The interval.
    panels, nodes : int
        Equal panels, and points in each.

    Returns
    -------
    points, weights : ndarray, shape (panels, nodes)
    """
    at, weights = np.polynomial.legendre.leggauss(nodes)
    width = (high - low) / panels
    points = low + width * (np.arange(panels)[:, None] + (at + 1) / 2)
    return points, np.tile(width * weights / 2, (panels, 1))
