"""What is installed is what is in the tree, under one name only."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_wheel_holds_every_module_once_and_nothing_else(tmp_path):
    """A sub-package missing from setup.cfg, or a stray top-level `solvers`, shows here."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(tmp_path)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if ".dist-info/" not in n]
    tree = [p.relative_to(ROOT).as_posix() for p in (ROOT / "fokkerplanck").rglob("*.py")]
    # the symlink fokkerplanck/solvers may or may not be followed by rglob
    tree = [n for n in tree if not n.startswith("fokkerplanck/solvers/")]
    tree += [f"fokkerplanck/solvers/{p.name}" for p in (ROOT / "solvers").glob("*.py")]
    assert sorted(names) == sorted([*tree, "fokkerplanck/py.typed"])


def test_nothing_named_solvers_is_importable_after_installation():
    """People have their own solvers.py: the installed package must not claim the name."""
    code = "import importlib.util as u; print(u.find_spec('solvers'))"
    out = subprocess.run(
        [sys.executable, "-c", code], cwd="/", check=True, capture_output=True, text=True
    )
    assert out.stdout.strip() == "None"


def test_solvers_is_loaded_under_one_name_only():
    code = (
        "import sys, fokkerplanck.solvers.assemble, fokkerplanck.solvers.evolve\n"
        "assert not [m for m in sys.modules if m == 'solvers' or m.startswith('solvers.')]"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
