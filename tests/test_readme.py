"""What README promises is there: its program runs; its files, commands and options exist."""

import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fokkerplanck.case import load_case, parse_case
from fokkerplanck.cli import app

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)
#: all the text that is typed: blocks without a language, and the words in backquotes
TYPED = [body for language, body in BLOCKS if not language] + re.findall(r"(?<!`)`([^`\n]+)`", TEXT)
COMMANDS = sorted(
    {
        line.split("   ")[0].strip()
        for text in TYPED
        for line in re.findall(r"\bfokkerplanck ([a-z]+\b[^\n&]*)", text)
    }
)
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *(
        ROOT / "cases" / name / "README.md"
        for name in ("gallery", "ddt", "three_factors", "resnet", "momentum")
    ),
    ROOT / "cases" / "momentum" / "NETWORK.md",
    ROOT / "cases" / "heavy_tails" / "NETWORK.md",
]


@cache
def help_of(command):
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, f"no command {command!r}"
    return result.output


def block(language, which=0, count=1):
    bodies = [body for name, body in BLOCKS if name == language]
    assert len(bodies) == count
    return bodies[which]


def test_program_runs(tmp_path):
    program = tmp_path / "readme.py"
    program.write_text(block("python"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", program],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.strip("[]").split() for line in done.stdout.splitlines()]
    (mass_error, smallest), (entropy_production, current), (mean, error), scales = (
        [float(word) for word in line] for line in lines
    )
    assert mass_error < 1e-12
    assert smallest >= 0
    assert entropy_production > 1e-3
    assert current > 1e-3
    assert mean > 1.0
    assert error < 1e-2
    assert scales == sorted(scales, reverse=True)


def test_case_is_valid(tmp_path):
    file = tmp_path / "readme.toml"
    file.write_text(block("toml"), encoding="utf-8")
    case = load_case(file)
    assert case.title in TEXT


def test_tables_of_sgd_are_valid():
    rest = """
[grid]
x = { min = -2.4, max = 2.4, cells = 64 }
[landscape]
kind = "quartic"
[[passage]]
name = "right"
from = { centre = [-1.0] }
to = { basin = [1.0] }
method = "ensemble"
"""
    case = parse_case(rest + block("ini", 0, 3))
    assert case.sgd is not None
    assert case.selection is not None


def test_tables_of_momentum_are_valid():
    rest = """
[landscape]
kind = "quartic"
[noise]
kind = "white"
temperature = 0.05
[spectrum]
"""
    case = parse_case(rest + block("ini", 1, 3))
    assert case.grid.v is not None
    assert case.dynamics.kind == "underdamped"


def test_tables_of_heavy_tails_are_valid():
    rest = """
[grid]
x = { min = -4.0, max = 4.0, cells = 64 }
[landscape]
kind = "quartic"
[stationary]
"""
    case = parse_case(rest + block("ini", 2, 3))
    assert case.heavy_tailed


@pytest.mark.parametrize("line", COMMANDS)
def test_command_and_its_options_exist(line):
    command, *words = shlex.split(line.replace("[", " ").replace("]", " ").replace("|", " "))
    text = help_of(command)
    for option in (word for word in words if word.startswith("-")):
        assert re.search(rf"(?<![\w-]){re.escape(option)}\b", text), f"{command} has no {option}"


def test_commands_are_all_listed():
    assert {line.split()[0] for line in COMMANDS} == {
        command.name or command.callback.__name__ for command in app.registered_commands
    }


def test_options_in_the_text_exist():
    everything = "".join(help_of(line.split()[0]) for line in COMMANDS)
    for option in re.findall(r"`(--[a-z-]+)`", TEXT):
        assert option in everything


def test_case_files_exist():
    named = set(re.findall(r"\bcases/[\w/]+\.\w+", TEXT))
    assert "cases/double_well_2d.toml" in named
    assert not [name for name in named if not (ROOT / name).is_file()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)", text)
    inside = [t for t in targets if not t.startswith(("http:", "https:", "mailto:"))]
    assert not [t for t in inside if not (document.parent / t).exists()]
