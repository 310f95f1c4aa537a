"""Processes on this machine that solve the points of a sweep.

Each is a copy of this process where that is safe (`fokkerplanck.sweep_copy`), else a fresh
interpreter, and talks JSON through its pipes: nothing is pickled, a script needs no
``if __name__ == "__main__"``, and when one dies it is known which point it had.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fokkerplanck.errors import DataError
from fokkerplanck.sweep_copy import Copy
from fokkerplanck.sweep_data import Outcome
from fokkerplanck.sweep_points import Point
from fokkerplanck.sweep_worker import READY, main, wake

__all__ = ["cores", "solve_here", "solve_in_pool"]

#: what a process runs; nothing of the current folder can be imported by it
WORKER = ("-P", "-m", "fokkerplanck.sweep_worker")
#: libraries that would start threads of their own
THREADS = ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM", "NUMBA")
#: seconds that the first point has to itself, to compile the kernels for all
HEAD_START = 30.0
#: seconds between two looks whether the user wants to stop
PATIENCE = 0.5


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def solve_here(
    points: Sequence[Point], path: str | None
) -> Generator[tuple[int, Outcome], None, None]:
    """Solve points one after another in this process."""
    from fokkerplanck.sweep_worker import solve

    for point in points:
        yield point.index, solve(point.text, path)


def solve_in_pool(
    points: Sequence[Point], path: str | None, workers: int, *, copies: bool = False
) -> Generator[tuple[int, Outcome], None, None]:
    """Solve points in processes of their own, and yield them as they are finished.

    A process that dies takes only its own point with it: that one is yielded as crashed and a new
    process goes on. Closing the iterator kills the processes.

    Parameters
    ----------
    points : sequence of Point
    path : str or None
        File of the case.
    workers : int
        How many processes.
    copies : bool
        Begin with copies of this process, see `fokkerplanck.sweep_copy.may_copy`.

    Raises
    ------
    DataError
        When a process does not even start.
    """
    crew = _Crew(points, path)
    try:
        crew.start(min(workers, len(points)), copies=copies)
        for _ in points:
            yield crew.next()
    finally:
        crew.stop()


class _Crew:
    """Threads, each of which keeps one process busy."""

    def __init__(self, points: Sequence[Point], path: str | None) -> None:
        self._path = path
        self._todo: queue.SimpleQueue[Point] = queue.SimpleQueue()
        for point in points:
            self._todo.put(point)
        self._found: queue.SimpleQueue[tuple[int, Outcome] | BaseException] = queue.SimpleQueue()
        self._compiled = threading.Event()
        self._stopped = False
        self._members: list[_Member] = []
        self._threads: list[threading.Thread] = []

    def start(self, count: int, *, copies: bool) -> None:
        self._members = [_Member() for _ in range(count)]
        if copies:
            wake()
            for member in self._members:  # before there is any thread
                member.copy()
        for k, member in enumerate(self._members):
            thread = threading.Thread(target=self._serve, args=(member, k == 0), daemon=True)
            self._threads.append(thread)
            thread.start()

    def next(self) -> tuple[int, Outcome]:
        while True:
            try:
                found = self._found.get(timeout=PATIENCE)  # Ctrl-C is seen in between
            except queue.Empty:
                continue
            if isinstance(found, BaseException):
                raise found
            return found

    def stop(self) -> None:
        self._stopped = True
        self._compiled.set()
        for member in self._members:
            member.kill()
        for thread in self._threads:
            thread.join()

    def _serve(self, member: _Member, first: bool) -> None:
        try:
            member.come_up()
            if not first:
                self._compiled.wait(HEAD_START)
            while not self._stopped:
                try:
                    point = self._todo.get_nowait()
                except queue.Empty:
                    return
                outcome = member.ask(point.text, self._path)
                if not self._stopped:
                    self._found.put((point.index, outcome))
                self._compiled.set()
        except BaseException as error:
            self._found.put(error)
        finally:
            member.kill()


class _Member:
    """One process, replaced by another when it dies."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | Copy | None = None
        self._errors: Any = None
        self._dismissed: bool = False
        self._changing = threading.Lock()

    def copy(self) -> None:
        """Let a copy of this process be the process."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by kill
        self._process = Copy(main, self._errors)

    def come_up(self) -> None:
        """Start the process unless it is there; `DataError` when it does not come up."""
        if self._process is None:
            self.begin()
        else:
            self._greeted()

    def begin(self) -> None:
        """Start a fresh process; `DataError` when it does not come up."""
        with self._changing:
            if self._dismissed:
                return
            self._close()
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by kill
            self._process = subprocess.Popen(
                [sys.executable, *WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=_environment(),
                encoding="utf-8",
                start_new_session=True,  # Ctrl-C is for us alone
            )
        self._greeted()

    def _greeted(self) -> None:
        process = self._process
        if not process or not process.stdout or process.stdout.readline().strip() != READY:
            self._complain()

    def _complain(self) -> None:
        """Say that the process did not start, unless it was killed while it came up."""
        if not self._dismissed:
            msg = f"a process for the sweep did not start: {self._end()}"
            raise DataError(msg)

    def ask(self, text: str, path: str | None) -> Outcome:
        """Have one case solved."""
        if self._process is None or self._process.poll() is not None:
            self.begin()
        process = self._process
        if self._dismissed or process is None or not process.stdin or not process.stdout:
            return Outcome("crashed", "stopped")
        try:
            process.stdin.write(json.dumps([text, path]) + "\n")
            process.stdin.flush()
            return Outcome(**json.loads(process.stdout.readline()))
        except (OSError, ValueError):  # it has died: half a line, or none
            return Outcome("crashed", self._end())

    def kill(self) -> None:
        """End the process and start no other."""
        with self._changing:
            self._dismissed = True
            self._close()

    def _close(self) -> None:
        """Leave nothing open, and no zombie."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with suppress(OSError):  # what was still to be written is of no interest
                stream.close()  # type: ignore[union-attr]

    def _end(self) -> str:
        """Say how the process ended."""
        if self._process is None:
            return "no process"
        status = self._process.wait()
        if status < 0:
            more = " (often: too little memory)" if -status == signal.SIGKILL else ""
            return f"the process was killed by {signal.Signals(-status).name}{more}"
        self._errors.seek(0)
        last = self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]
        return f"the process ended with status {status}" + (f": {last}" if last else "")


def _environment() -> dict[str, str]:
    """Environment in which the very same package is found, and one thread is enough."""
    root = str(Path(__file__).resolve().parents[1])
    old = os.environ.get("PYTHONPATH")
    more = {f"{name}_NUM_THREADS": "1" for name in THREADS}
    more["PYTHONPATH"] = os.pathsep.join([root, old] if old else [root])
    return {**os.environ, **more}
