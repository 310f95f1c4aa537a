"""Paths of a network beside the theory of momentum: train, settle, measure, record, keep.

Each stage leaves a file beside the output, from which a later call goes on:
``NAME_plateau.npz`` and for each run k ``NAME_k_settled.npz``, ``NAME_k_window.npz``,
``NAME_k_point.npz`` (curvature and noise at the reference point), ``NAME_k_path.npz``, and
``NAME_k_way.npz`` and ``NAME_k_average.npz`` (the same on the way).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fokkerplanck.errors import CaseError
from fokkerplanck.network_run import NetworkFile, NetworkRun, write_network
from fokkerplanck.network_statistics import log_lags, reduce_path
from fokkerplanck.projection.command import dataset_of, model_of
from fokkerplanck.projection.curvature import hessian_product, top_eigenvectors
from fokkerplanck.projection.data import Dataset
from fokkerplanck.projection.deterministic import deterministic
from fokkerplanck.projection.momentum_config import MeasureTable, MomentumConfig, RunTable
from fokkerplanck.projection.spectrum import (
    lanczos_quadrature,
    noise_quadrature,
    sample_gradients,
)
from fokkerplanck.projection.trajectory import Trajectory, record
from fokkerplanck.projection.weights import Flat, with_weights
from fokkerplanck.provenance import provenance

__all__ = ["run_momentum"]

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]
Tell = Callable[[str], None]
#: of the eigenvalues, relative: products in single precision have no more
TOLERANCE = 1e-5
#: steps between two looks at the whole network where nothing is recorded
LOOK = 500
#: of the longest distance in time, the part of the path
LONGEST = 0.4


@dataclass(frozen=True, eq=False)
class _Work:
    """What all stages of one file share."""

    config: MomentumConfig
    data: Dataset
    model: nn.Module
    output: Path
    tell: Tell

    def stage(self, name: str) -> Path:
        """File of a stage."""
        return self.output.with_name(f"{self.output.stem}_{name}.npz")

    def path(self, name: str, model: nn.Module, how: dict[str, Any], **more: Any) -> Trajectory:
        """Record a path of which the checkpoint is the file of a stage."""

        def progress(done: int, loss: float) -> None:
            self.tell(f"{name}: step {done} of {how['steps']}, loss {loss:.4g}")

        return record(
            model,
            self.data,
            **how,
            **({"look_every": LOOK} | more),
            threads=self.config.measure.threads,
            checkpoint=self.stage(name),
            progress=progress,
        )


def run_momentum(
    config: MomentumConfig,
    text: str,
    source: Path,
    output: Path,
    *,
    only: Sequence[int] | None = None,
    tell: Tell = lambda line: None,
) -> bool:
    """Make the file that the comparison needs, or go on with it.

    Parameters
    ----------
    config : MomentumConfig
    text : str
        Its canonical text, kept in the file.
    source : Path
        The file it comes from: paths start from its folder.
    output : Path
    only : sequence of int, optional
        Runs to make now; the output is written by the call that finds all of them made.
    tell : callable
        Told in words how far it is.

    Returns
    -------
    bool
        Whether the output is written.
    """
    data = dataset_of(config.data, source.parent)
    work = _Work(
        config, data, model_of(config.network, data, config.plateau.initial_seed), output, tell
    )
    table = config.plateau
    start = work.path("plateau", work.model, _how(table, steps=table.steps, seed=table.seed))
    chosen = range(len(config.run)) if only is None else only
    for k in chosen:
        if not 0 <= k < len(config.run):
            msg = f"there are the runs 0 to {len(config.run) - 1}, not {k}"
            raise CaseError(msg, key="only")
        _run(work, k, start)
    if not all(work.stage(f"{k}_average").exists() for k in range(len(config.run))):
        return False
    runs = tuple(_run(work, k, start) for k in range(len(config.run)))
    about = {
        "title": config.title,
        "network": f"resnet {config.network.depth}, width {config.network.width}, "
        f"{config.network.norm} norm, {config.network.activation}",
        "data": data.name,
        **{f"data_{key}": value for key, value in data.provenance.items()},
        "data_digest": data.digest,
        "samples": len(data),
        "weights": len(start.weights),
        "plateau_loss": float(start.losses[-10:].mean()),
        "torch": str(torch.__version__),
        "command": f"python scripts/momentum_network.py --train {source.name} {output.name}",
        "git_revision": provenance()["git_revision"],
        "config": text,
    }
    write_network(output, NetworkFile(about, runs))
    return True


def _run(work: _Work, k: int, start: Trajectory) -> NetworkRun:
    """Settle, find the reference point, measure there, record; what is done is read."""
    run, measure = work.config.run[k], work.config.measure
    how = _how_of(work.config, run)
    model = with_weights(work.model, start.weights)
    before = start
    for name, steps in (("settled", run.settle), ("window", run.window)):
        how |= {"steps": steps, "seed": _seed(run.seed, name)}
        before = work.path(f"{k}_{name}", model, how, velocity=before.velocity)
    point = _stage(work.stage(f"{k}_point"), before.mean, lambda: _point(work, k, before.mean))
    lags = [int(n) for n in log_lags(int(LONGEST * run.steps), measure.lags)]
    how |= {"steps": run.steps, "seed": _seed(run.seed, "path")}
    path = work.path(
        f"{k}_path",
        model,
        how,
        velocity=before.velocity,
        axes=point["axes"],
        origin=before.mean,
        lags=lags,
        stride=measure.stride,
        snapshots=measure.snapshots,
        look_every=measure.look_every,
    )
    way = _stage(work.stage(f"{k}_way"), path.mean, lambda: _way(work, k, path, point["axes"]))
    way |= _stage(work.stage(f"{k}_average"), path.mean, lambda: _average(work, k, path))
    return NetworkRun.of(
        run.name,
        how | {"samples": len(work.data), "settle": run.settle, "window": run.window},
        {name: values for name, values in point.items() if name != "axes"} | way,
        reduce_path(path.positions, path.sizes, how["learning_rate"], how["momentum"]),
        path.lags,
        path.distances,
        np.stack([path.looks, path.losses, path.norms, *path.virials.T]),
    )


def _point(work: _Work, k: int, weights: Array) -> Arrays:
    """Curvature and noise at the reference point."""
    measure = work.config.measure
    flat = Flat(work.model, precision=torch.float32)
    with deterministic(measure.threads):
        product = _counted(work, f"{k}_point", flat, weights, measure)
        top = top_eigenvectors(product, flat.size, measure.directions, tolerance=TOLERANCE, seed=k)
        gradients = sample_gradients(flat, weights, work.data)
        noise = noise_quadrature(
            product, gradients, measure.probes, measure.lanczos, top.axes, seed=k
        )
        # one vector in thousands of dimensions sees the density to a part in a hundred
        probe = np.random.default_rng([k, 1]).standard_normal(flat.size)
        probe /= np.linalg.norm(probe)
        density = [lanczos_quadrature(product, probe, measure.lanczos)]
    return {
        "axes": top.axes,
        "curvature": top.values,
        "residual": top.residuals,
        "loss": np.array(flat.losses(weights, work.data).mean()),
        "gradient": gradients.mean(axis=0) @ top.axes.T,
        "weights_along": weights @ top.axes.T,
        "norm": np.array(weights @ weights),
        "gradient_norm": np.array(np.linalg.norm(gradients.mean(axis=0))),
        **_noise(gradients, top.axes),
        "noise_nodes": np.array([q.nodes for q in noise]),
        "noise_weights": np.array([q.weights for q in noise]),
        "density_nodes": np.array([q.nodes for q in density]),
        "density_weights": np.array([q.weights for q in density]),
    }


def _way(work: _Work, k: int, path: Trajectory, axes: Array) -> Arrays:
    """Curvature and noise along the axes at the snapshots, and the loss at the path's mean."""
    measure = work.config.measure
    flat = Flat(work.model, precision=torch.float32)
    found: dict[str, list[Any]] = {"curvature": [], "covariance": [], "total": []}
    with deterministic(measure.threads):
        for weights in path.snapshots.astype(np.float64):
            product = _counted(work, f"{k}_way", flat, weights, measure)
            found["curvature"].append([float(a @ product(a)) for a in axes])
            noise = _noise(sample_gradients(flat, weights, work.data), axes)
            found["covariance"].append(noise["covariance"])
            found["total"].append(noise["total_noise"])
        mean = flat.losses(path.mean, work.data).mean()
    return {
        "way_curvature": np.array(found["curvature"]),
        "way_covariance": np.array(found["covariance"]),
        "way_total_noise": np.array(found["total"]),
        "mean_loss": np.array(mean),
        "mean_norm": np.array(path.mean @ path.mean),
    }


def _average(work: _Work, k: int, path: Trajectory) -> Arrays:
    """Quadratures of ``tr[f(H) C]`` with H and C averaged over the snapshots.

    Each snapshot has its own part of the samples, so that a product with the mean Hessian costs no
    more than one at a single point.
    """
    measure, data = work.config.measure, work.data
    flat = Flat(work.model, precision=torch.float32)
    rng = np.random.default_rng([k, 2])
    parts = np.array_split(rng.permutation(len(data)), len(path.snapshots))
    points = [
        (weights.astype(np.float64), replace(data, inputs=data.inputs[p], labels=data.labels[p]))
        for weights, p in zip(path.snapshots, parts, strict=True)
    ]
    with deterministic(measure.threads):
        products = [hessian_product(flat, w, part, measure.batch) for w, part in points]
        shares = np.array([len(part) / len(data) for _, part in points])
        tables = [sample_gradients(flat, w, part) for w, part in points]
        centred = np.concatenate([t - t.mean(axis=0) for t in tables])

        def product(vector: Array) -> Array:
            found = [share * times(vector) for share, times in zip(shares, products, strict=True)]
            return np.asarray(np.sum(found, axis=0))

        counted = _telling(work, f"{k}_average", product)
        noise = noise_quadrature(counted, centred, measure.probes, measure.lanczos, seed=k)
    return {
        "way_nodes": np.array([q.nodes for q in noise]),
        "way_weights": np.array([q.weights for q in noise]),
    }


def _noise(gradients: Array, axes: Array) -> Arrays:
    """Covariance of the gradients of single samples along the axes, and its whole trace."""
    along = gradients @ axes.T
    along -= along.mean(axis=0)
    return {
        "covariance": along.T @ along / len(along),
        "total_noise": np.array(gradients.var(axis=0).sum()),
    }


def _counted(
    work: _Work, name: str, flat: Flat, weights: Array, measure: MeasureTable
) -> Callable[[Array], Array]:
    """Hessian-vector products that say how many there were."""
    return _telling(work, name, hessian_product(flat, weights, work.data, measure.batch))


def _telling(work: _Work, name: str, product: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Count products, and say so."""
    done = 0

    def times(vector: Array) -> Array:
        nonlocal done
        done += 1
        if done % 20 == 0:
            work.tell(f"{name}: {done} products with the Hessian")
        return product(vector).astype(np.float64)

    return times


def _stage(path: Path, of: Array, make: Callable[[], Arrays]) -> Arrays:
    """Read what was made of the same point before, or make it."""
    digest = hashlib.sha256(np.ascontiguousarray(of).tobytes()).hexdigest()
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            found = {key: file[key] for key in file.files}
        if str(found.pop("of", "")) == digest:
            return found
    found = make()
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as stream:
        np.savez(stream, allow_pickle=False, of=np.array(digest), **found)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    return found


def _how(table: Any, **more: Any) -> dict[str, Any]:
    keys = ("learning_rate", "batch_size", "momentum", "weight_decay")
    return {key: getattr(table, key) for key in keys} | more


def _how_of(config: MomentumConfig, run: RunTable) -> dict[str, Any]:
    """Hyper-parameters of a run: its own, and the plateau's where it has none."""
    given = {key: value for key, value in _how(run).items() if value is not None}
    return _how(config.plateau) | given | {"draw": run.draw}


def _seed(seed: int, stage: str) -> int:
    """Another stream for each stage of a run."""
    return 3 * seed + ("settled", "window", "path").index(stage)
