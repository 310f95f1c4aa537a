"""From what goes wrong in a command to one message on stderr and an exit status."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import NoReturn, ParamSpec

import typer

__all__ = ["INTERRUPTED", "guarded"]

P = ParamSpec("P")

INTERRUPTED, TERMINATED, BROKEN_PIPE = 130, 143, 141
OUT_OF_MEMORY = 3


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Make a command end with a message and a status where a user meets an error.

    An exception that is not in the list is a bug, and keeps its traceback.
    """

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        from fokkerplanck.errors import FokkerPlanckError, NumericalError, exit_status

        caught: list[int] = []
        _on_termination(caught)
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except (FokkerPlanckError, NumericalError) as error:
            _leave(f"error: {error}", exit_status(error))
        except KeyboardInterrupt as error:
            _leave(_after_interrupt(error), TERMINATED if caught else INTERRUPTED)
        except BrokenPipeError:
            # whoever read our output has gone; python must not complain once more at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE) from None
        except MemoryError as error:
            _leave(f"error: not enough memory ({error}); use fewer cells", OUT_OF_MEMORY)

    return wrapper


def _after_interrupt(error: KeyboardInterrupt) -> str:
    if isinstance(message := getattr(error, "message", None), str):
        return message
    path = getattr(error, "path", None)
    if path is None:
        return "interrupted; nothing was saved"
    if path.suffix == ".part":
        path_note = f"{path} (the older {path.stem} is untouched)"
    else:
        path_note = str(path)
    advice = (
        "go on with the same command and --resume: it keeps snapshots, and solves the rest again"
    )
    return f"{error}: they are in {path_note}\n{advice}"


def _leave(message: str, status: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(status) from None


def _on_termination(caught: list[int]) -> None:
    """Let SIGTERM, which batch systems send, end a run as Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        caught.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
