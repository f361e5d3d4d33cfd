"""docs/architecture.md is a map of the tree as it stands."""

import re

import pytest

from tests.test_imports import ROOMS, ROOT

DOCS = ROOT.parent / "docs"
LINES = (DOCS / "architecture.md").read_text().splitlines()
TEXT = "\n".join(LINES)
NAMED = sorted(set(re.findall(r"`((?:\w+/)*\w+(?:\.py|/)|\w+(?:/\w+)+|deploy/)`", TEXT)))
LINKED = sorted(set(re.findall(r"\]\(([^)#]+)\)", TEXT)))


def _is_there(name: str) -> bool:
    below = ROOT / name, ROOT / f"{name}.py", ROOT.parent / name, DOCS / name
    return any(path.exists() for path in below)


@pytest.mark.parametrize("name", NAMED)
def test_what_it_names_is_there(name: str) -> None:
    assert _is_there(name)


@pytest.mark.parametrize("page", LINKED)
def test_what_it_points_to_is_there(page: str) -> None:
    assert (DOCS / page).exists()


@pytest.mark.parametrize("room", [room for room in ROOMS if not room.startswith("__")])
def test_it_names_every_room(room: str) -> None:
    names = (rf"^{room}/ ", rf"^{room}\.py ", rf"`{room}`", rf"`{room}\.py`")
    assert re.search("|".join(names), TEXT, re.MULTILINE)


def test_its_lines_are_short() -> None:
    assert [line for line in LINES if len(line) > 120] == []
