"""Forces that are not the gradient of a loss: the part of a drift that drives currents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import lattice
from fokkerplanck.solvers.pieces import all_finite

if TYPE_CHECKING:
    from fokkerplanck.landscapes.expression import ScalarField

__all__ = ["Force", "expressions", "function"]

Array = NDArray[np.float64]
KEY = "dynamics.drift.force"


@dataclass(frozen=True, eq=False)
class Force:
    """Extra force F in the drift ``f = -grad L + F``; make one with `expressions` or `function`.

    Parameters
    ----------
    components : tuple of str or numbers, or callable
        One entry per coordinate, or a vectorised function from points (..., dim) to (..., dim).
    parameters : mapping
        Names used in the expressions.
    """

    components: tuple[str | float, ...] | Callable[[Array], Array]
    parameters: Mapping[str, float] = field(default_factory=dict)
    _known: dict[tuple[str, ...], list[float | ScalarField]] = field(
        default_factory=dict, init=False, repr=False
    )

    def values(self, points: Array, names: Sequence[str]) -> Array:
        """Evaluate F at points of shape (..., dim), whose coordinates are called `names`.

        Raises
        ------
        CaseError
            When the number of components is not the dimension, an expression is not allowed, or
            a value is not finite.
        """
        if callable(self.components):
            out = np.asarray(self.components(points), dtype=np.float64)
            if out.shape[-1:] != points.shape[-1:]:
                msg = f"the force function must return (..., {len(names)}) values, got {out.shape}"
                raise CaseError(msg, key=KEY)
            out = np.array(np.broadcast_to(out, points.shape))
        else:
            out = self._components([points[..., i] for i in range(points.shape[-1])], names)
        _check_finite(out, points, names)
        return out

    def values_on(self, axes: Sequence[Array], names: Sequence[str]) -> Array:
        """Evaluate F at all combinations of coordinates, shape (n, dim) or (n, m, dim)."""
        if callable(self.components):
            return self.values(lattice(axes), names)
        out = self._components(np.ix_(*axes), names)
        if not all_finite(out):
            _check_finite(out, lattice(axes), names)
        return out

    @property
    def elementwise(self) -> bool:
        """Whether it is known to treat every point alike, whatever others are given."""
        return not callable(self.components)

    def _components(self, columns: Sequence[Array], names: Sequence[str]) -> Array:
        out = np.empty((*np.broadcast_shapes(*(c.shape for c in columns)), len(names)))
        for i, part in enumerate(self._parts(tuple(names))):
            out[..., i] = part if isinstance(part, float) else part.value_at(columns)
        return out

    def _parts(self, names: tuple[str, ...]) -> list[float | ScalarField]:
        """Components as numbers and fields, which are made once for given names."""
        known: dict[tuple[str, ...], list[float | ScalarField]] = self._known
        if names not in known:
            parts = self.components
            assert not callable(parts)
            if len(parts) != len(names):
                msg = f"needs one component for each of {', '.join(names)}, got {len(parts)}"
                raise CaseError(msg, key=KEY)
            known[names] = [self._part(part, names, i) for i, part in enumerate(parts)]
        return known[names]

    def _part(self, part: str | float, names: tuple[str, ...], i: int) -> float | ScalarField:
        if not isinstance(part, str):
            return float(part)
        from fokkerplanck.landscapes.expression import ScalarField

        return ScalarField(part, names, self.parameters, f"{KEY}[{i}]")


def expressions(
    components: str | float | Sequence[str | float], parameters: Mapping[str, float] | None = None
) -> Force:
    """Force from numbers or expressions of the coordinates, one per axis.

    In one dimension a single entry will do. A constant force on a periodic axis is a tilt, which
    no periodic loss can express.
    """
    if isinstance(components, str) or np.ndim(components) == 0:
        components = [components]  # type: ignore[list-item]
    parts = tuple(c if isinstance(c, str) else float(c) for c in components)  # type: ignore[union-attr]
    return Force(parts, dict(parameters or {}))


def function(force: Callable[[Array], Array]) -> Force:
    """Force from a vectorised function of points (..., dim) that returns (..., dim)."""
    return Force(force)


def _check_finite(values: Array, points: Array, names: Sequence[str]) -> None:
    if not all_finite(values):
        bad = ~np.isfinite(values).all(axis=-1)
        index = np.unravel_index(int(bad.argmax()), bad.shape)
        where = ", ".join(f"{n} = {v:.6g}" for n, v in zip(names, points[index], strict=True))
        msg = f"the force is not finite at {where}: {values[index].tolist()}"
        raise CaseError(msg, key=KEY)
