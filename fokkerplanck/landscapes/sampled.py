"""Landscapes known at points of a lattice: an interpolating spline, C2 everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.landscapes.base import Array, Landscape, as_points
from fokkerplanck.landscapes.gradient_check import disagreement
from fokkerplanck.landscapes.gradient_spline import GradientSpline
from fokkerplanck.landscapes.leave_out import Estimate, estimate, every, left_out
from fokkerplanck.landscapes.root_spline import RootSpline
from fokkerplanck.landscapes.surface_file import Surface, read_surface

__all__ = ["SampledLandscape", "load_sampled", "sampled"]

#: a cubic spline without assumptions at the ends needs this many points
FEWEST = 4
#: points this far outside, relative to the range, are on its end
ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class SampledLandscape(Landscape):
    """Spline through L at the points of a lattice, and through its gradient where it is known.

    Parameters
    ----------
    axes : tuple of ndarray
        Increasing coordinates along x (and y), at least four each, not necessarily equidistant.
    values : ndarray, shape (len(x), len(y)) or (len(x),)
        L there, reproduced to rounding.
    gradient_samples, covariance_samples, hessian_samples : ndarray, optional
        What the file knows besides, at the same points: gradient and Hessian of the loss, and
        the covariance of the per-sample gradient.
    source : str
        Where the values come from.
    attributes : mapping
        What the file says of itself: network, data, directions, share of the path.
    method : str
        ``"auto"``: through the gradients, too, if they predict samples that are left out better
        than values alone do; ``"values"``, ``"gradients"``: as it says.

    Notes
    -----
    Through values: tensor-product cubic spline (not-a-knot), C2; for a smooth loss the value is
    accurate to O(h^4), the gradient to O(h^3), the Hessian to O(h^2). Through gradients:
    `GradientSpline`, C3, O(h^6), O(h^5), O(h^4). `interpolation_error` says how much that is.
    Outside of the lattice there is no landscape: `CaseError`.
    """

    axes: tuple[Array, ...]
    values: Array = field(repr=False)
    gradient_samples: Array | None = field(default=None, repr=False)
    covariance_samples: Array | None = field(default=None, repr=False)
    source: str = "arrays"
    hessian_samples: Array | None = field(default=None, repr=False)
    attributes: Mapping[str, Any] = field(default_factory=dict, repr=False)
    method: str = "auto"

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

    def covariance(
        self, points: ArrayLike, floor: float = 0.0, *, semidefinite: bool = False
    ) -> Array:
        """See `Landscape.covariance`; in between by splines of the square roots.

        With `semidefinite` samples may have eigenvalues that are zero.
        """
        if self.covariance_samples is None:
            msg = f"{self.source} has no dataset covariance(x, y, row, column): give "
            msg += "noise.covariance, or take another kind of noise"
            raise CaseError(msg, key="noise.covariance")
        if (key := (floor, semidefinite)) not in self._roots:
            args = (self.axes, self.covariance_samples, floor, self.source, semidefinite)
            self._roots[key] = RootSpline(*args)
        return self._roots[key](self._inside(as_points(points, self.dim)))

    @cached_property
    def interpolation(self) -> str:
        """What the spline runs through: ``"values"`` or ``"gradients"``."""
        if self.method != "auto":
            return self.method
        if self.gradient_samples is None or self.prediction_errors is None:
            return "values"
        values, gradients = self.prediction_errors
        return "gradients" if gradients <= values else "values"

    @cached_property
    def prediction_errors(self) -> tuple[float, float] | None:
        """Root mean square error of every second loss from the rest: by values, by gradients.

        None without gradients, and with fewer than seven samples along an axis.
        """
        where = left_out(self.values.shape, 2)
        if where is None or self.gradient_samples is None:
            return None
        points = np.stack([axis[i] for axis, i in zip(self.axes, where, strict=True)], axis=-1)
        rest = (self.every(2, method) for method in ("values", "gradients"))
        wrong = [float(np.sqrt(np.mean((r.loss(points) - self.values[where]) ** 2))) for r in rest]
        return wrong[0], wrong[1]

    def every(self, step: int, method: str | None = None) -> SampledLandscape:
        """Landscape through every so many samples only, by the same method or another."""
        parts: dict[str, Any] = {
            name: None if (v := getattr(self, name)) is None else every(v, step, self.dim)
            for name in ("values", "gradient_samples", "covariance_samples", "hessian_samples")
        }
        axes = tuple(axis[::step] for axis in self.axes)
        return replace(self, axes=axes, method=method or self.interpolation, **parts)

    def interpolation_error(self, level: float = np.inf) -> dict[str, Estimate | None]:
        """Estimate the errors of loss, gradient, Hessian and covariance between the samples.

        Parameters
        ----------
        level : float
            `Estimate.relevant` is for samples with a loss up to this one.

        Returns
        -------
        dict
            None for a covariance that is not known or not positive semi-definite, and with
            fewer than seven samples along an axis. Gradients are compared with measured ones
            where there are any; all else with the interpolant through all samples.

        See Also
        --------
        fokkerplanck.landscapes.leave_out : how.
        """
        below, lattice = self.values <= level, self.lattice
        orders = (6, 5, 4) if self.interpolation == "gradients" else (4, 3, 2)
        truths = {"loss": self.values, "gradient": self.gradient_samples, "hessian": None}
        found: dict[str, Estimate | None] = {}
        for order, (name, truth) in zip(orders, truths.items(), strict=True):
            itself = truth is None
            if truth is None:
                truth = getattr(self, name)(lattice)
            found[name] = estimate(
                self.axes,
                truth,
                lambda step, name=name: getattr(self.every(step), name),  # type: ignore[misc]
                order,
                below,
                itself=itself,
            )
        found["covariance"] = None
        if self.covariance_samples is not None and self.covariance_problem is None:
            found["covariance"] = estimate(
                self.axes,
                self.covariance_samples,
                lambda step: RootSpline(
                    tuple(axis[::step] for axis in self.axes),
                    every(self.covariance_samples, step, self.dim),  # type: ignore[arg-type]
                    semidefinite=True,
                ),
                4,
                below,
            )
        return found

    @cached_property
    def covariance_problem(self) -> str | None:
        """What is wrong with the covariance, if anything is."""
        if self.covariance_samples is None:
            return None
        try:
            RootSpline(self.axes, self.covariance_samples, source=self.source, semidefinite=True)
        except CaseError as error:
            return error.message
        return None

    @property
    def lattice(self) -> Array:
        """Points of the samples, shape (*lattice, dim)."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1)

    @cached_property
    def _roots(self) -> dict[tuple[float, bool], RootSpline]:
        """Interpolated covariances by their floor, and whether zeros may pass."""
        return {}

    @cached_property
    def _spline(self) -> Callable[[Array, tuple[int, ...]], Any]:
        from scipy.interpolate import CubicSpline, RectBivariateSpline

        if self.interpolation == "gradients" and self.gradient_samples is not None:
            return GradientSpline(self.axes, self.values, self.gradient_samples)
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
            if self.source != "arrays":
                msg += f" ({self.source})"
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
    landscape = _landscape(read_surface(path, FEWEST), str(path))
    if (found := disagreement(landscape)) is not None and (problem := found.units()):
        msg = f"{path}: {problem}"
        raise DataError(msg)
    return landscape


def _landscape(surface: Surface, source: str) -> SampledLandscape:
    for array in (*surface.axes, surface.loss):
        array.setflags(write=False)
    return SampledLandscape(
        surface.axes,
        surface.loss,
        surface.gradient,
        surface.covariance,
        source,
        surface.hessian,
        surface.attributes,
    )
