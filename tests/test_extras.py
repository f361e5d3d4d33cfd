"""Extras are named without the name of the distribution, which another product has on an index."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from semvec.extras import missing

ROOT = Path(__file__).parents[1]
BY_NAME = re.compile(r"(install|add)\s+(-\S+\s+)*['\"]?semvec\b(?!\S*\.whl)")

WITHOUT = """
import sys
from importlib.machinery import PathFinder
class Hidden(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name == "{library}" else PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [Hidden if finder is PathFinder else finder for finder in sys.meta_path]
from semvec.settings import load_settings, SettingsError
try:
    load_settings({{"{variable}": "{url}"}})
except SettingsError as error:
    print(error)
"""


def test_nothing_tells_a_reader_to_install_by_the_bare_name() -> None:
    read = [*(ROOT / "semvec").rglob("*.py"), *(ROOT / "docs").rglob("*"), *ROOT.glob("*.md")]
    found = [
        (path.name, match[0])
        for path in read
        if path.is_file()
        for match in BY_NAME.finditer(path.read_text())
    ]
    assert found == []
    assert BY_NAME.search("pip install 'semvec[otel]'")
    assert BY_NAME.search("pip install semvec")


def test_a_hint_names_library_and_extra_in_one_line() -> None:
    hint = missing("PostgreSQL", "asyncpg", "postgres")
    assert "PostgreSQL needs asyncpg, of the extra 'postgres'" in hint
    assert "\n" not in hint


@pytest.mark.parametrize(
    ("library", "variable", "url", "extra"),
    [
        ("asyncpg", "DATABASE_URL", "postgresql://h/db", "postgres"),
        ("redis", "SEMVEC_RATE_LIMIT_URL", "redis://h", "redis"),
    ],
)
def test_a_setting_that_needs_an_extra_says_so(
    library: str, variable: str, url: str, extra: str
) -> None:
    code = WITHOUT.format(library=library, variable=variable, url=url)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{variable}: ")
    assert f"of the extra '{extra}'" in done.stdout
