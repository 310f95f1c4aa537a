"""What a confrontation says of one setting: measured times, predictions, and how they compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fokkerplanck.confrontation_occupation import Occupation
from fokkerplanck.confrontation_plain import plain
from fokkerplanck.confrontation_survival import SurvivalCurves
from fokkerplanck.in_plane_passage import InPlanePassage
from fokkerplanck.sampling import normal_quantile, z_score

if TYPE_CHECKING:
    from fokkerplanck.in_plane_chain import ExactChain

__all__ = ["Law", "Measured", "Prediction", "Ratio", "Row"]


@dataclass(frozen=True)
class Measured:
    """Mean first-passage time of walkers, counted in steps.

    Parameters
    ----------
    learning_rate, batch_size, noise, draw
        What was done.
    mean_steps, standard_error, interval
        The interval has the level of the confrontation.
    mean_time : float
        ``mean_steps`` times the learning rate.
    walkers, arrived, censored : int
        Followed, arrived, given up.
    touches : int or None
        How often walkers were mirrored at the edge of the table.
    note : str
    """

    learning_rate: float
    batch_size: float
    noise: str
    draw: str
    mean_steps: float
    standard_error: float
    interval: tuple[float, float]
    mean_time: float
    walkers: int
    arrived: int
    censored: int
    touches: int | None
    note: str

    @classmethod
    def of(cls, found: InPlanePassage) -> Measured:
        """Read it off a passage."""
        low, high = found.interval
        return cls(
            learning_rate=found.step,
            batch_size=found.batch_size,
            noise=found.noise,
            draw=found.draw,
            mean_steps=found.mean_steps,
            standard_error=found.steps_error,
            interval=(low / found.step, high / found.step),
            mean_time=found.mean,
            walkers=found.walkers,
            arrived=found.arrived,
            censored=found.censored,
            touches=found.touches,
            note=found.note,
        )


@dataclass(frozen=True)
class Prediction:
    """Mean first-passage time of the Fokker-Planck equation in one reading.

    Parameters
    ----------
    reading : str
    mean_steps : float
    error : float
        Relative, of the discretisation.
    z_sgd, z_gaussian : float
        Measured mean less this one, in standard errors of the difference.
    """

    reading: str
    mean_steps: float
    error: float
    z_sgd: float
    z_gaussian: float

    @classmethod
    def of(
        cls, reading: str, mean_steps: float, error: float, sgd: Measured, gaussian: Measured
    ) -> Prediction:
        """Compare."""
        z = [
            z_score(
                m.mean_steps - mean_steps, float(np.hypot(m.standard_error, error * mean_steps))
            )
            for m in (sgd, gaussian)
        ]
        return cls(reading, mean_steps, error, z[0].statistic, z[1].statistic)


@dataclass(frozen=True)
class Ratio:
    """Ratio of two mean times, and its interval of confidence."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, over: tuple[float, float], under: tuple[float, float], confidence: float) -> Ratio:
        """From means and standard errors, symmetric in the logarithm."""
        value = over[0] / under[0]
        spread = float(np.hypot(over[1] / over[0], under[1] / under[0]))
        away = float(np.exp(normal_quantile(confidence) * spread))
        return cls(value, value / away, value * away)

    @property
    def holds_one(self) -> bool:
        """Whether the interval holds 1."""
        return self.low <= 1.0 <= self.high


@dataclass(frozen=True)
class Law:
    """Kolmogorov-Smirnov test of measured times against the law of the Fokker-Planck equation.

    Parameters
    ----------
    statistic, p : float
        Largest difference of the distribution functions, and the probability of one as large.
    shape : float
        The same difference when both laws have the mean 1: that of their forms.
    shape_of_exponential : float
        Largest difference of the measured form from the exponential law.
    """

    statistic: float
    p: float
    shape: float
    shape_of_exponential: float


@dataclass(frozen=True)
class Row:
    """A setting of learning rate and batch size.

    Parameters
    ----------
    learning_rate : float
    batch_size : int
    sgd, gaussian : Measured
        Real minibatches drawn with replacement, and Gaussian noise of their covariance.
    other_sgd : Measured
        Half the learning rate and half the batch, or twice both where the batch is odd: the same
        noise of the continuous equation.
    other_gaussian : Measured
        Half the learning rate and half the batch (which need not be whole).
    epochs : Measured or None
        Without replacement, epoch by epoch; None if nobody arrived, as `notes` say.
    fokker_planck : mapping of str to Prediction
        By reading.
    ratios : mapping of str to Ratio
        ``sgd`` and ``gaussian`` over the Ito prediction, ``non_gaussian`` (sgd over gaussian),
        ``other_sgd`` and ``other_gaussian`` (their times over the Ito prediction), ``epochs``
        (over sgd).
    law, gaussian_law : Law
        Of the times of `sgd` and `gaussian`, against the Ito equation.
    survival : SurvivalCurves
        The same laws as curves.
    occupation : Occupation or None
        Densities after a long time; None if nobody asked, or as `notes` say.
    notes : tuple of str
    chain : ExactChain or None
        Exact times of the chain, on a line; None in the plane.
    """

    learning_rate: float
    batch_size: int
    sgd: Measured
    gaussian: Measured
    other_sgd: Measured
    other_gaussian: Measured
    epochs: Measured | None
    fokker_planck: Mapping[str, Prediction]
    ratios: Mapping[str, Ratio]
    law: Law
    gaussian_law: Law
    survival: SurvivalCurves
    occupation: Occupation | None
    notes: tuple[str, ...]
    chain: ExactChain | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the row as numbers and words for JSON."""
        found: dict[str, Any] = plain(self)
        return found
