"""Loss landscapes: formulas, text, samples; their critical points, barriers and basins.

A landscape gives ``loss``, ``gradient`` and ``hessian`` at points of shape (..., dim); the
derivatives are those of that very loss, exact to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.analytic import quartic, styblinski_tang, tilted
from fokkerplanck.landscapes.base import Landscape, finite_number
from fokkerplanck.landscapes.critical import (
    Barrier,
    CriticalPoint,
    barrier,
    basin_labels,
    basins,
    critical_points,
)
from fokkerplanck.landscapes.decay import decayed
from fokkerplanck.landscapes.expression import ScalarField, from_expression
from fokkerplanck.landscapes.mueller_brown import mueller_brown
from fokkerplanck.landscapes.piecewise import piecewise_quadratic
from fokkerplanck.landscapes.sampled import load_sampled, sampled
from fokkerplanck.landscapes.transform import rotated, scaled, sheared, translated

__all__ = [
    "KINDS",
    "Barrier",
    "CriticalPoint",
    "Landscape",
    "ScalarField",
    "barrier",
    "basin_labels",
    "basins",
    "critical_points",
    "decayed",
    "from_expression",
    "load_sampled",
    "make",
    "mueller_brown",
    "piecewise_quadratic",
    "quartic",
    "rotated",
    "sampled",
    "scaled",
    "sheared",
    "styblinski_tang",
    "tilted",
    "translated",
]


def _from_file(dim: int, file: str) -> Landscape:
    landscape = load_sampled(file)
    if landscape.dim != dim:
        msg = f"{file} has {landscape.dim} coordinates, the grid {dim}"
        raise CaseError(msg, key="landscape.file")
    return landscape


#: kind in a case file -> maker; every one takes ``dim`` and the kind's own keys
KINDS: dict[str, Callable[..., Landscape]] = {
    "expression": from_expression,
    "quartic": quartic,
    "tilted": tilted,
    "piecewise-quadratic": piecewise_quadratic,
    "styblinski-tang": styblinski_tang,
    "mueller-brown": mueller_brown,
    "sampled": _from_file,
}


def make(
    kind: str,
    dim: int,
    options: Mapping[str, Any],
    *,
    hessian_scale: float | None = None,
    shear: float | None = None,
    rotate: float | None = None,
    translate: Sequence[float] | None = None,
) -> Landscape:
    """Landscape of a kind with its options, then scaled, sheared, turned and moved.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.
    dim : int
        Number of coordinates.
    options : mapping
        Arguments of the maker.
    hessian_scale : float, optional
        k in ``L(sqrt(k) x)``: every curvature times k, every barrier as it is; see `scaled`.
    shear, rotate, translate
        See `sheared`, `rotated` (degrees) and `translated`.

    Raises
    ------
    CaseError
        An unknown kind, or options the kind refuses.
    """
    if kind not in KINDS:
        msg = f"unknown kind {kind!r:.60}; known: {', '.join(KINDS)}"
        raise CaseError(msg, key="landscape.kind")
    landscape = KINDS[kind](dim=dim, **options)
    if hessian_scale is not None:
        factor = finite_number(hessian_scale, "landscape.hessian_scale", positive=True)
        landscape = scaled(landscape, length=factor**-0.5)
    if shear is not None:
        landscape = sheared(landscape, shear)
    if rotate is not None:
        landscape = rotated(landscape, rotate)
    return landscape if translate is None else translated(landscape, translate)
