"""Double wells made of parabolas: the sharpness of every piece is chosen, not a consequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.base import Array, Landscape, as_points, check_dim, finite_number

__all__ = ["PiecewiseQuadratic", "piecewise_quadratic"]

Pair = tuple[float, float]


@dataclass(frozen=True)
class PiecewiseQuadratic(Landscape):
    """Two parabolic wells joined to a parabolic barrier with matching slopes.

    With a well of curvature H, a barrier top of curvature -H_b at x = 0 and a rise dL between
    them, the minimum lies at the distance l = sqrt(2 dL (H + H_b)/(H H_b)) and the pieces meet
    at l H/(H + H_b) from the top, where dL H/(H + H_b) of the climb is still to come. In 2-D the
    valley k(x) y^2/2 is added; its stiffness k goes smoothly (C2) from well to saddle to well.

    Parameters
    ----------
    dim : int
    curvature : (float, float)
        H of the left and the right well.
    saddle_curvature : float
        H_b > 0; the second derivative at the top is -H_b.
    barrier : (float, float)
        dL seen from the left and from the right; the lower minimum has loss 0.
    stiffness : (float, float)
        k in the left and in the right well (2-D).
    saddle_stiffness : float
        k at the saddle (2-D).

    Notes
    -----
    The gradient is continuous. The second derivative jumps where the pieces meet; there it has
    the barrier's value. Minima and saddle are the only critical points.
    """

    dim: int
    curvature: Pair
    saddle_curvature: float
    barrier: Pair
    stiffness: Pair
    saddle_stiffness: float

    @property
    def name(self) -> str:  # type: ignore[override]
        """Kind in a case file."""
        return "piecewise-quadratic"

    @property
    def minima(self) -> Pair:
        """Coordinate x of the left and the right minimum; the saddle is at 0."""
        left, right = (self._reach(side) for side in (0, 1))
        return (-left, right)

    @property
    def joints(self) -> Pair:
        """Coordinate x at which the barrier's parabola meets the left and the right well's."""
        b = self.saddle_curvature
        left, right = (self._reach(k) * h / (h + b) for k, h in enumerate(self.curvature))
        return (-left, right)

    def loss(self, points: ArrayLike) -> Array:
        """See `Landscape.loss`."""
        points = as_points(points, self.dim)
        x, top = points[..., 0], max(self.barrier)
        well, height, curvature, minimum = self._pieces(x)
        value = np.where(
            well,
            top - height + 0.5 * curvature * (x - minimum) ** 2,
            top - 0.5 * self.saddle_curvature * x * x,
        )
        if self.dim == 1:
            return value
        return np.asarray(value + 0.5 * self._stiffness(x)[0] * points[..., 1] ** 2)

    def gradient(self, points: ArrayLike) -> Array:
        """See `Landscape.gradient`."""
        points = as_points(points, self.dim)
        x = points[..., 0]
        well, _, curvature, minimum = self._pieces(x)
        slope = np.where(well, curvature * (x - minimum), -self.saddle_curvature * x)
        if self.dim == 1:
            return slope[..., np.newaxis]
        y, (k, k1, _) = points[..., 1], self._stiffness(x)
        return np.stack([slope + 0.5 * k1 * y * y, k * y], axis=-1)

    def hessian(self, points: ArrayLike) -> Array:
        """See `Landscape.hessian`; at a joint the value of the barrier's side."""
        points = as_points(points, self.dim)
        x = points[..., 0]
        well, _, curvature, _ = self._pieces(x)
        out = np.empty((*points.shape, self.dim))
        out[..., 0, 0] = np.where(well, curvature, -self.saddle_curvature)
        if self.dim == 2:
            y, (k, k1, k2) = points[..., 1], self._stiffness(x)
            out[..., 0, 0] += 0.5 * k2 * y * y
            out[..., 0, 1] = out[..., 1, 0] = k1 * y
            out[..., 1, 1] = k
        return out

    def minimum_hint(self) -> Array:
        """See `Landscape.minimum_hint`."""
        return np.array([(x, *(0.0,) * (self.dim - 1)) for x in self.minima])

    def _reach(self, side: int) -> float:
        h, b = self.curvature[side], self.saddle_curvature
        return float(np.sqrt(2.0 * self.barrier[side] * (h + b) / (h * b)))

    def _pieces(self, x: Array) -> tuple[np.ndarray, Array, Array, Array]:
        """Whether x is in a well, and the well's barrier, curvature and minimum on its side."""
        side = (x > 0.0).astype(np.intp)
        joint = np.array(self.joints)[side]
        pieces = (np.array(part)[side] for part in (self.barrier, self.curvature, self.minima))
        height, curvature, minimum = pieces
        return np.abs(x) > np.abs(joint), height, curvature, minimum

    def _stiffness(self, x: Array) -> tuple[Array, Array, Array]:
        """Stiffness k_b + (k_well - k_b) (10 u^3 - 15 u^4 + 6 u^5), and two derivatives."""
        side = (x > 0.0).astype(np.intp)
        reach = np.array(self.minima)[side]
        u = np.clip(x / reach, 0.0, 1.0)
        rise = np.array(self.stiffness)[side] - self.saddle_stiffness
        k = self.saddle_stiffness + rise * u**3 * (10.0 - 15.0 * u + 6.0 * u * u)
        k1 = rise * 30.0 * (u * (1.0 - u)) ** 2 / reach
        k2 = rise * 60.0 * u * (1.0 - u) * (1.0 - 2.0 * u) / reach**2
        return k, k1, k2


def piecewise_quadratic(
    dim: int = 1,
    curvature: float | Sequence[float] = (4.0, 1.0),
    saddle_curvature: float = 1.0,
    barrier: float | Sequence[float] = 1.0,
    stiffness: float | Sequence[float] = 1.0,
    saddle_stiffness: float | None = None,
) -> PiecewiseQuadratic:
    """Two parabolic wells of chosen sharpness and depth, see `PiecewiseQuadratic`.

    A pair is (left, right); one number stands for both. `saddle_stiffness` is the geometric mean
    of the wells' unless given. The default is a sharp well on the left, a flat one on the right,
    both a barrier of 1 deep.

    Raises
    ------
    CaseError
        A value that is not positive, or neither a number nor a pair.
    """
    check_dim(dim)
    k = _pair(stiffness, "stiffness")
    middle = float(np.sqrt(k[0] * k[1])) if saddle_stiffness is None else saddle_stiffness
    return PiecewiseQuadratic(
        dim,
        _pair(curvature, "curvature"),
        finite_number(saddle_curvature, "landscape.saddle_curvature", positive=True),
        _pair(barrier, "barrier"),
        k,
        finite_number(middle, "landscape.saddle_stiffness", positive=True),
    )


def _pair(value: float | Sequence[float], name: str) -> Pair:
    key = f"landscape.{name}"
    if isinstance(value, Sequence):
        if len(value) != 2:
            msg = f"needs a number or a pair (left, right), got {len(value)} values"
            raise CaseError(msg, key=key)
        left, right = (finite_number(v, f"{key}[{i}]", positive=True) for i, v in enumerate(value))
        return (left, right)
    number = finite_number(value, key, positive=True)
    return (number, number)
