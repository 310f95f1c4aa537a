"""Measured gradients beside those of the loss that was measured with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fokkerplanck.landscapes.sampled import SampledLandscape

__all__ = ["Disagreement", "disagreement"]

#: measured and derived gradients that are alike to this correlation ...
ALIKE = 0.99
#: ... but differ by more than this factor have other units
FACTOR = 1.25


@dataclass(frozen=True)
class Disagreement:
    """Difference between measured gradients and those of the spline through the losses alone.

    Parameters
    ----------
    largest, rms : float
        Length of the difference, at the samples.
    relative : float
        Its root mean square as a part of that of the gradient.
    position : tuple of float
        Where the largest one is.
    factors, correlations : tuple of float
        Along each axis: measured = factor * derived, and how well that describes them.
    """

    largest: float
    rms: float
    relative: float
    position: tuple[float, ...]
    factors: tuple[float, ...]
    correlations: tuple[float, ...]

    def units(self) -> str | None:
        """Say which component is measured in other units than the coordinates, or None."""
        for name, factor, alike in zip("xy", self.factors, self.correlations, strict=False):
            if abs(alike) > ALIKE and not 1 / FACTOR < factor < FACTOR:
                return (
                    f"gradient: its component along {name} is {factor:.4g} times the slope of the "
                    f"loss over {name}: other units, or another sign; coordinates must be "
                    "distances between weights, and gradient and covariance must belong to them"
                )
        return None

    def json(self) -> dict[str, Any]:
        """Return it as a part of a JSON object."""
        lists = {n: list(getattr(self, n)) for n in ("position", "factors", "correlations")}
        return {**self.__dict__, **lists}


def disagreement(landscape: SampledLandscape) -> Disagreement | None:
    """Compare measured gradients with those of the cubic spline through the losses.

    None where the file has no gradients. The difference also holds the error of the spline.
    """
    measured = landscape.gradient_samples
    if measured is None:
        return None
    derived = landscape.every(1, "values").gradient(landscape.lattice)
    wrong = np.linalg.norm(measured - derived, axis=-1)
    at = np.unravel_index(int(wrong.argmax()), wrong.shape)
    size = float(np.sqrt((measured**2).sum(axis=-1).mean()))
    rms = float(np.sqrt(np.mean(wrong**2)))
    products = [
        [float((a[..., i] * b[..., i]).sum()) for i in range(landscape.dim)]
        for a, b in ((measured, derived), (measured, measured), (derived, derived))
    ]
    sides = list(zip(*products, strict=True))
    return Disagreement(
        largest=float(wrong[at]),
        rms=rms,
        relative=rms / size if size else 0.0,
        position=tuple(float(axis[i]) for axis, i in zip(landscape.axes, at, strict=True)),
        factors=tuple(ab / bb if bb else 1.0 for ab, _, bb in sides),
        correlations=tuple(
            float(ab / np.sqrt(aa * bb)) if aa * bb else 0.0 for ab, aa, bb in sides
        ),
    )
