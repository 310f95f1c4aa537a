"""Where on the way up a saddle the noise of SGD switches, and what it does across the way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.landscapes.descent_path import DescentPath, Surface, descent_path
from fokkerplanck.landscapes.newton import Box
from fokkerplanck.theory.sgd_escape import SgdEscape

__all__ = ["along_path", "path_switches"]

Array = NDArray[np.float64]
#: Looks between two knots of the path for a change of the Hessian's sign, and halvings then.
LOOKS, HALVINGS = 4, 80
#: A path that strays from the straight line by less than this part of it is straight, and a
#: Hessian with less than this part off its axes has the axes of the path.
STRAIGHT = 1e-6
#: Step of differences of the Hessian, and distance from the ends at which to start and stop, in
#: lengths of the path.
STEP, MARGIN = 1e-3, 1e-4


def along_path(
    landscape: Surface,
    minimum: ArrayLike,
    saddle: ArrayLike,
    eb: float,
    *,
    box: Box | None = None,
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

    Raises
    ------
    CaseError
        When the points are not of these kinds, or the descent does not lead there.
    """
    path = descent_path(landscape, minimum, saddle, box)
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
            across = _factor_across(wrapped, path, switches[0])
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


def _factor_across(landscape: Surface, path: DescentPath, switch: float) -> float:
    r"""Logarithm of the factor that curvatures h(x) across a straight path give the time.

    With noise ``D`` along and ``M`` across (those of minimum or saddle, over eb), the curvature
    ``Q`` of the quasi-potential across obeys on the way up

        Q' = h' / D + (h Q + Q h - 2 Q M Q) / L',    Q = M^-1 h = 1 at the minimum,

    and the time gets ``exp int tr(M Q - h) / L' dx`` (the prefactor of F. Bouchet and J. Reygner,
    Ann. Henri Poincare 17 (2016) 3499, which is 1 in detailed balance). At the switch Q jumps
    because the border is a curved surface ``x = c + y.K y / 2``: by ``L' (1/D_a - 1/D_b) K``.
    """
    e, far = _unit(path), float(np.linalg.norm(path.saddle - path.minimum))
    basis = np.linalg.svd(e[None])[2][1:].T
    border = float((path.at(np.array([switch]))[0] - path.minimum) @ e)

    def local(x: float) -> tuple[float, float, Array]:
        """Slope, curvature along and curvatures across, at a distance from the minimum."""
        p = path.minimum + x * e
        h = landscape.hessian(p)
        return float(landscape.gradient(p) @ e), float(e @ h @ e), basis.T @ h @ basis

    well, top = ((abs(along), across) for _, along, across in (local(0.0), local(far)))
    changes = [np.abs(local(x)[2] - well[1]).max() for x in np.linspace(0, far, 33)]
    if max(changes) <= STRAIGHT * np.abs(well[1]).max():
        return 0.0
    step, margin = STEP * far, MARGIN * far
    q = _start(local, well, margin)
    q, before = _climbed(local, well, q, (margin, border), step)
    q = q + (1 / well[0] - 1 / top[0]) * _border_bend(local, border, step)
    _, after = _climbed(local, top, q, (border, far - margin), step)
    return before + after


Local = Callable[[float], tuple[float, float, Array]]


def _start(local: Local, noise: tuple[float, Array], x: float) -> Array:
    """Find Q next to the minimum, ``1 + x Q1``, to first order."""
    along, across = noise
    h, vectors = np.linalg.eigh(across)
    # Q1 = h' / D + (2 h' - M Q1 - Q1 M) / L'', and D = L'' here
    slope = vectors.T @ ((local(x)[2] - across) / x) @ vectors
    q1 = 3 * slope / (along + h[:, None] + h)
    return np.asarray(np.eye(h.size) + x * (vectors @ q1 @ vectors.T))


def _climbed(
    local: Local,
    noise: tuple[float, Array],
    q: Array,
    span: tuple[float, float],
    step: float,
) -> tuple[Array, float]:
    """Follow Q on a stretch of the way up; its end, and the integral."""
    from scipy.integrate import solve_ivp

    along, across = noise
    n = len(q)

    def slope(x: float, y: Array) -> Array:
        q = y[:-1].reshape(n, n)
        pull, _, h = local(x)
        bent = (local(x + step)[2] - local(x - step)[2]) / (2 * step)
        change = bent / along + (h @ q + q @ h - 2 * q @ across @ q) / pull
        return np.append(change.ravel(), np.trace(across @ q - h) / pull)

    found = solve_ivp(slope, span, np.append(q.ravel(), 0.0), method="LSODA", rtol=1e-9, atol=1e-11)
    end = found.y[:, -1]
    if found.status != 0 or not np.isfinite(end).all():
        msg = "the curvature of the quasi-potential across the path grows without bound"
        raise CaseError(msg)
    return end[:-1].reshape(n, n), float(end[-1])


def _border_bend(local: Local, x: float, step: float) -> Array:
    """``L' K`` of the surface where the Hessian turns singular, ``x = c + y.K y / 2``."""
    low, here, high = (local(x + k * step) for k in (-1, 0, 1))
    third = (high[1] - low[1]) / (2 * step)
    first = (high[2] - low[2]) / (2 * step)
    second = (high[2] - 2 * here[2] + low[2]) / step**2
    bend = second - 2 * first @ np.linalg.solve(here[2], first)
    return np.asarray(-here[0] / third * bend)


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
