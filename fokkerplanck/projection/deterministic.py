"""The same numbers again: deterministic algorithms of torch on a fixed number of threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["deterministic"]


@contextmanager
def deterministic(threads: int = 1, device: str | torch.device = "cpu") -> Iterator[None]:
    """Make what torch computes inside bit for bit the same each time on one machine.

    Settings of torch before are put back on leaving. Sums are split over threads, so that another
    number of them gives other last digits.
    """
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    if torch.device(device).type == "cuda":  # else matrix products on the GPU refuse to run
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        torch.use_deterministic_algorithms(before[1])
