"""A network in training: its state after whole epochs, and how the next one is made."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fokkerplanck.errors import CaseError, NumericalError
from fokkerplanck.projection.checkpoint import Arrays, check_settings, load
from fokkerplanck.projection.data import Dataset
from fokkerplanck.projection.weights import Loss, flatten

__all__ = ["Run"]

#: samples at a time when the loss of all of them is found
EVALUATED = 1024


class Run:
    """A network on its way: its state after whole epochs, and how the next one is made."""

    def __init__(
        self, model: nn.Module, data: Dataset, loss: Loss, settings: dict[str, Any]
    ) -> None:
        device = settings["device"]
        self.model, self.loss, self.settings = model.to(device), loss, settings
        self.trained = [p for p in model.parameters() if p.requires_grad]
        if not self.trained:
            msg = "the network has no weights that ask for a gradient"
            raise CaseError(msg)
        self.velocity = [torch.zeros_like(p) for p in self.trained]
        self.inputs = torch.tensor(data.inputs, device=device, dtype=self.trained[0].dtype)
        self.labels = torch.tensor(data.labels, device=device)
        self.losses: list[float] = []
        self.accuracies: list[float] = []
        self.trajectory: dict[int, NDArray[np.float32]] = {}
        self._keep(*self._measure())

    @property
    def done(self) -> int:
        """Number of epochs."""
        return len(self.losses) - 1

    def epoch(self, learning_rate: float) -> None:
        """Pass over the data once; the state stays what it was if that fails."""
        stream = np.random.SeedSequence([self.settings["seed"], self.done])
        order = np.random.default_rng(stream).permutation(len(self.labels))
        size = self.settings["batch_size"]
        self.model.train()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(stream.generate_state(1)[0]))  # for dropout
            for begin in range(0, len(order), size):
                chosen = torch.as_tensor(order[begin : begin + size], device=self.labels.device)
                self._step(chosen, learning_rate)
        loss, accuracy = self._measure()
        if not math.isfinite(loss):
            msg = (
                f"training: the loss is {loss} after epoch {self.done + 1}: "
                f"learning_rate = {learning_rate:g} is too large"
            )
            raise NumericalError(msg)
        self._keep(loss, accuracy)

    def arrays(self) -> Arrays:
        """State after the last whole epoch, as a checkpoint holds it."""
        kept = {**self.trajectory, self.done: self.weights.astype(np.float32)}
        return {
            "weights": self.weights,
            "trajectory": np.stack(list(kept.values())),
            "epochs": np.array(list(kept)),
            "losses": np.array(self.losses),
            "accuracies": np.array(self.accuracies),
            **self.state,
        }

    def go_on(self, path: Path) -> None:
        """Take over the state of a checkpoint."""
        arrays, stored = load(path)
        check_settings(path, stored, self.settings)
        try:
            with torch.no_grad():
                for key, tensor in self._tensors().items():
                    tensor.copy_(torch.as_tensor(arrays[key]))
        except (KeyError, RuntimeError) as error:
            msg = f"cannot go on, the network is another one ({error})"
            raise CaseError(msg, file=str(path)) from error
        self.losses = [float(v) for v in arrays["losses"][:-1]]
        self.accuracies = [float(v) for v in arrays["accuracies"][:-1]]
        kept = zip(arrays["epochs"], arrays["trajectory"], strict=True)
        every = self.settings["keep_every"]
        self.trajectory = {int(k): w for k, w in kept if k % every == 0}
        self._keep(float(arrays["losses"][-1]), float(arrays["accuracies"][-1]))

    def _step(self, chosen: torch.Tensor, learning_rate: float) -> None:
        beta, decay = self.settings["momentum"], self.settings["weight_decay"]
        mean = self.loss(self.model(self.inputs[chosen]), self.labels[chosen]).mean()
        gradients = torch.autograd.grad(mean, self.trained)
        with torch.no_grad():
            for p, g, v in zip(self.trained, gradients, self.velocity, strict=True):
                v.mul_(beta).add_(g).add_(p, alpha=decay)
                p.sub_(v, alpha=learning_rate)

    def _measure(self) -> tuple[float, float]:
        """Mean loss, and share of right answers, of all samples."""
        self.model.eval()
        total, right = 0.0, 0.0
        classes = not self.labels.is_floating_point() and self.labels.ndim == 1
        with torch.no_grad():
            for begin in range(0, len(self.labels), EVALUATED):
                part = slice(begin, begin + EVALUATED)
                outputs, labels = self.model(self.inputs[part]), self.labels[part]
                total += float(self.loss(outputs, labels).double().sum())
                if classes and outputs.ndim == 2:
                    right += float((outputs.argmax(dim=1) == labels).sum())
                else:
                    right = math.nan
        return total / len(self.labels), right / len(self.labels)

    def _keep(self, loss: float, accuracy: float) -> None:
        """Take the state of now as that after a whole epoch."""
        self.losses.append(loss)
        self.accuracies.append(accuracy)
        self.weights = flatten(self.model)
        self.state = {k: t.detach().cpu().numpy().copy() for k, t in self._tensors().items()}
        if self.done % self.settings["keep_every"] == 0:
            self.trajectory[self.done] = self.weights.astype(np.float32)

    def _tensors(self) -> dict[str, torch.Tensor]:
        """All that a step changes: weights, running averages, velocities."""
        model = {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        return model | {f"velocity/{k}": tensor for k, tensor in enumerate(self.velocity)}
