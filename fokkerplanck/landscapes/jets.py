"""Exact first and second derivatives on arrays, by the chain rule along an expression's tree.

A symbolic second derivative of a product of thirty factors has half a million parts; carrying
value, gradient and Hessian through the tree instead (forward differentiation) costs a few array
operations for each part of the expression, and is as exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from fokkerplanck.errors import CaseError

__all__ = ["Jet", "Tape"]

#: an array over the points, or a number that holds at all of them
Values = NDArray[np.float64] | float
Expr = Any


@dataclass(frozen=True)
class Jet:
    """Value, gradient and upper triangle of the Hessian (row by row) of a function.

    Without the Hessian, `second` is empty, and so it is for all that is made of it.
    """

    value: Values
    first: tuple[Values, ...]
    second: tuple[Values, ...]

    def __add__(self, other: Jet) -> Jet:
        return Jet(
            self.value + other.value,
            tuple(a + b for a, b in zip(self.first, other.first, strict=True)),
            tuple(a + b for a, b in zip(self.second, other.second, strict=True)),
        )

    def __mul__(self, other: Jet) -> Jet:
        u, v = self.value, other.value
        return Jet(
            u * v,
            tuple(
                _times(a, v) + _times(b, u) for a, b in zip(self.first, other.first, strict=True)
            ),
            tuple(
                _times(self.second[k], v)
                + _times(other.second[k], u)
                + _times(self.first[i], other.first[j])
                + _times(self.first[j], other.first[i])
                for k, (i, j) in enumerate(self._pairs)
            ),
        )

    def chain(self, f: Values, f1: Values, f2: Values) -> Jet:
        """Jet of f(u) from f, f' and f'' at u."""
        return Jet(
            f,
            tuple(_times(a, f1) for a in self.first),
            tuple(
                _times(self.second[k], f1) + _times(_times(self.first[i], self.first[j]), f2)
                for k, (i, j) in enumerate(self._pairs)
            ),
        )

    @property
    def _pairs(self) -> list[tuple[int, int]]:
        """Row and column of the entries of `second`."""
        return _pairs(len(self.first)) if self.second else []


Rule = Callable[..., Jet]


@dataclass(frozen=True)
class Tape:
    """A sympy expression as a list of steps, each with the places of its arguments among them.

    Parameters
    ----------
    steps : tuple
        A place of a symbol, a number, or a rule that makes a jet of those of its arguments.
    """

    steps: tuple[tuple[int | float | Rule, tuple[int, ...]], ...]

    @classmethod
    def of(cls, expression: Expr, symbols: Sequence[Expr]) -> Tape:
        """Write an expression of the symbols down, parts that occur several times once.

        Raises
        ------
        CaseError
            A function of unknown derivative.
        """
        steps: list[tuple[int | float | Rule, tuple[int, ...]]] = []
        _write(expression, {}, list(symbols), steps)
        return cls(tuple(steps))

    def jet(self, columns: Sequence[Values], count: int, order: int = 2) -> Jet:
        """Jet with respect to the first `count` symbols.

        Parameters
        ----------
        columns : sequence of array
            Values of the symbols, of shapes that go together.
        count : int
        order : int
            1 leaves out second derivatives.
        """
        second = (0.0,) * (len(_pairs(count)) if order > 1 else 0)
        zero = (0.0,) * count
        found: list[Jet] = []
        for step, arguments in self.steps:
            if isinstance(step, int):
                first = tuple(float(i == step) for i in range(count))
                found.append(Jet(columns[step], first, second))
            elif isinstance(step, float):
                found.append(Jet(step, zero, second))
            else:
                found.append(step(*(found[k] for k in arguments)))
        return found[-1]


def _write(
    e: Expr,
    known: dict[Expr, int],
    symbols: list[Expr],
    steps: list[tuple[int | float | Rule, tuple[int, ...]]],
) -> int:
    """Append the steps of an expression that are not yet there; return the place of the last."""
    if e not in known:
        if e in symbols:
            steps.append((symbols.index(e), ()))
        elif not e.args:
            steps.append((float(e), ()))
        else:
            arguments = tuple(_write(a, known, symbols, steps) for a in e.args)
            steps.append((_rule(e), arguments))
        known[e] = len(steps) - 1
    return known[e]


def _rule(e: Expr) -> Rule:
    name = e.func.__name__
    if e.is_Add:
        return lambda *parts: reduce(Jet.__add__, parts)
    if e.is_Mul:
        return lambda *parts: reduce(Jet.__mul__, parts)
    if e.is_Pow and e.exp.is_number:
        n = int(e.exp) if e.exp.is_Integer else float(e.exp)
        return lambda base, _: base.chain(*_monomial(np.asarray(base.value), n))
    if e.is_Pow:
        return _power
    if name == "Branch":
        return _branch
    if name == "atan2":
        return _atan2
    if name not in OF_ONE:
        msg = f"the derivative of {name} is not known"
        raise CaseError(msg)
    function = OF_ONE[name]
    return lambda part: part.chain(*function(np.asarray(part.value)))


def _power(base: Jet, exponent: Jet) -> Jet:
    u = np.asarray(base.value)
    log = base.chain(np.log(u), 1.0 / u, -1.0 / (u * u))
    product = exponent * log
    value = np.power(u, exponent.value)
    return product.chain(value, value, value)


def _monomial(u: NDArray[np.float64], n: float) -> tuple[Values, Values, Values]:
    if n == 1:
        return u, 1.0, 0.0
    if n == 2:
        return u * u, 2.0 * u, 2.0
    return _raised(u, n), n * _raised(u, n - 1), n * (n - 1) * _raised(u, n - 2)


def _raised(u: NDArray[np.float64], n: float) -> NDArray[np.float64]:
    if isinstance(n, int) and 1 <= n <= 4:
        square = u * u
        return (u, square, square * u, square * square)[n - 1]
    return np.asarray(np.power(u, float(n)))


def _branch(gap: Jet, a: Jet, b: Jet, closed: Jet) -> Jet:
    inside = np.asarray(gap.value) >= 0.0 if closed.value else np.asarray(gap.value) > 0.0

    def pick(one: Sequence[Values], two: Sequence[Values]) -> tuple[Values, ...]:
        return tuple(np.where(inside, p, q) for p, q in zip(one, two, strict=True))

    (value,) = pick([a.value], [b.value])
    return Jet(value, pick(a.first, b.first), pick(a.second, b.second))


def _atan2(y: Jet, x: Jet) -> Jet:
    square = x.value * x.value + y.value * y.value
    first = tuple(
        (x.value * b - y.value * a) / square for a, b in zip(x.first, y.first, strict=True)
    )
    second = tuple(
        (
            x.value * y.second[k]
            - y.value * x.second[k]
            + x.first[j] * y.first[i]
            - y.first[j] * x.first[i]
            - 2.0 * first[i] * (x.value * x.first[j] + y.value * y.first[j])
        )
        / square
        for k, (i, j) in enumerate(y._pairs)
    )
    return Jet(np.arctan2(y.value, x.value), first, second)


def _times(a: Values, b: Values) -> Values:
    # derivatives are mostly zero, and zero times infinity is meant to be zero here
    zero = (isinstance(a, float) and a == 0.0) or (isinstance(b, float) and b == 0.0)
    return 0.0 if zero else a * b


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(count) for j in range(i, count)]


Triple = tuple[Values, Values, Values]


def _exp(u: Values) -> Triple:
    f = np.exp(u)
    return f, f, f


def _tan(u: Values) -> Triple:
    f = np.tan(u)
    return f, 1.0 + f * f, 2.0 * f * (1.0 + f * f)


def _tanh(u: Values) -> Triple:
    f, f1 = np.tanh(u), 1.0 / np.cosh(u) ** 2
    return f, f1, -2.0 * f * f1


def _erf(u: Values) -> Triple:
    f1 = 2.0 / np.sqrt(np.pi) * np.exp(-u * u)
    return special.erf(u), f1, -2.0 * u * f1


def _erfc(u: Values) -> Triple:
    _, f1, f2 = _erf(u)
    return special.erfc(u), -f1, -f2


#: f, f' and f'' of u; a step has the derivative 0 on both of its sides
OF_ONE: Mapping[str, Callable[[NDArray[np.float64]], Triple]] = {
    "exp": _exp,
    "log": lambda u: (np.log(u), 1.0 / u, -1.0 / (u * u)),
    "sin": lambda u: (np.sin(u), np.cos(u), -np.sin(u)),
    "cos": lambda u: (np.cos(u), -np.sin(u), -np.cos(u)),
    "tan": _tan,
    "asin": lambda u: (np.arcsin(u), (1.0 - u * u) ** -0.5, u * (1.0 - u * u) ** -1.5),
    "acos": lambda u: (np.arccos(u), -((1.0 - u * u) ** -0.5), -u * (1.0 - u * u) ** -1.5),
    "atan": lambda u: (np.arctan(u), 1.0 / (1.0 + u * u), -2.0 * u / (1.0 + u * u) ** 2),
    "sinh": lambda u: (np.sinh(u), np.cosh(u), np.sinh(u)),
    "cosh": lambda u: (np.cosh(u), np.sinh(u), np.cosh(u)),
    "tanh": _tanh,
    "asinh": lambda u: (np.arcsinh(u), (1.0 + u * u) ** -0.5, -u * (1.0 + u * u) ** -1.5),
    "acosh": lambda u: (np.arccosh(u), (u * u - 1.0) ** -0.5, -u * (u * u - 1.0) ** -1.5),
    "atanh": lambda u: (np.arctanh(u), 1.0 / (1.0 - u * u), 2.0 * u / (1.0 - u * u) ** 2),
    "erf": _erf,
    "erfc": _erfc,
    "Absolute": lambda u: (np.abs(u), np.sign(u), 0.0),
    "Sign": lambda u: (np.sign(u), 0.0, 0.0),
    "Step": lambda u: (np.heaviside(u, 0.5), 0.0, 0.0),
}
