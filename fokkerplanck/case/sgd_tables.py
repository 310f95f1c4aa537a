"""The table [sgd]: hyper-parameters, and where they agree with those of [noise]."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from fokkerplanck.case.messages import Mistake
from fokkerplanck.case.noise_tables import RatesSchedule
from fokkerplanck.case.values import Count, Number, Positive, Table, refuse

if TYPE_CHECKING:
    from fokkerplanck.case.models import Case
    from fokkerplanck.sgd_settings import SGD

__all__ = [
    "SgdTable",
    "Unit",
    "changes_in_time",
    "scaled_by_sgd",
    "settings",
    "sgd_mistakes",
    "unit_of_times",
]

#: what times may be counted in
Unit = Literal["time", "steps", "epochs"]
#: hyper-parameters that [noise] may hold, too
SHARED = ("learning_rate", "batch_size", "dataset_size")


class SgdTable(Table):
    """Stochastic gradient descent: how the noise is scaled and time is counted."""

    learning_rate: Positive = Field(description="a number > 0")
    batch_size: Count = Field(description="an integer >= 1")
    dataset_size: Count | None = Field(None, description="an integer >= 1")
    replacement: bool = Field(True, description="true or false")
    momentum: Number = Field(0.0, ge=0, lt=1, description="a number >= 0 and < 1")
    weight_decay: Number = Field(0.0, ge=0, description="a number >= 0")

    @model_validator(mode="after")
    def _drawn_from_somewhere(self) -> SgdTable:
        if self.replacement:
            return self
        if self.dataset_size is None:
            refuse("replacement = false needs dataset_size, the number of samples")
        if self.dataset_size <= self.batch_size:
            given = {"batch": self.batch_size, "size": self.dataset_size}
            refuse(
                "batches of {batch} drawn without replacement from {size} samples carry no "
                "noise: needs batch_size < dataset_size",
                **given,
            )
        return self


def settings(case: Case) -> SGD | None:
    """Hyper-parameters of a case, from [sgd] or else from [noise]; None without any.

    A ``dataset_size`` in [noise] means batches drawn without replacement. Underdamped motion
    takes momentum as inertia, and a step the time eta.

    Raises
    ------
    CaseError
        For a schedule that is not an allowed formula, or numbers out of range.
    """
    from fokkerplanck.sgd_settings import SGD

    table, noise = case.sgd, case.noise
    rates = noise.schedule if isinstance(noise.schedule, RatesSchedule) else None
    changing: dict[str, Any] = {
        "learning_rate_of_t": rates.learning_rate if rates else None,
        "batch_size_of_t": rates.batch_size if rates else None,
        "parameters": rates.parameters if rates else {},
    }
    if table is not None:
        return SGD(**table.model_dump(), **changing, inertial=case.underdamped)
    eta, batch, size = (getattr(noise, name, None) for name in SHARED)
    if eta is None or batch is None:
        return None
    return SGD(eta, batch, size, replacement=size is None, **changing)


def scaled_by_sgd(case: Case) -> bool:
    """Whether the strength of the noise comes from the hyper-parameters."""
    noise = case.noise
    if noise.kind == "loss":
        return noise.c is None
    return noise.kind in ("hessian", "covariance")


def unit_of_times(case: Case) -> str:
    """Return the unit of evolve.times, given with the list or with the range."""
    if case.evolve is None:
        return "time"
    return getattr(case.evolve.times, "unit", None) or case.evolve.unit or "time"


def changes_in_time(case: Case) -> bool:
    """Whether the noise depends on time: not if learning rate and batch size keep their ratio."""
    if case.heavy_tailed:
        return False  # a schedule is refused there
    if not isinstance(case.noise.schedule, RatesSchedule):
        return case.noise.schedule is not None
    from fokkerplanck.errors import CaseError

    try:
        made = settings(case)
        return made is None or made.schedule is not None
    except CaseError:  # told when the problem is built
        return True


def sgd_mistakes(case: Case) -> Iterator[Mistake]:
    """All that is wrong between [sgd], [noise] and the units of time."""
    for name in SHARED[:2]:
        if case.sgd is None and scaled_by_sgd(case) and getattr(case.noise, name) is None:
            about = type(case.noise).model_fields[name].description
            yield f"noise.{name}", f"missing key ({about}); or give a table [sgd]"
    for name in SHARED:
        given = getattr(case.noise, name, None)
        if case.sgd is None or given is None:
            continue
        key, known = f"noise.{name}", getattr(case.sgd, name)
        if name == "dataset_size" and case.sgd.replacement:
            text = "means batches without replacement, but sgd.replacement = true"
            yield key, f"{text}; leave it out, or give sgd.replacement = false"
        elif known is None:
            yield key, f"is {given:g}, but [sgd] has none; give sgd.{name} instead"
        elif given != known:
            yield key, f"is {given:g}, but sgd.{name} is {known:g}; give it once, in [sgd]"
    yield from _units(case)


def _units(case: Case) -> Iterator[Mistake]:
    if case.evolve is None:
        return
    inner, outer = getattr(case.evolve.times, "unit", None), case.evolve.unit
    key = "evolve.times.unit" if inner else "evolve.unit"
    if inner and outer and inner != outer:
        yield key, f'is "{inner}", but evolve.unit is "{outer}"; give it once'
    unit = unit_of_times(case)
    if unit == "time":
        return
    noise = case.noise
    if case.sgd is None and (
        getattr(noise, "learning_rate", None) is None or getattr(noise, "batch_size", None) is None
    ):
        yield key, f'"{unit}" need the learning rate: give a table [sgd]'
    elif unit == "epochs" and getattr(case.sgd or noise, "dataset_size", None) is None:
        yield key, '"epochs" need the number of samples: give sgd.dataset_size'
