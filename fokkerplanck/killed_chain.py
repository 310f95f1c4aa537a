"""A problem with absorbing sets, as a chain that can be solved: what passage is read off."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.sets import PointSet

if TYPE_CHECKING:
    from fokkerplanck.problem import Problem
    from fokkerplanck.solvers.generator import Generator

__all__ = ["KilledChain", "check_target", "killed_chains"]

Array = NDArray[np.float64]


class KilledChain(ABC):
    """Markov chain of a problem that ends in sets or at absorbing walls.

    States are cells in the plane and nodes on a line. All quantities are natural logarithms, so
    that no barrier makes them overflow; -inf stands for 0.

    Attributes
    ----------
    log_absorption : ndarray, shape (sets + 1, states)
        Rates into each set and, in the last row, through the walls.
    live : ndarray of bool, shape (states,)
        States outside the sets.
    open : Generator
        Rates between all states, as if no set absorbed.
    error : float
        Relative rounding error to be expected of the solves.
    jumps : float
        Largest mean number of jumps before an anchor or the end is met; 1 on a line.
    anchors : int
        Metastable wells that were split off.
    weight : str
        What the rates are made with.
    """

    problem: Problem
    log_absorption: Array
    live: NDArray[np.bool_]
    open: Generator
    error: float
    jumps: float
    anchors: int
    weight: str

    @abstractmethod
    def solve(self, log_b: Array) -> Array:
        """Ln of u, where ``-Q u = b``, for b >= 0 on all states; shapes (states,)."""

    @abstractmethod
    def solve_transposed(self, log_b: Array) -> Array:
        """Ln of y, where ``-Q.T y = b``: mean times spent in the states by a source b."""

    @abstractmethod
    def inside(self, row: int) -> NDArray[np.bool_]:
        """States of a set, or on the absorbing walls for row -1; shape (states,)."""

    @property
    @abstractmethod
    def generator(self) -> Generator:
        """Rates between live states, and absorption."""

    @property
    @abstractmethod
    def log_mass(self) -> Array:
        """Ln of the stationary masses of the states, of the problem without absorption.

        Raises
        ------
        NumericalError
            Where there is no such state.
        """

    @abstractmethod
    def at(self, log_u: Array, start: PointSet) -> float:
        """Ln of u at a point, or of its mean over the stationary density within a set."""

    def solve_at(self, log_b: Array, start: PointSet) -> float:
        """Ln of u at a start, where ``-Q u = b``."""
        return self.at(self.solve(log_b), start)

    @property
    @abstractmethod
    def reversed(self) -> KilledChain | None:
        """The chain that runs backwards in its stationary state; itself in detailed balance.

        None where absorbing walls leave no stationary state.
        """

    @abstractmethod
    def start_mass(self, start: PointSet) -> Array:
        """Masses of the states to start from: a point, or the stationary density within a set."""

    @abstractmethod
    def filled(self, log_u: Array, inside: float | Sequence[float]) -> Array:
        """Return values on all states, with `inside` (one for each set) in those of the sets."""

    @abstractmethod
    def on_grid(self, log_u: Array, inside: float | Sequence[float]) -> Array:
        """Return values in the cells of the grid, shape (*shape,); `inside` as in `filled`."""

    @abstractmethod
    def per_volume(self, mass: NDArray[Any]) -> NDArray[Any]:
        """Densities of masses of the states, up to a common factor."""

    @abstractmethod
    def current(self, net: Array) -> Array:
        """Turn net fluxes on links of `open` into current densities in cells, (*shape, dim)."""


def killed_chains(
    problem: Problem,
    sets: Sequence[PointSet],
    *,
    weight: str = "midpoint",
    points: Sequence[PointSet] = (),
) -> list[KilledChain]:
    """Make the chains that a passage is solved on.

    Parameters
    ----------
    problem : Problem
    sets : sequence of PointSet
        What absorbs, apart from absorbing walls.
    weight : str
        Link weight in the plane; lines have rates by quadrature.
    points : sequence of PointSet
        Where answers will be asked for: nodes of a line are put there.

    Returns
    -------
    list of KilledChain
        One in the plane; three on a line, each with twice the nodes of the one before, so that
        answers can be extrapolated.

    Raises
    ------
    CaseError
        If the noise changes with time, or a set cannot be seen on the grid.
    """
    if problem.schedule is not None:
        msg = (
            "the noise has a schedule: a mean passage time needs rates that do not depend on "
            "time; leave the schedule out, or evolve the density with an absorbing wall instead"
        )
        raise CaseError(msg, key="noise.schedule")
    for part in (*sets, *points):
        part.check_on(problem.grid)
    chains: list[KilledChain]
    if problem.grid.dim == 1:
        from fokkerplanck.line_chain import LEVELS, LineChain
        from fokkerplanck.line_nodes import line_nodes

        choices = line_nodes(problem, (*sets, *points), LEVELS)
        chains = [LineChain(problem, sets, points, nodes) for nodes in choices]
    else:
        from fokkerplanck.plane_chain import PlaneChain

        chains = [PlaneChain(problem, sets, weight)]
    if not chains[-1].live.any():
        msg = "nothing of the grid is left between " + " and ".join(part.text for part in sets)
        raise CaseError(msg, key="to")
    return chains


def check_target(problem: Problem, target: PointSet | str) -> list[PointSet]:
    """List the sets of a target; none for ``"walls"``, where some wall must absorb."""
    if isinstance(target, PointSet):
        return [target]
    if target != "walls":
        msg = f'a target is a set of points or "walls", got {target!r}'
        raise CaseError(msg, key="to")
    if not any("absorbing" in walls for walls in problem.grid.walls):
        msg = 'the target is "walls", but no wall of the grid is absorbing'
        raise CaseError(msg, key="to")
    return []
