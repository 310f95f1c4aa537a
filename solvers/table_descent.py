"""Descent on tabulated gradients of single samples: real minibatches, looked up and averaged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers import table_kernels as k
from fokkerplanck.solvers.crew import available_threads
from fokkerplanck.solvers.ensemble import Hits
from fokkerplanck.solvers.gradient_table import GradientTable
from fokkerplanck.solvers.herds import FOREVER, PIECE, Herd, Hunt, Progress, outcome
from fokkerplanck.solvers.hit_targets import LineTarget, PlaneTarget, Target

__all__ = ["DRAWS", "TableDescent"]

Array = NDArray[np.float64]
#: How the samples of batches are drawn.
DRAWS = {"replacement": k.REPLACED, "batches": k.BATCHES, "epochs": k.EPOCHS}
#: Cost of a gradient in the plane, against one on a line.
PLANE_COST = 4


@dataclass(frozen=True, eq=False)
class TableDescent:
    r"""Walkers of :math:`x' = x - \eta\,B^{-1}\sum_{i \in \text{batch}} g_i(x)`.

    Parameters
    ----------
    table : GradientTable
        Gradients of the samples.
    learning_rate : float
        eta.
    batch_size : int
        B.
    draw : str
        ``"replacement"``: every sample of a batch from all samples; ``"batches"``: no sample twice
        in a batch, batches independent of each other; ``"epochs"``: no sample twice in an epoch, of
        as many whole batches as there are (the samples left over wait for the next shuffle). Each
        walker shuffles for itself.
    seed : int
        Of all streams; walker number k has a stream of its own, made from both.
    threads : int, optional
        All that the process may use. The result does not depend on it.

    Notes
    -----
    Walkers that step over the edge of the table are mirrored there; `touches` counts how often.
    """

    table: GradientTable
    learning_rate: float
    batch_size: int
    draw: str = "replacement"
    seed: int = 0
    threads: int | None = None
    _touches: list[int] = field(default_factory=lambda: [0], init=False, repr=False)

    def __post_init__(self) -> None:
        if not (np.isfinite(self.learning_rate) and self.learning_rate > 0):
            msg = f"learning_rate must be positive, got {self.learning_rate}"
            raise ValueError(msg)
        if self.draw not in DRAWS:
            msg = f"draw is one of {', '.join(DRAWS)}, got {self.draw!r}"
            raise ValueError(msg)
        whole = self.batch_size == int(self.batch_size) and self.batch_size >= 1
        if not whole or (self.draw != "replacement" and self.batch_size > self.table.samples):
            msg = f"batch_size is a whole number from 1 to the {self.table.samples} samples"
            msg += f" (more only with replacement), got {self.batch_size}"
            raise ValueError(msg)

    @property
    def touches(self) -> int:
        """How often walkers of all runs so far met the edge of the table."""
        return self._touches[0]

    def snapshots(
        self, positions: Array, steps: Iterable[int], progress: Progress | None = None
    ) -> Iterator[tuple[int, Array]]:
        """Positions (m, dim) of all walkers after given numbers of steps; see `Walk.snapshots`."""
        starts = self._points(positions)
        wanted = [int(n) for n in steps]
        if any(b <= a for a, b in zip([-1, *wanted], wanted, strict=False)):
            msg = f"steps must be whole numbers that increase from 0 on, got {wanted}"
            raise ValueError(msg)
        mover = _Mover(self, None, len(starts))
        herd = Herd(mover, starts, np.arange(len(starts)), self.seed, self._piece)
        for n in wanted:
            herd.advance(n, wanted[-1], self.threads or available_threads(), progress)
            self._touches[0] += mover.new_touches()
            yield n, herd.positions()

    def first_hits(
        self,
        starts: Array,
        target: Target,
        most_steps: int,
        bridge: bool | None = None,
        progress: Progress | None = None,
    ) -> Hits:
        """When and where walkers first stand in a target after a step; see `Walk.first_hits`."""
        points = self._points(starts)
        if bridge:
            msg = "a discrete walk is nowhere between two steps: it has no bridge"
            raise ValueError(msg)
        if target.dim != self.table.dim:
            msg = f"the target has dimension {target.dim}, the table {self.table.dim}"
            raise ValueError(msg)
        inside = target.distance(points) <= 0
        out = outcome(points)
        home = inside.any(axis=0)
        out[0][home], out[2][home] = 0.0, inside.argmax(axis=0)[home]
        mover = _Mover(self, target, len(points))
        most = min(int(most_steps), FOREVER)
        hunt = Hunt(mover, points, np.flatnonzero(~home), self.seed, most, out, self._piece)
        hunt.run(self.threads or available_threads(), progress)
        self._touches[0] += mover.new_touches()
        return Hits(out[0], out[2] >= 0, out[1], out[2])

    @property
    def _piece(self) -> int:
        """Walker-steps of some ten milliseconds."""
        cost = self.batch_size * (PLANE_COST if self.table.dim == 2 else 1)
        return max(PIECE // (1 + cost), 1)

    def _points(self, positions: Array) -> Array:
        points = np.array(positions, dtype=np.float64, ndmin=2, order="C")
        if points.shape[1:] != (self.table.dim,) or not np.isfinite(points).all():
            msg = f"positions must be finite, of shape (m, {self.table.dim}), got {points.shape}"
            raise ValueError(msg)
        lower, upper = np.array(self.table.lower), np.array(self.table.upper)
        if (points < lower).any() or (points > upper).any():
            msg = f"walkers must start on the table, between {lower} and {upper}"
            raise ValueError(msg)
        return points


class _Mover:
    """A kernel with the tuples that it takes, for `herds`."""

    def __init__(self, descent: TableDescent, target: Target | None, walkers: int) -> None:
        table, one = descent.table, descent.draw == "replacement"
        inverse = tuple(1.0 / h for h in table.spacing)
        self.kernel: Any = k.plane_table_kernel
        self.fields: tuple[Any, ...] = (table.lower, table.upper, inverse)
        self.ends: Any
        if table.dim == 1:
            self.kernel = k.line_table_kernel
            self.fields = tuple(part[0] for part in self.fields)
            self.ends = target.intervals if isinstance(target, LineTarget) else np.zeros((0, 2))
        elif isinstance(target, PlaneTarget):
            self.ends = target.shapes, target.level, np.array([*target.corner, *target.spacing])
        else:
            self.ends = np.zeros((0, 5)), np.zeros((0, 0)), np.zeros(4)
        self.fields += (table.coefficients,)
        self.rules = float(descent.learning_rate), int(descent.batch_size), DRAWS[descent.draw]
        orders = np.empty((walkers, 0 if one else table.samples), np.int32)
        self.shuffles = orders, np.zeros(walkers, np.int32)
        self.met = np.zeros(walkers, np.int64)
        self.told = 0

    def run(self, blocks: tuple[Any, ...], times: Any, walkers: Any, out: Any) -> None:
        """Call the kernel."""
        self.kernel(
            *(*blocks, times, walkers, self.fields, self.rules),
            *(self.ends, self.shuffles, (*out, self.met)),
        )

    def new_touches(self) -> int:
        """How often the edge was met since this was asked last."""
        before, self.told = self.told, int(self.met.sum())
        return self.told - before
