"""What runs of all dynamics share: what was found, the JSON object, the groups of the file."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import expect
from fokkerplanck.layout import Group, Header
from fokkerplanck.record import Record, plain
from fokkerplanck.resume import checkpoint

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.escape import Escape
    from fokkerplanck.kinetic_escape import KineticEscape
    from fokkerplanck.levy_density import LevyStationary
    from fokkerplanck.progress import Progress
    from fokkerplanck.steady_state import Stationary
    from fokkerplanck.store import StoredResult
    from fokkerplanck.writer import Snapshot

__all__ = ["Sink", "Task", "stationary_group"]

Array = NDArray[np.float64]


class Sink(Protocol):
    """Where snapshots go: a file, or memory."""

    def append(self, snapshot: Snapshot) -> None:
        """Save one snapshot."""


class Task(ABC):
    """One run of a case, whatever its dynamics: what has been found of it so far.

    Parameters
    ----------
    case : Case
    times : ndarray, shape (n,)
        All times of the case.
    record : Record
        Observables of the snapshots so far.
    escape : Escape or KineticEscape
        Passages, spectrum, rates and quasi-stationary densities.
    stationary : Stationary, LevyStationary or None
        Once it is found.
    """

    case: Case
    times: Array
    record: Record
    escape: Escape | KineticEscape
    stationary: Stationary | LevyStationary | None

    @property
    @abstractmethod
    def header(self) -> Header:
        """What the file says before the first snapshot."""

    def restore(self, found: StoredResult) -> None:
        """Take over the snapshots of an interrupted run."""
        scalars = {name: found.file[name][...] for name in self.header.scalars}
        for k, t in enumerate(found.times):
            row = {name: _python_value(values[k]) for name, values in scalars.items()}
            self.record.add(float(t), found.density(k), row)
        if (kept := checkpoint(found)) is not None:
            self.go_on_from(kept)

    @abstractmethod
    def go_on_from(self, kept: Array) -> None:
        """Take what the last snapshot left in the checkpoint."""

    @abstractmethod
    def evolve(self, sink: Sink, progress: Progress | None) -> None:
        """Evolve to every time that is left, saving each snapshot before the next is begun."""

    @abstractmethod
    def find_stationary(self) -> None:
        """Solve for the stationary state, if the case asks for it."""

    def find_escape(self, progress: Progress | None) -> None:
        """Solve for passages, spectrum, rates and the like, if the case asks for them."""
        self.escape.find(progress.tell if progress is not None else _tell_nobody)

    def found(self, saved: int) -> str:
        """Say what has been found; `saved` snapshots are in the file."""
        planned, ways = len(self.times), self.escape.ways
        parts = [f"{saved} of {planned} snapshots"] if planned else []
        if self.stationary is not None:
            parts.append("the stationary density")
        if done := sum(way.found for way in ways):
            parts.append(f"{done} of {len(ways)} passages")
        if done := len(self.escape.quasi_stationary):
            parts.append(f"{done} of {len(self.case.quasi_stationary)} quasi-stationary densities")
        return ", ".join(parts) or "nothing"

    def summary(self, output: str | None, begin: float) -> dict[str, Any]:
        """Return the JSON object of the run, expectations judged."""
        found, case = self.stationary, self.case
        result: dict[str, Any] = {
            "case": str(case.path) if case.path else None,
            "title": case.title,
            "output": output,
            "grid": {"cells": list(self.record.grid.shape)},
            "mass_error": self.record.mass_error,
            "minimum_density": self.record.minimum,
            **self.parts(),
            "stationary": None if found is None else self.stationary_json(),
            **self.escape.json(),
            "expect": [],
        }
        result = plain(result)
        result["expect"] = plain(expect.evaluate(case, self.subject, result))
        result["wall_seconds"] = time.perf_counter() - begin
        return result

    @property
    @abstractmethod
    def subject(self) -> Any:
        """The problem that closed forms are asked about."""

    @abstractmethod
    def parts(self) -> dict[str, Any]:
        """Parts of the JSON object that belong to the dynamics: "evolve" and what comes before."""

    def groups(self, saved: int) -> dict[str, Group]:
        """Return the groups, known at the end, of a file that holds so many snapshots."""
        groups = {"observables": self.record.group(saved)} if saved else {}
        if self.stationary is not None:
            groups["stationary"] = self.stationary_group()
        return groups | self.escape.groups()

    def stationary_json(self) -> dict[str, Any]:
        """Part "stationary" of the JSON object, once it is found."""
        return self.record.stationary(self.stationary)

    def stationary_group(self) -> Group:
        """Group ``/stationary`` of the file, once it is found."""
        return stationary_group(self.stationary, self.record.grid.names)


def stationary_group(found: Any, names: tuple[str, ...]) -> Group:
    """Group ``/stationary`` of a `Stationary`: density, current and its parts, numbers."""
    current = (*names, "component")
    arrays: dict[str, Any] = {
        "density": (found.density, names, "stationary probability density"),
        "current": (found.current, current, "stationary current"),
    }
    for part in ("reversible", "irreversible"):
        if (values := getattr(found, part, None)) is not None:
            arrays[part] = (values, current, f"{part} part of the stationary current")
    facts = ("entropy_production", "irreversibility", "residual", "weight", "mean_climb")
    return Group(arrays, {name: getattr(found, name) for name in facts})


def _tell_nobody(what: str) -> None:
    pass


def _python_value(value: Any) -> Any:
    """Plain value of a number or text of a file."""
    return value.decode() if isinstance(value, bytes) else value.item()
