"""Schedules: a factor of time that multiplies the diffusion tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from fokkerplanck.errors import CaseError
from fokkerplanck.functions_of_time import FunctionOfTime

__all__ = ["Schedule"]

KEY = "noise.schedule"


@dataclass(frozen=True)
class Schedule:
    """Factor ``s(t) > 0`` in ``D(x, t) = s(t) D(x)``.

    A learning-rate or batch-size schedule is one, because D is proportional to eta / B while the
    clock ``dt = eta`` of each step absorbs the rest. Make one with `steps`, `expression` or
    `hyperparameters`.

    Parameters
    ----------
    function : callable
        Factor at a time.
    breakpoints : tuple of float
        Times at which the factor jumps, increasing; it is smooth between them.
    piecewise_constant : bool
        Whether it is constant between them.
    text : str
        How it is written in outputs.
    """

    function: Callable[[float], float]
    breakpoints: tuple[float, ...] = ()
    piecewise_constant: bool = False
    text: str = "a function of time"

    @classmethod
    def steps(cls, times: Sequence[float], factor: Sequence[float]) -> Schedule:
        """Step function: 1 before ``times[0]``, then ``factor[k]`` from ``times[k]`` on.

        Raises
        ------
        CaseError
            Unless times increase strictly, factors are positive, and both are equally many.
        """
        t = tuple(_finite(v, "times") for v in times)
        f = tuple(_finite(v, "factor") for v in factor)
        if not t or len(t) != len(f):
            msg = f"needs as many times as factors and at least one, got {len(t)} and {len(f)}"
            raise CaseError(msg, key=KEY)
        if any(b <= a for a, b in pairwise(t)):
            msg = f"times must increase strictly, got {list(t)}"
            raise CaseError(msg, key=f"{KEY}.times")
        if min(f) <= 0:
            msg = f"factors are positive (without noise there is no diffusion), got {list(f)}"
            raise CaseError(msg, key=f"{KEY}.factor")
        text = ", ".join(f"x {v:g} from t = {s:g}" for s, v in zip(t, f, strict=True))
        return cls(_StepFunction(t, f), t, piecewise_constant=True, text=text)

    @classmethod
    def expression(cls, text: str, parameters: Mapping[str, float] | None = None) -> Schedule:
        """Smooth factor from an expression of t, such as ``"exp(-t / 3)"``.

        Raises
        ------
        CaseError
            When the text is not an allowed expression of t and the parameters.
        """
        return cls(FunctionOfTime(text, dict(parameters or {}), f"{KEY}.factor"), text=text)

    @classmethod
    def constant(cls, factor: float) -> Schedule:
        """Return the same factor at all times."""
        value = _StepFunction((), (), factor)
        return cls(value, piecewise_constant=True, text=f"x {factor:g}")

    @classmethod
    def hyperparameters(
        cls,
        learning_rate: float,
        batch_size: float,
        dataset_size: float | None = None,
        *,
        learning_rate_of_t: str | None = None,
        batch_size_of_t: str | None = None,
        parameters: Mapping[str, float] | None = None,
    ) -> Schedule:
        """Factor ``eb(t) / eb`` of learning rates and batch sizes that are expressions of t.

        Time is the sum of the learning rates of the steps taken; a schedule given in steps k must
        be rewritten with ``dt = eta dk``.

        Parameters
        ----------
        learning_rate, batch_size, dataset_size : float
            Those that the noise itself was made with (see `sgd.diffusion_scale`).
        learning_rate_of_t, batch_size_of_t : str, optional
            Their values at time t; what is left out stays constant.
        parameters : mapping, optional
            Names used in the expressions.

        Raises
        ------
        CaseError
            When no expression is given, or one is not allowed.
        """
        from fokkerplanck.sgd_settings import SGD

        if learning_rate_of_t is None and batch_size_of_t is None:
            msg = "needs learning_rate, batch_size or both as expressions of t"
            raise CaseError(msg, key=KEY)
        settings = SGD(
            learning_rate,
            batch_size,
            dataset_size,
            replacement=dataset_size is None,
            learning_rate_of_t=learning_rate_of_t,
            batch_size_of_t=batch_size_of_t,
            parameters=dict(parameters or {}),
        )
        return settings.schedule or cls.constant(1.0)

    def factor(self, time: float) -> float:
        """Evaluate s(t).

        Raises
        ------
        CaseError
            When it is not positive and finite there.
        """
        value = self.function(time)
        if not (np.isfinite(value) and value > 0):
            msg = (
                f"the factor {self.text} must be positive and finite, but is {value} at t = {time}"
            )
            raise CaseError(msg, key=KEY)
        return value


@dataclass(frozen=True)
class _StepFunction:
    times: tuple[float, ...]
    factors: tuple[float, ...]
    before: float = 1.0

    def __call__(self, time: float) -> float:
        k = int(np.searchsorted(self.times, time, side="right"))
        return self.factors[k - 1] if k else self.before


def _finite(value: float, name: str) -> float:
    number = float(value)
    if not np.isfinite(number):
        msg = f"needs finite numbers, got {value}"
        raise CaseError(msg, key=f"{KEY}.{name}")
    return number
