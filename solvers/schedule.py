"""Evolution under a generator that changes with time: pieces, or a fourth-order Magnus method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.evolve import (
    Step,
    check_balance,
    check_error,
    check_mass,
    check_times,
    check_tolerance,
    propagator,
)
from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.propagator import Advance, Propagator

__all__ = ["combine", "evolve_scheduled"]

Array = NDArray[np.float64]
GeneratorAt = Callable[[float], Generator]

EARLY, LATE = 0.5 - np.sqrt(3.0) / 6.0, 0.5 + np.sqrt(3.0) / 6.0  # Gauss points
MINOR, MAJOR = 0.25 - np.sqrt(3.0) / 6.0, 0.25 + np.sqrt(3.0) / 6.0
NOISE = 2e-13  # difference of two solutions, per unit mass, that is rounding
SMALLEST = 1e-13  # step, as a fraction of the interval
CUT = 0.4  # where a step is cut in two: unequal parts see what equal ones may both miss
INNER = 0.1  # tolerance of the exponentials, as a fraction of that of a step ...
LEAST = 2e-12  # ... and the least that is asked of them, per unit mass


def evolve_scheduled(
    generator_at: GeneratorAt,
    mass: ArrayLike,
    times: ArrayLike | Sequence[float],
    *,
    breakpoints: Sequence[float] = (),
    piecewise_constant: bool,
    tolerance: float = 1e-8,
    method: str = "auto",
    start: float = 0.0,
    fields_at: Callable[[float], Fields] | None = None,
    shares: int | None = None,
) -> Iterator[Step]:
    """Yield cell masses at `times` under ``dP/dt = Q(t).T P``.

    Between breakpoints, Q is either constant, and one exponential is exact, or smooth. Then
    each step is ``exp(h (a Q1 + b Q2)) exp(h (b Q1 + a Q2))`` with Q1, Q2 at the Gauss points,
    ``a, b = 1/4 -+ sqrt(3)/6``: order four, conservative, and positive as long as the combined
    rates are not negative, which shortens the step where they would be. Steps adapt to an L1
    error estimate, the difference between one step and the same in two unequal parts.

    Parameters
    ----------
    generator_at : callable
        The generator at a time.
    breakpoints : sequence of float
        Times at which Q jumps.
    piecewise_constant : bool
        Whether Q is constant between them.
    fields_at : callable, optional
        The fields at a time; only "fipy" needs them.

    Other parameters, and what is raised, are those of `fokkerplanck.solvers.evolve.evolve`;
    the tolerance is shared among as many intervals as there are times, or `shares`.

    References
    ----------
    S. Blanes, P. C. Moan, Appl. Numer. Math. 56 (2006) 1519: commutator-free Magnus integrators.
    """
    moments = check_times(times, start)
    check_tolerance(tolerance)
    jumps = np.asarray(sorted(breakpoints), dtype=np.float64)
    piece = _Pieces(generator_at, jumps, piecewise_constant, method, fields_at)
    first = piece.generator(start, moments[-1])
    p = check_mass(mass, first.cells)
    if method == "fipy" and not piecewise_constant:
        msg = "method 'fipy' follows schedules of steps only, not ones that change smoothly"
        raise ValueError(msg)
    propagator(method, first, None if fields_at is None else fields_at(start))
    return _steps(piece, p, moments, tolerance, start, shares or moments.size)


def combine(a: float, first: Generator, b: float, second: Generator) -> Generator:
    """Make the generator ``a first + b second``; its rates may come out negative.

    Raises
    ------
    ValueError
        If the two are not on the same grid.
    """
    if first.shape != second.shape:
        msg = f"generators of the same grid are needed, got {first.shape} and {second.shape}"
        raise ValueError(msg)
    absorption = a * first.absorption + b * second.absorption
    if np.array_equal(first.tail, second.tail) and np.array_equal(first.head, second.head):
        forward = a * first.forward + b * second.forward
        backward = a * first.backward + b * second.backward
        return replace(first, forward=forward, backward=backward, absorption=absorption)
    tail = np.concatenate([first.tail, second.tail])
    head = np.concatenate([first.head, second.head])
    offset = np.concatenate([first.offset, second.offset])
    forward = np.concatenate([a * first.forward, b * second.forward])
    backward = np.concatenate([a * first.backward, b * second.backward])
    turn = tail > head
    tail, head = np.where(turn, head, tail), np.where(turn, tail, head)
    forward, backward = np.where(turn, backward, forward), np.where(turn, forward, backward)
    offset = np.where(turn[:, None], -offset, offset)
    keys = np.column_stack([tail, head, offset])
    links, place = np.unique(keys, axis=0, return_inverse=True)
    count, place = len(links), place.ravel()
    return replace(
        first,
        tail=links[:, 0].astype(np.int32),
        head=links[:, 1].astype(np.int32),
        offset=links[:, 2:].astype(np.int32),
        forward=_summed(place, forward, count),
        backward=_summed(place, backward, count),
        absorption=absorption,
    )


def _summed(place: NDArray[np.int64], values: Array, count: int) -> Array:
    out = np.zeros(count)
    np.add.at(out, place, values)
    return out


def _steps(
    piece: _Pieces, mass: Array, times: Array, tolerance: float, start: float, shares: int
) -> Iterator[Step]:
    amount = float(mass.sum())
    now, error, clipped = start, 0.0, 0.0
    for time in times:
        if time == now:
            yield Step(float(time), mass, error, "start", clipped=clipped)
            continue
        part = piece.advance(mass, now, float(time), tolerance * amount / shares)
        mass, now = part.mass, float(time)
        error, clipped = error + part.error, clipped + part.clipped
        check_balance(mass, amount, piece.conservative, now)
        check_error(error, tolerance * amount, part.method, now)
        yield Step(now, mass, error, part.method, part.products, part.solves, clipped)


class _Pieces:
    """Intervals cut at the breakpoints; each piece solved by one exponential or by Magnus steps."""

    def __init__(
        self,
        generator_at: GeneratorAt,
        breakpoints: Array,
        constant: bool,
        method: str,
        fields_at: Callable[[float], Fields] | None,
    ) -> None:
        self._at, self._jumps, self._constant = generator_at, breakpoints, constant
        self._method, self._fields_at = method, fields_at
        self._made: tuple[float, Propagator] | None = None
        self.conservative = True

    def generator(self, begin: float, end: float) -> Generator:
        """Make the generator at the middle of the piece that starts at `begin`."""
        later = self._jumps[self._jumps > begin]
        return self._at(0.5 * (begin + min(end, float(later[0]) if later.size else end)))

    def advance(self, mass: Array, begin: float, end: float, tolerance: float) -> Advance:
        inside = self._jumps[(self._jumps > begin) & (self._jumps < end)]
        ends = [*inside.tolist(), end]
        done, now = Advance(mass, 0.0), begin
        for stop in ends:
            share = (tolerance - done.error) * (0.5 if stop != end else 1.0)
            move = self._constantly if self._constant else self._smoothly
            done = done.then(move(done.mass, now, stop, share))
            now = stop
        return done

    def _constantly(self, mass: Array, begin: float, end: float, tolerance: float) -> Advance:
        # a piece is known by its left breakpoint, so that its propagator (and what that has
        # cached) serves all output times inside
        k = int(np.searchsorted(self._jumps, begin, side="right"))
        if self._made is None or self._made[0] != k:
            right = float(self._jumps[k]) if k < self._jumps.size else end
            left = float(self._jumps[k - 1]) if k else begin
            middle = 0.5 * (left + right)
            fields = None if self._fields_at is None else self._fields_at(middle)
            self._made = (k, self._propagator(self._at(middle), fields))
        return self._made[1].advance(mass, end - begin, tolerance)

    def _smoothly(self, mass: Array, begin: float, end: float, tolerance: float) -> Advance:
        done, now, step, spent = Advance(mass, 0.0), begin, 0.25 * (end - begin), 0.0
        amount = float(mass.sum())
        while now < end:
            left = end - now
            step = left if step > 0.9 * left else step
            # beside the estimate, the exponentials of both parts take up to INNER of it each
            share = (tolerance - spent) * step / left / (1.0 + 2.0 * INNER)
            allowed = max(share, NOISE * amount)
            part, estimate = self._compared(done.mass, now, step, allowed)
            if part is not None and estimate <= allowed:
                done = done.then(replace(part, error=part.error + estimate))
                spent += part.error + estimate
                now = end if step == left else now + step
            elif step < SMALLEST * (end - begin):
                msg = f"the schedule changes too fast at t = {now:.6g} for steps of {step:.1e}"
                raise NumericalError(msg)
            step *= _factor(estimate, allowed)
        return done

    def _compared(
        self, mass: Array, time: float, step: float, allowed: float
    ) -> tuple[Advance | None, float]:
        """One step in two unequal parts, and its L1 error from the same step in one."""
        inner = max(INNER * allowed, LEAST * float(mass.sum()))
        whole = self._magnus(mass, time, step, inner)
        if whole is None:
            return None, np.inf
        first = self._magnus(mass, time, CUT * step, inner)
        if first is None:
            return None, np.inf
        second = self._magnus(first.mass, time + CUT * step, (1.0 - CUT) * step, inner)
        if second is None:
            return None, np.inf
        # the two parts are ten times as accurate as the whole; a third of the difference is safe
        difference = float(np.abs(second.mass - whole.mass).sum())
        return first.then(second), difference / 3.0

    def _magnus(self, mass: Array, time: float, step: float, tolerance: float) -> Advance | None:
        """One step of order four; None if it needs negative rates, or rounding is in the way."""
        early, late = self._at(time + EARLY * step), self._at(time + LATE * step)
        sooner, later = combine(MAJOR, early, MINOR, late), combine(MINOR, early, MAJOR, late)
        for q in (sooner, later):
            if min(float(r.min(initial=0.0)) for r in (q.forward, q.backward, q.absorption)) < 0.0:
                return None
        try:
            done = self._propagator(sooner).advance(mass, step, 0.5 * tolerance)
            return done.then(self._propagator(later).advance(done.mass, step, 0.5 * tolerance))
        except NumericalError:  # rounding grows with the step, and shorter ones have less of it
            return None

    def _propagator(self, generator: Generator, fields: Fields | None = None) -> Propagator:
        self.conservative = self.conservative and generator.conservative
        return propagator(self._method, generator, fields)


def _factor(estimate: float, allowed: float) -> float:
    """Change of step after an estimate of order five, between 1/20 and 4."""
    if not np.isfinite(estimate):
        return 0.5
    return float(np.clip(0.9 * (allowed / max(estimate, 1e-300)) ** 0.2, 0.05, 4.0))
