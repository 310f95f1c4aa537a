"""Where in-plane SGD is after a long time, beside the stationary Fokker-Planck equation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.confrontation_density import Occupied, StationaryLaw
from fokkerplanck.confrontation_plain import UNWRITTEN
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.in_plane import MOST_WORK, PER_SECOND
from fokkerplanck.in_plane_sample import InPlaneSample
from fokkerplanck.relaxation import spectrum
from fokkerplanck.sampling import check_confidence
from fokkerplanck.sets import Basin

if TYPE_CHECKING:
    from fokkerplanck.grid import Grid
    from fokkerplanck.in_plane import InPlane

__all__ = ["READINGS", "Occupation", "occupation"]

Array = NDArray[np.float64]
Tell = Callable[[float], None]
READINGS = ("ito", "stratonovich", "hanggi-klimontovich")
WALKERS = 1000
#: Slowest relaxation times of the equation that walkers are let go, and then looked at.
BURN_IN, WINDOW = 5.0, 5.0
#: Moments at which they are looked at, and cells along an axis of the histogram, by dimension.
MOMENTS, CELLS = 200, {1: 64, 2: 32}
#: Cells along an axis on which the relaxation time is found.
RELAXATION_CELLS = {1: 512, 2: 64}


@dataclass(frozen=True, eq=False)
class Occupation:
    """Stationary densities of real and Gaussian descent beside those of three readings.

    Parameters
    ----------
    wells : tuple, shape (wells, dim)
        Minima of the loss, in whose basins walkers are counted.
    walkers : int
        Of each kind; they start at the minima, as many at each.
    relaxation : float
        Slowest relaxation time of the Ito equation, in steps.
    burn_in, window, moments : int
        Steps before walkers are first looked at, steps during which, and how often.
    sgd, gaussian : Occupied
    other_gaussian : Occupied
        Gaussian, half the learning rate and half the batch, twice as many steps: the same equation,
        whose densities the steps come nearer to.
    fokker_planck : mapping of str to StationaryLaw
        By reading.
    grid : Grid
        Of the histograms.
    notes : tuple of str
        Says so where walkers have not forgotten in which well they started.
    """

    wells: tuple[tuple[float, ...], ...]
    walkers: int
    relaxation: float
    burn_in: int
    window: int
    moments: int
    sgd: Occupied
    gaussian: Occupied
    other_gaussian: Occupied
    fokker_planck: Mapping[str, StationaryLaw]
    grid: Grid = field(repr=False, metadata=UNWRITTEN)
    notes: tuple[str, ...] = ()


def occupation(
    plane: InPlane,
    learning_rate: float,
    batch_size: int,
    walkers: int = WALKERS,
    seed: int = 0,
    *,
    confidence: float = 0.95,
    cells: int | None = None,
    floor: float | None = None,
    progress: Tell | None = None,
) -> Occupation:
    """Let walkers descend until their density is stationary, and compare it.

    A share of the walkers starts at each minimum. After five times the slowest relaxation time of
    the Ito equation, ``e^-5`` of that start would be left; they are looked at during as long
    again. Whether the start is forgotten is tested: walkers from all minima must occupy the wells
    alike (`Occupied.agreement`).

    Parameters
    ----------
    plane : InPlane
    learning_rate : float
    batch_size : int
    walkers, seed : int
        The same seed gives the same result.
    confidence : float
        Level of the intervals.
    cells, floor
        Of the Fokker-Planck problems, as for `InPlane.problem`.
    progress : callable, optional
        Told the fraction done.

    Raises
    ------
    CaseError
        For arguments out of range, fewer than two walkers for a minimum, or a loss without one.
    NumericalError
        If that would take far too long.
    """
    from fokkerplanck.ensemble import stream

    check_confidence(confidence)
    start = _Start.of(plane, learning_rate, batch_size, walkers)
    grid = plane.grid(CELLS[plane.dim])
    wells = [Basin(point, plane.landscape) for point in start.points]
    laws = _laws(plane, (learning_rate, batch_size), (cells, floor), wells, grid)

    def measured(noise: str, way: _Start, which: int) -> Occupied:
        part = stream(seed, which)
        sample, groups = _sample(plane, way, noise, part, _part(progress, which, 3))
        return Occupied.of(noise, sample, groups, wells, laws, grid, confidence, part)

    half = start._replace(
        rate=start.rate / 2, batch=start.batch / 2, relaxation=2 * start.relaxation
    )
    sgd = measured("minibatch", start, 0)
    gaussian, other = measured("gaussian", start, 1), measured("gaussian", half, 2)
    told = {"SGD": sgd, "the Gaussian twin": gaussian, "the twin of half the rate": other}
    return Occupation(
        wells=tuple(tuple(float(c) for c in point) for point in start.points),
        walkers=walkers,
        relaxation=start.relaxation,
        burn_in=start.burn_in,
        window=start.window,
        moments=MOMENTS,
        sgd=sgd,
        gaussian=gaussian,
        other_gaussian=other,
        fokker_planck=laws,
        grid=grid,
        notes=tuple(_unsettled(name, one) for name, one in told.items() if not one.settled),
    )


def _laws(
    plane: InPlane,
    setting: tuple[float, int],
    how: tuple[int | None, float | None],
    wells: list[Basin],
    grid: Grid,
) -> dict[str, StationaryLaw]:
    """Stationary densities in all readings."""
    cells, floor = how
    fine = plane.grid(cells).shape
    coarse = tuple(n // 2 for n in fine)

    def law(reading: str) -> StationaryLaw:
        pair = [
            plane.problem(*setting, reading, cells=shape, floor=floor) for shape in (fine, coarse)
        ]
        return StationaryLaw.of(reading, (pair[0], pair[1]), wells, grid)

    return {reading: law(reading) for reading in READINGS}


class _Start(NamedTuple):
    """Where walkers begin, and for how long they go."""

    points: list[Array]
    sizes: list[int]
    rate: float
    batch: float
    relaxation: float

    @classmethod
    def of(cls, plane: InPlane, rate: float, batch: int, walkers: int) -> _Start:
        """Find the minima and the slowest relaxation; refuse what would take too long."""
        from fokkerplanck.ensemble import whole_number
        from fokkerplanck.landscapes.critical import critical_points

        whole_number(walkers, "walkers", 2)
        problem = plane.problem(rate, batch, cells=RELAXATION_CELLS[plane.dim])
        found = critical_points(plane.landscape, problem.grid)
        points = [point.position for point in found if point.kind == "minimum"]
        if not points:
            msg = "the sampled loss has no minimum between the edges of the table: no well to be in"
            raise CaseError(msg, key="plane")
        if walkers < 2 * len(points):
            msg = f"walkers start at {len(points)} minima, two at each at least; got {walkers}"
            raise CaseError(msg, key="walkers")
        sizes = [len(part) for part in np.array_split(np.arange(walkers), len(points))]
        relaxation = float(spectrum(problem, 1).time_scales[0]) / rate
        start = cls(points, sizes, rate, batch, relaxation)
        # one gradient for each Gaussian step, and twice as many steps at half the rate
        work = walkers * (batch + 3.0) * (BURN_IN + WINDOW) * relaxation
        if not work <= MOST_WORK:
            msg = (
                f"the slowest relaxation takes {relaxation:.2g} steps: all walkers would need some "
                f"{work / PER_SECOND / 3600:.2g} hours to reach the stationary density. Take a "
                "larger learning rate, a smaller batch or fewer walkers"
            )
            raise NumericalError(msg)
        return start

    @property
    def burn_in(self) -> int:
        """Steps before the first look."""
        return int(np.ceil(BURN_IN * self.relaxation))

    @property
    def window(self) -> int:
        """Steps during which walkers are looked at, as many between any two looks."""
        return MOMENTS * int(np.ceil(WINDOW * self.relaxation / MOMENTS))


def _sample(
    plane: InPlane, start: _Start, noise: str, seed: int, tell: Tell
) -> tuple[InPlaneSample, NDArray[np.intp]]:
    """Positions of walkers from all minima, and from which each comes."""
    from fokkerplanck.ensemble import stream

    steps = start.burn_in + start.window // MOMENTS * np.arange(1, MOMENTS + 1)
    parts = []
    for k, (point, size) in enumerate(zip(start.points, start.sizes, strict=True)):
        one = plane.histogram(
            *(point, start.rate, start.batch, steps.tolist(), size),
            *(stream(seed, k + 2), noise),
            progress=_part(tell, k, len(start.points)),
        )
        parts.append(one.positions)
    groups = np.repeat(np.arange(len(parts)), start.sizes)
    return InPlaneSample(steps, np.concatenate(parts, axis=1), start.rate), groups


def _part(progress: Tell | None, which: int, parts: int) -> Tell:
    """Tell of one of several parts."""

    def tell(part: float) -> None:
        if progress is not None:
            progress((which + part) / parts)

    return tell


def _unsettled(name: str, found: Occupied) -> str:
    return (
        f"{name} has not become stationary in {BURN_IN:g} relaxation times: walkers from different "
        f"minima occupy the wells differently (p = {found.agreement:.1g}); its occupations depend "
        "on the start"
    )
