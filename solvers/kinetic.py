r"""The Klein-Kramers operator: Hermite modes in velocity on a staggered lattice in position.

With w the velocity in units of its thermal spread and :math:`\Phi = V/T`,

.. math:: \partial_t p = -s w \,\partial_x p + s \Phi' \partial_w p
          + g\,\partial_w (w p + \partial_w p),

and the modes of :math:`p = \varphi(w) \sum_n c_n(x) h_n(w)` (:math:`\varphi` the normal density,
:math:`h_n` the normalised Hermite polynomials) obey

.. math:: \dot c_n = -s \sqrt{n}\, e^{-\Phi} \partial_x (e^{\Phi} c_{n-1})
          - s \sqrt{n+1}\, \partial_x c_{n+1} - g n\, c_n .

Even modes live on cells and odd modes on faces; :math:`\partial_x` is the centred difference of
fourth order between the two (of second order where a cell is steeper than 3 temperatures).
This is no Markov generator: transport is hyperbolic, and rates of either sign appear. What the
generators have by construction is kept in another way:

- the equation of :math:`c_0` is in flux form: mass is exact to rounding;
- :math:`c_0 = e^{-\Phi}` is stationary to rounding, on any lattice;
- in ``psi = c e^(Phi/2)`` transport is an antisymmetric matrix, as it is in theory: nothing is
  smeared, the only dissipation is ``g n``, and the norm of the deviation from equilibrium,
  ``int (p - p_s)^2 / p_s``, never grows;
- every eigenvalue that is not real has a real part of at most -g/2 (see `Kinetic.settled_after`).

Densities may go negative where they are not resolved; results report by how much.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

__all__ = ["STEEP", "STENCIL", "Kinetic"]

Array = NDArray[np.float64]
#: Centred difference between two staggered lattices, of fourth order: offsets and weights.
STENCIL: tuple[tuple[int, float], ...] = (
    (-2, 1.0 / 24.0),
    (-1, -27.0 / 24.0),
    (0, 27.0 / 24.0),
    (1, -1.0 / 24.0),
)
#: Climb of Phi between two cells above which their face takes the difference of second order: the
#: wide one has spurious modes there, as slow as one likes.
STEEP = 3.0
#: Climb between two cells beyond which Phi is cut, away from its minimum: nothing lives there, but
#: the rates would be as large as one likes.
STEEPEST = 4.0


@dataclass(frozen=True, eq=False)
class Kinetic:
    r"""Klein-Kramers dynamics on a line of cells.

    Parameters
    ----------
    spacing : float
        Cell width h.
    cells : ndarray, shape (n,)
        :math:`\Phi = V/T` at the cell centres; where it climbs by more than 4 from one to the next,
        on a line, the operator sees it climb by 4.
    faces : ndarray, shape (n + 1,)
        The same at all faces, those at the walls included.
    speed : float
        Thermal velocity s, ``sqrt(T / m)``.
    rate : float
        Rate g at which velocities relax, friction over mass.
    modes : int
        Number of Hermite modes, even and at least 4.
    periodic : bool
        Whether the line is a ring; otherwise walls reflect: (x, v) becomes (x, -v).
    cold : float
        Temperature over that of the basis. Below 1 the normal density of the modes is wider than
        the thermal one, and so holds starts that are hot or far up a slope; `cells`, `faces` and
        `speed` are then in units of the temperature of the basis, and :math:`-g (1 - cold)
        \\sqrt{n (n-1)}\\, c_{n-2}` is added to the equation of :math:`c_n`. Equilibrium is then
        stationary up to the error of the differences only.
    """

    spacing: float
    cells: Array
    faces: Array
    speed: float
    rate: float
    modes: int
    periodic: bool = False
    cold: float = 1.0

    def heated(self, factor: float) -> Kinetic:
        """Change to modes of a basis `factor` times as hot as this one's."""
        return replace(
            self,
            cells=self.cells / factor,
            faces=self.faces / factor,
            speed=self.speed * float(np.sqrt(factor)),
            cold=self.cold / factor,
        )

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(self.cells.size)

    @property
    def half(self) -> int:
        """Number of even modes, and of odd ones."""
        return self.modes // 2

    @property
    def even_shape(self) -> tuple[int, int]:
        """Shape of the even modes, (modes / 2, cells)."""
        return self.half, self.count

    @property
    def odd_shape(self) -> tuple[int, int]:
        """Shape of the odd modes, (modes / 2, faces that carry something)."""
        return self.half, self.count if self.periodic else self.count - 1

    @cached_property
    def seen(self) -> tuple[Array, Array]:
        """Phi at cells and at all faces, as the operator sees it."""
        if self.periodic:
            return self.cells, self.faces
        half = np.empty(2 * self.count + 1)
        half[0::2], half[1::2] = self.faces, self.cells
        low = 2 * int(np.argmin(self.cells)) + 1
        climb = np.diff(half)
        if np.abs(climb).max() <= 0.5 * STEEPEST:
            return self.cells, self.faces
        climb = np.clip(climb, -0.5 * STEEPEST, 0.5 * STEEPEST)
        right = half[low] + np.cumsum(climb[low:])
        left = half[low] - np.cumsum(climb[:low][::-1])[::-1]
        half = np.concatenate([left, [half[low]], right])
        return half[1::2], half[0::2]

    @property
    def climb(self) -> float:
        """Mean over equilibrium of the steepest climb of Phi from a cell to the next."""
        weight = np.exp(self.cells.min() - self.cells)
        step = np.abs(np.diff(self.cells))
        steepest = np.maximum(np.append(step, 0.0), np.insert(step, 0, 0.0))
        return float(steepest @ weight / weight.sum())

    @property
    def live_faces(self) -> Array:
        """Phi at the faces that carry odd modes: all but the walls, or one of every two ends."""
        faces = self.seen[1]
        return faces[:-1] if self.periodic else faces[1:-1]

    @cached_property
    def links(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """Differences from cells to live faces as (face, cell, weight / h), walls mirrored."""
        n, first = self.count, 0 if self.periodic else 1
        face = np.arange(self.odd_shape[1])
        cells = []
        for offset, _ in STENCIL:
            cell = face + first + offset
            cell = cell % n if self.periodic else np.where(cell < 0, -1 - cell, cell)
            cells.append(np.where(cell >= n, 2 * n - 1 - cell, cell))
        phi = self.seen[0]
        steep = np.abs(phi[cells[2]] - phi[cells[1]]) > STEEP
        weights = [
            np.where(steep, narrow, weight) / self.spacing
            for (_, weight), narrow in zip(STENCIL, (0.0, -1.0, 1.0, 0.0), strict=True)
        ]
        return np.tile(face, len(STENCIL)), np.concatenate(cells), np.concatenate(weights)

    @cached_property
    def raising(self) -> sp.csr_array:
        r"""Symmetrised :math:`e^{-\Phi} \partial_x e^{\Phi}` from cells to faces."""
        return self._difference(+0.5)

    @cached_property
    def lowering(self) -> sp.csr_array:
        r"""Symmetrised :math:`\partial_x` from cells to faces."""
        return self._difference(-0.5)

    def _difference(self, power: float) -> sp.csr_array:
        row, column, weight = self.links
        climb = self.seen[0][column] - self.live_faces[row]
        shape = (self.odd_shape[1], self.count)
        matrix = sp.csr_array((weight * np.exp(power * climb), (row, column)), shape=shape)
        matrix.sort_indices()
        return matrix

    @cached_property
    def transport(self) -> sp.csr_array:
        """Transport from even to odd modes, by place first; back is its negative transpose."""
        odd = np.arange(1, self.modes, 2)
        up = sp.diags_array(np.sqrt(odd))
        down = sp.diags_array(np.sqrt(odd[:-1] + 1.0), offsets=1, shape=(self.half, self.half))
        both = sp.kron(self.raising, up) + sp.kron(self.lowering, down)
        return sp.csr_array(-self.speed * both)

    @cached_property
    def damping(self) -> tuple[Array, Array]:
        """Rates ``g n`` of the even and of the odd modes, ordered by place first."""
        even, odd = self.rate * np.arange(0, self.modes, 2), self.rate * np.arange(1, self.modes, 2)
        return np.tile(even, self.count), np.tile(odd, self.odd_shape[1])

    @cached_property
    def fastest(self) -> float:
        """Bound on the norm of the transport: no frequency is higher."""
        norms = (_norm_bound(self.raising), _norm_bound(self.lowering))
        return float(self.speed * np.sqrt(self.modes) * sum(norms))

    def settled_after(self, part: float) -> float:
        r"""Time after which all that oscillates has fallen to `part`: ``2 ln(1 / part) / g``.

        Let :math:`\psi = (e, o)` be a mode, e even and o odd in velocity, of an eigenvalue that is
        not real. The imaginary parts of the products of both equations with e and o say that
        :math:`|e| = |o|`; the real parts, that the mode decays at the mean of ``g n`` over it: at
        least at g/2, since n >= 1 in o.
        """
        return 2.0 * float(np.log(1.0 / part)) / self.rate

    @cached_property
    def weights(self) -> tuple[Array, Array]:
        """``e^(-(Phi - min Phi) / 2)`` at cells and at live faces: c = weight * psi."""
        cells = self.seen[0]
        low = float(cells.min())
        return np.exp(-0.5 * (cells - low)), np.exp(-0.5 * (self.live_faces - low))

    @cached_property
    def equilibrium(self) -> Array:
        """Symmetrised equilibrium ``psi_0`` of mass 1 on the cells."""
        w = self.weights[0]
        return w / float((w * w).sum() * self.spacing)

    def mass(self, even: Array) -> float:
        """Mass of symmetrised even modes, shape (half, cells)."""
        return float((self.weights[0] * even[0]).sum() * self.spacing)

    def norm(self, even: Array, odd: Array) -> float:
        r"""Weighted norm, :math:`(\int p^2 / p_s)^{1/2}`: a bound on :math:`\int |p|`."""
        z = float((self.weights[0] ** 2).sum() * self.spacing)
        return float(np.sqrt(z * self.spacing * ((even**2).sum() + (odd**2).sum())))


def _norm_bound(matrix: sp.csr_array) -> float:
    sizes = abs(matrix)
    return float(np.sqrt(sizes.sum(axis=0).max() * sizes.sum(axis=1).max()))
