"""What is asked of escape: [spectrum], [[passage]], [rates], [[quasi_stationary]], [selection]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from fokkerplanck.case.ensemble_tables import PassageMethod
from fokkerplanck.case.set_tables import FROM, TO, FromTable, ToTable
from fokkerplanck.case.values import Positive, Table, Vector, refuse

__all__ = [
    "PassageTable",
    "QuasiStationaryTable",
    "RatesTable",
    "SelectionTable",
    "SpectrumTable",
]

#: most slow modes that are kept: each is two arrays of the size of the grid
MOST_MODES = 50


def _names_a_group(name: str) -> str:
    """Refuse what netCDF refuses: a name is a part of a path in the result file."""
    unprintable = any(not letter.isprintable() for letter in name)
    if "/" in name or unprintable or name != name.strip() or not name.strip("."):
        refuse('expects a name without "/", without spaces at its ends')
    return name


#: a name that can be a part of a path in the result file
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_names_a_group)]


class SpectrumTable(Table):
    """Find the slowest modes of relaxation.

    The stationary mode is left out: ``spectrum.0`` is the slowest rate that is not zero. It is
    lambda_1 in tables and figures, or lambda_0 where walls absorb and nothing is stationary.
    """

    count: int = Field(4, ge=1, le=MOST_MODES, description=f"an integer from 1 to {MOST_MODES}")
    weight: Literal["fitted", "midpoint"] = "midpoint"


class PassageTable(Table):
    """Find the time of first passage from one set to another, its committor and current."""

    name: Name = Field(description="a text that is no other passage's name")
    from_: FromTable = Field(alias="from", description=FROM)
    to: ToTable = Field(description=TO)
    method: PassageMethod = None
    weight: Literal["fitted", "midpoint", "quadrature"] = "midpoint"
    survival: bool | None = Field(
        None,
        description="true or false: the distribution of the time; if left out, on a line only, "
        "and not in sweeps",
    )
    reactive: bool | None = Field(
        None,
        description="true or false: committor and reactive current; if left out, where they exist",
    )

    @model_validator(mode="after")
    def _goes_somewhere(self) -> PassageTable:
        if not isinstance(self.to, str) and self.from_.model_dump() == self.to.model_dump():
            refuse("starts where it ends: from and to are the same set")
        return self


class RatesTable(Table):
    """Find the rates between all wells of the landscape."""

    radius: Positive | None = Field(None, description="a number > 0: radius of the wells' cores")


class SelectionTable(Table):
    """Find how full and how long kept each minimum is, with two theories beside it."""


class QuasiStationaryTable(Table):
    """Find the density in a well before it is left, and the rate at which it is left."""

    name: Name | None = Field(
        None, description="a text that is no other table's name; if left out, the point `well`"
    )
    well: Vector = Field(description="a point, one number per axis: the nearest minimum is meant")

    @property
    def label(self) -> str:
        """What it is called in the result."""
        return self.name or ", ".join(f"{c:g}" for c in self.well)
