"""Rows of a grid in strips, the same for any number of threads: so are the bits of results."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

from fokkerplanck.solvers.crew import available_threads, team

__all__ = ["Span", "shared", "strips"]

#: Rows ``first <= i < last``, counted from 1.
Span = tuple[int, int]

#: Least number of cells of a strip, and most strips; a power of 2, which threads share evenly.
STRIP, MOST = 65536, 8


@cache
def strips(rows: int, columns: int) -> tuple[Span, ...]:
    """Cut so many rows of so many cells each into strips."""
    count = 1
    while count < MOST and 2 * count * STRIP <= rows * columns and 2 * count <= rows:
        count *= 2
    edges = [1 + rows * k // count for k in range(count + 1)]
    return tuple(pairwise(edges))


def shared(task: Callable[[int, int, int], None], parts: tuple[Span, ...]) -> None:
    """Run ``task(number, first, last)`` for all strips, in threads."""
    if len(parts) == 1:
        task(0, *parts[0])
        return
    threads = min(available_threads(), len(parts))
    numbered = [(k, *span) for k, span in enumerate(parts)]
    edges = [len(parts) * k // threads for k in range(threads + 1)]

    def run(group: int) -> None:
        for part in numbered[edges[group] : edges[group + 1]]:
            task(*part)

    team(run, range(threads))
