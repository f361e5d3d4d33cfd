"""Data flows one way: web → service → session and kernels; imports never point back."""

import ast
import subprocess
import sys
from collections.abc import Container, Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import semvec

ROOT = Path(semvec.__file__).parent
LOWER: dict[str, set[str]] = {
    "addresses": set(),
    "answers": {"answers", "groups", "session"},
    "audit": {"audit", "clock", "opaque", "paging", "store"},
    "audit_cli": {"audit", "progress", "settings", "store", "urls"},
    "canonical": set(),
    "clock": set(),
    "dependency_health": set(),
    "database_cli": {"inspection", "settings", "store"},
    "document": {"canonical", "jsonstream", "session"},
    "embed": {"embed", "kernels", "texts", "tokens", "vectors", "words", "telemetry.protocol"},
    "errors": set(),
    "extras": set(),
    "settings_types": {"addresses", "extras", "rate", "urls"},
    "groups": {"groups", "kernels", "session", "vectors"},
    "cache": {
        *("cache", "kernels", "persistence", "session", "store", "vectors", "clock"),
        *("offloop", "telemetry.protocol", "texts"),
    },
    "inspection": {"persistence", "session", "store"},
    "intake": {
        *("dependency_health", "session", "embed.protocol", "offloop", "vectors"),
        "telemetry.protocol",
    },
    "jsonstream": {"canonical"},
    "kernels": {"extras", "kernels", "telemetry.protocol"},
    "licensing": {"licensing", "settings", "clock"},
    "limits": {"limits", "licensing.token", "rate", "settings", "clock"},
    "machine": set(),
    "offloop": {"request_task"},
    "opaque": set(),
    "paging": set(),
    "persistence": {"kernels.pages", "session", "store", "vectors", "words"},
    "progress": set(),
    "rate": set(),
    "request_task": set(),
    "segments": set(),
    "session": {
        *("session", "canonical", "kernels.numpy_", "kernels.pages", "texts", "tokens"),
        *("vectors", "words"),
    },
    "settings": {"addresses", "settings_types", "rate", "machine"},
    "standard_streams": set(),
    "store": {
        *("dependency_health", "extras", "store", "opaque", "request_task", "urls"),
        "telemetry.protocol",
    },
    "telemetry": {"extras", "telemetry", "settings", "standard_streams"},
    "tokens": {"kernels", "vectors", "words"},
    "urls": {"urls"},
    "vectors": {"kernels"},
    "texts": set(),
    "words": {"texts"},
}
MAY_IMPORT = {
    **LOWER,
    "service": {"service", *LOWER},
    "web": {
        *("web", "service", "answers", "paging", "licensing", "settings", "store.errors"),
        *("intake", "session.events", "addresses", "limits", "machine", "audit", "telemetry"),
        *("request_task", "segments", "standard_streams", "texts"),
    },
    "cli": {
        *("web", "licensing", "settings", "telemetry"),
        *("audit_cli", "database_cli", "revocation_cli", "session_cli"),
    },
    "revocation_cli": {"licensing.token", "settings", "store"},
    "session_cli": {"document", "progress", "settings"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""What each module and folder of the package may import of it, beside `errors`; each has a row."""
ROOMS = sorted({path.relative_to(ROOT).parts[0].removesuffix(".py") for path in ROOT.rglob("*.py")})


def test_a_session_needs_no_server_no_database_and_no_device() -> None:
    code = (
        "import sys, pkgutil, importlib, semvec.session as room\n"
        "for module in pkgutil.walk_packages(room.__path__, 'semvec.session.'):\n"
        "    importlib.import_module(module.name)\n"
        "print(*{'aiohttp', 'cupy', 'sqlalchemy', 'asyncio'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_kernels_and_the_encoders_pass_need_numpy_alone() -> None:
    code = (
        "import sys, importlib\n"
        "importlib.import_module('semvec.kernels.numpy_')\n"
        "importlib.import_module('semvec.kernels.device_ragged')\n"
        "importlib.import_module('semvec.embed.forward')\n"
        "print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"numpy", "semvec"} <= set(done.stdout.split())
    beside = set(done.stdout.split()) - {"numpy", "semvec"}
    assert not beside & {"cupy", "aiohttp", "sqlalchemy", "msgspec"}
    assert not beside & {"tokenizers", "onnx", "onnxruntime", "Stemmer"}


def test_the_card_needs_cupy_beside_it() -> None:
    imported = {name.partition(".")[0] for name in _names(ROOT / "kernels" / "cupy_.py")}
    assert imported - sys.stdlib_module_names == {"cupy", "numpy", "semvec"}


@pytest.mark.parametrize("room", ROOMS)
def test_imports_never_point_back(room: str) -> None:
    assert room in MAY_IMPORT
    strangers = {
        (path.name, name)
        for path in (*(ROOT / room).rglob("*.py"), *ROOT.glob(f"{room}.py"))
        for name in _imports(path)
        if not any(f"{name}.".startswith(f"{known}.") for known in MAY_IMPORT[room] | {"errors"})
    }
    assert strangers == set()


def test_no_module_imports_itself_by_way_of_others() -> None:
    modules = {_module(path): path for path in ROOT.rglob("*.py")}
    imported = {
        module: {_within(modules, name) for name in _imports(path)} - {module}
        for module, path in modules.items()
    }
    TopologicalSorter(imported).prepare()


def test_nothing_below_the_web_speaks_http() -> None:
    speakers = {
        path.relative_to(ROOT).parts[0]
        for path in ROOT.rglob("*.py")
        if any(name.split(".")[0] == "aiohttp" for name in _names(path))
    }
    assert speakers <= {"web", "embed"}


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _within(modules: Container[str], name: str) -> str:
    """The module that has what is imported by this name, or is it."""
    while name not in modules:
        name = name.rpartition(".")[0]
    return name


def _imports(path: Path) -> Iterator[str]:
    for name in _names(path):
        if name.startswith("semvec.") and name != "semvec.__version__":
            yield name.removeprefix("semvec.")


def _names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
