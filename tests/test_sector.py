"""The sector of a driven chain, and rational steps of any length that it vouches for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from fokkerplanck.solvers.assemble import assemble
from fokkerplanck.solvers.evolve import evolve
from fokkerplanck.solvers.poles import POLES, RESIDUES
from fokkerplanck.solvers.rational import PARTS, Rational
from fokkerplanck.solvers.sector import MARGIN, find_sector, worst_error
from fokkerplanck.solvers.stationary import stationary_mass
from tests.fields import plane, plane_fields, quartic
from tests.strategies import random_fields

CONSERVATIVE = st.sampled_from([("reflecting", "reflecting"), ("periodic", "periodic")])


def linear(a, d, extent, n):
    """Ornstein-Uhlenbeck process dx = -A x dt + sqrt(2 D) dW."""
    return assemble(
        plane_fields(
            plane(extent, n),
            np.array(d),
            force=lambda x, y: (-(a[0][0] * x + a[0][1] * y), -(a[1][0] * x + a[1][1] * y)),
        )
    )


def slope(generator):
    return find_sector(generator, stationary_mass(generator)).slope / MARGIN


@pytest.mark.parametrize("frequency", [0.3, 1.0, 2.5])
def test_slope_of_a_rotation_is_frequency_over_damping(frequency):
    q = linear([[1, -frequency], [frequency, 1]], 0.25 * np.eye(2), 2.2, 60)
    assert slope(q) == pytest.approx(frequency, rel=0.03)


def test_slope_of_a_linear_process():
    """Spectral radius of D^-1/2 i Q D^-1/2: |Q_12| / sqrt(det D)."""
    q = linear([[2, -1], [1.5, 1]], [[1, 0.3], [0.3, 0.5]], 3.5, 90)
    assert slope(q) == pytest.approx(0.566666666666667 / np.sqrt(0.41), rel=0.03)


def test_detailed_balance_has_no_sector():
    fields = plane_fields(
        plane(1.6, 24), 0.1 * np.eye(2), lambda x, y: quartic(x) + y**2,
        lambda x, y: (x**3 - x, 2 * y),
    )  # fmt: skip
    assert slope(assemble(fields)) < 1e-7


@settings(deadline=None, max_examples=50)
@given(st.floats(0, 3), st.sampled_from(PARTS), st.floats(0, 1), st.floats(-3, 4))
def test_nothing_inside_the_sector_is_worse_than_its_edge(tangent, parts, share, exponent):
    z = -(10.0**exponent) * np.exp(1j * share * np.arctan(tangent))
    terms = RESIDUES / (z / parts - POLES) + RESIDUES.conj() / (z / parts - POLES.conj())
    error = abs(terms.sum() ** parts - np.exp(z))
    assert error <= 1.02 * worst_error(tangent, parts) + 1e-15


@settings(deadline=None, max_examples=20)
@given(random_fields(pairs=CONSERVATIVE), st.floats(-2, 5), st.integers(0, 2**31))
def test_bounded_steps_are_as_good_as_they_say(fields, exponent, seed):
    """Against dense exponentials, over ten decades of time and from any single cell."""
    q = assemble(fields)
    start = np.zeros(q.cells)
    start[np.random.default_rng(seed).integers(q.cells)] = 1.0
    dt = 10.0**exponent / q.exit_rate.max() * 10
    part = Rational(q).bounded_step(start, dt, 1e-9)
    if part is None:
        return
    exact = expm(q.matrix.toarray().T * dt) @ start
    # at ten decades of time dense squarings lose mass, up to 5e-11 of it, and nothing else
    assert abs(exact.sum() - 1) < 1e-10
    exact /= exact.sum()
    assert part.error <= 1e-9
    assert np.abs(part.mass - exact).sum() <= part.error + 1e-12
    assert part.mass.min() >= 0


def test_driven_wells_relax_in_one_step():
    """From one well to the stationary state of a driven problem, far past its slowest time."""
    fields = plane_fields(
        plane(2.0, 40),
        np.array([[0.10, -0.03], [-0.03, 0.04]]),
        lambda x, y: quartic(x) + (y - x) ** 2 / 2,
        lambda x, y: (x**3 - x - (y - x), y - x),
    )
    q = assemble(fields)
    start = np.zeros(q.cells)
    start[np.ravel_multi_index((10, 10), q.shape)] = 1.0
    part = Rational(q).bounded_step(start, 2e4, 1e-9)
    assert part is not None
    assert part.solves < 200
    assert np.abs(part.mass - stationary_mass(q).ravel()).sum() < 1e-9
    late = Rational(q).advance(start, 1e12, 1e-9)
    assert late.method.endswith("stationary")
    assert np.abs(late.mass - part.mass).sum() < 1e-9


def test_slow_escapes_of_a_driven_problem_are_followed_over_ten_decades():
    """Halved noise: the wells exchange at one rate, and the excess decays as one exponential."""
    fields = plane_fields(
        plane(1.8, 36),
        0.5 * np.array([[0.10, -0.03], [-0.03, 0.04]]),
        lambda x, y: quartic(x) + (y - x) ** 2 / 2,
        lambda x, y: (x**3 - x - (y - x), y - x),
    )
    q = assemble(fields)
    start = np.zeros(q.cells)
    start[np.ravel_multi_index((8, 8), q.shape)] = 1.0
    x, y = np.indices(q.shape)
    right = ((x + y > 35) + 0.5 * (x + y == 35)).ravel()
    times = [1e4, 1e5, 2e5, 4e5, 1e9]
    steps = list(evolve(q, start, times))
    excess = np.array([0.5 - step.mass @ right for step in steps])
    rate = np.log(excess[0] / excess[1]) / 9e4
    assert excess[2] == pytest.approx(excess[1] * np.exp(-rate * 1e5), rel=1e-6)
    assert excess[3] == pytest.approx(excess[1] * np.exp(-rate * 3e5), rel=1e-6)
    assert abs(excess[4]) < 1e-8
    assert sum(step.products for step in steps) < 20_000
