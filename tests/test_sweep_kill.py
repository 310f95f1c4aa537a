"""Sweeps of two hundred points that are killed, interrupted, or lose their workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fokkerplanck.sweep_file import read_sweep

pytestmark = pytest.mark.slow

CASE = """
[grid]
x = { min = -2.4, max = 2.4, cells = 256 }
[landscape]
kind = "quartic"
[noise]
kind = "white"
temperature = 0.05
[[passage]]
name = "left to right"
survival = false
from = { centre = [-1.0] }
to = { centre = [1.0] }
[[expect]]
quantity = "passage.left to right.mean"
prediction = "kramers"
rtol = 0.2
"""
POINTS = 200
VARY = f"noise.temperature=0.01:0.1:{POINTS}:log"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep that nothing happens to."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "well.toml").write_text(CASE)
    assert start(folder).wait() == 0
    return folder / "sweep.h5"


def start(folder: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "fokkerplanck.cli", "sweep", "well.toml", "--vary", VARY]
    arguments = ["-o", "sweep.h5", "--quiet", *more]
    with (folder / "stderr.txt").open("wb") as stderr:
        return subprocess.Popen(
            [*command, *arguments], cwd=folder, stderr=stderr, preexec_fn=_hear_interrupts
        )


def _hear_interrupts() -> None:
    """Undo what a shell does to programs in its background, which inherit a deaf ear to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def saved(folder: Path) -> int:
    """Points in the journal; its first line is the header."""
    journal = folder / "sweep.h5.part"
    return max(journal.read_bytes().count(b"\n") - 1, 0) if journal.exists() else 0


def wait_for(folder: Path, points: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while saved(folder) < points:
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_killed_sweep_goes_on_to_the_same_bytes(whole, tmp_path):
    (tmp_path / "well.toml").write_text(CASE)
    for points in (POINTS // 4, POINTS // 2):
        process = start(tmp_path, "--resume")
        wait_for(tmp_path, points, process)
        process.kill()
        process.wait()
        assert not (tmp_path / "sweep.h5").exists()
    with (tmp_path / "sweep.h5.part").open("ab") as journal:
        journal.write(b'{"point": 3, "status": "do')  # torn by the kill
    assert saved(tmp_path) < POINTS
    assert start(tmp_path, "--resume").wait() == 0
    assert (tmp_path / "sweep.h5").read_bytes() == whole.read_bytes()
    assert not (tmp_path / "sweep.h5.part").exists()


def test_no_process_outlives_a_killed_sweep(whole, tmp_path):
    (tmp_path / "well.toml").write_text(CASE)
    process = start(tmp_path)
    wait_for(tmp_path, 2, process)
    workers = children(process.pid)
    assert workers
    process.kill()
    process.wait()
    end = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_ctrl_c_keeps_what_is_finished(whole, tmp_path):
    (tmp_path / "well.toml").write_text(CASE)
    process = start(tmp_path)
    wait_for(tmp_path, POINTS // 4, process)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    message = (tmp_path / "stderr.txt").read_text()
    assert "--resume" in message
    assert "sweep.h5.part" in message
    part = read_sweep(tmp_path / "sweep.h5.part")
    assert POINTS // 4 <= part.tally()["done"] < POINTS
    assert start(tmp_path, "--resume").wait() == 0
    assert (tmp_path / "sweep.h5").read_bytes() == whole.read_bytes()


def test_a_process_that_is_killed_costs_nothing(whole, tmp_path):
    """The point it had is solved once more at the end."""
    (tmp_path / "well.toml").write_text(CASE)
    process = start(tmp_path, "--workers", "2")
    wait_for(tmp_path, POINTS // 2, process)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    assert process.wait() == 0
    assert (tmp_path / "sweep.h5").read_bytes() == whole.read_bytes()


def test_a_dask_scheduler_that_loses_a_worker_gives_the_same_bytes(whole, tmp_path):
    pytest.importorskip("distributed", exc_type=ImportError)
    (tmp_path / "well.toml").write_text(CASE)
    with dask(tmp_path) as (address, workers):
        process = start(tmp_path, "--scheduler", address)
        wait_for(tmp_path, POINTS // 2, process)
        workers[0].kill()
        assert process.wait() == 0, (tmp_path / "stderr.txt").read_text()
        assert workers[1].poll() is None
    assert (tmp_path / "sweep.h5").read_bytes() == whole.read_bytes()


def test_ctrl_c_with_a_scheduler_goes_on_without_it(whole, tmp_path):
    pytest.importorskip("distributed", exc_type=ImportError)
    (tmp_path / "well.toml").write_text(CASE)
    with dask(tmp_path) as (address, _):
        process = start(tmp_path, "--scheduler", address)
        wait_for(tmp_path, POINTS // 4, process)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    assert start(tmp_path, "--resume").wait() == 0
    assert (tmp_path / "sweep.h5").read_bytes() == whole.read_bytes()


def test_a_point_whose_workers_died_is_recorded_and_tried_again(whole, tmp_path, monkeypatch):
    pytest.importorskip("distributed", exc_type=ImportError)
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    (tmp_path / "well.toml").write_text(CASE)
    with dask(tmp_path) as (address, workers):
        process = start(tmp_path, "--scheduler", address)
        wait_for(tmp_path, POINTS // 4, process)
        workers[0].kill()
        assert process.wait() == 0, (tmp_path / "stderr.txt").read_text()
    lost = read_sweep(tmp_path / "sweep.h5")
    assert lost.tally()["crashed"] >= 1
    assert set(lost.messages.values()) == {"1 worker died on this point"}
    assert start(tmp_path, "--resume").wait() == 0
    assert (tmp_path / "sweep.h5").read_bytes() == whole.read_bytes()


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    if not found.exists():
        pytest.skip("needs /proc")
    # started by threads: each of them has its own list
    texts = [p.read_text() for p in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for text in texts for child in text.split()]


@contextmanager
def dask(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two worker processes on loopback."""
    file = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    tool = [sys.executable, "-m", "dask"]
    where = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    where += ["--scheduler-file", str(file)]
    running = [subprocess.Popen([*tool, "scheduler", *where], **quiet)]
    try:
        end = time.monotonic() + 60
        while not (file.exists() and file.read_text().strip()):
            assert running[0].poll() is None
            assert time.monotonic() < end
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard"]
        for name in ("one", "two"):
            own = ["--local-directory", name]
            running.append(subprocess.Popen([*tool, "worker", address, *options, *own], **quiet))
        yield address, running[1:]
    finally:
        for process in reversed(running):
            process.kill()
            process.wait()
