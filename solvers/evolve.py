"""Cell masses at a list of times: ``dP/dt = Q.T P``, solved by whichever method costs least."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.propagator import Propagator

__all__ = [
    "METHODS",
    "SHARES",
    "Step",
    "check_balance",
    "check_error",
    "check_mass",
    "check_times",
    "check_tolerance",
    "evolve",
    "propagator",
]

Array = NDArray[np.float64]

#: Name -> module and class of the propagator, imported on first use.
METHODS = {
    "auto": "automatic:Automatic",
    "tridiagonal": "tridiagonal:Tridiagonal",
    "chebyshev": "chebyshev:Chebyshev",
    "uniformisation": "uniformisation:Uniformisation",
    "rational": "rational:Rational",
    "fipy": "fipy_backend:FipyPropagator",
}
#: Least number of intervals between output times among which the tolerance is shared.
SHARES = 32
TOLERANCES = (1e-11, 1e-1)
MASS_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False)
class Step:
    """Cell masses at one requested time.

    Parameters
    ----------
    time : float
        The time.
    mass : ndarray, shape (cells,)
        Cell masses, none negative.
    error : float
        L1 error of the time integration accumulated since the start, bound or estimate.
    method : str
        What was used since the previous step, parts joined by "+"; "start" at the start, "none"
        once all mass is absorbed.
    products, solves : int
        Products with ``Q.T`` and linear systems, since the previous step.
    clipped : float
        Mass of negative rounding set to zero, accumulated since the start.
    """

    time: float
    mass: Array
    error: float
    method: str
    products: int = 0
    solves: int = 0
    clipped: float = 0.0


def evolve(
    generator: Generator,
    mass: ArrayLike,
    times: ArrayLike | Sequence[float],
    *,
    tolerance: float = 1e-8,
    method: str = "auto",
    start: float = 0.0,
    fields: Fields | None = None,
    shares: int | None = None,
) -> Iterator[Step]:
    """Yield cell masses at `times`, one `Step` after the other, computed as they are asked for.

    Parameters
    ----------
    generator : Generator
        The jump rates Q.
    mass : array, shape (cells,) or generator.shape
        Cell masses at `start`, finite and not negative.
    times : array, shape (n,)
        Increasing, finite, none before `start`.
    tolerance : float
        L1 error of the time integration, accumulated over all times, per unit mass.
    method : str
        A key of `METHODS`.
    start : float
        Time of `mass`.
    fields : Fields, optional
        Drift and diffusion behind the generator; only "fipy" needs them.
    shares : int, optional
        Among how many intervals the tolerance is shared, by default as many as there are times
        but at least 32. A run that goes on from a saved density passes that of the whole run, and
        then takes exactly the steps that the whole run would have taken.

    Raises
    ------
    ValueError
        If an argument is not of this form, or the method is unknown or cannot do this problem.
    NumericalError
        If the accumulated error or the mass is off by more than allowed (while iterating).
    """
    p = check_mass(mass, generator.cells)
    moments = check_times(times, start)
    check_tolerance(tolerance)
    mover = propagator(method, generator, fields)
    return _steps(mover, p, moments, tolerance, start, shares or max(SHARES, moments.size))


def _steps(
    mover: Propagator, mass: Array, times: Array, tolerance: float, start: float, shares: int
) -> Iterator[Step]:
    amount = float(mass.sum())
    conservative = mover.generator.conservative
    now, error, clipped = start, 0.0, 0.0
    for time in times:
        if time == now:
            yield Step(float(time), mass, error, "start", clipped=clipped)
            continue
        if not mass.any():  # all is absorbed
            now = float(time)
            yield Step(now, mass, error, "none", clipped=clipped)
            continue
        part = mover.advance(mass, float(time - now), tolerance * amount / shares)
        mass, now = part.mass, float(time)
        error, clipped = error + part.error, clipped + part.clipped
        check_balance(mass, amount, conservative, now)
        check_error(error, tolerance * amount, part.method, now)
        yield Step(now, mass, error, part.method, part.products, part.solves, clipped)


def propagator(method: str, generator: Generator, fields: Fields | None = None) -> Propagator:
    """Make the propagator called `method`; raises `ValueError` naming the known ones."""
    if method not in METHODS:
        msg = f"unknown evolution method {method!r}; known: {', '.join(METHODS)}"
        raise ValueError(msg)
    module, name = METHODS[method].split(":")
    kind = getattr(import_module(f"fokkerplanck.solvers.{module}"), name)
    made: Propagator = kind(generator, fields)
    return made


def check_mass(mass: ArrayLike, cells: int) -> Array:
    """Cell masses as a flat copy; raises `ValueError` unless finite, not negative, not all 0."""
    p = np.array(mass, dtype=np.float64).ravel()
    if p.size != cells:
        msg = f"masses of {cells} cells are needed, got {p.size}"
        raise ValueError(msg)
    bad = ~(np.isfinite(p) & (p >= 0.0))
    if bad.any():
        cell = int(np.argmax(bad))
        msg = f"masses must be finite and >= 0, got {p[cell]} in cell {cell}"
        raise ValueError(msg)
    if not p.any():
        msg = "there is no mass to evolve: all cells are empty"
        raise ValueError(msg)
    return p


def check_times(times: ArrayLike | Sequence[float], start: float) -> Array:
    """Output times as an array; raises `ValueError` unless finite, increasing, from `start` on."""
    t = np.atleast_1d(np.asarray(times, dtype=np.float64))
    if t.ndim != 1 or t.size == 0 or not (np.isfinite(t).all() and np.isfinite(start)):
        msg = "times must be a list of at least one finite number"
        raise ValueError(msg)
    if t[0] < start or (np.diff(t) <= 0.0).any():
        msg = f"times must increase, from the start at {start} on; got {t[0]} ... {t[-1]}"
        raise ValueError(msg)
    return t


def check_tolerance(tolerance: float) -> None:
    """Raise `ValueError` unless the tolerance is one that double precision can hold."""
    low, high = TOLERANCES
    if not low <= tolerance <= high:
        msg = f"the L1 tolerance must lie between {low:g} and {high:g}, got {tolerance}"
        raise ValueError(msg)


def check_balance(mass: Array, amount: float, conservative: bool, time: float) -> None:
    """Raise `NumericalError` where mass appeared, or vanished without an absorbing wall."""
    change = float(mass.sum()) / amount - 1.0
    if change > MASS_TOLERANCE or (conservative and change < -MASS_TOLERANCE):
        msg = f"mass is off by {change:.2e} at t = {time:.6g}; at most 1e-10 is accepted"
        raise NumericalError(msg)


def check_error(error: float, tolerance: float, method: str, time: float) -> None:
    """Raise `NumericalError` where the accumulated error passed the tolerance."""
    if not error <= tolerance:
        msg = (
            f"time integration by {method} has accumulated an L1 error of {error:.2e} at "
            f"t = {time:.6g}, more than the tolerance {tolerance:.2e}; ask for fewer times, "
            "a larger tolerance or another method"
        )
        raise NumericalError(msg)
