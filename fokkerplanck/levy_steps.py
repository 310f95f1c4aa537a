"""Evolution under long jumps step by step: what one step is, and how the next is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.solvers.levy_evolve import Flow

__all__ = [
    "CLIP_WEIGHT",
    "LevyStep",
    "advanced",
    "check_after",
    "check_tolerance",
    "increasing_times",
]

Array = NDArray[np.float64]
#: Tolerances that double precision can hold, and the part of it that the first time may take.
TOLERANCES = (1e-10, 1e-1)
SHARE = 0.25
#: Negative masses, of rounding or of fronts sharper than the nodes, up to which a run goes on.
MOST_CLIPPED = 1e-2
#: What clipping changes in L1: twice that, as the rest is scaled, and what second-order upwinding,
#: no contraction, lets it grow by (5 % where it was measured).
CLIP_WEIGHT = 2.5


@dataclass(frozen=True, eq=False)
class LevyStep:
    """Masses at one time; all that the evolution goes on from.

    Parameters
    ----------
    time : float
    mass : ndarray, shape (n,)
        At the nodes, none negative; its sum is what has not been killed.
    error : float
        L1 error of the integration in time accumulated so far, per unit of initial mass.
    clipped : float
        Negative mass that was set to 0 on the way, of rounding or of fronts that the nodes are too
        few for.
    method : str
        What led here: ``"start"``, ``"krylov"``, ``"stationary"``, or ``"none"`` where all are
        killed.
    solves : int
        Linear systems that took.
    """

    time: float
    mass: Array = field(repr=False)
    error: float = 0.0
    clipped: float = 0.0
    method: str = "start"
    solves: int = 0


def advanced(flow: Flow, step: LevyStep, time: float, tolerance: float) -> LevyStep:
    """Return the step at a later time; raises `NumericalError` where `Flow` does."""
    if not step.mass.any():
        return LevyStep(time, step.mass, step.error, step.clipped, "none")
    # the share depends on what has been spent, not on how many times there are: a run that goes
    # on does the same; the k-th time may take about tolerance / (2 + k / 2)^2
    left = max(tolerance - step.error, 0.0)
    done = flow.advance(step.mass, time - step.time, SHARE * left**2 / tolerance)
    error, clipped = step.error + done.error, step.clipped + done.clipped
    if not clipped < MOST_CLIPPED:
        msg = (
            f"fronts are too sharp for {len(step.mass)} nodes: a mass of {clipped:.1e} has come "
            f"out negative by t = {time:.6g}; take more cells or a smoother start"
        )
        raise NumericalError(msg)
    return LevyStep(time, done.mass, error, clipped, done.method, done.solves)


def increasing_times(times: Sequence[float]) -> Array:
    """Return times as an array; raises `CaseError` unless they increase from 0 on."""
    at = np.asarray(times, dtype=np.float64)
    good = at.ndim == 1 and len(at) > 0 and np.isfinite(at).all()
    if not (good and at[0] >= 0 and (np.diff(at) > 0).all()):
        msg = f"needs increasing finite times from 0 on, got {times!r:.80}"
        raise CaseError(msg, key="evolve.times")
    return at


def check_tolerance(tolerance: float) -> None:
    """Raise `CaseError` for a tolerance that double precision cannot hold."""
    low, high = TOLERANCES
    if not low <= tolerance <= high:
        msg = f"the L1 tolerance lies between {low:g} and {high:g}, got {tolerance}"
        raise CaseError(msg, key="evolve.tolerance")


def check_after(after: LevyStep, times: Array, shape: tuple[int, ...]) -> None:
    """Raise `CaseError` unless times go on after a step, and its masses fit."""
    if times[0] <= after.time or after.mass.shape != shape:
        nodes = " x ".join(map(str, shape))
        msg = f"times go on after {after.time:.6g}, with masses at {nodes} nodes; got times "
        msg += f"from {times[0]:.6g} and {after.mass.shape} masses"
        raise CaseError(msg, key="evolve.times")
