"""Runs that are stopped and go on, whatever moves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest

from fokkerplanck.case import parse_case
from fokkerplanck.errors import CaseError
from fokkerplanck.run import Interrupted, run_case


class Stopped:
    """Progress that is interrupted after so many snapshots, as by Ctrl-C."""

    def __init__(self, after: int, error: type[BaseException] = KeyboardInterrupt) -> None:
        self.left, self.error = after, error

    def advance(self, time: float, mass_error: float | None) -> None:
        self.left -= 1
        if not self.left:
            raise self.error

    def tell(self, what: str) -> None:
        pass


def stopped(text: str, path: Path, after: int) -> None:
    """A run that ends after so many snapshots."""
    with pytest.raises(Interrupted) as stop:
        run_case(parse_case(text), path, progress=Stopped(after))  # type: ignore[arg-type]
    assert stop.value.saved == after


def assert_resumes_to(
    whole: Path, text: str, after: int, path: Path, fields: str, observables: str = ""
) -> None:
    """A run that was stopped and went on has these datasets of `whole`, bit for bit."""
    stopped(text, path, after)
    run_case(parse_case(text), path, resume=True)
    assert_same(whole, path, [*fields.split(), *(f"observables/{n}" for n in observables.split())])


def assert_same(first: Path, second: Path, names: Sequence[str]) -> None:
    with h5py.File(first) as a, h5py.File(second) as b:
        assert b.attrs["status"] == "complete"
        for name in names:
            np.testing.assert_array_equal(a[name][...], b[name][...], err_msg=name)


def assert_no_way_to_go_on(text: str, other: str, path: Path, message: str) -> None:
    """A stopped run is not resumed by another case."""
    stopped(text, path, 2)
    with pytest.raises(CaseError, match=message):
        run_case(parse_case(other), path, resume=True)
