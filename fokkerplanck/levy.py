"""Descent under heavy-tailed noise: drift, long jumps, and perhaps Gaussian noise, on a line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Landscape, finite_number
from fokkerplanck.solvers.levy_generator import LevyGenerator, Outside, place_nodes
from fokkerplanck.solvers.levy_solve import COARSE, LevySystem

__all__ = ["Levy", "Nodes", "point_inside"]

Array = NDArray[np.float64]
#: What may become of jumps beyond reflecting walls.
KEPT = ("stopped", "suppressed")
#: Fewest cells that error estimates, on half as many, are made from.
FEWEST = 32


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes of a line, and the generator on them.

    Parameters
    ----------
    x : ndarray, shape (n,)
    generator : LevyGenerator
    """

    x: Array
    generator: LevyGenerator


@dataclass(frozen=True, eq=False)
class Levy:
    r"""Overdamped descent driven by symmetric alpha-stable noise.

    .. math::

        dx = -L'(x)\,dt + \sqrt{2 T}\,dW + s\,dL^\alpha, \qquad
        \partial_t p = (L' p)' + T p'' - s^\alpha (-\Delta)^{\alpha / 2} p

    with :math:`E e^{i w L_t} = e^{-t |w|^\alpha}`; at alpha = 2 the jumps are Gaussian noise of
    temperature :math:`s^2`.

    Parameters
    ----------
    grid : Grid
        A line. Absorbing walls kill whoever drifts or jumps beyond; reflecting ones do not, see
        `outside`.
    landscape : Landscape
        The loss L, 1-D.
    alpha : float
        Index of the tail, 0 < alpha <= 2.
    scale : float
        s > 0.
    temperature : float
        T >= 0 of Gaussian noise beside the jumps.
    outside : str
        Of jumps beyond a reflecting wall: ``"stopped"``, they end at the wall (where the loss
        rises outwards this stands for the whole line: who jumps further comes back soon), or
        ``"suppressed"``, they do not occur.

    Raises
    ------
    CaseError
        When the grid is not a line of at least 32 cells, is periodic, or a number is not allowed.

    References
    ----------
    U. Simsekli, L. Sagun and M. Gurbuzbalaban, ICML 2019 (arXiv 1901.06053).
    """

    grid: Grid
    landscape: Landscape
    alpha: float
    scale: float
    temperature: float = 0.0
    outside: Outside = "stopped"

    def __post_init__(self) -> None:
        if self.grid.dim != 1 or self.landscape.dim != 1:
            msg = "long jumps are solved for on a line: give a 1-D grid and a 1-D landscape"
            raise CaseError(msg, key="grid")
        if self.grid.axes[0].periodic:
            msg = "walls are reflecting or absorbing under long jumps, got periodic ones"
            raise CaseError(msg, key="grid.x.walls")
        if self.grid.shape[0] < FEWEST:
            msg = f"needs at least {FEWEST} cells under long jumps, got {self.grid.shape[0]}"
            raise CaseError(msg, key="grid.x.cells")
        if not 0.0 < finite_number(self.alpha, "noise.alpha") <= 2.0:
            msg = f"the index of a stable law is above 0 and at most 2 (Gaussian), got {self.alpha}"
            raise CaseError(msg, key="noise.alpha")
        finite_number(self.scale, "noise.scale", positive=True)
        if finite_number(self.temperature, "noise.temperature") < 0.0:
            msg = f"needs a temperature of at least 0, got {self.temperature}"
            raise CaseError(msg, key="noise.temperature")
        if self.outside not in KEPT:
            msg = 'jumps beyond a reflecting wall are "stopped" or "suppressed", not '
            msg += f"{self.outside!r}; for killed ones make the wall absorbing"
            raise CaseError(msg, key="noise.outside")

    @property
    def fates(self) -> tuple[Outside, Outside]:
        """What becomes of jumps beyond each wall."""
        low, high = ("killed" if w == "absorbing" else self.outside for w in self.grid.walls[0])
        return low, high

    @property
    def nodes(self) -> Array:
        """Where densities and times are given, shape (cells,): cell centres unless walls absorb."""
        return self.at(self.grid.shape[0]).x

    def at(self, count: int) -> Nodes:
        """Place `count` nodes and return them with their generator."""
        axis = self.grid.axes[0]
        low, high = axis.min, axis.max
        ends = self._drift(np.array([low, high]))
        h, distances = place_nodes(
            high - low,
            count,
            self.alpha,
            self.scale,
            self.temperature,
            (float(ends[0]), float(ends[1])),
            self.fates,
        )
        x = np.asarray(low + h * (distances[0] + np.arange(count)), dtype=np.float64)
        between = np.clip(np.append(x - 0.5 * h, x[-1] + 0.5 * h), low, high)
        generator = LevyGenerator(
            drift=self._drift(between),
            spacing=h,
            alpha=self.alpha,
            scale=self.scale,
            temperature=self.temperature,
            outside=self.fates,
            distances=distances,
        )
        return Nodes(x, generator)

    def coarse(self, nodes: Nodes) -> Nodes:
        """Few nodes, where there are many, for the coarse level of their equations."""
        return nodes if len(nodes.x) <= COARSE else self.at(COARSE)

    def system(self, nodes: Nodes, *, transposed: bool = False, restart: float = 0.0) -> LevySystem:
        """Make the equations of all nodes: of times, or transposed, of densities."""
        coarse = self.coarse(nodes)
        return LevySystem(nodes.generator, coarse.generator, transposed, restart=restart)

    def _drift(self, x: Array) -> Array:
        slope = self.landscape.gradient(x[:, None])[:, 0]
        if not np.isfinite(slope).all():
            at = x[~np.isfinite(slope)][0]
            msg = f"the gradient of the loss is not finite at x = {at:.6g}"
            raise CaseError(msg, key="landscape")
        return np.asarray(-slope)


def point_inside(value: object, grid: Grid, key: str) -> float:
    """`value` as a point strictly between the walls; raises `CaseError` with `key` otherwise."""
    axis = grid.axes[0]
    x = finite_number(value, key)
    if not axis.min < x < axis.max:
        msg = f"needs a point between the walls {axis.min:.6g} and {axis.max:.6g}, got {x:.6g}"
        raise CaseError(msg, key=key)
    return x
