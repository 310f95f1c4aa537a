"""The numbers of a run's JSON object, each by its dotted path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

__all__ = ["is_number", "numbers_of"]

#: lists that are longer (curves over time, say) are left to the JSON itself
LONGEST_LIST = 32


def numbers_of(result: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield paths and numbers; predictions are ``expect.QUANTITY.PREDICTION``."""
    for key, value in result.items():
        yield from _expected(value) if key == "expect" else _numbers(value, key)


def _numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for k, inner in enumerate(value if len(value) <= LONGEST_LIST else ()):
            yield from _numbers(inner, f"{path}.{k}")
    elif is_number(value):
        yield path, float(value)


def _expected(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """Yield what ``[[expect]]`` predicts, once for each quantity and prediction."""
    seen: set[str] = set()
    for row in rows:
        name = f"expect.{row['quantity']}.{row['prediction'] or 'value'}"
        if name in seen:
            continue
        seen.add(name)
        entries = {name: row["predicted"], f"{name}.relative_error": row["relative_error"]}
        entries |= {f"{name}.valid": row["valid"], f"{name}.pass": row["pass"]}
        for path, value in entries.items():
            if is_number(value):
                yield path, float(value)


def is_number(value: Any) -> bool:
    """Tell whether a value is a number or a truth value."""
    return isinstance(value, (bool, int, float))
