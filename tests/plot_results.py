"""Small result files with densities and currents that are known, and how to find a panel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from fokkerplanck.grid import Grid
from fokkerplanck.store import StoredResult, read
from fokkerplanck.writer import Group, Header, Writer
from fokkerplanck.writer import Snapshot as Row

State = tuple[np.ndarray, np.ndarray]
SCALARS = {
    "mass": 1.0,
    "minimum": 0.0,
    "time_error": 0.0,
    "clipped": 0.0,
    "products": 1,
    "solves": 0,
    "method": "exact",
}


def write(
    path: Path,
    grid: Grid,
    loss: np.ndarray,
    times: Sequence[float],
    states: Sequence[State],
    stationary: State | None = None,
    title: str = "a test",
    more: dict[str, Group] | None = None,
) -> StoredResult:
    """A result file with given densities and currents; D = 1."""
    diffusion = np.broadcast_to(np.eye(grid.dim), (*grid.shape, grid.dim, grid.dim))
    header = Header(grid, title, loss, diffusion, None, "", "0", len(times), {})
    with Writer(path, header) as writer:
        for t, (p, j) in zip(times, states, strict=True):
            writer.append(Row(t, p.ravel() * grid.volume, p, j, SCALARS))
        groups = dict(more or {})
        if stationary is not None:
            names = ("x", "y")[: grid.dim]
            arrays = {
                "density": (stationary[0], names, "density"),
                "current": (stationary[1], (*names, "component"), "current"),
            }
            groups["stationary"] = Group(arrays, {"entropy_production": 0.0})
        writer.finish("complete", groups=groups)
    return read(path)


def is_png(path: Path) -> bool:
    with Image.open(path) as image:
        image.verify()
        return image.format == "PNG"


def normal(grid: Grid, mean: Sequence[float], std: float) -> np.ndarray:
    distance = grid.points() - np.asarray(mean)
    p = np.exp(-0.5 * (distance**2).sum(axis=-1) / std**2)
    return p / grid.integrate(p)


TIMES = np.logspace(-2, 4, 13)


def wells_file(path: Path) -> StoredResult:
    """Two wells that exchange mass at rate 0.01; the current is that of the exchange."""
    grid = Grid.line(-2.0, 2.0, 80)
    x = grid.axes[0].centres
    left, right = normal(grid, [-1.0], 0.15), normal(grid, [1.0], 0.15)
    gone = 0.5 * (1 - np.exp(-0.02 * TIMES))
    flux = 0.01 * np.exp(-0.02 * TIMES)[:, None] * np.cumsum(left - right) * grid.spacing[0]
    states = [((1 - g) * left + g * right, j[:, None]) for g, j in zip(gone, flux, strict=True)]
    steady = (0.5 * (left + right), 1e-17 * np.sin(x)[:, None])
    return write(path, grid, (x**2 - 1) ** 2 / 4, TIMES, states, steady)


def plane_file(path: Path) -> StoredResult:
    """A Gaussian that turns counter-clockwise on a grid of unequal sides."""
    grid = Grid.plane((-3.0, 3.0, 60), (-2.0, 2.5, 45))
    points = grid.points()
    steady = normal(grid, [0.0, 0.0], 0.6)
    turn = np.stack([-points[..., 1], points[..., 0]], axis=-1)
    states = []
    for angle in (0.0, 0.6, 1.2):
        p = normal(grid, [np.cos(angle), np.sin(angle)], 0.4)
        states.append((p, p[..., None] * turn))
    loss = 0.5 * (points**2).sum(axis=-1)
    return write(
        path,
        grid,
        loss,
        [0.0, 0.6, 1.2],
        states,
        (steady, steady[..., None] * turn),
        title="turning $ α",
    )


LOG10_MEAN = 400.0


def escape_file(
    path: Path, dim: int, stationary: bool = False, walls: str = "reflecting"
) -> StoredResult:
    """A passage over a barrier that is beyond floats, its spectrum, rates, densities of two wells.

    In the plane the reactive current flows along x, with a Gaussian profile across.
    """
    grid = Grid.line(-2.0, 2.0, 80, walls)
    if dim == 2:
        grid = Grid.plane((-2.0, 2.0, 80), (-1.5, 1.5, 60))
    names = grid.names
    x = grid.points()[..., 0]
    y = grid.points()[..., -1] if dim == 2 else np.zeros_like(x)
    q = 0.5 * (1 + np.vectorize(math.erf)(x / 0.3))
    ends = [((x - c) ** 2 + y**2 < 0.3**2).astype(float) for c in (-1.0, 1.0)]
    profile = np.exp(-0.5 * (y / 0.1) ** 2) / (0.1 * math.sqrt(2 * math.pi)) if dim == 2 else 1.0
    current = np.zeros((*grid.shape, dim))
    current[..., 0] = profile * (ends[0] + ends[1] == 0)
    times = np.geomspace(1e-3, 1e3, 31)
    facts = {"index": 0, "mean": math.inf, "log10_mean": LOG10_MEAN, "from": "a", "to": "b"}
    arrays = {
        "log10_time": (LOG10_MEAN + np.log10(1.0 - 0.99 * q), names, ""),
        "source": (ends[0], names, ""),
        "target": (ends[1], names, ""),
        "committor": (q, names, ""),
        "committor_backward": (1 - q, names, ""),
        "reactive_current": (current, (*names, "component"), ""),
        "survival": (np.exp(-times), ("passage_time",), ""),
        "arrival": (np.exp(-times), ("passage_time",), ""),
    }
    over = Group(arrays, facts, {"passage_time": (times, "time")})
    finite = {**facts, "index": 1, "mean": 1.0, "log10_mean": 0.0}
    near = {**arrays, "log10_time": (np.log10(1.0 - 0.99 * q), names, "")}
    under = Group(near, finite, {"passage_time": (times, "time")})
    logs = np.array([-LOG10_MEAN, 0.0, 0.3])
    modes = np.stack([2 * q - 1, np.exp(-(x**2)), x])
    spectrum = {
        "rate": (10.0**logs, ("mode",), ""),
        "frequency": (np.zeros(3), ("mode",), ""),
        "log10_rate": (logs, ("mode",), ""),
        "error": (np.zeros(3), ("mode",), ""),
        "right": (modes, ("mode", *names), ""),
        "left": (modes, ("mode", *names), ""),
    }
    pair = np.array([[-np.inf, -350.0, -3.0], [-2.0, -np.inf, -4.0], [-5.0, -6.0, -np.inf]])
    places = np.zeros((3, dim))
    places[:, 0] = [-1.0, 0.0, 1.0]
    rates = {
        "position": (places, ("well", "component"), ""),
        "rate": (10.0**pair, ("well", "to_well"), ""),
        "log10_rate": (pair, ("well", "to_well"), ""),
        "population": (np.array([0.2, 0.3, 0.5]), ("well",), ""),
    }
    side = (x < 0).astype(float)
    wells = {
        f"quasi_stationary/{name}": Group(
            {
                "density": (normal(grid, [c] + [0.0] * (dim - 1), 0.2) * share, names, ""),
                "well": (share, names, ""),
            },
            {"index": k, "log10_rate": -LOG10_MEAN, "minimum": places[2 * k]},
        )
        for k, (name, c, share) in enumerate([("left $", -1.0, side), ("a right", 1.0, 1 - side)])
    }
    more = {
        **wells,
        "passage/over $": over,
        "passage/a back": under,
        "spectrum": Group(spectrum, {}),
        "rates": Group(rates, {"error": 0.0}),
    }
    loss = (x**2 - 1) ** 2 / 4 + (y**2 if dim == 2 else 0.0)
    steady = (normal(grid, [0.0] * dim, 0.5), current) if stationary else None
    return write(path, grid, loss, [], [], steady, more=more)


def panel(figure: Figure, name: str) -> mpl.axes.Axes:
    """The axes whose label of the ordinate, or title, begins with a name."""
    return next(
        ax
        for ax in figure.axes
        if ax.get_ylabel().startswith(name) or ax.get_title().startswith(name)
    )
