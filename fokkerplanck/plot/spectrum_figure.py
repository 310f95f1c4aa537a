"""The figure of a spectrum: the ladder of time scales, and the slowest modes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import CenteredNorm
from matplotlib.figure import Figure

from fokkerplanck.plot.escape import Material
from fokkerplanck.plot.passage import COMMITTOR
from fokkerplanck.plot.plane import shape_ratio
from fokkerplanck.plot.spectrum import eigenvalue_plane, first_mode, ladder, mode_curves, mode_image
from fokkerplanck.plot.style import WIDTH, large_number, letter, number

__all__ = ["spectrum_figure"]

#: most modes that are drawn
CURVES, MAPS = 4, 4


def spectrum_figure(found: Material) -> Figure:
    """Draw the ladder of time scales beside the slowest modes."""
    return _line(found) if found.grid.dim == 1 else _plane(found)


def _line(found: Material) -> Figure:
    assert found.spectrum is not None
    spectrum, n = found.spectrum, min(CURVES, len(found.spectrum.rates))
    figure = Figure((WIDTH, 3.6), layout="constrained")
    columns = figure.add_gridspec(1, 2, width_ratios=(1, 2.2))
    steps = figure.add_subplot(columns[0])
    ladder(spectrum, found.grid, steps)
    rows = columns[1].subgridspec(2, 1)
    top = figure.add_subplot(rows[0])
    low = figure.add_subplot(rows[1], sharex=top)
    mode_curves(spectrum.right[:n], found.grid, top)
    mode_curves(spectrum.left[:n], found.grid, low)
    top.set_ylabel("observable $\\psi_k$")
    top.tick_params(labelbottom=False)
    top.set_xlabel("")
    top.legend(loc="best", ncols=2)
    low.set_ylabel("density $\\phi_k$")
    figure.align_ylabels([top, low])
    for k, ax in enumerate((steps, top, low)):
        letter(ax, k)
    return figure


def _plane(found: Material) -> Figure:
    assert found.spectrum is not None
    spectrum = found.spectrum
    # a mode and its conjugate look the same
    chosen = [k for k, w in enumerate(spectrum.frequencies) if w >= 0.0][:MAPS]
    n = len(chosen)
    figure, steps, axes = _places(n, shape_ratio(found.grid))
    turning = bool(np.any(spectrum.frequencies))
    (eigenvalue_plane if turning else ladder)(spectrum, found.grid, steps)
    for k, (mode, ax) in enumerate(zip(chosen, axes, strict=True)):
        mode_image(np.asarray(spectrum.right[mode]), found.loss, found.grid, ax)
        title = f"\\lambda_{first_mode(found.grid) + mode} = "
        title += large_number(float(spectrum.log10_rates[mode]))
        if spectrum.frequencies[mode]:
            title += f",\\ \\omega = {number(float(spectrum.frequencies[mode]))}"
        ax.set_title(f"${title}$")
        if ax.get_subplotspec().colspan.start and ax is not axes[0]:  # type: ignore[union-attr]
            ax.set_ylabel("")
            ax.tick_params(labelleft=False)
        if k + 2 < n:
            ax.set_xlabel("")
            ax.tick_params(labelbottom=False)
    mappable = ScalarMappable(CenteredNorm(0.0, 1.0), COMMITTOR)
    bar = figure.colorbar(mappable, ax=axes, pad=0.02, aspect=28)
    bar.set_label("mode $\\psi_k$, observable")
    for k, ax in enumerate((steps, *axes)):
        letter(ax, k)
    return figure


def _places(n: int, ratio: float) -> tuple[Figure, Axes, list[Axes]]:
    """Axes of the ladder and of `n` maps: beside them, or an odd one out among them."""
    odd = n % 2 and n > 1
    rows = -(-n // 2)
    side = (WIDTH - 1.0) / 2 if odd else (WIDTH - 2.9) / 2
    height = max(rows * (0.85 * side / ratio + 0.35) + 0.3, 2.6)
    figure = Figure((WIDTH if n > 1 else WIDTH - side, height), layout="compressed")
    if odd:
        cells = figure.add_gridspec(rows, 2)
        axes = [figure.add_subplot(cells[k // 2, k % 2]) for k in range(n + 1)]
        return figure, axes[0], axes[1:]
    columns = min(n, 2)
    outer = figure.add_gridspec(1, 2, width_ratios=(1.9, columns * side))
    inner = outer[1].subgridspec(rows, columns)
    maps = [figure.add_subplot(inner[k // columns, k % columns]) for k in range(n)]
    return figure, figure.add_subplot(outer[0]), maps
