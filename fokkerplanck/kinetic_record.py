"""What a run of underdamped motion observes as it goes: moments from the modes, not from cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.layout import KINETIC_SCALARS
from fokkerplanck.record import Record
from fokkerplanck.sgd_record import clock_json

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.kinetic_currents import KineticCurrent
    from fokkerplanck.kinetic_density import KineticMoment
    from fokkerplanck.kinetic_steady import KineticStationary
    from fokkerplanck.problem import Problem
    from fokkerplanck.underdamped import Underdamped

__all__ = ["KineticRecord", "observed"]

Array = NDArray[np.float64]
#: Masses at walls, beyond the velocity axis or in the highest mode that are remarked on.
NOTICED = 1e-6
#: Negative density, as a part of the peak, that is remarked on.
NEGATIVE = 1e-6
#: Scalars of a snapshot that are lists over time in the JSON object.
LISTED = ("mass", "minimum", "entropy_production", "wall_mass", "beyond", "top_mode")


@dataclass
class KineticRecord(Record):
    """Observables of the snapshots so far; `problem` is the one without inertia.

    Parameters
    ----------
    phase : Underdamped
        The problem in position and velocity.
    peak : float
        Largest density of all snapshots.
    """

    phase: Underdamped = None  # type: ignore[assignment]
    peak: float = 0.0

    @classmethod
    def beside(cls, limit: Problem, phase: Underdamped) -> KineticRecord:
        """Make an empty record; basins are those of the loss, at any velocity."""
        from fokkerplanck.landscapes.critical import basin_labels

        labels, minima = basin_labels(limit.landscape, limit.grid)
        plane = np.repeat(labels[:, None], phase.phase_grid.shape[1], axis=1)
        return cls(limit, plane, max(len(minima), 1), limit.sgd, phase=phase)

    @property
    def grid(self) -> Grid:
        """Plane of position and velocity."""
        return self.phase.phase_grid

    def add(self, time: float, density: Array, scalars: Mapping[str, Any]) -> None:
        """Observe one snapshot; `scalars` are those of `fokkerplanck.layout.KINETIC_SCALARS`."""
        super().add(time, density, scalars)
        s, k = scalars, len(self.times) - 1
        xv = s["covariance_xv"]
        mean = np.array([s["mean_x"], s["mean_v"]])
        self.correct(
            k,
            {
                "mean": mean,
                "covariance": np.array([[s["covariance_xx"], xv], [xv, s["covariance_vv"]]]),
            },
        )
        self.peak = max(self.peak, float(density.max()))

    def evolve(self, weight: str = "hermite") -> dict[str, Any]:
        """Part "evolve" of the JSON object."""
        methods = [str(s["method"]) for s in self.scalars]
        errors = [s["time_error"] for s in self.scalars]
        return {
            "times": self.times,
            **self.observed,
            **{k: [s[k] for s in self.scalars] for k in LISTED},
            "method": " + ".join(dict.fromkeys(methods)),
            "methods": methods,
            "weight": weight,
            **clock_json(self.sgd, self.times),
            "time_error": errors[-1] if errors else None,
            "time_errors": errors,
        }

    def stationary(self, found: KineticStationary) -> dict[str, Any]:
        """Part "stationary" of the JSON object: moments of the modes, exactly thermal in v."""
        from fokkerplanck.kinetic_steady import equilibrium_state

        state = equilibrium_state(self.phase)
        exact = {"mean": state.mean, "covariance": state.covariance, "wall_mass": found.wall_mass}
        return super().stationary(found) | exact

    def remarks(self, found: KineticStationary | None) -> list[str]:
        """Everything about grid and modes that a reader must know, in sentences."""
        out = []
        walls = (
            self._most("wall_mass")
            if found is None
            else max(self._most("wall_mass"), found.wall_mass)
        )
        if walls > NOTICED:
            out.append(
                f"Walls are close: up to {walls:.1e} of the mass is in the cells next to them."
            )
        if (beyond := self._most("beyond")) > NOTICED:
            out.append(
                f"The velocity axis is short: up to {beyond:.1e} of the mass is in its outermost "
                "cells, which hold all beyond."
            )
        if (top := self._most("top_mode")) > NOTICED:
            out.append(
                f"Velocities are barely resolved: the highest of {self.phase.mode_count} modes "
                f"hold up to {top:.1e}; give more (dynamics.modes)."
            )
        low = self.minimum
        if low is not None and low < -NEGATIVE * self.peak:
            out.append(
                f"The density is negative by up to {-low / self.peak:.1e} of its peak where it is "
                "not resolved: give more cells or modes."
            )
        return out

    def _most(self, name: str) -> float:
        return max((float(s[name]) for s in self.scalars), default=0.0)


def observed(moment: KineticMoment, density: Array, current: KineticCurrent) -> dict[str, Any]:
    """Numbers of one snapshot: those of `fokkerplanck.layout.KINETIC_SCALARS`."""
    state, problem = moment.state, moment.state.problem
    axis, volume = problem.grid.axes[0], problem.phase_grid.volume
    mean, covariance = state.mean, state.covariance
    marginal = state.modes()[0]
    edge = 0.0 if axis.periodic else float(marginal[[0, 1, -2, -1]].sum() * axis.spacing)
    found = {
        "mass": state.mass,
        "minimum": float(density.min()),
        "time_error": moment.error,
        "method": moment.method,
        "mean_x": float(mean[0]),
        "mean_v": float(mean[1]),
        "covariance_xx": float(covariance[0, 0]),
        "covariance_xv": float(covariance[0, 1]),
        "covariance_vv": float(covariance[1, 1]),
        "entropy_production": current.entropy_production,
        "wall_mass": edge,
        "beyond": float(np.abs(density[:, [0, -1]]).sum() * volume),
        "top_mode": state.top_mode,
    }
    return {name: found[name] for name in KINETIC_SCALARS}
