"""One jump of the uniformised chain, ``W = 1 + Q.T / rate``: the product all explicit methods use.

Where the links of all cells look alike, W is kept by diagonals and applied block by block, at
the speed of memory; elsewhere it is kept by compressed rows. W has no negative entry.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.generator import Generator

__all__ = ["Jump"]

Array = NDArray[np.float64]
BLOCK = 1024
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
        Zeros on either side of the vectors that `advance` works on (see `padded`).
    diagonals : int
        Number of off-diagonals kept, 0 where compressed rows are used.
    """

    def __init__(self, generator: Generator) -> None:
        self.cells = generator.cells
        self.conservative = generator.conservative
        self.rate = float(generator.exit_rate.max(initial=0.0))
        unit = self.rate if self.rate > 0.0 else 1.0
        to = np.concatenate([generator.head, generator.tail])
        come = np.concatenate([generator.tail, generator.head])
        rates = np.concatenate([generator.forward, generator.backward]) / unit
        moves = rates > 0.0
        if not moves.all():
            to, come, rates = to[moves], come[moves], rates[moves]
        self.entries = rates.size
        shifts = come.astype(np.int64) - to
        offsets = np.flatnonzero(np.bincount(shifts + self.cells)) - self.cells
        self.diagonals = len(offsets) if self.entries >= FILL * len(offsets) * self.cells else 0
        absorbed = generator.absorption / unit
        if self.diagonals:
            self.pad = int(np.abs(offsets).max())
            self._offsets = offsets
            row = np.zeros(2 * self.pad + 1, dtype=np.int64)
            row[offsets + self.pad] = np.arange(self.diagonals)
            place = row[shifts + self.pad] * self.cells + to
            size = self.diagonals * self.cells
            bands = np.asarray(np.bincount(place, rates, size), dtype=np.float64)
            self._bands = bands.reshape(self.diagonals, self.cells)
            self._stay = _stay(self._bands, offsets, absorbed)
        else:
            self.pad = 0
            matrix = sp.coo_array((rates, (to, come)), shape=(self.cells, self.cells)).tocsr()
            self._rows = matrix.indptr.astype(np.int64)
            self._columns = matrix.indices.astype(np.int32)
            self._rates = np.ascontiguousarray(matrix.data, dtype=np.float64)
            leaving = absorbed.astype(np.longdouble)
            np.add.at(leaving, self._columns, self._rates.astype(np.longdouble))
            self._stay = _rest(leaving)

    def padded(self, mass: Array | None = None) -> Array:
        """Make a work vector: `mass`, or zeros, between `pad` zeros on either side."""
        out = np.zeros(self.cells + 2 * self.pad)
        if mass is not None:
            out[self.pad : self.pad + self.cells] = mass
        return out

    def advance(self, v: Array, u: Array, total: Array, a: float, b: float, c: float) -> float:
        """``u <- a W v + b u``, then ``total <- total + c u``; return ``|u|_1``.

        `v` and `u` are padded and different, `total` is not padded.
        """
        if self.diagonals:
            return float(
                _bands_kernel(
                    self._bands, self._offsets, self._stay, self.pad, v, u, total, a, b, c
                )
            )
        return float(
            _rows_kernel(self._rows, self._columns, self._rates, self._stay, v, u, total, a, b, c)
        )

    @property
    def seconds(self) -> float:
        """Rough time of one product."""
        per_cell = 0.25e-9 * (self.diagonals + 4) if self.diagonals else 5e-9
        return 5e-6 + per_cell * self.cells + (0 if self.diagonals else 1.5e-9 * self.entries)


def _stay(bands: Array, offsets: NDArray[np.int64], absorbed: Array) -> Array:
    """Diagonal of W: what the columns of the rounded rates leave, summed with extra digits.

    A bias of one rounding per product is a leak of mass at ``1e-16 rate``; millions of products
    would show it.
    """
    n = absorbed.size
    leaving = absorbed.astype(np.longdouble)
    for band, offset in zip(bands, offsets.tolist(), strict=True):
        first, last = max(0, -offset), min(n, n - offset)
        leaving[first + offset : last + offset] += band[first:last]
    return _rest(leaving)


def _rest(leaving: NDArray[np.longdouble]) -> Array:
    rest: Array = np.maximum(1.0 - leaving, 0.0).astype(np.float64)
    return rest


@njit(cache=True)
def _bands_kernel(bands, offsets, stay, pad, v, u, total, a, b, c):  # type: ignore[no-untyped-def]
    """``u_i <- a (stay_i v_i + sum_d band_di v_{i + offset_d}) + b u_i``, block by block."""
    n = stay.size
    work = np.empty(BLOCK)
    lanes = np.zeros(8)
    for start in range(0, n, BLOCK):
        m = min(BLOCK, n - start)
        row = stay[start : start + m]
        x = v[pad + start : pad + start + m]
        for i in range(m):
            work[i] = row[i] * x[i]
        for k in range(offsets.size):
            row = bands[k, start : start + m]
            x = v[pad + start + offsets[k] : pad + start + offsets[k] + m]
            for i in range(m):
                work[i] += row[i] * x[i]
        y = u[pad + start : pad + start + m]
        t = total[start : start + m]
        for i in range(m):
            y[i] = a * work[i] + b * y[i]
            t[i] += c * y[i]
        full = m - m % 8
        for i in range(0, full, 8):
            for lane in range(8):
                lanes[lane] += abs(y[i + lane])
        for i in range(full, m):
            lanes[0] += abs(y[i])
    return lanes.sum()


@njit(cache=True)
def _rows_kernel(rows, columns, rates, stay, v, u, total, a, b, c):  # type: ignore[no-untyped-def]
    """``u_i <- a (stay_i v_i + sum_j W_ij v_j) + b u_i`` by compressed rows."""
    norm = 0.0
    for i in range(stay.size):
        inflow = stay[i] * v[i]
        for k in range(rows[i], rows[i + 1]):
            inflow += rates[k] * v[columns[k]]
        u[i] = a * inflow + b * u[i]
        total[i] += c * u[i]
        norm += abs(u[i])
    return norm
