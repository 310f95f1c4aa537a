"""What a case of heavy-tailed noise asks about escape: times, landing, spectrum, rates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck.case import build
from fokkerplanck.case.ensemble_tables import EnsembleTable
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.escape import Escape, check_wells
from fokkerplanck.escape_way import LONGEST, Tell, Way, unless
from fokkerplanck.layout import Group
from fokkerplanck.levy_cells import cell_density, cell_values
from fokkerplanck.levy_sampled_passage import WALKERS, LevyArrivals, sample_levy_passage
from fokkerplanck.levy_sets import checked_start, checked_target

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.case.passage_tables import QuasiStationaryTable, RatesTable, SpectrumTable
    from fokkerplanck.levy import Levy
    from fokkerplanck.levy_overshoot import LandingSide, LevyLanding
    from fokkerplanck.levy_reach import LevyCommittor
    from fokkerplanck.levy_walk_plan import Jumping
    from fokkerplanck.metastability import QuasiStationary
    from fokkerplanck.sets import PointSet
    from fokkerplanck.sgd_settings import SGD
    from fokkerplanck.well_rates import RateMatrix

__all__ = ["LevyEscape", "LevyWay", "landed_json", "walked"]

#: Numbers of a side that is landed on.
SIDE = ("edge", "probability", "creep", "jump", "error", "split_error", "density_error")


@dataclass(eq=False)
class LevyWay(Way):
    """One passage under long jumps: its time, and where and how the target is reached.

    `reactive` and `refined` are those of Gaussian noise: None.

    Parameters
    ----------
    landing : LevyLanding or None
    committor : LevyCommittor or None
        Where the start has some extent, and there is room between it and the target.
    no_committor : str
        Why it could not be had, though it was not asked for; empty otherwise.
    """

    landing: LevyLanding | None = None
    committor: LevyCommittor | None = None
    no_committor: str = ""

    def find(  # type: ignore[override]
        self, problem: Levy, tell: Tell, *, refine: bool = False
    ) -> None:
        """Compute time, landing, committor and survival; each is kept once found."""
        from fokkerplanck.levy_overshoot import levy_landing
        from fokkerplanck.levy_passage import levy_first_passage
        from fokkerplanck.levy_reach import levy_committor
        from fokkerplanck.levy_survival import levy_passage_distribution

        steps, ends = f"passage {self.table.name}", (self.start, self.end)
        tell(steps)
        if self.table.method == "ensemble":
            self.sampled = walked(
                problem, ends, self.walkers, lambda done: tell(f"{steps}: {done:.0%} of the walks")
            )
            return
        found = levy_first_passage(problem, *ends)
        with np.errstate(divide="ignore"):
            times = np.log10(cell_values(problem, 10.0**found.log10_times))
        self.passage = replace(found, log10_times=times)
        tell(f"{steps}: landing")
        self.landing = levy_landing(problem, *ends)
        if self.table.reactive is not False and self._has_committor(problem):
            tell(f"{steps}: committor")
            try:
                self.committor = levy_committor(problem, *ends)
            except NumericalError as error:
                if self.table.reactive:
                    raise
                # nobody asked for it: the rest of the passage stands
                self.no_committor = str(error)
        if unless(self.table.survival, default=found.log10_mean < LONGEST):
            tell(f"{steps}: distribution of the time")
            self.survival = levy_passage_distribution(problem, *ends)

    def json(self) -> dict[str, Any]:
        """Part ``passage.NAME`` of the JSON object, but for its clock."""
        landing, q = self.landing, self.committor
        landed = None if landing is None else _landing_json(landing)
        if isinstance(self.sampled, LevyArrivals):
            landed = landed_json(self.sampled)
        return super().json() | {
            "landing": landed,
            "committor": None if q is None else {"error": q.error},
            "no_committor": self.no_committor or None,
            "probability_error": getattr(self.passage, "probability_error", None),
        }

    def group(self, index: int, problem: Levy) -> Group:  # type: ignore[override]
        """Group ``/passage/NAME`` of the file."""
        base = super().group(index, problem)  # type: ignore[arg-type]
        arrays, facts = dict(base.arrays), dict(base.attributes)
        coordinates = dict(base.coordinates)
        if self.committor is not None:
            q = cell_values(problem, self.committor.q).clip(0.0, 1.0)
            about = "probability to reach the target first"
            arrays["committor"] = (q, problem.grid.names, about)
            facts["committor_error"] = self.committor.error
        for k, side in enumerate(self.landing.sides if self.landing is not None else ()):
            place = f"landing_{k}"
            coordinates[place] = (side.points, f"place of landing, {side.name}")
            about = f"density of the landing points of jumps, {side.name}"
            arrays[f"landing_density_{k}"] = (side.density, (place,), about)
            facts |= {
                f"{place}_name": side.name,
                **{f"{place}_{n}": getattr(side, n) for n in SIDE},
            }
        return Group(arrays, facts, coordinates)

    def _has_committor(self, problem: Levy) -> bool:
        if isinstance(self.end, str) or not self.apart(problem):  # type: ignore[arg-type]
            return False
        try:
            checked_target(problem.grid, self.start, "from")
        except CaseError:  # a point or nearly one, which jumps lead over
            return False
        return True


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
            ways.append(LevyWay(case.passage[k], start, end, walkers=case.ensemble))
        check_wells(case, problem)
        return cls(case, problem, tuple(ways), sgd=sgd)

    def find_spectrum(self, asked: SpectrumTable, tell: Tell) -> None:
        """Find the slowest modes."""
        from fokkerplanck.levy_relaxation import levy_spectrum

        found = levy_spectrum(self.problem, asked.count)
        right, left = (
            np.array([cell_values(self.problem, mode) for mode in modes])
            for modes in (found.right, found.left)
        )
        self.spectrum = replace(found, right=right, left=left)

    def find_rates(self, asked: RatesTable) -> RateMatrix:
        """Find the rates between all wells, over others too."""
        from fokkerplanck.levy_well_rates import levy_rates

        return levy_rates(self.problem, asked.radius)

    def find_quasi_stationary(self, asked: QuasiStationaryTable) -> QuasiStationary:
        """Find the density in a well before it is left."""
        from fokkerplanck.levy_metastability import levy_quasi_stationary

        found = levy_quasi_stationary(self.problem, asked.well)
        return replace(found, density=cell_density(self.problem, found.density))


def walked(
    problem: Jumping,
    ends: tuple[PointSet, PointSet | str],
    table: EnsembleTable | None,
    progress: Callable[[float], None],
) -> LevyArrivals:
    """Follow the walkers of a passage, as the table [ensemble] has it."""
    t = table or EnsembleTable()
    return sample_levy_passage(
        problem,
        *ends,
        walkers=t.walkers or WALKERS,
        seed=t.seed,
        step=t.step,
        confidence=t.confidence,
        progress=progress,
    )


def _landing_json(found: LevyLanding) -> dict[str, Any]:
    """Part ``passage.NAME.landing`` of the JSON object: a table for each side."""
    return {
        "probability": found.probability,
        "error": found.error,
        "sides": {side.name: _side_json(side) for side in found.sides},
    }


def landed_json(found: LevyArrivals) -> dict[str, Any]:
    """Part "landing" of walkers: quantiles of the depth, and the share that creeps."""
    names = ("levels", "depth_quantiles", "depth_intervals", "creeps", "creeps_interval")
    return {**{name: getattr(found, name) for name in names}, "unresolved": found.unresolved}


def _side_json(side: LandingSide) -> dict[str, Any]:
    quantiles = {"levels": side.levels, "overshoot": side.overshoot}
    return {**{name: getattr(side, name) for name in SIDE}, **quantiles}
