"""Walkers in blocks of lanes: which of them go where, and for how long, whatever moves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers import walk_kernels as k
from fokkerplanck.solvers.crew import work

__all__ = ["Herd", "Hunt", "Mover", "outcome"]

Array = NDArray[np.float64]
Progress = Callable[[float], None]
#: Walker-steps of one call of a kernel, some ten milliseconds.
PIECE = 2_000_000
#: Blocks that one task takes through time together.
TOGETHER = 8
FOREVER = 2**61


class Mover(Protocol):
    """A kernel and what it is told."""

    def run(self, blocks: tuple[Any, ...], times: Any, walkers: Any, out: Any) -> None:
        """Move blocks of walkers; see `walk_kernels.line_walk_kernel`."""
        ...


def outcome(starts: Array) -> tuple[Array, Array, NDArray[np.int64]]:
    """Make times, places and fates, before anything is known."""
    return np.zeros(len(starts)), starts.copy(), np.full(len(starts), k.WALKING, np.int64)


class Blocks:
    """Memory of some blocks of lanes, with the queue of walkers that each takes from."""

    def __init__(self, blocks: int) -> None:
        self.integers = np.zeros((blocks, k.INTEGERS, k.LANES), np.int64)
        self.integers[:, k.NUMBER] = -1
        self.reals = np.zeros((blocks, k.KEPT, k.LANES))
        self.counts = np.zeros((blocks, k.COUNTERS), np.int64)

    def part(self, at: slice) -> tuple[Any, ...]:
        """Return the arrays of some of the blocks."""
        return self.integers[at], self.reals[at], self.counts[at]


class Herd:
    """Walkers that go through time together."""

    def __init__(
        self,
        rules: Mover,
        starts: Array,
        queue: NDArray[np.intp],
        seed: int,
        piece: int = PIECE,
    ) -> None:
        self.rules, self.starts, self.piece = rules, starts, piece
        self.walkers = (queue.astype(np.int64), starts, np.uint64(seed % 2**64))
        self.out = outcome(starts)
        begin = np.arange(0, len(starts), k.LANES)
        self.blocks = Blocks(len(begin))
        self.blocks.counts[:, k.NEXT] = begin
        self.blocks.counts[:, k.STOP] = np.minimum(begin + k.LANES, len(starts))
        self.now = 0

    def advance(self, until: int, last: int, threads: int, progress: Progress | None) -> None:
        """Take all to the clock `until`; `last` is that of the end, for the progress."""
        counts = self.blocks.counts
        slices = [slice(i, i + TOGETHER) for i in range(0, len(counts), TOGETHER)]

        def look() -> None:
            if progress is not None:
                progress(float(counts[:, k.CLOCK].mean() / max(last, 1)))

        tasks = [partial(self._task, at, until) for at in slices]
        if until > self.now:
            work(tasks, threads, look)
        self.now = until

    def _task(self, at: slice, until: int) -> Iterator[None]:
        piece = max(self.piece // (TOGETHER * k.LANES), 2)
        clock = self.now
        while clock < until:
            clock = min(clock + piece, until)
            times = (np.int64(clock), np.int64(FOREVER), np.int64(FOREVER), False)
            self.rules.run(self.blocks.part(at), times, self.walkers, self.out)
            yield

    def positions(self) -> Array:
        """Where all are; nan for those that have ended."""
        return self.starts.copy() if self.now == 0 else self._rows(k.X)

    def momenta(self) -> Array:
        """Last step of each with momentum, walls apart; nan for those that have ended."""
        return np.zeros(self.starts.shape) if self.now == 0 else self._rows(k.P)

    def _rows(self, first: int) -> Array:
        """Numbers of all walkers in the rows of the axes, from the first on."""
        out: Array = np.full(self.starts.shape, np.nan)
        number = self.blocks.integers[:, k.NUMBER]
        live = number >= 0
        for axis in range(self.starts.shape[1]):
            out[number[live], axis] = self.blocks.reals[:, first + axis][live]
        return out


class Hunt:
    """Walkers that go until each meets the target; lanes that are free take the next in turn."""

    def __init__(
        self,
        rules: Mover,
        starts: Array,
        queue: NDArray[np.intp],
        seed: int,
        most: int,
        out: tuple[Array, Array, NDArray[np.int64]],
        piece: int = PIECE,
    ) -> None:
        self.rules, self.most, self.out, self.piece = rules, most, out, piece
        self.walkers = (queue.astype(np.int64), starts, np.uint64(seed % 2**64))
        self.total, self.taken, self.lock = len(queue), 0, Lock()
        self.live: list[Blocks] = []

    def run(self, threads: int, progress: Progress | None) -> None:
        """Let all walk."""

        def look() -> None:
            if progress is not None:
                walking = sum(int(b.counts[0, k.LIVE]) for b in self.live)
                progress(max(self.taken - walking, 0) / max(self.total, 1))

        self.threads = min(threads, -(-self.total // 8) or 1)
        if self.total:
            work([self._task] * self.threads, self.threads, look)

    def _take(self, blocks: Blocks) -> None:
        """Give a block with an empty queue the next walkers, fewer towards the end."""
        count = blocks.counts[0]
        if count[k.NEXT] < count[k.STOP]:
            return
        with self.lock:
            left = self.total - self.taken
            share = min(max(left // (4 * self.threads), 64), left, 4096)
            count[k.NEXT], count[k.STOP] = self.taken, self.taken + share
            self.taken += share

    def _task(self) -> Iterator[None]:
        blocks = Blocks(1)
        self.live.append(blocks)
        count = blocks.counts[0]
        while True:
            self._take(blocks)
            if count[k.NEXT] == count[k.STOP] and count[k.LIVE] == 0:
                return
            hungry = self.taken < self.total
            times = (
                np.int64(FOREVER),
                np.int64(self.most),
                np.int64(max(self.piece // k.LANES, 2)),
                hungry,
            )
            self.rules.run(blocks.part(slice(0, 1)), times, self.walkers, self.out)
            yield
