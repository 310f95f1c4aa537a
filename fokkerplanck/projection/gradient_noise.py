"""Gradient noise of networks on their way through training.

Plain SGD; at given steps the gradient of every sample is taken, from which the noise of minibatches
of any size follows. Of each run k and step n a file ``NAME_k_n.npz`` beside the output holds the
gradients along some coordinates, numbers that need all weights, and the weights, from which a later
call goes on.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fokkerplanck.errors import CaseError, DataError, NumericalError
from fokkerplanck.projection.command import dataset_of, model_of
from fokkerplanck.projection.data import Dataset
from fokkerplanck.projection.deterministic import deterministic
from fokkerplanck.projection.gradient_noise_config import GradientNoiseConfig, NoiseRun
from fokkerplanck.projection.spectrum import sample_gradients
from fokkerplanck.projection.weights import Flat, cross_entropies, flatten, with_weights
from fokkerplanck.tail_network_pooled import pooled_estimates

__all__ = ["record_gradient_noise"]

Arrays = dict[str, NDArray[Any]]
Tell = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class _Run:
    """A training, and where its files are."""

    config: GradientNoiseConfig
    run: NoiseRun
    k: int
    data: Dataset
    model: nn.Module
    output: Path

    @property
    def settings(self) -> dict[str, Any]:
        """All that a recorded step depends on."""
        table = self.config.gradient_noise
        keys = ("coordinates", "minibatches", "draws", "seed", "threads")
        return {
            **{key: getattr(table, key) for key in keys},
            "initial_seed": self.config.initial_seed_of(self.run),
            "learning_rate": self.config.rate_of(self.run),
            "batch_size": self.run.batch_size,
            "run_seed": self.run.seed,
            "network": self.config.network_of(self.run).model_dump(),
            "data": self.data.digest,
        }

    def stage(self, step: int) -> Path:
        """File of a step."""
        return self.output.with_name(f"{self.output.stem}_{self.k}_{step}.npz")


def record_gradient_noise(
    config: GradientNoiseConfig,
    source: Path,
    output: Path,
    *,
    only: Sequence[int] | None = None,
    tell: Tell = lambda line: None,
) -> list[dict[str, Any]]:
    """Train, and record on the way; or go on with it.

    Parameters
    ----------
    config : GradientNoiseConfig
    source : Path
        The file it comes from: paths start from its folder.
    output : Path
        Beside which the files are; it is not written itself.
    only : sequence of int, optional
        Runs to make now.
    tell : callable
        Told in words how far it is.

    Returns
    -------
    list of dict
        Of each run: name, index, hyper-parameters, and the files of its steps.

    Raises
    ------
    CaseError
        There is no such run, a batch is larger than the data, or files are of another recording.
    NumericalError
        The loss is no longer finite.
    """
    chosen = range(len(config.run)) if only is None else only
    made = []
    for k in chosen:
        if not 0 <= k < len(config.run):
            msg = f"there are the runs 0 to {len(config.run) - 1}, not {k}"
            raise CaseError(msg, key="only")
        run = _prepared(config, source, output, k)
        _walk(run, tell)
        made.append(_about(run))
    return made


def _prepared(config: GradientNoiseConfig, source: Path, output: Path, k: int) -> _Run:
    run, table = config.run[k], config.gradient_noise
    data = dataset_of(config.data_of(run), source.parent)
    if run.batch_size > len(data):
        msg = f"a batch of {run.batch_size} is larger than the data, {len(data)} samples"
        raise CaseError(msg, key=f"run.{k}.batch_size", file=str(source))
    model = model_of(config.network_of(run), data, config.initial_seed_of(run))
    size = len(flatten(model))
    if table.coordinates > size:
        msg = f"there are {size} weights, fewer than coordinates = {table.coordinates}"
        raise CaseError(msg, key="gradient_noise.coordinates", file=str(source))
    return _Run(config, run, k, data, model, output)


def _walk(run: _Run, tell: Tell) -> None:
    """Go on from the last step that is recorded."""
    steps = run.config.steps_of(run.run)
    weights, done = flatten(run.model), 0
    for step in steps:
        path = run.stage(step)
        if path.exists():
            weights, done = _read(path, run.settings)["weights"], step
            continue
        with deterministic(run.config.gradient_noise.threads):
            weights = _trained(run, weights, done, step)
            found = _measured(run, weights, step)
        _write(path, {**found, "weights": weights}, run.settings)
        done = step
        tell(
            f"{run.run.name}: step {step} of {steps[-1]}, loss {float(found['loss']):.4g}, "
            f"accuracy {float(found['accuracy']):.4f}"
        )


def _trained(run: _Run, weights: NDArray[Any], done: int, step: int) -> NDArray[Any]:
    """Take steps of SGD; every step draws from a stream of its own."""
    model = with_weights(run.model, weights).train()
    mine = [p for p in model.parameters() if p.requires_grad]
    inputs, labels = torch.tensor(run.data.inputs), torch.tensor(run.data.labels)
    size, rate = run.run.batch_size, run.settings["learning_rate"]
    for k in range(done, step):
        rng = np.random.default_rng([run.run.seed, 0, k])
        chosen = torch.as_tensor(rng.choice(len(labels), size, replace=False))
        loss = cross_entropies(model(inputs[chosen]), labels[chosen]).mean()
        gradients = torch.autograd.grad(loss, mine)
        with torch.no_grad():
            for p, g in zip(mine, gradients, strict=True):
                p.sub_(g, alpha=rate)
    found = flatten(model)
    if not np.isfinite(found).all():
        msg = f"{run.run.name}: weights are not finite by step {step}: learning_rate = {rate:g} is "
        raise NumericalError(msg + "too large")
    return found


def _measured(run: _Run, weights: NDArray[Any], step: int) -> Arrays:
    """Gradients of all samples along some coordinates, and what needs all weights."""
    table = run.config.gradient_noise
    flat = Flat(run.model, precision=torch.float32)
    losses, right = _outcome(flat, weights, run.data)
    if not math.isfinite(losses):
        msg = f"{run.run.name}: the loss is {losses} after step {step}: learning_rate = "
        raise NumericalError(msg + f"{run.settings['learning_rate']:g} is too large")
    gradients = sample_gradients(flat, weights, run.data).astype(np.float32, copy=False)
    mean = gradients.mean(axis=0, dtype=np.float64)
    gradients -= mean.astype(np.float32)
    rng = np.random.default_rng([run.run.seed, 1, step])
    pooled = pooled_estimates(gradients, run.run.batch_size, table.minibatches, table.draws, rng)
    at = np.random.default_rng(table.seed).permutation(flat.size)[: table.coordinates]
    at = np.sort(at)
    return {
        "loss": np.array(losses),
        "accuracy": np.array(right),
        "gradient_norm": np.array(np.linalg.norm(mean)),
        "total_noise": np.array((gradients.astype(np.float64) ** 2).mean(axis=0).sum()),
        "pooled_inverse": pooled.inverse,
        "pooled_error": pooled.error,
        "pooled_block": np.array(pooled.block),
        "gradients": gradients[:, at],
        "coordinates": at,
        "mean": mean[at],
    }


def _outcome(flat: Flat, weights: NDArray[Any], data: Dataset) -> tuple[float, float]:
    """Mean loss, and share of right answers."""
    theta = flat.tensor(weights)
    with torch.no_grad():
        outputs = flat.outputs(theta, data.inputs)
        labels = torch.tensor(data.labels)
        loss = float(cross_entropies(outputs, labels).double().mean())
    return loss, float((outputs.argmax(dim=1) == labels).double().mean())


def _about(run: _Run) -> dict[str, Any]:
    network = run.config.network_of(run.run)
    steps = run.config.steps_of(run.run)
    return {
        "name": run.run.name,
        "index": run.k,
        "depth": network.depth,
        "width": network.width,
        "weights": len(flatten(run.model)),
        "batch_size": run.run.batch_size,
        "learning_rate": run.settings["learning_rate"],
        "samples": len(run.data),
        "data": run.data.name,
        "label_noise": float(run.data.provenance.get("label_noise", 0.0)),
        "minibatches": run.config.gradient_noise.minibatches,
        "files": {step: run.stage(step) for step in steps},
    }


def _read(path: Path, settings: dict[str, Any]) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {key: file[key] for key in file.files}
        stored = json.loads(str(found.pop("settings")))
    except Exception as error:  # numpy and zipfile raise many kinds
        msg = f"{path}: cannot be read as a recorded step ({error})"
        raise DataError(msg) from error
    wanted = json.loads(json.dumps(settings))
    if changes := [key for key in wanted if stored.get(key) != wanted[key]]:
        msg = f"is of another recording: {', '.join(changes)} changed; remove it to record anew"
        raise CaseError(msg, file=str(path))
    return found


def _write(path: Path, arrays: Arrays, settings: dict[str, Any]) -> None:
    """Write a file; a kill leaves none, or the one before."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as stream:
            np.savez(stream, allow_pickle=False, settings=np.array(json.dumps(settings)), **arrays)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except OSError as error:
        msg = f"{path}: cannot be written ({error.strerror or error})"
        raise DataError(msg) from error
