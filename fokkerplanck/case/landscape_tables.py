"""The table [landscape]: one model per kind of loss."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from fokkerplanck.case.values import Expression, Number, Parameters, Positive, Table

__all__ = ["ExpressionLoss", "LandscapeTable", "SampledLoss"]


class _Loss(Table):
    """What every landscape takes: a turn and a shear, for planes only."""

    rotate: Number | None = Field(None, description="degrees, anticlockwise")
    shear: Number | None = None


class ExpressionLoss(_Loss):
    """A formula of x (and y); its gradient and Hessian are derived exactly."""

    kind: Literal["expression"]
    loss: Expression = Field(description='the loss as a formula of x and y in quotes')
    parameters: Parameters = {}


class SampledLoss(_Loss):
    """A loss known at points, from a file."""

    kind: Literal["sampled"]
    file: str = Field(min_length=1, description="path of an HDF5 file, from the case's folder")


LandscapeTable = Annotated[ExpressionLoss | SampledLoss, Field(discriminator="kind")]
