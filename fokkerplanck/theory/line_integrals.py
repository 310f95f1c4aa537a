"""Running integrals of positive functions whose logarithms span thousands.

A function is kept as ``value * exp(exponent)`` at the nodes of panels. Integrals from one end up
to every node carry the largest exponent met so far, so that nothing over- or underflows that
matters and no digit is lost: there are no subtractions.
"""

from __future__ import annotations

from math import exp, inf, log
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.theory.line_panels import NODES, antiderivative

__all__ = ["Scaled", "log_integral", "log_running", "running", "running_back"]

Array = NDArray[np.float64]


class Scaled(NamedTuple):
    """``value * exp(exponent)``, both broadcast to shape (panels, nodes); value >= 0."""

    value: Array
    exponent: Array

    def __mul__(self, other: object) -> Scaled:
        """Multiply two of them."""
        if not isinstance(other, Scaled):
            return NotImplemented
        return Scaled(self.value * other.value, self.exponent + other.exponent)

    def __truediv__(self, other: Scaled) -> Scaled:
        """Divide by another, which is positive."""
        return Scaled(self.value / other.value, self.exponent - other.exponent)

    def plus(self, other: Scaled) -> Scaled:
        """Add two of them."""
        top = np.maximum(self.exponent, other.exponent)
        mine = self.value * np.exp(self.exponent - top)
        return Scaled(mine + other.value * np.exp(other.exponent - top), top)

    def scaled(self, log_factor: float) -> Scaled:
        """Multiply by ``exp(log_factor)``."""
        return Scaled(self.value, self.exponent + log_factor)

    def part(self, first: int, last: int | None) -> Scaled:
        """Panels from `first` up to, but without, `last` (None: to the end)."""
        value, exponent = np.broadcast_arrays(self.value, self.exponent)
        return Scaled(value[first:last], exponent[first:last])


def log_integral(integrand: Scaled, half: Array) -> float:
    """Natural logarithm of an integral over all panels; -inf if it vanishes.

    Parameters
    ----------
    integrand : Scaled
        At the nodes, shape (n, nodes).
    half : ndarray, shape (n,)
        Half the widths of the panels.
    """
    if not half.size:
        return -inf
    local, top = _scaled_panels(integrand)
    peak = float(top.max())
    if peak == -inf:
        return -inf
    _, weights = np.polynomial.legendre.leggauss(NODES)
    return peak + _log(float(np.exp(top - peak) @ ((local @ weights) * half)))


def log_running(integrand: Scaled, half: Array) -> Array:
    """Natural logarithms of the integrals from the first edge up to every edge, shape (n + 1,)."""
    local, top = _scaled_panels(integrand)
    _, weights = np.polynomial.legendre.leggauss(NODES)
    before, scale = _accumulate(np.append((local @ weights) * half, 0.0), np.append(top, -inf))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(before) + np.where(before > 0, scale, 0.0))


def running(integrand: Scaled, half: Array) -> Scaled:
    """Integrals from the first edge up to every node, shape (n, nodes)."""
    local, top = _scaled_panels(integrand)
    _, weights = np.polynomial.legendre.leggauss(NODES)
    inside = (local @ antiderivative().T) * half[:, None]
    before, scale = _accumulate((local @ weights) * half, top)
    with np.errstate(invalid="ignore"):
        factor = np.where(top == -inf, 0.0, np.exp(top - scale))
    # values next to the first edge may round below zero
    value = np.maximum(before[:, None] + inside * factor[:, None], 0.0)
    return Scaled(value, np.where(scale == -inf, 0.0, scale)[:, None])


def running_back(integrand: Scaled, half: Array) -> Scaled:
    """Integrals from every node up to the last edge, shape (n, nodes)."""
    value, exponent = np.broadcast_arrays(integrand.value, integrand.exponent)
    found = running(Scaled(value[::-1, ::-1], exponent[::-1, ::-1]), half[::-1])
    return Scaled(found.value[::-1, ::-1], found.exponent[::-1, ::-1])


def _scaled_panels(integrand: Scaled) -> tuple[Array, Array]:
    """Values relative to the largest exponent of each panel, and that exponent."""
    value, exponent = np.broadcast_arrays(integrand.value, integrand.exponent)
    top = np.where(value > 0, exponent, -inf).max(axis=1)
    safe = np.where(top == -inf, 0.0, top)
    return value * np.exp(np.where(value > 0, exponent - safe[:, None], 0.0)), top


def _accumulate(panel: Array, top: Array) -> tuple[Array, Array]:
    """Sum over the panels before each, with the largest exponent up to and with it."""
    before, scale = np.zeros(len(panel)), np.empty(len(panel))
    total, largest = 0.0, -inf
    for k, (amount, height) in enumerate(zip(panel.tolist(), top.tolist(), strict=True)):
        if height > largest:
            total = total * exp(largest - height) if largest > -inf else 0.0
            largest = height
        before[k], scale[k] = total, largest
        if height > -inf:
            total += amount * exp(height - largest)
    return before, scale


def _log(x: float) -> float:
    return log(x) if x > 0 else -inf
