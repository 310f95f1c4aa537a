"""What every loss landscape offers: the loss, its exact gradient and its exact Hessian."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import lattice

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid

__all__ = ["Array", "Landscape", "OnGrid", "as_points", "check_dim", "finite_number"]

Array = NDArray[np.float64]


class Landscape(ABC):
    """A loss L(x) on a line or a plane, with derivatives that are derivatives of that very loss.

    Attributes
    ----------
    dim : int
        Number of coordinates, 1 or 2.
    name : str
        The kind, as a case file spells it.

    Notes
    -----
    Points have shape (..., dim); the drift of an overdamped problem is -gradient.
    """

    dim: int
    name: str
    #: Whether `loss` and `gradient` treat every point alike, whatever others are given, so that
    #: they may be evaluated in pieces.
    elementwise: ClassVar[bool] = False

    @abstractmethod
    def loss(self, points: ArrayLike) -> Array:
        """L at `points` of shape (..., dim); shape (...)."""

    @abstractmethod
    def gradient(self, points: ArrayLike) -> Array:
        """dL/dx_i at `points`; shape (..., dim)."""

    @abstractmethod
    def hessian(self, points: ArrayLike) -> Array:
        """d2L/dx_i dx_j at `points`; shape (..., dim, dim), symmetric."""

    def loss_on(self, axes: Sequence[Array]) -> Array:
        """L at all combinations of coordinates, shape (n,) or (n, m) for axes of n and m."""
        return self.loss(lattice(axes))

    def gradient_on(self, axes: Sequence[Array]) -> Array:
        """dL/dx_i at all combinations of coordinates, shape (n, dim) or (n, m, dim)."""
        return self.gradient(lattice(axes))

    @property
    def bare(self) -> Landscape:
        """The loss without weight decay: what gradient noise comes from."""
        return self

    def covariance(self, points: ArrayLike, floor: float = 0.0) -> Array:
        """Covariance of the gradient of one sample at `points`; shape (..., dim, dim).

        Parameters
        ----------
        points : array_like, shape (..., dim)
        floor : float
            Added to its diagonal where it was measured.

        Raises
        ------
        CaseError
            For a landscape that does not know it.
        """
        msg = f"a landscape of kind {self.name} holds no covariance of gradients: give "
        msg += "noise.covariance, or a sampled file with a dataset covariance"
        raise CaseError(msg, key="noise.covariance")

    def minimum_hint(self) -> Array:
        """Points near which minima lie, where the formula tells; shape (count, dim)."""
        return np.empty((0, self.dim))


class OnGrid(Protocol):
    """What has a landscape on a grid: a problem, whatever moves there."""

    @property
    def grid(self) -> Grid:
        """Where it is solved."""

    @property
    def landscape(self) -> Landscape:
        """The loss."""


def as_points(points: ArrayLike, dim: int) -> Array:
    """Points as a float array of shape (..., dim); raises `CaseError` on another last length."""
    array = np.asarray(points, dtype=np.float64)
    if array.ndim == 0 or array.shape[-1] != dim:
        msg = f"points of this landscape have shape (..., {dim}), got {array.shape}"
        raise CaseError(msg)
    return array


def finite_number(value: object, key: str, *, positive: bool = False) -> float:
    """`value` as a float; raises `CaseError` with `key` when it is not a finite (positive) one."""
    wanted = "a positive finite number" if positive else "a finite number"
    good = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    try:
        number = float(value) if good else np.nan  # type: ignore[arg-type]
    except OverflowError:
        number = np.nan
    if not np.isfinite(number) or (positive and number <= 0.0):
        msg = f"needs {wanted}, got {value!r:.80}"
        raise CaseError(msg, key=key)
    return number


def check_dim(dim: int) -> None:
    """Raise `CaseError` unless `dim` is 1 or 2."""
    if dim not in (1, 2):
        msg = f"a landscape has one or two coordinates, got {dim}"
        raise CaseError(msg, key="grid")
