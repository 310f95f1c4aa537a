"""Lattice links of a problem: which cells they join, their strength and their climb."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.fields import Fields
from fokkerplanck.solvers.joints import join
from fokkerplanck.solvers.pieces import in_pieces
from fokkerplanck.solvers.selling import selling_decomposition
from fokkerplanck.solvers.topology import LatticeLinks, lattice_links

__all__ = ["Links", "line_links", "plane_links"]

Array = NDArray[np.float64]
Indices = NDArray[np.int32]
#: Most vectors of the links of one tensor: three, and two that join clusters.
KINDS = 5


@dataclass(frozen=True, eq=False)
class Links:
    """Links between cells, and links that an absorbing wall cuts.

    Parameters
    ----------
    tail, head, offset : ndarray of int32
        As in `Generator`.
    rho_tail, rho_head : ndarray, shape (links,)
        Strength along the link in the decomposition of the tensor of either end.
    arm_tail, arm_head : ndarray, shape (links,)
        Factor of the rate out of either end, 1 unless a wall cuts the opposite arm of that cell.
    first, second : ndarray, shape (links,)
        Climb of Phi from tail to middle and from middle to head.
    harmonic : ndarray of bool, shape (links,)
        Whether flux along the link is one-dimensional (both tensors diagonal).
    wall_cell : ndarray of int32, shape (cut links,)
        Cells with a link through an absorbing wall.
    wall_offset : ndarray of int32, shape (cut links, dim)
        Lattice vector of that link, from the cell outwards.
    wall_theta : ndarray, shape (cut links,)
        Fraction of it that is inside.
    wall_rate, wall_climb : ndarray, shape (cut links,)
        Strength of the part inside and the climb along it.
    """

    tail: Indices
    head: Indices
    offset: Indices
    rho_tail: Array
    rho_head: Array
    arm_tail: Array
    arm_head: Array
    first: Array
    second: Array
    harmonic: NDArray[np.bool_]
    wall_cell: Indices
    wall_offset: Indices
    wall_theta: Array
    wall_rate: Array
    wall_climb: Array


def line_links(fields: Fields) -> Links:
    """Links of a 1-D problem: one between neighbours, closed to a ring on a periodic axis.

    An absorbing wall cuts the link beyond the last cell in half; arms of lengths 1/2 and 1 are
    weighted by 8/3 and 4/3, which is exact on quadratics.
    """
    (n,), (h,), ((low, high),) = fields.shape, fields.spacing, fields.walls
    d = fields.diffusion[:, 0, 0]
    if not (d > 0).all():
        cell = int(np.argmin(d))
        msg = f"the diffusion of cell {cell} is not positive: {d[cell]}"
        raise ValueError(msg)
    # half links: 2 i leads from the low edge of cell i to its centre, 2 i + 1 on to its high edge
    climb = np.diff(fields.potential)
    tail = np.arange(n if low == "periodic" else n - 1, dtype=np.int32)
    head = (tail + 1) % np.int32(n)
    first, second = climb[2 * tail + 1], climb[2 * head]
    below, above = -climb[0], climb[-1]
    if fields.force is not None:
        f = fields.force[:, 0]
        start, middle, end = f[2 * tail + 1], f[2 * tail + 2], f[2 * head + 1]
        first = first - h / 2 * parabola_mean(start, middle, end)
        second = second - h / 2 * parabola_mean(end, middle, start)
        below, above = below + h / 4 * (f[0] + f[1]), above - h / 4 * (f[-1] + f[-2])
    first, second = first / d[tail], second / d[head]
    ends = [(0, -1, low, below / d[0]), (n - 1, 1, high, above / d[-1])]
    cut = [(cell, e, z) for cell, e, wall, z in ends if wall == "absorbing"]
    cells = np.array([cell for cell, _, _ in cut], dtype=np.int32)
    return Links(
        tail,
        head,
        np.ones((tail.size, 1), dtype=np.int32),
        d[tail] / h**2,
        d[head] / h**2,
        np.where((tail == 0) & (low == "absorbing"), 4 / 3, 1.0),
        np.where((head == n - 1) & (high == "absorbing"), 4 / 3, 1.0),
        first,
        second,
        np.ones(tail.size, dtype=np.bool_),
        cells,
        np.array([[e] for _, e, _ in cut], dtype=np.int32).reshape(-1, 1),
        np.full(cells.size, 0.5),
        8 / 3 * d[cells] / h**2,
        np.array([z for _, _, z in cut], dtype=np.float64),
    )


def plane_links(fields: Fields) -> Links:
    """Links of a 2-D problem, from the Selling decomposition of every cell's tensor.

    A link that leaves through a reflecting wall is dropped, and cells that this cuts off are joined
    again along the axes; a link that leaves through an absorbing wall keeps the part inside.
    """
    tensor = fields.tensor
    d = fields.diffusion.reshape(-1, 2, 2) if tensor is None else tensor[None].copy()
    inverse = _inverse(d, fields.shape[1])
    offsets, rho = selling_decomposition(d, fields.spacing)  # type: ignore[arg-type]
    reach = int(np.abs(offsets).max())
    if reach >= min(fields.shape):
        _check_reach(offsets, rho, fields.shape)
    lattice = lattice_links(fields.shape, fields.walls, offsets, rho)
    if reach > 1:
        lattice = join(lattice, fields.shape, fields.walls, d, fields.spacing)
    first, second = _climbs(fields, inverse, lattice)
    wall_climb = _wall_climb(fields, inverse, lattice.cut_cell, lattice.cut_offset)
    shared = lattice.rho_tail is lattice.rho_head
    same = shared or np.array_equal(lattice.rho_tail, lattice.rho_head)
    return Links(
        lattice.tail,
        lattice.head,
        lattice.offset,
        lattice.rho_tail,
        lattice.rho_tail if same else lattice.rho_head,
        lattice.arm_tail,
        lattice.arm_head,
        first,
        second,
        _harmonic(d, lattice),
        lattice.cut_cell,
        lattice.cut_offset,
        lattice.theta,
        lattice.cut_rho,
        lattice.theta * wall_climb,
    )


def _harmonic(d: Array, lattice: LatticeLinks) -> NDArray[np.bool_]:
    """Whether the tensors at both ends are diagonal."""
    diagonal = d[:, 0, 1] == 0
    if diagonal.all() or not diagonal.any():
        return np.broadcast_to(diagonal[:1], lattice.tail.shape)
    return np.asarray(diagonal[lattice.tail] & diagonal[lattice.head])


def _inverse(d: Array, ny: int) -> Array:
    """Inverse of tensors, shape (cells, 2, 2), or (1, 2, 2) of one for all cells."""
    determinant = d[:, 0, 0] * d[:, 1, 1] - d[:, 0, 1] ** 2
    if not ((determinant > 0) & (d[:, 0, 0] > 0)).all():
        cell = int(np.argmin(np.where(d[:, 0, 0] > 0, determinant, -np.inf)))
        msg = f"the diffusion tensor of cell {divmod(cell, ny)} is not positive definite"
        raise ValueError(msg)
    inverse = np.empty(d.shape)
    inverse[:, 0, 0], inverse[:, 1, 1] = d[:, 1, 1] / determinant, d[:, 0, 0] / determinant
    inverse[:, 0, 1] = inverse[:, 1, 0] = -d[:, 0, 1] / determinant
    return inverse


def _check_reach(offsets: Indices, rho: Array, shape: tuple[int, ...]) -> None:
    used = rho > 1e-12 * rho.max(axis=1, keepdims=True)
    for axis, cells in enumerate(shape):
        reach = int(np.abs(offsets[..., axis][used]).max())
        if reach >= cells:
            msg = (
                f"the anisotropy of the diffusion tensor asks for jumps over {reach} cells along "
                f"axis {axis}, which has {cells}: use more cells, or align the axes with the tensor"
            )
            raise NumericalError(msg)


def _climbs(fields: Fields, inverse: Array, lattice: LatticeLinks) -> tuple[Array, Array]:
    """Climb of Phi over the first and the second half of each link."""
    none = np.zeros((1, 1, 2))
    # links of diagonal tensors lead along the axes, where slopes are not used
    gradient = fields.gradient if inverse[:, 0, 1].any() else none
    force = none if fields.force is None else fields.force
    periodic = np.array([low == "periodic" for low, _ in fields.walls])
    spacing = np.array(fields.spacing)
    given = (fields.potential, gradient, force, inverse, spacing, periodic)
    links = (lattice.tail, lattice.head, lattice.offset)
    first, second = np.empty(lattice.tail.size), np.empty(lattice.tail.size)

    def piece(low: int, high: int) -> None:
        _climbs_kernel(*links, *given, low, high, first, second)

    in_pieces(piece, lattice.tail.size)
    return first, second


@njit(cache=True, nogil=True)
def _climbs_kernel(  # type: ignore[no-untyped-def]
    tail, head, offset, potential, gradient, force, inverse, spacing, periodic, low, high, first,
    second,
):  # fmt: skip
    """Climb over the half next to the tail, and that over the other half, of some links.

    With ``D^-1 l = a l + s l_perp``, grad Phi . l is ``a`` times the climb of L (exact, from its
    values) plus ``s grad L . l_perp`` (s vanishes exactly when D is isotropic) minus
    ``(D^-1 l) . F``, integrated over the half by the parabola through its ends and the other end.
    """
    rows, columns = potential.shape
    ny = (columns - 1) // 2
    forced, uniform = force.size > 2, inverse.shape[0] == 1
    vectors, ways, kinds = np.empty((KINDS, 2), dtype=np.int32), np.empty((KINDS, 4)), 0
    row = 0
    for e in range(low, high):
        ex, ey = offset[e, 0], offset[e, 1]
        lx, ly = ex * spacing[0], ey * spacing[1]
        if not row * ny <= tail[e] < (row + 1) * ny:
            row = tail[e] // ny
        x0, y0 = 2 * row + 1, 2 * (tail[e] - row * ny) + 1
        x1, y1 = x0 + ex, y0 + ey
        x2, y2 = x1 + ex, y1 + ey
        if periodic[0]:
            x1, x2 = x1 % (rows - 1), x2 % (rows - 1)
        if periodic[1]:
            y1, y2 = y1 % (columns - 1), y2 % (columns - 1)
        k = 0
        if uniform:
            while k < kinds and (vectors[k, 0] != ex or vectors[k, 1] != ey):
                k += 1
            if k == kinds:
                vectors[k, 0], vectors[k, 1] = ex, ey
                ways[k, 0], ways[k, 1], ways[k, 2], ways[k, 3] = _way_kernel(inverse, 0, lx, ly)
                kinds += 1
            wx, wy, a, s = ways[k, 0], ways[k, 1], ways[k, 2], ways[k, 3]
        for half in range(2):
            i, j, sign, near = (x0, y0, 1.0, tail[e]) if half == 0 else (x2, y2, -1.0, head[e])
            m, n = (x2, y2) if half == 0 else (x0, y0)
            if not uniform:
                wx, wy, a, s = _way_kernel(inverse, near, lx, ly)
            climb = a * sign * (potential[x1, y1] - potential[i, j])
            if s != 0.0:
                gx = _parabola_kernel(gradient[i, j, 0], gradient[x1, y1, 0], gradient[m, n, 0])
                gy = _parabola_kernel(gradient[i, j, 1], gradient[x1, y1, 1], gradient[m, n, 1])
                climb += s * (gy * lx - gx * ly) / 2
            if forced:
                fx = _parabola_kernel(force[i, j, 0], force[x1, y1, 0], force[m, n, 0])
                fy = _parabola_kernel(force[i, j, 1], force[x1, y1, 1], force[m, n, 1])
                climb -= (wx * fx + wy * fy) / 2
            if half == 0:
                first[e] = climb
            else:
                second[e] = climb


@njit(cache=True, nogil=True)
def _way_kernel(inverse, cell, lx, ly):  # type: ignore[no-untyped-def]
    """Both components of D^-1 l, and a and s."""
    wx = inverse[cell, 0, 0] * lx + inverse[cell, 0, 1] * ly
    wy = inverse[cell, 1, 0] * lx + inverse[cell, 1, 1] * ly
    square = lx * lx + ly * ly
    return wx, wy, (wx * lx + wy * ly) / square, (wy * lx - wx * ly) / square


@njit(cache=True, nogil=True)
def _parabola_kernel(start, middle, end):  # type: ignore[no-untyped-def]
    """See `parabola_mean`."""
    return (5.0 * start + 8.0 * middle - end) / 12.0


def parabola_mean(start: Array, middle: Array, end: Array) -> Array:
    """Mean over the first half of an interval of the parabola through three values."""
    return np.asarray((5.0 * start + 8.0 * middle - end) / 12.0)


def _wall_climb(fields: Fields, inverse: Array, cell: Indices, offset: Indices) -> Array:
    """Climb of Phi along whole links that a wall cuts, by the slope at the cell they start from."""
    link = offset * np.array(fields.spacing)
    near = inverse[cell if len(inverse) > 1 else np.zeros_like(cell)]
    climb: Array = np.einsum("li,lij,lj->l", link, near, -fields.drift_in(cell))
    return climb
