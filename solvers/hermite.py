r"""Normalised Hermite polynomials :math:`h_n` under the normal density."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

__all__ = ["cell_averages", "gaussian_modes", "polynomials", "weighted"]

Array = NDArray[np.float64]


def weighted(w: Array, modes: int) -> Array:
    r"""Hermite functions :math:`\varphi(w) h_n(w)`, shape (modes, *w.shape)."""
    return _recurrence(w, np.exp(-0.5 * w * w) / np.sqrt(2.0 * np.pi), modes)


def polynomials(w: Array, modes: int) -> Array:
    """Polynomials h_n(w), shape (modes, *w.shape)."""
    return _recurrence(w, np.ones_like(w), modes)


def _recurrence(w: Array, first: Array, modes: int) -> Array:
    out = np.zeros((modes, *w.shape))
    out[0] = first
    if modes > 1:
        out[1] = w * first
    for n in range(1, modes - 1):
        out[n + 1] = (w * out[n] - np.sqrt(n) * out[n - 1]) / np.sqrt(n + 1.0)
    return out


def cell_averages(edges: Array, modes: int) -> Array:
    r"""Averages of :math:`\varphi h_n` over cells, shape (modes, cells).

    The antiderivative of :math:`\varphi h_n` is :math:`-\varphi h_{n-1} / \sqrt n`. The outermost
    cells also hold what lies beyond them, so that the columns integrate to 1, 0, 0, ...
    """
    ends = np.concatenate([[-np.inf], edges[1:-1], [np.inf]])
    out = np.zeros((modes, edges.size - 1))
    low = ends[:-1] <= -ends[1:]
    out[0] = np.where(low, ndtr(ends[1:]) - ndtr(ends[:-1]), ndtr(-ends[:-1]) - ndtr(-ends[1:]))
    inner = weighted(edges[1:-1], modes - 1)
    for n in range(1, modes):
        values = np.concatenate([[0.0], inner[n - 1], [0.0]])
        out[n] = (values[:-1] - values[1:]) / np.sqrt(n)
    return out / np.diff(edges)


def gaussian_modes(mean: Array, variance: float, modes: int) -> Array:
    r"""Modes :math:`\int p\, h_n dw` of normal densities in w, shape (modes, *mean.shape).

    From the generating function: :math:`\sqrt{n+1}\, a_{n+1} = m a_n + (\tau^2 - 1) \sqrt n\,
    a_{n-1}`. They fall off where the variance :math:`\tau^2` is below 2.
    """
    out = np.zeros((modes, *np.shape(mean)))
    out[0] = 1.0
    if modes > 1:
        out[1] = mean
    for n in range(1, modes - 1):
        out[n + 1] = (mean * out[n] + (variance - 1.0) * np.sqrt(n) * out[n - 1]) / np.sqrt(n + 1.0)
    return out
