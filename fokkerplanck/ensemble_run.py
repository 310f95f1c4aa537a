"""Walkers in the run of a case: its snapshots by ``method = "ensemble"``, and what is said of them.

An ensemble that goes on after an interruption is walked again from its start: the same seed gives
the same walkers, so what is in the file already is checked and left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.case.ensemble_tables import EnsembleTable, settings
from fokkerplanck.ensemble_plan import Plan
from fokkerplanck.ensemble_start import NormalStart, Start
from fokkerplanck.errors import CaseError
from fokkerplanck.sampled_density import WALKERS, SampledStep, check_work, sampled_steps
from fokkerplanck.sampling import binomial_error, expected_distances, wilson
from fokkerplanck.writer import Snapshot

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.problem import Problem
    from fokkerplanck.progress import Progress
    from fokkerplanck.record import Record
    from fokkerplanck.task import Sink

__all__ = ["SampledEvolution", "Walking", "law_of_start", "walk_on"]

Array = NDArray[np.float64]


class Walking(Protocol):
    """Walkers that give snapshots, and moments of them that are free of the cells."""

    def snapshots(self) -> Iterator[Snapshot]:
        """Walk from the start, and count the walkers at each of the times."""
        ...

    def moments(self, k: int) -> dict[str, Array]:
        """Observables of snapshot k that are known better than from its cells."""
        ...


@dataclass(eq=False)
class SampledEvolution:
    """The walkers of ``[evolve]``.

    Parameters
    ----------
    problem : Problem
    table : EnsembleTable
    start : density, point or NormalStart
    times : ndarray, shape (n,)
        Times that can be reached: for descent whole numbers of steps.
    labels : ndarray of int, shape (*shape,)
        Basin of each cell.
    plan : Plan
    """

    problem: Problem
    table: EnsembleTable
    start: Start
    times: Array
    labels: NDArray[np.integer]
    plan: Plan
    found: list[SampledStep] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        case: Case,
        problem: Problem,
        times: Array,
        initial: Array,
        labels: NDArray[np.integer],
    ) -> SampledEvolution | None:
        """Make the walkers of a case; None where its density is solved for.

        Raises
        ------
        CaseError
            For dynamics or a step that cannot be, or times within one step of descent.
        """
        if case.evolve is None or case.evolve.method != "ensemble":
            return None
        table, file = settings(case), str(case.path) if case.path else None
        try:
            plan = Plan.of(problem, table.dynamics, table.step)
            check_work(table.walkers or WALKERS, float(times[-1]), plan.step)
            reached = [leg.end for leg in plan.legs(times) if leg.output]
        except CaseError as error:
            raise CaseError(error.message, file=error.file or file, key=error.key) from None
        return cls(problem, table, law_of_start(case, initial), np.array(reached), labels, plan)

    @property
    def walkers(self) -> int:
        """How many there are."""
        return self.table.walkers or WALKERS

    def snapshots(self) -> Iterator[Snapshot]:
        """Walk, and count the walkers in the cells at each of the times."""
        t, grid, n = self.table, self.problem.grid, self.walkers
        for step in sampled_steps(
            self.problem,
            self.start,
            self.times,
            walkers=n,
            seed=t.seed,
            step=t.step,
            dynamics=t.dynamics,
        ):
            self.found.append(step)
            share = step.counts / n
            density = share / grid.volume
            scalars: dict[str, float | int | str] = {
                "mass": float(step.counts.sum() / n),
                "minimum": float(density.min()),
                "time_error": self._sampling(step) + (step.step_error or 0.0),
                "clipped": 0.0,
                "products": 0,
                "solves": 0,
                "method": "ensemble",
            }
            error = binomial_error(share, n) / grid.volume
            yield Snapshot(step.time, share.ravel(), density, None, scalars, error)

    def moments(self, k: int) -> dict[str, Array]:
        """Mean and covariance of the positions themselves, free of the width of the cells."""
        return {"mean": self.found[k].mean, "covariance": self.found[k].covariance}

    def json(self) -> dict[str, Any]:
        """Part ``evolve.ensemble`` of the JSON object of a run."""
        n, confidence, found = self.walkers, self.table.confidence, self.found
        wells = int(self.labels.max()) + 1
        hits = [np.bincount(self.labels.ravel(), s.counts.ravel(), wells) for s in found]
        names = ("mean", "mean_error", "covariance", "covariance_error")
        return {
            "walkers": n,
            "seed": self.table.seed,
            "dynamics": self.table.dynamics,
            "step": self.plan.step,
            "confidence": confidence,
            "note": self.plan.note,
            "sampling_errors": [self._sampling(s) for s in found],
            "step_errors": None if self.table.dynamics == "sgd" else [s.step_error for s in found],
            **{name: [getattr(s, name) for s in found] for name in names},
            "basin_intervals": [wilson(h, n, confidence) for h in hits],
        }

    def _sampling(self, step: SampledStep) -> float:
        grid, n = self.problem.grid, self.walkers
        return expected_distances(step.counts / n / grid.volume, grid, (n, None))["l1"]


def walk_on(
    walkers: Walking,
    record: Record,
    saved: Array | None,
    sink: Sink,
    progress: Progress | None,
) -> None:
    """Follow walkers from the start; snapshots that are saved already must come out again.

    Parameters
    ----------
    walkers : SampledEvolution, or of other noise
    record : Record
        Observables of the snapshots that are saved already.
    saved : ndarray, shape (cells,), or None
        Masses of the last of them.
    sink, progress
        Who takes new snapshots, and who is told of them.

    Raises
    ------
    CaseError
        When walkers do not come out as they were saved.
    """
    done = len(record.times)
    for k, snapshot in enumerate(walkers.snapshots()):
        if k < done:
            if k == done - 1 and not np.array_equal(snapshot.mass, _flat(saved)):
                msg = (
                    "cannot go on: the walkers do not come out as they were saved (another "
                    "version or machine?); begin anew with --force"
                )
                raise CaseError(msg)
            record.correct(k, walkers.moments(k))
            continue
        record.add(snapshot.time, snapshot.density, snapshot.scalars)
        record.correct(k, walkers.moments(k))
        sink.append(snapshot)
        if progress is not None:
            progress.advance(snapshot.time, record.mass_error)


def _flat(mass: Array | None) -> Array:
    return np.empty(0) if mass is None else mass.ravel()


def law_of_start(case: Case, initial: Array) -> Start:
    """Return the law that a case says where it says one, else the density on the cells."""
    start = case.initial
    if start is not None and start.kind == "gaussian":
        return NormalStart.of(start.mean, start.std, start.covariance)
    if start is not None and start.kind == "delta":
        return start.mean
    return initial
