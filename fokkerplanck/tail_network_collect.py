"""From recorded gradients of single samples to the file of noise: estimates at every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
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
from fokkerplanck.tail_network_pooled import fair_estimates

__all__ = ["Plan", "collect_noise", "fair_of"]

Array = NDArray[np.float64]
Tell = Callable[[str], None]
#: Batches that are drawn at each step, and coordinates that ladders are made of.
DRAWN, ON_LADDER = 1024, 64
#: Batches and draws of the pooled estimates of recorded coordinates.
FAIR_BATCHES, FAIR_DRAWS = 512, 5
#: Coordinates of the shipped gradients of samples; batches and coordinates of ready noise.
KEPT, READY_DRAWN, READY_COORDINATES = 4, 512, 24


@dataclass(frozen=True, slots=True)
class Plan:
    """What a file of noise holds beside the numbers of every step.

    Parameters
    ----------
    kept : tuple of str
        Runs whose gradients of single samples are in it.
    ready : str
        Run whose noise of minibatches is.
    batches, ladder_steps : tuple of int
        Batch sizes of the ladders, and their steps.
    kept_steps : tuple of int
        Of the gradients.
    ready_step : int
        Of the minibatches.
    """

    kept: tuple[str, ...]
    ready: str
    batches: tuple[int, ...] = (1, 2, 8, 32, 128, 512)
    ladder_steps: tuple[int, ...] = (0, 64, 256, 1024, 4096)
    kept_steps: tuple[int, ...] = (0, 256, 4096)
    ready_step: int = 4096


def collect_noise(
    recorded: Sequence[Mapping[str, Any]],
    about: Mapping[str, Any],
    plan: Plan,
    tell: Tell = lambda line: None,
) -> NoiseFile:
    """Estimate at every recorded step, coordinate by coordinate.

    Parameters
    ----------
    recorded : sequence of mapping
        As `record_gradient_noise` returns them.
    about : mapping
        Attributes of the file.
    plan : Plan
    tell : callable
        Told in words how far it is.
    """
    runs, minibatches = [], None
    for run in recorded:
        runs.append(_history(run, plan))
        if run["name"] == plan.ready:
            some = _some(_read(run["files"][plan.ready_step])["gradients"], READY_COORDINATES)
            rng = np.random.default_rng([run["index"], plan.ready_step, 2])
            minibatches = batch_noise(some, run["batch_size"], READY_DRAWN, rng)
        tell(f"{run['name']}: estimated at {len(run['files'])} steps")
    return NoiseFile(dict(about), tuple(runs), minibatches)


def _history(run: Mapping[str, Any], plan: Plan) -> NoiseHistory:
    """Estimate at all steps of a run."""
    rows, ladders, fair, samples = [], {}, [], {}
    sizes = [size for size in plan.batches if size < run["samples"]]
    for step, path in run["files"].items():
        found = _read(path)
        gradients, rng = found["gradients"], np.random.default_rng([run["index"], step])
        rows.append(_row(step, found, coordinate_tails(gradients, run["batch_size"], DRAWN, rng)))
        if step in plan.ladder_steps:
            some = gradients[:, :: max(1, gradients.shape[1] // ON_LADDER)]
            tails = [coordinate_tails(some, size, DRAWN, rng) for size in sizes]
            ladders[step] = [as_row(asdict(one), LADDER) for one in tails]
            fair.append(fair_of(gradients, run["batch_size"], run["index"], step))
        if run["name"] in plan.kept and step in plan.kept_steps:
            samples[step] = _some(gradients, KEPT)
    how = {key: value for key, value in run.items() if key not in ("name", "index", "files")}
    how["pooled_block"] = int(found["pooled_block"])
    steps = np.array(list(ladders), dtype=np.int64)
    ladder = np.array(list(ladders.values())).reshape(len(steps), len(sizes), len(LADDER))
    table = np.array(fair).reshape(len(steps), 3, 2)
    return NoiseHistory(run["name"], how, np.array(rows), steps, ladder, table, samples)


def fair_of(gradients: NDArray[np.float32], batch: int, index: int, step: int) -> Array:
    """Pooled estimates of recorded coordinates, see `fair_estimates`."""
    rng = np.random.default_rng([index, step, 1])
    return fair_estimates(gradients, batch, FAIR_BATCHES, FAIR_DRAWS, rng)


def _read(path: str | Path) -> dict[str, NDArray[Any]]:
    with np.load(Path(path), allow_pickle=False) as file:
        return {key: file[key] for key in file.files if key != "weights"}


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
