"""What is said where the extra ``[resnet]`` is needed and not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fokkerplanck.errors import CaseError

__all__ = ["EXTRA", "needs_extra"]

#: modules of the extra
EXTRA = ("torch", "sklearn")


@contextmanager
def needs_extra() -> Iterator[None]:
    """Turn a failed import of torch or scikit-learn into `CaseError` that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in EXTRA:
            raise
        msg = f"needs {name}, which is not installed: pip install 'fokkerplanck[resnet]'"
        raise CaseError(msg) from error
