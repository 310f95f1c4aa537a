"""Check predictions and the expectations of cases, and collect the verdicts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fokkerplanck.case import build, load_case
from fokkerplanck.errors import CaseError, DataError, NumericalError
from fokkerplanck.expect import check
from fokkerplanck.run import judge_case

if TYPE_CHECKING:
    from fokkerplanck.barrier_sweep import BarrierSweep
    from fokkerplanck.case import Case

__all__ = ["Verification", "find_cases", "listing", "sweep", "verify"]

#: Folder that ``--all`` means, from the current one.
CASES = Path("cases")
NUMERICAL, FAILED = 3, 4


@dataclass(frozen=True, eq=False)
class Verification:
    """Verdicts on predictions and on the expectations of cases.

    Parameters
    ----------
    results : list of dict
        Rows of `fokkerplanck.expect.evaluate`, each with its ``case``, ``source``, ``name`` and
        ``tolerance``, and rows of predictions, whose ``case`` is None and whose ``source`` is
        their number. What could not be solved has one row with an ``error``.
    """

    results: list[dict[str, Any]]

    @property
    def failed(self) -> int:
        """How many expectations do not hold."""
        return sum(not row["pass"] for row in self.results)

    @property
    def status(self) -> int:
        """Exit status: 0, 3 when a case could not be solved, 4 when an expectation fails."""
        if any("error" in row for row in self.results):
            return NUMERICAL
        return FAILED if self.failed else 0

    def json(self) -> dict[str, Any]:
        """Return the JSON object of ``verify``."""
        return {
            "passed": len(self.results) - self.failed,
            "failed": self.failed,
            "results": self.results,
        }

    def _repr_html_(self) -> str:
        keys = ("source", "quantity", "computed", "predicted", "relative_error", "pass")
        head = "".join(f"<th>{k}</th>" for k in keys)
        rows = "".join(
            "<tr>" + "".join(f"<td>{row[k]}</td>" for k in keys) + "</tr>" for row in self.results
        )
        return f"<table><tr>{head}</tr>{rows}</table>"


def verify(
    paths: Sequence[Path] = (),
    *,
    everything: bool = False,
    only: str | None = None,
    tell: bool = False,
) -> Verification:
    """Check cases; without any, the predictions of theory; or everything.

    Parameters
    ----------
    paths : sequence of Path
        Case files, or folders of them.
    everything : bool
        All predictions, and the cases of the folder ``cases/`` if there is one, besides.
    only : str, optional
        Keep predictions of this number or with this in their name or description, and
        expectations that have it in the name of their case, in its title, in their quantity or
        prediction.
    tell : bool
        Name each part on stderr as it is begun, if that is a terminal.

    Raises
    ------
    CaseError, DataError
        When a case cannot be used, or nothing is left to check.
    """
    from fokkerplanck.verification.registry import check_predictions, chosen

    files = find_cases(paths, everything=everything)
    cases = _loaded(files, only)
    entries = chosen(only) if everything or not paths else ()
    if not cases and not entries:
        what = f' with "{only}"' if only else ""
        where = ", ".join(map(str, files))
        msg = f"no expectation{what} in {where}" if where else f"no prediction{what}; see --list"
        raise CaseError(msg)
    rows = check_predictions(entries, tell=tell)
    return Verification(rows + _check_cases(cases, only, tell=tell))


def sweep(paths: Sequence[Path] = ()) -> BarrierSweep:
    """Passage times against the barrier, for the quartic well or the one case that is given.

    Of a case the landscape, the grid and the first ``[[passage]]`` count; its temperature is
    replaced by those of the sweep.

    Raises
    ------
    CaseError
        More than one case, or one without white noise and two wells.
    """
    from fokkerplanck.barrier_sweep import quartic_sweep, sweep_barriers

    if not paths:
        return quartic_sweep()
    if len(paths) > 1:
        msg = f"one case is swept at a time, got {len(paths)}"
        raise CaseError(msg, key="--plot")
    case = load_case(paths[0])
    problem = build.problem(case)
    passages = build.passages(case, problem)
    if not passages:
        return sweep_barriers(problem)
    start, target = passages[0]
    if isinstance(target, str):
        msg = "the barrier of a passage to the walls is not known; give it a set"
        raise CaseError(msg, file=str(paths[0]), key="passage.0.to")
    return sweep_barriers(problem, start, target)


def listing(only: str | None = None) -> list[dict[str, str]]:
    """List the predictions without checking them: number, name, and what they are about.

    Raises
    ------
    CaseError
        When none is left.
    """
    from fokkerplanck.verification.registry import chosen

    entries = chosen(only)
    if not entries:
        msg = f'no prediction with "{only}"'
        raise CaseError(msg)
    return [{"source": e.number, "name": e.name, "about": e.about} for e in entries]


def find_cases(given: Sequence[Path], *, everything: bool = False) -> list[Path]:
    """List case files: those given, those in the folders given, those of ``cases/`` if it exists.

    Raises
    ------
    DataError
        When a folder that was given has no case.
    """
    found: list[Path] = []
    for path in [*given, *([CASES] if everything and CASES.is_dir() else [])]:
        if (not path.is_dir() and path.suffix != "") or path.is_file():
            found.append(path)
            continue
        inside = sorted(path.rglob("*.toml")) if path.is_dir() else []
        if not inside and path in given:
            msg = f"{path}: has no case files (*.toml)"
            raise DataError(msg)
        found += inside
    return list(dict.fromkeys(found))


def _loaded(paths: Sequence[Path], only: str | None) -> list[tuple[Path, Case]]:
    cases = [(path, load_case(path)) for path in paths]
    return [(path, case) for path, case in cases if _kept(path, case, only)]


def _check_cases(
    cases: Sequence[tuple[Path, Case]], only: str | None, *, tell: bool
) -> list[dict[str, Any]]:
    for _, case in cases:
        check(case)
    results: list[dict[str, Any]] = []
    for path, case in cases:
        if tell and sys.stderr.isatty():
            print(f"{path} ...", file=sys.stderr)
        more = {"source": str(path), "name": case.title}
        for row in _verify_one(path, case, _kept(path, case, only)):
            tolerance = row["atol"] if row["rtol"] is None else row["rtol"]
            results.append({**row, **more, "tolerance": tolerance})
    return results


def _verify_one(path: Path, case: Case, kept: Sequence[int]) -> list[dict[str, Any]]:
    try:
        rows = judge_case(case)["expect"]
    except NumericalError as error:
        empty = dict.fromkeys(("computed", "predicted", "relative_error", "rtol", "atol"))
        row = {"quantity": case.expect[kept[0]].quantity, **empty, "prediction": None}
        row |= {"valid": False, "pass": False, "note": "", "error": str(error)}
        return [{"case": str(path), **row}]
    return [{"case": str(path), **rows[k]} for k in kept]


def _kept(path: Path, case: Case, only: str | None) -> list[int]:
    """Return the places of the expectations that `only` keeps."""
    if only is None or only in path.stem or only in case.title:
        return list(range(len(case.expect)))
    return [
        k for k, e in enumerate(case.expect) if only in e.quantity or only in (e.prediction or "")
    ]
