"""What a run says about its noise and its SGD: assumptions, clocks, and the steps themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.noise import FrozenNoise

if TYPE_CHECKING:
    from fokkerplanck.landscapes.critical import CriticalPoint
    from fokkerplanck.problem import Problem
    from fokkerplanck.sgd_settings import SGD

__all__ = ["SMALL", "check_stable", "clock_json", "mean_clock_json", "noise_json", "sgd_json"]

Array = NDArray[np.float64]
#: learning rate * curvature up to which the continuous description is called valid: it is off by
#: half of that
SMALL = 0.1


def noise_json(problem: Problem) -> dict[str, Any]:
    """Part "noise" of the JSON object: which noise, how it is read, what it assumes."""
    noise = problem.noise
    return {
        "kind": noise.kind,
        "reading": noise.reading,
        "assumption": noise.assumption,
        "schedule": None if noise.schedule is None else noise.schedule.text,
    }


def clock_json(sgd: SGD | None, times: ArrayLike) -> dict[str, Any]:
    """Count steps and epochs at some times; None without SGD, or without the number of samples."""
    return {
        "steps": None if sgd is None else sgd.steps(times),
        "epochs": None if sgd is None or sgd.dataset_size is None else sgd.epochs(times),
    }


def mean_clock_json(sgd: SGD | None, mean: float | None) -> dict[str, Any]:
    """Mean steps and epochs of a mean time.

    None besides where learning rate or batch size change: steps are not proportional to time then.
    """
    if sgd is None or sgd.scheduled or mean is None or not np.isfinite(mean):
        return {"mean_steps": None, "mean_epochs": None}
    return {f"mean_{name}": value for name, value in clock_json(sgd, mean).items()}


def sgd_json(
    problem: Problem, times: ArrayLike = (), *, descent: bool = True
) -> dict[str, Any] | None:
    """Part "sgd" of the JSON object: the hyper-parameters, and how far the diffusion holds.

    Every well has the covariance and the mean loss above its bottom that the diffusion gives, and
    beside them those of the steps themselves (exact for a parabola), at time 0. The description
    is ``valid`` where learning rate times curvature is at most `SMALL` in all wells.

    Parameters
    ----------
    problem : Problem
    times : array_like
        Times at which the learning rate counts, besides 0.
    descent : bool
        Whether descent itself is meant, as with a table [sgd]; hyper-parameters of the noise alone
        may be no more than its strength.

    Raises
    ------
    CaseError
        Where descent is meant and diverges in a well, ``eta lambda_max >= 2 (1 + beta)``.
    """
    from fokkerplanck.landscapes.critical import critical_points

    sgd = problem.sgd
    if sgd is None:
        return None
    rate = float(sgd.learning_rate_at(np.append(np.asarray(times, dtype=np.float64), 0.0)).max())
    minima = [p for p in critical_points(problem.landscape, problem.grid) if p.kind == "minimum"]
    if descent:
        for minimum in minima:
            check_stable(minimum, rate, sgd)
    wells = [_well(minimum, problem, sgd, rate) for minimum in minima]
    steepest = max((well["eta_curvature"] for well in wells), default=None)
    return {
        "learning_rate": sgd.learning_rate,
        "batch_size": sgd.batch_size,
        "dataset_size": sgd.dataset_size,
        "replacement": sgd.replacement,
        "momentum": sgd.momentum,
        "weight_decay": sgd.weight_decay,
        "learning_rate_of_t": sgd.learning_rate_of_t,
        "batch_size_of_t": sgd.batch_size_of_t,
        "eb": sgd.eb,
        "step": sgd.step,
        "eta_curvature": steepest,
        "valid": None if steepest is None else steepest <= SMALL,
        "wells": wells,
        "note": " ".join(_notes(problem, sgd, wells, steepest)),
    }


def _well(minimum: CriticalPoint, problem: Problem, sgd: SGD, rate: float) -> dict[str, Any]:
    """Describe one well; `rate` is the largest learning rate."""
    top = float(minimum.eigenvalues[-1])
    return {
        "position": minimum.position,
        "eta_curvature": rate * top,
        "oscillates": rate * top > _calm(sgd),
        **_laws(minimum, problem, sgd),
    }


def _laws(minimum: CriticalPoint, problem: Problem, sgd: SGD) -> dict[str, Any]:
    """Covariances and mean losses at time 0; None without curvature, or where steps diverge."""
    from fokkerplanck.theory import three_factors as law

    h, eta, beta = minimum.hessian, float(sgd.learning_rate_at(0.0)), sgd.momentum
    d = problem.noise.at(problem.landscape, problem.grid, minimum.position)
    noise = problem.noise.factor(0.0) * d * (2 * (1 - beta) / eta)  # C / B of one step
    found: dict[str, Any] = {}
    for kind in ("continuous", "discrete"):
        try:
            covariance = getattr(law, f"{kind}_covariance")(h, noise, eta, beta)
        except CaseError:
            covariance = None
        found[f"{kind}_covariance"] = covariance
        loss = None if covariance is None else law.excess_loss(h, covariance)
        found[f"{kind}_excess_loss"] = loss
    return found


def _calm(sgd: SGD) -> float:
    """Return ``(1 - sqrt(beta))^2``: steps with ``eta h`` above go back and forth in their well.

    Eigenvalues z of ``z^2 - (1 + beta - eta h) z + beta`` are then complex or negative.
    """
    return float((1 - sgd.momentum**0.5) ** 2)


def check_stable(minimum: CriticalPoint, rate: float, sgd: SGD) -> None:
    """Raise `CaseError` where steps of a learning rate leave a well for good."""
    top, limit = float(minimum.eigenvalues[-1]), 2 * (1 + sgd.momentum)
    if rate * top < limit:
        return
    msg = (
        f"the iteration diverges in the well at {np.round(minimum.position, 6).tolist()}: "
        f"learning rate * curvature = {rate:g} * {top:g} = {rate * top:g}, and steps stay there "
        f"only below 2 (1 + momentum) = {limit:g}; take a learning rate below {limit / top:.4g}"
    )
    raise CaseError(msg, key="sgd.learning_rate")


def _notes(
    problem: Problem, sgd: SGD, wells: list[dict[str, Any]], steepest: float | None
) -> list[str]:
    """Everything that a reader must know, in sentences."""
    notes = []
    if getattr(problem.noise, "eb", None) is None:
        notes.append(
            "The noise is as given: learning rate and batch size only set the clock and the "
            "discrete steps."
        )
    if sgd.dataset_size is not None and sgd.batch_size > sgd.dataset_size:
        notes.append(
            f"A batch of {sgd.batch_size:g} holds samples more than once, there are "
            f"{sgd.dataset_size:g}."
        )
    if (
        isinstance(problem.noise, FrozenNoise)
        or problem.noise.breaks(problem.landscape, problem.grid).size
    ):
        notes.append(
            "The noise jumps: where steps of descent cross a jump they differ from their diffusion "
            "by the square root of the learning rate, not by the learning rate."
        )
    if sgd.weight_decay:
        notes.append("Weight decay acts on the drift only, the noise is that of the bare loss.")
    if sgd.inertial:
        notes.append("Momentum is solved for as inertia: a step takes the time of a learning rate.")
    elif sgd.momentum:
        notes.append("Momentum is taken in its overdamped limit: clock and noise / (1 - momentum).")
    if steepest is None:
        return [*notes, "Without a minimum inside the walls nothing says how far that holds."]
    limit = 2 * (1 + sgd.momentum)
    if any(well["eta_curvature"] >= limit for well in wells):
        places = ", ".join(_place(w) for w in wells if w["eta_curvature"] >= limit)
        notes.append(
            f"Steps of this learning rate diverge in the wells at {places} (learning rate * "
            f"curvature >= {limit:g}): the diffusion stands for no descent."
        )
    elif not sgd.inertial and any(well["oscillates"] for well in wells):
        places = ", ".join(_place(well) for well in wells if well["oscillates"])
        notes.append(
            f"Steps oscillate in the wells at {places}, which the diffusion misses: learning rate "
            f"* curvature exceeds (1 - sqrt(momentum))^2 = {_calm(sgd):.3g}."
        )
    if steepest > SMALL:
        notes.append(
            f"Learning rate * largest curvature = {steepest:.3g} is not small (above {SMALL:g}): "
            + _gap(wells)
        )
    return notes


def _gap(wells: list[dict[str, Any]]) -> str:
    """Say how far the continuous description is off where it is worst."""
    pairs = [
        (well["discrete_excess_loss"] / well["continuous_excess_loss"] - 1, well)
        for well in wells
        if well["continuous_excess_loss"] and well["discrete_excess_loss"]
    ]
    if not pairs:
        return "the continuous description does not hold."
    gap, well = max(pairs, key=lambda pair: abs(pair[0]))
    return (
        f"in the well at {_place(well)} the steps have the mean excess loss "
        f"{well['discrete_excess_loss']:.6g}, {abs(gap):.1%} {'above' if gap > 0 else 'below'} the "
        f"{well['continuous_excess_loss']:.6g} of the continuous description."
    )


def _place(well: dict[str, Any]) -> str:
    return f"({', '.join(f'{0.0 if abs(c) < 1e-14 else c:.4g}' for c in well['position'])})"
