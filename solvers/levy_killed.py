"""Long jumps on a line with killing in intervals, on the one lattice that FFT products need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.fractional import tail_rates
from fokkerplanck.solvers.levy_generator import LevyGenerator

__all__ = ["Edge", "KilledLevy", "kill"]

Array = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Edge:
    """Where killing begins beside a living node.

    Parameters
    ----------
    node : int
        The living one.
    side : int
        1 where the killed are right of it, -1 where left.
    piece : int
        Which interval kills.
    at, distance : float
        Place of the edge, and its distance from the node in cells.
    """

    node: int
    side: int
    piece: int
    at: float
    distance: float


@dataclass(frozen=True, eq=False)
class KilledLevy(LevyGenerator):
    r"""Generator of walkers that are killed where they land in given intervals.

    Rows and columns of killed nodes are cut out: there is a multiple of the unit matrix in their
    place, so that densities and times which are 0 there stay so. Who jumps over an interval goes
    on. See `kill`, which makes it.

    Parameters
    ----------
    owner : ndarray of int, shape (n,)
        Which interval a node lies in; -1 where walkers live.
    edges : tuple of Edge
    """

    owner: NDArray[np.int64] = field(kw_only=True)
    edges: tuple[Edge, ...] = field(kw_only=True)

    @property
    def kills(self) -> bool:
        """Whether walkers are killed anywhere."""
        return "killed" in self.outside or bool((self.owner >= 0).any())

    @property
    def live(self) -> NDArray[np.bool_]:
        """Nodes where walkers live."""
        return np.asarray(self.owner < 0)

    def apply(self, u: Array) -> Array:
        """``Q u``."""
        out = super().apply(np.where(self.live, u, 0.0))
        return np.where(self.live, out, self._dead * u) - self._extra * u

    def apply_transposed(self, p: Array) -> Array:
        """``Q^T p``."""
        out = super().apply_transposed(np.where(self.live, p, 0.0))
        return np.where(self.live, out, self._dead * p) - self._extra * p

    def dense(self) -> Array:
        """Q itself, shape (n, n)."""
        matrix = np.where(np.outer(self.live, self.live), super().dense(), 0.0)
        matrix[np.diag_indices_from(matrix)] += np.where(self.live, -self._extra, self._dead)
        return np.asarray(matrix)

    def near(self, reach: int) -> Array:
        """Diagonals of Q up to `reach`, as LAPACK stores bands; shape (2 reach + 1, n)."""
        band, n, live = super().near(reach), self.nodes, self.live
        for k in range(-reach, reach + 1):
            # row j + k, column j
            columns = slice(max(-k, 0), n - max(k, 0))
            rows = slice(max(k, 0), n + min(k, 0))
            band[reach + k, columns] *= live[rows] & live[columns]
        band[reach] += np.where(live, -self._extra, self._dead)
        return band

    def rates_into(self, piece: int) -> tuple[Array, Array]:
        """Rates from living nodes into an interval: by long jumps, and by drift and Gaussian noise.

        Returns
        -------
        ndarray, ndarray, shape (n,) each
            0 on killed nodes.
        """
        inside = self.owner == piece
        jumps = np.zeros(self.nodes)
        at = np.flatnonzero(inside)
        if at.size:
            jumps += self._landing(int(at[0]), int(at[-1]))
        local = np.asarray(self.local @ inside.astype(np.float64))
        for edge in self.edges:
            if edge.piece == piece:
                drift, gauss, by_jumps = self._beside(edge)
                jumps[edge.node] += by_jumps
                local[edge.node] += drift + gauss
        return np.where(self.live, jumps, 0.0), np.where(self.live, local, 0.0)

    def beside(self, piece: int) -> Array:
        """Rates into an interval that put its edges where they are, shape (n,); may be negative."""
        rates = np.zeros(self.nodes)
        for edge in self.edges:
            if edge.piece == piece:
                rates[edge.node] += self._beside(edge).sum()
        return rates

    def rates_beyond(self, side: int) -> tuple[Array, Array]:
        """Rates from living nodes through an absorbing wall, as in `rates_into`; 0 of others."""
        drift, gauss, jumps = self.wall_rates(side)
        local = drift + gauss
        if self.outside[side] == "killed":
            jumps = jumps + self.beyond[side]
        return np.where(self.live, jumps, 0.0), np.where(self.live, local, 0.0)

    def _landing(self, first: int, last: int) -> Array:
        """Rates of jumps into the nodes from `first` to `last`, from all others."""
        n = self.nodes
        # at least k cells, k = 1, 2, ...
        tail = self.scale**self.alpha * tail_rates(self.alpha, n + 1, self.spacing)
        out = np.zeros(n)
        left, right = np.arange(first), np.arange(last + 1, n)
        out[left] = tail[first - left - 1]
        out[right] = tail[right - last - 1]
        if last < n - 1 or self.outside[1] != "stopped":
            out[left] -= tail[last - left]
        if first > 0 or self.outside[0] != "stopped":
            out[right] -= tail[right - first]
        return out

    @property
    def _dead(self) -> float:
        return float(self.jumps.first[0]) - 2.0 * self.temperature / self.spacing**2

    @property
    def _extra(self) -> Array:
        """Killing beside edges, shape (n,)."""
        rates = np.zeros(self.nodes)
        for edge in self.edges:
            rates[edge.node] += self._beside(edge).sum()
        return rates

    def _beside(self, edge: Edge) -> Array:
        """Rates of killing that put the edge where it is."""
        return self.edge_rates(edge.node + (edge.side > 0), edge.side, edge.distance)


def kill(base: LevyGenerator, x: Array, pieces: Sequence[Interval]) -> KilledLevy:
    """Kill in intervals, the edges of which may lie anywhere between nodes.

    Nodes so little outside of an interval that the edge would have to be moved by more than half a
    cell, see `edge_killing`, belong to it; the first of two intervals that meet takes a node that
    both want.

    Parameters
    ----------
    base : LevyGenerator
    x : ndarray, shape (n,)
        Its nodes.
    pieces : sequence of (float, float)
        Ends; those that lie beyond the outermost nodes have no edge.
    """
    h = base.spacing
    owner = np.full(len(x), -1)
    for k, (low, high) in enumerate(pieces):
        near = [h * (base.layer(_face(x, end))[0] - 0.5) for end in (low, high)]
        owner[(owner < 0) & (x > low - near[0]) & (x < high + near[1])] = k
    edges = []
    for node in np.flatnonzero(owner < 0).tolist():
        for side in (-1, 1):
            other = node + side
            if 0 <= other < len(x) and owner[other] >= 0:
                piece = int(owner[other])
                at = pieces[piece][0 if side > 0 else 1]
                edges.append(Edge(node, side, piece, at, side * (at - float(x[node])) / h))
    inherited = {f.name: getattr(base, f.name) for f in fields(LevyGenerator)}
    return KilledLevy(**inherited, owner=owner, edges=tuple(edges))


def _face(x: Array, at: float) -> int:
    """Face between nodes that is nearest to a place."""
    return int(np.searchsorted(x, np.clip(at, x[0], x[-1])))
