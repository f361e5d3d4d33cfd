"""An embedder behind a URL: OpenAI-compatible, or text-embeddings-inference (TEI)."""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp
import msgspec
import numpy as np
from yarl import URL

from semvec.errors import Unavailable
from semvec.telemetry.protocol import SILENT, Batches
from semvec.vectors import Encoding, Vector

BATCH_TEXTS = 32
"""Texts in one request; the most that TEI takes by default."""
PARALLEL_REQUESTS = 8
REPLY_BYTES = 64 * 1024 * 1024
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""
PROBE = "dimension"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an endpoint, in seconds: once, and for all tries together,
    between which the pause doubles."""

    timeout: float = 30.0
    total: float = 60.0
    attempts: int = 4
    pause: float = 0.25
    longest_pause: float = 5.0


class _Numbered(msgspec.Struct):
    index: int
    embedding: list[float]


class _OpenAIReply(msgspec.Struct):
    data: list[_Numbered]


class _Passing(Exception):
    """A failure worth another try, with the wait that the endpoint asked for."""

    def __init__(self, detail: str, wait: float | None = None) -> None:
        super().__init__(detail)
        self.wait = wait


class RemoteEmbedder:
    """Pooled vectors only, from an endpoint that is not trusted to answer well.

    A URL that ends in `/embed` is TEI's; any other is OpenAI's, to which `/embeddings` is added
    after `/v1`, or `/v1/embeddings` after anything else that does not end so.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        api_key: str | None = None,
        patience: Patience | None = None,
        telemetry: Batches = SILENT,
    ) -> None:
        """ValueError for a URL that cannot be used, or if OpenAI's form lacks a model's name."""
        self._url, self._tei = _endpoint(URL(url))
        if model is None and not self._tei:
            raise ValueError(f"{_shown(self._url)} needs the name of a model: SEMVEC_EMBED_MODEL")
        self._model = model
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._patience = patience or Patience()
        self._telemetry = telemetry
        self._session: aiohttp.ClientSession | None = None
        self._dimension: int | None = None
        self._slots = asyncio.Semaphore(PARALLEL_REQUESTS)

    @property
    def model_name(self) -> str:
        return self._model or str(self._url.host)

    @property
    def dimension(self) -> int:
        """As the endpoint showed it; RuntimeError before `start`."""
        if self._dimension is None:
            raise RuntimeError("the embedder has not been started")
        return self._dimension

    @property
    def token_dimension(self) -> int:
        return 0

    async def start(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._patience.timeout)
        self._session = aiohttp.ClientSession(timeout=timeout, headers=self._headers)
        try:
            (probe,) = await self._request([PROBE])
        except Unavailable as error:
            await self.close()
            raise ConnectionError(f"{_shown(self._url)}: {error}") from error
        self._dimension = len(probe)

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """One encoding per text, in order; Unavailable if the endpoint does not answer well."""
        batches = [texts[i : i + BATCH_TEXTS] for i in range(0, len(texts), BATCH_TEXTS)]
        try:
            async with asyncio.timeout(self._patience.total):
                answers = await asyncio.gather(*(self._request(batch) for batch in batches))
        except TimeoutError as error:
            raise Unavailable("the embedder does not answer in time", 5) from error
        return [Encoding(vector) for answer in answers for vector in answer]

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _request(self, texts: Sequence[str]) -> list[Vector]:
        """Unit vectors of one batch, asked for again as long as that may help."""
        patience = self._patience
        pause, asked = patience.pause, time.monotonic()
        for left in reversed(range(patience.attempts)):
            try:
                async with self._slots:
                    began = time.monotonic()
                    reply = await self._post(self._body(texts))
                vectors = _unit(self._rows(reply, len(texts)), self._dimension)
                self._telemetry.done(len(texts), began - asked, time.monotonic() - began)
                return vectors
            except _Passing as error:
                self._telemetry.failed()
                wait = pause if error.wait is None else error.wait
                if not left or wait > patience.longest_pause:
                    raise Unavailable(str(error), max(1, math.ceil(wait))) from error
            except (ValueError, msgspec.DecodeError) as error:
                self._telemetry.failed()
                raise Unavailable("the embedder gave a bad reply", reason=str(error)) from error
            await asyncio.sleep(wait)
            pause = min(2 * pause, patience.longest_pause)
        raise AssertionError("the last attempt either returns or raises")

    def _body(self, texts: Sequence[str]) -> bytes:
        """Endpoints refuse an empty text; a full stop says as little."""
        inputs = [text if text.strip() else "." for text in texts]
        if self._tei:
            return msgspec.json.encode({"inputs": inputs, "truncate": True})
        return msgspec.json.encode(
            {"model": self._model, "input": inputs, "encoding_format": "float"}
        )

    def _rows(self, reply: bytes, count: int) -> list[list[float]]:
        """The vectors of a reply in order of the texts; ValueError if they are not all there."""
        if self._tei:
            rows = msgspec.json.decode(reply, type=list[list[float]])
        else:
            data = msgspec.json.decode(reply, type=_OpenAIReply).data
            data.sort(key=lambda entry: entry.index)
            if [entry.index for entry in data] != list(range(len(data))):
                raise ValueError("its embeddings are not numbered one by one")
            rows = [entry.embedding for entry in data]
        if len(rows) != count:
            raise ValueError(f"{len(rows)} embeddings of {count} texts")
        return rows

    async def _post(self, body: bytes) -> bytes:
        if self._session is None:
            raise Unavailable("the embedder is not running")
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                if response.status in PASSING:
                    wait = _seconds(response.headers.get("Retry-After"))
                    raise _Passing(f"the embedder answered {response.status}", wait)
                if response.status != 200:
                    raise Unavailable(f"the embedder answered {response.status}")
                return await _bounded(response)
        except (aiohttp.ClientError, OSError) as error:
            raise _Passing(f"the embedder cannot be reached: {type(error).__name__}") from error


def _endpoint(url: URL) -> tuple[URL, bool]:
    """The address to post to, and whether it is TEI's."""
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("the address of an embedding endpoint is not an http(s) URL")
    path = url.path.rstrip("/")
    if path.endswith("/embed"):
        return url.with_path(path, keep_query=True), True
    if path.endswith("/v1"):
        path += "/embeddings"
    elif not path.endswith("/embeddings"):
        path += "/v1/embeddings"
    return url.with_path(path, keep_query=True), False


def _shown(url: URL) -> URL:
    """The address without what may be a secret: its login and its query."""
    return url.with_user(None).with_query(None)


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > REPLY_BYTES:
            raise ValueError(f"more than {REPLY_BYTES} bytes")
    return bytes(content)


def _seconds(header: str | None) -> float | None:
    """A Retry-After in seconds; its other form, a date, is left out of account."""
    return float(header) if header is not None and header.isdecimal() else None


def _unit(rows: list[list[float]], dimension: int | None) -> list[Vector]:
    """Unit vectors of the dimension (None: any one); ValueError for what has no direction."""
    matrix = np.asarray(rows, np.float64)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ValueError("not vectors of one length")
    if dimension is not None and matrix.shape[1] != dimension:
        raise ValueError(f"{matrix.shape[1]} dimensions where there were {dimension}")
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.all(np.isfinite(norms)) or not np.all(norms > 0):
        raise ValueError("a vector that is zero or not finite")
    return list((matrix / norms).astype(np.float32))
