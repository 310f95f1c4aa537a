"""Answers of the same problem at several barriers, and what is said about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import expm1, inf, isfinite, log, nan
from typing import Any

import numpy as np
from bench_core import Array, Sweep

__all__ = ["WITHOUT", "lagrange", "or_inf", "or_nan", "passages"]

#: Programs that have no mean passage times.
WITHOUT = {
    "py-pde": "cannot: no boundary-value problems of this kind",
    "fplanck": "cannot: no absorbing boundaries",
    "PyDDM": "cannot: passage densities up to a given time only",
    "pychangcooper": "cannot: no passage times",
}


def lagrange(place: float) -> tuple[Any, Array]:
    """Four neighbours of a place between whole numbers, and the weights of the cubic there."""
    near = int(np.floor(place)) + np.arange(-1, 3)
    weights = [
        np.prod([(place - b) / (a - b) for b in near if b != a]) for a in near
    ]  # fmt: skip
    return slice(int(near[0]), int(near[-1]) + 1), np.array(weights)


def passages(
    exact: dict[float, float],
    ready: Callable[[float], Callable[[], float]],
    least: float = 0.0,
) -> Sweep:
    """Sweep over barriers of a mean passage time; `exact` are logarithms of it.

    `least` is what must be moved once, in bytes. Errors are relative and signed; words where
    there is no number to compare.
    """

    def judge(found: Sequence[float]) -> dict[str, Any]:
        pairs = zip(exact.items(), found, strict=True)
        errors = {f"b = {b:g}": _error(t, right) for (b, right), t in pairs}
        return {"errors": errors} | ({"floor_bytes": least} if least else {})

    return Sweep(tuple(lambda b=b: ready(b) for b in exact), judge)


def _error(time: float, log_exact: float) -> float | str:
    if not isfinite(time):
        return "refused" if time > 0 else "singular"
    return expm1(log(time) - log_exact) if time > 0 else "negative"


def or_nan(solve: Callable[[float], float], barrier: float) -> float:
    """Nan where the matrix is found to be singular."""
    try:
        with np.errstate(all="ignore"):
            return solve(barrier)
    except (RuntimeError, ArithmeticError, ValueError):
        return nan


def or_inf(solve: Callable[[], float]) -> Callable[[], float]:
    """Infinity where this program refuses to answer."""
    from fokkerplanck.solvers.errors import NumericalError

    def solved() -> float:
        try:
            return solve()
        except NumericalError:
            return inf

    return solved
