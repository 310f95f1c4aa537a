"""All samples at hand, in one order: what a projection sums over."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from fokkerplanck.errors import CaseError
from fokkerplanck.projection.data import Dataset

__all__ = ["Samples"]


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and labels of all samples.

    Parameters
    ----------
    inputs, labels : Tensor, shape (n, ...)
    name : str
    """

    inputs: Tensor
    labels: Tensor
    name: str = "data"

    @classmethod
    def of(cls, data: Dataset | Iterable[tuple[Any, Any]]) -> Samples:
        """Take a data set, or all batches of an iterable such as a data loader.

        An iterable is read once, so that one that shuffles or draws is the same at every point.

        Raises
        ------
        CaseError
            For anything else than pairs of arrays, no samples, or lengths that differ.
        """
        if isinstance(data, Dataset):
            return cls(torch.tensor(data.inputs), torch.tensor(data.labels), data.name)
        try:
            pairs = [(torch.as_tensor(x), torch.as_tensor(y)) for x, y in data]
            inputs, labels = (torch.cat(parts) for parts in zip(*pairs, strict=True))
        except (TypeError, ValueError, RuntimeError) as error:
            msg = f"data is a Dataset, or gives batches (inputs, labels) of arrays: {error}"
            raise CaseError(msg, key="data") from error
        if not len(inputs) == len(labels) > 0:
            msg = f"data has {len(inputs)} inputs and {len(labels)} labels"
            raise CaseError(msg, key="data")
        return cls(inputs, labels, type(data).__name__)

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str) -> Samples:
        """Return the same on a device."""
        return Samples(self.inputs.to(device), self.labels.to(device), self.name)

    def batches(self, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Give inputs and labels in turn, `size` at a time."""
        for begin in range(0, len(self), size):
            yield self.inputs[begin : begin + size], self.labels[begin : begin + size]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of inputs and labels."""
        found = hashlib.sha256()
        for tensor in (self.inputs, self.labels):
            found.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
            found.update(tensor.cpu().contiguous().numpy().tobytes())
        return found.hexdigest()
