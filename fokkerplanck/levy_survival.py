"""The whole law of a first-passage time under long jumps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import expm

from fokkerplanck.errors import NumericalError
from fokkerplanck.levy import Levy
from fokkerplanck.levy_line import killed_line
from fokkerplanck.levy_passage import ToTarget, levy_first_passage, to_target
from fokkerplanck.levy_refinement import changes
from fokkerplanck.levy_sets import Interval, checked_start, checked_target
from fokkerplanck.sets import PointSet
from fokkerplanck.survival import Survival, passage_times

__all__ = ["levy_passage_distribution"]

Array = NDArray[np.float64]
#: Most nodes that masses are evolved on; where the grid has more, the error is that of so many.
MOST = 512
#: Times unless told: from this part of the mean on, so many in each doubling, and how many.
FIRST, DOUBLING, COUNT = 1e-4, 3, 56
#: Steps that differ by less, relatively, are one; how many exponentials are kept.
SAME, KEPT = 1e-9, 8
#: Error of the survival from which on none is given.
LOST = 0.05
#: Most that the logarithm of the time scale is multiplied by in the survival, about.
SHIFTED = 0.5


def levy_passage_distribution(
    problem: Levy,
    start: PointSet | float | Sequence[float] | ArrayLike,
    target: PointSet | float | Sequence[float] | ArrayLike | str,
    times: ArrayLike | None = None,
) -> Survival:
    r"""Evolve the mass that has not reached the target yet, :math:`\dot P = Q^T P` outside of it.

    With q the probability to reach it (1 unless other walls absorb) the survival is
    :math:`\sum_i P_i(t) q_i / \sum_i P_i(0) q_i`.

    Parameters
    ----------
    problem, start, target
        As in `levy_first_passage`. On more than 512 cells, 512 nodes are evolved.
    times : array_like, shape (n,), optional
        Increasing, > 0. Unless given, 56 times from 1e-4 to 33 mean passage times, three in
        each doubling.

    Returns
    -------
    Survival
        Its `error` is that of the survival: what rounding took, and the largest that fewer nodes,
        and the error of the mean, tell of. The mean is that of `levy_first_passage`, on all cells.

    Raises
    ------
    CaseError
        As `levy_first_passage`, and when times do not increase.
    NumericalError
        As `levy_first_passage`, and when the survival is uncertain by 0.05.
    """
    mean = levy_first_passage(problem, start, target)
    if times is None:
        times = mean.mean * FIRST * 2.0 ** (np.arange(COUNT) / DOUBLING)
    moments = passage_times(times, COUNT, mean.log10_mean)
    pieces, words = checked_target(problem.grid, target)
    begin = checked_start(problem.grid, start, pieces, words)
    count = min(problem.grid.shape[0], MOST)
    survival, density, spent, own = _law(problem, count, pieces, begin, words, moments)

    def on(fewer: int) -> Array:
        return _law(problem, fewer, pieces, begin, words, moments)[0]

    # a time scale that is off by e changes survival by e t |dS / dt|, at most e / exp(1) where it
    # is exponential
    scale = mean.error + abs(own / mean.mean - 1.0)
    away = float(changes(count, on, survival, inner=False).max())
    error = spent + max(away, SHIFTED * scale)
    if not error < LOST:
        msg = f"fewer nodes than {count} change the survival by {error:.2g}: take more cells"
        raise NumericalError(msg)
    with np.errstate(divide="ignore"):
        log10 = np.log10(survival)
    return Survival(moments, survival, log10, density, error, mean.mean, mean.start, words)


def _law(
    problem: Levy,
    count: int,
    pieces: Sequence[Interval],
    begin: PointSet,
    words: str,
    times: Array,
) -> tuple[Array, Array, float, float]:
    """Survival, density of the time, the error of the integration, and the mean."""
    line = killed_line(problem, count, pieces)
    found: ToTarget = to_target(line, begin, words)
    mass = line.start_mass(begin)
    whole = float(mass @ found.reach)
    steps = _Steps(line.generator.dense())
    survival, density = np.empty(len(times)), np.empty(len(times))
    now = 0.0
    for k, time in enumerate(times.tolist()):
        with np.errstate(over="ignore", invalid="ignore"):
            mass, now = steps.over(time - now)[:-1, :-1].T @ mass, time
            left = float(mass @ found.reach) / whole
        if not abs(left) < 1.0 + LOST:
            msg = f"the mass that is left grows on {count} nodes, which are too few for the drift "
            msg += f"from {begin.text} to {words}: take more cells"
            raise NumericalError(msg)
        survival[k] = np.clip(left, 0.0, 1.0)
        density[k] = max(float(mass @ found.into), 0.0) / whole
    return survival, density, steps.error * len(times) / whole, found.mean


class _Steps:
    """Exponentials of a generator; one over twice the time is a square."""

    def __init__(self, generator: Array) -> None:
        # one more state, where the killed stay: rows of exponentials sum to 1 but for rounding
        self._generator = np.pad(generator, (0, 1))
        self._generator[:-1, -1] = -generator.sum(axis=1)
        self._known: dict[float, Array] = {}
        #: Largest of what rounding took of the number of walkers in a step.
        self.error = 0.0

    def over(self, time: float) -> Array:
        """Return ``e^(time Q)``."""
        for known, matrix in self._known.items():
            if abs(known - time) <= SAME * time:
                return matrix
        half = next((m for t, m in self._known.items() if abs(2.0 * t - time) <= SAME * time), None)
        found = expm(time * self._generator) if half is None else half @ half
        self.error = max(self.error, float(np.abs(found.sum(axis=1) - 1.0).max()))
        while len(self._known) >= KEPT:
            del self._known[next(iter(self._known))]
        self._known[time] = found
        return np.asarray(found)
