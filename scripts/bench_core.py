"""What a benchmark row is, and what is said about its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["OURS", "Array", "Metrics", "Row", "Sweep", "Task", "floor", "judge", "times"]

Array = NDArray[np.float64]
Metrics = dict[str, Any]
#: What is timed, and what is said about its result.
Task = tuple[Callable[[], Any], Callable[[Any], Metrics]]
#: Names of rows of this program begin with it.
OURS = "fokkerplanck"


@dataclass(frozen=True)
class Sweep:
    """One problem with several values of a parameter, all of about the same cost.

    Parameters
    ----------
    ready : sequence of callable
        For each value: makes what is not timed, and returns what is.
    judge : callable
        What is said about the list of results.
    """

    ready: Sequence[Callable[[], Callable[[], Any]]]
    judge: Callable[[Any], Metrics]


@dataclass(frozen=True)
class Row:
    """One program on one problem, to be run in a process of its own.

    Parameters
    ----------
    group : str
        The problem; rows of a group are compared with each other.
    name : str
        The program and its settings.
    prepare : callable
        Returns the `Task` or `Sweep`; not timed, and imports nothing that is not in `needs`.
    needs : tuple of str
        Modules imported before anything is measured; the row is skipped where one is missing.
    cannot : str
        Why the program does not solve this problem; nothing is run then.
    series : str
        Rows of the same name in the same series are one problem at several sizes.
    cells : int
        The size, for the exponents that are fitted to a series.
    large : bool
        Run only when asked for.
    """

    group: str
    name: str
    prepare: Callable[[], Task | Sweep] | None = None
    needs: tuple[str, ...] = ()
    cannot: str = ""
    series: str = ""
    cells: int = 0
    large: bool = False

    @property
    def key(self) -> str:
        """What the command line calls it."""
        return f"{self.group}: {self.name}"


def judge(p: Array, exact: Array, volume: float, mass: float = 1.0) -> Metrics:
    """L1 error, smallest value over the peak, and mass error of a density."""
    p = np.asarray(p, dtype=np.float64)
    return {
        "l1": float(np.abs(p - exact).sum() * volume),
        "minimum": float(p.min() / p.max()),
        "mass_error": float(abs(p.sum() * volume - mass)),
    }


def floor(judge: Callable[[Any], Metrics], bytes_: float, normals: float = 0.0) -> Any:
    """Say with the result what any program must do at least.

    Parameters
    ----------
    judge : callable
        What else is said.
    bytes_ : float
        What must pass between memory and processor once: problem, start, answer.
    normals : float
        Normal random numbers that must be drawn.
    """
    return lambda result: {"floor_bytes": bytes_, "floor_normals": normals} | judge(result)


def times(call: Callable[[], Any], count: int) -> Callable[[], Any]:
    """Repeat a call; return the last result."""

    def repeated() -> Any:
        for _ in range(count - 1):
            call()
        return call()

    return repeated
