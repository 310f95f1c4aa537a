"""What a run under heavy-tailed noise in the plane observes, and what it says of its tails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.critical import basin_labels
from fokkerplanck.layout import Group
from fokkerplanck.levy_record import (
    COARSE,
    NOTICED,
    OPENING,
    QUARTILES,
    WALLS,
    evolved_json,
)
from fokkerplanck.probes import Places, probes_json
from fokkerplanck.record import OBSERVED, Observables, Record

if TYPE_CHECKING:
    from fokkerplanck.levy_plane import PlaneLevy
    from fokkerplanck.levy_plane_density import PlaneStationary
    from fokkerplanck.sgd_settings import SGD

__all__ = ["PlaneLevyRecord", "plane_noise_json"]

Array = NDArray[np.float64]
#: Directions in which the power of the tails is looked for, and distances in lengths of the grid.
DIRECTIONS, FAR = 16, (1e4, 1e6)


@dataclass
class PlaneLevyRecord(Record):
    """Observables of the snapshots so far; `problem` is a `PlaneLevy`.

    Mean and covariance are None where they do not exist on the whole plane, for which walls that
    stop jumps stand; medians and quartiles of both coordinates always do.
    """

    OBSERVED: ClassVar[Observables] = {
        **OBSERVED,
        "median": (("component",), "median of each coordinate"),
        "quartiles": (("component", "quartile"), "quartiles of each coordinate"),
        "interquartile_range": (("component",), "distance of the outer quartiles"),
    }

    @classmethod
    def beside(cls, problem: PlaneLevy, sgd: SGD | None) -> PlaneLevyRecord:
        """Make an empty record."""
        labels, minima = basin_labels(problem.landscape, problem.grid)
        return cls(problem, labels, max(len(minima), 1), sgd)

    @property
    def levy(self) -> PlaneLevy:
        """The problem, by its own type."""
        return self.problem  # type: ignore[return-value]

    @cached_property
    def exponent(self) -> float:
        """Power by which marginal densities fall off beyond walls that stop jumps; else inf.

        That of the index and of the outward slope of the loss, the least of all directions; what
        jumps leave at once has the power 1 + alpha.
        """
        p = self.levy
        if not self.opens:
            return np.inf
        angle = 2.0 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
        units = np.stack((np.cos(angle), np.sin(angle)), axis=-1)
        reach = max(axis.max - axis.min for axis in p.grid.axes) * np.array(FAR)
        points = reach[:, None, None] * units
        with np.errstate(all="ignore"):
            try:
                slopes = (p.landscape.gradient(points) * units).sum(axis=-1)
            except CaseError:  # the loss is not known there: walls are walls
                return np.inf
            power = np.log(slopes[1] / slopes[0]) / np.log(FAR[1] / FAR[0])
        known = power[np.isfinite(power)]
        return p.alpha + max(float(known.min(initial=np.inf)) if known.size else np.inf, 1.0)

    @property
    def opens(self) -> bool:
        """Whether the grid stands for the whole plane: jumps beyond a wall stop there."""
        fates = [fate for pair in self.levy.fates for fate in pair]
        return "stopped" in fates and self.levy.alpha < 2.0

    def evolve(self, weight: str = "fractional") -> dict[str, Any]:
        """Part "evolve" of the JSON object."""
        return evolved_json(self, weight)

    def stationary(
        self,
        found: PlaneStationary,
        points: Places | None = None,
        frequencies: Places | None = None,
    ) -> dict[str, Any]:
        """Part "stationary" of the JSON object: of what lies between the walls."""
        seen = probes_json(self.grid, found.density, points, frequencies)
        if frequencies is not None:
            # what lies outside changes a wave by its own mass at most
            seen["characteristic"]["error"] = [found.error + found.outside] * len(frequencies)
        observed = self._observe(found.density)
        if self.opens:
            # of the moments some lies in the tails, which only have a mass here
            observed |= {"mean": [None] * 2, "covariance": [[None] * 2] * 2}
        return {
            "outside": found.outside,
            "escape_rate": found.escape_rate,
            "tail_exponent": self.exponent if np.isfinite(self.exponent) else None,
            "error": found.error,
            "rounding": found.rounding,
            "weight": "fractional",
            "minimum": float(found.density.min()),
            **observed,
            **seen,
        }

    def stationary_group(self, found: PlaneStationary) -> Group:
        """Group ``/stationary``: the density on the cells, and what lies beyond them."""
        names = ("outside", "escape_rate", "error", "rounding")
        arrays = {"density": (found.density, self.grid.names, "stationary probability density")}
        return Group(arrays, {name: getattr(found, name) for name in names})

    def remarks(self, found: PlaneStationary | None) -> list[str]:
        """Everything about walls, tails and cells that a reader must know, in sentences."""
        problem, out = self.levy, []
        fates = [fate for pair in problem.fates for fate in pair]
        for name, text in WALLS.items():
            if name in fates:
                out.append(text.replace("whole line", "whole plane"))
        if found is not None and found.outside > NOTICED:
            out.append(
                f"{found.outside:.1e} of the stationary mass lies beyond the walls: the density "
                "inside integrates to the rest; no stationary mean and covariance are given."
            )
        edge = max((float(s["wall_mass"]) for s in self.scalars), default=0.0)
        if edge > NOTICED and self.opens:
            out.append(OPENING.format(edge))
        if self.exponent <= 3.0:
            which = "Means and variances are" if self.exponent <= 2.0 else "Variances are"
            out.append(
                f"{which} infinite on the whole plane (tails |x|^-{self.exponent:.3g}) and not "
                "given: see medians and quartiles."
            )
        # a point or a narrow start is never resolved at once: the last time tells
        errors = [float(s["grid_error"]) for s in self.scalars[-1:]]
        errors.append(0.0 if found is None else found.error)
        if (error := float(np.nanmax(errors))) > COARSE:
            out.append(
                f"Half as many cells along each axis change the density by {error:.2g} (L1): take "
                "more."
            )
        return out

    def _observe(self, density: Array) -> dict[str, Any]:
        found = super()._observe(density)
        if self.exponent <= 2.0:
            found["mean"] = [None] * 2
        if self.exponent <= 3.0:
            found["covariance"] = [[None] * 2] * 2
        rows = [self._quartiles(density, k) for k in range(2)]
        return found | {
            "median": [row[1] for row in rows],
            "quartiles": rows,
            "interquartile_range": [row[2] - row[0] for row in rows],
        }

    def _quartiles(self, density: Array, k: int) -> list[float]:
        """Quartiles of a coordinate, of what lies between the walls."""
        axis = self.grid.axes[k]
        below = np.concatenate(([0.0], np.cumsum(density.sum(axis=1 - k))))
        if not below[-1] > 0.0:
            return [np.nan] * 3
        return [float(q) for q in np.interp(np.array(QUARTILES) * below[-1], below, axis.edges)]


def plane_noise_json(problem: PlaneLevy, remarks: Sequence[str]) -> dict[str, Any]:
    """Part "noise" of the JSON object: the parameters, what walls do, and remarks."""
    beside = f", Gaussian noise of temperature {problem.temperature:.6g} beside it"
    size = ", ".join(f"{s:.6g}" for s in dict.fromkeys(problem.scales))
    return {
        "kind": "levy",
        "reading": "ito",
        "assumption": f"heavy-tailed, {problem.components} components: alpha = "
        f"{problem.alpha:.6g}, scale {size}" + (beside if problem.temperature else ""),
        "schedule": None,
        "alpha": problem.alpha,
        "scale": list(problem.scales) if problem.components == "independent" else problem.scales[0],
        "components": problem.components,
        "temperature": problem.temperature,
        "outside": problem.outside,
        "fates": [list(pair) for pair in problem.fates],
        "remarks": list(remarks),
    }
