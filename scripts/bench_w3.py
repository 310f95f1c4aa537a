"""W3: a 2-D Ornstein-Uhlenbeck process to t = 1 under a full tensor; and its driven rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from bench_core import OURS, Array, Row, Task, floor, judge
from bench_fipy import march

__all__ = ["EVOLVE", "SPARSE", "Bowl", "nine_points", "ours", "problem", "rows", "scipy_plane"]

EVOLVE = ("numpy", "scipy.linalg", "numba", "sympy", "fokkerplanck.density")
REST = (*EVOLVE, "fokkerplanck.steady_state")
SPARSE = ("scipy.sparse.linalg", "scipy.linalg")


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` has small grids only."""
    out = []
    for m in (64,) if quick else (256, 512):
        for r in (10,) if quick else (1, 10, 100, 1000):
            out += _evolution(m, r)
    m = 64 if quick else 256
    w = f"W3 {m}^2, driven, at rest"
    out += [
        Row(w, OURS, lambda: ours_at_rest(m), REST),
        Row(w, "SciPy, 9 points, LU", lambda: scipy_at_rest(m), SPARSE),
    ]
    for n in (64,) if quick else (256, 512):
        w = f"W3 {n}^2, assembly"
        out += [
            Row(w, OURS, lambda n=n: our_assembly(n), EVOLVE),
            Row(w, "SciPy, 9 points", lambda n=n: scipy_assembly(n), SPARSE),
        ]
    return out


def _evolution(m: int, r: int) -> list[Row]:
    w, sweeps = f"W3 {m}^2, r = {r}", 1 if r == 1 else 3
    out = [
        Row(w, OURS, lambda: ours(m, r), EVOLVE),
        Row(w, "SciPy CN, 9 points, LU, 50 steps", lambda: scipy_plane(m, r), SPARSE),
        Row(w, "compiled RK4, 9 points, 1 thread", lambda: runge_kutta(m, r), ("numba",)),
    ]
    if m > 256:
        return out
    for scheme, name in (("BE", "FiPy BE"), ("CN", "FiPy CN by hand")):
        task = lambda scheme=scheme: fipy_plane(m, r, sweeps, scheme)  # noqa: E731
        out.append(Row(w, f"{name}, dt = 0.02, {sweeps} sweeps", task, ("fipy",)))
    out.append(Row(w, "py-pde, RK45 adaptive", lambda: pypde_plane(m, r), ("pde", "numba")))
    why = "cannot: diagonal tensors only"
    if r > 1:
        out.append(Row(w, "fplanck", cannot=why))
    return [*out, *(Row(w, p, cannot="cannot: one dimension") for p in ("PyDDM", "pychangcooper"))]


@dataclass(frozen=True)
class Bowl:
    """W3: ``f = -x``, D = R(30 deg) diag(1/2, 1/(2r)) R^T, N((1, 1/2), 0.1 I), t = 1, [-4, 4]^2.

    With `swirl` w the drift is ``-x + w (-y, x)``: it has a current at rest.
    """

    cells: int
    ratio: float
    swirl: float = 0.0
    half: float = 4.0

    @property
    def spacing(self) -> float:
        """Width of a cell."""
        return 2 * self.half / self.cells

    @property
    def edges(self) -> Array:
        """Cell edges along either axis."""
        return np.linspace(-self.half, self.half, self.cells + 1)

    @property
    def centres(self) -> Array:
        """Cell centres along either axis."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def tensor(self) -> Array:
        """D."""
        c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
        r = np.array([[c, -s], [s, c]])
        return np.asarray(r @ np.diag([0.5, 0.5 / self.ratio]) @ r.T)

    def start(self) -> Array:
        """Cell averages of the initial density, shape (cells, cells)."""
        return self._normal(np.array([1.0, 0.5]), 0.1 * np.eye(2))

    def exact(self) -> Array:
        """Cell averages of the density at t = 1, without swirl."""
        decay = np.exp(-1.0)
        covariance = 0.1 * decay**2 * np.eye(2) + self.tensor * (1 - decay**2)
        return self._normal(np.array([1.0, 0.5]) * decay, covariance)

    def at_rest(self) -> Array:
        """Cell averages of the stationary density, with swirl."""
        from scipy.linalg import solve_continuous_lyapunov

        rate = np.array([[1.0, self.swirl], [-self.swirl, 1.0]])
        covariance = solve_continuous_lyapunov(rate, 2 * self.tensor)
        return self._normal(np.zeros(2), covariance)

    def _normal(self, mean: Array, covariance: Array) -> Array:
        """By Gauss-Legendre quadrature with 8 x 8 points in each cell."""
        node, weight = np.polynomial.legendre.leggauss(8)
        y = (self.centres[:, None] + 0.5 * self.spacing * node).ravel() - mean[1]
        inverse = np.linalg.inv(covariance)
        scale = 1 / (8 * np.pi * np.sqrt(np.linalg.det(covariance)))
        out = np.empty((self.cells, self.cells))
        for row, centre in zip(out, self.centres, strict=True):  # all at once takes gigabytes
            x = (centre + 0.5 * self.spacing * node - mean[0])[:, None]
            exponent = inverse[0, 0] * x**2 + 2 * inverse[0, 1] * x * y + inverse[1, 1] * y**2
            over_x = weight @ np.exp(-0.5 * exponent)
            row[:] = scale * (over_x.reshape(self.cells, node.size) @ weight)
        return out


def problem(given: Bowl) -> Callable[[], Any]:
    """Say how to make the problem in this program."""
    from fokkerplanck.forces import expressions
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import from_expression
    from fokkerplanck.noise import tensor
    from fokkerplanck.problem import Problem

    side = (-given.half, given.half, given.cells)
    force = None
    if given.swirl:
        force = expressions((f"{-given.swirl} * y", f"{given.swirl} * x"))
    loss = from_expression("(x**2 + y**2) / 2", dim=2)
    return lambda: Problem(Grid.plane(side, side), loss, tensor(given.tensor), force)


def ours(cells: int, ratio: float, tolerance: float = 1e-6) -> Task:
    """`evolve`, set-up included; at least seven rates, start and end pass once."""
    from fokkerplanck.density import evolve

    given = Bowl(cells, ratio)
    made, start = problem(given), given.start()
    start = start / (start.sum() * given.spacing**2)
    return (
        lambda: evolve(made(), start, [1.0], tolerance=tolerance).density[0],
        floor(lambda p: judge(p, given.exact(), given.spacing**2), 72.0 * cells**2),
    )


def ours_at_rest(cells: int) -> Task:
    """`stationary`."""
    from fokkerplanck.steady_state import stationary

    given = Bowl(cells, 10, swirl=2.0)
    made = problem(given)
    return (
        lambda: stationary(made()).density,
        floor(lambda p: judge(p, given.at_rest(), given.spacing**2), 64.0 * cells**2),
    )


def our_assembly(cells: int) -> Task:
    """Time the generator alone: loss and slopes on the half lattice in, seven rates out."""
    from fokkerplanck.solvers.assemble import assemble

    fields = problem(Bowl(cells, 10))().fields()
    least = (4 * 3 + 4 + 7) * 8.0 * cells**2
    return lambda: assemble(fields), floor(lambda q: {"links": float(q.tail.size)}, least)


def nine_points(given: Bowl) -> Any:
    """Central fluxes on 9 points: the matrix of ``dp/dt = A p`` with no flux through the walls."""
    import scipy.sparse as sp

    n, h, d = given.cells, given.spacing, given.tensor
    one = sp.eye_array(n)
    difference = sp.diags_array([-np.ones(n), np.ones(n - 1)], offsets=[0, 1], shape=(n - 1, n)) / h
    mean = sp.diags_array([np.ones(n), np.ones(n - 1)], offsets=[0, 1], shape=(n - 1, n)) / 2
    slope = mean.T @ difference
    faces, x = given.edges[1:-1], given.centres
    w = given.swirl
    # velocity of the x fluxes: -x - w y, of the y fluxes: -y + w x
    vx = (-faces[:, None] - w * x[None, :]).ravel()
    vy = (-faces[None, :] + w * x[:, None]).ravel()
    flux_x = (
        sp.diags_array(vx) @ sp.kron(mean, one)
        - d[0, 0] * sp.kron(difference, one)
        - d[0, 1] * sp.kron(mean, slope)
    )
    flux_y = (
        sp.diags_array(vy) @ sp.kron(one, mean)
        - d[1, 1] * sp.kron(one, difference)
        - d[0, 1] * sp.kron(slope, mean)
    )
    return (sp.kron(difference, one).T @ flux_x + sp.kron(one, difference).T @ flux_y).tocsc()


def scipy_plane(cells: int, ratio: float, steps: int = 50) -> Task:
    """Crank-Nicolson with one sparse LU."""
    import scipy.sparse as sp
    from scipy.sparse.linalg import splu

    given = Bowl(cells, ratio)
    start = given.start().ravel()

    def call() -> Array:
        a, one, half = nine_points(given), sp.eye_array(start.size, format="csc"), 0.5 / steps
        factor = splu((one - half * a).tocsc(), permc_spec="MMD_AT_PLUS_A")
        right, p = (one + half * a).tocsr(), start
        for _ in range(steps):
            p = factor.solve(right @ p)
        return p.reshape(cells, cells)

    return call, lambda p: judge(p, given.exact(), given.spacing**2)


def runge_kutta(cells: int, ratio: float) -> Task:
    """RK4 at 0.9 of its stability limit, the 9-point fluxes in one compiled loop."""
    import numba

    given = Bowl(cells, ratio)
    h, (dx, dxy, _, dy) = given.spacing, given.tensor.ravel()
    start, faces = given.start(), given.edges

    @numba.njit(fastmath=True)
    def slope(p: Any, out: Any) -> None:
        n = p.shape[0]
        out[:] = 0.0
        for i in range(n - 1):
            for j in range(n):
                jl, jr = max(j - 1, 0), min(j + 1, n - 1)
                here, there = p[i, j], p[i + 1, j]
                across = (p[i, jr] + p[i + 1, jr] - p[i, jl] - p[i + 1, jl]) / (4 * h)
                flux = -faces[i + 1] * (here + there) / 2 - dx * (there - here) / h - dxy * across
                out[i, j] -= flux / h
                out[i + 1, j] += flux / h
        for i in range(n):
            il, ir = max(i - 1, 0), min(i + 1, n - 1)
            for j in range(n - 1):
                here, there = p[i, j], p[i, j + 1]
                across = (p[ir, j] + p[ir, j + 1] - p[il, j] - p[il, j + 1]) / (4 * h)
                flux = -faces[j + 1] * (here + there) / 2 - dy * (there - here) / h - dxy * across
                out[i, j] -= flux / h
                out[i, j + 1] += flux / h

    @numba.njit
    def walk(p: Any, steps: int) -> Any:
        dt, k, q, total = 1.0 / steps, np.empty_like(p), np.empty_like(p), np.empty_like(p)
        for _ in range(steps):
            slope(p, k)
            total[:] = p + dt / 6 * k
            q[:] = p + dt / 2 * k
            slope(q, k)
            total += dt / 3 * k
            q[:] = p + dt / 2 * k
            slope(q, k)
            total += dt / 3 * k
            q[:] = p + dt * k
            slope(q, k)
            p = total + dt / 6 * k
        return p

    steps = int(np.ceil(4 * (dx + dy) / h**2 / (0.9 * 2.78))) + 1
    return (
        lambda: walk(start.copy(), steps),
        lambda p: judge(p, given.exact(), h**2) | {"steps": float(steps)},
    )


def scipy_at_rest(cells: int) -> Task:
    """Null vector by LU, one equation replaced by a value at the centre."""
    from scipy.sparse.linalg import splu

    given = Bowl(cells, 10, swirl=2.0)

    def call() -> Array:
        a = nine_points(given).tocsc()
        middle = cells // 2 * (cells + 1)
        keep = np.delete(np.arange(cells**2), middle)
        factor = splu(a[keep][:, keep].tocsc(), permc_spec="MMD_AT_PLUS_A")
        p = np.ones(cells**2)
        p[keep] = factor.solve(-a[keep][:, [middle]].toarray().ravel())
        return (p / (p.sum() * given.spacing**2)).reshape(cells, cells)

    return call, lambda p: judge(p, given.at_rest(), given.spacing**2)


def scipy_assembly(cells: int) -> Task:
    """Time the 9-point matrix alone."""
    given = Bowl(cells, 10)
    return lambda: nine_points(given), lambda a: {"links": float(a.nnz)}


def fipy_plane(cells: int, ratio: float, sweeps: int, scheme: str, dt: float = 0.02) -> Task:
    """FiPy's tensor diffusion term; its cross part lags and is swept."""
    import fipy

    given = Bowl(cells, ratio)

    def call() -> Array:
        h = given.spacing
        shift = [[-given.half]] * 2
        mesh = fipy.Grid2D(nx=cells, ny=cells, dx=h, dy=h) + shift
        p = fipy.CellVariable(mesh=mesh, value=given.start().T.ravel(), hasOld=True)
        v = -fipy.FaceVariable(mesh=mesh, rank=1, value=mesh.faceCenters)
        d = given.tensor if ratio != 1 else given.tensor[0, 0]
        if scheme == "BE":
            right = fipy.DiffusionTerm([d]) - fipy.ExponentialConvectionTerm(v)
        else:
            right = fipy.DiffusionTerm([d / 2]) - fipy.CentralDifferenceConvectionTerm(v / 2)
            old = p.old
            full = fipy.FaceVariable(mesh=mesh, rank=2, value=given.tensor[..., None] / 2)
            explicit = old.faceGrad.dot(full) - v / 2 * old.arithmeticFaceValue
            right = right + explicit.divergence
        solver = fipy.LinearBicgstabSolver(tolerance=1e-10, precon=None)
        march(p, right, dt, sweeps, solver)
        return np.array(p.value).reshape(cells, cells).T

    return call, lambda p: judge(p, given.exact(), given.spacing**2)


def pypde_plane(cells: int, ratio: float) -> Task:
    """py-pde with its adaptive Runge-Kutta method."""
    import pde

    given = Bowl(cells, ratio)
    d = given.tensor

    def call() -> Array:
        side = [-given.half, given.half]
        grid = pde.CartesianGrid([side, side], [cells, cells])
        rate = (
            f"d_dx(x * p) + d_dy(y * p) + {d[0, 0]} * d2_dx2(p) + {d[1, 1]} * d2_dy2(p)"
            f" + {2 * d[0, 1]} * d_dx(d_dy(p))"
        )
        equation = pde.PDE({"p": rate}, bc={"derivative": 0})
        state = pde.ScalarField(grid, given.start())
        options = {"solver": "runge-kutta", "adaptive": True, "tolerance": 1e-5}
        found = equation.solve(state, t_range=1.0, tracker=None, dt=1e-4, **options)
        return np.array(found.data)

    return call, lambda p: judge(p, given.exact(), given.spacing**2)
