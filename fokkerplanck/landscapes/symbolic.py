"""From a checked syntax tree to sympy, and from there to a function of arrays.

This module imports sympy (a third of a second); it is imported when an expression is used.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.kinks import NUMERIC, Absolute, Branch, Sign, Step, without_kinks

__all__ = ["build", "check_derivatives", "compiled", "has_kinks", "real_symbol"]

MAX_EXPONENT = 64
MAX_NESTED_EXPONENT = 256
MAX_SYMBOLIC_EXPONENT = 1000
MAX_SIZE = 10_000
MAX_KINKED = 5_000
_EXACT = 2**53
_LARGEST_PRODUCT = 8

Expr = Any
Growth = tuple[float, float, float, bool]
sympy: Any = import_module("sympy")  # Any: its own annotations are partial
_NumPyPrinter: Any = import_module("sympy.printing.numpy").NumPyPrinter


_OF_ONE: dict[str, Expr] = {
    **{n: getattr(sympy, n) for n in ("exp", "log", "sqrt", "sin", "cos", "tan", "asin", "acos")},
    **{n: getattr(sympy, n) for n in ("atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh")},
    **{"erf": sympy.erf, "erfc": sympy.erfc, "ln": sympy.log},
    **{"abs": Absolute, "sign": Sign, "heaviside": Step},
}
_OF_NUMBERS: dict[str, Callable[..., float]] = {
    **{n: getattr(math, n) for n in _OF_ONE if hasattr(math, n)},
    **{"ln": math.log, "abs": abs, "atan2": math.atan2},
    "sign": lambda u: float(np.sign(u)),
    "heaviside": lambda u: float(np.heaviside(u, 0.5)),
}


def real_symbol(name: str) -> Expr:
    """Symbol of a coordinate: real, so that sqrt(x**2) is abs(x) and derivatives are real."""
    return sympy.Symbol(name, real=True)


def build(tree: ast.expr, parameters: Mapping[str, float], key: str | None) -> Expr:
    """Sympy expression of a checked tree; numbers are folded in double precision, never exactly.

    Raises
    ------
    CaseError
        A power beyond the limits, a constant that is no finite real number, or an expression
        that is singular everywhere.
    """
    constants = {"pi": math.pi, "e": math.e, **parameters}
    expression = _Builder(constants, key).visit(tree)[0]
    _check_growth(expression, key)
    if expression.has(sympy.Abs):  # sympy's own, of sqrt(x**2)
        expression = expression.replace(sympy.Abs, Absolute)
        _check_growth(expression, key)
    return _regular(expression, key)


class _Builder:
    """Bottom-up; each visit gives the expression and the largest product of nested exponents."""

    def __init__(self, constants: Mapping[str, float], key: str | None) -> None:
        self.constants, self.key = constants, key

    def fail(self, message: str) -> CaseError:
        return CaseError(message, key=self.key)

    def number(self, value: float) -> Expr:
        try:
            value = float(value)
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            msg = "a constant part of the expression is not a finite number"
            raise self.fail(msg)
        exact = value == int(value) and abs(value) < _EXACT
        return sympy.Integer(int(value)) if exact else sympy.Float(value)

    def folded(self, function: Callable[..., Any], *arguments: Expr) -> Expr:
        try:
            value = function(*(float(a) for a in arguments))
        except (ValueError, OverflowError, ZeroDivisionError) as error:
            msg = f"a constant part of the expression cannot be computed: {error}"
            raise self.fail(msg) from None
        if isinstance(value, complex):
            msg = "a constant part of the expression is not real"
            raise self.fail(msg)
        return self.number(value)

    def visit(self, node: ast.expr) -> tuple[Expr, float]:
        match node:
            case ast.Constant(value=int() | float() as value):
                return self.number(value), 1.0
            case ast.Name(id=name):
                known = name in self.constants
                return (self.number(self.constants[name]) if known else real_symbol(name)), 1.0
            case ast.UnaryOp(op=op, operand=operand):
                inner, power = self.visit(operand)
                return (-inner if isinstance(op, ast.USub) else inner), power
            case ast.BinOp(left=left, op=op, right=right):
                (a, p), (b, q) = self.visit(left), self.visit(right)
                return self.binary(op, a, b, p, q)
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self.call(name, arguments)
        msg = f"{type(node).__name__} is not allowed in an expression"
        raise self.fail(msg)

    def binary(self, op: ast.operator, a: Expr, b: Expr, p: float, q: float) -> tuple[Expr, float]:
        if isinstance(op, ast.Pow):
            return self.power(a, b, p, q)
        power = max(p, q)
        if isinstance(op, ast.Div):
            if b.is_Number and float(b) == 0.0:
                msg = "division by zero"
                raise self.fail(msg)
            numbers = a.is_Number and b.is_Number
            return (self.folded(lambda u, v: u / v, a, b) if numbers else a / b), power
        function: Callable[[Any, Any], Any] = {
            ast.Add: lambda u, v: u + v,
            ast.Sub: lambda u, v: u - v,
            ast.Mult: lambda u, v: u * v,
        }[type(op)]
        if a.is_Number and b.is_Number:
            return self.folded(function, a, b), power
        return function(a, b), power

    def power(self, a: Expr, b: Expr, p: float, q: float) -> tuple[Expr, float]:
        if not b.is_Number:
            return self.symbolic_power(a, b, p, q)
        exponent = float(b)
        nested = 1.0 if a.is_Number else p * max(abs(exponent), 1.0)
        if abs(exponent) > MAX_EXPONENT:
            msg = f"exponent {exponent:.6g} is too large: at most {MAX_EXPONENT} is allowed"
            raise self.fail(msg)
        if nested > MAX_NESTED_EXPONENT:
            most = MAX_NESTED_EXPONENT
            msg = f"nested exponents multiply to {nested:.6g}; at most {most} is allowed"
            raise self.fail(msg)
        if a.is_Number:
            return self.folded(lambda u, v: u**v, a, b), 1.0
        return a**b, nested

    def symbolic_power(self, a: Expr, b: Expr, p: float, q: float) -> tuple[Expr, float]:
        # sympy multiplies out (2 x)**u (2 x)**(n - u) to 2**n, whatever n
        if any(abs(n) > MAX_SYMBOLIC_EXPONENT for n in b.atoms(sympy.Number)):
            msg = f"numbers above {MAX_SYMBOLIC_EXPONENT} are not allowed in a variable exponent"
            raise self.fail(msg)
        base = sympy.Float(float(a)) if a.is_Number else a
        return base**b, max(p, q)

    def call(self, name: str, arguments: Sequence[ast.expr]) -> tuple[Expr, float]:
        if name == "where":
            return self.where(arguments)
        visited = [self.visit(a) for a in arguments]
        values, power = [v for v, _ in visited], max(p for _, p in visited)
        if name in ("min", "max"):
            return self.extreme(name, values), power
        if all(v.is_Number for v in values):
            return self.folded(_OF_NUMBERS[name], *values), power
        return (sympy.atan2(*values) if name == "atan2" else _OF_ONE[name](values[0])), power

    def extreme(self, name: str, values: list[Expr]) -> Expr:
        best = values[0]
        for value in values[1:]:
            gap = best - value if name == "max" else value - best
            best = Branch(gap, best, value, sympy.Integer(1))
        return best

    def where(self, arguments: Sequence[ast.expr]) -> tuple[Expr, float]:
        condition = arguments[0]
        assert isinstance(condition, ast.Compare)
        parts = [condition.left, condition.comparators[0], *arguments[1:]]
        visited = [self.visit(part) for part in parts]
        left, right, a, b = (v for v, _ in visited)
        op = condition.ops[0]
        gap = right - left if isinstance(op, ast.Lt | ast.LtE) else left - right
        closed = isinstance(op, ast.LtE | ast.GtE)
        return Branch(gap, a, b, sympy.Integer(int(closed))), max(p for _, p in visited)


def _regular(expression: Expr, key: str | None) -> Expr:
    if expression.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo, sympy.I):
        msg = "the expression is singular or complex everywhere"
        raise CaseError(msg, key=key)
    return _in_doubles(expression, key)


def _in_doubles(expression: Expr, key: str | None) -> Expr:
    """Replace exact fractions too long for a double by their nearest double."""
    long = [n for n in expression.atoms(sympy.Rational) if abs(n.p) > _EXACT or abs(n.q) > _EXACT]
    try:
        return expression.xreplace({n: sympy.Float(int(n.p) / int(n.q)) for n in long})
    except OverflowError:
        msg = "a constant part of the expression is too large"
        raise CaseError(msg, key=key) from None


def _check_growth(expression: Expr, key: str | None) -> None:
    """Refuse what would take for ever, before any tree is walked."""
    size, _, second, kinked = _growth(expression, {})
    if size > MAX_SIZE or (kinked and second > MAX_KINKED):
        what = "abs, sign, min, max and where are nested too deeply" if kinked else "too large"
        msg = f"the expression is refused: {what}"
        raise CaseError(msg, key=key)


def _growth(e: Expr, known: dict[Expr, Growth]) -> Growth:
    """Count the parts of e, of its first and second derivative, about; whether it has kinks."""
    if e not in known:
        if e.args:
            known[e] = _grown(e, [_growth(a, known) for a in e.args])
        else:
            known[e] = (1.0, 0.0 if e.is_Number else 1.0, 0.0, False)
    return known[e]


def _grown(e: Expr, parts: Sequence[Growth]) -> Growth:
    s, d, dd = (sum(p[k] for p in parts) for k in range(3))
    n = sum(1 for p in parts if p[1])
    kinked = isinstance(e, Absolute | Sign | Step | Branch) or any(p[3] for p in parts)
    if not n:
        return (1.0 + s, 0.0, 0.0, kinked)
    if e.is_Add:
        return (1.0 + s, d, dd, kinked)
    # each derivative is a sum over the parts, of the whole with that part changed
    return (1.0 + s, n * s + d, n * (n * s + 2.0 * d) + dd, kinked)


def has_kinks(expression: Expr) -> bool:
    """Whether abs, sign, min, max, where or heaviside is in the expression."""
    return bool(expression.has(Absolute, Sign, Step, Branch))


def check_derivatives(
    expression: Expr, symbols: Sequence[Expr], order: int, key: str | None
) -> None:
    """Make sure that derivatives up to `order` are functions: terms at kinks must drop out.

    Raises
    ------
    CaseError
        A derivative contains a Dirac delta, as that of a step or the second one of abs(x).
    """
    if not has_kinks(expression):
        return
    try:
        for k, symbol in enumerate(symbols):
            first = without_kinks(expression.diff(symbol), key)
            for other in symbols[k:] if order == 2 else ():
                without_kinks(first.diff(other), key)
    except RecursionError:
        msg = "abs, sign, min, max and where are nested too deeply"
        raise CaseError(msg, key=key) from None


def compiled(symbols: Sequence[Expr], expression: Expr) -> Callable[..., Any]:
    """Make a numpy function of the symbols that computes common parts once."""
    function: Callable[..., list[Any]] = sympy.lambdify(
        [*symbols],
        [expression],
        modules=[NUMERIC, "numpy"],
        cse=_shared,
        printer=_Printer({"fully_qualified_modules": False, "inline": True}),
    )
    return lambda *columns: function(*columns)[0]


def _shared(expressions: Sequence[Expr], **_: Any) -> tuple[Any, Any]:
    """Find common parts as they stand; sympy's search for hidden ones takes quadratic time."""
    tree_cse = import_module("sympy.simplify.cse_main").tree_cse
    replacements, reduced = tree_cse(expressions, sympy.numbered_symbols("c", cls=sympy.Dummy))
    return replacements, reduced


class _Printer(_NumPyPrinter):  # type: ignore[misc]
    """Numpy source with every double written in full and small powers as products."""

    def _print_Float(self, expr: Expr) -> str:
        return repr(float(expr)) if math.isfinite(float(expr)) else "inf"

    def _print_Pow(self, expr: Expr, rational: bool = False) -> str:
        base, exponent = expr.as_base_exp()
        if base.is_Symbol and exponent.is_Integer and 2 <= exponent <= _LARGEST_PRODUCT:
            return "(" + "*".join([self._print(base)] * int(exponent)) + ")"
        return str(super()._print_Pow(expr, rational=rational))

    def _print_Function(self, expr: Expr) -> str:
        arguments = ", ".join(self._print(a) for a in expr.args)
        return f"{expr.func.__name__}({arguments})"

    _print_erf = _print_erfc = _print_Function
