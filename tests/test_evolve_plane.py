"""Two-dimensional Ornstein-Uhlenbeck with a full tensor, from assembly to density."""

import numpy as np
import pytest

from fokkerplanck.solvers.assemble import assemble
from fokkerplanck.solvers.evolve import evolve
from fokkerplanck.solvers.fields import Fields


def tensor(ratio):
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    turn = np.array([[c, -s], [s, c]])
    return turn @ np.diag([0.5, 0.5 / ratio]) @ turn.T


def fields(n, diffusion, half=4.0, spin=0.0):
    h = 2 * half / n
    axis = -half + h / 2 * np.arange(2 * n + 1)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    force = None
    if spin:
        force = spin * np.stack([-points[..., 1], points[..., 0]], axis=-1)
    wall = ("reflecting", "reflecting")
    d = np.broadcast_to(diffusion, (n, n, 2, 2)).copy()
    return Fields((n, n), (h, h), (wall, wall), d, (points**2).sum(-1) / 2, points, force)


def gaussian_masses(n, mean, covariance, half=4.0):
    """Cell masses by 3-point Gauss rules in each direction."""
    h = 2 * half / n
    centre = -half + h * (np.arange(n) + 0.5)
    nodes, weights = np.polynomial.legendre.leggauss(3)
    inverse = np.linalg.inv(covariance)
    out = np.zeros((n, n))
    for a, wa in zip(nodes, weights, strict=True):
        for b, wb in zip(nodes, weights, strict=True):
            dx = centre[:, None] + a * h / 2 - mean[0]
            dy = centre[None, :] + b * h / 2 - mean[1]
            q = inverse[0, 0] * dx**2 + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy**2
            out += wa * wb / 4 * np.exp(-q / 2)
    return out * h**2 / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))


def run(n, ratio, method="auto"):
    d = tensor(ratio)
    start = gaussian_masses(n, (1.0, 0.5), 0.1 * np.eye(2))
    (step,) = evolve(assemble(fields(n, d)), start, [1.0], method=method)
    decay = np.exp(-1.0)
    covariance = d + decay**2 * (0.1 * np.eye(2) - d)
    truth = gaussian_masses(n, (decay, 0.5 * decay), covariance)
    return step, np.abs(step.mass.reshape(n, n) - truth).sum()


@pytest.mark.parametrize(("ratio", "most"), [(10, 8e-4), (100, 5e-3)])
def test_full_tensor_density_on_256_squared(ratio, most):
    step, error = run(256, ratio)
    assert error <= most
    assert step.mass.min() >= 0.0
    assert step.clipped < 1e-14
    assert step.mass.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(("ratio", "order"), [(10, 1.95), (100, 1.7)])
def test_full_tensor_density_converges(ratio, order):
    coarse, fine = run(64, ratio)[1], run(128, ratio)[1]
    assert np.log2(coarse / fine) > order


def test_methods_agree_where_chebyshev_alone_would_go_negative():
    steps = [run(64, 1000, method)[0] for method in ("chebyshev", "uniformisation", "rational")]
    for step in steps:
        assert np.abs(step.mass - steps[1].mass).sum() < 1e-9
        assert step.mass.min() >= 0.0


def test_rotating_drift_is_followed_over_many_turns():
    # dx = -(1 + i w) x dt + noise: the mean turns by w t and shrinks by exp(-t)
    n, spin = 96, 6.0
    g = assemble(fields(n, 0.1 * np.eye(2), half=3.0, spin=spin))
    start = gaussian_masses(n, (1.2, 0.0), 0.1 * np.eye(2), half=3.0)
    x = -3.0 + 6.0 / n * (np.arange(n) + 0.5)
    by_method = {}
    for method in ("chebyshev", "uniformisation"):
        (step,) = evolve(g, start, [1.0], method=method)
        by_method[method] = step.mass
        p = step.mass.reshape(n, n)
        mean = (p.sum(1) @ x) + 1j * (p.sum(0) @ x)
        assert mean == pytest.approx(1.2 * np.exp(-1.0 + 1j * spin), abs=2e-2)
    assert np.abs(by_method["chebyshev"] - by_method["uniformisation"]).sum() < 1e-11


def test_rational_follows_rotation_too():
    n = 24
    g = assemble(fields(n, 0.1 * np.eye(2), half=3.0, spin=6.0))
    start = gaussian_masses(n, (1.2, 0.0), 0.1 * np.eye(2), half=3.0)
    (a,) = evolve(g, start, [1.0], method="rational")
    (b,) = evolve(g, start, [1.0], method="uniformisation")
    assert np.abs(a.mass - b.mass).sum() < 1e-9
