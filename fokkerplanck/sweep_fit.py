"""Straight lines through logarithms of times: slopes as the papers' figures have them.

Measured points, and the closed forms that the case names in ``[[expect]]`` at the same points, are
fitted in the same way: a prediction is compared with what it predicts, curvature and all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.sweep_abscissa import BENT, Abscissa, abscissa, expression
from fokkerplanck.sweep_data import SweepResult
from fokkerplanck.sweep_quantity import LN10, Logarithm, logarithm_of

__all__ = ["Fit", "Line", "default_quantities", "fits", "fits_of", "line", "ordinate"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Line:
    """A straight line through points by least squares.

    Parameters
    ----------
    slope, intercept : float
    slope_error : float
        Standard error of the slope; nan for two points.
    low, high : float
        Slopes between the two points of least and of greatest abscissa: where the noise is
        strong, and where it is weak, when the abscissa is one over the noise.
    count : int
        Number of points.
    """

    slope: float
    intercept: float
    slope_error: float
    low: float
    high: float
    count: int

    def at(self, x: Array) -> Array:
        """Return the line at abscissae."""
        return self.intercept + self.slope * np.asarray(x)

    def json(self) -> dict[str, float | int | None]:
        """Return plain values; None for what there is not."""
        names = ("slope", "slope_error", "intercept", "low", "high")
        found: dict[str, float | int | None] = {"count": self.count}
        for name in names:
            value = float(getattr(self, name))
            found[name] = value if np.isfinite(value) else None
        return found


@dataclass(frozen=True, eq=False)
class Fit:
    """A line through the points of one series, and one through each prediction of them.

    Parameters
    ----------
    quantity : str
        Dotted path of what was computed.
    ordinate : str
        What is fitted, in words: ``"log mean of passage a"``.
    against : str
        The abscissa, in words.
    series : mapping
        Values of the varied keys that are the same at all these points.
    x, y : ndarray, shape (n,)
        The points, by increasing abscissa; y is a natural logarithm.
    points : ndarray, shape (n,)
        Their indices in the sweep.
    line : Line
    predicted : mapping of str to ndarray
        The same ordinate by each closed form, nan where it says nothing, shape (n,).
    lines : mapping of str to Line
        Lines through these, on the points where they exist.
    outside : mapping of str to int
        Number of points at which a closed form says of itself that it is outside its range.
    """

    quantity: str
    ordinate: str
    against: str
    series: Mapping[str, Any]
    x: Array = field(repr=False)
    y: Array = field(repr=False)
    points: NDArray[np.int64] = field(repr=False)
    line: Line
    predicted: Mapping[str, Array] = field(repr=False)
    lines: Mapping[str, Line]
    outside: Mapping[str, int]

    @property
    def bent(self) -> bool:
        """Whether theory knows of no straight line: Kramers' turnover with friction has none."""
        return any(self.against.endswith(f"{key})") for key in BENT)

    def json(self) -> dict[str, Any]:
        """Return plain values; no line where none is meant."""
        return {
            "quantity": self.quantity,
            "ordinate": self.ordinate,
            "against": self.against,
            "series": dict(self.series),
            "points": self.points.tolist(),
            "x": self.x.tolist(),
            "y": self.y.tolist(),
            "computed": None if self.bent else self.line.json(),
            "predicted": {
                name: {
                    **found.json(),
                    "y": [float(v) if np.isfinite(v) else None for v in self.predicted[name]],
                    "outside_its_range": self.outside[name],
                }
                for name, found in self.lines.items()
            },
        }


def fits(
    result: SweepResult,
    quantity: str | None = None,
    *,
    against: str | None = None,
    scale: str | None = None,
) -> tuple[Fit, ...]:
    """Fit the logarithm of times against what they are exponential in.

    Parameters
    ----------
    result : SweepResult
    quantity : str, optional
        Dotted path of a positive number: a ``mean`` is a time, and the logarithm of a ``rate`` is
        turned. By default the mean times of all passages; without passages, rates.
    against : str, optional
        Formula of the varied keys and of numbers of the case, such as
        ``"1/(landscape.parameters.k*noise.learning_rate)"``. By default B for a batch size B, 1/eta
        for a learning rate, 1/T for a temperature, 1/k for a parameter k that scales curvatures,
        the logarithm of a friction, and any other key itself; of several keys the first that has
        numbers.
    scale : str, optional
        Formula that times are multiplied by: with k, the straight line is that of theory.md C6.

    Returns
    -------
    tuple of Fit
        One per quantity and combination of the other varied keys, where there are two points.

    Raises
    ------
    CaseError
        For a formula or a quantity that cannot be.
    """
    chosen = abscissa(result, against)
    if chosen is None:
        return ()
    factor = None if scale is None else expression(result, scale, "--scale").values
    if factor is not None and not (factor > 0).all():
        msg = f'"{scale}" must be > 0 at every point'
        raise CaseError(msg, key="--scale")
    shift = np.zeros(len(result)) if factor is None else np.log(factor)
    names = default_quantities(result) if quantity is None else [quantity]
    prefix = "" if scale is None else f"log({scale}) + "
    return tuple(fit for name in names for fit in _of_one(result, name, chosen, shift, prefix))


def fits_of(
    result: SweepResult, quantities: Sequence[str] | None, **options: str | None
) -> tuple[Fit, ...]:
    """Fit several quantities, or the default ones; options as of `fits`."""
    if not quantities:
        return fits(result, **options)
    return tuple(fit for name in quantities for fit in fits(result, name, **options))


def default_quantities(result: SweepResult) -> list[str]:
    """Return what is fitted unless asked otherwise: times of passages, or else rates."""
    patterns = (
        r"passage\.(.*)\.log10_mean\Z",
        r"quasi_stationary\.(.*)\.rate\Z",
        r"spectrum\.0\Z",
    )
    for pattern in patterns:
        found = [n for n in result.scalars if re.match(pattern, n) and ".reactive." not in n]
        if found:
            return found
    return []


def ordinate(result: SweepResult, quantity: str) -> tuple[Array, Logarithm]:
    """Return the natural logarithm of a time, or minus that of a rate, and what it is.

    Where only the decimal logarithm of a quantity is in the range of floats, that is used.
    """
    what = logarithm_of(quantity)
    if what.twin in result.scalars:
        return what.sign * LN10 * result.scalars[what.twin], what
    return np.array([what.of(v) for v in result.quantity(quantity)]), what


def line(x: Array, y: Array) -> Line | None:
    """Fit a line by least squares; None for less than two different abscissae.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Points; those that are not finite are left out.
    """
    seen = np.isfinite(x) & np.isfinite(y)
    order = np.argsort(x[seen], kind="stable")
    x, y = x[seen][order], y[seen][order]
    n = x.size
    if n < 2 or x[0] == x[-1]:
        return None
    dx, dy = x - x.mean(), y - y.mean()
    spread = float(dx @ dx)
    slope = float(dx @ dy) / spread
    rest = dy - slope * dx
    error = float(np.sqrt(rest @ rest / (n - 2) / spread)) if n > 2 else float("nan")
    low, high = _end_slopes(x, y)
    return Line(slope, float(y.mean() - slope * x.mean()), error, low, high, n)


def _end_slopes(x: Array, y: Array) -> tuple[float, float]:
    """Slopes between the first and the last two different abscissae."""
    at = np.unique(x)
    means = np.array([y[x == v].mean() for v in (at[0], at[1], at[-2], at[-1])])
    low = (means[1] - means[0]) / (at[1] - at[0])
    return float(low), float((means[3] - means[2]) / (at[-1] - at[-2]))


def _of_one(
    result: SweepResult, quantity: str, chosen: Abscissa, shift: Array, prefix: str
) -> Iterator[Fit]:
    y, what = ordinate(result, quantity)
    y = y + shift
    closed = _predictions(result, what.family)
    for series, members in chosen.series:
        order = members[np.argsort(chosen.values[members], kind="stable")]
        order = order[np.isfinite(y[order])]
        x = chosen.values[order]
        if (found := line(x, y[order])) is None:
            continue
        predicted = {n: values[order] + shift[order] for n, (values, _) in closed.items()}
        lines = {n: made for n, v in predicted.items() if (made := line(x, v)) is not None}
        yield Fit(
            quantity=quantity,
            ordinate=prefix + what.text,
            against=chosen.text,
            series=series,
            x=x,
            y=y[order],
            points=order,
            line=found,
            predicted={n: predicted[n] for n in lines},
            lines=lines,
            outside={n: int((~closed[n][1][order]).sum()) for n in lines},
        )


def _predictions(result: SweepResult, family: str) -> dict[str, tuple[Array, NDArray[np.bool_]]]:
    """Return what closed forms say of a time or its rate, and where they are valid."""
    found: dict[str, tuple[Array, NDArray[np.bool_]]] = {}
    for k, outcome in result.outcomes.items():
        for row in (outcome.result or {}).get("expect", ()):
            what = logarithm_of(row["quantity"])
            if what.family != family or row["prediction"] is None or row["predicted"] is None:
                continue
            empty = np.full(len(result), np.nan), np.ones(len(result), dtype=np.bool_)
            values, valid = found.setdefault(row["prediction"], empty)
            values[k], valid[k] = what.of(row["predicted"]), row["valid"]
    return found
