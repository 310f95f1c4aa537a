"""Say what is wrong with a case: one line per mistake, with the key and what is allowed."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fokkerplanck.case.values import is_tag

__all__ = ["Mistake", "explain", "joined", "nearest", "show"]

Mistake = tuple[str, str]
"""(dotted key, message)"""

Tables = list[type[BaseModel]]

LONGEST_SHOWN = 60
#: errors that are best answered with the whole of what a key expects
ABOUT = ("tuple_type", "model_type", "model_attributes_type", "literal_error")


def explain(errors: Iterable[Mapping[str, Any]], root: type[BaseModel]) -> list[Mistake]:
    """Rewrite pydantic's errors as ``(key, message)`` pairs.

    Parameters
    ----------
    errors : iterable of mapping
        What ``ValidationError.errors()`` returns.
    root : type
        The model that was validated; known keys are looked up in it.
    """
    mistakes: dict[Mistake, None] = {}
    misspelt: set[str] = set()
    for error in errors:
        tables, path = _descend(error["loc"], root)
        mistakes[_explain_one(error, tables, path)] = None
        if error["type"] == "extra_forbidden":
            misspelt.add(_meant(path, tables))
    return [m for m in mistakes if not (m[0] in misspelt and m[1].startswith("missing"))]


def joined(mistakes: Sequence[Mistake]) -> str:
    """All mistakes in one text: their number, then a line each."""
    lines = [f"  {key}: {message}" if key else f"  {message}" for key, message in mistakes]
    return "\n".join([f"{len(mistakes)} mistakes", *lines])


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean "cells"?`` or nothing when no known word is near."""
    close = _closest(word, known)
    return f'; did you mean "{close}"?' if close else ""


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


def _closest(word: str, known: Iterable[str]) -> str | None:
    close = difflib.get_close_matches(word[:LONGEST_SHOWN], list(known), n=1, cutoff=0.6)
    return close[0] if close else None


def _descend(location: Sequence[str | int], root: type[BaseModel]) -> tuple[Tables, str]:
    """Tables that hold the last part of `location`, and its dotted path.

    In a location the tag of a union's member stands after the union's own key.
    """
    tables: Tables = [root]
    inner: Tables = []
    path: list[str] = []
    for part in location:
        name = str(part)
        if is_tag(name) or (len(inner) > 1 and any(name in _kinds(t) for t in inner)):
            inner = [t for t in inner if name in _kinds(t)]
            continue
        if part == "[key]":
            continue
        path.append(name)
        if isinstance(part, int):
            continue
        tables = inner or tables
        inner = _tables_at(name, tables)
    return tables, ".".join(path)


def _kinds(table: type[BaseModel]) -> tuple[str, ...]:
    """Tags of a table in a union: its own (`TAG`) or the values of its `kind`."""
    own = getattr(table, "TAG", None)
    if own:
        return (own,)
    kind = table.model_fields.get("kind")
    return typing.get_args(kind.annotation) if kind else ()


def _tables_at(key: str, tables: Tables) -> Tables:
    """Tables that may stand at a key of one of `tables`."""
    fields = [field for table in tables if (field := _fields(table).get(key)) is not None]
    return [inner for field in fields for inner in _tables_in(field.annotation)]


def _fields(table: type[BaseModel]) -> dict[str, FieldInfo]:
    """Fields by the names they have in a file."""
    return {field.alias or name: field for name, field in table.model_fields.items()}


def _tables_in(annotation: Any) -> Tables:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for inner in typing.get_args(annotation) for table in _tables_in(inner)]


def _explain_one(error: Mapping[str, Any], tables: Tables, path: str) -> Mistake:
    kind, given = error["type"], error.get("input")
    key = path.rpartition(".")[2]
    if kind == "missing":
        return path, _missing(path, key, tables)
    if kind == "extra_forbidden":
        return path, _unknown(path, key, tables)
    if kind == "union_tag_invalid":
        return f"{path}.kind", _unknown_kind(path, error["ctx"])
    if kind == "union_tag_not_found":
        known = ", ".join(tag for t in _tables_at(key, tables) for tag in _kinds(t))
        return f"{path}.kind", f"missing key (one of: {known})"
    if kind == "tuple_type" and path == key:
        return path, f"expects a list of tables: write [[{path}]]"
    return path, _broken_rule(error, given, _about(key, tables))


def _broken_rule(error: Mapping[str, Any], given: object, about: str | None) -> str:
    context, kind = error.get("ctx", {}), error["type"]
    rule = RULES.get(kind)
    message: str = rule(context) if rule else error["msg"]
    if about and kind in ABOUT:
        message = f"expects {about}"
    if kind == "refused" and isinstance(given, dict):
        return message
    message = f"{message}, got {show(given)}"
    if kind == "literal_error" and isinstance(given, str):
        return message + nearest(given, _words(context))
    quoted = kind in ("float_type", "int_type") and isinstance(given, str)
    return f"{message} (a text in quotes)" if quoted else message


def _about(key: str, tables: Tables) -> str | None:
    """Say in words what a key expects."""
    return next((_fields(t)[key].description for t in tables if key in _fields(t)), None)


def _missing(path: str, key: str, tables: Tables) -> str:
    if _tables_at(key, tables) and path == key:
        return f"missing table [{path}]"
    about = _about(key, tables)
    return f"missing key ({about})" if about else "missing key"


def _known_keys(tables: Tables) -> list[str]:
    return list(dict.fromkeys(name for table in tables for name in _fields(table)))


def _meant(path: str, tables: Tables) -> str:
    """Path of the known key nearest to an unknown one."""
    table, _, key = path.rpartition(".")
    return f"{table}.{_closest(key, _known_keys(tables))}".lstrip(".")


def _unknown(path: str, key: str, tables: Tables) -> str:
    known = _known_keys(tables)
    return f"unknown key{nearest(key, known)} (allowed: {', '.join(known)})"


def _unknown_kind(path: str, context: Mapping[str, Any]) -> str:
    tag, known = str(context["tag"]), context["expected_tags"].replace("'", "")
    return f"unknown kind {show(tag)}{nearest(tag, known.split(', '))} (known: {known})"


def _words(context: Mapping[str, Any]) -> list[str]:
    words = str(context["expected"]).replace(" or ", ", ").split(", ")
    return [word.strip("'") for word in words]


def _choice(context: Mapping[str, Any]) -> str:
    words = [f'"{word}"' for word in _words(context)]
    return f"expects {'one of ' if len(words) > 1 else ''}{', '.join(words)}"


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


#: pydantic's error type -> what is allowed
RULES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "float_type": lambda _: "expects a number",
    "int_type": lambda _: "expects an integer",
    "bool_type": lambda _: "expects true or false",
    "string_type": lambda _: "expects a text in quotes",
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
    "too_short": lambda c: f"needs at least {_entries(c['min_length'])}",
    "too_long": lambda c: f"has at most {_entries(c['max_length'])}",
    "string_too_short": lambda _: "expects a text that is not empty",
    "string_pattern_mismatch": lambda _: "expects a name of letters, digits and underscores",
}
