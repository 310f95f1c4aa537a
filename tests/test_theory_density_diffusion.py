"""Density diffusion theory: its statements as pinned, and the exact laws they are limits of."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest

from fokkerplanck.theory.density_diffusion import (
    FrozenEscape,
    effective_switch,
    fixed_radius_time,
    flatness_ratio,
    floor_slope,
    inflection,
    loss_noise_log_time,
    parabola_switch,
    rescaled_rate,
    switch_fraction,
    white_flatness_ratio,
)
from fokkerplanck.theory.line_process import LineProcess
from fokkerplanck.theory.passage_quadrature import exit_passage, line_passage
from fokkerplanck.verification.descent import FLOORS, STRONG


def quartic(x):
    return (x**2 - 1) ** 2 / 4


def push(x):
    return x - x**3


#: Where the noise of the quartic switches, and the part of the climb below it.
SWITCH = 3**-0.5
S = 4 / 9
#: eb, published time, and exact over published in the Ito and Hanggi readings.
RATIOS = [
    (0.05, 306.974890794, 0.603294, 1.090146),
    (0.025, 14997.7406317, 0.537035, 1.053690),
    (0.0125, 35799075.3192, 0.515770, 1.030148),
    (0.00625, 2.03968804206e14, 0.507411, 1.014810),
]


def frozen(eb, kappa):
    return LineProcess(
        lambda x: eb * np.where(3 * x * x > 1, 2.0, 1.0),
        drift=push,
        kappa=kappa,
        breaks=[-SWITCH, SWITCH],
    )


def test_switch_of_the_quartic():
    c = inflection(lambda x: 3 * x * x - 1, -1.0, 0.0)
    assert c == pytest.approx(-SWITCH, rel=1e-14)
    assert switch_fraction(0.0, quartic(c), 0.25) == pytest.approx(S, rel=1e-14)
    assert FrozenEscape(2.0, -1.0, 0.25, 1.0, S).climb == pytest.approx(7 / 36, rel=1e-14)


@pytest.mark.parametrize(("eb", "published", "ito", "hanggi"), RATIOS)
def test_published_time_is_that_of_hanggi_and_klimontovich(eb, published, ito, hanggi):
    theory = FrozenEscape(2.0, -1.0, 0.25, eb, S)
    assert theory.published == pytest.approx(published, rel=1e-11)
    for kappa, ratio in ((1.0, ito), (0.0, hanggi)):
        exact = line_passage(frozen(eb, kappa), -1.0, 1.0).mean
        assert exact / published == pytest.approx(ratio, rel=2e-6)
        # the law of the right reading is approached from above, linearly in the noise
        assert exact / theory.time(kappa) == pytest.approx(1, abs=4.5 * eb)
    assert theory.valid == (theory.climb > 5)


#: H_a, H_b, Delta L, eb, published time.
PARABOLAS = [
    (4, 1, 1, 0.05, 151770044.236881),
    (4, 1, 1, 0.025, 3.6659982479499e15),
    (1, 4, 1, 0.025, 916499561987476.0),
    (2, 1, 0.25, 0.01, 7014255391.95259),
]


@pytest.mark.parametrize(("well", "top", "barrier", "eb", "published"), PARABOLAS)
def test_published_time_on_matched_parabolas(well, top, barrier, eb, published):
    theory = FrozenEscape(well, -top, barrier, eb, parabola_switch(well, -top))
    assert theory.published == pytest.approx(published, rel=1e-12)
    assert theory.time(1.0) / theory.published == pytest.approx(top / well, rel=1e-12)
    assert theory.time(0.5) / theory.published == pytest.approx(sqrt(top / well), rel=1e-12)


def test_slope_of_the_logarithm_of_the_time():
    fine, coarse = (line_passage(frozen(eb, 0.0), -1.0, 1.0).log_mean for eb in (0.00625, 0.0125))
    assert (fine - coarse) / (1 / 0.00625 - 1 / 0.0125) == pytest.approx(0.194257, abs=1e-6)


def test_flat_minima_at_fixed_barrier():
    assert flatness_ratio(2.0, 8.0, 0.25, 0.025, 0.5) == pytest.approx(6.520819, rel=1e-7)
    assert white_flatness_ratio(2.0, 8.0) == 2.0


@pytest.mark.parametrize(("eb", "value"), [(0.1, 66.228204290359), (0.05, 6545.7650634108)])
@pytest.mark.parametrize("h", [1.0, 4.0])
def test_no_preference_at_fixed_distance(eb, value, h):
    assert h * fixed_radius_time(h, 1.0, eb) == pytest.approx(value, rel=1e-13)
    process = LineProcess(eb * h, drift=lambda x: -h * x)
    assert h * exit_passage(process, 0.0, (-1, 1)).mean == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize(("k", "expected"), [(2.0, 92.5980109075092), (0.5, 36928177.7302921)])
def test_rescaling_is_exact(k, expected):
    def rate(eb):
        return line_passage(frozen(eb, 1.0), -1.0, 1.0).rate

    assert 1 / rescaled_rate(rate, k, 0.025) == pytest.approx(expected, rel=1e-13)


#: eps, eb Phi from the minimum to the saddle of the quartic, s that would give it.
CLIMBS = [
    (1, 0.212675761626, 0.2986),
    (0.5, 0.340732067823, -0.7259),
    (0.2, 0.535063964535, -2.2805),
    (0.1, 0.687663486735, -3.5013),
    (0.05, 0.841333208414, -4.7307),
    (0.01, 1.19886951801, -7.5910),
]


def climb(eps):
    process = LineProcess(lambda x: np.hypot(3 * x * x - 1, eps), drift=push)
    return process.climb(-1.0, 0.0)


@pytest.mark.parametrize(("eps", "expected", "switch"), CLIMBS)
def test_climb_with_a_floor(eps, expected, switch):
    assert climb(eps) == pytest.approx(expected, rel=5e-12)
    found = effective_switch(climb(eps), 0.25, 2.0, -1.0)
    assert found == pytest.approx(switch, abs=6e-5)


def test_vanishing_noise_diverges_by_its_slope():
    slope = floor_slope(push(SWITCH), 6 * SWITCH)
    assert slope == pytest.approx(2 / 9, rel=1e-14)
    rise = climb(0.01) - climb(0.1)
    assert rise == pytest.approx(0.511206, abs=1e-6)
    assert rise == pytest.approx(slope * log(10), rel=1e-3)


@pytest.mark.parametrize(
    ("kappa", "time", "ratio"),
    [
        (1.0, 30259564162029.0, 0.9856),
        (0.5, 12746101835635.0, 1.0169),
        (0.0, 5374417965177.0, 1.0503),
    ],
)
def test_noise_proportional_to_the_loss(kappa, time, ratio):
    formula = exp(loss_noise_log_time((2.0, -1.0), (0.05, 0.3), 1 / 16, kappa))
    assert time / formula == pytest.approx(ratio, abs=6e-5)


@pytest.mark.parametrize(("floor", "times"), FLOORS.items())
def test_pinned_times_with_a_floor(floor, times):
    def mean(eb, kappa, end):
        process = LineProcess(
            lambda x: eb * np.hypot(3 * x * x - 1, floor), drift=push, kappa=kappa
        )
        return line_passage(process, -1.0, end).mean

    ways = [(0.05, 1.0, 1.0), (0.05, 0.5, 1.0), (0.05, 0.0, 1.0), (0.05, 1.0, 0.0)]
    ways += [(0.025, 1.0, 1.0), (0.025, 0.0, 1.0)]
    for way, exact in zip(ways, times, strict=True):
        # some of the sheet have 12 digits only
        assert mean(*way) == pytest.approx(exact, rel=5e-12)


def test_pinned_times_on_parabolas_in_strong_noise():
    well, top, reach = 4.0, 1.0, sqrt(2 * 5 / 4)
    joint = reach - top * reach / (well + top)  # from the top

    def drift(x):
        beyond = np.abs(x) > joint
        return np.where(beyond, -well * (x - np.sign(x) * reach), top * x)

    for kappa, exact in zip((1.0, 0.5, 0.0), STRONG, strict=True):
        process = LineProcess(
            lambda x: 0.25 * np.where(np.abs(x) > joint, well, top),
            drift=drift,
            kappa=kappa,
            breaks=[-joint, joint],
        )
        assert line_passage(process, -reach, joint).mean == pytest.approx(exact, rel=1e-11)
    law = FrozenEscape(well, -top, 1.0, 0.25, parabola_switch(well, -top))
    assert law.published == pytest.approx(188.27, rel=3e-5)
    assert not law.valid
