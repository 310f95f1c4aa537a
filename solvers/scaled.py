"""Non-negative numbers of any size: a float64 mantissa and an int64 exponent of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Scaled", "log_sum"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

#: ln 2 in two parts: the first has so few bits that an exponent below 2^20 times it is exact.
LN2_HIGH = float.fromhex("0x1.62e42feep-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
#: Beyond this a shift leaves nothing of a float64.
FAR = 4000


@dataclass(frozen=True, eq=False, repr=False)
class Scaled:
    """Array of numbers ``mantissa * 2**exponent >= 0`` that neither overflow nor underflow.

    Sums, products and quotients are right to one rounding each, whatever their size. There is no
    difference: what is computed without subtraction keeps its relative accuracy.

    Parameters
    ----------
    mantissa : ndarray
        In [0.5, 1), or 0.
    exponent : ndarray of int64, same shape
        0 where the mantissa is 0.
    """

    mantissa: Array
    exponent: Integers

    __array_ufunc__ = None  # an ndarray on the left hands over to the methods below

    @classmethod
    def of(cls, values: ArrayLike | Scaled) -> Scaled:
        """Take floats >= 0 as they are; a `Scaled` is passed through."""
        if isinstance(values, Scaled):
            return values
        x = np.asarray(values, dtype=np.float64)
        if not ((x >= 0) & (x < np.inf)).all():
            msg = f"numbers must be finite and not negative, got {x[~((x >= 0) & (x < np.inf))][0]}"
            raise ValueError(msg)
        return cls.normal(x, np.zeros(x.shape, dtype=np.int64))

    @classmethod
    def normal(cls, mantissa: Array, exponent: Integers) -> Scaled:
        """Bring any ``mantissa * 2**exponent`` to normal form."""
        m, shift = np.frexp(mantissa)
        m = np.asarray(m)
        return cls(m, np.where(m > 0, exponent + shift.astype(np.int64), 0))

    @classmethod
    def from_log(cls, log: ArrayLike) -> Scaled:
        """Exponentials of natural logarithms; -inf gives 0."""
        x = np.asarray(log, dtype=np.float64)
        if not (x < np.inf).all():
            msg = "logarithms must be below inf"
            raise ValueError(msg)
        zero = np.isneginf(x)
        x = np.where(zero, 0.0, x)
        e = np.rint(x / (LN2_HIGH + LN2_LOW))
        m = np.where(zero, 0.0, np.exp((x - e * LN2_HIGH) - e * LN2_LOW))
        return cls.normal(m, e.astype(np.int64))

    def log(self) -> Array:
        """Natural logarithms, right to one rounding near 1 also; -inf for 0."""
        low = self.mantissa < np.sqrt(0.5)
        m = np.where(low, 2 * self.mantissa, self.mantissa)
        e = np.where(low, self.exponent - 1, self.exponent).astype(np.float64)
        with np.errstate(divide="ignore"):
            return np.asarray(e * LN2_HIGH + (np.log(m) + e * LN2_LOW))

    def log10(self) -> Array:
        """Decimal logarithms; -inf for 0."""
        return np.asarray(self.log() / np.log(10.0))

    def value(self) -> Array:
        """Floats: 0 or inf where the number is out of their range."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(_shift(self.mantissa, self.exponent))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.mantissa.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.mantissa.ndim

    @property
    def size(self) -> int:
        """Number of numbers."""
        return self.mantissa.size

    @property
    def T(self) -> Scaled:
        """Transpose."""
        return Scaled(self.mantissa.T, self.exponent.T)

    def __repr__(self) -> str:
        return f"Scaled({self.mantissa!r}, {self.exponent!r})"

    def __len__(self) -> int:
        return len(self.mantissa)

    def __getitem__(self, key: Any) -> Scaled:
        m, e = self.mantissa[key], self.exponent[key]
        return Scaled(np.asarray(m), np.asarray(e))

    def reshape(self, *shape: int) -> Scaled:
        """Return the same numbers in another shape."""
        return Scaled(self.mantissa.reshape(*shape), self.exponent.reshape(*shape))

    def __add__(self, other: ArrayLike | Scaled) -> Scaled:
        y = Scaled.of(other)
        e = np.maximum(_rank(self), _rank(y))
        m = _shift(self.mantissa, self.exponent - e) + _shift(y.mantissa, y.exponent - e)
        return Scaled.normal(m, e)

    def __mul__(self, other: ArrayLike | Scaled) -> Scaled:
        y = Scaled.of(other)
        return Scaled.normal(self.mantissa * y.mantissa, self.exponent + y.exponent)

    def __truediv__(self, other: ArrayLike | Scaled) -> Scaled:
        """Raise `ZeroDivisionError` where the divisor is 0."""
        y = Scaled.of(other)
        if not y.mantissa.all():
            msg = "a Scaled number is divided by 0"
            raise ZeroDivisionError(msg)
        return Scaled.normal(self.mantissa / y.mantissa, self.exponent - y.exponent)

    __radd__, __rmul__ = __add__, __mul__

    def __rtruediv__(self, other: ArrayLike) -> Scaled:
        return Scaled.of(other) / self

    def sqrt(self) -> Scaled:
        """Square roots."""
        odd = self.exponent & 1
        return Scaled.normal(np.sqrt(_shift(self.mantissa, odd)), (self.exponent - odd) >> 1)

    def sum(self, axis: int | None = None) -> Scaled:
        """Sum along an axis, or of all numbers."""
        top = _rank(self).max(axis=axis, keepdims=True, initial=-(2**62))
        m = _shift(self.mantissa, self.exponent - top)
        return Scaled.normal(np.asarray(m.sum(axis=axis)), top.reshape(m.sum(axis=axis).shape))

    def argmax(self) -> int:
        """Where the largest number stands, in the array made flat."""
        rank = _rank(self)
        return int(np.argmax(np.where(rank == rank.max(), self.mantissa, -1.0)))

    def max(self) -> Scaled:
        """Return the largest number."""
        return self.reshape(-1)[self.argmax()]

    def __matmul__(self, other: ArrayLike | Scaled) -> Scaled:
        """Product of matrices, or of a matrix (..., n) and a vector (n,)."""
        y = Scaled.of(other)
        if y.ndim == 1:
            return (self * y).sum(axis=-1)
        return (self[..., :, :, None] * y[..., None, :, :]).sum(axis=-2)


def _rank(x: Scaled) -> Integers:
    """Exponents by which sizes are compared: 0 comes below everything."""
    return np.where(x.mantissa > 0, x.exponent, -(2**62))


def _shift(mantissa: Array, by: Integers) -> Array:
    return np.asarray(np.ldexp(mantissa, np.clip(by, -FAR, FAR).astype(np.intc)))


def log_sum(x: Array) -> float:
    """Ln of the sum of e^x."""
    top = float(x.max(initial=-np.inf))
    if not np.isfinite(top):
        return top if np.isnan(top) else -np.inf
    return top + float(np.log(np.exp(x - top).sum()))
