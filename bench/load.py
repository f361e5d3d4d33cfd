"""A load generator that costs little: ready-made requests over keep-alive connections."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Sample:
    """Latencies in seconds, sorted; what the run took, in seconds."""

    latencies: Sequence[float]
    wall: float

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.wall

    def quantile(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def request(method: str, path: str, body: object = None) -> bytes:
    """The bytes of one HTTP/1.1 request."""
    content = b"" if body is None else orjson.dumps(body)
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(content)}\r\n"
    return head.encode() + b"Content-Type: application/json\r\n\r\n" + content


class Connection:
    """One keep-alive connection; an answer other than 2xx is an error."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, content: bytes) -> bytes:
        self._writer.write(content)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        if head[9:10] != b"2":
            raise RuntimeError(f"{head[9:12].decode()}: {body[:200].decode()}")
        return body

    def close(self) -> None:
        self._writer.close()


async def closed_loop(port: int, requests: Sequence[Sequence[bytes]], seconds: float) -> Sample:
    """One connection for each list of requests, each sent when the last one is answered."""
    connections = [await Connection.open(port) for _ in requests]
    latencies: list[float] = []
    start = time.perf_counter()

    async def client(connection: Connection, mine: Sequence[bytes]) -> None:
        for content in _for_ever(mine):
            sent = time.perf_counter()
            if sent - start > seconds:
                return
            await connection.send(content)
            latencies.append(time.perf_counter() - sent)

    await asyncio.gather(*map(client, connections, requests))
    wall = time.perf_counter() - start
    for connection in connections:
        connection.close()
    return Sample(sorted(latencies), wall)


async def open_loop(
    port: int, requests: Sequence[Sequence[bytes]], rate: float, seconds: float
) -> Sample:
    """Requests at a fixed rate, whether or not the last ones are answered: latency counts from the
    moment a request was due."""
    free: asyncio.Queue[tuple[Connection, Iterator[bytes]]] = asyncio.Queue()
    for mine in requests:
        free.put_nowait((await Connection.open(port), _for_ever(mine)))
    latencies: list[float] = []
    start = time.perf_counter()

    async def one(due: float) -> None:
        connection, mine = await free.get()
        await connection.send(next(mine))
        latencies.append(time.perf_counter() - due)
        free.put_nowait((connection, mine))

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(due))
    wall = time.perf_counter() - start
    while not free.empty():
        free.get_nowait()[0].close()
    return Sample(sorted(latencies), wall)


def _for_ever(contents: Sequence[bytes]) -> Iterator[bytes]:
    while True:
        yield from contents
