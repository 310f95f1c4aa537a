"""Opening files of recorded trainings: what goes wrong with them, in one message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fokkerplanck.errors import CaseError, DataError

__all__ = ["opened", "plain_attribute"]


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading.

    Raises
    ------
    DataError
        When there is none, it is no HDF5, or what is read from it is missing or damaged; one that
        is raised inside goes through as it is.
    """
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError as error:
        msg = f"{path}: no such file"
        raise DataError(msg) from error
    except OSError as error:
        msg = f"{path}: cannot be read as HDF5 ({error})"
        raise DataError(msg) from error
    with file:
        try:
            yield file
        except DataError:
            raise
        except (KeyError, OSError, TypeError, ValueError, CaseError) as error:
            msg = f"{path}: is damaged ({error})"
            raise DataError(msg) from error


def plain_attribute(value: Any) -> Any:
    """Attribute as a plain number or text."""
    return value.item() if isinstance(value, np.generic) else value
