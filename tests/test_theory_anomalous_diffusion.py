"""Powers of time from spectra of the Hessian."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.theory.anomalous_diffusion import AnomalousDiffusion, spectral_exponent
from fokkerplanck.theory.limiting_dynamics import LimitingDynamics


@pytest.mark.parametrize(("a", "slope"), [(1.3, 0.3138), (1.5, 0.5024), (1.8, 0.8001)])
def test_pinned_slopes(a, slope):
    """E8 of the theory sheet: from t = 1e4 to 2e4, h in (0, 1]."""
    found = AnomalousDiffusion.from_density(a, inertia=False)
    first, second = found.displacements([1e4, 2e4])
    assert np.log2(second / first) == pytest.approx(slope, abs=5e-5)
    # the integral in closed form
    t = mpmath.mpf(1e4)
    due = -(1 - mpmath.exp(-t)) / (a - 1) + t ** (a - 1) * mpmath.gammainc(2 - a, 0, t) / (a - 1)
    assert first == pytest.approx(float(due), rel=1e-12)


@pytest.mark.parametrize("inertia", [True, False])
@pytest.mark.parametrize(("noise", "a", "c"), [("hessian", 1.5, 0.5), ("isotropic", 0.5, 0.5)])
def test_exponent_in_the_window(inertia, noise, a, c):
    found = AnomalousDiffusion.from_density(
        a, 1e-12, 1.0, learning_rate=0.1, momentum=0.9, noise=noise, inertia=inertia
    )
    law = found.prediction(a)
    assert law.exponent == pytest.approx(c)
    assert law.valid
    begin, end = law.window
    inside = np.geomspace(1e4 * begin, 1e-4 * end, 5)
    np.testing.assert_allclose(found.exponents(inside), c, rtol=1e-2)
    # outside: ballistic or normal before, saturated after
    early = found.exponents([1e-3 * begin])[0]
    assert early == pytest.approx(2.0 if inertia else 1.0, rel=1e-2)
    assert found.exponents([1e3 * end])[0] < 1e-2


def test_local_exponents_are_derivatives():
    found = AnomalousDiffusion.from_density(1.4, 1e-6, 1.0, learning_rate=0.1, momentum=0.9)
    t = np.array([0.3, 7.0, 2e3])
    ahead, back = found.displacements(t * 1.001), found.displacements(t / 1.001)
    due = np.log(ahead / back) / (2 * np.log(1.001))
    np.testing.assert_allclose(found.exponents(t), due, rtol=1e-5)


def test_modes_are_those_of_the_limiting_dynamics():
    h = np.geomspace(1e-4, 2.0, 60)
    found = AnomalousDiffusion(h, 0.1, 0.9, 32, residual_variance=0.5)
    due = LimitingDynamics(h, 0.1, 0.9, 32, residual_variance=0.5)
    t = np.array([0.1, 3.0, 1e3])
    np.testing.assert_allclose(found.displacements(t), due.displacements(t).sum(axis=1), rtol=1e-12)
    twice = AnomalousDiffusion(h, 0.1, 0.9, 32, weights=np.full(60, 2.0))
    np.testing.assert_allclose(twice.displacements(t), 4 * found.displacements(t), rtol=1e-12)


@pytest.mark.parametrize(
    ("noise", "a", "exponent", "words"),
    [
        ("hessian", 2.5, 1.0, "normal"),
        ("hessian", 0.5, 0.0, "saturates"),
        ("isotropic", 1.5, 1.0, "normal"),
        ("isotropic", -0.5, 0.0, "saturates"),
        ("hessian", 2.0, 1.0, "logarithm"),
    ],
)
def test_other_densities(noise, a, exponent, words):
    found = AnomalousDiffusion.from_density(a, 1e-14, 1.0, noise=noise, inertia=False)
    law = found.prediction(a)
    assert (law.exponent, law.valid) == (exponent, words != "logarithm")
    assert words in law.note
    if words != "logarithm":
        middle = np.sqrt(np.prod(law.window))
        assert found.exponents([middle])[0] == pytest.approx(exponent, abs=2e-2)


def test_narrow_spectra_are_said_to_be():
    law = AnomalousDiffusion([0.5, 1.0]).prediction(1.5)
    assert not law.valid
    assert "only" in law.note


def test_spectral_exponent():
    rng = np.random.default_rng(0)
    for a in (0.5, 1.0, 1.5, 2.2):
        low, u = 1e-5, rng.uniform(size=4000)
        h = low**u if a == 1 else (low ** (1 - a) + u * (1 - low ** (1 - a))) ** (1 / (1 - a))
        found, error = spectral_exponent(np.append(h, [0.0, -1.0, 7.0]), low, 1.0)
        assert abs(found - a) < 4 * error
        assert error < 0.05
    with pytest.raises(CaseError, match="three positive"):
        spectral_exponent([1.0, 2.0])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: AnomalousDiffusion([0.0, 1.0]), "positive"),
        (lambda: AnomalousDiffusion([1.0], noise="white"), "isotropic"),
        (lambda: AnomalousDiffusion([1.0], momentum=1.0), "momentum"),
        (lambda: AnomalousDiffusion.from_density(2.0), "infinite"),
        (lambda: AnomalousDiffusion.from_density(1.2, noise="isotropic"), "infinite"),
        (lambda: AnomalousDiffusion.from_density(1.5, 2.0, 1.0), "low < high"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(CaseError, match=words):
        call()
