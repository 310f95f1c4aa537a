"""Underdamped problems that several tests use."""

from __future__ import annotations

import numpy as np

import fokkerplanck as fp
from fokkerplanck.solvers.kinetic import Kinetic

QUARTIC = fp.landscapes.from_expression("(x**2 - 1)**2 / 4", dim=1)
HARMONIC = fp.landscapes.from_expression("x**2 / 2", dim=1)
FREE = fp.landscapes.from_expression("0 * x", dim=1)


def quartic(friction, temperature, cells=200, reach=2.2, **options):
    return fp.Underdamped(
        fp.Grid.line(-reach, reach, cells), QUARTIC, friction, temperature, **options
    )


def lattice(potential, low, high, cells, friction, temperature, modes, periodic=False):
    h = (high - low) / cells
    half = low + 0.5 * h * np.arange(2 * cells + 1)
    phi = potential(half) / temperature
    return Kinetic(h, phi[1::2], phi[::2], np.sqrt(temperature), friction, modes, periodic)
