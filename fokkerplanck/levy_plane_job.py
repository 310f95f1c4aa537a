"""The computations of one run under heavy-tailed noise in the plane, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.case import build
from fokkerplanck.levy_ensemble_run import outermost
from fokkerplanck.levy_job import LevyJob
from fokkerplanck.levy_plane_escape import PlaneLevyEscape
from fokkerplanck.levy_plane_record import PlaneLevyRecord, plane_noise_json
from fokkerplanck.regrid import regrid
from fokkerplanck.writer import Snapshot

if TYPE_CHECKING:
    from fokkerplanck.levy_density import LevyStep
    from fokkerplanck.levy_plane import PlaneLevy

__all__ = ["PlaneLevyJob"]

Array = NDArray[np.float64]
#: Fewest cells along each axis of the grid that errors are told from.
FEWEST = 8
#: Tolerances of evolution in the plane.
TOLERANCES = (1e-7, 1e-2)


class PlaneLevyJob(LevyJob):
    """One run of a case of heavy-tailed noise in the plane; see `LevyJob`.

    The nodes of the solver are the centres of cells.
    """

    RECORD: ClassVar[Any] = PlaneLevyRecord
    ESCAPE: ClassVar[Any] = PlaneLevyEscape

    problem: PlaneLevy  # type: ignore[assignment]

    @property
    def currents(self) -> bool:
        """Whether currents are found."""
        return False

    @property
    def dynamics(self) -> dict[str, Any]:
        """Attributes of the file: index, scales and the like."""
        p = self.problem
        return {
            "alpha": float(p.alpha),
            "scale": np.array(p.scales),
            "components": str(p.components),
            "temperature": float(p.temperature),
            "outside": str(p.outside),
        }

    def noise_json(self, remarks: Sequence[str] = ()) -> dict[str, Any]:
        """Part "noise" of the JSON object."""
        return plane_noise_json(self.problem, remarks)

    def find_stationary(self) -> None:
        """Solve for the stationary state, if the case asks for it."""
        if self.case.stationary is not None:
            from fokkerplanck.levy_plane_density import plane_stationary

            with build.located(self.case, ""):
                self.stationary = plane_stationary(self.problem)  # type: ignore[assignment]

    def _steps(  # type: ignore[override]
        self,
        problem: PlaneLevy,
        start: Array,
        times: Array,
        tolerance: float,
        after: LevyStep | None = None,
    ) -> Iterator[LevyStep]:
        from fokkerplanck.levy_plane_density import plane_evolve_steps

        kept = float(np.clip(tolerance, *TOLERANCES))
        return plane_evolve_steps(problem, start, times.tolist(), tolerance=kept, after=after)

    def _snapshot(self, step: LevyStep, rough: Array) -> Snapshot:
        volume = self.problem.grid.volume
        density = step.mass / volume
        scalars: dict[str, float | int | str] = {
            "mass": float(step.mass.sum()),
            "minimum": float(density.min()),
            "time_error": step.error,
            "clipped": step.clipped,
            "solves": step.solves,
            "method": step.method,
            "grid_error": float(np.abs(density - rough).sum() * volume),
            "wall_mass": outermost(step.mass),
        }
        self.record.add(step.time, density, scalars)
        self.last = step
        return Snapshot(step.time, step.mass.ravel(), density, None, scalars)

    def _on_fewer_cells(self, tolerance: float) -> Iterator[Array]:
        """Densities at all times with half the cells along each axis, moved to those of the grid.

        Nothing known (nan) where half the cells are too few.
        """
        assert self.initial is not None
        grid, fewer = self.problem.grid, self.problem.fewer(0.5)
        if min(fewer.grid.shape) < FEWEST:
            for _ in self.times:
                yield np.full(grid.shape, np.nan)
            return
        start = regrid(self.initial, grid, fewer.grid).density
        for step in self._steps(fewer, start, self.times, tolerance):
            yield regrid(step.mass / fewer.grid.volume, fewer.grid, grid).density
