"""Figures of measured landscapes: the loss, its wells, and ellipses of the gradient noise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import EllipseCollection
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from fokkerplanck.grid import Axis, Grid
from fokkerplanck.plot.output import PICTURES, PRINT_DPI, check_output, save
from fokkerplanck.plot.plane import frame, landscape_image, loss_levels, shape_ratio
from fokkerplanck.plot.style import WELLS, letter, number, plain, shortened, styled
from fokkerplanck.plot.wells import Wells, find_wells
from fokkerplanck.surface_record import path_share

if TYPE_CHECKING:
    from fokkerplanck.landscapes.sampled import SampledLandscape
    from fokkerplanck.landscapes.surface_file import Surface
    from fokkerplanck.store import StoredResult

__all__ = [
    "Relief",
    "noise_ellipses",
    "plot_surface",
    "relief_of_file",
    "relief_of_result",
    "surface_figure",
]

Array = NDArray[np.float64]
#: cells along an axis on which a sampled loss is drawn
CELLS = 240
#: ellipses along the longer side
LATTICE = 13
#: the largest ellipse fills this part of its place
FILLED = 0.92
#: ellipses longer than this many medians are drawn too small, and dashed
LARGE = 4.0
#: colour of all that is about noise
NOISE = "#A50026"
#: of samples that are missing
MISSING = "#E69F00"
#: letters of the line above the figure
HEADING = 60


@dataclass(frozen=True, eq=False)
class Relief:
    """What a figure of a landscape is about.

    Parameters
    ----------
    grid : Grid
    loss : ndarray, shape (*shape)
        At cell centres; nan where a sample is missing.
    noise : ndarray, shape (*shape, dim, dim), or None
        Covariance of gradients, or diffusion tensor, at cell centres.
    symbol : str
        Of the noise, as mathtext.
    anchors : ndarray, shape (m, dim)
        Places with names: trained networks.
    names : sequence of str
    samples : ndarray or None
        Coordinates of the samples on a line.
    heading : str
        Text above the figure.
    """

    grid: Grid
    loss: Array
    noise: Array | None
    symbol: str
    anchors: Array
    names: Sequence[str] = ()
    samples: Array | None = None
    heading: str = ""
    wells: Wells | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "wells", find_wells(self.loss, self.grid))


def plot_surface(
    relief: Relief, output: str | Path, *, dpi: int = PRINT_DPI, force: bool = False
) -> Path:
    """Draw a landscape with its noise into a PNG or PDF file.

    Raises
    ------
    CaseError
        Another suffix.
    DataError
        The file exists, or cannot be written.
    """
    path = check_output(output, force=force, allowed=PICTURES)
    save(surface_figure(relief), path, dpi=dpi, title=relief.heading or "landscape")
    return path


def relief_of_file(path: str | Path) -> Relief:
    """Read a sampled landscape; points that are missing stay holes.

    Raises
    ------
    DataError
        A file that cannot be read, or whose arrays do not fit together.
    """
    from fokkerplanck.landscapes import load_sampled
    from fokkerplanck.landscapes.sampled import FEWEST
    from fokkerplanck.landscapes.surface_file import read_surface

    raw = read_surface(path, FEWEST, complete=False)
    if any(raw.holes(name) for name in ("loss", "gradient", "covariance", "hessian")):
        return _with_holes(raw, Path(path).name)
    surface = load_sampled(path)
    grid = _box(surface.axes, [CELLS] * surface.dim)
    points = grid.points()
    return Relief(
        grid,
        surface.loss(points),
        _covariance(surface, points),
        "C",
        *_anchors(surface.attributes, surface.dim),
        surface.axes[0] if surface.dim == 1 else None,
        _heading(surface.attributes),
    )


def relief_of_result(result: StoredResult) -> Relief:
    """Read the landscape of a result, with its diffusion tensor."""
    summary = json.loads(result.summary) if result.summary else {}
    about = ((summary.get("landscape") or {}).get("interpolation") or {}).get("attributes", {})
    anchors, names = _anchors(about, result.grid.dim)
    # only those within the walls
    low, high = np.array([[a.min, a.max] for a in result.grid.axes]).T
    inside = ((anchors >= low) & (anchors <= high)).all(axis=-1)
    kept = [name for name, keep in zip(names, inside, strict=True) if keep]
    parts = (result.grid, result.loss, result.diffusion, "D", anchors[inside], kept)
    return Relief(*parts, heading=result.title)


def surface_figure(relief: Relief) -> Figure:
    """Compose the figure of a landscape: in the plane one panel, on a line loss over noise."""
    with styled():
        return _line(relief) if relief.grid.dim == 1 else _plane(relief)


def noise_ellipses(
    noise: Array, grid: Grid, ax: Axes, *, count: int = LATTICE
) -> tuple[EllipseCollection, float, bool]:
    """Draw one ellipse of standard deviations at each place of a coarse lattice.

    Parameters
    ----------
    noise : ndarray, shape (nx, ny, 2, 2)

    Returns
    -------
    EllipseCollection
        Half axes are along the eigenvectors, proportional to the roots of the eigenvalues.
    float
        Standard deviation that the longest half axis stands for.
    bool
        Whether there are larger ones, which are drawn dashed and too small.
    """
    x, y = grid.axes
    pitch = max(x.max - x.min, y.max - y.min) / count
    picks = [_picks(axis, pitch) for axis in grid.axes]
    chosen = noise[np.ix_(*picks)].reshape(-1, 2, 2)
    places = np.stack(
        np.meshgrid(*(a.centres[p] for a, p in zip(grid.axes, picks, strict=True)), indexing="ij"),
        axis=-1,
    ).reshape(-1, 2)
    kept = np.isfinite(chosen).all(axis=(-2, -1))
    values, vectors = np.linalg.eigh(chosen[kept])
    sizes = np.sqrt(np.maximum(values, 0.0))
    longest = sizes[:, -1]
    # on steep rims the noise is large: it must not make that of the wells invisible
    unit = float(min(longest.max(), LARGE * np.median(longest))) if len(longest) else 0.0
    shrink = np.maximum(longest / (unit or 1.0), 1.0)
    width = sizes / (shrink * (unit or 1.0))[:, np.newaxis] * FILLED * pitch
    drawn = EllipseCollection(
        width[:, 1],
        width[:, 0],
        np.degrees(np.arctan2(vectors[:, 1, 1], vectors[:, 0, 1])),
        units="xy",
        offsets=places[kept],
        offset_transform=ax.transData,
        facecolors="none",
        edgecolors=NOISE,
        linewidths=0.7,
        linestyles=[(0, (2.5, 1.5)) if s > 1.0 else "solid" for s in shrink.tolist()],
        zorder=3,
    )
    ax.add_collection(drawn)
    return drawn, unit, bool((shrink > 1.0).any())


def _picks(axis: Axis, pitch: float) -> NDArray[np.intp]:
    count = max(1, round((axis.max - axis.min) / pitch))
    places = axis.min + (np.arange(count) + 0.5) * (axis.max - axis.min) / count
    return np.asarray(np.clip(np.searchsorted(axis.edges, places) - 1, 0, axis.cells - 1))


def _plane(relief: Relief) -> Figure:
    ratio = shape_ratio(relief.grid)
    side = 4.2 * min(1.0, ratio)
    figure = Figure((side + 1.3, side / ratio + 0.75), layout="constrained")
    ax = figure.add_subplot()
    finite = relief.loss[np.isfinite(relief.loss)]
    levels = loss_levels(finite, 12) if finite.size else np.empty(0)
    levels = np.array([finite.min(), *levels]) if len(levels) > 1 else levels
    if np.isfinite(relief.loss).all():
        landscape_image(relief.loss, relief.grid, ax, relief.wells)
    else:
        _holes(relief, ax, levels)
    if len(levels) > 1:
        _loss_bar(figure, ax, levels)
    note = ""
    if relief.noise is not None:
        _, unit, larger = noise_ellipses(relief.noise, relief.grid, ax)
        note = f"longest half axis: $\\sqrt{{{relief.symbol}}} = {number(unit, 2)}$"
        note += "; dashed: longer" if larger else ""
    _mark_anchors(relief, ax)
    frame(ax, relief.grid)
    ax.set_title(plain(relief.heading), loc="left")
    ax.text(1.0, -0.1, note, transform=ax.transAxes, ha="right", va="top", color=NOISE)
    return figure


def _holes(relief: Relief, ax: Axes, levels: Array) -> None:
    """Draw samples as squares, in colour where they are missing."""
    x, y = relief.grid.axes
    if len(levels) > 1:
        norm, colours = _shades(levels)
        values = np.ma.masked_invalid(relief.loss.T)
        ax.pcolormesh(x.edges, y.edges, values, cmap=colours, norm=norm, rasterized=True)


def _loss_bar(figure: Figure, ax: Axes, levels: Array) -> None:
    bar = figure.colorbar(
        ScalarMappable(*_shades(levels)),
        ax=ax,
        pad=0.02,
        aspect=24,
        extend="max",
        spacing="uniform",
    )
    ticks = levels[:: max(1, len(levels) // 6)]
    bar.set_ticks(ticks.tolist(), labels=[f"${number(float(t), 3)}$" for t in ticks])
    bar.set_label("loss $L$")


def _shades(levels: Array) -> tuple[BoundaryNorm, Colormap]:
    """Shades of grey of `landscape_image`."""
    greys = [str(g) for g in np.linspace(0.99, 0.55, len(levels))]
    colours = ListedColormap(greys[:-1]).with_extremes(over=greys[-1], bad=MISSING)
    return BoundaryNorm(levels, len(greys) - 1), colours


def _mark_anchors(relief: Relief, ax: Axes) -> None:
    halo = [withStroke(linewidth=2.0, foreground="white")]
    for place, name in zip(relief.anchors, relief.names, strict=False):
        ax.plot(*place, "+", color="black", markersize=8, markeredgewidth=1.0, zorder=7)
        right = place[0] > relief.grid.axes[0].min + 0.6 * np.ptp(relief.grid.axes[0].edges)
        label = ax.annotate(
            plain(shortened(name, 16)),
            place,
            xytext=(-5 if right else 5, 5),
            ha="right" if right else "left",
            textcoords="offset points",
            path_effects=halo,
            fontsize=8.0,
            zorder=8,
            annotation_clip=True,
        )
        label.set_in_layout(False)


def _line(relief: Relief) -> Figure:
    rows = 1 if relief.noise is None else 2
    figure = Figure((3.7, 2.4 if rows == 1 else 3.6), layout="constrained")
    axes: list[Axes] = list(np.ravel(figure.subplots(rows, 1, sharex=True)))
    (axis,) = relief.grid.axes
    axes[0].plot(axis.centres, relief.loss, color="black")
    if relief.samples is not None:
        at_samples = np.interp(relief.samples, axis.centres, relief.loss)
        axes[0].plot(relief.samples, at_samples, ".", color="0.45", markersize=3)
    if (wells := relief.wells) is not None:
        edge: dict[str, Any] = {"markeredgecolor": "black", "markeredgewidth": 0.5, "markersize": 5}
        for k, cell in enumerate(wells.minima):
            axes[0].plot(wells.bottoms[k, 0], relief.loss[cell], "o", color=WELLS[k], **edge)
        for k, cell in enumerate(wells.passes):
            axes[0].plot(wells.saddles[k, 0], relief.loss[cell], "X", color="white", **edge)
    axes[0].set_ylabel("loss $L$")
    if relief.noise is not None:
        axes[1].plot(axis.centres, relief.noise[:, 0, 0], color=NOISE)
        axes[1].set_ylabel(f"noise ${relief.symbol}$")
        axes[1].set_ylim(bottom=0)
    for place, name in zip(relief.anchors[:, 0], relief.names, strict=False):
        for ax in axes:
            ax.axvline(place, color="0.7", linewidth=0.7, zorder=0)
        where = axes[0].get_xaxis_transform()
        text = plain(shortened(name, 12))
        axes[0].text(place, 0.97, text, transform=where, va="top", fontsize=7.5, color="0.3")
    axes[-1].set_xlabel(f"${axis.name}$")
    axes[-1].set_xlim(axis.min, axis.max)
    if relief.heading:
        figure.suptitle(plain(relief.heading), fontsize=9.0)
    for k, ax in enumerate(axes if rows > 1 else ()):
        letter(ax, k)
    return figure


def _box(axes: Sequence[Array], cells: Sequence[int], widen: bool = False) -> Grid:
    """Make a grid over the samples; widened, its cells are centred at them."""
    made = []
    for name, axis, count in zip("xy", axes, cells, strict=False):
        half = 0.5 * (axis[-1] - axis[0]) / (count - 1) if widen else 0.0
        made.append(Axis(float(axis[0] - half), float(axis[-1] + half), count, name=name))
    return Grid(tuple(made))


def _with_holes(raw: Surface, name: str) -> Relief:
    grid = _box(raw.axes, raw.loss.shape, widen=True)
    missing = int((~np.isfinite(raw.loss)).sum())
    told = f"{name}: {missing} of {raw.loss.size} samples are missing (orange)"
    noise = raw.covariance
    if noise is not None:
        noise = np.where(np.isfinite(raw.loss).reshape(*raw.loss.shape, 1, 1), noise, np.nan)
    anchors, names = _anchors(raw.attributes, len(raw.axes))
    return Relief(grid, raw.loss, noise, "C", anchors, names, heading=told)


def _covariance(surface: SampledLandscape, points: Array) -> Array | None:
    if surface.covariance_samples is None or surface.covariance_problem is not None:
        return None
    return surface.covariance(points, semidefinite=True)


def _anchors(about: Mapping[str, Any], dim: int) -> tuple[Array, list[str]]:
    """Return places and names of the trained networks, where the file has them in this form."""
    try:
        places = np.array(about.get("anchors", []), dtype=np.float64).reshape(-1, dim)
    except (TypeError, ValueError):
        return np.empty((0, dim)), []
    given = about.get("anchor_names", about.get("names"))
    names = [str(n) for n in given] if isinstance(given, list) else []
    return places, [names[k] if k < len(names) else str(k) for k in range(len(places))]


def _heading(about: Mapping[str, Any]) -> str:
    share, parts = path_share(about), []
    if isinstance(network := about.get("network"), str):
        parts.append(shortened(network, HEADING // 2))
    if share is not None:
        parts.append(f"{100 * share:.3g} % of the path")
    return ", ".join(parts)
