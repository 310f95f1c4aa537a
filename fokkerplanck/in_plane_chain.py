"""In-plane SGD on a line without walkers: exact mean times, and how they grow at small noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.confrontation_row import Measured
from fokkerplanck.ensemble_target import ends_on_line
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.passage import start_and_target
from fokkerplanck.sampling import z_score

if TYPE_CHECKING:
    from fokkerplanck.in_plane import InPlane, Place
    from fokkerplanck.solvers.gradient_table import GradientTable
    from fokkerplanck.theory.large_deviations import ChainEscape

__all__ = ["ExactChain", "ExactTime", "InPlaneChain"]

Array = NDArray[np.float64]
Found = TypeVar("Found")
#: Cells on which the density that walkers of a set start from is found.
CELLS = 512


@dataclass(frozen=True)
class ExactTime:
    """Mean first-passage time of a chain, found without sampling.

    Parameters
    ----------
    noise : str
    mean_steps, deviation_steps : float
        Mean and standard deviation of the number of steps.
    error : float
        Relative, of the mean.
    z : float or None
        Measured mean less this one, in standard errors of the difference; None if nobody measured.
    small_noise : float or None
        Natural logarithm of the steps that the law of small noise says, `ChainEscape.log_steps`.
    """

    noise: str
    mean_steps: float
    deviation_steps: float
    error: float
    z: float | None
    small_noise: float | None


@dataclass(frozen=True)
class ExactChain:
    """Exact times of a setting, with both kinds of noise.

    Parameters
    ----------
    sgd, gaussian : ExactTime or None
        None where none was found, as `notes` say.
    exponent, gaussian_exponent : float or None
        At small ``eta / B`` times grow as ``exp(exponent * B / eta)``; the Gaussian one is that of
        the Ito equation. None where there is no barrier.
    leaps : float or None
        Probability that the step over the top comes from beyond the minimum: of walks that never
        climbed.
    notes : tuple of str
    """

    sgd: ExactTime | None
    gaussian: ExactTime | None
    exponent: float | None
    gaussian_exponent: float | None
    leaps: float | None
    notes: tuple[str, ...]


class InPlaneChain:
    """Exact first passages of in-plane SGD on a line, at any setting.

    Parameters
    ----------
    plane : InPlane
        On a line.
    start, target
        As for `mean_first_passage`; a set's starts have the density that the Fokker-Planck
        equation (Ito) has there.

    Raises
    ------
    CaseError
        In the plane, or where a set to start from lies on both sides of the target.
    """

    def __init__(self, plane: InPlane, start: Place, target: Place) -> None:
        if plane.dim != 1:
            msg = f"the exact chain is solved on lines; {plane.source} is a plane"
            raise CaseError(msg)
        self.plane = plane
        self._begin, sets = start_and_target(plane.problem(1.0, 1.0, cells=CELLS), start, target)
        if not sets:
            msg = "walkers of a table are mirrored at its edge: give a set as the target"
            raise CaseError(msg, key="to")
        self._end = sets[0]
        point = self._begin.representative() if self._begin.is_point else None
        self._starts: tuple[Array, Array] | None = None
        if point is not None:
            self._starts = np.asarray(point, dtype=np.float64).reshape(1), np.ones(1)
        x = self.starts(1.0, 1.0)[0]
        low, high = ends_on_line(self._end, plane.grid(CELLS))
        if not ((x < low).all() or (x > high).all()):
            msg = f"the start, {self._begin.text}, lies on both sides of the {self._end.text}"
            raise CaseError(msg, key="from")
        self.edge = low if x[0] < low else high

    def starts(self, learning_rate: float, batch_size: float) -> tuple[Array, Array]:
        """Return where walks start, and the probabilities of that."""
        if self._starts is not None:
            return self._starts
        from fokkerplanck.steady_state import stationary

        problem = self.plane.problem(learning_rate, batch_size, cells=CELLS)
        grid = problem.grid
        weight = self._begin.shares(grid) * (1.0 - self._end.shares(grid))
        weight = (weight * stationary(problem).density).ravel()
        return grid.axes[0].centres[weight > 0], weight[weight > 0]

    def time(
        self,
        learning_rate: float,
        batch_size: float,
        noise: str = "minibatch",
        *,
        within: tuple[float, float] | None = None,
        table: GradientTable | None = None,
        measured: Measured | None = None,
        law: ChainEscape | None = None,
        tolerance: float = 2e-3,
    ) -> ExactTime:
        """Mean number of steps until the target is reached, without sampling.

        Parameters
        ----------
        learning_rate, batch_size : float
        noise : str
            ``"minibatch"`` or ``"gaussian"``, as for `InPlane.escape`.
        within : (float, float), optional
            Positions from which steps have that noise; from all others it is Gaussian.
        table : GradientTable, optional
            Another one, as one without some samples.
        measured : Measured, optional
            By walkers, to compare with.
        law : ChainEscape, optional
            Of small noise, to compare with.
        tolerance : float
            Relative error that is allowed.

        Raises
        ------
        CaseError
            For arguments out of range.
        NumericalError
            If the time is not found well enough.
        """
        from fokkerplanck.solvers.minibatch_chain import MinibatchChain

        x, weight = self.starts(learning_rate, batch_size)
        try:
            chain = MinibatchChain(
                table or self.plane.table, learning_rate, batch_size, self.edge, noise, within
            )
            found = chain.time(x, weight, tolerance)
        except ValueError as error:
            raise CaseError(str(error)) from None
        z = None
        if measured is not None:
            spread = np.hypot(measured.standard_error, found.error * found.mean)
            z = z_score(measured.mean_steps - found.mean, float(spread)).statistic
        steps = None if law is None else law.log_steps(learning_rate, batch_size)
        deviation = float(np.sqrt(max(found.variance, 0.0)))
        return ExactTime(noise, found.mean, deviation, found.error, z, steps)

    def small_noise(
        self, noise: str = "minibatch", table: GradientTable | None = None
    ) -> ChainEscape:
        """Law of the time at small ``eta / B``, with its exponent.

        Raises
        ------
        CaseError
            Where there is no barrier on the way.
        """
        from fokkerplanck.theory.cumulants import NormalCumulants, SampleCumulants
        from fokkerplanck.theory.large_deviations import chain_escape

        used = table or self.plane.table

        def gradients(x: Array) -> Array:
            return used.at(x[:, None])[:, :, 0]

        def moments(x: Array) -> tuple[Array, Array]:
            g = gradients(x)
            return g.mean(axis=1), g.var(axis=1)

        law = SampleCumulants(gradients) if noise == "minibatch" else NormalCumulants(moments)
        x, weight = self.starts(1.0, 1.0)
        return chain_escape(law, float(x @ weight / weight.sum()), self.edge, used.axes[0])

    def leaps(self, learning_rate: float, batch_size: float, way: tuple[float, float]) -> float:
        """Probability that a walk passes the top by a step from beyond the minimum.

        Parameters
        ----------
        learning_rate, batch_size : float
        way : (float, float)
            Minimum and top.
        """
        from fokkerplanck.solvers.minibatch_chain import MinibatchChain

        chain = MinibatchChain(self.plane.table, learning_rate, batch_size, way[1])
        return chain.leap_share(way[0], way[0])

    def beside(
        self, learning_rate: float, batch_size: float, sgd: Measured, gaussian: Measured
    ) -> ExactChain:
        """Give exact times beside measured ones."""
        notes: list[str] = []
        laws = [_tried(notes, "small noise", self.small_noise, m.noise) for m in (sgd, gaussian)]
        times = [
            _tried(
                notes,
                f"exact chain, {m.noise} noise",
                self._beside,
                learning_rate,
                batch_size,
                m,
                law,
            )
            for m, law in zip((sgd, gaussian), laws, strict=True)
        ]
        real, normal = laws
        leaps = None
        if real is not None:
            way = real.minimum, real.top
            leaps = _tried(notes, "leaps", self.leaps, learning_rate, batch_size, way)
        return ExactChain(
            times[0],
            times[1],
            None if real is None else real.exponent,
            None if normal is None else normal.exponent,
            leaps,
            tuple(notes),
        )

    def _beside(
        self, learning_rate: float, batch_size: float, found: Measured, law: ChainEscape | None
    ) -> ExactTime:
        return self.time(learning_rate, batch_size, found.noise, measured=found, law=law)


def _tried(
    notes: list[str], what: str, find: Callable[..., Found], *arguments: Any
) -> Found | None:
    """Find something, or note why it was not found."""
    try:
        return find(*arguments)
    except (CaseError, NumericalError) as error:
        notes.append(f"{what}: {error}")
        return None
