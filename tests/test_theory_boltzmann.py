"""Known stationary states and slow rates against pinned digits and independent quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import eigh_tridiagonal

from fokkerplanck.grid import Grid
from fokkerplanck.theory.boltzmann import boltzmann_density, quartic_partition, zero_current_line
from fokkerplanck.theory.kramers import kramers_correction, kramers_time, two_wells
from fokkerplanck.theory.ring import driven_ring

#: T, slow rate, partition function, <x^2> and mean time from -1 to 1 over Kramers' time.
QUARTIC = [
    (0.125, 0.056818325252162417, 1.4109147031962088528, 0.852136152178334259, 1.24995099350558),
    (0.05, 0.0027761406365727255, 0.83405880410691047, 0.936833940411833922, 1.10659734175471),
    (0.025, 1.9589272999730441e-5, 0.57253406167891229, 0.972522758201354599, 1.04340192718182),
    (0.0125, 9.0965142493130157e-10, 0.40027658082067617, 0.986975054600083628, 1.02000073724549),
    (0.00625, 1.8941172037666137e-18, 0.28160116089804071, 0.993626446152596241, 1.00966894900918),
    (0.0025, 1.6682905806595623e-44, 0.17758143245425832, 0.997480862894219481, 1.00379548304813),
]


def quartic(x):
    return (x**2 - 1) ** 2 / 4


@pytest.mark.parametrize(("t", "rate", "z", "square", "ratio"), QUARTIC)
def test_quartic_partition_and_moments(t, rate, z, square, ratio):
    assert quartic_partition(t) == pytest.approx(z, rel=1e-13)
    grid = Grid.line(-3, 3, 600)
    found = boltzmann_density(lambda x: quartic(x[..., 0]), t, grid)
    assert found.log_partition == pytest.approx(np.log(z), abs=1e-12)
    assert found.covariance[0, 0] == pytest.approx(square, rel=1e-12)
    assert abs(found.mean[0]) < 1e-14
    assert found.masses.sum() == pytest.approx(1, abs=1e-14)


@pytest.mark.parametrize(("t", "rate", "z", "square", "ratio"), QUARTIC)
def test_slow_rate_of_the_quartic(t, rate, z, square, ratio):
    found = two_wells(quartic, t, (-3, 3), (-1, 1), 0.0)
    # exponentially close: the next eigenvalue is of order 1
    assert found.rate == pytest.approx(rate, rel=1e-12 + 0.45 * rate)
    assert found.right == pytest.approx(0.5, abs=1e-14)
    # mean time between the minima, 2 / rate up to the same terms, over Kramers' formula
    kramers = kramers_time(2.0, -1.0, 0.25, t)
    assert 2 / found.rate / kramers == pytest.approx(ratio, rel=1e-12 + 10 * rate)


def test_next_order_of_kramers():
    c1 = kramers_correction((2.0, 6.0, 6.0), (-1.0, 0.0, 6.0))
    assert c1 == pytest.approx(1.5, rel=1e-14)
    for t, *_, ratio in QUARTIC[-3:]:
        assert ratio == pytest.approx(1 + c1 * t, abs=12 * t**2)


def test_two_unequal_wells():
    def loss(x):
        return x**4 / 4 - x**2 / 2 + x / 10

    minima = (-1.0466805318046, 0.945649273923591)
    found = two_wells(loss, 0.05, (-3, 3), minima, 0.101031257881011)
    assert 1 - found.right == pytest.approx(0.977954192696704, rel=1e-12)
    assert found.committor(np.zeros(1))[0] == pytest.approx(0.311353805414418, rel=1e-6)
    # slow eigenvalue of the symmetrised generator on a fine grid
    n = 1500
    h = 5.0 / n
    v = loss(-2.5 + h * (np.arange(2 * n + 1) / 2))[1:-1] / 0.05
    cells, faces = v[0::2], v[1::2]
    go, back = (0.05 / h**2 * np.exp(-(faces - c)) for c in (cells[:-1], cells[1:]))
    diagonal = -np.concatenate([go, [0]]) - np.concatenate([[0], back])
    slow = eigh_tridiagonal(
        diagonal, np.sqrt(go * back), select="i", select_range=(n - 2, n - 2), eigvals_only=True
    )
    assert found.rate == pytest.approx(-slow[0], rel=5e-3)


def test_mass_on_the_right_at_late_times():
    found = two_wells(quartic, 1 / 120, (-2.4, 2.4), (-1, 1), 0.0)
    assert found.mass_right(1e20, 0.0) == pytest.approx(0.5)
    assert found.mass_right(1e3, 0.0) == pytest.approx(0.5e3 * found.rate, rel=1e-9)
    assert found.mass_right(1e3, 1.0) == pytest.approx(1.0)


@pytest.mark.parametrize("t", [0.05, 0.3])
def test_plane_factorises(t):
    grid = Grid.plane((-2, 2, 70), (-3, 3, 90))
    found = boltzmann_density(lambda x: quartic(x[..., 0]) + (x[..., 1] - 0.5) ** 2, t, grid)
    z = quad(lambda x: np.exp(-quartic(x) / t), -2, 2, points=(-1, 1), epsabs=1e-13)[0]
    y = quad(lambda y: np.exp(-((y - 0.5) ** 2) / t), -3, 3, points=(0.5,), epsabs=1e-13)[0]
    assert found.log_partition == pytest.approx(np.log(z * y), abs=1e-10)
    assert abs(found.covariance[0, 1]) < 1e-14
    half = np.broadcast_to((grid.axes[0].centres > 0)[:, None], grid.shape).astype(np.intp)
    np.testing.assert_allclose(found.basin_masses(half), 0.5, rtol=1e-12)
    assert grid.integrate(found.density) == pytest.approx(1, rel=1e-13)


@pytest.mark.parametrize(
    ("kappa", "closed"),
    [
        (1.0, lambda x: 0.5 * (1 + x**2) ** -1.5),
        (0.5, lambda x: 1 / (np.pi * (1 + x**2))),
        (0.0, lambda x: (1 + x**2) ** -0.5),
    ],
)
def test_three_readings_of_one_equation(kappa, closed):
    found = zero_current_line(lambda x: -x, lambda x: 1 + x**2, -3, 3, kappa=kappa, panels=60)
    norm = quad(closed, -3, 3)[0]
    np.testing.assert_allclose(found.density, closed(found.points) / norm, rtol=1e-12)
    assert found.expectation(np.ones_like) == pytest.approx(1, rel=1e-14)
    assert found.mass(-1, 1) == pytest.approx(quad(closed, -1, 1)[0] / norm, rel=1e-10)


def test_driven_ring_pinned():
    found = driven_ring(np.cos, 0.5, 0.5, 2 * np.pi)
    assert found.current == pytest.approx(0.027946558545, rel=1e-11)
    assert found.velocity == pytest.approx(0.175593406037, rel=1e-11)
    assert found.entropy_production == pytest.approx(0.175593406037, rel=1e-11)


def test_driven_ring_limits_and_symmetry():
    free = driven_ring(np.zeros_like, 0.7, 0.3, 3.0)
    assert free.velocity == pytest.approx(0.7, rel=1e-12)
    assert driven_ring(np.cos, 0.0, 0.5, 2 * np.pi).current == 0

    def ratchet(x):
        return np.cos(x) + 0.4 * np.sin(2 * x)

    there = driven_ring(ratchet, 0.5, 0.5, 2 * np.pi)
    back = driven_ring(ratchet, -0.5, 0.5, 2 * np.pi)
    mirrored = driven_ring(lambda x: ratchet(-x), 0.5, 0.5, 2 * np.pi)
    assert back.current == pytest.approx(-mirrored.current, rel=1e-12)
    assert abs(back.current + there.current) > 1e-3
    # linear response: velocity / force is D P^2 / (D Z+ Z-) as the force goes to zero
    weak = driven_ring(np.cos, 1e-6, 0.5, 2 * np.pi)
    z = quad(lambda x: np.exp(2 * np.cos(x)), 0, 2 * np.pi)[0]
    assert weak.velocity / 1e-6 == pytest.approx((2 * np.pi / z) ** 2, rel=1e-5)


def test_driven_ring_at_a_high_barrier_keeps_its_digits():
    strong = driven_ring(lambda x: 20 * np.cos(x), 0.5, 0.05, 2 * np.pi)
    assert 0 < strong.current < 1e-300 or strong.current == 0
    assert np.isfinite(strong.entropy_production)
