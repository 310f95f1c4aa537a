"""First passages of in-plane SGD, as they are measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.arrivals import Arrivals
from fokkerplanck.ensemble_target import ARRIVED, WALKING, first_hits
from fokkerplanck.errors import NumericalError
from fokkerplanck.sampled_passage import SampledPassage

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.sets import PointSet
    from fokkerplanck.solvers.ensemble import Walk
    from fokkerplanck.solvers.table_descent import TableDescent

__all__ = ["InPlanePassage", "measured"]

Array = NDArray[np.float64]
HOW = {
    "replacement": "every sample of a batch drawn from all",
    "batches": "no sample twice in a batch",
    "epochs": "no sample twice in an epoch",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class InPlanePassage(SampledPassage):
    """First-passage times of walkers of in-plane SGD.

    Parameters
    ----------
    noise, draw : str
        What was done.
    batch_size : float
    touches : int or None
        How often walkers were mirrored at the edge of the table; None if nobody counted.
    """

    noise: str
    draw: str
    batch_size: float
    touches: int | None

    @property
    def mean_steps(self) -> float:
        """Mean number of steps."""
        return self.mean / self.step

    @property
    def steps_error(self) -> float:
        """Standard error of the mean number of steps."""
        return self.standard_error / self.step


def measured(
    mover: TableDescent | Walk,
    way: tuple[Array, PointSet, PointSet, Grid],
    limit: int,
    told: Mapping[str, Any],
    numbers: tuple[float, float],
    progress: Callable[[float], None] | None,
) -> InPlanePassage:
    """Let walkers go and gather their times.

    Parameters
    ----------
    mover : TableDescent or Walk
    way : tuple
        Starts (walkers, dim), the sets to start from and to reach, and a grid.
    limit : int
        Steps after which a walker is given up.
    told : mapping
        ``noise``, ``draw``, ``batch_size`` and ``seed``.
    numbers : (float, float)
        Learning rate, and level of confidence.
    progress : callable or None
    """
    starts, begin, end, grid = way
    step, confidence = numbers
    # a descent on a table has the first hits of a walk
    steps, fate = first_hits(
        cast("Walk", mover), starts, end, grid, limit, bridge=False, progress=progress
    )
    arrived = fate == ARRIVED
    found = Arrivals(steps[arrived] * step, np.zeros(0), int((fate == WALKING).sum()), limit * step)
    if not found.times.size:
        msg = f"none of {len(starts)} walkers from {begin.text} came to {end.text} within {limit} "
        msg += "steps: nothing is known of the time; allow more steps (most_steps), or take a "
        raise NumericalError(msg + "larger learning rate or a smaller batch")
    mean, error = found.mean()
    touches = getattr(mover, "touches", None)
    return InPlanePassage(
        mean=mean,
        standard_error=error,
        interval=found.interval(mean, error, confidence),
        variance=mean**2 if found.censored else float(found.times.var(ddof=1)),
        rate=1.0 / mean,
        rate_error=error / mean**2,
        probability=1.0,
        probability_interval=(1.0, 1.0),
        times=np.sort(found.times),
        walkers=len(starts),
        arrived=int(found.times.size),
        lost=0,
        censored=found.censored,
        limit=limit * step,
        step=step,
        step_error=None,
        step_error_deviation=None,
        dynamics="sgd",
        confidence=confidence,
        start=begin.text,
        target=end.text,
        note=_note(told, found.censored, len(starts), limit, touches),
        touches=touches,
        **told,
    )


def _note(
    told: Mapping[str, Any], censored: int, walkers: int, limit: int, touches: int | None
) -> str:
    real = told["noise"] == "minibatch"
    noise = "real minibatches" if real else "Gaussian noise of the minibatches' covariance"
    notes = [f"{noise}, {HOW[told['draw']]}"]
    if censored:
        notes.append(
            f"{censored} of {walkers} walkers were given up after {limit} steps; mean and error "
            "are those of an exponential law"
        )
    if touches:
        notes.append(f"walkers were mirrored {touches} times at the edge of the table")
    return "; ".join(notes)
