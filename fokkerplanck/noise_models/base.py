"""What every noise model offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.schedule import Schedule
from fokkerplanck.solvers.fields import KAPPA

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape

__all__ = ["Array", "Noise", "line_breaks", "spread"]

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Noise(ABC):
    """Diffusion tensor of a problem, with its reading and its schedule.

    Parameters
    ----------
    reading : str
        ``"ito"``, ``"stratonovich"`` or ``"hanggi-klimontovich"``.
    schedule : Schedule, optional
        Factor of time that multiplies D.

    Raises
    ------
    CaseError
        When the reading is unknown.
    """

    reading: str = "ito"
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        if self.reading not in KAPPA:
            msg = f"the reading is one of {', '.join(KAPPA)}, got {self.reading!r}"
            raise CaseError(msg, key="noise.reading")
        given: object = self.schedule
        if given is not None and not isinstance(given, Schedule):
            msg = (
                f"a schedule is a Schedule, such as Schedule.expression({str(given)!r:.60}) "
                f"of fokkerplanck.schedule, got {type(given).__name__}"
            )
            raise CaseError(msg, key="noise.schedule")

    @property
    @abstractmethod
    def kind(self) -> str:
        """Name of the model in case files."""

    @property
    @abstractmethod
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""

    @abstractmethod
    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres without the schedule, shape (*shape, dim, dim).

        Raises
        ------
        CaseError
            When it is not symmetric positive definite somewhere (see `check_spd`).
        """

    @abstractmethod
    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points (..., dim) within the walls, shape (..., dim, dim).

        Without the schedule, and without the averages over cells of `diffusion`.
        """

    def breaks(self, landscape: Landscape, grid: Grid) -> Array:
        """Places on a line where D jumps, shape (n,), ascending; empty in the plane."""
        return np.empty(0)

    @property
    def diagonal(self) -> bool:
        """Whether D is known to be diagonal everywhere, before it is evaluated."""
        return False

    @property
    def kappa(self) -> float:
        """Reading parameter: 1 Ito, 1/2 Stratonovich, 0 Hanggi-Klimontovich."""
        return KAPPA[self.reading]

    def factor(self, time: float) -> float:
        """Evaluate the schedule, 1 without one."""
        return 1.0 if self.schedule is None else self.schedule.factor(time)


def spread(matrix: Array, shape: tuple[int, ...]) -> Array:
    """Show a matrix at every point, without copies of it; read-only."""
    return np.broadcast_to(matrix, (*shape, *matrix.shape))


def line_breaks(noise: Noise, landscape: Landscape, grid: Grid) -> Array:
    """Find the places on a line where D jumps, by its values."""
    if grid.dim != 1:
        return np.empty(0)
    from fokkerplanck.jumps import find_jumps

    return find_jumps(
        lambda x: noise.at(landscape, grid, x[:, None])[:, 0, 0], grid.axes[0].half_points
    )
