"""Writing figures: which suffixes are allowed, and never a half-written or overwritten file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matplotlib.figure import Figure

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.plot.style import styled

__all__ = ["MOVIES", "PICTURES", "PRINT_DPI", "check_output", "replacing", "save"]

PICTURES = (".png", ".pdf")
PRINT_DPI = 200
MOVIES = (".gif", ".mp4")


def check_output(
    output: str | Path, *, force: bool = False, allowed: tuple[str, ...] = PICTURES + MOVIES
) -> Path:
    """Check the name of an output file before any work is done for it.

    Raises
    ------
    CaseError
        The suffix is not one of `allowed`.
    DataError
        The file exists and `force` is not given, or its folder does not exist.
    """
    path = Path(output)
    if path.suffix.lower() not in allowed:
        given = f"`{path.suffix}`" if path.suffix else "no suffix"
        msg = f"cannot plot to {path} ({given}): allowed are {', '.join(allowed)}"
        raise CaseError(msg)
    if not path.parent.is_dir():
        msg = f"cannot write {path}: the folder {path.parent} does not exist"
        raise DataError(msg)
    if path.exists() and not force:
        msg = f"{path} exists: choose another name, or overwrite it with --force"
        raise DataError(msg)
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path` and rename it when all went well.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix.lower()}")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        if isinstance(error, DataError):
            raise
        msg = f"cannot write {path}: {error.strerror or error}"
        raise DataError(msg) from error
    finally:
        part.unlink(missing_ok=True)


def save(figure: Figure, path: Path, *, dpi: int = PRINT_DPI, title: str = "") -> None:
    """Write a figure as PNG or as PDF with real text (fonts of type 42)."""
    kind = path.suffix.lower()[1:]
    # no date: the same result gives the same file
    metadata: dict[str, str | None] = {"Title": title}
    if kind == "pdf":
        metadata["CreationDate"] = None
    with styled(), replacing(path) as part:
        figure.savefig(
            part, format=kind, dpi=dpi, metadata=metadata, bbox_inches="tight", pad_inches=0.03
        )
