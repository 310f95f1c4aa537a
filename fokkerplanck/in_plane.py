"""In-plane SGD: a network trained by real minibatches within a sampled line or plane.

Gradients of single samples, tabulated at the points of the lattice, are interpolated and averaged
over minibatches; beside it descent with Gaussian noise of the same mean and covariance, and the
Fokker-Planck problem with ``D = (eta / 2B) C(x)`` from the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.in_plane_passage import InPlanePassage, measured
from fokkerplanck.in_plane_sample import InPlaneSample
from fokkerplanck.in_plane_table import read_table
from fokkerplanck.passage import mean_first_passage, start_and_target
from fokkerplanck.sets import PointSet

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes.sampled import SampledLandscape
    from fokkerplanck.problem import Problem
    from fokkerplanck.solvers.ensemble import Walk
    from fokkerplanck.solvers.gradient_table import GradientTable
    from fokkerplanck.solvers.table_descent import TableDescent

__all__ = ["DRAWS", "NOISES", "InPlane", "InPlanePassage", "TableError"]

Array = NDArray[np.float64]
Place = PointSet | float | Sequence[float] | ArrayLike
#: Real minibatches, or Gaussian noise of their covariance; how samples are drawn.
NOISES = ("minibatch", "gaussian")
DRAWS = ("replacement", "batches", "epochs")
WALKERS = 1000
#: Cells of an axis of the grid at least, by dimension, and of a distance of the lattice's points.
CELLS, PARTS = {1: 1024, 2: 128}, 4
#: Nodes of the tables of the Gaussian twin in a distance of the lattice's points.
NODES = {1: 16, 2: 4}
#: Cells of an axis on which the time is guessed beforehand; times that a walker is given then.
GUESS_CELLS, PATIENCE = {1: 512, 2: 64}, 40.0
#: Gradients that are looked up unasked, some minutes; and how many are in a second, to tell.
MOST_WORK, PER_SECOND = 3e10, 3e7


@dataclass(frozen=True)
class TableError:
    """Errors of interpolation, estimated by leaving every second point out, and of consistency.

    Parameters
    ----------
    sample, mean : float
        Root mean square error of the gradient of a sample, and of the mean gradient, relative to
        the root mean square gradient of a sample.
    covariance : float
        Of the covariance, relative to its root mean square.
    drift : float
        Largest difference between the mean gradient that walkers see and the slope of the loss that
        the Fokker-Planck equation sees, midway between points, in the units of `mean`.
    """

    sample: float
    mean: float
    covariance: float
    drift: float


@dataclass(frozen=True, eq=False)
class InPlane:
    """A sampled line or plane with the gradients of every sample.

    Parameters
    ----------
    landscape : SampledLandscape
        The loss and the covariance of its gradients.
    table : GradientTable
    source : str
        The file.
    """

    landscape: SampledLandscape
    table: GradientTable = field(repr=False)
    source: str = "arrays"

    @classmethod
    def load(cls, path: str | PathLike[str]) -> InPlane:
        """Read a file with ``x``, ``y``, ``loss``, ``covariance`` and ``table/gradient``.

        Raises
        ------
        DataError
            A file that is not that, or whose parts do not belong together; the message names it.
        """
        from fokkerplanck.landscapes.sampled import load_sampled

        landscape = load_sampled(path)
        return cls(landscape, read_table(path, landscape), str(path))

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.table.dim

    @property
    def samples(self) -> int:
        """Number of samples N."""
        return self.table.samples

    @cached_property
    def interpolation(self) -> TableError:
        """How well gradients are interpolated; nan for lattices too small to tell."""
        left = self.table.left_out() or (np.nan,) * 3
        middle = [(axis[1:] + axis[:-1]) / 2 for axis in self.table.axes]
        points = np.stack(np.meshgrid(*middle, indexing="ij"), axis=-1).reshape(-1, self.dim)
        mean, covariance = self.table.moments(points)
        size = np.sqrt((mean**2).sum(axis=-1) + np.trace(covariance, axis1=-2, axis2=-1))
        off = np.abs(self.landscape.gradient(points) - mean).max()
        return TableError(*left, float(off / np.sqrt((size**2).mean())))

    def grid(self, cells: int | Sequence[int] | None = None) -> Grid:
        """Grid over the whole lattice, with reflecting walls."""
        from fokkerplanck.grid import Axis, Grid

        points = [len(axis) for axis in self.table.axes]
        numbers = (
            [max(CELLS[self.dim], PARTS * (n - 1)) for n in points]
            if cells is None
            else np.broadcast_to(cells, (self.dim,)).tolist()
        )
        return Grid(
            tuple(
                Axis(float(axis[0]), float(axis[-1]), int(n), name=name)
                for axis, n, name in zip(self.table.axes, numbers, "xy", strict=False)
            )
        )

    def problem(
        self,
        learning_rate: float,
        batch_size: float,
        reading: str = "ito",
        *,
        replacement: bool = True,
        cells: int | Sequence[int] | None = None,
        floor: float | None = None,
    ) -> Problem:
        """Fokker-Planck counterpart: drift from the sampled loss, ``D = (eta / 2B) C(x)``.

        Parameters
        ----------
        learning_rate, batch_size : float
        reading : str
            Of the noise; ``"ito"`` is that of descent.
        replacement : bool
            False for batches without a sample twice, whose noise is ``(N - B) / (N - 1)`` times as
            strong.
        cells : int or sequence of int, optional
            Of the grid along each axis.
        floor : float, optional
            Added to the diagonal of C.
        """
        from fokkerplanck.noise import covariance
        from fokkerplanck.problem import Problem
        from fokkerplanck.sgd_settings import SGD

        sgd = SGD(learning_rate, batch_size, dataset_size=self.samples, replacement=replacement)
        noise = covariance(sgd=sgd, reading=reading, floor=floor)
        return Problem(self.grid(cells), self.landscape, noise, sgd=sgd)

    def escape(
        self,
        start: Place,
        target: Place,
        learning_rate: float,
        batch_size: float,
        walkers: int = WALKERS,
        seed: int = 0,
        noise: str = "minibatch",
        draw: str = "replacement",
        *,
        confidence: float = 0.95,
        most_steps: int | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> InPlanePassage:
        """Let walkers descend until each stands in a set after a step.

        Parameters
        ----------
        start, target
            As for `mean_first_passage`; walkers of a set start from the equilibrium density that
            the Fokker-Planck equation (Ito) has there.
        learning_rate, batch_size : float
            B is a whole number for real minibatches.
        walkers, seed : int
            The same seed gives the same result whatever the number of threads.
        noise : str
            ``"minibatch"``: real ones; ``"gaussian"``: normal noise of the same mean and
            covariance.
        draw : str
            ``"replacement"``, ``"batches"`` (no sample twice in a batch) or ``"epochs"`` (no sample
            twice in an epoch; minibatches only).
        confidence : float
            Level of the intervals.
        most_steps : int, optional
            Steps after which a walker is given up; if left out, forty times the mean expected.
        progress : callable, optional
            Told the fraction of the walks that have ended.

        Raises
        ------
        CaseError
            For arguments out of range.
        NumericalError
            If nobody arrives, or the run would take far too long.
        """
        from fokkerplanck.ensemble import stream, whole_number
        from fokkerplanck.ensemble_start import positions_in
        from fokkerplanck.sampling import check_confidence

        check_confidence(confidence)
        whole_number(walkers, "walkers", 2)
        mover = self._mover(learning_rate, batch_size, noise, draw, stream(seed, 1))
        problem = self.problem(
            *(learning_rate, batch_size),
            replacement=draw == "replacement",
            cells=GUESS_CELLS[self.dim],
        )
        begin, sets = start_and_target(problem, start, target)
        if not sets:
            msg = "walkers of a table are mirrored at its edge: give a set as the target"
            raise CaseError(msg, key="to")
        cost = walkers * (batch_size if noise == "minibatch" else 1.0)
        limit = most_steps or self._limit(problem, begin, sets[0], cost, learning_rate)
        whole_number(limit, "most_steps", 1)
        starts = positions_in(begin, sets[0], problem, walkers, np.random.default_rng([seed, 0]))
        return measured(
            mover,
            (starts, begin, sets[0], problem.grid),
            limit,
            {"noise": noise, "draw": draw, "batch_size": batch_size, "seed": seed},
            (learning_rate, confidence),
            progress,
        )

    def histogram(
        self,
        start: Place,
        learning_rate: float,
        batch_size: float,
        steps: Sequence[int],
        walkers: int = WALKERS,
        seed: int = 0,
        noise: str = "minibatch",
        draw: str = "replacement",
        *,
        progress: Callable[[float], None] | None = None,
    ) -> InPlaneSample:
        """Let walkers descend and keep their positions after given numbers of steps.

        Parameters
        ----------
        start
            A point, or a set, from whose equilibrium density walkers start.
        steps : sequence of int
            Increasing; after as many steps as the slowest relaxation takes, positions are those of
            the stationary density.
        learning_rate, batch_size, walkers, seed, noise, draw, progress
            As for `escape`.
        """
        from fokkerplanck.ensemble import stream, whole_number
        from fokkerplanck.ensemble_start import positions_in
        from fokkerplanck.sets import as_set

        whole_number(walkers, "walkers", 2)
        mover = self._mover(learning_rate, batch_size, noise, draw, stream(seed, 1))
        problem = self.problem(learning_rate, batch_size, cells=GUESS_CELLS[self.dim])
        begin = as_set(start)
        begin.check_on(problem.grid)
        starts = positions_in(begin, None, problem, walkers, np.random.default_rng([seed, 0]))
        try:
            found = list(mover.snapshots(starts, steps, progress))
        except ValueError as error:
            raise CaseError(str(error), key="steps") from None
        return InPlaneSample(
            np.array([n for n, _ in found]), np.stack([x for _, x in found]), learning_rate
        )

    def _limit(
        self, problem: Problem, start: PointSet, end: PointSet, cost: float, step: float
    ) -> int:
        """Choose after how many steps a walker is given up; refuse what would take too long."""
        guess = mean_first_passage(problem, start, end).mean / step
        work = cost * guess
        if work > MOST_WORK:
            msg = (
                f"walkers would need about {guess:.2g} steps each to arrive: all of them some "
                f"{work / PER_SECOND / 3600:.2g} hours. Take a larger learning rate, a smaller "
                "batch, fewer walkers, or give most_steps to stop early"
            )
            raise NumericalError(msg)
        return int(PATIENCE * guess) + 1000

    def _mover(
        self, learning_rate: float, batch_size: float, noise: str, draw: str, seed: int
    ) -> TableDescent | Walk:
        """Make the walk; raises `CaseError` for what is out of range."""
        from fokkerplanck.in_plane_walk import minibatches, twin

        if noise not in NOISES or draw not in DRAWS:
            msg = f"noise is one of {', '.join(NOISES)} and draw one of {', '.join(DRAWS)}; got "
            msg += f"{noise!r} and {draw!r}"
            raise CaseError(msg, key="noise" if noise not in NOISES else "draw")
        if noise == "gaussian" and draw == "epochs":
            msg = "Gaussian noise is independent from step to step: it knows no epochs"
            raise CaseError(msg, key="draw")
        if noise == "minibatch":
            return minibatches(self.table, learning_rate, batch_size, draw, seed)
        size = self.samples if draw == "batches" else None
        return twin(self._fine, learning_rate, batch_size, size, seed)

    @cached_property
    def _fine(self) -> tuple[tuple[Array, ...], Array, Array]:
        """Mean gradient and covariance of the table between the points of the lattice."""
        return self.table.refined(NODES[self.dim])
