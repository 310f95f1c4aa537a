"""Hyper-parameters of stochastic gradient descent: what they make of the noise and of the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.functions_of_time import FunctionOfTime, constant_ratio
from fokkerplanck.schedule import Schedule
from fokkerplanck.sgd import diffusion_scale
from fokkerplanck.sgd_clock import elapsed, inverse

__all__ = ["SGD", "UNITS"]

Array = NDArray[np.float64]
#: what times may be counted in
UNITS = ("time", "steps", "epochs")
#: factors on the noise that differ by less are equal: rounding of the numbers in two formulas
EQUAL = 1e-13


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent as its diffusion sees it.

    A step ``theta <- theta - eta g`` takes the time ``eta``; heavy-ball momentum beta, in the
    overdamped limit, makes that ``eta / (1 - beta)`` and multiplies the noise by the same factor.
    That limit forgets the inertia: it needs ``eta h`` well below ``(1 - beta)^2 / 4`` for each
    curvature h, beyond which the iteration oscillates in its wells (Polyak, 1964).

    Parameters
    ----------
    learning_rate, batch_size : float
        eta and B.
    dataset_size : float, optional
        N: gives epochs, and the noise of batches drawn without replacement.
    replacement : bool
        False multiplies the noise by ``(N - B) / (N - 1)``.
    momentum : float
        beta in [0, 1).
    weight_decay : float
        lambda >= 0: the drift follows ``L + lambda |x|^2 / 2``, the noise the bare L.
    learning_rate_of_t, batch_size_of_t : str, optional
        Schedules, expressions of the time t (not of steps).
    parameters : mapping, optional
        Names used in the schedules.
    inertial : bool
        True where momentum is solved for as inertia, not in its overdamped limit: a step then
        takes the time ``eta``, whatever the momentum. The noise is the same.

    Raises
    ------
    CaseError
        For a number out of range; batches without replacement that have no N, or ``B >= N``.
    """

    learning_rate: float
    batch_size: float
    dataset_size: float | None = None
    replacement: bool = True
    momentum: float = 0.0
    weight_decay: float = 0.0
    learning_rate_of_t: str | None = None
    batch_size_of_t: str | None = None
    parameters: Mapping[str, float] = field(default_factory=dict, hash=False)
    inertial: bool = False

    def __post_init__(self) -> None:
        if not self.replacement and self.dataset_size is None:
            msg = "batches without replacement (replacement = false) need dataset_size"
            raise CaseError(msg, key="sgd.dataset_size")
        if not (np.isfinite(self.weight_decay) and self.weight_decay >= 0):
            msg = f"weight_decay is a number >= 0, got {self.weight_decay}"
            raise CaseError(msg, key="sgd.weight_decay")
        if self.dataset_size is not None and not (
            np.isfinite(self.dataset_size) and self.dataset_size > 0
        ):
            msg = f"dataset_size is a positive number, got {self.dataset_size}"
            raise CaseError(msg, key="sgd.dataset_size")
        for name in ("learning_rate", "batch_size"):
            if not (np.isfinite(value := getattr(self, name)) and value > 0):
                msg = f"{name} is a positive number, got {value}"
                raise CaseError(msg, key=f"sgd.{name}")
        _ = self.eb  # checks the rest

    @property
    def eb(self) -> float:
        """Factor in ``D = eb C``, schedules left out: ``eta / (2 B (1 - beta))`` and so on."""
        return self._scale(self.learning_rate, self.batch_size)

    @property
    def step(self) -> float:
        """Time that one step takes, schedules left out: ``eta / (1 - beta)``, or ``eta``."""
        return self.learning_rate / self._pace

    @property
    def scheduled(self) -> bool:
        """Whether learning rate or batch size change in time."""
        return self.learning_rate_of_t is not None or self.batch_size_of_t is not None

    @cached_property
    def schedule(self) -> Schedule | None:
        """Factor ``eb(t) / eb`` on the noise; None when it is 1 at all times.

        Learning rates and batch sizes that keep their ratio have the factor 1, seen on their
        formulas, so that results are bit for bit those without a schedule.
        """
        if not self.scheduled:
            return None
        constant = constant_ratio(self._eta, self._batch, self._drawn_from)
        if constant is not None:
            factor = constant / self._ratio
            return None if abs(factor - 1) < EQUAL else Schedule.constant(factor)
        given = {"learning_rate": self.learning_rate_of_t, "batch_size": self.batch_size_of_t}
        text = ", ".join(f"{name} = {value}" for name, value in given.items() if value)
        return Schedule(self._factor, text=text)

    def learning_rate_at(self, times: ArrayLike) -> Array:
        """Learning rate at each of the times."""
        return self._eta.values(times, "learning_rate")

    def batch_size_at(self, times: ArrayLike) -> Array:
        """Batch size at each of the times."""
        return self._batch.values(times, "batch_size")

    def steps(self, times: ArrayLike) -> Array:
        """Count the steps ``int dt / step(t)`` taken up to each of the times; not rounded."""
        if self.learning_rate_of_t is None:
            return np.asarray(times, dtype=np.float64) * (self._pace / self.learning_rate)
        return elapsed(self._steps_per_time, np.asarray(times, dtype=np.float64))

    def epochs(self, times: ArrayLike) -> Array:
        """Count the passes over the data, ``int B(t) dt / (N step(t))``; not rounded.

        Raises
        ------
        CaseError
            Without a dataset size.
        """
        size = self._size_for_epochs()
        if not self.scheduled:
            return self.steps(times) * (self.batch_size / size)
        return elapsed(self._samples_per_time, np.asarray(times, dtype=np.float64)) / size

    def time(self, steps: ArrayLike, unit: str = "steps") -> Array:
        """Time after so many steps, or epochs.

        Parameters
        ----------
        steps : array_like
            Numbers >= 0, not necessarily whole.
        unit : str
            ``"steps"``, ``"epochs"``, or ``"time"``, which gives them back.

        Raises
        ------
        CaseError
            For epochs without a dataset size, or a number that the schedule never reaches.
        """
        counts = np.asarray(steps, dtype=np.float64)
        if unit == "time":
            return counts
        if unit == "steps":
            if self.learning_rate_of_t is None:
                return counts * self.step
            return inverse(self._steps_per_time, counts)
        samples = counts * self._size_for_epochs()
        if not self.scheduled:
            return samples / self.batch_size * self.step
        return inverse(self._samples_per_time, samples)

    def _factor(self, time: float) -> float:
        eta, batch = float(self.learning_rate_at(time)), float(self.batch_size_at(time))
        return self._scale(eta, batch) / self.eb

    def _scale(self, learning_rate: float, batch_size: float) -> float:
        return diffusion_scale(learning_rate, batch_size, self._drawn_from, self.momentum)

    def _steps_per_time(self, times: Array) -> Array:
        return np.asarray(self._pace / self.learning_rate_at(times))

    def _samples_per_time(self, times: Array) -> Array:
        return self._steps_per_time(times) * self.batch_size_at(times)

    def _size_for_epochs(self) -> float:
        if self.dataset_size is None:
            msg = "epochs need the number of samples, dataset_size"
            raise CaseError(msg, key="sgd.dataset_size")
        return self.dataset_size

    @property
    def _pace(self) -> float:
        """Learning rate over the time of a step."""
        return 1.0 if self.inertial else 1 - self.momentum

    @property
    def _ratio(self) -> float:
        """What `constant_ratio` gives for learning rate and batch size without schedules."""
        return 2 * (1 - self.momentum) * self.eb

    @property
    def _drawn_from(self) -> float | None:
        """Number of samples, where batches are drawn without replacement."""
        return None if self.replacement else self.dataset_size

    @cached_property
    def _eta(self) -> FunctionOfTime:
        text = self.learning_rate if self.learning_rate_of_t is None else self.learning_rate_of_t
        return FunctionOfTime(text, self.parameters, "noise.schedule.learning_rate")

    @cached_property
    def _batch(self) -> FunctionOfTime:
        text = self.batch_size if self.batch_size_of_t is None else self.batch_size_of_t
        return FunctionOfTime(text, self.parameters, "noise.schedule.batch_size")
