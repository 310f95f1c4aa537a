r"""Masses under long jumps in time: rational Krylov spaces of one repeated pole.

A step over dt of :math:`\dot P = Q^T P` is sought in the space of :math:`Z^k P`,
:math:`Z = (1 - \gamma Q^T)^{-1}`, with gamma about 0.03 dt: smooth parts and the fastest jumps are
both in it after a few solves, whatever their rates. Where mass is conserved the stationary part is
taken out first, and vectors are orthogonal to it and to each other in the norm of :math:`1 / \pi`,
in which the evolution contracts: so mass is exact, late times end in the stationary masses, and
rounding is not multiplied by the time but by the slowest time scale of the chain at most.

Notes
-----
Chosen by measurement. Exponentials of the whole matrix need one for each length of step, end at
some 2048 nodes, and lose mass in proportion to the time: 4e-8 at t = 1e4 on 400 nodes, where the
spaces are exact. From a point, to ten times from 1e-3 to 1e6, the quartic double well took 256
solves and 25 s of one core on 16384 nodes at a tolerance of 1e-5; on 65536 nodes at 1e-4 some 140
solves and 72 s, when spaces were still believed from 5 vectors on. What costs most is drift that
carries a sharp front: beyond walls where walkers are stopped, what jumped there comes back as one,
until it has reached the wells. Among spaces of 24 to 120 vectors and gammas of 0.01 to 0.1 dt these
are the fastest then (several times), and no slower otherwise.

The error estimate is the L1 change from a space of a third fewer vectors, and rounding. On 940
random problems of 64 to 200 nodes (three losses, all walls, tolerances of 1e-8 to 1e-3) it was
above the error against exponentials each time. Spaces of five vectors were not: in one of 40 they
agreed that all had decayed at once, and were wrong.

In the plane linear systems are solved to what the step allows: residuals R of the vectors count as
integrals of :math:`R H^{-1} y / \gamma`, so that late vectors are cheap. The same test, on 354
steps of random products of two lines on some 40 x 40 cells and 34 of isotropic jumps, found errors
of at most 0.52 of the estimate, mostly below a hundredth. Five decades of time at 1e-5 took 170
solves and 6 s of one core on 128 x 128 cells, 200 and 28 s on 256 x 256.

References
----------
J. van den Eshof and M. Hochbruck, SIAM J. Sci. Comput. 27 (2006) 1438; I. Moret and P. Novati,
BIT 44 (2004) 595.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import expm

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.levy_chain import LevyChain, ShiftedSystem
from fokkerplanck.solvers.propagator import Advance

__all__ = ["Flow"]

Array = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
#: gamma over the step, before rounding to a power of two.
POLE = 0.03
#: Most vectors of a space; the estimate compares with a space of so many fewer, at least, and
#: this part of them fewer.
MOST, LAG, LATELY = 120, 6, 3
#: Vectors before which no space is believed: small ones may all see only what decays at once.
FIRST = 14
#: Vectors after which a space that rounding has spoiled is left.
HOPE = 24
#: Part of what a step may be wrong by that is left to residuals of linear systems, sizes of a
#: space at which it is asked what they may be, doublings of the time over which they are summed,
#: and the least that one may count.
SOLVING, LOOKS, DOUBLINGS, LEAST = 0.02, (3, 5, 8, 11), 8, 1e-6
#: Systems that are kept for steps of about the same length.
KEPT = 4
#: A step that failed is tried again this much shorter; those below this part of the whole are not.
SHRINK, GROW, SHORTEST = 8.0, 4.0, 1e-12
#: Part of the largest stationary mass below which the norm does not follow it.
FLOOR = 1e-12
#: Part of what is left of the tolerance that one step may take, at least.
SHARE = 0.125
#: Norms that grow to this multiple, or rates so negative over the step, show a space spoiled.
GROWN, NEGATIVE = 4.0, -1.0


@dataclass(frozen=True, eq=False)
class Flow:
    """Apply ``exp(dt Q^T)`` to masses at the nodes, for any dt.

    Parameters
    ----------
    chain : LevyChain
    stationary : ndarray, shape (n,), optional
        Stationary masses, sum 1, where they exist and could be found.
    """

    chain: LevyChain
    stationary: Array | None = None
    _systems: dict[int, ShiftedSystem] = field(default_factory=dict, init=False, repr=False)

    @property
    def conservative(self) -> bool:
        """Whether nobody is killed."""
        return not self.chain.kills

    def advance(self, mass: Array, dt: float, tolerance: float) -> Advance:
        """Return ``exp(dt Q^T) mass`` to within `tolerance` in L1, none of it negative.

        The result depends on the arguments alone, not on earlier calls.

        Raises
        ------
        NumericalError
            When no step is short enough, or rounding exceeds the tolerance.
        """
        total, rest = float(mass.sum()), self._part(mass)
        part, left, step = mass - rest, dt, dt
        error, solves = 0.0, 0
        while left > 0.0:
            size = float(np.abs(rest).sum())
            if self.stationary is not None and size <= 0.5 * (tolerance - error):
                return Advance(part, error + size, 0, solves, 0.0, "stationary")
            step = min(step, left)
            allowed = (tolerance - error) * max(step / left, SHARE)
            new, taken, off, used = self._step(rest, step, allowed)
            solves += used
            if taken == 0.0:
                step /= SHRINK
                if step < SHORTEST * dt:
                    raise NumericalError(_not_reached(dt, tolerance, off))
                continue
            rest, error = new, error + off
            left = 0.0 if taken == left else left - taken
            step = GROW * taken
        found, clipped, scaled = self._cleaned(part + rest, total)
        return Advance(found, error + scaled, 0, solves, clipped, "krylov")

    def _part(self, mass: Array) -> Array:
        """Masses without their stationary part, of sum 0."""
        if self.stationary is None:
            return mass
        return np.asarray(mass - float(mass.sum()) * self.stationary)

    def _cleaned(self, mass: Array, total: float) -> tuple[Array, float, float]:
        """Set negative masses to 0; where mass is conserved, restore its sum."""
        clipped = -float(mass[mass < 0.0].sum())
        mass = np.maximum(mass, 0.0)
        if not self.conservative:
            return mass, clipped, 0.0
        now = float(mass.sum())
        return mass * (total / now), clipped, abs(now - clipped - total)

    def _step(self, start: Array, dt: float, allowed: float) -> tuple[Array, float, float, int]:
        """Masses after a step, its length (dt or a part of it, or 0), its error, and solves."""
        exponent = int(np.round(np.log2(POLE * dt)))
        space = _Space(self, self._system(exponent), 2.0**exponent, start, dt)
        off, check = np.inf, FIRST
        while space.size < MOST and not space.complete:
            if space.size in LOOKS:
                space.look(dt)
            space.grow(SOLVING * allowed)
            if space.size == check or space.complete:
                new, off, rounding = space.masses(dt, max(LAG, space.size // LATELY))
                if off <= allowed:
                    return new, dt, off, space.size
                if np.isfinite(off) and rounding > allowed:
                    # it adds up to the same over shorter steps
                    raise NumericalError(_rounded(dt, allowed, rounding))
                if not np.isfinite(off) and check > HOPE:
                    break
                check += max(1, check // 8)
                space.look(dt)
        return start, 0.0, off, space.size

    def _system(self, exponent: int) -> ShiftedSystem:
        found = self._systems.pop(exponent, None)
        if found is None:
            found = self.chain.system(2.0**-exponent, transposed=True)
            while len(self._systems) >= KEPT:
                del self._systems[next(iter(self._systems))]
        self._systems[exponent] = found
        return found


class _Space:
    """Krylov space of ``(1 - gamma Q^T)^-1``, orthonormal in the norm of 1 / stationary mass.

    Where that does not exist, equal masses take its place.
    """

    def __init__(
        self, flow: Flow, system: ShiftedSystem, gamma: float, start: Array, dt: float
    ) -> None:
        pi = flow.stationary
        if pi is not None:
            # what rounding leaves of the stationary part would be seen as an infinite rate
            start = start - float(start.sum()) * pi
        self.system, self.gamma, self.start, self.pi = system, gamma, start, pi
        # either way the norm is above that of L1
        self.root = np.full(len(start), len(start) ** -0.5)
        if pi is not None:
            self.root = np.sqrt(np.maximum(pi, FLOOR * pi.max()))
        first = start / self.root
        self.norm = float(np.linalg.norm(first))
        self.basis = np.zeros((MOST + 1, len(start)))
        self.basis[0] = first / self.norm
        self.h = np.zeros((MOST + 1, MOST))
        self.size, self.doubt, self.complete = 0, 0.0, False
        # norms of residuals, what they are too large by, and how much the next of them will count
        self.rests, self.unmet, self.share = np.zeros(MOST), np.zeros(MOST), dt / gamma
        # products by FFT round with all jumps from everywhere, those of the rest with what is there
        here = flow.chain.local_rates * np.abs(start)
        self.fastest = flow.chain.jump_rate + float(here.sum() / np.abs(start).sum())

    def grow(self, allowed: float) -> None:
        """Add a vector, solving to what may be wrong by `allowed` in the end."""
        m = self.size
        wanted = allowed / (self.norm * self.share * self.gamma)
        v, rest, change = self.system.solve_to(
            self.root * self.basis[m] / self.gamma, self.root, wanted
        )
        self.rests[m] = self.gamma * rest
        self.unmet[m] = self.gamma * max(rest - 2.0 * wanted, 0.0)
        self.doubt = max(self.doubt, change)
        v /= self.root
        seen = self.basis[: m + 1]
        for _ in range(2):
            if self.pi is not None:
                v -= float(self.root @ v) * (self.pi / self.root)
            along = seen @ v
            v -= along @ seen
            self.h[: m + 1, m] += along
        size = float(np.linalg.norm(v))
        self.h[m + 1, m] = size
        self.size = m + 1
        self.complete = size <= 10.0 * EPS * float(np.abs(self.h[: m + 1, m]).max())
        if not self.complete:
            self.basis[m + 1] = v / size

    def masses(self, dt: float, lag: int) -> tuple[Array, float, float]:
        """Masses after dt, what the last vectors and rounding change them by, and rounding."""
        m = self.size
        y, slowest = self._weights(m, dt)
        if not (np.linalg.norm(y) < GROWN and slowest * dt > NEGATIVE):
            return self.start, np.inf, 0.0
        less = np.zeros(m)
        if not self.complete:
            less[: m - lag], _ = self._weights(m - lag, dt)
            if not np.isfinite(less).all():
                return self.start, np.inf, 0.0
        both = (self.norm * np.array([y, y - less])) @ self.basis[:m] * self.root
        change = 0.0 if self.complete else float(np.abs(both[1]).sum())
        lasting = min(dt, 1.0 / max(slowest, 1e-300))
        rounding = EPS * (1.0 + self.fastest * lasting) + self.doubt
        rounding *= float(np.abs(self.start).sum())
        if self.rests.any():
            defects = self.norm * self._defects(m, dt)
            change += float(defects @ (self.rests - self.unmet)[:m])
            rounding += float(defects @ self.unmet[:m])
        return both[0], change + rounding, rounding

    def look(self, dt: float) -> None:
        """See how much the next residual will count: about as the last few."""
        if self.size > 1 and self.rests.any():
            last = float(self._defects(self.size, dt)[-LATELY:].max())
            self.share = min(max(last, LEAST), dt / self.gamma)

    def _defects(self, m: int, dt: float) -> Array:
        r"""Bound what residuals of norm 1 would change, in the norm of the space.

        With residuals R of the vectors V the space solves :math:`\dot P = A P + R H^{-1} y /
        \gamma`, and the evolution contracts: integrals of :math:`|H^{-1} y| / \gamma`.
        """
        try:
            inverse = np.linalg.inv(self.h[:m, :m])
            power = expm(-dt / 2.0**DOUBLINGS * (inverse - np.eye(m)) / self.gamma)
        except (np.linalg.LinAlgError, ValueError):
            return np.full(m, dt / self.gamma)
        before, time, total = np.abs(inverse[:, 0]), 0.0, np.zeros(m)
        for k in range(DOUBLINGS + 1):
            now = np.abs(inverse @ power[:, 0])
            new = dt * 2.0 ** (k - DOUBLINGS)
            total += 0.5 * (now + before) * (new - time)
            before, time = now, new
            power = power @ power
        return np.asarray(total / self.gamma)

    def _weights(self, m: int, dt: float) -> tuple[Array, float]:
        """Coefficients of the vectors, and the slowest rate seen."""
        if m == 0:
            return np.zeros(0), np.inf
        try:
            inverse = np.linalg.inv(self.h[:m, :m])
            rates = (inverse - np.eye(m)) / self.gamma
            with np.errstate(over="ignore", invalid="ignore"):
                y = expm(-dt * rates)[:, 0]
            slowest = float(np.linalg.eigvals(rates).real.min())
        except (np.linalg.LinAlgError, ValueError):
            return np.full(m, np.nan), 0.0
        return y, slowest


def _rounded(dt: float, allowed: float, rounding: float) -> str:
    return (
        f"over a time of {dt:.3e} rounding leaves the masses undetermined to {rounding:.1e} under "
        f"long jumps, where {allowed:.1e} is allowed: ask for a larger tolerance, earlier times or "
        "fewer cells; few long jumps over a high barrier are beyond it"
    )


def _not_reached(dt: float, tolerance: float, off: float) -> str:
    return (
        f"an L1 error of {tolerance:.1e} cannot be reached over a time of {dt:.3e} under long "
        f"jumps: it is {off:.1e} on the shortest step; a larger tolerance or fewer cells may do"
    )
