"""Synthetic planes of known truth, with the gradients of every sample."""

from __future__ import annotations

import h5py
import numpy as np


def write(path, axes, loss, gradients, **change):
    """Write a file of the contract from the losses and the gradients of single samples."""
    g = np.asarray(gradients, dtype=np.float32)
    mean = g.mean(axis=0, dtype=np.float64)
    away = g - mean
    data = dict(zip("xy", axes, strict=False))
    data |= {"loss": loss, "gradient": mean, "table/gradient": g}
    data["covariance"] = np.einsum("s...i,s...j->...ij", away, away) / len(g)
    with h5py.File(path, "w") as file:
        for name, values in (data | change).items():
            if values is not None:
                file[name] = values
    return path


def quadratics(path, samples=5, points=9, seed=0, half=3.0):
    """g_i = a_i (x - b_i), which splines have exactly; a and b in single precision."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(0.5, 1.5, samples).astype(np.float32)
    b = rng.uniform(-1, 1, samples).astype(np.float32)
    x = np.linspace(-half, half, points)
    loss = (a[:, None] * (x - b[:, None]) ** 2).mean(axis=0) / 2
    return write(path, (x,), loss, (a[:, None] * (x - b[:, None]))[..., None]), a, b


def double_well(path, noise=2.0, samples=40, points=33):
    """L = (x^2 - 1)^2 / 4 and samples whose tilts make the noise, stronger on the right."""
    x = np.linspace(-2, 2, points)
    tilt = np.random.default_rng(1).normal(size=samples)
    tilt = (tilt - tilt.mean()) / tilt.std()
    g = (x**3 - x) + tilt[:, None] * noise * (1 + 0.3 * x)
    return write(path, (x,), (x**2 - 1) ** 2 / 4, g[..., None])


def plane_well(path, samples=60, points=21, seed=2, noise=1.0):
    """L = (x^2 - 1)^2 / 4 + y^2 / 2 with correlated tilts that depend on the place."""
    x = np.linspace(-2, 2, points)
    p, q = np.meshgrid(x, x, indexing="ij")
    z = np.random.default_rng(seed).normal(size=(samples, 2))
    z = noise * (z - z.mean(axis=0))
    u, v = z.T[:, :, None, None]
    g = np.stack([p**3 - p + u * (1 + 0.2 * q), q + (0.5 * u + v) * (1 + 0.2 * p)], axis=-1)
    return write(path, (x, x), (p**2 - 1) ** 2 / 4 + q**2 / 2, g)
