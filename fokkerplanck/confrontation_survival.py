"""Who has not arrived yet: measured survival with a band, beside two laws."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from fokkerplanck.in_plane_passage import InPlanePassage
    from fokkerplanck.survival import Survival

__all__ = ["SurvivalCurve", "SurvivalCurves"]

Array = NDArray[np.float64]
Curve = tuple[float, ...]
#: How many times, and their range in units of the shortest and the longest mean.
COUNT, FIRST, LAST = 101, 3e-3, 6.0


@dataclass(frozen=True)
class SurvivalCurve:
    """Share of walkers that have not arrived after so many steps.

    Parameters
    ----------
    survival : tuple of float
        At the steps of the curves; nan beyond those after which walkers were given up.
    band : float
        Half width of Kolmogorov's band: the law lies within it at all times at once with the
        probability that `SurvivalCurves` says.
    exponential : tuple of float
        ``exp(-t / mean)`` with the mean that was measured.
    """

    survival: Curve = field(repr=False)
    band: float
    exponential: Curve = field(repr=False)

    @classmethod
    def of(cls, found: InPlanePassage, steps: Array, confidence: float) -> SurvivalCurve:
        """Count arrivals: all that are given up are at the same time, so nothing is estimated."""
        from scipy.stats import kstwo

        times = steps * found.step
        # a hair more than whole steps, so that rounding does not move an arrival to the next
        late = np.searchsorted(found.times, times + found.step / 4, side="right")
        survival = 1.0 - late / found.walkers
        survival[times > found.limit] = np.nan
        return cls(
            tuple(survival.tolist()),
            float(kstwo.ppf(confidence, found.walkers)),
            tuple(np.exp(-times / found.mean).tolist()),
        )


@dataclass(frozen=True)
class SurvivalCurves:
    """Survival of real and of Gaussian descent, and that of the Fokker-Planck equation.

    Parameters
    ----------
    steps : tuple of int
        Increasing.
    confidence : float
        Of the bands.
    sgd, gaussian : SurvivalCurve
    fokker_planck : tuple of float
        In the Ito reading.
    """

    steps: tuple[int, ...] = field(repr=False)
    confidence: float
    sgd: SurvivalCurve
    gaussian: SurvivalCurve
    fokker_planck: Curve = field(repr=False)

    @classmethod
    def of(
        cls, sgd: InPlanePassage, gaussian: InPlanePassage, law: Survival, confidence: float
    ) -> SurvivalCurves:
        """Make curves at logarithmic distances.

        Parameters
        ----------
        sgd, gaussian : InPlanePassage
            At one learning rate.
        law : Survival
            Of the Fokker-Planck equation, in its time.
        confidence : float
            Of the bands.
        """
        means = np.array([sgd.mean, gaussian.mean, law.mean]) / sgd.step
        steps = np.unique(np.rint(np.geomspace(FIRST * means.min(), LAST * means.max(), COUNT)))
        steps = steps[steps >= 1.0]
        survival = np.interp(np.log(steps * sgd.step), np.log(law.times), law.survival, left=1.0)
        return cls(
            tuple(int(n) for n in steps),
            confidence,
            SurvivalCurve.of(sgd, steps, confidence),
            SurvivalCurve.of(gaussian, steps, confidence),
            tuple(survival.tolist()),
        )
