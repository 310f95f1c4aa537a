"""Messages when a command cannot do, or go on with, what it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from fokkerplanck.compare import compare_files
from fokkerplanck.errors import CaseError
from fokkerplanck.guard import _after_interrupt
from fokkerplanck.run import Interrupted
from tests.plot_results import escape_file


def test_results_without_densities_say_which_table_would_give_one(tmp_path: Path) -> None:
    path = tmp_path / "escape.h5"
    escape_file(path, 1).close()
    with pytest.raises(CaseError, match=r"\[evolve\] or \[stationary\]"):
        compare_files(path, path)


def test_an_interrupted_run_says_what_is_kept_and_what_not() -> None:
    stop = Interrupted(Path("out.h5.part"), 0, 0, "2 of 3 passages")
    message = _after_interrupt(stop)
    assert "after 2 of 3 passages" in message
    assert "out.h5 is untouched" in message
    assert "keeps snapshots" in message
    assert "solves the rest again" in message
