"""The contract of everything that moves cell masses forward in time, and its result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.generator import Generator

__all__ = ["CLIP", "Advance", "Propagator", "clip_rounding", "conserve"]

Array = NDArray[np.float64]

#: Negative values down to this fraction of the peak count as rounding and are set to zero.
CLIP = 1e-14
#: Change of the total in one step, as a fraction, that counts as rounding.
ROUNDING = 1e-12
#: The same per cell, and the most on any grid; the mass check allows 1e-10 in all.
ROUNDING_PER_CELL, MOST_ROUNDING = 16 * float(np.finfo(float).eps), 5e-11


@dataclass(frozen=True, eq=False)
class Advance:
    """Cell masses after one call of `Propagator.advance`, and what it took.

    Parameters
    ----------
    mass : ndarray, shape (cells,)
        Cell masses, none negative.
    error : float
        Bound or estimate of the L1 error made on the way (not the one the start came with).
    products, solves : int
        Products with ``Q.T``, and linear systems solved.
    clipped : float
        Mass of the negative rounding that was set to zero.
    method : str
        Name of the propagator that did it.
    """

    mass: Array
    error: float
    products: int = 0
    solves: int = 0
    clipped: float = 0.0
    method: str = ""

    def then(self, later: Advance) -> Advance:
        """Both in a row: the later masses, errors and efforts added up, methods joined by "+"."""
        names = dict.fromkeys([*self.method.split("+"), *later.method.split("+")])
        return Advance(
            later.mass,
            self.error + later.error,
            self.products + later.products,
            self.solves + later.solves,
            self.clipped + later.clipped,
            "+".join(name for name in names if name),
        )


def conserve(new: Array, mass: Array) -> float:
    """Take the rounding out of the total of `new`, in place, where mass is conserved.

    Rounding drifts one way, which thousands of steps would add up. It may reach 1e-12, or an ulp
    or so per cell on long grids; what is more is not rounding, and left for the mass check to
    find. Returns the difference there was.
    """
    amount, total = float(mass.sum()), float(new.sum())
    drift = abs(total - amount)
    if 0.0 < drift <= min(max(ROUNDING, ROUNDING_PER_CELL * mass.size), MOST_ROUNDING) * amount:
        new *= amount / total
    return drift


class Propagator(ABC):
    """Applies ``exp(dt Q.T)`` to cell masses.

    1. A propagator is made from a `Generator` (and, if it needs more, the `Fields` behind it);
       it raises `ValueError` where it cannot work on that generator.
    2. `advance` takes non-negative masses and returns non-negative masses, with an L1 error it
       vouches for, at most `tolerance`; where it cannot, it raises `NumericalError`.
    3. `advance` depends on its arguments alone, not on earlier calls (caches aside), so that an
       interrupted run goes on exactly as if it had not been.
    4. `cost` estimates seconds, roughly; only the order among propagators matters.

    Parameters
    ----------
    generator : Generator
        The rates.
    fields : Fields, optional
        Drift and diffusion, for propagators that discretise them on their own.
    """

    name: ClassVar[str]

    def __init__(self, generator: Generator, fields: Fields | None = None) -> None:
        self.generator = generator
        self.fields = fields

    @abstractmethod
    def cost(self, dt: float) -> float:
        """Estimate the seconds that `advance` takes over `dt`."""

    @abstractmethod
    def advance(self, mass: Array, dt: float, tolerance: float) -> Advance:
        """Return ``exp(dt Q.T) mass`` to within `tolerance` in L1."""


def clip_rounding(mass: Array, limit: float = CLIP) -> tuple[Array, float]:
    """Set negative rounding to zero and return how much mass that was.

    Raises
    ------
    NumericalError
        If a value is not finite, or more negative than `limit` times the largest one.
    """
    low, peak = float(mass.min()), float(mass.max())
    if not (np.isfinite(low) and np.isfinite(peak)):
        msg = "the evolution overflowed: cell masses are not finite"
        raise NumericalError(msg)
    if low >= 0.0:
        return mass, 0.0
    if low < -limit * peak:
        msg = (
            f"the evolution went negative: {low:.2e}, with a peak of {peak:.2e}; "
            f"only {limit:.0e} of the peak counts as rounding"
        )
        raise NumericalError(msg)
    negative = mass < 0.0
    clipped = -float(mass[negative].sum())
    return np.where(negative, 0.0, mass), clipped
