"""What ``fokkerplanck project`` does: networks, directions and samples from a file."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from torch import nn

from fokkerplanck.errors import CaseError, DataError
from fokkerplanck.projection.checkpoint import load
from fokkerplanck.projection.config import (
    ArraysData,
    Config,
    DataTable,
    DigitsData,
    HessianDirections,
    ImagesData,
    MinimaDirections,
    NetworkTable,
    PcaDirections,
    RandomDirections,
    TrainTable,
)
from fokkerplanck.projection.curvature import top_hessian
from fokkerplanck.projection.data import Dataset, arrays, digits
from fokkerplanck.projection.directions import (
    Directions,
    principal_components,
    random_filter_normalised,
    through_minima,
)
from fokkerplanck.projection.image_files import cifar10, mnist
from fokkerplanck.projection.networks import resnet
from fokkerplanck.projection.points import check_device
from fokkerplanck.projection.progress import ProjectionProgress
from fokkerplanck.projection.sample import project, refuse_existing
from fokkerplanck.projection.training import train
from fokkerplanck.projection.weights import Flat, cross_entropies

__all__ = ["dataset_of", "model_of", "run_project", "summary"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Network:
    """A trained network: its weights, and the way there if it is known."""

    weights: Array
    trajectory: NDArray[np.float32] | None
    about: str


def run_project(
    config: Config,
    text: str,
    source: Path,
    output: Path,
    *,
    resume: bool = False,
    force: bool = False,
    allow_nan: bool = False,
    progress: ProjectionProgress | None = None,
) -> dict[str, Any]:
    """Train or load networks, choose directions, sample; returns the JSON object.

    Networks are trained into ``OUTPUT_network0.npz`` and so on, and taken from there again when
    they are of the same training; `force` trains them anew.

    Parameters
    ----------
    config : Config
    text : str
        Its canonical text, kept in the file.
    source : Path
        The file it comes from: paths start from its folder.
    output : Path
    resume, force, allow_nan : bool
        As in `project`.
    progress : ProjectionProgress, optional
    """
    begin = time.monotonic()
    check_device(config.sample.device)
    refuse_existing(output, resume=resume, force=force)
    data = dataset_of(config.data, source.parent)
    model = model_of(config.network, data)
    networks = _networks(config, model, data, source.parent, output, force, progress)
    directions = _directions(config, model, data, networks)
    anchors = _at_anchors(config, networks)
    sample = config.sample
    project(
        model,
        cross_entropies,
        data,
        directions,
        _extent(config, directions, networks),
        [axis.cells for axis in sample.axes],
        output,
        hessian=sample.hessian,
        table=sample.table,
        batch=sample.batch,
        device=sample.device,
        threads=sample.threads,
        networks=anchors,
        keep_weights=sample.keep_weights,
        about=_about(config, source, directions, networks),
        config=text,
        progress=None if progress is None else progress.tell,
        resume=resume,
        force=force,
        allow_nan=allow_nan,
    )
    return {
        "config": str(source),
        **summary(output),
        "wall_seconds": time.monotonic() - begin,
    }


def summary(path: Path) -> dict[str, Any]:
    """Return what a finished file holds, as a JSON object."""
    with h5py.File(path, "r") as file:
        attrs, loss = file.attrs, file["loss"][...]
        finite = loss[np.isfinite(loss)]
        found = {
            "output": str(path),
            "points": list(loss.shape),
            "samples": int(attrs["samples"]),
            "network": str(attrs["network"]),
            "data": str(attrs["data"]),
            "directions": str(attrs["directions"]),
            "note": str(attrs["directions_note"]),
            "share": float(attrs["share"]) if "share" in attrs else None,
            "trajectory_shares": [float(s) for s in attrs.get("trajectory_shares", ())],
            "extent": [[float(file[n][0]), float(file[n][-1])] for n in attrs["axes"]],
            "loss": [float(finite.min()), float(finite.max())] if finite.size else None,
            "hessian": "hessian" in file,
            "table": "table" in file,
            "not_finite": int(attrs.get("not_finite", 0)),
            "memory_bytes": int(attrs["memory_bytes"]),
        }
        names = list(attrs.get("anchor_names", ()))
        own = attrs.get("network_losses", [None] * len(names))
        found["anchors"] = [
            {
                "name": str(name),
                "position": [float(c) for c in attrs["anchors"][k]],
                "loss": float(attrs["anchor_losses"][k]),
                "network_loss": None if own[k] is None else float(own[k]),
            }
            for k, name in enumerate(names)
        ]
    return found


def dataset_of(table: DataTable, folder: Path) -> Dataset:
    """Read or make the data that a table names; paths start from the folder."""
    match table:
        case DigitsData():
            data = digits(table.label_noise, table.seed)
        case ArraysData():
            data = _named(arrays(folder / table.file), table.file)
        case ImagesData():
            read = {"mnist": mnist, "cifar10": cifar10}[table.kind]
            data = _named(read(folder / table.folder, table.test), table.folder)
    if table.subset is not None:
        data = data.subset(table.subset.count, table.subset.seed)
    if data.labels.dtype.kind not in "iu" or data.labels.ndim != 1:
        msg = "labels must be classes, whole numbers from 0 on, one for each sample"
        raise CaseError(msg, key="data")
    return data


def _named(data: Dataset, given: str) -> Dataset:
    """Name the source as the file does: no folder of this machine in the result."""
    return replace(data, provenance={**data.provenance, "source": given})


def model_of(network: NetworkTable, data: Dataset, seed: int = 0) -> nn.Module:
    """Make the network of a table for data; classes and channels are theirs."""
    if data.inputs.ndim != 4:
        msg = (
            f"the network takes images, shape (n, channels, height, width); got {data.inputs.shape}"
        )
        raise CaseError(msg, key="data")
    return resnet(
        network.depth,
        network.width,
        data.classes,
        data.inputs.shape[1],
        network.norm,
        network.activation,
        seed,
    )


def _networks(
    config: Config,
    model: nn.Module,
    data: Dataset,
    folder: Path,
    output: Path,
    force: bool,
    progress: ProjectionProgress | None,
) -> list[Network]:
    table = config.train
    if table.weights is not None:
        size = Flat(model).size
        return [_loaded(folder / name, name, size, k) for k, name in enumerate(table.weights)]
    made = []
    for k, seed in enumerate(table.starts):
        path = output.with_name(f"{output.stem}_network{k}.npz")
        if force:
            path.unlink(missing_ok=True)
        made.append(_trained(config, data, seed, path, k, progress))
    return made


def _trained(
    config: Config,
    data: Dataset,
    seed: int,
    path: Path,
    k: int,
    progress: ProjectionProgress | None,
) -> Network:
    table = config.train
    if not (table.learning_rate and table.batch_size and table.epochs):
        msg = "needs learning_rate, batch_size and epochs"
        raise CaseError(msg, key="train")

    def tell(done: int, loss: float) -> None:
        if progress is not None:
            progress.train(k, table.count, done, table.epochs or 1, loss)

    try:
        training = train(
            model_of(
                config.network, data, seed if table.initial_seed is None else table.initial_seed
            ),
            data,
            learning_rate=table.learning_rate,
            batch_size=table.batch_size,
            epochs=table.epochs,
            seed=seed,
            momentum=table.momentum,
            weight_decay=table.weight_decay,
            schedule=table.schedule,
            keep_every=table.keep_every,
            checkpoint=path,
            device=config.sample.device,
            threads=config.sample.threads,
            progress=tell,
        )
    except CaseError as error:
        if error.file is None:
            raise
        msg = f"{error.message}; --force trains anew"
        raise CaseError(msg, file=error.file) from None
    if (done := training.settings["epochs"]) != table.epochs:
        msg = f"holds {done} epochs, train.epochs is {table.epochs}; --force trains anew"
        raise CaseError(msg, file=str(path))
    about = (
        f"seed {seed}: {_words(table)}; loss {training.losses[-1]:.6g}, "
        f"accuracy {training.accuracies[-1]:.4f}"
    )
    return Network(training.weights, training.trajectory, about)


def _words(table: TrainTable) -> str:
    keys = ("learning_rate", "batch_size", "epochs", "momentum", "weight_decay", "schedule")
    return ", ".join(f"{key} {getattr(table, key)}" for key in keys)


def _loaded(path: Path, name: str, size: int, k: int) -> Network:
    """Weights of a checkpoint, or the array ``weights`` of any npz file."""
    try:
        found, settings = load(path)
        trajectory, about = found["trajectory"], f"{name}: seed {settings.get('seed')}"
    except DataError:
        found, trajectory, about = _plain(path), None, name
    weights = found["weights"]
    if weights.shape != (size,):
        msg = f"{name} has weights of shape {weights.shape}; the network has {size} weights"
        raise CaseError(msg, key=f"train.weights.{k}")
    if not np.isfinite(weights).all():
        msg = f"{name} has weights that are not finite"
        raise CaseError(msg, key=f"train.weights.{k}")
    return Network(weights.astype(np.float64), trajectory, about)


def _plain(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            if "weights" not in file:
                msg = f"{path}: no array weights; it has {', '.join(file.files) or 'none'}"
                raise DataError(msg)
            return {"weights": np.atleast_1d(np.asarray(file["weights"], dtype=np.float64))}
    except FileNotFoundError:
        msg = f"{path}: no such file"
        raise DataError(msg) from None
    except DataError:
        raise
    except Exception as error:  # numpy and zipfile raise many kinds
        msg = f"{path}: cannot be read as weights ({error})"
        raise DataError(msg) from None


def _directions(
    config: Config, model: nn.Module, data: Dataset, networks: list[Network]
) -> Directions:
    table = config.directions
    names = [f"network {k}" for k in range(len(networks))]
    if isinstance(table, MinimaDirections):
        return through_minima([n.weights for n in networks], names)
    chosen, name = networks[table.network], names[table.network]
    match table:
        case PcaDirections():
            ends = [f"{name}, start", f"{name}, end"]
            return principal_components(_path(chosen, name), table.dim, table.centre, ends)
        case RandomDirections():
            flat = Flat(model)
            return random_filter_normalised(flat, chosen.weights, table.dim, table.seed, name)
        case HessianDirections():
            flat = Flat(model, device=config.sample.device)
            batch = config.sample.batch
            seed = table.seed
            return top_hessian(
                flat, chosen.weights, data, table.dim, batch=batch, seed=seed, name=name
            )


def _path(network: Network, name: str) -> NDArray[np.float32]:
    if network.trajectory is None:
        msg = f"principal components need a trajectory; the file of {name} holds only weights"
        raise CaseError(msg, key="directions.kind")
    return network.trajectory


def _at_anchors(config: Config, networks: list[Network]) -> Array:
    """Weights of the networks that the anchors stand for."""
    table = config.directions
    if isinstance(table, MinimaDirections):
        return np.stack([n.weights for n in networks])
    chosen = networks[table.network]
    if isinstance(table, PcaDirections):
        path = _path(chosen, "")
        return np.stack([path[0].astype(np.float64), path[-1].astype(np.float64)])
    return chosen.weights[None]


def _extent(
    config: Config, directions: Directions, networks: list[Network]
) -> list[tuple[float, float]]:
    """Ranges as given; else those of the anchors, or of the trajectory, with a margin."""
    table, points = config.directions, directions.anchors
    if isinstance(table, PcaDirections):
        path = _path(networks[table.network], "")
        points = directions.coordinates(path.astype(np.float64))
    low, high = points.min(axis=0), points.max(axis=0)
    room = config.sample.margin * float((high - low).max())
    ranges = []
    for k, axis in enumerate(config.sample.axes):
        if axis.min is None or axis.max is None:
            ranges.append((float(low[k] - room), float(high[k] + room)))
        else:
            ranges.append((axis.min, axis.max))
    return ranges


def _about(
    config: Config, source: Path, directions: Directions, networks: list[Network]
) -> dict[str, Any]:
    """Attributes of the file that only the command knows."""
    network = config.network
    found: dict[str, Any] = {
        "title": config.title,
        "command": f"fokkerplanck project {source.name}",
        "network": (
            f"ResNet, depth {network.depth}, width {network.width}, norm {network.norm}, "
            f"activation {network.activation}, {directions.origin.size} weights"
        ),
        "training": json.dumps([n.about for n in networks]),
    }
    if config.train.weights is None:
        found["seed"] = list(config.train.starts)
    if all(n.trajectory is not None for n in networks):
        found["trajectory_shares"] = [_held(directions, n) for n in networks]
        found["trajectory_shares_note"] = (
            "of each training: part of the squared distances from its end that lies along the "
            "line or plane"
        )
    return found


def _held(directions: Directions, network: Network) -> float:
    apart = _path(network, "").astype(np.float64) - network.weights
    whole = float(np.sum(apart**2))
    return float(np.sum((apart @ directions.axes.T) ** 2)) / whole if whole else 1.0
