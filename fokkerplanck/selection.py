"""Which minima the noise selects: how full each is, how long it is kept, and what theories say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import observe
from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.critical import CriticalPoint, basin_labels
from fokkerplanck.landscapes.newton import Box
from fokkerplanck.metastability import quasi_stationary
from fokkerplanck.noise import AbsoluteNoise, FrozenNoise, WhiteNoise
from fokkerplanck.occupation import log_occupation_on_line
from fokkerplanck.relaxation import spectrum
from fokkerplanck.solvers.scaled import Scaled
from fokkerplanck.solvers.small_chain import SmallChain
from fokkerplanck.steady_state import stationary
from fokkerplanck.theory.eyring_kramers import over_paths
from fokkerplanck.theory.sgd_path import along_path
from fokkerplanck.theory.wells import Wells, degenerate, find_wells
from fokkerplanck.well_rates import rate_matrix

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem

__all__ = ["Selection", "Theory", "select_minima"]

Array = NDArray[np.float64]
LN10 = np.log(10.0)
#: logarithms of determinants that differ by less are equal
EQUAL = 1e-9


@dataclass(frozen=True, eq=False)
class Theory:
    """What one theory says of the same wells.

    Parameters
    ----------
    name : str
        "density-diffusion", whose times are exponential in the inverse curvatures, or
        "eyring-kramers", whose times depend on them by powers.
    log10_dwell : ndarray, shape (wells,)
        Decimal logarithms of the mean times until another well is reached.
    occupation : ndarray, shape (wells,)
        Stationary occupation of the chain with these rates.
    strength : float
        ``eta / (2 B)``, or the temperature, that went into it.
    note : str
        Why it is not meant to hold here; empty when it is.
    """

    name: str
    log10_dwell: Array
    occupation: Array
    strength: float
    note: str

    @property
    def valid(self) -> bool:
        """Whether it is meant to hold here."""
        return not self.note

    def json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "log10_dwell_times": self.log10_dwell.tolist(),
            "occupation": self.occupation.tolist(),
            "strength": self.strength,
            "valid": self.valid,
            "note": self.note,
        }


@dataclass(frozen=True, eq=False)
class Selection:
    """Minima of a landscape under a noise.

    Parameters
    ----------
    wells : tuple of CriticalPoint
        The minima.
    sharpness : ndarray, shape (wells,)
        Logarithm of the determinant of each Hessian.
    law : str
        "stationary", or "quasi-stationary" where walls absorb: the law of those that are left
        after a long time.
    occupation : ndarray, shape (wells,)
        Probability in each basin of attraction under that law; by quadrature on a line without
        absorbing walls, else as the cells have it.
    log10_dwell : ndarray, shape (wells,), or None
        Decimal logarithms of the mean times until another well is reached; None where walls
        absorb.
    log10_exit : ndarray, shape (wells,)
        The same until the basin is first left, from its own quasi-stationary density.
    theories : tuple of Theory
        Density diffusion theory (exponential) and Eyring and Kramers (polynomial), each at the
        strength of noise that the problem has, or the nearest to it.
    """

    wells: tuple[CriticalPoint, ...]
    sharpness: Array
    law: str
    occupation: Array
    log10_dwell: Array | None
    log10_exit: Array
    theories: tuple[Theory, ...]

    @property
    def log10_dwell_ratio(self) -> float | None:
        """Dwell time of the flattest well over that of the sharpest, as decimal logarithm.

        None where walls absorb, or where all wells are equally sharp.
        """
        flat, sharp = int(self.sharpness.argmin()), int(self.sharpness.argmax())
        if self.log10_dwell is None or self.sharpness[flat] >= self.sharpness[sharp] - EQUAL:
            return None
        return float(self.log10_dwell[flat] - self.log10_dwell[sharp])

    def json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "wells": [w.position.tolist() for w in self.wells],
            "log_determinants": self.sharpness.tolist(),
            "law": self.law,
            "occupation": self.occupation.tolist(),
            "log10_dwell_times": None if self.log10_dwell is None else self.log10_dwell.tolist(),
            "log10_exit_times": self.log10_exit.tolist(),
            "log10_dwell_ratio": self.log10_dwell_ratio,
            "theories": {theory.name: theory.json() for theory in self.theories},
        }

    def _repr_html_(self) -> str:
        head = f"<th>minimum</th><th>ln det H</th><th>occupation ({self.law})</th>"
        head += "<th>log10 dwell time</th>" + "".join(f"<th>{t.name}</th>" for t in self.theories)
        rows = ""
        for k, well in enumerate(self.wells):
            place = ", ".join(f"{c:.4g}" for c in well.position)
            dwell = "" if self.log10_dwell is None else f"{self.log10_dwell[k]:.5g}"
            cells = [f"({place})", f"{self.sharpness[k]:.4g}", f"{self.occupation[k]:.5g}", dwell]
            cells += [f"{theory.log10_dwell[k]:.5g}" for theory in self.theories]
            rows += "<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>"
        notes = "".join(f"<p>{t.name}: {escape(t.note)}</p>" for t in self.theories if t.note)
        return f"<table><tr>{head}</tr>{rows}</table>{notes}"


def select_minima(problem: Problem) -> Selection:
    """Find occupation and dwell times of all minima, with two theories beside them.

    Density diffusion theory is for the frozen noise of SGD, Eyring and Kramers' law for white
    noise. Both are given for either, the one that is not meant with a note: under white noise of
    temperature T at ``eta/(2B) = T / h``, under the noise of SGD at ``T = h eta/(2B)``, h the mean
    curvature at the minima.

    Parameters
    ----------
    problem : Problem
        With noise that does not depend on time.

    Raises
    ------
    CaseError
        Fewer than two minima, or noise with a schedule.
    NumericalError
        If a number cannot be vouched for.
    """
    grid = problem.grid
    labels, minima = basin_labels(problem.landscape, grid)
    if len(minima) < 2:
        msg = f"a selection is among two minima or more, this landscape has {len(minima)}"
        raise CaseError(msg, key="selection")
    if problem.schedule is not None:
        msg = "the noise changes in time, and no law is kept; see fokkerplanck.anneal"
        raise CaseError(msg, key="noise.schedule")
    absorbing = any("absorbing" in pair for pair in grid.walls)
    exact = None
    if absorbing:
        density = np.abs(spectrum(problem, 1).left[0])
        log10_dwell = None
    else:
        density = stationary(problem).density
        exact = log_occupation_on_line(problem, minima)
        logs = rate_matrix(problem, [m.position for m in minima]).log10_rates * LN10
        log10_dwell = -np.logaddexp.reduce(logs, axis=1) / LN10
    if exact is None:
        masses = observe.basin_masses(labels, len(minima), grid, density)
    else:
        masses = np.exp(exact)
    exits = [-quasi_stationary(problem, m.position).log10_rate for m in minima]
    return Selection(
        tuple(minima),
        np.array([float(np.linalg.slogdet(m.hessian)[1]) for m in minima]),
        "quasi-stationary" if absorbing else "stationary",
        masses / masses.sum(),
        log10_dwell,
        np.array(exits),
        _theories(problem, find_wells(problem.landscape, grid)),
    )


def _theories(problem: Problem, wells: Wells) -> tuple[Theory, ...]:
    """Both theories, without numbers where there are no curvatures or ways to take them from."""
    n, note = len(wells.minima), ""
    if degenerate([*wells.minima, *(saddle for saddle, *_ in wells.ways)]):
        note = "a minimum or saddle has a direction without curvature"
    elif not _connected(n, [sides for _, *sides in wells.ways]):
        note = "no saddle between the walls leads from some of the wells to the others"
    if not note:
        return _density_diffusion(problem, wells), _eyring_kramers(problem, wells)
    unknown = np.full(n, np.nan)
    names = ("density-diffusion", "eyring-kramers")
    return tuple(Theory(name, unknown, unknown, float("nan"), note) for name in names)


def _connected(count: int, ways: Sequence[Sequence[int]]) -> bool:
    """Whether one can go from every well to every other."""
    group = np.arange(count)
    for a, b in ways:
        group[group == group[a]] = group[b]
    return bool((group == group[0]).all())


def _mean_curvature(wells: Wells) -> float:
    return float(np.mean([np.trace(m.hessian) / len(m.position) for m in wells.minima]))


def _density_diffusion(problem: Problem, wells: Wells) -> Theory:
    """Exponential theory: rates over all saddles at noise frozen as the Hessian."""
    noise, notes = problem.noise, []
    if isinstance(noise, FrozenNoise | AbsoluteNoise):
        eb = noise.eb
        if isinstance(noise, AbsoluteNoise):
            notes.append("the noise is not frozen, so that times depend on its floor")
    else:
        eb = _mean_diffusion(problem, wells) / _mean_curvature(wells)
        notes.append(f"the noise is {noise.kind}, not frozen as the Hessian")
    n = len(wells.minima)
    logs, box = np.full((n, n), -np.inf), Box.around(problem.grid)
    for i, j in np.ndindex(n, n):
        paths = [
            along_path(problem.landscape, wells.minima[i].position, s.position, eb, box=box)
            for s, a, b in wells.ways
            if i != j and {a, b} == {i, j}
        ]
        if paths:
            logs[i, j] = over_paths([path.rate(noise.kappa) for path in paths]).log_rate
            notes += [path.note for path in paths if path.note]
    if problem.force is not None:
        notes.append("the drift is no gradient")
    if problem.landscape.bare is not problem.landscape:
        notes.append("weight decay changes the curvature of the drift, not that of the noise")
    # a path's note may have several parts, of which others have some, too
    parts = [part for note in notes for part in note.split("; ")]
    return _theory("density-diffusion", logs, eb, parts)


def _eyring_kramers(problem: Problem, wells: Wells) -> Theory:
    """Polynomial theory: rates over all saddles under white noise."""
    noise, notes = problem.noise, []
    if isinstance(noise, WhiteNoise):
        temperature = noise.temperature
    else:
        temperature = _mean_diffusion(problem, wells)
        if isinstance(noise, FrozenNoise | AbsoluteNoise):
            temperature = noise.eb * _mean_curvature(wells)
        notes.append(f"the noise is {noise.kind}, not white")
    n = len(wells.minima)
    rates = [wells.rate(i, j, temperature) for i in range(n) for j in range(n) if i != j]
    notes += [rate.note for rate in rates if rate is not None and rate.note]
    if problem.force is not None:
        notes.append("the drift is no gradient")
    return _theory("eyring-kramers", wells.log_rates(temperature), temperature, notes)


def _mean_diffusion(problem: Problem, wells: Wells) -> float:
    points = np.array([m.position for m in wells.minima])
    d = problem.noise.at(problem.landscape, problem.grid, points)
    return float(np.trace(d, axis1=-2, axis2=-1).mean() / problem.grid.dim)


def _theory(name: str, logs: Array, strength: float, notes: list[str]) -> Theory:
    dwell = -np.logaddexp.reduce(logs, axis=1) / LN10
    masses = SmallChain(Scaled.from_log(logs)).stationary().value()
    return Theory(name, dwell, masses, strength, "; ".join(dict.fromkeys(notes)))
