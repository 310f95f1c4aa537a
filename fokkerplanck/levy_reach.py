"""Which of two sets long jumps lead to first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.levy import Levy
from fokkerplanck.levy_line import KilledLine, killed_line
from fokkerplanck.levy_refinement import changes
from fokkerplanck.levy_sets import Interval, checked_target
from fokkerplanck.sets import PointSet, as_set

if TYPE_CHECKING:
    from fokkerplanck.levy_plane import PlaneLevy
    from fokkerplanck.transitions import Committor

__all__ = ["LevyCommittor", "levy_committor"]

Array = NDArray[np.float64]
Place = PointSet | float | Sequence[float] | ArrayLike | str
#: Error from which on no committor is given.
LOST = 0.05
#: How many nodes are compared with coarser grids.
COMPARED = 60
#: At edges the nodes next to them are not; for those see `_at_edges`.
APART = 4
#: Part of the step of q over the first cell that may be wrong where drift outdoes noise in it:
#: measured, see `_in_layers`.
IN_LAYER = 0.25


@dataclass(frozen=True, eq=False)
class LevyCommittor:
    """Probability to reach a target before a source, under long jumps.

    Parameters
    ----------
    grid : Grid
    x, q : ndarray, shape (n,)
        Nodes, and the probability from there; 1 in the target, 0 in the source.
    error : float
        Largest absolute error of q to be expected: its change from fewer nodes, what solving
        leaves undetermined, and what the lattice makes of the singularities at edges.
    source, target : str
        What they are, in words.
    """

    grid: Grid
    x: Array = field(repr=False)
    q: Array = field(repr=False)
    error: float
    source: str
    target: str


@overload
def levy_committor(problem: Levy, source: Place, target: Place) -> LevyCommittor: ...
@overload
def levy_committor(problem: PlaneLevy, source: Place, target: Place) -> Committor: ...
def levy_committor(
    problem: Levy | PlaneLevy, source: Place, target: Place
) -> LevyCommittor | Committor:
    r"""Probability to land in one set before another: Q q = 0 outside, q = 0 and 1 in them.

    Parameters
    ----------
    problem : Levy or PlaneLevy
    source, target : PointSet or ``"walls"``
        Each at least four cells wide. Absorbing walls that are neither count as lost: q = 0
        beyond.

    Raises
    ------
    CaseError
        If the sets overlap, or one is a point, narrower than four cells, or walls of which none
        absorbs.
    NumericalError
        When the equations could not be solved to 1e-5, or fewer nodes change q by 0.05.

    References
    ----------
    B. A. Rogozin, Theory Probab. Appl. 17 (1972) 332, for jumps alone out of an interval.
    """
    if not isinstance(problem, Levy):
        from fokkerplanck.levy_plane_passage import plane_committor

        return plane_committor(problem, source, target)
    away, from_words = checked_target(problem.grid, source, "from")
    ahead, to_words = checked_target(problem.grid, target, "to")
    if source == target or _overlap(away, ahead):
        msg = f"the source, {from_words}, and the target, {to_words}, overlap"
        raise CaseError(msg, key="to")
    pieces = [*away, *ahead]
    values = [0.0] * len(away) + [1.0] * len(ahead) + [float(not ahead)] * 2

    def on(count: int) -> tuple[KilledLine, Array, float]:
        line = killed_line(problem, count, pieces)
        return line, *line.solve(line.into([k for k, v in enumerate(values) if v == 1.0]))

    line, q, rounding = on(problem.grid.shape[0])
    some = _some(line)

    def read(found: tuple[KilledLine, Array, float]) -> list[float]:
        return [found[0].at(found[1], as_set(x), values) for x in some]

    smooth = line.smooth(q, values)
    change = changes(problem.grid.shape[0], lambda n: read(on(n)), read((line, q, rounding)))
    error = float(change.max()) + rounding + _at_edges(line, q, smooth)
    if not error < LOST:
        msg = f"the probability to reach {to_words} before {from_words} changes by {error:.2g} on "
        msg += "fewer nodes: more cells are needed"
        raise NumericalError(msg)
    whole = np.clip(smooth, 0.0, 1.0)
    error = max(error, _in_layers(line, smooth, values))
    return LevyCommittor(problem.grid, line.x, whole, error, from_words, to_words)


def _some(line: KilledLine) -> Array:
    """Places to compare grids at, some cells away from edges."""
    rows = [line.x[s.first + APART : s.last + 1 - APART] for s in line.spans]
    x = np.concatenate(rows)
    if not x.size:
        msg = f"no gap between source, target and walls is {2 * APART + 1} cells wide: more cells "
        msg += "are needed"
        raise NumericalError(msg)
    return x[np.unique(np.linspace(0, len(x) - 1, COMPARED).astype(np.int64))]


def _overlap(one: Sequence[Interval], other: Sequence[Interval]) -> bool:
    return any(min(b, d) > max(a, c) for a, b in one for c, d in other)


def _at_edges(line: KilledLine, raw: Array, smooth: Array) -> float:
    """Error in the nodes next to edges: a tenth of what the lattice was taken to make of them."""
    return 0.1 * float(np.abs(smooth - raw)[line.generator.live].max())


def _in_layers(line: KilledLine, smooth: Array, values: Sequence[float]) -> float:
    """Error in the nodes next to edges where drift makes a layer that cells do not resolve."""
    problem, h = line.problem, line.generator.spacing
    spread = (problem.scale / h) ** problem.alpha + problem.temperature / h**2
    largest = 0.0
    for span in line.spans:
        for side, node in ((0, span.first), (1, span.last)):
            if span.sinks[side] >= 0:
                drift = abs(float(line.generator.drift[node + side])) / h
                step = abs(float(smooth[node]) - values[span.sinks[side]])
                largest = max(largest, IN_LAYER * min(drift / spread, 1.0) * step)
    return largest
