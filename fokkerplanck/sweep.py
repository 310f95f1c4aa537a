"""Run a case at many points: all values of some keys, in parallel, so that nothing gets lost.

What is computed is kept in ``NAME.h5.part`` point by point (`fokkerplanck.sweep_journal`); the
file ``NAME.h5`` appears when all points are there, with the same bytes however often the sweep
was interrupted, wherever and in whatever order its points were solved.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fokkerplanck.case import Case, Variants, load_variants
from fokkerplanck.errors import CaseError
from fokkerplanck.resume import check_place, refuse_existing
from fokkerplanck.store import part_path
from fokkerplanck.sweep_copy import may_copy
from fokkerplanck.sweep_data import Outcome, SweepResult
from fokkerplanck.sweep_file import read_sweep, write_sweep
from fokkerplanck.sweep_journal import Journal, check_same, is_begun, read_journal
from fokkerplanck.sweep_points import Plan, Point, plan
from fokkerplanck.sweep_pool import cores, solve_here, solve_in_pool

if TYPE_CHECKING:
    from fokkerplanck.sweep_progress import SweepProgress

__all__ = ["SweepInterrupted", "run_sweep"]

#: solves points with so many workers, 0 for the usual number; closing it ends its processes
Solver = Callable[[Sequence[Point], int], Generator[tuple[int, Outcome], None, None]]


class SweepInterrupted(KeyboardInterrupt):
    """The sweep was stopped by the user.

    Parameters
    ----------
    path : Path or None
        The journal of what was computed.
    saved, planned : int
        Points in it, and those there would have been.
    """

    def __init__(self, path: Path | None, saved: int, planned: int) -> None:
        self.path, self.saved, self.planned = path, saved, planned
        self.message = f"interrupted after {saved} of {planned} points"
        if path is not None:
            self.message += f": they are in {path}\ngo on with the same command and --resume"
        super().__init__(self.message)


def run_sweep(
    case: Case | Variants | str | Path,
    vary: Mapping[str, Sequence[Any]],
    output: str | Path | None = None,
    *,
    zipped: bool = False,
    resume: bool = False,
    force: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    progress: SweepProgress | None = None,
) -> SweepResult:
    """Run a case at every point of a grid of values.

    Survival curves are found only where the case says ``survival = true`` or expects them.

    Parameters
    ----------
    case : Case, Variants, str or Path
        The case, or its file.
    vary : mapping of str to sequence
        Values of each dotted key: ``{"noise.batch_size": [8, 16, 32]}``. Several keys make the
        full grid, the last one running fastest.
    output : str or Path, optional
        HDF5 file to write; without it the result is in memory only.
    zipped : bool
        The k-th point has the k-th value of every key, instead of the full grid.
    resume : bool
        Go on with an unfinished sweep; points whose process died are tried again.
    force : bool
        Replace an existing file.
    workers : int, optional
        Processes on this machine, one per core by default; 0 solves in this very process.
    scheduler : str, optional
        Address of a dask scheduler, ``"tcp://HOST:PORT"``: its workers solve the points.
    progress : SweepProgress, optional
        Told of every point.

    Returns
    -------
    SweepResult
        With the points that failed, and why.

    Raises
    ------
    CaseError, DataError
        For keys, values or files that cannot be; nothing existing is touched.
    SweepInterrupted
        On Ctrl-C; what was computed is in ``NAME.h5.part``.
    """
    planned = plan(_variants(case), vary, zipped=zipped)
    solver = _solver(planned, workers, scheduler)
    path = None if output is None else Path(output)
    if path is not None:
        check_place(path)
        if not (force or resume):
            refuse_existing(path)
    with ExitStack() as open_files:
        known, journal = _begin(path, planned, resume=resume, open_files=open_files)
        keep = _keeper(known, journal, planned, progress)
        try:
            # a scheduler has given a point whose process died to several workers already
            _solve(planned, known, keep, solver, again=scheduler is None)
        except KeyboardInterrupt:
            part = None if path is None else part_path(path)
            raise SweepInterrupted(part, len(known), len(planned.points)) from None
        result = SweepResult(planned.header, known)
        if path is None:
            return result
        result = write_sweep(result, path)
        part_path(path).unlink(missing_ok=True)
    return result


def _variants(case: Case | Variants | str | Path) -> Variants:
    if isinstance(case, Variants):
        return case
    return Variants.of(case) if isinstance(case, Case) else load_variants(case)


def _solver(planned: Plan, workers: int | None, scheduler: str | None) -> Solver:
    """Choose who solves: a function of the points and the number of workers, 0 for the usual."""
    path = planned.absolute
    if scheduler is not None:
        if workers is not None:
            msg = "--workers is for this machine; with --scheduler its own workers are used"
            raise CaseError(msg, key="--workers")
        from fokkerplanck.sweep_dask import solve_with_dask

        return lambda points, _: solve_with_dask(points, path, scheduler)
    if workers is not None and workers < 0:
        msg = f"expects a number of processes >= 0, got {workers}"
        raise CaseError(msg, key="--workers")
    if workers == 0:
        return lambda points, _: solve_here(points, path)

    def solve(points: Sequence[Point], most: int) -> Generator[tuple[int, Outcome], None, None]:
        # what has died as a copy is tried as a fresh interpreter
        copies = not most and may_copy()
        return solve_in_pool(points, path, most or workers or cores(), copies=copies)

    return solve


def _begin(
    path: Path | None, planned: Plan, *, resume: bool, open_files: ExitStack
) -> tuple[dict[int, Outcome], Journal | None]:
    """Return what is known already, and where to write what is found."""
    if path is None:
        return {}, None
    part, header = part_path(path), planned.header
    known: dict[int, Outcome] = {}
    whole = 0
    if resume and is_begun(part):
        found, whole = read_journal(part)
        check_same(found.header, header, part)
        known = dict(found.outcomes)
    elif resume and path.exists():
        finished = read_sweep(path)
        check_same(finished.header, header, path)
        known = dict(finished.outcomes)
    known = {k: o for k, o in known.items() if o.status != "crashed"}
    journal = open_files.enter_context(Journal(part, header, whole))
    if not whole:
        for k, outcome in known.items():
            journal.add(k, outcome)
    return known, journal


def _keeper(
    known: dict[int, Outcome],
    journal: Journal | None,
    planned: Plan,
    progress: SweepProgress | None,
) -> Callable[[int, Outcome], None]:
    """Return a function that keeps an outcome, on the disk first."""
    count = len(planned.points)

    def keep(index: int, outcome: Outcome) -> None:
        if journal is not None:
            journal.add(index, outcome)
        known[index] = outcome
        if progress is not None:
            failed = sum(o.status != "done" for o in known.values())
            progress.tell(len(known), count, failed)

    return keep


def _solve(
    planned: Plan,
    known: Mapping[int, Outcome],
    keep: Callable[[int, Outcome], None],
    solver: Solver,
    *,
    again: bool,
) -> None:
    """Solve all points that are left, and `again`, one by one, those whose process died."""
    for point in planned.points:
        if point.mistake and point.index not in known:
            keep(point.index, Outcome("failed", point.mistake))
    left = [p for p in planned.points if p.index not in known]
    crashed: list[Point] = []
    if left:
        with closing(solver(left, 0)) as found:
            for index, outcome in found:
                if outcome.status == "crashed" and again:
                    crashed.append(planned.points[index])
                else:
                    keep(index, outcome)
    if crashed:
        with closing(solver(crashed, 1)) as found:
            for index, outcome in found:
                keep(index, outcome)
