"""What a case asks about escape, found part by part: passages, the spectrum, rates of wells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck import escape_record as record
from fokkerplanck.case import build
from fokkerplanck.errors import CaseError
from fokkerplanck.escape_way import LN10, Tell, Way
from fokkerplanck.sampled_record import sampled_group, sampled_json
from fokkerplanck.sgd_record import mean_clock_json

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.layout import Group
    from fokkerplanck.metastability import QuasiStationary
    from fokkerplanck.problem import Problem
    from fokkerplanck.refinement import Refined
    from fokkerplanck.relaxation import Spectrum
    from fokkerplanck.selection import Selection
    from fokkerplanck.well_rates import RateMatrix

__all__ = ["Escape", "Way"]


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
    selection: Selection | None = None
    quasi_stationary: dict[str, QuasiStationary] = field(default_factory=dict)

    @classmethod
    def of(cls, case: Case, problem: Problem, *, refine: bool = False) -> Escape:
        """Make the sets of the passages; raises `CaseError` where they do not fit the grid."""
        pairs = zip(case.passage, build.passages(case, problem), strict=True)
        ways = tuple(Way(table, *ends, walkers=case.ensemble) for table, ends in pairs)
        for k, way in enumerate(ways):
            if way.table.reactive and not way.apart(problem):
                msg = "the sets touch, and no current leads from one to the other; leave it out"
                raise CaseError(msg, file=_file(case), key=f"passage.{k}.reactive")
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
        if self.case.selection is not None:
            from fokkerplanck.selection import select_minima

            tell("selection of minima")
            self.selection = select_minima(self.problem)
        for table in self.case.quasi_stationary:
            from fokkerplanck.metastability import quasi_stationary

            tell(f"quasi-stationary density {table.label}")
            self.quasi_stationary[table.label] = quasi_stationary(self.problem, table.well)

    def json(self) -> dict[str, Any]:
        """Parts of the JSON object of a run: "passage", "spectrum" and the others."""
        modes = self.spectrum
        return {
            "passage": {
                way.table.name: _passage_json(way, self.problem) for way in self.ways if way.found
            },
            "spectrum": [] if modes is None else modes.rates,
            "spectrum_modes": None
            if modes is None
            else record.spectrum_json(modes, self.spectrum_refined),
            "rates": None if self.rates is None else record.rates_json(self.rates),
            "selection": None if self.selection is None else self.selection.json(),
            "quasi_stationary": {
                name: record.quasi_stationary_json(found)
                for name, found in self.quasi_stationary.items()
            },
        }

    def groups(self) -> dict[str, Group]:
        """Return the groups of the file for all that has been found."""
        names = self.problem.grid.names
        groups = {
            f"passage/{way.table.name}": _passage_group(k, way, self.problem)
            for k, way in enumerate(self.ways)
            if way.found
        }
        if self.spectrum is not None:
            groups["spectrum"] = record.spectrum_group(self.spectrum, names)
        if self.rates is not None:
            groups["rates"] = record.rates_group(self.rates)
        for k, (name, found) in enumerate(self.quasi_stationary.items()):
            well = _well(self.problem, found)
            groups[f"quasi_stationary/{name}"] = record.quasi_stationary_group(
                k, found, well, names
            )
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


def _passage_json(way: Way, problem: Problem) -> dict[str, Any]:
    if way.sampled is not None:
        found = sampled_json(way.sampled, survival=way.table.survival is not False)
    else:
        assert way.passage is not None
        found = record.passage_json(way.passage, way.reactive, way.survival, way.refined)
    return found | mean_clock_json(problem.sgd, found["mean"])


def _passage_group(index: int, way: Way, problem: Problem) -> Group:
    sets, names = way.shares(problem), problem.grid.names
    if way.sampled is not None:
        return sampled_group(index, way.sampled, sets, names)
    assert way.passage is not None
    return record.passage_group(index, way.passage, sets, way.reactive, way.survival, names)


def _check_wells(case: Case, problem: Problem) -> None:
    """Refuse rates and quasi-stationary densities where there are too few wells."""
    asked = [key for key in ("rates", "selection") if getattr(case, key) is not None]
    if not asked and not case.quasi_stationary:
        return
    from fokkerplanck.landscapes.critical import critical_points

    points = critical_points(problem.landscape, problem.grid)
    n = sum(p.kind == "minimum" for p in points)
    if asked and n < 2:
        msg = f"needs a landscape with at least two minima on the grid, this one has {n}"
        raise CaseError(msg, file=_file(case), key=asked[0])
    absorbs = any("absorbing" in pair for pair in problem.grid.walls)
    if case.quasi_stationary and n < (1 if absorbs else 2):
        msg = f"needs a well that can be left: two minima, or one and a wall that absorbs; got {n}"
        raise CaseError(msg, file=_file(case), key="quasi_stationary")


def _well(problem: Problem, found: QuasiStationary) -> Any:
    """Share of each cell in the well that is left: all but the basins of the other minima."""
    from fokkerplanck.landscapes.critical import critical_points
    from fokkerplanck.sets import Basin

    share = np.ones(problem.grid.shape)
    for point in critical_points(problem.landscape, problem.grid):
        other = not np.array_equal(point.position, found.minimum.position)
        if point.kind == "minimum" and other:
            share -= Basin(point.position, problem.landscape).shares(problem.grid)
    return share.clip(0.0, 1.0)


def _file(case: Case) -> str | None:
    return str(case.path) if case.path else None
