"""Passage on a line by quadrature against pinned digits: any barrier, any noise, any reading."""

from __future__ import annotations

from math import asinh, exp, inf, log, pi, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ive

from fokkerplanck.theory.line_process import LineProcess
from fokkerplanck.theory.passage_quadrature import (
    exit_passage,
    line_committor,
    line_passage,
    stationary_masses,
)
from fokkerplanck.theory.relaxation_quadrature import escape_rate, relaxation_rate

#: Of the quartic.
INFLECTIONS = (-(3**-0.5), 3**-0.5)
#: T, mean times from -1 to 0 and to 1, slow rate of the quartic.
QUARTIC = [
    (0.125, 18.42615845242841003, 41.034280268736711806, 0.056818325252162417387),
    (0.05, 361.90375950092436555, 729.67069194232279882, 0.0027761406365727255243),
    (0.025, 51050.702508600029577, 102108.36545716983696, 1.9589272999730441433e-5),
    (0.0125, 1099322196.6865907876, 2198644401.4082888762, 9.0965142493130157936e-10),
    (0.00625, 527950434118551151.14, 1055900868237102311.4, 1.8941172037666137e-18),
    (0.0025, 5.9941596002097417677e43, 1.1988319200419483535e44, 1.6682905806595623154e-44),
]
TILTED = LineProcess(0.05, loss=lambda x: x**4 / 4 - x**2 / 2 + x / 10)
LEFT, RIGHT = -1.0466805318046, 0.945649273923591


def quartic(x):
    return (x**2 - 1) ** 2 / 4


def push(x):
    return x - x**3


@pytest.mark.parametrize("known", [{"drift": push}, {"loss": quartic}])
@pytest.mark.parametrize(("t", "top", "well", "rate"), QUARTIC)
def test_quartic_at_any_barrier(t, top, well, rate, known):
    process = LineProcess(t, **known)
    for target, mean in ((0.0, top), (1.0, well)):
        found = line_passage(process, -1.0, target)
        assert found.mean == pytest.approx(mean, rel=5e-14)
        assert found.error < 3e-13
        assert line_passage(process, 1.0, -target).mean == pytest.approx(mean, rel=5e-14)
    assert relaxation_rate(process).rate == pytest.approx(rate, rel=1e-13)
    assert escape_rate(process, right=0.0).rate == pytest.approx(rate, rel=1e-13)
    assert escape_rate(process, left=0.0).rate == pytest.approx(rate, rel=1e-13)


@pytest.mark.parametrize("barrier", [600, pytest.param(5000, marks=pytest.mark.slow)])
def test_times_beyond_floating_point(barrier):
    t = 0.25 / barrier
    # T(-1 -> 1) = (Z / D) int_0^1 e^{V / D}, both factors without their exponentials
    a = 1 / (8 * t)
    z = pi / 2 * (ive(-0.25, a) + ive(0.25, a))
    x, w = np.polynomial.legendre.leggauss(400)
    reach = 14 * sqrt(t)
    x, w = reach / 2 * (x + 1), reach / 2 * w
    climb = w @ np.exp((quartic(x) - 0.25) / t)
    process = LineProcess(t, drift=push, low=-2.5, high=2.5)
    found = line_passage(process, -1.0, 1.0)
    assert found.log_mean == pytest.approx(barrier + log(z * climb / t), abs=2e-12)
    assert found.mean == (exp(found.log_mean) if barrier == 600 else inf)
    assert found.log_variance == pytest.approx(2 * found.log_mean, abs=1e-11)
    assert found.log10_mean == pytest.approx(found.log_mean / log(10), rel=1e-15)
    assert relaxation_rate(process).log_rate == pytest.approx(log(2) - found.log_mean, abs=1e-11)


@pytest.mark.parametrize(
    ("kappa", "mean"), [(1.0, 0.5), (0.5, pi / 4 - log(2) / 2), (0.0, asinh(1) ** 2 / 2)]
)
def test_exit_in_three_readings(kappa, mean):
    process = LineProcess(lambda x: 1 + x * x, drift=lambda x: -x, kappa=kappa)
    assert exit_passage(process, 0.0, (-1, 1)).mean == pytest.approx(mean, rel=1e-14)


def test_drifting_between_two_ends():
    process = LineProcess(0.25, drift=np.ones_like, low=0.0, high=1.0)
    assert line_passage(process, 0.3, 1.0).mean == pytest.approx(0.629280356744133, rel=1e-14)
    whole = exit_passage(process, 0.3, (0, 1))
    assert whole.mean == pytest.approx(0.411843659500443, rel=1e-14)
    right = exit_passage(process, 0.3, (0, 1), "right")
    assert right.probability == pytest.approx(0.711843659500443, rel=1e-14)


def test_free_diffusion():
    length, x, d = 2.0, 0.7, 0.3
    process = LineProcess(d, drift=np.zeros_like, low=0.0, high=length)
    found = line_passage(process, x, length)
    assert found.mean == pytest.approx((length**2 - x**2) / (2 * d), rel=1e-14)
    # Lb v = -2 D (T')^2 with T' = -x / D
    assert found.variance == pytest.approx((length**4 - x**4) / (6 * d * d), rel=1e-14)
    assert escape_rate(process, 0.0, length).rate == pytest.approx(d * pi**2 / 4, rel=1e-13)
    assert escape_rate(process, None, length).rate == pytest.approx(d * pi**2 / 16, rel=1e-13)
    assert relaxation_rate(process, 1.0).rate == pytest.approx(d * pi**2 / 4, rel=1e-13)


def test_tilted_well():
    assert line_passage(TILTED, LEFT, RIGHT).mean == pytest.approx(5890.9195316605, rel=1e-13)
    assert line_passage(TILTED, RIGHT, LEFT).mean == pytest.approx(132.91662514067, rel=1e-13)
    forward, backward = line_committor(TILTED, LEFT, RIGHT, [0.0, -3.0, 3.0])
    np.testing.assert_allclose(np.exp(forward), [0.311353805414418, 0, 1], rtol=1e-13)
    np.testing.assert_allclose(np.exp(backward), [1 - 0.311353805414418, 1, 0], rtol=1e-13)
    mirror, _ = line_committor(TILTED, RIGHT, LEFT, [0.0])
    assert mirror[0] == pytest.approx(backward[0], rel=1e-13)
    masses = np.exp(stationary_masses(TILTED, [-inf, 0.101031257881011, inf]))
    np.testing.assert_allclose(masses, [0.977954192696704, 1 - 0.977954192696704], rtol=1e-12)


def test_styblinski_tang():
    loss = LineProcess(3.0, loss=lambda x: (x**4 - 16 * x**2 + 5 * x) / 2)
    found = line_passage(loss, 2.74680277099084, -2.90353402777118)
    assert found.mean == pytest.approx(1370.4918046467, rel=1e-13)


#: H_a, H_b, Delta L, eb and mean times from 0 to 2 l - c in the three readings.
PARABOLAS = [
    (4, 1, 1, 0.05, 39032867.1773409759, 73991214.2460434494, 143907908.383448396),
    (4, 1, 1, 0.025, 920796726357970.314, 1816445802379781.52, 3607743954423403.94),
    (1, 4, 1, 0.025, 3524342010560749.66, 1774744830448453.15, 899946240392304.891),
    (2, 1, 0.25, 0.01, 3508066135.83312781, 4957938724.32581238, 7008368202.68515232),
]


@pytest.mark.parametrize("row", PARABOLAS)
def test_frozen_noise_on_matched_parabolas(row):
    ha, hb, height, eb, *means = row
    length = sqrt(2 * height * (ha + hb) / (ha * hb))
    c = hb * length / (ha + hb)

    for kappa, mean in zip((1.0, 0.5, 0.0), means, strict=True):
        process = LineProcess(
            lambda x: eb * np.where(x < c, ha, hb),
            drift=lambda x: np.where(x < c, -ha * x, hb * (x - length)),
            kappa=kappa,
            breaks=[c],
        )
        found = line_passage(process, 0.0, 2 * length - c)
        assert found.mean == pytest.approx(mean, rel=1e-13)
        assert found.error < 1e-12


#: eb and mean times from -1 to 1 in the three readings.
FROZEN = [
    (0.05, 185.196021815018, 246.989571686058, 334.647293507116),
    (0.025, 8054.3116744369, 11263.8498343558, 15802.9757887196),
    (0.0125, 18464088.8651461, 26091526.4228296, 36878352.1370871),
    (0.00625, 103495966211159.0, 146364437433257.0, 206989610833749.0),
]


def frozen(eb, kappa, breaks=INFLECTIONS, scale=1.0):
    y = sqrt(scale)
    return LineProcess(
        lambda x: eb * scale * np.where(3 * (y * x) ** 2 > 1, 2.0, 1.0),
        drift=lambda x: y * push(y * x),
        kappa=kappa,
        breaks=[b / y for b in breaks],
    )


@pytest.mark.parametrize(("eb", "ito", "stratonovich", "hanggi"), FROZEN)
def test_frozen_noise_on_the_quartic(eb, ito, stratonovich, hanggi):
    for kappa, mean in ((1.0, ito), (0.5, stratonovich), (0.0, hanggi)):
        assert line_passage(frozen(eb, kappa), -1.0, 1.0).mean == pytest.approx(mean, rel=1e-13)


def test_jumps_are_found_when_they_are_not_announced():
    for eb in (0.0125, 0.013, 0.017, 0.03):
        told = line_passage(frozen(eb, 1.0), -1.0, 1.0)
        found = line_passage(frozen(eb, 1.0, breaks=()), -1.0, 1.0)
        assert found.mean == pytest.approx(told.mean, rel=1e-12)


def test_rescaled_curvature():
    for k, eb, mean in ((2.0, 0.025, 185.196021815018 / 2), (0.5, 0.025, 2 * 18464088.8651461)):
        y = sqrt(k)
        found = line_passage(frozen(eb, 1.0, scale=k), -1 / y, 1 / y)
        assert found.mean == pytest.approx(mean, rel=1e-13)


#: eps, then eb = 0.05: Ito, Hanggi, Stratonovich; eb = 0.025: Ito, Hanggi; eb = 0.05 to the saddle.
REGULARISED = [
    (1, 276.47604759344, 444.78824368261, 339.87876787912, 18232.987337426, 29127.779528016,
     135.606864167),
    (0.5, 3130.6956346682, 5883.8042476826, 4082.6196084066, 2779433.3812442, 5157245.9504126,
     1562.54771353),
    (0.2, 144562.19372445, 290620.42118257, 192556.79496315, 6346178698.7037, 12576714613.357,
     72278.2402962),
    (0.1, 3032645.638421, 6163292.8301664, 4049965.9258014, 2822370268936.6, 5654332431241.2,
     1516319.95416),
    (0.05, 65410084.688363, 133301639.6529, 87399170.585698, 1.3164627581502e15,
     2.6447398336003e15, 32705039.477),
    (0.01, 8.334232856587e10, 1.69997155581870e11, 1.11375725695e11, 2.1390356917965e21,
     4.3011161798383e21, 4.16711642801e10),
]  # fmt: skip


@pytest.mark.parametrize("row", REGULARISED)
def test_noise_with_a_floor(row):
    eps, *means = row

    def process(eb, kappa):
        return LineProcess(lambda x: eb * np.hypot(3 * x * x - 1, eps), drift=push, kappa=kappa)

    for (eb, kappa), mean in zip(
        ((0.05, 1), (0.05, 0), (0.05, 0.5), (0.025, 1), (0.025, 0)), means[:-1], strict=True
    ):
        found = line_passage(process(eb, kappa), -1.0, 1.0)
        assert found.mean == pytest.approx(mean, rel=5e-12)
    assert line_passage(process(0.05, 1), -1.0, 0.0).mean == pytest.approx(means[-1], rel=1e-11)


@pytest.mark.parametrize(
    ("c", "ito", "stratonovich", "hanggi"),
    [
        (1 / 16, 30259564162029.0, 12746101835635.0, 5374417965177.0),
        (1 / 8, 17770019.545902, 7724583.446649, 3372072.6381983),
        (1 / 4, 13383.397459291, 6207.1556467307, 2934.5190623071),
    ],
)
def test_noise_proportional_to_the_loss(c, ito, stratonovich, hanggi):
    for kappa, mean in ((1.0, ito), (0.5, stratonovich), (0.0, hanggi)):
        process = LineProcess(lambda x: c * (quartic(x) + 0.05), drift=push, kappa=kappa)
        assert line_passage(process, -1.0, 1.0).mean == pytest.approx(mean, rel=1e-12)


def second(found):
    return found.variance + found.mean**2


@settings(deadline=None, max_examples=25)
@given(st.floats(0.02, 2.0), st.sampled_from([0.0, 0.5, 1.0]), st.floats(-0.9, 0.9), st.booleans())
def test_paths_through_both_ends_make_up_all(t, kappa, x, wide):
    process = LineProcess(
        lambda y: t * (1 + 0.5 * np.sin(3 * y)), drift=push, kappa=kappa, low=-1.0, high=1.2
    )
    start = (x, min(x + 0.2, 1.0)) if wide else x
    left, right, whole = (
        exit_passage(process, start, (-1, 1.2), side) for side in ("left", "right", None)
    )
    assert left.probability + right.probability == pytest.approx(1, rel=1e-12)
    for moment in (lambda f: f.mean, second):
        parts = left.probability * moment(left) + right.probability * moment(right)
        assert parts == pytest.approx(moment(whole), rel=1e-11)


@settings(deadline=None, max_examples=15)
@given(st.floats(0.01, 1.0), st.floats(-1.2, 0.5), st.floats(0.01, 0.4))
def test_times_add_up_along_the_line(t, x, step):
    process = LineProcess(t, drift=push)
    parts = line_passage(process, x, x + step), line_passage(process, x + step, 1.5)
    whole = line_passage(process, x, 1.5)
    assert whole.mean == pytest.approx(sum(p.mean for p in parts), rel=1e-12)
    assert whole.variance == pytest.approx(sum(p.variance for p in parts), rel=1e-12)


def test_start_drawn_from_an_interval():
    process = LineProcess(0.1, drift=push)
    x, w = np.polynomial.legendre.leggauss(20)
    x = -1.0 + 0.3 * x
    w = w * np.exp(-quartic(x) / 0.1)
    points = [line_passage(process, float(y), 0.2) for y in x]
    found = line_passage(process, (-1.3, -0.7), 0.2)
    mean = w @ [p.mean for p in points] / w.sum()
    assert found.mean == pytest.approx(mean, rel=1e-12)
    assert second(found) == pytest.approx(w @ [second(p) for p in points] / w.sum(), rel=1e-12)


def test_a_line_without_walls_must_confine():
    with pytest.raises(ValueError, match="does not confine"):
        line_passage(LineProcess(1.0, drift=np.zeros_like), 0.0, 1.0)


def test_nonsense_is_refused():
    process = LineProcess(0.1, drift=push, low=-2.0, high=2.0)
    with pytest.raises(ValueError, match="beyond a wall"):
        line_passage(process, -3.0, 1.0)
    with pytest.raises(ValueError, match="inside the start"):
        line_passage(process, (-1.0, 1.0), 0.0)
    with pytest.raises(ValueError, match="must be positive"):
        line_passage(LineProcess(lambda x: x, drift=push), -1.0, 1.0)
    with pytest.raises(ValueError, match="drift or a loss"):
        LineProcess(0.1)
    with pytest.raises(ValueError, match="give the drift"):
        line_passage(LineProcess(lambda x: 1 + x * x, loss=quartic), -1.0, 1.0)
