"""Every method of evolution against the dense matrix exponential, and the properties all share."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from fokkerplanck.solvers.chebyshev import Chebyshev
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.evolve import (
    METHODS,
    check_balance,
    check_error,
    evolve,
    propagator,
)
from fokkerplanck.solvers.operator import Jump
from fokkerplanck.solvers.poles import EMBEDDED, POLES, RESIDUES, scalar_exponential
from fokkerplanck.solvers.propagator import clip_rounding
from fokkerplanck.solvers.rational import Rational
from fokkerplanck.solvers.recurrence import Recurrence
from fokkerplanck.solvers.tridiagonal import Chain, Tridiagonal
from fokkerplanck.solvers.uniformisation import poisson_sum
from tests.generators import centres, chain, lattice, product_wells, random_chain, random_lattice

PLANE = ("auto", "chebyshev", "uniformisation", "rational")
LINE = (*PLANE, "tridiagonal")


def exact(generator, mass, time):
    return expm(time * generator.matrix.toarray().T) @ np.ravel(mass)


def last(generator, mass, time, **options):
    (step,) = evolve(generator, mass, [time], **options)
    return step


@pytest.mark.parametrize("method", LINE)
@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(3, 20),
    time=st.floats(-3.0, 1.5),
    ring=st.booleans(),
    absorbing=st.booleans(),
)
def test_any_chain_agrees_with_the_matrix_exponential(method, seed, n, time, ring, absorbing):
    rng = np.random.default_rng(seed)
    g = random_chain(rng, n, ring=ring, absorbing=absorbing and not ring)
    mass = rng.dirichlet(np.ones(n))
    step = last(g, mass, 10.0**time, method=method)
    truth = exact(g, mass, 10.0**time)
    assert np.abs(step.mass - truth).sum() <= max(step.error, 1e-12)
    assert step.error <= 1e-8
    assert step.mass.min() >= 0.0


@pytest.mark.parametrize("method", PLANE)
@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(3, 6), st.integers(3, 6)),
    time=st.floats(-3.0, 1.0),
    absorbing=st.booleans(),
    one_way=st.sampled_from([0.0, 0.5]),
)
def test_any_lattice_agrees_with_the_matrix_exponential(
    method, seed, shape, time, absorbing, one_way
):
    rng = np.random.default_rng(seed)
    g = random_lattice(rng, shape, absorbing=absorbing, one_way=one_way)
    mass = np.zeros(g.cells)
    mass[rng.integers(g.cells)] = 1.0
    step = last(g, mass, 10.0**time, method=method)
    truth = exact(g, mass, 10.0**time)
    assert np.abs(step.mass - truth).sum() <= max(step.error, 1e-12)
    assert step.mass.min() >= 0.0


@pytest.mark.parametrize("method", PLANE)
def test_two_steps_are_one_and_mass_stays(method):
    g = random_lattice(np.random.default_rng(1), (9, 7))
    mass = np.random.default_rng(2).random(g.cells)
    through = list(evolve(g, mass, [0.3, 2.0], method=method))[-1]
    direct = last(g, mass, 2.0, method=method)
    assert np.abs(through.mass - direct.mass).sum() < 1e-11 * mass.sum()
    assert through.mass.sum() == pytest.approx(mass.sum(), rel=1e-12)


@pytest.mark.parametrize("method", LINE)
def test_absorbed_mass_is_what_the_exact_balance_says(method):
    x, h = centres(0.0, 1.0, 24)
    g = chain(x, h, 0.3, absorbing=(False, True))
    mass = np.full(24, 1 / 24)
    kept = [step.mass.sum() for step in evolve(g, mass, [0.1, 0.5, 3.0], method=method)]
    truth = [exact(g, mass, t).sum() for t in (0.1, 0.5, 3.0)]
    assert kept == pytest.approx(truth, rel=1e-8)
    assert kept[0] > kept[1] > kept[2] > 0


@pytest.mark.parametrize("method", ["auto", "chebyshev", "uniformisation", "tridiagonal"])
def test_far_from_equilibrium_start_on_a_steep_slope(method):
    # v^2 t / 4 D is about 100: one Chebyshev sum or one rational step is wrong by orders
    x, h = centres(-4.0, 4.0, 256)
    g = chain(x**2 / 2, h, 0.01)
    mass = np.zeros(256)
    mass[np.argmin(np.abs(x + 3.0))] = 1.0
    step = last(g, mass, 1.0, method=method, tolerance=1e-9)
    assert np.abs(step.mass - exact(g, mass, 1.0)).sum() < 2e-11
    assert step.mass.min() >= 0.0
    assert step.clipped < 1e-13


def test_one_long_step_there_is_refused_by_its_own_estimate():
    x, h = centres(-4.0, 4.0, 256)
    g = chain(x**2 / 2, h, 0.01)
    mass = np.zeros(256)
    mass[np.argmin(np.abs(x + 3.0))] = 1.0
    for time in (0.02, 0.08, 0.16, 0.64):
        for method in (Tridiagonal(g)._try, Rational(g).attempt):
            trial = method(mass, time)
            wrong = np.abs(trial.mass - exact(g, mass, time)).sum()
            assert wrong <= max(trial.error, 1e-12) or trial.error > 1e-6
    assert Tridiagonal(g)._try(mass, 0.64).error > 1e-4
    assert Chebyshev(g)._try(mass, 1.0).error > 1e-4


@pytest.mark.parametrize("method", ["auto", "tridiagonal", "rational"])
@pytest.mark.parametrize(
    ("temperature", "force", "time"), [(0.3, 0.5, 20), (0.03, 5, 2), (0.3, 20, 1)]
)
def test_oscillations_of_a_driven_ring_are_followed_not_damped(method, temperature, force, time):
    # eigenvalues reach far off the real axis, where a rational approximation is silently zero
    n = 48
    h = 2 * np.pi / n
    g = chain(np.cos(h * np.arange(n)), h, temperature, ring=True, force=force)
    mass = np.zeros(n)
    mass[0] = 1.0
    truth = exact(g, mass, time)
    step = last(g, mass, time, method=method)
    assert np.abs(step.mass - truth).sum() < 1e-10
    if method == "tridiagonal":
        assert step.solves > 9 * 10


@pytest.mark.parametrize("method", ["tridiagonal", "rational"])
def test_one_step_is_not_its_own_judge_where_modes_oscillate(method):
    # the embedded estimate of one long step misses the damped oscillation; two halves see it
    n, time = 32, 4.0
    h = 2 * np.pi / n
    g = chain(np.cos(h * np.arange(n)), h, 0.03, ring=True, force=20.0)
    mass = np.zeros(n)
    mass[0] = 1.0
    truth = exact(g, mass, time)
    trial = Rational(g).attempt(mass, time)
    assert np.abs(trial.mass - truth).sum() > 1e5 * trial.error
    step = last(g, mass, time, method=method)
    assert np.abs(step.mass - truth).sum() < 1e-9


def test_thousands_of_jumps_are_summed_in_parts():
    # one Poisson sum over 1600 jumps would have weights exp(-1600) = 0
    x, h = centres(-2.0, 2.0, 40)
    g = chain(x**2 / 2, h, 0.5)
    mass = np.zeros(40)
    mass[3] = 1.0
    time = 1600.0 / Jump(g).rate
    step = last(g, mass, time, method="uniformisation")
    assert np.abs(step.mass - exact(g, mass, time)).sum() < 1e-11
    assert step.mass.sum() == pytest.approx(1.0, abs=1e-13)


def test_what_is_over_the_tolerance_or_off_in_mass_is_not_passed_on():
    check_error(1e-9, 1e-8, "x", 1.0)
    with pytest.raises(NumericalError, match="more than the tolerance"):
        check_error(1.1e-8, 1e-8, "x", 1.0)
    with pytest.raises(NumericalError, match="more than the tolerance"):
        check_error(np.nan, 1e-8, "x", 1.0)
    half = np.array([0.25, 0.25])
    check_balance(half, 0.5 * (1 + 1e-11), True, 1.0)
    check_balance(half, 1.0, False, 1.0)
    for amount, conservative in ((0.6, True), (0.4, True), (0.4, False)):
        with pytest.raises(NumericalError, match="mass is off"):
            check_balance(half, amount, conservative, 1.0)


def test_chebyshev_hands_over_to_poisson_sums_when_steps_get_short():
    x, h = centres(-4.0, 4.0, 64)
    g = chain(x**2 / 2, h, 0.001)
    mass = np.zeros(64)
    mass[0] = 1.0
    step = last(g, mass, 2.0, method="chebyshev")
    assert np.abs(step.mass - exact(g, mass, 2.0)).sum() < 1e-12


def test_poisson_sums_keep_relative_accuracy_in_the_tails():
    h = 16.0 / 120
    g = chain(np.zeros(120), h, 0.5)
    mass = np.zeros(120)
    mass[60] = 1.0
    (step,) = evolve(g, mass, [1.0], method="uniformisation")
    jump = Jump(g)
    # the same Poisson sum by repeated squaring of short ones: an independent path to the tail
    short = poisson_sum(jump, mass, 0.125)
    p = short.mass
    for _ in range(7):
        p = poisson_sum(jump, p, 0.125).mass
    far = step.mass > 1e-15
    assert far.sum() > 60
    np.testing.assert_allclose(step.mass[far], p[far], rtol=1e-9)
    assert (step.mass > 0).all()
    assert step.mass.sum() == pytest.approx(1.0, abs=1e-13)


def test_the_rational_function_is_exp_on_the_negative_half_line():
    z = -np.concatenate([[0.0], np.logspace(-8, 30, 4000)])
    assert np.abs(scalar_exponential(z) - np.exp(z)).max() < 1e-13
    assert np.abs(scalar_exponential(z, EMBEDDED) - np.exp(z)).max() < 1e-11
    assert np.abs(scalar_exponential(z, EMBEDDED) - np.exp(z)).max() > 1e-13
    assert POLES.size == RESIDUES.size == EMBEDDED.size == 9


@pytest.mark.parametrize("ring", [False, True])
def test_elimination_keeps_mass_at_any_time(ring):
    g = random_chain(np.random.default_rng(5), 200, spread=4.0, ring=ring)
    mass = np.random.default_rng(6).dirichlet(np.ones(200))
    mover = Tridiagonal(g)
    for time in np.logspace(-6, 25, 12):
        trial = mover._try(mass, time)
        assert abs(trial.mass.sum() - 1.0) < 2e-12, time


#: Links along 1 to 5 directions: 2, 4, 6, 8 and 10 diagonals.
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (2, 1), (1, 2))


@pytest.mark.parametrize(
    ("shape", "count"),
    [((40, 37), 3), ((160, 160), 3), ((70, 61), 1), ((70, 61), 2), ((70, 61), 4), ((70, 61), 5)],
)
def test_recurrences_do_what_scipy_does_whatever_the_threads(shape, count):
    rng = np.random.default_rng(3)
    g = lattice(shape, lambda n: rng.lognormal(size=(2, n)), offsets=DIRECTIONS[:count])
    jump = Jump(g)
    assert jump.diagonals == 2 * count
    w = sp.eye_array(g.cells) + g.matrix.T / jump.rate
    a, b, c = np.array([1.0] + 6 * [2.0]), np.array([0.0] + 6 * [-0.5]), rng.random(7)
    old, now = np.zeros(g.cells), rng.random(g.cells)
    found = [Recurrence(jump, now, 0.25, threads, deep) for threads, deep in THREADS_AND_TERMS]
    norms = [series.extend(a, b, c) for series in found]
    total = 0.25 * now
    for k in range(7):
        old, now = now, a[k] * (w @ now) + b[k] * old
        total = total + c[k] * now
        assert norms[0][k] == pytest.approx(np.abs(now).sum(), rel=1e-12)
    np.testing.assert_allclose(found[0].total, total, rtol=1e-12, atol=1e-14)
    for series, norm in zip(found, norms, strict=True):
        assert (series.total == found[0].total).all()
        assert (norm == norms[0]).all()


#: One strip, and several that overlap; one term at a time, and several.
THREADS_AND_TERMS = ((1, 1), (1, 4), (2, 3), (3, 8))


def test_columns_of_the_jump_matrix_sum_to_one_beyond_double_precision():
    """What is left to rounding here is a leak of mass in each of millions of products."""
    g = random_lattice(np.random.default_rng(8), (60, 50), spread=3.0, absorbing=True)
    jump = Jump(g)
    n = g.cells
    columns = [[Fraction(jump.stay[k]), Fraction(g.absorption[k] / jump.rate)] for k in range(n)]
    for band, offset in zip(jump.bands, jump.offsets, strict=True):
        for k in range(max(0, -offset), min(n, n - offset)):
            columns[k + offset].append(Fraction(band[k]))
    left = np.array([float(1 - sum(column)) for column in columns])
    assert np.abs(left).max() <= 0.5 * np.spacing(1.0)
    assert (np.abs(left) <= 0.5 * np.spacing(jump.stay))[jump.stay > 0.01].all()


def test_irregular_links_go_through_compressed_rows():
    rng = np.random.default_rng(4)
    g = random_chain(rng, 30, ring=True)
    shuffle = rng.permutation(30).astype(np.int32)
    scrambled = type(g)(
        g.shape, g.spacing, shuffle[g.tail], shuffle[g.head], g.offset, g.forward, g.backward,
        g.absorption,
    )  # fmt: skip
    jump = Jump(scrambled)
    assert jump.diagonals == 0
    w = np.eye(30) + scrambled.matrix.toarray().T / jump.rate
    v = rng.random(30)
    series = Recurrence(jump, v, 0.5)
    norms = series.extend(np.array([1.0, 2.0]), np.array([0.0, -1.0]), np.array([0.0, 3.0]))
    second = 2.0 * w @ w @ v - v
    np.testing.assert_allclose(series.total, 0.5 * v + 3.0 * second, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(norms, [np.abs(w @ v).sum(), np.abs(second).sum()], rtol=1e-13)


@pytest.mark.parametrize("method", ["auto", "rational"])
def test_wells_behind_a_barrier_of_thirty_exchange_mass_in_two_dimensions(method):
    # the plane is a product, so its marginal is the chain, which has no limit
    plane, line, x = product_wells(32, 1 / 120)
    mass = np.zeros((32, 32))
    mass[8, 16] = 1.0
    start = mass.sum(axis=1)
    times = [1e2, 1e6, 1e10, 1e12]
    steps = evolve(plane, mass, times, method=method)
    for step, reference in zip(steps, evolve(line, start, times), strict=True):
        marginal = step.mass.reshape(32, 32).sum(axis=1)
        assert abs(step.mass.sum() - 1.0) < 1e-11
        assert np.abs(marginal - reference.mass).sum() < 1e-10
        right = reference.mass[x > 0].sum()
        assert marginal[x > 0].sum() == pytest.approx(right, rel=1e-9)
    assert step.method == ("anchors" if method == "auto" else "rational")


def test_a_rational_step_where_lu_alone_has_lost_the_mass():
    plane, line, x = product_wells(32, 1 / 120)
    well = np.where(x < 0, np.exp(-((x**2 - 1) ** 2) * 30), 0.0)
    bowl = np.exp(-60 * x**2)
    start = np.outer(well / well.sum(), bowl / bowl.sum()).ravel()
    rational = Rational(plane)
    time = 1e14 / rational.rate
    trial = rational.attempt(start, time)
    truth = Tridiagonal(line)._try(start.reshape(32, 32).sum(axis=1), time).mass
    marginal = trial.mass.reshape(32, 32).sum(axis=1)
    assert np.abs(marginal - truth).sum() < 1e-11
    system = next(iter(rational._systems(time)))
    bare = system.lu.solve(start.astype(complex))
    # without refinement the same factors are wrong: this is what the flux residual repairs
    assert abs(bare.sum() * system.pole - 1.0) > 1e-6


def test_stationary_densities_stay_for_ever():
    plane, _, x = product_wells(16, 0.1)
    steps = list(evolve(plane, np.ones(256) / 256, [1e6, 1e14], method="rational"))
    well = np.exp(-((x**2 - 1) ** 2) / 0.4)
    marginal = steps[-1].mass.reshape(16, 16).sum(axis=1)
    np.testing.assert_allclose(marginal, well / well.sum(), rtol=1e-9)
    assert "stationary" in steps[-1].method
    assert steps[-1].error <= 1e-8


def test_out_of_reach_is_an_error_that_teaches():
    plane, _, _ = product_wells(12, 0.0025)  # barrier/T = 100: never crossed
    mass = np.zeros(144)
    mass[3 * 12 + 6] = 1.0
    with pytest.raises(NumericalError, match="rates rather than densities"):
        list(evolve(plane, mass, [1.0, 1e20], method="rational"))


def test_chains_and_their_refusal():
    g = random_lattice(np.random.default_rng(0), (4, 4))
    with pytest.raises(ValueError, match="1-D grid"):
        Chain.of(g)
    with pytest.raises(ValueError, match="1-D grid"):
        propagator("tridiagonal", g)


def test_misuse_is_refused_at_once():
    g = random_chain(np.random.default_rng(0), 5)
    ok = np.ones(5)
    with pytest.raises(ValueError, match=r"unknown evolution method 'magic'; known: auto, tri"):
        evolve(g, ok, [1.0], method="magic")
    for times in ([2.0, 1.0], [1.0, 1.0], [-1.0], [np.nan], [np.inf], []):
        with pytest.raises(ValueError, match="times"):
            evolve(g, ok, times)
    for mass in (np.ones(4), np.zeros(5), -ok, ok * np.nan):
        with pytest.raises(ValueError, match="mass"):
            evolve(g, mass, [1.0])
    with pytest.raises(ValueError, match="tolerance"):
        evolve(g, ok, [1.0], tolerance=1e-16)
    assert set(METHODS) == {"auto", "tridiagonal", "chebyshev", "uniformisation", "rational",
                            "fipy"}  # fmt: skip


def test_steps_come_lazily_and_say_what_was_done():
    g = random_chain(np.random.default_rng(0), 5)
    steps = evolve(g, np.ones(5), [0.0, 1.0, 2.0])
    first, second = next(steps), next(steps)
    assert (first.time, first.method, first.error) == (0.0, "start", 0.0)
    assert (second.method, second.solves) == ("tridiagonal", 9)
    assert next(steps).error > second.error > 0


def test_a_run_that_goes_on_takes_the_steps_of_the_whole_run():
    x, h = centres(-2.0, 2.0, 64)
    g = chain((x**2 - 1) ** 2 / 4, h, 0.02)
    mass = np.zeros(64)
    mass[3] = 1.0
    times = np.logspace(-2, 4, 50)
    whole = list(evolve(g, mass, times))
    rest = list(evolve(g, whole[19].mass, times[20:], start=times[19], shares=50))
    for a, b in zip(whole[20:], rest, strict=True):
        assert np.array_equal(a.mass, b.mass)


def test_negative_rounding_is_clipped_and_counted_but_nothing_worse():
    clipped, lost = clip_rounding(np.array([1.0, -3e-15, 0.5]))
    assert clipped.min() == 0.0
    assert lost == pytest.approx(3e-15)
    with pytest.raises(NumericalError, match="negative"):
        clip_rounding(np.array([1.0, -1e-12]))
    with pytest.raises(NumericalError, match="not finite"):
        clip_rounding(np.array([1.0, np.nan]))
