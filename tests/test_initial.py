"""Initial densities: exact cell averages, exact mass, exact symmetry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad
from scipy.stats import multivariate_normal, norm

from fokkerplanck import initial
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid

LINE = Grid.line(-2.0, 3.0, 50)
PLANE = Grid.plane((-2, 2, 40), (-3, 3, 30))
SQUARE = Grid.plane((-3, 3, 48), (-3, 3, 48))


def moments(grid, density):
    """Mean and covariance of the density as a sum over cell centres."""
    mass = density * grid.volume
    x = grid.points()
    mean = np.tensordot(mass, x, axes=grid.dim)
    d = (x - mean).reshape(-1, grid.dim)
    return mean, d.T @ (mass.reshape(-1, 1) * d)


def test_cell_averages_on_a_line():
    p = initial.gaussian(LINE, 0.3, 0.2)
    edges = LINE.axes[0].edges
    expected = np.diff(norm.cdf(edges, 0.3, 0.2)) / LINE.volume
    np.testing.assert_allclose(p, expected, rtol=0, atol=1e-14 * p.max())
    assert LINE.integrate(p) == pytest.approx(1, abs=1e-15)


def test_far_tails_keep_their_digits():
    p = initial.gaussian(LINE, 0.0, 0.1)
    # log of the average over the cell [2.9, 3]: 29 standard deviations out
    tail = norm.logsf(29.0) + np.log1p(-np.exp(norm.logsf(30.0) - norm.logsf(29.0)))
    assert np.log(p[-1] * LINE.volume) == pytest.approx(tail, rel=1e-12)


def test_moments_of_a_correlated_gaussian():
    covariance = np.array([[0.1, 0.06], [0.06, 0.08]])
    grid = Grid.plane((-3, 3, 120), (-3, 3, 90))
    mean, spread = moments(grid, initial.gaussian(grid, [0.3, -0.2], covariance=covariance))
    # cell centres stand for cells: Sheppard's correction is exact to rounding for wide Gaussians
    np.testing.assert_allclose(mean, [0.3, -0.2], atol=1e-13)
    sheppard = np.diag(np.square(grid.spacing) / 12)
    np.testing.assert_allclose(spread - sheppard, covariance, atol=1e-13)


@pytest.mark.parametrize("cell", [(20, 15), (23, 17), (17, 11)])
def test_average_of_one_correlated_cell_by_adaptive_quadrature(cell):
    covariance = np.array([[0.05, 0.045], [0.045, 0.05]])
    law = multivariate_normal([0.1, 0.1], covariance)
    p = initial.gaussian(PLANE, [0.1, 0.1], covariance=covariance)
    (x, y), (hx, hy) = PLANE.points()[cell], PLANE.spacing
    exact, _ = dblquad(
        lambda b, a: law.pdf([a, b]), x - hx / 2, x + hx / 2, y - hy / 2, y + hy / 2, epsabs=1e-13
    )
    assert p[cell] == pytest.approx(exact / PLANE.volume, rel=1e-9, abs=1e-12)


def test_needle_thinner_than_a_cell():
    covariance = 1e-6 * np.array([[1.0, 0.999], [0.999, 1.0]])
    p = initial.gaussian(PLANE, [0.05, 0.1], covariance=covariance)
    assert p[PLANE.cell_of([0.05, 0.1])] == pytest.approx(1 / PLANE.volume, rel=1e-14)


def test_small_correlation_joins_on_to_none():
    plain = initial.gaussian(PLANE, [0.1, -0.3], [0.3, 0.4])
    nearly = initial.gaussian(PLANE, [0.1, -0.3], covariance=[[0.09, 1e-14], [1e-14, 0.16]])
    np.testing.assert_allclose(nearly, plain, atol=1e-12 * plain.max())


@settings(deadline=None, max_examples=20)
@given(
    st.tuples(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5)),
    st.floats(0.05, 0.4),
    st.floats(0.05, 0.4),
    st.floats(-0.99, 0.99),
)
def test_quarter_turns_and_mirrors(mean, sx, sy, rho):
    c = np.array([[sx * sx, rho * sx * sy], [rho * sx * sy, sy * sy]])
    p = initial.gaussian(SQUARE, mean, covariance=c)
    assert p.min() >= 0
    assert SQUARE.integrate(p) == pytest.approx(1, abs=1e-14)
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    turned = initial.gaussian(SQUARE, turn @ mean, covariance=turn @ c @ turn.T)
    # x' = -y, y' = x
    np.testing.assert_allclose(turned, p[:, ::-1].T, atol=1e-12 * p.max())
    flip = np.diag([-1.0, 1.0])
    mirrored = initial.gaussian(SQUARE, flip @ mean, covariance=flip @ c @ flip)
    np.testing.assert_allclose(mirrored, p[::-1], atol=1e-12 * p.max())


def test_wrapped_gaussian_on_a_ring():
    ring = Grid.line(0.0, 2 * np.pi, 64, "periodic")
    p = initial.gaussian(ring, 0.1, 0.8)
    edges = ring.axes[0].edges
    # wrapped normal: 1 / 2 pi + sum_k exp(-k^2 s^2 / 2) cos k(x - m) / pi, averaged over cells
    k = np.arange(1, 16)[:, None]
    series = np.diff(np.exp(-(k**2) * 0.32) * np.sin(k * (edges - 0.1)) / k).sum(axis=0) / np.pi
    np.testing.assert_allclose(p * ring.volume, ring.volume / (2 * np.pi) + series, atol=1e-14)


def test_wrapped_correlated_gaussian_only_depends_on_the_mean_modulo_the_period():
    torus = Grid.plane((0, 1, 20), (0, 1, 24), "periodic")
    c = [[0.05, 0.03], [0.03, 0.04]]
    a = initial.gaussian(torus, [0.1, 0.9], covariance=c)
    b = initial.gaussian(torus, [1.1, -0.1], covariance=c)
    np.testing.assert_allclose(a, b, atol=1e-12)
    assert torus.integrate(a) == pytest.approx(1, abs=1e-14)


def test_delta_at_a_centre_fills_its_cell():
    grid = Grid.line(-2.5, 2.5, 5)
    np.testing.assert_array_equal(initial.delta(grid, 1.0), [0, 0, 0, 1, 0])


def test_delta_keeps_its_mean():
    mean, _ = moments(PLANE, initial.delta(PLANE, [0.123, -1.456]))
    np.testing.assert_allclose(mean, [0.123, -1.456], atol=1e-14)


def test_delta_between_two_cells_favours_neither():
    p = initial.delta(Grid.line(-1, 1, 6), 0.0)
    np.testing.assert_array_equal(p, p[::-1])
    assert np.count_nonzero(p) == 2


def test_delta_near_walls():
    assert initial.delta(Grid.line(0, 1, 10), 0.0)[0] == pytest.approx(10)
    ring = initial.delta(Grid.line(0, 1, 10, "periodic"), 0.0)
    assert ring[0] == pytest.approx(5)
    assert ring[-1] == pytest.approx(5)


def test_uniform():
    p = initial.uniform(PLANE)
    assert np.ptp(p) == 0
    assert PLANE.integrate(p) == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize(
    ("call", "key"),
    [
        (lambda: initial.gaussian(LINE, 2.95, 0.1), "initial"),
        (lambda: initial.gaussian(LINE, 0.0), "initial"),
        (lambda: initial.gaussian(LINE, 0.0, 0.1, covariance=[[1.0]]), "initial"),
        (lambda: initial.gaussian(LINE, 0.0, -0.1), "initial.std"),
        (lambda: initial.gaussian(LINE, 0.0, 1e-12), "initial"),
        (lambda: initial.gaussian(LINE, [0.0, 1.0], 0.1), "initial.mean"),
        (lambda: initial.gaussian(LINE, float("nan"), 0.1), "initial.mean"),
        (lambda: initial.gaussian(PLANE, [0, 0], [0.1, 0.2, 0.3]), "initial.std"),
        (lambda: initial.gaussian(PLANE, [0, 0], covariance=[[0.1]]), "initial.covariance"),
        (
            lambda: initial.gaussian(PLANE, [0, 0], covariance=[[1, 2], [2, 1]]),
            "initial.covariance",
        ),
        (
            lambda: initial.gaussian(PLANE, [0, 0], covariance=[[1, 0], [0.5, 1]]),
            "initial.covariance",
        ),
        (lambda: initial.delta(LINE, [0.0, 0.0]), "initial.point"),
    ],
)
def test_bad_input_is_refused(call, key):
    with pytest.raises(CaseError) as error:
        call()
    assert error.value.key == key


def test_delta_outside_the_grid_is_refused():
    with pytest.raises(CaseError, match=r"x = 3\.5 lies outside"):
        initial.delta(LINE, 3.5)
