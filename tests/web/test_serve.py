import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from semvec import __version__
from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import Claims, sign

EXIT_WITHIN_S = 10


class Server:
    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self._log = process, log
        assert process.stdout
        self.said = process.stdout.readline()
        self.url = self.said.rpartition(" ")[2].strip()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def exit_status(self) -> int:
        return self.process.wait(EXIT_WITHIN_S)


def command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "semvec", "serve", "--port", "0", *flags]


def environment(tmp_path: Path, variables: dict[str, str]) -> dict[str, str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("SEMVEC_")}
    database = f"sqlite:///{tmp_path / 'semvec.db'}"
    return known | {"DATABASE_URL": database, "SEMVEC_EMBEDDER": "none"} | variables


@contextlib.contextmanager
def served(tmp_path: Path, *flags: str, **variables: str) -> Iterator[Server]:
    variables = variables or {"SEMVEC_ALLOW_ANONYMOUS": "1"}
    log = tmp_path / "log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            command("--host", "127.0.0.1", *flags),
            env=environment(tmp_path, variables),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    with process:
        try:
            yield Server(process, log)
        finally:
            process.kill()


def refused(tmp_path: Path, *flags: str, **variables: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        command("--host", "127.0.0.1", *flags),
        env=environment(tmp_path, variables),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_on_a_signal(tmp_path: Path, number: int) -> None:
    with served(tmp_path) as server:
        assert server.said == f"semvec {__version__} listening on {server.url}\n"
        assert httpx.get(f"{server.url}/v1/health").json()["version"] == __version__
        server.signal(number)
        assert server.exit_status() == 0
        assert "Traceback" not in server.log


def test_while_draining_it_answers_and_lets_go(tmp_path: Path) -> None:
    variables = {"SEMVEC_ALLOW_ANONYMOUS": "1", "SEMVEC_DRAIN_DELAY_S": "1"}
    with served(tmp_path, **variables) as server, httpx.Client(base_url=server.url) as client:
        assert client.get("/v1/readyz").status_code == 200
        server.signal(signal.SIGTERM)
        until = time.monotonic() + 0.5
        while client.get("/v1/readyz").status_code == 200:
            assert time.monotonic() < until
        answer = client.get("/v1/health")
        assert answer.status_code == 200
        assert answer.headers["Connection"] == "close"
        assert server.exit_status() == 0
        with pytest.raises(httpx.ConnectError):
            client.get("/v1/health")


def test_a_second_signal_exits_at_once(tmp_path: Path) -> None:
    variables = {"SEMVEC_ALLOW_ANONYMOUS": "1", "SEMVEC_DRAIN_DELAY_S": "60"}
    with served(tmp_path, **variables) as server:
        server.signal(signal.SIGTERM)
        while "stopping" not in server.log:
            time.sleep(0.01)
        server.signal(signal.SIGTERM)
        assert server.process.wait(2) == 128 + signal.SIGTERM


@pytest.mark.parametrize("delay", ["0", "0.5"])
async def test_promise_3_a_stop_under_load_fails_no_request(tmp_path: Path, delay: str) -> None:
    variables = {"SEMVEC_ALLOW_ANONYMOUS": "1", "SEMVEC_DRAIN_DELAY_S": delay}
    with served(tmp_path, **variables) as server:
        clients = [asyncio.create_task(_ask_until_refused(server.url)) for _ in range(16)]
        await asyncio.sleep(0.5)
        server.signal(signal.SIGTERM)
        answered = await asyncio.gather(*clients)
        assert await asyncio.to_thread(server.exit_status) == 0
    assert min(answered) > 0


async def _ask_until_refused(url: str) -> int:
    answered = 0
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        while True:
            try:
                answer = await client.get("/v1/health")
            except httpx.ConnectError:
                return answered
            assert answer.status_code == 200
            answered += 1


def test_a_busy_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        status, lines = refused(tmp_path, "--port", port, SEMVEC_ALLOW_ANONYMOUS="1")
    assert status == 1
    assert lines[-1].startswith("semvec: ")
    assert port in lines[-1]
    assert "Traceback" not in "".join(lines)


def test_it_does_not_start_where_nobody_could_use_it(tmp_path: Path) -> None:
    status, [line] = refused(tmp_path)
    assert status == 2
    assert "SEMVEC_LICENSE_PUBLIC_KEY" in line
    assert "SEMVEC_ALLOW_ANONYMOUS" in line
    assert not (tmp_path / "semvec.db").exists()


def test_it_does_not_start_on_bad_settings(tmp_path: Path) -> None:
    status, lines = refused(tmp_path, "--log-level", "loud", SEMVEC_MAX_SESSIONS="many")
    assert status == 2
    assert [line.split(":")[1].strip() for line in lines] == ["--log-level", "SEMVEC_MAX_SESSIONS"]


def test_an_unusable_database_is_said_in_one_line(tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/no/such/folder/semvec.db"
    status, lines = refused(tmp_path, DATABASE_URL=database, SEMVEC_ALLOW_ANONYMOUS="1")
    assert status == 1
    assert lines[-1].startswith("semvec: ")
    assert "Traceback" not in "".join(lines)


def test_anonymous_mode_beyond_loopback_is_warned_of(tmp_path: Path) -> None:
    for host, warned in (("127.0.0.1", False), ("0.0.0.0", True)):
        with served(tmp_path, "--host", host) as server:
            assert ("ANYBODY" in server.log) is warned
            server.signal(signal.SIGTERM)
            assert server.exit_status() == 0


def test_no_secret_reaches_the_log(tmp_path: Path) -> None:
    private, public = write_key_pair(tmp_path / "keys")
    now = int(time.time())
    claims = Claims(sub="acme", tier="enterprise", iat=now, exp=now + 600)
    token = sign(claims, private_key(private))
    variables = {
        "SEMVEC_LICENSE_PUBLIC_KEY": str(public),
        "SEMVEC_LICENSE_KEY": token,
        "SEMVEC_EMBED_API_KEY": "hidden-key",
    }
    with served(tmp_path, "--log-level", "debug", **variables) as server:
        assert "tier enterprise" in server.log
        for sent in (token, f"{token}x", "hidden-key"):
            headers = {"Authorization": f"Bearer {sent}"}
            status = httpx.get(f"{server.url}/v1/session/", headers=headers).status_code
            assert status == (200 if sent == token else 401)
        unreadable = {"Authorization": f"Bearer {token * 60}"}
        answer = httpx.get(f"{server.url}/v1/session/", headers=unreadable)
        assert answer.status_code in (400, 431)
        assert token[:20] not in answer.text
        server.signal(signal.SIGTERM)
        assert server.exit_status() == 0
        assert token[:20] not in server.log
        assert "hidden-key" not in server.log
