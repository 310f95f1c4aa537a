"""Escape on the line of two networks under a stable law that is fitted to their noise."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.in_plane import InPlane
from fokkerplanck.tail_network_line import amplitude, line_noise, line_times

LINE = Path(__file__).parents[1] / "cases/resnet/line.h5"
CASE = Path(__file__).parents[1] / "cases/heavy_tails/network_line.toml"
START, TARGET = -0.134, 9.192


@cache
def plane():
    return InPlane.load(LINE)


@pytest.fixture(scope="module")
def noise():
    return line_noise(plane(), START)


def test_amplitude_is_that_of_the_steps():
    """``eta sigma S`` at each step is a Levy motion of amplitude s over the time eta."""
    alpha, sigma, eta = 1.3, 0.2, 2.5
    assert amplitude(alpha, sigma, eta) * eta ** (1 / alpha) == pytest.approx(eta * sigma)
    # Gaussian noise of variance C: temperature s^2 = eta C / 2
    assert amplitude(2.0, (0.5) ** 0.5, eta) ** 2 == pytest.approx(eta / 2)


def test_noise_at_the_minimum(noise):
    gradients = plane().table.at(np.array([[START]]))[0, :, 0]
    assert noise.deviation == pytest.approx(gradients.std())
    assert noise.largest == pytest.approx(-gradients.min())
    assert 0.8 < noise.alpha < 1.0
    # 1797 samples tell it from a stable law, and batches of 128 are Gaussian
    assert noise.p_value <= 0.01
    many = line_noise(plane(), START, 128, 2048)
    assert many.alpha == pytest.approx(2, abs=3 * many.alpha_error)
    # up to the excess over 128
    assert many.scale == pytest.approx(noise.deviation / 256**0.5, rel=0.05)


def test_times_of_the_models(noise):
    """The chain is that of cases/resnet/README.md; walkers with stable steps obey the equation."""
    found = line_times(plane(), noise, TARGET, 2.5, cells=512)
    assert found.sgd == pytest.approx(3237, rel=1e-3)
    assert found.ito == pytest.approx(13394, rel=2e-3)
    assert found.gaussian > 1e8
    assert abs(found.walk - found.levy) < 4 * found.walk_error
    # one jump over the top: no more than the loss beside it
    assert found.levy == pytest.approx(1 / found.chance, rel=0.2)
    assert found.leap > noise.largest
    assert found.sgd > 20 * found.levy
    case = tomllib.loads(CASE.read_text(encoding="utf-8"))
    assert case["noise"]["alpha"] == pytest.approx(noise.alpha, rel=1e-9)
    assert case["noise"]["scale"] == pytest.approx(found.scale, rel=1e-9)
    exact, _, _, _, walked, leaps = (one["value"] for one in case["expect"])
    # the line of the case is cut 0.008 shorter
    assert exact == pytest.approx(2.5 * found.levy, rel=3e-4)
    assert walked == pytest.approx(2.5 * found.walk, rel=1e-2)
    assert leaps == pytest.approx(2.5 / found.chance, rel=1e-3)


def test_no_barrier_no_escape(noise):
    with pytest.raises(CaseError, match="no maximum of the loss between"):
        line_times(plane(), noise, 2.0, 2.5)
