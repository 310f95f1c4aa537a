"""One line on a terminal that says how far a long run is."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["INTERVAL", "PATIENCE", "Progress", "bar", "clock", "fraction_done", "live"]

#: Times that span more than this factor count as spread over decades.
DECADES = 100.0
#: Seconds of work before the line appears: a quick run shows none.
PATIENCE = 0.5
#: Seconds between two updates.
INTERVAL = 0.1
COMPILING = "compiling kernels, once after an installation ..."


class Progress:
    """Progress of a run through its times; silent unless stderr is a terminal.

    Parameters
    ----------
    times : ndarray, shape (n,)
        All times of the run.
    quiet : bool
        Show nothing.
    """

    def __init__(self, times: NDArray[np.float64], *, quiet: bool = False) -> None:
        self.times = times
        self.shown = not quiet and sys.stderr.isatty()
        self._begin = time.monotonic()
        self._first: float | None = None
        self._shown_at = -math.inf
        self._live: Any = None
        self._notice: Any = None

    def __enter__(self) -> Self:
        if self.shown:
            from fokkerplanck.compile_notice import CompileNotice

            self._notice = CompileNotice(self._compiling).__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._notice is not None:
            self._notice.__exit__(kind, error, trace)
        if self._live is not None:
            self._live.stop()

    def _compiling(self, begins: bool) -> None:
        self._show(COMPILING if begins else "")

    def advance(self, t: float, mass_error: float | None) -> None:
        """Say that the density at time `t` is saved."""
        if not self.shown or len(self.times) < 2:
            return
        done = fraction_done(self.times, t)
        elapsed = time.monotonic() - self._begin
        if self._first is None:  # where a resumed run began
            self._first = done
        if self._live is None and (elapsed < PATIENCE or done >= 1.0):
            return
        if elapsed - self._shown_at < INTERVAL:
            return
        self._shown_at = elapsed
        self._update(done, t, mass_error, elapsed)

    def tell(self, what: str) -> None:
        """Say what has been begun, where there is nothing to count."""
        if self.shown:
            self._show(f"{what} ...")

    def _update(self, done: float, t: float, mass_error: float | None, elapsed: float) -> None:
        gained = done - (self._first or 0.0)
        left = elapsed * (1.0 - done) / gained if gained > 0 else math.nan
        error = "" if mass_error is None else f"  mass error {mass_error:.0e}"
        self._show(f"{bar(done)} {done:4.0%}  t = {t:.3g}{error}  {clock(left)} left")

    def _show(self, text: str) -> None:
        from rich.text import Text

        if self._live is None:
            self._live = live()
        self._live.update(Text(text))
        self._live.refresh()


def fraction_done(times: NDArray[np.float64], t: float) -> float:
    """Fraction of the way to the last time: of its logarithm when the times span decades."""
    positive = times[times > 0]
    if t <= 0 or not positive.size:
        return 0.0
    first, last = float(positive[0]), float(positive[-1])
    if last <= DECADES * first:
        return min(t / last, 1.0)
    # the first step counts as one, too
    start = math.log(first) - (math.log(last / first)) / max(positive.size - 1, 1)
    return max(0.0, min(1.0, (math.log(t) - start) / (math.log(last) - start)))


def live() -> Any:
    """Start a line on stderr that is rewritten in place and vanishes when it is stopped."""
    from rich.console import Console
    from rich.live import Live

    line = Live(console=Console(stderr=True), transient=True, auto_refresh=False)
    line.start()
    return line


def bar(done: float, width: int = 20) -> str:
    """Draw a fraction as a bar of `width` letters."""
    full = round(done * width)
    return "━" * full + "╌" * (width - full)


def clock(seconds: float) -> str:
    """Write a duration as on a clock."""
    if not math.isfinite(seconds):
        return "?"
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02}:{s:02}" if hours else f"{m}:{s:02}"
