"""SGD after a number of steps, and settings that are the same diffusion."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.sgd import diffusion_scale, embedding
from fokkerplanck.theory.discrete_steps import after_steps
from fokkerplanck.theory.equal_ratio import equivalent
from fokkerplanck.theory.three_factors import discrete_covariance

H = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 0.7]])
C = np.array([[1.0, -0.3, 0.1], [-0.3, 0.5, 0.0], [0.1, 0.0, 2.0]]) / 8


@pytest.mark.parametrize("beta", [0.0, 0.7])
def test_steps_one_by_one(beta):
    eta, start, centre = 0.2, np.array([1.0, 2.0, -1.0]), np.array([0.5, 0.0, 0.0])
    spread = 0.1 * np.eye(3)
    step = np.block([[np.eye(3) - eta * H, eta * beta * np.eye(3)], [-H, beta * np.eye(3)]])
    kick = np.vstack([eta * np.eye(3), np.eye(3)])
    mean = np.append(start - centre, np.zeros(3))
    z = np.zeros((6, 6))
    z[:3, :3] = spread
    for k in range(30):
        found = after_steps(k, H, C, eta, beta, mean=start, covariance=spread, centre=centre)
        np.testing.assert_allclose(found.mean, centre + mean[:3], atol=1e-13)
        np.testing.assert_allclose(found.covariance, z[:3, :3], atol=1e-13)
        mean, z = step @ mean, step @ z @ step.T + kick @ C @ kick.T
    late = after_steps(5000, H, C, eta, beta, mean=start, centre=centre)
    np.testing.assert_allclose(late.covariance, discrete_covariance(H, C, eta, beta), rtol=1e-12)
    np.testing.assert_allclose(late.mean, centre, atol=1e-14)


def test_one_variable_is_the_embedded_process():
    eta, h, c = 0.2, 1.0, 1.0
    process = embedding(eta, h, c)
    for k in (1, 4, 20):
        found = after_steps(k, h, c, eta, mean=3.0)
        decay = np.exp(-process.rate * eta * k)
        assert found.mean.item() == pytest.approx(3 * decay, rel=1e-12)
        due = process.variance * (1 - decay**2)
        assert found.covariance.item() == pytest.approx(due, rel=1e-12)
    assert process.variance == pytest.approx(0.111111111111111, rel=1e-13)


def setting(eta, batch, beta=0.0, size=None):
    return SimpleNamespace(
        learning_rate=eta,
        batch_size=batch,
        momentum=beta,
        dataset_size=size,
        eb=diffusion_scale(eta, batch, None, beta),
    )


def test_equal_ratio_is_the_same_run_in_time():
    found = equivalent(setting(0.01, 8), setting(0.04, 32), H)
    assert found.equal
    assert found.valid
    assert found.steps == pytest.approx(0.25)  # fewer steps
    assert found.epochs == pytest.approx(1.0)  # of the same data
    assert not equivalent(setting(0.01, 8), setting(0.01, 16)).equal
    # momentum counts by 1 / (1 - beta)
    assert equivalent(setting(0.01, 8), setting(0.005, 8, 0.5)).equal


def test_where_equal_ratio_breaks():
    steep = equivalent(setting(0.01, 8), setting(0.4, 320), H)
    assert steep.equal
    assert "curvature = 0.884" in steep.note
    full = equivalent(setting(0.01, 8, 0.0, 1000), setting(0.04, 320, 0.0, 1000))
    assert "0.32 of all samples" in full.note
    with pytest.raises(CaseError, match="diverges"):
        equivalent(setting(0.01, 8), setting(1.0, 800), H)
