"""Directions of a network's path: measured moments, those that theory predicts, effective numbers.

*Effective* numbers are read off the path: the regression of the gradient of a step on position and
velocity, and what it leaves over. They are no prediction (where the path is stationary they give
its variances by construction), but they say which of the inputs is not what the path feels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.network_run import NetworkRun
from fokkerplanck.network_statistics import (
    CELLS,
    REACH,
    Estimate,
    PathStatistics,
    estimate,
    jackknife,
)
from fokkerplanck.theory.gaussian import gaussian_cells
from fokkerplanck.theory.heavy_ball_modes import Modes

__all__ = ["SOURCES", "ModeRow", "Moments", "inputs_of", "mode_rows", "modes_of"]

Array = NDArray[np.float64]
#: what the theory is fed with
SOURCES = ("point", "way")


@dataclass(frozen=True)
class Moments:
    """Variances of position and velocity that a theory predicts: of the steps, and in the limit."""

    stiffness: float
    noise: float
    position: float
    velocity: float
    limit_position: float
    limit_velocity: float
    turn: float
    limit_turn: float


@dataclass(frozen=True)
class ModeRow:
    """One direction.

    Parameters
    ----------
    curvature : float
        At the reference point, without weight decay.
    position, velocity : Estimate
        Variances measured on the path.
    turn : Estimate
        Mean angle of a step in the phase plane scaled to circles; negative is clockwise.
    predicted : dict of str to Moments
        From the inputs of `SOURCES`.
    stiffness, noise, memory : Estimate
        Effective ones: coefficient of the gradient of a step on the position, variance that is left
        over, and coefficient on the velocity, which is zero where noise has no memory.
    shape, law : float
        Total variation between the histogram of the phase plane and a normal law: that with the
        measured moments, and the predicted one (``"point"``, of the steps).
    drift : float
        Mean of the position over the second half less that over the first, in its standard
        deviations.
    """

    curvature: float
    position: Estimate
    velocity: Estimate
    turn: Estimate
    predicted: dict[str, Moments]
    stiffness: Estimate
    noise: Estimate
    memory: Estimate
    shape: float
    law: float
    drift: float


def mode_rows(run: NetworkRun) -> tuple[ModeRow, ...]:
    """Compare every direction of a path with the theory.

    Raises
    ------
    CaseError
        Where the theory has no stationary law: a direction that is not stiff, or diverges.
    """
    modes = {source: modes_of(run, source) for source in SOURCES}
    return tuple(_row(run, k, modes) for k in range(len(run.point["curvature"])))


def modes_of(run: NetworkRun, source: str) -> Modes:
    """Directions as the theory sees them, with what was measured at the point or on the way."""
    decay = float(run.how["weight_decay"])
    curvature, covariance = inputs_of(run, source)
    noise = run.factor * np.diag(covariance)
    return Modes(curvature + decay, noise, run.how["learning_rate"], run.how["momentum"])


def inputs_of(run: NetworkRun, source: str) -> tuple[Array, Array]:
    """Curvatures, and covariance of the gradient of one sample, at the point or on the way."""
    if source == "point":
        return run.point["curvature"], run.point["covariance"]
    return run.point["way_curvature"].mean(axis=0), run.point["way_covariance"].mean(axis=0)


def _row(run: NetworkRun, k: int, modes: dict[str, Modes]) -> ModeRow:
    path = run.path
    x, xx = path.position[:, k], path.position_square[:, k, k]
    v, vv = path.velocity[:, k], path.velocity_square[:, k]
    position = jackknife(lambda a, b: b - a**2, x, xx)
    velocity = jackknife(lambda a, b: b - a**2, v, vv)
    stiffness, noise, memory = (
        jackknife(lambda m, which=which: _regression(m)[which], _regressors(path, k))
        for which in range(3)
    )
    half = len(x) // 2
    return ModeRow(
        curvature=float(run.point["curvature"][k]),
        position=position,
        velocity=velocity,
        turn=estimate(path.turn[:, k]),
        predicted={source: _moments(found, k) for source, found in modes.items()},
        stiffness=stiffness,
        noise=noise,
        memory=memory,
        shape=_variation(path, k, position.value, velocity.value, _cross(path, k)),
        law=_law(path, k, modes["point"], (position.value, velocity.value)),
        drift=float((x[half:].mean() - x[:half].mean()) / np.sqrt(position.value)),
    )


def _moments(modes: Modes, k: int) -> Moments:
    one = Modes(
        modes.stiffness[k : k + 1], modes.noise[k : k + 1], modes.learning_rate, modes.momentum
    )
    return Moments(
        stiffness=float(one.stiffness[0]),
        noise=float(one.noise[0]),
        position=float(one.position[0]),
        velocity=float(one.velocity[0]),
        limit_position=float(one.limit_position[0]),
        limit_velocity=float(one.limit_velocity[0]),
        turn=float(one.turn()[0]),
        limit_turn=float(-one.learning_rate * one.frequency[0]),
    )


def _regressors(path: PathStatistics, k: int) -> Array:
    """Block means of x, v, G, xx, vv, xv, Gx, Gv, GG; shape (b, 9)."""
    columns = [
        *(path.position[:, k], path.velocity[:, k], path.force[:, k]),
        *(path.position_square[:, k, k], path.velocity_square[:, k], path.cross[:, k]),
        *(path.force_position[:, k], path.force_velocity[:, k], path.force_square[:, k]),
    ]
    return np.stack(columns, axis=1)


def _regression(means: Array) -> tuple[float, float, float]:
    """Coefficient of G on x, variance left over, and coefficient of G on v."""
    x, v, g, xx, vv, xv, gx, gv, gg = means
    inside = np.array([[xx - x * x, xv - x * v], [xv - x * v, vv - v * v]])
    beside = np.array([gx - g * x, gv - g * v])
    on_x, on_v = np.linalg.solve(inside, beside)
    left = gg - g * g - beside @ np.array([on_x, on_v])
    return float(on_x), float(left), float(on_v)


def _cross(path: PathStatistics, k: int) -> float:
    return float(
        (path.cross[:, k]).mean() - path.position[:, k].mean() * path.velocity[:, k].mean()
    )


def _law(path: PathStatistics, k: int, modes: Modes, measured: tuple[float, float]) -> float:
    """Total variation between the histogram and the law that the theory predicts."""
    velocity = float(modes.velocity[k])
    cross = 0.5 * modes.learning_rate * velocity
    return _variation(path, k, float(modes.position[k]), velocity, cross, measured)


def _variation(
    path: PathStatistics,
    k: int,
    position: float,
    velocity: float,
    cross: float,
    measured: tuple[float, float] | None = None,
) -> float:
    """Total variation between the histogram, scaled by the measured moments, and a normal law."""
    one, other = np.sqrt(measured or (position, velocity))
    covariance = np.array(
        [[position / one**2, cross / (one * other)], [cross / (one * other), velocity / other**2]]
    )
    grid = Grid.plane((-REACH, REACH, CELLS), (-REACH, REACH, CELLS))
    area = (2 * REACH / CELLS) ** 2
    normal = gaussian_cells(grid, [0.0, 0.0], covariance) * area
    counts = path.phase[k] / path.phase[k].sum()
    return float(0.5 * (np.abs(counts - normal).sum() + 1 - normal.sum()))
