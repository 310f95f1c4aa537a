"""The weights of a network as one vector, and its losses as functions of that vector.

A network is projected in its *evaluation form*: no dropout, and batch norm as the affine map that
it is then, ``y = s x + t`` for each channel, with s and t as the weights. So running averages are
part of the vector, and the losses at two trained networks are both found on the line between them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.func import functional_call, jvp
from torch.nn.functional import cross_entropy

from fokkerplanck.errors import CaseError
from fokkerplanck.projection.data import Dataset, batches

__all__ = ["Flat", "Loss", "cross_entropies", "evaluation_form", "flatten", "with_weights"]

Array = NDArray[np.float64]
#: per-sample losses, shape (n,), of outputs and labels
Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropies(outputs: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of each sample, shape (n,)."""
    return cross_entropy(outputs, labels, reduction="none")


def flatten(model: nn.Module) -> Array:
    """Trainable weights of the evaluation form, in the order of its parameters, shape (P,)."""
    weights = [p for p in evaluation_form(model).parameters() if p.requires_grad]
    if not weights:
        return np.empty(0)
    vector = torch.cat([p.detach().cpu().reshape(-1) for p in weights])
    return np.asarray(vector.numpy())


def with_weights(model: nn.Module, weights: ArrayLike) -> nn.Module:
    """Make the evaluation form with other weights, shape (P,), in the network's own precision.

    Raises
    ------
    CaseError
        When the number of weights is not the network's.
    """
    changed = evaluation_form(model)
    vector = torch.as_tensor(np.array(weights, dtype=np.float64))
    mine = [p for p in changed.parameters() if p.requires_grad]
    sizes = [p.numel() for p in mine]
    _check_size(vector.shape, sum(sizes))
    with torch.no_grad():
        for parameter, values in zip(mine, torch.split(vector, sizes), strict=True):
            parameter.copy_(values.reshape(parameter.shape))
    precision = next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
    return changed.to(dtype=precision)


def evaluation_form(model: nn.Module) -> nn.Module:
    """Copy a network for evaluation, in double precision, its batch norms as affine maps.

    Raises
    ------
    CaseError
        For a batch norm without running averages: a sample's loss would depend on its batch.
    """
    return _affine(deepcopy(model).double()).eval()


class Flat:
    """Losses of a network as functions of the vector of its weights, in double precision.

    Single precision takes a third of the time, and is enough where numbers are statistical.

    Parameters
    ----------
    model : nn.Module
        Copied, in its evaluation form. Parameters that ask for no gradient stay as they are.
    loss : callable, optional
        Per-sample losses ``loss(outputs, labels) -> (n,)``; default: cross-entropy.
    device : str
    precision : torch.dtype
        Of all that is computed.

    Attributes
    ----------
    size : int
        Number of weights P.
    names, shapes : tuple
        Of the parameters, in the order in which the vector holds them.
    weights : ndarray, shape (P,)
        Those of the model.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss = cross_entropies,
        device: str | torch.device = "cpu",
        precision: torch.dtype = torch.float64,
    ) -> None:
        module = evaluation_form(model).to(device, precision)
        trained = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        if not trained:
            msg = "the network has no weights that ask for a gradient"
            raise CaseError(msg)
        self.loss, self.device, self.precision = loss, torch.device(device), precision
        self.names = tuple(name for name, _ in trained)
        self.shapes = tuple(tuple(p.shape) for _, p in trained)
        self._sizes = [p.numel() for _, p in trained]
        self.size = sum(self._sizes)
        self.weights = flatten(model)
        self.module = module.requires_grad_(False)
        _load_forward_mode()

    def tensor(self, weights: ArrayLike) -> Tensor:
        """Vector of weights as the functions below take it."""
        vector = torch.as_tensor(np.array(weights, dtype=np.float64), device=self.device)
        _check_size(vector.shape, self.size)
        return vector.to(self.precision)

    def parameters(self, theta: Tensor) -> dict[str, Tensor]:
        """Parameters of the network by name, as views of the vector, shape (P,)."""
        parts = torch.split(theta, self._sizes)
        named = zip(self.names, self.shapes, parts, strict=True)
        return {name: part.reshape(shape) for name, shape, part in named}

    def outputs(self, theta: Tensor, inputs: Any) -> Tensor:
        """Compute the outputs of the network for a batch; arrays or tensors."""
        batch = self._batch(inputs)
        return torch.as_tensor(functional_call(self.module, self.parameters(theta), (batch,)))

    def loss_vector(self, theta: Tensor, inputs: Any, labels: Any) -> Tensor:
        """Loss of each sample, shape (n,); what `torch.func` may differentiate in `theta`.

        Raises
        ------
        CaseError
            When the loss gives something else, such as the mean over the batch.
        """
        losses = self.loss(self.outputs(theta, inputs), self._batch(labels))
        if losses.shape != (len(labels),):
            msg = (
                f"the loss must give a number for each sample, shape ({len(labels)},), "
                f"got {tuple(losses.shape)}: reduction='none' does that in torch"
            )
            raise CaseError(msg)
        return losses

    def losses(
        self, weights: ArrayLike, data: Dataset | Iterable[tuple[Any, Any]], batch: int = 512
    ) -> Array:
        """Losses of all samples at a vector of weights, shape (n,)."""
        theta = self.tensor(weights)
        with torch.no_grad():
            found = [self.loss_vector(theta, x, y).cpu() for x, y in batches(data, batch)]
        return np.asarray(torch.cat(found).numpy())

    def _batch(self, values: Any) -> Tensor:
        """Batch on the device, in the one precision unless it holds whole numbers."""
        if isinstance(values, np.ndarray) and not values.flags.writeable:
            values = values.copy()
        batch = torch.as_tensor(values, device=self.device)
        return batch.to(self.precision) if batch.is_floating_point() else batch


class Affine(nn.Module):
    """A factor and a shift for each channel: batch norm in evaluation mode."""

    def __init__(self, norm: nn.modules.batchnorm._BatchNorm) -> None:
        super().__init__()
        mean, variance = norm.running_mean, norm.running_var
        if mean is None or variance is None:
            msg = "batch norm without running averages: a sample's loss would depend on its batch"
            raise CaseError(msg)
        factor = torch.rsqrt(variance.detach() + norm.eps)
        if norm.affine:
            factor = factor * norm.weight.detach()
        shift = -mean.detach() * factor
        if norm.affine:
            shift = shift + norm.bias.detach()
        trained = not norm.affine or norm.weight.requires_grad
        self.weight = nn.Parameter(factor, requires_grad=trained)
        self.bias = nn.Parameter(shift, requires_grad=trained)

    def forward(self, inputs: Tensor) -> Tensor:
        """``s x + t``, channels along the second axis."""
        shape = (-1, *([1] * (inputs.ndim - 2)))
        return inputs * self.weight.reshape(shape) + self.bias.reshape(shape)


def _affine(module: nn.Module) -> nn.Module:
    """Replace batch norms in a module, in place."""
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        return Affine(module)
    for name, child in module.named_children():
        setattr(module, name, _affine(child))
    return module


def _load_forward_mode() -> None:
    """Load what torch needs for forward derivatives, without its warnings about itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))


def _check_size(shape: torch.Size, size: int) -> None:
    if tuple(shape) != (size,):
        msg = f"the network has {size} weights, got an array of shape {tuple(shape)}"
        raise CaseError(msg)
