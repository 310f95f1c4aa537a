"""Masses under long jumps in the plane in time: rational Krylov spaces with error control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.levy_plane_solve import PlaneLevySystem

__all__ = ["plane_masses"]

Array = NDArray[np.float64]
Shifted = Callable[[float], PlaneLevySystem]
#: Length of a step over the time that the spaces are inverted at.
STRETCH = 10.0
#: Vectors of one space; after how many more it is asked whether they are enough.
MOST, EVERY = 45, 3
#: Error of the shifted solutions.
AIM = 1e-4
#: Part of a step that is tried when the whole is not reached, and most steps to an output.
SHORTER, MOST_STEPS = 0.5, 400


@dataclass(frozen=True, eq=False)
class _Space:
    """Krylov space of ``(1 - g Q^T)^-1`` and what Q^T is in it."""

    basis: list[Array]
    matrix: Array
    size: float

    def at(self, time: float, count: int) -> Array:
        """Coordinates of ``exp(t Q^T) p`` in the first `count` vectors."""
        first = np.zeros(count)
        first[0] = self.size
        return np.asarray(expm(time * self.matrix[:count, :count]) @ first)

    def vector(self, coordinates: Array) -> Array:
        out = np.zeros_like(self.basis[0])
        for c, v in zip(coordinates, self.basis, strict=False):
            out += c * v
        return out


def plane_masses(
    shifted: Shifted,
    start: Array,
    times: Sequence[float],
    tolerance: float,
    *,
    conservative: bool,
) -> tuple[Array, Array]:
    r"""Masses :math:`e^{t Q^T} P` at increasing times, and their estimated L1 errors.

    Each step projects Q onto a Krylov space of :math:`(1 - \gamma Q^T)^{-1}`, gamma a tenth of the
    step: fast modes, of which long jumps on small cells have many, are damped in the space and cost
    no steps. The space grows until its last vectors no longer matter.

    Parameters
    ----------
    shifted : callable
        From sigma to the equations of ``sigma - Q^T``.
    start : ndarray, shape (nx, ny)
    times : sequence of float
        Increasing, the first at least 0.
    tolerance : float
        L1 error allowed at the last time, relative to the mass of `start`.
    conservative : bool
        Whether nobody is killed, so that mass is set right where the space has lost some.

    Returns
    -------
    ndarray, shape (times, nx, ny)
    ndarray, shape (times,)

    Raises
    ------
    NumericalError
        When a step becomes too short.

    References
    ----------
    J. van den Eshof and M. Hochbruck, SIAM J. Sci. Comput. 27 (2006) 1438.
    """
    found, errors = [], []
    whole = float(times[-1])
    p, now, error = start, 0.0, 0.0
    systems: dict[float, PlaneLevySystem] = {}
    for time in times:
        for _ in range(MOST_STEPS):
            left = time - now
            if not left > 1e-14 * whole:
                break
            gamma = float(2.0 ** np.round(np.log2(left / STRETCH)))
            if gamma not in systems:
                systems = {gamma: shifted(1.0 / gamma)}
            allowed = tolerance * float(start.sum()) / whole
            p, step, more = _step(systems[gamma], gamma, p, left, allowed, conservative)
            now, error = (time, error + more) if step == left else (now + step, error + more)
        else:
            msg = f"{MOST_STEPS} steps do not lead to time {time:.4g}: take later starts"
            raise NumericalError(msg)
        found.append(p)
        errors.append(error)
    return np.array(found), np.array(errors)


def _step(
    system: PlaneLevySystem,
    gamma: float,
    p: Array,
    length: float,
    allowed: float,
    conservative: bool,
) -> tuple[Array, float, float]:
    """Masses after a step of at most `length`, the step, and its error."""
    size = float(np.linalg.norm(p))
    basis, h = [p / size], np.zeros((MOST + 1, MOST))
    for m in range(1, MOST + 1):
        v, _ = system.solve(basis[-1] / gamma, aim=AIM)
        for _ in range(2):
            for i, b in enumerate(basis):
                c = float(np.vdot(b, v))
                h[i, m - 1] += c
                v = v - c * b
        h[m, m - 1] = np.linalg.norm(v)
        closed = h[m, m - 1] < 1e-13 * h[0, 0]
        if m % EVERY and not closed and m < MOST:
            basis.append(v / h[m, m - 1])
            continue
        matrix = (np.eye(m) - np.linalg.inv(h[:m, :m])) / gamma
        space = _Space(basis, matrix, size)
        new, error = _ahead(space, length, m)
        if error <= allowed * length or closed:
            return _kept(new, p, length, error, conservative)
        if m < MOST:
            basis.append(v / h[m, m - 1])
    step = length
    while step > 1e-6 * length:
        step *= SHORTER
        new, error = _ahead(space, step, MOST)
        if error <= allowed * step:
            return _kept(new, p, step, error, conservative)
    msg = f"a step of {step:.2g} in time still has an L1 error of {error:.1e}"
    raise NumericalError(msg)


def _ahead(space: _Space, time: float, count: int) -> tuple[Array, float]:
    """Masses after a time, and the L1 change by the last vectors."""
    full = space.at(time, count)
    if count <= EVERY:
        return space.vector(full), np.inf
    less = np.zeros(count)
    less[: count - EVERY] = space.at(time, count - EVERY)
    return space.vector(full), float(np.abs(space.vector(full - less)).sum())


def _kept(
    new: Array, old: Array, step: float, error: float, conservative: bool
) -> tuple[Array, float, float]:
    if not conservative:
        return new, step, error
    before, after = float(old.sum()), float(new.sum())
    return new * (before / after), step, error + abs(after - before)
