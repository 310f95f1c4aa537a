"""A step of underdamped evolution as one list of numbers, and back, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.solvers.kinetic import Kinetic
from fokkerplanck.solvers.kinetic_evolve import KineticStep

__all__ = ["packed", "size_of", "unpacked"]

Array = NDArray[np.float64]
#: numbers beside the modes: time, error, settled, stride, amount, cold, speed
CLOCK = 7


def size_of(operator: Kinetic) -> int:
    """Length of the list for an operator's modes."""
    return CLOCK + int(np.prod(operator.even_shape)) + int(np.prod(operator.odd_shape))


def packed(step: KineticStep) -> Array:
    """Clock, basis and modes of a step, shape (size,)."""
    op = step.operator
    clock = (step.time, step.error, step.settled, step.stride, step.amount, op.cold, op.speed)
    return np.concatenate([np.array(clock), step.even.ravel(), step.odd.ravel()])


def unpacked(values: Array, operator: Kinetic) -> KineticStep:
    """Return the step; `operator` is that of the problem, in the basis of its temperature.

    Bases are hotter by powers of two, by which numbers are divided without rounding; only the
    thermal velocity has been multiplied by roots of two, and so is kept.
    """
    time, error, settled, stride, amount, cold, speed = (float(v) for v in values[:CLOCK])
    basis = replace(
        operator,
        cells=operator.cells * cold,
        faces=operator.faces * cold,
        speed=speed,
        cold=cold,
    )
    n = int(np.prod(basis.even_shape))
    even, odd = np.split(np.asarray(values[CLOCK:], dtype=np.float64), [n])
    modes = even.reshape(basis.even_shape), odd.reshape(basis.odd_shape)
    return KineticStep(time, basis, *modes, error, "", settled, stride, amount)
