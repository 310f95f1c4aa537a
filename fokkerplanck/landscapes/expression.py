"""Scalar fields given as text: parsed safely, differentiated exactly, evaluated on arrays."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.base import Array, Landscape, as_points, finite_number
from fokkerplanck.landscapes.syntax import CONSTANTS, FUNCTIONS, checked_tree
from fokkerplanck.solvers.pieces import all_finite

if TYPE_CHECKING:
    from fokkerplanck.landscapes.jets import Jet, Tape

__all__ = ["ExpressionLandscape", "ScalarField", "from_expression", "parse"]

COORDINATES = ("x", "y")


def parse(
    text: str | float,
    names: Sequence[str],
    parameters: Mapping[str, float] | None = None,
    key: str | None = None,
) -> Any:
    """Sympy expression of untrusted text, with `parameters` put in as double-precision numbers.

    Parameters
    ----------
    text : str or number
        Numbers, `names`, `parameters`, ``pi``, ``e``, ``+ - * / **``, the functions exp log ln
        sqrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh erf erfc abs sign
        heaviside min max, and ``where(a < b, value, otherwise)``.
    names : sequence of str
        The variables; they become real symbols.
    parameters : mapping of str to float, optional
        Named numbers.
    key : str, optional
        Key path that errors name.

    Raises
    ------
    CaseError
        Anything that is not such an expression, or one beyond the limits of size and exponent.
    """
    from fokkerplanck.landscapes import symbolic

    if not isinstance(text, str):
        text = repr(finite_number(text, key or "expression"))
    values = _checked_parameters(parameters or {}, names, key)
    return symbolic.build(checked_tree(text, names, values, key), values, key)


@dataclass(frozen=True)
class ScalarField:
    """A function of named coordinates, given as text, with its exact derivatives.

    Parameters
    ----------
    text : str or number
        The expression, see `parse`.
    names : tuple of str
        Coordinates, in the order of the last axis of points.
    parameters : mapping of str to float
        Named numbers of the expression.
    key : str, optional
        Key path that errors name.
    extra : tuple of str
        Further variables, given by keyword at evaluation (a time, say) and not differentiated.

    Notes
    -----
    Gradient and Hessian follow the chain rule exactly. Where a kink splits a derivative (abs,
    sign, min, max, where) each side has its own; a derivative that would contain a Dirac delta
    is refused.
    """

    text: str | float
    names: tuple[str, ...]
    parameters: Mapping[str, float] = field(default_factory=dict)
    key: str | None = None
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "extra", tuple(self.extra))
        object.__setattr__(self, "parameters", dict(self.parameters))
        self.expression  # noqa: B018  refuses bad text now, not at the first evaluation

    @cached_property
    def expression(self) -> Any:
        """The sympy expression."""
        return parse(self.text, (*self.names, *self.extra), self.parameters, self.key)

    @property
    def constant(self) -> float | None:
        """The value, where the expression is a plain number; else None."""
        return float(self.expression) if self.expression.is_Number else None

    def value(self, points: ArrayLike, **extra: ArrayLike) -> Array:
        """Values at `points` of shape (..., len(names)); shape (...).

        Raises
        ------
        CaseError
            A value that is not finite; the message names the first such point.
        """
        return self.value_at(self._columns(points, extra))

    def value_at(self, columns: Sequence[Array]) -> Array:
        """Values where each variable has its own array, of shapes that go together."""
        with np.errstate(all="ignore"):
            value = self._checked(self._function(*columns), columns)
        mine = value.base is None and not any(value is c for c in columns)
        shape = _shape(columns)
        return value if mine and value.shape == shape else np.array(np.broadcast_to(value, shape))

    def gradient(self, points: ArrayLike, **extra: ArrayLike) -> Array:
        """First derivatives with respect to `names`; shape (..., len(names))."""
        return self.gradient_at(self._columns(points, extra))

    def gradient_at(self, columns: Sequence[Array]) -> Array:
        """First derivatives where each variable has its own array; shape (..., len(names))."""
        out = np.empty((*_shape(columns), len(self.names)))
        for i, value in enumerate(self._jet(columns, 1).first):
            out[..., i] = self._checked(value, columns)
        return out

    def hessian(self, points: ArrayLike, **extra: ArrayLike) -> Array:
        """Second derivatives; shape (..., len(names), len(names))."""
        columns = self._columns(points, extra)
        upper = iter(self._jet(columns, 2).second)
        n = len(self.names)
        out = np.empty((*_shape(columns), n, n))
        for i in range(n):
            for j in range(i, n):
                out[..., i, j] = self._checked(next(upper), columns)
                out[..., j, i] = out[..., i, j]
        return out

    @cached_property
    def _symbols(self) -> list[Any]:
        from fokkerplanck.landscapes.symbolic import real_symbol

        return [real_symbol(name) for name in (*self.names, *self.extra)]

    @cached_property
    def _function(self) -> Callable[..., Any]:
        from fokkerplanck.landscapes.symbolic import compiled

        return compiled(self._symbols, self.expression)

    @cached_property
    def _smooth(self) -> set[int]:
        """Orders of derivatives that are known to be functions."""
        return set()

    @cached_property
    def _tape(self) -> Tape:
        from fokkerplanck.landscapes.jets import Tape

        return Tape.of(self.expression, self._symbols)

    def _jet(self, columns: Sequence[Array], order: int) -> Jet:
        from fokkerplanck.landscapes.symbolic import check_derivatives

        count = len(self.names)
        if order not in self._smooth:
            check_derivatives(self.expression, self._symbols[:count], order, self.key)
            self._smooth.add(order)
        with np.errstate(all="ignore"):
            return self._tape.jet(columns, count, order)

    def _columns(self, points: ArrayLike, extra: Mapping[str, ArrayLike]) -> list[Array]:
        if set(extra) != set(self.extra):
            msg = f"needs values of {list(self.extra)}, got {list(extra)}"
            raise CaseError(msg, key=self.key)
        points = as_points(points, len(self.names))
        columns = [points[..., i] for i in range(len(self.names))]
        columns += [np.asarray(extra[name], dtype=np.float64) for name in self.extra]
        return columns

    def _checked(self, raw: ArrayLike, columns: Sequence[Array]) -> Array:
        """See that values are finite; they may be fewer than the points, where all are alike."""
        value = np.asarray(raw, dtype=np.float64)
        if not all_finite(value):
            self._refuse(np.broadcast_to(value, _shape(columns)), columns)
        return value

    def _refuse(self, value: Array, columns: Sequence[Array]) -> None:
        where = np.unravel_index(int(np.argmax(~np.isfinite(value))), value.shape)
        at = (np.broadcast_to(c, value.shape)[where] for c in columns)
        names = (*self.names, *self.extra)
        place = ", ".join(f"{n} = {v:.6g}" for n, v in zip(names, at, strict=True))
        msg = f"{str(self.text)[:80]!r} or a derivative of it is not finite at {place}"
        raise CaseError(msg, key=self.key)


@dataclass(frozen=True)
class ExpressionLandscape(Landscape):
    """A loss given as text."""

    field: ScalarField
    elementwise: ClassVar[bool] = True

    @property
    def dim(self) -> int:  # type: ignore[override]
        """Number of coordinates."""
        return len(self.field.names)

    @property
    def name(self) -> str:  # type: ignore[override]
        """Kind in a case file."""
        return "expression"

    def loss(self, points: ArrayLike) -> Array:
        """Value of the expression; see `Landscape.loss`."""
        return self.field.value(points)

    def gradient(self, points: ArrayLike) -> Array:
        """Exact first derivatives; see `Landscape.gradient`."""
        return self.field.gradient(points)

    def hessian(self, points: ArrayLike) -> Array:
        """Exact second derivatives; see `Landscape.hessian`."""
        return self.field.hessian(points)

    def loss_on(self, axes: Sequence[Array]) -> Array:
        """See `Landscape.loss_on`: what depends on one coordinate is computed on its axis."""
        return self.field.value_at(np.ix_(*axes))

    def gradient_on(self, axes: Sequence[Array]) -> Array:
        """See `Landscape.gradient_on`: what depends on one coordinate is computed on its axis."""
        return self.field.gradient_at(np.ix_(*axes))


def from_expression(
    loss: str | float,
    dim: int = 1,
    parameters: Mapping[str, float] | None = None,
    key: str = "landscape.loss",
) -> ExpressionLandscape:
    """Landscape from the text of its loss in ``x`` (and ``y``), see `parse` for what is allowed.

    Raises
    ------
    CaseError
        Text that is not an allowed expression, or a parameter that is not a finite number.
    """
    return ExpressionLandscape(ScalarField(loss, COORDINATES[:dim], parameters or {}, key))


def _shape(columns: Sequence[Array]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(c.shape for c in columns))


def _checked_parameters(
    parameters: Mapping[str, float], names: Sequence[str], key: str | None
) -> dict[str, float]:
    taken = (*names, *CONSTANTS, *FUNCTIONS)
    for name in parameters:
        if name in taken:
            msg = f"the parameter name {name!r} is already a variable, constant or function"
            raise CaseError(msg, key=key)
        if not (isinstance(name, str) and name.isidentifier()) or keyword.iskeyword(name):
            msg = f"the parameter name {name!r:.60} is not a plain name"
            raise CaseError(msg, key=key)
    where = f"{key}: parameter" if key else "parameter"
    return {name: finite_number(v, f"{where} {name}") for name, v in parameters.items()}
