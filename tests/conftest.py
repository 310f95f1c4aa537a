"""What all tests share: nothing but a lighter collector of garbage."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """Leave modules and the four thousand tests out of every later search for garbage."""
    gc.collect()
    gc.freeze()
