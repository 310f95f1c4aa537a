"""What a case says of motion with inertia: [dynamics] of kind "underdamped", and the axis v."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from fokkerplanck.case.values import Number, Positive, Table, refuse

__all__ = ["UnderdampedTable", "VelocityTable"]

#: Hermite modes in v; a copy of the bounds in `fokkerplanck.underdamped`, which is heavier
LEAST_MODES, MOST_MODES = 4, 2000


class UnderdampedTable(Table):
    """Position and velocity: ``dx = v dt``, and friction and noise on v.

    The mass is 1 with a friction; momentum of [sgd] has a mass and a friction of its own.
    """

    kind: Literal["underdamped"]
    friction: Positive | None = Field(None, description="a number > 0")
    modes: int | None = Field(None, description="an even integer from 4 to 2000")
    drift: Literal["gradient"] = Field(
        "gradient",
        description='"gradient": forces that are no gradient need overdamped dynamics',
    )

    @model_validator(mode="after")
    def _whole_pairs(self) -> UnderdampedTable:
        n = self.modes
        if n is not None and (n % 2 or not LEAST_MODES <= n <= MOST_MODES):
            given = {"low": LEAST_MODES, "high": MOST_MODES, "modes": n}
            refuse("modes are an even number from {low} to {high}, got {modes}", **given)
        return self


class VelocityTable(Table):
    """Cells in v on which densities are given; there are no walls in v."""

    min: Number = Field(description="a number")
    max: Number = Field(description="a number")
    cells: int = Field(ge=3, description="an integer >= 3")

    @model_validator(mode="after")
    def _has_length(self) -> VelocityTable:
        if self.min >= self.max:
            refuse("needs min < max, got min = {low}, max = {high}", low=self.min, high=self.max)
        return self
