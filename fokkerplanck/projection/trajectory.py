"""Heavy-ball SGD of a network step by step: its path along directions, and how far it travels.

Steps are those of the theory,

    v_{k+1} = beta v_k - (g_k + lambda theta_k),    theta_{k+1} = theta_k + eta v_{k+1},

with g_k the mean gradient of a batch, so ``v_k = (theta_k - theta_{k-1}) / eta``. Batches are drawn
independently of each other by default: a step then has the noise ``C / B`` that theories of SGD
speak of. Shuffled epochs are not like that: their noise adds up to nothing over each epoch.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.projection import checkpoint as files
from fokkerplanck.projection.data import Dataset
from fokkerplanck.projection.deterministic import deterministic
from fokkerplanck.projection.weights import Loss, cross_entropies, flatten

__all__ = ["DRAWS", "Trajectory", "record"]

Array = NDArray[np.float64]
#: steps that share a stream of random numbers; a record is cut and resumed between them
CHUNK = 1000
#: seconds between two checkpoints; the last chunk is always saved
INTERVAL = 20.0
#: samples at a time when the loss of all of them is found
EVALUATED = 1024


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A path of heavy-ball SGD.

    Parameters
    ----------
    positions : ndarray, shape (n + 1, K)
        ``axes @ (theta_k - origin)`` before the first step and after each one.
    sizes : ndarray, shape (n,)
        ``|theta_{k+1} - theta_k|^2`` in all weights.
    lags : ndarray of int, shape (m,)
    distances : ndarray, shape (o, m)
        ``|theta_{k+lag} - theta_k|^2`` in all weights, from the origins ``k = 0, stride, ...``;
        NaN where the path ends before.
    stride : int
    looks : ndarray of int, shape (l,)
        Steps after which the whole network was looked at.
    losses, norms : ndarray, shape (l,)
        Then: mean loss over all samples (without weight decay), and ``|theta|^2``.
    virials : ndarray, shape (l, 2)
        Then: ``(theta - a) . (grad L + lambda theta)`` over all samples, about the origin of the
        positions and about a = 0. Once stationary, the mean is ``(1 + beta) / (2 eta)`` times the
        mean of `sizes`, whatever the loss, the noise and a are.
    snapshots : ndarray of float32, shape (s, P)
        Weights on the way, evenly spaced from the first of them on, the last is the end.
    weights, velocity, mean : ndarray, shape (P,)
        Weights and velocity at the end, mean of the weights over all steps.
    settings : dict
        All that the path depends on.
    seconds : float
        Of computation, without what was done before a resume.
    """

    positions: Array
    sizes: Array
    lags: NDArray[np.int64]
    distances: Array
    stride: int
    looks: NDArray[np.int64]
    losses: Array
    norms: Array
    virials: Array
    snapshots: NDArray[np.float32]
    weights: Array
    velocity: Array
    mean: Array
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def velocities(self) -> Array:
        """``(x_k - x_{k-1}) / eta`` along the axes, shape (n, K)."""
        return np.diff(self.positions, axis=0) / float(self.settings["learning_rate"])


def record(
    model: nn.Module,
    data: Dataset,
    steps: int,
    *,
    learning_rate: float,
    batch_size: int,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    draw: str = "batches",
    seed: int = 0,
    axes: ArrayLike | None = None,
    origin: ArrayLike | None = None,
    velocity: ArrayLike | None = None,
    lags: Sequence[int] = (),
    stride: int = 100,
    look_every: int = 100,
    snapshots: int = 0,
    loss: Loss = cross_entropies,
    checkpoint: str | Path | None = None,
    device: str = "cpu",
    threads: int = 1,
    progress: Callable[[int, float], None] | None = None,
) -> Trajectory:
    """Take steps of heavy-ball SGD from a network's weights, in place, and record them.

    The result is bit for bit the same for a seed, on one machine and number of threads, whether it
    was interrupted or not.

    Parameters
    ----------
    model : nn.Module
        Without batch norm: its steps are no descent on a function of the weights alone. Changed in
        place, in its own precision, and left in evaluation mode.
    steps : int
        A multiple of 1000.
    learning_rate, batch_size, momentum, weight_decay : float
        eta, B, beta and lambda, all constant.
    draw : str
        ``"batches"``: every batch without replacement from all N samples (noise
        ``(C / B) (N - B) / (N - 1)``); ``"replacement"``: with replacement (``C / B``);
        ``"epochs"``: the data in random order again and again, a remainder smaller than a batch
        left out.
    axes : array_like, shape (K, P), optional
        Orthonormal directions that positions are taken along.
    origin : array_like, shape (P,), optional
        Where positions are zero; by default the weights at the beginning.
    velocity : array_like, shape (P,), optional
        At the beginning; by default zero.
    lags : sequence of int
        Numbers of steps over which distances are measured, each from the origins 0, `stride`, ...
    look_every : int
        Steps between two evaluations of the loss of all samples; divides 1000.
    snapshots : int
        Number of weights to keep on the way.
    checkpoint : path, optional
        File ``.npz`` to go on from if it is there; written every 20 seconds and at the end.
    progress : callable, optional
        Called with the number of steps done and the mean loss.

    Raises
    ------
    CaseError
        For a number out of range, a network with batch norm, axes that are not orthonormal, or a
        checkpoint of another path.
    DataError
        When the checkpoint cannot be read or written.
    NumericalError
        When the loss is no longer finite.
    """
    _refuse_batch_norm(model)
    start = flatten(model)
    plan = _plan(start, axes, origin, velocity, lags)
    settings: dict[str, Any] = {
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "draw": draw,
        "seed": seed,
        "stride": stride,
        "look_every": look_every,
        "steps": steps,
        "snapshots": snapshots,
        "device": str(device),
        "threads": threads,
        "samples": data.digest,
        "initial_weights": _digest(start, plan["velocity"]),
        "directions": _digest(plan["axes"], plan["origin"], plan["lags"]),
    }
    _check(settings, len(data))
    path = None if checkpoint is None else Path(checkpoint)
    begin = saved = time.monotonic()
    with deterministic(threads, device):
        walk = _Walk(model, data, loss, settings, plan)
        if path is not None and path.exists():
            walk.go_on(path)
        begun = walk.done
        try:
            while walk.done < steps:
                walk.chunk()
                if progress is not None:
                    progress(walk.done, walk.looks[-1][0])
                if path is not None and time.monotonic() - saved > INTERVAL:
                    files.save(path, walk.arrays(), settings)
                    saved = time.monotonic()
        finally:
            if path is not None and walk.done > begun:
                files.save(path, walk.arrays(), settings)
    model.eval()
    return walk.trajectory(time.monotonic() - begin)


class _Walk:
    """The state of a path after whole chunks, and how the next one is made."""

    def __init__(
        self,
        model: nn.Module,
        data: Dataset,
        loss: Loss,
        settings: dict[str, Any],
        plan: dict[str, Array],
    ) -> None:
        device = torch.device(settings["device"])
        self.model, self.loss, self.settings, self.plan = model.to(device), loss, settings, plan
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.theta = torch.cat([p.detach().reshape(-1) for p in self.trained]).clone()
        self._share()
        self.velocity = torch.as_tensor(plan["velocity"]).to(self.theta)
        self.axes, self.origin = (torch.as_tensor(plan[k]).to(device) for k in ("axes", "origin"))
        self.inputs = torch.tensor(data.inputs, device=device, dtype=self.theta.dtype)
        self.labels = torch.tensor(data.labels, device=device)
        self.done = 0
        steps, lags = settings["steps"], plan["lags"].astype(int)
        self.lags = [int(lag) for lag in lags]
        count = -(-steps // settings["stride"]) if self.lags else 0
        self.origins = np.zeros((count, self.theta.numel()), dtype=np.float32)
        self.distances = np.full((count, len(self.lags)), np.nan)
        self.positions = np.full((steps + 1, len(self.axes)), np.nan)
        self.sizes = np.full(steps, np.nan)
        self.total = torch.zeros_like(self.origin)
        self.looks: list[tuple[float, float, float, float]] = [self._measure()]
        self.kept: list[NDArray[np.float32]] = []
        self._after(self.theta.double())
        self._mark()

    def chunk(self) -> None:
        """Take the steps of one chunk."""
        stream = np.random.SeedSequence([self.settings["seed"], self.done // CHUNK])
        self.model.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(stream.generate_state(1)[0]))  # for dropout
            batches = _batches(np.random.default_rng(stream), len(self.labels), self.settings)
            before = self.theta.double()
            for chosen in torch.as_tensor(batches, device=self.labels.device):
                self._step(chosen)
                self.done += 1
                now = self.theta.double()
                self.sizes[self.done - 1] = float(((now - before) ** 2).sum())
                self.total += now
                self._after(now)
                self._look()
                before = now
        self._mark()

    def _mark(self) -> None:
        """Keep the state after a whole chunk; what a cut chunk has written is written again."""
        self.whole: dict[str, Any] = {
            "weights": self.theta.detach().cpu().double().numpy().copy(),
            "velocity": self.velocity.cpu().double().numpy().copy(),
            "total": self.total.cpu().numpy().copy(),
            "epochs": np.array([self.done]),
            "looks": np.array(self.looks),
            "trajectory": np.array(self.kept, dtype=np.float32),
        }

    def _step(self, chosen: Tensor) -> None:
        eta, beta, decay = (self.settings[k] for k in ("learning_rate", "momentum", "weight_decay"))
        mean = self.loss(self.model(self.inputs[chosen]), self.labels[chosen]).mean()
        gradients = torch.autograd.grad(mean, self.trained)
        with torch.no_grad():
            force = torch.cat([g.reshape(-1) for g in gradients]).add_(self.theta, alpha=decay)
            self.velocity.mul_(beta).sub_(force)
            self.theta.add_(self.velocity, alpha=eta)

    def _after(self, now: Tensor) -> None:
        """Take down where the path is after a step."""
        self.positions[self.done] = (self.axes @ (now - self.origin)).cpu().numpy()
        if not self.lags:
            return
        stride, weights = self.settings["stride"], None
        for column, lag in enumerate(self.lags):
            begin = self.done - lag
            if begin >= 0 and begin % stride == 0 and begin // stride < len(self.origins):
                weights = now.cpu().numpy() if weights is None else weights
                gone = weights - self.origins[begin // stride]
                self.distances[begin // stride, column] = float(gone @ gone)
        if self.done % stride == 0 and self.done < self.settings["steps"]:
            self.origins[self.done // stride] = now.cpu().numpy()

    def _look(self) -> None:
        """Look at the whole network, where it is time to."""
        if self.done % self.settings["look_every"] == 0:
            self.model.eval()
            self.looks.append(self._measure())
            self.model.train()
            if not math.isfinite(self.looks[-1][0]):
                msg = (
                    f"the loss is {self.looks[-1][0]} after step {self.done}: "
                    f"learning_rate = {self.settings['learning_rate']:g} is too large"
                )
                raise NumericalError(msg)
        count, steps = self.settings["snapshots"], self.settings["steps"]
        if count and (self.done * count) // steps > ((self.done - 1) * count) // steps:
            self.kept.append(self.theta.detach().cpu().numpy().astype(np.float32))

    def _measure(self) -> tuple[float, float, float, float]:
        """Loss of all samples, squared norm, and virials about the origin and about zero."""
        total, force = 0.0, self.theta.double() * self.settings["weight_decay"]
        for begin in range(0, len(self.labels), EVALUATED):
            part = slice(begin, begin + EVALUATED)
            x, y = self.inputs[part], self.labels[part]
            loss = self.loss(self.model(x), y).sum()
            total += float(loss.detach().double())
            gradients = torch.autograd.grad(loss, self.trained)
            force += torch.cat([g.reshape(-1) for g in gradients]).double() / len(self.labels)
        now = self.theta.double()
        about = float((now - self.origin) @ force), float(now @ force)
        return total / len(self.labels), float(now @ now), *about

    def _share(self) -> None:
        """Let the network's weights be views of the one vector that is stepped."""
        parts = torch.split(self.theta, [p.numel() for p in self.trained])
        for parameter, part in zip(self.trained, parts, strict=True):
            parameter.data = part.view(parameter.shape)

    def arrays(self) -> files.Arrays:
        """State after the last whole chunk, as a checkpoint holds it."""
        # losses and accuracies: every checkpoint of a training has them
        return {
            **self.whole,
            "losses": self.whole["looks"][:, 0],
            "accuracies": np.array([]),
            "positions": self.positions,
            "sizes": self.sizes,
            "origins": self.origins,
            "distances": self.distances,
        }

    def go_on(self, path: Path) -> None:
        """Take over the state of a checkpoint."""
        arrays, stored = files.load(path)
        files.check_settings(path, stored, self.settings)
        self.done = int(arrays["epochs"][0])
        self.theta.copy_(torch.as_tensor(arrays["weights"]))
        self.velocity.copy_(torch.as_tensor(arrays["velocity"]))
        self.total.copy_(torch.as_tensor(arrays["total"]))
        self.looks = [tuple(look) for look in arrays["looks"].tolist()]
        self.kept = list(arrays["trajectory"])
        for name in ("positions", "sizes", "origins", "distances"):
            setattr(self, name, arrays[name])
        self._mark()

    def trajectory(self, seconds: float) -> Trajectory:
        """Give what is recorded."""
        arrays = self.arrays()
        return Trajectory(
            positions=arrays["positions"],
            sizes=arrays["sizes"],
            lags=np.array(self.lags, dtype=np.int64),
            distances=arrays["distances"],
            stride=self.settings["stride"],
            looks=np.arange(len(arrays["looks"])) * self.settings["look_every"],
            losses=arrays["losses"],
            norms=arrays["looks"][:, 1],
            virials=arrays["looks"][:, 2:],
            snapshots=arrays["trajectory"],
            weights=arrays["weights"],
            velocity=arrays["velocity"],
            mean=arrays["total"] / max(self.done, 1),
            settings=self.settings,
            seconds=seconds,
        )


def _by_batch(rng: np.random.Generator, samples: int, size: int) -> NDArray[np.int64]:
    """Every batch without replacement, independent of the others."""
    return np.stack([rng.choice(samples, size, replace=False) for _ in range(CHUNK)])


def _with_replacement(rng: np.random.Generator, samples: int, size: int) -> NDArray[np.int64]:
    return rng.integers(samples, size=(CHUNK, size))


def _by_epoch(rng: np.random.Generator, samples: int, size: int) -> NDArray[np.int64]:
    """Go through the data in a new order again and again; a chunk begins with a new order."""
    whole = samples // size
    orders = [rng.permutation(samples)[: whole * size] for _ in range(-(-CHUNK // whole))]
    return np.concatenate(orders).reshape(-1, size)[:CHUNK]


#: how batches are drawn
DRAWS: dict[str, Callable[[np.random.Generator, int, int], NDArray[np.int64]]] = {
    "batches": _by_batch,
    "replacement": _with_replacement,
    "epochs": _by_epoch,
}


def _batches(rng: np.random.Generator, samples: int, settings: dict[str, Any]) -> NDArray[np.int64]:
    """Draw the samples of each step of a chunk, shape (CHUNK, B)."""
    return DRAWS[settings["draw"]](rng, samples, settings["batch_size"])


def _plan(
    start: Array,
    axes: ArrayLike | None,
    origin: ArrayLike | None,
    velocity: ArrayLike | None,
    lags: Sequence[int],
) -> dict[str, Array]:
    """Arrays that say what is recorded, checked."""
    size = len(start)
    found = {
        "axes": np.empty((0, size)) if axes is None else np.array(axes, dtype=np.float64),
        "origin": start if origin is None else np.array(origin, dtype=np.float64),
        "velocity": np.zeros(size) if velocity is None else np.array(velocity, dtype=np.float64),
        "lags": np.array(lags, dtype=np.float64),
    }
    shapes = {"axes": (len(found["axes"]), size), "origin": (size,), "velocity": (size,)}
    for key, shape in shapes.items():
        if found[key].shape != shape or not np.isfinite(found[key]).all():
            msg = f"{key}: finite numbers of shape {shape}, got {found[key].shape}"
            raise CaseError(msg, key=f"record.{key}")
    products = found["axes"] @ found["axes"].T
    if products.size and np.abs(products - np.eye(len(products))).max() > 1e-8:
        msg = "the axes must be orthonormal"
        raise CaseError(msg, key="record.axes")
    if any(lag != int(lag) or lag < 1 for lag in found["lags"]):
        msg = f"lags are whole numbers >= 1, got {list(lags)}"
        raise CaseError(msg, key="record.lags")
    return found


def _refuse_batch_norm(model: nn.Module) -> None:
    if any(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in model.modules()):
        msg = (
            "a network with batch norm has no loss of single samples that its steps descend on: "
            "take group norm, or none"
        )
        raise CaseError(msg, key="network.norm")


def _digest(*arrays: Array) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _check(settings: dict[str, Any], samples: int) -> None:
    """Refuse hyper-parameters out of range."""
    allowed: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "learning_rate": ("a positive number", lambda v: 0 < v < math.inf),
        "batch_size": (f"a whole number from 1 to {samples}", lambda v: 1 <= v <= samples),
        "momentum": ("a number in [0, 1)", lambda v: 0 <= v < 1),
        "weight_decay": ("a number >= 0", lambda v: 0 <= v < math.inf),
        "draw": (f"one of {', '.join(DRAWS)}", lambda v: v in DRAWS),
        "seed": ("a whole number >= 0", lambda v: v >= 0),
        "stride": ("a whole number >= 1", lambda v: v >= 1),
        "look_every": (f"a divisor of {CHUNK}", lambda v: v >= 1 and CHUNK % v == 0),
        "steps": (f"a positive multiple of {CHUNK}", lambda v: v > 0 and v % CHUNK == 0),
        "snapshots": ("a whole number >= 0", lambda v: v >= 0),
    }
    for key, (rule, holds) in allowed.items():
        if not holds(settings[key]):
            msg = f"{key} is {rule}, got {settings[key]!r}"
            raise CaseError(msg, key=f"record.{key}")
