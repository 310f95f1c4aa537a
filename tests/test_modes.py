"""Modes of chains and of linear drift: many digits, absorbing ends, turning modes, deep wells."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck import forces, landscapes, noise
from fokkerplanck.grid import Grid
from fokkerplanck.killed_chain import killed_chains
from fokkerplanck.metastability import quasi_stationary
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.problem import Problem
from fokkerplanck.relaxation import spectrum
from fokkerplanck.sets import Ball, Basin
from fokkerplanck.solvers.anchor_modes import AnchorModes, metastable
from fokkerplanck.solvers.chain_modes import slow_modes
from fokkerplanck.solvers.reduction import Reduction
from fokkerplanck.theory import LineProcess, escape_rate
from tests.chains import random_rates, reversible_rates
from tests.escapes import COUPLED_MINIMUM, coupled, quartic_process, square
from tests.test_reduction import generator


@given(
    st.integers(0, 2**32 - 1),
    st.integers(3, 14),
    st.sampled_from([random_rates, reversible_rates]),
    st.sampled_from([2, 6, 30]),
    st.booleans(),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_slow_modes_of_random_chains(seed, n, make, spread, absorbing):
    """Against modes of the whole chain in as many digits as it takes, and their vectors."""
    rng = np.random.default_rng(seed)
    a = make(rng, n, spread, filled=0.6)
    d = np.where(rng.random(n) < 0.3, 10.0 ** rng.uniform(-spread, spread, n), 0.0) * absorbing
    reduction = metastable(Reduction(generator(a, d)))
    slow = AnchorModes(reduction)
    truth = slow_modes(a, d)
    with np.errstate(divide="ignore"):
        rates = truth.rates.log()
    for k in range(slow.count):
        if k == 0 and not d.any():
            assert slow.values[0] == 0
            continue
        assert slow.log_rate(k) == pytest.approx(rates[k], abs=1e-12 + 30 * slow.error(k))
        turning = complex(slow.values[k])
        assert abs(turning.imag) == pytest.approx(
            abs(truth.turning[k]) * turning.real, rel=1e-6, abs=1e-9 * abs(turning)
        )
        alone = np.abs(np.delete(rates, k) - rates[k]).min(initial=1.0) > 1e-2
        if alone and not truth.turning[k]:
            for got, exact in ((slow.right(k), truth.right[k]), (slow.left(k), truth.left[k])):
                same = min(np.abs(got - exact).max(), np.abs(got + exact).max())
                assert same < 1e-6


@pytest.mark.parametrize("barrier", [12, 40, 150])
def test_escape_through_an_absorbing_wall(barrier):
    """Half of the double well: the slowest rate is that of the line, whatever is across."""
    temperature = 0.25 / barrier
    exact = escape_rate(quartic_process(temperature), right=0.0)
    loss = landscapes.from_expression("(x**2 - 1)**2/4 + y**2/2", 2)
    reach = 6 * np.sqrt(temperature)
    logs = []
    for cells in (100, 200):
        grid = Grid.plane(
            (-1.6, 0.0, cells), (-reach, reach, 16), (("reflecting", "absorbing"), "reflecting")
        )
        found = spectrum(Problem(grid, loss, noise.white(temperature)), 1)
        assert found.methods == ("anchors",)
        logs.append(found.log10_rates[0] * log(10))
        assert (found.right[0] > 0).all()  # nobody stays, nobody comes back
    # the half link to the wall has its own order, two
    assert logs[1] == pytest.approx(exact.log_rate, abs=3e-3)
    assert logs[1] + (logs[1] - logs[0]) / 3 == pytest.approx(exact.log_rate, abs=3e-4)


def linear(matrix, diffusion, cells, extent):
    """Drift -A x as the gradient of |x|^2 / 2 and a force."""
    rest = np.eye(2) - np.array(matrix)
    return Problem(
        square(extent, cells),
        landscapes.from_expression("(x**2 + y**2)/2", 2),
        noise.tensor(diffusion),
        forces.function(lambda x: x @ rest.T),
    )


@pytest.mark.slow
def test_linear_drift_without_detailed_balance():
    """Eigenvalues n_1 l_1 + n_2 l_2 of A: theory.md E1; complex ones in pairs."""
    a = [[2.0, -1.0], [1.5, 1.0]]
    first = np.linalg.eigvals(a)
    exact = [first[0], first[1], 2 * first[0], 2 * first[1], first.sum()]
    exact = np.array(exact)
    found = []
    for cells in (64, 128):
        modes = spectrum(linear(a, [[0.2, 0.06], [0.06, 0.1]], cells, 2.2), 5)
        found.append(modes.rates + 1j * modes.frequencies)
        assert set(modes.methods) == {"arnoldi"}
        apart = np.abs(found[-1][None, :] - exact[:, None]).min(axis=1)
        assert (apart < 4 * np.abs(exact) * modes.errors.max()).all()
    for e in exact:
        near = [f[np.argmin(np.abs(f - e))] for f in found]
        assert near[1] + (near[1] - near[0]) / 3 == pytest.approx(e, rel=2e-3)


def test_modes_that_turn_fast_are_not_missed():
    """Rotation w = 6 beside decay k = 1: |k + 6 i| is further from 0 than 2 k and 4 k are."""
    modes = spectrum(linear([[1.0, -6.0], [6.0, 1.0]], 0.3 * np.eye(2), 96, 2.8), 4)
    assert np.sort(np.abs(modes.frequencies)) == pytest.approx([0, 6, 6, 12], rel=0.1)
    turning = np.abs(modes.frequencies) > 5
    assert modes.rates[turning].min() == pytest.approx(1.0, rel=0.15)
    assert (np.diff(modes.rates) >= -1e-9).all()


@pytest.mark.parametrize(
    "barrier",
    [pytest.param(30, marks=pytest.mark.slow), 100, pytest.param(500, marks=pytest.mark.slow)],
)
def test_gaps_of_1e_minus_217(barrier):
    """lambda_1 = 2 / mean time between the wells, both to all digits of the same chain."""
    problem = coupled({30: 128, 100: 96, 500: 192}[barrier], barrier)
    minimum = np.array(COUPLED_MINIMUM)
    passage = mean_first_passage(problem, -minimum, Ball(minimum, 0.25))
    modes = spectrum(problem, 1)
    log_product = (modes.log10_rates[0] + passage.log10_mean) * log(10)
    assert log_product == pytest.approx(log(2.0), abs=1e-8)
    well = quasi_stationary(problem, -minimum)
    apart = np.expm1((well.log10_rate - modes.log10_rates[0]) * log(10))
    assert abs(apart) < min(2 * well.error, 0.01)
    assert abs(modes.right[0]) == pytest.approx(np.flip(abs(modes.right[0])), abs=1e-9)


@pytest.mark.slow
def test_quasi_stationary_exits_at_random():
    """Mean and deviation of the time to leave, from the quasi-stationary density: 1 / rate."""
    problem = Problem(
        square(1.7, 40),
        landscapes.from_expression("(x**2 - 1)**2/4 + y**2/2 + x*y/5 + x/20", 2),
        noise.tensor([[0.06, 0.02], [0.02, 0.05]]),
        forces.function(lambda p: 0.2 * np.stack([-p[..., 1], p[..., 0]], axis=-1)),
    )
    for place in ([-1.0, 0.0], [1.0, 0.0]):
        found = quasi_stationary(problem, place)
        assert problem.grid.integrate(found.density) == pytest.approx(1.0, abs=1e-12)
        assert found.density.min() >= 0
        other = Basin(-found.minimum.position, problem.landscape)
        (chain,) = killed_chains(problem, [other])
        mass = found.density.ravel() * problem.grid.volume
        first = chain.solve(np.zeros(chain.live.size))
        second = chain.solve(first)
        mean = mass @ np.exp(first)
        assert mean * found.rate == pytest.approx(1.0, rel=1e-8)
        assert mass @ np.exp(second) == pytest.approx(mean**2, rel=1e-8)


def test_exit_rates_of_a_tilted_line():
    """Against quadrature between the walls and the saddle."""
    saddle = 0.101031257881011
    process = LineProcess(0.02, loss=lambda x: x**4 / 4 - x**2 / 2 + x / 10, low=-2.2, high=2.2)
    problem = Problem(Grid.line(-2.2, 2.2, 300), landscapes.tilted(), noise.white(0.02))
    left = quasi_stationary(problem, -1.0)
    right = quasi_stationary(problem, 1.0)
    assert left.rate == pytest.approx(escape_rate(process, right=saddle).rate, rel=1e-9)
    assert right.rate == pytest.approx(escape_rate(process, left=saddle).rate, rel=1e-9)
    assert left.error < 1e-8
