"""Parts of a confrontation as numbers and words for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

__all__ = ["UNWRITTEN", "plain"]

#: Metadata of fields that are for figures and not for JSON.
UNWRITTEN: Mapping[str, Any] = {"json": False}


def plain(value: Any) -> Any:
    """Numbers and words of a value; nan becomes None, fields that are `UNWRITTEN` are left out."""
    if is_dataclass(value):
        kept = [f.name for f in fields(value) if f.metadata.get("json", True)]
        return {name: plain(getattr(value, name)) for name in kept}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
