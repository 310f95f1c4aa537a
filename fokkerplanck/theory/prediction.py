"""What a closed form says of a quantity, and how the quantity is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan
from typing import Any, NamedTuple

import numpy as np

from fokkerplanck.errors import CaseError

__all__ = ["Prediction", "entry", "invalid", "is_index", "passage_asked", "pick", "unknown"]


class Prediction(NamedTuple):
    """What a closed form says: the value, whether its range of validity is met, and why not."""

    value: float
    valid: bool = True
    note: str = ""


def invalid(note: str) -> Prediction:
    """No value at all, for a reason."""
    return Prediction(nan, False, note)


def pick(quantity: str, name: str, head: str, known: dict[str, Callable[[], Any]]) -> float:
    """Evaluate the quantity ``head.key.indices``; raises `CaseError` when it is not `known`."""
    first, *rest = quantity.split(".")
    if first != head or not rest or rest[0] not in known:
        raise unknown(quantity, name, [f"{head}.{k}" for k in known])
    return entry(known[rest[0]](), rest[1:], quantity, name, [f"{head}.{k}" for k in known])


def entry(
    value: Any, indices: Sequence[str], quantity: str, name: str, known: Sequence[str]
) -> float:
    """Take one number out of a vector or matrix; raises `CaseError` when indices do not fit."""
    at = np.asarray(value, dtype=np.float64)
    for k in indices:
        if at.ndim == 0 or not is_index(k, len(at)):
            raise unknown(quantity, name, known)
        at = at[int(k)]
    if at.ndim:
        raise unknown(quantity, name, known)
    return float(at)


def is_index(text: str, count: int) -> bool:
    """Whether a text is an index of a list of `count`, perhaps from the end."""
    digits = text.removeprefix("-")
    return digits.isdecimal() and len(digits) < 10 and -count <= int(text) < count


def passage_asked(case: Any, quantity: str) -> tuple[Any, str] | None:
    """Return table and field that ``passage.NAME.FIELD`` asks for; names may hold dots."""
    head, _, rest = quantity.partition(".")
    if head != "passage":
        return None
    for table in case.passage:
        if rest.startswith(f"{table.name}."):
            return table, rest[len(table.name) + 1 :]
    return None


def unknown(quantity: str, name: str, known: Sequence[str]) -> CaseError:
    """Error for a quantity that a prediction knows nothing of."""
    msg = f'"{name}" does not predict "{quantity}"; it knows {", ".join(known)}'
    return CaseError(msg, key="expect.quantity")
