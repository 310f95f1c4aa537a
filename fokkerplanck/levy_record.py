"""What a run under heavy-tailed noise observes as it goes, and what it says of its tails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.critical import basin_labels, critical_points
from fokkerplanck.layout import Group
from fokkerplanck.levy_tail import Tail, tails
from fokkerplanck.probes import Places, density_at, waves
from fokkerplanck.record import OBSERVED, Observables, Record
from fokkerplanck.sgd_record import SMALL, check_stable, clock_json

if TYPE_CHECKING:
    from fokkerplanck.levy import Levy
    from fokkerplanck.levy_density import LevyStationary
    from fokkerplanck.levy_plane import PlaneLevy
    from fokkerplanck.sgd_settings import SGD

__all__ = ["LevyRecord", "evolved_json", "levy_noise_json", "levy_sgd_json"]

Array = NDArray[np.float64]
#: Mass beyond or at the walls, and errors of the grid, that are remarked on.
NOTICED, COARSE = 1e-6, 0.01
QUARTILES = (0.25, 0.5, 0.75)
TINY = 1e-300
#: Scalars of a snapshot that are lists over time in the JSON object.
LISTED = ("mass", "minimum", "grid_error", "wall_mass")


@dataclass
class LevyRecord(Record):
    """Observables of the snapshots so far; `problem` is a `Levy`.

    Mean and covariance are None where they do not exist on the whole line, for which walls that
    stop jumps stand; median and quartiles always do.
    """

    OBSERVED: ClassVar[Observables] = {
        **OBSERVED,
        "median": ((), "median of the position"),
        "quartiles": (("quartile",), "quartiles of the position"),
        "interquartile_range": ((), "distance of the outer quartiles"),
    }

    @classmethod
    def beside(cls, problem: Levy, sgd: SGD | None) -> LevyRecord:
        """Make an empty record."""
        labels, minima = basin_labels(problem.landscape, problem.grid)
        return cls(problem, labels, max(len(minima), 1), sgd)

    @property
    def levy(self) -> Levy:
        """The problem, by its own type."""
        return self.problem  # type: ignore[return-value]

    @cached_property
    def tails(self) -> tuple[Tail, Tail] | None:
        """Stationary tails beyond the walls; None where the grid stands for itself alone."""
        problem = self.levy
        if "stopped" not in problem.fates or problem.alpha == 2.0:
            return None
        try:
            return tails(problem)
        except CaseError:  # the loss is not known there, or does not rise: walls are walls
            return None

    @property
    def exponent(self) -> float:
        """Power by which densities fall off beyond walls that stop jumps, in time; else inf."""
        if self.tails is None:
            return np.inf
        fates = zip(self.levy.fates, self.tails, strict=True)
        return max(
            min(tail.exponent for fate, tail in fates if fate == "stopped"), 1 + self.levy.alpha
        )

    def evolve(self, weight: str = "fractional") -> dict[str, Any]:
        """Part "evolve" of the JSON object."""
        return evolved_json(self, weight)

    def stationary(
        self,
        found: LevyStationary,
        points: Places | None = None,
        frequencies: Places | None = None,
    ) -> dict[str, Any]:
        """Part "stationary" of the JSON object: of the whole line where walls stop jumps."""
        p, grid = found.density, self.grid
        beyond = (NOWHERE, NOWHERE) if self.tails is None else tails(self.levy, p)
        x, h = grid.axes[0].centres, grid.spacing[0]
        exponents = [tail.exponent for tail in beyond]
        first = float(p @ x * h) + sum(tail.first for tail in beyond)
        second = float(p @ x**2 * h) + sum(tail.second for tail in beyond)
        known = min(exponents) > 2.0, min(exponents) > 3.0
        seen = waves(grid, p, frequencies or ())
        exact = {
            "mean": [first if known[0] else None],
            "covariance": [[second - first**2 if known[1] else None]],
            **_quantiles(p, self.levy, beyond[0].mass, beyond[1].mass),
        }
        return {
            "outside": found.outside,
            "outside_sides": [tail.mass for tail in beyond],
            "tail_exponents": [b if np.isfinite(b) else None for b in exponents],
            "error": found.error,
            "rounding": found.rounding,
            "weight": "fractional",
            "minimum": float(p.min()),
            **self._observe(p),
            **exact,
            "points": points,
            "density_at": None if points is None else density_at(grid, p, points),
            "frequencies": frequencies,
            "characteristic": None
            if frequencies is None
            else {
                "real": seen.real,
                "imaginary": seen.imag,
                # of the tails outside no more is left than this, waves of a density that falls
                "error": found.error
                + np.minimum(found.outside, (p[0] + p[-1]) / np.maximum(np.abs(frequencies), TINY)),
            },
        }

    def stationary_group(self, found: LevyStationary) -> Group:
        """Group ``/stationary``: the density on the cells, and what lies beyond them."""
        names = self.grid.names
        facts = {name: getattr(found, name) for name in ("outside", "error", "rounding")}
        if self.tails is not None:
            for side, tail in zip(("low", "high"), self.tails, strict=True):
                facts |= {f"outside_{side}": tail.mass, f"tail_exponent_{side}": tail.exponent}
        arrays = {"density": (found.density, names, "stationary probability density")}
        return Group(arrays, facts)

    def remarks(self, found: LevyStationary | None) -> list[str]:
        """Everything about walls, tails and cells that a reader must know, in sentences."""
        problem, out = self.levy, []
        for name, text in WALLS.items():
            if name in problem.fates and problem.alpha < 2.0:
                out.append(text)
        if found is not None and found.outside > NOTICED:
            powers = " and ".join(f"{b:.3g}" for b in sorted({round(e, 3) for e in self._powers}))
            out.append(
                f"{found.outside:.1e} of the stationary mass lies beyond the walls, in tails "
                f"|x|^-{powers}: the density inside integrates to the rest."
            )
        if (most := self._most("wall_mass")) > NOTICED and "stopped" in problem.fates:
            out.append(OPENING.format(most))
        if self.exponent <= 3.0:
            which = "mean and variance are" if self.exponent <= 2.0 else "variance is"
            out.append(
                f"The {which} infinite on the whole line (tails |x|^-{self.exponent:.3g}) and not "
                "given: see median and quartiles."
            )
        # a point or a narrow start is never resolved at once: the last time tells
        errors = [float(s["grid_error"]) for s in self.scalars[-1:]]
        errors.append(0.0 if found is None else found.error)
        if (error := float(np.nanmax(errors))) > COARSE:
            out.append(f"Half as many cells change the density by {error:.2g} (L1): take more.")
        return out

    def _observe(self, density: Array) -> dict[str, Any]:
        found = super()._observe(density)
        if self.exponent <= 2.0:
            found["mean"] = [None]
        if self.exponent <= 3.0:
            found["covariance"] = [[None]]
        return found | _quantiles(density, self.levy)

    @property
    def _powers(self) -> list[float]:
        return [tail.exponent for tail in self.tails or ()]

    def _most(self, name: str) -> float:
        return max((float(s[name]) for s in self.scalars), default=0.0)


def evolved_json(record: Record, weight: str) -> dict[str, Any]:
    """Part "evolve" of the JSON object of a run under long jumps."""
    methods = [str(s["method"]) for s in record.scalars]
    errors = [s["time_error"] for s in record.scalars]
    return {
        "times": record.times,
        **record.observed,
        **{k: [s[k] for s in record.scalars] for k in LISTED},
        "method": " + ".join(dict.fromkeys(methods)),
        "methods": methods,
        "weight": weight,
        **clock_json(record.sgd, record.times),
        "time_error": errors[-1] if errors else None,
        "time_errors": errors,
        "clipped": record.scalars[-1]["clipped"] if record.scalars else None,
        "solves": sum(int(s["solves"]) for s in record.scalars),
    }


NOWHERE = Tail(0.0, 0.0, 0.0, np.inf)
#: What is to be known of masses at walls that stop jumps.
OPENING = "Up to {:.1e} of the mass is in the outermost cells, where jumps beyond the walls stop."
#: What walls do to long jumps, in sentences.
WALLS = {
    "stopped": "Jumps beyond a reflecting wall stop there: where the loss rises outwards the grid "
    "stands for the whole line.",
    "suppressed": "Jumps beyond a reflecting wall do not occur: the density is that of a box, and "
    "differs from that of the whole line.",
    "killed": "Jumps beyond an absorbing wall are lost, as what drifts there.",
}


def levy_noise_json(problem: Levy, remarks: Sequence[str]) -> dict[str, Any]:
    """Part "noise" of the JSON object: the parameters, what walls do, and remarks."""
    beside = f", Gaussian noise of temperature {problem.temperature:.6g} beside it"
    return {
        "kind": "levy",
        "reading": "ito",
        "assumption": f"heavy-tailed: alpha = {problem.alpha:.6g}, scale {problem.scale:.6g}"
        + (beside if problem.temperature else ""),
        "schedule": None,
        "alpha": problem.alpha,
        "scale": problem.scale,
        "temperature": problem.temperature,
        "outside": problem.outside,
        "fates": list(problem.fates),
        "remarks": list(remarks),
    }


def levy_sgd_json(
    problem: Levy | PlaneLevy, sgd: SGD | None, sigma: float | None
) -> dict[str, Any] | None:
    """Part "sgd" of the JSON object: hyper-parameters, and how far steps are small.

    Raises
    ------
    CaseError
        Where descent diverges in a well.
    """
    if sgd is None:
        return None
    minima = [p for p in critical_points(problem.landscape, problem.grid) if p.kind == "minimum"]
    for minimum in minima:
        check_stable(minimum, sgd.learning_rate, sgd)
    steep = [sgd.learning_rate * float(p.eigenvalues[-1]) for p in minima]
    told = (
        f"A step has the noise learning rate * {sigma:g} of a stable law; the batch size only "
        "counts epochs."
        if sigma is not None
        else "The noise is as given: the learning rate only sets the clock."
    )
    if steep and max(steep) > SMALL:
        told += f" Learning rate * largest curvature = {max(steep):.3g} is not small."
    names = ("learning_rate", "batch_size", "dataset_size", "replacement", "momentum")
    return {
        **{name: getattr(sgd, name) for name in (*names, "weight_decay", "step")},
        "sigma": sigma,
        "eta_curvature": max(steep, default=None),
        "valid": max(steep) <= SMALL if steep else None,
        "wells": [],
        "note": told,
    }


def _quantiles(
    density: Array, problem: Levy, below: float = 0.0, above: float = 0.0
) -> dict[str, Any]:
    """Median and quartiles of what is left, tails of given mass included; None beyond walls."""
    axis = problem.grid.axes[0]
    inside = np.concatenate(([0.0], np.cumsum(density * axis.spacing)))
    total = below + float(inside[-1]) + above
    wanted = np.array(QUARTILES) * total - below
    places: list[float | None] = [
        float(np.interp(q, inside, axis.edges)) if total > 0 and 0 <= q <= inside[-1] else None
        for q in wanted
    ]
    low, middle, high = places
    width = None if low is None or high is None else high - low
    return {"median": middle, "quartiles": places, "interquartile_range": width}
