"""Every exception a user can meet, and the exit status each one stands for."""

from __future__ import annotations

from fokkerplanck.solvers.errors import NumericalError

__all__ = ["CaseError", "DataError", "FokkerPlanckError", "NumericalError", "exit_status"]


class FokkerPlanckError(Exception):
    """Base of the package's own exceptions: one clear message, no traceback needed."""


class CaseError(FokkerPlanckError, ValueError):
    """Something in a case, or an argument, is not allowed.

    Parameters
    ----------
    message : str
        What was given and what is allowed.
    file, key : str, optional
        Where: the case file, and the dotted path of the key (``"grid.x.cells"``).
    """

    def __init__(self, message: str, *, file: str | None = None, key: str | None = None) -> None:
        self.message, self.file, self.key = message, file, key
        where = ": ".join(part for part in (file, key) if part)
        super().__init__(f"{where}: {message}" if where else message)


class DataError(FokkerPlanckError, OSError):
    """A file could not be read or written, or is not what it should be."""


def exit_status(error: BaseException) -> int:
    """Exit status of an error: 2 for bad input, 3 for a numerical failure."""
    return 3 if isinstance(error, NumericalError) else 2
