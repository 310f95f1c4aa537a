"""Landscapes known at points of a lattice: an interpolating cubic spline, C2 everywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.base import Array, Landscape, as_points
from fokkerplanck.landscapes.root_spline import RootSpline
from fokkerplanck.landscapes.surface_file import Surface, read_surface

__all__ = ["SampledLandscape", "load_sampled", "sampled"]

#: a cubic spline without assumptions at the ends needs this many points
FEWEST = 4
#: points this far outside, relative to the range, are on its end
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class SampledLandscape(Landscape):
    """Tensor-product cubic spline (not-a-knot) through L at the points of a lattice.

    Parameters
    ----------
    axes : tuple of ndarray
        Increasing coordinates along x (and y), at least four each, not necessarily equidistant.
    values : ndarray, shape (len(x), len(y)) or (len(x),)
        L there, reproduced to rounding.
    gradient_samples, covariance_samples : ndarray, optional
        What the file knows besides, at the same points: the gradient of the loss, and the
        covariance of the per-sample gradient.
    source : str
        Where the values come from.

    Notes
    -----
    For a smooth loss the value is accurate to O(h^4), the gradient to O(h^3), the Hessian to
    O(h^2). Outside of the lattice there is no landscape: `CaseError`.
    """

    axes: tuple[Array, ...]
    values: Array = field(repr=False)
    gradient_samples: Array | None = field(default=None, repr=False)
    covariance_samples: Array | None = field(default=None, repr=False)
    source: str = "arrays"

    @property
    def dim(self) -> int:  # type: ignore[override]
        """Number of coordinates."""
        return len(self.axes)

    @property
    def name(self) -> str:  # type: ignore[override]
        """Kind in a case file."""
        return "sampled"

    def loss(self, points: ArrayLike) -> Array:
        """See `Landscape.loss`."""
        return self._evaluate(points, (0,) * self.dim)

    def gradient(self, points: ArrayLike) -> Array:
        """See `Landscape.gradient`."""
        orders = [tuple(int(i == j) for j in range(self.dim)) for i in range(self.dim)]
        return np.stack([self._evaluate(points, order) for order in orders], axis=-1)

    def hessian(self, points: ArrayLike) -> Array:
        """See `Landscape.hessian`."""
        out = np.empty((*np.shape(points), self.dim))
        for i in range(self.dim):
            for j in range(i, self.dim):
                order = tuple(int(k == i) + int(k == j) for k in range(self.dim))
                out[..., i, j] = out[..., j, i] = self._evaluate(points, order)
        return out

    def covariance(self, points: ArrayLike, floor: float = 0.0) -> Array:
        """See `Landscape.covariance`; in between by splines of the square roots."""
        if self.covariance_samples is None:
            msg = f"{self.source} has no dataset covariance(x, y, row, column): give "
            msg += "noise.covariance, or take another kind of noise"
            raise CaseError(msg, key="noise.covariance")
        if floor not in self._roots:
            self._roots[floor] = RootSpline(self.axes, self.covariance_samples, floor)
        return self._roots[floor](self._inside(as_points(points, self.dim)))

    @cached_property
    def _roots(self) -> dict[float, RootSpline]:
        """Interpolated covariances by their floor."""
        return {}

    @cached_property
    def _spline(self) -> Callable[[Array, tuple[int, ...]], Any]:
        from scipy.interpolate import CubicSpline, RectBivariateSpline

        if self.dim == 1:
            line = CubicSpline(self.axes[0], self.values)
            return lambda p, order: line(p[..., 0], order[0])
        x, y = self.axes
        plane = RectBivariateSpline(x, y, self.values, kx=3, ky=3, s=0)
        return lambda p, order: plane.ev(p[..., 0], p[..., 1], dx=order[0], dy=order[1])

    def _evaluate(self, points: ArrayLike, order: tuple[int, ...]) -> Array:
        points = self._inside(as_points(points, self.dim))
        return np.asarray(self._spline(points, order), dtype=np.float64)

    def _inside(self, points: Array) -> Array:
        low = np.array([axis[0] for axis in self.axes])
        high = np.array([axis[-1] for axis in self.axes])
        room = ROUNDING * (high - low)
        outside = ((points < low - room) | (points > high + room)).any(axis=-1)
        if outside.any():
            first = points.reshape(-1, self.dim)[int(np.argmax(outside))].tolist()
            box = " x ".join(f"[{a:g}, {b:g}]" for a, b in zip(low, high, strict=True))
            msg = f"the landscape is sampled on {box} only, asked for at {first}; shrink the grid"
            raise CaseError(msg, key="grid")
        return np.clip(points, low, high)


def sampled(x: ArrayLike, y: ArrayLike | None, loss: ArrayLike) -> SampledLandscape:
    """Landscape through values at points, one-dimensional where `y` is None.

    Parameters
    ----------
    x, y : array_like, shape (nx,), (ny,)
        Increasing coordinates.
    loss : array_like, shape (nx, ny) or (nx,)

    Raises
    ------
    CaseError
        Fewer than four points, coordinates out of order, another shape, or values that are not
        finite (the message gives the index).
    """
    axes = [x] if y is None else [x, y]
    surface = Surface(
        tuple(np.array(axis, dtype=np.float64) for axis in axes), np.array(loss, dtype=np.float64)
    )
    problem = surface.problem(FEWEST)
    if problem:
        raise CaseError(problem)
    return _landscape(surface, "arrays")


def load_sampled(path: str | PathLike[str]) -> SampledLandscape:
    """Landscape from an HDF5 file.

    Two layouts are read: datasets ``x``, ``y`` and ``loss(x, y)``, with ``gradient`` and
    ``covariance`` where known; and the surface files of the common loss-landscape tools, with
    ``xcoordinates``, ``ycoordinates`` and ``train_loss``. Without a second coordinate the
    landscape is one-dimensional.

    Raises
    ------
    DataError
        A file that is missing, truncated, of another format, without these datasets, or with
        points that have no finite value; the message names the file.
    """
    return _landscape(read_surface(path, FEWEST), str(path))


def _landscape(surface: Surface, source: str) -> SampledLandscape:
    for array in (*surface.axes, surface.loss):
        array.setflags(write=False)
    return SampledLandscape(
        surface.axes, surface.loss, surface.gradient, surface.covariance, source
    )
