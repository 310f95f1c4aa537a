"""Closed forms under stable noise: pinned values, and one against another."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from fokkerplanck import theory
from fokkerplanck.errors import CaseError
from fokkerplanck.theory import levy

CONSTANTS = {
    0.5: 0.199471140200716,
    1.0: 0.318309886183791,
    1.2: 0.333549429912248,
    1.5: 0.299206710301075,
    1.8: 0.164904938818303,
}


@pytest.mark.parametrize(("alpha", "value"), CONSTANTS.items())
def test_jump_constant(alpha, value):
    assert levy.jump_constant(alpha) == pytest.approx(value, rel=1e-13)


@pytest.mark.parametrize("alpha", [0.5, 1.2, 1.5])
def test_the_jump_constant_belongs_to_the_characteristic_function(alpha):
    """The integral of C (1 - cos y) |y|^(-1 - alpha) is 1: that of e^(-t |w|^alpha) at w = 1."""
    near, _ = quad(lambda y: (1 - np.cos(y)) * y ** (-1 - alpha), 0, 1, epsabs=1e-12)
    tail = 1 / alpha
    waves, _ = quad(lambda y: y ** (-1 - alpha), 1, np.inf, weight="cos", wvar=1.0)
    assert 2 * levy.jump_constant(alpha) * (near + tail - waves) == pytest.approx(1, abs=1e-7)


def test_getoor():
    centre = {0.5: 1.12837916709551, 1.0: 1.0, 1.2: 0.90760368421528}
    centre |= {1.5: 0.752252778063675, 1.8: 0.596484041128241, 2.0: 0.5}
    for alpha, value in centre.items():
        assert levy.getoor_time(0.0, alpha) == pytest.approx(value, rel=1e-13)
    assert levy.getoor_time(0.5, 1.5) == pytest.approx(0.606261162328465, rel=1e-13)
    assert levy.getoor_time(1.5, 1.5) == 0.0
    # Gaussian noise of diffusivity 1: (r^2 - x^2) / 2 n
    assert levy.getoor_time(0.5, 2.0, radius=2.0, dim=3) == pytest.approx((4 - 0.25) / 6, rel=1e-13)


def test_exit_time_in_both_normalisations():
    right = levy.levy_exit_time(1.5, 0.01, 1.0, 1.0)
    assert right.value == pytest.approx(2506.62827463, rel=1e-11)
    assert right.valid
    bare = levy.levy_exit_time(1.5, 0.01, 1.0, 1.0, normalisation="bare")
    assert right.value / bare.value == pytest.approx(3.342, abs=1e-3)
    loud = levy.levy_exit_time(1.5, 0.1, 1.0, 1.0)
    assert not loud.valid
    assert "weak noise" in loud.note


def test_rates_between_wells():
    two = levy.levy_well_rates([-1, 1], [0], 1.5, 0.01)
    time = levy.levy_transition_time(-1, 0, 1.5, 0.01)
    assert two[0, 1] == pytest.approx(1 / time, rel=1e-13)
    assert time == pytest.approx(2 * 2506.62827463, rel=1e-11)
    three = levy.levy_well_rates([-2, 0, 3], [-1, 1], 1.2, 0.01)
    assert three.sum(axis=1) == pytest.approx(np.zeros(3), abs=1e-18)
    # all that leaves a well leaves its interval
    leave = levy.levy_exit_time(1.2, 0.01, 1.0, 1.0).value
    assert -three[1, 1] == pytest.approx(1 / leave, rel=1e-13)


def test_ornstein_uhlenbeck_law():
    value = levy.levy_ou_characteristic(1.0, 1.5, 1.0)
    assert complex(value) == pytest.approx(0.513417119032592, rel=1e-14)
    early = levy.levy_ou_characteristic(1.0, 1.5, 1.0, 2.0, time=1e-9, start=0.3)
    assert complex(early) == pytest.approx(np.exp(0.3j), abs=1e-8)


def test_cauchy_densities():
    peak = 0.707106781186548
    assert levy.cauchy_quartic([0.0, peak]) == pytest.approx([0.318309886183791, 0.424413181578388])
    for scale, middle, well in (
        (1.0, 0.148195925829141, 0.466505812012932),
        (0.25, 0.0713554861520454, 1.34459503088721),
    ):
        found = levy.cauchy_double_well([0.0, 1.0], scale)
        assert found == pytest.approx([middle, well], rel=1e-13)
        second, _ = quad(lambda x, s=scale: x**2 * levy.cauchy_double_well(x, s), -np.inf, np.inf)
        mass, _ = quad(lambda x, s=scale: levy.cauchy_double_well(x, s), -np.inf, np.inf)
        assert mass == pytest.approx(1, abs=1e-8)
        expected = {1.0: 1.46557123187677, 0.25: 1.05604246777215}[scale]
        assert second == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("alpha", [0.0, -1.0, 2.1, float("nan")])
def test_indices_are_checked(alpha):
    with pytest.raises(CaseError, match=r"noise\.alpha.*above 0"):
        levy.getoor_time(0.0, alpha)


def test_one_long_jump_is_no_gaussian_escape():
    with pytest.raises(CaseError, match="below 2"):
        levy.levy_exit_time(2.0, 0.1, 1.0, 1.0)
    with pytest.raises(CaseError, match="one maximum between"):
        levy.levy_well_rates([-1, 1], [2], 1.5, 0.1)
    assert theory.getoor_time is levy.getoor_time
