"""The table [landscape]: one model per kind of loss."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from fokkerplanck.case.values import (
    Expression,
    FilePath,
    Number,
    Parameters,
    Positive,
    Table,
    Vector,
)

__all__ = ["LandscapeTable"]


def _both(value: object) -> object:
    return value if isinstance(value, (tuple, bool)) else (value, value)


#: (left, right); a lone number stands for both
PositivePair = Annotated[tuple[Positive, Positive], BeforeValidator(_both)]


class _Loss(Table):
    """What every loss takes: a scale, a shear and a turn (both in the plane only), a shift."""

    hessian_scale: Positive | None = Field(
        default=None, description="k in L(sqrt(k) x): curvatures times k, barriers as they are"
    )
    shear: Number | None = Field(default=None, description="s in (x, y) -> (x + s y, y)")
    rotate: Number | None = Field(default=None, description="degrees, anticlockwise")
    translate: Vector | None = None


class ExpressionLoss(_Loss):
    """A formula of x (and y); its gradient and Hessian are derived exactly."""

    kind: Literal["expression"]
    loss: Expression = Field(description="the loss as a formula of x and y in quotes")
    parameters: Parameters = Field(default_factory=dict)


class QuarticLoss(_Loss):
    """barrier ((x/half_width)^2 - 1)^2 [+ stiffness (y - coupling x)^2/2]: two equal wells."""

    kind: Literal["quartic"]
    barrier: Positive = 0.25
    half_width: Positive = 1.0
    stiffness: Positive = 1.0
    coupling: Number = 0.0


class TiltedLoss(_Loss):
    """x^4/4 - x^2/2 + tilt x [+ stiffness (y - coupling x)^2/2]: a deep and a shallow well."""

    kind: Literal["tilted"]
    tilt: Number = 0.1
    stiffness: Positive = 1.0
    coupling: Number = 0.0


class PiecewiseQuadraticLoss(_Loss):
    """Two parabolic wells of chosen sharpness and depth; a pair is (left, right)."""

    kind: Literal["piecewise-quadratic"]
    curvature: PositivePair = (4.0, 1.0)
    saddle_curvature: Positive = 1.0
    barrier: PositivePair = (1.0, 1.0)
    stiffness: PositivePair = (1.0, 1.0)
    saddle_stiffness: Positive | None = None


class MuellerBrownLoss(_Loss):
    """Three minima in a curved valley of the plane, times `scale`."""

    kind: Literal["mueller-brown"]
    scale: Positive = 1.0


class StyblinskiTangLoss(_Loss):
    """Sum over the coordinates of (x^4 - 16 x^2 + 5 x)/2."""

    kind: Literal["styblinski-tang"]


class SampledLoss(_Loss):
    """A loss known at points, from a file."""

    kind: Literal["sampled"]
    file: FilePath = Field(description="path of an HDF5 file, from the case's folder")


LandscapeTable = Annotated[
    ExpressionLoss
    | QuarticLoss
    | TiltedLoss
    | PiecewiseQuadraticLoss
    | StyblinskiTangLoss
    | MuellerBrownLoss
    | SampledLoss,
    Field(discriminator="kind"),
]
