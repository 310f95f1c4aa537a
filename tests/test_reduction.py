"""Reduction to anchors against eliminations in 100 digits, entry by entry, at any barrier."""

from __future__ import annotations

from math import log

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck.solvers.assemble import assemble
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.reduction import LOST, MAX_JUMPS, Reduction
from fokkerplanck.solvers.small_chain import SmallChain
from tests.chains import exact_solves, exact_stationary, random_rates, reversible_rates
from tests.fields import plane, plane_fields, quartic, tensor

SEEDS = st.integers(0, 2**32 - 1)
MAKERS = st.sampled_from([random_rates, reversible_rates])
SPREADS = st.sampled_from([0, 3, 30, 75, 150])
SPARSE, EXACT = 1e-7, 1e-12  # of the issue; measured 1.3e-8 and 2e-13


def generator(rates, absorption=None):
    n = len(rates)
    i, j = np.triu_indices(n, 1)
    linked = (rates[i, j] > 0) | (rates[j, i] > 0)
    tail, head = i[linked].astype(np.int32), j[linked].astype(np.int32)
    forward, backward = rates[tail, head], rates[head, tail]
    ends = np.zeros(n) if absorption is None else absorption
    return Generator((n,), (1.0,), tail, head, (head - tail)[:, None], forward, backward, ends)


def rates_of(q):
    a = np.zeros((q.cells, q.cells))
    a[q.tail, q.head], a[q.head, q.tail] = q.forward, q.backward
    return a


def random_chain(seed, n, make, spread):
    rng = np.random.default_rng(seed)
    a = make(rng, n, spread, filled=rng.choice([0.05, 0.2, 1.0]))
    d = np.where(rng.random(n) < 0.3, 10.0 ** rng.uniform(-spread, spread, n), 0.0)
    d[rng.integers(n)] = 10.0 ** rng.uniform(-spread, spread)
    b = np.where(rng.random(n) < 0.7, 10.0 ** rng.uniform(-spread, spread, n), 0.0)
    b[rng.integers(n)] = 1.0
    return a, d, b


def logarithm(b):
    with np.errstate(divide="ignore"):
        return np.log(b)


def largest_error(got, true, scale=None):
    """Largest relative error of numbers given by logarithms.

    With a `scale` (logarithms too), numbers that are lost beside the largest may be 0 instead.
    """
    size = true if scale is None else true + scale
    lost = np.isneginf(got) & (size - size.max() < log(LOST))
    same = got == true
    with np.errstate(invalid="ignore"):
        error = np.abs(np.expm1(got - true))
    return np.where(same | (lost & (scale is not None)), 0.0, np.nan_to_num(error, nan=1.0)).max()


@given(SEEDS, st.integers(2, 60), MAKERS, SPREADS)
@settings(max_examples=12, deadline=None)
def test_solves_are_entrywise_right(seed, n, make, spread):
    a, d, b = random_chain(seed, n, make, spread)
    chain = Reduction(generator(a, d))
    with mp.workdps(100):
        u, y = (np.array([float(mp.log(x)) for x in x]) for x in exact_solves(a, d, b))
    assert largest_error(chain.solve(logarithm(b)), u) < EXACT
    assert largest_error(chain.solve_transposed(logarithm(b)), y) < EXACT


@given(SEEDS, st.integers(2, 60), MAKERS, SPREADS)
@settings(max_examples=6, deadline=None)
def test_stationary_weights_are_entrywise_right(seed, n, make, spread):
    a, _, _ = random_chain(seed, n, make, spread)
    with mp.workdps(100):
        p = np.array([float(mp.log(x)) for x in exact_stationary(a)])
    assert largest_error(Reduction(generator(a)).stationary(), p) < EXACT


def vouched(solve, *given):
    """Answer of a reduction, or None where it says that it cannot give one."""
    try:
        return solve(*given)
    except NumericalError as error:
        assert "below 1e-300" in str(error)  # noqa: PT017
        return None


@given(SEEDS, st.integers(2, 60), MAKERS, SPREADS)
@settings(max_examples=150, deadline=None)
def test_sparse_path(seed, n, make, spread):
    """No chain is solved as a whole: factors of the rest, and anchors that find themselves."""
    a, d, b = random_chain(seed, n, make, spread)
    whole, chain = SmallChain(a, d), Reduction(generator(a, d), exact=0)
    assert chain.jumps <= 1.2 * MAX_JUMPS
    log_out = np.log(chain.generator.exit_rate)
    u = vouched(chain.solve, logarithm(b))
    if u is not None:
        assert largest_error(u, whole.solve(b).log(), 0.0) < SPARSE
    y = vouched(chain.solve_transposed, logarithm(b))
    if y is not None:
        assert largest_error(y, whole.solve_transposed(b).log(), log_out) < SPARSE
    closed = Reduction(generator(a), exact=0)
    p = vouched(closed.stationary)
    if p is not None:
        scale = np.log(closed.generator.exit_rate)
        assert largest_error(p, SmallChain(a).stationary().log(), scale) < SPARSE


@given(SEEDS, st.integers(2, 60), MAKERS, st.sampled_from([3, 30, 60]))
@settings(max_examples=100, deadline=None)
def test_sparse_path_answers_where_answers_fit_into_floats(seed, n, make, spread):
    a, d, _ = random_chain(seed, n, make, spread)
    times = Reduction(generator(a, d), exact=0).solve(np.zeros(n))
    truth = SmallChain(a, d).solve(np.ones(n)).log()
    assert largest_error(times, truth) < SPARSE


def wells(barrier, *, wind=0.0, extent=1.2, cells=18, angle=0.5, shear=0.3):
    """Two wells of unequal depth under a full tensor; `wind` turns and breaks detailed balance."""
    fields = plane_fields(
        plane(extent, cells),
        tensor(1.0, 0.3, angle) * 0.25 / barrier,
        lambda x, y: quartic(x) + 0.02 * x + (y - shear * x) ** 2 / 2,
        lambda x, y: (
            x**3 - x + 0.02 - shear * (y - shear * x),
            y - shear * x,
        ),
        (lambda x, y: (-wind * y, wind * x)) if wind else None,
    )
    return assemble(fields, "midpoint")


@pytest.mark.parametrize("wind", [0.0, 0.1])
@pytest.mark.parametrize("barrier", [30, 100, 300])
def test_wells_of_any_depth(barrier, wind):
    """Mean times to a corner of the right well, occupation and weights; LU alone has no digits."""
    q = wells(barrier, wind=wind)
    a, n = rates_of(q), q.cells
    end = np.zeros(n)
    end[np.ravel_multi_index((14, 10), q.shape)] = 1.0
    killed = Generator(
        q.shape, q.spacing, q.tail, q.head, q.offset, q.forward, q.backward, end, q.weight
    )
    chain, whole = Reduction(killed, exact=0), SmallChain(a, end)
    truth = whole.solve(np.ones(n)).log()
    assert largest_error(chain.solve(np.zeros(n)), truth) < SPARSE
    assert truth.max() > 0.8 * barrier
    source = np.full(n, -np.inf)
    source[np.ravel_multi_index((4, 6), q.shape)] = 0.0
    log_out = np.log(killed.exit_rate)
    stay = whole.solve_transposed(np.exp(source)).log()
    assert largest_error(chain.solve_transposed(source), stay, log_out) < SPARSE
    weights = SmallChain(a).stationary().log()
    found = Reduction(q, exact=0).stationary()
    assert largest_error(found, weights, np.log(q.exit_rate)) < SPARSE


@pytest.mark.parametrize("wind", [0.0, 0.1])
def test_mean_time_is_occupation_time(wind):
    """Sum over the source of mean times = sum of the times spent: the two solves are adjoint."""
    q = wells(100, wind=wind, cells=40)
    rng = np.random.default_rng(1)
    end = np.where(rng.random(q.cells) < 0.01, rng.random(q.cells), 0.0)
    killed = Generator(
        q.shape, q.spacing, q.tail, q.head, q.offset, q.forward, q.backward, end, q.weight
    )
    chain = Reduction(killed)
    b, c = logarithm(rng.random((2, q.cells)))
    u, y = chain.solve(b), chain.solve_transposed(c)
    one = np.logaddexp.reduce(c + u)
    assert one == pytest.approx(np.logaddexp.reduce(y + b), abs=1e-9)
    # all that is put in ends somewhere
    ends = np.logaddexp.reduce(y + logarithm(end))
    assert ends == pytest.approx(np.logaddexp.reduce(c), abs=1e-9)


def ladder(n, climb, ends):
    """Line of n cells, each step up by exp(-climb); the top absorbs."""
    up, down = np.full(n - 1, np.exp(-climb)), np.ones(n - 1)
    a = np.diag(up, 1) + np.diag(down, -1)
    d = np.zeros(n)
    d[-1] = ends
    return a, d


def test_what_floats_cannot_tell_is_refused():
    """Up 400 steps of e^-2: nothing but the bottom is an anchor, and 1e-347 is no float."""
    a, d = ladder(401, 2.0, 1.0)
    with pytest.raises(NumericalError, match="below 1e-300"):
        Reduction(generator(a, d)).solve(np.zeros(401))
    few = Reduction(generator(*ladder(200, 5.0, 1.0)))
    assert few.solve(np.zeros(200))[0] == pytest.approx(199 * 5.0, rel=2e-3)


def test_a_well_that_is_met_too_seldom_to_be_seen_but_holds_too_long():
    """Down to the end at once, or with 1e-304 into a well of 1e307 units of time.

    All of the mean time comes from paths that floats take for impossible.
    """
    n, top = 300, 100
    up, down = np.ones(n - 1), np.full(n - 1, np.exp(-3.6))
    up[:top], down[:top] = np.exp(-7.0), 1.0
    a = np.diag(up, 1) + np.diag(down, -1)
    d = np.zeros(n)
    d[0], d[-1] = 1.0, 1e-307
    truth = SmallChain(a, d).solve(np.ones(n)).log()
    assert truth[0] > log(100.0)
    with pytest.raises(NumericalError, match="below 1e-300"):
        Reduction(generator(a, d)).solve(np.zeros(n))
    assert largest_error(Reduction(generator(a, d), exact=n).solve(np.zeros(n)), truth) < EXACT


def test_cells_that_are_not_live_take_no_part():
    a, d, b = random_chain(3, 30, random_rates, 3)
    live = np.random.default_rng(0).random(30) < 0.7
    a[np.ix_(live, ~live)] = 0.0
    d += 0.1
    truth = SmallChain(a[np.ix_(live, live)], d[live]).solve(b[live]).log()
    for exact in (0, 200):
        u = Reduction(generator(a, d), live, exact=exact).solve(logarithm(b))
        assert np.isneginf(u[~live]).all()
        assert largest_error(u[live], truth) < SPARSE


def test_no_source_no_answer():
    a, d, _ = random_chain(1, 20, random_rates, 3)
    for exact, anchors in ((0, [3]), (0, []), (200, [])):
        chain = Reduction(generator(a, d), anchors=np.array(anchors, dtype=np.int64), exact=exact)
        assert np.isneginf(chain.solve(np.full(20, -np.inf))).all()
        assert np.isneginf(chain.solve_transposed(np.full(20, -np.inf))).all()


def test_traps_are_refused():
    a = np.zeros((5, 5))
    a[0, 1] = a[1, 0] = a[2, 1] = a[1, 2] = 1.0
    a[3, 4] = a[4, 3] = 1.0
    d = np.array([1.0, 0, 0, 0, 0])
    for exact in (0, 200):
        with pytest.raises(NumericalError, match=r"never be reached|not at all"):
            Reduction(generator(a, d), exact=exact).solve(np.zeros(5))
    a[4, 3] = 0.0
    with pytest.raises(NumericalError, match="cell 4 can never be left"):
        Reduction(generator(a, d))
