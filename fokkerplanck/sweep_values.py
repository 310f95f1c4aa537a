"""``--vary KEY=8,16,32``: lists and ranges of values for a key of a case."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fokkerplanck.case.overrides import parse_value
from fokkerplanck.errors import CaseError

__all__ = ["check_values", "parse_vary"]

RANGE = re.compile(r"([^:\s]+):([^:\s]+)(?::([^:\s]*))?(?::(\w*))?\Z")
#: most values of one range
MOST = 100_000
#: digits of the values of a range: 0.1 + 0.2 is 0.3
DIGITS = 14
HOW = "expects KEY=VALUE,VALUE,... or KEY=FIRST:LAST:COUNT, with :log for equal ratios"


def parse_vary(texts: Sequence[str]) -> dict[str, list[Any]]:
    """Read ``"KEY=VALUES"`` texts.

    Parameters
    ----------
    texts : sequence of str
        Values are separated by commas: numbers, words, ``true``, lists in brackets, and ranges
        ``8:64:8`` (first, last, count; evenly spaced) or ``8:512:7:log`` (equal ratios). A range
        between integers gives integers where it meets them.

    Returns
    -------
    dict of str to list
        In the order given.

    Raises
    ------
    CaseError
        For a text of another form, a key or a value given twice, or numbers among words.
    """
    found: dict[str, list[Any]] = {}
    for text in texts:
        key, equals, raw = text.partition("=")
        key = key.strip()
        if not equals or not key or not all(key.split(".")):
            msg = f"--vary {HOW}, such as noise.batch_size=8,16,32; got {text!r:.80}"
            raise CaseError(msg)
        if key in found:
            msg = "is varied twice; give all its values in one --vary"
            raise CaseError(msg, key=key)
        found[key] = [value for part in _parts(raw) for value in _values(part, key)]
    return found


def check_values(vary: Mapping[str, Sequence[Any]]) -> None:
    """Refuse what cannot be the values of a key.

    Raises
    ------
    CaseError
        No values, numbers that are not finite, or values of different sorts.
    """
    if not vary:
        msg = "a sweep varies at least one key: --vary noise.batch_size=8,16,32"
        raise CaseError(msg)
    for key, values in vary.items():
        if not values:
            msg = f"--vary {HOW}; got no value"
            raise CaseError(msg, key=key)
        sorts = dict.fromkeys(_sort(value, key) for value in values)
        if len(sorts) > 1:
            example = {_sort(value, key): value for value in reversed(values)}
            got = " and ".join(f"{example[sort]!r} ({sort})" for sort in sorts)
            msg = f"the values of --vary must be of one sort, got {got}"
            raise CaseError(msg, key=key)


def _parts(raw: str) -> list[str]:
    """Split at commas that are in no bracket and no quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in raw:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "[{(":
            depth += 1
        elif letter in "]})":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append("")
            continue
        parts[-1] += letter
    return [part.strip() for part in parts]


def _values(part: str, key: str) -> list[Any]:
    if not part:
        msg = f"--vary {HOW}; got an empty value"
        raise CaseError(msg, key=key)
    match = RANGE.match(part)
    if match and (ends := _numbers(match[1], match[2])):
        return _range(ends[0], ends[1], match[3], match[4], part, key)
    return [parse_value(part, key)]


def _numbers(*texts: str) -> list[float | int] | None:
    try:
        return [int(t) if re.fullmatch(r"[+-]?\d+", t) else float(t) for t in texts]
    except ValueError:
        return None


def _range(
    first: float, last: float, count: str | None, spacing: str | None, part: str, key: str
) -> list[Any]:
    if not (count and count.isdecimal() and 2 <= int(count[:9]) <= MOST):
        msg = f'"{part}": a range is FIRST:LAST:COUNT with a count from 2 to {MOST}'
        raise CaseError(msg, key=key)
    if spacing not in (None, "log", "linear"):
        msg = f'"{part}": the spacing of a range is log or linear, got "{spacing}"'
        raise CaseError(msg, key=key)
    if not (math.isfinite(first) and math.isfinite(last)) or first == last:
        msg = f'"{part}": a range goes from one finite number to another'
        raise CaseError(msg, key=key)
    if spacing == "log" and not (first > 0 and last > 0):
        msg = f'"{part}": equal ratios need two numbers > 0'
        raise CaseError(msg, key=key)
    n = int(count)
    values = [_between(first, last, k / (n - 1), spacing == "log") for k in range(n)]
    whole = isinstance(first, int) and isinstance(last, int)
    return [int(v) if whole and v.is_integer() else v for v in values]


def _between(first: float, last: float, s: float, log: bool) -> float:
    """Value at a fraction of the way, its rounding cut off; the ends are exact."""
    if s in (0.0, 1.0):
        return float(last if s else first)
    value = first * (last / first) ** s if log else first + s * (last - first)
    return float(f"{value:.{DIGITS}g}")


def _sort(value: Any, key: str) -> str:
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, (int, float)):
        if not math.isfinite(value):
            msg = f"expects finite numbers, got {value}"
            raise CaseError(msg, key=key)
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, Mapping):
        return "a table"
    msg = f"expects numbers, texts, truth values, lists or tables, got {value!r:.60}"
    raise CaseError(msg, key=key)
