"""Time scales: the slowest modes of relaxation, the metastable ones however slow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.grid import Grid
from fokkerplanck.killed_chain import KilledChain, killed_chains
from fokkerplanck.passage import LN10, coarse_differences, extrapolated

if TYPE_CHECKING:
    from fokkerplanck.line_chain import LineChain
    from fokkerplanck.problem import Problem
    from fokkerplanck.solvers.generator import Generator

__all__ = ["MOST", "Spectrum", "modes_of", "spectrum"]

Array = NDArray[np.float64]
#: Most modes that are found.
MOST = 50
#: Modes whose errors are above this are not given: they are lost in rounding.
LARGEST_ERROR = 1e-3
#: Frequencies below this part of the rate are rounding.
STILL = 1e-10


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Slowest modes of relaxation; the stationary one is left out.

    Parameters
    ----------
    grid : Grid
    rates : ndarray, shape (count,)
        Real parts of the eigenvalues lambda > 0 of -Q, ascending.
    frequencies : ndarray, shape (count,)
        Imaginary parts; 0 in detailed balance.
    log10_rates : ndarray, shape (count,)
        Decimal logarithms of `rates`, also of those below 1e-308.
    right : ndarray, shape (count, *shape)
        Eigenfunctions of Q (observables that decay as ``e^(-lambda t)``), real parts, largest
        modulus 1.
    left : ndarray, shape (count, *shape)
        Eigen-densities, likewise.
    errors : ndarray, shape (count,)
        Relative errors to be expected of the rates: of the solve, and of the discretisation from
        a coarser grid or fewer nodes. nan where no coarser grid can be solved.
    methods : tuple of str
        ``"anchors"``, ``"arnoldi"`` or ``"bisection"``, by mode.
    weight : str
        Link weight; ``"quadrature"`` on a line.
    """

    grid: Grid = field(repr=False)
    rates: Array
    frequencies: Array
    log10_rates: Array
    right: Array = field(repr=False)
    left: Array = field(repr=False)
    errors: Array
    methods: tuple[str, ...]
    weight: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the modes: lambda_1 is the slowest, or lambda_0 where walls absorb.

        Where mass is conserved, lambda_0 = 0 is the stationary mode, which is left out.
        """
        first = 0 if any("absorbing" in pair for pair in self.grid.walls) else 1
        return tuple(range(first, first + len(self.rates)))

    @property
    def time_scales(self) -> Array:
        """Implied time scales ``1 / rates``."""
        with np.errstate(divide="ignore", over="ignore"):
            return 1.0 / self.rates

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{k}</td><td>{r:.8g}</td><td>{t:.6g}</td><td>{e:.1e}</td></tr>"
            for k, r, t, e in zip(
                self.numbers, self.rates, self.time_scales, self.errors, strict=True
            )
        )
        head = "<tr><th>mode</th><th>rate</th><th>time scale</th><th>relative error</th></tr>"
        return f"<table>{head}{rows}</table>"


def spectrum(problem: Problem, count: int = 4, *, weight: str = "midpoint") -> Spectrum:
    r"""Slowest modes of relaxation, :math:`Q u = -\lambda u` and :math:`Q^T p = -\lambda p`.

    Metastable modes come from the chain of anchors (see `fokkerplanck.solvers.anchor_modes`) or, on
    a line, from bisection that is exact to relative accuracy; so a rate of 1e-100 is as good as
    one of 1e-1. Where walls absorb, the slowest mode is that of the quasi-stationary density.

    Parameters
    ----------
    problem : Problem
        Overdamped, with noise that does not depend on time.
    count : int
        How many modes, 1 to 50; the stationary one is not counted.
    weight : str
        Link weight in the plane.

    Returns
    -------
    Spectrum

    Raises
    ------
    CaseError
        For another count, or noise with a schedule.
    NumericalError
        If a mode cannot be vouched for.

    References
    ----------
    Bovier, Gayrard and Klein, J. Eur. Math. Soc. 7, 69 (2005), for the metastable eigenvalues.
    """
    cells = int(np.prod(problem.grid.shape))
    if not 1 <= count <= min(MOST, cells - 2):
        msg = f"count is an integer from 1 to {min(MOST, cells - 2)} here, got {count}"
        raise CaseError(msg, key="spectrum.count")
    found = modes_of(problem, killed_chains(problem, [], weight=weight), count)
    if problem.grid.dim == 1:
        return found

    def log_rates(modes: Spectrum) -> list[float]:
        return [float(r) * LN10 for r in modes.log10_rates]

    def on_other_grid(other: Problem) -> list[float]:
        return log_rates(modes_of(other, killed_chains(other, [], weight=weight), count))

    errors = coarse_differences(problem, on_other_grid, log_rates(found))
    return replace(found, errors=np.maximum(found.errors, errors))


def modes_of(problem: Problem, chains: Sequence[KilledChain], count: int) -> Spectrum:
    """Find the slowest modes of chains as `killed_chains` makes them; see `spectrum`."""
    if problem.grid.dim == 2:
        chain = chains[0]
        return _general(problem, chain, chain.generator, count)
    lines = cast("Sequence[LineChain]", chains)
    if problem.grid.axes[0].periodic and lines[0].live.all():
        return _ring(problem, lines, count)
    return _line(problem, lines, count)


def _line(problem: Problem, chains: Sequence[LineChain], count: int) -> Spectrum:
    found = [chain.modes(count) for chain in chains]
    values = [extrapolated([f.log_rates[k] for f in found]) for k in range(count)]
    last, modes = chains[-1], found[-1]
    log_rates = np.array([v for v, _ in values])
    return Spectrum(
        problem.grid,
        np.exp(log_rates),
        np.zeros(count),
        log_rates / LN10,
        np.array([_shape(last, v) for v in modes.right]),
        np.array([_density(last, v) for v in modes.left]),
        np.array([max(e, last.error) for _, e in values]),
        ("bisection",) * count,
        last.weight,
    )


def _ring(problem: Problem, chains: Sequence[LineChain], count: int) -> Spectrum:
    """Extrapolate the modes of rings of more and more nodes."""
    found = [_general(problem, chain, chain.generator, count) for chain in chains]
    logs = [[f.log10_rates[k] * LN10 for f in found] for k in range(count)]
    values = [extrapolated(v) for v in logs]
    last = found[-1]
    log_rates = np.array([v for v, _ in values])
    errors = np.maximum([e for _, e in values], last.errors)
    coarse, fine = (np.abs(f.frequencies) for f in found[-2:])
    frequencies = np.sign(last.frequencies) * (fine + (fine - coarse) / 3)
    return replace(
        last,
        rates=np.exp(log_rates),
        log10_rates=log_rates / LN10,
        frequencies=frequencies,
        errors=errors,
    )


def _general(problem: Problem, chain: KilledChain, generator: Generator, count: int) -> Spectrum:
    from fokkerplanck.solvers.anchor_modes import AnchorModes, metastable
    from fokkerplanck.solvers.arnoldi import arnoldi_modes
    from fokkerplanck.solvers.detailed_balance import log_equilibrium
    from fokkerplanck.solvers.reduction import Reduction

    reduction = metastable(Reduction(generator, chain.live))
    slow = AnchorModes(reduction)
    modes: list[tuple[complex, float, Any, Any, float, str]] = []
    for k in range(int(generator.conservative), slow.count):
        log_rate, value = slow.log_rate(k), complex(slow.values[k])
        error = max(slow.error(k), chain.error if chain.weight == "quadrature" else 0.0)
        modes.append((value, log_rate, slow.right(k), slow.left(k), error, "anchors"))
    if len(modes) < count:
        shift = 1.0 / reduction.relaxation
        wanted = slow.count + count - len(modes)
        turning = log_equilibrium(generator) is None
        fast = arnoldi_modes(generator, chain.live, wanted, shift, turning=turning)
        for k in range(slow.count, fast.values.size):
            value = complex(fast.values[k])
            _check(value, float(fast.errors[k]), k)
            item = (fast.right[k], fast.left[k], float(fast.errors[k]), "arnoldi")
            modes.append((value, float(np.log(value.real)), *item))
    modes = modes[:count]
    return Spectrum(
        problem.grid,
        np.array([m[0].real for m in modes]),
        np.array([m[0].imag if abs(m[0].imag) > STILL * m[0].real else 0.0 for m in modes]),
        np.array([m[1] for m in modes]) / LN10,
        np.array([_shape(chain, m[2]) for m in modes]),
        np.array([_density(chain, m[3]) for m in modes]),
        np.array([m[4] for m in modes]),
        tuple(m[5] for m in modes),
        chain.weight,
    )


def _check(value: complex, error: float, k: int) -> None:
    if not (value.real > 0 and error < LARGEST_ERROR):
        msg = f"mode {k} of relaxation is lost in rounding (relative error {error:.1e})"
        raise NumericalError(msg)


def _shape(chain: KilledChain, vector: NDArray[Any]) -> Array:
    """Real part of an eigenfunction on the grid, turned so that its largest entry is 1."""
    values = chain.on_grid(np.real(vector), 0.0)
    return np.asarray(values / values.flat[np.argmax(np.abs(values))])


def _density(chain: KilledChain, vector: NDArray[Any]) -> Array:
    """Real part of an eigen-density on the grid, largest value 1."""
    return _shape(chain, np.real(chain.per_volume(vector)))
