"""The tables of a case file and the case itself."""

from __future__ import annotations

import hashlib
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    model_validator,
)

from fokkerplanck.case.canonical import dumps
from fokkerplanck.case.ensemble_tables import EnsembleTable
from fokkerplanck.case.landscape_tables import LandscapeTable
from fokkerplanck.case.noise_tables import NoiseTable
from fokkerplanck.case.passage_tables import (
    PassageTable,
    QuasiStationaryTable,
    RatesTable,
    SelectionTable,
    SpectrumTable,
)
from fokkerplanck.case.sgd_tables import SgdTable, Unit
from fokkerplanck.case.underdamped_tables import UnderdampedTable, VelocityTable
from fokkerplanck.case.values import (
    Entry,
    FilePath,
    Matrix,
    Number,
    Pair,
    Parameters,
    Positive,
    PositiveVector,
    Table,
    Vector,
    refuse,
    tag,
)
from fokkerplanck.grid import WALLS, Wall

__all__ = ["Case"]

Weight = Literal["fitted", "midpoint"]
#: index of the stable law at which it is the normal one
GAUSSIAN = 2.0


def _pair_of_walls(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in WALLS:
        known = ", ".join(f'"{wall}"' for wall in WALLS)
        refuse("expects one of {known}, or a pair of them", known=known)
    return (value, value)


class AxisTable(Table):
    """One coordinate: its range, cells and walls."""

    min: Number = Field(description="a number")
    max: Number = Field(description="a number")
    cells: int = Field(ge=3, description="an integer >= 3")
    walls: Annotated[tuple[Wall, Wall], BeforeValidator(_pair_of_walls)] = (
        "reflecting",
        "reflecting",
    )

    @model_validator(mode="after")
    def _has_length(self) -> AxisTable:
        if self.min >= self.max:
            refuse("needs min < max, got min = {low}, max = {high}", low=self.min, high=self.max)
        if self.walls.count("periodic") == 1:
            refuse("a periodic axis is periodic on both sides")
        return self


class GridTable(Table):
    """The axes; a `y` makes the grid a plane, a `v` is that of velocities."""

    x: AxisTable = Field(description="{ min, max, cells, walls }")
    y: AxisTable | None = None
    v: VelocityTable | None = None

    @property
    def axes(self) -> tuple[AxisTable, ...]:
        """The axes of the landscape that are there, in order."""
        return (self.x,) if self.y is None else (self.x, self.y)


class ForceTable(Table):
    """A force added to -grad L."""

    TAG: ClassVar[str] = tag("force")
    force: tuple[Entry, ...] = Field(
        min_length=1, description="a list of numbers or formulas, one per axis"
    )
    parameters: Parameters = Field(default_factory=dict)


class OverdampedTable(Table):
    """Motion without inertia."""

    kind: Literal["overdamped"] = "overdamped"
    drift: Annotated[
        Annotated[Literal["gradient"], Tag(tag("gradient"))]
        | Annotated[ForceTable, Tag(ForceTable.TAG)],
        Discriminator(lambda v: tag("gradient") if isinstance(v, str) else ForceTable.TAG),
    ] = Field(default="gradient", description='"gradient" or { force = ["...", "..."] }')


def _kind_of_dynamics(given: object) -> str:
    kind = given.get("kind", "overdamped") if isinstance(given, dict) else "overdamped"
    return str(getattr(given, "kind", kind))


DynamicsTable = Annotated[
    Annotated[OverdampedTable, Tag("overdamped")] | Annotated[UnderdampedTable, Tag("underdamped")],
    Discriminator(_kind_of_dynamics),
]


class GaussianStart(Table):
    """A normal density, from its standard deviations or its covariance."""

    kind: Literal["gaussian"]
    mean: Vector = Field(description="a list, one number per axis")
    std: PositiveVector | None = None
    covariance: Matrix | None = None

    @model_validator(mode="after")
    def _one_width(self) -> GaussianStart:
        if (self.std is None) == (self.covariance is None):
            refuse("needs either std or covariance, one of the two")
        return self


class DeltaStart(Table):
    """All mass at one point, its mean."""

    kind: Literal["delta"]
    mean: Vector = Field(description="a list, one number per axis")


class UniformStart(Table):
    """The same density everywhere."""

    kind: Literal["uniform"]


class StationaryStart(Table):
    """The stationary density of the problem at time 0."""

    kind: Literal["stationary"]


class FileStart(Table):
    """A density kept by an earlier run."""

    kind: Literal["file"]
    file: FilePath = Field(description="path of a result of `run`")
    at: Number | None = Field(None, description="time of the snapshot; the last one if left out")


InitialTable = Annotated[
    GaussianStart | DeltaStart | UniformStart | StationaryStart | FileStart,
    Field(discriminator="kind"),
]


class TimesTable(Table):
    """Times at even or logarithmic distances."""

    TAG: ClassVar[str] = tag("range")
    start: Number = Field(ge=0, description="a number >= 0")
    stop: Positive = Field(description="a number > start")
    count: int = Field(ge=2, le=100_000, description="an integer >= 2")
    spacing: Literal["linear", "log"] = "linear"
    unit: Unit | None = Field(None, description='"time", "steps" or "epochs"')

    @model_validator(mode="after")
    def _in_order(self) -> TimesTable:
        if self.start >= self.stop:
            given = {"start": self.start, "stop": self.stop}
            refuse("needs start < stop, got start = {start}, stop = {stop}", **given)
        if self.spacing == "log" and self.start == 0:
            refuse("logarithmic spacing needs start > 0")
        return self


def _increasing(times: tuple[float, ...]) -> tuple[float, ...]:
    if times[0] < 0 or any(b <= a for a, b in pairwise(times)):
        refuse("expects times >= 0 that increase")
    return times


Times = Annotated[
    Annotated[
        tuple[Number, ...],
        Field(min_length=1, max_length=100_000),
        AfterValidator(_increasing),
        Tag(tag("list")),
    ]
    | Annotated[TimesTable, Tag(TimesTable.TAG)],
    Discriminator(lambda v: TimesTable.TAG if isinstance(v, (dict, TimesTable)) else tag("list")),
]


class EvolveTable(Table):
    """Evolve the initial density to these times."""

    times: Times = Field(description="a list, or { start, stop, count, spacing, unit }")
    unit: Unit | None = Field(None, description='"time", "steps" or "epochs"')
    tolerance: Positive = Field(1e-8, ge=1e-11, le=0.1)
    method: str = "auto"
    weight: Weight = "fitted"


def _sort_of_places(value: object) -> str:
    pairs = isinstance(value, (list, tuple)) and any(isinstance(v, (list, tuple)) for v in value)
    return tag("pairs") if pairs else tag("numbers")


#: places on a line, or pairs of numbers in the plane
Places = Annotated[
    Annotated[Vector, Tag(tag("numbers"))] | Annotated[tuple[Pair, ...], Tag(tag("pairs"))],
    Discriminator(_sort_of_places),
]


class StationaryTable(Table):
    """Find the stationary density, its current and entropy production.

    Also the density at given points, and ``E cos(k x)`` and ``E sin(k x)`` at given frequencies k,
    which exist where moments do not; in the plane points and frequencies are pairs of numbers.
    """

    weight: Weight = "midpoint"
    points: Places | None = Field(None, description="a list of places between the walls")
    frequencies: Places | None = Field(None, description="a list of numbers k, for E exp(i k x)")


class ExpectTable(Table):
    """What a computed quantity should be: a number, or a named closed form."""

    quantity: str = Field(min_length=1, description="dotted path into the result of `run`")
    value: Number | None = None
    prediction: str | None = None
    rtol: Number | None = Field(None, ge=0)
    atol: Number | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _checkable(self) -> ExpectTable:
        if (self.value is None) == (self.prediction is None):
            refuse("needs either value or prediction, one of the two")
        if self.rtol is None and self.atol is None:
            refuse("needs rtol or atol")
        return self


class Case(Table):
    """A case: what to solve, from where, and what to expect.

    Made by `fokkerplanck.load_case`. Equal cases have the same canonical `text`.
    """

    title: str = ""
    grid: GridTable
    landscape: LandscapeTable
    noise: NoiseTable
    sgd: SgdTable | None = None
    dynamics: DynamicsTable = Field(default_factory=OverdampedTable)
    initial: InitialTable | None = None
    evolve: EvolveTable | None = None
    ensemble: EnsembleTable | None = None
    stationary: StationaryTable | None = None
    passage: tuple[PassageTable, ...] = ()
    spectrum: SpectrumTable | None = None
    rates: RatesTable | None = None
    selection: SelectionTable | None = None
    quasi_stationary: tuple[QuasiStationaryTable, ...] = ()
    expect: tuple[ExpectTable, ...] = ()

    _path: Path | None = PrivateAttr(None)

    @property
    def path(self) -> Path | None:
        """The file the case was read from."""
        return self._path

    @property
    def folder(self) -> Path:
        """Folder from which the case's own paths start."""
        return self._path.parent if self._path else Path()

    @property
    def dim(self) -> int:
        """Number of coordinates of the landscape."""
        return len(self.grid.axes)

    @property
    def underdamped(self) -> bool:
        """Whether there are velocities, too."""
        return self.dynamics.kind == "underdamped"

    @property
    def heavy_tailed(self) -> bool:
        """Whether walkers jump far: noise of kind "levy", but at alpha = 2, where it is white."""
        return self.noise.kind == "levy" and self.noise.alpha < GAUSSIAN

    @property
    def motion(self) -> str:
        """Which equation is solved: "overdamped", "underdamped" or "heavy-tailed"."""
        return "heavy-tailed" if self.heavy_tailed else self.dynamics.kind

    @cached_property
    def text(self) -> str:
        """Canonical TOML: every value written out, keys sorted, comments gone."""
        data = self.model_dump(exclude_none=True, by_alias=True)
        for name in ("passage", "quasi_stationary"):
            if not data[name]:  # texts, and so hashes, are those of versions without such tables
                del data[name]
        return dumps(data)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def run(self, output: str | Path | None = None, **options: Any) -> Any:
        """Solve the case; see `fokkerplanck.run.run_case`."""
        from fokkerplanck.run import run_case

        return run_case(self, output, **options)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Case) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)
