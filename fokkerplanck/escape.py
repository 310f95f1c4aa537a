"""What a case asks about escape, found part by part: passages, the spectrum, rates of wells."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck import escape_record as record
from fokkerplanck.case import build
from fokkerplanck.errors import CaseError
from fokkerplanck.escape_way import LN10, Tell, Way
from fokkerplanck.sgd_record import mean_clock_json

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.case.passage_tables import QuasiStationaryTable, RatesTable, SpectrumTable
    from fokkerplanck.landscapes.base import OnGrid
    from fokkerplanck.layout import Group
    from fokkerplanck.metastability import QuasiStationary
    from fokkerplanck.problem import Problem
    from fokkerplanck.refinement import Refined
    from fokkerplanck.relaxation import Spectrum
    from fokkerplanck.selection import Selection
    from fokkerplanck.sgd_settings import SGD
    from fokkerplanck.well_rates import RateMatrix

__all__ = ["Escape", "Way", "check_wells", "well_share"]


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
    sgd : SGD or None
        Clock of steps and epochs.
    """

    case: Case
    problem: Problem
    ways: tuple[Way, ...]
    refine: bool = False
    sgd: SGD | None = None
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
        check_wells(case, problem)
        return cls(case, problem, ways, refine, problem.sgd)

    def find(self, tell: Tell) -> None:
        """Compute everything in turn; on an error what came before it is kept."""
        for way in self.ways:
            way.find(self.problem, tell, refine=self.refine)
        if self.case.spectrum is not None:
            tell("spectrum")
            self.find_spectrum(self.case.spectrum, tell)
        if self.case.rates is not None:
            tell("rates between wells")
            self.rates = self.find_rates(self.case.rates)
        if self.case.selection is not None:
            from fokkerplanck.selection import select_minima

            tell("selection of minima")
            self.selection = select_minima(self.problem)
        for table in self.case.quasi_stationary:
            tell(f"quasi-stationary density {table.label}")
            self.quasi_stationary[table.label] = self.find_quasi_stationary(table)

    def find_spectrum(self, asked: SpectrumTable, tell: Tell) -> None:
        """Find the slowest modes, on finer and coarser grids, too, where that is wanted."""
        from fokkerplanck.refinement import refined_all
        from fokkerplanck.relaxation import spectrum

        count, weight = asked.count, asked.weight
        found = self.spectrum = spectrum(self.problem, count, weight=weight)
        if not self.refine:
            return

        def logarithms(other: Problem) -> list[float]:
            tell(f"spectrum: {' x '.join(map(str, other.grid.shape))} cells")
            modes = found if other is self.problem else spectrum(other, count, weight=weight)
            return [float(v) * LN10 for v in modes.log10_rates]

        self.spectrum_refined = refined_all(logarithms, self.problem, log=True)

    def find_rates(self, asked: RatesTable) -> RateMatrix:
        """Find the rates between all wells."""
        from fokkerplanck.well_rates import rate_matrix

        return rate_matrix(self.problem, radius=asked.radius)

    def find_quasi_stationary(self, asked: QuasiStationaryTable) -> QuasiStationary:
        """Find the density in a well before it is left."""
        from fokkerplanck.metastability import quasi_stationary

        return quasi_stationary(self.problem, asked.well)

    def json(self) -> dict[str, Any]:
        """Parts of the JSON object of a run: "passage", "spectrum" and the others."""
        modes = self.spectrum
        return {
            "passage": {way.table.name: self._passage_json(way) for way in self.ways if way.found},
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
            f"passage/{way.table.name}": way.group(k, self.problem)
            for k, way in enumerate(self.ways)
            if way.found
        }
        if self.spectrum is not None:
            groups["spectrum"] = record.spectrum_group(self.spectrum, names)
        if self.rates is not None:
            groups["rates"] = record.rates_group(self.rates)
        for k, (name, found) in enumerate(self.quasi_stationary.items()):
            well = well_share(self.problem, found)
            groups[f"quasi_stationary/{name}"] = record.quasi_stationary_group(
                k, found, well, names
            )
        return groups

    def _passage_json(self, way: Way) -> dict[str, Any]:
        found = way.json()
        return found | mean_clock_json(self.sgd, found["mean"])


def check_wells(case: Case, problem: OnGrid) -> None:
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


def well_share(problem: OnGrid, found: QuasiStationary) -> Any:
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
