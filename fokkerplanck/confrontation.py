"""The confrontation: escape times of in-plane SGD beside those of the Fokker-Planck equation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.confrontation_occupation import READINGS, Occupation, occupation
from fokkerplanck.confrontation_plain import plain
from fokkerplanck.confrontation_row import Law, Measured, Prediction, Ratio, Row
from fokkerplanck.confrontation_survival import SurvivalCurves
from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.passage import mean_first_passage
from fokkerplanck.survival import Survival, first_passage_distribution

if TYPE_CHECKING:
    from fokkerplanck.in_plane import InPlane, Place, TableError
    from fokkerplanck.in_plane_chain import ExactChain
    from fokkerplanck.in_plane_passage import InPlanePassage

__all__ = ["Confrontation", "confrontation"]

Array = NDArray[np.float64]
WALKERS = 1000
#: Times at which the law is known, and cells of an axis of the plane that it is found on.
TIMES, LAW_CELLS = 161, 64
#: Mean times with replacement after which walkers of epochs, which may take for ever, are given up.
EPOCHS = 10.0


@dataclass(frozen=True)
class Confrontation:
    """Rows of a confrontation, and what they have in common.

    Parameters
    ----------
    source : str
        The file.
    samples : int
        N.
    start, target : str
        What they are, in words.
    walkers, seed : int
    confidence : float
    interpolation : TableError
        How good the table is.
    rows : tuple of Row
    """

    source: str
    samples: int
    start: str
    target: str
    walkers: int
    seed: int
    confidence: float
    interpolation: TableError
    rows: tuple[Row, ...]

    def to_dict(self) -> dict[str, Any]:
        """Numbers and words for JSON; nan becomes None."""
        found: dict[str, Any] = plain(self)
        return found


def confrontation(
    plane: InPlane,
    settings: Iterable[tuple[float, int] | Mapping[str, Any]],
    start: Place,
    target: Place,
    walkers: int = WALKERS,
    *,
    seed: int = 0,
    confidence: float = 0.95,
    cells: int | None = None,
    floor: float | None = None,
    stationary: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Confrontation:
    """Measure escape times and stationary densities, and compare them with predictions.

    Parameters
    ----------
    plane : InPlane
    settings : iterable of (learning rate, batch size)
        Or mappings with ``learning_rate`` and ``batch_size``.
    start, target
        As for `mean_first_passage`.
    walkers : int
        Of each measurement; a setting has five.
    seed : int
        The same seed gives the same result.
    confidence : float
        Level of the intervals.
    cells, floor
        Of the Fokker-Planck problems, as for `InPlane.problem`.
    stationary : bool
        Whether walkers go on until their density is stationary, too (see `occupation`); where that
        would take far too long, the notes of a row say so.
    progress : callable, optional
        Told the fraction done.

    Raises
    ------
    CaseError
        For arguments out of range, or no settings.
    NumericalError
        If nobody escapes at a setting, or that would take far too long.
    """
    pairs = [_pair(setting) for setting in settings]
    if not pairs:
        msg = "a confrontation needs at least one setting (learning rate, batch size)"
        raise CaseError(msg, key="settings")
    rows = []
    words = ("", "")
    for number, (rate, batch) in enumerate(pairs):
        escape = _Escape(plane, start, target, walkers, (seed, number), confidence)

        def tell(part: float, done: int = number) -> None:
            if progress is not None:
                progress((done + part) / len(pairs))

        row, passage = _row(escape, rate, batch, (cells, floor), stationary, tell)
        tell(1.0)
        words = passage.start, passage.target
        rows.append(row)
    return Confrontation(
        plane.source,
        plane.samples,
        *words,
        walkers,
        seed,
        confidence,
        plane.interpolation,
        tuple(rows),
    )


@dataclass(frozen=True)
class _Escape:
    """What all measurements of a setting have in common."""

    plane: InPlane
    start: Place
    target: Place
    walkers: int
    seed: tuple[int, int]
    confidence: float

    def __call__(
        self,
        which: int,
        rate: float,
        batch: float,
        noise: str,
        draw: str = "replacement",
        most_steps: int | None = None,
    ) -> InPlanePassage:
        from fokkerplanck.ensemble import stream

        return self.plane.escape(
            *(self.start, self.target, rate, batch, self.walkers),
            *(stream(self.seed[0], self.seed[1], which), noise, draw),
            confidence=self.confidence,
            most_steps=most_steps,
        )


def _row(
    escape: _Escape,
    rate: float,
    batch: int,
    fields: tuple[int | None, float | None],
    stationary: bool,
    tell: Callable[[float], None],
) -> tuple[Row, InPlanePassage]:
    notes: list[str] = []
    factor = 2 if batch % 2 else 0.5
    real = escape(0, rate, batch, "minibatch")
    tell(0.1)
    twin = escape(1, rate, batch, "gaussian")
    tell(0.2)
    other = escape(2, rate * factor, batch * factor, "minibatch")
    tell(0.3)
    half = escape(3, rate / 2, batch / 2, "gaussian")
    tell(0.4)
    epochs, most = None, int(EPOCHS * real.mean_steps) + 1
    try:
        epochs = Measured.of(escape(4, rate, batch, "minibatch", "epochs", most))
    except NumericalError:
        # of exponential times, all of n are beyond t with probability exp(-n t / mean)
        least = -escape.walkers * most / np.log1p(-escape.confidence)
        notes.append(
            f"without replacement, none of {escape.walkers} walkers escaped in {most} steps: their "
            f"mean is above {least:.3g} ({100 * escape.confidence:g} %, for an exponential law)"
        )
    tell(0.6)
    occupied = _occupied(escape, rate, batch, fields, notes, tell) if stationary else None
    sgd, gaussian, other_sgd, other_gaussian = map(Measured.of, (real, twin, other, half))
    predictions = _predictions(escape, rate, batch, fields, sgd, gaussian)
    ito = predictions["ito"]
    law = _law(escape, rate, batch, fields, ito.mean_steps * rate)
    return (
        Row(
            learning_rate=rate,
            batch_size=batch,
            sgd=sgd,
            gaussian=gaussian,
            other_sgd=other_sgd,
            other_gaussian=other_gaussian,
            epochs=epochs,
            fokker_planck=predictions,
            ratios=_ratios(
                (sgd, gaussian, other_sgd, other_gaussian, epochs), ito, rate, escape.confidence
            ),
            law=_tested(real, law),
            gaussian_law=_tested(twin, law),
            survival=SurvivalCurves.of(real, twin, law, escape.confidence),
            occupation=occupied,
            notes=tuple(notes),
            chain=_chain(escape, rate, batch, sgd, gaussian),
        ),
        real,
    )


def _occupied(
    escape: _Escape,
    rate: float,
    batch: int,
    fields: tuple[int | None, float | None],
    notes: list[str],
    tell: Callable[[float], None],
) -> Occupation | None:
    """Densities after a long time; None, with a note, where that is too long."""
    from fokkerplanck.ensemble import stream

    try:
        found = occupation(
            *(escape.plane, rate, batch, escape.walkers, stream(*escape.seed, 5)),
            confidence=escape.confidence,
            cells=fields[0],
            floor=fields[1],
            progress=lambda part: tell(0.6 + 0.4 * part),
        )
    except NumericalError as error:
        notes.append(f"no stationary density: {error}")
        return None
    notes.extend(found.notes)
    return found


def _chain(
    escape: _Escape, rate: float, batch: int, sgd: Measured, gaussian: Measured
) -> ExactChain | None:
    """Find exact times beside the measured ones, on a line."""
    from fokkerplanck.in_plane_chain import InPlaneChain

    if escape.plane.dim != 1:
        return None
    return InPlaneChain(escape.plane, escape.start, escape.target).beside(
        rate, batch, sgd, gaussian
    )


def _predictions(
    escape: _Escape,
    rate: float,
    batch: int,
    fields: tuple[int | None, float | None],
    sgd: Measured,
    gaussian: Measured,
) -> dict[str, Prediction]:
    found = {}
    for reading in READINGS:
        problem = escape.plane.problem(rate, batch, reading, cells=fields[0], floor=fields[1])
        passage = mean_first_passage(problem, escape.start, escape.target)
        found[reading] = Prediction.of(reading, passage.mean / rate, passage.error, sgd, gaussian)
    return found


def _ratios(
    measured: tuple[Measured, Measured, Measured, Measured, Measured | None],
    ito: Prediction,
    rate: float,
    confidence: float,
) -> dict[str, Ratio]:
    sgd, gaussian, other_sgd, other_gaussian, epochs = measured

    def time(m: Measured) -> tuple[float, float]:
        return m.mean_steps * m.learning_rate, m.standard_error * m.learning_rate

    exact = ito.mean_steps * rate, ito.error * ito.mean_steps * rate
    pairs = {
        "sgd": (time(sgd), exact),
        "gaussian": (time(gaussian), exact),
        "non_gaussian": (time(sgd), time(gaussian)),
        "other_sgd": (time(other_sgd), exact),
        "other_gaussian": (time(other_gaussian), exact),
    }
    if epochs is not None:
        pairs["epochs"] = (time(epochs), time(sgd))
    return {name: Ratio.of(*pair, confidence) for name, pair in pairs.items()}


def _law(
    escape: _Escape,
    rate: float,
    batch: int,
    fields: tuple[int | None, float | None],
    mean: float,
) -> Survival:
    """Law of the time in the Ito reading, on times in units of its own mean."""
    cells = fields[0] if escape.plane.dim == 1 else min(fields[0] or LAW_CELLS, LAW_CELLS)
    problem = escape.plane.problem(rate, batch, cells=cells, floor=fields[1])
    coarse = mean_first_passage(problem, escape.start, escape.target).mean
    times = np.geomspace(1e-3, 30.0, TIMES) * coarse
    found = first_passage_distribution(problem, escape.start, escape.target, times, tolerance=1e-6)
    # the mean that times are compared with is that of the finer grid
    return Survival(
        *(times * (mean / coarse), found.survival, found.log10_survival, found.density),
        *(found.error, mean, found.start, found.target),
    )


def _tested(found: InPlanePassage, law: Survival) -> Law:
    """Test times against a law; walkers given up count as later than all others."""
    from scipy.stats import kstwo

    def below(t: Array) -> Array:
        return np.interp(np.log(t), np.log(law.times), 1.0 - law.survival)

    # a time of k steps says that the set was met within the last of them
    times, walkers = found.times - found.step / 2, found.walkers
    largest = _largest(below(times), walkers)
    scaled = times / found.mean
    return Law(
        largest,
        float(kstwo.sf(largest, walkers)),
        _largest(below(scaled * law.mean), walkers),
        _largest(-np.expm1(-scaled), walkers),
    )


def _largest(below: Array, walkers: int) -> float:
    """Largest difference of a distribution function, at ascending times, from the sample's."""
    rank = np.arange(below.size)
    return float(max((below - rank / walkers).max(), ((rank + 1) / walkers - below).max()))


def _pair(setting: tuple[float, int] | Mapping[str, Any]) -> tuple[float, int]:
    pair = (
        (setting.get("learning_rate"), setting.get("batch_size"))
        if isinstance(setting, Mapping)
        else tuple(setting)
    )
    try:
        rate, batch = (float(v) for v in pair)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        rate = batch = np.nan
    if not (rate > 0 and np.isfinite(rate) and batch >= 1 and batch == np.floor(batch)):
        msg = f"a setting is a learning rate > 0 and a whole batch size >= 1, got {setting!r}"
        raise CaseError(msg, key="settings")
    return rate, int(batch)
