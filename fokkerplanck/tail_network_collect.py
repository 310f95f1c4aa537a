"""From recorded gradients of single samples to the file of noise: estimates at every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fokkerplanck.tail_network_coordinates import CoordinateTails, batch_noise, coordinate_tails
from fokkerplanck.tail_network_file import (
    COLUMNS,
    LADDER,
    ROWS,
    NoiseFile,
    NoiseHistory,
    as_row,
)

__all__ = ["BATCHES", "LADDER_STEPS", "collect_noise"]

Array = NDArray[np.float64]
Tell = Callable[[str], None]
#: Batches that are drawn at each step, and coordinates that ladders are made of.
DRAWN, ON_LADDER = 1024, 64
#: Batch sizes of the ladders, and their steps.
BATCHES, LADDER_STEPS = (1, 2, 8, 32, 128, 512), (0, 64, 256, 1024, 4096)
#: Steps and number of coordinates of the shipped samples, and those of the ready minibatches.
KEPT_STEPS, KEPT = (0, 256, 4096), 5
READY_STEP, READY_DRAWN, READY_COORDINATES = 4096, 512, 24


def collect_noise(
    recorded: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any],
    kept: Sequence[str],
    ready: str,
    tell: Tell = lambda line: None,
) -> NoiseFile:
    """Estimate at every recorded step, coordinate by coordinate.

    Parameters
    ----------
    recorded : sequence of mapping
        As `record_gradient_noise` returns them.
    about : mapping
        Attributes of the file.
    kept : sequence of str
        Names of the runs whose gradients of single samples are shipped.
    ready : str
        Run whose minibatch noise is shipped.
    tell : callable
        Told in words how far it is.
    """
    runs, minibatches = [], None
    for run in recorded:
        rows, ladders, samples = [], {}, {}
        for step, path in run["files"].items():
            with np.load(Path(path), allow_pickle=False) as file:
                found = {key: file[key] for key in file.files if key != "weights"}
            gradients, rng = found["gradients"], np.random.default_rng([run["index"], step])
            own = coordinate_tails(gradients, run["batch_size"], DRAWN, rng)
            rows.append(_row(step, found, own))
            if step in LADDER_STEPS:
                some = gradients[:, :: max(1, gradients.shape[1] // ON_LADDER)]
                ladders[step] = [coordinate_tails(some, b, DRAWN, rng) for b in BATCHES]
            if run["name"] in kept and step in KEPT_STEPS:
                samples[step] = _some(gradients, KEPT)
            if run["name"] == ready and step == READY_STEP:
                some = _some(gradients, READY_COORDINATES)
                minibatches = batch_noise(some, run["batch_size"], READY_DRAWN, rng)
        how = {key: value for key, value in run.items() if key not in ("name", "index", "files")}
        how["pooled_block"] = int(found["pooled_block"])
        steps = np.array(list(ladders), dtype=np.int64)
        tables = [[as_row(asdict(t), LADDER) for t in ladder] for ladder in ladders.values()]
        ladder = np.array(tables).reshape(len(steps), len(BATCHES), len(LADDER))
        runs.append(NoiseHistory(run["name"], how, np.array(rows), steps, ladder, samples))
        tell(f"{run['name']}: estimated at {len(rows)} steps")
    return NoiseFile(dict(about), tuple(runs), minibatches)


def _row(step: int, found: Mapping[str, Any], own: CoordinateTails) -> Array:
    names = [f"{row}_{what}" for row in ROWS for what in ("inverse", "error")]
    pooled = np.column_stack([found["pooled_inverse"], found["pooled_error"]]).ravel()
    quantiles = zip((5, 25, 50, 75, 95), own.quantiles, strict=True)
    values = {
        "step": step,
        **{key: found[key] for key in ("loss", "accuracy", "gradient_norm", "total_noise")},
        **dict(zip(names, pooled, strict=True)),
        **{key: value for key, value in asdict(own).items() if key != "quantiles"},
        **{f"quantile_{q}": value for q, value in quantiles},
    }
    return as_row(values, COLUMNS)


def _some(gradients: NDArray[np.floating], count: int) -> Array:
    """Gradients along coordinates at even distances."""
    at = np.linspace(0, gradients.shape[1] - 1, count).astype(int)
    return np.asarray(gradients[:, at], dtype=np.float64)
