"""Compiled minibatches on tables: plain loops, closed forms, orders, threads and bad input."""

from __future__ import annotations

import itertools
import threading

import numpy as np
import pytest

from fokkerplanck.solvers import table_kernels, walk_kernels
from fokkerplanck.solvers.gradient_table import GradientTable
from fokkerplanck.solvers.hit_targets import LineTarget, PlaneTarget
from fokkerplanck.solvers.table_descent import TableDescent


def line(samples=6, points=9, seed=0, half=4.0):
    """Table of g_i = a_i (x - b_i), and a and b."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(0.5, 1.5, samples).astype(np.float32).astype(float)
    b = rng.uniform(-1, 1, samples).astype(np.float32).astype(float)
    x = np.linspace(-half, half, points)
    return GradientTable.of([x], (a[:, None] * (x - b[:, None]))[..., None]), a, b


def plane(function, samples=30, points=17, seed=3):
    rng = np.random.default_rng(seed)
    phase = rng.uniform(-1, 1, (samples, 2))
    x, y = np.linspace(-2, 2, points), np.linspace(-1, 3, points + 2)
    p, q = np.meshgrid(x, y, indexing="ij")
    g = np.stack([function(p, q, *c) for c in phase])
    return GradientTable.of([x, y], g), phase


def waves(x, y, u, v):
    return np.stack([np.sin(x + u) * np.cos(y - v), np.cos(x * y / 2 + u)], axis=-1)


def last(descent, starts, steps):
    return next(descent.snapshots(starts, [steps]))[1]


def test_layouts_of_blocks_are_the_same():
    names = "LANES STREAM NUMBER BORN X Y CLOCK LIVE NEXT STOP WALKING DISC BOX HALF_PLANE"
    for name in names.split():
        assert getattr(table_kernels, name) == getattr(walk_kernels, name), name


# --- interpolation --------------------------------------------------------------------------------


def test_interpolation_is_of_fourth_order_and_leaving_out_tells_its_error():
    points = np.random.default_rng(0).uniform([-2, -1], [2, 3], (200, 2))
    errors, told = [], []
    for n in (17, 33):
        table, phase = plane(waves, points=n)
        exact = np.stack([waves(*points.T, *c) for c in phase], axis=1)
        off = np.sqrt(((table.at(points) - exact) ** 2).mean() / (exact**2).mean())
        errors.append(off)
        told.append(table.left_out()[0])
    assert np.log2(errors[0] / errors[1]) > 3.7
    assert 0.5 < told[1] / errors[1] < 4  # float32 is far below


def test_cubics_are_exact_and_slopes_continuous():
    x = np.linspace(-1, 2, 8)
    f = np.stack([x**3 - x, 1 + x**2 - 2 * x**3])[..., None]
    table = GradientTable.of([x], f)
    p = np.linspace(-1, 2, 101)
    exact = np.stack([p**3 - p, 1 + p**2 - 2 * p**3], axis=-1)
    np.testing.assert_allclose(table.at(p)[..., 0], exact, atol=3e-6)
    mean, covariance = table.moments(p)
    np.testing.assert_allclose(mean[:, 0], exact.mean(axis=1), atol=3e-6)
    np.testing.assert_allclose(covariance[:, 0, 0], exact.var(axis=1), atol=1e-4)


def test_refined_moments_are_those_of_the_points():
    table, _ = plane(waves, points=9)
    axes, mean, covariance = table.refined(2)
    points = np.array([[axes[0][3], axes[1][5]], [axes[0][-1], axes[1][0]]])
    m, c = table.moments(points)
    np.testing.assert_allclose([mean[3, 5], mean[-1, 0]], m, atol=1e-12)
    np.testing.assert_allclose([covariance[3, 5], covariance[-1, 0]], c, atol=1e-12)


# --- steps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", ["replacement", "batches", "epochs"])
def test_a_step_is_the_mean_over_some_batch(draw):
    table, _ = plane(waves, samples=4)
    starts = np.tile([[0.3, 0.7]], (500, 1))
    found = last(TableDescent(table, 0.1, 2, draw, seed=1), starts, 1)
    g = table.at(starts[:1])[0]
    pairs = itertools.product(range(4), repeat=2)
    allowed = {(i, j) for i, j in pairs if i <= j and (draw == "replacement" or i < j)}
    ends = {pair: starts[0] - 0.1 * g[list(pair)].mean(axis=0) for pair in allowed}
    seen = {min(ends, key=lambda pair: np.abs(ends[pair] - x).max()): x for x in found.tolist()}
    assert set(seen) == allowed
    for pair, x in seen.items():
        np.testing.assert_allclose(x, ends[pair], atol=1e-12)


def test_an_epoch_holds_every_sample_once():
    # gradients that do not depend on x: after an epoch all walkers meet, after each batch not
    x = np.linspace(-9, 9, 7)
    pushes = np.array([1.0, -2.0, 4.0, -1.0, 3.0, 0.5])
    table = GradientTable.of([x], np.tile(pushes[:, None, None], (1, 7, 1)))
    descent = TableDescent(table, 0.1, 2, "epochs")
    found = dict(descent.snapshots(np.zeros((300, 1)), [1, 2, 3, 4, 6]))
    for epochs in (1, 2):
        expected = -0.1 * epochs * pushes.sum() / 2
        np.testing.assert_allclose(found[3 * epochs], expected, atol=1e-6)
    assert all(np.ptp(found[k]) > 0.1 for k in (1, 2, 4))
    # four of six samples make a batch: the others wait, epochs are one batch long
    odd = last(TableDescent(table, 0.1, 4, "epochs"), np.zeros((3000, 1)), 1)
    again = last(TableDescent(table, 0.1, 4, "batches"), np.zeros((3000, 1)), 1)
    assert abs(odd.mean() - again.mean()) < 5 * odd.std() / np.sqrt(1500)


@pytest.mark.parametrize(
    ("draw", "batch"), [("replacement", 1), ("replacement", 3), ("batches", 3)]
)
def test_stationary_variance_of_quadratics(draw, batch):
    """Theory E7 for any moments: V (1 - E(1 - eta A)^2) = eta^2 Var R, A and R means of a batch."""
    table, a, b = line()
    eta, n = 0.6, len(a)
    factor = 1.0 if draw == "replacement" else (n - batch) / (n - 1)
    centre = (a * b).mean() / a.mean()
    spread = factor * (a * (centre - b)).var() / batch
    shrink = (1 - eta * a.mean()) ** 2 + eta**2 * factor * a.var() / batch
    variance = eta**2 * spread / (1 - shrink)
    descent = TableDescent(table, eta, batch, draw, seed=5)
    starts = np.full((20_000, 1), centre)
    x = np.concatenate([p for _, p in descent.snapshots(starts, [40, 60, 80])])[:, 0]
    assert descent.touches == 0
    assert abs(x.mean() - centre) < 4 * np.sqrt(variance / x.size)
    error = np.std((x - centre) ** 2) / np.sqrt(x.size)
    assert abs(x.var() - variance) < 4 * error


def test_stationary_variance_of_epochs():
    """By all orders of four samples: u' = M u + c over an epoch."""
    table, a, b = line(samples=4, seed=2)
    eta = 0.6
    maps = []
    for order in itertools.permutations(range(4)):
        m, c = 1.0, 0.0
        for i in order:
            m, c = m * (1 - eta * a[i]), (1 - eta * a[i]) * c + eta * a[i] * b[i]
        maps.append((m, c))
    m, c = np.array(maps).T
    mean = c.mean() / (1 - m.mean())
    square = (2 * (m * c).mean() * mean + (c**2).mean()) / (1 - (m**2).mean())
    descent = TableDescent(table, eta, 1, "epochs", seed=3)
    starts = np.full((20_000, 1), mean)
    x = np.concatenate([p for _, p in descent.snapshots(starts, [40, 60, 80])])[:, 0]
    variance = square - mean**2
    assert abs(x.mean() - mean) < 4 * np.sqrt(variance / x.size)
    error = np.std((x - mean) ** 2) / np.sqrt(x.size)
    assert abs(x.var() - variance) < 4 * error
    centre = (a * b).mean() / a.mean()
    shrink = (1 - eta * a.mean()) ** 2 + eta**2 * a.var()
    replaced = eta**2 * (a * (centre - b)).var() / (1 - shrink)
    assert variance < 0.6 * replaced


@pytest.mark.parametrize("draw", ["replacement", "epochs"])
def test_bits_depend_on_neither_threads_nor_company(draw):
    table, _ = plane(waves)
    starts = np.random.default_rng(4).uniform([-1.5, 0], [1.5, 2], (1500, 2))
    target = PlaneTarget.disc((1.5, 1.5), 0.4)
    runs = []
    for threads, count in ((1, 1500), (3, 1500), (2, 40)):
        d = TableDescent(table, 0.4, 3, draw, seed=9, threads=threads)
        hits = d.first_hits(starts[:count], target, 500)
        ends = last(d, starts[:count], 50)
        runs.append((hits.times[:40], hits.where[:40], hits.shape[:40], ends[:40]))
    for other in runs[1:]:
        for one, two in zip(runs[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_first_hits_are_those_of_the_path():
    table, _ = plane(waves)
    starts = np.random.default_rng(4).uniform([-1.5, 0], [1.5, 2], (50, 2))
    targets = [
        PlaneTarget.disc((1.5, 1.5), 0.4),
        PlaneTarget.box((0.5, 0.5), (1.5, 2.5)),
        PlaneTarget.half_plane((1.0, 1.0), 2.5),
    ]
    path = [x for _, x in TableDescent(table, 0.4, 2, seed=1).snapshots(starts, range(301))]
    for target in targets:
        hits = TableDescent(table, 0.4, 2, seed=1).first_hits(starts, target, 300)
        for k in range(50):
            inside = [bool((target.distance(x[k : k + 1]) <= 0).any()) for x in path]
            first = inside.index(True) if any(inside) else 300
            assert hits.times[k] == first
            assert hits.arrived[k] == any(inside)
            np.testing.assert_array_equal(hits.where[k], path[first][k])


def test_edges_mirror_and_are_counted():
    x = np.linspace(0, 1, 6)
    table = GradientTable.of([x], np.full((2, 6, 1), -3.0))
    descent = TableDescent(table, 0.1, 1)
    np.testing.assert_allclose(last(descent, np.array([[0.5]]), 2), [[0.9]], atol=1e-6)
    assert descent.touches == 1
    far = GradientTable.of([x], np.full((2, 6, 1), 1e9))
    np.testing.assert_allclose(last(TableDescent(far, 0.1, 1), np.array([[0.5]]), 1), [[1.0]])


def test_an_interrupt_gets_through():
    table, _, _ = line()
    descent = TableDescent(table, 0.1, 8, threads=2)

    def stop(_):
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        descent.first_hits(np.zeros((64, 1)), LineTarget(np.array([[3.9, 4]])), 10**12, None, stop)
    assert threading.active_count() == before


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"draw": "sometimes"}, "draw is one of"),
        ({"batch_size": 2.5}, "whole number"),
        ({"batch_size": 7, "draw": "epochs"}, "from 1 to the 6 samples"),
    ],
)
def test_descent_refuses(kind, message):
    table, _, _ = line()
    with pytest.raises(ValueError, match=message):
        TableDescent(table, **({"learning_rate": 0.1, "batch_size": 1} | kind))


def test_runs_and_tables_refuse():
    table, _, _ = line()
    descent = TableDescent(table, 0.1, 1)
    with pytest.raises(ValueError, match="start on the table"):
        last(descent, np.array([[5.0]]), 1)
    with pytest.raises(ValueError, match="has dimension 2, the table 1"):
        descent.first_hits(np.zeros((1, 1)), PlaneTarget.disc((0, 0), 1), 5)
    with pytest.raises(ValueError, match="no bridge"):
        descent.first_hits(np.zeros((1, 1)), LineTarget(np.array([[1, 2]])), 5, bridge=True)
    x = np.linspace(0, 1, 5)
    for axes, values, message in [
        ([x**2], np.zeros((2, 5, 1)), "equally spaced"),
        ([x[:3]], np.zeros((2, 3, 1)), "at least 4"),
        ([x], np.zeros((2, 4, 1)), "asks? for"),
        ([x], np.full((2, 5, 1), np.nan), r"not finite at \(sample, point\) \(0, 0\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            GradientTable.of(axes, values)
