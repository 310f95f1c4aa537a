"""Turned, sheared, moved and rescaled landscapes, with exactly transformed derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.base import Array, Landscape, as_points, finite_number

__all__ = ["Transformed", "rotated", "scaled", "sheared", "translated"]

Row = tuple[float, ...]


@dataclass(frozen=True)
class Transformed(Landscape):
    """L'(x) = factor L(A x + b), gradient factor A^T grad L, Hessian factor A^T H A.

    Parameters
    ----------
    original : Landscape
    matrix : tuple of rows
        A, invertible, shape (dim, dim).
    offset : tuple of float
        b, shape (dim,).
    factor : float
        Positive.
    """

    original: Landscape
    matrix: tuple[Row, ...]
    offset: Row
    factor: float = 1.0

    @property
    def dim(self) -> int:  # type: ignore[override]
        """Number of coordinates."""
        return self.original.dim

    @property
    def name(self) -> str:  # type: ignore[override]
        """Kind of the original."""
        return self.original.name

    @property
    def elementwise(self) -> bool:  # type: ignore[override]
        """That of the original."""
        return self.original.elementwise

    def loss(self, points: ArrayLike) -> Array:
        """See `Landscape.loss`."""
        return np.asarray(self.factor * self.original.loss(self._back(points)))

    def gradient(self, points: ArrayLike) -> Array:
        """See `Landscape.gradient`."""
        inner = self.original.gradient(self._back(points))
        return np.asarray(self.factor * (inner @ np.array(self.matrix)))

    def hessian(self, points: ArrayLike) -> Array:
        """See `Landscape.hessian`."""
        a = np.array(self.matrix)
        out = self.factor * (a.T @ self.original.hessian(self._back(points)) @ a)
        return np.asarray(0.5 * (out + np.swapaxes(out, -1, -2)))

    @property
    def bare(self) -> Landscape:
        """See `Landscape.bare`."""
        bare = self.original.bare
        return self if bare is self.original else replace(self, original=bare)

    def covariance(self, points: ArrayLike, floor: float = 0.0) -> Array:
        """See `Landscape.covariance`; per-sample gradients turn as the gradient of the loss."""
        a = self.factor * np.array(self.matrix)
        out = a.T @ self.original.covariance(self._back(points), floor) @ a
        return np.asarray(0.5 * (out + np.swapaxes(out, -1, -2)))

    def minimum_hint(self) -> Array:
        """See `Landscape.minimum_hint`."""
        shifted = self.original.minimum_hint() - np.array(self.offset)
        return np.linalg.solve(np.array(self.matrix), shifted.T).T

    def _back(self, points: ArrayLike) -> Array:
        points = as_points(points, self.dim)
        return np.asarray(points @ np.array(self.matrix).T + np.array(self.offset))


def rotated(landscape: Landscape, degrees: float) -> Landscape:
    """Landscape turned anticlockwise about the origin; quarter turns are exact.

    Raises
    ------
    CaseError
        A landscape on a line, or an angle that is not a finite number.
    """
    _check_plane(landscape, "rotate")
    angle = finite_number(degrees, "landscape.rotate") % 360.0
    if angle % 90.0 == 0.0:  # cos(pi/2) is not zero in floating point
        c, s = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(angle // 90.0)]
    else:
        c, s = float(np.cos(np.deg2rad(angle))), float(np.sin(np.deg2rad(angle)))
    return Transformed(landscape, ((c, s), (-s, c)), (0.0, 0.0))


def sheared(landscape: Landscape, shear: float) -> Landscape:
    """Landscape whose point (x, y) is moved to (x + shear y, y).

    Raises
    ------
    CaseError
        A landscape on a line, or a shear that is not a finite number.
    """
    _check_plane(landscape, "shear")
    s = finite_number(shear, "landscape.shear")
    return Transformed(landscape, ((1.0, -s), (0.0, 1.0)), (0.0, 0.0))


def translated(landscape: Landscape, shift: Sequence[float]) -> Landscape:
    """Landscape moved by `shift`, one number per coordinate."""
    if len(shift) != landscape.dim:
        msg = f"needs {landscape.dim} numbers, got {list(shift)}"
        raise CaseError(msg, key="landscape.translate")
    back = tuple(-finite_number(s, "landscape.translate") for s in shift)
    return Transformed(landscape, _diagonal(1.0, landscape.dim), back)


def scaled(landscape: Landscape, loss: float = 1.0, length: float = 1.0) -> Landscape:
    """Landscape ``loss * L(x / length)``: barriers times `loss`, distances times `length`."""
    factor = finite_number(loss, "landscape.scale", positive=True)
    inverse = 1.0 / finite_number(length, "landscape.length", positive=True)
    return Transformed(landscape, _diagonal(inverse, landscape.dim), (0.0,) * landscape.dim, factor)


def _diagonal(value: float, dim: int) -> tuple[Row, ...]:
    return tuple(tuple(value if i == j else 0.0 for j in range(dim)) for i in range(dim))


def _check_plane(landscape: Landscape, key: str) -> None:
    if landscape.dim != 2:
        msg = "only a landscape of two coordinates can be turned or sheared"
        raise CaseError(msg, key=f"landscape.{key}")
