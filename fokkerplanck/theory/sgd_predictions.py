"""Predictions of escape under the noise of SGD: density diffusion theory, noise like the loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import inf, log
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.theory.case_line import line_way
from fokkerplanck.theory.escape_predictions import KNOWN, PASSAGE, SLOWEST, said
from fokkerplanck.theory.noisy_line_wells import NoisyLineWells
from fokkerplanck.theory.prediction import Prediction, invalid, passage_asked, unknown
from fokkerplanck.theory.sgd_escape import SgdEscape
from fokkerplanck.theory.sgd_path import along_path, climb_on_path
from fokkerplanck.theory.varying_noise import varying_noise_log_time
from fokkerplanck.theory.well_passage import WellRates, well_passage
from fokkerplanck.theory.wells import Wells, degenerate, find_wells

if TYPE_CHECKING:
    from fokkerplanck.landscapes.descent_path import DescentPath
    from fokkerplanck.landscapes.newton import Box
    from fokkerplanck.problem import Problem

__all__ = ["SGD_ESCAPES"]

Array = NDArray[np.float64]
#: Relative mismatch below which a noise is a multiple of the loss, or of the unit matrix.
ROUNDING = 1e-9
#: Climbs that differ by less are alike.
ALIKE = 1e-2
READINGS = {1.0: "Ito", 0.5: "Stratonovich", 0.0: "Hanggi-Klimontovich"}


def _density_diffusion(
    problem: Problem, case: Any, quantity: str, *, name: str, published: bool
) -> Prediction:
    """Escape in the reading of the problem, or as published (that of Hanggi and Klimontovich)."""
    asked = passage_asked(case, quantity)
    if not (asked and asked[1] in PASSAGE) and quantity not in SLOWEST:
        raise unknown(quantity, name, KNOWN)
    fault = _fault(problem)
    if fault:
        return invalid(fault)
    if published and not _frozen(problem):
        return invalid("the published law is one of noise frozen at |H|")
    if problem.grid.dim == 1 and not problem.grid.axes[0].periodic:
        found = _on_a_line(problem, asked, published=published)
    elif _frozen(problem):
        found = _over_saddles(problem, asked, published=published)
    else:
        found = "around a ring or in the plane it needs the frozen model"
    read = SLOWEST[quantity] if asked is None else PASSAGE[asked[1]]
    answer = said(found, read)
    kappa = problem.noise.kappa
    if published and kappa > 0 and np.isfinite(answer.value):
        note = (
            "the published prefactor is that of the Hanggi-Klimontovich reading, and this is "
            f"the {READINGS[kappa]} one: its law is density-diffusion"
        )
        return Prediction(answer.value, False, "; ".join(filter(None, (note, answer.note))))
    return answer


def _loss_noise(problem: Problem, case: Any, quantity: str) -> Prediction:
    """Escape under ``D = c (L + offset) I``, a power law in the losses."""
    asked = passage_asked(case, quantity)
    if not (asked and asked[1] in PASSAGE) and quantity not in SLOWEST:
        raise unknown(quantity, "loss-noise", KNOWN)
    fault = _fault(problem)
    if fault:
        return invalid(fault)
    line = _proportional(problem)
    if isinstance(line, str):
        return invalid(line)
    if problem.grid.dim == 1 and not problem.grid.axes[0].periodic:
        found = _on_a_line(problem, asked, published=False)
    else:
        found = _by_losses(problem, asked, *line)
    return said(found, SLOWEST[quantity] if asked is None else PASSAGE[asked[1]])


def _by_losses(
    problem: Problem, asked: tuple[Any, str] | None, strength: float, offset: float
) -> tuple[float, float] | tuple[float, float, str] | str:
    wells = _wells(problem)
    if isinstance(wells, str):
        return wells

    def noise(point: Any) -> float:
        return strength * (float(point.loss) + offset)

    def law(minimum: Any, saddle: Any) -> tuple[float, float]:
        ends = noise(minimum), noise(saddle)
        climb = log(ends[1] / ends[0]) / strength
        kappa = problem.noise.kappa
        return varying_noise_log_time(minimum.hessian, saddle.hessian, ends, climb, kappa), climb

    minima = wells.minima
    times = {(k, n): law(minima[k], s) for n, (s, *sides) in enumerate(wells.ways) for k in sides}
    return _found(problem, asked, wells, times, noise, "")


def _on_a_line(
    problem: Problem, asked: tuple[Any, str] | None, *, published: bool
) -> tuple[float, float] | tuple[float, float, str] | str:
    line = NoisyLineWells.at(problem, published=published)
    if isinstance(line, str):
        return line
    if asked is None:
        return line.relaxation()
    way = line_way(problem, asked[0])
    if isinstance(way, str) or way.target is None:
        return way if isinstance(way, str) else "the target is a wall"
    return line.passage(way.start, way.target)


def _over_saddles(
    problem: Problem, asked: tuple[Any, str] | None, *, published: bool
) -> tuple[float, float] | tuple[float, float, str] | str:
    from fokkerplanck.landscapes.descent_path import descent_path
    from fokkerplanck.landscapes.newton import Box

    wells = _wells(problem)
    if isinstance(wells, str):
        return wells
    if problem.landscape.bare is not problem.landscape:
        return "with weight decay the noise is not that of the Hessian the drift has"
    eb, box = float(problem.noise.eb), Box.around(problem.grid)  # type: ignore[attr-defined]
    paths = {
        (k, n): descent_path(problem.landscape, wells.minima[k].position, s.position, box)
        for n, (s, *sides) in enumerate(wells.ways)
        for k in sides
    }
    laws = {
        way: along_path(problem.landscape, path.minimum, path.saddle, eb, box=box, path=path)
        for way, path in paths.items()
    }
    kappa = problem.noise.kappa

    def log_time(law: SgdEscape) -> float:
        return law.log_published if published else law.log_time(kappa)

    times = {way: (log_time(law), law.climb) for way, law in laws.items()}
    faults = {fault for law in laws.values() for fault in law.faults}
    if not faults and not all(
        _as_frozen(problem, paths[way], box, law) for way, law in laws.items()
    ):
        faults.add("the noise on the way is not that of its minimum and its saddle")
    if published and any(abs(law.across) > ROUNDING for law in laws.values()):
        faults.add("the curvatures across the path change, which the published law leaves out")

    def noise(saddle: Any) -> float:
        return eb * abs(float(saddle.eigenvalues[0]))

    return _found(problem, asked, wells, times, noise, "; ".join(sorted(faults)))


Times = dict[tuple[int, int], tuple[float, float]]


def _as_frozen(problem: Problem, path: DescentPath, box: Box, law: SgdEscape) -> bool:
    """Whether the noise of a problem is on the way what the law takes it for."""

    def noise(points: Array) -> Array:
        return problem.noise.at(problem.landscape, problem.grid, box.inside(points))

    return abs(climb_on_path(problem.landscape, path, noise) / law.climb - 1) < ALIKE


def _found(
    problem: Problem,
    asked: tuple[Any, str] | None,
    wells: Wells,
    times: Times,
    noise: Callable[[Any], float],
    caveat: str,
) -> tuple[float, float, str] | str:
    """Passage or slowest rate from the times over every saddle, by (well, way)."""
    count = len(wells.minima)
    logs = np.full((count, count), -inf)
    for n, (_, a, b) in enumerate(wells.ways):
        for i, j in ((a, b), (b, a)):
            logs[i, j] = np.logaddexp(logs[i, j], -times[i, n][0])

    def lowest(numbers: Sequence[int]) -> float:
        return min((climb for (k, _), (_, climb) in times.items() if k in numbers), default=inf)

    if asked is None:
        if count != 2:
            return f"needs exactly two minima, found {count}"
        both = float(np.logaddexp(logs[0, 1], logs[1, 0]))
        return both, lowest([0, 1]), caveat
    passage = well_passage(problem, asked[0], wells, WellRates(logs, lowest, noise, True))
    return passage if isinstance(passage, str) else (*passage, caveat)


def _fault(problem: Problem) -> str:
    if problem.schedule is not None:
        return "the diffusion follows a schedule"
    if any(wall == "absorbing" for pair in problem.grid.walls for wall in pair):
        return "a wall absorbs"
    if problem.force is not None and np.any(problem.fields().force):
        return "needs a drift that is a gradient"
    return ""


def _frozen(problem: Problem) -> bool:
    from fokkerplanck.noise import FrozenNoise

    return isinstance(problem.noise, FrozenNoise)


def _wells(problem: Problem) -> Wells | str:
    wells = find_wells(problem.landscape, problem.grid)
    if not wells.ways:
        return "needs two minima and a saddle that connects them"
    if degenerate((*wells.minima, *(saddle for saddle, *_ in wells.ways))):
        return "a minimum or saddle has a direction without curvature"
    return wells


def _proportional(problem: Problem) -> tuple[float, float] | str:
    """Strength c and offset of a noise ``c (L + offset) I``; or say that it is not of this kind."""
    points = problem.grid.points().reshape(-1, problem.grid.dim)
    loss = problem.landscape.loss(points)
    d = problem.noise.at(problem.landscape, problem.grid, points)
    first = d[:, 0, 0]
    scale = float(np.abs(first).max())
    if np.abs(d - first[:, None, None] * np.eye(problem.grid.dim)).max() > ROUNDING * scale:
        return "needs noise that is the same in every direction"
    centre = float(loss.mean())
    slope = float((loss - centre) @ (first - first.mean()) / ((loss - centre) @ (loss - centre)))
    rest = first - first.mean() - slope * (loss - centre)
    if slope <= 0 or np.abs(rest).max() > ROUNDING * scale:
        return "the noise is not proportional to the loss that drives (and an offset)"
    return slope, float(first.mean()) / slope - centre


#: Name in a case file -> formula, called with (problem, case, quantity).
SGD_ESCAPES: dict[str, Callable[[Any, Any, str], Prediction]] = {
    "density-diffusion": partial(_density_diffusion, name="density-diffusion", published=False),
    "density-diffusion-published": partial(
        _density_diffusion, name="density-diffusion-published", published=True
    ),
    "loss-noise": _loss_noise,
}
