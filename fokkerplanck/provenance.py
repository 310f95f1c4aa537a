"""Who computed a result, with what, and when."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from fokkerplanck._version import __version__

__all__ = ["now", "provenance", "versions"]

#: packages whose version can change the numbers or the file
DEPENDENCIES = ("numpy", "scipy", "numba", "h5py", "pydantic", "sympy", "fipy")


def provenance() -> dict[str, Any]:
    """Attributes of ``/case``: command line, platform, start time, revision, versions."""
    return {
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "folder": str(Path.cwd()),
        "platform": platform.platform(),
        "processor": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "start_time": now(),
        "git_revision": _revision(),
        "versions": versions(),
    }


def now() -> str:
    """Time of day in ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Versions of what can change the numbers: this package, python, and `DEPENDENCIES`."""
    return dict(_versions())


@cache  # the modules that this process has do not change while it runs
def _versions() -> dict[str, str]:
    found = {"fokkerplanck": __version__, "python": platform.python_version()}
    for name in DEPENDENCIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def _revision() -> str:
    """Git revision of the checkout this package runs from, empty for an installed one."""
    root = Path(__file__).resolve().parents[1]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
