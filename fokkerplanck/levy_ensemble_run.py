"""Walkers with long jumps in the run of a case: its snapshots by ``method = "ensemble"``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.case.ensemble_tables import EnsembleTable, settings
from fokkerplanck.ensemble_run import law_of_start
from fokkerplanck.ensemble_start import Start
from fokkerplanck.errors import CaseError
from fokkerplanck.levy_sampled_density import check_levy_work, note_of, sampled_levy_steps
from fokkerplanck.levy_walk_plan import LevyWalkers
from fokkerplanck.sampled_density import WALKERS, SampledStep
from fokkerplanck.sampling import binomial_error, expected_distances, wilson
from fokkerplanck.writer import Snapshot

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.levy_walk_plan import Jumping

__all__ = ["LevyEvolution"]

Array = NDArray[np.float64]


@dataclass(eq=False)
class LevyEvolution:
    """The walkers of ``[evolve]`` under long jumps; see `ensemble_run.SampledEvolution`.

    Parameters
    ----------
    made : LevyWalkers
    table : EnsembleTable
    start : density, point or NormalStart
    times : ndarray, shape (n,)
    labels : ndarray of int, shape (*shape,)
        Basin of each cell.
    exponent : float
        Power by which densities fall off: moments that it does not allow are not given.
    """

    made: LevyWalkers
    table: EnsembleTable
    start: Start
    times: Array
    labels: NDArray[np.integer]
    exponent: float
    found: list[SampledStep] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        case: Case,
        problem: Jumping,
        times: Array,
        initial: Array | None,
        labels: NDArray[np.integer],
        exponent: float,
    ) -> LevyEvolution | None:
        """Make the walkers of a case; None where its density is solved for.

        Raises
        ------
        CaseError
            For a step that cannot be, or what would take hours.
        """
        if case.evolve is None or case.evolve.method != "ensemble" or initial is None:
            return None
        table, file = settings(case), str(case.path) if case.path else None
        try:
            made = LevyWalkers.of(problem, table.step)
            check_levy_work(table.walkers or WALKERS, float(times[-1]), made.step)
        except CaseError as error:
            raise CaseError(error.message, file=error.file or file, key=error.key) from None
        return cls(made, table, law_of_start(case, initial), times, labels, exponent)

    @property
    def walkers(self) -> int:
        """How many there are."""
        return self.table.walkers or WALKERS

    def snapshots(self) -> Iterator[Snapshot]:
        """Walk, and count the walkers in the cells at each of the times."""
        grid, n = self.made.problem.grid, self.walkers
        self.found.clear()
        for step in sampled_levy_steps(
            self.made, self.start, self.times, walkers=n, seed=self.table.seed
        ):
            self.found.append(step)
            share = step.counts / n
            density = share / grid.volume
            scalars: dict[str, float | int | str] = {
                "mass": float(step.counts.sum() / n),
                "minimum": float(density.min()),
                "time_error": self._sampling(step) + (step.step_error or 0.0),
                "clipped": 0.0,
                "solves": 0,
                "method": "ensemble",
                "grid_error": np.nan,
                "wall_mass": outermost(share),
            }
            error = binomial_error(share, n) / grid.volume
            yield Snapshot(step.time, share.ravel(), density, None, scalars, error)

    def moments(self, k: int) -> dict[str, Array]:
        """Mean and covariance of the positions themselves, where they exist."""
        found = self.found[k]
        better = {}
        if self.exponent > 2.0:
            better["mean"] = found.mean
        if self.exponent > 3.0:
            better["covariance"] = found.covariance
        return better

    def json(self) -> dict[str, Any]:
        """Part ``evolve.ensemble`` of the JSON object of a run."""
        n, confidence, found = self.walkers, self.table.confidence, self.found
        wells = int(self.labels.max()) + 1
        hits = [np.bincount(self.labels.ravel(), s.counts.ravel(), wells) for s in found]
        power = {"mean": 2.0, "covariance": 3.0}
        kept = [name for name, least in power.items() if self.exponent > least]
        moments = {
            f"{name}{end}": [getattr(s, name + end) for s in found] if name in kept else None
            for name in power
            for end in ("", "_error")
        }
        return {
            "walkers": n,
            "seed": self.table.seed,
            "dynamics": self.table.dynamics,
            "step": self.made.step,
            "confidence": confidence,
            "note": note_of(self.made),
            "sampling_errors": [self._sampling(s) for s in found],
            "step_errors": [s.step_error for s in found],
            **moments,
            "basin_intervals": [wilson(h, n, confidence) for h in hits],
        }

    def _sampling(self, step: SampledStep) -> float:
        grid, n = self.made.problem.grid, self.walkers
        return expected_distances(step.counts / n / grid.volume, grid, (n, None))["l1"]


def outermost(mass: Array) -> float:
    """Mass in the outermost cells, of masses in all of them."""
    inner = mass[tuple(slice(1, -1) for _ in mass.shape)]
    return float(mass.sum() - inner.sum())
