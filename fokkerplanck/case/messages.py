"""Say what is wrong with a case: one line per mistake, with the key and what is allowed."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from fokkerplanck._version import __version__

__all__ = ["Mistake", "explain", "joined", "later", "nearest", "show"]

Mistake = tuple[str, str]
"""(dotted key, message)"""

LATER_TABLES = ("spectrum", "passage", "sgd")
LATER_KINDS = {"noise": ("covariance", "loss", "levy"), "dynamics": ("underdamped",)}
LONGEST_SHOWN = 60


def explain(errors: Iterable[Mapping[str, Any]], root: type[BaseModel]) -> list[Mistake]:
    """Rewrite pydantic's errors as ``(key, message)`` pairs.

    Parameters
    ----------
    errors : iterable of mapping
        What ``ValidationError.errors()`` returns.
    root : type
        The model that was validated; known keys are looked up in it.
    """
    mistakes = []
    for error in errors:
        tables, path = _descend(error["loc"], root)
        mistakes.append(_explain_one(error, tables, path))
    return list(dict.fromkeys(mistakes))


def joined(mistakes: Sequence[Mistake]) -> str:
    """All mistakes in one text: a line each, after their number."""
    lines = [f"  {key}: {message}" if key else f"  {message}" for key, message in mistakes]
    return "\n".join([f"{len(mistakes)} mistakes", *lines])


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean "cells"?`` or nothing when no known word is near."""
    close = difflib.get_close_matches(word[:LONGEST_SHOWN], list(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def later(what: str) -> str:
    """Message for a part of the contract that this version does not compute."""
    return f"{what} is not computed by this version ({__version__})"


def show(value: object) -> str:
    """Print a value as it would stand in the file, shortened."""
    text = _plain(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}... ({len(text)} long)"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 200:  # printing it could take forever
        return f"an integer of {value.bit_length()} bits"
    if isinstance(value, str):
        return '"' + value.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_plain(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_plain(v) for v in value[:LONGEST_SHOWN]) + "]"
    return str(value)


def _descend(
    location: tuple[str | int, ...], root: type[BaseModel]
) -> tuple[list[type[BaseModel]], str]:
    """Tables that hold the last part of `location`, and its path without the unions' tags."""
    tables, path = [root], ""
    parts = [part for part in location if part != "[key]"]
    for depth, part in enumerate(parts):
        last = depth == len(parts) - 1
        if isinstance(part, int):
            path += f".{part}"
            continue
        tagged = [t for t in tables if part in _tags(t)]
        if tagged and path:
            tables = tagged
            continue
        path += f".{part}" if path else part
        if not last:
            tables = [
                inner
                for t in tables
                if part in t.model_fields
                for inner in _tables_in(t.model_fields[part].annotation)
            ]
    return tables, path


def _tags(table: type[BaseModel]) -> tuple[str, ...]:
    """Tags of a table in a union: its own (`TAG`) or the values of its `kind`."""
    kind = table.model_fields.get("kind")
    own = getattr(table, "TAG", None)
    return (own,) if own else (typing.get_args(kind.annotation) if kind else ())


def _tables_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for inner in typing.get_args(annotation) for table in _tables_in(inner)]


def _explain_one(
    error: Mapping[str, Any], tables: list[type[BaseModel]], path: str
) -> Mistake:
    kind, given = error["type"], error.get("input")
    if kind == "missing":
        return path, _missing(path, tables)
    if kind == "extra_forbidden":
        return path, _unknown(path, tables)
    if kind == "union_tag_invalid":
        return f"{path}.kind", _unknown_kind(path, error["ctx"])
    if kind == "union_tag_not_found":
        known = ", ".join(sorted(tag for t in _tables_at(path, tables) for tag in _tags(t)))
        return f"{path}.kind", f"missing key (one of: {known})"
    context = error.get("ctx", {})
    rule = RULES.get(kind)
    message = rule(context) if rule else error["msg"]
    return path, f"{message}, got {show(given)}"


def _tables_at(path: str, tables: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """Tables of the union at the last key of `path`."""
    key = path.rpartition(".")[2]
    fields = [t.model_fields[key] for t in tables if key in t.model_fields]
    return [inner for field in fields for inner in _tables_in(field.annotation)]


def _missing(path: str, tables: list[type[BaseModel]]) -> str:
    if _tables_at(path, tables):
        return f"missing table [{path}]"
    key = path.rpartition(".")[2]
    about = next((t.model_fields[key].description for t in tables if key in t.model_fields), None)
    return f"missing key ({about})" if about else "missing key"


def _unknown(path: str, tables: list[type[BaseModel]]) -> str:
    key = path.rpartition(".")[2]
    if key in LATER_TABLES and path == key:
        return later(f"[{key}]")
    allowed = list(dict.fromkeys(name for table in tables for name in table.model_fields))
    return f"unknown key{nearest(key, allowed)} (allowed: {', '.join(allowed) or 'none'})"


def _unknown_kind(path: str, context: Mapping[str, Any]) -> str:
    tag, expected = str(context["tag"]), context["expected_tags"].replace("'", "")
    if tag in LATER_KINDS.get(path, ()):
        return f'{later(f"{path} of kind {show(tag)}")} (known: {expected})'
    return f"unknown kind {show(tag)}{nearest(tag, expected.split(', '))} (known: {expected})"


def _choice(context: Mapping[str, Any]) -> str:
    return f"expects one of {context['expected'].replace(chr(39), chr(34))}"


#: pydantic's error type -> what is allowed
RULES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "float_type": lambda _: "expects a number",
    "int_type": lambda _: "expects an integer",
    "string_type": lambda _: "expects a text in quotes",
    "bool_type": lambda _: "expects true or false",
    "tuple_type": lambda _: "expects a list",
    "dict_type": lambda _: "expects a table",
    "model_type": lambda _: "expects a table",
    "model_attributes_type": lambda _: "expects a table",
    "finite_number": lambda _: "expects a finite number",
    "literal_error": _choice,
    "greater_than": lambda c: f"must be > {c['gt']:g}",
    "greater_than_equal": lambda c: f"must be >= {c['ge']:g}",
    "less_than": lambda c: f"must be < {c['lt']:g}",
    "less_than_equal": lambda c: f"must be <= {c['le']:g}",
    "too_short": lambda c: f"needs at least {c['min_length']} entries",
    "too_long": lambda c: f"has at most {c['max_length']} entries",
    "string_too_short": lambda c: f"needs at least {c['min_length']} characters",
    "string_too_long": lambda c: f"has at most {c['max_length']} characters",
    "string_pattern_mismatch": lambda _: "expects a name of letters, digits and underscores",
}
