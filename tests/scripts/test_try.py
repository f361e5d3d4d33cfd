"""The first command a new user runs, run for real."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
CONVERSATION = json.loads((ROOT / "scripts/demo/conversation.json").read_text(encoding="utf-8"))


def run_try(*flags: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`scripts/try` in the environment of these tests, called from another folder."""
    return subprocess.run(
        [ROOT / "scripts/try", *flags],
        cwd="/",
        env={**os.environ, "VIRTUAL_ENV": sys.prefix, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
    )


def servers() -> set[int]:
    """The processes that `scripts/try` of this checkout has started and that still run."""
    found = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            database = process.environ().get("DATABASE_URL", "")
            if database.startswith(f"sqlite:///{ROOT}/.try/") and "serve" in process.cmdline():
                found.add(process.pid)
    return found


@contextmanager
def busy(port: int) -> Iterator[None]:
    """Somebody listens on `port`, if only whoever did before."""
    with closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            listener.bind(("127.0.0.1", port))
            listener.listen()
        yield


def fetched(curl: str) -> Any:
    """What a printed curl line answers, read without curl."""
    _, _, url, *data = shlex.split(curl)
    body = data[1].encode() if data else None
    with urllib.request.urlopen(url.strip(), body, timeout=10) as reply:
        return json.load(reply)


def stop(pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + 15
    while pid in servers() and time.monotonic() < give_up:
        time.sleep(0.05)
    assert pid not in servers()


def test_the_conversation_is_remembered_and_the_server_stopped() -> None:
    before = servers()

    done = run_try("--exit")

    assert done.returncode == 0, done.stdout + done.stderr
    asked = len(CONVERSATION["questions"])
    assert f"{asked} of {asked} questions brought back" in done.stdout
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert servers() == before


def test_a_busy_port_is_left_alone_and_the_server_keeps_running() -> None:
    before = servers()

    with busy(8080):
        done = run_try()

        assert done.returncode == 0, done.stdout + done.stderr
        found = re.search(
            r"keeps running at http://127\.0\.0\.1:(\d+)\s.*process (\d+)", done.stdout
        )
        assert found is not None
        port, pid = map(int, found.groups())
        try:
            assert port != 8080
            assert servers() - before == {pid}
            lines = re.findall(r"^  (curl .*)$", done.stdout, re.MULTILINE)
            context, run, metrics = map(fetched, lines)
            assert "Felix" in context["context"][0]["text"]
            assert run["learned"] is True
            assert metrics["total_memories"] == len(CONVERSATION["turns"])
        finally:
            stop(pid)


@pytest.mark.parametrize(
    "environ",
    [{"SEMVEC_EMBEDDER": "nonsense"}, {"SEMVEC_EMBEDDER": "none"}],
    ids=["server does not start", "conversation breaks off"],
)
def test_a_failure_says_so_and_leaves_no_server(environ: dict[str, str]) -> None:
    before = servers()

    done = run_try(**environ)

    assert done.returncode == 1
    assert "This did not work" in done.stderr
    assert servers() == before


def test_every_question_has_its_answer_in_the_conversation() -> None:
    said = [turn["message"] + turn["response"] for turn in CONVERSATION["turns"]]
    for question in CONVERSATION["questions"]:
        assert any(question["expect"] in text for text in said)
        assert question["expect"] not in question["q"]
    assert len(CONVERSATION["changes"]) == 3
