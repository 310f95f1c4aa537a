"""Workers of a sweep that begin as copies of this process, with all that it has imported.

A fresh interpreter takes as long to start as fifty easy points. A copy has only the thread that
made it, so it is made where there is no other (but those that BLAS puts to rest by itself), and
keeps no file of ours open: neither the journal and its lock, nor the pipes of other workers.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

__all__ = ["Copy", "may_copy"]

#: packages that keep threads of their own and do not bear copies
FOREIGN = ("torch", "jax", "tensorflow", "mpi4py", "distributed")
MOST_FILES = 1 << 20


def may_copy() -> bool:
    """Tell whether copies of this process can be relied on."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return False
    return not any(name in sys.modules for name in FOREIGN)


class Copy:
    """A copy of this process that runs `work` and nothing else; of the form of a ``Popen``.

    Parameters
    ----------
    work : callable
        Reads the text that is written to `stdin` and answers through `stdout`.
    errors : file
        Where its messages go.
    """

    def __init__(self, work: Callable[[], None], errors: Any) -> None:
        their_in, our_in = os.pipe()
        our_out, their_out = os.pipe()
        self.returncode: int | None = None
        self._waiting = threading.Lock()
        with warnings.catch_warnings():  # newer versions of Python count the threads of BLAS
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            _work(work, their_in, their_out, errors.fileno())
        os.close(their_in)
        os.close(their_out)
        self.stdin = os.fdopen(our_in, "w", encoding="utf-8")
        self.stdout = os.fdopen(our_out, "r", encoding="utf-8")

    def poll(self) -> int | None:
        """Return how it ended (a signal is negative), None while it runs."""
        if self.returncode is None and self._waiting.acquire(blocking=False):
            try:
                self._ask(os.WNOHANG)
            finally:
                self._waiting.release()
        return self.returncode

    def wait(self) -> int:
        """Wait until it has ended, and return how."""
        with self._waiting:
            self._ask(0)
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        """End it."""
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _ask(self, options: int) -> None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)


def _work(work: Callable[[], None], stdin: int, stdout: int, stderr: int) -> NoReturn:
    """Be the worker: own files, own session (Ctrl-C is for the other alone), own signals."""
    status = 1
    try:
        os.setsid()
        for own, number in ((stdin, 0), (stdout, 1), (stderr, 2)):
            os.dup2(own, number)
        os.closerange(3, MOST_FILES)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            for number, mode in enumerate(("r", "w", "w"))
        )
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        work()
        status = 0
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)
