"""Evolution over long times: rational exponential by sparse complex factorisations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu

from fokkerplanck.solvers.errors import NumericalError
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
from fokkerplanck.solvers.propagator import CLIP, Advance, Propagator, clip_rounding, conserve
from fokkerplanck.solvers.sector import Sector, find_sector, worst_error
from fokkerplanck.solvers.stationary import equilibrium_mass, stationary_mass
from fokkerplanck.solvers.stepping import Trial, advance_in_steps, advective_time, doubled
from fokkerplanck.solvers.threads import one_blas_thread

__all__ = ["FURTHEST", "Rational"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

#: Largest ``rate * step``: beyond, the factorisation knows too little of ``theta_j`` to refine.
FURTHEST = 1e15
#: The same where a current circulates, and its rounding times the step is what limits.
FURTHEST_DRIVEN = 1e10 if np.finfo(np.longdouble).eps < 1e-18 else 1e7
MOST_PIECES = 200
KEPT_BYTES = 1.0e9
REFINEMENTS = 6
SETTLED = 1e-13
#: Numbers of equal steps that a step on a driven chain may be taken in.
PARTS = (1, 2, 4, 8)
#: Sectors on which even the most parts are this wrong are not worth trying.
HOPELESS = 1e-11
SAME_STEP = 2e-13


class Rational(Propagator):
    """``exp(t Q.T) P = -2 Re sum_j c_j y_j``, ``(theta_j - t Q.T) y_j = P``, nine poles.

    The cost does not depend on t: nine complex LU factorisations and a few solves. The
    solutions are refined with residuals taken from the *net* flux on each link, which conserve
    mass and see the flux over a saddle to relative accuracy; so mass and the exchange between
    wells stay right where the factorisation alone has lost them.

    In detailed balance steps are as long as the embedded L1 error estimate allows. Without it a
    long step damps oscillations unseen; there a step is bounded by what it does to the sector
    that holds the field of values (`fokkerplanck.solvers.sector`). Where that bound is too wide,
    steps start short, at most double, and are compared with their two halves. On conservative
    generators the stationary density is compared first: who is within the tolerance of it stays
    so for ever.

    Notes
    -----
    Memory: one factorisation takes about ``20 * 80 * cells`` bytes at 256 x 256 cells (100 MB)
    and grows as ``cells * log(cells)``. All nine are kept for the next step of the same length
    if they fit into 1 GB, otherwise one at a time is.

    Raises
    ------
    NumericalError
        If the density is not stationary after 200 of the longest steps (``rate * t`` of 2e17 in
        detailed balance, 2e12 without), or the error estimate stays above the tolerance.
    """

    name = "rational"

    def __init__(self, generator: Generator, fields: Fields | None = None) -> None:
        super().__init__(generator, fields)
        self.rate = float(generator.exit_rate.max(initial=0.0))
        self._kept: dict[float, list[SuperLU]] = {}

    def cost(self, dt: float) -> float:
        """Estimate the seconds of one step: nine factorisations."""
        n = self.generator.cells
        factor = 2e-8 * n**1.5 if len(self.generator.shape) > 1 else 2e-6 * n
        return POLES.size * (factor + 1e-6 * n) + 1e-3

    def advance(self, mass: Array, dt: float, tolerance: float) -> Advance:
        """Return ``exp(dt Q.T) mass`` to within `tolerance` in L1."""
        done = Advance(mass, 0.0, method=self.name)
        strict = STRICTEST * float(mass.sum())
        left, longest = dt, self.longest
        for _ in range(MOST_PIECES):
            budget = tolerance - done.error
            at_rest = self.at_rest(done.mass, 0.5 * budget)
            if at_rest is not None:
                return done.then(at_rest)
            share = budget if left <= longest else 0.125 * budget
            step = min(left, longest)
            done = done.then(self._stretch(done.mass, step, min(share, strict)))
            if step == left:
                return done
            left -= step
        raise NumericalError(self.too_far(dt))

    def bounded_step(self, mass: Array, dt: float, tolerance: float) -> Advance | None:
        """Take a step of any length on a driven chain, by the bound of its sector.

        Returns
        -------
        Advance or None
            None where the bound exceeds the tolerance: the density is too far from equilibrium,
            or the modes oscillate too much.
        """
        sector = self._sector
        if sector is None or dt > self.longest * (1.0 + SAME_STEP):
            return None
        spared = 0.01 * tolerance
        start = sector.visible(mass, spared)
        for parts in PARTS:
            bound = sector.bound(start, parts) + 2.0 * spared
            if bound <= 0.8 * tolerance:
                return self._in_parts(start, dt, parts, bound, tolerance)
        return None

    def _in_parts(
        self, mass: Array, dt: float, parts: int, bound: float, tolerance: float
    ) -> Advance | None:
        done = Advance(mass, bound, method=self.name)
        for _ in range(parts):
            trial = self.attempt(done.mass, dt / parts)
            # the embedded estimate is no bound here, but what it doubts is not taken either
            doubt = max(trial.rounding, 0.0 if trial.error <= STRICTEST * mass.sum() else np.inf)
            low, peak = trial.mass.min(), trial.mass.max()
            if done.error + doubt > tolerance or low < -CLIP * peak:
                return None
            new, lost = clip_rounding(trial.mass)
            done = done.then(Advance(new, doubt + lost, 0, trial.solves, lost, self.name))
        return done

    @cached_property
    def _sector(self) -> Sector | None:
        if self._stationary is None:
            return None
        sector = find_sector(self.generator, self._stationary)
        if sector is None or worst_error(sector.slope, PARTS[-1]) > HOPELESS:
            return None
        return sector

    @property
    def bounded(self) -> bool:
        """Whether `bounded_step` can work on this generator at all."""
        return self._sector is not None

    def _stretch(self, mass: Array, dt: float, tolerance: float) -> Advance:
        if self.reversible:
            return advance_in_steps(self.attempt, mass, dt, tolerance, self.name)
        part = self.bounded_step(mass, dt, tolerance)
        if part is not None:
            return part
        first = advective_time(self.generator)
        trial = doubled(self.attempt)
        return advance_in_steps(trial, mass, dt, tolerance, self.name, grow=2.0, first=first)

    @property
    def longest(self) -> float:
        """Longest step that refined solves can be trusted with.

        Fluxes that circulate do not cancel link by link, so that their rounding, multiplied by
        the step, limits a driven chain earlier.
        """
        furthest = FURTHEST if self.reversible else FURTHEST_DRIVEN
        return furthest / max(self.rate, 1e-300)

    @cached_property
    def reversible(self) -> bool:
        """Whether detailed balance holds: all modes decay without oscillation."""
        return equilibrium_mass(self.generator) is not None

    def at_rest(self, mass: Array, tolerance: float) -> Advance | None:
        """Return the stationary masses if `mass` is within `tolerance` of them, else None.

        ``|exp(t Q.T) P - pi|_1 <= |P - pi|_1`` for every t: the bound is exact.
        """
        if self._stationary is None:
            return None
        limit = self._stationary * float(mass.sum())
        distance = float(np.abs(mass - limit).sum())
        if distance > tolerance:
            return None
        return Advance(limit, distance, method="stationary")

    @one_blas_thread
    def attempt(self, mass: Array, dt: float) -> Trial:
        """Take one step of any length; its error estimate says whether to believe it."""
        if self.rate * dt > FURTHEST * 1.001:
            return Trial(mass, np.inf)
        new, difference = np.zeros_like(mass), np.zeros_like(mass)
        error, solves = 0.0, 0
        for j, system in enumerate(self._systems(dt)):
            y, doubt, used = system.solve(mass)
            new -= 2.0 * (RESIDUES[j] * y).real
            difference -= 2.0 * ((RESIDUES[j] - EMBEDDED[j]) * y).real
            error += 2.0 * float(abs(RESIDUES[j])) * doubt
            solves += used
        if self.generator.conservative:
            conserve(new, mass)
        rounding = error + ROUNDING * float(np.abs(mass).sum())
        return Trial(new, error + l1_error(difference, mass), 0, solves, rounding)

    def _systems(self, dt: float) -> Iterator[_Shifted]:
        for step, factors in self._kept.items():
            if abs(dt - step) <= SAME_STEP * dt:
                for pole, lu in zip(POLES, factors, strict=True):
                    yield _Shifted(self._flux, complex(pole), step, lu)
                return
        kept: list[SuperLU] = []
        keeping = True
        for pole in POLES:
            lu = self._factorise(complex(pole), dt)
            keeping = keeping and 20.0 * lu.nnz * POLES.size <= KEPT_BYTES
            while self._kept and 20.0 * lu.nnz * POLES.size * (len(self._kept) + 1) > KEPT_BYTES:
                del self._kept[next(iter(self._kept))]
            if keeping:
                kept.append(lu)
            yield _Shifted(self._flux, complex(pole), dt, lu)
        if keeping:
            while len(self._kept) > 1:
                del self._kept[next(iter(self._kept))]
            self._kept[dt] = kept

    def _factorise(self, pole: complex, dt: float) -> SuperLU:
        n = self.generator.cells
        shifts = sp.diags_array(np.full(n, pole), format="csc")
        shifted = sp.csc_array(shifts - dt * self._transposed)
        try:
            return splu(
                shifted,
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
        except RuntimeError as error:
            msg = f"the factorisation of a step of {dt:.3e} broke down: {error}"
            raise NumericalError(msg) from error

    def too_far(self, dt: float) -> str:
        """Say why a time is out of reach."""
        reach = MOST_PIECES * self.longest * self.rate
        return (
            f"a time of {dt:.3e} is {self.rate * dt:.1e} times the shortest one here; sparse "
            f"factorisations in double precision reach {reach:.0e}, and the "
            "density is not stationary yet. Ask for earlier times, a coarser grid, or, for "
            "escapes over high barriers, for rates rather than densities"
        )

    @cached_property
    def _transposed(self) -> sp.csc_array:
        return sp.csc_array(self.generator.matrix.T)

    @cached_property
    def _flux(self) -> _Flux:
        # fluxes that circulate cancel in sums only, which takes digits; where none do, doubles
        # are enough
        return _Flux.of(self.generator, np.float64 if self.reversible else np.longdouble)

    @cached_property
    def _stationary(self) -> Array | None:
        if not self.generator.conservative:
            return None
        try:
            return np.asarray(stationary_mass(self.generator)).ravel()
        except NumericalError:
            return None


@dataclass(frozen=True, eq=False)
class _Flux:
    """``Q.T y`` in two halves: net fluxes on links, then what they add up to in cells."""

    fluxes: sp.csr_array  # links x cells
    gains: sp.csr_array  # cells x links
    absorption: Array

    @classmethod
    def of(cls, g: Generator, number: type[np.floating[Any]]) -> _Flux:
        links = np.arange(g.tail.size, dtype=np.int32)
        place = (np.concatenate([links, links]), np.concatenate([g.tail, g.head]))
        shape = (g.tail.size, g.cells)
        rates = np.concatenate([g.forward, -g.backward]).astype(number)
        fluxes = sp.coo_array((rates, place), shape=shape)
        signs = np.repeat([-1.0, 1.0], g.tail.size).astype(number)
        gains = sp.coo_array((signs, place[::-1]), shape=shape[::-1])
        return cls(fluxes.tocsr(), gains.tocsr(), g.absorption)

    def residual(self, b: Complex, y: Complex, pole: complex, dt: float) -> Complex:
        """``b - (pole - dt Q.T) y``; its sum is that of the excesses, free of rounding in Q."""
        gained = self.gains @ (dt * (self.fluxes @ y))
        return np.asarray(gained + (b - (pole + dt * self.absorption) * y))


@dataclass(frozen=True, eq=False)
class _Shifted:
    """One factorised system ``(pole - dt Q.T) y = b``."""

    flux: _Flux
    pole: complex
    dt: float
    lu: SuperLU

    def solve(self, mass: Array) -> tuple[Complex, float, int]:
        """Solve by refinement; return y, an L1 bound of what is left to correct, and solves."""
        b = mass.astype(np.result_type(self.flux.fluxes.dtype, np.complex64))
        y = self.lu.solve(mass.astype(np.complex128)).astype(b.dtype)
        before = float(np.abs(y).sum())
        for count in range(REFINEMENTS):
            left = self.flux.residual(b, y, self.pole, self.dt)
            correction = self.lu.solve(left.astype(np.complex128))
            size = float(np.abs(correction).sum())
            ratio = size / before if before > 0.0 else 0.0
            if not ratio < 0.5:
                return y.astype(np.complex128), np.inf, count + 2
            y += correction
            if size <= SETTLED * float(np.abs(y).sum()) or (count and ratio > 0.1):
                break
            before = size
        return y.astype(np.complex128), size * ratio, count + 2
