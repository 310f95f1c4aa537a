"""A sweep of one cheap passage, and synthetic sweeps whose lines are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fokkerplanck.sweep_data import Header, Outcome, SweepResult

CASE = """
title = "A well [1/2]"
[grid]
x = { min = -2.2, max = 2.2, cells = 64 }
[landscape]
kind = "quartic"
[noise]
kind = "white"
temperature = 0.05
[[passage]]
name = "a"
survival = false
reactive = false
from = { centre = [-1.0] }
to = { centre = [1.0] }
[[expect]]
quantity = "passage.a.mean"
prediction = "kramers"
rtol = 0.2
"""


def synthetic(
    vary: Mapping[str, Sequence[Any]],
    log_time: Callable[..., float],
    laws: Mapping[str, Callable[..., float]] | None = None,
    *,
    zipped: bool = False,
    case: str = "",
    missing: Sequence[int] = (),
) -> SweepResult:
    """Sweep whose times are exp(log_time(*values)), with predictions of its logarithm."""
    header = Header(
        "synthetic", case, tuple(vary), tuple(map(tuple, vary.values())), zipped, "", {}, {}
    )
    outcomes = {}
    for k, row in enumerate(header.rows()):
        log = log_time(*row)
        mean = math.exp(log) if log < 700 else None
        result = {
            "passage": {"a": {"mean": mean, "log10_mean": log / math.log(10)}},
            "stationary": {"basin_masses": [0.25, 0.75]},
            "expect": [
                {
                    "quantity": "passage.a.log10_mean",
                    "prediction": name,
                    "predicted": law(*row) / math.log(10),
                    "relative_error": 0.0,
                    "valid": k > 0,
                    "pass": True,
                }
                for name, law in (laws or {}).items()
            ],
        }
        outcomes[k] = Outcome("failed", "broke") if k in missing else Outcome("done", "", result)
    return SweepResult(header, outcomes)
