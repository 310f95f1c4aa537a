"""Run cases for their expectations, and collect the verdicts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fokkerplanck.case import load_case
from fokkerplanck.errors import CaseError, DataError, NumericalError
from fokkerplanck.expect import check
from fokkerplanck.run import judge_case

if TYPE_CHECKING:
    from fokkerplanck.case import Case

__all__ = ["Verification", "find_cases", "verify_cases"]

#: Folder that ``--all`` means, from the current one.
CASES = Path("cases")
NUMERICAL, FAILED = 3, 4


@dataclass(frozen=True, eq=False)
class Verification:
    """Verdicts on a list of cases.

    Parameters
    ----------
    results : list of dict
        Rows of `fokkerplanck.expect.evaluate`, each with its ``case``; a case that could not be
        solved has one row with an ``error``.
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
        keys = ("case", "quantity", "computed", "predicted", "relative_error", "pass")
        head = "".join(f"<th>{k}</th>" for k in keys)
        rows = "".join(
            "<tr>" + "".join(f"<td>{row[k]}</td>" for k in keys) + "</tr>" for row in self.results
        )
        return f"<table><tr>{head}</tr>{rows}</table>"


def find_cases(given: Sequence[Path], *, everything: bool = False) -> list[Path]:
    """List case files: those given, those in the folders given, those of ``cases/``.

    Raises
    ------
    CaseError
        When nothing was asked for.
    DataError
        When a folder has no case.
    """
    if not given and not everything:
        msg = "verify needs cases: name files or folders, or --all for those in cases/"
        raise CaseError(msg)
    found: list[Path] = []
    for path in [*given, *([CASES] if everything else [])]:
        if (not path.is_dir() and path.suffix != "") or path.is_file():
            found.append(path)
            continue
        inside = sorted(path.glob("*.toml")) if path.is_dir() else []
        if not inside:
            msg = f"{path}: has no case files (*.toml)"
            raise DataError(msg)
        found += inside
    return list(dict.fromkeys(found))


def verify_cases(
    paths: Sequence[Path], *, only: str | None = None, tell: bool = False
) -> Verification:
    """Run cases and judge their expectations.

    Parameters
    ----------
    paths : sequence of Path
        Case files; all are read and checked before the first is run.
    only : str, optional
        Keep expectations that have this in the name of their case, in its title, in their
        quantity or prediction.
    tell : bool
        Name each case on stderr as it is begun, if that is a terminal.

    Raises
    ------
    CaseError, DataError
        When a case cannot be used, or nothing is left to check.
    """
    cases = [(path, load_case(path)) for path in paths]
    cases = [(path, case) for path, case in cases if _kept(path, case, only)]
    if not cases:
        what = f' with "{only}"' if only else ""
        msg = f"no expectation{what} in {', '.join(map(str, paths))}"
        raise CaseError(msg)
    for _, case in cases:
        check(case)
    results: list[dict[str, Any]] = []
    for path, case in cases:
        if tell and sys.stderr.isatty():
            print(f"{path} ...", file=sys.stderr)
        results += _verify_one(path, case, _kept(path, case, only))
    return Verification(results)


def _verify_one(path: Path, case: Case, kept: Sequence[int]) -> list[dict[str, Any]]:
    try:
        rows = judge_case(case)["expect"]
    except NumericalError as error:
        empty = dict.fromkeys(("computed", "predicted", "relative_error", "rtol", "atol"))
        row = {"quantity": case.expect[kept[0]].quantity, **empty, "prediction": None}
        return [{"case": str(path), **row, "valid": False, "pass": False, "error": str(error)}]
    return [{"case": str(path), **rows[k]} for k in kept]


def _kept(path: Path, case: Case, only: str | None) -> list[int]:
    """Return the places of the expectations that `only` keeps."""
    if only is None or only in path.stem or only in case.title:
        return list(range(len(case.expect)))
    return [
        k for k, e in enumerate(case.expect) if only in e.quantity or only in (e.prediction or "")
    ]
