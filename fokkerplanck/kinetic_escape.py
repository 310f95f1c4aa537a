"""What a case asks about escape of underdamped motion: passages and the spectrum."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import escape_record as record
from fokkerplanck.case import build_underdamped
from fokkerplanck.sgd_record import mean_clock_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from fokkerplanck.case import Case
    from fokkerplanck.case.build_underdamped import KineticEnds
    from fokkerplanck.case.passage_tables import PassageTable
    from fokkerplanck.kinetic_relaxation import KineticSpectrum
    from fokkerplanck.layout import Group
    from fokkerplanck.passage import Passage
    from fokkerplanck.problem import Problem
    from fokkerplanck.survival import Survival
    from fokkerplanck.underdamped import Underdamped

    Tell = Callable[[str], None]

__all__ = ["KineticEscape", "KineticWay"]

Array = NDArray[np.float64]


@dataclass(eq=False)
class KineticWay:
    """One passage: where it starts and what it reaches, and its time once that is found.

    `sampled`, `reactive` and `refined` are those of overdamped motion: None.
    """

    table: PassageTable
    ends: KineticEnds
    passage: Passage | None = None
    sampled: None = None
    reactive: None = None
    survival: Survival | None = None
    refined: None = None

    @property
    def found(self) -> bool:
        """Whether the time is known."""
        return self.passage is not None

    def find(self, problem: Underdamped, tell: Tell) -> None:
        """Compute the time."""
        from fokkerplanck.kinetic_passage import kinetic_first_passage

        tell(f"passage {self.table.name}")
        start, target = self.ends.start, self.ends.target
        begin = start[0] if len(start) == 1 else start
        end = target[0] if len(target) == 1 else target
        self.passage = kinetic_first_passage(problem, begin, end)
        if self.table.survival:
            from fokkerplanck.kinetic_survival import kinetic_passage_distribution

            tell(f"passage {self.table.name}: distribution of the time")
            self.survival = kinetic_passage_distribution(problem, begin, end)

    def shares(self, problem: Underdamped) -> tuple[Array, Array]:
        """Shares of the cells in (x, v) in the start and in the target."""
        line, plane = problem.grid, problem.phase_grid
        source = np.zeros(plane.shape)
        start = self.ends.start
        cell = line.cell_of(start[:1])[0]
        if len(start) == 2:
            source[plane.cell_of(start)] = 1.0
        else:
            source[cell] = 1.0
        target = np.repeat(self.ends.sets[1].shares(line)[:, None], plane.shape[1], axis=1)
        return source, target


@dataclass(eq=False)
class KineticEscape:
    """All that a case of underdamped motion asks about escape, and what has been found of it.

    Parameters
    ----------
    case : Case
    problem : Underdamped
    limit : Problem
        The same without inertia.
    ways : tuple of KineticWay
        One for each ``[[passage]]``.
    """

    case: Case
    problem: Underdamped
    limit: Problem
    ways: tuple[KineticWay, ...]
    spectrum: KineticSpectrum | None = None
    rates: None = None
    quasi_stationary: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, case: Case, problem: Underdamped, limit: Problem) -> KineticEscape:
        """Find the ends of the passages; raises `CaseError` where they do not fit the grid."""
        ends = build_underdamped.phase_passages(case, limit)
        ways = (KineticWay(table, end) for table, end in zip(case.passage, ends, strict=True))
        return cls(case, problem, limit, tuple(ways))

    def find(self, tell: Tell) -> None:
        """Compute everything in turn; on an error what came before it is kept."""
        for way in self.ways:
            way.find(self.problem, tell)
        if self.case.spectrum is not None:
            from fokkerplanck.kinetic_relaxation import kinetic_spectrum

            tell("spectrum")
            self.spectrum = kinetic_spectrum(self.problem, self.case.spectrum.count)

    def json(self) -> dict[str, Any]:
        """Parts of the JSON object of a run: "passage", "spectrum" and the others."""
        modes = self.spectrum
        return {
            "passage": {way.table.name: self._passage(way) for way in self.ways if way.found},
            "spectrum": [] if modes is None else modes.rates,
            "spectrum_modes": None if modes is None else record.spectrum_json(modes, None),
            "rates": None,
            "selection": None,
            "quasi_stationary": {},
        }

    def groups(self) -> dict[str, Group]:
        """Return the groups of the file for all that has been found."""
        names = self.problem.phase_grid.names
        groups = {}
        for k, way in enumerate(self.ways):
            if way.passage is not None:
                sets = way.shares(self.problem)
                group = record.passage_group(k, way.passage, sets, None, way.survival, names)
                groups[f"passage/{way.table.name}"] = group
        if self.spectrum is not None:
            groups["spectrum"] = record.spectrum_group(self.spectrum, names)
        return groups

    def _passage(self, way: KineticWay) -> dict[str, Any]:
        assert way.passage is not None
        found = record.passage_json(way.passage, None, way.survival, None)
        return found | mean_clock_json(self.limit.sgd, found["mean"])
