"""The computations of one run under heavy-tailed noise, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.case import build, build_levy
from fokkerplanck.case.sgd_tables import settings
from fokkerplanck.ensemble_run import walk_on
from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.layout import LEVY_SCALARS, Group, Header
from fokkerplanck.levy import FEWEST
from fokkerplanck.levy_cells import cell_density
from fokkerplanck.levy_ensemble_run import LevyEvolution
from fokkerplanck.levy_escape import LevyEscape
from fokkerplanck.levy_record import LevyRecord, levy_noise_json, levy_sgd_json
from fokkerplanck.provenance import provenance
from fokkerplanck.record import wells
from fokkerplanck.regrid import regrid
from fokkerplanck.surface_record import surface_json
from fokkerplanck.task import Sink, Task
from fokkerplanck.writer import Snapshot

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.levy import Levy
    from fokkerplanck.levy_density import LevyStationary, LevyStep
    from fokkerplanck.progress import Progress
    from fokkerplanck.sgd_settings import SGD

__all__ = ["LevyJob"]

Array = NDArray[np.float64]


@dataclass(eq=False)
class LevyJob(Task):
    """One run of a case of heavy-tailed noise; see `fokkerplanck.job.Job`.

    Parameters
    ----------
    case : Case
    problem : Levy
    sgd : SGD or None
        Clock of steps and epochs.
    times : ndarray, shape (n,)
    initial : ndarray, shape (cells,), or None
        Density at the start; None without [evolve].
    record : LevyRecord
    escape : LevyEscape
    walkers : LevyEvolution or None
        What [evolve] follows instead of a density.
    last : LevyStep or None
        What the evolution goes on from, once there is a snapshot.

    Notes
    -----
    Densities of files and of the JSON object are those of cells. They are the nodes of the solver
    unless walls absorb; then see `fokkerplanck.levy_cells`.
    """

    case: Case
    problem: Levy
    sgd: SGD | None
    times: Array
    initial: Array | None
    record: LevyRecord
    escape: LevyEscape
    walkers: LevyEvolution | None = None
    last: LevyStep | None = None
    stationary: LevyStationary | None = None
    about: dict[str, Any] | None = None

    #: how densities are observed, and escape is found
    RECORD: ClassVar[Any] = LevyRecord
    ESCAPE: ClassVar[Any] = LevyEscape

    @classmethod
    def of(cls, case: Case, *, refine: bool = False) -> Self:
        """Build everything that a case describes; raises `CaseError` where it cannot."""
        if refine:
            msg = "--refine is of Gaussian noise: errors under heavy-tailed noise are estimated "
            msg += "from runs with half the cells, and given with every result"
            raise CaseError(msg, file=str(case.path) if case.path else None, key="--refine")
        problem: Any = build_levy.levy(case)
        sgd, times = settings(case), build.times(case)
        with build.located(case, ""):
            about = levy_sgd_json(problem, sgd, getattr(case.noise, "sigma", None))
        start = build_levy.levy_start(case, problem) if case.evolve else None
        record = cls.RECORD.beside(problem, sgd)
        escape = cls.ESCAPE.of(case, problem, sgd=sgd)
        tails = record.labels, record.exponent
        walkers = LevyEvolution.of(case, problem, times, start, *tails)
        return cls(case, problem, sgd, times, start, record, escape, walkers, about=about)

    @cached_property
    def header(self) -> Header:
        """What the file says before the first snapshot."""
        p, noise = self.problem, self.noise_json()
        facts = ("kind", "reading", "assumption")
        return Header(
            grid=p.grid,
            title=self.case.title,
            loss=p.landscape.loss(p.grid.points()),
            diffusion=float(p.temperature) * np.eye(p.grid.dim),
            initial=self.initial,
            case_text=self.case.text,
            case_hash=self.case.hash,
            planned=len(self.times),
            provenance=provenance(),
            noise={f"noise_{name}": noise[name] for name in facts},
            scalars=LEVY_SCALARS,
            jumps=self.walkers is None,
            walkers=None if self.walkers is None else self.walkers.walkers,
            dynamics=self.dynamics,
        )

    @property
    def dynamics(self) -> dict[str, Any]:
        """Attributes of the file: index, scale and the like."""
        p = self.problem
        return {
            "alpha": float(p.alpha),
            "scale": float(p.scale),
            "temperature": float(p.temperature),
            "outside": str(p.outside),
        }

    def noise_json(self, remarks: Sequence[str] = ()) -> dict[str, Any]:
        """Part "noise" of the JSON object."""
        return levy_noise_json(self.problem, remarks)

    def go_on_from(self, kept: Array) -> None:
        """Take the masses at the nodes of the last snapshot."""
        from fokkerplanck.levy_density import LevyStep

        s = self.record.scalars[-1]
        error, clipped = float(s["time_error"]), float(s["clipped"])
        mass = kept.reshape(self.problem.grid.shape)
        self.last = LevyStep(self.record.times[-1], mass, error, clipped)

    def evolve(self, sink: Sink, progress: Progress | None) -> None:
        """Evolve to every time that is left, saving each snapshot before the next is begun."""
        if self.walkers is not None:
            saved = None if self.last is None else self.last.mass
            walk_on(self.walkers, self.record, saved, sink, progress)
            return
        table, done = self.case.evolve, len(self.record.times)
        if table is None or self.initial is None or done == len(self.times):
            return
        steps = self._steps(
            self.problem, self.initial, self.times[done:], table.tolerance, self.last
        )
        rough = self._on_fewer_cells(table.tolerance)
        for _ in range(done):
            next(rough)
        for step, other in zip(steps, rough, strict=True):
            sink.append(self._snapshot(step, other))
            if progress is not None:
                progress.advance(step.time, self.record.mass_error)

    def _steps(
        self,
        problem: Levy,
        start: Array,
        times: Array,
        tolerance: float,
        after: LevyStep | None = None,
    ) -> Iterator[LevyStep]:
        from fokkerplanck.levy_density import levy_evolve_steps

        return levy_evolve_steps(problem, start, times.tolist(), tolerance=tolerance, after=after)

    def find_stationary(self) -> None:
        """Solve for the stationary state, if the case asks for it."""
        if self.case.stationary is not None:
            from fokkerplanck.levy_density import levy_stationary

            with build.located(self.case, ""):
                self.stationary = levy_stationary(self.problem)

    @property
    def subject(self) -> tuple[Levy, SGD | None]:
        """The problem that closed forms are asked about, and its clock."""
        return self.problem, self.sgd

    def parts(self) -> dict[str, Any]:
        """Parts of the JSON object that belong to the dynamics: "evolve" and what comes before."""
        found = wells(self.problem)
        return {
            "landscape": found | surface_json(self.problem, found),
            "noise": self.noise_json(self.record.remarks(self.stationary)),
            "sgd": self.about,
            "evolve": None
            if self.case.evolve is None
            else self.record.evolve(self._weight)
            | {"ensemble": None if self.walkers is None else self.walkers.json()},
        }

    @property
    def _weight(self) -> str:
        return "fractional" if self.walkers is None else "none"

    def stationary_json(self) -> dict[str, Any]:
        """Part "stationary" of the JSON object, once it is found."""
        table = self.case.stationary
        assert self.stationary is not None
        assert table is not None
        return self.record.stationary(self.stationary, table.points, table.frequencies)

    def stationary_group(self) -> Group:
        """Group ``/stationary`` of the file, once it is found."""
        assert self.stationary is not None
        return self.record.stationary_group(self.stationary)

    def _snapshot(self, step: LevyStep, rough: Array) -> Snapshot:
        from fokkerplanck.levy_flux import levy_current

        problem = self.problem
        density = self._cells(problem, step)
        found = levy_current(problem, step.mass / self._spacing)
        # of faces, which are those of cells unless walls absorb, to the centres of cells
        current, jumps = (
            np.interp(problem.grid.axes[0].centres, found.x, flux)
            for flux in (found.total, found.jumps)
        )
        volume = problem.grid.volume
        scalars: dict[str, float | int | str] = {
            "mass": float(step.mass.sum()),
            "minimum": float(density.min()),
            "time_error": step.error,
            "clipped": step.clipped,
            "solves": step.solves,
            "method": step.method,
            "grid_error": float(np.abs(density - rough).sum() * volume),
            "wall_mass": float((density[0] + density[-1]) * volume),
        }
        self.record.add(step.time, density, scalars)
        self.last = step
        return Snapshot(
            step.time, step.mass, density, current[:, None], scalars, jump_current=jumps[:, None]
        )

    def _on_fewer_cells(self, tolerance: float) -> Iterator[Array]:
        """Densities at all times with half the cells, moved to those of the grid.

        Nothing known (nan) where half the cells are too few.
        """
        assert self.initial is not None
        grid = self.problem.grid
        if grid.shape[0] // 2 < FEWEST:
            for _ in self.times:
                yield np.full(grid.shape, np.nan)
            return
        axis = replace(grid.axes[0], cells=grid.shape[0] // 2)
        fewer = replace(self.problem, grid=Grid((axis,)))
        start = regrid(self.initial, grid, fewer.grid).density
        for step in self._steps(fewer, start, self.times, tolerance):
            yield regrid(self._cells(fewer, step), fewer.grid, grid).density

    def _cells(self, problem: Levy, step: LevyStep) -> Array:
        h = problem.at(problem.grid.shape[0]).generator.spacing
        return cell_density(problem, step.mass / h)

    @cached_property
    def _spacing(self) -> float:
        return self.problem.at(self.problem.grid.shape[0]).generator.spacing
