r"""Survival of underdamped paths: the probability not to have passed a wall yet, at any time.

Backward in time :math:`u(t) = e^{t L^\dagger} 1`. Its slowest mode is taken out first; it decays by
itself, however slowly. What is left is followed by rational steps (`fokkerplanck.solvers.pade`)
until it is gone. Steps at most double, and each new length is compared with two halves of it: so
nothing that oscillates is damped unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.kinetic_elements import DEGREE, Elements
from fokkerplanck.solvers.kinetic_elimination import Walled
from fokkerplanck.solvers.kinetic_passage import Observable
from fokkerplanck.solvers.pade import pade

__all__ = ["KineticSurvival", "SlowMode"]

Array = NDArray[np.float64]
Numbers = NDArray[Any]
Pair = tuple[Array, Array]
#: Inverse iterations for the slowest mode, and when they end.
MOST_ITERATIONS, STILL = 500, 1e-13
#: Degree of the rational approximation of a step, of order 11.
DEGREE_IN_TIME = 6
#: Bytes of factors that are kept.
KEPT_BYTES = 5e8


@dataclass(frozen=True, eq=False)
class SlowMode:
    """Slowest mode: its rate, its even and odd parts, and its amplitude in the constant 1."""

    rate: float
    even: Array
    odd: Array
    amplitude: float


class KineticSurvival:
    """Follows ``exp(t L) 1`` with absorbing walls.

    Parameters
    ----------
    elements : Elements
    step : float
        Longest step while anything oscillates; afterwards half of the time so far.
    part : float
        Part of its size at which what is left beside the slowest mode is gone.
    slow : SlowMode, optional
        Where it is known already.
    """

    def __init__(
        self, elements: Elements, step: float, part: float, slow: SlowMode | None = None
    ) -> None:
        self.elements, self.step, self.part = elements, step, part
        one = np.zeros((elements.nodes.size, elements.velocity.count))
        one[:, 0] = elements.node_scale
        none = np.zeros((elements.count, DEGREE, elements.velocity.count - 1))
        self.size = float(np.linalg.norm(one))
        self.slow = _slow_mode(elements, one, none) if slow is None else slow
        amplitude = self.slow.amplitude
        self.state: Pair = (one - amplitude * self.slow.even, none - amplitude * self.slow.odd)
        self.now = 0.0
        self.settled = 2.0 * float(np.log(1.0 / part)) / elements.rate
        self._kept: dict[float, list[Walled]] = {}

    def at(self, time: float) -> tuple[Observable, Observable]:
        """Survival and its rate of decay ``-dS/dt`` at a time, none before the last one."""
        while self.now < time * (1 - 1e-12):
            if self._left() < self.part:
                self.state = np.zeros_like(self.state[0]), np.zeros_like(self.state[1])
                break
            longest = self.step if self.now < self.settled else 0.5 * self.now
            parts = max(int(np.ceil((time - self.now) / longest - 1e-9)), 1)
            step = (time - self.now) / parts
            self.state = self._rational(self.state, step)
            self.now += step
        self.now = time
        return self._observable(time)

    def _left(self) -> float:
        return float(np.sqrt((self.state[0] ** 2).sum() + (self.state[1] ** 2).sum())) / self.size

    def _observable(self, time: float) -> tuple[Observable, Observable]:
        slow, el = self.slow, self.elements
        now = slow.amplitude * np.exp(-slow.rate * time)
        fall_e, fall_o = Walled(el, factorise=False).product(*self.state)
        scale, points = el.node_scale[:, None], el.point_scale[:, :, None]
        even, odd = self.state[0] + now * slow.even, self.state[1] + now * slow.odd
        fall_e, fall_o = fall_e + now * slow.rate * slow.even, fall_o + now * slow.rate * slow.odd
        return (
            Observable(el, even / scale, odd / points),
            Observable(el, fall_e / scale, fall_o / points),
        )

    def _rational(self, state: Pair, step: float) -> Pair:
        even, odd = np.zeros_like(state[0]), np.zeros_like(state[1])
        for residue, system in zip(pade(DEGREE_IN_TIME)[1], self._systems(step), strict=True):
            y_e, y_o, _ = system.solve(*state, refinements=1)
            even -= 2.0 * (residue * y_e).real
            odd -= 2.0 * (residue * y_o).real
        return even, odd

    def _systems(self, step: float) -> Iterator[Walled]:
        key = float(f"{step:.10e}")
        if key in self._kept:
            yield from self._kept[key]
            return
        made = []
        for pole in pade(DEGREE_IN_TIME)[0]:
            system = Walled(self.elements, complex(pole), step)
            made.append(system)
            yield system
        while self._kept and len(self._kept) > 2:
            del self._kept[next(iter(self._kept))]
        if sum(s.bytes for s in made) < KEPT_BYTES / 3:
            self._kept[key] = made


def _slow_mode(elements: Elements, even: Array, odd: Array) -> SlowMode:
    """Slowest mode by inverse iteration; the left one has the sign of its odd part changed."""
    system = Walled(elements)
    e, o = even, odd
    value = np.inf
    for _ in range(MOST_ITERATIONS):
        e2, o2, _ = system.solve(e, o)
        before = value
        value = ((e2 * e).sum() - (o2 * o).sum()) / ((e2 * e2).sum() - (o2 * o2).sum())
        size = np.sqrt((e2**2).sum() + (o2**2).sum())
        e, o = e2 / size, o2 / size
        if abs(value - before) <= STILL * abs(value):
            norm = (e * e).sum() - (o * o).sum()
            amplitude = ((e * even).sum() - (o * odd).sum()) / norm
            return SlowMode(float(value), e, o, float(amplitude))
    msg = "the slowest mode of a passage did not settle: the wells are too shallow for it"
    raise NumericalError(msg)
