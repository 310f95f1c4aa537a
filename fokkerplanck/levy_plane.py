"""Descent under heavy-tailed noise in the plane: drift, long jumps, perhaps Gaussian noise."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Axis, Grid
from fokkerplanck.landscapes.base import Landscape, finite_number
from fokkerplanck.levy import KEPT
from fokkerplanck.solvers.fractional_plane import PlaneRates, independent_rates, isotropic_rates
from fokkerplanck.solvers.levy_generator import Outside
from fokkerplanck.solvers.levy_plane_generator import PlaneLevyGenerator
from fokkerplanck.solvers.levy_plane_jumps import PlaneFates
from fokkerplanck.solvers.levy_plane_solve import DENSE

__all__ = ["PlaneLevy", "point_in_plane"]

Array = NDArray[np.float64]
Components = Literal["isotropic", "independent"]
COMPONENTS = ("isotropic", "independent")
#: Fewest cells along an axis that error estimates, on half as many, are made from.
FEWEST = 16


@dataclass(frozen=True, eq=False)
class PlaneLevy:
    r"""Overdamped descent in the plane driven by symmetric alpha-stable noise.

    .. math::

        \partial_t p = \nabla \cdot (p \nabla L) + T \Delta p - \begin{cases}
        s^\alpha (-\Delta)^{\alpha / 2} p & \text{isotropic} \\
        \sum_i s_i^\alpha (-\partial_i^2)^{\alpha / 2} p & \text{independent} \end{cases}

    The first kind of noise has :math:`E e^{i k \cdot L_t} = e^{-t |k|^\alpha}` and jumps in all
    directions, the second is a motion of its own along each axis, which never jump at once. At
    alpha = 2 they are the same.

    Parameters
    ----------
    grid : Grid
        A plane. Absorbing walls kill whoever drifts or jumps beyond; reflecting ones do not, see
        `outside`.
    landscape : Landscape
        The loss L, 2-D.
    alpha : float
        Index of the tail, 0 < alpha <= 2.
    scale : float or (float, float)
        s > 0; a pair for independent components.
    temperature : float
        T >= 0 of Gaussian noise beside the jumps.
    components : str
        ``"isotropic"`` or ``"independent"``.
    outside : str
        Of jumps beyond a reflecting wall: ``"stopped"``, they end at the wall (where the loss rises
        outwards this stands for the whole plane), or ``"suppressed"``, they do not occur.

    Raises
    ------
    CaseError
        When the grid is not a plane of at least 16 x 16 cells, is periodic, or a number is not
        allowed.
    """

    grid: Grid
    landscape: Landscape
    alpha: float
    scale: float | tuple[float, float]
    temperature: float = 0.0
    components: Components = "isotropic"
    outside: Outside = "stopped"
    scales: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        if self.grid.dim != 2 or self.landscape.dim != 2:
            msg = "needs a 2-D grid and a 2-D landscape; on a line take Levy"
            raise CaseError(msg, key="grid")
        for axis in self.grid.axes:
            self._check_axis(axis)
        if not 0.0 < finite_number(self.alpha, "noise.alpha") <= 2.0:
            msg = f"the index of a stable law is above 0 and at most 2 (Gaussian), got {self.alpha}"
            raise CaseError(msg, key="noise.alpha")
        if finite_number(self.temperature, "noise.temperature") < 0.0:
            msg = f"needs a temperature of at least 0, got {self.temperature}"
            raise CaseError(msg, key="noise.temperature")
        if self.components not in COMPONENTS:
            msg = f'components are "isotropic" or "independent", not {self.components!r}'
            raise CaseError(msg, key="noise.components")
        object.__setattr__(self, "scales", self._scales())
        if self.outside not in KEPT:
            msg = 'jumps beyond a reflecting wall are "stopped" or "suppressed", not '
            msg += f"{self.outside!r}; for killed ones make the wall absorbing"
            raise CaseError(msg, key="noise.outside")

    def _check_axis(self, axis: Axis) -> None:
        if axis.periodic:
            msg = "walls are reflecting or absorbing under long jumps, got periodic ones"
            raise CaseError(msg, key=f"grid.{axis.name}.walls")
        if axis.cells < FEWEST:
            msg = f"needs at least {FEWEST} cells along each axis under long jumps, got "
            msg += str(axis.cells)
            raise CaseError(msg, key=f"grid.{axis.name}.cells")

    def _scales(self) -> tuple[float, float]:
        given = self.scale
        if np.ndim(given) == 0:
            s = finite_number(given, "noise.scale", positive=True)
            return s, s
        pair = list(given) if isinstance(given, Sequence | np.ndarray) else []
        if self.components == "isotropic" or len(pair) != 2:
            msg = "needs one number, or a pair of them for independent components, got "
            msg += f"{given!r:.80} for {self.components} ones"
            raise CaseError(msg, key="noise.scale")
        x, y = (finite_number(s, "noise.scale", positive=True) for s in pair)
        return x, y

    @property
    def fates(self) -> PlaneFates:
        """What becomes of jumps beyond each wall."""
        x, y = (
            tuple("killed" if w == "absorbing" else self.outside for w in walls)
            for walls in self.grid.walls
        )
        return x, y  # type: ignore[return-value]

    @property
    def absorbing(self) -> bool:
        """Whether any wall absorbs."""
        return "absorbing" in (*self.grid.walls[0], *self.grid.walls[1])

    def on(self, shape: tuple[int, int]) -> PlaneLevy:
        """Return the same problem on other cells of the same rectangle, however few."""
        axes = tuple(replace(a, cells=n) for a, n in zip(self.grid.axes, shape, strict=True))
        made = copy(self)
        object.__setattr__(made, "grid", Grid(axes))
        return made

    def fewer(self, level: float) -> PlaneLevy:
        """Return the same problem on about so many times as many cells along each axis."""
        nx, ny = self.grid.shape
        return self.on((round(level * nx), round(level * ny)))

    def rates(self) -> PlaneRates:
        """Rates of the jumps between its cells."""
        (nx, ny), (hx, hy) = self.grid.shape, self.grid.spacing
        if self.components == "isotropic":
            return isotropic_rates(self.alpha, self.scales[0], (nx, ny), (hx, hy))
        return independent_rates(self.alpha, self.scales, (nx, ny), (hx, hy))

    def generator(self) -> PlaneLevyGenerator:
        """On the cells of the grid."""
        hx, hy = self.grid.spacing
        return PlaneLevyGenerator(
            drift=self._drift(),
            spacing=(hx, hy),
            alpha=self.alpha,
            scale=self.scales,
            temperature=self.temperature,
            rates=self.rates(),
            outside=self.fates,
        )

    def coarser(self) -> list[PlaneLevy]:
        """Chain of problems on half as many cells along the finer axes, to few enough."""
        chain: list[PlaneLevy] = []
        problem = self
        while problem.grid.shape[0] * problem.grid.shape[1] > DENSE:
            nx, ny = problem.grid.shape
            hx, hy = problem.grid.spacing
            # cells that are far from square are halved along one axis only
            both = max(hx, hy) < 1.5 * min(hx, hy)
            nx = (nx + 1) // 2 if both or hx < hy else nx
            ny = (ny + 1) // 2 if both or hy < hx else ny
            problem = self.on((nx, ny))
            chain.append(problem)
        return chain

    def _drift(self) -> tuple[Array, Array]:
        centres = [axis.centres for axis in self.grid.axes]
        edges = [axis.edges for axis in self.grid.axes]
        x = self._slope(edges[0], centres[1], 0)
        y = self._slope(centres[0], edges[1], 1)
        return x, y

    def _slope(self, x: Array, y: Array, axis: int) -> Array:
        points = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
        slope = self.landscape.gradient(points)[..., axis]
        if not np.isfinite(slope).all():
            at = points[~np.isfinite(slope)][0]
            msg = f"the gradient of the loss is not finite at ({at[0]:.6g}, {at[1]:.6g})"
            raise CaseError(msg, key="landscape")
        return np.asarray(-slope)


def point_in_plane(value: object, grid: Grid, key: str) -> tuple[float, float]:
    """`value` as a point strictly between the walls; raises `CaseError` with `key` otherwise."""
    if not isinstance(value, Sequence | np.ndarray) or len(value) != 2:
        msg = f"needs a point of the plane, got {value!r:.80}"
        raise CaseError(msg, key=key)
    x, y = (finite_number(c, key) for c in value)
    for axis, c in zip(grid.axes, (x, y), strict=True):
        if not axis.min < c < axis.max:
            msg = f"needs {axis.name} between the walls {axis.min:.6g} and {axis.max:.6g}, got "
            msg += f"{c:.6g}"
            raise CaseError(msg, key=key)
    return x, y
