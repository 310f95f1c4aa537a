"""Schedules: factors of time on the diffusion tensor."""

import numpy as np
import pytest

from fokkerplanck.errors import CaseError
from fokkerplanck.schedule import Schedule
from fokkerplanck.sgd import diffusion_scale


def test_step_function_holds_from_each_time_on():
    s = Schedule.steps([1.0, 3.0], [0.5, 0.1])
    times = [0.0, 0.999, 1.0, 2.9, 3.0, 1e9]
    assert [s.factor(t) for t in times] == [1, 1, 0.5, 0.5, 0.1, 0.1]
    assert s.breakpoints == (1.0, 3.0)
    assert s.piecewise_constant


def test_expression_of_time():
    s = Schedule.expression("exp(-t / tau)", {"tau": 3.0})
    assert s.factor(2.0) == pytest.approx(np.exp(-2 / 3), rel=1e-15)
    assert not s.piecewise_constant
    assert s.breakpoints == ()


def test_constant_expression():
    assert Schedule.expression("2").factor(5.0) == 2.0


def test_learning_rate_and_batch_size():
    s = Schedule.hyperparameters(
        0.1, 10, learning_rate_of_t="0.2 / (1 + t)", batch_size_of_t="10 + 2 * t"
    )
    assert s.factor(0.0) == pytest.approx(2.0)
    assert s.factor(3.0) == pytest.approx((0.05 / 0.1) / (16 / 10))


def test_growing_batches_without_replacement_end_the_noise():
    s = Schedule.hyperparameters(0.1, 10, 100, batch_size_of_t="10 + t")
    assert s.factor(50.0) == pytest.approx(
        diffusion_scale(0.1, 60, 100) / diffusion_scale(0.1, 10, 100)
    )
    with pytest.raises(CaseError, match="carry no noise"):
        s.factor(90.0)


@pytest.mark.parametrize(
    ("times", "factor", "key"),
    [
        ([], [], "noise.schedule"),
        ([1.0], [1.0, 2.0], "noise.schedule"),
        ([1.0, 1.0], [1.0, 2.0], "noise.schedule.times"),
        ([2.0, 1.0], [1.0, 2.0], "noise.schedule.times"),
        ([1.0], [0.0], "noise.schedule.factor"),
        ([1.0], [float("nan")], "noise.schedule.factor"),
        ([float("inf")], [1.0], "noise.schedule.times"),
    ],
)
def test_bad_steps_are_refused(times, factor, key):
    with pytest.raises(CaseError) as error:
        Schedule.steps(times, factor)
    assert error.value.key == key


def test_factor_that_reaches_zero_is_refused_with_its_time():
    s = Schedule.expression("1 - t / 2")
    assert s.factor(1.0) == 0.5
    with pytest.raises(CaseError, match=r"t = 2\.0"):
        s.factor(2.0)


def test_text_that_is_no_expression_of_t_is_refused():
    with pytest.raises(CaseError) as error:
        Schedule.expression("exp(-x)")
    assert error.value.key == "noise.schedule.factor"
    with pytest.raises(CaseError):
        Schedule.hyperparameters(0.1, 10)
