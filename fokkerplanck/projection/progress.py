"""One line on a terminal that says how far trainings and a projection are."""

from __future__ import annotations

import time

from fokkerplanck.progress import INTERVAL, PATIENCE, bar, live
from fokkerplanck.sweep_progress import SweepProgress

__all__ = ["ProjectionProgress"]


class ProjectionProgress(SweepProgress):
    """Progress of trainings, then through points; silent unless stderr is a terminal."""

    def train(self, network: int, networks: int, epoch: int, epochs: int, loss: float) -> None:
        """Say how far the training of a network is."""
        now = time.monotonic()
        early = self._live is None and now - self._begin < PATIENCE
        if not self.shown or early or now - self._shown_at < INTERVAL:
            return
        from rich.text import Text

        self._shown_at = now
        self._live = self._live or live()
        which = f"network {network + 1} of {networks}"
        text = f"{bar(epoch / epochs)} {which}, epoch {epoch} of {epochs}  loss {loss:.3g}"
        self._live.update(Text(text), refresh=True)
