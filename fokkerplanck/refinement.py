"""Refinement: solve again on other grids, extrapolate to cells of no width, report the order."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import MINIMUM_CELLS, Grid
from fokkerplanck.problem import Problem

__all__ = ["LEVELS", "Refined", "refined", "refined_all", "regridded"]

Array = NDArray[np.float64]
Shape = tuple[int, ...]

#: Grids that are solved, in cells along an axis over those asked for.
LEVELS = (0.5, 1.0, 2.0)
#: Differences below this part of the values are rounding, and tell nothing of an order.
ROUNDING = 1e-12
#: Orders outside are no asymptotic behaviour: the extrapolation would make things worse, or says
#: that the finest grid is as good as it gets.
LOWEST, HIGHEST = 0.5, 12.0
#: Largest relative difference between the refinement ratios of two axes.
UNEVEN = 0.05


@dataclass(frozen=True, eq=False)
class Refined:
    """A number on several grids, and what it tends to.

    Parameters
    ----------
    cells : tuple of tuple of int
        Shapes of the grids, coarse to fine.
    values : ndarray, shape (levels,)
        The number on each (its natural logarithm where `log`).
    order : float
        Observed order p of the error ``C h^p`` on the three finest grids; nan where their
        differences are rounding, change sign or do not shrink.
    extrapolated : float
        Limit ``f + C h^p -> f`` for the order seen; the finest value where there is none.
    error : float
        Estimated relative error of `extrapolated`: its distance from the finest value, or without
        an order the last difference. The error of a limit is usually well below.
    log : bool
        Whether `values` and `extrapolated` are logarithms; `error` is that of the number itself.
    """

    cells: tuple[Shape, ...]
    values: Array = field(repr=False)
    order: float
    extrapolated: float
    error: float
    log: bool = False

    def _repr_html_(self) -> str:
        name = "ln value" if self.log else "value"
        rows = "".join(
            f"<tr><td>{' x '.join(map(str, n))}</td><td>{v:.12g}</td></tr>"
            for n, v in zip(self.cells, self.values, strict=True)
        )
        end = f"extrapolated {self.extrapolated:.12g}, order {self.order:.2f}"
        head = f"<tr><th>cells</th><th>{name}</th></tr>"
        return f"<table>{head}{rows}</table><p>{end}, relative error {self.error:.1e}</p>"


def refined(
    quantity: Callable[[Problem], float],
    problem: Problem,
    *,
    levels: Sequence[float] = LEVELS,
    log: bool = False,
) -> Refined:
    """Compute a number on coarser and finer grids and extrapolate (Richardson).

    The values are fitted by ``f + C h^p`` through the three finest grids, h the cell width.

    Parameters
    ----------
    quantity : callable
        From a problem to a number, or to the natural logarithm of a positive one.
    problem : Problem
        Solved as it is at level 1; walls and box stay the same at every level.
    levels : sequence of float
        At least two increasing factors of the number of cells along every axis; a product that is
        no integer is rounded, and the true ratio enters the extrapolation. With two levels
        there is no order, and nothing is extrapolated.
    log : bool
        Whether `quantity` returns a logarithm.

    Returns
    -------
    Refined

    Raises
    ------
    CaseError
        Levels that are not increasing, a grid too small to be coarsened, or a noise or landscape
        that cannot be evaluated on another grid.
    NumericalError
        From `quantity`, when a grid is not good enough for an answer.

    References
    ----------
    P. J. Roache, Annu. Rev. Fluid Mech. 29 (1997) 123, sections 3 and 4.
    """
    return refined_all(lambda p: [quantity(p)], problem, levels=levels, log=log)[0]


def refined_all(
    quantities: Callable[[Problem], Sequence[float]],
    problem: Problem,
    *,
    levels: Sequence[float] = LEVELS,
    log: bool = False,
) -> tuple[Refined, ...]:
    """Refine several numbers that come out of one solve; see `refined`."""
    problems = [regridded(problem, level) for level in _checked(levels)]
    cells = tuple(p.grid.shape for p in problems)
    if len(set(cells)) < len(cells):
        msg = f"levels {list(levels)} give the same grid twice: {list(cells)}"
        raise CaseError(msg, key="levels")
    rows = [[float(v) for v in quantities(p)] for p in problems]
    if len({len(row) for row in rows}) > 1:
        msg = f"as many numbers are needed on every grid, got {[len(row) for row in rows]}"
        raise CaseError(msg)
    widths = np.array([p.grid.volume ** (1 / p.grid.dim) for p in problems])
    columns = zip(*rows, strict=True)
    return tuple(_extrapolated(cells, widths, np.array(v), log) for v in columns)


def regridded(problem: Problem, level: float) -> Problem:
    """Return the same problem on a grid with `level` times the cells along every axis.

    Raises
    ------
    CaseError
        When that leaves fewer than three cells, rounds the axes too differently, or the noise or
        the landscape cannot be evaluated there.
    """
    if level == 1.0:
        return problem
    axes = problem.grid.axes
    cells = [math.floor(level * axis.cells + 0.5) for axis in axes]
    if min(cells) < MINIMUM_CELLS:
        shape = " x ".join(str(axis.cells) for axis in axes)
        msg = f"a grid of {shape} cells is too small to be solved with {level:g} times as many"
        raise CaseError(msg, key="grid")
    ratios = [n / axis.cells / level for n, axis in zip(cells, axes, strict=True)]
    if max(ratios) > (1 + UNEVEN) * min(ratios):
        msg = f"the axes cannot be refined alike: {level:g} times the cells rounds to {cells}"
        raise CaseError(msg, key="grid")
    grid = Grid(tuple(replace(axis, cells=n) for axis, n in zip(axes, cells, strict=True)))
    other = replace(problem, grid=grid)
    try:
        fields = other.fields()
        shapes = [np.shape(fields.diffusion)[: grid.dim]]
        shapes += [tuple((n - 1) // 2 for n in np.shape(fields.potential))]
    except CaseError:
        raise
    except (ValueError, IndexError, TypeError) as error:
        raise _not_elsewhere(grid) from error
    if any(shape != grid.shape for shape in shapes):
        raise _not_elsewhere(grid)
    return other


def _not_elsewhere(grid: Grid) -> CaseError:
    shape = " x ".join(map(str, grid.shape))
    msg = (
        f"the noise or the landscape cannot be evaluated on a grid of {shape} cells; refinement "
        "needs functions of the coordinates, not arrays for one grid"
    )
    return CaseError(msg)


def _checked(levels: Sequence[float]) -> list[float]:
    found = [float(level) for level in levels]
    good = all(math.isfinite(v) and v > 0 for v in found)
    if len(found) < 2 or not good or any(b <= a for a, b in pairwise(found)):
        msg = f"needs two or more positive levels that increase, got {list(levels)}"
        raise CaseError(msg, key="levels")
    return found


def _extrapolated(cells: tuple[Shape, ...], widths: Array, values: Array, log: bool) -> Refined:
    finest, last = float(values[-1]), float(values[-1] - values[-2])
    order = _order(widths[-3:], values[-3:], log) if len(values) > 2 else math.nan
    limit, error = finest, abs(last)
    if not math.isnan(order):
        # f + C h^p through the two finest grids
        step = last / math.expm1(order * math.log(widths[-2] / widths[-1]))
        limit, error = finest + step, abs(step)
    if log:
        error = math.expm1(error) if error < 1 else math.inf
    elif error:
        error /= abs(limit) if limit else float(np.abs(values).max())
    return Refined(cells, values, order, limit, error, log)


def _order(widths: Array, values: Array, log: bool) -> float:
    """Order p with ``f + C h^p`` through three grids, nan where there is no such thing."""
    first, last = np.diff(values)
    # a logarithm carries the absolute rounding of its argument, whatever its own size
    noise = ROUNDING * (max(1.0, np.abs(values).max() * 1e-3) if log else np.abs(values).max())
    if not np.isfinite(values).all() or min(abs(first), abs(last)) <= noise:
        return math.nan
    ratio = first / last

    def excess(p: float) -> float:
        a, b, c = p * np.log(widths / widths[-1])
        return float((np.exp(a) - np.exp(b)) / (np.exp(b) - np.exp(c)) - ratio)

    if excess(LOWEST) > 0 or excess(HIGHEST) < 0:  # also on a change of sign
        return math.nan
    from scipy.optimize import brentq

    return float(brentq(excess, LOWEST, HIGHEST, xtol=1e-12))
