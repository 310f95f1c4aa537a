"""Landscapes with closed formulas: quartic double wells and Styblinski-Tang."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.landscapes.base import Array, Landscape, as_points, check_dim, finite_number

__all__ = ["Polynomial", "quartic", "styblinski_tang", "tilted"]


@dataclass(frozen=True)
class Polynomial(Landscape):
    """L = f(x), or f(x) + stiffness (y - coupling x)^2 / 2, or f(x) + f(y), f of degree four.

    Parameters
    ----------
    name : str
        Kind in a case file.
    dim : int
        1 or 2.
    coefficients : tuple of float
        c_0 ... c_4 of f(x) = sum_k c_k x^k.
    stiffness, coupling : float
        Of the harmonic valley in y (2-D).
    repeated : bool
        2-D as the sum f(x) + f(y) instead.
    minima : tuple of float
        Roughly where the minima of f lie.
    """

    name: str
    dim: int
    coefficients: tuple[float, float, float, float, float]
    stiffness: float = 1.0
    coupling: float = 0.0
    repeated: bool = False
    minima: tuple[float, ...] = ()
    elementwise: ClassVar[bool] = True

    def loss(self, points: ArrayLike) -> Array:
        """See `Landscape.loss`."""
        points = as_points(points, self.dim)
        value = self._derivative(points[..., 0], 0)
        if self.dim == 1:
            return value
        if self.repeated:
            return value + self._derivative(points[..., 1], 0)
        return value + 0.5 * self.stiffness * self._off_axis(points) ** 2

    def gradient(self, points: ArrayLike) -> Array:
        """See `Landscape.gradient`."""
        points = as_points(points, self.dim)
        if self.dim == 1 or self.repeated:
            return self._derivative(points, 1)
        force = self.stiffness * self._off_axis(points)
        return np.stack(
            [self._derivative(points[..., 0], 1) - self.coupling * force, force], axis=-1
        )

    def hessian(self, points: ArrayLike) -> Array:
        """See `Landscape.hessian`."""
        points = as_points(points, self.dim)
        second = self._derivative(points, 2)
        out = np.zeros((*points.shape, self.dim))
        out[..., 0, 0] = second[..., 0]
        if self.dim == 1:
            return out
        if self.repeated:
            out[..., 1, 1] = second[..., 1]
            return out
        k, c = self.stiffness, self.coupling
        out[..., 0, 0] += k * c * c
        out[..., 1, 1] = k
        out[..., 0, 1] = out[..., 1, 0] = -k * c
        return out

    def minimum_hint(self) -> Array:
        """See `Landscape.minimum_hint`."""
        if self.dim == 1:
            return np.array(self.minima).reshape(-1, 1)
        if self.repeated:
            return np.array([(a, b) for a in self.minima for b in self.minima])
        return np.array([(a, self.coupling * a) for a in self.minima])

    def _off_axis(self, points: Array) -> Array:
        return np.asarray(points[..., 1] - self.coupling * points[..., 0])

    def _derivative(self, x: Array, order: int) -> Array:
        c = np.polynomial.polynomial.polyder(np.array(self.coefficients), order)
        return np.asarray(np.polynomial.polynomial.polyval(x, c))


@dataclass(frozen=True)
class Quartic(Polynomial):
    """The quartic well with its factored form, which is exact to rounding at the minima."""

    half_width: float = 1.0

    def _derivative(self, x: Array, order: int) -> Array:
        # barrier ((x/a)^2 - 1)^2 without the cancellation of the expanded polynomial
        a, barrier = self.half_width, self.coefficients[0]
        u = x / a
        if order == 0:
            return np.asarray(barrier * (u * u - 1.0) ** 2)
        if order == 1:
            return np.asarray(4.0 * barrier / a * u * (u * u - 1.0))
        return np.asarray(4.0 * barrier / a**2 * (3.0 * u * u - 1.0))


def quartic(
    dim: int = 1,
    barrier: float = 0.25,
    half_width: float = 1.0,
    stiffness: float = 1.0,
    coupling: float = 0.0,
) -> Polynomial:
    """Symmetric double well, L = barrier ((x/half_width)^2 - 1)^2; in 2-D a valley is added.

    The valley is stiffness (y - coupling x)^2 / 2.

    The default is (x^2 - 1)^2/4, the standard test of Kramers' formula: minima at +-1 with
    L'' = 2, saddle at 0 with L'' = -1, barrier 1/4.

    Raises
    ------
    CaseError
        A barrier, half width or stiffness that is not positive.
    """
    check_dim(dim)
    b = finite_number(barrier, "landscape.barrier", positive=True)
    a = finite_number(half_width, "landscape.half_width", positive=True)
    k = finite_number(stiffness, "landscape.stiffness", positive=True)
    c = finite_number(coupling, "landscape.coupling")
    return Quartic(
        "quartic", dim, (b, 0.0, -2 * b / a**2, 0.0, b / a**4), k, c, minima=(-a, a), half_width=a
    )


def tilted(
    dim: int = 1, tilt: float = 0.1, stiffness: float = 1.0, coupling: float = 0.0
) -> Polynomial:
    """Tilted double well, L = x^4/4 - x^2/2 + tilt x; in 2-D the valley of `quartic` is added.

    Both wells exist while |tilt| < 2/sqrt(27).
    """
    check_dim(dim)
    t = finite_number(tilt, "landscape.tilt")
    k = finite_number(stiffness, "landscape.stiffness", positive=True)
    c = finite_number(coupling, "landscape.coupling")
    return Polynomial("tilted", dim, (0.0, t, -0.5, 0.0, 0.25), k, c, minima=(-1.0, 1.0))


def styblinski_tang(dim: int = 1) -> Polynomial:
    """Styblinski-Tang function, L = sum_i (x_i^4 - 16 x_i^2 + 5 x_i)/2."""
    check_dim(dim)
    coefficients = (0.0, 2.5, -8.0, 0.0, 0.5)
    minima = (-2.903534, 2.746803)
    return Polynomial("styblinski-tang", dim, coefficients, repeated=True, minima=minima)
