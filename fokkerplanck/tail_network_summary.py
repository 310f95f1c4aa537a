"""What the noise of a network through training says of the claims: controls, batches, phases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.tail_network_coordinates import CoordinateTails, coordinate_tails, scale_index
from fokkerplanck.tail_network_file import NoiseHistory

__all__ = ["Moment", "Phases", "Rung", "ladder_of", "moment_of", "phases_of", "sample_tails"]

Array = NDArray[np.float64]
#: Accuracies between which it jumps.
LOW, HIGH = 0.25, 0.9
#: Batches drawn from shipped gradients of single samples.
DRAWN = 1024


@dataclass(frozen=True, slots=True)
class Moment:
    """A run at a step; pairs are a value and its standard error.

    Parameters
    ----------
    name : str
    step : int
    loss, accuracy : float
    published, variances, covariance, shuffled : tuple of float
        Pooled index, and those of its controls.
    explained : tuple of float
        Share of ``1/alpha - 1/2`` of the pooled estimate that noise with the same covariance has
        that is Gaussian by construction.
    fair : tuple of float or None
        The same share where the Gaussian noise has the medians of the noise; of some weights.
    block, fitted : tuple of float
        Per coordinate, by blocks and by characteristic functions.
    quantiles : tuple of float
        Of the latter over coordinates: 5 and 95 %.
    rejected, kurtosis : float
        Share of coordinates that are not Gaussian; median of the excess.
    """

    name: str
    step: int
    loss: float
    accuracy: float
    published: tuple[float, float]
    variances: tuple[float, float]
    covariance: tuple[float, float]
    shuffled: tuple[float, float]
    explained: tuple[float, float]
    fair: tuple[float, float] | None
    block: tuple[float, float]
    fitted: tuple[float, float]
    quantiles: tuple[float, float]
    rejected: float
    kurtosis: float


@dataclass(frozen=True, slots=True)
class Rung:
    """Noise of one batch size at the weights of a step.

    Parameters
    ----------
    batch : int
    block, fitted : tuple of float
        Index per coordinate, and its error.
    rejected, kurtosis : float
    scaling : tuple of float or None
        Index of how the scale falls up to the next batch size, and its error.
    """

    batch: int
    block: tuple[float, float]
    fitted: tuple[float, float]
    rejected: float
    kurtosis: float
    scaling: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Phases:
    """How indices move while accuracy rises, and after.

    Parameters
    ----------
    name : str
    rise : tuple of int
        Last step with accuracy below 25 %, first one above 90 %.
    published, covariance, fitted : tuple of float
        Index at the start, at both ends of the rise, its lowest value after it, and at the end.
    lowest : int
        Step of the lowest published one.
    error : float
        Largest error of the published index at these steps.
    together : float
        Correlation, over steps, of the pooled index with that of the Gaussian control.
    apart : float
        The same with the index per coordinate.
    """

    name: str
    rise: tuple[int, int]
    published: tuple[float, ...]
    covariance: tuple[float, ...]
    fitted: tuple[float, ...]
    lowest: int
    error: float
    together: float
    apart: float


def moment_of(run: NoiseHistory, step: int) -> Moment:
    """Return what was estimated at a step."""
    at = _at(run, step)

    def pair(name: str, error: str) -> tuple[float, float]:
        return float(run.column(name)[at]), float(run.column(error)[at])

    def pooled(row: str) -> tuple[float, float]:
        alpha, error = run.pooled(row)
        return float(alpha[at]), float(error[at])

    return Moment(
        run.name,
        step,
        float(run.column("loss")[at]),
        float(run.column("accuracy")[at]),
        pooled("published"),
        pooled("variances"),
        pooled("covariance"),
        pooled("shuffled"),
        _explained(pair("published_inverse", "published_error"), pair(*_names("covariance"))),
        _fair(run, step),
        pair("block", "block_error"),
        pair("alpha", "alpha_error"),
        (float(run.column("quantile_5")[at]), float(run.column("quantile_95")[at])),
        float(run.column("rejected")[at]),
        float(run.column("kurtosis")[at]),
    )


def ladder_of(run: NoiseHistory, step: int) -> list[Rung]:
    """Return indices against the size of batches at the weights of a step."""
    found = run.rungs(step)
    samples = int(run.how["samples"])
    index, error = scale_index(found["batch"], found["scale"], found["scale_error"], samples)
    scaling = [*zip(index.tolist(), error.tolist(), strict=True), None]
    return [
        Rung(
            int(found["batch"][k]),
            (float(found["block"][k]), float(found["block_error"][k])),
            (float(found["alpha"][k]), float(found["alpha_error"][k])),
            float(found["rejected"][k]),
            float(found["kurtosis"][k]),
            scaling[k],
        )
        for k in range(len(found["batch"]))
    ]


def phases_of(run: NoiseHistory) -> Phases:
    """Look for two phases: a drop before accuracy jumps, and a jump of the index with it."""
    steps, accuracy = run.column("step").astype(int), run.column("accuracy")
    begin, end = int(np.flatnonzero(accuracy < LOW)[-1]), int(np.flatnonzero(accuracy > HIGH)[0])
    (published, error), (covariance, _) = run.pooled("published"), run.pooled("covariance")
    fitted = run.column("alpha")
    lowest = end + int(np.argmin(published[end:]))
    at = [0, begin, end, lowest, len(steps) - 1]
    return Phases(
        run.name,
        (int(steps[begin]), int(steps[end])),
        _floats(published[at]),
        _floats(covariance[at]),
        _floats(fitted[at]),
        int(steps[lowest]),
        float(error[at].max()),
        float(np.corrcoef(published, covariance)[0, 1]),
        float(np.corrcoef(published, fitted)[0, 1]),
    )


def sample_tails(run: NoiseHistory, step: int, batch: int, seed: int = 0) -> CoordinateTails:
    """Draw batches from the shipped gradients of single samples, and estimate anew."""
    rng = np.random.default_rng([seed, step, batch])
    return coordinate_tails(run.samples[step], batch, DRAWN, rng)


def _fair(run: NoiseHistory, step: int) -> tuple[float, float] | None:
    if step not in run.ladder_steps:
        return None
    noise, _, medians = run.fair[int(np.flatnonzero(run.ladder_steps == step)[0])]
    return _explained(*((float(row[0]), float(row[1])) for row in (noise, medians)))


def _explained(pooled: tuple[float, float], control: tuple[float, float]) -> tuple[float, float]:
    """``(1/alpha - 1/2)`` of the control over that of the noise, from ``1/alpha`` and errors."""
    low, known = pooled[0] - 0.5, control[0] - 0.5
    share = known / low
    return share, float(np.hypot(control[1], share * pooled[1])) / abs(low)


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _names(row: str) -> tuple[str, str]:
    return f"{row}_inverse", f"{row}_error"


def _at(run: NoiseHistory, step: int) -> int:
    return int(np.flatnonzero(run.column("step") == step)[0])
