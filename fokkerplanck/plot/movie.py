"""Movies of a result: one frame for each saved time, as GIF (Pillow) or MP4 (ffmpeg)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import CalledProcessError
from typing import TYPE_CHECKING, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.animation import AbstractMovieWriter, FFMpegWriter, PillowWriter
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.plot.line import density_curves, landscape_strip, scale_densities
from fokkerplanck.plot.output import replacing
from fokkerplanck.plot.plane import (
    Streams,
    critical_marks,
    density_image,
    loss_contours,
    shape_ratio,
    streamlines,
)
from fokkerplanck.plot.select import Shot, scale_of, shot
from fokkerplanck.plot.style import SEQUENCE, density_map, number, styled, time_label
from fokkerplanck.plot.subject import Subject, gather

if TYPE_CHECKING:
    from fokkerplanck.store import StoredResult

__all__ = ["MOVIE_DPI", "LineFrames", "PlaneFrames", "write_movie"]

#: most frames; more times are thinned
FRAMES = 200
#: a movie lasts about this long, within the limits of frames per second
SECONDS, SLOWEST, FASTEST = 6.0, 4, 25
#: the last frame is held for this part of a second
HOLD = 0.8
#: dots per inch of movies by default are fewer than in print
MOVIE_DPI = 130


Array = NDArray[np.float64]


class Frames(Protocol):
    """A figure that can be turned to another time."""

    figure: Figure

    def show(self, state: Shot) -> None:
        """Draw `state` in place of what was drawn before."""


def write_movie(
    result: StoredResult,
    path: Path,
    *,
    log: bool = False,
    what: str | None = None,
    dpi: int = MOVIE_DPI,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a movie over the saved times; options as in `fokkerplanck.plot.plot_result`.

    Raises
    ------
    CaseError
        The result holds fewer than two times, or currents are asked for.
    DataError
        MP4 without ffmpeg, or a place that cannot be written to.
    """
    times = result.times
    if len(times) < 2:
        msg = f"a movie needs at least two times, this result holds {len(times)}: plot a PNG"
        raise CaseError(msg, file=str(result.path), key="evolve.times")
    if what == "current" and result.grid.dim == 1:
        msg = "movies on a line show the density: leave out --what current, or plot a PNG"
        raise CaseError(msg, key="what")
    keep = np.unique(np.linspace(0, len(times) - 1, min(len(times), FRAMES)).astype(int))
    rate = int(np.clip(round(len(keep) / SECONDS), SLOWEST, FASTEST))
    with styled(**_ffmpeg(path)):
        subject = gather(result, count=9, what=what)
        kind = LineFrames if result.grid.dim == 1 else PlaneFrames
        frames: Frames = kind(subject, log=log)
        _freeze(frames, shot(result, int(keep[0])))
        writer = _writer(path, rate)
        with replacing(path) as part, _recording(writer, frames.figure, part, dpi):
            for done, k in enumerate(keep, 1):
                frames.show(shot(result, int(k)))
                for _ in range(max(1, round(HOLD * rate)) if done == len(keep) else 1):
                    writer.grab_frame()
                if progress is not None:
                    progress(done, len(keep))


class LineFrames:
    """Frames of a result on a line: landscape above, density below, stationary one dashed."""

    def __init__(self, subject: Subject, *, log: bool = False) -> None:
        self.figure = Figure((4.4, 3.8), layout="constrained")
        rows = self.figure.add_gridspec(2, 1, height_ratios=(1, 2.6))
        self._ax = ax = self.figure.add_subplot(rows[1])
        strip = self.figure.add_subplot(rows[0], sharex=ax)
        landscape_strip(subject.loss, subject.grid, strip, subject.wells)
        strip.tick_params(labelbottom=False)
        strip.set_xlabel("")
        self._x = subject.grid.axes[0].centres
        density_curves([], subject.grid, ax, stationary=subject.stationary)
        scale_densities(ax, subject.states, log=log)
        if subject.stationary is not None:
            ax.legend(loc="upper right")
        (self.line,) = ax.plot([], [], color=SEQUENCE(0.35), linewidth=1.4)
        self._fill = ax.fill_between(self._x, 0.0, 0.0, color=SEQUENCE(0.35), alpha=0.25, lw=0)
        self._title = strip.set_title(" ", loc="left")

    def show(self, state: Shot) -> None:
        """Move the curve to another time."""
        self.line.set_data(self._x, state.density)
        floor = self._ax.get_ylim()[0]
        self._fill.set_data(self._x, floor, np.maximum(state.density, floor))
        self._title.set_text(time_label(state.time, 3))


class PlaneFrames:
    """Frames of a result in the plane: density, contours of the loss, streamlines."""

    def __init__(self, subject: Subject, *, log: bool = False) -> None:
        grid = subject.grid
        ratio = shape_ratio(grid)
        side = 4.0 * min(1.0, ratio)
        self.figure = Figure((side + 1.2, side / ratio + 0.7), layout="constrained")
        self._ax, self._grid, self._what = self.figure.add_subplot(), grid, subject.what
        scale = scale_of([self._field(s) for s in subject.shots], log=log)
        self._norm = scale.norms[0] if scale.shared else None
        self.image = density_image(self._field(subject.shots[0]), grid, self._ax, norm=self._norm)
        loss_contours(subject.loss, grid, self._ax)
        if subject.wells is not None and subject.metastable:
            critical_marks(subject.wells, self._ax)
        mappable = ScalarMappable(self._norm or Normalize(0.0, 1.0), density_map())
        bar = self.figure.colorbar(mappable, ax=self._ax, pad=0.02)
        symbol = "|J|" if self._what == "current" else "p"
        bar.set_label(f"${symbol}$" if scale.shared else f"${symbol}\\,/\\,\\max {symbol}$")
        self._title, self._peak = self._ax.set_title(" ", loc="left"), None
        if not scale.shared:
            self._peak = self._ax.set_title(" ", loc="right", fontsize=8)
        self.lines: Streams | None = None

    def show(self, state: Shot) -> None:
        """Turn image and streamlines to another time."""
        field = self._field(state)
        self.image.set_data(field.T)
        peak = float(field.max())
        if self._norm is None:
            self.image.set_norm(Normalize(0.0, peak or 1.0))
        if self.lines is not None:
            self.lines.remove()
        self.lines = None
        if state.current is not None and self._what != "density":
            self.lines = streamlines(state.current, self._grid, self._ax)
        self._title.set_text(time_label(state.time, 3))
        if self._peak is not None:
            symbol = "|J|" if self._what == "current" else "p"
            self._peak.set_text(f"$\\max {symbol} = {number(peak, 2)}$")

    def _field(self, state: Shot) -> Array:
        if self._what != "current":
            return state.density
        if state.current is None:
            return np.zeros_like(state.density)
        return np.asarray(np.linalg.norm(state.current, axis=-1))


@contextmanager
def _recording(writer: AbstractMovieWriter, figure: Figure, part: Path, dpi: int) -> Iterator[None]:
    try:
        with writer.saving(figure, str(part), dpi):
            yield
    except CalledProcessError as error:
        msg = f"ffmpeg failed with status {error.returncode}; write a .gif instead"
        raise DataError(msg) from error


def _freeze(frames: Frames, widest: Shot) -> None:
    """Lay the figure out once: titles of different height must not shake the picture."""
    FigureCanvasAgg(frames.figure)
    frames.show(replace(widest, time=1.1e-11))
    frames.figure.draw_without_rendering()
    frames.figure.set_layout_engine("none")


def _writer(path: Path, rate: int) -> AbstractMovieWriter:
    if path.suffix.lower() == ".gif":
        return PillowWriter(fps=rate)
    # yuv420p is what browsers and slides play; it wants even sides
    even = "pad=ceil(iw/2)*2:ceil(ih/2)*2:color=white"
    options = ["-vf", even, "-pix_fmt", "yuv420p", "-crf", "18"]
    return FFMpegWriter(fps=rate, codec="libx264", extra_args=options)


def _ffmpeg(path: Path) -> dict[str, str]:
    """Tell matplotlib where ffmpeg is; `DataError` when MP4 needs it in vain."""
    if path.suffix.lower() != ".mp4" or shutil.which(mpl.rcParams["animation.ffmpeg_path"]):
        return {}
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return {"animation__ffmpeg_path": get_ffmpeg_exe()}
    except (ImportError, RuntimeError) as error:
        msg = (
            f"cannot write {path}: MP4 needs ffmpeg, which is neither on the PATH nor installed "
            "for Python; `pip install imageio-ffmpeg` brings it, or write a .gif instead"
        )
        raise DataError(msg) from error
