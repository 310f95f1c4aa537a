"""What a case of heavy-tailed noise in the plane asks about escape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fokkerplanck.case import build
from fokkerplanck.errors import NumericalError
from fokkerplanck.escape import Escape
from fokkerplanck.escape_way import Tell, Way
from fokkerplanck.layout import Group
from fokkerplanck.levy_escape import landed_json, walked
from fokkerplanck.levy_plane_passage import checked_ends, plane_committor, plane_first_passage
from fokkerplanck.levy_sampled_passage import LevyArrivals
from fokkerplanck.levy_walk_plan import starting_point

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.case.passage_tables import SpectrumTable
    from fokkerplanck.levy_plane import PlaneLevy
    from fokkerplanck.sgd_settings import SGD
    from fokkerplanck.transitions import Committor

__all__ = ["PlaneLevyEscape", "PlaneLevyWay"]


@dataclass(eq=False)
class PlaneLevyWay(Way):
    """One passage under long jumps in the plane; where they land is known of walkers only.

    `reactive`, `survival` and `refined` are those of other noise: None.

    Parameters
    ----------
    committor : Committor or None
        Where the start has some extent, and there is room between it and the target.
    """

    committor: Committor | None = None

    def find(  # type: ignore[override]
        self, problem: PlaneLevy, tell: Tell, *, refine: bool = False
    ) -> None:
        """Compute time and committor; each is kept once found."""
        steps = f"passage {self.table.name}"
        tell(steps)
        if self.table.method == "ensemble":
            ends, table = (self.start, self.end), self.walkers
            self.sampled = walked(
                problem, ends, table, lambda done: tell(f"{steps}: {done:.0%} of the walks")
            )
            return
        self.passage = plane_first_passage(problem, self.start, self.end)
        if isinstance(self.end, str) or self.start.is_point or self.table.reactive is False:
            return
        if self.apart(problem):  # type: ignore[arg-type]
            tell(f"{steps}: committor")
            try:
                self.committor = plane_committor(problem, self.start, self.end)
            except NumericalError as error:
                msg = f"{error}; reactive = false leaves it out"
                raise NumericalError(msg) from None

    def json(self) -> dict[str, Any]:
        """Part ``passage.NAME`` of the JSON object, but for its clock."""
        q, walkers = self.committor, isinstance(self.sampled, LevyArrivals)
        return super().json() | {
            "landing": landed_json(self.sampled) if walkers else None,  # type: ignore[arg-type]
            "committor": None if q is None else {"error": q.error},
        }

    def group(self, index: int, problem: PlaneLevy) -> Group:  # type: ignore[override]
        """Group ``/passage/NAME`` of the file."""
        base = super().group(index, problem)  # type: ignore[arg-type]
        if self.committor is None:
            return base
        about = "probability to reach the target first"
        arrays = dict(base.arrays) | {
            "committor": (self.committor.forward, problem.grid.names, about)
        }
        facts = dict(base.attributes) | {"committor_error": self.committor.error}
        return Group(arrays, facts, base.coordinates)


class PlaneLevyEscape(Escape):
    """All that a case of heavy-tailed noise in the plane asks about escape; see `Escape`."""

    problem: PlaneLevy  # type: ignore[assignment]

    @classmethod
    def of(  # type: ignore[override]
        cls, case: Case, problem: PlaneLevy, *, sgd: SGD | None = None
    ) -> PlaneLevyEscape:
        """Make the sets of the passages; raises `CaseError` where they do not fit the grid."""
        ways = []
        for k, (start, end) in enumerate(build.passages(case, problem)):
            table = case.passage[k]
            with build.located(case, f"passage.{k}"):
                if table.method == "ensemble":
                    starting_point(start)
                checked_ends(problem, start, end)
            ways.append(PlaneLevyWay(table, start, end, walkers=case.ensemble))
        return cls(case, problem, tuple(ways), sgd=sgd)  # type: ignore[arg-type]

    def find_spectrum(self, asked: SpectrumTable, tell: Tell) -> None:
        """Find the slowest modes."""
        from fokkerplanck.levy_relaxation import levy_spectrum

        self.spectrum = levy_spectrum(self.problem, asked.count)
