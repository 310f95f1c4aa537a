"""The same problem discretised by FiPy: an independent check of everything else here.

FiPy (Guyer, Wheeler and Warren, Computing in Science & Engineering 11 (2009), 6-15) is optional,
and is imported when the first `FipyPropagator` is made.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.extrapolation import COLUMNS, Extrapolation
from fokkerplanck.solvers.faces import FaceFields, face_fields
from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.generator import Generator
from fokkerplanck.solvers.propagator import Advance, Propagator

__all__ = ["FipyMissingError", "FipyPropagator", "fipy_equation", "fipy_operator", "load_fipy"]

Array = NDArray[np.float64]
#: Share of the mass that may be negative (FiPy's cross term does not keep signs).
MOST_CLIPPED = 1e-2


class FipyMissingError(ImportError, ValueError):
    """FiPy is not installed, or cannot be imported."""


class FipyPropagator(Propagator):
    r"""Evolution of the same problem with FiPy's discretisation, to compare with.

    FiPy's ``DiffusionTerm`` and ``ExponentialConvectionTerm`` hold the current in the form

    .. math:: J = v p - D \nabla p, \qquad v_i = f_i - \kappa \sum_j \partial_j D_{ij},

    which is every reading of the noise. Walls: reflecting, no total flux; absorbing, p constrained
    to 0; periodic meshes. The part of the flux that D carries across the gradient is the
    divergence of FiPy's face gradients, zero through walls. It is made part of the matrix, so that
    it needs no sweeps. In time: implicit Euler steps, extrapolated (see `Extrapolation`).

    Only the grid, drift and D are shared with the other propagators; the generator serves for its
    shape. FiPy cannot keep densities positive where D has off-diagonal entries: negative masses
    are set to zero, the others scaled so that the mass stays what FiPy says, and `Advance.clipped`
    tells how much that was. `Advance.error` is the error of the time integration alone; rounding
    keeps it above about 1e-14 times the duration times the largest rate, and a tolerance below that
    is refused.

    Raises
    ------
    ValueError
        Without `fields`, or when their grid is not the generator's.
    FipyMissingError
        When FiPy is not installed (an `ImportError` and a `ValueError`).
    """

    name = "fipy"

    def __init__(self, generator: Generator, fields: Fields | None = None) -> None:
        super().__init__(generator, fields)
        if fields is None or fields.shape != generator.shape:
            msg = (
                "method 'fipy' discretises drift and diffusion on its own: it needs the fields "
                "behind the generator, on the same grid"
            )
            raise ValueError(msg)
        self._steps = Extrapolation(fipy_operator(fields), generator.conservative)

    def cost(self, dt: float) -> float:
        """Estimate the seconds of ten extrapolated steps."""
        growth = 1.0 if len(self.generator.shape) == 1 else 1.2
        return float(1e-5 * COLUMNS**2 * self.generator.cells**growth)

    def advance(self, mass: Array, dt: float, tolerance: float) -> Advance:
        """Return FiPy's masses after `dt`, with a time error of at most `tolerance` in L1.

        Raises
        ------
        NumericalError
            If the tolerance cannot be met, or more than 1 % of the mass comes out negative.
        """
        before = self._steps.solves
        raw, error = self._steps.advance(mass, dt, tolerance)
        new, clipped = _without_negatives(raw)
        solves = self._steps.solves - before
        return Advance(new, error, 0, solves, clipped, self.name)


def fipy_operator(fields: Fields) -> sp.csc_array:
    """Matrix A of FiPy's semi-discrete equation ``dP/dt = A P`` on cells in C order.

    FiPy keeps the cross term outside its own matrix. Its residual is linear in the unknowns and
    reaches the neighbours of a cell only, so a few residuals of 0-1 patterns, no two ones of which
    have a common neighbour, give all entries.

    Parameters
    ----------
    fields : Fields

    Returns
    -------
    csc_array, shape (cells, cells)
        Not in general a generator: off-diagonal entries may be negative.
    """
    with _quiet():
        fipy = load_fipy()
        variable, equation = fipy_equation(fipy, fields)
        volume = float(np.prod(fields.spacing))

        def rate(p: Array) -> Array:
            variable.setValue(p.T.ravel())
            residual = np.asarray(equation.justResidualVector(var=variable))
            return residual.reshape(fields.shape[::-1]).T / volume

        return _probe(rate, fields)


def fipy_equation(fipy: Any, fields: Fields) -> tuple[Any, Any]:
    """FiPy's cell variable p and the right-hand side of ``dp/dt = -div J`` as FiPy terms.

    Write ``fipy.TransientTerm() == right`` to let FiPy step in time (with sweeps where D is not
    diagonal). FiPy numbers cells with x running fastest.
    """
    mesh = _mesh(fipy, fields)
    faces = face_fields(fields)
    where = _Faces(mesh, fields)
    p = fipy.CellVariable(mesh=mesh, value=0.0, hasOld=True)
    absorbing = where.absorbing()
    if absorbing.any():
        p.constrain(0.0, where=fipy.FaceVariable(mesh=mesh, value=absorbing))
    diffusion = fipy.FaceVariable(mesh=mesh, value=where.gather(faces, "normal"))
    velocity = fipy.FaceVariable(mesh=mesh, rank=1, value=where.vector(faces, "velocity"))
    right = fipy.DiffusionTerm(coeff=diffusion) - fipy.ExponentialConvectionTerm(coeff=velocity)
    if any(np.any(c) for c in faces.cross):
        inside = ~np.asarray(mesh.exteriorFaces.value)
        cross = np.zeros((2, 2, inside.size))
        cross[0, 1] = cross[1, 0] = where.gather(faces, "cross") * inside
        tensor = fipy.FaceVariable(mesh=mesh, rank=2, value=cross)
        right = right + p.faceGrad.dot(tensor).divergence
    return p, right


def load_fipy() -> Any:
    """Import FiPy with its SciPy solvers, whatever is on the command line or in the environment.

    Raises
    ------
    FipyMissingError
        Saying how to install it.
    """
    loaded = sys.modules.get("fipy")
    if loaded is not None:
        return loaded
    arguments, chosen = sys.argv, os.environ.get("FIPY_SOLVERS")
    sys.argv = arguments[:1]  # FiPy reads options of its own there
    os.environ["FIPY_SOLVERS"] = "scipy"
    try:
        with _quiet():
            return import_module("fipy")
    except ImportError as error:
        msg = (
            "method 'fipy' needs FiPy, which is not installed: "
            f'pip install "fokkerplanck[fipy]"  ({error})'
        )
        raise FipyMissingError(msg) from error
    finally:
        sys.argv = arguments
        if chosen is None:
            del os.environ["FIPY_SOLVERS"]
        else:
            os.environ["FIPY_SOLVERS"] = chosen


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what FiPy and its use of numpy warn about; errors stay errors."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _mesh(fipy: Any, fields: Fields) -> Any:
    periodic = tuple(low == "periodic" for low, _ in fields.walls)
    kind = {
        (False,): "Grid1D",
        (True,): "PeriodicGrid1D",
        (False, False): "Grid2D",
        (True, False): "PeriodicGrid2DLeftRight",
        (False, True): "PeriodicGrid2DTopBottom",
        (True, True): "PeriodicGrid2D",
    }[periodic]
    names = "xy"[: fields.dim]
    sizes = {f"n{a}": n for a, n in zip(names, fields.shape, strict=True)}
    widths = {f"d{a}": h for a, h in zip(names, fields.spacing, strict=True)}
    return getattr(fipy, kind)(**sizes, **widths)


class _Faces:
    """Which face of FiPy's mesh is which of ours, told by its centre."""

    def __init__(self, mesh: Any, fields: Fields) -> None:
        centres = np.asarray(mesh.faceCenters.value).T
        #: place of each face centre on the half lattice, where faces have one even index
        self.half = np.rint(2.0 * centres / np.array(fields.spacing)).astype(np.intp)
        self.axis = np.argmin(self.half % 2, axis=1)
        self.fields = fields

    def gather(self, faces: FaceFields, name: str) -> Array:
        """Return one of the face fields in FiPy's order, shape (faces,)."""
        out = np.empty(self.axis.size)
        for axis, values in enumerate(getattr(faces, name)):
            mine = self.axis == axis
            out[mine] = values[tuple((self.half[mine] // 2).T)]
        return out

    def vector(self, faces: FaceFields, name: str) -> Array:
        """Return one of the face fields as normal components of vectors, shape (dim, faces)."""
        out = np.zeros((self.fields.dim, self.axis.size))
        out[self.axis, np.arange(self.axis.size)] = self.gather(faces, name)
        return out

    def absorbing(self) -> NDArray[np.bool_]:
        """Mask of the faces on absorbing walls, shape (faces,)."""
        out = np.zeros(self.axis.size, dtype=np.bool_)
        for axis, (n, walls) in enumerate(zip(self.fields.shape, self.fields.walls, strict=True)):
            for wall, end in zip(walls, (0, 2 * n), strict=True):
                if wall == "absorbing":
                    out |= (self.axis == axis) & (self.half[:, axis] == end)
        return out


def _probe(rate: Callable[[Array], Array], fields: Fields) -> sp.csc_array:
    """Matrix of a linear map on cells that reaches one cell far along each axis."""
    number = np.arange(int(np.prod(fields.shape))).reshape(fields.shape)
    colour = np.stack(np.meshgrid(*[_colours(n) for n in fields.shape], indexing="ij"), axis=-1)
    rows, columns, entries = [], [], []
    for pattern in np.unique(colour.reshape(-1, fields.dim), axis=0):
        chosen = (colour == pattern).all(axis=-1)
        values = rate(chosen.astype(np.float64))
        for shift in np.ndindex(*(3,) * fields.dim):
            step = tuple(s - 1 for s in shift)
            axes = tuple(range(fields.dim))
            row = np.roll(number, step, axes)[chosen]  # the cell at minus `step` from each one
            rows.append(row)
            columns.append(number[chosen])
            entries.append(values.ravel()[row])
    row, column, entry = (np.concatenate(part) for part in (rows, columns, entries))
    unique = np.unique(row * number.size + column, return_index=True)[1]
    triplets = (entry[unique], (row[unique], column[unique]))
    matrix = sp.coo_array(triplets, shape=(number.size, number.size)).tocsc()
    matrix.eliminate_zeros()
    return matrix


def _colours(cells: int) -> NDArray[np.intp]:
    """Colours along an axis such that equal ones are 3 cells apart, also around its end."""
    colour = np.arange(cells) % 3
    rest = cells % 3
    if rest:
        colour[-rest:] = 3 + np.arange(rest)
    return colour


def _without_negatives(mass: Array) -> tuple[Array, float]:
    total = float(mass.sum())
    negative = mass < 0.0
    clipped = -float(mass[negative].sum())
    if clipped == 0.0:
        return mass, 0.0
    if not clipped <= MOST_CLIPPED * total:
        msg = (
            f"FiPy's density has negative values: {clipped / total:.1e} of the mass, more than "
            f"{MOST_CLIPPED:.0e}; its cross term needs a finer grid for this tensor"
        )
        raise NumericalError(msg)
    positive = np.where(negative, 0.0, mass)
    return positive * (total / positive.sum()), clipped
