"""The gallery shows every case once, with its picture and the command that makes it."""

import re
from pathlib import Path

import pytest
from PIL import Image

CASES = Path(__file__).parents[1] / "cases"
GALLERY = CASES / "gallery"
#: name of a case, which is that of its picture -> its file
FILES = {path.stem: path for path in sorted(CASES.rglob("*.toml"))}
NAMES = sorted(FILES)
INTRODUCTION, *SECTIONS = re.split(
    r"^## ", (GALLERY / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE
)
SHOWN = {re.findall(r"\]\((\w+)\.png\)", section)[0]: section for section in SECTIONS}


def test_every_case_has_its_section():
    assert len(SHOWN) == len(SECTIONS)
    assert sorted(SHOWN) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_section_is_whole(name):
    section = SHOWN[name]
    assert f"fokkerplanck run cases/{FILES[name].relative_to(CASES).as_posix()}" in section
    assert f"fokkerplanck plot {name}.h5" in section
    assert "*Checked:*" in section
    assert re.findall(r"\((\w+)\.png\)", section) == [name]


@pytest.mark.parametrize("name", NAMES)
def test_picture_is_sound(name):
    with Image.open(GALLERY / f"{name}.png") as picture:
        assert picture.width > 400
        picture.verify()


def test_no_picture_is_orphaned_and_the_folder_is_small():
    files = [path for path in GALLERY.iterdir() if path.name != "README.md"]
    assert sorted(path.name for path in files) == [f"{name}.png" for name in NAMES]
    assert sum(path.stat().st_size for path in files) < 2e6


def test_contents_lead_to_every_section():
    titles = [section.splitlines()[0].strip() for section in SECTIONS]
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
    assert sorted(re.findall(r"\]\(#([^)]+)\)", INTRODUCTION)) == sorted(anchors)
