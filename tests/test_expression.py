"""Expressions: values as numpy has them, derivatives as calculus has them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes import ScalarField, from_expression
from fokkerplanck.landscapes.expression import parse

XY = ("x", "y")
#: analytic functions whose values stay moderate, so that a complex step is exact to rounding
SMOOTH = ("sin({})", "cos({})", "tanh({})", "exp(-({})**2)", "sqrt(1 + ({})**2)", "atan({})")


def leaves() -> st.SearchStrategy[str]:
    numbers = st.floats(-3, 3, allow_nan=False).map(lambda v: f"({v!r})")
    return st.sampled_from(["x", "y", "a"]) | numbers | st.integers(1, 9).map(str)


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda t: f"({t[0]} {t[1]} {t[2]})"
    )
    power = st.tuples(inner, st.integers(1, 3)).map(lambda t: f"({t[0]})**{t[1]}")
    quotient = st.tuples(inner, inner).map(lambda t: f"({t[0]})/(2 + ({t[1]})**2)")
    function = st.tuples(st.sampled_from(SMOOTH), inner).map(lambda t: t[0].format(t[1]))
    return binary | power | quotient | function


expressions = st.recursive(leaves(), grown, max_leaves=6)
coordinates = st.floats(-1.5, 1.5)


def by_numpy(text: str, **values: complex) -> complex:
    names = ("sin", "cos", "tanh", "exp", "sqrt")
    return eval(text, {n: getattr(np, n) for n in names} | {"atan": np.arctan} | values)


@settings(deadline=None, max_examples=50)
@given(text=expressions, x=coordinates, y=coordinates)
def test_random_expressions_equal_numpy(text: str, x: float, y: float) -> None:
    field = ScalarField(text, XY, {"a": 0.7})
    expected = by_numpy(text, x=np.float64(x), y=np.float64(y), a=0.7)
    # the scale of the parts, which may cancel in the whole
    scale = 1.0 + abs(expected) + abs(by_numpy(text, x=np.float64(2), y=np.float64(-2), a=0.7))
    assert field.value([x, y]) == pytest.approx(expected, rel=1e-12, abs=1e-12 * scale)


@settings(deadline=None, max_examples=50)
@given(text=expressions, x=coordinates, y=coordinates)
def test_gradient_equals_the_complex_step(text: str, x: float, y: float) -> None:
    step = 1e-30j
    field = ScalarField(text, XY, {"a": 0.7})
    expected = [
        complex(by_numpy(text, x=x + step, y=y + 0j, a=0.7)).imag / 1e-30,
        complex(by_numpy(text, x=x + 0j, y=y + step, a=0.7)).imag / 1e-30,
    ]
    scale = 1.0 + max(map(abs, expected))
    np.testing.assert_allclose(field.gradient([x, y]), expected, rtol=1e-9, atol=1e-10 * scale)


@settings(deadline=None, max_examples=50)
@given(text=expressions, x=coordinates, y=coordinates)
def test_hessian_is_the_slope_of_the_gradient(text: str, x: float, y: float) -> None:
    field, h = ScalarField(text, XY, {"a": 0.7}), 1e-4
    point, offsets = np.array([x, y]), h * np.eye(2)
    hessian = field.hessian(point)

    def slope(step: float) -> np.ndarray:
        return (field.gradient(point + step * offsets) - field.gradient(point - step * offsets)) / (
            2 * step * h
        )

    expected = (4.0 * slope(1.0) - slope(2.0)) / 3.0  # Richardson: fourth order
    near = field.hessian(point + 2 * np.concatenate([offsets, -offsets]))
    scale = 1.0 + np.abs(near).max() + np.abs(field.gradient(point)).max()
    np.testing.assert_allclose(hessian, expected, atol=1e-5 * scale)
    np.testing.assert_array_equal(hessian, hessian.T)


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("exp(0.3*x - y)", (0.4, 0.2)),
        ("log(x + 2*y)", (0.4, 0.2)),
        ("sqrt(x*y)", (0.4, 0.2)),
        ("tan(x*y)", (0.4, 0.9)),
        ("asin(x*y)", (0.4, 0.9)),
        ("acos(x - y)", (0.4, 0.9)),
        ("atan(x**2 + y)", (0.4, 0.9)),
        ("atan2(x**2 + y, x)", (-0.4, 0.9)),
        ("sinh(x)*cosh(y)", (0.4, 0.9)),
        ("tanh(3*x*y)", (0.4, 0.9)),
        ("asinh(x + y)", (0.4, 0.9)),
        ("acosh(2 + x*y)", (0.4, 0.9)),
        ("atanh(x*y)", (0.4, 0.9)),
        ("erf(x*y) + erfc(x)", (0.4, 0.9)),
        ("x**y", (0.4, 0.9)),
        ("2.5**(x*y)", (0.4, 0.9)),
        ("x**-3.5/y", (0.4, 0.9)),
        ("abs(x - y)**3", (0.4, 0.9)),
        ("max(y - x, 0)**3 * min(x - y, 0)", (0.4, 0.9)),
        ("where(x < y, (x - y)**3, 0)", (0.4, 0.9)),
        ("sign(x - y)*(x - y)**3 + heaviside(y)*y**4", (0.4, 0.9)),
    ],
)
def test_every_function_has_its_derivatives(text: str, point: tuple[float, float]) -> None:
    field, p, h = ScalarField(text, XY), np.array(point), 1e-3
    away = h * np.eye(2)

    def slopes(f, step: int) -> np.ndarray:  # type: ignore[no-untyped-def]
        return (f(p + step * away) - f(p - step * away)) / (2 * step * h)

    gradient, hessian = field.gradient(p), field.hessian(p)
    expected = (4.0 * slopes(field.value, 1) - slopes(field.value, 2)) / 3.0
    np.testing.assert_allclose(gradient, expected, rtol=1e-8, atol=1e-9)
    expected = (4.0 * slopes(field.gradient, 1) - slopes(field.gradient, 2)) / 3.0
    np.testing.assert_allclose(hessian, expected, rtol=1e-8, atol=1e-9)


def test_doubles_keep_every_digit() -> None:
    number = 0.12345678901234568
    assert float(ScalarField(repr(number) + "*x", XY).value([1.0, 0.0])) == number
    field = ScalarField("a*x", XY, {"a": number})
    assert float(field.value([1.0, 0.0])) == number
    assert float(ScalarField(number, XY).value([5.0, 5.0])) == number


def test_constants_and_names() -> None:
    assert ScalarField("pi", XY).constant == np.pi
    assert ScalarField("e**2", XY).constant == pytest.approx(np.exp(2.0))
    field = ScalarField("x - x + a*y", XY, {"a": 2.0})
    assert field.constant is None


def test_a_constant_has_the_shape_of_the_points() -> None:
    points = np.zeros((4, 3, 2))
    field = ScalarField("0.25", XY)
    assert field.value(points).shape == (4, 3)
    np.testing.assert_array_equal(field.gradient(points), np.zeros((4, 3, 2)))
    np.testing.assert_array_equal(field.hessian(points), np.zeros((4, 3, 2, 2)))


def test_values_do_not_share_memory_with_the_points() -> None:
    points = np.ones((3, 1))
    value = ScalarField("x", ("x",)).value(points)
    value[:] = 5.0
    assert (points == 1.0).all()


def test_extra_variables_are_given_by_keyword() -> None:
    field = ScalarField("x*cos(t)", ("x",), extra=("t",))
    assert float(field.value([2.0], t=np.pi)) == -2.0
    np.testing.assert_allclose(field.gradient([2.0], t=np.pi), [-1.0])
    with pytest.raises(CaseError, match="'t'"):
        field.value([2.0])


def test_a_big_expression_is_differentiated_quickly_and_right() -> None:
    # sum over 40 Gaussians and a product of 30 factors: symbolic second derivatives of the product
    # have half a million parts
    product = "*".join(f"(1 + {k}*x**2/1000)" for k in range(1, 31))
    x, k = 0.7, np.arange(1, 31) / 1000.0
    value = np.prod(1 + k * x * x)
    first = value * np.sum(2 * k * x / (1 + k * x * x))
    second = first**2 / value + value * np.sum(
        2 * k / (1 + k * x * x) - (2 * k * x / (1 + k * x * x)) ** 2
    )
    field = ScalarField(product, ("x",))
    assert float(field.value([x])) == pytest.approx(value, rel=1e-13)
    assert field.gradient([x])[0] == pytest.approx(first, rel=1e-13)
    assert field.hessian([x])[0, 0] == pytest.approx(second, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("abs(x)", 2),
        ("max(x, 0)", 2),
        ("sqrt(x**2)", 2),
        ("sign(x)", 1),
        ("heaviside(x - 0.3)*x", 1),
        ("where(x < 1, x, x**2 + 1)", 1),
    ],
)
def test_a_derivative_that_is_no_function_is_refused(text: str, order: int) -> None:
    field = ScalarField(text, ("x",), key="landscape.loss")
    with pytest.raises(CaseError, match="kink or a jump") as error:
        (field.gradient if order == 1 else field.hessian)([0.2])
    assert error.value.key == "landscape.loss"
    if order == 2:
        field.gradient([0.2])


@pytest.mark.parametrize(
    ("text", "left", "right"),
    [
        ("abs(x - 0.3)**3", 6.0 * 0.7, 6.0 * 0.3),
        ("(max(x, 0.3) - 0.3)**2", 0.0, 2.0),
        ("where(x < 0.3, (x - 0.3)**2, 4*(x - 0.3)**2)", 2.0, 8.0),
        ("heaviside(x - 0.3)*(x - 0.3)**2", 0.0, 2.0),
        ("where(x > 0, x**4.5, 0)", 0.0, 4.5 * 3.5 * 0.6**2.5),
    ],
)
def test_a_kink_of_a_higher_derivative_is_allowed(text: str, left: float, right: float) -> None:
    field = ScalarField(text, ("x",))
    hessian = field.hessian([[-0.4], [0.6]])[:, 0, 0]
    np.testing.assert_allclose(hessian, [left, right], atol=1e-12)


def test_a_value_that_is_not_finite_names_the_point() -> None:
    field = ScalarField("log(x*y)", XY, key="noise.D[0][1]")
    with pytest.raises(CaseError, match=r"x = -0\.5, y = 2") as error:
        field.value([[1.0, 1.0], [-0.5, 2.0]])
    assert error.value.key == "noise.D[0][1]"


def test_a_derivative_that_is_not_finite_names_the_point() -> None:
    field = ScalarField("sqrt(x)", ("x",))
    assert float(field.value([0.0])) == 0.0
    with pytest.raises(CaseError, match="x = 0"):
        field.gradient([0.0])


def test_formulas_may_go_over_several_lines() -> None:
    assert float(ScalarField("x**2\n  + y\n", XY).value([2.0, 1.0])) == 5.0


def test_parse_gives_a_sympy_expression() -> None:
    import sympy

    x, y = sympy.symbols("x y", real=True)
    expected = (x**2 - 1) ** 2 / 4 + sympy.Integer(3) * y**2 / 2
    assert parse("(x**2 - 1)**2/4 + k*y**2/2", XY, {"k": 3.0}) == expected


def test_points_of_another_dimension_are_refused() -> None:
    with pytest.raises(CaseError, match=r"\(\.\.\., 1\)"):
        from_expression("x**2", 1).loss(np.zeros((4, 2)))
