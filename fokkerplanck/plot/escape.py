"""The material of figures about escape, and which figure it deserves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.plot.select import Shot, stationary_shot
from fokkerplanck.plot.wells import Wells, find_wells
from fokkerplanck.plot.window import cut, part_of, window
from fokkerplanck.stored_escape import (
    StoredPassage,
    StoredQuasiStationary,
    StoredRates,
    StoredSpectrum,
)

if TYPE_CHECKING:
    from fokkerplanck.store import StoredResult

__all__ = ["ESCAPE", "Material", "escape_figure", "is_about_escape", "material"]

Array = NDArray[np.float64]

#: what can be asked for, beside `fokkerplanck.plot.subject.WHAT`
ESCAPE = ("passage", "committor", "reactive", "survival", "spectrum", "rates", "quasi-stationary")
#: most passages, and most wells, in one figure
MOST = 4
#: current above this part of its maximum is to be seen
VISIBLE = 0.01
#: slopes are shown up to this part of the highest barrier above it
ABOVE = 1.0
#: so many temperatures above the passes nothing is seen of underdamped motion
RARE = 8.0


@dataclass(frozen=True, slots=True)
class Material:
    """What a figure about escape is made of.

    Parameters
    ----------
    grid : Grid
    loss : ndarray, shape (*shape)
    wells : Wells or None
        None where the landscape is flat.
    passages : tuple of StoredPassage
    spectrum : StoredSpectrum or None
    rates : StoredRates or None
    densities : tuple of StoredQuasiStationary
        Of wells before they are left.
    stationary : Shot or None
        Stationary density and current.
    """

    grid: Grid
    loss: Array
    wells: Wells | None
    passages: tuple[StoredPassage, ...]
    spectrum: StoredSpectrum | None
    rates: StoredRates | None
    densities: tuple[StoredQuasiStationary, ...]
    stationary: Shot | None


def is_about_escape(result: StoredResult) -> bool:
    """Whether a result holds something about escape, and nothing that evolves."""
    found = result.passages or result.spectrum or result.rates or result.quasi_stationary
    return bool(found) and not len(result.times)


def material(result: StoredResult, what: str | None, name: str | None = None) -> Material:
    """Read what a figure needs.

    Parameters
    ----------
    what : str or None
        One of `ESCAPE`.
    name : str, optional
        Only the passage of this name.

    Raises
    ------
    CaseError
        When the result does not hold what is asked for.
    """
    names = result.passages if name is None else (name,)
    passages = tuple(result.passage(n) for n in names)
    if what in ("committor", "reactive"):
        passages = tuple(p for p in passages if p.committor is not None)
    if what == "survival":
        passages = tuple(p for p in passages if p.survival is not None)
    found = Material(
        result.grid,
        result.relief,
        find_wells(result.relief, result.grid),
        passages[:MOST],
        result.spectrum,
        result.rates,
        tuple(result.quasi_stationary.values())[:MOST],
        stationary_shot(result),
    )
    _require(found, what, str(result.path))
    if result.underdamped:
        found = _resolved(found, float(result.attrs["temperature"]))
    return found if found.grid.dim == 1 else _cropped(found)


def escape_figure(found: Material, what: str | None, *, log: bool = False) -> Figure:
    """Draw passages, the spectrum, the rates or quasi-stationary densities.

    Without `what` those are drawn that there are: passages with time scales and densities, or if
    there are no passages the first of the others.
    """
    from fokkerplanck.plot.passage_figure import line_passages, plane_passages, survival_figure
    from fokkerplanck.plot.rates_figure import rates_figure
    from fokkerplanck.plot.spectrum_figure import spectrum_figure
    from fokkerplanck.plot.well_density import wells_figure

    if what == "spectrum" or (what is None and not found.passages and found.spectrum):
        return spectrum_figure(found)
    if what == "rates" or (what is None and not found.passages and found.rates):
        return rates_figure(found)
    if what == "quasi-stationary" or (what is None and not found.passages):
        return wells_figure(found, log=log)
    drawn = tuple(p for p in found.passages if p.has_fields)
    if what == "survival" or not drawn:  # walkers leave no field over the grid
        return survival_figure(found)
    if found.grid.dim > 1:
        found = replace(found, passages=drawn)
    draw = line_passages if found.grid.dim == 1 else plane_passages
    return draw(found, what, log=log)


def _cropped(found: Material) -> Material:
    """Cut off the slopes that no passage sees."""
    seen = _below_passes(found)
    for p in found.passages:
        seen |= (p.source > 0.0) & (p.source < 1.0) | (p.target > 0.0) & (p.target < 1.0)
        if p.current is not None:
            size = np.linalg.norm(p.current, axis=-1)
            seen |= size > VISIBLE * size.max()
    for q in found.densities:
        seen |= q.density > VISIBLE * q.density.max()
    slices = window(seen if seen.any() else ~seen, found.grid)
    passages = tuple(_cut(p, slices) for p in found.passages)
    spectrum = found.spectrum
    if spectrum is not None:
        modes = (slice(None), *slices)
        spectrum = replace(spectrum, right=spectrum.right[modes], left=spectrum.left[modes])
    densities = tuple(
        replace(q, density=q.density[slices], well=q.well[slices]) for q in found.densities
    )
    steady = found.stationary
    return replace(
        found,
        grid=part_of(found.grid, slices),
        loss=found.loss[slices],
        passages=passages,
        spectrum=spectrum,
        densities=densities,
        stationary=None if steady is None else cut(steady, slices),
    )


def _resolved(found: Material, temperature: float) -> Material:
    """Leave out observables of underdamped motion where nothing ever comes.

    They are quotients of densities, and mean nothing where both vanish.
    """
    energy, wells = found.loss, found.wells
    cells = () if wells is None else (wells.passes or wells.minima)
    top = max((float(energy[c]) for c in cells), default=float(energy.min()))
    gone = energy > top + RARE * temperature

    def seen(values: Array | None) -> Array | None:
        return None if values is None else np.where(gone, np.nan, values)

    spectrum = found.spectrum
    if spectrum is not None:
        spectrum = replace(spectrum, right=np.where(gone, np.nan, spectrum.right))
    passages = tuple(replace(p, log10_time=seen(p.log10_time)) for p in found.passages)
    return replace(found, spectrum=spectrum, passages=passages)


def _below_passes(found: Material) -> NDArray[np.bool_]:
    """Cells where the loss is no higher above the highest pass than that above the minimum."""
    loss, wells = found.loss, found.wells
    if found.spectrum is not None and np.isnan(found.spectrum.right).any():
        return np.asarray(np.isfinite(found.spectrum.right[0]))
    if wells is None or not wells.passes:
        return np.ones(loss.shape, dtype=bool)
    top = max(float(loss[cell]) for cell in wells.passes)
    return np.asarray(loss < top + ABOVE * (top - float(loss.min())))


def _cut(p: StoredPassage, slices: tuple[slice, ...]) -> StoredPassage:
    fields = ("log10_time", "source", "target", "committor", "committor_backward", "current")
    values = {name: getattr(p, name) for name in fields}
    cut: dict[str, Any] = {k: None if v is None else v[slices] for k, v in values.items()}
    return replace(p, **cut)


def _require(found: Material, what: str | None, file: str) -> None:
    """Say what the case lacks where there is nothing to draw."""
    key = "reactive = true" if what in ("committor", "reactive") else "survival = true"
    missing = {
        "spectrum": ("spectrum", found.spectrum, "the table [spectrum]"),
        "rates": ("rates between wells", found.rates, "the table [rates]"),
        "passage": ("passage", found.passages, "a table [[passage]]"),
        "quasi-stationary": (
            "quasi-stationary density",
            found.densities,
            "a table [[quasi_stationary]]",
        ),
    }
    name, there, remedy = missing.get(
        what or "", (f"{what} of a passage", found.passages, f"{key} to a table [[passage]]")
    )
    if what is not None and not there:
        msg = f"holds no {name}: add {remedy} to the case and run it again"
        raise CaseError(msg, file=file, key=what)
