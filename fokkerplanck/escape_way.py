"""One passage of a case: its time, and all that is found along the way."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck import escape_record as record
from fokkerplanck.sampled_record import sampled_group, sampled_json

if TYPE_CHECKING:
    from fokkerplanck.case.ensemble_tables import EnsembleTable
    from fokkerplanck.case.passage_tables import PassageTable
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes.base import OnGrid
    from fokkerplanck.layout import Group
    from fokkerplanck.passage import Passage
    from fokkerplanck.problem import Problem
    from fokkerplanck.refinement import Refined
    from fokkerplanck.sampled_passage import SampledPassage
    from fokkerplanck.sets import PointSet
    from fokkerplanck.survival import Survival
    from fokkerplanck.transitions import ReactiveCurrent

__all__ = ["LN10", "LONGEST", "Tell", "Way", "unless"]

LN10 = math.log(10)
#: decimal logarithm of the longest mean time whose distribution is on a scale of floats
LONGEST = 290.0
Tell = Callable[[str], None]


@dataclass(eq=False)
class Way:
    """One passage: where it starts and ends, and what has been found of it.

    Parameters
    ----------
    table : PassageTable
    start : PointSet
    end : PointSet or "walls"
    walkers : EnsembleTable, optional
        Who is followed where the method is "ensemble".
    """

    table: PassageTable
    start: PointSet
    end: PointSet | str
    passage: Passage | None = None
    reactive: ReactiveCurrent | None = None
    survival: Survival | None = None
    refined: dict[str, Refined] | None = None
    walkers: EnsembleTable | None = None
    sampled: SampledPassage | None = None

    def find(self, problem: Problem, tell: Tell, *, refine: bool = False) -> None:
        """Compute time, committor, survival and what they tend to; each is kept once found."""
        from fokkerplanck.passage import mean_first_passage
        from fokkerplanck.refinement import refined_all

        table, steps = self.table, f"passage {self.table.name}"
        tell(steps)
        if table.method == "ensemble":
            self._sample(problem, lambda done: tell(f"{steps}: {done:.0%} of the walks"))
            return
        found = mean_first_passage(problem, self.start, self.end, weight=table.weight)
        self.passage = found
        ends, weight = (self.start, self.end), table.weight
        if unless(table.reactive, default=self.apart(problem)):
            from fokkerplanck.transitions import reactive_current

            tell(f"{steps}: reactive current")
            self.reactive = reactive_current(problem, *ends, weight=weight)
        soon = found.log10_mean < LONGEST
        if unless(table.survival, default=problem.grid.dim == 1 and soon):
            from fokkerplanck.survival import first_passage_distribution

            tell(f"{steps}: distribution of the time")
            self.survival = first_passage_distribution(problem, *ends, weight=weight, passage=found)
        if not refine:
            return

        def logarithms(other: Problem) -> tuple[float, float]:
            p = found
            if other is not problem:
                shape = " x ".join(map(str, other.grid.shape))
                tell(f"{steps}: {shape} cells")
                p = mean_first_passage(other, self.start, self.end, weight=table.weight)
            return p.log10_mean * LN10, p.log10_variance * LN10

        mean, variance = refined_all(logarithms, problem, log=True)
        self.refined = {"mean": mean, "variance": variance}

    def json(self) -> dict[str, Any]:
        """Part ``passage.NAME`` of the JSON object, but for its clock."""
        if self.sampled is not None:
            return sampled_json(self.sampled, survival=self.table.survival is not False)
        assert self.passage is not None
        return record.passage_json(self.passage, self.reactive, self.survival, self.refined)

    def group(self, index: int, problem: Problem) -> Group:
        """Group ``/passage/NAME`` of the file."""
        sets, names = self.shares(problem), problem.grid.names
        if self.sampled is not None:
            return sampled_group(index, self.sampled, sets, names)
        assert self.passage is not None
        return record.passage_group(index, self.passage, sets, self.reactive, self.survival, names)

    @property
    def found(self) -> bool:
        """Whether the time is known."""
        return self.passage is not None or self.sampled is not None

    def _sample(self, problem: Problem, progress: Callable[[float], None]) -> None:
        from fokkerplanck.case.ensemble_tables import EnsembleTable
        from fokkerplanck.sampled_passage import WALKERS, sample_passage

        t = self.walkers or EnsembleTable()
        self.sampled = sample_passage(
            problem,
            self.start,
            self.end,
            walkers=t.walkers or WALKERS,
            seed=t.seed,
            step=t.step,
            dynamics=t.dynamics,
            confidence=t.confidence,
            progress=progress,
        )

    def apart(self, problem: Problem) -> bool:
        """Whether there is a reactive current: a stationary state, and room between the sets.

        Where sets touch, a diffusion goes from one to the other infinitely often.
        """
        if isinstance(self.end, str) or any("absorbing" in pair for pair in problem.grid.walls):
            return False
        if _holds_point_of(self.start, self.end, problem) or _holds_point_of(
            self.end, self.start, problem
        ):
            return False
        start, end = (part.shares(problem.grid) > 0.0 for part in (self.start, self.end))
        near = end.copy()
        for k, axis in enumerate(problem.grid.axes):
            for step in (-1, 1):
                moved = np.roll(end, step, axis=k)
                if not axis.periodic:
                    moved[(slice(None),) * k + (0 if step > 0 else -1,)] = False
                near |= moved
        return not bool((start & near).any())

    def shares(self, problem: OnGrid) -> tuple[Any, Any]:
        """Shares of the cells in both sets; a point fills the cell it is in."""
        grid = problem.grid
        if isinstance(self.end, str):
            return _shares(self.start, grid), np.zeros(grid.shape)
        return _shares(self.start, grid), _shares(self.end, grid)


def _shares(part: PointSet, grid: Grid) -> Any:
    share, point = part.shares(grid), part.representative()
    if not share.any() and point is not None:
        share = np.zeros(grid.shape)
        share[grid.cell_of(tuple(point))] = 1.0
    return share


def _holds_point_of(part: PointSet, other: PointSet, problem: Problem) -> bool:
    """Whether a set that has no volume lies in the other."""
    point = other.representative()
    if point is None or not other.is_point:
        return False
    return bool(part.contains(point[None], problem.grid)[0])


def unless(given: bool | None, *, default: bool) -> bool:
    """Return what is given, or else the default."""
    return default if given is None else given
