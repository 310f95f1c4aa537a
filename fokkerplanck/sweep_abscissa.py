"""What the points of a sweep are drawn against, and which of them make a series."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.sweep_data import SweepResult

__all__ = ["BENT", "Abscissa", "abscissa", "expression"]

Array = NDArray[np.float64]

#: last parts of keys that times are exponential in one over
INVERSE = ("learning_rate", "temperature", "k", "hessian_scale")
#: keys against whose logarithm times are no straight line: they turn over
BENT = ("friction",)
#: a name with dots in a formula: letters, digits, and parts in between
NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)*")
DOT = "__"


@dataclass(frozen=True, eq=False)
class Abscissa:
    """Abscissa of every point, and the points that belong together.

    Parameters
    ----------
    text : str
        The formula.
    values : ndarray, shape (points,)
    series : tuple of (mapping, ndarray)
        Values of the other keys, and the indices of the points that have them.
    """

    text: str
    values: Array
    series: tuple[tuple[Mapping[str, Any], NDArray[np.int64]], ...]


def abscissa(result: SweepResult, against: str | None = None) -> Abscissa | None:
    """Choose the abscissa: `against`, or what suits the first key that has numbers.

    Returns None when no key has two different numbers.

    Raises
    ------
    CaseError
        For a formula with unknown names, or of another form.
    """
    if against is None:
        numbers = (k for k, v in result.varied.items() if v.dtype != object)
        key = next((k for k in numbers if np.unique(result.varied[k]).size > 1), None)
        if key is None:
            return None
        last = key.rpartition(".")[2]
        against = f"log({key})" if last in BENT else f"1/{key}" if last in INVERSE else key
    found = expression(result, against, "--against")
    if len(result) > 1 and np.unique(found.values).size == 1:
        msg = f'"{against}" is the same at every point'
        raise CaseError(msg, key="--against")
    return found


def expression(result: SweepResult, text: str, option: str) -> Abscissa:
    """Evaluate a formula of varied keys and numbers of the case at every point.

    A key may be given by its last part (``batch_size``) where that is clear.
    """
    from fokkerplanck.landscapes.expression import ScalarField

    base = dict(_numbers(tomllib.loads(result.header.case), ""))
    columns: dict[str, Array] = {}
    used: set[str] = set()

    def named(match: re.Match[str]) -> str:
        word = match[0]
        key = _meant(word, result, base)
        if key is None and "." in word:
            msg = f"unknown name {word}; varied are {', '.join(result.header.keys)}"
            raise CaseError(msg, key=option)
        if key is None:
            return word  # a function, or a mistake that the parser names
        values = result.varied.get(key)
        if values is not None and values.dtype == object:
            msg = f"{key} has no numbers"
            raise CaseError(msg, key=option)
        used.add(key)
        name = key.replace(".", DOT)
        columns[name] = (
            np.full(len(result), base[key]) if values is None else values.astype(np.float64)
        )
        return name

    formula = NAME.sub(named, text)
    columns = columns or {"point": np.zeros(len(result))}
    table = np.stack(list(columns.values()), axis=-1)
    try:
        values = ScalarField(formula, tuple(columns), key=option).value(table)
    except CaseError as error:
        known = ", ".join(result.header.keys)
        msg = f"{error.message.replace(DOT, '.')}; varied are {known}"
        raise CaseError(msg, key=option) from None
    return Abscissa(text, values, tuple(_series(result, used)))


def _meant(word: str, result: SweepResult, base: Mapping[str, float]) -> str | None:
    """Return the key of a name in a formula: varied ones first."""
    from fokkerplanck.landscapes.syntax import CONSTANTS, FUNCTIONS

    for keys in (result.header.keys, base):
        if word in keys:
            return word
        if word in (*CONSTANTS, *FUNCTIONS):
            continue
        ends = [key for key in keys if key.rpartition(".")[2] == word]
        if len(ends) == 1:
            return ends[0]
    return None


def _series(
    result: SweepResult, used: Iterable[str]
) -> list[tuple[Mapping[str, Any], NDArray[np.int64]]]:
    """Points with the same values of all keys that are not in the abscissa."""
    others = [] if result.header.zipped else [k for k in result.header.keys if k not in used]
    groups: dict[str, tuple[dict[str, Any], list[int]]] = {}
    rows = [dict(zip(result.header.keys, row, strict=True)) for row in result.header.rows()]
    for k, row in enumerate(rows):
        fixed = {key: row[key] for key in others}
        groups.setdefault(repr(fixed), (fixed, []))[1].append(k)
    return [(fixed, np.array(members)) for fixed, members in groups.values()]


def _numbers(value: Any, path: str) -> Iterable[tuple[str, float]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, float(value)
