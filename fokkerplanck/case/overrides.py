"""``--set key=value``: change single values of a case."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fokkerplanck.case.messages import show
from fokkerplanck.errors import CaseError

__all__ = ["apply_overrides", "parse_value", "put_values"]

PATH_KEYS = ("landscape.file", "initial.file")


def apply_overrides(
    data: dict[str, Any], overrides: Sequence[str], *, folder: Path, file: str | None = None
) -> list[str]:
    """Change `data` in place.

    Parameters
    ----------
    data : dict
        A parsed case.
    overrides : sequence of str
        ``"key=value"`` each; see `fokkerplanck.case.load_case`.
    folder : Path
        Folder of the case, from which its paths start.
    file : str, optional
        Named in messages.

    Returns
    -------
    list of str
        The dotted keys that were set.
    """
    keys = []
    for text in overrides:
        key, value = _split(text, file)
        put_values(data, {key: value}, folder=folder, file=file)
        keys.append(key)
    return keys


def put_values(
    data: dict[str, Any],
    values: Mapping[str, Any],
    *,
    folder: Path,
    file: str | None = None,
    option: str = "--set",
) -> None:
    """Set dotted keys of a parsed case, in place; `option` is named in messages."""
    for key, value in values.items():
        if key in PATH_KEYS and isinstance(value, str) and value:
            value = os.path.relpath(value, folder)
        try:
            _put(data, key, value, file)
        except CaseError as error:
            msg = f"{error.message} (given by {option})"
            raise CaseError(msg, file=error.file, key=error.key) from None


def parse_value(raw: str, key: str, file: str | None = None) -> Any:
    """Value of a text: as TOML has it, else the text itself."""
    return _value(raw, key, file)


def _split(text: str, file: str | None) -> tuple[str, Any]:
    key, equals, raw = text.partition("=")
    key = key.strip()
    if not equals or not key or not all(key.split(".")):
        msg = f"--set expects key=value with a dotted key such as grid.x.cells=64, got {show(text)}"
        raise CaseError(msg, file=file)
    return key, _value(raw.strip(), key, file)


def _value(raw: str, key: str, file: str | None) -> Any:
    try:
        raw.encode()
        parsed = tomllib.loads(f"value = {raw}")
    except RecursionError:
        msg = "is nested too deeply (given by --set)"
        raise CaseError(msg, file=file, key=key) from None
    except UnicodeEncodeError:
        msg = "is not UTF-8 text (given by --set)"
        raise CaseError(msg, file=file, key=key) from None
    except ValueError:  # not TOML: a bare word
        return raw
    return parsed["value"] if list(parsed) == ["value"] else raw


def _put(data: dict[str, Any], key: str, value: Any, file: str | None) -> None:
    *parents, last = key.split(".")
    place: Any = data
    walked: list[str] = []
    for part in parents:
        place = _step(place, part, ".".join(walked), key, file)
        walked.append(part)
    if isinstance(place, list):
        place[_index(place, last, ".".join(walked), key, file)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        _not_a_table(place, ".".join(walked), key, file)


def _step(place: Any, part: str, at: str, key: str, file: str | None) -> Any:
    if isinstance(place, list):
        return place[_index(place, part, at, key, file)]
    if isinstance(place, dict):
        return place.setdefault(part, {})
    return _not_a_table(place, at, key, file)


def _index(place: list[Any], part: str, at: str, key: str, file: str | None) -> int:
    if not part.isdecimal() or int(part[:9]) >= len(place):
        msg = f"{at} is a list of {len(place)}: expects an index 0..{len(place) - 1}, got {part}"
        raise CaseError(msg, file=file, key=key)
    return int(part)


def _not_a_table(place: Any, at: str, key: str, file: str | None) -> Any:
    msg = f"{at} is {show(place)}, not a table"
    raise CaseError(msg, file=file, key=key)
