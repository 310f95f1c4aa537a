"""Steps as long as an error estimate allows, without memory of earlier calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.propagator import CLIP, Advance, clip_rounding

__all__ = ["Trial", "advance_in_steps", "advective_time", "doubled"]

Array = NDArray[np.float64]
SHARE = 1.0 / 8.0  # of the tolerance left, for one step however short
MOST_TRIALS = 100_000


@dataclass(frozen=True, eq=False)
class Trial:
    """Masses after one attempted step, its L1 error estimate, and what it took."""

    mass: Array
    error: float
    products: int = 0
    solves: int = 0
    rounding: float = 0.0


def advance_in_steps(
    attempt: Callable[[Array, float], Trial],
    mass: Array,
    dt: float,
    tolerance: float,
    method: str,
    *,
    shrink: float = 8.0,
    grow: float = 4.0,
    first: float = np.inf,
) -> Advance:
    """Cover `dt` by steps of `attempt`, the first try being `first` or the whole of it.

    The generator never lets a difference of masses grow in L1, so that the errors of the steps
    add up at most. A rejected step is divided by `shrink`; an accepted one lets the next be
    `grow` times as long.

    Raises
    ------
    NumericalError
        If the steps fall below rounding of `dt` and still miss their share of `tolerance`.
    """
    done, step, error, clipped = 0.0, min(first, dt), 0.0, 0.0
    products = solves = 0
    for _ in range(MOST_TRIALS):
        if done >= dt:
            return Advance(mass, error, products, solves, clipped, method)
        left = dt - done
        step = min(step, left)
        trial = attempt(mass, step)
        products, solves = products + trial.products, solves + trial.solves
        allowed = (tolerance - error) * max(step / left, SHARE)
        if trial.error <= allowed and _only_rounding(trial.mass):
            mass, lost = clip_rounding(trial.mass)
            error, clipped = error + trial.error + lost, clipped + lost
            done = dt if step == left else done + step
            step *= grow
        elif step / shrink < 1e-15 * dt or not np.isfinite(step):
            break
        else:
            step /= shrink
    msg = (
        f"{method} cannot reach an L1 error of {tolerance:.1e} over a time of {dt:.3e}: "
        f"at a step of {step:.1e} the estimate is still {trial.error:.1e}; "
        "a larger tolerance, or another method, may do"
    )
    raise NumericalError(msg)


def doubled(attempt: Callable[[Array, float], Trial]) -> Callable[[Array, float], Trial]:
    """Make a trial of two half steps, whose error is their difference from the whole step.

    An oscillation that a long step wrongly damps is seen as long as half the step follows it. So
    the step may at most double from one to the next, from one that follows everything
    (`advective_time`): then no oscillation of noticeable amplitude slips through.
    """

    def trial(mass: Array, step: float) -> Trial:
        half = attempt(mass, 0.5 * step)
        two = attempt(half.mass, 0.5 * step)
        whole = attempt(mass, step)
        rounding = sum(t.rounding for t in (half, two, whole))
        error = float(np.abs(two.mass - whole.mass).sum()) + rounding
        products = half.products + two.products + whole.products
        return Trial(two.mass, error, products, half.solves + two.solves + whole.solves, rounding)

    return trial


def advective_time(generator: Generator) -> float:
    """Time in which no oscillation of the chain turns by more than 2: 2 / |(Q - Q.T) / 2|."""
    excess = np.abs(generator.forward - generator.backward)
    turns = np.bincount(generator.tail, excess, generator.cells)
    turns += np.bincount(generator.head, excess, generator.cells)
    fastest = 0.5 * float(turns.max(initial=0.0))
    return 2.0 / fastest if fastest > 0.0 else np.inf


def _only_rounding(mass: Array) -> bool:
    low, peak = float(mass.min()), float(mass.max())
    return bool(np.isfinite(low) and np.isfinite(peak) and low >= -CLIP * peak)
