r"""One point of a projection: the loss and its derivatives along the axes, exact to rounding.

With :math:`l_s(c)` the loss of sample s at the weights :math:`w + \sum_a c_a v_a`, forward-mode
differentiation along the axes gives :math:`g_{sa} = \partial_a l_s` for a whole batch of samples
at once, and nested forward mode :math:`\partial_a \partial_b l_s`. Then, over n samples,

.. math::
    L = \overline{l}, \quad G_a = \overline{g_a}, \quad
    H_{ab} = \overline{\partial_a \partial_b l}, \quad
    C_{ab} = \overline{(g_a - G_a)(g_b - G_b)}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import jvp, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from fokkerplanck.errors import CaseError
from fokkerplanck.projection.samples import Samples
from fokkerplanck.projection.weights import Flat

__all__ = ["Point", "Sampler", "check_device", "differentiable"]

Array = NDArray[np.float64]
#: bytes of a number
WIDTH = 8
#: arrays of the size of a layer that a step of differentiation holds, as measured
OPERANDS = 2


@dataclass(frozen=True, eq=False)
class Point:
    """What is known at one point.

    Parameters
    ----------
    loss : float
        Mean over the samples.
    gradient : ndarray, shape (dim,)
    covariance : ndarray, shape (dim, dim)
        Of the per-sample gradients, denominator n.
    hessian : ndarray, shape (dim, dim), or None
    samples : ndarray, shape (n, dim)
        Gradient of each sample.
    """

    loss: float
    gradient: Array
    covariance: Array
    hessian: Array | None
    samples: Array

    @property
    def finite(self) -> bool:
        """Whether no number is NaN or infinite."""
        parts: list[float | Array | None] = [self.loss, self.gradient, self.covariance]
        parts += [self.samples, self.hessian]
        return all(bool(np.isfinite(part).all()) for part in parts if part is not None)


class Sampler:
    """Losses and their derivatives at points of a line or a plane.

    Parameters
    ----------
    flat : Flat
        The network and its loss.
    samples : Samples
    axes : ndarray, shape (dim, P)
    batch : int
        Samples at a time: bounds the memory.
    hessian : bool

    Raises
    ------
    CaseError
        When the network or the loss cannot be differentiated in forward mode.
    """

    def __init__(
        self, flat: Flat, samples: Samples, axes: Array, *, batch: int = 256, hessian: bool = True
    ) -> None:
        self.flat, self.batch, self.hessian = flat, batch, hessian
        self.samples = samples.to(str(flat.device))
        self.axes = torch.as_tensor(np.array(axes), device=flat.device)
        self._along = _along_at_once
        self._probe()

    @property
    def nbytes(self) -> int:
        """Estimate of the memory that a point needs, in bytes.

        The data, the weights and axes with their duals, and for one batch the largest layer's
        inputs, outputs and columns, in as many copies as there are derivatives alive.
        """
        dim = len(self.axes)
        copies = 1 + 2 * dim + dim**2 if self.hessian else 1 + dim
        weights = self.flat.size * WIDTH * (copies + dim)
        data = sum(t.nbytes for t in (self.samples.inputs, self.samples.labels))
        rows = min(self.batch, len(self.samples))
        return (
            data
            + weights
            + rows * copies * OPERANDS * self._largest_layer()
            + len(self.samples) * dim * WIDTH
        )

    def losses(self, weights: Array) -> Array:
        """Loss of each sample at a vector of weights, shape (n,)."""
        return self.flat.losses(weights, self.samples.batches(self.batch))

    def point(self, weights: Array) -> Point:
        """Evaluate everything at a vector of weights, shape (P,)."""
        theta = self.flat.tensor(weights)
        try:
            found = [self._batch(theta, x, y) for x, y in self.samples.batches(self.batch)]
        except RuntimeError as error:
            if "memory" not in str(error):
                raise
            size = f"about {self.nbytes / 2**20:.0f} MiB"
            msg = f"not enough memory for {self.batch} samples at a time ({size}): lower it"
            raise CaseError(msg, key="batch") from error
        losses, slopes = (np.concatenate([part[k] for part in found], axis=-1) for k in (0, 1))
        gradient = slopes.mean(axis=1)
        away = slopes - gradient[:, None]
        hessian = None
        if self.hessian:
            hessian = sum(part[2] for part in found) / len(losses)
            hessian = (hessian + hessian.T) / 2
        covariance = away @ away.T / len(losses)
        return Point(float(losses.mean()), gradient, covariance, hessian, slopes.T)

    def _batch(self, theta: Tensor, inputs: Tensor, labels: Tensor) -> tuple[Any, ...]:
        """Losses (n,), slopes (dim, n), and the sum of second derivatives (dim, dim)."""

        def losses(weights: Tensor) -> Tensor:
            return self.flat.loss_vector(weights, inputs, labels)

        def slopes(weights: Tensor) -> tuple[Tensor, Tensor]:
            return self._along(losses, weights, self.axes)

        # not inside of no_grad: there, some layers have no second derivatives
        if not self.hessian:
            return tuple(found.cpu().numpy() for found in slopes(theta))
        (values, first), (_, second) = self._along(slopes, theta, self.axes)
        return tuple(found.cpu().numpy() for found in (values, first, second.sum(dim=-1)))

    def _probe(self) -> None:
        """Choose all axes at once, or one after the other where a layer does not allow that."""
        theta = self.flat.tensor(self.flat.weights)
        few = self.samples.inputs[:2], self.samples.labels[:2]
        try:
            self._batch(theta, *few)
        except (RuntimeError, NotImplementedError):
            self._along = _along_in_turn
            try:
                self._batch(theta, *few)
            except (RuntimeError, NotImplementedError) as error:
                first = (str(error).strip().splitlines() or ["no reason given"])[0]
                msg = (
                    "the network or its loss cannot be evaluated and differentiated in forward "
                    f"mode on these samples: {first}"
                )
                raise CaseError(msg, key="model") from error

    def _largest_layer(self) -> int:
        """Bytes of the largest layer for one sample: input, output, and columns of convolutions."""
        sizes = [0]

        def count(layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            numbers = sum(t.numel() for t in (*inputs, output) if isinstance(t, Tensor))
            if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Conv3d) and isinstance(output, Tensor):
                places = output.numel() // layer.out_channels
                numbers += places * layer.weight[0].numel()
            sizes.append(WIDTH * numbers)

        leaves = [m for m in self.flat.module.modules() if not any(m.children())]
        hooks = [layer.register_forward_hook(count) for layer in leaves]
        try:
            self.flat.losses(
                self.flat.weights, [(self.samples.inputs[:1], self.samples.labels[:1])]
            )
        finally:
            for hook in hooks:
                hook.remove()
        return max(sizes)


def check_device(device: str) -> None:
    """Refuse a device that is not there, or has no double precision.

    Raises
    ------
    CaseError
    """
    try:
        torch.zeros(1, dtype=torch.float64, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        first = str(error).splitlines()[0]
        msg = f"device {device!r} cannot be used with double precision: {first}"
        raise CaseError(msg, key="device") from None


@contextmanager
def differentiable() -> Iterator[None]:
    """Let attention be computed by operations that have derivatives of all orders."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _along_at_once(
    function: Callable[[Tensor], Any], theta: Tensor, axes: Tensor
) -> tuple[Any, Any]:
    """Value of a function, and its derivatives along all axes, stacked first."""
    values, slopes = vmap(lambda axis: _jvp(function, theta, axis))(axes)
    return _first(values), slopes


def _along_in_turn(
    function: Callable[[Tensor], Any], theta: Tensor, axes: Tensor
) -> tuple[Any, Any]:
    """Do the same, one axis after the other."""
    found = [_jvp(function, theta, axis) for axis in axes]
    values, slopes = found[0][0], [slope for _, slope in found]
    if isinstance(values, tuple):
        return values, tuple(torch.stack(parts) for parts in zip(*slopes, strict=True))
    return values, torch.stack(slopes)


def _jvp(function: Callable[[Tensor], Any], theta: Tensor, axis: Tensor) -> tuple[Any, Any]:
    values, slopes, *_ = jvp(function, (theta,), (axis,))
    return values, slopes


def _first(values: Any) -> Any:
    """Values are the same for all axes."""
    return tuple(v[0] for v in values) if isinstance(values, tuple) else values[0]
