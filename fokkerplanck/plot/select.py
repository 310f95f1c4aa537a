"""What a figure shows of a result: which times, on what colour scale, and which currents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from numpy.typing import NDArray

from fokkerplanck.plot.wells import Wells

if TYPE_CHECKING:
    from fokkerplanck.store import StoredResult

__all__ = [
    "Scale",
    "Shot",
    "Survey",
    "choose",
    "current_is_real",
    "is_logarithmic",
    "scale_of",
    "shot",
    "stationary_shot",
    "survey",
]

Array = NDArray[np.float64]

#: lowest density on a logarithmic scale, relative to the highest
LOG_FLOOR = 1e-6
#: peaks that differ by more than this are shown each on its own scale
COMMON_RATIO = 1.5
#: currents below this part of (peak density) x (largest D) / (spacing) are rounding, or the
#: tolerance of the time integration, not physics
STATIONARY_NOISE, TRANSIENT_NOISE = 1e-11, 1e-8
#: the same in the plane, where a grid that is oblique to the noise breaks detailed balance by its
#: own error
STATIONARY_PLANE_NOISE = 1e-6
#: times that span more than this ratio are shown on a logarithmic axis
LOG_SPAN = 20.0


@dataclass(frozen=True, slots=True)
class Shot:
    """One state to draw.

    Parameters
    ----------
    density : ndarray, shape (*shape)
        Probability per volume.
    current : ndarray, shape (*shape, dim), or None
        Probability current on cells; None where none is known or all of it is noise.
    time : float or None
        When; None for the stationary state.
    error : ndarray, shape (*shape), or None
        Standard error of the density of an ensemble.
    """

    density: Array
    current: Array | None
    time: float | None
    error: Array | None = None


@dataclass(frozen=True, slots=True)
class Survey:
    """One pass over all saved times.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Saved times.
    change : ndarray, shape (n,)
        Total variation distance to the snapshot before; 0 for the first.
    masses : ndarray, shape (n, wells), or None
        Mass in each well.
    """

    times: Array
    change: Array
    masses: Array | None


@dataclass(frozen=True, slots=True)
class Scale:
    """Colour scales of several panels.

    Parameters
    ----------
    norms : tuple of Normalize
        One for each panel; all the same object when `shared`.
    shared : bool
        Whether one colour bar with numbers serves all panels.
    floor : float
        Values below are drawn in the darkest colour (0 on a linear scale).
    """

    norms: tuple[Normalize, ...]
    shared: bool
    floor: float


def shot(result: StoredResult, index: int) -> Shot:
    """Read snapshot `index` of a result."""
    density = np.asarray(result.density(index))
    current = result.current(index)
    real = current is not None and current_is_real(result, density, current, TRANSIENT_NOISE)
    time, error = float(result.times[index]), result.density_error(index)
    return Shot(density, current if real else None, time, error)


def stationary_shot(result: StoredResult) -> Shot | None:
    """Read the stationary state of a result, if it has one."""
    state = result.stationary
    if state is None:
        return None
    density, current = np.asarray(state.density), state.current
    noise = STATIONARY_NOISE if result.grid.dim == 1 else STATIONARY_PLANE_NOISE
    real = current is not None and current_is_real(result, density, current, noise)
    return Shot(density, current if real else None, None)


def current_is_real(result: StoredResult, density: Array, current: Array, noise: float) -> bool:
    """Whether the largest current stands out of what rounding makes of ``D p / h``."""
    scale = density.max() * np.abs(result.diffusion).max() / min(result.grid.spacing)
    return bool(np.abs(current).max() > noise * scale)


def survey(result: StoredResult, wells: Wells | None) -> Survey:
    """Read every snapshot once: how much it changes, and the mass in each well."""
    volume, change, masses = result.grid.volume, [], []
    before: Array | None = None
    for k in range(len(result.times)):
        density = np.asarray(result.density(k))
        change.append(0.0 if before is None else 0.5 * volume * np.abs(density - before).sum())
        if wells is not None:
            masses.append(wells.masses(density, volume))
        before = density
    return Survey(np.asarray(result.times), np.array(change), np.array(masses) if masses else None)


def choose(change: Array, count: int, *, settled: bool = False) -> list[int]:
    """Choose up to `count` snapshots, first and last among them, that look different.

    They are equidistant in a mean of two clocks: the number of the snapshot, and the distance
    the density has moved (total variation), so that plateaus are not shown again and again.

    Parameters
    ----------
    change : ndarray, shape (n,)
        Distance of each snapshot to the one before.
    count : int
        Most snapshots to choose.
    settled : bool
        Leave out the last, which looks like the stationary density that is drawn anyway.
    """
    n = len(change)
    if n <= count:
        return list(range(n))
    moved = np.cumsum(change)
    clock = np.arange(n) / (n - 1) + 2.0 * moved / max(moved[-1], np.finfo(float).tiny)
    wanted = np.linspace(0.0, clock[-1], count + settled)[:count]
    return sorted({int(np.abs(clock - w).argmin()) for w in wanted})


def is_logarithmic(times: Sequence[float] | Array) -> bool:
    """Whether an axis over these times should be logarithmic."""
    positive = np.asarray(times, dtype=float)
    positive = positive[positive > 0]
    return len(positive) > 1 and bool(positive[-1] > LOG_SPAN * positive[0])


def scale_of(fields: Sequence[Array], *, log: bool = False) -> Scale:
    """Choose colour scales for non-negative fields: one for all where their peaks allow it."""
    peaks = [float(f.max()) for f in fields]
    peaks = [peak if peak > 0 else max(peaks) or 1.0 for peak in peaks]
    if log:
        top = max(peaks)
        norm: Normalize = LogNorm(LOG_FLOOR * top, top, clip=False)
        return Scale((norm,) * len(peaks), True, LOG_FLOOR * top)
    if max(peaks) <= COMMON_RATIO * min(peaks):
        return Scale((Normalize(0.0, max(peaks)),) * len(peaks), True, 0.0)
    return Scale(tuple(Normalize(0.0, peak) for peak in peaks), False, 0.0)
