"""An embedding endpoint on a port, which answers as a test tells it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from aiohttp import web
from aiohttp.test_utils import TestServer

from semvec.embed.remote import Patience

QUICK = Patience(timeout=0.5, attempts=3, pause=0.01, longest_pause=0.05)
Answer = Callable[[list[str]], web.StreamResponse | Awaitable[web.StreamResponse]]
Asked = Callable[[web.Request, dict[str, Any]], web.StreamResponse]


def vector(text: str) -> list[float]:
    return [1.0, float(len(text) % 97), float(sum(text.encode()) % 89) - 2.5]


def drawn(text: str, dimension: int = 16) -> list[float]:
    """A vector that depends on nothing but the text, and is far from those of other texts."""
    numbers: list[float] = (
        np.random.default_rng(list(text.encode())).standard_normal(dimension).tolist()
    )
    return numbers


def openai(texts: list[str]) -> web.Response:
    data = [{"index": i, "embedding": vector(text)} for i, text in enumerate(texts)]
    return web.json_response({"object": "list", "data": data[::-1], "usage": {}})


def tei(texts: list[str]) -> web.Response:
    return web.json_response([vector(text) for text in texts])


def raw(text: str, status: int = 200, **headers: str) -> Answer:
    return lambda _: web.Response(text=text, status=status, headers=headers)


def numbered(*rows: object) -> Answer:
    data = [{"index": i, "embedding": row} for i, row in enumerate(rows)]
    return raw(json.dumps({"data": data}))


class Endpoint:
    """A server on a port that answers as told: `script` first, then `usual`, or `asked` where the
    whole request matters."""

    def __init__(self) -> None:
        self.usual: Answer = openai
        self.script: list[Answer] = []
        self.asked: Asked | None = None
        self.requests: list[tuple[str, dict[str, Any], str | None]] = []
        self._received: list[web.Request] = []
        application = web.Application(client_max_size=1 << 26)
        application.router.add_post("/{path:.*}", self._answer)
        self._server = TestServer(application)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append((request.path_qs, body, request.headers.get("Authorization")))
        self._received.append(request)
        if self.asked is not None and not self.script:
            return self.asked(request, body)
        answer = self.script.pop(0) if self.script else self.usual
        response = answer(texts_of(body))
        return response if isinstance(response, web.StreamResponse) else await response

    async def start(self) -> None:
        await self._server.start_server()

    async def stop(self) -> None:
        await self._server.close()

    def url(self, path: str = "") -> str:
        return str(self._server.make_url("/")) + path

    def is_connected(self, number: int) -> bool:
        """Whether the client of a request, counted from the end of the start, still waits."""
        transport = self._received[number - len(self.requests)].transport
        return transport is not None and not transport.is_closing()

    @property
    def sent(self) -> list[list[str]]:
        """The texts of every request."""
        return [texts_of(body) for _, body, _ in self.requests]


def texts_of(body: dict[str, Any]) -> list[str]:
    texts: list[str] = body.get("input") or body["inputs"]
    return texts


@asynccontextmanager
async def running_endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    await endpoint.start()
    try:
        yield endpoint
    finally:
        await endpoint.stop()
