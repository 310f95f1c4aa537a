"""Evolution in one dimension: rational exponential by complex tridiagonal elimination, any time.

``exp(t Q.T) P = -2 Re sum_j c_j y_j`` with ``(theta_j - t Q.T) y_j = P``. The elimination carries
the excess of each row (what is left of ``theta_j`` plus absorption) by itself, so that nothing
cancels, however large ``t`` times the largest rate is: mass and slow modes are right to
relative accuracy at ``t * rate = 1e20`` and beyond.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.poles import (
    EMBEDDED,
    POLES,
    RESIDUES,
    ROUNDING,
    STRICTEST,
    l1_error,
)
from fokkerplanck.solvers.propagator import Advance, Propagator, conserve
from fokkerplanck.solvers.stepping import Trial, advance_in_steps, advective_time, doubled

__all__ = ["Chain", "Tridiagonal"]

Array = NDArray[np.float64]
SECONDS_PER_CELL = 5e-7  # all poles, one step


class Tridiagonal(Propagator):
    """Rational approximation of exp, O(cells) per step, for chains and rings of cells.

    Steps are as long as the L1 error estimate allows: after the first transient one step spans
    any time. Works on every 1-D `Generator`, of any barrier and any duration. Driven rings, whose
    modes oscillate, start with short steps and compare each with its two halves.

    Raises
    ------
    ValueError
        If jumps reach further than the neighbours, or the grid is not 1-D.
    """

    name = "tridiagonal"

    def __init__(self, generator: Generator, fields: Fields | None = None) -> None:
        super().__init__(generator, fields)
        self.chain = Chain.of(generator)

    def cost(self, dt: float) -> float:
        """Estimate the seconds of a few steps."""
        return 4 * SECONDS_PER_CELL * self.generator.cells

    def advance(self, mass: Array, dt: float, tolerance: float) -> Advance:
        """Return ``exp(dt Q.T) mass`` to within `tolerance` in L1."""
        strict = min(tolerance, STRICTEST * float(mass.sum()))
        if not self.chain.driven:
            return advance_in_steps(self._try, mass, dt, strict, self.name)
        first = advective_time(self.generator)
        return advance_in_steps(
            doubled(self._try), mass, dt, strict, self.name, grow=2.0, first=first
        )

    def _try(self, mass: Array, dt: float) -> Trial:
        c = self.chain
        new, estimate = np.zeros_like(mass), np.zeros_like(mass)
        _rational_kernel(
            mass, c.up, c.down, c.absorption, c.ring, dt, POLES, RESIDUES, EMBEDDED, new, estimate
        )
        drift = conserve(new, mass) if self.generator.conservative else 0.0
        rounding = ROUNDING * float(np.abs(mass).sum())
        return Trial(new, l1_error(estimate, mass) + drift, 0, POLES.size, rounding)


@dataclass(frozen=True, eq=False)
class Chain:
    """Rates of a 1-D generator, cell by cell.

    Parameters
    ----------
    up, down : ndarray, shape (cells,)
        Rates to the next and to the previous cell; around the end if `ring`.
    absorption : ndarray, shape (cells,)
        Rates out through the walls.
    ring : bool
        Whether the last cell is linked to the first.
    """

    up: Array
    down: Array
    absorption: Array
    ring: bool

    @property
    def driven(self) -> bool:
        """Whether a force drives mass around the ring: no detailed balance."""
        if not self.ring:
            return False
        if not (self.up.all() and self.down.all()):
            return True
        climb = np.log(self.up) - np.log(np.roll(self.down, -1))
        return bool(abs(climb.sum()) > 1e-9 * max(1.0, float(np.abs(climb).max())))

    @classmethod
    def of(cls, generator: Generator) -> Chain:
        """Read the chain off a generator; raises `ValueError` if it is none."""
        n = generator.cells
        if len(generator.shape) != 1 or generator.reach > 1 or n < 3:
            msg = (
                "the tridiagonal method needs a 1-D grid whose jumps reach the next cells only, "
                f"got shape {generator.shape} and reach {generator.reach}"
            )
            raise ValueError(msg)
        up, down = np.zeros(n), np.zeros(n)
        forth = generator.offset[:, 0] == 1
        tail = np.where(forth, generator.tail, generator.head)
        head = np.where(forth, generator.head, generator.tail)
        np.add.at(up, tail, np.where(forth, generator.forward, generator.backward))
        np.add.at(down, head, np.where(forth, generator.backward, generator.forward))
        ring = bool(up[-1] > 0.0 or down[0] > 0.0)
        return cls(up, down, np.ascontiguousarray(generator.absorption, dtype=np.float64), ring)


@njit(cache=True)
def _rational_kernel(  # type: ignore[no-untyped-def]
    mass, up, down, absorption, ring, dt, poles, residues, embedded, new, estimate
):
    """Compute ``new = -2 Re sum_j c_j y_j``, ``estimate = -2 Re sum_j (c_j - c'_j) y_j``.

    On a ring the last cell is a border: mass enters it as if it were absorbed, and the Schur
    complement is again a sum of excesses, ``sum_i (z + t a_i) v_i``, without cancellation.
    """
    n = mass.size
    inside = n - 1 if ring else n
    a = dt * absorption
    u = dt * up
    d = dt * down
    killed = a[:inside].copy()
    source = np.zeros(inside)
    if ring:
        killed[0] += d[0]
        killed[inside - 1] += u[inside - 1]
        source[0] += u[n - 1]
        source[inside - 1] += d[n - 1]
    inverse = np.empty(inside, dtype=np.complex128)
    y = np.empty(n, dtype=np.complex128)
    v = np.empty(n, dtype=np.complex128)
    for j in range(poles.size):
        z = poles[j]
        _sweep(mass, u, d, killed, z, inside, inverse, y)
        if ring:
            _sweep(source, u, d, killed, z, inside, inverse, v)
            schur = z + a[n - 1]
            for i in range(inside):
                schur += (z + a[i]) * v[i]
            enters = mass[n - 1] + d[0] * y[0] + u[inside - 1] * y[inside - 1]
            last = enters / schur
            for i in range(inside):
                y[i] += v[i] * last
            y[n - 1] = last
        c = -2.0 * residues[j]
        e = -2.0 * (residues[j] - embedded[j])
        for i in range(n):
            new[i] += c.real * y[i].real - c.imag * y[i].imag
            estimate[i] += e.real * y[i].real - e.imag * y[i].imag


@njit(cache=True)
def _sweep(b, u, d, killed, z, n, inverse, y):  # type: ignore[no-untyped-def]
    """Solve ``(z - t Q.T) y = b``: ``s_{i+1} = z + a_{i+1} + d_{i+1} s_i / (s_i + u_i)``.

    The arguments of all terms lie between 0 and that of z, so moduli never cancel.
    """
    s = z + killed[0]
    right = b[0] + 0.0j
    for i in range(n):
        out = u[i] if i < n - 1 else 0.0
        p = s + out
        w = 1.0 / (p.real * p.real + p.imag * p.imag)
        q = complex(p.real * w, -p.imag * w)
        inverse[i] = q
        y[i] = right * q
        if i < n - 1:
            s = z + killed[i + 1] + d[i + 1] * (s * q)
            right = b[i + 1] + out * y[i]
    for i in range(n - 2, -1, -1):
        y[i] += d[i + 1] * (inverse[i] * y[i + 1])
