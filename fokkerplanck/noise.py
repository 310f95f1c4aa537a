"""Noise models: each gives the diffusion tensor D on the cells of a grid, and says what it assumes.

Noise enters as ``dx = f dt + sqrt(2 D(x)) dW``. Where D varies, that line needs a *reading*:

- ``"ito"`` (kappa = 1, the default): the noise of a step is taken at its start, as discrete
  stochastic gradient descent does;
- ``"stratonovich"`` (kappa = 1/2);
- ``"hanggi-klimontovich"`` (kappa = 0; anti-Ito, isothermal).

The probability current is ``J_i = f_i p - sum_j [kappa d_j(D_ij p) + (1 - kappa) D_ij d_j p]``. In
one dimension this is the usual Stratonovich equation at kappa = 1/2. In more dimensions that
equation depends on which square root of 2 D multiplies dW, and the current above is the one of
roots whose columns keep their directions: with Selling's decomposition ``D = sum_e rho_e e e^T``
over fixed lattice vectors e, the columns ``sqrt(2 rho_e(x)) e``. For ``D = d(x) I`` it is the
ordinary one. Where D is constant all readings agree.

References
----------
.. [1] N. G. van Kampen, "Ito versus Stratonovich", J. Stat. Phys. 24 (1981), 175-187.
.. [2] P. Hanggi and H. Thomas, Phys. Rep. 88 (1982), 207-319, section 3.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError
from fokkerplanck.grid import Grid
from fokkerplanck.schedule import Schedule
from fokkerplanck.solvers.fields import KAPPA

if TYPE_CHECKING:
    from fokkerplanck.landscapes import Landscape

__all__ = ["Noise", "TensorNoise", "WhiteNoise", "check_spd", "tensor", "white"]

Array = NDArray[np.float64]
Entry = float | str
Mask = NDArray[np.bool_]
TensorFunction = Callable[[Array], Array]
#: Relative difference of off-diagonal entries above which a tensor is not symmetric.
ASYMMETRY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Noise(ABC):
    """Diffusion tensor of a problem, with its reading and its schedule.

    Parameters
    ----------
    reading : str
        ``"ito"``, ``"stratonovich"`` or ``"hanggi-klimontovich"``.
    schedule : Schedule, optional
        Factor of time that multiplies D.

    Raises
    ------
    CaseError
        When the reading is unknown.
    """

    reading: str = "ito"
    schedule: Schedule | None = None

    def __post_init__(self) -> None:
        if self.reading not in KAPPA:
            msg = f"the reading is one of {', '.join(KAPPA)}, got {self.reading!r}"
            raise CaseError(msg, key="noise.reading")

    @property
    @abstractmethod
    def kind(self) -> str:
        """Name of the model in case files."""

    @property
    @abstractmethod
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""

    @abstractmethod
    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres without the schedule, shape (*shape, dim, dim).

        Raises
        ------
        CaseError
            When it is not symmetric positive definite somewhere (see `check_spd`).
        """

    @property
    def kappa(self) -> float:
        """Reading parameter: 1 Ito, 1/2 Stratonovich, 0 Hanggi-Klimontovich."""
        return KAPPA[self.reading]

    def factor(self, time: float) -> float:
        """Evaluate the schedule, 1 without one."""
        return 1.0 if self.schedule is None else self.schedule.factor(time)


@dataclass(frozen=True, kw_only=True)
class WhiteNoise(Noise):
    """``D = temperature I``; see `white`."""

    temperature: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            msg = f"the temperature is a positive number, got {self.temperature}"
            raise CaseError(msg, key="noise.temperature")

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "white"

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        return (
            f"White noise, D = {self.temperature:g} I: the same everywhere and in every direction, "
            "so every reading of the noise gives the same result."
        )

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        return _spread(self.temperature * np.eye(grid.dim), grid)


@dataclass(frozen=True, kw_only=True, eq=False)
class TensorNoise(Noise):
    """Given diffusion tensor; see `tensor`."""

    entries: tuple[tuple[Entry, ...], ...] | TensorFunction
    parameters: Mapping[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """Name of the model in case files."""
        return "tensor"

    @property
    def constant(self) -> bool:
        """Whether D is the same in all cells."""
        return not callable(self.entries) and not any(
            isinstance(entry, str) for row in self.entries for entry in row
        )

    @property
    def assumption(self) -> str:
        """One sentence on what is assumed, for outputs."""
        if self.constant:
            return "Constant diffusion tensor: every reading of the noise gives the same result."
        return f"Diffusion tensor that varies in space, in the {self.reading} reading."

    def diffusion(self, landscape: Landscape, grid: Grid) -> Array:
        """Evaluate D at cell centres, shape (*shape, dim, dim)."""
        d = self._evaluate(grid)
        check_spd(d, grid)
        return d

    def _evaluate(self, grid: Grid) -> Array:
        shape = (grid.dim, grid.dim)
        if callable(self.entries):
            value = np.asarray(self.entries(grid.points()), dtype=np.float64)
            if value.shape[-2:] != shape:
                msg = f"the tensor function must return (..., {grid.dim}, {grid.dim}) values, "
                msg += f"got shape {value.shape}"
                raise CaseError(msg, key="noise.D")
            return np.array(np.broadcast_to(value, (*grid.shape, *shape)))
        if len(self.entries) != grid.dim or any(len(row) != grid.dim for row in self.entries):
            msg = f"needs {grid.dim} x {grid.dim} entries on a {grid.dim}-D grid"
            raise CaseError(msg, key="noise.D")
        points = grid.points()
        d = np.empty((*grid.shape, *shape))
        for i, row in enumerate(self.entries):
            for j, entry in enumerate(row):
                d[..., i, j] = self._entry(entry, f"noise.D[{i}][{j}]", points, grid.names)
        return d

    def _entry(self, entry: Entry, key: str, points: Array, names: Sequence[str]) -> Array | float:
        if not isinstance(entry, str):
            return entry
        from fokkerplanck.landscapes.expression import ScalarField

        return ScalarField(entry, tuple(names), self.parameters, key).value(points)


def white(
    temperature: float, *, reading: str = "ito", schedule: Schedule | None = None
) -> WhiteNoise:
    """White noise, ``D = temperature I`` (stochastic gradient Langevin dynamics).

    Raises
    ------
    CaseError
        When the temperature is not positive, or the reading unknown.
    """
    return WhiteNoise(temperature=float(temperature), reading=reading, schedule=schedule)


def tensor(
    D: Entry | Sequence[Sequence[Entry]] | Array | TensorFunction,
    *,
    parameters: Mapping[str, float] | None = None,
    reading: str = "ito",
    schedule: Schedule | None = None,
) -> TensorNoise:
    """Diffusion tensor from numbers, expressions of the coordinates, or a function.

    Parameters
    ----------
    D : number, str, nested sequence of them, or callable
        Rows of the symmetric matrix (in 1-D a single entry will do), or a vectorised function
        from points (..., dim) to tensors (..., dim, dim).
    parameters : mapping, optional
        Names used in the expressions.
    reading, schedule
        See `Noise`.

    Raises
    ------
    CaseError
        When the reading is unknown; and from ``diffusion``, when the size does not fit the grid,
        an expression is not allowed, or D is not symmetric positive definite.
    """
    entries = D if callable(D) else _rows(D)
    return TensorNoise(
        entries=entries, parameters=dict(parameters or {}), reading=reading, schedule=schedule
    )


def check_spd(D: Array, grid: Grid, key: str = "noise.D") -> None:
    """Raise `CaseError` unless D is finite, symmetric and positive definite in every cell.

    Parameters
    ----------
    D : ndarray, shape (*shape, dim, dim)
        Diffusion tensor at cell centres.
    grid : Grid
        Tells where a cell is.
    key : str
        Key of the case file to blame.

    Raises
    ------
    CaseError
        Naming the first offending cell, its position, the tensor and its eigenvalues.
    """
    broken: Mask = np.logical_not(np.isfinite(D)).max(axis=(-2, -1))
    _refuse(broken, D, grid, key, "has entries that are not finite")
    diagonal = np.diagonal(D, axis1=-2, axis2=-1)
    bad: Mask = diagonal.min(axis=-1) <= 0
    if grid.dim == 2:
        upper, lower = D[..., 0, 1], D[..., 1, 0]
        asymmetric: Mask = np.abs(upper - lower) > ASYMMETRY * np.abs(diagonal).max(axis=-1)
        _refuse(asymmetric, D, grid, key, "is not symmetric")
        # the correlation, unlike the determinant, neither under- nor overflows
        root = np.sqrt(np.abs(diagonal)).prod(axis=-1)
        bad |= np.abs(upper) >= root * (1 - 2 * np.finfo(float).eps)
    _refuse(bad, D, grid, key, "is not positive definite")


def _refuse(bad: Mask, D: Array, grid: Grid, key: str, what: str) -> None:
    if not bad.any():
        return
    cell = tuple(int(i) for i in np.unravel_index(int(bad.argmax()), bad.shape))
    position = ", ".join(
        f"{n} = {v:.6g}" for n, v in zip(grid.names, grid.points()[cell], strict=True)
    )
    matrix = D[cell]
    msg = f"the diffusion tensor {what} at cell {cell} ({position}): D = {matrix.tolist()}"
    if np.isfinite(matrix).all():
        eigenvalues = np.linalg.eigvals(matrix)
        msg += f", eigenvalues {', '.join(f'{v:.6g}' for v in np.sort_complex(eigenvalues))}"
    count = int(bad.sum())
    msg += f" ({count} of {bad.size} cells); it must be symmetric with all eigenvalues > 0"
    raise CaseError(msg, key=key)


def _spread(matrix: Array, grid: Grid) -> Array:
    return np.array(np.broadcast_to(matrix, (*grid.shape, *matrix.shape)))


def _rows(D: Entry | Sequence[Sequence[Entry]] | Array) -> tuple[tuple[Entry, ...], ...]:
    if isinstance(D, str) or np.ndim(D) == 0:
        return ((D if isinstance(D, str) else float(D),),)  # type: ignore[arg-type]
    try:
        return tuple(tuple(e if isinstance(e, str) else float(e) for e in row) for row in D)  # type: ignore[union-attr]
    except (TypeError, ValueError):
        msg = f"needs rows of numbers or expressions, such as [[0.1, 0.02], [0.02, 0.05]], got {D}"
        raise CaseError(msg, key="noise.D") from None
