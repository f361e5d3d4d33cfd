import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from semvec import __version__
from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import TokenClaims, sign
from tests.servers import Client, Refused, command, environment, serving

EXIT_WITHIN_S = 10


def refused(database_url: str, *flags: str, **variables: str) -> tuple[int, list[str]]:
    """Exit status and last words of a server that does not start."""
    done = subprocess.run(
        command(*flags),
        env=environment(database_url, variables),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_where_it_listens_and_stops_on_a_signal(
    sqlite_url: str, tmp_path: Path, number: int
) -> None:
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        assert server.said == f"semvec {__version__} listening on {server.url}\n"
        assert (await client.get("/v1/health")).json()["version"] == __version__
        server.process.send_signal(number)
        assert await server.exit_status(EXIT_WITHIN_S) == 0
        assert "Traceback" not in server.log.read_text()


def test_an_interrupt_during_the_start_has_no_traceback(sqlite_url: str) -> None:
    with subprocess.Popen(
        command(), env=environment(sqlite_url, {}), stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr
        assert "is starting" in server.stderr.readline()
        server.send_signal(signal.SIGINT)
        assert server.stderr.read() == ""
    assert server.returncode == -signal.SIGINT


def test_a_busy_port_is_said_in_one_line(sqlite_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        status, lines = refused(sqlite_url, "--port", port)
    assert status == 1
    assert lines[-1].startswith("semvec: ")
    assert port in lines[-1]
    assert "Traceback" not in "".join(lines)


def test_it_does_not_start_where_nobody_could_use_it(sqlite_url: str, tmp_path: Path) -> None:
    status, [_, line] = refused(sqlite_url, SEMVEC_ALLOW_ANONYMOUS="")  # after the first line
    assert status == 2
    assert "SEMVEC_LICENSE_PUBLIC_KEY" in line
    assert "SEMVEC_ALLOW_ANONYMOUS" in line
    assert not (tmp_path / "semvec.db").exists()


def test_it_does_not_start_on_bad_settings(sqlite_url: str) -> None:
    status, lines = refused(sqlite_url, "--log-level", "loud", SEMVEC_MAX_SESSIONS="many")
    assert status == 2
    assert [line.split(":")[1].strip() for line in lines] == ["--log-level", "SEMVEC_MAX_SESSIONS"]


def test_a_device_that_is_not_there_is_said_in_one_line(sqlite_url: str) -> None:
    status, lines = refused(sqlite_url, SEMVEC_DEVICE="cuda:999")
    assert status == 1
    assert lines[-1].startswith("semvec: SEMVEC_DEVICE=cuda:999: ")
    assert "Traceback" not in "".join(lines)


def test_an_unusable_database_is_said_in_one_line(tmp_path: Path) -> None:
    status, lines = refused(f"sqlite:///{tmp_path}/no/such/folder/semvec.db")
    assert status == 1
    assert lines[-1].startswith("semvec: ")
    assert "Traceback" not in "".join(lines)


async def test_every_request_is_a_line_of_the_log(sqlite_url: str, tmp_path: Path) -> None:
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        sent = {"session_id": "s", "message": "a secret", "message_embedding": [1.0, 2.0]}
        assert (await client.post("/v1/session/create", session_id="s", dimension=2)).status == 200
        answer = await client.post("/v1/run", **sent)
        lost = await client.get("/v1/a%0Asecret?secret")
        server.process.send_signal(signal.SIGTERM)
        assert await server.exit_status(EXIT_WITHIN_S) == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    requests = [line for line in lines if line["logger"] == "semvec.access"]
    assert [line["message"] for line in requests] == [
        "GET /v1/readyz 200",
        "POST /v1/session/create 200",
        "POST /v1/run 200",
        "GET unmatched 404",
    ]
    ids = [answer.headers["x-request-id"], lost.headers["x-request-id"]]
    assert [line["request_id"] for line in requests[2:]] == ids
    assert requests[2].items() >= {"subject": "anonymous", "client": "127.0.0.1"}.items()
    assert 0 < requests[2]["duration_ms"] < 5000
    assert "secret" not in server.log.read_text()
    assert lines[-1]["message"] == "stopped"


@pytest.mark.parametrize(
    ("level", "told", "form"), [("info", True, "console"), ("warning", False, "json")]
)
async def test_the_log_has_the_form_and_the_level_that_are_set(
    sqlite_url: str, tmp_path: Path, level: str, told: bool, form: str
) -> None:
    flags = ("--log-level", level)
    async with serving(sqlite_url, tmp_path, *flags, SEMVEC_LOG_FORMAT=form) as server:
        server.process.send_signal(signal.SIGTERM)
        assert await server.exit_status(EXIT_WITHIN_S) == 0
    log = server.log.read_text()
    assert (" INFO    semvec.access: 127.0.0.1 - GET /v1/readyz 200 " in log) is told
    assert (log == "") is not told


@pytest.mark.parametrize(("host", "warned"), [("127.0.0.1", False), ("0.0.0.0", True)])
async def test_anonymous_mode_beyond_loopback_is_warned_of(
    sqlite_url: str, tmp_path: Path, host: str, warned: bool
) -> None:
    async with serving(sqlite_url, tmp_path, "--host", host) as server:
        assert ("ANYBODY" in server.log.read_text()) is warned


@pytest.mark.parametrize(
    ("host", "reached", "missed"),
    [
        ("::", ["127.0.0.1", "::1"], []),
        ("0.0.0.0", ["127.0.0.1"], ["::1"]),
        ("::1", ["::1"], ["127.0.0.1"]),
        ("127.0.0.1, [::1]", ["127.0.0.1", "::1"], ["127.0.0.2"]),
    ],
)
async def test_it_listens_on_the_addresses_that_are_named(
    sqlite_url: str, tmp_path: Path, host: str, reached: list[str], missed: list[str]
) -> None:
    """One port for all; an IPv4 client is known by its IPv4 address on either stack."""
    async with serving(sqlite_url, tmp_path, "--host", host) as server:
        port = urlsplit(server.url).port
        for address in reached:
            reader, writer = await asyncio.open_connection(address, port)
            writer.write(b"GET /v1/session/ HTTP/1.0\r\nHost: a\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.0 200 ")
            writer.close()
        for address in missed:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(address, port)
        server.process.send_signal(signal.SIGTERM)
        assert await server.exit_status(EXIT_WITHIN_S) == 0
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    clients = [line["client"] for line in lines if line.get("endpoint") == "/v1/session"]
    assert clients == reached


STREAMS = {
    "closed": ">&- 2>&-",
    "all closed": "<&- >&- 2>&-",
    "full": ">/dev/full 2>/dev/full",
}


@pytest.mark.parametrize("redirected", STREAMS.values(), ids=STREAMS)
async def test_standard_streams_that_take_nothing_do_not_matter(
    sqlite_url: str, tmp_path: Path, redirected: str
) -> None:
    port = free_port()
    line = f'exec "$0" "$@" {redirected}'
    command = ("sh", "-c", line, sys.executable, "-m", "semvec", "serve", "--host", "127.0.0.1")
    process = await asyncio.create_subprocess_exec(
        *command, "--port", str(port), env=environment(sqlite_url, {}), cwd=tmp_path
    )
    await serves_and_stops(process, port)


async def test_a_pipe_that_nobody_reads_does_not_matter(sqlite_url: str) -> None:
    """Both standard streams go into one that is full."""
    port = free_port()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while os.write(writing, bytes(4096)):
            pass
    os.set_blocking(writing, True)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "semvec", "serve", "--host", "127.0.0.1", "--port", str(port)),
        env=environment(sqlite_url, {}),
        stdout=writing,
        stderr=writing,
    )
    await serves_and_stops(process, port)
    os.close(reading)
    os.close(writing)


async def serves_and_stops(process: asyncio.subprocess.Process, port: int) -> None:
    client = Client(f"http://127.0.0.1:{port}")
    async with asyncio.timeout(60):
        while not await has_made_a_session(client):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    for _ in range(20):
        assert (await client.get("/v1/session/")).status == 200
    await client.close()
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(EXIT_WITHIN_S):
        assert await process.wait() == 0


async def has_made_a_session(client: Client) -> bool:
    try:
        answer = await client.post("/v1/session/create", session_id="s", dimension=2)
    except Refused:
        return False
    return answer.status == 200


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def licence(tmp_path: Path) -> dict[str, str]:
    """The settings of a server with a licence of its own."""
    private, public = write_key_pair(tmp_path / "keys")
    now = int(time.time())
    claims = TokenClaims(sub="acme", tier="enterprise", iat=now, exp=now + 600)
    token = sign(claims, private_key(private))
    return {"SEMVEC_LICENSE_PUBLIC_KEY": str(public), "SEMVEC_LICENSE_KEY": token}


async def test_no_secret_reaches_the_log(
    sqlite_url: str, tmp_path: Path, licence: dict[str, str]
) -> None:
    token = licence["SEMVEC_LICENSE_KEY"]
    variables = licence | {"SEMVEC_EMBED_API_KEY": "hidden-key"}
    async with serving(sqlite_url, tmp_path, "--log-level", "debug", **variables) as server:
        for sent in (token, f"{token}x", "hidden-key"):
            async with server.client(sent) as client:
                status = (await client.get("/v1/session/")).status
            assert status == (200 if sent == token else 401)
        async with server.client(token * 60) as client:
            answer = await client.get("/v1/session/")
        assert answer.status in (400, 431)
        assert token[:20] not in answer.body.decode()
        server.process.send_signal(signal.SIGTERM)
        assert await server.exit_status(EXIT_WITHIN_S) == 0
        log = server.log.read_text()
    assert "tier enterprise" in log
    assert token[:20] not in log
    assert "hidden-key" not in log
