"""Fokker-Planck solvers for stochastic gradient descent as a physical process.

All quantities are dimensionless. The public names below are imported on first use, so that
``import fokkerplanck`` and ``fokkerplanck --help`` cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fokkerplanck._version import __version__

if TYPE_CHECKING:
    from fokkerplanck import initial as initial
    from fokkerplanck import landscapes as landscapes
    from fokkerplanck import noise as noise
    from fokkerplanck import sets as sets
    from fokkerplanck import theory as theory
    from fokkerplanck.annealing import anneal as anneal
    from fokkerplanck.case import Case as Case
    from fokkerplanck.case import load_case as load_case
    from fokkerplanck.currents import current as current
    from fokkerplanck.density import evolve as evolve
    from fokkerplanck.errors import CaseError as CaseError
    from fokkerplanck.errors import DataError as DataError
    from fokkerplanck.errors import NumericalError as NumericalError
    from fokkerplanck.grid import Axis as Axis
    from fokkerplanck.grid import Grid as Grid
    from fokkerplanck.kinetic_currents import kinetic_current as kinetic_current
    from fokkerplanck.kinetic_density import kinetic_evolve as kinetic_evolve
    from fokkerplanck.kinetic_passage import kinetic_first_passage as kinetic_first_passage
    from fokkerplanck.kinetic_rates import rate_against_friction as rate_against_friction
    from fokkerplanck.kinetic_relaxation import kinetic_spectrum as kinetic_spectrum
    from fokkerplanck.kinetic_steady import kinetic_stationary as kinetic_stationary
    from fokkerplanck.kinetic_survival import (
        kinetic_passage_distribution as kinetic_passage_distribution,
    )
    from fokkerplanck.levy import Levy as Levy
    from fokkerplanck.levy_density import levy_evolve as levy_evolve
    from fokkerplanck.levy_density import levy_evolve_steps as levy_evolve_steps
    from fokkerplanck.levy_density import levy_stationary as levy_stationary
    from fokkerplanck.levy_flux import levy_current as levy_current
    from fokkerplanck.levy_metastability import levy_quasi_stationary as levy_quasi_stationary
    from fokkerplanck.levy_overshoot import levy_landing as levy_landing
    from fokkerplanck.levy_passage import levy_exit as levy_exit
    from fokkerplanck.levy_passage import levy_first_passage as levy_first_passage
    from fokkerplanck.levy_plane import PlaneLevy as PlaneLevy
    from fokkerplanck.levy_reach import levy_committor as levy_committor
    from fokkerplanck.levy_relaxation import levy_spectrum as levy_spectrum
    from fokkerplanck.levy_sampled_density import sample_levy_densities as sample_levy_densities
    from fokkerplanck.levy_sampled_passage import sample_levy_passage as sample_levy_passage
    from fokkerplanck.levy_survival import levy_passage_distribution as levy_passage_distribution
    from fokkerplanck.levy_well_rates import levy_rates as levy_rates
    from fokkerplanck.metastability import quasi_stationary as quasi_stationary
    from fokkerplanck.passage import mean_first_passage as mean_first_passage
    from fokkerplanck.phase_space import phase_delta as phase_delta
    from fokkerplanck.phase_space import phase_gaussian as phase_gaussian
    from fokkerplanck.phase_space import phase_state as phase_state
    from fokkerplanck.phase_space import phase_thermal as phase_thermal
    from fokkerplanck.problem import Problem as Problem
    from fokkerplanck.regression import RegressionSGD as RegressionSGD
    from fokkerplanck.relaxation import spectrum as spectrum
    from fokkerplanck.sampled_density import sample_densities as sample_densities
    from fokkerplanck.sampled_passage import sample_passage as sample_passage
    from fokkerplanck.selection import select_minima as select_minima
    from fokkerplanck.sgd_settings import SGD as SGD
    from fokkerplanck.steady_state import stationary as stationary
    from fokkerplanck.store import read as read
    from fokkerplanck.survival import first_passage_distribution as first_passage_distribution
    from fokkerplanck.sweep import run_sweep as run_sweep
    from fokkerplanck.sweep_data import SweepResult as SweepResult
    from fokkerplanck.sweep_file import read_sweep as read_sweep
    from fokkerplanck.tail_index import block_estimate as block_estimate
    from fokkerplanck.tail_index_fit import goodness_of_fit as goodness_of_fit
    from fokkerplanck.tail_index_regression import fit_stable as fit_stable
    from fokkerplanck.tail_index_stable import StableLaw as StableLaw
    from fokkerplanck.tail_index_study import study_tails as study_tails
    from fokkerplanck.transitions import committor as committor
    from fokkerplanck.transitions import reactive_current as reactive_current
    from fokkerplanck.underdamped import Underdamped as Underdamped
    from fokkerplanck.well_rates import rate_matrix as rate_matrix

#: public name -> module that defines it ("" for a submodule)
_HOME = {
    "landscapes": "",
    "noise": "",
    "theory": "",
    "initial": "",
    "Axis": "grid",
    "Grid": "grid",
    "CaseError": "errors",
    "DataError": "errors",
    "NumericalError": "errors",
    "Case": "case",
    "load_case": "case",
    "Problem": "problem",
    "SGD": "sgd_settings",
    "evolve": "density",
    "anneal": "annealing",
    "stationary": "steady_state",
    "current": "currents",
    "sets": "",
    "mean_first_passage": "passage",
    "committor": "transitions",
    "reactive_current": "transitions",
    "first_passage_distribution": "survival",
    "spectrum": "relaxation",
    "rate_matrix": "well_rates",
    "quasi_stationary": "metastability",
    "RegressionSGD": "regression",
    "sample_densities": "sampled_density",
    "sample_passage": "sampled_passage",
    "select_minima": "selection",
    "Underdamped": "underdamped",
    "phase_gaussian": "phase_space",
    "phase_delta": "phase_space",
    "phase_thermal": "phase_space",
    "phase_state": "phase_space",
    "kinetic_evolve": "kinetic_density",
    "kinetic_stationary": "kinetic_steady",
    "kinetic_current": "kinetic_currents",
    "kinetic_spectrum": "kinetic_relaxation",
    "kinetic_first_passage": "kinetic_passage",
    "kinetic_passage_distribution": "kinetic_survival",
    "rate_against_friction": "kinetic_rates",
    "Levy": "levy",
    "levy_exit": "levy_passage",
    "levy_first_passage": "levy_passage",
    "levy_committor": "levy_reach",
    "levy_landing": "levy_overshoot",
    "levy_passage_distribution": "levy_survival",
    "levy_stationary": "levy_density",
    "levy_evolve": "levy_density",
    "levy_evolve_steps": "levy_density",
    "levy_current": "levy_flux",
    "levy_spectrum": "levy_relaxation",
    "levy_quasi_stationary": "levy_metastability",
    "levy_rates": "levy_well_rates",
    "sample_levy_densities": "levy_sampled_density",
    "sample_levy_passage": "levy_sampled_passage",
    "PlaneLevy": "levy_plane",
    "StableLaw": "tail_index_stable",
    "block_estimate": "tail_index",
    "fit_stable": "tail_index_regression",
    "goodness_of_fit": "tail_index_fit",
    "study_tails": "tail_index_study",
    "read": "store",
    "run_sweep": "sweep",
    "read_sweep": "sweep_file",
    "SweepResult": "sweep_data",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = import_module(f"{__name__}.{home or name}")
    value = getattr(value, name) if home else value
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
