"""Data flows one way: web → service → session and kernels; imports never point back."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import semvec

ROOT = Path(semvec.__file__).parent
FOUNDATION = {"errors", "clock", "paging", "answers", "vectors", "machine", "embed.protocol"}
MAY_IMPORT = {
    "session": FOUNDATION | {"session", "kernels"},
    "kernels": FOUNDATION | {"kernels"},
    "embed": FOUNDATION | {"embed", "kernels"},
    "store": FOUNDATION | {"store"},
    "licensing": FOUNDATION | {"licensing", "settings"},
    "settings": {"machine"},
}
"""What each of the lower rooms may import of the package."""


def test_a_session_needs_no_server_no_database_and_no_device() -> None:
    code = (
        "import sys, pkgutil, importlib, semvec.session as room\n"
        "for module in pkgutil.walk_packages(room.__path__, 'semvec.session.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(*{'aiohttp', 'cupy', 'sqlalchemy', 'asyncio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_never_point_back(room: str) -> None:
    strangers = {
        (path.name, name)
        for path in _modules(room)
        for name in _imports(path)
        if not any(f"{name}.".startswith(f"{known}.") for known in MAY_IMPORT[room])
    }
    assert strangers == set()


def test_only_the_command_imports_the_web() -> None:
    importers = {
        path.relative_to(ROOT).parts[0]
        for path in ROOT.rglob("*.py")
        if any(name.split(".")[0] in ("web", "cli") for name in _imports(path))
    }
    assert importers == {"__main__.py", "cli.py", "web"}


def test_nothing_below_the_web_speaks_http() -> None:
    speakers = {
        path.relative_to(ROOT).parts[0]
        for path in ROOT.rglob("*.py")
        if any(name.split(".")[0] == "aiohttp" for name in _names(path))
    }
    assert speakers <= {"web", "embed"}


def _modules(room: str) -> list[Path]:
    paths = [*(ROOT / room).rglob("*.py"), *ROOT.glob(f"{room}.py")]
    assert paths
    return paths


def _imports(path: Path) -> Iterator[str]:
    for name in _names(path):
        if name.startswith("semvec."):
            yield name.removeprefix("semvec.")


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
