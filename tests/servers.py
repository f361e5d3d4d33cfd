"""Real servers in processes of their own, and a client that knows how far a request got."""

import asyncio
import json
import os
import ssl
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

BODY_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Refused(Exception):
    """No connection: the request never left."""


class Cut(Exception):
    """The connection ended before the answer did; nobody knows what became of the request."""

    def __init__(self, *, fresh: bool, received: int) -> None:
        super().__init__(
            f"{'a fresh' if fresh else 'a kept'} connection, {received} bytes received"
        )
        self.fresh, self.received = fresh, received


class Client:
    """One connection, kept until the server says that it closes it; nothing is ever sent twice."""

    def __init__(self, url: str, token: str | None = None, **headers: str) -> None:
        address = urlsplit(url)
        self._tls = _trusting_all() if address.scheme == "https" else None
        self._host, self._port = address.hostname, address.port
        self._standing = f"Host: {address.netloc}\r\n"
        self._standing += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        if token is not None:
            self._standing += f"Authorization: Bearer {token}\r\n"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def get(self, path: str) -> Answer:
        return await self.request("GET", path)

    async def post(self, path: str, **fields: object) -> Answer:
        return await self.request("POST", path, json.dumps(fields).encode())

    async def put(self, path: str, **fields: object) -> Answer:
        return await self.request("PUT", path, json.dumps(fields).encode())

    async def delete(self, path: str) -> Answer:
        return await self.request("DELETE", path)

    async def request(
        self, method: str, path: str, body: bytes = b"", key: str | None = None
    ) -> Answer:
        """With an Idempotency-Key where one is given. Raises Refused or Cut."""
        head = f"{method} {path} HTTP/1.1\r\n{self._standing}Content-Length: {len(body)}\r\n"
        head += "\r\n" if key is None else f"Idempotency-Key: {key}\r\n\r\n"
        fresh = self._streams is None
        reader, writer = await self.connect()
        received = 0
        try:
            writer.write(head.encode() + body)
            raw = await reader.readuntil(b"\r\n\r\n")
            received = len(raw)
            first, *lines = raw.decode("latin-1").split("\r\n")[:-2]
            named = (line.partition(":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in named}
            content = await reader.readexactly(int(headers["content-length"]))
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            if isinstance(error, asyncio.IncompleteReadError):
                received += len(error.partial)
            await self.close()
            raise Cut(fresh=fresh, received=received) from error
        if headers.get("connection") == "close" or first.startswith("HTTP/1.0"):
            await self.close()
        return Answer(int(first.split()[1]), headers, content)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            try:
                self._streams = await asyncio.open_connection(
                    self._host, self._port, limit=BODY_BYTES, ssl=self._tls
                )
            except OSError as error:
                raise Refused from error
        return self._streams

    async def close(self) -> None:
        if self._streams is not None:
            (_, writer), self._streams = self._streams, None
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


def _trusting_all() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@dataclass(frozen=True, slots=True)
class Server:
    """`said` is its first line; `ready_s` the time from its start to the first 200 on readyz."""

    process: Process
    said: str
    url: str
    ready_s: float
    log: Path

    def client(self, token: str | None = None, **headers: str) -> Client:
        return Client(self.url, token, **headers)

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()

    async def exit_status(self, within_s: float) -> int:
        async with asyncio.timeout(within_s):
            return await self.process.wait()


@asynccontextmanager
async def serving(
    database_url: str, folder: Path, *flags: str, **variables: str
) -> AsyncIterator[Server]:
    """A server that is ready, anonymous, without embedder and limits unless `variables` say so.

    What it logs goes to a file in `folder`. It is killed at the end where it still runs.
    """
    started = time.perf_counter()
    log = folder / f"{started}.log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *command(*flags),
            env=environment(database_url, variables),
            stdout=PIPE,
            stderr=stderr,
        )
    try:
        assert process.stdout is not None
        said = (await process.stdout.readline()).decode()
        assert "listening on" in said, log.read_text()
        url = said.split()[-1]
        async with Client(url) as client:
            answer = await client.get("/v1/readyz")
        assert answer.status == 200, answer.body
        yield Server(process, said, url, time.perf_counter() - started, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def command(*flags: str) -> list[str]:
    standing = ("--host", "127.0.0.1", "--port", "0")
    return [sys.executable, "-m", "semvec", "serve", *standing, *flags]


def environment(database_url: str, variables: dict[str, str]) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("SEMVEC_")
    }
    ours = {
        "DATABASE_URL": database_url,
        "SEMVEC_EMBEDDER": "none",
        "SEMVEC_RATE_LIMIT": "off",
    }
    if "SEMVEC_LICENSE_PUBLIC_KEY" not in variables:
        ours["SEMVEC_ALLOW_ANONYMOUS"] = "1"
    return inherited | ours | variables
