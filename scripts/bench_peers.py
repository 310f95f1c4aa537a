"""Rows of other programs, used as their manuals say."""

from __future__ import annotations

from typing import Any

import numpy as np
from bench_core import Array, Bowl, Parabola, Row, Task, judge

__all__ = ["rows"]


def rows(quick: bool) -> list[Row]:
    """Rows of programs that solve these problems; `quick` has small grids only."""
    return [*_line_rows(quick), *_plane_rows(quick)]


def _line_rows(quick: bool) -> list[Row]:
    scipy, fipy = ("scipy.linalg", "scipy.linalg.lapack"), ("fipy",)
    out = []
    for n in (256,) if quick else (256, 1024, 4096):
        w = f"W1 {n} cells"
        out += [
            Row(w, "SciPy CN, 100 steps", lambda n=n: scipy_line(n, 100), scipy),
            Row(w, "SciPy CN, 1000 steps", lambda n=n: scipy_line(n, 1000), scipy),
            Row(w, "FiPy BE, dt = 0.01", lambda n=n: fipy_line(n, "BE"), fipy),
            Row(w, "FiPy CN by hand, dt = 0.01", lambda n=n: fipy_line(n, "CN"), fipy),
            Row(w, "py-pde, LSODA", lambda n=n: pypde_line(n), ("pde", "numba")),
            Row(w, "fplanck", lambda n=n: fplanck_line(n), ("fplanck",)),
            Row(w, "PyDDM implicit, dt = 0.001", lambda n=n: pyddm_line(n), ("pyddm",)),
        ]
    return out


def _plane_rows(quick: bool) -> list[Row]:
    sparse = ("scipy.sparse.linalg", "scipy.linalg")
    m = 64 if quick else 256
    out = []
    for r in (10,) if quick else (1, 10, 100, 1000):
        w = f"W3 {m}^2, r = {r}"
        sweeps = 1 if r == 1 else 3
        out += [
            Row(w, "SciPy CN, 9 points, LU, 50 steps", lambda r=r: scipy_plane(m, r), sparse),
            Row(
                w,
                f"FiPy BE, dt = 0.02, {sweeps} sweeps",
                lambda r=r, s=sweeps: fipy_plane(m, r, s, "BE"),
                ("fipy",),
            ),
            Row(
                w,
                f"FiPy CN by hand, dt = 0.02, {sweeps} sweeps",
                lambda r=r, s=sweeps: fipy_plane(m, r, s, "CN"),
                ("fipy",),
            ),
            Row(w, "py-pde, RK45 adaptive", lambda r=r: pypde_plane(m, r), ("pde", "numba")),
        ]
    w = f"stationary {m}^2, driven"
    out.append(Row(w, "SciPy, 9 points, LU", lambda: scipy_stationary(m), sparse))
    for n in (64,) if quick else (256, 512):
        task = lambda n=n: scipy_assembly(n)  # noqa: E731
        out.append(Row(f"assembly {n}^2", "SciPy, 9 points", task, sparse))
    return out


def scipy_line(cells: int, steps: int) -> Task:
    """Crank-Nicolson, central fluxes, LAPACK's tridiagonal LU kept over the steps."""
    from scipy.linalg.lapack import dgttrf, dgttrs

    given = Parabola(cells)

    def call() -> Array:
        h, p = given.spacing, given.start()
        v, d = -given.edges[1:-1], given.diffusion
        up, down = (0.5 * v + d / h) / h, (-0.5 * v + d / h) / h  # i -> i+1 and i+1 -> i
        diagonal = np.zeros(cells)
        diagonal[:-1] -= up
        diagonal[1:] -= down
        half = 0.5 / steps
        factors = dgttrf(-half * up, 1 - half * diagonal, -half * down)[:5]
        for _ in range(steps):
            right = (1 + half * diagonal) * p
            right[1:] += half * up * p[:-1]
            right[:-1] += half * down * p[1:]
            p = dgttrs(*factors, right)[0]
        return p

    return call, lambda p: judge(p, given.exact(), given.spacing)


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


def scipy_stationary(cells: int) -> Task:
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


def fipy_line(cells: int, scheme: str, dt: float = 0.01) -> Task:
    """Implicit Euler with exponential convection, or Crank-Nicolson with central."""
    import fipy

    given = Parabola(cells)

    def call() -> Array:
        mesh = fipy.Grid1D(nx=cells, dx=given.spacing) + given.low
        p = fipy.CellVariable(mesh=mesh, value=given.start(), hasOld=True)
        v, d = -fipy.FaceVariable(mesh=mesh, rank=1, value=mesh.faceCenters), given.diffusion
        if scheme == "BE":
            right = fipy.DiffusionTerm(d) - fipy.ExponentialConvectionTerm(v)
        else:
            right = fipy.DiffusionTerm(d / 2) - fipy.CentralDifferenceConvectionTerm(v / 2)
            old = p.old
            right = right + (d / 2 * old.faceGrad - v / 2 * old.arithmeticFaceValue).divergence
        _fipy_steps(fipy, p, right, dt, 1, fipy.LinearLUSolver(tolerance=1e-12))
        return np.array(p.value)

    return call, lambda p: judge(p, given.exact(), given.spacing)


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
        _fipy_steps(fipy, p, right, dt, sweeps, solver)
        return np.array(p.value).reshape(cells, cells).T

    return call, lambda p: judge(p, given.exact(), given.spacing**2)


def _fipy_steps(fipy: Any, p: Any, right: Any, dt: float, sweeps: int, solver: Any) -> None:
    equation = fipy.TransientTerm() == right
    for _ in range(round(1.0 / dt)):
        p.updateOld()
        for _ in range(sweeps):
            equation.sweep(var=p, dt=dt, solver=solver)


def pypde_line(cells: int) -> Task:
    """py-pde with SciPy's LSODA, banded."""
    import pde

    given = Parabola(cells)

    def call() -> Array:
        grid = pde.CartesianGrid([[given.low, given.high]], [cells])
        equation = pde.PDE({"p": "d_dx(x * p) + 0.5 * d2_dx2(p)"}, bc={"derivative": 0})
        options = {"method": "LSODA", "rtol": 1e-8, "atol": 1e-12, "lband": 1, "uband": 1}
        state = pde.ScalarField(grid, given.start())
        found = equation.solve(state, t_range=1.0, solver="scipy", tracker=None, **options)
        return np.array(found.data)

    return call, lambda p: judge(p, given.exact(), given.spacing)


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


def fplanck_line(cells: int) -> Task:
    """Exponential of fplanck's rate matrix (with ``np.product``, which numpy 2 dropped)."""
    vars(np)["product"] = np.prod
    import fplanck
    from scipy.constants import k

    given = Parabola(cells)

    def call() -> Array:
        solver = fplanck.fokker_planck(
            temperature=given.diffusion / k,
            drag=1.0,
            extent=[given.high - given.low],
            resolution=given.spacing * (1 + 1e-12),  # it rounds the number of cells up
            boundary=fplanck.boundary.reflecting,
            potential=lambda x: x**2 / 2,
        )
        start = given.start() * given.spacing
        found = solver.propagate(lambda x: start, 1.0)
        return np.asarray(found) / given.spacing

    return call, lambda p: judge(p, given.exact(), given.spacing)


def pyddm_line(cells: int) -> Task:
    """PyDDM's implicit method, between bounds so far out that nothing is absorbed."""
    import pyddm

    given = Parabola(cells)
    points = np.linspace(given.low, given.high, cells + 1)

    def start(x: Array) -> Array:
        p = np.exp(-0.5 * ((x - 2.0) / 0.2) ** 2)
        return p / p.sum()

    def call() -> Array:
        model = pyddm.gddm(
            drift=lambda x: -x, noise=1.0, bound=given.high, starting_position=start,
            nondecision=0.0, mixture_coef=0.0, T_dur=1.0, dt=0.001, dx=given.spacing,
        )  # fmt: skip
        return np.asarray(model.solve_numerical_implicit().undec) / given.spacing

    decay = np.exp(-1.0)
    variance = 0.04 * decay**2 + given.diffusion * (1 - decay**2)
    exact = np.exp(-0.5 * (points - 2.0 * decay) ** 2 / variance) / np.sqrt(2 * np.pi * variance)
    return call, lambda p: judge(p, exact, given.spacing)
