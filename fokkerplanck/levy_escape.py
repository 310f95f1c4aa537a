"""What a case of heavy-tailed noise asks about escape: times, landing, spectrum, rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck import escape_record as record
from fokkerplanck.case import build
from fokkerplanck.escape import Escape, check_wells
from fokkerplanck.escape_way import LONGEST, Tell, Way, unless
from fokkerplanck.levy_cells import cell_values
from fokkerplanck.levy_sets import checked_start, checked_target

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.case.passage_tables import QuasiStationaryTable, RatesTable, SpectrumTable
    from fokkerplanck.layout import Group
    from fokkerplanck.levy import Levy
    from fokkerplanck.metastability import QuasiStationary
    from fokkerplanck.sgd_settings import SGD
    from fokkerplanck.well_rates import RateMatrix

__all__ = ["LevyEscape", "LevyWay"]


@dataclass(eq=False)
class LevyWay(Way):
    """One passage under long jumps: its time, and where and how the target is reached.

    `reactive`, `refined` and `sampled` are those of Gaussian noise: None.
    """

    def find(self, problem: Levy, tell: Tell, *, refine: bool = False) -> None:  # type: ignore[override]
        """Compute time, landing, committor and survival; each is kept once found."""
        from fokkerplanck.levy_passage import levy_first_passage

        tell(f"passage {self.table.name}")
        found = levy_first_passage(problem, self.start, self.end)
        with np.errstate(divide="ignore"):
            times = np.log10(cell_values(problem, 10.0**found.log10_times))
        self.passage = replace(found, log10_times=times)


@dataclass(eq=False)
class LevyEscape(Escape):
    """All that a case of heavy-tailed noise asks about escape; see `Escape`."""

    problem: Levy  # type: ignore[assignment]

    @classmethod
    def of(  # type: ignore[override]
        cls, case: Case, problem: Levy, *, sgd: SGD | None = None
    ) -> LevyEscape:
        """Make the sets of the passages; raises `CaseError` where they do not fit the grid."""
        ways = []
        for k, (start, end) in enumerate(build.passages(case, problem)):
            with build.located(case, f"passage.{k}"):
                killed, words = checked_target(problem.grid, end)
                checked_start(problem.grid, start, killed, words)
            ways.append(LevyWay(case.passage[k], start, end))
        check_wells(case, problem)
        return cls(case, problem, tuple(ways), sgd=sgd)

    def find_spectrum(self, asked: SpectrumTable, tell: Tell) -> None:
        """Find the slowest modes."""
        raise NotImplementedError

    def find_rates(self, asked: RatesTable) -> RateMatrix:
        """Find the rates between all wells."""
        raise NotImplementedError

    def find_quasi_stationary(self, asked: QuasiStationaryTable) -> QuasiStationary:
        """Find the density in a well before it is left."""
        raise NotImplementedError
