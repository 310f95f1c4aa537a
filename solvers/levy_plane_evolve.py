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
STRETCH = 20.0
#: Vectors of one space; after how many more it is asked whether they are enough.
MOST, EVERY = 80, 4
#: Part of a step that is tried when the whole is not reached, and the shortest before giving up,
#: over the last time.
SHORTER, SHORTEST = 0.25, 1e-4
#: Times and norms that differ by less, relatively, are one.
SAME, CLOSED, SMALL = 1e-13, 1e-13, 1e-300


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

    Each step projects Q onto a Krylov space of :math:`(1 - \gamma Q^T)^{-1}`, gamma a twentieth
    of the step: fast modes, of which long jumps on small cells have many, are damped in the space
    and cost no steps. The space grows until its last vectors no longer matter.

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
    whole = longest = float(times[-1])
    allowed = tolerance * float(start.sum()) / max(whole, SMALL)
    p, now, error = start, 0.0, 0.0
    systems: dict[float, PlaneLevySystem] = {}
    for time in times:
        while time - now > SAME * whole:
            step = min(time - now, longest)
            gamma = float(2.0 ** np.round(np.log2(step / STRETCH)))
            if gamma not in systems:
                systems = {gamma: shifted(1.0 / gamma)}
            done = _step(systems[gamma], gamma, p, step, allowed * step)
            if done is None:
                longest = SHORTER * step
                if longest < SHORTEST * whole:
                    msg = f"a step of {step:.2g} in time is wrong by more than {allowed * step:.1e}"
                    raise NumericalError(msg)
                continue
            p, more = _kept(done, p) if conservative else done
            now, error = now + step, error + more
        found.append(p)
        errors.append(error)
    return np.array(found), np.array(errors)


def _step(
    system: PlaneLevySystem, gamma: float, p: Array, length: float, allowed: float
) -> tuple[Array, float] | None:
    """Masses after a step and their error; None when it stays above what is allowed."""
    size = float(np.linalg.norm(p))
    basis, h = [p / size], np.zeros((MOST + 1, MOST))
    for m in range(1, MOST + 1):
        v = system.solve_once(basis[-1] / gamma)
        for _ in range(2):
            for i, b in enumerate(basis):
                c = float(np.vdot(b, v))
                h[i, m - 1] += c
                v = v - c * b
        h[m, m - 1] = np.linalg.norm(v)
        closed = h[m, m - 1] < CLOSED * h[0, 0]
        if m % EVERY == 0 or closed:
            matrix = (np.eye(m) - np.linalg.inv(h[:m, :m])) / gamma
            new, error = _ahead(_Space(basis, matrix, size), length, m)
            if error <= allowed or closed:
                return new, error
        basis.append(v / h[m, m - 1])
    return None


def _ahead(space: _Space, time: float, count: int) -> tuple[Array, float]:
    """Masses after a time, and the L1 change by the last vectors."""
    full = space.at(time, count)
    less = np.zeros(count)
    if count > EVERY:
        less[: count - EVERY] = space.at(time, count - EVERY)
    return space.vector(full), float(np.abs(space.vector(full - less)).sum())


def _kept(done: tuple[Array, float], old: Array) -> tuple[Array, float]:
    """Set mass right, which the space has kept but for its error."""
    new, error = done
    before, after = float(old.sum()), float(new.sum())
    return new * (before / after), error + abs(after - before)
