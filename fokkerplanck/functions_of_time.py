"""Positive functions of time from text: learning rates, batch sizes, factors on the noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError

if TYPE_CHECKING:
    from fokkerplanck.landscapes.expression import ScalarField

__all__ = ["FunctionOfTime", "constant_ratio"]

Array = NDArray[np.float64]
#: numbers of two formulas that differ by less are equal
EQUAL = 1e-13
#: formulas with more combinations of branches are taken as they are
MOST_SIDES = 64


@dataclass(frozen=True)
class FunctionOfTime:
    """A function of t given as (untrusted) text, or a constant.

    Parameters
    ----------
    text : str or number
    parameters : mapping
        Names used in it.
    key : str
        Key of the case file that errors name.

    Raises
    ------
    CaseError
        When the text is not an allowed expression of t and the parameters.
    """

    text: str | float
    parameters: Mapping[str, float] = field(default_factory=dict, hash=False)
    key: str = "noise.schedule"

    def __post_init__(self) -> None:
        if isinstance(self.text, str):
            _ = self._field

    def __call__(self, time: float) -> float:
        """Evaluate at one time."""
        if not isinstance(self.text, str):
            return float(self.text)
        return float(self._field.value(np.array([time])))

    def values(self, times: ArrayLike, what: str) -> Array:
        """Evaluate at any times; raises `CaseError` where it is not positive."""
        t = np.asarray(times, dtype=np.float64)
        if not isinstance(self.text, str):
            return np.full(t.shape, float(self.text))
        found = self._field.value(t[..., None])
        if not (found > 0).all():
            k = int(np.argmin(found > 0))
            msg = f"the {what} {self.text} must be positive, but is {found.flat[k]:g} "
            msg += f"at t = {t.flat[k]:g}"
            raise CaseError(msg, key=self.key)
        return found

    @property
    def expression(self) -> Any:
        """The sympy expression."""
        import sympy

        if isinstance(self.text, str):
            return self._field.expression
        return sympy.sympify(float(self.text))

    @cached_property
    def _field(self) -> ScalarField:
        from fokkerplanck.landscapes.expression import ScalarField

        return ScalarField(self.text, ("t",), self.parameters, self.key)


def constant_ratio(
    learning_rate: FunctionOfTime, batch_size: FunctionOfTime, drawn_from: float | None
) -> float | None:
    """Return the constant value of ``eta / B``, or None if it changes, seen on the formulas.

    Batches drawn without replacement `drawn_from` N samples have ``(N - B) / (N - 1)`` beside it.
    """
    import sympy

    batch = batch_size.expression
    ratio = learning_rate.expression / batch
    if drawn_from is not None:
        ratio = ratio * (drawn_from - batch) / (drawn_from - 1)
    parts = _sides(ratio, [])
    if len(parts) > MOST_SIDES:
        return None
    simple = [sympy.simplify(part) for part in parts]
    if not all(part.is_number and part.is_real for part in simple):
        return None
    values = np.array([float(part) for part in simple])
    return float(values[0]) if np.ptp(values) <= EQUAL * abs(values[0]) else None


def _sides(expression: Any, found: list[Any]) -> list[Any]:
    """List what an expression can be, branch by branch; equal conditions go together."""
    from fokkerplanck.landscapes.kinks import Branch

    branches = sorted(expression.atoms(Branch), key=str)
    if not branches or len(found) > MOST_SIDES:
        found.append(expression)
        return found
    gate = branches[0].args[0], branches[0].args[3]
    same = [b for b in branches if (b.args[0], b.args[3]) == gate]
    for side in (1, 2):
        _sides(expression.xreplace({b: b.args[side] for b in same}), found)
    return found
