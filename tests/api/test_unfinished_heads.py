"""Promise 27: what heads that never end may take, and that it comes back."""

import asyncio
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.servers import Server, serving

CLIENTS = 1000
MOST_BYTES = 100 * 10**6
LEFT_BYTES = 30 * 10**6
"""What the process may keep for the next thousand clients."""
DEADLINE_S = 5
FIELD = b"X-Field: " + b"a" * 8000 + b"\r\n"
HEADS = {"below the bound": FIELD * 8, "far above it": FIELD * 120}


async def send(server: Server, content: bytes) -> bytes:
    """All that the server says until it closes."""
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    said = b""
    with suppress(ConnectionError):
        writer.write(content)
        said = await reader.read()
    writer.transport.abort()
    return said


@pytest.mark.parametrize("fields", HEADS.values(), ids=HEADS)
async def test_promise_27_a_thousand_unfinished_heads(
    sqlite_url: str, tmp_path: Path, fields: bytes
) -> None:
    variables = {"SEMVEC_EMBEDDER": "none", "SEMVEC_REQUEST_DEADLINE_S": str(DEADLINE_S)}
    async with serving(sqlite_url, tmp_path, **variables) as server, server.client() as client:
        process = psutil.Process(server.process.pid)
        assert (await client.get("/v1/session/")).status == 200
        before, most = process.memory_info().rss, 0
        head = b"GET /v1/session/ HTTP/1.1\r\nHost: a\r\n" + fields
        sending = {asyncio.create_task(send(server, head)) for _ in range(CLIENTS)}
        async with asyncio.timeout(6 * DEADLINE_S):
            while sending:
                most = max(most, process.memory_info().rss)
                _, sending = await asyncio.wait(sending, timeout=0.1)
        assert most - before < MOST_BYTES
        assert process.memory_info().rss - before < LEFT_BYTES
        assert (await client.get("/v1/session/")).status == 200
        assert "Traceback" not in server.log.read_text()
