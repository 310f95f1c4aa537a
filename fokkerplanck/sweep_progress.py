"""One line on a terminal that says how far a sweep is."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

from fokkerplanck.progress import INTERVAL, PATIENCE, bar, clock, live

__all__ = ["SweepProgress"]


class SweepProgress:
    """Progress of a sweep through its points; silent unless stderr is a terminal.

    Parameters
    ----------
    quiet : bool
        Show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.shown = not quiet and sys.stderr.isatty()
        self._begin = self._shown_at = time.monotonic()
        self._first: int | None = None
        self._live: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def tell(self, done: int, count: int, failed: int) -> None:
        """Say how many of the points are saved, and how many of those failed."""
        now = time.monotonic()
        if self._first is None:  # where a resumed sweep began
            self._first, self._begin = done, now
        early = self._live is None and now - self._begin < PATIENCE
        if not self.shown or early or now - self._shown_at < INTERVAL:
            return
        from rich.text import Text

        self._shown_at = now
        gained = done - self._first
        left = (now - self._begin) * (count - done) / gained if gained else float("nan")
        wrong = f"  {failed} failed" if failed else ""
        self._live = self._live or live()
        text = f"{bar(done / count)} {done} of {count} points{wrong}  {clock(left)} left"
        self._live.update(Text(text), refresh=True)
