"""W1: a 1-D Ornstein-Uhlenbeck process to t = 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from bench_core import OURS, Array, Row, Task, floor, judge
from bench_fipy import march

__all__ = ["Parabola", "rows"]

EVOLVE = ("numpy", "scipy.linalg", "numba", "sympy", "fokkerplanck.density")


def rows(quick: bool) -> list[Row]:
    """All rows; `quick` has small grids only."""
    scipy, fipy = ("scipy.linalg", "scipy.linalg.lapack"), ("fipy",)
    out = []
    for n in (256,) if quick else (256, 1024, 4096):
        w = f"W1 {n} cells"
        out += [
            Row(w, OURS, lambda n=n: ours(n), EVOLVE),
            Row(w, f"{OURS}, method fipy", lambda n=n: ours(n, "fipy", 1e-6), (*EVOLVE, "fipy")),
            Row(w, "SciPy CN, 100 steps", lambda n=n: scipy_line(n, 100), scipy),
            Row(w, "SciPy CN, 1000 steps", lambda n=n: scipy_line(n, 1000), scipy),
            Row(w, "FiPy BE, dt = 0.01", lambda n=n: fipy_line(n, "BE"), fipy),
            Row(w, "FiPy CN by hand, dt = 0.01", lambda n=n: fipy_line(n, "CN"), fipy),
            Row(w, "py-pde, LSODA", lambda n=n: pypde_line(n), ("pde", "numba")),
            Row(w, "fplanck", lambda n=n: fplanck_line(n), ("fplanck",)),
            Row(w, "PyDDM implicit, dt = 0.001", lambda n=n: pyddm_line(n), ("pyddm",)),
            Row(
                w,
                "pychangcooper BE, dt = 0.001",
                lambda n=n: changcooper_line(n),
                ("pychangcooper",),
            ),
        ]
    return out


@dataclass(frozen=True)
class Parabola:
    """W1: ``dX = -X dt + dW`` (D = 1/2) from N(2, 0.04) to t = 1, on [-6, 6]."""

    cells: int
    diffusion: float = 0.5
    low: float = -6.0
    high: float = 6.0

    @property
    def spacing(self) -> float:
        """Width of a cell."""
        return (self.high - self.low) / self.cells

    @property
    def edges(self) -> Array:
        """Cell edges, shape (cells + 1,)."""
        return np.linspace(self.low, self.high, self.cells + 1)

    def start(self) -> Array:
        """Cell averages of the initial density, shape (cells,)."""
        return self._normal(2.0, 0.2)

    def exact(self) -> Array:
        """Cell averages of the density at t = 1."""
        decay = np.exp(-1.0)
        variance = 0.04 * decay**2 + self.diffusion * (1 - decay**2)
        return self._normal(2.0 * decay, np.sqrt(variance))

    def _normal(self, mean: float, std: float) -> Array:
        from scipy.special import ndtr

        # upper tails, because the mean lies to the right of most cells
        return np.diff(ndtr((self.edges - mean) / std)) / self.spacing


def ours(cells: int, method: str = "auto", tolerance: float = 1e-8) -> Task:
    """`evolve`, set-up included."""
    from fokkerplanck.density import evolve
    from fokkerplanck.grid import Grid
    from fokkerplanck.landscapes import from_expression
    from fokkerplanck.noise import white
    from fokkerplanck.problem import Problem

    given = Parabola(cells)
    grid = Grid.line(given.low, given.high, cells)
    loss, start = from_expression("x**2 / 2", dim=1), given.start()
    start = start / (start.sum() * given.spacing)

    def call() -> Any:
        problem = Problem(grid, loss, white(given.diffusion))
        found = evolve(problem, start, [1.0], method=method, tolerance=tolerance)
        return found.density[0]

    least = 32.0 * cells  # two rates, start and end
    return call, floor(lambda p: judge(p, given.exact(), given.spacing), least)


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
        march(p, right, dt, 1, fipy.LinearLUSolver(tolerance=1e-12))
        return np.array(p.value)

    return call, lambda p: judge(p, given.exact(), given.spacing)


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


def changcooper_line(cells: int) -> Task:
    """Pychangcooper on the only grid it has, logarithmic from 1: x is shifted by 7."""
    import pychangcooper

    given = Parabola(cells)
    shift, steps = 1.0 - given.low, 1000

    class Shifted(pychangcooper.ChangCooper):  # type: ignore[misc, name-defined]
        def _define_terms(self) -> None:
            self._heating_term = self._half_grid - shift
            self._dispersion_term = np.full(self._n_grid_points - 1, given.diffusion)

        def _compute_source_function_and_escape(self) -> None:
            self._source_grid = np.zeros(self._n_grid_points)
            self._escape_grid = np.zeros(self._n_grid_points)

    def normal(x: Array, mean: float, variance: float) -> Array:
        return np.asarray(
            np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
        )

    points = np.power(given.high + shift, np.arange(cells) / cells)
    start = normal(points - shift, 2.0, 0.04)

    def call() -> tuple[Array, Array]:
        solver = Shifted(cells, given.high + shift, 1.0 / steps, start)
        for _ in range(steps):
            solver.solve_time_step()
        return np.array(solver.n), np.array(solver._delta_grid_bar)

    decay = np.exp(-1.0)
    exact = normal(points - shift, 2 * decay, 0.04 * decay**2 + 0.5 * (1 - decay**2))

    def judged(found: tuple[Array, Array]) -> dict[str, Any]:
        p, width = found
        before = float((start * width).sum())
        return {
            "l1": float((np.abs(p - exact) * width).sum()),
            "minimum": float(p.min() / p.max()),
            "mass_error": abs(float((p * width).sum()) - before),
        }

    return call, judged
