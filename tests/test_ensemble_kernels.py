"""Compiled walkers: their law against closed forms, their bits against threads and plain loops."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import stats

from fokkerplanck.solvers.ensemble import Walk
from fokkerplanck.solvers.field_tables import line_tables, plane_tables
from fokkerplanck.solvers.hit_targets import LineTarget, PlaneTarget
from fokkerplanck.solvers.normals import normals


def flat(low, high, drift=0.0, diffusion=0.5):
    x = np.linspace(low, high, 9)
    return line_tables(x, drift + 0 * x, 0 * x, diffusion + 0 * x, 0 * x)


def bowl(h=1.0, diffusion=0.5, half=8.0):
    x = np.linspace(-half, half, 33)
    return line_tables(x, -h * x, -h + 0 * x, diffusion + 0 * x, 0 * x)


def jump(below, above, low=-1.0, high=1.0):
    x = np.array([low, low / 2, 0, 0, high / 2, high])
    d = np.array([below] * 3 + [above] * 3)
    return line_tables(x, 0 * x, 0 * x, d, 0 * x)


def last(walk, starts, steps):
    return next(walk.snapshots(starts, [steps]))[1]


def near(sample, mean, sigmas=4.0):
    """Assert that the mean of a sample is within some standard errors of its value."""
    error = np.std(sample) / np.sqrt(np.size(sample))
    assert abs(np.mean(sample) - mean) < sigmas * error, (np.mean(sample), mean, error)


# --- paths ----------------------------------------------------------------------------------------


def test_a_path_is_the_plain_recursion():
    x = np.linspace(-2, 2, 65)
    tables = line_tables(x, x - x**3, 1 - 3 * x**2, 0.1 + x**2 / 10, x / 5)
    starts = np.linspace(-1.9, 1.9, 300)[:, None]
    found = dict(Walk(tables, 0.01, seed=4).snapshots(starts, [0, 1, 7, 50]))
    z, p = normals(4, 300, 50), starts[:, 0].copy()
    for k in range(51):
        if k in found:
            np.testing.assert_allclose(found[k][:, 0], p, atol=1e-12)
        if k < 50:
            p += 0.01 * (p - p**3) + np.sqrt(2 * 0.01 * (0.1 + p**2 / 10)) * z[:, k]
            p = np.where(p > 2, 4 - p, np.where(p < -2, -4 - p, p))


def test_a_path_in_the_plane_is_the_plain_recursion():
    x = np.linspace(-3, 3, 25)
    a, b = np.meshgrid(x, x, indexing="ij")
    tensor = np.empty((25, 25, 2, 2))
    tensor[..., 0, 0], tensor[..., 1, 1] = 0.2 + a**2 / 20, 0.3 + b**2 / 20
    tensor[..., 0, 1] = tensor[..., 1, 0] = 0.1 * a / 3
    tables = plane_tables(x, x, np.stack([-a + b, -b - a * b], -1), tensor)
    starts = np.random.default_rng(1).uniform(-1, 1, (300, 2))
    found = last(Walk(tables, 0.01, seed=6), starts, 30)
    z = normals(6, 300, 60).reshape(300, 30, 2)
    p, q = starts.T.copy()
    for k in range(30):
        dxx, dxy, dyy = 0.2 + p**2 / 20, 0.1 * p / 3, 0.3 + q**2 / 20
        s = np.sqrt(0.02 * dxx)
        t = 0.02 * dxy / s
        step = t * z[:, k, 0] + np.sqrt(0.02 * dyy - t**2) * z[:, k, 1]
        p, q = p + 0.01 * (q - p) + s * z[:, k, 0], q + 0.01 * (-q - p * q) + step
    np.testing.assert_allclose(found, np.stack([p, q], -1), atol=1e-11)


def test_bits_depend_on_neither_threads_nor_company():
    tables = jump(0.5, 2.0, -3.0, 3.0)
    starts = np.linspace(-0.9, 0.9, 700)[:, None]
    target = LineTarget([(-2, -1), (1, 2)])
    hits, places = [], []
    for threads, m in ((1, 700), (2, 700), (3, 450)):
        walk = Walk(tables, 0.01, kappa=0.5, seed=3, threads=threads)
        h = walk.first_hits(starts[:m], target, 151)
        hits.append(np.stack([h.times, h.where[:, 0], h.shape])[:, :450])
        places.append(last(walk, starts[:m], 151)[:450])
    assert (hits[0][2] >= 0).sum() not in (0, 450)
    for h, p in zip(hits[1:], places[1:], strict=True):
        np.testing.assert_array_equal(h, hits[0])
        np.testing.assert_array_equal(p, places[0])


def test_walkers_given_up_are_where_snapshots_find_them():
    walk, starts = Walk(bowl(), 0.02, seed=1), np.zeros((600, 1))
    h = walk.first_hits(starts, LineTarget([(7, 8)]), 33)
    assert not h.arrived.any()
    assert (h.times == 33).all()
    np.testing.assert_array_equal(h.where, last(walk, starts, 33))


# --- SGD ------------------------------------------------------------------------------------------


def test_discrete_variance_of_sgd():
    eta, h, c = 0.2, 1.0, 1.0
    walk = Walk(bowl(h, eta * c / 2), eta, seed=8, discrete=True)
    starts = np.zeros((40000, 1))
    a, b = (p[:, 0] for _, p in walk.snapshots(starts, [60, 61]))
    variance = eta * c / (h * (2 - eta * h))
    near(a**2, variance)
    near(a * b, (1 - eta * h) * variance)  # the continuous one is e^-0.2 of 0.1: 20 errors off


@pytest.mark.parametrize("dim", [1, 2])
def test_heavy_ball_has_the_discrete_law(dim):
    eta, beta, h, c = 0.1, 0.9, 2.0, 1 / 16  # c = sigma^2 h / B, B = 32
    step, diffusion = eta / (1 - beta), eta * c / (2 * (1 - beta))
    if dim == 1:
        tables = bowl(h, diffusion)
    else:
        x = np.linspace(-8, 8, 9)
        tables = plane_tables(
            x, x, -h * np.stack(np.meshgrid(x, x, indexing="ij"), -1), diffusion * np.eye(2)
        )
    walk = Walk(tables, step, momentum=beta, seed=2)
    before, after = (p for _, p in walk.snapshots(np.zeros((20000, dim)), [299, 300]))
    v = (after - before) / eta
    near(after**2, 0.0164930555555556)
    near(v**2, 0.347222222222222)
    near(after * v, 0.0173611111111111)


# --- first hits -----------------------------------------------------------------------------------


def test_hits_of_a_level_have_the_exact_law_at_any_step():
    drift, d, level = 1.0, 0.5, 1.0
    walk = Walk(flat(-20, 1, drift, d), 0.5, seed=5)
    h = walk.first_hits(np.zeros((20000, 1)), LineTarget([(level, 2)]), 10**4)
    shape = level**2 / (2 * d)
    law = stats.invgauss(level / drift / shape, scale=shape)
    assert stats.kstest(0.5 * h.times, law.cdf).pvalue > 1e-3
    assert (h.where == level).all()


def test_exit_from_an_interval_with_and_without_bridge():
    d, dt, starts = 0.5, 0.01, np.full((20000, 1), 0.3)
    walk = Walk(flat(-3, 3, 0.0, d), dt, seed=1)
    target = LineTarget([(-3, -1), (1, 3)])
    h = walk.first_hits(starts, target, 10**6)
    near(dt * h.times, (1 - 0.3**2) / (2 * d))
    near(h.shape, (1 + 0.3) / 2)
    # seen after whole steps only, the walls stand 0.5826 sqrt(2 D dt) further out
    wide = 1 + 0.5826 * np.sqrt(2 * d * dt)
    late = walk.first_hits(starts, target, 10**6, bridge=False)
    near(dt * late.times, (wide**2 - 0.3**2) / (2 * d))


@pytest.mark.parametrize("kappa", [1.0, 0.5, 0.0])
def test_readings_across_a_jump_of_the_diffusion(kappa):
    """Scale density D^(kappa-1) and speed weight D^-kappa on both sides; at large steps."""
    below, above, dt = 0.5, 4.0, 0.01
    low, high = 3.0 * below ** (kappa - 1), 3.0 * above ** (kappa - 1)
    walk = Walk(jump(below, above, -4, 4), dt, kappa=kappa, seed=7)
    h = walk.first_hits(np.zeros((10000, 1)), LineTarget([(-4, -3), (3, 4)]), 10**6)
    near(h.shape, low / (low + high))
    time = low * high / (low + high) * 1.5 * (below**-kappa + above**-kappa)
    near(dt * h.times, time)


def test_one_step_across_a_jump_is_skew_brownian_motion():
    below, above, kappa, dt, a = 0.5, 2.0, 0.0, 1.0, 0.8
    walk = Walk(jump(below, above, -40, 40), dt, kappa=kappa, seed=1)
    x = last(walk, np.full((20000, 1), -a), 1)[:, 0]
    start = a / np.sqrt(2 * below * dt)
    up = above**0.5 / (above**0.5 + below**0.5)
    near(x > 0, up * 2 * stats.norm.sf(start))
    # on the far side: the path that goes on straight, by the diffusion there
    end = x[x > 0] / np.sqrt(2 * above * dt) + start
    law = stats.truncnorm(start, np.inf)
    assert stats.kstest(end, law.cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("kappa", "time"), [(1, 0.5), (0.5, 0.438824573117476), (0, 0.388409699947848)]
)
def test_readings_of_smooth_noise(kappa, time):
    x = np.linspace(-2, 2, 33)
    tables = line_tables(x, -x, -1 + 0 * x, 1 + x**2, 2 * x)
    walk = Walk(tables, 0.002, kappa=kappa, seed=3)
    h = walk.first_hits(np.zeros((10000, 1)), LineTarget([(-2, -1), (1, 2)]), 10**6)
    near(0.002 * h.times, time)


def test_plain_sgd_is_ito_across_a_jump():
    """Seen after whole steps: no bridge, no rule at the jump, and yet the Ito splitting."""
    walk = Walk(jump(0.5, 4.0, -4, 4), 1e-3, seed=7, discrete=True)
    h = walk.first_hits(np.zeros((2000, 1)), LineTarget([(-4, -3), (3, 4)]), 10**6)
    # sides are 1/2 in Ito's reading, 8/9 in the opposite one; O(sqrt dt) = 2 % is left
    assert abs(h.shape.mean() - 0.5) < 4 * 0.5 / np.sqrt(2000) + 0.02


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kappa", "exact"), [(1, 64.5854652588), (0.5, 98.8530005061), (0, 167.388071001)]
)
def test_escape_over_matched_parabolas(kappa, exact):
    """C7, check 1b: errors fall as dt."""
    ha, hb, eb = 4.0, 1.0, 0.25
    top = np.sqrt(2 * (ha + hb) / (ha * hb))
    c = hb * top / (ha + hb)
    end = 2 * top - c
    x = np.sort(np.append(np.linspace(-2.5, end + 1, 401), [c, c]))
    below = np.arange(x.size) <= np.flatnonzero(x == c)[0]
    drift = np.where(below, -ha * x, hb * (x - top))
    d = np.where(below, eb * ha, eb * hb)
    tables = line_tables(x, drift, np.where(below, -ha, hb), d, 0 * x)
    mean, error = [], []
    for dt in (0.02, 0.01):
        walk = Walk(tables, dt, kappa=kappa, seed=11)
        h = walk.first_hits(np.zeros((20000, 1)), LineTarget([(end, np.inf)]), 10**9)
        mean.append(dt * h.times.mean() / exact - 1)
        error.append(dt * h.times.std() / np.sqrt(20000) / exact)
    assert mean[0] > 5 * error[0]
    assert abs(mean[1]) < 5 * 0.01 + 4 * error[1]
    limit = 2 * mean[1] - mean[0]
    assert abs(limit) < 4 * np.hypot(2 * error[1], error[0]), (mean, limit)


# --- walls ----------------------------------------------------------------------------------------


def test_walls_of_a_line():
    d, t, starts = 0.5, 0.3, np.full((20000, 1), 0.5)
    tables = flat(0, 1, 0.0, d)
    mirrored = last(Walk(tables, 0.01, walls=[("reflecting",) * 2], seed=1), starts + 0.3, 30)
    lag = np.exp(-d * np.pi**2 * t)
    near(np.cos(np.pi * mirrored), np.cos(0.8 * np.pi) * lag)
    round_ = last(Walk(tables, 0.01, walls=[("periodic",) * 2], seed=2), starts, 5)
    near(np.cos(2 * np.pi * round_), -np.exp(-d * 4 * np.pi**2 * 0.05))
    gone = last(Walk(tables, 0.01, walls=[("absorbing",) * 2], seed=3), starts, 30)
    k = np.arange(0, 9)
    left = 4 / np.pi * (-1.0) ** k / (2 * k + 1) * np.exp(-d * t * ((2 * k + 1) * np.pi) ** 2)
    near(np.isfinite(gone), left.sum())


def test_walls_beside_a_target():
    tables, starts = flat(0, 1, 0.0, 0.5), np.full((10000, 1), 0.5)
    target = LineTarget([(0.8, 0.9)])
    lost = Walk(tables, 0.01, walls=[("absorbing", "reflecting")], seed=1).first_hits(
        starts, target, 10**6
    )
    near(lost.arrived, 0.5 / 0.8)
    assert set(np.unique(lost.shape)) == {-2, 0}
    ring = Walk(tables, 0.01, walls=[("periodic",) * 2], seed=2).first_hits(starts, target, 10**6)
    # from 0.3 below the target, or 0.6 above its image: an interval of length 0.9
    near(0.01 * ring.times, 0.3 * 0.6 / (2 * 0.5))
    np.testing.assert_array_equal(np.unique(ring.where), [0.8, 0.9])


def test_reflection_in_the_plane_is_along_the_tensor():
    """No flux: D grad p is along the wall, so p stays uniform; a plain mirror tilts it."""
    x = np.linspace(0, 1, 6)
    tables = plane_tables(x, x, np.zeros((6, 6, 2)), np.array([[0.5, 0.35], [0.35, 0.5]]))
    starts = np.random.default_rng(0).uniform(0, 1, (20000, 2))
    p = last(Walk(tables, 5e-4, seed=4), starts, 400) - 0.5
    near(p**2, 1 / 12)
    near(p[:, 0] * p[:, 1], 0.0)


# --- the plane ------------------------------------------------------------------------------------


def test_exit_from_a_disc_under_a_turning_tensor():
    """A4: tr D = 1 and f.x = 0, so the mean exit time is (R^2 - |x|^2) / 2."""
    x = np.linspace(-1.5, 1.5, 61)
    a, b = np.meshgrid(x, x, indexing="ij")
    turn, large = 1.5 * a + b, 0.9 + 0.08 * np.sin(3 * a)
    c, s = np.cos(turn), np.sin(turn)
    off = (2 * large - 1) * c * s
    xx, yy = large * c**2 + (1 - large) * s**2, large * s**2 + (1 - large) * c**2
    tensor = np.stack([xx, off, off, yy], -1).reshape(61, 61, 2, 2)
    tables = plane_tables(x, x, 2 * np.stack([-b * (1 + a), a * (1 + a)], -1), tensor)
    walk = Walk(tables, 5e-4, seed=6)
    starts = np.full((3000, 2), [0.3, -0.2])
    h = walk.first_hits(starts, PlaneTarget.disc((0, 0), 1, outside=True), 10**6)
    near(5e-4 * h.times, (1 - 0.13) / 2)
    np.testing.assert_allclose(np.hypot(*h.where.T), 1, atol=1e-13)


def test_hits_of_a_slanted_line_have_the_exact_law_at_any_step():
    x, d = np.linspace(-9, 9, 7), np.array([[0.5, 0.35], [0.35, 0.5]])
    drift = np.full((7, 7, 2), 1.0) / np.sqrt(2)
    walk = Walk(plane_tables(x, x, drift, d), 0.5, seed=2)
    h = walk.first_hits(np.zeros((5000, 2)), PlaneTarget.half_plane((1, 1), np.sqrt(2)), 20)
    shape = 1 / (2 * 0.85)  # n.D n = 0.85
    law = stats.invgauss(1 / shape, scale=shape)
    times = 0.5 * h.times[h.arrived]
    assert stats.kstest(times, lambda t: law.cdf(t) / law.cdf(10)).pvalue > 1e-3
    np.testing.assert_allclose(h.where[h.arrived].sum(axis=1), np.sqrt(2), atol=1e-13)


def test_shapes_of_targets_in_the_plane():
    x = np.linspace(-2, 2, 9)
    tables = plane_tables(x, x, np.zeros((9, 9, 2)), 0.5 * np.eye(2))
    walk, starts = Walk(tables, 0.01, seed=9), np.zeros((8000, 2))
    box = PlaneTarget.box((1, -2), (2, 2))
    other = PlaneTarget.half_plane((-2, 0), 2)  # x <= -1
    for union in (PlaneTarget.union(box, other), PlaneTarget.union(other, box)):
        h = walk.first_hits(starts, union, 10**6)
        near(0.01 * h.times, 1.0)
        near(h.shape, 0.5)
    centres = (np.arange(80) + 0.5) / 20 - 2
    mask = np.abs(centres)[:, None] * np.ones(80) > 1
    cells = PlaneTarget.cells(mask, (centres[0], centres[0]), (0.05, 0.05))
    near(0.01 * walk.first_hits(starts, cells, 10**6).times, 1.0)


# --- manners --------------------------------------------------------------------------------------


def test_an_interrupt_gets_through():
    def interrupt(done):
        assert 0 <= done <= 1
        raise KeyboardInterrupt

    walk, starts = Walk(bowl(), 0.01), np.zeros((2000, 1))
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(walk.snapshots(starts, [10**9], interrupt))
    with pytest.raises(KeyboardInterrupt):
        walk.first_hits(starts, LineTarget([(7.9, 8)]), 10**9, progress=interrupt)
    assert time.monotonic() - begin < 5


def test_walkers_that_start_inside_have_arrived():
    h = Walk(bowl(), 0.01).first_hits(np.array([[1.5], [0.0]]), LineTarget([(1, 2)]), 1)
    assert h.times[0] == 0
    assert h.arrived.tolist() == [True, False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"step": 0.0}, "step must be positive"),
        ({"momentum": 1.0}, "momentum must be"),
        ({"kappa": 0.5, "discrete": True}, "1 for discrete walks"),
        ({"walls": [("periodic", "absorbing")]}, "both or none periodic"),
    ],
)
def test_walks_that_cannot_be(change, words):
    with pytest.raises(ValueError, match=words):
        Walk(bowl(), **{"step": 0.1} | change)


def test_calls_that_cannot_be():
    walk = Walk(bowl(), 0.1, discrete=True)
    with pytest.raises(ValueError, match="between the walls"):
        list(walk.snapshots([[9.0]], [1]))
    with pytest.raises(ValueError, match="increase"):
        list(walk.snapshots([[0.0]], [2, 1]))
    with pytest.raises(ValueError, match="no bridge"):
        walk.first_hits([[0.0]], LineTarget([(1, 2)]), 10, bridge=True)
    with pytest.raises(ValueError, match="dimension 2"):
        walk.first_hits([[0.0]], PlaneTarget.disc((0, 0), 1), 10)
    with pytest.raises(ValueError, match="apart"):
        LineTarget([(0, 1), (0.5, 2)])
