"""Promise 19: a server as it comes talks to nobody who has not asked it."""

import asyncio
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.servers import Client, command, environment

CALLS = "connect,sendto,sendmsg,sendmmsg"
ELSEWHERE = re.compile(r"(?:connect|send\w+)\(\d+, .*sa_family=(?!AF_UNIX|AF_NETLINK|AF_UNSPEC)")


def tracer() -> str:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("no strace")
    tried = subprocess.run([strace, "-f", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"strace may not trace here: {tried.stderr.splitlines()[-1]}")
    return strace


@pytest.fixture
def trace(tmp_path: Path) -> tuple[list[str], Path]:
    """What to run a command under, and where it then tells whom that has called."""
    written = tmp_path / "trace"
    return [tracer(), "-f", "-qq", "-e", f"trace={CALLS}", "-o", str(written)], written


def test_the_tracer_sees_who_is_called(trace: tuple[list[str], Path]) -> None:
    under, written = trace
    code = "from socket import *; socket(AF_INET, SOCK_DGRAM).connect(('192.0.2.1', 9))"
    subprocess.run([*under, sys.executable, "-c", code], check=True)
    assert ELSEWHERE.search(written.read_text())


async def test_promise_19_nobody_is_called(sqlite_url: str, trace: tuple[list[str], Path]) -> None:
    """From the start over a conversation with the packaged encoder to the end."""
    under, written = trace
    variables = environment(sqlite_url, {"SEMVEC_EMBEDDER": "local", "SEMVEC_RATE_LIMIT": "on"})
    process = await asyncio.create_subprocess_exec(
        *under, *command(), env=variables, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        url = (await process.stdout.readline()).decode().split()[-1]
        (server,) = psutil.Process(process.pid).children()
        await converse(url)
        server.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
    assert not ELSEWHERE.findall(written.read_text())


async def converse(url: str) -> None:
    async with asyncio.timeout(60), Client(url) as client:
        assert (await client.get("/v1/readyz")).status == 200
        ran = await client.post("/v1/run", message="Who brings the tent?")
        session = {"session_id": ran.json()["session_id"]}
        await client.post("/v1/store", response="Lotte brings the tent.", **session)
        again = await client.post("/v1/run", message="Whose tent is it?", **session)
        assert "Lotte" in again.json()["context"]
        for page in ("/docs", "/redoc", "/openapi.json"):
            assert (await client.get(page)).status == 200
