"""Evolution under schedules: exact pieces, and the fourth-order Magnus steps between jumps."""

import numpy as np
import pytest

from fokkerplanck.solvers.evolve import evolve
from fokkerplanck.solvers.schedule import _Pieces, combine, evolve_scheduled
from tests.generators import centres, chain, gaussian_cells, random_chain, random_lattice


def test_variance_follows_a_decaying_noise():
    # dS/dt = -2 h S + 2 D(t), D = D0 exp(-t / tau), h = 1, D0 = S0 = 0.1, tau = 3, at t = 2
    n = 2400
    x, h = centres(-2.4, 2.4, n)
    start = gaussian_cells(-2.4, 2.4, n, 0.0, np.sqrt(0.1))

    def at(time):
        return chain(x**2 / 2, h, 0.1 * np.exp(-time / 3.0))

    steps = list(evolve_scheduled(at, start / start.sum(), [0.5, 2.0], piecewise_constant=False))
    variance = steps[-1].mass @ x**2 - (steps[-1].mass @ x) ** 2
    assert variance == pytest.approx(0.0612437415061364, abs=1e-6)
    assert steps[-1].error <= 1e-8
    assert steps[-1].mass.min() >= 0.0


def wobble(time, x, h):
    return chain(x**2 / 2, h, 0.5 + 0.4 * np.sin(5.0 * time))


def test_magnus_steps_are_of_fourth_order():
    x, h = centres(-3.0, 3.0, 24)
    start = np.zeros(24)
    start[18] = 1.0
    piece = _Pieces(lambda t: wobble(t, x, h), np.empty(0), False, "uniformisation", None)

    def in_steps(count):
        mass = start
        for k in range(count):
            part = piece._magnus(mass, k / count, 1.0 / count, 1e-12)
            assert part is not None
            mass = part.mass
        return mass

    fine = in_steps(256)
    errors = [np.abs(in_steps(count) - fine).sum() for count in (8, 16, 32)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert np.all(orders > 3.8)
    assert np.all(orders < 4.6)


def test_smooth_schedule_meets_its_tolerance():
    x, h = centres(-3.0, 3.0, 24)
    start = np.zeros(24)
    start[18] = 1.0

    def at(time):
        return wobble(time, x, h)

    (best,) = evolve_scheduled(at, start, [1.0], piecewise_constant=False, tolerance=1e-9)
    for tolerance in (1e-4, 1e-7):
        (step,) = evolve_scheduled(at, start, [1.0], piecewise_constant=False, tolerance=tolerance)
        true = np.abs(step.mass - best.mass).sum()
        assert true <= step.error <= tolerance
        assert step.mass.sum() == pytest.approx(1.0, abs=1e-11)


@pytest.mark.parametrize(("speed", "end", "tolerance"), [(1.0, 30.0, 1e-8), (5.0, 2.0, 1e-9)])
def test_exponentials_inside_of_the_steps_take_their_part_of_the_tolerance(speed, end, tolerance):
    x, h = centres(-2.4, 2.4, 12)
    start = gaussian_cells(-2.4, 2.4, 12, -1.0, 0.3)

    def at(time):
        return chain(x**2 / 2, h, 0.1 * (1 + 0.5 * np.sin(speed * time)))

    options = {"piecewise_constant": False, "tolerance": tolerance, "method": "tridiagonal"}
    (last,) = evolve_scheduled(at, start, [end], **options)
    assert last.error <= tolerance


def test_a_step_in_which_rounding_is_too_much_is_not_taken():
    x, h = centres(-2.4, 2.4, 128)
    start = gaussian_cells(-2.4, 2.4, 128, -0.5, 0.1)
    at = lambda t: chain(x**2 / 2, h, 0.05 / (1 + t))  # noqa: E731
    piece = _Pieces(at, np.empty(0), False, "tridiagonal", None)
    assert piece._magnus(start, 2.0, 2.0, 1e-10) is not None
    assert piece._magnus(start, 2.0, 2.0, 2e-12) is None
    assert piece._magnus(start, 1.0, 0.2, 2e-12) is not None


def test_pieces_are_exact_and_cut_where_the_factor_jumps():
    x, h = centres(-2.0, 2.0, 40)
    hot, cold = chain(x**2 / 2, h, 0.5), chain(x**2 / 2, h, 0.05)
    start = np.zeros(40)
    start[20] = 1.0
    asked = []

    def at(time):
        asked.append(time)
        return hot if time < 1.5 else cold

    steps = list(
        evolve_scheduled(at, start, [1.0, 2.0, 3.0], breakpoints=[1.5], piecewise_constant=True)
    )
    (warm,) = evolve(hot, start, [1.5])
    (late,) = evolve(cold, warm.mass, [3.0], start=1.5)
    assert np.abs(steps[-1].mass - late.mass).sum() < 1e-11
    assert not any(time == 1.5 for time in asked)


def test_smooth_pieces_between_jumps():
    x, h = centres(-2.0, 2.0, 40)
    start = np.full(40, 1 / 40)

    def at(time):
        return chain(x**2 / 2, h, (1.0 if time < 1.0 else 0.2) * (1 + 0.3 * np.cos(time)))

    options = {"breakpoints": [1.0], "piecewise_constant": False}
    through = list(evolve_scheduled(at, start, [0.7, 1.4], **options))[-1]
    (direct,) = evolve_scheduled(at, start, [1.4], **options)
    assert np.abs(through.mass - direct.mass).sum() < through.error + direct.error
    assert direct.error <= 1e-8


def test_a_constant_schedule_is_no_schedule():
    g = random_lattice(np.random.default_rng(0), (6, 6))
    start = np.random.default_rng(1).dirichlet(np.ones(36))
    times = [0.0, 0.3, 2.0]
    plain = list(evolve(g, start, times))
    for constant in (True, False):
        steps = list(evolve_scheduled(lambda _: g, start, times, piecewise_constant=constant))
        for a, b in zip(steps, plain, strict=True):
            assert np.abs(a.mass - b.mass).sum() < 1e-10


def test_combined_generators_add_their_rates_link_by_link():
    rng = np.random.default_rng(2)
    first = random_lattice(rng, (5, 4), absorbing=True)
    second = random_lattice(rng, (5, 4), absorbing=True)
    other = random_chain(rng, 20)
    total = combine(0.3, first, 0.7, second)
    expected = 0.3 * first.matrix.toarray() + 0.7 * second.matrix.toarray()
    np.testing.assert_allclose(total.matrix.toarray(), expected, atol=1e-14)
    turned = type(first)(
        first.shape, first.spacing, first.head[::-1], first.tail[::-1], -first.offset[::-1],
        first.backward[::-1], first.forward[::-1], first.absorption,
    )  # fmt: skip
    merged = combine(0.5, first, 0.5, turned)
    np.testing.assert_allclose(merged.matrix.toarray(), first.matrix.toarray(), atol=1e-14)
    assert merged.tail.size == first.tail.size
    with pytest.raises(ValueError, match="same grid"):
        combine(1.0, first, 1.0, other)


def test_steps_shrink_where_combined_rates_would_be_negative():
    # a factor that grows 400-fold within the first step makes (3 - 2 sqrt 3)/12 Q2 dominate
    x, h = centres(-2.0, 2.0, 30)
    start = np.full(30, 1 / 30)

    def at(time):
        return chain(x**2 / 2, h, 0.02 * np.exp(6.0 * time))

    piece = _Pieces(at, np.empty(0), False, "auto", None)
    assert piece._magnus(start, 0.0, 1.0, 1e-10) is None
    (step,) = evolve_scheduled(at, start, [1.0], piecewise_constant=False, tolerance=1e-5)
    assert step.mass.min() >= 0
    assert step.error <= 1e-5


@pytest.mark.slow
def test_a_pulse_between_the_nodes_of_the_first_step_is_seen():
    x, h = centres(-2.0, 2.0, 30)
    start = np.full(30, 1 / 30)

    def at(time):
        return chain(x**2 / 2, h, 0.1 + 2.0 * np.exp(-(((time - 4.0) / 0.2) ** 2)))

    (whole,) = evolve_scheduled(at, start, [10.0], piecewise_constant=False)
    fine = list(evolve_scheduled(at, start, np.linspace(0.1, 10, 100), piecewise_constant=False))
    assert np.abs(whole.mass - fine[-1].mass).sum() < 1e-8
    early = list(evolve_scheduled(at, start, [4.5], piecewise_constant=False))[-1]
    assert early.mass @ x**2 > 1.5 * (whole.mass @ x**2)


def test_misuse_is_refused_before_anything_is_done():
    g = random_chain(np.random.default_rng(0), 5)
    with pytest.raises(ValueError, match="unknown evolution method"):
        evolve_scheduled(lambda _: g, np.ones(5), [1.0], piecewise_constant=True, method="no")
    with pytest.raises(ValueError, match="times"):
        evolve_scheduled(lambda _: g, np.ones(5), [1.0, 0.5], piecewise_constant=True)
    with pytest.raises(ValueError, match="mass"):
        evolve_scheduled(lambda _: g, np.ones(4), [1.0], piecewise_constant=True)
