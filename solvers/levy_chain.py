"""Generators of long jumps as what evolution and modes need: products and linear systems."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.levy_generator import LevyGenerator
from fokkerplanck.solvers.levy_plane_generator import PlaneLevyGenerator
from fokkerplanck.solvers.levy_plane_solve import PlaneLevySystem
from fokkerplanck.solvers.levy_solve import LevySystem

__all__ = ["LevyChain", "LineLevyChain", "PlaneLevyChain", "ShiftedSystem"]

Array = NDArray[np.float64]
#: Relative residual that one Krylov space is asked for before corrections are thought of.
ONCE = 1e-11
TINY = 1e-300


class ShiftedSystem(Protocol):
    """Equations ``(shift - Q) u = b``, or transposed."""

    def solve(self, right: Array) -> tuple[Array, float]:
        """Return the solution and the relative size of what is undetermined of it."""

    def solve_to(self, right: Array, weight: Array, wanted: float) -> tuple[Array, float, float]:
        """Return the solution, the norm of its residual over `weight`, and of its rounding.

        Parameters
        ----------
        right : ndarray, shape (n,)
        weight : ndarray, shape (n,)
            Positive; residuals are divided by it, cell by cell.
        wanted : float
            What the norm of the residual may be, about. It is returned as 0 where solutions are as
            accurate as can be; the relative size of what is undetermined of them is the last value.
        """


class LevyChain(Protocol):
    """Generator Q of a process with long jumps on n states; arrays have shape (n,)."""

    @property
    def nodes(self) -> int:
        """Number of states n."""

    @property
    def kills(self) -> bool:
        """Whether walkers are killed anywhere."""

    @property
    def jump_rate(self) -> float:
        """Rate of all jumps from a state."""

    @property
    def local_rates(self) -> Array:
        """Rate of leaving each state by drift and Gaussian noise."""

    def apply(self, u: Array) -> Array:
        """``Q u``."""

    def dense(self) -> Array:
        """Q itself."""

    def system(self, shift: float, *, transposed: bool) -> ShiftedSystem:
        """Make the equations of ``shift - Q``, or of its transpose."""


@dataclass(frozen=True, eq=False)
class LineLevyChain:
    """A generator on a line, and the same on few nodes; see `LevySystem`."""

    generator: LevyGenerator
    coarse: LevyGenerator

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return self.generator.nodes

    @property
    def kills(self) -> bool:
        """Whether walkers are killed anywhere."""
        return self.generator.kills

    @property
    def jump_rate(self) -> float:
        """Rate of all jumps from a node."""
        return abs(float(self.generator.jumps.first[0]))

    @cached_property
    def local_rates(self) -> Array:
        """Rates of drift and Gaussian noise."""
        return np.asarray(np.abs(self.generator.local.diagonal()))

    def apply(self, u: Array) -> Array:
        """``Q u``."""
        return self.generator.apply(u)

    def dense(self) -> Array:
        """Q itself."""
        return self.generator.dense()

    def system(self, shift: float, *, transposed: bool) -> ShiftedSystem:
        """Make the equations of ``shift - Q``, or of its transpose."""
        return LevySystem(self.generator, self.coarse, transposed, shift=shift)


@dataclass(frozen=True, eq=False)
class PlaneLevyChain:
    """A generator in the plane, and the same on ever fewer cells; see `PlaneLevySystem`.

    Cells are numbered row by row.
    """

    levels: tuple[PlaneLevyGenerator, ...]

    @property
    def nodes(self) -> int:
        """Number of cells."""
        nx, ny = self.levels[0].shape
        return nx * ny

    @property
    def kills(self) -> bool:
        """Whether walkers are killed anywhere."""
        return not self.levels[0].conservative

    @property
    def jump_rate(self) -> float:
        """Rate of all jumps from a cell."""
        return self.levels[0].rates.total

    @cached_property
    def local_rates(self) -> Array:
        """Rates of drift and Gaussian noise."""
        return np.asarray(np.abs(self.levels[0].local.diagonal()))

    def apply(self, u: Array) -> Array:
        """``Q u``."""
        return self.levels[0].apply(u.reshape(self.levels[0].shape)).ravel()

    def dense(self) -> Array:
        """Q itself."""
        return self.levels[0].dense()

    def system(self, shift: float, *, transposed: bool) -> ShiftedSystem:
        """Make the equations of ``shift - Q``, or of its transpose."""
        return _Flat(PlaneLevySystem(self.levels, transposed, shift))


@dataclass(frozen=True, eq=False)
class _Flat:
    system: PlaneLevySystem

    def solve(self, right: Array) -> tuple[Array, float]:
        b = right.reshape(self.system.generator.shape)
        size = float(np.linalg.norm(b))
        u, rest = self.system.solve_to(b, np.ones_like(b), ONCE * size)
        if rest <= 10.0 * ONCE * size:
            return u.ravel(), rest / max(size, TINY)
        u, doubt = self.system.solve(b)
        return u.ravel(), doubt

    def solve_to(self, right: Array, weight: Array, wanted: float) -> tuple[Array, float, float]:
        shape = self.system.generator.shape
        u, rest = self.system.solve_to(right.reshape(shape), weight.reshape(shape), wanted)
        return u.ravel(), rest, 0.0
