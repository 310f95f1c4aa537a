r"""Evolution of kinetic modes to any time: a Chebyshev series first, a rational exponential after.

Oscillations last for a time of about ``2 / g`` times a logarithm, since no eigenvalue that is not
real decays more slowly than g/2. That long the series follows them, at a cost of the largest
frequency times the time. Then the spectrum that is still seen is real and negative: the rational
approximation of `fokkerplanck.solvers.poles` takes steps of any length, with its embedded error
estimate, until the density is stationary to within the tolerance, and stays so for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.kinetic import Kinetic
from fokkerplanck.solvers.kinetic_solve import Shifted
from fokkerplanck.solvers.kinetic_start import cooled
from fokkerplanck.solvers.kinetic_steps import Explicit
from fokkerplanck.solvers.poles import EMBEDDED, POLES, RESIDUES

__all__ = ["KineticStep", "evolve_modes"]

Array = NDArray[np.float64]
#: Part of the tolerance to which oscillations must have fallen before steps get long.
UNSEEN = 1e-2
#: Rounding of one step of either method, as a part of the weighted norm.
ROUNDING = 2e-15
SHRINK, GROW, SHORTEST = 4.0, 8.0, 1e-12
#: Steps of the same length share factors; the factors of so many numbers are kept.
KEPT = 60_000_000
#: Norm, per mass, up to which a colder basis is taken to hold a density.
LARGEST_NORM = 1e4
#: Products with the operator, times its unknowns, that an evolution may take: hours.
MOST_WORK = 3e13


@dataclass(frozen=True, eq=False)
class KineticStep:
    """Modes at one time.

    Parameters
    ----------
    time : float
    operator : Kinetic
        Dynamics in the basis of the modes: that of the start, or a colder one.
    even, odd : ndarray
        Symmetrised modes, shapes `Kinetic.even_shape` and `Kinetic.odd_shape`.
    error : float
        L1 error of time integration accumulated so far.
    method : str
        ``"chebyshev"``, ``"rational"`` or ``"stationary"``.
    settled, stride : float
        When oscillations are over, and the next step of the rational method.
    amount : float
        Mass at the start.
    """

    time: float
    operator: Kinetic
    even: Array
    odd: Array
    error: float
    method: str
    settled: float = 0.0
    stride: float = 0.0
    amount: float = 1.0


def evolve_modes(
    operator: Kinetic,
    even: Array,
    odd: Array,
    times: ArrayLike | Sequence[float],
    *,
    tolerance: float = 1e-8,
    after: KineticStep | None = None,
) -> Iterator[KineticStep]:
    """Yield the modes at each of the times, each computed when asked for.

    Parameters
    ----------
    operator : Kinetic
        In a basis hotter than the temperature, the modes are taken to colder ones on the way.
    even, odd : ndarray
        Symmetrised modes at time 0.
    times : array, shape (n,)
        Increasing, none negative.
    tolerance : float
        L1 error of time integration, accumulated, per unit mass.
    after : KineticStep, optional
        Go on from this step, bit for bit as if there had been no break; the modes are then its.

    Raises
    ------
    NumericalError
        If the error estimate stays above the tolerance, or the start is so far from equilibrium
        that rounding alone exceeds it.
    """
    evolution = _Evolution(operator, even, odd, tolerance)
    if after is not None:
        evolution.go_on(after)
    yield from evolution.to(np.asarray(times, dtype=np.float64))


class _Evolution:
    def __init__(self, operator: Kinetic, even: Array, odd: Array, tolerance: float) -> None:
        self.tolerance, self.amount = tolerance, operator.mass(even)
        self.even, self.odd, self.now, self.error = even.copy(), odd.copy(), 0.0, 0.0
        self._kept: dict[float, list[Shifted]] = {}
        self._in_basis(operator)
        self._check_start()

    def _in_basis(self, operator: Kinetic) -> None:
        self.operator, self.explicit = operator, Explicit(operator)
        part = UNSEEN * self.tolerance / max(self.norm(), 1.0)
        self.settled = self.now + operator.settled_after(part)
        self.step = 0.25 * (self.settled - self.now)

    def go_on(self, step: KineticStep) -> None:
        """Stand where an earlier evolution stood after one of its steps."""
        self.amount, self.error, self.now = step.amount, step.error, step.time
        self.settled, self.step = step.settled, step.stride

    def norm(self) -> float:
        return self.operator.norm(self.even, self.odd) / abs(self.amount)

    def away(self) -> float:
        """Weighted distance from equilibrium: bounds the L1 distance, and never grows."""
        even = self.even.copy()
        even[0] -= self.amount * self.operator.equilibrium
        return self.operator.norm(even, self.odd) / abs(self.amount)

    def to(self, times: Array) -> Iterator[KineticStep]:
        for time in times:
            method = self._advance(float(time))
            modes = self.operator, self.even, self.odd
            clock = self.settled, self.step, self.amount
            yield KineticStep(float(time), *modes, self.error, method, *clock)

    def _advance(self, time: float) -> str:
        if self.now < time and self._rests():
            self.now = time
            return "stationary"
        method = "chebyshev"
        while self.now < time and self.operator.cold < 1.0:
            self._explicitly(min(time, self.now + 0.5 / self.operator.rate))
            self._cool()
        if self.now < min(time, self.settled):
            self._explicitly(min(time, self.settled))
        while self.now < time:
            if self._rests():
                self.now = time
                return "stationary"
            method = "rational"
            self._rationally(time)
        return method

    def _cool(self) -> None:
        """Go to a basis half as hot where it holds the density."""
        share = 1e-3 * self.tolerance
        while self.operator.cold < 1.0:
            factor = min(2.0, 1.0 / self.operator.cold)
            new = cooled(self.operator, self.even, self.odd, factor, share * self.amount)
            if not new.norm < LARGEST_NORM * self.amount:
                return
            self.even, self.odd = new.even, new.odd
            self.error += share
            self._in_basis(replace(new.operator, cold=1.0) if factor < 2.0 else new.operator)
            self._conserve()

    def _rests(self) -> bool:
        if self.operator.cold < 1.0:
            return False
        away = self.away()
        if away > 0.5 * (self.tolerance - self.error):
            return False
        self.even = np.zeros_like(self.even)
        self.even[0] = self.amount * self.operator.equilibrium
        self.odd = np.zeros_like(self.odd)
        self.error += away
        return True

    def _explicitly(self, time: float) -> None:
        span = time - self.now
        work = self.explicit.cost(span) * self.even.size
        if work > MOST_WORK:
            msg = (
                f"oscillations last for a time of {self.settled:.3g} at a rate of friction of "
                f"{self.operator.rate:.3g}: following them takes {work:.1e} operations"
            )
            raise NumericalError(msg)
        self.error += ROUNDING * self.norm()
        self.even, self.odd = self.explicit.advance(self.even, self.odd, span)
        self._conserve()
        self.now = time

    def _rationally(self, time: float) -> None:
        left = time - self.now
        step = left if left <= 2.0 * self.step else self.step
        while True:
            even, odd, error = self._attempt(step)
            if error <= (self.tolerance - self.error) * max(step / left, 0.125):
                break
            step /= SHRINK
            if step < SHORTEST * time:
                msg = (
                    f"rational steps cannot reach an L1 error of {self.tolerance:.1e}: at a step "
                    f"of {step:.1e} the estimate is still {error:.1e}"
                )
                raise NumericalError(msg)
        self.even, self.odd = even, odd
        self.error += error
        self._conserve()
        self.now = time if step == left else self.now + step
        self.step = max(GROW * step, self.step if step == left else 0.0)

    def _attempt(self, step: float) -> tuple[Array, Array, float]:
        e, o = self.even.T.ravel(), self.odd.T.ravel()
        sums = [np.zeros_like(v) for v in (e, o, e, o)]
        doubt = 0.0
        for k, system in enumerate(self._systems(step)):
            y_e, y_o, relative = system.solve(e, o)
            for total, y, residue in zip(
                sums,
                (y_e, y_o) * 2,
                (*[RESIDUES[k]] * 2, *[RESIDUES[k] - EMBEDDED[k]] * 2),
                strict=True,
            ):
                total -= 2.0 * (residue * y).real
            doubt += relative
        op = self.operator
        new_e, new_o, off_e, off_o = (np.ascontiguousarray(v.reshape(-1, op.half).T) for v in sums)
        error = op.norm(off_e, off_o) / abs(self.amount) + ROUNDING * self.norm()
        return new_e, new_o, error

    def _systems(self, step: float) -> Iterator[Shifted]:
        kept = self._kept.get(step)
        if kept is not None:
            yield from kept
            return
        made: list[Shifted] = []
        for pole in POLES:
            # exp(z) = -2 Re sum c / (theta - z)
            system = Shifted(self.operator, complex(pole), step)
            if system.size * POLES.size <= KEPT:
                made.append(system)
            yield system
        if len(made) == POLES.size:
            self._kept = {step: made}

    def _conserve(self) -> None:
        """Take rounding out of the mass: what is missing is given back as equilibrium."""
        drift = self.amount - self.operator.mass(self.even)
        if abs(drift) > 1e-9 * abs(self.amount):
            msg = f"the mass changed by {drift / self.amount:.1e} in one step"
            raise NumericalError(msg)
        self.error += abs(drift / self.amount)
        self.even[0] += drift * self.operator.equilibrium

    def _check_start(self) -> None:
        noise = ROUNDING * self.norm()
        if noise > 0.1 * self.tolerance:
            msg = (
                f"the start is too far from equilibrium: its weighted norm is {self.norm():.1e}, "
                f"so that rounding alone is {noise:.1e} of the mass, and the tolerance "
                f"{self.tolerance:.1e}"
            )
            raise NumericalError(msg)
