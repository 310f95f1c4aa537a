"""Products with the long jumps of a plane, and with what walls make of them, by FFT."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft, ifft, irfft, next_fast_len, rfft

from fokkerplanck.solvers.fractional_plane import PlaneRates
from fokkerplanck.solvers.levy_generator import Outside

__all__ = ["PlaneFates", "PlaneJumps"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
#: What happens beyond the walls, (low, high) of each axis.
PlaneFates = tuple[tuple[Outside, Outside], tuple[Outside, Outside]]


@dataclass(frozen=True, eq=False)
class PlaneJumps:
    """Generator J of long jumps between the cells of a plane.

    Parameters
    ----------
    rates : PlaneRates
        With tables of the shape of the grid.
    outside : PlaneFates
        Who jumps beyond two walls is killed if one of them kills, else stays if one suppresses,
        else is stopped in the corner.

    Notes
    -----
    One product takes two real FFT of twice the cells along each axis; stopping walls add about
    half as much. Tables take about ``80`` bytes for each cell.
    """

    rates: PlaneRates
    outside: PlaneFates

    @property
    def shape(self) -> tuple[int, int]:
        """Cells along both axes."""
        nx, ny = self.rates.single.shape
        return nx, ny

    def apply(self, u: Array) -> Array:
        """``J u``: observables, shape (nx, ny)."""
        nx, ny = self.shape
        along_y = rfft(u, self._lengths[1], axis=1)
        rows = self._toeplitz(along_y)
        for end, kernel in self._stopping(0):
            rows += kernel * along_y[end]
        out = irfft(rows, self._lengths[1], axis=1)[:, :ny]
        columns = np.zeros((self._past_y.shape[0], ny), dtype=np.complex128)
        for end, kernel in self._stopping(1):
            columns += kernel * rfft(u[:, end], self._lengths[0])[:, None]
        if "stopped" in self.outside[1]:
            out += irfft(columns, self._lengths[0], axis=0)[:nx]
        for (i, j), kernel in self._corners():
            out += kernel * u[i, j]
        return np.asarray(out + self.kept * u)

    def apply_transposed(self, p: Array) -> Array:
        """``J^T p``: masses, shape (nx, ny)."""
        nx, ny = self.shape
        along_y = rfft(p, self._lengths[1], axis=1)
        rows = self._toeplitz(along_y)
        for end, kernel in self._stopping(0):
            rows[end] += (kernel * along_y).sum(axis=0)
        out = irfft(rows, self._lengths[1], axis=1)[:, :ny]
        if "stopped" in self.outside[1]:
            along_x = rfft(p, self._lengths[0], axis=0)
            for end, kernel in self._stopping(1):
                out[:, end] += irfft((kernel * along_x).sum(axis=1), self._lengths[0])[:nx]
        for (i, j), kernel in self._corners():
            out[i, j] += (kernel * p).sum()
        return np.asarray(out + self.kept * p)

    def dense(self) -> Array:
        """J itself, shape (nx, ny, nx, ny): from where, to where."""
        nx, ny = self.shape
        i, j = np.arange(nx), np.arange(ny)
        away_x, away_y = np.abs(i[:, None] - i), np.abs(j[:, None] - j)
        r = self.rates
        matrix = r.single[away_x[:, None, :, None], away_y[None, :, None, :]]
        for end, first in self._ends(0):
            matrix[:, :, end, :] += r.past_x[first][:, away_y]
        for end, first in self._ends(1):
            matrix[:, :, :, end] += r.past_y[:, first][away_x].transpose(0, 2, 1)
        for (a, b), kernel in self._corners():
            matrix[:, :, a, b] += kernel
        flat = matrix.reshape(nx * ny, nx * ny)
        flat[np.diag_indices(nx * ny)] += self.kept.ravel() - r.total
        return np.asarray(matrix)

    @cached_property
    def kept(self) -> Array:
        """Rate of jumps from each cell that walls suppress, so that they end where they begin."""
        out = np.zeros(self.shape)
        sides = (self.rates.past_x, self.rates.past_y.T)
        for axis, table in enumerate(sides):
            run = np.cumsum(table, axis=1)
            across = run + run[:, ::-1] - table[:, :1]
            for side, fate in enumerate(self.outside[axis]):
                if fate == "suppressed":
                    rate = across[::-1] if side else across
                    out += rate.T if axis else rate
        for a, x in enumerate(self.outside[0]):
            for b, y in enumerate(self.outside[1]):
                if "suppressed" in (x, y) and "killed" not in (x, y):
                    out += self._past_corner(a, b)
        return out

    def _toeplitz(self, along_y: Complex) -> Complex:
        """Jumps within the plane, and the rate of all, of rows that are transformed along y."""
        spectrum = fft(along_y, self._lengths[0], axis=0)
        spectrum *= self._symbol
        return np.asarray(ifft(spectrum, axis=0, overwrite_x=True)[: self.shape[0]])

    def _ends(self, axis: int) -> list[tuple[int, slice]]:
        """Find stopping walls: the index of their cells, the order of jumps that reach them."""
        both = ((0, slice(None)), (-1, slice(None, None, -1)))
        fates = self.outside[axis]
        return [end for end, fate in zip(both, fates, strict=True) if fate == "stopped"]

    def _stopping(self, axis: int) -> list[tuple[int, Array]]:
        """Find stopping walls, and the transforms of the rates into their cells."""
        if axis == 0:
            return [(end, self._past_x[order]) for end, order in self._ends(0)]
        return [(end, self._past_y[:, order]) for end, order in self._ends(1)]

    def _corners(self) -> list[tuple[tuple[int, int], Array]]:
        """Corners that jumps end in, and their rates from everywhere."""
        return [
            ((-a, -b), self._past_corner(a, b))
            for a, x in enumerate(self.outside[0])
            for b, y in enumerate(self.outside[1])
            if x == y == "stopped"
        ]

    def _past_corner(self, a: int, b: int) -> Array:
        table = self.rates.past_both
        return np.asarray(table[:: -1 if a else 1, :: -1 if b else 1])

    @cached_property
    def _lengths(self) -> tuple[int, int]:
        nx, ny = self.shape
        return int(next_fast_len(2 * nx - 1)), int(next_fast_len(2 * ny - 1, real=True))

    @cached_property
    def _symbol(self) -> Array:
        table = self.rates.single.copy()
        table[0, 0] = -self.rates.total
        lx, ly = self._lengths
        along_y = rfft(_mirrored(table, ly, 1), axis=1).real
        return np.asarray(fft(_mirrored(along_y, lx, 0), axis=0).real)

    @cached_property
    def _past_x(self) -> Array:
        return np.asarray(rfft(_mirrored(self.rates.past_x, self._lengths[1], 1), axis=1).real)

    @cached_property
    def _past_y(self) -> Array:
        return np.asarray(rfft(_mirrored(self.rates.past_y, self._lengths[0], 0), axis=0).real)


def _mirrored(table: Array, length: int, axis: int) -> Array:
    """Periodic even continuation along an axis, with zeros between."""
    table = np.moveaxis(table, axis, 0)
    out = np.zeros((length, *table.shape[1:]))
    out[: len(table)] = table
    out[length - len(table) + 1 :] = table[:0:-1]
    return np.moveaxis(out, 0, axis)
