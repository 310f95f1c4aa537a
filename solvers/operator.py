"""One jump of the uniformised chain, ``W = 1 + Q.T / rate``: the matrix of all explicit methods.

Where the links of all cells look alike, W is kept by diagonals, which are fast to apply (see
`fokkerplanck.solvers.recurrence`); elsewhere by compressed rows. W has no negative entry.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.generator import Generator

__all__ = ["Jump", "aligned"]

Array = NDArray[np.float64]
LINE = 8  # numbers in a cache line
FILL = 0.4  # smallest filling of the diagonals at which they beat compressed rows


class Jump:
    """The substochastic matrix ``W = 1 + Q.T / rate``, ``rate`` the largest exit rate.

    Parameters
    ----------
    generator : Generator
        The rates.

    Attributes
    ----------
    rate : float
        The largest exit rate; 0 if nothing moves.
    pad : int
        Longest jump in numbers of cells, where diagonals are kept.
    stay : ndarray, shape (cells,)
        Diagonal of W.
    diagonals : int
        Number of off-diagonals kept, 0 where compressed rows are used.
    offsets, bands : ndarray, shape (diagonals,) and (diagonals, cells)
        W of cell i and cell i + offset, row by row of W.
    rows, columns, rates : ndarray
        Compressed rows of W without its diagonal.
    """

    def __init__(self, generator: Generator) -> None:
        self.cells = generator.cells
        self.conservative = generator.conservative
        self.rate = float(generator.exit_rate.max(initial=0.0))
        unit = self.rate if self.rate > 0.0 else 1.0
        links = (generator.tail, generator.head, generator.forward, generator.backward)
        counts = _count_kernel(*links, self.cells)
        self.entries = int(counts.sum())
        offsets = np.flatnonzero(counts) - self.cells
        self.diagonals = len(offsets) if self.entries >= FILL * len(offsets) * self.cells else 0
        absorbed = generator.absorption / unit
        if self.diagonals:
            self.pad = int(np.abs(offsets).max())
            self.offsets = offsets
            row = np.full(2 * self.pad + 1, -1)
            row[offsets + self.pad] = np.arange(self.diagonals)
            width = -(-self.cells // LINE) * LINE
            self.bands: Array = aligned(self.diagonals * width).reshape(self.diagonals, width)
            _fill_kernel(*links, unit, row, self.pad, self.bands)
            self.stay = aligned(self.cells)
            _stay_kernel(self.bands, offsets, absorbed, self.stay)
        else:
            self.pad = 0
            to = np.concatenate([generator.head, generator.tail])
            come = np.concatenate([generator.tail, generator.head])
            rates = np.concatenate([generator.forward, generator.backward]) / unit
            moves = rates > 0.0
            to, come, rates = to[moves], come[moves], rates[moves]
            matrix = sp.coo_array((rates, (to, come)), shape=(self.cells, self.cells)).tocsr()
            self.rows = matrix.indptr.astype(np.int64)
            self.columns = matrix.indices.astype(np.int32)
            self.rates = np.ascontiguousarray(matrix.data, dtype=np.float64)
            leaving = absorbed.astype(np.longdouble)
            np.add.at(leaving, self.columns, self.rates.astype(np.longdouble))
            self.stay = _rest(leaving)

    @property
    def seconds(self) -> float:
        """Rough time of one product."""
        per_cell = 0.25e-9 * (self.diagonals + 4) if self.diagonals else 5e-9
        return 5e-6 + per_cell * self.cells + (0 if self.diagonals else 1.5e-9 * self.entries)


def aligned(count: int) -> Array:
    """Zeros from the beginning of a cache line on: a load from two lines takes twice as long."""
    zeros = np.zeros(count + LINE)
    first = -(zeros.ctypes.data // zeros.itemsize) % LINE
    return zeros[first : first + count]


def _rest(leaving: NDArray[np.longdouble]) -> Array:
    rest: Array = np.maximum(1.0 - leaving, 0.0).astype(np.float64)
    return rest


@njit(cache=True)
def _stay_kernel(bands, offsets, absorbed, stay):  # type: ignore[no-untyped-def]
    """Diagonal of W: what the columns of the rounded rates leave, summed with twice the digits.

    A bias of one rounding per product is a leak of mass at ``1e-16 rate``; millions of products
    would show it. What rounding takes from a sum is kept apart (Knuth, *Seminumerical
    Algorithms*, 4.2.2, theorem B).
    """
    n = absorbed.size
    high, low = absorbed.copy(), np.zeros(n)
    for d in range(offsets.size):
        offset = offsets[d]
        for j in range(max(offset, 0), min(n + offset, n)):
            rate, before = bands[d, j - offset], high[j]
            after = before + rate
            grown = after - before
            low[j] += (before - (after - grown)) + (rate - grown)
            high[j] = after
    for j in range(n):
        rest = 1.0 - high[j]
        fallen = rest - 1.0
        lost = (1.0 - (rest - fallen)) - (high[j] + fallen)
        stay[j] = max(rest + (lost - low[j]), 0.0)


@njit(cache=True)
def _count_kernel(tail, head, forward, backward, cells):  # type: ignore[no-untyped-def]
    """How many positive rates lead to a cell from that number of cells further, plus `cells`."""
    counts = np.zeros(2 * cells, dtype=np.int64)
    for e in range(tail.size):
        shift = tail[e] - head[e]
        counts[cells + shift] += forward[e] > 0.0
        counts[cells - shift] += backward[e] > 0.0
    return counts


@njit(cache=True)
def _fill_kernel(tail, head, forward, backward, unit, row, pad, bands):  # type: ignore[no-untyped-def]
    """``bands[row of the offset, cell] <- rates / unit`` into the cell; row is -1 for none."""
    for e in range(tail.size):
        shift = tail[e] - head[e]
        if forward[e] > 0.0:
            bands[row[pad + shift], head[e]] += forward[e] / unit
    for e in range(tail.size):
        shift = tail[e] - head[e]
        if backward[e] > 0.0:
            bands[row[pad - shift], tail[e]] += backward[e] / unit
