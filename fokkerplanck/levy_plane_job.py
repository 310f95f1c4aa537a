"""The computations of one run under heavy-tailed noise in the plane, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

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


class PlaneLevyJob(LevyJob):
    """One run of a case of heavy-tailed noise in the plane; see `LevyJob`.

    The nodes of the solver are the centres of cells.
    """

    RECORD: ClassVar[Any] = PlaneLevyRecord
    ESCAPE: ClassVar[Any] = PlaneLevyEscape

    problem: PlaneLevy  # type: ignore[assignment]

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

    def _snapshot(self, step: LevyStep, rough: Array) -> Snapshot:
        from fokkerplanck.levy_plane_flux import plane_current

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
        found = plane_current(self.problem, density)
        self.record.add(step.time, density, scalars)
        self.last = step
        return Snapshot(
            *(step.time, step.mass.ravel(), density, found.total, scalars),
            jump_current=found.jumps,
        )

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
        steps: Any = self._steps(fewer, start, self.times, tolerance)  # type: ignore[arg-type]
        for step in steps:
            yield regrid(step.mass / fewer.grid.volume, fewer.grid, grid).density
