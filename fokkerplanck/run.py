"""Run a case: everything it asks for, saved as it comes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck import expect
from fokkerplanck.errors import CaseError, DataError, NumericalError
from fokkerplanck.provenance import now
from fokkerplanck.resume import check_place, refuse_existing, resumable
from fokkerplanck.store import StoredResult, read
from fokkerplanck.writer import Snapshot, Writer

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.escape import Escape
    from fokkerplanck.kinetic_escape import KineticEscape
    from fokkerplanck.levy_density import LevyStationary
    from fokkerplanck.levy_escape import LevyEscape
    from fokkerplanck.metastability import QuasiStationary
    from fokkerplanck.passage import Passage
    from fokkerplanck.progress import Progress
    from fokkerplanck.relaxation import Spectrum
    from fokkerplanck.sampled_passage import SampledPassage
    from fokkerplanck.steady_state import Stationary
    from fokkerplanck.survival import Survival
    from fokkerplanck.task import Task
    from fokkerplanck.transitions import ReactiveCurrent
    from fokkerplanck.well_rates import RateMatrix

__all__ = ["Interrupted", "RunResult", "check_output", "judge_case", "run_case"]

Array = NDArray[np.float64]


class Interrupted(KeyboardInterrupt):
    """The run was stopped by the user; what was computed is in a file.

    Parameters
    ----------
    path : Path or None
        The file.
    saved, planned : int
        Snapshots in it, and those there would have been.
    found : str
        All that is in it, in words.
    """

    def __init__(self, path: Path | None, saved: int, planned: int, found: str) -> None:
        self.path, self.saved, self.planned = path, saved, planned
        super().__init__(f"interrupted after {found}")


@dataclass(frozen=True, eq=False)
class RunResult:
    """What a run found.

    Parameters
    ----------
    case : Case
    output : Path or None
        The file, None when the run was kept in memory.
    summary : dict
        The JSON object that ``fokkerplanck run --json`` prints.
    stationary : Stationary, LevyStationary or None
        Stationary state, if the case asks for it.
    escape : Escape, or that of other dynamics
        All that was found about escape; see the properties for its parts.
    snapshots : tuple of Snapshot
        Densities and currents of a run kept in memory; empty when they are in the file.
    """

    case: Case
    output: Path | None
    summary: dict[str, Any]
    stationary: Stationary | LevyStationary | None
    escape: Escape | KineticEscape | LevyEscape = field(repr=False)
    snapshots: tuple[Snapshot, ...] = field(default=(), repr=False)

    @property
    def times(self) -> Array:
        """Times of the snapshots, shape (n,)."""
        return np.array((self.summary["evolve"] or {"times": []})["times"])

    @property
    def passed(self) -> bool:
        """Whether every expectation of the case holds."""
        return all(row["pass"] for row in self.summary["expect"])

    @property
    def passages(self) -> dict[str, Passage]:
        """Passages that were solved for, by name, in the order of the case."""
        return {w.table.name: w.passage for w in self.escape.ways if w.passage is not None}

    @property
    def sampled(self) -> dict[str, SampledPassage]:
        """Passages found by walkers, by name, in the order of the case."""
        return {w.table.name: w.sampled for w in self.escape.ways if w.sampled is not None}

    @property
    def reactive(self) -> dict[str, ReactiveCurrent]:
        """Reactive currents, and with them committors, by name of the passage."""
        return {w.table.name: w.reactive for w in self.escape.ways if w.reactive is not None}

    @property
    def survival(self) -> dict[str, Survival]:
        """Distributions of the times, by name of the passage."""
        return {w.table.name: w.survival for w in self.escape.ways if w.survival is not None}

    @property
    def spectrum(self) -> Spectrum | None:
        """Slowest modes, if the case asks for them."""
        return self.escape.spectrum

    @property
    def rates(self) -> RateMatrix | None:
        """Rates between all wells, if the case asks for them."""
        return self.escape.rates

    @property
    def quasi_stationary(self) -> dict[str, QuasiStationary]:
        """Densities of wells before they are left, by name."""
        return self.escape.quasi_stationary

    def density(self, k: int) -> Array:
        """Density of snapshot `k` (negative counts from the end), shape (*shape,)."""
        if self.output is None:
            return self.snapshots[k].density
        with self.open() as stored:
            return stored.density(k)

    def open(self) -> StoredResult:
        """Open the file of this run; `CaseError` when there is none."""
        if self.output is None:
            msg = "this run was kept in memory: give it an output to have a file"
            raise CaseError(msg)
        return read(self.output)

    def json(self) -> dict[str, Any]:
        """Return the JSON object of the run: no arrays, no nan, no infinity."""
        return self.summary

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{escape(r['quantity'])}</td><td>{r['computed']:.6g}</td>"
            f"<td>{r['predicted']:.6g}</td><td>{'pass' if r['pass'] else 'FAIL'}</td></tr>"
            for r in self.summary["expect"]
            if r["computed"] is not None and r["predicted"] is not None
        )
        head = "<tr><th>quantity</th><th>computed</th><th>predicted</th><th></th></tr>"
        facts = "".join(
            f"<tr><th>{name}</th><td>{self.summary[key]:.1e}</td></tr>"
            for name, key in (("mass error", "mass_error"), ("smallest density", "minimum_density"))
            if self.summary[key] is not None
        )
        facts += "".join(
            f"<tr><th>mean time, {escape(name)}</th><td>{_large(p)}</td></tr>"
            for name, p in self.summary["passage"].items()
        )
        title = f"<p><b>{escape(self.case.title)}</b> {escape(str(self.output or ''))}</p>"
        return f"{title}<table>{facts}</table>" + (f"<table>{head}{rows}</table>" if rows else "")


def _large(passage: dict[str, Any]) -> str:
    from fokkerplanck.terminal import large

    return large(passage["mean"], passage["log10_mean"], 8)


def run_case(
    case: Case,
    output: str | Path | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    refine: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Compute all that a case asks for.

    Every snapshot is in the file before the next is begun, and a part that fails leaves the
    earlier ones there.

    Parameters
    ----------
    case : Case
    output : str or Path, optional
        File to write; without it the densities stay in memory.
    resume : bool
        Go on from the last snapshot of an interrupted run.
    force : bool
        Replace an existing file, once the new one is whole.
    refine : bool
        Solve passages and spectrum with half and twice the cells, too, and extrapolate.
    progress : Progress, optional
        Told of every snapshot.

    Returns
    -------
    RunResult

    Raises
    ------
    CaseError, DataError
        For a case or a file that cannot be used; nothing existing is touched.
    NumericalError
        When an answer cannot be vouched for; the earlier parts are in the file.
    Interrupted
        On Ctrl-C, after what was computed has been saved.
    """
    begin = time.perf_counter()
    path = None if output is None else Path(output)
    if path is not None:
        check_place(path)
        if not (force or resume):
            refuse_existing(path)
    expect.check(case)
    job = job_of(case, refine=refine)
    if path is None:
        return _run_in_memory(job, begin, progress)
    writer, replaces = _open_writer(path, job, resume=resume, force=force)
    with _saving(writer, job, replaces):
        job.evolve(writer, progress)
        writer.close()
        job.find_stationary()
        job.find_escape(progress)
        summary = job.summary(str(path), begin)
        text = json.dumps(summary, allow_nan=False)
        writer.finish(
            "complete",
            groups=job.groups(writer.saved),
            summary=text,
            attributes={"end_time": now()},
        )
    return RunResult(case, path, summary, job.stationary, job.escape)


def job_of(case: Case, *, refine: bool = False) -> Task:
    """Make the job of a case: the one place that chooses between the dynamics.

    Raises
    ------
    CaseError
        For what the case describes and cannot be built.
    """
    if case.heavy_tailed and case.dim == 2:
        from fokkerplanck.levy_plane_job import PlaneLevyJob

        return PlaneLevyJob.of(case, refine=refine)
    if case.heavy_tailed:
        from fokkerplanck.levy_job import LevyJob

        return LevyJob.of(case, refine=refine)
    if case.underdamped:
        from fokkerplanck.kinetic_job import KineticJob

        return KineticJob.of(case, refine=refine)
    from fokkerplanck.job import Job

    return Job.of(case, refine=refine)


def judge_case(case: Case) -> dict[str, Any]:
    """Run a case for its JSON object alone: no file, no densities kept."""
    begin = time.perf_counter()
    expect.check(case)
    job = job_of(case)
    job.evolve(_Nowhere(), None)
    job.find_stationary()
    job.find_escape(None)
    return job.summary(None, begin)


def check_output(path: Path, case: Path) -> None:
    """Raise `CaseError` when the result would take the place of the case it comes from."""
    if path.exists() and case.exists() and path.samefile(case):
        msg = "the output is the case file itself; give another name"
        raise CaseError(msg, file=str(path), key="--output")


def _run_in_memory(job: Task, begin: float, progress: Progress | None) -> RunResult:
    memory = _Memory()
    job.evolve(memory, progress)
    job.find_stationary()
    job.find_escape(progress)
    summary = job.summary(None, begin)
    return RunResult(job.case, None, summary, job.stationary, job.escape, tuple(memory.snapshots))


class _Memory:
    """Keep snapshots in a list."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    def append(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)


class _Nowhere:
    """Keep nothing."""

    def append(self, snapshot: Snapshot) -> None:
        pass


def _open_writer(path: Path, job: Task, *, resume: bool, force: bool) -> tuple[Writer, bool]:
    """Open the file; the flag says that an unfinished result may take the final name."""
    found = resumable(path, job.case, job.times, job.header) if resume else None
    if found is None:
        if resume and not force:
            refuse_existing(path)
        return Writer(path, job.header), not path.exists()
    job.restore(found)
    return Writer(path, job.header, found), found.path == path or not path.exists()


@contextmanager
def _saving(writer: Writer, job: Task, replaces: bool) -> Iterator[None]:
    """On whatever goes wrong, leave a valid file with everything computed so far."""

    def keep(status: str) -> Path:
        return writer.finish(
            status,
            groups=job.groups(writer.saved),
            attributes={"end_time": now()},
            replace=replaces,
        )

    planned = len(job.times)
    try:
        yield
    except KeyboardInterrupt:
        path, saved = keep("interrupted"), writer.saved
        raise Interrupted(path, saved, planned, job.found(saved)) from None
    except DataError as error:
        with suppress(DataError):
            writer.close()
        if not writer.intact:
            raise
        msg = f"{error}; {writer.saved} of {planned} snapshots are safe in {writer.part}"
        raise DataError(msg) from error
    except NumericalError as error:
        path = keep("failed")
        msg = f"{error}; what was found before ({job.found(writer.saved)}) is in {path}"
        raise NumericalError(msg) from error
    except CaseError:
        keep("failed")
        raise
    finally:
        writer.close()
