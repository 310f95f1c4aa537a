"""Closed forms that the numbers are checked against.

One module per subject: `ornstein_uhlenbeck` (linear processes), `gaussian` (normal densities on
cells), `distances` (between normal laws), `boltzmann` (known stationary densities), `kramers`
(escape and slow relaxation), `passage_quadrature` and `relaxation_quadrature` (a line with any
drift and noise, to rounding), `ring` (driven currents) and `predictions` (all of them by name).
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
from fokkerplanck.theory.line_process import LineProcess
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck
from fokkerplanck.theory.passage_quadrature import (
    LinePassage,
    exit_passage,
    line_committor,
    line_passage,
    stationary_masses,
)
from fokkerplanck.theory.predictions import PREDICTIONS, Prediction
from fokkerplanck.theory.relaxation_quadrature import LineRate, escape_rate, relaxation_rate
from fokkerplanck.theory.ring import DrivenRing, driven_ring

__all__ = [
    "PREDICTIONS",
    "Boltzmann",
    "DrivenRing",
    "LinePassage",
    "LineProcess",
    "LineRate",
    "OrnsteinUhlenbeck",
    "Prediction",
    "TwoWells",
    "boltzmann_density",
    "driven_ring",
    "escape_rate",
    "exit_passage",
    "gaussian_cells",
    "gaussian_density",
    "kramers_correction",
    "kramers_time",
    "line_committor",
    "line_passage",
    "quartic_partition",
    "relaxation_rate",
    "stationary_masses",
    "two_wells",
    "zero_current_line",
]
