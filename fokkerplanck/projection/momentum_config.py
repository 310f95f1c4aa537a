"""Files that say which paths of a network are recorded beside the theory of momentum."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from fokkerplanck.case.load import load_table
from fokkerplanck.case.values import Count, Number, Positive, Table, refuse
from fokkerplanck.projection.config import DataTable, NetworkTable, Seed

__all__ = ["MeasureTable", "MomentumConfig", "PlateauTable", "RunTable", "load_momentum"]

Thousands = Annotated[
    int, Field(ge=1000, multiple_of=1000, description="a number of steps, a multiple of 1000")
]
Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PlateauTable(Table):
    """How the network is trained to its plateau: heavy ball at a constant learning rate."""

    learning_rate: Positive
    batch_size: Count
    momentum: Number = Field(ge=0, lt=1)
    weight_decay: Decay
    steps: Thousands
    initial_seed: Seed = 0
    seed: Seed = 0


class RunTable(Table):
    """A path from the plateau on; what is not given is that of the plateau."""

    name: str = Field(min_length=1, max_length=40)
    learning_rate: Positive | None = None
    batch_size: Count | None = None
    momentum: Annotated[float, Field(ge=0, lt=1)] | None = None
    weight_decay: Decay | None = None
    draw: Literal["batches", "replacement", "epochs"] = "batches"
    settle: Thousands = Field(description="steps before anything is measured")
    window: Thousands = Field(description="steps whose mean is the reference point")
    steps: Thousands = Field(description="steps that are recorded")
    seed: Seed = 0


class MeasureTable(Table):
    """What is measured at the reference point and on the way."""

    directions: Annotated[int, Field(ge=1, le=64)] = 8
    probes: Annotated[int, Field(ge=2, le=64)] = 4
    lanczos: Annotated[int, Field(ge=8, le=1000)] = 80
    snapshots: Annotated[int, Field(ge=2, le=100)] = 6
    lags: Annotated[int, Field(ge=4, le=100, description="number of distances in time")] = 32
    stride: Count = 100
    look_every: Count = 100
    batch: Count = 512
    threads: Annotated[int, Field(ge=1, le=1024)] = 1


class MomentumConfig(Table):
    """A whole file."""

    title: str = ""
    data: DataTable = Field(description="a table with kind = digits, arrays, mnist or cifar10")
    network: NetworkTable = NetworkTable()
    plateau: PlateauTable
    run: tuple[RunTable, ...] = Field(min_length=1, description="tables [[run]]")
    measure: MeasureTable = MeasureTable()

    @model_validator(mode="after")
    def _names_differ(self) -> MomentumConfig:
        names = [run.name for run in self.run]
        if len(set(names)) < len(names):
            refuse("needs another name for each run, got {names}", names=", ".join(names))
        if self.network.norm == "batch":
            refuse("network.norm is group or none: steps through batch norm are no descent")
        return self


def load_momentum(path: str | Path) -> tuple[MomentumConfig, str]:
    """Read and check a file; its tables, and its canonical text.

    Raises
    ------
    CaseError
        For anything wrong with it: file, key, what was given and what is allowed.
    DataError
        If it cannot be read.
    """
    needs = "paths need [data], [plateau] and [[run]]"
    return load_table(path, MomentumConfig, needs=needs)
