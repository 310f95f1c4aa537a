r"""Survival of underdamped paths: the probability not to have passed a wall yet, at any time.

Backward in time :math:`u(t) = e^{t L^\dagger} 1`. Its slowest mode is taken out first; it decays by
itself, however slowly. What is left is followed by rational steps (`fokkerplanck.solvers.poles`)
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
from fokkerplanck.solvers.poles import POLES, RESIDUES

__all__ = ["KineticSurvival", "SlowMode"]

Array = NDArray[np.float64]
Numbers = NDArray[Any]
Pair = tuple[Array, Array]
#: Inverse iterations for the slowest mode, and when they end.
MOST_ITERATIONS, STILL = 500, 1e-13
#: Steps of a length that could not be doubled before it is tried again.
REPEATS = 6
#: Halvings of a step that misses the tolerance.
MOST_HALVINGS = 30
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
    tolerance : float
        Error of the survival in the equilibrium mean, accumulated.
    first : float
        Longest first step: oscillations that are seen turn by about 1 in it.
    """

    def __init__(self, elements: Elements, tolerance: float, first: float) -> None:
        self.elements, self.tolerance = elements, tolerance
        one = np.zeros((elements.nodes.size, elements.velocity.count))
        one[:, 0] = elements.node_scale
        none = np.zeros((elements.count, DEGREE, elements.velocity.count - 1))
        self.size = float(np.linalg.norm(one))
        self.slow = _slow_mode(elements, one, none)
        self.state: Pair = (
            one - self.slow.amplitude * self.slow.even,
            none - self.slow.amplitude * self.slow.odd,
        )
        self.now, self.error, self.step = 0.0, 0.0, first
        self._kept: dict[float, list[Walled]] = {}

    def at(self, time: float) -> tuple[Observable, Observable]:
        """Survival and its rate of decay ``-dS/dt`` at a time, none before the last one."""
        while self.now < time and self._left(self.state) > 0.1 * self.tolerance:
            self._advance(time)
        if self.now < time:
            zero = np.zeros_like(self.state[0]), np.zeros_like(self.state[1])
            self.error += self._left(self.state)
            self.state, self.now = zero, time
        return self._observable(time)

    def _left(self, state: Pair) -> float:
        return float(np.sqrt((state[0] ** 2).sum() + (state[1] ** 2).sum())) / self.size

    def _observable(self, time: float) -> tuple[Observable, Observable]:
        slow, el = self.slow, self.elements
        now = slow.amplitude * np.exp(-slow.rate * time)
        system = Walled(el, 0.0, 1.0, factorise=False)
        fall_e, fall_o = system.product(*self.state)
        scale, points = el.node_scale[:, None], el.point_scale[:, :, None]
        even, odd = self.state[0] + now * slow.even, self.state[1] + now * slow.odd
        rate = now * slow.rate
        return (
            Observable(el, even / scale, odd / points),
            Observable(
                el, (fall_e + rate * slow.even) / scale, (fall_o + rate * slow.odd) / points
            ),
        )

    def _advance(self, time: float) -> None:
        """One step towards `time`, compared with two halves."""
        left = time - self.now
        step = left / max(int(np.ceil(left / self.step - 1e-9)), 1)
        repeats = 1
        for _ in range(MOST_HALVINGS):
            half = self._rational(self._rational(self.state, 0.5 * step), 0.5 * step)
            whole = self._rational(self.state, step)
            error = self._left((half[0] - whole[0], half[1] - whole[1]))
            if error <= (self.tolerance - self.error) * max(step / left, 0.05):
                break
            step, repeats = 0.5 * step, REPEATS
        else:
            msg = f"steps of {step:.1e} still change the survival by {error:.1e}"
            raise NumericalError(msg)
        self.state, done = half, 1
        most = min(repeats, round(left / step))
        while done < most and self._left(self.state) > 0.1 * self.tolerance:
            # the same step again: what it misses has only decayed
            self.state, done = self._rational(self.state, step), done + 1
        self.error += error * done
        reached = self.now + done * step
        self.now = time if abs(reached - time) < 1e-9 * time else reached
        self.step = 2.0 * step

    def _rational(self, state: Pair, step: float) -> Pair:
        even, odd = np.zeros_like(state[0]), np.zeros_like(state[1])
        for residue, system in zip(RESIDUES, self._systems(step), strict=True):
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
        for pole in POLES:
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
