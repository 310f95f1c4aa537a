"""Predictions for inertial motion: functions of landscape, friction and temperature."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from fokkerplanck import landscapes
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.theory.inertial_predictions import INERTIAL, inertial_passage, inertial_process
from fokkerplanck.theory.klein_kramers import LAWS, inertial_wells

LINE = Grid.line(-2.4, 2.4, 256)
QUARTIC = landscapes.quartic()


@pytest.mark.parametrize("name", ["kramers-grote-hynes", "melnikov-meshkov", "energy-diffusion"])
def test_rates_are_those_of_the_laws(name):
    wells = inertial_wells(QUARTIC, LINE, 0.3, 0.025)
    ask = INERTIAL[name]
    slow = ask(QUARTIC, LINE, 0.3, 0.025, "spectrum.0")
    assert slow.value == pytest.approx(wells.relaxation(name).rate)
    assert slow.valid == wells.relaxation(name).valid
    digits = ask(QUARTIC, LINE, 0.3, 0.025, "spectrum_modes.log10_rates.0").value
    assert 10**digits == pytest.approx(slow.value)
    rate = ask(QUARTIC, LINE, 0.3, 0.025, "rates.rates.0.-1")
    assert rate.value == pytest.approx(slow.value / 2)
    passage = inertial_passage(QUARTIC, LINE, 0.3, 0.025, (0, 1), "mean", law=name)
    # the first passage: nothing comes back from beyond
    first = LAWS[name](wells.escapes[0, 1].absorbed)
    assert passage.value == pytest.approx(first.time)
    assert first.rate >= slow.value / 2 * (1 - 1e-12)
    decimal = inertial_passage(QUARTIC, LINE, 0.3, 0.025, (0, 1), "log10_mean", law=name)
    assert decimal.value == pytest.approx(log(first.time) / log(10))


def test_low_barriers_and_wrong_regimes_are_not_valid():
    low = INERTIAL["melnikov-meshkov"](QUARTIC, LINE, 1.0, 0.1, "spectrum.0")
    assert not low.valid
    assert "below 5" in low.note
    strong = INERTIAL["energy-diffusion"](QUARTIC, LINE, 5.0, 0.02, "spectrum.0")
    assert not strong.valid
    assert "off the law" in strong.note
    assert np.isfinite(strong.value)


def test_what_there_is_no_law_for():
    single = landscapes.from_expression("x**2")
    found = INERTIAL["melnikov-meshkov"](single, LINE, 1.0, 0.1, "spectrum.0")
    assert not found.valid
    assert "two wells" in found.note
    for quantity in ("spectrum.1", "rates.rates.0.7", "stationary.mean.0"):
        with pytest.raises(CaseError, match="does not predict"):
            INERTIAL["melnikov-meshkov"](QUARTIC, LINE, 1.0, 0.04, quantity)
    with pytest.raises(CaseError, match="does not predict"):
        inertial_passage(QUARTIC, LINE, 1.0, 0.04, (0, 1), "median")
    assert not inertial_passage(QUARTIC, LINE, 1.0, 0.04, (0, 0), "mean").valid


def test_a_passage_over_two_tops_is_that_of_the_chain():
    three = landscapes.from_expression("x**2 * (x**2 - 1)**2")
    grid, g, t = Grid.line(-1.6, 1.6, 256), 5.0, 0.01
    wells = inertial_wells(three, grid, g, t)
    out = wells.rate(0, 1).rate
    back, on = wells.rate(1, 0).rate, wells.escapes[1, 2].absorbed.melnikov_meshkov.rate
    due = 1 / out + (1 + back / out) / on
    assert wells.passage(0, 2).time == pytest.approx(due, rel=1e-12)


def test_stationary_moments_in_parabolas():
    ask = INERTIAL["limiting-dynamics"]
    bowl = landscapes.from_expression("1.5*(x - 0.2)**2")
    phase = Grid.plane((-2, 2, 32), (-3, 3, 32))
    found = [ask(bowl, phase, 0.7, 0.1, f"stationary.covariance.{i}.{i}").value for i in (0, 1)]
    assert found == [pytest.approx(0.1 / 3), pytest.approx(0.1)]
    assert ask(bowl, phase, 0.7, 0.1, "stationary.covariance.0.1").value == pytest.approx(
        0, abs=1e-15
    )
    assert ask(bowl, phase, 0.7, 0.1, "stationary.mean.0").value == pytest.approx(0.2)
    made = ask(bowl, phase, 0.7, 0.1, "stationary.entropy_production").value
    assert made == pytest.approx(0.0, abs=1e-25)
    plane = landscapes.from_expression("x**2 + x*y/2 + y**2/2", 2)
    h = np.array([[2.0, 0.5], [0.5, 1.0]])
    process = inertial_process(plane, Grid.plane((-2, 2, 8), (-3, 3, 8)), 0.7, 0.1)
    due = np.block(
        [[0.1 * np.linalg.inv(h), np.zeros((2, 2))], [np.zeros((2, 2)), 0.1 * np.eye(2)]]
    )
    np.testing.assert_allclose(process.stationary_covariance, due, atol=1e-14)


def test_other_landscapes_have_no_linear_process():
    assert "no parabola" in inertial_process(QUARTIC, LINE, 1.0, 0.1)
    assert "no minimum" in inertial_process(landscapes.from_expression("-x**2"), LINE, 1.0, 0.1)
    found = INERTIAL["limiting-dynamics"](QUARTIC, LINE, 1.0, 0.1, "stationary.mean.0")
    assert (found.valid, found.note) == (False, "the loss is no parabola")
    with pytest.raises(CaseError, match="does not predict"):
        INERTIAL["limiting-dynamics"](QUARTIC, LINE, 1.0, 0.1, "spectrum.0")
