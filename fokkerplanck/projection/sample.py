"""The loss of a network on a line or a plane: sampled point by point into a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from fokkerplanck._version import __version__
from fokkerplanck.errors import CaseError, DataError, NumericalError
from fokkerplanck.projection.data import Dataset
from fokkerplanck.projection.deterministic import deterministic
from fokkerplanck.projection.directions import Directions
from fokkerplanck.projection.plane_file import Header, PartFile, places, same, write_plane
from fokkerplanck.projection.points import Sampler, check_device, differentiable
from fokkerplanck.projection.samples import Samples
from fokkerplanck.projection.weights import Flat, Loss, with_weights
from fokkerplanck.store import part_path

__all__ = ["ProjectionInterrupted", "project", "refuse_existing"]

Array = NDArray[np.float64]
#: called with the points done, all points, and those that are not finite
Progress = Callable[[int, int, int], None]

#: fewest points along an axis that a landscape can be interpolated through
FEWEST = 4
#: a network this near to the line or plane, relative to the length of its weights, is on it
ON_IT = 1e-9
#: losses at anchors and of the networks themselves may differ by so much
AGREE = 1e-6


class ProjectionInterrupted(KeyboardInterrupt):
    """The projection was stopped by the user; the points done are in a file.

    Parameters
    ----------
    path : Path
        The file.
    done, count : int
        Points in it, and those there will be.
    """

    def __init__(self, path: Path, done: int, count: int) -> None:
        self.path, self.done, self.count = path, done, count
        self.message = (
            f"interrupted; {done} of {count} points are in {path}\n"
            "go on with the same command and --resume"
        )
        super().__init__(self.message)


def project(
    model: nn.Module,
    loss: Loss,
    data: Dataset | Iterable[tuple[Any, Any]],
    directions: Directions,
    extent: Sequence[Any],
    cells: int | Sequence[int],
    output: str | Path,
    *,
    hessian: bool = True,
    table: bool = True,
    batch: int = 256,
    device: str = "cpu",
    threads: int = 1,
    networks: ArrayLike | None = None,
    keep_weights: bool = True,
    about: Mapping[str, str | int | float] | None = None,
    config: str = "",
    progress: Progress | None = None,
    resume: bool = False,
    force: bool = False,
    allow_nan: bool = False,
) -> Path:
    r"""Sample the loss, its derivatives and its gradient noise on a line or a plane of weights.

    At every point :math:`w_0 + \sum_a c_a v_a`: the mean loss over all samples, its gradient and
    Hessian along the axes, the covariance of the per-sample gradients, all exact to rounding by
    forward-mode differentiation in double precision, and with `table` the per-sample gradients
    themselves.

    Parameters
    ----------
    model : nn.Module
        Any network. Evaluated as for prediction: no dropout, running averages in batch norms.
    loss : callable
        ``loss(outputs, labels) -> (n,)``, the loss of each sample.
    data : Dataset, or iterable of batches (inputs, labels)
        Read once and kept in memory (on the device).
    directions : Directions
        Orthonormal axes, so that coordinates are distances between weights.
    extent : (min, max) for a line, or one such pair for each axis
    cells : int or sequence of int
        Points along each axis, both ends included; at least 4.
    output : path
        File of a sampled landscape, HDF5. ``NAME.part`` while it goes on.
    hessian, table : bool
        A Hessian takes four to five times as long as all the rest. A table has 4 bytes for each
        sample, point and axis.
    batch : int
        Samples at a time: bounds the memory, which the attribute ``memory_bytes`` estimates.
    device : str
        ``"cpu"``, ``"cuda"`` ...
    threads : int
        Of torch; another number of them gives other last digits.
    networks : array_like, shape (m, P), optional
        Weights of the networks at the anchors: their own losses are stored beside those on the
        plane, and must agree to 1e-6 where a network lies on it. They are kept in the file.
    keep_weights : bool
        Keep `networks` in the file.
    about : mapping, optional
        Further attributes of the file; ``network`` and ``data`` have defaults.
    config : str
        Text that the projection was made from, kept in the file.
    progress : callable, optional
        Called with the points done, all points, and how many of those done are not finite.
    resume : bool
        Go on with the points in ``NAME.part``; the file will be the same as without interruption.
    force : bool
        Replace what exists.
    allow_nan : bool
        Finish even if losses or derivatives are not finite at some points; these are NaN in the
        file, which counts and names them. Otherwise they stay in ``NAME.part``.

    Returns
    -------
    Path

    Raises
    ------
    CaseError
        For arguments that do not fit together.
    DataError
        When the file exists or cannot be written, or points are not finite.
    NumericalError
        When losses at anchors and those of the networks differ.
    """
    path = Path(output)
    check_device(device)
    with deterministic(threads, device), differentiable():
        flat = Flat(model, loss, device=device)
        samples = Samples.of(data)
        _check(flat, directions, batch)
        sampler = Sampler(flat, samples, directions.axes, batch=batch, hessian=hessian)
        own = None if networks is None else np.array(networks, dtype=np.float64)
        header = Header(
            _axes(directions, extent, cells),
            len(samples),
            hessian,
            table,
            _depends(sampler, directions, device, threads),
            {
                **_described(flat, samples, data, directions, sampler),
                **_anchors(model, sampler, directions, own),
                **(about or {}),
            },
            config,
            own if keep_weights else None,
        )
        if _finished(path, header, resume=resume, force=force):
            return path
        with PartFile(path, header, resume=resume) as part:
            _sample(part, sampler, directions, progress)
            _refuse_holes(part, allow_nan=allow_nan)
            write_plane(path, part)
        part.path.unlink()
    return path


def _sample(
    part: PartFile, sampler: Sampler, directions: Directions, progress: Progress | None
) -> None:
    """Evaluate the points that are left."""
    count, left = len(part.header), part.left
    try:
        for k in left:
            point = sampler.point(directions.weights(part.header.coordinates(k)))
            values = {
                "loss": point.loss,
                "gradient": point.gradient,
                "covariance": point.covariance,
                "hessian": point.hessian,
                "table": point.samples,
            }
            part.add(k, values, finite=point.finite)
            if progress is not None:
                progress(count - len(part.left), count, len(part.holes))
    except KeyboardInterrupt:
        raise ProjectionInterrupted(part.path, count - len(part.left), count) from None


def _refuse_holes(part: PartFile, *, allow_nan: bool) -> None:
    if part.holes and not allow_nan:
        msg = (
            f"{part.path}: {len(part.holes)} of {len(part.header)} points are not finite (NaN or "
            f"infinite loss or derivatives): index {places(part.header, part.holes)}. All points "
            "are kept there; sample a smaller range, or give --allow-nan with --resume to finish "
            "with NaN at these points"
        )
        raise DataError(msg)


def _finished(path: Path, header: Header, *, resume: bool, force: bool) -> bool:
    """Whether there is nothing to do; refuses to replace what exists."""
    over = path.exists() and not part_path(path).exists()
    if resume and over and same(path, header):
        return True
    refuse_existing(path, resume=resume and not over, force=force)
    return False


def refuse_existing(path: Path, *, resume: bool, force: bool) -> None:
    """Refuse to replace a file, or to begin where one is unfinished.

    Raises
    ------
    DataError
        When there is one, or no folder for it.
    """
    if force:
        return
    if path.exists() and not resume:
        msg = f"{path}: exists already; --force replaces it"
        raise DataError(msg)
    if not path.parent.is_dir():
        msg = f"{path}: the folder {path.parent} does not exist"
        raise DataError(msg)
    if part_path(path).exists() and not resume:
        msg = (
            f"{part_path(path)}: holds an unfinished projection; --resume goes on, --force begins "
            "anew"
        )
        raise DataError(msg)


def _check(flat: Flat, directions: Directions, batch: int) -> None:
    if directions.origin.size != flat.size:
        msg = f"the network has {flat.size} weights, the directions {directions.origin.size}"
        raise CaseError(msg, key="directions")
    if batch < 1:
        msg = f"batch is a positive number of samples, got {batch}"
        raise CaseError(msg, key="batch")


def _axes(
    directions: Directions, extent: Sequence[Any], cells: int | Sequence[int]
) -> tuple[Array, ...]:
    """Coordinates of the points along each axis."""
    dim = directions.dim
    try:
        ranges = np.array(extent, dtype=np.float64).reshape(dim, 2)
        counts = np.broadcast_to(np.array(cells), (dim,))
    except (TypeError, ValueError):
        msg = (
            f"extent is a pair (min, max) and cells a number for each of {dim} axes, "
            f"got {extent} and {cells}"
        )
        raise CaseError(msg, key="extent") from None
    if not np.isfinite(ranges).all() or (ranges[:, 0] >= ranges[:, 1]).any():
        msg = f"needs finite min < max along each axis, got {ranges.tolist()}"
        raise CaseError(msg, key="extent")
    if counts.dtype.kind not in "iu" or (counts < FEWEST).any():
        msg = f"a whole number of points along each axis, at least {FEWEST}, got {cells}"
        raise CaseError(msg, key="cells")
    return tuple(np.linspace(a, b, n) for (a, b), n in zip(ranges, counts, strict=True))


def _depends(sampler: Sampler, directions: Directions, device: str, threads: int) -> dict[str, Any]:
    """All that the numbers depend on besides the points."""
    flat = sampler.flat
    fixed = hashlib.sha256(str(flat.module).encode())
    trained = set(flat.names)
    for name, tensor in flat.module.state_dict().items():
        fixed.update(f"{name} {tuple(tensor.shape)}".encode())
        if name not in trained:
            fixed.update(tensor.cpu().contiguous().numpy().tobytes())
    return {
        "network": fixed.hexdigest(),
        "loss": _name(flat.loss),
        "data": sampler.samples.digest,
        "origin": _digest(directions.origin),
        "directions": _digest(directions.axes),
        "batch": sampler.batch,
        "device": device,
        "threads": threads,
        "versions": _versions(),
    }


def _described(
    flat: Flat, samples: Samples, data: Any, directions: Directions, sampler: Sampler
) -> dict[str, Any]:
    """Attributes of the file."""
    name = type(flat.module).__name__
    provenance = dict(data.provenance) if isinstance(data, Dataset) else {}
    facts = {
        "network": f"{name}, {flat.size} weights",
        "loss_function": _name(flat.loss),
        "data": samples.name,
        "data_provenance": json.dumps(provenance, sort_keys=True),
        "data_digest": samples.digest,
        "samples": len(samples),
        "directions": directions.kind,
        "directions_note": directions.note,
        "precision": "float64; table float32",
        "covariance_denominator": "n",
        "derivatives": "forward mode, exact to rounding; the Hessian almost everywhere: kinks of "
        "ReLU networks are not in it",
        "batch": sampler.batch,
        "memory_bytes": sampler.nbytes,
        "versions": json.dumps(_versions(), sort_keys=True),
    }
    if directions.share is not None:
        facts["share"] = directions.share
    if directions.values:
        facts["directions_values"] = np.array(directions.values)
    return facts


def _anchors(
    model: nn.Module, sampler: Sampler, directions: Directions, networks: Array | None
) -> dict[str, Any]:
    """Losses at the anchors, and of the networks themselves where they are known."""
    found: dict[str, Any] = {}
    if not len(directions.anchors):
        return found
    here = np.array([sampler.losses(w).mean() for w in directions.weights(directions.anchors)])
    found |= {"anchors": directions.anchors, "anchor_losses": here}
    found["anchor_names"] = list(directions.names)
    if networks is None:
        return found
    if networks.shape != (len(here), sampler.flat.size):
        msg = (
            f"networks has shape {networks.shape}; {len(here)} anchors of {sampler.flat.size} "
            "weights were expected"
        )
        raise CaseError(msg, key="networks")
    own = np.array([_own_loss(model, w, sampler) for w in networks])
    apart = directions.distances(networks)
    found |= {"network_losses": own, "network_distances": apart}
    near = apart <= ON_IT * np.linalg.norm(networks, axis=1)
    off = np.abs(own - here)
    if (bad := near & ~(off <= AGREE * np.maximum(1.0, np.abs(own)))).any():
        k = int(bad.argmax())
        msg = (
            f"loss at the anchor {directions.names[k]}: {here[k]:.9g} on the line or plane, "
            f"{own[k]:.9g} of the network itself"
        )
        raise NumericalError(msg)
    return found


def _own_loss(model: nn.Module, weights: Array, sampler: Sampler) -> float:
    """Mean loss of a network that has these weights, called as any network is."""
    device = sampler.flat.device
    network = with_weights(deepcopy(model).double(), weights).to(device)
    total = 0.0
    with torch.no_grad():
        for inputs, labels in sampler.samples.batches(sampler.batch):
            x, y = (t.double() if t.is_floating_point() else t for t in (inputs, labels))
            total += float(sampler.flat.loss(network(x), y).sum())
    return total / len(sampler.samples)


def _versions() -> dict[str, str]:
    found = {name: metadata.version(name) for name in ("numpy", "torch")}
    return {"fokkerplanck": __version__, **found}


def _digest(values: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def _name(function: Any) -> str:
    name = getattr(function, "__qualname__", None) or repr(function)
    return f"{getattr(function, '__module__', '')}.{name}".lstrip(".")
