"""Landscapes with formulas: pinned values, and derivatives that belong to their loss."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck import landscapes
from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes import Landscape

PLANES: dict[str, Landscape] = {
    "quartic": landscapes.quartic(2, 0.5, 1.3, 2.0, 0.7),
    "tilted": landscapes.tilted(2, 0.1, 3.0, -0.4),
    "styblinski-tang": landscapes.styblinski_tang(2),
    "mueller-brown": landscapes.mueller_brown(scale=0.05),
    "piecewise": landscapes.piecewise_quadratic(2, (4.0, 1.0), 1.5, (1.0, 0.6), (10.0, 0.5)),
    "expression": landscapes.from_expression("(x**2 - 1)**2/4 + exp(x*y/3) + y**4", 2),
    "rotated": landscapes.rotated(landscapes.tilted(2), 33.0),
    "sheared": landscapes.sheared(landscapes.mueller_brown(scale=0.05), 0.3),
    "moved": landscapes.translated(landscapes.quartic(2), (0.3, -0.2)),
    "scaled": landscapes.scaled(landscapes.quartic(2), 3.0, 0.5),
}
LINES: dict[str, Landscape] = {
    "quartic": landscapes.quartic(1, 0.5, 1.3),
    "tilted": landscapes.tilted(1, 0.1),
    "styblinski-tang": landscapes.styblinski_tang(1),
    "piecewise": landscapes.piecewise_quadratic(1, (4.0, 1.0), 1.5, (1.0, 0.6)),
    "expression": landscapes.from_expression("x**4/4 - cos(a*x)", 1, {"a": 1.7}),
    "scaled": landscapes.scaled(landscapes.tilted(1), 3.0, 0.5),
}
ALL = [*LINES.values(), *PLANES.values()]
coordinates = st.tuples(st.floats(-1.4, 1.2), st.floats(-0.3, 1.9))


def slopes(function, point: np.ndarray, h: float) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Fourth-order central differences along the coordinates, stacked first."""
    steps = h * np.eye(len(point))
    one = (function(point + steps) - function(point - steps)) / (2 * h)
    two = (function(point + 2 * steps) - function(point - 2 * steps)) / (4 * h)
    return np.asarray((4.0 * one - two) / 3.0)


@pytest.mark.parametrize("landscape", ALL, ids=lambda v: f"{v.name}-{v.dim}")
@settings(deadline=None, max_examples=15)
@given(place=coordinates)
def test_derivatives_belong_to_the_loss(landscape: Landscape, place: tuple[float, float]) -> None:
    point, h = np.array(place[: landscape.dim]), 1e-3
    gradient, hessian = landscape.gradient(point), landscape.hessian(point)
    scale = 1.0 + np.abs(hessian).max() + np.abs(gradient).max() + abs(landscape.loss(point))
    near = landscape.hessian(point + 2 * h * np.array([[1.0], [-1.0]]) * np.ones(landscape.dim))
    # parabolas are joined with a jump of the Hessian: its change over the stencil bounds the error
    jump = np.ptp(near, axis=0).max() if landscape.name == "piecewise-quadratic" else 0.0
    found = slopes(landscape.loss, point, h)
    np.testing.assert_allclose(found, gradient, atol=1e-6 * scale + jump * h)
    found = slopes(landscape.gradient, point, h)
    np.testing.assert_allclose(found, hessian, atol=1e-5 * scale + 2.0 * jump)
    np.testing.assert_array_equal(hessian, hessian.T)


@pytest.mark.parametrize("landscape", ALL, ids=lambda v: f"{v.name}-{v.dim}")
def test_evaluation_is_vectorised(landscape: Landscape) -> None:
    points = np.random.default_rng(1).uniform(-1.0, 1.0, (3, 4, landscape.dim))
    loss, gradient, hessian = (
        f(points) for f in (landscape.loss, landscape.gradient, landscape.hessian)
    )
    assert loss.shape == (3, 4)
    assert gradient.shape == (3, 4, landscape.dim)
    assert hessian.shape == (3, 4, landscape.dim, landscape.dim)
    np.testing.assert_allclose(loss[2, 1], landscape.loss(points[2, 1]), rtol=1e-14)
    np.testing.assert_allclose(gradient[2, 1], landscape.gradient(points[2, 1]), rtol=1e-13)
    np.testing.assert_allclose(hessian[2, 1], landscape.hessian(points[2, 1]), rtol=1e-13)


@pytest.mark.parametrize("landscape", ALL, ids=lambda v: f"{v.name}-{v.dim}")
def test_points_of_the_wrong_dimension_are_refused(landscape: Landscape) -> None:
    with pytest.raises(CaseError, match="points of this landscape"):
        landscape.loss(np.zeros((5, 3)))


@pytest.mark.parametrize("landscape", ALL, ids=lambda v: f"{v.name}-{v.dim}")
def test_hints_are_near_minima(landscape: Landscape) -> None:
    for hint in landscape.minimum_hint():
        step = np.linalg.solve(landscape.hessian(hint), landscape.gradient(hint))
        assert np.linalg.norm(step) < 0.5
        assert np.linalg.eigvalsh(landscape.hessian(hint)).min() > 0.0


def test_quartic_is_the_pinned_one() -> None:
    well, x = landscapes.quartic(), np.linspace(-2.0, 2.0, 9)[:, np.newaxis]
    np.testing.assert_allclose(well.loss(x), (x[:, 0] ** 2 - 1.0) ** 2 / 4.0, rtol=1e-14)
    np.testing.assert_array_equal(well.hessian([[-1.0], [0.0], [1.0]]).ravel(), [2.0, -1.0, 2.0])
    np.testing.assert_array_equal(well.loss([[-1.0], [0.0], [1.0]]), [0.0, 0.25, 0.0])


def test_kinds_equal_their_expressions() -> None:
    points = np.random.default_rng(2).uniform(-2.0, 2.0, (50, 2))
    pairs = [
        (
            landscapes.quartic(2, 0.5, 1.3, 2.0, 0.7),
            "0.5*((x/1.3)**2 - 1)**2 + 2*(y - 0.7*x)**2/2",
        ),
        (landscapes.tilted(2, 0.1, 3.0), "x**4/4 - x**2/2 + 0.1*x + 3*y**2/2"),
        (landscapes.styblinski_tang(2), "(x**4 - 16*x**2 + 5*x + y**4 - 16*y**2 + 5*y)/2"),
    ]
    for kind, text in pairs:
        written = landscapes.from_expression(text, 2)
        for name in ("loss", "gradient", "hessian"):
            one, two = getattr(kind, name)(points), getattr(written, name)(points)
            np.testing.assert_allclose(one, two, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("position", "loss"),
    [
        # Müller and Brown (1979), minima and saddles
        ((-0.5582, 1.4417), -146.6995),
        ((0.6235, 0.0280), -108.1667),
        ((-0.0500, 0.4667), -80.7678),
        ((-0.8220, 0.6243), -40.6648),
        ((0.2125, 0.2930), -72.2489),
    ],
)
def test_mueller_brown_has_its_published_points(position: tuple[float, float], loss: float) -> None:
    surface = landscapes.mueller_brown()
    assert float(surface.loss(position)) == pytest.approx(loss, abs=2e-4)
    step = np.linalg.solve(surface.hessian(position), surface.gradient(position))
    assert np.abs(step).max() < 1e-4


@settings(deadline=None, max_examples=30)
@given(
    curvature=st.tuples(st.floats(0.1, 20), st.floats(0.1, 20)),
    top=st.floats(0.1, 20),
    barrier=st.tuples(st.floats(0.1, 5), st.floats(0.1, 5)),
    stiffness=st.tuples(st.floats(0.1, 20), st.floats(0.1, 20)),
)
def test_piecewise_wells_are_what_was_asked_for(
    curvature: tuple[float, float],
    top: float,
    barrier: tuple[float, float],
    stiffness: tuple[float, float],
) -> None:
    well = landscapes.piecewise_quadratic(2, curvature, top, barrier, stiffness)
    places = np.array([[well.minima[0], 0.0], [0.0, 0.0], [well.minima[1], 0.0]])
    np.testing.assert_allclose(well.gradient(places), 0.0, atol=1e-12)
    loss = well.loss(places)
    np.testing.assert_allclose(loss[1] - loss[[0, 2]], barrier, rtol=1e-12)
    middle = np.sqrt(stiffness[0] * stiffness[1])
    expected = [(curvature[0], stiffness[0]), (-top, middle), (curvature[1], stiffness[1])]
    np.testing.assert_allclose(
        well.hessian(places), [np.diag(pair) for pair in expected], rtol=1e-12, atol=1e-12
    )
    # loss and gradient are continuous at the joints, the climb is shared s : 1 - s there
    for side, joint in enumerate(well.joints):
        below, above = np.array([joint, 0.4]) * (1 - 1e-12), np.array([joint, 0.4]) * (1 + 1e-12)
        np.testing.assert_allclose(well.loss(below), well.loss(above), rtol=1e-9)
        np.testing.assert_allclose(well.gradient(below), well.gradient(above), atol=1e-8)
        climbed = (float(well.loss([joint, 0.0])) - loss[2 * side]) / barrier[side]
        assert climbed == pytest.approx(top / (curvature[side] + top), rel=1e-9)


def test_piecewise_line_is_the_textbook_one() -> None:
    # well H = 4 at distance l from a top of curvature -1, rise 1: l = sqrt(2 (4 + 1)/4)
    well = landscapes.piecewise_quadratic(1, (4.0, 1.0), 1.0, 1.0)
    length = np.sqrt(2.0 * 5.0 / 4.0)
    assert well.minima[0] == pytest.approx(-length, rel=1e-14)
    assert well.joints[0] == pytest.approx(-(length - length / 5.0), rel=1e-14)


def test_turning_by_quarters_is_exact() -> None:
    original, point = landscapes.mueller_brown(), np.array([0.3, 0.7])
    turned = landscapes.rotated(original, 90.0)
    image = np.array([-0.7, 0.3])
    assert float(turned.loss(image)) == float(original.loss(point))
    g = original.gradient(point)
    np.testing.assert_array_equal(turned.gradient(image), [-g[1], g[0]])
    h = original.hessian(point)
    np.testing.assert_array_equal(turned.hessian(image), [[h[1, 1], -h[0, 1]], [-h[0, 1], h[0, 0]]])


def test_turns_and_shears_move_points_as_said() -> None:
    original = landscapes.tilted(2)
    c, s = np.cos(np.deg2rad(25.0)), np.sin(np.deg2rad(25.0))
    point = np.array([0.4, -0.8])
    moved = np.array([c * 0.4 + s * 0.8, s * 0.4 - c * 0.8])
    assert float(landscapes.rotated(original, 25.0).loss(moved)) == pytest.approx(
        float(original.loss(point)), rel=1e-14
    )
    sheared = landscapes.sheared(original, 0.5)
    assert float(sheared.loss([0.4 - 0.4, -0.8])) == pytest.approx(float(original.loss(point)))
    back = landscapes.rotated(landscapes.rotated(original, 25.0), -25.0)
    np.testing.assert_allclose(back.hessian(point), original.hessian(point), atol=1e-14)


def test_every_kind_can_be_made_by_name() -> None:
    options = {"expression": {"loss": "x**2 + y**2"}}
    for kind in landscapes.KINDS:
        if kind != "sampled":
            made = landscapes.make(kind, 2, options.get(kind, {}), rotate=30.0, shear=0.2)
            assert made.name == kind
            assert made.dim == 2


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: landscapes.quartic(barrier=0.0), "landscape.barrier"),
        (lambda: landscapes.quartic(half_width=float("nan")), "landscape.half_width"),
        (lambda: landscapes.quartic(2, stiffness=-1.0), "landscape.stiffness"),
        (lambda: landscapes.tilted(tilt="a"), "landscape.tilt"),  # type: ignore[arg-type]
        (lambda: landscapes.quartic(3), "grid"),
        (lambda: landscapes.mueller_brown(1), "landscape.kind"),
        (lambda: landscapes.mueller_brown(scale=-1.0), "landscape.scale"),
        (lambda: landscapes.piecewise_quadratic(1, (1.0, 2.0, 3.0)), "landscape.curvature"),
        (lambda: landscapes.piecewise_quadratic(1, (1.0, -2.0)), "landscape.curvature[1]"),
        (lambda: landscapes.piecewise_quadratic(1, 1.0, 0.0), "landscape.saddle_curvature"),
        (lambda: landscapes.rotated(landscapes.quartic(1), 30.0), "landscape.rotate"),
        (lambda: landscapes.sheared(landscapes.quartic(1), 1.0), "landscape.shear"),
        (lambda: landscapes.translated(landscapes.quartic(1), (1.0, 2.0)), "landscape.translate"),
        (lambda: landscapes.make("quadric", 1, {}), "landscape.kind"),
    ],
)
def test_bad_parameters_name_their_key(make, key: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(CaseError) as error:
        make()
    assert error.value.key == key
