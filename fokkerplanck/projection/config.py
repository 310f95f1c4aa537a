"""Files that say what is projected: data, networks, directions, points.

Paths in a file start from its folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from fokkerplanck.case.load import load_table
from fokkerplanck.case.values import Count, FilePath, Number, Positive, Table, refuse

__all__ = ["Config", "load_config"]

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Dim = Annotated[Literal[1, 2], Field(description="1 for a line, 2 for a plane")]
Index = Annotated[int, Field(ge=0)]


class Part(Table):
    """Take some of the samples only."""

    count: Count
    seed: Seed = 0


class DigitsData(Table):
    """Handwritten digits that come with scikit-learn."""

    kind: Literal["digits"]
    label_noise: Number = Field(default=0.0, ge=0, le=1)
    seed: Seed = 0
    subset: Part | None = None


class ArraysData(Table):
    """Arrays x and y of a file of numpy."""

    kind: Literal["arrays"]
    file: FilePath = Field(description="the path of an .npz file with x and y")
    subset: Part | None = None


class ImagesData(Table):
    """MNIST or CIFAR-10 as their authors give them out."""

    kind: Literal["mnist", "cifar10"]
    folder: FilePath = Field(description="the folder with the files of the data set")
    test: bool = False
    subset: Part | None = None


DataTable = Annotated[DigitsData | ArraysData | ImagesData, Field(discriminator="kind")]


class NetworkTable(Table):
    """A residual network; classes and channels are those of the data."""

    depth: int = 8
    width: int = 4
    norm: Literal["group", "batch", "none"] = "group"
    activation: Literal["silu", "softplus", "relu"] = "silu"


class TrainTable(Table):
    """How networks are trained, or where their weights are."""

    weights: tuple[FilePath, ...] | None = Field(
        default=None, min_length=1, description="a list of .npz files with weights"
    )
    networks: Annotated[int, Field(ge=1, le=3)] | None = None
    seeds: tuple[Seed, ...] | None = Field(
        default=None, min_length=1, max_length=3, description="a list of integers, one per network"
    )
    initial_seed: Seed | None = Field(
        default=None, description="an integer: the same initial weights for all networks"
    )
    learning_rate: Positive | None = None
    batch_size: Count | None = None
    epochs: Count | None = None
    momentum: Number = Field(default=0.0, ge=0, lt=1)
    weight_decay: Number = Field(default=0.0, ge=0)
    schedule: Literal["constant", "cosine"] = "constant"
    keep_every: Count = 1

    @model_validator(mode="after")
    def _one_of_both(self) -> TrainTable:
        given = self.model_fields_set - {"weights"}
        if self.weights is not None:
            if given:
                refuse("takes weights or how to train, not both: {keys}", keys=_listed(given))
            return self
        if missing := {"learning_rate", "batch_size", "epochs"} - given:
            refuse("needs weights, or {keys}", keys=_listed(missing))
        if self.seeds is not None and self.networks not in (None, len(self.seeds)):
            refuse(
                "needs as many seeds as networks ({seeds} seeds, {networks} networks)",
                seeds=len(self.seeds),
                networks=self.networks,
            )
        return self

    @property
    def starts(self) -> tuple[int, ...]:
        """Seeds of the networks to be trained."""
        return self.seeds or tuple(range(self.networks or 1))

    @property
    def count(self) -> int:
        """Number of networks."""
        return len(self.weights or self.starts)


class MinimaDirections(Table):
    """Through all networks: two make a line, three a plane."""

    kind: Literal["minima"]


class PcaDirections(Table):
    """Principal components of a network's trajectory."""

    kind: Literal["pca"]
    dim: Dim = 2
    centre: Literal["end", "mean"] = "end"
    network: Index = 0


class RandomDirections(Table):
    """Random, normalised filter by filter, about a network."""

    kind: Literal["random"]
    dim: Dim = 2
    seed: Seed = 0
    network: Index = 0


class HessianDirections(Table):
    """Top eigenvectors of the Hessian at a network."""

    kind: Literal["hessian"]
    dim: Dim = 2
    seed: Seed = 0
    network: Index = 0


DirectionsTable = Annotated[
    MinimaDirections | PcaDirections | RandomDirections | HessianDirections,
    Field(discriminator="kind"),
]


class RangeTable(Table):
    """Points along an axis, both ends included; without min and max, about the networks."""

    min: Number | None = None
    max: Number | None = None
    cells: int = Field(ge=4, le=4096, description="an integer >= 4, the number of points")

    @model_validator(mode="after")
    def _has_length(self) -> RangeTable:
        if (self.min is None) != (self.max is None):
            refuse("needs min and max, or neither")
        if self.min is not None and self.max is not None and self.min >= self.max:
            refuse("needs min < max, got min = {low}, max = {high}", low=self.min, high=self.max)
        return self


class SampleTable(Table):
    """Where the loss is sampled, and what is computed."""

    x: RangeTable = Field(description="{ cells, min, max }")
    y: RangeTable | None = None
    margin: Number = Field(default=0.25, ge=0, le=100)
    hessian: bool = True
    table: bool = True
    batch: Count = 256
    device: str = Field(default="cpu", min_length=1)
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    keep_weights: bool = True

    @property
    def axes(self) -> tuple[RangeTable, ...]:
        """The axes that are there, in order."""
        return (self.x,) if self.y is None else (self.x, self.y)


class Config(Table):
    """A whole file."""

    title: str = ""
    data: DataTable = Field(description="a table with kind = digits, arrays, mnist or cifar10")
    network: NetworkTable = NetworkTable()
    train: TrainTable
    directions: DirectionsTable = Field(
        description="a table with kind = minima, pca, random or hessian"
    )
    sample: SampleTable

    @model_validator(mode="after")
    def _fit_together(self) -> Config:
        kind, count = self.directions.kind, self.train.count
        if self.directions.kind == "minima":
            if count not in (2, 3):
                refuse("directions of kind minima need 2 or 3 networks, there are {n}", n=count)
            dim = count - 1
        else:
            dim = self.directions.dim
            if self.directions.network >= count:
                refuse(
                    "directions.network is {given}, the networks are 0 to {last}",
                    given=self.directions.network,
                    last=count - 1,
                )
        if len(self.sample.axes) != dim:
            what = "a plane: sample.y is missing" if dim == 2 else "a line: sample.y is too much"
            refuse("directions of kind {kind} make {what}", kind=kind, what=what)
        if kind in ("random", "hessian") and any(a.min is None for a in self.sample.axes):
            refuse("directions of kind {kind} need min and max in sample.x and y", kind=kind)
        return self


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> tuple[Config, str]:
    """Read and check a file; its tables, and its canonical text.

    Raises
    ------
    CaseError
        For anything wrong with it: file, key, what was given and what is allowed.
    DataError
        If it cannot be read.
    """
    needs = "a projection needs [data], [train], [directions] and [sample]"
    return load_table(path, Config, overrides, needs=needs)


def _listed(keys: set[str]) -> str:
    return ", ".join(sorted(keys))
