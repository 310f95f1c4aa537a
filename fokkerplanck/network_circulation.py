"""Irreversible circulation between directions of a network's path, beside what theory predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.network_modes import SOURCES, inputs_of, modes_of
from fokkerplanck.network_run import NetworkRun
from fokkerplanck.network_statistics import Estimate, estimate
from fokkerplanck.theory.three_factors import heavy_ball

__all__ = ["Circulation", "circulation_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Circulation:
    """Irreversible circulation between directions: measured over predicted.

    Parameters
    ----------
    slope : dict of str to Estimate
        Regression of ``<x_i(n) x_j(0)> - <x_j(n) x_i(0)>`` of all pairs and lags, in standard
        deviations, on the prediction: 1 where the theory holds, 0 where there is none.
    largest : dict of str to float
        Largest predicted value.
    pair : tuple of int
        Of it, by ``"way"``.
    """

    slope: dict[str, Estimate]
    largest: dict[str, float]
    pair: tuple[int, int]


def circulation_of(run: NetworkRun) -> Circulation | None:
    """Measured beside predicted circulation of all pairs."""
    count = len(run.point["curvature"])
    if count < 2:
        return None
    i, j = np.triu_indices(count, 1)
    spread = np.sqrt(
        np.einsum("bkk->bk", run.path.position_square).mean(axis=0)
        - run.path.position.mean(axis=0) ** 2
    )
    measured = run.path.circulation / (spread[i] * spread[j])
    predicted = {source: _predicted_circulation(run, source) for source in SOURCES}
    slopes = {
        source: estimate([float((b * p).sum() / (p * p).sum()) for b in measured])
        for source, p in predicted.items()
    }
    where = np.abs(predicted["way"]).max(axis=0).argmax()
    return Circulation(
        slopes,
        {source: float(np.abs(p).max()) for source, p in predicted.items()},
        (int(i[where]), int(j[where])),
    )


def _predicted_circulation(run: NetworkRun, source: str) -> Array:
    """``(R_ij - R_ji) / (s_i s_j)`` with ``R(n) = M^n S`` of the steps; shape (l, pairs)."""
    modes, (_, covariance) = modes_of(run, source), inputs_of(run, source)
    eta, beta = modes.learning_rate, modes.momentum
    stiff, n = np.diag(modes.stiffness), len(modes.stiffness)
    symmetric = 0.5 * (covariance + covariance.T) * run.factor
    law = heavy_ball(stiff, symmetric, eta, beta)
    one = np.eye(n)
    step = np.block([[one - eta * stiff, eta * beta * one], [-stiff, beta * one]])
    both = np.block([[law.position, law.cross], [law.cross.T, law.velocity]])
    i, j = np.triu_indices(n, 1)
    spread = np.sqrt(np.diag(law.position))
    rows = []
    for lag in run.path.lags:
        later = (np.linalg.matrix_power(step, int(lag)) @ both)[:n, :n]
        rows.append((later[i, j] - later[j, i]) / (spread[i] * spread[j]))
    return np.array(rows)
