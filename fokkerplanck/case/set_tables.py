"""The tables `from` and `to` of [[passage]]: sets of points between which the time is measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from fokkerplanck.case.messages import Mistake, show
from fokkerplanck.case.values import Number, Table, Vector, refuse, tag

if TYPE_CHECKING:
    from fokkerplanck.landscapes.base import OnGrid
    from fokkerplanck.sets import PointSet

__all__ = ["FromTable", "SetTable", "ToTable", "point_set", "set_mistakes"]

#: keys of which a set has exactly one
SHAPES = ("centre", "box", "halfplane", "basin")
FROM = "a set: { centre, radius }, { box }, { halfplane } or { basin }"
TO = f'{FROM}; or "walls", all that absorb'


def _lone_interval(value: object) -> object:
    """Accept a box of the line without its outer brackets."""
    if isinstance(value, (list, tuple)) and len(value) == 2:
        numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in value)
        return (tuple(value),) if numbers else value
    return value


Interval = tuple[Number, Number]
Intervals = Annotated[tuple[Interval, ...], BeforeValidator(_lone_interval), Field(min_length=1)]


class HalfPlaneTable(Table):
    """All points with normal . x >= offset."""

    normal: Vector = Field(description="a list, one number per axis")
    offset: Number = Field(description="a number")

    @model_validator(mode="after")
    def _has_direction(self) -> HalfPlaneTable:
        if not any(self.normal):
            refuse("needs a normal that is not zero: the set is normal . x >= offset")
        return self


class SetTable(Table):
    """A point, a ball, a box, a half-plane, or the basin of the minimum nearest to a point."""

    TAG: ClassVar[str] = tag("set")
    centre: Vector | None = Field(None, description="a list, one number per axis")
    radius: Number | None = Field(None, ge=0, description="a number >= 0")
    box: Intervals | None = Field(None, description="a list of [low, high], one per axis")
    halfplane: HalfPlaneTable | None = Field(None, description="{ normal, offset }")
    basin: Vector | None = Field(
        None, description="a point, one number per axis: the nearest minimum is meant"
    )

    @model_validator(mode="before")
    @classmethod
    def _point_of_radius_zero(cls, given: Any) -> Any:
        lone = isinstance(given, dict) and "centre" in given and "radius" not in given
        return {**given, "radius": 0.0} if lone else given

    @model_validator(mode="after")
    def _one_shape(self) -> SetTable:
        named = [shape for shape in SHAPES if getattr(self, shape) is not None]
        if self.radius is not None and self.centre is None:
            refuse("a radius belongs to a centre")
        if len(named) != 1:
            given = " and ".join(named) or "none of them"
            refuse("needs one of {shapes}, got {given}", shapes=", ".join(SHAPES), given=given)
        for low, high in self.box or ():
            if low >= high:
                refuse("a box needs low < high, got [{low}, {high}]", low=low, high=high)
        return self

    @property
    def shape(self) -> str:
        """Which of the four it is."""
        return next(shape for shape in SHAPES if getattr(self, shape) is not None)


class TargetTable(SetTable):
    """A set that can be reached."""

    @model_validator(mode="after")
    def _has_extent(self) -> TargetTable:
        if self.centre is not None and len(self.centre) > 1 and not self.radius:
            refuse("a point of the plane is never reached: give a radius > 0")
        return self


FromTable = Annotated[SetTable, Field(description=FROM)]
ToTable = Annotated[
    Annotated[Literal["walls"], Tag(tag("walls"))] | Annotated[TargetTable, Tag(TargetTable.TAG)],
    Discriminator(lambda v: tag("walls") if isinstance(v, str) else TargetTable.TAG),
    Field(description=TO),
]


def set_mistakes(table: SetTable, dim: int, key: str) -> Iterator[Mistake]:
    """Entries that do not fit a grid of `dim` axes, as ``(key, message)``."""
    part = table.halfplane.normal if table.halfplane else getattr(table, table.shape)
    if len(part) != dim:
        name = f"{key}.{table.shape}" + (".normal" if table.halfplane else "")
        entries = "1 entry, for x" if dim == 1 else "2 entries, for x and y"
        yield name, f"needs {entries}, got {show(part)}"


def point_set(table: SetTable, problem: OnGrid) -> PointSet:
    """Make the set of a table, checked against the grid of the problem.

    Raises
    ------
    CaseError
        A set that does not fit the grid, lies outside of it or holds none of its cells; a basin
        of a landscape without minima.
    """
    from fokkerplanck import sets

    made: sets.PointSet
    if table.centre is not None:
        made = sets.Ball(table.centre, table.radius or 0.0)
    elif table.box is not None:
        made = sets.Box(table.box)
    elif table.halfplane is not None:
        made = sets.HalfPlane(table.halfplane.normal, table.halfplane.offset)
    else:
        made = sets.Basin(table.basin or (), problem.landscape)
    made.check_on(problem.grid)
    return made
