"""Evolution when only the slow modes are left: any time, whatever the barriers."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.anchor_modes import AnchorModes, metastable
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.propagator import Advance, Propagator, clip_rounding
from fokkerplanck.solvers.reduction import Reduction

__all__ = ["Late"]

Array = NDArray[np.float64]
#: Error per unit of mass that the fast modes may still make, of the tolerance.
SHARE = 0.25
#: Mass that solves within the wells may gain or lose, of the whole.
LARGEST_DRIFT = 1e-7


class Late(Propagator):
    """Sum of the slow modes, for times by which the fast ones have died out.

    The price is that of finding the modes, once: one to three real factorisations. Every time
    after that costs three solves, and nothing is lost at 1e100 relaxation times.

    Raises
    ------
    NumericalError
        If the fast modes are still there (see `earliest`), or the chain cannot be reduced.
    """

    name = "anchors"

    def cost(self, dt: float) -> float:
        """Estimate the seconds of finding the modes."""
        n = self.generator.cells
        return float(3e-8 * n**1.5 + 3e-6 * n + 1e-3)

    def earliest(self, tolerance: float) -> float:
        """Time from which on the answer is within `tolerance` in L1, per unit mass.

        inf where the chain cannot be reduced.
        """
        return np.inf if self._modes is None else self._modes.settled(SHARE * tolerance)

    def advance(self, mass: Array, dt: float, tolerance: float) -> Advance:
        """Return ``exp(dt Q.T) mass`` to within `tolerance` in L1."""
        amount = float(mass.sum())
        if self._modes is None or dt < self.earliest(tolerance / amount):
            msg = f"a time of {dt:.3e} is too early for the slow modes alone"
            raise NumericalError(msg)
        new, clipped = clip_rounding(self._modes.evolve(mass, dt))
        error = SHARE * tolerance + clipped + amount * self._modes.reduction.error
        if self.generator.conservative:
            drift = abs(float(new.sum()) / amount - 1.0)
            if drift > LARGEST_DRIFT:
                msg = f"the slow modes lose {drift:.1e} of the mass"
                raise NumericalError(msg)
            new *= amount / new.sum()
            error += drift * amount
        return Advance(new, error, 0, 3, clipped, self.name)

    @cached_property
    def _modes(self) -> AnchorModes | None:
        try:
            return AnchorModes(metastable(Reduction(self.generator)))
        except NumericalError:
            return None
