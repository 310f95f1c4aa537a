"""Sympy functions with kinks and jumps, and derivatives that stay functions.

Sympy's own abs, sign, Heaviside, Max and Piecewise try to decide inequalities when they are made,
which can take for ever on hostile input; these decide nothing but plain numbers. This module
imports sympy.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from fokkerplanck.errors import CaseError

__all__ = ["NUMERIC", "Absolute", "Branch", "Sign", "Step", "without_kinks"]

Expr = Any
sympy: Any = import_module("sympy")  # Any: its own annotations are partial
_ROUNDING = 1e-13


class Kink(sympy.Function):  # type: ignore[misc]
    """Dirac's delta of the argument, kept formal until it is shown to drop out."""

    nargs = 1
    is_real = True


class Absolute(sympy.Function):  # type: ignore[misc]
    """abs(u), with derivative sign(u) u'."""

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, u: Expr) -> Expr:
        """Decide plain numbers only."""
        return abs(u) if u.is_Number else None

    def _eval_derivative(self, s: Expr) -> Expr:
        (u,) = self.args
        return Sign(u) * u.diff(s)


class Sign(sympy.Function):  # type: ignore[misc]
    """-1, 0 or 1 as u is negative, zero or positive; its derivative is a kink."""

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, u: Expr) -> Expr:
        """Decide plain numbers only."""
        return sympy.Integer(int(np.sign(float(u)))) if u.is_Number else None

    def _eval_derivative(self, s: Expr) -> Expr:
        (u,) = self.args
        return 2 * Kink(u) * u.diff(s)


class Step(sympy.Function):  # type: ignore[misc]
    """Heaviside's step, 1/2 at zero; its derivative is a kink."""

    nargs = 1
    is_real = True

    @classmethod
    def eval(cls, u: Expr) -> Expr:
        """Decide plain numbers only."""
        return sympy.Rational(1 + int(np.sign(float(u))), 2) if u.is_Number else None

    def _eval_derivative(self, s: Expr) -> Expr:
        (u,) = self.args
        return Kink(u) * u.diff(s)


class Branch(sympy.Function):  # type: ignore[misc]
    """Branch(u, a, b, closed): a where u > 0 (or u = 0 and closed is 1), b elsewhere."""

    nargs = 4
    is_real = True

    @classmethod
    def eval(cls, u: Expr, a: Expr, b: Expr, closed: Expr) -> Expr:
        """Decide plain numbers only."""
        if a == b:
            return a
        if not u.is_Number:
            return None
        return a if (u >= 0 if closed else u > 0) else b

    def _eval_derivative(self, s: Expr) -> Expr:
        u, a, b, closed = self.args
        return Branch(u, a.diff(s), b.diff(s), closed) + (a - b) * Kink(u) * u.diff(s)


def _branch(u: Any, a: Any, b: Any, closed: int) -> NDArray[Any]:
    return np.asarray(np.where(u >= 0 if closed else u > 0, a, b))


NUMERIC: dict[str, Callable[..., Any]] = {
    "Absolute": np.abs,
    "Sign": np.sign,
    "Step": lambda u: np.heaviside(u, 0.5),
    "Branch": _branch,
    "erf": special.erf,
    "erfc": special.erfc,
}


def without_kinks(expression: Expr, key: str | None) -> Expr:
    """Drop Dirac deltas whose coefficient vanishes where they sit; refuse the others.

    Raises
    ------
    CaseError
        A delta that stays: the derivative is not a function.
    """
    for kink in sorted(expression.atoms(Kink), key=str):
        marker = sympy.Dummy(real=True)
        marked = expression.xreplace({kink: marker})
        if not _vanishes_on(marked.diff(marker), kink.args[0]):
            msg = (
                f"a derivative does not exist where {str(kink.args[0])[:60]} = 0 (a kink or a "
                "jump); smooth it, as in sqrt(x**2 + c**2) for abs(x)"
            )
            raise CaseError(msg, key=key)
        expression = marked.xreplace({marker: sympy.Integer(0)})
    return expression


def _vanishes_on(coefficient: Expr, surface: Expr) -> bool:
    """Whether a coefficient is zero where surface = 0, by solving for a linear coordinate."""
    place = {surface: sympy.Integer(0)}
    for symbol in sorted(surface.free_symbols, key=str):
        slope = surface.diff(symbol)
        if slope.is_Number and slope != 0:
            place = {symbol: -surface.subs(symbol, 0) / slope}
            break
    value = coefficient.subs(place)
    return bool(value.is_Number and value.is_finite and abs(value) < _ROUNDING)
