"""What a result file holds, as one JSON object."""

from __future__ import annotations

import json
from typing import Any

from fokkerplanck.grid import Axis
from fokkerplanck.store import VELOCITY, StoredResult

__all__ = ["datasets", "describe"]


def describe(stored: StoredResult) -> dict[str, Any]:
    """Return what ``info --json`` prints: status, grid, times, datasets, provenance, case."""
    summary = stored.summary
    return {
        "file": str(stored.path),
        "title": stored.title,
        "status": stored.attrs["status"],
        "format_version": stored.attrs["format_version"],
        "planned": stored.attrs["planned"],
        "grid": {
            a.name: {"min": a.min, "max": a.max, "cells": a.cells, "walls": _walls(stored, a)}
            for a in stored.grid.axes
        },
        "times": stored.times.tolist(),
        "datasets": {name: " ".join(what) for name, what in datasets(stored).items()},
        "provenance": stored.provenance,
        "case": stored.case_text,
        "summary": None if summary is None else json.loads(summary),
    }


def _walls(stored: StoredResult, axis: Axis) -> list[str] | None:
    """Both walls of an axis; velocities have none."""
    return None if stored.underdamped and axis.name == VELOCITY else list(axis.walls)


def datasets(stored: StoredResult) -> dict[str, tuple[str, str]]:
    """Path of every array in the file, with its dimensions and what it is."""
    found: dict[str, tuple[str, str]] = {}

    def visit(name: str, item: Any) -> None:
        if not hasattr(item, "shape") or item.is_scale or not item.shape:
            return
        dims = [
            dim[0].name.rsplit("/", 1)[-1] if len(dim) else str(size)
            for dim, size in zip(item.dims, item.shape, strict=True)
        ]
        found[name] = (f"({', '.join(dims)})", str(item.attrs.get("long_name", "")))

    stored.file.visititems(visit)
    return found
