"""Escape on a sampled plane by bilinear finite elements and plain scipy: nothing of the package.

The density p of the Ito equation with drift f and diffusion D, no flux through the walls, has
``int v dp/dt = int grad v . (f p - div(D p))`` for every v. With M and A the matrices of both
sides, ``A p = 0`` is stationary, ``A^T u = -M 1`` off a set the mean time to it, and
``A p = -lambda M p`` the spectrum. Loss and covariance lie between the samples on cubic splines
through their values.
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.interpolate import RectBivariateSpline
from scipy.sparse import linalg

Array = NDArray[np.float64]
GAUSS = (0.5 - 0.5 / np.sqrt(3), 0.5 + 0.5 / np.sqrt(3))


class Plane:
    """Drift and diffusion of SGD on a file; `even` puts one variance in place of C."""

    def __init__(self, path: Path, learning_rate: float, even: float | None = None) -> None:
        with h5py.File(path) as file:
            x, y, loss, c = (file[k][...] for k in ("x", "y", "loss", "covariance"))
        if even is not None:
            c = np.broadcast_to(even * np.eye(2), c.shape)
        self.loss = RectBivariateSpline(x, y, loss)
        self.c = [[RectBivariateSpline(x, y, c[..., i, j]) for j in (0, 1)] for i in (0, 1)]
        self.half = learning_rate / 2

    def diffusion(self, x: Array, y: Array) -> Array:
        rows = [[self.half * s.ev(x, y) for s in row] for row in self.c]
        return np.moveaxis(np.array(rows), (0, 1), (-2, -1))

    def advection(self, x: Array, y: Array) -> Array:
        """f - div D: what is left of the drift beside ``-D grad p``."""
        order = ({"dx": 1}, {"dy": 1})
        return np.stack(
            [
                -self.loss.ev(x, y, **order[i])
                - sum(self.half * self.c[i][j].ev(x, y, **order[j]) for j in (0, 1))
                for i in (0, 1)
            ],
            axis=-1,
        )


def matrices(plane: Plane, x: Array, y: Array) -> tuple[sparse.csr_array, sparse.csr_array]:
    """M and A on the nodes of a lattice, by two Gauss points along each side of an element."""
    h = np.array([x[1] - x[0], y[1] - y[0]])
    node = np.arange(x.size * y.size).reshape(x.size, y.size)
    corners = np.stack([node[:-1, :-1], node[1:, :-1], node[:-1, 1:], node[1:, 1:]], -1)
    corners = corners.reshape(-1, 4)
    mass, flow = np.zeros((2, len(corners), 4, 4))
    left, low = (v.ravel() for v in np.meshgrid(x[:-1], y[:-1], indexing="ij"))
    for s in GAUSS:
        for t in GAUSS:
            shape = np.array([(1 - s) * (1 - t), s * (1 - t), (1 - s) * t, s * t])
            slope = np.array([[t - 1, 1 - t, -t, t], [s - 1, -s, 1 - s, s]]).T / h
            at = left + s * h[0], low + t * h[1]
            d, a = plane.diffusion(*at), plane.advection(*at)
            w = h.prod() / 4
            mass += w * shape[:, None] * shape
            flow += w * np.einsum("ki,ni,l->nkl", slope, a, shape)
            flow -= w * np.einsum("ki,nij,lj->nkl", slope, d, slope)
    rows, columns = (
        np.broadcast_to(v, mass.shape).ravel() for v in (corners[..., None], corners[:, None])
    )
    size = (node.size, node.size)
    return tuple(sparse.csr_array((m.ravel(), (rows, columns)), shape=size) for m in (mass, flow))


def escape(
    plane: Plane, x: Array, y: Array, start: tuple[float, float], boxes: list[list[list[float]]]
) -> dict[str, Array]:
    """Mean times from a node to boxes, stationary mean and covariance, two slowest rates."""
    m, a = matrices(plane, x, y)
    points = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    first = int(np.argmin(np.hypot(*(points - start).T)))
    assert np.allclose(points[first], start, atol=1e-9)
    total = m @ np.ones(len(points))
    times = []
    for box in boxes:
        inside = [
            (p >= lo - 1e-9) & (p <= hi + 1e-9) for p, (lo, hi) in zip(points.T, box, strict=True)
        ]
        free = np.flatnonzero(~(inside[0] & inside[1]))
        u = np.zeros(len(points))
        u[free] = linalg.spsolve(a.T.tocsr()[free][:, free].tocsc(), -total[free])
        times.append(u[first])
    rates, modes = linalg.eigs(a.tocsc(), 3, m.tocsc(), sigma=1e-9)
    order = np.argsort(-rates.real)
    p = modes[:, order[0]].real
    p /= total @ p
    mean = points.T @ (m @ p)
    away = points - mean
    return {
        "times": np.array(times),
        "mean": mean,
        "covariance": away.T @ ((m @ p)[:, None] * away),
        "rates": -rates[order[1:]].real,
    }


def between_three_networks(path: Path, even: float | None = None) -> dict[str, float]:
    """Numbers of the cases on the plane of three networks, from two lattices extrapolated."""
    plane, found = Plane(path, 2.5, even), []
    for n in (8, 16):
        x, y = np.linspace(-2.25, 11.25, 27 * n // 2 + 1), np.linspace(-2.25, 9.25, 23 * n // 2 + 1)
        boxes = [[[8.5, 9.5], [-0.5, 0.5]], [[4.0, 5.0], [7.0, 8.0]]]
        found.append(escape(plane, x, y, (0.0, 0.0), boxes))
    best = {k: (4 * found[1][k] - found[0][k]) / 3 for k in found[0]}
    return {
        "passage.first to second.mean": best["times"][0],
        "passage.first to third.mean": best["times"][1],
        "stationary.mean.0": best["mean"][0],
        "stationary.mean.1": best["mean"][1],
        "stationary.covariance.0.0": best["covariance"][0, 0],
        "spectrum.0": best["rates"][0],
        "spectrum.1": best["rates"][1],
    }


def descent_of_a_training(path: Path) -> dict[str, float]:
    """Numbers of the case on the plane of a training, from two lattices and steps extrapolated."""
    plane, found = Plane(path, 0.5), []
    for n in (12, 24):
        x, y = np.linspace(-1.25, 10.5, 47 * n // 4 + 1), np.linspace(-3.5, 7.0, 21 * n // 2 + 1)
        found.append(_followed(plane, x, y, 6 / n))
    best = {k: (4 * found[1][k] - found[0][k]) / 3 for k in found[0]}
    return {
        "evolve.mean.2.0": best[60][0],
        "evolve.mean.2.1": best[60][1],
        "evolve.covariance.2.0.0": best[60][2],
        "evolve.mean.4.0": best[200][0],
        "evolve.covariance.4.0.0": best[200][2],
        "evolve.covariance.4.1.1": best[200][3],
    }


def _followed(plane: Plane, x: Array, y: Array, step: float) -> dict[int, Array]:
    """Means and variances at the times 60 and 200, by Crank and Nicolson's steps."""
    m, a = matrices(plane, x, y)
    points = np.stack(np.meshgrid(x, y, indexing="ij"), -1).reshape(-1, 2)
    away = (points - [9.25, 5.75]) / 0.3
    p, total = np.exp(-(away**2).sum(axis=1) / 2), m @ np.ones(len(points))
    p /= total @ p
    solve = linalg.splu((m - step / 2 * a).tocsc()).solve
    found, half = {}, (m + step / 2 * a).tocsr()
    for k in range(1, round(200 / step) + 1):
        p = solve(half @ p)
        if round(k * step, 9) in (60, 200):
            mass = m @ p
            mean = points.T @ mass
            found[round(k * step)] = np.r_[mean, ((points - mean) ** 2).T @ mass]
    return found
