"""Minibatch SGD of a network: its weights, its path, and checkpoints that survive a kill."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from fokkerplanck.errors import CaseError
from fokkerplanck.projection.checkpoint import Arrays, load, save
from fokkerplanck.projection.data import Dataset
from fokkerplanck.projection.deterministic import deterministic
from fokkerplanck.projection.training_run import Run
from fokkerplanck.projection.weights import Loss, cross_entropies, flatten

__all__ = ["SCHEDULES", "Training", "read_training", "train"]

Array = NDArray[np.float64]
#: factor on the learning rate after a part u of the epochs
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda u: 1.0,
    "cosine": lambda u: (1 + math.cos(math.pi * u)) / 2,
}
#: seconds between two checkpoints; the last epoch is always saved
INTERVAL = 5.0


@dataclass(frozen=True, eq=False)
class Training:
    """What a training has come to; weights are those of the evaluation form (see `weights`).

    Parameters
    ----------
    weights : ndarray, shape (P,)
        At the end.
    trajectory : ndarray of float32, shape (k, P)
        On the way, from the initial to the final weights.
    epochs : ndarray of int, shape (k,)
        After which epoch each of these was.
    losses, accuracies : ndarray, shape (n + 1,)
        Mean loss and share of right answers over all samples, in evaluation mode: before the first
        epoch and after each one. Accuracies are NaN where labels are no classes.
    settings : dict
        All that the result depends on: hyper-parameters, digests of data and initial weights.
    seconds : float
        Of computation, without what was done before a resume.
    """

    weights: Array
    trajectory: NDArray[np.float32]
    epochs: NDArray[np.int64]
    losses: Array
    accuracies: Array
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def train(
    model: nn.Module,
    data: Dataset,
    *,
    learning_rate: float,
    batch_size: int,
    epochs: int,
    seed: int = 0,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    schedule: str = "constant",
    loss: Loss = cross_entropies,
    keep_every: int = 1,
    checkpoint: str | Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    progress: Callable[[int, float], None] | None = None,
) -> Training:
    """Train a network, in place, by SGD on minibatches drawn without replacement.

    The result is bit for bit the same for a seed, on one machine and number of threads, whether
    the training was interrupted or not: every epoch draws from a stream of its own.

    Parameters
    ----------
    model : nn.Module
        Changed in place, and left in evaluation mode.
    learning_rate, batch_size, momentum, weight_decay : float
        eta, B, beta (heavy ball, ``v <- beta v + g``) and lambda. A last batch that is smaller is
        used.
    epochs : int
        Passes over the data.
    schedule : str
        Of the learning rate over all epochs: ``"constant"``, or ``"cosine"`` down to zero.
    loss : callable
        Per-sample losses, see `weights.Flat`; SGD follows their mean over the batch.
    keep_every : int
        Epochs between two weights of the trajectory.
    checkpoint : path, optional
        File ``.npz`` to go on from if it is there; written every few seconds, on an interruption,
        and at the end.
    threads : int
        Of torch.
    progress : callable, optional
        Called with the number of epochs done and the mean loss.

    Raises
    ------
    CaseError
        For a number out of range, or a checkpoint of another training.
    DataError
        When the checkpoint cannot be read or written.
    NumericalError
        When the loss is no longer finite.
    """
    settings: dict[str, Any] = {
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "seed": seed,
        "schedule": schedule,
        "keep_every": keep_every,
        "device": str(device),
        "threads": threads,
        "samples": data.digest,
        "initial_weights": hashlib.sha256(flatten(model).tobytes()).hexdigest(),
    }
    _check(settings, epochs, len(data))
    if schedule != "constant":  # then no epochs can be added later
        settings["epochs"] = epochs
    path = None if checkpoint is None else Path(checkpoint)
    begin = saved = time.monotonic()
    with deterministic(threads, device):
        run = Run(model, data, loss, settings)
        if path is not None and path.exists():
            run.go_on(path)
        try:
            while run.done < epochs:
                run.epoch(learning_rate * SCHEDULES[schedule](run.done / epochs))
                if progress is not None:
                    progress(run.done, run.losses[-1])
                if path is not None and time.monotonic() - saved > INTERVAL:
                    save(path, run.arrays(), settings)
                    saved = time.monotonic()
        finally:
            if path is not None:
                save(path, run.arrays(), settings)
    model.eval()
    seconds = time.monotonic() - begin
    return _training(run.arrays(), {**settings, "epochs": run.done}, seconds)


def read_training(path: str | Path) -> Training:
    """Read what a training had come to at its last checkpoint.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    arrays, settings = load(Path(path))
    return _training(arrays, {**settings, "epochs": len(arrays["losses"]) - 1}, 0.0)


def _training(arrays: Arrays, settings: dict[str, Any], seconds: float) -> Training:
    found = {key: arrays[key] for key in ("weights", "trajectory", "losses", "accuracies")}
    return Training(
        **found, epochs=arrays["epochs"].astype(np.int64), settings=settings, seconds=seconds
    )


def _check(settings: dict[str, Any], epochs: int, samples: int) -> None:
    """Refuse hyper-parameters out of range."""
    allowed: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "learning_rate": ("a positive number", lambda v: 0 < v < math.inf),
        "batch_size": (f"a whole number from 1 to {samples}", lambda v: 1 <= v <= samples),
        "momentum": ("a number in [0, 1)", lambda v: 0 <= v < 1),
        "weight_decay": ("a number >= 0", lambda v: 0 <= v < math.inf),
        "seed": ("a whole number >= 0", lambda v: v >= 0),
        "keep_every": ("a whole number >= 1", lambda v: v >= 1),
        "threads": ("a whole number >= 1", lambda v: v >= 1),
        "schedule": (f"one of {', '.join(SCHEDULES)}", lambda v: v in SCHEDULES),
        "epochs": ("a whole number >= 0", lambda v: v >= 0),
    }
    for key, (rule, holds) in allowed.items():
        value = {**settings, "epochs": epochs}[key]
        if not holds(value):
            msg = f"{key} is {rule}, got {value!r}"
            raise CaseError(msg, key=f"training.{key}")
