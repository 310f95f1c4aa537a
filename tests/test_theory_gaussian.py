"""Ornstein-Uhlenbeck laws and normal densities against independent quadrature and pinned digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import dblquad, quad

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.theory import distances as exact
from fokkerplanck.theory.distances import Normal
from fokkerplanck.theory.gaussian import gaussian_cells, gaussian_density
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck

DRIVEN = OrnsteinUhlenbeck([[2, -1], [1.5, 1]], [[1, 0.3], [0.3, 0.5]])


def test_driven_plane_matches_pinned_values():
    s = [[0.533333333333333, 0.0666666666666667], [0.0666666666666667, 0.4]]
    np.testing.assert_allclose(DRIVEN.stationary_covariance, s, rtol=1e-13)
    np.testing.assert_allclose(DRIVEN.circulation[0, 1], -0.566666666666667, rtol=1e-13)
    assert DRIVEN.entropy_production == pytest.approx(2.34959349593496, rel=1e-13)
    grown = [[0.499670729076217, 0.060923926983161], [0.060923926983161, 0.305967214682122]]
    np.testing.assert_allclose(DRIVEN.covariance(0.7), grown, rtol=1e-12)
    assert DRIVEN.displacement(0.7) == pytest.approx(1.44763375442851, rel=1e-13)


def test_rotation_produces_entropy_by_turning():
    k, w = 1.0, 2.0
    ou = OrnsteinUhlenbeck([[k, -w], [w, k]], 0.3 * np.eye(2))
    np.testing.assert_allclose(ou.stationary_covariance, 0.3 * np.eye(2), atol=1e-15)
    assert ou.entropy_production == pytest.approx(2 * w**2 / k, rel=1e-13)


def test_reversible_process_carries_no_current():
    d = np.array([[0.5, 0.1], [0.1, 0.2]])
    ou = OrnsteinUhlenbeck(d @ [[2.0, 0.5], [0.5, 1.0]], d)
    assert np.abs(ou.circulation).max() < 1e-15
    assert ou.entropy_production < 1e-25


def test_momentum_sgd_mode_with_singular_diffusion():
    eta, beta, batch, h = 0.1, 0.9, 32, 2.0
    friction, stiffness = 2 * (1 - beta) / (eta * (1 + beta)), 2 * h / (eta * (1 + beta))
    noise = friction * h / (batch * (1 - beta**2))
    ou = OrnsteinUhlenbeck([[0, -1], [stiffness, friction]], [[0, 0], [0, noise]])
    np.testing.assert_allclose(
        ou.stationary_covariance, np.diag([0.015625, 0.328947368421053]), atol=1e-15, rtol=1e-12
    )
    displacement = 2 * (ou.stationary_covariance - ou.correlation(1.3))[0, 0]
    assert displacement == pytest.approx(0.0171203222869310, rel=1e-12)
    with pytest.raises(CaseError, match="invertible"):
        _ = ou.entropy_production


def test_free_diffusion_spreads_linearly():
    ou = OrnsteinUhlenbeck(np.zeros((2, 2)), [[0.5, 0.1], [0.1, 0.3]])
    np.testing.assert_allclose(ou.covariance(3.0, np.eye(2)), np.eye(2) + 6 * ou.diffusion)
    with pytest.raises(CaseError, match="no stationary law"):
        _ = ou.stationary_covariance


def test_covariance_solves_its_equation():
    step = 1e-3
    before, at, after = (DRIVEN.covariance(0.5 + s, np.eye(2)) for s in (-step, 0, step))
    flow = 2 * DRIVEN.diffusion - DRIVEN.rate @ at - at @ DRIVEN.rate.T
    np.testing.assert_allclose((after - before) / (2 * step), flow, atol=1e-5)


def test_antisymmetric_correlation_starts_with_the_circulation():
    t = 1e-5
    c = DRIVEN.correlation(t)
    np.testing.assert_allclose((c - c.T) / (-2 * t), DRIVEN.circulation, rtol=1e-4, atol=1e-12)


def test_decaying_schedule():
    ou = OrnsteinUhlenbeck([[1.0]], [[0.1]])
    s = ou.scheduled_covariance(2.0, [[0.1]], lambda t: float(np.exp(-t / 3)))
    assert s[0, 0] == pytest.approx(0.0612437415061364, rel=1e-13)


def test_stepped_schedule_is_a_chain_of_constant_ones():
    ou = OrnsteinUhlenbeck([[2.0, 0.3], [0.0, 1.0]], [[0.1, 0.02], [0.02, 0.3]])
    quiet = OrnsteinUhlenbeck(ou.rate, 0.25 * ou.diffusion)
    chain = quiet.covariance(1.1, ou.covariance(0.4, np.eye(2)))
    s = ou.scheduled_covariance(1.5, np.eye(2), lambda t: 1.0 if t < 0.4 else 0.25, (0.4,))
    np.testing.assert_allclose(s, chain, rtol=1e-13)


def test_current_is_divergence_free():
    e, at = 1e-4, np.array([0.3, -0.4])
    jx = DRIVEN.stationary_current(at + np.array([[e, 0], [-e, 0]]))[:, 0]
    jy = DRIVEN.stationary_current(at + np.array([[0, e], [0, -e]]))[:, 1]
    assert abs((jx[0] - jx[1]) + (jy[0] - jy[1])) / (2 * e) < 1e-8
    assert np.abs(DRIVEN.stationary_current(at)).max() > 0.01


@pytest.mark.parametrize("cov", [[[0.3, 0.0], [0.0, 0.02]], [[0.3, 0.12], [0.12, 0.05]]])
def test_cell_averages_match_quadrature(cov):
    grid = Grid.plane((-1, 1.5, 11), (-0.7, 0.8, 9))
    mean = [0.2, -0.1]
    cells = gaussian_cells(grid, mean, cov)
    x, y = grid.axes
    for i, j in ((0, 0), (5, 4), (6, 3), (10, 8)):
        mass, _ = dblquad(
            lambda b, a: float(gaussian_density([a, b], mean, cov)),
            x.edges[i],
            x.edges[i + 1],
            y.edges[j],
            y.edges[j + 1],
            epsabs=1e-14,
            epsrel=1e-12,
        )
        assert cells[i, j] * grid.volume == pytest.approx(mass, abs=1e-13, rel=1e-10)


@settings(deadline=None, max_examples=30)
@given(st.floats(-0.999, 0.999), st.floats(0.02, 0.4), st.floats(0.02, 0.4), st.floats(-0.5, 0.5))
def test_cell_averages_of_any_ridge_hold_all_the_mass(r, sx, sy, m):
    grid = Grid.plane((-4, 4, 17), (-4, 4, 23))
    cells = gaussian_cells(grid, [m, -m], [[sx**2, r * sx * sy], [r * sx * sy, sy**2]])
    assert cells.min() >= 0
    assert grid.integrate(cells) == pytest.approx(1, abs=1e-12)


def test_far_tail_keeps_its_digits():
    cells = gaussian_cells(Grid.line(-30, 30, 60), [0.0], [[1.0]])
    np.testing.assert_allclose(cells, cells[::-1], rtol=1e-12)
    assert cells[0] > 0


def test_bad_covariance_is_refused():
    with pytest.raises(CaseError, match="positive definite"):
        gaussian_cells(Grid.plane((0, 1, 4), (0, 1, 4)), [0, 0], [[1, 2], [2, 1]])


P, Q = Normal.of(0.0, 1.0), Normal.of(1.0, 4.0)
P2 = Normal.of([1, -0.5], [[2, 0.5], [0.5, 1]])
Q2 = Normal.of([0, 0], [[1, -0.3], [-0.3, 0.8]])


def test_pinned_distances_on_the_line():
    assert exact.kl(P, Q) == pytest.approx(0.443147180559945, rel=1e-14)
    assert exact.kl(Q, P) == pytest.approx(1.30685281944005, rel=1e-14)
    assert exact.hellinger(P, Q) == pytest.approx(0.386257087763267, rel=1e-14)
    assert exact.w1(P, Q) == pytest.approx(1.16663094117537, rel=1e-13)
    assert exact.w2(P, Q) == pytest.approx(2**0.5, rel=1e-14)
    assert exact.relative_fisher(P, Q) == pytest.approx(0.625, rel=1e-14)


def test_pinned_distances_in_the_plane():
    assert exact.w2(P2, Q2) == pytest.approx(1.304065333142870, rel=1e-13)
    assert exact.kl(P2, Q2) == pytest.approx(1.119369486770168, rel=1e-13)
    assert exact.hellinger(P2, Q2) == pytest.approx(0.444675896973609, rel=1e-13)


def test_distances_on_the_line_by_quadrature():
    def p(x):
        return np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)

    def q(x):
        return np.exp(-0.125 * (x - 1) ** 2) / np.sqrt(8 * np.pi)

    def over(f):
        return quad(f, -20, 20, epsabs=1e-12, limit=200)[0]

    assert over(lambda x: p(x) * np.log(p(x) / q(x))) == pytest.approx(exact.kl(P, Q), abs=1e-9)
    bc = over(lambda x: np.sqrt(p(x) * q(x)))
    assert np.sqrt(1 - bc) == pytest.approx(exact.hellinger(P, Q), abs=1e-9)
    fisher = over(lambda x: p(x) * (-x + (x - 1) / 4) ** 2)
    assert fisher == pytest.approx(exact.relative_fisher(P, Q), abs=1e-9)


def test_h_theorem_pinned_rate():
    ou = OrnsteinUhlenbeck([[1.0]], [[1.0]])
    s = Normal(ou.centre, ou.stationary_covariance)

    def law(t):
        return Normal(ou.mean(t, [2.0]), ou.covariance(t, [[0.25]]))

    assert exact.kl(law(0.5), s) == pytest.approx(0.759223594956125, rel=1e-13)
    rate = exact.kl_rate(law(0.5), s, 1.0)
    assert rate == pytest.approx(-1.57665117732, rel=1e-11)
    slope = (exact.kl(law(0.501), s) - exact.kl(law(0.499), s)) / 0.002
    assert slope == pytest.approx(rate, rel=1e-5)
