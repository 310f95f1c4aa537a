"""Noise of SGD that goes with the loss itself, as that of a squared loss does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.noise_models.base import Array, Noise, line_breaks
from fokkerplanck.spd import check_spd

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape

__all__ = ["LossNoise"]

#: a loss below this part of its range counts as zero
ZERO = 1e-12
Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class LossNoise(Noise):
    """``D = c (L + offset) H*``; see `noise.loss`.

    Parameters
    ----------
    c : float, optional
        Given outright; else it is ``2 eb``.
    eb : float, optional
        From the hyper-parameters.
    hessian : tuple of rows, optional
        H*; a single number stands for a multiple of the identity. Without it: the identity where
        `c` is given, else the Hessian of the lowest minimum of the bare loss.
    """

    c: float | None = None
    eb: float | None = None
    hessian: Matrix | None = None
    offset: float = 0.0

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "loss"

    @property
    def scale(self) -> float:
        """The factor c, equal to ``eta / B`` of plain SGD."""
        return 2 * self.eb if self.eb is not None else float(self.c or 0.0)

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        if self.hessian is not None:
            matrix = "H* as given"
        else:
            matrix = "H* = 1" if self.eb is None else "H* that of the lowest minimum"
        loss = f"(L + {self.offset:g})" if self.offset else "L"
        return (
            f"SGD noise of a squared loss, D = c {loss} H*, c = {self.scale:g}, {matrix}, in the "
            f"{self.reading} reading: the residuals are taken as independent of the gradients and "
            "H* as the same everywhere; escape times are powers of the loss, not exponential."
        )

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        self._check_positive(landscape.bare, grid)
        d = self.at(landscape, grid, grid.points())
        check_spd(d, grid, "noise.hessian")
        return d

    def at(self, landscape: Landscape, grid: Grid, points: Array) -> Array:
        """Evaluate D at any points."""
        level = landscape.bare.loss(points) + self.offset
        matrix = self._matrix(landscape.bare, grid)
        return np.asarray(self.scale * level[..., None, None] * matrix)

    def breaks(self, landscape: Landscape, grid: Grid) -> Array:
        """Places on a line where the loss jumps."""
        return line_breaks(self, landscape, grid)

    def _matrix(self, bare: Landscape, grid: Grid) -> Array:
        """H*, shape (dim, dim)."""
        found = self._known.get((id(bare), grid))
        if found is None or found[0] is not bare:
            found = self._known[(id(bare), grid)] = (bare, self._find_matrix(bare, grid))
        return found[1]

    @cached_property
    def _known(self) -> dict[tuple[int, Grid], tuple[Landscape, Array]]:
        """H* of the landscapes seen so far, which it keeps so that no other has their id."""
        return {}

    def _find_matrix(self, bare: Landscape, grid: Grid) -> Array:
        if self.hessian is not None:
            given = np.array(self.hessian)
            if given.shape == (1, 1):
                return np.asarray(given[0, 0] * np.eye(grid.dim))
            if given.shape != (grid.dim, grid.dim):
                msg = f"needs a number or {grid.dim} x {grid.dim} entries on this grid, got "
                msg += str(given.tolist())
                raise CaseError(msg, key="noise.hessian")
            return given
        if self.eb is None:
            return np.eye(grid.dim)
        from fokkerplanck.landscapes.critical import critical_points

        minima = [p for p in critical_points(bare, grid) if p.kind == "minimum"]
        if not minima:
            msg = "the loss has no minimum inside the walls to take H* from: give noise.hessian"
            raise CaseError(msg, key="noise.hessian")
        return min(minima, key=lambda p: p.loss).hessian

    def _check_positive(self, bare: Landscape, grid: Grid) -> None:
        """Refuse a loss that is not positive on the lattice and in the minima."""
        from fokkerplanck.landscapes.critical import critical_points

        points = grid.half_points().reshape(-1, grid.dim)
        minima = [p.position for p in critical_points(bare, grid) if p.kind == "minimum"]
        points = np.concatenate([points, *(m[None] for m in minima)])
        loss = bare.loss(points)
        k = int(loss.argmin())
        if not np.isfinite(loss).all() or loss[k] + self.offset > ZERO * np.ptp(loss):
            return
        where = ", ".join(f"{n} = {v:.6g}" for n, v in zip(grid.names, points[k], strict=True))
        offset = f" + offset {self.offset:g}" if self.offset else ""
        msg = (
            f"noise that goes with the loss needs L > 0, but L{offset} is "
            f"{loss[k] + self.offset:.6g} at {where}: there it would vanish and the place never be "
            f"left; noise.offset is added to L, and one above {max(0.0, -loss[k]):.6g} makes it "
            "positive (quote it with the result)"
        )
        raise CaseError(msg, key="noise.offset")
