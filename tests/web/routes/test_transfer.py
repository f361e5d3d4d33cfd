"""Bodies that go to files and come from files."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest
from aiohttp.web import Application

from semvec.errors import Unavailable
from semvec.settings import Settings
from tests.web.conftest import Client, RecordingService, Serve

IMPORT = "/v1/session/s/import"


@pytest.fixture
def settings() -> Settings:
    return Settings(allow_anonymous=True, max_body_bytes=1024, max_import_bytes=3 << 20)


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, 65536):
        yield b"x" * min(65536, size - start)


async def test_an_export_is_the_file_as_it_is(client: Client, service: RecordingService) -> None:
    answer = await client.get("/v1/session/s/export", headers={"X-Request-ID": "r1"})
    assert answer.status == 200
    assert await answer.read() == b'{"session_id":"s"}'
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Length"] == "18"
    assert answer.headers["X-Request-ID"] == "r1"
    async with asyncio.timeout(30):  # the last byte may be here before the file is closed there
        while not service.files[-1].closed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_head_of_an_export_sends_and_leaves_nothing(
    client: Client, service: RecordingService
) -> None:
    answer = await client.head("/v1/session/s/export")
    assert (answer.status, await answer.read()) == (200, b"")
    assert service.calls == [("find", {"owner": "anonymous", "session_id": "s"})]
    assert not service.files


async def test_a_large_export_comes_whole(client: Client, service: RecordingService) -> None:
    service.document = bytes(range(256)) * 40_000
    answer = await client.get("/v1/session/s/export")
    assert await answer.read() == service.document


async def test_a_client_that_goes_away_leaves_no_file_open(
    client: Client, service: RecordingService
) -> None:
    service.document = b"x" * 50_000_000
    _, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"GET /v1/session/s/export HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(10):
        while not service.files:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        writer.close()
        while not service.files[-1].closed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_an_import_has_a_limit_of_its_own(
    client: Client, service: RecordingService, settings: Settings
) -> None:
    answer = await client.post(IMPORT, data=in_chunks(settings.max_import_bytes))
    assert await answer.json() == {"session_id": "s", "imported": True}
    assert len(service.last_call["sent"]) == settings.max_import_bytes
    answer = await client.post("/v1/run", data=b'{"message": "a"}'.ljust(2000))
    assert answer.status == 413


async def test_an_import_that_announces_too_much_is_refused_unread(
    client: Client, service: RecordingService, settings: Settings
) -> None:
    reader, writer = await asyncio.open_connection(client.host, client.port)
    head = f"POST {IMPORT} HTTP/1.1\r\nHost: localhost\r\n"
    writer.write(f"{head}Content-Length: {settings.max_import_bytes + 1}\r\n\r\n".encode())
    answer = await reader.read(65536)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"larger than 3145728 bytes" in answer
    assert not service.calls
    writer.close()


@pytest.mark.parametrize("packed", [False, True])
async def test_an_import_that_announces_nothing_is_refused_where_it_gets_too_long(
    client: Client, service: RecordingService, settings: Settings, packed: bool
) -> None:
    size = settings.max_import_bytes + 1
    if packed:
        data = gzip.compress(b"x" * size)
        answer = await client.post(IMPORT, data=data, headers={"Content-Encoding": "gzip"})
    else:
        answer = await client.post(IMPORT, data=in_chunks(size))
    assert answer.status == 413
    assert not service.calls


async def test_an_import_that_breaks_off_is_not_taken(
    client: Client, service: RecordingService
) -> None:
    _, writer = await asyncio.open_connection(client.host, client.port)
    head = f"POST {IMPORT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"
    writer.write(f"{head}half".encode())
    await writer.drain()
    writer.close()
    await asyncio.sleep(0.1)
    assert not service.calls


async def test_errors_are_told_as_elsewhere(client: Client, service: RecordingService) -> None:
    lost = await client.get("/v1/session/unknown/export")
    assert (lost.status, (await lost.json())["detail"]) == (404, "session not found")
    service.failure = Unavailable("storage cannot read")
    answer = await client.get("/v1/session/s/export")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


@pytest.mark.parametrize(("number", "status"), [(0, 200), (64, 200), (65, 422)])
async def test_verify_takes_at_most_64_vectors(
    client: Client, service: RecordingService, number: int, status: int
) -> None:
    body = {"test_embeddings": [[0.5]] * number}
    answer = await client.post("/v1/session/s/verify", json=body)
    assert answer.status == status
    if status == 200:
        assert await answer.json() == {
            "session_id": "s",
            "consistent": True,
            "checks": [{"name": "tiers", "ok": True, "detail": "as they should"}],
        }
        assert service.last_call["test_embeddings"] == [[0.5]] * number
    else:
        assert (await answer.json())["detail"][0]["loc"] == ["body", "test_embeddings"]


async def test_verify_needs_its_vectors(client: Client) -> None:
    assert (await client.post("/v1/session/s/verify", json={})).status == 422


async def test_the_document_shows_what_goes_in_and_out(app: Application, serve: Serve) -> None:
    client = await serve(app)
    document = await (await client.get("/openapi.json")).json()
    operations = document["paths"][IMPORT.replace("/s/", "/{session_id}/")]["post"]
    body = operations["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/ImportRequest"}
    assert operations["responses"].keys() >= {"200", "400", "404", "409", "413", "503"}
    assert document["components"]["schemas"]["Exported"]["required"] == [
        *("session_id", "state_dict", "checksum"),
    ]
