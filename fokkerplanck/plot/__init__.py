"""Figures of results, for papers and notebooks: PNG, PDF, GIF, MP4.

`plot_result` and `plot_comparison` write files, `figure_of` and `comparison_figure` give back
matplotlib figures. Nothing here touches pyplot, so no display is needed and no figure stays in
memory. The artists that the figures are made of are in `fokkerplanck.plot.line` and
`fokkerplanck.plot.plane`; each takes axes and gives back what it drew.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from fokkerplanck.compare import Comparison, Snapshot, snapshot
from fokkerplanck.errors import CaseError
from fokkerplanck.plot.comparison import comparison_figure
from fokkerplanck.plot.escape import ESCAPE, escape_figure, is_about_escape, material
from fokkerplanck.plot.line_figure import CURVES, line_figure
from fokkerplanck.plot.movie import MOVIE_DPI, write_movie
from fokkerplanck.plot.output import MOVIES, PICTURES, PRINT_DPI, check_output, save
from fokkerplanck.plot.plane_figure import PANELS, plane_figure
from fokkerplanck.plot.style import STYLE, styled
from fokkerplanck.plot.subject import WHAT, gather

if TYPE_CHECKING:
    from fokkerplanck.store import StoredResult

__all__ = [
    "MOVIES",
    "PICTURES",
    "STYLE",
    "WHAT",
    "comparison_figure",
    "figure_of",
    "plot_comparison",
    "plot_result",
]


def plot_result(
    result: StoredResult,
    output: str | Path,
    *,
    at: float | None = None,
    log: bool = False,
    what: str | None = None,
    name: str | None = None,
    dpi: int | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw a result into a file; the suffix decides: PNG, PDF, or a movie as GIF or MP4.

    Parameters
    ----------
    result : StoredResult
        An open result, see `fokkerplanck.store.read`.
    output : str or Path
        Name of the file.
    at : float, optional
        Only the snapshot at this time.
    log : bool
        Logarithmic densities, down to 1e-6 of the peak.
    what : str, optional
        Only this: ``"density"``, ``"current"``, ``"stationary"``, ``"landscape"`` (with its
        noise), or of escape ``"passage"``, ``"committor"``, ``"reactive"``, ``"survival"``,
        ``"spectrum"``, ``"rates"``, ``"quasi-stationary"``. Without it the figure shows what
        evolves, or if nothing does, what the result has of escape.
    name : str, optional
        Only the passage of this name.
    dpi : int, optional
        Dots per inch, also of the images in PDF; 200 for pictures and 130 for movies.
    force : bool
        Overwrite an existing file.
    progress : callable, optional
        Called with ``(frames done, frames in all)`` while a movie is written.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    CaseError
        A suffix or an option that is not allowed, or something that the result does not hold.
    DataError
        The file exists, or cannot be written, or MP4 is wanted and there is no ffmpeg.
    """
    path = check_output(output, force=force)
    if path.suffix.lower() in MOVIES:
        if at is not None or what in ("stationary", "landscape") or what in ESCAPE:
            still = what in ESCAPE or what == "landscape"
            shown = f"--what {what}" if still else "--at and --what stationary"
            msg = f"a movie ({path.suffix}) shows all times: leave out {shown}"
            raise CaseError(msg, key="output")
        write_movie(result, path, log=log, what=what, dpi=dpi or MOVIE_DPI, progress=progress)
    else:
        figure = figure_of(result, at=at, log=log, what=what, name=name)
        save(figure, path, dpi=dpi or PRINT_DPI, title=result.title)
    return path


def figure_of(
    result: StoredResult,
    *,
    at: float | None = None,
    log: bool = False,
    what: str | None = None,
    name: str | None = None,
) -> Figure:
    """Draw a result and give back the figure; options as in `plot_result`."""
    if what == "landscape":
        from fokkerplanck.plot.surface import relief_of_result, surface_figure

        return surface_figure(relief_of_result(result))
    if name is not None and what is None:
        what = "passage"
    if what in ESCAPE or (what is None and at is None and is_about_escape(result)):
        if at is not None:
            msg = f"{what} has no time: leave out --at {at:g}"
            raise CaseError(msg, file=str(result.path), key="at")
        with styled():
            return escape_figure(material(result, what, name), what, log=log)
    if result.underdamped:
        from fokkerplanck.plot.phase_figure import phase_figure, phase_moments

        shown = gather(result, count=PANELS, at=at, what=what)
        with styled():
            return phase_figure(shown, result.loss, phase_moments(result), log=log)
    line = result.grid.dim == 1
    if line and result.heavy_tailed and what != "current":
        from fokkerplanck.plot.levy_figure import levy_figure, tails_of

        shown = gather(result, count=CURVES, at=at, what=what)
        with styled():
            return levy_figure(shown, tails_of(result), result.density, log=log)
    subject = gather(result, count=CURVES if line else PANELS, at=at, what=what)
    with styled():
        if line:
            return line_figure(subject, result.density, result.current, log=log)
        return plane_figure(subject, log=log)


def plot_comparison(
    a: Snapshot | StoredResult,
    b: Snapshot | StoredResult,
    output: str | Path,
    *,
    at: float | str | None = None,
    log: bool = False,
    comparison: Comparison | None = None,
    dpi: int = PRINT_DPI,
    force: bool = False,
) -> Path:
    """Draw two densities, their difference and their distances into a PNG or PDF file.

    Parameters
    ----------
    a, b : Snapshot or StoredResult
        Densities with their grids, or open results of which one density each is taken.
    at : float or "stationary", optional
        Which density of a result; the last without it.
    comparison : Comparison, optional
        The metrics, where they are known already.
    output, log, dpi, force
        As in `plot_result`; movies are not allowed.

    Returns
    -------
    Path
        The file.
    """
    path = check_output(output, force=force, allowed=PICTURES)
    first, second = (s if isinstance(s, Snapshot) else snapshot(s, at) for s in (a, b))
    figure = comparison_figure(first, second, log=log, comparison=comparison)
    save(figure, path, dpi=dpi, title=f"{first.label} and {second.label}")
    return path
