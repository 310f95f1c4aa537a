"""The material of a figure, gathered once: what was asked for, and what the result has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.plot.escape import ESCAPE
from fokkerplanck.plot.select import Shot, Survey, choose, shot, stationary_shot, survey
from fokkerplanck.plot.wells import Wells, find_wells

if TYPE_CHECKING:
    from fokkerplanck.store import StoredResult

__all__ = ["WHAT", "Subject", "gather", "index_near"]

Array = NDArray[np.float64]

#: what can be asked for; None shows what the result has
WHAT = ("density", "current", "stationary", "landscape")
#: total variation below which two densities look the same
SETTLED = 0.01
#: a time that is asked for may be this far (relative) from the snapshot that is shown
NEAR = 0.05


@dataclass(frozen=True, slots=True)
class Subject:
    """What one figure is about.

    Parameters
    ----------
    grid : Grid
    loss : ndarray, shape (*shape)
    wells : Wells or None
        None where the landscape is flat.
    shots : tuple of Shot
        Chosen times, in order.
    stationary : Shot or None
    survey : Survey or None
        All saved times; None for a figure of one state.
    what : str or None
        One of `WHAT`.
    """

    grid: Grid
    loss: Array
    wells: Wells | None
    shots: tuple[Shot, ...]
    stationary: Shot | None
    survey: Survey | None
    what: str | None

    @property
    def states(self) -> tuple[Shot, ...]:
        """Chosen times and then the stationary state, if there is one."""
        return self.shots if self.stationary is None else (*self.shots, self.stationary)

    @property
    def metastable(self) -> bool:
        """Whether there are several wells to tell apart."""
        return self.wells is not None and len(self.wells.minima) > 1


def gather(
    result: StoredResult, *, count: int, at: float | None = None, what: str | None = None
) -> Subject:
    """Choose what to show of a result.

    Parameters
    ----------
    count : int
        Largest number of times.
    at : float, optional
        Only this time.
    what : str, optional
        One of `WHAT`.

    Raises
    ------
    CaseError
        Unknown `what`; a time that was not saved; a state or a current that the result lacks.
    """
    if what is not None and what not in WHAT:
        msg = f"cannot plot {what!r}: allowed are {', '.join((*WHAT, *ESCAPE))}"
        raise CaseError(msg, key="what")
    state, overview = stationary_shot(result), None
    shots: tuple[Shot, ...] = ()
    wells = find_wells(result.relief, result.grid)
    if what == "stationary":
        _require_stationary(state, at, str(result.path))
    elif at is not None:
        shots = (shot(result, index_near(result, at)),)
    elif len(result.times):
        overview = survey(result, wells)
        settled = _settled(result, state)
        # the place of the stationary state is not left empty
        most = count + (state is None)
        shots = tuple(shot(result, k) for k in choose(overview.change, most, settled=settled))
    subject = Subject(result.grid, result.relief, wells, shots, state, overview, what)
    _require_content(subject, str(result.path))
    return subject


def index_near(result: StoredResult, time: float) -> int:
    """Index of the snapshot at `time`, or of one so near that its label tells the difference."""
    times = result.times
    if len(times) and np.isfinite(time):
        k = int(np.abs(times - time).argmin())
        if abs(times[k] - time) <= NEAR * abs(time):
            return k
    return result.index_of(time)


def _settled(result: StoredResult, state: Shot | None) -> bool:
    """Whether the last snapshot looks like the stationary density."""
    if state is None:
        return False
    distance = 0.5 * result.grid.integrate(np.abs(result.density(-1) - state.density))
    return distance < SETTLED


def _require_stationary(state: Shot | None, at: float | None, file: str) -> None:
    if at is not None:
        msg = f"the stationary state has no time: leave out --at {at:g}, or --what stationary"
        raise CaseError(msg, file=file, key="at")
    if state is None:
        msg = "holds no stationary density: add the table [stationary] to the case and run it again"
        raise CaseError(msg, file=file, key="stationary")


def _require_content(subject: Subject, file: str) -> None:
    if not subject.states:
        msg = "holds no snapshot and no stationary density: there is nothing to plot"
        raise CaseError(msg, file=file)
    if subject.what == "current" and all(s.current is None for s in subject.states):
        msg = "carries no current above rounding at the chosen times: there is nothing to plot"
        raise CaseError(msg, file=file, key="current")
