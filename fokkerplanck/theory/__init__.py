"""Closed forms that the numbers are checked against.

One module per subject: `ornstein_uhlenbeck` (linear processes), `gaussian` (normal densities on
cells), `distances` (between normal laws), `boltzmann` (known stationary densities), `kramers`
(escape and slow relaxation), `ring` (driven currents) and `predictions` (all of them by name).
"""

from __future__ import annotations

from fokkerplanck.theory.boltzmann import (
    Boltzmann,
    boltzmann_density,
    quartic_partition,
    zero_current_line,
)
from fokkerplanck.theory.gaussian import gaussian_cells, gaussian_density
from fokkerplanck.theory.kramers import TwoWells, kramers_correction, kramers_time, two_wells
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck
from fokkerplanck.theory.predictions import PREDICTIONS, Prediction
from fokkerplanck.theory.ring import DrivenRing, driven_ring

__all__ = [
    "PREDICTIONS",
    "Boltzmann",
    "DrivenRing",
    "OrnsteinUhlenbeck",
    "Prediction",
    "TwoWells",
    "boltzmann_density",
    "driven_ring",
    "gaussian_cells",
    "gaussian_density",
    "kramers_correction",
    "kramers_time",
    "quartic_partition",
    "two_wells",
    "zero_current_line",
]
