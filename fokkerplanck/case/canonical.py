"""A small TOML writer: the same value always gives the same text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["dumps"]

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")


def dumps(data: Mapping[str, Any]) -> str:
    """Write a nested mapping as TOML with sorted keys.

    Plain values come first, then one ``[table]`` per mapping and one ``[[table]]`` per entry of
    a list of mappings; anything deeper is written inline.

    Raises
    ------
    TypeError
        If a value is not a text, number, truth value, list or mapping.
    """
    plain = {k: v for k, v in data.items() if not isinstance(v, Mapping) and not _is_array(v)}
    blocks = [_lines(plain)] if plain else []
    for key in sorted(data):
        if isinstance(data[key], Mapping):
            blocks.append(f"[{_key(key)}]\n{_lines(data[key])}")
        elif _is_array(data[key]):
            blocks += [f"[[{_key(key)}]]\n{_lines(entry)}" for entry in data[key]]
    return "\n".join(blocks)


def _is_array(value: object) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) > 0
        and all(isinstance(entry, Mapping) for entry in value)
    )


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{_key(key)} = {_value(table[key])}\n" for key in sorted(table))


def _key(key: str) -> str:
    return key if BARE_KEY.match(key) else _text(key)


def _text(text: str) -> str:
    # JSON's escapes are TOML's; only DEL is allowed raw by the one and not by the other
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(k)} = {_value(value[k])}" for k in sorted(value))
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_value, value))}]"
    msg = f"cannot write a {type(value).__name__} as TOML"
    raise TypeError(msg)
