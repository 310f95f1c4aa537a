"""Distances between densities: metric axioms, closed forms, exactness for whole-cell shifts."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from fokkerplanck import distances
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.theory import distances as exact
from fokkerplanck.theory.distances import Normal
from fokkerplanck.theory.gaussian import gaussian_cells

LINE = Grid.line(-1, 2, 24)
RING = Grid.line(0, 3, 24, "periodic")


def random_density(seed, grid, holes=0.3):
    rng = np.random.default_rng(seed)
    mass = rng.random(grid.shape) ** 4 * (rng.random(grid.shape) > holes)
    mass.flat[rng.integers(mass.size)] += 1.0
    return mass / (mass.sum() * grid.volume)


def measures(p, q, grid):
    return {
        "tv": distances.total_variation(p, q, grid),
        "hellinger": distances.hellinger(p, q, grid),
        "w1": distances.wasserstein(p, q, grid, 1).value,
        "w2": distances.wasserstein(p, q, grid, 2).value,
    }


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([LINE, RING]))
def test_metric_axioms(seed, grid):
    p, q, r = (random_density([seed, k], grid) for k in range(3))
    pq, qp, qr, pr = (measures(*pair, grid) for pair in ((p, q), (q, p), (q, r), (p, r)))
    for name, value in pq.items():
        assert measures(p, p, grid)[name] == 0
        assert value > 0
        assert qp[name] == pytest.approx(value, rel=1e-7, abs=1e-12)
        assert pr[name] <= value + qr[name] + 1e-7
    assert pq["w1"] <= pq["w2"] + 1e-9
    assert 2 * pq["hellinger"] ** 2 <= 2 * pq["tv"] + 1e-12
    assert pq["tv"] <= np.sqrt(2) * pq["hellinger"] + 1e-12


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 9))
def test_shift_by_whole_cells_on_a_line_is_the_distance(seed, shift):
    mass = np.zeros(LINE.shape)
    mass[2:12] = np.random.default_rng(seed).random(10)
    p = mass / (mass.sum() * LINE.volume)
    for order in (1, 2):
        away = distances.wasserstein(p, np.roll(p, shift), LINE, order)
        assert away.value == pytest.approx(shift * LINE.spacing[0], rel=1e-12)
        assert away.error == 0


def test_ring_goes_the_shorter_way():
    p = np.zeros(RING.shape)
    p[1] = 1 / RING.volume
    for order in (1, 2):
        away = distances.wasserstein(p, np.roll(p, -4), RING, order).value
        assert away == pytest.approx(4 * RING.spacing[0], rel=1e-6)


def test_line_distance_agrees_with_a_linear_program():
    rng = np.random.default_rng(3)
    n = 9
    p, q = (m / m.sum() for m in rng.random((2, n)))
    # many sub-atoms per cell stand for the constant density in it
    sub = 40
    x = (np.arange(n * sub) + 0.5) / sub
    fine_p, fine_q = np.repeat(p, sub) / sub, np.repeat(q, sub) / sub
    grid = Grid.line(0, n, n)
    for order in (1, 2):
        plan = _monotone_cost(fine_p, fine_q, x, order)
        away = distances.wasserstein(p, q, grid, order).value
        assert away == pytest.approx(plan ** (1 / order), rel=1e-3)


def _monotone_cost(p, q, x, order):
    i = j = 0
    a, b, cost = p[0], q[0], 0.0
    while i < len(x) and j < len(x):
        moved = min(a, b)
        cost += moved * abs(x[i] - x[j]) ** order
        a, b = a - moved, b - moved
        if a <= 1e-16:
            i += 1
            a = p[i] if i < len(x) else 0.0
        if b <= 1e-16:
            j += 1
            b = q[j] if j < len(x) else 0.0
    return cost


def test_plane_distances_agree_with_a_linear_program():
    grid = Grid.plane((0, 3, 12), (0, 2, 12))
    rng = np.random.default_rng(1)
    p, q = (np.kron(m / m.sum(), np.ones((3, 3)) / 9) for m in rng.random((2, 4, 4)) ** 3)
    x = grid.points().reshape(-1, 2)
    away = np.linalg.norm(x[:, None] - x[None], axis=-1)
    one, other = sp.eye_array(144), np.ones((1, 144))
    sums = sp.vstack([sp.kron(one, other), sp.kron(other, one)])
    held = np.concatenate([p.ravel(), q.ravel()])
    for order in (1, 2):
        best = linprog((away**order).ravel(), A_eq=sums, b_eq=held, method="highs")
        atoms = best.fun ** (1 / order)
        ours = distances.wasserstein(p / grid.volume, q / grid.volume, grid, order)
        # atoms at the centres are not quite the constant cells
        assert abs(ours.value - atoms) < 0.04 * atoms
        assert ours.error < 0.04 * atoms


P, Q = ([0.0], [[1.0]]), ([1.0], [[4.0]])
NORMALS = Normal.of(*P), Normal.of(*Q)


def on_line(cells):
    grid = Grid.line(-20, 21, cells)
    return gaussian_cells(grid, *P), gaussian_cells(grid, *Q), grid


@pytest.mark.parametrize(
    ("ours", "closed"),
    [
        (distances.kl, exact.kl(*NORMALS)),
        (lambda p, q, g: distances.kl(q, p, g), exact.kl(*NORMALS[::-1])),
        (distances.hellinger, exact.hellinger(*NORMALS)),
        (distances.l1, 0.780131320242111),
        (lambda p, q, g: distances.wasserstein(p, q, g, 1).value, exact.w1(*NORMALS)),
        (lambda p, q, g: distances.wasserstein(p, q, g, 2).value, exact.w2(*NORMALS)),
        (distances.relative_fisher, exact.relative_fisher(*NORMALS)),
    ],
)
def test_normal_laws_on_cells_converge_to_the_closed_form(ours, closed):
    errors = np.array([abs(ours(*on_line(cells)) - closed) for cells in (205, 820, 3280, 13120)])
    spacing = 41 / np.array([205, 820, 3280, 13120])
    assert errors[-1] < 2e-6
    # second order; where in its cell p crosses q makes the constant of L1 come and go
    assert np.all(errors < 0.2 * spacing**2)


def test_normal_laws_in_the_plane():
    grid = Grid.plane((-9, 9, 160), (-9, 9, 150))
    first = Normal.of([1, -0.5], [[2, 0.5], [0.5, 1]])
    second = Normal.of([0, 0], [[1, -0.3], [-0.3, 0.8]])
    p, q = (gaussian_cells(grid, law.mean, law.covariance) for law in (first, second))
    away = distances.wasserstein(p, q, grid, 2)
    assert abs(away.value - exact.w2(first, second)) < away.error < 0.01
    assert distances.kl(p, q, grid) == pytest.approx(exact.kl(first, second), rel=5e-3)
    assert distances.hellinger(p, q, grid) == pytest.approx(0.444675896973609, rel=2e-3)
    assert distances.l1(p, q, grid) == pytest.approx(0.92119227, rel=2e-3)
    nearer = distances.wasserstein(p, q, grid, 1)
    assert np.hypot(1, 0.5) <= nearer.value <= away.value + away.error
    assert nearer.error < 0.01


@pytest.mark.parametrize(
    "shift", [(4, 4), *(pytest.param(s, marks=pytest.mark.slow) for s in ((3, 0), (0, -5)))]
)
def test_shift_by_whole_cells_in_the_plane(shift):
    grid = Grid.plane((-4, 4, 48), (-4, 4, 64))
    p = gaussian_cells(grid, [0.2, -0.3], [[0.2, 0.1], [0.1, 0.3]])
    q = np.roll(p, shift, axis=(0, 1))
    far = np.hypot(shift[0] * grid.spacing[0], shift[1] * grid.spacing[1])
    pair, back = (distances.wasserstein_pair(*d, grid) for d in ((p, q), (q, p)))
    for there, again in zip(pair, back, strict=True):
        assert there.value == pytest.approx(far, rel=2e-4, abs=there.error)
        assert again.value == pytest.approx(there.value, rel=1e-9)
    assert distances.wasserstein(p, p, grid).value == 0


def test_torus_goes_the_shorter_way():
    grid = Grid.plane((0, 4, 40), (0, 4, 40), "periodic")
    p = gaussian_cells(grid, [0.7, 2.0], 0.02 * np.eye(2))
    q = np.roll(p, -8, axis=0)
    for away in distances.wasserstein_pair(p, q, grid):
        assert away.value == pytest.approx(0.8, rel=2e-3)


def test_missing_support_makes_the_divergence_infinite_one_way():
    p, q = np.zeros((2, 24))
    p[3:6], q[3:9] = 1.0, 1.0
    assert distances.kl(q, p, LINE) == np.inf
    assert distances.kl(p, q, LINE) == pytest.approx(np.log(2))


def test_density_without_mass_is_refused():
    with pytest.raises(CaseError, match="positive mass"):
        distances.kl(np.zeros(24), np.ones(24), LINE)
    with pytest.raises(CaseError, match="order"):
        distances.wasserstein(np.ones(24), np.ones(24), LINE, 3)


def test_pinsker():
    for seed in range(20):
        p, q = random_density([seed, 0], LINE), random_density([seed, 1], LINE, holes=0.0)
        assert distances.total_variation(p, q, LINE) <= np.sqrt(distances.kl(p, q, LINE) / 2)


def test_points_in_the_plane_are_as_far_as_they_are_apart():
    grid = Grid.plane((0, 4, 40), (0, 3, 30))
    p, q = np.zeros((2, 40, 30))
    p[5, 4], q[25, 19] = 1.0, 1.0
    first, second = distances.wasserstein_pair(p, q, grid)
    assert abs(first.value - 2.5) <= first.error < 0.02
    assert second.value == pytest.approx(2.5, abs=2e-3)
    spread = gaussian_cells(grid, [2.55, 1.95], 0.01 * np.eye(2))
    # to a point there is one plan only: W2^2 is the second moment about it
    mass = distances.masses(spread, grid)
    square = ((grid.points() - [0.55, 0.45]) ** 2).sum(axis=-1)
    first, second = distances.wasserstein_pair(spread, p, grid)
    assert second.value == pytest.approx(np.sqrt((mass * square).sum()), abs=0.01)
    assert first.value <= second.value + second.error
