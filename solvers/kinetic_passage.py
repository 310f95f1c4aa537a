"""Moments of the time at which an underdamped path first leaves a stretch of the line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from fokkerplanck.solvers.kinetic_elements import DEGREE, Elements, reference
from fokkerplanck.solvers.kinetic_elimination import Walled

__all__ = ["Observable", "exit_moments"]

Array = NDArray[np.float64]
Numbers = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Observable:
    """Function of (x, v) in half-range functions on elements.

    Parameters
    ----------
    elements : Elements
    even : ndarray, shape (nodes, count)
        At the Lobatto nodes.
    odd : ndarray, shape (elements, p, count - 1)
        At the Gauss points.
    """

    elements: Elements = field(repr=False)
    even: Numbers = field(repr=False)
    odd: Numbers = field(repr=False)

    def thermal(self, x: float) -> float:
        """Mean over thermal velocities at x."""
        return float(np.real(self.at(np.array([x]))[0][0, 0]))

    def value(self, x: Array, w: Array) -> Array:
        """Values at all pairs of places and (thermal) velocities, shape (x.size, w.size)."""
        even, odd = self.at(x)
        tables = [self.elements.velocity.values(float(v)) for v in w]
        p, r = (np.array([t[k] for t in tables]) for k in (0, 1))
        return np.asarray(np.real(even @ p.T + odd @ r.T))

    def at(self, x: Array) -> tuple[Numbers, Numbers]:
        """Coefficients of the functions of velocity at places, interpolated in each element."""
        edges = self.elements.edges
        k = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, self.elements.count - 1)
        half = 0.5 * (edges[k + 1] - edges[k])
        y = (x - edges[k]) / half - 1.0
        nodes, points = _bases()
        local = self.even[DEGREE * k[:, None] + np.arange(DEGREE + 1)]
        even = np.einsum("ij,ijm->im", legendre.legvander(y, DEGREE) @ nodes, local)
        odd = np.einsum("ij,ijm->im", legendre.legvander(y, DEGREE - 1) @ points, self.odd[k])
        return even, odd


def _bases() -> tuple[Array, Array]:
    nodes, points = reference().nodes, reference().points
    return (
        np.asarray(np.linalg.inv(legendre.legvander(nodes, DEGREE)), dtype=np.float64),
        np.asarray(np.linalg.inv(legendre.legvander(points, DEGREE - 1)), dtype=np.float64),
    )


def exit_moments(elements: Elements) -> tuple[Observable, Observable, float]:
    """Mean exit time, half its second moment, and the relative correction of the last refinement.

    ``L T = -1`` and ``L M = -T`` with the backward operator L and u = 0 for all that flies out.
    """
    system = Walled(elements)
    shape = elements.nodes.size, elements.velocity.count
    one = np.zeros(shape)
    one[:, 0] = elements.node_scale
    none = np.zeros((elements.count, DEGREE, shape[1] - 1))
    even, odd, doubt = system.solve(one, none)
    even2, odd2, doubt2 = system.solve(even, odd)
    scale, points = elements.node_scale[:, None], elements.point_scale[:, :, None]
    return (
        Observable(elements, even / scale, odd / points),
        Observable(elements, even2 / scale, odd2 / points),
        max(doubt, doubt2),
    )
