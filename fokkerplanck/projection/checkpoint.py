"""Checkpoints of trainings: one npz file, written beside its name and then put in its place."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.writer import uninterrupted

__all__ = ["Arrays", "check_settings", "load", "save"]

Arrays = dict[str, NDArray[Any]]
#: how a checkpoint is known to be one, and its version
FORMAT = "fokkerplanck training 1"
NEEDED = ("weights", "trajectory", "epochs", "losses", "accuracies")


def save(path: Path, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> None:
    """Write a checkpoint; a kill leaves the one before it.

    Raises
    ------
    DataError
        When it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    texts = {"format": np.array(FORMAT), "settings": np.array(json.dumps(settings))}
    try:
        with uninterrupted():
            with part.open("wb") as file:
                np.savez(file, allow_pickle=False, **texts, **arrays)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
    except OSError as error:
        msg = f"{path}: cannot be written ({error.strerror or error})"
        raise DataError(msg) from error


def load(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read a checkpoint: its arrays and settings.

    Raises
    ------
    DataError
        When it cannot be read, is cut off, or is something else.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            found = {key: file[key] for key in file.files}
        settings = json.loads(str(found.pop("settings")))
        known = str(found.pop("format")) == FORMAT and all(key in found for key in NEEDED)
    except FileNotFoundError as error:
        msg = f"{path}: no such file"
        raise DataError(msg) from error
    except KeyError:
        known, settings = False, {}
    except (OSError, ValueError, EOFError, TypeError, AttributeError, BadZipFile) as error:
        msg = f"{path}: cannot be read as a checkpoint of a training ({error})"
        raise DataError(msg) from error
    if not known:
        msg = f"{path}: is not a checkpoint of a training"
        raise DataError(msg)
    return found, settings


def check_settings(path: Path, stored: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Refuse to go on from the checkpoint of another training.

    Raises
    ------
    CaseError
        Names what has changed.
    """
    changes = [
        f"{key} was {stored.get(key, 'not given')}, is {given.get(key, 'not given')}"
        for key in sorted(stored.keys() | given.keys())
        if stored.get(key) != given.get(key)
    ]
    if changes:
        msg = f"cannot go on, the training has changed: {'; '.join(changes)}"
        raise CaseError(msg, file=str(path))
