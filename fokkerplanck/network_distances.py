"""Squared distances that a network travels, beside the sum of its modes, and their exponents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.network_modes import SOURCES, modes_of
from fokkerplanck.network_run import NetworkRun
from fokkerplanck.network_statistics import Estimate, estimate
from fokkerplanck.theory.heavy_ball_modes import Modes

__all__ = ["SPECTRA", "Distances", "Exponent", "distances_of", "exponents_of"]

Array = NDArray[np.float64]
#: what the theory is fed with; besides, on the way, the absolute values of all curvatures
SPECTRA = (*SOURCES, "absolute")
#: windows of exponents, in steps: of the start, and from `EARLY / (1 - beta)` to steps / `LATE`
BALLISTIC, EARLY, LATE = (1, 4), 5.0, 10


@dataclass(frozen=True)
class Exponent:
    """Exponent of the squared distance over a window of lags: measured, and predicted."""

    first: int
    last: int
    measured: Estimate
    predicted: dict[str, float]
    limit: dict[str, float]


@dataclass(frozen=True)
class Distances:
    """Squared distance in all weights over lags, measured and predicted, and step sizes.

    Parameters
    ----------
    lags : list of int
    measured, half_width : list of float
    predicted, limit : dict of str to list of float
    size : Estimate
        ``E|theta_{k+1} - theta_k|^2``.
    predicted_size : dict of str to float
    flat : dict of str to float
        Share of the noise that is in directions of curvature plus weight decay below zero, where
        there is no stationary law: they are taken as flat.
    """

    lags: list[int]
    measured: list[float]
    half_width: list[float]
    predicted: dict[str, list[float]]
    limit: dict[str, list[float]]
    size: Estimate
    predicted_size: dict[str, float]
    flat: dict[str, float]


def distances_of(run: NetworkRun) -> Distances:
    """Gather measured distances, and those of the modes at the point and on the way."""
    found = [estimate(column) for column in run.distances.T]
    predicted, limit, size = {}, {}, {}
    for source in SPECTRA:
        parts = _spectra(run, source)
        lags = np.append(run.lags, 1)
        far = np.sum([w * m.distance(lags).sum(axis=1) for w, m in parts], axis=0)
        smooth = np.sum([w * m.limit_distance(lags).sum(axis=1) for w, m in parts], axis=0)
        predicted[source], limit[source] = far[:-1].tolist(), smooth[:-1].tolist()
        size[source] = float(far[-1])
    return Distances(
        lags=run.lags.tolist(),
        measured=[e.value for e in found],
        half_width=[e.half_width for e in found],
        predicted=predicted,
        limit=limit,
        size=estimate(run.path.sizes),
        predicted_size=size,
        flat={source: _flat(run, source) for source in SOURCES},
    )


def _spectra(run: NetworkRun, source: str) -> list[tuple[float, Modes]]:
    """Modes whose distances add up to those in all weights, each list with its share.

    At the point: the directions, and quadratures of the rest; on the way: quadratures of all.
    The noise has the trace that was measured. Stiffness below zero, weight decay included, has no
    stationary law: zero is taken, or the absolute value of the curvature.
    """
    settings, decay = (run.how["learning_rate"], run.how["momentum"]), run.how["weight_decay"]
    if source == "point":
        parts = [(1.0, modes_of(run, source))]
        rest = run.factor * float(run.point["total_noise"]) - float(parts[0][1].noise.sum())
    else:
        parts, rest = [], run.factor * float(run.point["way_total_noise"].mean())
    for nodes, weights in zip(*_quadratures(run, source), strict=True):
        if weights.sum() > 0:
            noise = max(rest, 0.0) * np.maximum(weights, 0) / weights.sum()
            curvature = np.abs(nodes) if source == "absolute" else nodes
            stiffness = np.maximum(curvature + float(decay), 0.0)
            parts.append((1 / len(run.point["noise_nodes"]), Modes(stiffness, noise, *settings)))
    return parts


def _quadratures(run: NetworkRun, source: str) -> tuple[Array, Array]:
    kind = "noise" if source == "point" else "way"
    return run.point[f"{kind}_nodes"], run.point[f"{kind}_weights"]


def _flat(run: NetworkRun, source: str) -> float:
    """Share of all noise that is in directions of negative stiffness."""
    nodes, weights = _quadratures(run, source)
    below = float(weights[nodes + float(run.how["weight_decay"]) < 0].sum())
    total = float(weights.sum())
    if source == "point":
        total += len(weights) * float(np.trace(run.point["covariance"]))
    return below / total if total > 0 else 0.0


def exponents_of(run: NetworkRun, distances: Distances) -> tuple[Exponent, ...]:
    """Fit powers of time at the start of the path and late on it."""
    early = round(EARLY / (1 - float(run.how["momentum"])))
    windows = (BALLISTIC, (early, int(run.how["steps"]) // LATE))
    found = []
    for first, last in windows:
        inside = (run.lags >= first) & (run.lags <= last)
        if inside.sum() < 2:
            continue
        lags = np.log(run.lags[inside])

        def slope(values: Any, lags: Array = lags, inside: Any = inside) -> float:
            return float(np.polyfit(lags, np.log(np.asarray(values)[inside]), 1)[0])

        found.append(
            Exponent(
                int(run.lags[inside][0]),
                int(run.lags[inside][-1]),
                estimate([slope(b) for b in run.distances if np.isfinite(b[inside]).all()]),
                {source: slope(values) for source, values in distances.predicted.items()},
                {source: slope(values) for source, values in distances.limit.items()},
            )
        )
    return tuple(found)
