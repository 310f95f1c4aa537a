"""The exact chain against closed forms, walkers, its own refinement and the Ito equation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fokkerplanck.in_plane import InPlane
from fokkerplanck.in_plane_chain import InPlaneChain
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.solvers.band_chain import BandChain
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.gradient_table import GradientTable
from fokkerplanck.solvers.minibatch_chain import MinibatchChain
from fokkerplanck.solvers.step_laws import batch_atoms
from fokkerplanck.solvers.table_descent import TableDescent
from tests.tables import double_well

LINE = Path(__file__).parents[1] / "cases/resnet/line.h5"


def constant(down, up, places=25.0):
    """Steps of 1 down and up, so many samples of each; on a line from 0."""
    g = np.r_[np.ones(down), -np.ones(up)]
    x = np.linspace(0, places, 11)
    return GradientTable.of((x,), np.tile(g[:, None, None], (1, 11, 1)))


def ruin(k, start, p):
    """Mean and variance of the time from `start` to k; a step up has probability p, 0 mirrors."""
    # U_j is the time from j to j + 1: U_0 = 1, U_j = 1 + q (U_j-1 + U_j); V_j its variance
    q = 1 - p
    u, square = [1.0], [1.0]
    for _ in range(1, k):
        a, aa = u[-1], square[-1]
        b = (1 + q * a) / p
        # E (1 + t' + t)^2 where a step goes down
        square.append((p + q * (1 + aa + 2 * a + 2 * b + 2 * a * b)) / p)
        u.append(b)
    variance = np.array(square) - np.array(u) ** 2
    return sum(u[start:]), variance[start:].sum()


@pytest.mark.parametrize(("down", "up"), [(1, 1), (3, 2), (2, 3), (9, 1)])
def test_gamblers_ruin(down, up):
    # the target begins between two places of the walk, so nodes are at all of them
    k, start = 20, 4
    chain = MinibatchChain(constant(down, up), 1.0, 1, k - 0.5)
    mean, variance = chain.moments(np.array([float(start)]), 2 * k - 1)
    exact = ruin(k, start, up / (down + up))
    # against a drift of 9 : 1 the time is 1e19, and nothing is lost; far below 0.1 / tau the
    # rounding of one row of a matrix of numbers would be all of it
    assert mean == pytest.approx(exact[0], rel=1e-12)
    assert variance == pytest.approx(exact[1], rel=1e-9)


def test_ruin_is_the_same_the_other_way_round():
    k = 12
    table = constant(2, 3, 25.0)
    up = MinibatchChain(table, 1.0, 1, k - 0.5).moments(np.array([4.0]), 2 * k - 1)
    turned = GradientTable.of(table.axes, -table.at(table.axes[0][:, None]).transpose(1, 0, 2))
    down = MinibatchChain(turned, 1.0, 1, 25.5 - k).moments(np.array([21.0]), 2 * k - 1)
    assert down == pytest.approx(up, rel=1e-12)


@pytest.fixture(scope="module")
def line():
    return InPlane.load(LINE)


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    return InPlane.load(double_well(tmp_path_factory.mktemp("well") / "line.h5", samples=400))


def agree(line, rate, noise, walkers):
    walked = line.escape(-0.134, 9.192, rate, 1, walkers, seed=5, noise=noise)
    exact = InPlaneChain(line, -0.134, 9.192).time(rate, 1, noise)
    assert exact.error < 2e-3
    assert abs(walked.mean_steps - exact.mean_steps) < 3 * walked.steps_error
    spread = np.sqrt(walked.variance) / rate
    assert spread == pytest.approx(exact.deviation_steps, rel=6 / walkers**0.5)


@pytest.mark.slow
def test_walkers_and_chain_of_a_real_network_agree(line):
    for noise in ("minibatch", "gaussian"):
        agree(line, 4.0, noise, 1500)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [2.0, 2.5, 3.0])
def test_many_walkers_and_chain_of_a_real_network_agree(line, rate):
    agree(line, rate, "minibatch", 6000)
    if rate > 2:
        agree(line, rate, "gaussian", 6000)


@pytest.mark.parametrize(("points", "order"), [(2, 2.0), (4, 4.0)])
def test_order_in_the_distance_of_nodes(synthetic, points, order):
    start = np.array([-1.0])
    fine = MinibatchChain(synthetic.table, 0.1, 1, 1.0, "gaussian").moments(start, 480)[0]
    chain = MinibatchChain(synthetic.table, 0.1, 1, 1.0, "gaussian", points=points)
    off = [abs(chain.moments(start, n)[0] / fine - 1) for n in (30, 60, 120)]
    found = np.log2(np.array(off[:-1]) / off[1:])
    assert (found > order - 0.35).all()


def test_linear_and_cubic_interpolation_have_one_limit(line):
    start = np.array([-0.134])
    cubic, linear = (
        MinibatchChain(line.table, 2.5, 1, 9.192, points=points).moments(start, 500)[0]
        for points in (4, 2)
    )
    assert linear == pytest.approx(cubic, rel=7e-4)


def test_batches_are_independent_draws(tmp_path):
    plane = InPlane.load(double_well(tmp_path / "line.h5", samples=24))
    table = plane.table
    c = table.coefficients
    # every batch of two is one of 24^2 samples, drawn alone
    pairs = GradientTable(table.axes, ((c[:, None] + c) / 2).reshape(-1, c.shape[1]))
    together = MinibatchChain(table, 0.5, 2, 1.0).time([-1.0], tolerance=3e-3)
    alone = MinibatchChain(pairs, 0.5, 1, 1.0).time([-1.0], tolerance=3e-3)
    assert together.mean == pytest.approx(alone.mean, rel=5e-3)
    x = np.array([-0.5])
    atoms = batch_atoms(x, table.at(x[:, None])[:, :, 0], 0.5, 2, (-2.0, 0.02))
    g = table.at(x[:, None])[0, :, 0]
    moved = x - 0.5 * ((g[:, None] + g) / 2).ravel()
    for power in range(4):
        spread = (atoms.probabilities * atoms.places**power).sum()
        assert spread == pytest.approx((moved**power).mean(), rel=1e-12)


def test_large_batches_forget_all_but_the_variance(tmp_path):
    table = InPlane.load(double_well(tmp_path / "line.h5", noise=8.0, samples=400)).table
    off = []
    for batch in (2, 128):
        real, normal = (
            MinibatchChain(table, 0.5 * (batch / 128), batch, 0.5, noise).time([-0.5]).mean
            for noise in ("minibatch", "gaussian")
        )
        off.append(abs(real / normal - 1))
    assert off[1] < 0.01


def test_small_steps_are_the_diffusion(synthetic):
    """With eta and B falling together, the twin's time tends to that of the Ito equation.

    A chain is past a point only after a step, and then by 0.5826 of a step's deviation in the mean
    (Siegmund): with a target moved by that, the root of eta that it makes is gone.
    """
    table, edge = synthetic.table, 0.5
    problem = synthetic.problem(0.1, 1.0)
    deviation = table.moments([[edge]])[1][0, 0, 0] ** 0.5
    plain, moved = [], []
    for part in (4, 16):
        eta, batch = 0.1 / part, 1 / part
        found = MinibatchChain(table, eta, batch, edge, "gaussian").time([-1.0]).mean * eta
        away = edge + 0.582597 * eta * deviation / batch**0.5
        plain.append(found / mean_first_passage(problem, -1.0, edge).mean - 1)
        moved.append(found / mean_first_passage(problem, -1.0, away).mean - 1)
    assert np.diff(np.log2(np.abs(plain))) == pytest.approx([-1.0], abs=0.15)
    assert abs(moved[0]) < 0.2 * abs(plain[0])
    assert abs(moved[1]) < 0.3 * abs(moved[0])


def test_steps_over_the_edge_are_mirrored_as_walkers_are(tmp_path):
    table = InPlane.load(double_well(tmp_path / "line.h5", noise=3.0)).table
    from fokkerplanck.solvers.hit_targets import LineTarget

    walk = TableDescent(table, 0.7, 1, seed=4)
    starts = np.full((20000, 1), -1.0)
    hits = walk.first_hits(starts, LineTarget(np.array([[1.2, np.inf]])), 10**6)
    assert walk.touches > 1000
    found = MinibatchChain(table, 0.7, 1, 1.2).time([-1.0], tolerance=5e-3)
    assert abs(hits.times.mean() - found.mean) < 3 * hits.times.std() / 20000**0.5


def test_band_elimination_is_that_of_the_full_matrix():
    rng = np.random.default_rng(0)
    n, left, right = 40, 5, 3
    band, full = np.zeros((n, left + right + 1)), np.zeros((n, n))
    absorbed = np.zeros(n)
    absorbed[-1] = 0.2
    for i in range(n):
        for j in range(max(0, i - left), min(n, i + right + 1)):
            full[i, j] = rng.random()
        full[i] *= (1 - absorbed[i]) / full[i].sum()
        for j in range(max(0, i - left), min(n, i + right + 1)):
            band[i, j - i + left] = full[i, j]
    expected = np.linalg.solve(np.eye(n) - full, np.arange(1.0, n + 1))
    found = BandChain(band, left, absorbed).solve(np.arange(1.0, n + 1))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_what_is_not_vouched_for(line, synthetic):
    with pytest.raises(NumericalError, match="still changes"):
        MinibatchChain(synthetic.table, 0.3, 1, 1.0).time([-1.0], tolerance=1e-12)
    with pytest.raises(NumericalError, match="1e308"):
        MinibatchChain(constant(9, 1, 500.0), 1.0, 1, 399.5).moments(np.array([4.0]), 799)
    same = GradientTable(line.table.axes, np.repeat(line.table.coefficients[:1], 3, axis=0))
    with pytest.raises(NumericalError, match="no noise"):
        MinibatchChain(same, 1.0, 1, 9.192).time([-0.134])
    with pytest.raises(ValueError, match="one side"):
        MinibatchChain(line.table, 1.0, 1, 9.192).time([0.0, 10.0])
    with pytest.raises(ValueError, match="whole number"):
        MinibatchChain(line.table, 1.0, 0.5, 9.192)
