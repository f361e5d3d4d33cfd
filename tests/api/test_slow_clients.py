"""Promise 14: clients that drip their requests."""

import asyncio
import contextlib
from pathlib import Path
from urllib.parse import urlsplit

from tests.servers import Server, serving

CLIENTS = 1000
CLOSED_WITHIN_S = 15
HEAD = b"GET /v1/session/ HTTP/1.1\r\nHost: a\r\nX-Long: "
BODY = b"POST /v1/run HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n"


async def drip(server: Server, start: bytes) -> bytes:
    """A byte a second, until the server closes; what it said."""
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    said = b""
    with contextlib.suppress(ConnectionError):
        writer.write(start)
        while not reader.at_eof():
            writer.write(b"a")
            with contextlib.suppress(TimeoutError):
                said += await asyncio.wait_for(reader.read(65536), 1)
    writer.close()
    return said


async def test_promise_14_a_thousand_slow_clients_are_closed_while_others_are_served(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        async with asyncio.timeout(CLOSED_WITHIN_S):
            starts = (HEAD, BODY)
            slow = [
                asyncio.create_task(drip(server, starts[number % 2])) for number in range(CLIENTS)
            ]
            while not all(task.done() for task in slow):
                assert (await client.get("/v1/session/")).status == 200
                await asyncio.sleep(0.05)
        said = [task.result() for task in slow]
        assert all(one.startswith(b"HTTP/1.1 408 ") for one in said if one)
        assert sum(map(bool, said)) > CLIENTS * 0.9
        assert "Traceback" not in server.log.read_text()
