"""Hostile text: every one is a clear `CaseError` that names its key, and none takes long."""

import subprocess
import sys

import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes import ScalarField


def nested(pattern: str, depth: int, inner: str = "x") -> str:
    for _ in range(depth):
        inner = pattern.format(inner)
    return inner


#: text -> a part of the message
HOSTILE = {
    "9**9**9**9": "exponent",
    "x**9**9": "exponent",
    "x**65": "at most 64",
    "10**400": "exponent",
    "((x**64)**64)**64": "nested exponents",
    "(((2*x)**60)**60)**60": "nested exponents",
    "(x-x+9)**(x-x+9)**(x-x+9)": "exponent",
    "(2*x)**y*(2*x)**(387420489-y)": "1000",
    "9**x*9**(9**9-x)": "1000",
    "(" * 100_000: "100000 characters",
    "(" * 50_000 + "x" + ")" * 50_000: "characters",
    "(" * 1900 + "x" + ")" * 1900: "is not an expression",
    "-" * 3900 + "x": "",
    "x" * 5000: "characters",
    "x" + "+x" * 1999: "too large",
    "x" + "*x" * 1000: "too large",
    nested("sin({})", 100): "too large",
    nested("x/({})", 50): "too large",
    "**".join("x" * 30): "too large",
    nested("max({}, x*y)", 16): "too deeply",
    nested("where({0} < y, {0}, x*y)", 4): "too deeply",
    "1" * 3999: "finite",
    "1" * 4500: "characters",
    "1e999*x": "finite",
    "1e300*1e300*x": "finite",
    "exp(exp(exp(exp(100))))": "constant part",
    "sin(exp(exp(10)))": "constant part",
    "__import__('os').system('true')": "plain names",
    "().__class__.__bases__[0]": "subscripts",
    "x.__class__": "attributes",
    "x[0]": "subscripts",
    "lambda: x": "lambda",
    "[x for x in (1, 2)]": "comprehensions",
    "eval('1')": "unknown function 'eval'",
    "exec('1')": "unknown function",
    "open('f')": "known functions: exp",
    "getattr(x, 'y')": "unknown function",
    "Symbol('x')": "unknown function",
    "factorial(9)": "unknown function",
    "f'{x}'": "strings",
    "'a'*10**9": "real number",
    "b'x'": "real number",
    "(x := 3)": "assignments",
    "x if x else 1": "if-else",
    "x and 1": "nest where",
    "not x": "",
    "x < 1": "where",
    "where(x < 1 < 2, 1, 2)": "comparisons",
    "where(x == 1, 1, 2)": "comparisons",
    "where(x, 1, 2)": "comparison",
    "exp": "without its argument",
    "exp(x, x)": "1 argument",
    "exp(x=1)": "",
    "exp(*[x])": "starred",
    "min(x)": "2 to 8",
    "1j*x": "real number",
    "True": "real number",
    "None": "real number",
    "...": "real number",
    "x // 2": "not allowed",
    "x % 2": "not allowed",
    "x^2": "write **",
    "x @ x": "not allowed",
    "~x": "not allowed",
    "import os": "is not an expression",
    "x; x": "is not an expression",
    "x = 1": "is not an expression",
    "x\0": "null bytes",
    "\ud800": "is not an expression",
    "": "empty",
    "  \n ": "empty",
    "x # comment": "comments",
    "2x": "is not an expression",
    "abs(x": "never closed",
    "x, y": "tuples",
    "{x: 1}": "dicts",
    "nan": "unknown name 'nan'",
    "inf": "unknown name",
    "zoo": "unknown name",
    "alhpa*x": "did you mean 'alpha'",
    "exq(x)": "did you mean 'exp'",
    "1/0": "division by zero",
    "x/(y - y)": "division by zero",
    "log(x - x)": "constant part",
    "sqrt(-1)": "constant part",
    "(-8)**(1/3)": "not real",
    "0**-1": "constant part",
}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:24]))
def test_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(CaseError) as error:
        ScalarField(text, ("x", "y"), {"alpha": 1.0}, "landscape.loss")
    assert error.value.key == "landscape.loss"
    assert HOSTILE[text] in error.value.message
    assert len(str(error.value)) < 400


def test_all_of_it_is_refused_before_anything_is_computed() -> None:
    # one process with a limit on processor time and memory for the whole list
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (20, 20))\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))\n"
        "from fokkerplanck.errors import CaseError\n"
        "from fokkerplanck.landscapes import ScalarField\n"
        "from tests.test_expression_hostile import HOSTILE\n"
        "for text in HOSTILE:\n"
        "    try:\n"
        "        ScalarField(text, ('x', 'y'), {'alpha': 1.0})\n"
        "    except CaseError:\n"
        "        continue\n"
        "    sys.exit('accepted: ' + ascii(text))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"OPENBLAS_NUM_THREADS": "1"})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"x": 1.0}, "already a variable"),
        ({"pi": 3.0}, "already"),
        ({"exp": 3.0}, "already"),
        ({"a b": 3.0}, "plain name"),
        ({"lambda": 3.0}, "plain name"),
        ({"a": float("nan")}, "finite"),
        ({"a": "1"}, "finite number"),
        ({"a": True}, "finite number"),
        ({"a": 10**400}, "finite number"),
    ],
)
def test_bad_parameters_are_refused(parameters: dict[str, float], message: str) -> None:
    with pytest.raises(CaseError, match=message) as error:
        ScalarField("x**2", ("x",), parameters, "landscape.loss")
    assert "landscape.loss" in str(error.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, None, [1.0]])
def test_what_is_neither_text_nor_number_is_refused(value: object) -> None:
    with pytest.raises(CaseError):
        ScalarField(value, ("x",))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        nested("sin(x*y + {})", 16),
        nested("x/(y + {})", 16),
        "*".join(f"(1 + x**2*{k} + sin(y*{k}))" for k in range(1, 40)),
        nested("(1 + {})**y", 14),
        "**".join("x" * 16),
    ],
)
def test_the_largest_allowed_expressions_are_differentiated(text: str) -> None:
    field = ScalarField(text, ("x", "y"))
    hessian = field.hessian([0.3, 0.4])
    point, h = np.array([0.3, 0.4]), 1e-5 * np.eye(2)
    slope = (field.gradient(point + h) - field.gradient(point - h)) / 2e-5
    assert abs(hessian - slope).max() <= 1e-4 * (1.0 + abs(hessian).max())
