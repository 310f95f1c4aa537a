r"""Klein-Kramers with absorbing walls: spectral elements in x, half-range functions in velocity.

Observables :math:`u = e + o`, even and odd in velocity, obey the backward equation

.. math:: \partial_t u = s w\, \partial_x u - s \Phi' \partial_w u
          + g\, (\partial_w^2 - w \partial_w) u,

tested under :math:`e^{-\Phi} \varphi(w)`. Even functions are continuous polynomials of degree p on
each element, with Lobatto nodes; odd ones live at the p Gauss points between them (for p = 1 that
is the staggered lattice again). Transport is antisymmetric, constants and equilibrium are exact.
A wall that absorbs has u = 0 for all that flies out, :math:`w o = -|w| e` there, so that it adds
the positive matrix of :math:`|w|`; with odd functions eliminated what is left is symmetric and, for
real shifts, positive definite. Elements shrink towards such walls, where the boundary layer ends in
a singular point.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from fokkerplanck.solvers.half_range import HalfRange

__all__ = ["DEGREE", "Elements", "Reference", "element_nodes", "graded", "reference"]

Array = NDArray[np.float64]
DEGREE = 4
#: Elements at an absorbing wall are halved until they are this part of the mean free path.
SMALLEST = 1e-4


def graded(low: float, high: float, count: int, absorbing: tuple[bool, bool], path: float) -> Array:
    """Cut a line into about `count` equal elements, halved again and again at absorbing walls.

    Parameters
    ----------
    low, high : float
        Walls.
    count : int
    absorbing : tuple of bool
        Whether each wall absorbs.
    path : float
        Mean free path ``s / g``.
    """
    edges = np.linspace(low, high, count + 1)
    width = (high - low) / count
    levels = max(int(np.ceil(np.log2(width / (SMALLEST * path)))), 1)
    shrinking = width * 0.5 ** np.arange(levels, 0, -1)
    if absorbing[0]:
        edges = np.concatenate([[low], low + shrinking, edges[1:]])
    if absorbing[1]:
        edges = np.concatenate([edges[:-1], high - shrinking[::-1], [high]])
    return edges


@dataclass(frozen=True, eq=False)
class Reference:
    """Element from -1 to 1: Lobatto nodes, Gauss points, their weights, and matrices between them.

    Parameters
    ----------
    nodes, weights : ndarray, shape (p + 1,)
    points, gauss : ndarray, shape (p,)
    values, slopes : ndarray, shape (p, p + 1)
        Values and derivatives at the points of the polynomials that are 1 at one node.
    """

    nodes: Array
    weights: Array
    points: Array
    gauss: Array
    values: Array
    slopes: Array


@cache
def reference() -> Reference:
    """Make the reference element."""
    p = DEGREE
    top = np.zeros(p + 1)
    top[p] = 1.0
    inner = np.sort(legendre.legroots(legendre.legder(top)).real)
    nodes = np.concatenate([[-1.0], inner, [1.0]])
    weights = 2.0 / (p * (p + 1) * legendre.legval(nodes, top) ** 2)
    points, gauss = legendre.leggauss(p)
    basis = np.linalg.inv(legendre.legvander(nodes, p))
    slopes = [legendre.legval(points, legendre.legder(c)) for c in basis.T]
    values = legendre.legvander(points, p) @ basis
    return Reference(nodes, weights, points, gauss, values, np.stack(slopes, axis=1))


def element_nodes(edges: Array) -> tuple[Array, Array]:
    """Lobatto nodes, shape (elements p + 1,), and Gauss points, shape (elements, p)."""
    nodes, points = reference().nodes, reference().points
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    all_nodes = middle[:, None] + half[:, None] * nodes
    return (
        np.append(all_nodes[:, :-1].ravel(), edges[-1]),
        np.asarray(middle[:, None] + half[:, None] * points),
    )


@dataclass(frozen=True, eq=False)
class Elements:
    r"""Discrete backward operator with absorbing walls.

    Parameters
    ----------
    edges : ndarray, shape (n + 1,)
        Ends of the elements.
    nodes : ndarray, shape (n p + 1,)
        :math:`\Phi` at the Lobatto nodes.
    points, slopes : ndarray, shape (n, p)
        :math:`\Phi` and :math:`\Phi'` at the Gauss points.
    speed, rate : float
        Thermal velocity s and friction g.
    velocity : HalfRange
    absorbing : tuple of bool
        Whether each wall absorbs; otherwise it reflects.
    """

    edges: Array = field(repr=False)
    nodes: Array = field(repr=False)
    points: Array = field(repr=False)
    slopes: Array = field(repr=False)
    speed: float
    rate: float
    velocity: HalfRange
    absorbing: tuple[bool, bool]

    @property
    def count(self) -> int:
        """Number of elements."""
        return int(self.edges.size - 1)

    @property
    def low(self) -> float:
        """Smallest Phi, from which weights are counted."""
        return float(self.nodes.min())

    @cached_property
    def node_weights(self) -> Array:
        """Lobatto weights of the nodes, those of two elements added up."""
        weights = reference().weights
        half = 0.5 * np.diff(self.edges)
        out = np.zeros(self.nodes.size)
        for k in range(DEGREE + 1):
            out[k : k + 1 + DEGREE * (self.count - 1) : DEGREE] += half * weights[k]
        return out

    @cached_property
    def node_scale(self) -> Array:
        """Square roots of the weights ``e^(-Phi) dx`` of the nodes."""
        return np.asarray(np.sqrt(self.node_weights) * np.exp(-0.5 * (self.nodes - self.low)))

    @cached_property
    def point_scale(self) -> Array:
        """The same of the Gauss points, shape (elements, p)."""
        gauss = reference().gauss
        half = 0.5 * np.diff(self.edges)[:, None]
        return np.asarray(np.sqrt(half * gauss) * np.exp(-0.5 * (self.points - self.low)))

    def differences(self) -> tuple[Array, Array]:
        """Scaled matrices of d/dx and of -Phi' from nodes to Gauss points, (elements, p, p + 1)."""
        ref = reference()
        half = 0.5 * np.diff(self.edges)[:, None, None]
        local = np.arange(DEGREE + 1) + DEGREE * np.arange(self.count)[:, None]
        climb = 0.5 * (self.nodes[local][:, None, :] - self.points[:, :, None])
        ratio = np.sqrt(half * ref.gauss[:, None]) / np.sqrt(self.node_weights[local])[:, None, :]
        scale = ratio * np.exp(climb)
        return scale * ref.slopes / half, -scale * ref.values * self.slopes[:, :, None]
