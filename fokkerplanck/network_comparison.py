"""A path of a network beside the limiting dynamics of heavy-ball SGD, number by number.

The theory is fed with measured curvature and noise, and with nothing of the path itself. It is
asked twice: with what was measured at one point, the mean of the weights over a window before the
path (``"point"``), as the theory says; and with the means of the same over points of the path
(``"way"``), which tells how much of a difference is due to a curvature and a noise that vary.

The third pair of numbers, *effective* ones, are read off the path: the regression of the gradient
of a step on position and velocity, and what it leaves over. They are no prediction (where the path
is stationary they give its variances by construction), but they say which of the inputs is not what
the path feels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.grid import Grid
from fokkerplanck.network_run import NetworkFile, NetworkRun
from fokkerplanck.network_statistics import CELLS, REACH, Estimate, PathStatistics, estimate
from fokkerplanck.theory.gaussian import gaussian_cells
from fokkerplanck.theory.heavy_ball_modes import Modes
from fokkerplanck.theory.three_factors import heavy_ball

__all__ = [
    "SOURCES",
    "SPECTRA",
    "Circulation",
    "Distances",
    "Equipartition",
    "Exponent",
    "ModeRow",
    "Moments",
    "RunComparison",
    "compare_network",
    "compare_run",
    "modes_of",
]

Array = NDArray[np.float64]
#: what the theory is fed with
SOURCES = ("point", "way")
#: for distances besides: on the way, with the absolute values of all curvatures
SPECTRA = (*SOURCES, "absolute")
#: windows of exponents, in steps: of the start, and from `EARLY / (1 - beta)` to steps / `LATE`
BALLISTIC, EARLY, LATE = (1, 4), 5.0, 10


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


@dataclass(frozen=True)
class Equipartition:
    """``E[L] - L0 = (1 + beta) / (4 eta) E|theta_{k+1} - theta_k|^2``, weight decay in L.

    Parameters
    ----------
    kinetic : Estimate
        The right side, in all weights.
    excess : Estimate
        The left side, in all weights: mean loss on the path less that at the path's mean.
    virial, virial_zero : Estimate
        ``E[(theta - a) . grad L] / 2`` about the reference point and about a = 0: equal to the
        right side for every loss and noise once the path is stationary, equal to the left side
        where the loss is quadratic.
    kinetic_along, potential_along : Estimate
        Right and left side of the directions, the left from the curvature at the reference point.
    """

    kinetic: Estimate
    excess: Estimate
    virial: Estimate
    virial_zero: Estimate
    kinetic_along: Estimate
    potential_along: Estimate


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


@dataclass(frozen=True)
class RunComparison:
    """All that is said of one path."""

    name: str
    how: dict[str, Any]
    modes: tuple[ModeRow, ...]
    equipartition: Equipartition
    distances: Distances
    exponents: tuple[Exponent, ...]
    circulation: Circulation | None
    loss: float
    norm_drift: float

    def to_dict(self) -> dict[str, Any]:
        """Numbers and words for JSON; nan becomes None."""
        found: dict[str, Any] = _plain(asdict(self))
        return found


def compare_network(found: NetworkFile) -> tuple[RunComparison, ...]:
    """Compare every path of a file with the theory."""
    return tuple(compare_run(run) for run in found.runs)


def compare_run(run: NetworkRun) -> RunComparison:
    """Compare a path with the theory that is fed with its measured curvature and noise.

    Raises
    ------
    CaseError
        Where the theory has no stationary law: a direction that is not stiff, or diverges.
    """
    modes = {source: modes_of(run, source) for source in SOURCES}
    distances = _distances(run)
    return RunComparison(
        name=run.name,
        how=run.how,
        modes=tuple(_row(run, k, modes) for k in range(len(run.point["curvature"]))),
        equipartition=_equipartition(run),
        distances=distances,
        exponents=_exponents(run, distances),
        circulation=_circulation(run),
        loss=float(run.looks[1].mean()),
        norm_drift=_norm_drift(run),
    )


def modes_of(run: NetworkRun, source: str) -> Modes:
    """Directions as the theory sees them, with what was measured at the point or on the way."""
    decay = float(run.how["weight_decay"])
    curvature, covariance = _inputs(run, source)
    noise = run.factor * np.diag(covariance)
    return Modes(curvature + decay, noise, run.how["learning_rate"], run.how["momentum"])


def _inputs(run: NetworkRun, source: str) -> tuple[Array, Array]:
    if source == "point":
        return run.point["curvature"], run.point["covariance"]
    return run.point["way_curvature"].mean(axis=0), run.point["way_covariance"].mean(axis=0)


def _row(run: NetworkRun, k: int, modes: dict[str, Modes]) -> ModeRow:
    path = run.path
    x, xx = path.position[:, k], path.position_square[:, k, k]
    v, vv = path.velocity[:, k], path.velocity_square[:, k]
    position = _jackknife(lambda a, b: b - a**2, x, xx)
    velocity = _jackknife(lambda a, b: b - a**2, v, vv)
    stiffness, noise, memory = (
        _jackknife(lambda m, which=which: _regression(m)[which], _regressors(path, k))
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
    one = Modes(modes.stiffness[k : k + 1], modes.noise[k : k + 1], *_settings(modes))
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


def _settings(modes: Modes) -> tuple[float, float]:
    return modes.learning_rate, modes.momentum


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


def _jackknife(function: Callable[..., Any], *blocks: Array) -> Estimate:
    """Evaluate a function of means over blocks; its error by leaving out each block in turn."""
    count = len(blocks[0])
    whole = float(function(*(b.mean(axis=0) for b in blocks)))
    without = np.array(
        [function(*((b.sum(axis=0) - b[k]) / (count - 1) for b in blocks)) for k in range(count)]
    )
    pseudo = count * whole - (count - 1) * without
    found = estimate(pseudo)
    return Estimate(whole, found.error, found.half_width)


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


def _equipartition(run: NetworkRun) -> Equipartition:
    eta, beta = float(run.how["learning_rate"]), float(run.how["momentum"])
    decay, path = float(run.how["weight_decay"]), run.path
    _, losses, norms, virial, virial_zero = run.looks[:, 1:]
    least = float(run.point["mean_loss"]) + 0.5 * decay * float(run.point["mean_norm"])
    blocks = len(path.sizes)

    def means(values: Array) -> Array:
        return np.array([part.mean() for part in np.array_split(values, blocks)])

    stiffness = run.point["curvature"] + decay
    square = np.einsum("bkk->bk", path.position_square)
    return Equipartition(
        kinetic=estimate((1 + beta) / (4 * eta) * path.sizes),
        excess=estimate(means(losses + 0.5 * decay * norms) - least),
        virial=estimate(means(0.5 * virial)),
        virial_zero=estimate(means(0.5 * virial_zero)),
        kinetic_along=_jackknife(
            lambda v, vv: (1 + beta) * eta / 4 * (vv - v**2).sum(),
            path.velocity,
            path.velocity_square,
        ),
        potential_along=_jackknife(
            lambda x, xx: 0.5 * (stiffness * (xx - x**2)).sum(), path.position, square
        ),
    )


def _distances(run: NetworkRun) -> Distances:
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


def _exponents(run: NetworkRun, distances: Distances) -> tuple[Exponent, ...]:
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


def _circulation(run: NetworkRun) -> Circulation | None:
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
    modes, (_, covariance) = modes_of(run, source), _inputs(run, source)
    eta, beta = _settings(modes)
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


def _norm_drift(run: NetworkRun) -> float:
    """Relative change of ``|theta|^2`` between the two halves of the path."""
    norms = run.looks[2]
    half = len(norms) // 2
    return float(norms[half:].mean() / norms[:half].mean() - 1)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
