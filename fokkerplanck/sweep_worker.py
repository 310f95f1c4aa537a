"""One point of a sweep, and the process that solves one after another.

``python -m fokkerplanck.sweep_worker`` reads a JSON list ``[text, path]`` per line from stdin and
answers with an outcome per line on stdout. It ends with its stdin, so also when whoever started
it is killed.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fokkerplanck._version import __version__
from fokkerplanck.errors import FokkerPlanckError, NumericalError
from fokkerplanck.sweep_data import Outcome

if TYPE_CHECKING:
    from fokkerplanck.case import Case
    from fokkerplanck.case.passage_tables import PassageTable

__all__ = ["READY", "main", "prepare", "solve", "solve_remotely", "wake", "without_curves"]

READY = "ready"
#: limits of threads are those of the process
_ONE_AT_A_TIME = threading.Lock()


def solve(text: str, path: str | None) -> Outcome:
    """Run a case for its JSON object, on one thread.

    Parameters
    ----------
    text : str
        Canonical text of the case.
    path : str or None
        File the case comes from: paths in it start from that file's folder.

    Returns
    -------
    Outcome
        Whatever happens is in it.
    """
    from fokkerplanck.case import parse_case
    from fokkerplanck.run import judge_case
    from fokkerplanck.sweep_points import short

    place = None if path is None else Path(path)
    try:
        with _ONE_AT_A_TIME, _one_thread():
            return Outcome.done(judge_case(without_curves(parse_case(text, place))))
    except (FokkerPlanckError, NumericalError) as error:
        return Outcome("failed", short(error, place))
    except MemoryError:
        return Outcome("crashed", "not enough memory; use fewer cells or fewer workers")
    except Exception as error:  # the other points go on
        return Outcome("crashed", f"{type(error).__name__}: {short(error, place)}")


def without_curves(case: Case) -> Case:
    """Leave out survival curves that are neither asked for nor expected.

    A run draws them; a sweep has no column for them, and they take more time than all the rest.
    """
    wanted = tuple(e.quantity for e in case.expect)

    def lean(table: PassageTable) -> PassageTable:
        expected = any(q.startswith(f"passage.{table.name}.survival") for q in wanted)
        if table.survival is not None or table.method == "ensemble" or expected:
            return table
        return table.model_copy(update={"survival": False})

    return case.model_copy(update={"passage": tuple(map(lean, case.passage))})


def prepare() -> None:
    """Import what points need, while nobody waits for an answer."""
    from fokkerplanck import job, line_chain, run, sweep_points, transitions  # noqa: F401

    _libraries()


def wake() -> None:
    """Import what points need and have numba ready, for copies of this process."""
    from fokkerplanck.solvers.birth_death import solve as solve_line

    prepare()
    solve_line([1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 1.0])


def solve_remotely(text: str, path: str | None, version: str) -> dict[str, Any]:
    """Run a case on a worker of somebody's scheduler; refuses to with another version."""
    if version != __version__:
        msg = f"the worker has fokkerplanck {__version__}, the sweep was begun with {version}"
        raise RuntimeError(msg)
    return solve(text, path).json()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Limit BLAS: the points are what runs side by side, and sums keep their order."""
    with _libraries().limit(limits=1, user_api="blas"):
        yield


@cache
def _libraries() -> Any:
    """Find the BLAS libraries; a search takes as long as an easy point."""
    import scipy.linalg  # noqa: F401  brings one of its own
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def main() -> None:
    """Answer one line after another until stdin ends."""
    # what libraries print must not come between the answers
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    answers.write(READY + "\n")
    answers.flush()
    prepare()
    while True:
        answers.write(json.dumps(solve(*json.loads(lines.get())).json()) + "\n")
        answers.flush()


def _read(lines: queue.Queue[str]) -> None:
    """Hand lines on; at the end of stdin stop at once, in the middle of a point too."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
