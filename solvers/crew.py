"""Threads that work on compiled kernels in short calls, so that an interrupt gets through."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import cache
from threading import Event
from typing import TypeVar

__all__ = ["available_threads", "team", "work"]

T = TypeVar("T")

#: Seconds between two looks at the progress.
INTERVAL = 0.1


def available_threads() -> int:
    """Threads that this process may use: its cores, or fewer by ``NUMBA_NUM_THREADS``."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores or 1, int(os.environ.get("NUMBA_NUM_THREADS", cores or 1)))


def work(
    tasks: Iterable[Callable[[], Iterator[None]]],
    threads: int,
    look: Callable[[], None] | None = None,
) -> None:
    """Run tasks, each an iterator of short pieces, in threads until all are done.

    Parameters
    ----------
    tasks : iterable of callable
        Each returns an iterator; a piece of work, of some ten milliseconds, is done at each step.
    threads : int
        How many run at a time.
    look : callable, optional
        Called about ten times a second in the calling thread.

    Notes
    -----
    An exception, that of an interrupt too, ends all tasks after the pieces they are at.
    """
    stop = Event()

    def run(task: Callable[[], Iterator[None]]) -> None:
        for _ in task():
            if stop.is_set():
                return

    with ThreadPoolExecutor(threads) as pool:
        try:
            waiting: set[Future[None]] = {pool.submit(run, task) for task in tasks}
            while waiting:
                done, waiting = wait(waiting, INTERVAL, FIRST_COMPLETED)
                for future in done:
                    future.result()
                if look is not None:
                    look()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def team(task: Callable[[T], None], parts: Sequence[T]) -> None:
    """Run a task on each of a few parts at once, on the last one in the calling thread."""
    if len(parts) > 1:
        pool = _pool(len(parts) - 1, os.getpid())
        others = [pool.submit(task, part) for part in parts[:-1]]
        try:
            task(parts[-1])
        finally:
            wait(others)
        for other in others:
            other.result()
    elif parts:
        task(parts[0])


@cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    """Threads that wait for work; `process` because a forked process has none of its parent's."""
    return ThreadPoolExecutor(threads)
