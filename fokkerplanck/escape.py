"""What a case asks about escape, found part by part: passages, the spectrum, rates of wells."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck import escape_record as record
from fokkerplanck.case import build
from fokkerplanck.errors import CaseError

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.case.passage_tables import PassageTable
    from fokkerplanck.layout import Group
    from fokkerplanck.passage import Passage
    from fokkerplanck.problem import Problem
    from fokkerplanck.refinement import Refined
    from fokkerplanck.relaxation import Spectrum
    from fokkerplanck.sets import PointSet
    from fokkerplanck.survival import Survival
    from fokkerplanck.transitions import ReactiveCurrent
    from fokkerplanck.well_rates import RateMatrix

__all__ = ["Escape", "Way"]

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
    """

    table: PassageTable
    start: PointSet
    end: PointSet | str
    passage: Passage | None = None
    reactive: ReactiveCurrent | None = None
    survival: Survival | None = None
    refined: dict[str, Refined] | None = None

    def find(self, problem: Problem, tell: Tell, *, refine: bool = False) -> None:
        """Compute time, committor, survival and what they tend to; each is kept once found."""
        from fokkerplanck.passage import mean_first_passage
        from fokkerplanck.refinement import refined_all

        table, steps = self.table, f"passage {self.table.name}"
        tell(steps)
        found = mean_first_passage(problem, self.start, self.end, weight=table.weight)
        self.passage = found
        ends, weight = (self.start, self.end), table.weight
        if _unless(table.reactive, default=self.apart(problem)):
            from fokkerplanck.transitions import reactive_current

            tell(f"{steps}: reactive current")
            self.reactive = reactive_current(problem, *ends, weight=weight)
        soon = found.log10_mean < LONGEST
        if _unless(table.survival, default=problem.grid.dim == 1 and soon):
            from fokkerplanck.survival import first_passage_distribution

            tell(f"{steps}: distribution of the time")
            self.survival = first_passage_distribution(problem, *ends, weight=weight)
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

    def shares(self, problem: Problem) -> tuple[Any, Any]:
        """Shares of the cells in both sets; a start that is a point fills the cell it is in."""
        grid = problem.grid
        start = self.start.shares(grid)
        point = self.start.representative()
        if not start.any() and point is not None:
            start = np.zeros(grid.shape)
            start[grid.cell_of(tuple(point))] = 1.0
        end = np.zeros(grid.shape) if isinstance(self.end, str) else self.end.shares(grid)
        return start, end


@dataclass(eq=False)
class Escape:
    """All that a case asks about escape, and what has been found of it.

    Parameters
    ----------
    case : Case
    problem : Problem
    ways : tuple of Way
        One for each ``[[passage]]``.
    refine : bool
        Solve on coarser and finer grids, too.
    """

    case: Case
    problem: Problem
    ways: tuple[Way, ...]
    refine: bool = False
    spectrum: Spectrum | None = None
    spectrum_refined: tuple[Refined, ...] | None = None
    rates: RateMatrix | None = None

    @classmethod
    def of(cls, case: Case, problem: Problem, *, refine: bool = False) -> Escape:
        """Make the sets of the passages; raises `CaseError` where they do not fit the grid."""
        pairs = zip(case.passage, build.passages(case, problem), strict=True)
        ways = tuple(Way(table, *ends) for table, ends in pairs)
        for k, way in enumerate(ways):
            if way.table.reactive and not way.apart(problem):
                msg = "the sets touch, and no current leads from one to the other; leave it out"
                raise CaseError(msg, file=_file(case), key=f"passage.{k}.reactive")
        if case.rates is not None:
            _check_wells(case, problem)
        return cls(case, problem, ways, refine)

    def find(self, tell: Tell) -> None:
        """Compute everything in turn; on an error what came before it is kept."""
        for way in self.ways:
            way.find(self.problem, tell, refine=self.refine)
        if self.case.spectrum is not None:
            tell("spectrum")
            self._find_spectrum(self.case.spectrum.count, self.case.spectrum.weight, tell)
        if self.case.rates is not None:
            from fokkerplanck.well_rates import rate_matrix

            tell("rates between wells")
            self.rates = rate_matrix(self.problem, radius=self.case.rates.radius)

    def json(self) -> dict[str, Any]:
        """Parts "passage", "spectrum", "spectrum_modes" and "rates" of the JSON object."""
        modes = self.spectrum
        return {
            "passage": {
                way.table.name: record.passage_json(
                    way.passage, way.reactive, way.survival, way.refined
                )
                for way in self.ways
                if way.passage is not None
            },
            "spectrum": [] if modes is None else modes.rates,
            "spectrum_modes": None
            if modes is None
            else record.spectrum_json(modes, self.spectrum_refined),
            "rates": None if self.rates is None else record.rates_json(self.rates),
        }

    def groups(self) -> dict[str, Group]:
        """Return the groups of the file for all that has been found."""
        names = self.problem.grid.names
        groups = {
            f"passage/{way.table.name}": record.passage_group(
                k, way.passage, way.shares(self.problem), way.reactive, way.survival, names
            )
            for k, way in enumerate(self.ways)
            if way.passage is not None
        }
        if self.spectrum is not None:
            groups["spectrum"] = record.spectrum_group(self.spectrum, names)
        if self.rates is not None:
            groups["rates"] = record.rates_group(self.rates)
        return groups

    def _find_spectrum(self, count: int, weight: str, tell: Tell) -> None:
        from fokkerplanck.refinement import refined_all
        from fokkerplanck.relaxation import spectrum

        found = self.spectrum = spectrum(self.problem, count, weight=weight)
        if not self.refine:
            return

        def logarithms(other: Problem) -> list[float]:
            tell(f"spectrum: {' x '.join(map(str, other.grid.shape))} cells")
            modes = found if other is self.problem else spectrum(other, count, weight=weight)
            return [float(v) * LN10 for v in modes.log10_rates]

        self.spectrum_refined = refined_all(logarithms, self.problem, log=True)


def _check_wells(case: Case, problem: Problem) -> None:
    from fokkerplanck.landscapes.critical import critical_points

    points = critical_points(problem.landscape, problem.grid)
    if (n := sum(p.kind == "minimum" for p in points)) < 2:
        msg = f"needs a landscape with at least two minima on the grid, this one has {n}"
        raise CaseError(msg, file=_file(case), key="rates")


def _file(case: Case) -> str | None:
    return str(case.path) if case.path else None


def _holds_point_of(part: PointSet, other: PointSet, problem: Problem) -> bool:
    """Whether a set that has no volume lies in the other."""
    point = other.representative()
    if point is None or not other.is_point:
        return False
    return bool(part.contains(point[None], problem.grid)[0])


def _unless(given: bool | None, *, default: bool) -> bool:
    return default if given is None else given
