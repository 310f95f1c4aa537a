"""Files that say at which networks, batch sizes and steps gradient noise is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from fokkerplanck.case.load import load_table
from fokkerplanck.case.values import Count, Positive, Table, refuse
from fokkerplanck.projection.config import DataTable, NetworkTable, Seed

__all__ = ["GradientNoiseConfig", "NoiseRun", "NoiseTable", "load_gradient_noise"]

Step = Annotated[int, Field(ge=0, le=10_000_000)]
Steps = Annotated[
    tuple[Step, ...],
    Field(min_length=1, description="a list of numbers of steps that rise, 0 at the beginning"),
]


class NoiseRun(Table):
    """A training; what is not given is that of the file."""

    name: str = Field(min_length=1, max_length=40)
    batch_size: Count
    learning_rate: Positive | None = None
    network: NetworkTable | None = None
    data: DataTable | None = None
    steps: Steps | None = None
    initial_seed: Seed | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _steps_rise(self) -> NoiseRun:
        _rising(self.steps or ())
        return self


class NoiseTable(Table):
    """How long SGD goes on, and what is recorded on the way."""

    learning_rate: Positive
    initial_seed: Seed = 0
    steps: Steps
    coordinates: Annotated[int, Field(ge=2, le=100_000)] = 256
    minibatches: Annotated[int, Field(ge=8, le=10_000, multiple_of=8)] = 64
    draws: Annotated[int, Field(ge=2, le=1000)] = 5
    seed: Seed = 0
    threads: Annotated[int, Field(ge=1, le=1024)] = 1

    @model_validator(mode="after")
    def _steps_rise(self) -> NoiseTable:
        _rising(self.steps)
        return self


class GradientNoiseConfig(Table):
    """A whole file."""

    title: str = ""
    data: DataTable = Field(description="a table with kind = digits, arrays, mnist or cifar10")
    network: NetworkTable = NetworkTable()
    gradient_noise: NoiseTable
    run: tuple[NoiseRun, ...] = Field(min_length=1, description="tables [[run]]")

    @model_validator(mode="after")
    def _fit_together(self) -> GradientNoiseConfig:
        names = [run.name for run in self.run]
        if len(set(names)) < len(names):
            refuse("needs another name for each run, got {names}", names=", ".join(names))
        if any(self.network_of(run).norm == "batch" for run in self.run):
            refuse(
                "network.norm is group or none: in a batch norm no sample has a gradient of its own"
            )
        return self

    def network_of(self, run: NoiseRun) -> NetworkTable:
        """Return the network of a run."""
        return run.network or self.network

    def data_of(self, run: NoiseRun) -> DataTable:
        """Return the samples of a run."""
        return run.data or self.data

    def steps_of(self, run: NoiseRun) -> tuple[int, ...]:
        """Return the steps at which the noise of a run is recorded."""
        return run.steps or self.gradient_noise.steps

    def initial_seed_of(self, run: NoiseRun) -> int:
        """Return the seed of the initial weights of a run."""
        given = run.initial_seed
        return self.gradient_noise.initial_seed if given is None else given

    def rate_of(self, run: NoiseRun) -> float:
        """Return the learning rate of a run."""
        return run.learning_rate or self.gradient_noise.learning_rate


def load_gradient_noise(path: str | Path) -> tuple[GradientNoiseConfig, str]:
    """Read and check a file; its tables, and its canonical text.

    Raises
    ------
    CaseError
        For anything wrong with it: file, key, what was given and what is allowed.
    DataError
        If it cannot be read.
    """
    needs = "a recording of noise needs [data], [gradient_noise] and [[run]]"
    return load_table(path, GradientNoiseConfig, needs=needs)


def _rising(steps: tuple[int, ...]) -> None:
    if list(steps) != sorted(set(steps)):
        refuse("steps rise from one to the next, got {steps}", steps=list(steps))
