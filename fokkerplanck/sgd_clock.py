"""Clocks that tick at a rate of time: how far they have come, and when they come so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError

__all__ = ["elapsed", "inverse"]

Array = NDArray[np.float64]
Rate = Callable[[Array], Array]
#: nodes and weights of one panel
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
#: a panel and its two halves agree to this
TOLERANCE = 1e-13
#: numbers below this one have no such agreement: they lose their digits
SMALLEST = np.finfo(np.float64).tiny / np.finfo(np.float64).eps
#: halvings that close in on a jump of the rate to rounding
HALVINGS = 60
#: Newton steps, or halvings where they leave the bracket
ITERATIONS = 200
#: times are looked for up to here
LATEST = 1e300


def elapsed(rate: Rate, times: Array) -> Array:
    """``int_0^t rate ds`` at each of the times >= 0, in any order, to about 13 digits."""
    flat = times.ravel()
    order = np.argsort(flat)
    ends = flat[order]
    out = np.empty_like(flat)
    out[order] = np.cumsum(_integrals(rate, np.concatenate([[0.0], ends[:-1]]), ends))
    return out.reshape(times.shape)


def inverse(rate: Rate, counts: Array) -> Array:
    """Find the times at which the clock shows `counts` >= 0.

    Raises
    ------
    CaseError
        When it never comes so far.
    """
    flat = counts.ravel()
    out = np.empty_like(flat)
    time, done = 0.0, 0.0
    for k in np.argsort(flat):
        time = _when(rate, time, float(flat[k]) - done)
        done = float(flat[k])
        out[k] = time
    return out.reshape(counts.shape)


def _when(rate: Rate, start: float, count: float) -> float:
    """Time at which the clock has gone on by `count` from `start`: Newton inside a bracket."""
    if count <= SMALLEST:
        return start + max(count, 0.0) / float(rate(np.array(start)))
    low, before = start, 0.0  # the clock stands at `before` at the time `low`
    width = count / float(rate(np.array(start))) / 1024
    while True:
        high = low + width
        gain = _gain(rate, low, high)
        if before + gain >= count:
            break
        if np.isfinite(gain):
            low, before, width = high, before + gain, 2 * width
        elif (width := width / 4) <= np.spacing(low):
            msg = f"the schedule never comes to {count:g} more steps or samples after t = {start:g}"
            raise CaseError(msg, key="noise.schedule")
    guess = low + (high - low) * (count - before) / gain
    for _ in range(ITERATIONS):
        if not low < guess < high:
            guess = (low + high) / 2
        gain = _one(rate, low, guess)
        if before + gain < count:
            low, before = guess, before + gain
            left = count - before
            step = left / float(rate(np.array(low)))
        else:
            high = guess
            step = (count - before - gain) / float(rate(np.array(guess)))
        if abs(step) <= 4 * np.finfo(float).eps * guess or high - low <= np.spacing(high):
            return guess + step if low <= guess + step <= high else guess
        guess += step
    return guess


def _gain(rate: Rate, low: float, high: float) -> float:
    """Find how far the clock goes; minus infinity where the rate has no value any more."""
    try:
        gain = _one(rate, low, high)
    except CaseError:
        return -np.inf
    return gain if high < LATEST and np.isfinite(gain) else -np.inf


def _one(rate: Rate, low: float, high: float) -> float:
    return float(_integrals(rate, np.array([low]), np.array([high]))[0])


def _integrals(rate: Rate, low: Array, high: Array) -> Array:
    """Integrate over many intervals at once; panels whose halves disagree are halved."""
    total = np.zeros(low.shape)
    owner = np.arange(low.size)
    whole = _panel(rate, low, high)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        left, right = _panel(rate, low, middle), _panel(rate, middle, high)
        parts = left + right
        bad = np.abs(parts - whole) > np.maximum(TOLERANCE * np.abs(parts), SMALLEST)
        bad &= (middle > low) & (middle < high)
        np.add.at(total, owner[~bad], parts[~bad])
        if not bad.any():
            return total
        # a panel that is negligible beside its interval need not be exact itself
        low, high = _pair(low, middle, bad), _pair(middle, high, bad)
        whole, owner = _pair(left, right, bad), _pair(owner, owner, bad)
    np.add.at(total, owner, whole)
    return total


def _pair(first: Any, second: Any, chosen: NDArray[np.bool_]) -> NDArray[Any]:
    return np.concatenate([first[chosen], second[chosen]])


def _panel(rate: Rate, low: Array, high: Array) -> Array:
    half = (high - low) / 2
    points = (low + half)[:, None] + half[:, None] * NODES
    return np.asarray(half * (rate(points) @ WEIGHTS))
