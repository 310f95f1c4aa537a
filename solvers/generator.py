"""The Markov generator Q on the cells of a grid: the one object everything is read off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import NDArray

__all__ = ["Generator"]

Array = NDArray[np.float64]
Indices = NDArray[np.int32]
#: From this many links on sums over links are compiled loops.
MANY = 20_000


@dataclass(frozen=True, eq=False, repr=False)
class Generator:
    """Jump rates between cells, kept link by link.

    ``Q[i, j] >= 0`` is the rate of jumps from cell i to cell j; rows sum to minus the absorption
    rate. Q acts on observables, its transpose on cell masses: ``dP/dt = Q.T P``.

    Parameters
    ----------
    shape : tuple of int
        Cells along each axis; cells are numbered in C order.
    spacing : tuple of float
        Cell widths.
    tail, head : ndarray of int32, shape (links,)
        The two cells of each link; each pair with a given offset stands once.
    offset : ndarray of int32, shape (links, dim)
        Lattice vector from tail to head, in cells (not wrapped on periodic axes).
    forward, backward : ndarray, shape (links,)
        Rates tail -> head and head -> tail, both >= 0 (one of them may be 0).
    absorption : ndarray, shape (cells,)
        Rate out through absorbing walls, >= 0.
    weight : str
        The link weight that made the rates, ``"fitted"`` or ``"midpoint"``.
    """

    shape: tuple[int, ...]
    spacing: tuple[float, ...]
    tail: Indices
    head: Indices
    offset: Indices
    forward: Array
    backward: Array
    absorption: Array
    weight: str = "fitted"

    def __repr__(self) -> str:
        return f"Generator(shape={self.shape}, links={self.tail.size}, weight={self.weight!r})"

    @property
    def cells(self) -> int:
        """Number of cells."""
        return int(np.prod(self.shape))

    @property
    def volume(self) -> float:
        """Length or area of one cell."""
        return float(np.prod(self.spacing))

    @property
    def reach(self) -> int:
        """Largest lattice distance that a jump covers along one axis."""
        return int(np.abs(self.offset).max(initial=0))

    @property
    def conservative(self) -> bool:
        """Whether no mass can leave."""
        return not bool(self.absorption.any())

    @cached_property
    def exit_rate(self) -> Array:
        """Total rate out of each cell, shape (cells,): minus the diagonal of Q."""
        if self.tail.size >= MANY:
            out = _exit_kernel(self.tail, self.head, self.forward, self.backward, self.cells)
        else:
            out = np.bincount(self.tail, self.forward, self.cells)
            out += np.bincount(self.head, self.backward, self.cells)
        return np.asarray(out + self.absorption, dtype=np.float64)

    @cached_property
    def matrix(self) -> sp.csr_array:
        """Q as a sparse matrix of shape (cells, cells)."""
        diagonal = np.arange(self.cells, dtype=np.int32)
        i = np.concatenate([self.tail, self.head, diagonal])
        j = np.concatenate([self.head, self.tail, diagonal])
        rates = np.concatenate([self.forward, self.backward, -self.exit_rate])
        q = sp.coo_array((rates, (i, j)), shape=(self.cells, self.cells)).tocsr()
        q.eliminate_zeros()
        return q

    def link_vectors(self) -> Array:
        """Physical vector from tail to head of each link, shape (links, dim)."""
        return np.multiply(self.offset, self.spacing, dtype=np.float64)

    def flux(self, mass: Array) -> Array:
        """Net jump flux along each link, ``forward P_tail - backward P_head``, shape (links,)."""
        p = np.asarray(mass, dtype=np.float64).ravel()
        return self.forward * p[self.tail] - self.backward * p[self.head]


@njit(cache=True)
def _exit_kernel(tail, head, forward, backward, cells):  # type: ignore[no-untyped-def]
    """Rates out of each cell along links that begin and along those that end there."""
    out, back = np.zeros(cells), np.zeros(cells)
    for e in range(tail.size):
        out[tail[e]] += forward[e]
        back[head[e]] += backward[e]
    return out + back
