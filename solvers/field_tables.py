"""Drift and diffusion as tables that compiled walkers read: cubic pieces on a line or a plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["FieldTables", "LineTables", "PlaneTables", "line_tables", "plane_tables"]

Array = NDArray[np.float64]
#: Distance of a node from its place in the lattice, of the spacing, that counts as rounding.
OFF = 1e-6
#: Weights of the four nearest control values at the place t in a cell: rows of 1, t, t^2, t^3.
SPLINE = np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6.0
LOCAL = np.array([[0, -1, 2, -1], [2, 0, -5, 3], [0, 1, 4, -3], [0, 0, -1, 1]]) / 2.0


@dataclass(frozen=True, eq=False)
class LineTables:
    """Drift and diffusion on a line: in every cell a cubic, or two with a break between.

    Parameters
    ----------
    lower, upper : float
        The walls.
    cells : int
        Number of equal cells.
    drift, diffusion : ndarray, shape (2 cells, 4)
        Coefficients of 1, t, t^2, t^3, where t goes from 0 to 1 through the cell; first for the
        part of each cell below its cut, then for the part above.
    cut : ndarray, shape (cells,)
        Where the second piece begins; inf in cells without a break.
    breaks : ndarray, shape (breaks, 5)
        Where drift or diffusion jump: place, D below and above, drift below and above.
    constant : float or None
        D, where it is the same number everywhere.
    """

    lower: float
    upper: float
    cells: int
    drift: Array
    diffusion: Array
    cut: Array
    breaks: Array
    constant: float | None

    dim = 1

    @property
    def spacing(self) -> float:
        """Width of a cell."""
        return (self.upper - self.lower) / self.cells

    def ito_drift(self, kappa: float) -> Array:
        """Coefficients of ``f + (1 - kappa) D'``, shape (2 cells, 4)."""
        slope = self.diffusion[:, 1:] * np.array([1.0, 2.0, 3.0]) / self.spacing
        out = self.drift.copy()
        out[:, :3] += (1.0 - kappa) * slope
        return out

    def values(self, x: Array) -> tuple[Array, Array]:
        """Drift and D at points, as walkers find them; shapes of `x`."""
        t = np.clip((np.asarray(x) - self.lower) / self.spacing, 0.0, self.cells)
        cell = np.minimum(t.astype(int), self.cells - 1)
        row = cell + np.where(x >= self.cut[cell], self.cells, 0)
        powers = (t - cell)[..., None] ** np.arange(4)
        return (self.drift[row] * powers).sum(axis=-1), (self.diffusion[row] * powers).sum(axis=-1)


@dataclass(frozen=True, eq=False)
class PlaneTables:
    """Drift and diffusion in the plane: bicubic pieces with continuous slopes.

    Parameters
    ----------
    lower, upper : tuple of float
        The walls of both axes.
    cells : tuple of int
        Number of equal cells of both axes.
    drift : ndarray, shape (nx + 3, ny + 3, 2)
        Control values; those of cell (i, j) are ``[i : i + 4, j : j + 4]``.
    diffusion : ndarray, shape (nx + 3, ny + 3, 3)
        Control values of Dxx, Dxy, Dyy; shape (1, 1, 3) where D is constant.
    weights : ndarray, shape (4, 4)
        Coefficients of 1, t, t^2, t^3 of the weight of each of four control values.
    """

    lower: tuple[float, float]
    upper: tuple[float, float]
    cells: tuple[int, int]
    drift: Array
    diffusion: Array
    weights: Array

    dim = 2

    @property
    def spacing(self) -> tuple[float, float]:
        """Widths of a cell."""
        x, y = ((b - a) / n for a, b, n in zip(self.lower, self.upper, self.cells, strict=True))
        return x, y

    def values(self, points: Array) -> tuple[Array, Array]:
        """Drift (n, 2) and D (n, 2, 2) at points (n, 2), as walkers find them."""
        weight, index = [], []
        for axis, (n, h) in enumerate(zip(self.cells, self.spacing, strict=True)):
            t = np.clip((points[:, axis] - self.lower[axis]) / h, 0.0, n)
            cell = np.minimum(t.astype(int), n - 1)
            weight.append((t - cell)[:, None] ** np.arange(4) @ self.weights.T)
            index.append(cell[:, None] + np.arange(4))
        at = index[0][:, :, None], index[1][:, None, :]
        drift = np.einsum("na,nb,nabc->nc", *weight, self.drift[at])
        if self.diffusion.shape[0] == 1:
            parts = np.broadcast_to(self.diffusion[0, 0], (len(points), 3))
        else:
            parts = np.einsum("na,nb,nabc->nc", *weight, self.diffusion[at])
        return drift, parts[:, [0, 1, 1, 2]].reshape(-1, 2, 2)


FieldTables = LineTables | PlaneTables


def line_tables(
    x: Array, drift: Array, drift_slope: Array, diffusion: Array, diffusion_slope: Array
) -> LineTables:
    """Tables of cubic Hermite pieces between nodes; exact for cubics.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Nodes from wall to wall, ascending and equally spaced. A place where drift or diffusion jump
        stands twice, anywhere between the walls, with the values below and then above it; there is
        at most one between two neighbouring nodes.
    drift, drift_slope, diffusion, diffusion_slope : ndarray, shape (n,)
        Values and derivatives at the nodes.

    Raises
    ------
    ValueError
        If the nodes are not as described, or D is negative or not finite.
    """
    x = np.asarray(x, dtype=np.float64)
    lattice, doubled = _lattice(x)
    n, h = lattice.size - 1, (x[-1] - x[0]) / (lattice.size - 1)
    values = [np.asarray(v, dtype=np.float64) for v in (drift, drift_slope)]
    others = [np.asarray(v, dtype=np.float64) for v in (diffusion, diffusion_slope)]
    if not all(v.shape == x.shape and np.isfinite(v).all() for v in (*values, *others)):
        msg = f"drift, diffusion and their slopes must be finite, of shape {x.shape} as the nodes"
        raise ValueError(msg)
    if others[0].min() < 0:
        k = int(others[0].argmin())
        msg = f"diffusion is {others[0][k]:.6g} at x = {x[k]:.6g}; it must not be negative"
        raise ValueError(msg)
    piece = np.flatnonzero(np.diff(x) > 0)
    middle = (x[piece] + x[piece + 1]) / 2
    cell = np.clip(((middle - x[0]) / h).astype(int), 0, n - 1)
    cubics = [_hermite(x, f, slope, piece, lattice[cell], h) for f, slope in (values, others)]
    lower, upper = np.zeros((2, n), dtype=int)
    lower[cell[::-1]] = np.arange(piece.size)[::-1]  # the first piece of a cell, and its last
    upper[cell] = np.arange(piece.size)
    cut = np.where(lower == upper, np.inf, x[piece[upper]])
    rows = np.concatenate([lower, upper])
    breaks = np.stack(
        [
            x[doubled],
            others[0][doubled],
            others[0][doubled + 1],
            values[0][doubled],
            values[0][doubled + 1],
        ],
        axis=1,
    )
    same = np.all(others[0] == others[0][0]) and not others[1].any()
    constant = float(others[0][0]) if same and not breaks.size else None
    return LineTables(
        float(x[0]), float(x[-1]), n, cubics[0][rows], cubics[1][rows], cut, breaks, constant
    )


def _lattice(x: Array) -> tuple[Array, NDArray[np.intp]]:
    """Equally spaced nodes among all, and the first of each pair that stands at one place."""
    gap = np.diff(x)
    doubled = np.flatnonzero(gap == 0)
    if x.ndim != 1 or x.size < 2 or not (gap >= 0).all() or (np.diff(doubled) < 2).any():
        msg = "nodes must ascend, each place standing once, or twice at a break"
        raise ValueError(msg)
    if gap[[0, -1]].min() == 0:
        msg = "the walls cannot be breaks: the first and the last node stand once"
        raise ValueError(msg)
    n = round((x[-1] - x[0]) / gap.max())
    place = (x - x[0]) * (n / (x[-1] - x[0]))
    on = np.abs(place - np.round(place)) < OFF
    broken = np.zeros(x.size, dtype=bool)
    broken[doubled] = broken[doubled + 1] = True
    within = np.bincount(np.floor(place[doubled][~on[doubled]]).astype(int), minlength=n)
    if np.unique(np.round(place[on])).size != n + 1 or (~on & ~broken).any() or within.max() > 1:
        msg = (
            "nodes must be equally spaced but for breaks, which stand twice, with at most one "
            "between two neighbouring nodes"
        )
        raise ValueError(msg)
    return np.linspace(x[0], x[-1], n + 1), doubled


def _hermite(
    x: Array, f: Array, slope: Array, piece: NDArray[np.intp], corner: Array, h: float
) -> Array:
    """Cubics of pieces in the coordinate t = (x - corner) / h, shape (pieces, 4)."""
    width = x[piece + 1] - x[piece]
    a, b = f[piece], f[piece + 1]
    da, db = slope[piece] * width, slope[piece + 1] * width
    c = np.stack([a, da, 3 * (b - a) - 2 * da - db, 2 * (a - b) + da + db], axis=1)
    # u = scale t + shift
    scale, shift = h / width, (corner - x[piece]) / width
    out = np.stack(
        [
            c[:, 0] + shift * (c[:, 1] + shift * (c[:, 2] + shift * c[:, 3])),
            scale * (c[:, 1] + shift * (2 * c[:, 2] + 3 * shift * c[:, 3])),
            scale**2 * (c[:, 2] + 3 * shift * c[:, 3]),
            scale**3 * c[:, 3],
        ],
        axis=1,
    )
    return np.asarray(out)


def plane_tables(
    x: Array,
    y: Array,
    drift: Array,
    diffusion: Array,
    *,
    smooth: bool = True,
    periodic: tuple[bool, bool] = (False, False),
) -> PlaneTables:
    """Tables of bicubic pieces through values at nodes.

    Parameters
    ----------
    x, y : ndarray, shapes (nx + 1,), (ny + 1,)
        Nodes from wall to wall, equally spaced, at least 5 along each axis.
    drift : ndarray, shape (nx + 1, ny + 1, 2)
        Drift at the nodes.
    diffusion : ndarray, shape (nx + 1, ny + 1, 2, 2) or (2, 2)
        Diffusion tensor at the nodes, or the same everywhere.
    smooth : bool
        Splines with two continuous derivatives, of error h^4; otherwise cubic convolution, of error
        h^3, which is local: what jumps disturbs two cells only, and overshoots by 7 % of the jump.
    periodic : tuple of bool
        Axes whose last node is the first one again.

    Raises
    ------
    ValueError
        If nodes or shapes are not as described.
    """
    nodes = [np.asarray(v, dtype=np.float64) for v in (x, y)]
    shape = nodes[0].size, nodes[1].size
    for v in nodes:
        even = np.linspace(v[0], v[-1], v.size)
        if v.size < 5 or not np.abs(v - even).max() < OFF * (v[-1] - v[0]) / v.size:
            msg = "nodes of each axis must ascend, equally spaced, and be 5 or more"
            raise ValueError(msg)
    drift, diffusion = np.asarray(drift, np.float64), np.asarray(diffusion, np.float64)
    if drift.shape != (*shape, 2) or diffusion.shape not in ((*shape, 2, 2), (2, 2)):
        msg = (
            f"drift must have shape {(*shape, 2)} and diffusion {(*shape, 2, 2)} or (2, 2); "
            f"got {drift.shape} and {diffusion.shape}"
        )
        raise ValueError(msg)
    parts = np.stack([diffusion[..., 0, 0], diffusion[..., 0, 1], diffusion[..., 1, 1]], axis=-1)
    if diffusion.ndim == 2:
        control = parts[None, None]
    else:
        control = _control(_control(parts, 0, smooth, periodic[0]), 1, smooth, periodic[1])
    return PlaneTables(
        (float(nodes[0][0]), float(nodes[1][0])),
        (float(nodes[0][-1]), float(nodes[1][-1])),
        (shape[0] - 1, shape[1] - 1),
        _control(_control(drift, 0, smooth, periodic[0]), 1, smooth, periodic[1]),
        control,
        SPLINE if smooth else LOCAL,
    )


def _control(f: Array, axis: int, smooth: bool, periodic: bool) -> Array:
    """Control values along one axis, one more at either end than there are nodes."""
    f = np.moveaxis(f, axis, 0)
    n = f.shape[0] - 1
    if periodic:
        c = f[:-1]
        if smooth:
            factor = (2 + np.cos(2 * np.pi * np.arange(n // 2 + 1) / n)) / 3
            spectrum = np.fft.rfft(c, axis=0) / factor.reshape(-1, *[1] * (f.ndim - 1))
            c = np.fft.irfft(spectrum, n, axis=0)
        out = np.concatenate([c[-1:], c, c[:2]])
    elif smooth:
        out = _spline_control(f)
    else:
        first, last = (3 * f[a] - 3 * f[b] + f[c] for a, b, c in ((0, 1, 2), (-1, -2, -3)))
        out = np.concatenate([first[None], f, last[None]])
    return np.ascontiguousarray(np.moveaxis(out, 0, axis))


def _spline_control(f: Array) -> Array:
    """Control values of the spline through f whose third derivative jumps not next to the walls."""
    from scipy.linalg import solve_banded

    n = f.shape[0]
    band = np.zeros((9, n + 2))
    rows = np.arange(1, n + 1)
    for column, value in ((rows - 1, 1.0), (rows, 4.0), (rows + 1, 1.0)):
        band[4 + rows - column, column] = value / 6
    for k, value in enumerate((1.0, -4.0, 6.0, -4.0, 1.0)):
        band[4 - k, k] = value
        band[4 + k, n + 1 - k] = value
    zero = np.zeros((1, *f.shape[1:]))
    right = np.concatenate([zero, f, zero]).reshape(n + 2, -1)
    return np.asarray(solve_banded((4, 4), band, right)).reshape(n + 2, *f.shape[1:])
