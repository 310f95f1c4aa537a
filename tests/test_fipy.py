"""FiPy as an independent check: it and the generator converge to the same densities."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.linalg import expm

from fokkerplanck.initial import delta, gaussian
from fokkerplanck.solvers.assemble import assemble
from fokkerplanck.solvers.errors import NumericalError
from fokkerplanck.solvers.evolve import evolve
from fokkerplanck.solvers.extrapolation import Extrapolation
from fokkerplanck.solvers.faces import face_fields
from fokkerplanck.solvers.fipy_backend import (
    FipyMissingError,
    FipyPropagator,
    fipy_equation,
    fipy_operator,
    load_fipy,
)
from fokkerplanck.solvers.schedule import evolve_scheduled
from fokkerplanck.theory.ornstein_uhlenbeck import OrnsteinUhlenbeck
from tests.fields import line, line_fields, plane, plane_fields, quartic, tensor

READINGS = [1.0, 0.5, 0.0]


def pairs(*walls):
    """All pairs of walls and readings; each of them is in one that is not slow."""
    return [
        pytest.param(wall, kappa, marks=[] if j == k else pytest.mark.slow)
        for j, wall in enumerate(walls)
        for k, kappa in enumerate(READINGS)
    ]


def both(fields, initial, time, tolerance=1e-7):
    """Masses from FiPy and from the generator, of the same problem."""
    generator = assemble(fields)
    mass = initial.ravel() * generator.volume
    steps = [
        next(evolve(generator, mass, [time], method=m, fields=fields, tolerance=tolerance))
        for m in ("fipy", "auto")
    ]
    assert steps[0].method == "fipy"
    return steps


def differences(fields, initial, time):
    fipy, ours = both(fields, initial, time)
    return np.abs(fipy.mass - ours.mass).sum()


def orders(errors):
    return np.log2(np.array(errors[:-1]) / errors[1:])


def wavy(n, walls, kappa):
    """A line with a double well, a push and a diffusion that vary on the same scale."""
    grid = line(-2, 2, n, walls)
    potential = quartic if walls != "periodic" else (lambda x: 0.3 * np.cos(np.pi * x))
    fields = line_fields(
        grid,
        lambda x: 0.4 + 0.2 * np.sin(np.pi * x / 2),
        potential,
        lambda x: 0.3 * np.ones_like(x),
        kappa,
    )
    return grid, fields


def turning(grid):
    """A full tensor whose axes and size turn and breathe with the position."""
    x, y = np.moveaxis(grid.points(), -1, 0)
    size = 0.3 + 0.15 * np.cos(np.pi * x / 2) * np.cos(np.pi * y / 2)
    angle = 0.4 + 0.5 * np.sin(np.pi * (x + y) / 2)
    c, s = np.cos(angle), np.sin(angle)
    along = np.stack([np.stack([c * c, c * s], -1), np.stack([c * s, s * s], -1)], -2)
    return size[..., None, None] * (along + 0.5 * np.eye(2))


def turning_fields(cells, walls, kappa):
    grid = plane(2, cells, walls)
    return grid, plane_fields(
        grid,
        turning(grid),
        lambda x, y: 0.2 * np.cos(np.pi * x),
        lambda x, y: (-0.2 * np.pi * np.sin(np.pi * x), 0 * y),
        lambda x, y: (0.2 * np.sin(np.pi * y), 0.2 * np.cos(np.pi * x)),
        kappa,
    )


def test_ornstein_uhlenbeck_line():
    exact = OrnsteinUhlenbeck(1.0, 0.5)
    errors = []
    for n in (64, 128, 256):
        grid = line(-6, 6, n)
        fields = line_fields(grid, 0.5, lambda x: x**2 / 2)
        reference = exact.density_cells(grid, 1.0, [2.0], [[0.04]]) * grid.volume
        errors.append(
            [np.abs(s.mass - reference).sum() for s in both(fields, gaussian(grid, 2.0, 0.2), 1.0)]
        )
    fipy, ours = np.transpose(errors)
    assert min(orders(fipy)) > 1.95
    assert min(orders(ours)) > 1.95
    assert fipy[-1] < 8e-4


def test_ornstein_uhlenbeck_plane():
    d = tensor(0.5, 0.5 / 3, np.pi / 6)
    exact = OrnsteinUhlenbeck(np.eye(2), d)
    errors = []
    for n in (32, 56):
        grid = plane(4, n)
        fields = plane_fields(grid, d, lambda x, y: (x * x + y * y) / 2, lambda x, y: (x, y))
        start = gaussian(grid, (1, 0.5), covariance=0.1 * np.eye(2))
        reference = exact.density_cells(grid, 1.0, (1, 0.5), 0.1 * np.eye(2)).ravel() * grid.volume
        steps = both(fields, start, 1.0)
        errors.append([np.abs(s.mass - reference).sum() for s in steps])
    fipy, ours = np.log(errors[0]), np.log(errors[-1])
    order = (fipy - ours) / np.log(56 / 32)
    assert order.min() > 1.8
    assert max(errors[-1]) < 1.1e-2
    # the cross term costs FiPy signs, which it has to own up to
    assert steps[0].mass.min() >= 0
    assert 0 < steps[0].clipped < 1e-4


@pytest.mark.parametrize(
    ("walls", "kappa"), pairs("reflecting", ("absorbing", "reflecting"), "periodic")
)
def test_readings_and_walls_of_a_line(walls, kappa):
    errors = []
    for n in (50, 100, 200):
        grid, fields = wavy(n, walls, kappa)
        errors.append(differences(fields, gaussian(grid, -1, 0.3), 0.5))
    assert min(orders(errors)) > 1.8
    assert errors[-1] < 2e-4


def test_readings_differ():
    found = []
    for kappa in READINGS:
        grid, fields = wavy(100, "reflecting", kappa)
        found.append(both(fields, gaussian(grid, -1, 0.3), 0.5)[0].mass)
    assert np.abs(found[0] - found[1]).sum() > 0.02
    assert np.abs(found[1] - found[2]).sum() > 0.02


@pytest.mark.parametrize("kappa", READINGS)
def test_jump_of_diffusion(kappa):
    errors = []
    for n in (50, 100, 200):
        grid = line(-2, 2, n)
        fields = line_fields(grid, lambda x: np.where(x < 0, 0.1, 0.7), quartic, kappa=kappa)
        errors.append(differences(fields, gaussian(grid, -1, 0.3), 1.0))
    assert min(orders(errors)) > 0.9
    assert errors[-1] < 2e-3


@pytest.mark.parametrize(
    ("walls", "kappa"), pairs("reflecting", "absorbing", ("periodic", "reflecting"))
)
def test_readings_and_walls_of_a_plane(walls, kappa):
    errors = []
    for n in (16, 32):
        grid, fields = turning_fields(n, walls, kappa)
        fipy, ours = both(fields, gaussian(grid, (0.5, -0.2), 0.4), 1.0, 1e-6)
        errors.append(np.abs(fipy.mass - ours.mass).sum())
    assert orders(errors)[0] > 1.7
    assert errors[-1] < 2e-2


def test_absorbed_mass():
    """What leaves through absorbing walls is the exact survival of free diffusion."""
    survival = sum(
        4 / (np.pi * k) * np.sin(np.pi * k / 2) * np.exp(-((np.pi * k) ** 2) * 0.1)
        for k in range(1, 20, 2)
    )
    grid = line(0, 1, 101, "absorbing")
    fields = line_fields(grid, 1.0)
    fipy, ours = both(fields, delta(grid, 0.5), 0.1)
    assert fipy.mass.sum() == pytest.approx(survival, rel=3e-4)
    assert ours.mass.sum() == pytest.approx(survival, rel=3e-4)


@pytest.mark.parametrize("walls", ["reflecting", "periodic", ("absorbing", "periodic")])
def test_matrix_is_the_residual_of_fipy(walls):
    """Probing loses nothing, also on axes whose number of cells 3 does not divide."""
    grid = plane(2, 10, walls)
    fields = turning_fields(10, walls, 0.5)[1]
    p = np.random.default_rng(0).uniform(size=grid.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        variable, right = fipy_equation(load_fipy(), fields)
        variable.setValue(p.T.ravel())
        residual = np.asarray(right.justResidualVector(var=variable)).reshape(10, 10).T
    rate = fipy_operator(fields) @ p.ravel()
    np.testing.assert_allclose(rate, residual.ravel() / grid.volume, atol=1e-12 * abs(rate).max())


def test_step_of_fipy_itself():
    """FiPy's own implicit step, swept until it rests, is the step of the probed matrix."""
    grid, fields = turning_fields(16, "reflecting", 1.0)
    p, dt = gaussian(grid, (0.5, -0.2), 0.4), 0.05
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fipy = load_fipy()
        variable, right = fipy_equation(fipy, fields)
        variable.setValue(p.T.ravel())
        variable.updateOld()
        equation = fipy.TransientTerm() == right
        for _ in range(30):
            equation.sweep(var=variable, dt=dt, solver=fipy.LinearLUSolver(tolerance=1e-14))
    step = sp.eye_array(p.size, format="csc") - dt * fipy_operator(fields)
    expected = sp.linalg.spsolve(step, p.ravel())
    swept = variable.value.reshape(16, 16).T.ravel()
    np.testing.assert_allclose(swept, expected, atol=1e-9 * p.max())


@pytest.mark.parametrize("walls", ["reflecting", "periodic"])
def test_boltzmann_rests(walls):
    """White noise and a gradient: differences of cell values keep the Boltzmann weight."""
    grid = line(-2, 2, 60, walls)
    fields = line_fields(grid, 0.3, lambda x: np.cos(np.pi * x))
    weight = np.exp(-fields.cell_potential() / 0.3)
    rate = fipy_operator(fields) @ weight
    # FiPy's exponential weights are cut off at a Peclet number of 1e-3
    assert np.abs(rate).max() < 1e-3 * np.abs(fipy_operator(fields)).max() * weight.max() * 1e-3


def test_mass_and_walls_of_a_full_tensor():
    """No flux leaves through reflecting walls, however D is turned at them."""
    fields = turning_fields(12, "reflecting", 0.5)[1]
    a = fipy_operator(fields)
    assert np.abs(a.sum(axis=0)).max() < 1e-12 * np.abs(a).max()


@pytest.mark.parametrize("dt", [0.01, 1.0, 100.0])
def test_extrapolation_keeps_its_promise(dt):
    """The estimate covers the error, from a point start, with rates from 1 to 1e4."""
    grid = line(-3, 3, 60)
    fields = line_fields(grid, 0.5, quartic)
    a = fipy_operator(fields)
    start = delta(grid, -1.02) * grid.volume
    exact = expm(dt * a.toarray()) @ start
    for tolerance in (1e-3, 1e-6, 1e-9):
        p, estimate = Extrapolation(a, True).advance(start, dt, tolerance)
        assert estimate <= tolerance
        assert np.abs(p - exact).sum() <= max(estimate, 1e-12)


def test_extrapolation_gives_up():
    grid = line(-3, 3, 60)
    a = fipy_operator(line_fields(grid, 0.5, quartic))
    with pytest.raises(NumericalError, match="larger tolerance"):
        Extrapolation(a, True).advance(delta(grid, 0.0), 1.0, 1e-17)


def test_negative_mass_is_refused():
    """A ridge two cells wide: FiPy's cross term is negative by per cents, and that is said."""
    grid = plane(4, 32)
    fields = plane_fields(grid, tensor(0.5, 0.005, np.pi / 6))
    generator = assemble(fields)
    start = gaussian(grid, (0, 0), 0.2) * grid.volume
    with pytest.raises(NumericalError, match="negative values"):
        FipyPropagator(generator, fields).advance(start.ravel(), 1.0, 1e-6)


def test_faces_of_a_jump():
    """At a jump the face value is the harmonic mean at kappa = 0, the logarithmic at 1."""
    grid = line(0, 1, 4)
    cells = np.array([1.0, 1.0, 4.0, 4.0])
    means = {0.0: 1.6, 0.5: 8 / (3 * np.log(4)), 1.0: 3 / np.log(4)}
    for kappa, mean in means.items():
        faces = face_fields(line_fields(grid, lambda x: cells, kappa=kappa))
        np.testing.assert_allclose(faces.normal[0], [1, 1, mean, 4, 4], rtol=1e-14)


def test_needs_fields():
    generator = assemble(line_fields(line(-1, 1, 5), 0.5))
    with pytest.raises(ValueError, match="needs the fields"):
        FipyPropagator(generator)


def test_missing_fipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "fipy", None)
    with pytest.raises(FipyMissingError, match=r'pip install "fokkerplanck\[fipy\]"') as caught:
        load_fipy()
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, ValueError)


def test_import_leaves_no_trace():
    """FiPy reads the command line and warns; neither may reach the user."""
    code = (
        "import os, sys\n"
        "from fokkerplanck.solvers.fipy_backend import load_fipy\n"
        "assert 'fipy' not in sys.modules\n"
        "before = list(sys.argv), dict(os.environ)\n"
        "load_fipy()\n"
        "assert (sys.argv, dict(os.environ)) == before\n"
    )
    command = [sys.executable, "-W", "error", "-c", code, "--petsc", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_smooth_schedules_are_refused_before_anything_is_computed():
    generator = assemble(line_fields(line(-2, 2, 20), 0.2, quartic))
    with pytest.raises(ValueError, match="steps only"):
        evolve_scheduled(
            lambda t: generator, np.full(20, 0.05), [0.1], piecewise_constant=False, method="fipy"
        )
