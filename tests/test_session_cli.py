"""`semvec session` against real servers."""

import asyncio
import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from threading import Thread

import pytest

from semvec.cli import main
from semvec.licensing.keys import write_key_pair
from tests.servers import Client, Server, serving
from tests.services import DIMENSION, embedding

Output = pytest.CaptureFixture[str]


@pytest.fixture
async def server(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Server]:
    async with serving(sqlite_url, tmp_path) as server:
        yield server


async def semvec(*arguments: str | Path) -> int:
    return await asyncio.to_thread(main, ["session", *map(str, arguments)])


def files(folder: Path) -> list[str]:
    """Exports and what is left of some."""
    return [path.name for path in folder.glob("*.json*")]


async def fill(server: Server, session_id: str, words: str, dimension: int = DIMENSION) -> None:
    async with server.client() as client:
        await client.post("/v1/session/create", session_id=session_id, dimension=dimension)
        for number in range(5):
            vector = (embedding(words) * dimension)[:dimension]
            said = {"response": f"{words} {number}", "response_embedding": vector}
            await client.post("/v1/store", session_id=session_id, **said)


async def memories(client: Client, session_id: str) -> list[str]:
    answer = (await client.get(f"/v1/session/{session_id}/export")).json()
    return [memory["response"] for memory in answer["state_dict"]["memories"]]


async def test_a_session_goes_through_a_file(
    server: Server, tmp_path: Path, capsys: Output
) -> None:
    await fill(server, "s", "remark")
    await fill(server, "other", "notice")
    file = tmp_path / "s.json"
    assert await semvec("export", "s", "--output", file, "--url", server.url) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_bytes())["session_id"] == "s"
    assert await semvec("import", file, "--session", "other", "--url", server.url) == 0
    assert await semvec("import", file, "--session", "new", "--url", f"{server.url}/") == 0
    async with server.client() as client:
        await client.delete("/v1/session/s")
        assert await semvec("import", file, "--url", server.url) == 0
        for session_id in ("other", "new", "s"):
            assert await memories(client, session_id) == [f"remark {n}" for n in range(5)]
    output = capsys.readouterr()
    assert (output.out, output.err) == ("other\nnew\ns\n", "")
    assert files(tmp_path) == ["s.json"]


async def test_standard_output_gets_the_same_bytes(
    server: Server, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    await fill(server, "s", "remark")
    file = tmp_path / "s.json"
    assert await semvec("export", "s", "--url", server.url) == 0
    printed = capfdbinary.readouterr().out
    assert await semvec("export", "s", "--url", server.url, "--output", file) == 0
    assert printed == file.read_bytes()


async def test_what_the_server_refuses_ends_with_3_and_its_reason(
    server: Server, tmp_path: Path, capsys: Output
) -> None:
    await fill(server, "s", "remark")
    await fill(server, "wide", "notice", DIMENSION + 1)
    file, none = tmp_path / "s.json", tmp_path / "none.json"
    await semvec("export", "s", "--output", file, "--url", server.url)
    assert await semvec("export", "none", "--output", none, "--url", server.url) == 3
    assert not none.exists()
    assert await semvec("import", file, "--session", "wide", "--url", server.url) == 3
    assert await semvec("import", file, "--session", "no id", "--url", server.url) == 3
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "semvec: the server answered 404: session 'none' not found"
    assert said[1].startswith("semvec: the server answered 409: session 'wide' exists with")
    assert said[2].startswith("semvec: the server answered 422: ")


async def test_a_damaged_file_is_not_sent(server: Server, tmp_path: Path, capsys: Output) -> None:
    await fill(server, "s", "remark")
    file = tmp_path / "s.json"
    await semvec("export", "s", "--output", file, "--url", server.url)
    whole = file.read_bytes()
    for damaged, reason in (
        (whole.replace(b"remark 2", b"remark 3"), "the checksum does not match"),
        (whole[:-50], "the export cannot be read"),
        (b"", "the export cannot be read"),
    ):
        file.write_bytes(damaged)
        assert await semvec("import", file, "--session", "new", "--url", server.url) == 1
        assert f"semvec: {file}: {reason}" in capsys.readouterr().err
    async with server.client() as client:
        assert (await client.get("/v1/session/new/export")).status == 404


async def test_what_stood_there_stays_where_an_export_fails(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_bytes(b"precious")
    assert await semvec("export", "none", "--output", file, "--url", server.url) == 3
    assert file.read_bytes() == b"precious"
    assert files(tmp_path) == ["s.json"]


async def test_a_session_made_for_an_import_that_fails_goes_again(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with serving(sqlite_url, tmp_path, SEMVEC_MAX_IMPORT_BYTES="1000") as server:
        await fill(server, "s", "remark")
        file = tmp_path / "s.json"
        await semvec("export", "s", "--output", file, "--url", server.url)
        assert await semvec("import", file, "--session", "new", "--url", server.url) == 3
        async with server.client() as client:
            assert (await client.get("/v1/session/new/export")).status == 404


@pytest.fixture
def licence(tmp_path: Path, capsys: Output) -> tuple[str, Path]:
    """A token, and the key to check it with."""
    private, public = write_key_pair(tmp_path)
    main(["license", "issue", "--key", str(private), "--sub", "ada", "--tier", "pro"])
    return capsys.readouterr().out.strip(), public


async def test_the_environment_has_the_token(
    sqlite_url: str,
    tmp_path: Path,
    licence: tuple[str, Path],
    capsys: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token, public = licence
    async with serving(sqlite_url, tmp_path, SEMVEC_LICENSE_PUBLIC_KEY=str(public)) as server:
        assert await semvec("export", "s", "--url", server.url) == 3
        assert "401" in capsys.readouterr().err
        monkeypatch.setenv("SEMVEC_LICENSE_KEY", token)
        assert await semvec("export", "s", "--url", server.url) == 3
        assert "404" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://127.0.0.1:1", "cannot reach http://127.0.0.1:1: "),
        ("127.0.0.1:8080", "--url is no http:// or https:// address"),
        ("ftp://localhost", "--url is no http:// or https:// address"),
    ],
)
async def test_a_server_that_is_not_there_ends_with_1(
    url: str, reason: str, capsys: Output
) -> None:
    assert await semvec("export", "s", "--url", url) == 1
    assert reason in capsys.readouterr().err


async def test_a_file_that_is_not_there_ends_with_1(tmp_path: Path, capsys: Output) -> None:
    assert await semvec("import", tmp_path / "none.json") == 1
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "ended after 4 of 9 bytes"),
        (b"nonsense\r\n\r\n", "nonsense"),
        (b"", "http://"),
    ],
)
async def test_an_answer_that_breaks_off_ends_with_1(
    answer: bytes, reason: str, tmp_path: Path, capsys: Output
) -> None:
    file = tmp_path / "s.json"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        serving = Thread(target=serve)
        serving.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert await semvec("export", "s", "--output", file, "--url", url) == 1
        await asyncio.to_thread(serving.join)
    assert reason in capsys.readouterr().err
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "stages"),
    [
        (("export", "s", "--output", "FILE"), ("waiting for the server", "receiving", "writing")),
        (("import", "FILE"), ("checking the file", "sending", "the server takes it in")),
    ],
)
async def test_a_terminal_shows_every_stage_and_a_pipe_none(
    server: Server, tmp_path: Path, arguments: tuple[str, ...], stages: tuple[str, ...]
) -> None:
    await fill(server, "s", "remark")
    file = tmp_path / "s.json"
    assert await semvec("export", "s", "--output", file, "--url", server.url) == 0
    given = [str(file) if each == "FILE" else each for each in arguments]
    command = [sys.executable, "-m", "semvec", "session", *given, "--url", server.url]
    terminal, end = pty.openpty()
    done = await asyncio.to_thread(subprocess.run, command, stdout=subprocess.PIPE, stderr=end)
    os.close(end)
    shown = os.read(terminal, 65536).decode()
    os.close(terminal)
    assert done.returncode == 0
    positions = [shown.index(stage) for stage in stages]
    assert positions == sorted(positions)
    assert shown.endswith("\r\x1b[K")
    piped = await asyncio.to_thread(subprocess.run, command, capture_output=True)
    assert (piped.returncode, piped.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [[], ["export"], ["import"], ["export", "s", "t"]])
def test_wrong_usage_ends_with_2(arguments: list[str], capsys: Output) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["session", *arguments])
    assert stop.value.code == 2
    assert "usage: semvec" in capsys.readouterr().err


def test_the_command_starts_no_server_code() -> None:
    code = (
        "import sys; from semvec.cli import main; main(['session', 'export', 's', '--url', 'x:']);"
        "print({'aiohttp', 'numpy', 'sqlalchemy'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
