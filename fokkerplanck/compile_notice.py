"""Notice when kernels are compiled: once after an installation, then they are kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

__all__ = ["CompileNotice"]


class CompileNotice:
    """Calls back when compilation begins, with True, and when it has ended, with False.

    Kernels that are read from the disk do not count.
    """

    def __init__(self, callback: Callable[[bool], None]) -> None:
        self.callback = callback
        self._depth = 0  # kernels compile the helpers that they call
        self._listener: Any = None

    def __enter__(self) -> Self:
        event = _events()
        notice = self

        class Listener(event.Listener):  # type: ignore[misc, name-defined]
            def on_start(self, happened: Any) -> None:
                notice._changed(1)

            def on_end(self, happened: Any) -> None:
                notice._changed(-1)

        self._listener = Listener()
        event.register("numba:compile", self._listener)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _events().unregister("numba:compile", self._listener)

    def _changed(self, by: int) -> None:
        before, self._depth = self._depth, self._depth + by
        if (before == 0) != (self._depth == 0):
            self.callback(self._depth > 0)


def _events() -> Any:
    from numba.core import event

    return event
