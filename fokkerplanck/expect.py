"""Expectations: compare what a run computed with a number or a named closed form."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fokkerplanck.errors import CaseError

if TYPE_CHECKING:
    from fokkerplanck.case import Case

__all__ = ["check", "evaluate", "lookup"]

#: tables of the result, and the table of the case that each one needs
OPTIONAL = {
    "evolve": "evolve",
    "stationary": "stationary",
    "passage": "passage",
    "spectrum": "spectrum",
    "spectrum_modes": "spectrum",
    "rates": "rates",
    "quasi_stationary": "quasi_stationary",
}
#: sort of motion -> module of `fokkerplanck.theory` and name of its table of predictions
PREDICTIONS = {
    "overdamped": ("predictions", "PREDICTIONS"),
    "underdamped": ("kinetic_predictions", "KINETIC"),
    "heavy-tailed": ("levy_predictions", "HEAVY_TAILED"),
}
#: most keys listed in a message
LISTED = 30


class OutOfRange(CaseError):
    """An index beyond the end of a list of the result."""


def evaluate(case: Case, problem: Any, result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Judge every ``[[expect]]`` of a case.

    Parameters
    ----------
    case : Case
    problem : Problem, (Underdamped, Problem) or (Levy, SGD or None)
        Given to the closed forms; of underdamped motion with the problem without inertia, of
        heavy-tailed noise with its clock.
    result : mapping
        The JSON object of ``run``.

    Returns
    -------
    list of dict
        ``quantity, computed, predicted, relative_error, rtol, atol, prediction, valid, pass,
        note``. An expectation passes when ``|computed - predicted| <= atol + rtol |predicted|``.

    Raises
    ------
    CaseError
        For a quantity that the result does not have, or an unknown prediction.
    """
    check(case)
    return [_judge(k, case, problem, result) for k in range(len(case.expect))]


def check(case: Case) -> None:
    """Find what can be seen to be wrong with the expectations before anything is computed.

    Raises
    ------
    CaseError
        For a table of the result that this case does not make, or an unknown prediction.
    """
    for k, expected in enumerate(case.expect):
        table = OPTIONAL.get(expected.quantity.split(".")[0])
        if table is not None and not getattr(case, table):
            msg = f'"{expected.quantity}" needs a table [{table}], which this case does not have'
            raise CaseError(msg, file=_file(case), key=f"expect.{k}.quantity")
        if expected.prediction is not None:
            _prediction(case, expected.prediction, f"expect.{k}.prediction")


def lookup(result: Any, path: str, *, file: str | None = None, key: str | None = None) -> Any:
    """Follow a dotted path into nested mappings and lists.

    Parameters
    ----------
    result : mapping or sequence
        Where to look.
    path : str
        Keys joined by dots; a key may itself hold dots and spaces (the longest match is taken).
        Integers index lists, negative ones from the end.
    file, key : str, optional
        Named in the error.

    Raises
    ------
    CaseError
        When there is no such thing: lists what there is at that level.
    """
    rest, place = path.split("."), result
    walked: list[str] = []
    while rest:
        step = _match(place, rest)
        if step is None:
            where = f'"{".".join(walked)}"' if walked else "the result"
            msg = f'no quantity "{path}": {where} {_contents(place)}'
            short = isinstance(place, (list, tuple)) and _index(rest[0]) is not None
            raise (OutOfRange if short else CaseError)(msg, file=file, key=key)
        taken, place = step
        walked += rest[:taken]
        rest = rest[taken:]
    return place


def _judge(k: int, case: Case, problem: Any, result: Mapping[str, Any]) -> dict[str, Any]:
    expected, file, key = case.expect[k], _file(case), f"expect.{k}.quantity"
    note = ""
    try:
        computed = lookup(result, expected.quantity, file=file, key=key)
    except OutOfRange as error:  # fewer times or wells than the case had: fails, but runs
        computed, note = None, error.message
    if computed is None and not note:
        note = _beyond_floats(result, expected.quantity)
    if isinstance(computed, (Mapping, list, tuple, str)):
        what = f"is the text {computed!r}" if isinstance(computed, str) else _contents(computed)
        msg = f'"{expected.quantity}" {what}; an expectation needs one number'
        raise CaseError(msg, file=file, key=key)
    valid = True
    if expected.prediction is None:
        predicted = expected.value
    elif note:
        predicted = None
    else:
        formula = _prediction(case, expected.prediction, f"expect.{k}.prediction")
        predicted, valid, note = formula(problem, case, expected.quantity)
    rtol, atol = expected.rtol or 0.0, expected.atol or 0.0
    return {
        "quantity": expected.quantity,
        "computed": _number(computed),
        "predicted": _number(predicted),
        "relative_error": _relative(computed, predicted),
        "rtol": expected.rtol,
        "atol": expected.atol,
        "prediction": expected.prediction,
        "valid": bool(valid),
        "pass": _within(computed, predicted, rtol, atol),
        "note": note,
    }


def _beyond_floats(result: Mapping[str, Any], quantity: str) -> str:
    """Say so where only the logarithm of a quantity is known."""
    head, _, last = quantity.rpartition(".")
    try:
        known = lookup(result, f"{head}.log10_{last}")
    except CaseError:
        return ""
    return f"is out of the range of floats: expect log10_{last}, {known:.10g}" if known else ""


def _match(place: Any, rest: Sequence[str]) -> tuple[int, Any] | None:
    """Find the next key: how many parts of the path it takes, and what it leads to."""
    if isinstance(place, Mapping):
        for n in range(len(rest), 0, -1):
            name = ".".join(rest[:n])
            if name in place:
                return n, place[name]
    elif isinstance(place, (list, tuple)):
        k = _index(rest[0])
        if k is not None and -len(place) <= k < len(place):
            return 1, place[k]
    return None


def _index(text: str) -> int | None:
    digits = text.removeprefix("-")
    return int(text) if digits.isdecimal() and len(digits) < 10 else None


def _contents(place: Any) -> str:
    if isinstance(place, Mapping):
        names = list(place)
        more = ", ..." if len(names) > LISTED else ""
        return f"has {', '.join(map(str, names[:LISTED]))}{more}" if names else "is empty"
    if isinstance(place, (list, tuple)):
        n = len(place)
        return f"is a list of {n}, with indices {-n} ... {n - 1}" if n else "is an empty list"
    return "was not computed" if place is None else "is a single value"


def _prediction(case: Case, name: str, key: str) -> Any:
    sort = case.motion
    known = _predictions(sort)
    if name in known:
        return known[name]
    if case.noise.kind == "levy" and name in _predictions("heavy-tailed"):
        from fokkerplanck.theory.prediction import invalid

        return lambda *_: invalid("a law of long jumps: there are none at alpha = 2")
    listed = ", ".join(sorted(known))
    if other := next((s for s in PREDICTIONS if s != sort and name in _predictions(s)), None):
        msg = f'"{name}" is a law of {other} motion, and this case is {sort}: of that are known '
        msg += listed
        raise CaseError(msg, file=_file(case), key=key)
    msg = f'no prediction "{name}"; known: {listed}'
    raise CaseError(msg, file=_file(case), key=key)


def _predictions(sort: str) -> Mapping[str, Any]:
    """Return the laws of one sort of motion; those of the others stay on the disk."""
    module, name = PREDICTIONS[sort]
    found: Mapping[str, Any] = getattr(import_module(f"fokkerplanck.theory.{module}"), name)
    return found


def _within(computed: Any, predicted: Any, rtol: float, atol: float) -> bool:
    if computed is None or predicted is None:
        return False
    return bool(abs(computed - predicted) <= atol + rtol * abs(predicted))


def _relative(computed: Any, predicted: Any) -> float | None:
    if computed is None or predicted is None or predicted == 0:
        return None
    return _number(abs(computed - predicted) / abs(predicted))


def _number(value: Any) -> float | None:
    """Return a finite float, or None: JSON has no nan and no infinity."""
    return float(value) if value is not None and math.isfinite(value) else None


def _file(case: Case) -> str | None:
    return str(case.path) if case.path else None
