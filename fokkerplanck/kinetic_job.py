"""The computations of one run of underdamped motion, part by part."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.case import build, build_underdamped
from fokkerplanck.errors import CaseError
from fokkerplanck.kinetic_checkpoint import packed, size_of, unpacked
from fokkerplanck.kinetic_escape import KineticEscape
from fokkerplanck.kinetic_record import KineticRecord, observed
from fokkerplanck.layout import KINETIC_SCALARS, Header
from fokkerplanck.provenance import provenance
from fokkerplanck.record import wells
from fokkerplanck.sgd_record import noise_json, sgd_json
from fokkerplanck.solvers.kinetic_evolve import KineticStep
from fokkerplanck.surface_record import surface_json
from fokkerplanck.task import Sink, Task
from fokkerplanck.writer import Snapshot

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.kinetic_density import KineticMoment
    from fokkerplanck.kinetic_steady import KineticStationary
    from fokkerplanck.phase_space import PhaseState
    from fokkerplanck.problem import Problem
    from fokkerplanck.progress import Progress
    from fokkerplanck.underdamped import Underdamped

__all__ = ["KineticJob"]

Array = NDArray[np.float64]


@dataclass(eq=False)
class KineticJob(Task):
    """One run of a case of underdamped motion; see `fokkerplanck.job.Job`.

    Parameters
    ----------
    case : Case
    problem : Underdamped
    limit : Problem
        The same without inertia, on the line of positions: its landscape, noise and clock.
    times : ndarray, shape (n,)
    initial : PhaseState or None
        Density at the start; None without [evolve].
    record : KineticRecord
    escape : KineticEscape
    last : KineticStep or None
        What the evolution goes on from, once there is a snapshot.
    """

    case: Case
    problem: Underdamped
    limit: Problem
    times: Array
    initial: PhaseState | None
    record: KineticRecord
    escape: KineticEscape
    last: KineticStep | None = None
    stationary: KineticStationary | None = None
    sgd: dict[str, Any] | None = None

    @classmethod
    def of(cls, case: Case, *, refine: bool = False) -> KineticJob:
        """Build everything that a case describes; raises `CaseError` where it cannot."""
        if refine:
            msg = "--refine is of overdamped motion: errors of underdamped motion are estimated "
            msg += "from runs with fewer cells and modes, and given with every result"
            raise CaseError(msg, file=str(case.path) if case.path else None, key="--refine")
        limit = build.problem(case)
        problem = build_underdamped.underdamped(case, limit)
        times = build.times(case)
        with build.located(case, ""):
            sgd = sgd_json(limit, times)
        start = build_underdamped.phase_start(case, problem) if case.evolve else None
        record = KineticRecord.beside(limit, problem)
        escape = KineticEscape.of(case, problem, limit)
        return cls(case, problem, limit, times, start, record, escape, sgd=sgd)

    @cached_property
    def header(self) -> Header:
        """What the file says before the first snapshot."""
        p, noise = self.problem, noise_json(self.limit)
        loss = self.limit.potential()
        v = p.velocity_axis.centres
        return Header(
            grid=p.phase_grid,
            title=self.case.title,
            loss=loss,
            diffusion=np.diag([0.0, p.rate * p.speed**2]),
            initial=None if self.initial is None else self.initial.density(),
            case_text=self.case.text,
            case_hash=self.case.hash,
            planned=len(self.times),
            provenance=provenance(),
            noise={f"noise_{k}": v for k, v in noise.items() if v is not None},
            scalars=KINETIC_SCALARS,
            modes=size_of(p.operator()),
            energy=loss[:, None] + 0.5 * p.mass * v**2,
            dynamics={"dynamics": "underdamped", **self._parameters},
        )

    @property
    def _parameters(self) -> dict[str, Any]:
        p = self.problem
        return {
            "friction": float(p.friction),
            "mass": float(p.mass),
            "temperature": float(p.temperature),
            "modes": int(p.mode_count),
        }

    def go_on_from(self, kept: Array) -> None:
        """Take the modes of the last snapshot."""
        self.last = unpacked(kept, self.problem.operator())

    def evolve(self, sink: Sink, progress: Progress | None) -> None:
        """Evolve to every time that is left, saving each snapshot before the next is begun."""
        from fokkerplanck.kinetic_density import kinetic_evolve_steps

        table, done = self.case.evolve, len(self.record.times)
        if table is None or self.initial is None or done == len(self.times):
            return
        moments = kinetic_evolve_steps(
            self.problem,
            self.initial,
            self.times[done:],
            tolerance=table.tolerance,
            after=self.last,
        )
        for moment in moments:
            sink.append(self._snapshot(moment))
            if progress is not None:
                progress.advance(moment.time, self.record.mass_error)

    def find_stationary(self) -> None:
        """Solve for the stationary state, if the case asks for it."""
        if self.case.stationary is not None:
            from fokkerplanck.kinetic_steady import kinetic_stationary

            self.stationary = kinetic_stationary(self.problem)

    @property
    def subject(self) -> tuple[Underdamped, Problem]:
        """The problem that closed forms are asked about, and the same without inertia."""
        return self.problem, self.limit

    def parts(self) -> dict[str, Any]:
        """Parts of the JSON object that belong to the dynamics: "evolve" and what comes before."""
        found = wells(self.limit)
        return {
            "dynamics": self._dynamics(),
            "landscape": found | surface_json(self.limit, found),
            "noise": noise_json(self.limit),
            "sgd": self.sgd,
            "evolve": None
            if self.case.evolve is None
            else self.record.evolve() | {"ensemble": None},
        }

    def _dynamics(self) -> dict[str, Any]:
        """Part "dynamics" of the JSON object: the parameters, and how well they are resolved."""
        p = self.problem
        return {
            "kind": "underdamped",
            **self._parameters,
            "rate": p.rate,
            "speed": p.speed,
            "frequency": p.frequency,
            "velocity": [p.velocity_axis.min, p.velocity_axis.max],
            "start": None if self.initial is None else self.initial.text,
            "remarks": self.record.remarks(self.stationary),
        }

    def _snapshot(self, moment: KineticMoment) -> Snapshot:
        from fokkerplanck.kinetic_currents import kinetic_current

        density = moment.state.density()
        current = kinetic_current(self.problem, moment.state)
        scalars = observed(moment, density, current)
        assert moment.step is not None
        kept = packed(moment.step)
        self.record.add(moment.time, density, scalars)
        self.last = moment.step
        return Snapshot(moment.time, kept, density, current.field, scalars)
