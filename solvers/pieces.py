"""Work on long arrays in pieces that stay in the cache, shared by threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.crew import available_threads, team

__all__ = ["all_finite", "in_pieces"]

#: Numbers in a piece of which NumPy makes a few temporaries.
PIECE = 1 << 15


def in_pieces(task: Callable[[int, int], None], count: int, size: int = PIECE) -> None:
    """Call ``task(first, last)`` for consecutive ranges up to `count`, in several threads.

    Parameters
    ----------
    task : callable
        Does numbers `first` to `last`, which depend on no other piece: results are then the same
        for any number of threads.
    count, size : int
        All numbers, and those in a piece.

    Notes
    -----
    Pieces are handed out from first to last. Of several exceptions that of the first piece is
    raised, as in one thread.
    """
    waiting = deque(range(0, count, size))
    failed: dict[int, BaseException] = {}

    def run(_: int) -> None:
        while waiting:
            try:
                first = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                task(first, min(first + size, count))
            except BaseException as error:
                waiting.clear()
                failed[first] = error
                return

    team(run, range(min(available_threads(), len(waiting))))
    if failed:
        raise failed[min(failed)]


def all_finite(values: NDArray[np.float64]) -> bool:
    """Whether no number is infinite or nan, without an array of answers."""
    with np.errstate(all="ignore"):
        if np.isfinite(values.sum()):
            return True
    return bool(np.isfinite(values).all())  # the sum may have overflowed
