"""Gradients of single samples at the points of a lattice, interpolated by cubic splines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["GradientTable"]

Array = NDArray[np.float64]
Single = NDArray[np.float32]
#: Points of an axis at least, for cubics.
FEWEST = 4
#: Distance of a point from its place in an even lattice, of the spacing, that counts as rounding.
OFF = 1e-5
#: Values of the four cubic B-splines of a cell: rows of 1, t, t^2, t^3.
BASIS = np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6.0
#: Samples that are fitted, or points that are evaluated, at a time.
CHUNK = 64
#: Order of the splines.
ORDER = 4
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class GradientTable:
    """B-spline coefficients of each sample's gradient, on a line or in the plane.

    Parameters
    ----------
    axes : tuple of ndarray
        Equally spaced coordinates along x (and y).
    coefficients : ndarray of float32, shape (samples, nx + 2) or (samples, nx + 2, ny + 2, 2)
        Those of a sample lie together, so that a look-up meets 1 or 4 places of memory. Its
        gradient is a spline without assumptions at the ends (not-a-knot): C2, exact for cubics, of
        fourth order; the mean over samples is the same spline through the means.
    """

    axes: tuple[Array, ...]
    coefficients: Single

    @classmethod
    def of(cls, axes: Sequence[ArrayLike], gradients: ArrayLike) -> GradientTable:
        """Fit the splines.

        Parameters
        ----------
        axes : sequence of array_like
            Coordinates along x (and y), equally spaced, at least four.
        gradients : array_like, shape (samples, nx, 1) or (samples, nx, ny, 2)

        Raises
        ------
        ValueError
            Coordinates that are not equally spaced, another shape, or values that are not finite.
        """
        lattice = tuple(_even(np.asarray(axis, dtype=np.float64)) for axis in axes)
        values = np.asarray(gradients)
        wanted = (*(len(axis) for axis in lattice), len(lattice))
        if values.shape[1:] != wanted or len(values) < 1:
            msg = f"the table has shape {values.shape}; the coordinates ask for (samples, "
            msg += f"{', '.join(map(str, wanted))})"
            raise ValueError(msg)
        shape = (len(values), *(len(axis) + 2 for axis in lattice), len(lattice))
        out = np.empty(shape, np.float32)
        fits = [_fit(len(axis)) for axis in lattice]
        for at in range(0, len(values), CHUNK):
            part = np.asarray(values[at : at + CHUNK], dtype=np.float64)
            bad = ~np.isfinite(part)
            if bad.any():
                index = np.argwhere(bad)[0]
                place = (at + int(index[0]), *(int(v) for v in index[1:-1]))
                msg = f"the table is not finite at (sample, point) {place}"
                raise ValueError(msg)
            for axis, fit in enumerate(fits, start=1):
                part = np.moveaxis(np.tensordot(fit, part, (1, axis)), 0, axis)
            out[at : at + CHUNK] = part
        return cls(lattice, out[..., 0] if len(lattice) == 1 else out)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return len(self.axes)

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.coefficients)

    @property
    def lower(self) -> tuple[float, ...]:
        """Lower ends of the axes."""
        return tuple(float(axis[0]) for axis in self.axes)

    @property
    def upper(self) -> tuple[float, ...]:
        """Upper ends of the axes."""
        return tuple(float(axis[-1]) for axis in self.axes)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distances of the points."""
        return tuple(float((axis[-1] - axis[0]) / (len(axis) - 1)) for axis in self.axes)

    def at(self, points: ArrayLike) -> Array:
        """Gradients of all samples at points (n, dim), as walkers see them; (n, samples, dim)."""
        p = np.asarray(points, dtype=np.float64).reshape(-1, self.dim)
        whole = self.coefficients[..., None] if self.dim == 1 else self.coefficients
        out = np.empty((len(p), self.samples, self.dim))
        cells, weights = zip(*(self._place(p, d) for d in range(self.dim)), strict=True)
        for n in range(len(p)):
            part = whole[:, cells[0][n] : cells[0][n] + 4]
            if self.dim == 1:
                out[n] = np.einsum("a,sac->sc", weights[0][n], part)
            else:
                part = part[:, :, cells[1][n] : cells[1][n] + 4]
                out[n] = np.einsum("a,b,sabc->sc", weights[0][n], weights[1][n], part)
        return out

    def moments(self, points: ArrayLike) -> tuple[Array, Array]:
        """Mean (n, dim) and covariance (n, dim, dim; over all samples) of `at`."""
        p = np.asarray(points, dtype=np.float64).reshape(-1, self.dim)
        mean, covariance = np.empty((len(p), self.dim)), np.empty((len(p), self.dim, self.dim))
        for at in range(0, len(p), CHUNK):
            g = self.at(p[at : at + CHUNK])
            mean[at : at + CHUNK] = g.mean(axis=1)
            g -= g.mean(axis=1, keepdims=True)
            covariance[at : at + CHUNK] = np.einsum("nsi,nsj->nij", g, g) / self.samples
        return mean, covariance

    def refined(self, parts: int) -> tuple[tuple[Array, ...], Array, Array]:
        """Mean and covariance at the points of a lattice `parts` times as fine.

        Returns
        -------
        axes : tuple of ndarray
        mean, covariance : ndarray, shapes (*lattice, dim), (*lattice, dim, dim)
        """
        axes = tuple(
            np.linspace(a[0], a[-1], parts * (len(a) - 1) + 1) if parts > 1 else a
            for a in self.axes
        )
        shape = tuple(len(a) for a in axes)
        mean = np.empty((*shape, self.dim))
        covariance = np.empty((*shape, self.dim, self.dim))
        for i, g in enumerate(self._rows(axes)):
            mean[i] = g.mean(axis=0)
            away = g - mean[i]
            covariance[i] = np.einsum("s...i,s...j->...ij", away, away) / self.samples
        return axes, mean, covariance

    def without(self, samples: Sequence[int] | NDArray[np.int64]) -> GradientTable:
        """Give the table of the other samples, moved so that the mean gradient is what it was."""
        kept = np.delete(self.coefficients, np.asarray(samples, dtype=np.int64), axis=0)
        if not len(kept):
            msg = f"all {self.samples} samples are left out"
            raise ValueError(msg)
        off = self.coefficients.mean(axis=0, dtype=np.float64) - kept.mean(axis=0, dtype=np.float64)
        return GradientTable(self.axes, (kept + off).astype(np.float32))

    def left_out(self) -> tuple[float, float, float] | None:
        """Estimate the error of interpolation by leaving every second point out.

        Returns
        -------
        sample, mean, covariance : float
            Root mean square, over the lattice, of the error of the gradient of a sample, of the
            mean gradient (both relative to the root mean square gradient of a sample) and of the
            covariance (relative to its own), each a sixteenth of what is seen at twice the spacing,
            as for a spline of fourth order. None for fewer than seven points along an axis, of
            which every second one makes a spline.
        """
        if min(len(axis) for axis in self.axes) < 2 * FEWEST - 1:
            return None
        odd = tuple(axis[: len(axis) - 1 + len(axis) % 2] for axis in self.axes)
        values = np.stack(list(self._rows(odd)), axis=1)
        every = (slice(None), *(slice(None, None, 2),) * self.dim)
        coarse = GradientTable.of([axis[::2] for axis in odd], values[every])
        total = {"sample": 0.0, "mean": 0.0, "covariance": 0.0}
        size, spread = 0.0, 0.0
        for i, there in enumerate(coarse._rows(odd)):
            here = values[:, i]
            error = there - here
            total["sample"] += float((error**2).sum()) / self.samples
            total["mean"] += float((error.mean(axis=0) ** 2).sum())
            both = [
                np.einsum("s...i,s...j->...ij", g, g) / self.samples
                for g in (a - a.mean(axis=0) for a in (there, here))
            ]
            total["covariance"] += float(((both[0] - both[1]) ** 2).sum())
            size += float((here**2).sum()) / self.samples
            spread += float((both[1] ** 2).sum())
        sample, mean, covariance = (
            float(np.sqrt(part / max(whole, TINY))) / 2**ORDER
            for part, whole in zip(total.values(), (size, size, spread), strict=True)
        )
        return sample, mean, covariance

    def _rows(self, axes: tuple[Array, ...]) -> Iterator[Array]:
        """Gradients at the points of a lattice, row by row of x: (samples, [ny,] dim)."""
        whole = self.coefficients[..., None] if self.dim == 1 else self.coefficients
        places = [self._place(axis[:, None], d, 0) for d, axis in enumerate(axes)]
        along = None
        if self.dim == 2:
            along = np.zeros((len(axes[1]), whole.shape[2]))
            for b in range(4):
                along[np.arange(len(axes[1])), places[1][0] + b] += places[1][1][:, b]
        for cell, weight in zip(*places[0], strict=True):
            row = np.einsum("a,sa...->s...", weight, whole[:, cell : cell + 4], optimize=True)
            yield row if along is None else np.matmul(along, row)

    def _place(
        self, points: Array, axis: int, column: int | None = None
    ) -> tuple[NDArray[np.int64], Array]:
        cells = len(self.axes[axis]) - 1
        x = points[:, axis if column is None else column]
        t = np.clip((x - self.lower[axis]) / self.spacing[axis], 0.0, cells)
        cell = np.minimum(t.astype(np.int64), cells - 1)
        return cell, (t - cell)[:, None] ** np.arange(4) @ BASIS.T


def _even(axis: Array) -> Array:
    if axis.ndim != 1 or len(axis) < FEWEST or not np.isfinite(axis).all():
        msg = f"a table needs at least {FEWEST} finite coordinates in one row, got {axis.shape}"
        raise ValueError(msg)
    even = np.linspace(axis[0], axis[-1], len(axis))
    h = (axis[-1] - axis[0]) / (len(axis) - 1)
    if not h > 0 or np.abs(axis - even).max() > OFF * h:
        msg = "coordinates of a table increase and are equally spaced"
        raise ValueError(msg)
    return even


def _fit(points: int) -> Array:
    """Matrix (points + 2, points) from values to coefficients of the not-a-knot spline."""
    system = np.zeros((points + 2, points + 2))
    for j in range(points):
        system[1 + j, j : j + 3] = np.array([1.0, 4.0, 1.0]) / 6.0
    # third derivatives of neighbouring cells are equal at the second and the last point but one
    jump = np.array([1.0, -4.0, 6.0, -4.0, 1.0])
    system[0, :5], system[-1, -5:] = jump, jump
    return np.asarray(np.linalg.inv(system)[:, 1:-1])
