"""Remember what was found of a landscape: a run asks for its minima again and again."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

from fokkerplanck.grid import Grid
from fokkerplanck.landscapes.base import Landscape

__all__ = ["remembered"]

R = TypeVar("R")
#: pairs of a landscape and a grid; few, since they stay in memory
KEPT = 4


def remembered(find: Callable[[Landscape, Grid], R]) -> Callable[[Landscape, Grid], R]:
    """Let a function of a landscape and a grid, neither of which ever changes, keep its answers.

    Landscapes that compare equal, such as those of the points of a sweep, share an answer; those
    that cannot be hashed are told apart by identity.
    """
    kept = lru_cache(KEPT)(lambda key, grid: find(key.landscape, grid))

    @wraps(find)
    def found(landscape: Landscape, grid: Grid) -> R:
        return kept(_Key(landscape), grid)

    return found


class _Key:
    """A landscape as the key of a table."""

    def __init__(self, landscape: Landscape) -> None:
        self.landscape = landscape
        try:
            self._hash, self._by_value = hash(landscape), True
        except TypeError:
            self._hash, self._by_value = id(landscape), False

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Key):
            return NotImplemented
        if self.landscape is other.landscape:
            return True
        return self._by_value and other._by_value and self.landscape == other.landscape
