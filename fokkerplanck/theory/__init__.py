"""Closed forms and quadratures that the numbers are checked against.

One module per subject: `ornstein_uhlenbeck` (linear processes of any size, with `linear_flow`,
`normal_law` and `time_reversal`), `gaussian` (normal densities on cells), `distances` (between
normal laws), `boltzmann` (known stationary densities), `ring` (driven currents); of escape,
`kramers` (a line), `eyring_kramers` (any dimension), `density_diffusion` (noise that is the
Hessian), `quasipotential` (without detailed balance) and `passage_forms` (linear drift and
simpler), with inertia `klein_kramers` and `inertial_langer`; of SGD, `three_factors` (stationary
laws, continuous and discrete), `discrete_steps`, `sgd_escape`, `sgd_path`, `sgd_across` (escape in
any dimension), `varying_noise` (any noise that varies, in any reading), `annealing` and
`equal_ratio`; with momentum, `limiting_dynamics`, `heavy_ball_steps`, `regression_noise`,
`tail_index` and `anomalous_diffusion`; under stable noise, `levy`. `passage_quadrature` and
`relaxation_quadrature` are exact on a line with any drift and noise; `predictions` has what cases
may name.
"""

from __future__ import annotations

from fokkerplanck.theory.annealing import (
    annealed_covariance,
    annealed_mean,
    annealed_variance,
    scheduled_covariance,
)
from fokkerplanck.theory.anomalous_diffusion import (
    AnomalousDiffusion,
    PowerLaw,
    spectral_exponent,
)
from fokkerplanck.theory.boltzmann import (
    Boltzmann,
    boltzmann_density,
    laplace_masses,
    quartic_partition,
    zero_current_line,
)
from fokkerplanck.theory.density_diffusion import FrozenEscape
from fokkerplanck.theory.depopulation import depopulation, log_depopulation
from fokkerplanck.theory.discrete_steps import after_steps
from fokkerplanck.theory.equal_ratio import Equivalence, equivalent
from fokkerplanck.theory.eyring_kramers import EscapeRate, eyring_kramers, langer, over_paths
from fokkerplanck.theory.gaussian import gaussian_cells, gaussian_density
from fokkerplanck.theory.heavy_ball_steps import HeavyBallSteps
from fokkerplanck.theory.inertial_langer import langer_rates, langer_with_momentum
from fokkerplanck.theory.inertial_predictions import INERTIAL
from fokkerplanck.theory.klein_kramers import (
    InertialEscape,
    InertialWells,
    inertial_wells,
)
from fokkerplanck.theory.kramers import (
    TwoWells,
    kramers_correction,
    kramers_log_time,
    kramers_time,
    two_wells,
)
from fokkerplanck.theory.levy import (
    cauchy_double_well,
    cauchy_quartic,
    getoor_time,
    levy_exit_time,
    levy_ou_characteristic,
    levy_transition_time,
    levy_well_rates,
)
from fokkerplanck.theory.limiting_dynamics import (
    LimitingDynamics,
    equipartition_loss,
    inertial_units,
)
from fokkerplanck.theory.line_process import LineProcess
from fokkerplanck.theory.normal_law import NormalLaw
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
from fokkerplanck.theory.regression_noise import (
    RegressionLaw,
    data_regression,
    gaussian_regression,
)
from fokkerplanck.theory.relaxation_quadrature import LineRate, escape_rate, relaxation_rate
from fokkerplanck.theory.ring import DrivenRing, driven_ring
from fokkerplanck.theory.sgd_escape import SgdEscape
from fokkerplanck.theory.sgd_path import along_path
from fokkerplanck.theory.tail_index import tail_index
from fokkerplanck.theory.three_factors import (
    continuous_covariance,
    continuous_excess_loss,
    discrete_covariance,
    discrete_excess_loss,
    excess_loss,
    heavy_ball,
)
from fokkerplanck.theory.time_reversal import TimeReversal
from fokkerplanck.theory.varying_noise import basin_log_ratio, varying_noise_log_time
from fokkerplanck.theory.well_action import round_trip

__all__ = [
    "INERTIAL",
    "PREDICTIONS",
    "AnomalousDiffusion",
    "Boltzmann",
    "DrivenRing",
    "Equivalence",
    "EscapeRate",
    "FrozenEscape",
    "HeavyBallSteps",
    "InertialEscape",
    "InertialWells",
    "LimitingDynamics",
    "LinePassage",
    "LineProcess",
    "LineRate",
    "NormalLaw",
    "OrnsteinUhlenbeck",
    "PowerLaw",
    "Prediction",
    "RegressionLaw",
    "SgdEscape",
    "TimeReversal",
    "TwoWells",
    "after_steps",
    "along_path",
    "annealed_covariance",
    "annealed_mean",
    "annealed_variance",
    "basin_log_ratio",
    "boltzmann_density",
    "cauchy_double_well",
    "cauchy_quartic",
    "continuous_covariance",
    "continuous_excess_loss",
    "data_regression",
    "depopulation",
    "discrete_covariance",
    "discrete_excess_loss",
    "driven_ring",
    "equipartition_loss",
    "equivalent",
    "escape_rate",
    "excess_loss",
    "exit_passage",
    "eyring_kramers",
    "gaussian_cells",
    "gaussian_density",
    "gaussian_regression",
    "getoor_time",
    "heavy_ball",
    "inertial_units",
    "inertial_wells",
    "kramers_correction",
    "kramers_log_time",
    "kramers_time",
    "langer",
    "langer_rates",
    "langer_with_momentum",
    "laplace_masses",
    "levy_exit_time",
    "levy_ou_characteristic",
    "levy_transition_time",
    "levy_well_rates",
    "line_committor",
    "line_passage",
    "linear_quasipotential",
    "log_depopulation",
    "over_paths",
    "quartic_partition",
    "relaxation_rate",
    "round_trip",
    "scheduled_covariance",
    "separable_quasipotential",
    "spectral_exponent",
    "stationary_masses",
    "tail_index",
    "two_wells",
    "varying_noise_log_time",
    "virial_balance",
    "zero_current_line",
]
