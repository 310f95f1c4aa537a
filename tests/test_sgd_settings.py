"""Hyper-parameters of SGD: the noise they make, and the clock against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fokkerplanck import Grid, Problem, landscapes, noise
from fokkerplanck.errors import CaseError
from fokkerplanck.sgd_settings import SGD

TIMES = np.array([0.0, 3.0, 0.01, 40.0, 1.0])


@pytest.mark.parametrize(
    ("given", "eb", "step"),
    [
        ({}, 0.1 / 16, 0.1),
        ({"dataset_size": 50}, 0.1 / 16, 0.1),
        ({"dataset_size": 50, "replacement": False}, 0.1 / 16 * 42 / 49, 0.1),
        ({"momentum": 0.9}, 0.1 / 1.6, 1.0),
        ({"momentum": 0.5, "dataset_size": 50, "replacement": False}, 0.1 / 8 * 42 / 49, 0.2),
        ({"weight_decay": 0.3}, 0.1 / 16, 0.1),
    ],
)
def test_scale_of_the_noise_and_time_of_a_step(given, eb, step):
    sgd = SGD(0.1, 8, **given)
    assert sgd.eb == pytest.approx(eb, rel=1e-14)
    assert sgd.step == pytest.approx(step, rel=1e-14)
    assert sgd.steps(7.0) * sgd.step == pytest.approx(7.0)
    assert sgd.time(sgd.steps(TIMES)) == pytest.approx(TIMES, rel=1e-14)


def test_epochs_of_a_constant_learning_rate():
    sgd = SGD(0.1, 8, 1000, momentum=0.5)
    assert sgd.epochs(20.0) == pytest.approx(100 * 8 / 1000)
    assert sgd.time(0.8, "epochs") == pytest.approx(20.0)
    with pytest.raises(CaseError, match="dataset_size"):
        SGD(0.1, 8).epochs(1.0)


def test_steps_under_a_decaying_learning_rate():
    """Of eta = eta0 e^(-t/tau): k = (1 - beta) tau / eta0 (e^(t/tau) - 1)."""
    sgd = SGD(0.1, 8, 500, momentum=0.3, learning_rate_of_t="0.1*exp(-t/s)", parameters={"s": 3.0})
    steps = 0.7 * 3.0 / 0.1 * np.expm1(TIMES / 3.0)
    np.testing.assert_allclose(sgd.steps(TIMES), steps, rtol=1e-12)
    np.testing.assert_allclose(sgd.epochs(TIMES), steps * 8 / 500, rtol=1e-12)
    np.testing.assert_allclose(sgd.time(steps), TIMES, rtol=1e-12)
    np.testing.assert_allclose(sgd.time(steps * 8 / 500, "epochs"), TIMES, rtol=1e-12)


def test_epochs_of_growing_batches():
    """Of B = B0 (1 + t): B0 (t + t^2/2) / (eta N); steps stay those of the learning rate."""
    sgd = SGD(0.1, 8, 500, batch_size_of_t="8*(1 + t)")
    np.testing.assert_allclose(sgd.steps(TIMES), TIMES / 0.1, rtol=1e-14)
    epochs = 8 * (TIMES + TIMES**2 / 2) / (0.1 * 500)
    np.testing.assert_allclose(sgd.epochs(TIMES), epochs, rtol=1e-12)
    np.testing.assert_allclose(sgd.time(epochs, "epochs"), TIMES, rtol=1e-12)


def test_a_jump_of_the_learning_rate_is_seen_to_rounding():
    sgd = SGD(0.1, 8, learning_rate_of_t="where(t < 10, 0.1, 0.001)")
    times = np.array([5.0, 10.0, 10.5, 1e4])
    steps = np.where(times < 10, times / 0.1, 100 + (times - 10) / 0.001)
    np.testing.assert_allclose(sgd.steps(times), steps, rtol=1e-12)
    np.testing.assert_allclose(sgd.time(steps), times, rtol=1e-12)


def test_steps_that_are_never_taken():
    sgd = SGD(0.1, 8, learning_rate_of_t="0.1*(1 + t)**2")  # all steps together: 10
    assert sgd.time(9.0) == pytest.approx(9.0, rel=1e-10)
    with pytest.raises(CaseError, match="never comes"):
        sgd.time(10.5)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.01, 1), st.floats(0.1, 50), st.floats(0, 0.95), st.floats(0, 30))
def test_clock_of_a_rational_schedule_goes_back_and_forth(rate, tau, beta, time):
    sgd = SGD(
        rate, 4, momentum=beta, learning_rate_of_t="r / (1 + t/s)", parameters={"r": rate, "s": tau}
    )
    steps = (1 - beta) / rate * (time + time**2 / (2 * tau))
    assert sgd.steps(time) == pytest.approx(steps, rel=1e-12)
    assert sgd.time(steps) == pytest.approx(time, rel=1e-11, abs=1e-14)


@pytest.mark.parametrize(
    ("eta", "batch"),
    [
        ("0.1*exp(-t/3)", "8/exp(t/3)"),
        ("0.1/(1 + t)", "8/(t + 1)"),
        ("where(t < 10, 0.1, 1.0)", "where(t < 10, 8, 80)"),
        ("0.05 + 0.05*cos(t)**2", "8 - 4*sin(t)**2"),
    ],
)
def test_schedules_that_keep_the_ratio_leave_the_noise_alone(eta, batch):
    sgd = SGD(0.1, 8, learning_rate_of_t=eta, batch_size_of_t=batch)
    assert sgd.scheduled
    assert sgd.schedule is None
    assert noise.hessian(sgd=sgd).schedule is None


def test_schedules_that_change_the_ratio():
    sgd = SGD(0.1, 8, 100, replacement=False, batch_size_of_t="8*(1 + t)")
    assert sgd.schedule is not None
    assert sgd.schedule.factor(1.0) == pytest.approx(0.5 * (100 - 16) / (100 - 8), rel=1e-14)
    # the same ratio of learning rate and batch size, but another part of the samples
    both = SGD(0.1, 8, 100, False, learning_rate_of_t="0.1*(1 + t)", batch_size_of_t="8*(1 + t)")
    assert both.schedule is not None
    twice = SGD(0.1, 8, learning_rate_of_t="0.2*(1 + t)", batch_size_of_t="8*(1 + t)")
    assert twice.schedule is not None
    assert twice.schedule.factor(3.0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: SGD(0.0, 8), "sgd.learning_rate"),
        (lambda: SGD(0.1, -1), "sgd.batch_size"),
        (lambda: SGD(0.1, 8, replacement=False), "sgd.dataset_size"),
        (lambda: SGD(0.1, 8, float("nan")), "sgd.dataset_size"),
        (lambda: SGD(0.1, 8, 8, replacement=False), "noise.dataset_size"),
        (lambda: SGD(0.1, 8, momentum=1.0), "sgd.momentum"),
        (lambda: SGD(0.1, 8, weight_decay=-1.0), "sgd.weight_decay"),
        (lambda: noise.hessian(0.1, 8, sgd=SGD(0.1, 8)), "noise.learning_rate"),
        (lambda: noise.hessian(0.1), "noise.batch_size"),
        (lambda: noise.loss(), "noise.learning_rate"),
        (lambda: noise.loss(0.1, sgd=SGD(0.1, 8)), "noise.c"),
        (lambda: noise.loss(-0.1), "noise.c"),
        (lambda: noise.covariance(1.0, 0.1, 8, floor=-1.0), "noise.floor"),
        (lambda: SGD(0.1, 8, learning_rate_of_t="-t").steps(1.0), "noise.schedule.learning_rate"),
    ],
)
def test_bad_numbers_are_refused(make, key):
    with pytest.raises(CaseError) as error:
        make()
    assert error.value.key == key


def test_a_problem_takes_noise_of_its_own_hyper_parameters_only():
    grid, loss = Grid.line(-2.0, 2.0, 16), landscapes.quartic()
    with pytest.raises(CaseError, match="same hyper-parameters"):
        Problem(grid, loss, noise.hessian(0.1, 8), sgd=SGD(0.1, 8, momentum=0.9))
    made = Problem(grid, loss, noise.hessian(0.1, 8), sgd=SGD(0.1, 8))
    assert made.sgd is not None
    assert "eb = 0.00625" in made._repr_html_()
