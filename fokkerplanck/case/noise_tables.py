"""The table [noise]: where the diffusion tensor comes from, and how it is read."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from fokkerplanck.case.values import (
    Count,
    EntryMatrix,
    Expression,
    Matrix,
    Number,
    Parameters,
    Positive,
    PositivePair,
    Table,
    refuse,
    tag,
)

__all__ = [
    "CovarianceNoise",
    "FormulaSchedule",
    "HessianNoise",
    "LevyNoise",
    "LossNoise",
    "NoiseTable",
    "RatesSchedule",
    "StepSchedule",
    "TensorNoise",
    "WhiteNoise",
]


class StepSchedule(Table):
    """A factor on D that jumps: ``factor[k]`` from ``times[k]`` on, 1 before the first."""

    TAG: ClassVar[str] = tag("steps")
    times: tuple[Number, ...] = Field(min_length=1, description="a list of times")
    factor: tuple[Positive, ...] = Field(min_length=1, description="a list of factors > 0")

    @model_validator(mode="after")
    def _fit_together(self) -> StepSchedule:
        if len(self.times) != len(self.factor):
            given = {"times": len(self.times), "factors": len(self.factor)}
            refuse("needs as many factors as times ({times} times, {factors} factors)", **given)
        if any(b <= a for a, b in pairwise(self.times)):
            refuse("needs times that increase")
        return self


class FormulaSchedule(Table):
    """A factor on D as a formula of t."""

    TAG: ClassVar[str] = tag("formula")
    factor: Expression = Field(description="a formula of t in quotes")
    parameters: Parameters = Field(default_factory=dict)


class RatesSchedule(Table):
    """Learning rate and batch size as formulas of t; D goes with their ratio."""

    TAG: ClassVar[str] = tag("rates")
    learning_rate: Expression | None = None
    batch_size: Expression | None = None
    parameters: Parameters = Field(default_factory=dict)


def _sort_of_schedule(value: object) -> str:
    if isinstance(value, str):
        return tag("text")
    if isinstance(value, Table):
        return str(getattr(value, "TAG", StepSchedule.TAG))
    keys = value if isinstance(value, dict) else {}
    if "learning_rate" in keys or "batch_size" in keys:
        return RatesSchedule.TAG
    formula = isinstance(keys.get("factor"), str) and "times" not in keys
    return FormulaSchedule.TAG if formula else StepSchedule.TAG


Schedule = Annotated[
    Annotated[Expression, Tag(tag("text"))]
    | Annotated[StepSchedule, Tag(StepSchedule.TAG)]
    | Annotated[FormulaSchedule, Tag(FormulaSchedule.TAG)]
    | Annotated[RatesSchedule, Tag(RatesSchedule.TAG)],
    Discriminator(_sort_of_schedule),
]


class _Noise(Table):
    """What every noise takes."""

    reading: Literal["ito", "stratonovich", "hanggi-klimontovich"] = "ito"
    schedule: Schedule | None = Field(
        None,
        description="a formula of t, { times, factor }, or { learning_rate, batch_size } of t",
    )


class WhiteNoise(_Noise):
    """D = temperature * I: Langevin dynamics at one temperature."""

    kind: Literal["white"]
    temperature: Positive = Field(description="a number > 0")


class TensorNoise(_Noise):
    """D given entry by entry, as numbers or formulas of x and y."""

    kind: Literal["tensor"]
    D: EntryMatrix = Field(description="a symmetric matrix of numbers or formulas")
    parameters: Parameters = Field(default_factory=dict)


class _GradientNoise(_Noise):
    """Noise of SGD; its strength comes from here, or from the table [sgd]."""

    learning_rate: Positive | None = Field(None, description="a number > 0")
    batch_size: Count | None = Field(None, description="an integer >= 1")
    dataset_size: Count | None = Field(None, description="an integer >= 1")


class HessianNoise(_GradientNoise):
    """D = learning_rate / (2 batch_size) g(H): gradient noise of SGD near minima."""

    kind: Literal["hessian"]
    model: Literal["frozen", "absolute"] = "frozen"
    floor: Positive | None = Field(None, description="a number > 0")


class CovarianceNoise(_GradientNoise):
    """D = learning_rate / (2 batch_size) C: gradient noise of a measured or given covariance."""

    kind: Literal["covariance"]
    covariance: EntryMatrix | None = Field(
        None, description="a symmetric matrix of numbers or formulas; else that of the landscape"
    )
    parameters: Parameters = Field(default_factory=dict)
    floor: Positive | None = Field(None, description="a number > 0")
    isotropic: bool | None = Field(
        None, description="true: C everywhere replaced by the isotropic one of the same trace"
    )


class LossNoise(_GradientNoise):
    """D = c (L + offset) H*: gradient noise of a squared loss, which goes with the loss."""

    kind: Literal["loss"]
    c: Positive | None = Field(None, description="a number > 0")
    hessian: Matrix | None = Field(None, description="a number, or a symmetric matrix of numbers")
    offset: Number = Field(0.0, description="a number")


Strength = Annotated[
    Annotated[Positive, Tag(tag("number"))] | Annotated[PositivePair, Tag(tag("pair"))],
    Discriminator(lambda v: tag("pair") if isinstance(v, (list, tuple)) else tag("number")),
]


class LevyNoise(_Noise):
    """Long jumps: ``scale dL`` of an alpha-stable motion, perhaps with Gaussian noise beside it.

    ``E exp(i w L_t) = exp(-t |w|^alpha)``; in the plane with the length of the vector w, or, of
    independent components, along each axis by itself, where `scale` may be a pair. With [sgd] the
    scale may be had from `sigma`, that of the noise of one gradient: ``eta^((alpha - 1) / alpha)
    sigma``.
    """

    kind: Literal["levy"]
    alpha: Positive = Field(le=2, description="a number > 0 and <= 2, the index of the tails")
    scale: Strength | None = Field(
        None, description="a number > 0, or a pair of them with independent components"
    )
    sigma: Positive | None = Field(None, description="a number > 0, with a table [sgd]")
    temperature: Number = Field(0.0, ge=0, description="a number >= 0")
    outside: Literal["stopped", "suppressed"] = "stopped"
    components: Literal["isotropic", "independent"] | None = Field(
        None, description='"isotropic" or "independent", in the plane'
    )

    @model_validator(mode="after")
    def _one_strength(self) -> LevyNoise:
        if (self.scale is None) == (self.sigma is None):
            refuse("needs either scale or, with [sgd], sigma: one of the two")
        return self


NoiseTable = Annotated[
    WhiteNoise | TensorNoise | HessianNoise | CovarianceNoise | LossNoise | LevyNoise,
    Field(discriminator="kind"),
]
