"""The points of a sweep on the workers of a dask scheduler.

Workers are started by ``dask worker tcp://HOST:PORT --nthreads 1``, as many as there are cores, on
any machine where this package is installed; data files that a case names must be found there
under the same path. When a worker dies, the scheduler gives its points to another.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from itertools import islice
from typing import Any
from uuid import uuid4

from fokkerplanck._version import __version__
from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.sweep_data import Outcome
from fokkerplanck.sweep_points import Point
from fokkerplanck.sweep_worker import solve_remotely

__all__ = ["solve_with_dask"]

#: seconds to reach the scheduler
PATIENCE = "15s"
#: what an address of a scheduler looks like
ADDRESS = r"([a-z]+://)?[^\s/]+:\d+"
#: points handed to the scheduler ahead of time
AHEAD = 2000


def solve_with_dask(
    points: Sequence[Point], path: str | None, address: str
) -> Generator[tuple[int, Outcome], None, None]:
    """Solve points on a scheduler's workers, and yield them as they are finished.

    A point during which several workers died is yielded as crashed.

    Raises
    ------
    CaseError
        When dask.distributed is not installed, or the address is none.
    DataError
        When the scheduler cannot be reached or is lost, or its workers lack this package.
    """
    client = _connect(address)
    from distributed import as_completed

    log = logging.getLogger("distributed.client")
    level = log.level

    waiting = iter(points)
    name = f"fokkerplanck-{uuid4().hex[:12]}"
    running: dict[Any, int] = {}

    def submit(point: Point) -> Any:
        arguments = point.text, path, __version__
        key = f"{name}-{point.index}"
        future = client.submit(solve_remotely, *arguments, key=key, pure=False)
        running[future.key] = point.index
        return future

    log.setLevel(logging.CRITICAL)  # tracebacks of its reconnecting say less than the error below
    try:
        first = [submit(point) for point in islice(waiting, AHEAD)]
        arriving = as_completed(first, loop=client.loop)
        for future in arriving:
            index = running.pop(future.key)
            outcome = _outcome(future, address)
            yield index, outcome
            future.release()
            if (point := next(waiting, None)) is not None:
                arriving.add(submit(point))
    finally:
        with suppress(Exception):  # the scheduler may be gone
            client.cancel([f"{name}-{index}" for index in running.values()], force=True)
        client.close(timeout=5)
        log.setLevel(level)


def _outcome(future: Any, address: str) -> Outcome:
    """Return what became of a point; `DataError` when nothing did."""
    from distributed import KilledWorker

    try:
        return Outcome(**future.result())
    except KilledWorker as error:
        n = getattr(error, "allowed_failures", 0) + 1
        died = "1 worker" if n == 1 else f"{n} workers"
        return Outcome("crashed", f"{died} died on this point")
    except CancelledError as error:
        msg = f"{address}: the scheduler was lost; --resume goes on"
        raise DataError(msg) from error
    except Exception as error:
        msg = f"{address}: a worker could not begin: {type(error).__name__}: {error}; "
        msg += "workers need the same fokkerplanck; --resume goes on"
        raise DataError(msg) from error


def _connect(address: str) -> Any:
    if not re.fullmatch(ADDRESS, address):
        msg = f"expects tcp://HOST:PORT, the address that dask scheduler prints; got {address!r}"
        raise CaseError(msg, key="--scheduler")
    try:
        from distributed import Client
    except ImportError:
        msg = 'needs dask.distributed: pip install "fokkerplanck[dask]"'
        raise CaseError(msg, key="--scheduler") from None
    try:
        return Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        msg = f"{address}: no scheduler answers ({reason}); start one with: dask scheduler"
        raise DataError(msg) from None
