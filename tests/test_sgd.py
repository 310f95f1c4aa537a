"""The dictionary between SGD and its diffusion: pinned numbers and exact laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck import sgd
from fokkerplanck.errors import CaseError

positive = st.floats(1e-4, 1e4)


def test_diffusion_scale_is_learning_rate_over_twice_the_batch():
    assert sgd.diffusion_scale(0.1, 20) == pytest.approx(0.0025, rel=1e-15)


def test_drawing_without_replacement_shrinks_the_noise():
    full = sgd.diffusion_scale(0.1, 20)
    assert sgd.diffusion_scale(0.1, 20, 100) == pytest.approx(full * 80 / 99, rel=1e-15)
    assert sgd.diffusion_scale(0.1, 1, 100) == pytest.approx(sgd.diffusion_scale(0.1, 1), rel=1e-15)


def test_noise_of_a_batch_without_replacement_by_enumeration():
    rng = np.random.default_rng(1)
    g = rng.normal(size=6)
    g -= g.mean()
    pairs = [(g[i] + g[j]) / 2 for i in range(6) for j in range(i)]
    eb = sgd.diffusion_scale(1.0, 2, 6)
    assert 2 * eb * np.mean(g**2) == pytest.approx(np.mean(np.square(pairs)), rel=1e-13)


def test_momentum_multiplies_noise_and_clock():
    assert sgd.diffusion_scale(0.1, 20, momentum=0.9) == pytest.approx(0.025, rel=1e-14)
    assert sgd.steps_to_time(1000, 0.1, momentum=0.9) == pytest.approx(1000, rel=1e-14)


@settings(deadline=None, max_examples=30)
@given(positive, positive, st.floats(0, 0.99))
def test_steps_and_time_are_inverse(steps, rate, beta):
    time = sgd.steps_to_time(steps, rate, beta)
    assert sgd.time_to_steps(time, rate, beta) == pytest.approx(steps, rel=1e-13)


def test_epochs():
    assert sgd.steps_to_epochs(500, 20, 1000) == 10
    assert sgd.epochs_to_steps(10, 20, 1000) == 500


def test_embedding_pinned():
    ou = sgd.embedding(0.2, 1.0, 1.0)
    assert ou.rate == pytest.approx(1.115717756571049, rel=1e-14)
    assert ou.variance == pytest.approx(0.111111111111111, rel=1e-13)
    assert sgd.stationary_variance(0.2, 1.0, 1.0) == pytest.approx(1 / 9, rel=1e-15)


@settings(deadline=None, max_examples=50)
@given(st.floats(1e-12, 0.999), st.floats(1e-3, 1e3), positive)
def test_embedded_process_has_the_mean_and_variance_of_every_step(step, h, c):
    eta = step / h
    ou = sgd.embedding(eta, h, c)
    decay = np.exp(-ou.rate * eta)
    assert decay == pytest.approx(1 - eta * h, rel=1e-12)
    # variance added over one step of the process = eta^2 c
    added = -ou.variance * np.expm1(-2 * ou.rate * eta)
    assert added == pytest.approx(eta**2 * c, rel=1e-10)
    assert ou.variance == pytest.approx(sgd.stationary_variance(eta, h, c), rel=1e-10)


def test_embedding_tends_to_the_diffusion_approximation():
    ou = sgd.embedding(1e-6, 3.0, 2.0)
    assert ou.rate == pytest.approx(3.0, rel=1e-5)
    assert ou.diffusion == pytest.approx(1e-6 * 2.0 / 2, rel=1e-5)


def test_learning_rate_check_returns_the_largest_product():
    hessians = np.array([[[1.0, 0.0], [0.0, 4.0]], [[0.0, 3.0], [3.0, 0.0]]])
    assert sgd.check_learning_rate(0.1, hessians) == pytest.approx(0.4)
    assert sgd.check_learning_rate(0.1, -2.0) == pytest.approx(-0.2)


def test_learning_rate_past_the_stability_limit_is_refused():
    with pytest.raises(CaseError, match=r"stable only below .* = 2$"):
        sgd.check_learning_rate(0.5, 4.0)
    # momentum widens the limit to 2 (1 + beta), which the recursion itself shows
    assert sgd.check_learning_rate(0.9, 4.0, momentum=0.9) == pytest.approx(3.6)
    eigenvalues = np.linalg.eigvals([[1 + 0.9 - 3.6, -0.9], [1, 0]])
    assert np.abs(eigenvalues).max() < 1
    with pytest.raises(CaseError):
        sgd.check_learning_rate(0.951, 4.0, momentum=0.9)


@pytest.mark.parametrize(
    ("call", "key"),
    [
        (lambda: sgd.diffusion_scale(0.0, 1), "noise.learning_rate"),
        (lambda: sgd.diffusion_scale(0.1, float("nan")), "noise.batch_size"),
        (lambda: sgd.diffusion_scale(0.1, 10, 10), "noise.dataset_size"),
        (lambda: sgd.diffusion_scale(0.1, 1, momentum=1.0), "sgd.momentum"),
        (lambda: sgd.embedding(1.0, 1.0, 1.0), "learning_rate"),
        (lambda: sgd.stationary_variance(2.0, 1.0, 1.0), "learning_rate"),
    ],
)
def test_bad_numbers_are_refused(call, key):
    with pytest.raises(CaseError) as error:
        call()
    assert error.value.key == key
