"""Closed forms and quadratures that the numbers are checked against.

One module per subject: `ornstein_uhlenbeck` (linear processes), `gaussian` (normal densities on
cells), `distances` (between normal laws), `boltzmann` (known stationary densities), `ring` (driven
currents); of escape, `kramers` (a line), `eyring_kramers` (any dimension), `density_diffusion`
(noise that is the Hessian), `quasipotential` (without detailed balance) and `passage_forms`
(linear drift and simpler). `passage_quadrature` and `relaxation_quadrature` are exact on a line
with any drift and noise; `predictions` has what cases may name.
"""

from __future__ import annotations

from fokkerplanck.theory.boltzmann import (
    Boltzmann,
    boltzmann_density,
    laplace_masses,
    quartic_partition,
    zero_current_line,
)
from fokkerplanck.theory.density_diffusion import FrozenEscape
from fokkerplanck.theory.eyring_kramers import EscapeRate, eyring_kramers, langer, over_paths
from fokkerplanck.theory.gaussian import gaussian_cells, gaussian_density
from fokkerplanck.theory.kramers import (
    TwoWells,
    kramers_correction,
    kramers_log_time,
    kramers_time,
    two_wells,
)
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
from fokkerplanck.theory.quasipotential import (
    linear_quasipotential,
    separable_quasipotential,
    virial_balance,
)
from fokkerplanck.theory.relaxation_quadrature import LineRate, escape_rate, relaxation_rate
from fokkerplanck.theory.ring import DrivenRing, driven_ring

__all__ = [
    "PREDICTIONS",
    "Boltzmann",
    "DrivenRing",
    "EscapeRate",
    "FrozenEscape",
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
    "eyring_kramers",
    "gaussian_cells",
    "gaussian_density",
    "kramers_correction",
    "kramers_log_time",
    "kramers_time",
    "langer",
    "laplace_masses",
    "line_committor",
    "line_passage",
    "linear_quasipotential",
    "over_paths",
    "quartic_partition",
    "relaxation_rate",
    "separable_quasipotential",
    "stationary_masses",
    "two_wells",
    "virial_balance",
    "zero_current_line",
]
