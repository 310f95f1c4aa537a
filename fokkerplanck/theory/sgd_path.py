"""Where on the way up a saddle the noise of SGD switches, and what it does across the way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.descent_path import DescentPath, Surface, descent_path
from fokkerplanck.landscapes.newton import Box
from fokkerplanck.theory.sgd_across import factor_across
from fokkerplanck.theory.sgd_escape import SgdEscape

__all__ = ["along_path", "climb_on_path", "path_switches"]

Array = NDArray[np.float64]
#: Looks between two knots of the path for a change of the Hessian's sign, and halvings then.
LOOKS, HALVINGS = 4, 80
#: Points of the sum of a climb.
POINTS = 20001
#: A path that strays from the straight line by less than this part of it is straight, and a
#: Hessian with less than this part off its axes has the axes of the path.
STRAIGHT = 1e-6


def along_path(
    landscape: Surface,
    minimum: ArrayLike,
    saddle: ArrayLike,
    eb: float,
    *,
    box: Box | None = None,
    path: DescentPath | None = None,
) -> SgdEscape:
    """Escape from a minimum over a saddle, with s computed from the landscape.

    The path is that of steepest descent. The noise switches where the Hessian stops being
    positive definite, as the frozen model of `fokkerplanck.noise.hessian` does. On a straight path
    whose Hessian keeps its axes, the factor of changing curvatures across is computed too; on any
    other the law says that it is not valid.

    Parameters
    ----------
    landscape : Surface
        Any object with `loss`, `gradient` and `hessian` at points (..., n), of any dimension n.
    minimum, saddle : array_like, shape (n,)
    eb : float
        ``eta / (2 B)``.
    box : Box, optional
        Of a grid with periodic axes.
    path : DescentPath, optional
        If it is known.

    Raises
    ------
    CaseError
        When the points are not of these kinds, or the descent does not lead there.
    """
    path = path or descent_path(landscape, minimum, saddle, box)
    wrapped = landscape if box is None else _Wrapped(landscape, box)
    low, high = (float(wrapped.loss(p)) for p in (path.minimum, path.saddle))
    switches = path_switches(wrapped, path)
    heights = [low, *wrapped.loss(path.at(np.array(switches))).tolist(), high]
    # well, saddle, well, ... : from the minimum upwards
    share = sum(b - a for a, b in zip(heights[:-1:2], heights[1::2], strict=False)) / (high - low)
    ends = (wrapped.hessian(path.minimum), wrapped.hessian(path.saddle))
    across, faults = 0.0, _crooked(wrapped, path, switches)
    if not faults and path.saddle.size > 1:
        try:
            border = float(np.linalg.norm(path.at(np.array(switches))[0] - path.minimum))
            across = factor_across(wrapped, path.minimum, path.saddle, border)
        except CaseError as error:
            faults = (str(error),)
    law = SgdEscape.of(*ends, high - low, eb, share, across=across)
    # what is wrong at the ends is wrong on the path too: say it once
    return SgdEscape(law.frozen, law.direction, across, law.faults or faults)


def path_switches(landscape: Surface, path: DescentPath) -> list[float]:
    """Parameters of a path at which the Hessian turns positive definite, or ceases to be."""

    def positive(u: Array) -> NDArray[np.bool_]:
        return np.asarray(np.linalg.eigvalsh(landscape.hessian(path.at(u)))[..., 0] > 0)

    u = np.interp(
        np.arange(LOOKS * (path.knots.size - 1) + 1) / LOOKS, np.arange(path.knots.size), path.knots
    )
    found = positive(u)
    changes = []
    for k in np.flatnonzero(found[1:] != found[:-1]):
        inner, outer = float(u[k]), float(u[k + 1])
        for _ in range(HALVINGS):
            middle = 0.5 * (inner + outer)
            if bool(positive(np.array([middle]))[0]) == bool(found[k]):
                inner = middle
            else:
                outer = middle
        changes.append(0.5 * (inner + outer))
    return changes


def climb_on_path(
    landscape: Surface, path: DescentPath, diffusion: Callable[[Array], Array]
) -> float:
    """``int grad L . D^-1 dx`` up a path of steepest descent, for any noise; to about 1e-4.

    It is the quasi-potential only in detailed balance.

    Parameters
    ----------
    landscape : Surface
    path : DescentPath
    diffusion : callable
        D at points of shape (k, n), shape (k, n, n).
    """
    ends = np.interp(np.linspace(0, 1, POINTS), np.linspace(0, 1, path.knots.size), path.knots)
    middle = path.at(0.5 * (ends[1:] + ends[:-1]))
    slope = landscape.gradient(middle)
    # dx is along the gradient
    pull = np.linalg.solve(diffusion(middle), slope[..., None])[..., 0]
    ratio = (slope * pull).sum(axis=-1) / (slope * slope).sum(axis=-1)
    return float(ratio @ np.diff(landscape.loss(path.at(ends))))


def _crooked(landscape: Surface, path: DescentPath, switches: list[float]) -> tuple[str, ...]:
    """Say why what happens on the path does not reduce to a line; empty if it does."""
    if path.saddle.size == 1:
        return ()
    if path.bend > STRAIGHT:
        return (
            f"the path bends by {path.bend:.2g} of its length, so noise and curvature share no "
            "axes on it: detailed balance fails, and the climb is a quasi-potential",
        )
    e = _unit(path)
    h = landscape.hessian(path.at(path.knots))
    off = h @ e - np.einsum("i,kij,j->k", e, h, e)[:, None] * e
    if np.abs(off).max() > STRAIGHT * np.abs(h).max():
        return ("the path is no axis of the Hessian all along: detailed balance fails",)
    if len(switches) != 1:
        return (f"the noise switches {len(switches)} times on the path",)
    return ()


def _unit(path: DescentPath) -> Array:
    line = path.saddle - path.minimum
    return np.asarray(line / np.linalg.norm(line))


class _Wrapped:
    """A landscape on a grid with periodic axes, at points anywhere."""

    def __init__(self, landscape: Surface, box: Box) -> None:
        self._landscape, self._box = landscape, box

    def loss(self, points: Array) -> Array:
        return self._landscape.loss(self._box.inside(points))

    def gradient(self, points: Array) -> Array:
        return self._landscape.gradient(self._box.inside(points))

    def hessian(self, points: Array) -> Array:
        return self._landscape.hessian(self._box.inside(points))
