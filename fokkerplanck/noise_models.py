"""The noise models: what `fokkerplanck.noise` makes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.jumps import find_jumps
from fokkerplanck.schedule import Schedule
from fokkerplanck.solvers.fields import KAPPA
from fokkerplanck.spd import absolute, check_spd

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape

__all__ = [
    "AbsoluteNoise",
    "Entry",
    "FrozenNoise",
    "Noise",
    "TensorFunction",
    "TensorNoise",
    "WhiteNoise",
]

Array = NDArray[np.float64]
Entry = float | str
TensorFunction = Callable[[Array], Array]


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
    def kappa(self) -> float:
        """Reading parameter: 1 Ito, 1/2 Stratonovich, 0 Hanggi-Klimontovich."""
        return KAPPA[self.reading]

    def factor(self, time: float) -> float:
        """Evaluate the schedule, 1 without one."""
        return 1.0 if self.schedule is None else self.schedule.factor(time)


@dataclass(frozen=True, kw_only=True)
class WhiteNoise(Noise):
    """``D = temperature I``; see `noise.white`."""

    temperature: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            msg = f"the temperature is a positive number, got {self.temperature}"
            raise CaseError(msg, key="noise.temperature")

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "white"

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        return (
            f"White noise, D = {self.temperature:g} I: the same everywhere and in every direction, "
            "so every reading of the noise gives the same result."
        )

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        return _spread(self.temperature * np.eye(grid.dim), grid.shape)

    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points."""
        return _spread(self.temperature * np.eye(grid.dim), points.shape[:-1])


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorNoise(Noise):
    """Given diffusion tensor; see `noise.tensor`."""

    entries: tuple[tuple[Entry, ...], ...] | TensorFunction
    parameters: Mapping[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "tensor"

    @property
    def constant(self) -> bool:
        """Whether D is the same in all cells."""
        return not callable(self.entries) and not any(
            isinstance(entry, str) for row in self.entries for entry in row
        )

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        if self.constant:
            return "Constant diffusion tensor: every reading of the noise gives the same result."
        return f"Diffusion tensor that varies in space, in the {self.reading} reading."

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        d = self.at(landscape, grid, grid.points())
        check_spd(d, grid)
        return d

    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points."""
        shape = (grid.dim, grid.dim)
        if callable(self.entries):
            value = np.asarray(self.entries(points), dtype=np.float64)
            if value.shape[-2:] != shape:
                msg = f"the tensor function must return (..., {grid.dim}, {grid.dim}) values, "
                msg += f"got shape {value.shape}"
                raise CaseError(msg, key="noise.D")
            return np.array(np.broadcast_to(value, (*points.shape[:-1], *shape)))
        if len(self.entries) != grid.dim or any(len(row) != grid.dim for row in self.entries):
            msg = f"needs {grid.dim} x {grid.dim} entries on a {grid.dim}-D grid"
            raise CaseError(msg, key="noise.D")
        d = np.empty((*points.shape[:-1], *shape))
        for i, row in enumerate(self.entries):
            for j, entry in enumerate(row):
                d[..., i, j] = self._entry(entry, f"noise.D[{i}][{j}]", points, grid.names)
        return d

    def breaks(self, landscape: Landscape, grid: Grid) -> Array:
        """Places on a line where D jumps."""
        if grid.dim != 1 or self.constant:
            return np.empty(0)
        axis = grid.axes[0]
        return find_jumps(lambda x: self.at(landscape, grid, x[:, None])[:, 0, 0], axis.half_points)

    def _entry(self, entry: Entry, key: str, points: Array, names: Sequence[str]) -> Array | float:
        if not isinstance(entry, str):
            return entry
        from fokkerplanck.landscapes.expression import ScalarField

        return ScalarField(entry, tuple(names), self.parameters, key).value(points)


@dataclass(frozen=True, kw_only=True)
class FrozenNoise(Noise):
    """``D = eb |H|`` of one critical point per region; see `noise.hessian`."""

    eb: float
    unused_floor: float | None = None

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "hessian"

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        tail = "" if self.unused_floor is None else "; the floor is not used by this model"
        return (
            f"SGD noise D = eb |H|, eb = {self.eb:g}, frozen by region: H is that of the region's "
            "minimum where the Hessian is positive definite, and of the nearest saddle elsewhere; "
            f"D jumps in between, so results depend on the reading ({self.reading}){tail}."
        )

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        from fokkerplanck.regions import find_regions

        return self.eb * find_regions(landscape, grid).curvature

    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points."""
        from fokkerplanck.regions import curvature_at

        return self.eb * curvature_at(landscape, grid, points)

    def breaks(self, landscape: Landscape, grid: Grid) -> Array:
        """Places on a line where D jumps: the borders of the regions."""
        from fokkerplanck.regions import borders

        return borders(landscape, grid) if grid.dim == 1 else np.empty(0)


@dataclass(frozen=True, kw_only=True)
class AbsoluteNoise(Noise):
    """``D = eb sqrt(H^2 + floor^2)`` at every point; see `noise.hessian`."""

    eb: float
    floor: float

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "hessian"

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        return (
            f"SGD noise D = eb sqrt(H^2 + floor^2) at every point, eb = {self.eb:g}, floor = "
            f"{self.floor:g}, in the {self.reading} reading: escape times grow without bound as "
            "the floor goes to 0, so results depend on the floor and mean nothing without it."
        )

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        d = self.at(landscape, grid, grid.points())
        check_spd(d, grid, "noise")
        return d

    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points."""
        return self.eb * absolute(landscape.hessian(points), self.floor)


def _spread(matrix: Array, shape: tuple[int, ...]) -> Array:
    return np.array(np.broadcast_to(matrix, (*shape, *matrix.shape)))
