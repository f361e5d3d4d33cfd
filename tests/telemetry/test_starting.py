"""The first line of the log comes before what takes long to import."""

import io
import json
import os
import subprocess
import sys
from contextlib import suppress

import pytest

from semvec import __version__
from semvec.settings import load_settings
from semvec.telemetry.starting import announce

WITHOUT_SERVER = """
import sys
sys.modules["semvec.web.serve"] = None
from semvec.cli import main
try:
    main(["serve", "--host", "127.0.0.1", "--port", "0"])
except ImportError:
    print(*{"aiohttp", "numpy", "onnxruntime", "sqlalchemy"} & {*sys.modules})
"""


def test_a_server_says_that_it_starts_before_it_imports_what_is_slow() -> None:
    before = "import semvec.cli, semvec.telemetry.starting, sys; "
    heavy = "print(*{'aiohttp', 'numpy', 'onnxruntime', 'sqlalchemy'} & {*sys.modules})"
    loaded = subprocess.run(
        [sys.executable, "-c", before + heavy], capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "\n"
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SERVER], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stderr)["message"] == f"semvec {__version__} is starting"


@pytest.mark.parametrize(("level", "lines"), [("info", 1), ("debug", 1), ("warning", 0)])
def test_the_line_has_the_level_and_the_form_of_the_log(
    level: str, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    announce(load_settings({"SEMVEC_LOG_FORMAT": "console"}, log_level=level))
    assert len(stream.getvalue().splitlines()) == lines
    assert stream.getvalue().endswith(f"semvec {__version__} is starting\n" * lines)


def test_a_pipe_that_is_full_does_not_hold_the_start_up(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while os.write(writing, bytes(4096)):
            pass
    os.set_blocking(writing, True)
    with open(reading, "rb"), open(writing, "w") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        announce(load_settings({}))


def test_a_log_that_cannot_be_written_stops_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (closed, None):
        monkeypatch.setattr("sys.stderr", stream)
        announce(load_settings({}))
