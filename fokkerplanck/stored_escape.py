"""Passages, spectra, rates and quasi-stationary densities as they stand in a result file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "StoredLanding",
    "StoredPassage",
    "StoredQuasiStationary",
    "StoredRates",
    "StoredSpectrum",
]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StoredLanding:
    """Walkers of a passage under heavy-tailed noise that end beyond one edge.

    Parameters
    ----------
    name : str
    edge, probability, creep, jump : float
        Place of the edge; the probability to end beyond it, and its two parts.
    points, density : ndarray, shape (n,)
        Places beyond the edge, and the density of landing points of jumps.
    """

    name: str
    edge: float
    probability: float
    creep: float
    jump: float
    points: Array = field(repr=False)
    density: Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class StoredPassage:
    """One passage of a stored result; everything but its numbers is None where not computed.

    A passage of an ensemble has its numbers, the sets, and the survival of its walkers.

    Parameters
    ----------
    name : str
    facts : mapping
        Its numbers: ``mean``, ``log10_mean``, ``variance``, ``rate``, ``flux``, ``error`` and the
        others of the JSON object of ``run``, and in words where it goes ``from`` and ``to``.
    log10_time : ndarray, shape (*shape,), or None
        Logarithm of the mean passage time from each cell, -inf inside the target.
    source, target : ndarray, shape (*shape,)
        Share of each cell that belongs to the set.
    committor, committor_backward : ndarray, shape (*shape,), or None
        Probability to reach the target before the source; and to have come from the source last,
        None under heavy-tailed noise.
    current : ndarray, shape (*shape, dim), or None
        Reactive current per unit of flux.
    times, survival, arrival : ndarray, shape (n,), or None
        Probability not to have arrived by each time, and the density of the time of arrival.
    landings : tuple of StoredLanding
        Under heavy-tailed noise, where and how the target is reached.
    """

    name: str
    facts: Mapping[str, Any]
    log10_time: Array | None = field(repr=False)
    source: Array = field(repr=False)
    target: Array = field(repr=False)
    committor: Array | None = field(repr=False)
    committor_backward: Array | None = field(repr=False)
    current: Array | None = field(repr=False)
    times: Array | None = field(repr=False)
    survival: Array | None = field(repr=False)
    arrival: Array | None = field(repr=False)
    landings: tuple[StoredLanding, ...] = field(default=(), repr=False)

    @property
    def has_fields(self) -> bool:
        """Whether there is something to draw over the grid, beside the sets."""
        return self.log10_time is not None or self.committor is not None

    @classmethod
    def of(cls, name: str, group: Any, facts: Mapping[str, Any]) -> StoredPassage:
        """Read a group ``/passage/<name>``; `facts` are its attributes."""
        found = _optional(group)
        return cls(
            name,
            facts,
            found("log10_time"),
            group["source"][...],
            group["target"][...],
            found("committor"),
            found("committor_backward"),
            found("reactive_current"),
            found("passage_time"),
            found("survival"),
            found("arrival"),
            tuple(_landing(group, facts, k) for k in range(_landings(facts))),
        )


@dataclass(frozen=True, eq=False)
class StoredSpectrum:
    """Slowest modes of a stored result, slowest first.

    Parameters
    ----------
    rates, frequencies, log10_rates, errors : ndarray, shape (modes,)
        Decay rates, angular frequencies, logarithms of the rates, relative errors.
    right, left : ndarray, shape (modes, *shape)
        Eigenfunctions of Q and their densities.
    """

    rates: Array
    frequencies: Array
    log10_rates: Array
    errors: Array
    right: Array = field(repr=False)
    left: Array = field(repr=False)

    @classmethod
    def of(cls, group: Any) -> StoredSpectrum:
        """Read the group ``/spectrum``."""
        names = ("rate", "frequency", "log10_rate", "error", "right", "left")
        return cls(*(group[name][...] for name in names))


@dataclass(frozen=True, eq=False)
class StoredRates:
    """Rates between the wells of a stored result.

    Parameters
    ----------
    wells : ndarray, shape (wells, dim)
        Minima.
    rates, log10_rates : ndarray, shape (wells, wells)
        From the well of the row to that of the column; the diagonal is 0.
    populations : ndarray, shape (wells,)
        Stationary probability of each well.
    """

    wells: Array
    rates: Array
    log10_rates: Array
    populations: Array

    @classmethod
    def of(cls, group: Any) -> StoredRates:
        """Read the group ``/rates``."""
        return cls(*(group[n][...] for n in ("position", "rate", "log10_rate", "population")))


@dataclass(frozen=True, eq=False)
class StoredQuasiStationary:
    """Density in one well of a stored result, before the well is left.

    Parameters
    ----------
    name : str
    facts : mapping
        Its numbers: ``rate``, ``log10_rate``, ``mean_exit_time``, ``minimum`` and ``error``.
    density : ndarray, shape (*shape,)
        Integrates to 1.
    well : ndarray, shape (*shape,)
        Share of each cell in the well.
    """

    name: str
    facts: Mapping[str, Any]
    density: Array = field(repr=False)
    well: Array = field(repr=False)


def _landings(facts: Mapping[str, Any]) -> int:
    return sum(name.startswith("landing_") and name.endswith("_name") for name in facts)


def _landing(group: Any, facts: Mapping[str, Any], k: int) -> StoredLanding:
    numbers = (facts[f"landing_{k}_{n}"] for n in ("edge", "probability", "creep", "jump"))
    arrays = (group[name][...] for name in (f"landing_{k}", f"landing_density_{k}"))
    return StoredLanding(str(facts[f"landing_{k}_name"]), *numbers, *arrays)


def _optional(group: Any) -> Any:
    return lambda name: group[name][...] if name in group else None
