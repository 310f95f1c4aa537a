"""The computations of one run, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.case import build
from fokkerplanck.errors import CaseError
from fokkerplanck.escape import Escape
from fokkerplanck.layout import Header
from fokkerplanck.probes import probes_json
from fokkerplanck.provenance import provenance
from fokkerplanck.record import Record, wells
from fokkerplanck.sgd_record import noise_json, sgd_json
from fokkerplanck.solvers.current import cell_current
from fokkerplanck.surface_record import surface_json
from fokkerplanck.task import Sink, Task
from fokkerplanck.writer import Snapshot

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.ensemble_run import SampledEvolution
    from fokkerplanck.problem import Problem
    from fokkerplanck.progress import Progress
    from fokkerplanck.solvers.evolve import Step
    from fokkerplanck.solvers.generator import Generator
    from fokkerplanck.steady_state import Stationary

__all__ = ["Job"]

Array = NDArray[np.float64]
#: Largest tolerance that evolution takes.
LARGEST_TOLERANCE = 0.1
#: Scalars of `fokkerplanck.layout.SCALARS` that add up over a run.
COUNTERS = ("time_error", "clipped", "products", "solves")


@dataclass(eq=False)
class Job(Task):
    """One run of a case: what it starts from, and what it has found so far.

    Parameters
    ----------
    case : Case
    problem : Problem
    times : ndarray, shape (n,)
        All times of the case.
    initial : ndarray, shape (*shape,), or None
        Density at the start; None without [evolve].
    record : Record
        Observables of the snapshots so far.
    escape : Escape
        Passages, spectrum, rates and quasi-stationary densities.
    walkers : SampledEvolution or None
        What [evolve] follows instead of a density.
    mass : ndarray, shape (cells,), or None
        Cell masses of the last snapshot, once there is one.
    sgd : dict or None
        Part "sgd" of the JSON object, see `sgd_record.sgd_json`.
    """

    case: Case
    problem: Problem
    times: Array
    initial: Array | None
    record: Record
    escape: Escape
    walkers: SampledEvolution | None = None
    mass: Array | None = None
    stationary: Stationary | None = None
    sgd: dict[str, Any] | None = None

    @classmethod
    def of(cls, case: Case, *, refine: bool = False) -> Job:
        """Build everything that a case describes; raises `CaseError` where it cannot."""
        problem = build.problem(case)
        problem.fields()
        sgd = _sgd(case, problem)
        escape = Escape.of(case, problem, refine=refine)
        initial = build.initial(case, problem) if case.evolve else None
        record, times, walkers = Record.of(problem), build.times(case), None
        if initial is not None:
            walkers = _walkers(case, problem, times, initial, record.labels)
        if walkers is not None:
            times = walkers.times
        return cls(case, problem, times, initial, record, escape, walkers, sgd=sgd)

    @cached_property
    def header(self) -> Header:
        """What the file says before the first snapshot."""
        p = self.problem
        return Header(
            grid=p.grid,
            title=self.case.title,
            loss=p.potential(),
            diffusion=p.diffusion(),
            initial=self.initial,
            case_text=self.case.text,
            case_hash=self.case.hash,
            planned=len(self.times),
            provenance=provenance(),
            noise={f"noise_{k}": v for k, v in noise_json(p).items() if v is not None},
            walkers=None if self.walkers is None else self.walkers.walkers,
        )

    def go_on_from(self, kept: Array) -> None:
        """Take the cell masses of the last snapshot."""
        self.mass = kept

    def evolve(self, sink: Sink, progress: Progress | None) -> None:
        """Evolve to every time that is left, saving each snapshot before the next is begun."""
        if self.walkers is not None:
            from fokkerplanck.ensemble_run import walk_on

            walk_on(self.walkers, self.record, self.mass, sink, progress)
            return
        table = self.case.evolve
        done = len(self.record.times)
        if table is None or self.initial is None or done == len(self.times):
            return
        from fokkerplanck.density import evolve_steps
        from fokkerplanck.solvers.evolve import SHARES

        # a resumed run takes the very steps that the whole run would have taken
        left = 1.0 if self.mass is None else float(self.mass.sum())
        steps = evolve_steps(
            self.problem,
            self.initial if self.mass is None else self._density(self.mass),
            self.times[done:],
            tolerance=min(table.tolerance / left, LARGEST_TOLERANCE),
            method=table.method,
            weight=table.weight,
            start=float(self.times[done - 1]) if done else 0.0,
            shares=max(SHARES, len(self.times)),
        )
        base = dict(self.record.scalars[-1]) if done else dict.fromkeys(COUNTERS, 0)
        for step in steps:
            sink.append(self._snapshot(step, base))
            if progress is not None:
                progress.advance(step.time, self.record.mass_error)

    def find_stationary(self) -> None:
        """Solve for the stationary state, if the case asks for it."""
        if self.case.stationary is not None:
            from fokkerplanck.steady_state import stationary

            self.stationary = stationary(self.problem, self.case.stationary.weight)

    def stationary_json(self) -> dict[str, Any]:
        """Part "stationary" of the JSON object, once it is found."""
        table, found = self.case.stationary, self.stationary
        assert table is not None
        assert found is not None
        places = table.points, table.frequencies
        return super().stationary_json() | probes_json(self.problem.grid, found.density, *places)

    @property
    def subject(self) -> Problem:
        """The problem that closed forms are asked about."""
        return self.problem

    def parts(self) -> dict[str, Any]:
        """Parts of the JSON object that belong to the dynamics: "evolve" and what comes before."""
        return {
            "landscape": self._landscape,
            "noise": noise_json(self.problem),
            "sgd": self.sgd,
            "evolve": self._evolved(),
        }

    @property
    def _landscape(self) -> dict[str, Any]:
        """Part "landscape" of the JSON object."""
        found = wells(self.problem)
        return found | surface_json(self.problem, found)

    def _evolved(self) -> dict[str, Any] | None:
        """Part "evolve" of the JSON object."""
        if self.case.evolve is None:
            return None
        found = self.record.evolve(self.case.evolve.weight)
        return found | {"ensemble": self.walkers.json() if self.walkers else None}

    def _snapshot(self, step: Step, base: dict[str, Any]) -> Snapshot:
        """Observe a step; `base` holds the totals an interrupted run had reached."""
        before = self.record.scalars[-1] if self.record.scalars else base
        density = self._density(step.mass)
        scalars = {
            "mass": float(step.mass.sum()),
            "minimum": float(density.min()),
            "time_error": base["time_error"] + step.error,
            "clipped": base["clipped"] + step.clipped,
            "products": before["products"] + step.products,
            "solves": before["solves"] + step.solves,
            "method": step.method,
        }
        self.record.add(step.time, density, scalars)
        self.mass = step.mass
        current = cell_current(self._generator(step.time), step.mass)
        return Snapshot(step.time, step.mass.ravel(), density, current, scalars)

    def _density(self, mass: Array) -> Array:
        return np.asarray(mass.reshape(self.problem.grid.shape) / self.problem.grid.volume)

    def _generator(self, t: float) -> Generator:
        if self.problem.schedule is not None:
            return self.problem.generator(self._weight, t)
        return self._steady_generator

    @cached_property
    def _steady_generator(self) -> Generator:
        return self.problem.generator(self._weight)

    @property
    def _weight(self) -> str:
        return self.case.evolve.weight if self.case.evolve else "fitted"


def _walkers(case: Case, *rest: Any) -> SampledEvolution | None:
    """Make the walkers of a case; None where its density is solved for."""
    if case.evolve is None or case.evolve.method != "ensemble":
        return None
    from fokkerplanck.ensemble_run import SampledEvolution

    return SampledEvolution.of(case, *rest)


def _sgd(case: Case, problem: Problem) -> dict[str, Any] | None:
    """Part "sgd" of the JSON object; raises `CaseError` where steps diverge."""
    try:
        return sgd_json(problem, build.times(case), descent=case.sgd is not None)
    except CaseError as error:
        file = str(case.path) if case.path else None
        raise CaseError(error.message, file=file, key=error.key) from None
