"""Loss landscapes: analytic ones, expressions, sampled ones, and their critical points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fokkerplanck.landscapes.analytic import quartic, styblinski_tang, tilted
from fokkerplanck.landscapes.base import Landscape
from fokkerplanck.landscapes.expression import ScalarField, from_expression

__all__ = [
    "KINDS",
    "Landscape",
    "ScalarField",
    "from_expression",
    "quartic",
    "styblinski_tang",
    "tilted",
]

#: kind in a case file -> maker; every one takes ``dim`` and the kind's own keys
KINDS: dict[str, Callable[..., Any]] = {
    "expression": from_expression,
    "quartic": quartic,
    "tilted": tilted,
    "styblinski-tang": styblinski_tang,
}
