"""Hypothesis strategies: random tensors, drifts, walls and spacings."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from fokkerplanck.grid import Grid
from tests.fields import plane_fields, tensor

KAPPAS = st.sampled_from([1.0, 0.5, 0.0])
WEIGHTS = st.sampled_from(["fitted", "midpoint"])
PAIRS = st.sampled_from(
    [
        ("reflecting", "reflecting"),
        ("reflecting", "absorbing"),
        ("absorbing", "absorbing"),
        ("periodic", "periodic"),
    ]
)


@st.composite
def tensors(draw, largest_ratio=100.0):
    """Symmetric positive definite 2 x 2 tensors of any orientation."""
    scale = 10.0 ** draw(st.floats(-3, 1))
    ratio = 10.0 ** draw(st.floats(0, np.log10(largest_ratio)))
    return tensor(scale, scale / ratio, draw(st.floats(0, np.pi)))


@st.composite
def random_fields(draw, pairs=PAIRS):
    """Fields on a small plane: smooth random tensors, loss and rotational force, any walls."""
    nx, ny = draw(st.integers(8, 14)), draw(st.integers(8, 14))
    width, height = draw(st.floats(1, 2)), draw(st.floats(1, 2))
    walls = (draw(pairs), draw(pairs))
    grid = Grid.plane((0, width, nx), (0, height, ny), walls)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, y = grid.points()[..., 0], grid.points()[..., 1]
    k = 2 * np.pi / np.array([width, height])
    a = rng.uniform(0, 2 * np.pi, 6)
    angle = a[0] + np.sin(k[0] * x + a[1]) + np.cos(k[1] * y + a[2])
    large = np.exp(0.5 * np.sin(k[0] * x + k[1] * y + a[3]))
    ratio = 10.0 ** rng.uniform(0, 1.0)
    c, s = np.cos(angle), np.sin(angle)
    small = large / ratio
    d = np.stack(
        [
            np.stack([large * c**2 + small * s**2, (large - small) * s * c], axis=-1),
            np.stack([(large - small) * s * c, large * s**2 + small * c**2], axis=-1),
        ],
        axis=-2,
    )
    depth, force = rng.uniform(0, 3), rng.uniform(-3, 3)
    return plane_fields(
        grid,
        d * 10.0 ** rng.uniform(-1.5, 0.5),
        lambda x, y: depth * np.cos(k[0] * x + a[4]) * np.cos(k[1] * y + a[5]),
        lambda x, y: (
            -depth * k[0] * np.sin(k[0] * x + a[4]) * np.cos(k[1] * y + a[5]),
            -depth * k[1] * np.cos(k[0] * x + a[4]) * np.sin(k[1] * y + a[5]),
        ),
        lambda x, y: (force * np.sin(k[1] * y), -force * np.sin(k[0] * x)),
        draw(KAPPAS),
    )
