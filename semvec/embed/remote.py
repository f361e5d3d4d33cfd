"""An embedder behind a URL: OpenAI-compatible, text-embeddings-inference (TEI) or Ollama."""

import asyncio
import logging
import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from semvec.embed.cutting import mean_vector, pieces, size_of
from semvec.embed.endpoint import EmbeddingEndpoint
from semvec.embed.excerpt import excerpt
from semvec.embed.identity import PROBES, ProbeVectors
from semvec.embed.protocol import TextRefused
from semvec.embed.reply import unit_rows
from semvec.errors import Unavailable
from semvec.telemetry.protocol import SILENT, Batches
from semvec.vectors import Encoding, Vector

log = logging.getLogger(__name__)

BATCH_TEXTS = 32
"""Texts in one request; the most that TEI takes by default."""
BATCH_BYTES = 128 * 1024
"""Bytes of text in one request, unless it is a single one: endpoints bound the tokens of all."""
SHORTEST_PIECE = 256
"""Bytes below which a refused text is not cut any more: its length is not what is wrong."""
LONGEST_TRIED = 3000
"""Bytes up to which the start finds out that an endpoint cuts texts off: some 700 tokens."""
MOST_PIECES = 1024
"""Pieces of one text."""
PARALLEL_REQUESTS = 8
REPLY_BYTES = 16 * 1024 * 1024
ERROR_BYTES = 4096
"""How much of an error is read."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""
REFUSING = frozenset({400, 413, 422})
"""Statuses that may be about one text, the number of texts, or a field."""
ABOUT_THE_TEXT = re.compile(
    rb"too large|too long|exceed|context length|maximum|tokens|\bNaN\b", re.I
)
"""What endpoints say with a 500 that is about a text: llama.cpp, Ollama."""
VERIFY_S = 10.0
"""Time after which the next request takes a probe along."""

ADVICE = {
    401: ": its key is missing or wrong, check SEMVEC_EMBED_API_KEY",
    403: ": its key does not allow this, check SEMVEC_EMBED_API_KEY",
    404: ": nothing is there, or it has no such model; check SEMVEC_EMBEDDER and "
    "SEMVEC_EMBED_MODEL",
    405: ": it takes no embedding requests, check SEMVEC_EMBEDDER",
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an endpoint, in seconds: once, and for all tries together,
    between which the pause doubles."""

    timeout: float = 30.0
    total: float = 60.0
    attempts: int = 4
    pause: float = 0.25
    longest_pause: float = 5.0


class _Passing(Exception):
    """A failure worth another try, with the wait that the endpoint asked for."""

    def __init__(
        self, detail: str, wait: float | None = None, status: int = 0, said: bytes = b""
    ) -> None:
        super().__init__(detail)
        self.wait, self.status, self.said = wait, status, said


class _Refused(Exception):
    """The endpoint refuses a request as it is; others may succeed."""

    def __init__(self, status: int, said: bytes) -> None:
        super().__init__(f"the embedder answered {status}")
        self.status, self.said = status, said


class RemoteEmbedder:
    """Pooled vectors only, from an endpoint that is not trusted to answer well.

    A refused request of several texts is halved, and a single refused text encoded in pieces, as
    long as the endpoint still takes a probe.
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
        """ValueError for a URL that cannot be used, or where the name of a model is missing."""
        self._endpoint = EmbeddingEndpoint.of(url, model)
        self._headers = self._endpoint.headers(api_key)
        self._secrets = [api_key or "", self._endpoint.url.password or ""]
        self._patience = patience or Patience()
        self._telemetry = telemetry
        self._session: aiohttp.ClientSession | None = None
        self._dimension: int | None = None
        self._probes: ProbeVectors | None = None
        self._slots = asyncio.Semaphore(PARALLEL_REQUESTS)
        self._failure: str | None = None
        self._verified = -math.inf
        self._not_before = -math.inf
        self._with_format = True
        self._most_texts = BATCH_TEXTS
        self._refusals = 0
        self._piece_size: int | None = None

    @property
    def model_name(self) -> str:
        return self._endpoint.model or self._endpoint.host

    @property
    def dimension(self) -> int:
        """As the endpoint showed it; RuntimeError before `start`."""
        if self._dimension is None:
            raise RuntimeError("the embedder has not been started")
        return self._dimension

    @property
    def token_dimension(self) -> int:
        return 0

    @property
    def failure(self) -> str | None:
        return self._failure

    async def start(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._patience.timeout)
        self._session = aiohttp.ClientSession(timeout=timeout, headers=self._headers)
        try:
            (first,) = await self._ask([PROBES[0]])
            self._dimension = len(first)
            self._probes = ProbeVectors.of(await self._batch(PROBES))
            self._verified = time.monotonic()
            await self._look_for_a_cut(self._probes)
        except _Refused as refusal:
            await self.close()
            said = excerpt(refusal.said, self._secrets)
            raise ConnectionError(f"{self._endpoint.shown}: {refusal}: {said}") from refusal
        except (Unavailable, TextRefused) as error:
            await self.close()
            raise ConnectionError(f"{self._endpoint.shown}: {error}") from error

    async def _look_for_a_cut(self, probes: ProbeVectors) -> None:
        """Find out whether the endpoint cuts long texts off without a word, and where about."""
        size = LONGEST_TRIED
        while size >= SHORTEST_PIECE and await self._cuts(size, probes):
            size //= 2
        if size < LONGEST_TRIED:
            self._piece_size = max(SHORTEST_PIECE, size * 2 // 3)  # other scripts are denser
            log.warning(
                "%s cuts off what is past some %d bytes of a text: longer texts are sent in pieces",
                self._endpoint.shown,
                size,
            )

    async def _cuts(self, size: int, probes: ProbeVectors) -> bool:
        """Whether two texts that differ in all that follows this size get the same vector."""
        begin, *ends = (f"{probe} " * (size // len(probe)) for probe in PROBES[:3])
        try:
            vectors = await self._ask([begin + end for end in ends], attempts=1)
        except (_Refused, Unavailable):
            return False  # what it refuses it does not cut
        return probes.is_same_vector(*vectors)

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """One encoding per text, in order; Unavailable if the endpoint does not answer well,
        TextRefused if it does and refuses one of them."""
        refusals = self._refusals
        try:
            async with asyncio.timeout(self._patience.total):
                vectors = await self._all(texts)
        except TimeoutError as error:
            if refusals != self._refusals and self._failure is None:
                longest = max(range(len(texts)), key=lambda place: len(texts[place]))
                raise TextRefused(
                    longest, "it takes too long to encode in pieces: send it in parts"
                ) from error
            self._failed("the embedder does not answer in time")
            raise Unavailable("the embedder does not answer in time", 5) from error
        return [Encoding(vector) for vector in vectors]

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _all(self, texts: Sequence[str]) -> list[Vector]:
        """In batches at once; the first failure ends the others."""
        batches = _batches(texts, self._most_texts)
        tasks: list[asyncio.Task[list[Vector]]] = []
        try:
            async with asyncio.TaskGroup() as group:
                tasks += [group.create_task(self._batch(texts[each])) for each in batches]
        except ExceptionGroup as failures:
            first = failures.exceptions[0]
            if isinstance(first, TextRefused):
                failed = next(i for i, task in enumerate(tasks) if task.exception() is first)
                first.place += batches[failed].start
            raise first from None
        return [vector for task in tasks for vector in task.result()]

    async def _batch(self, texts: Sequence[str], *, checked: bool = False) -> list[Vector]:
        """Unit vectors of a few texts; `checked` where the endpoint has just taken a probe."""
        if self._piece_size is not None and any(size_of(each) > self._piece_size for each in texts):
            return await self._each_whole(texts, self._piece_size)
        try:
            return await self._ask(texts)
        except _Refused as refusal:
            if not checked:
                await self._check()
            if len(texts) == 1:
                return [await self._in_pieces(texts[0], refusal)]
        half, refusals = len(texts) // 2, self._refusals
        vectors = await self._batch(texts[:half], checked=True)
        try:
            vectors += await self._batch(texts[half:], checked=True)
        except TextRefused as error:
            error.place += half
            raise
        if refusals == self._refusals:  # each text alone was welcome: there were too many
            self._most_texts = max(1, min(self._most_texts, half))
        return vectors

    async def _check(self) -> None:
        """Raises Unavailable if the endpoint refuses even a probe: no text is to blame then."""
        try:
            await self._ask([PROBES[0]], attempts=1)
        except _Refused as refusal:
            detail = f"{refusal}: it refuses every text, check its settings"
            self._failed(detail)
            said = excerpt(refusal.said, self._secrets)
            raise Unavailable(detail, 5, reason=said) from refusal

    async def _each_whole(self, texts: Sequence[str], size: int) -> list[Vector]:
        vectors: list[Vector] = []
        for place, text in enumerate(texts):
            try:
                vectors.append(await self._whole(text, size))
            except TextRefused as error:
                error.place = place
                raise
        return vectors

    async def _whole(self, text: str, size: int) -> Vector:
        """A text for an endpoint that cuts texts off at some length above `size`."""
        parts = list(pieces(text, size))
        if len(parts) > MOST_PIECES:
            raise TextRefused(
                0, f"the endpoint takes no more than {MOST_PIECES * size} bytes of it"
            )
        vectors: list[Vector] = []
        for each in _batches(parts, self._most_texts):
            vectors += await self._batch(parts[each])
        return mean_vector(vectors, [size_of(part) for part in parts])

    async def _in_pieces(self, text: str, refusal: _Refused) -> Vector:
        """The mean of its pieces, each as long as the endpoint takes it, weighed by length."""
        self._refusals += 1
        parts, vectors = await self._first_piece(text, refusal)
        try:
            for each in _batches(parts[1:], self._most_texts):
                vectors += await self._batch(parts[1:][each], checked=True)
        except TextRefused as error:
            error.place = 0
            raise
        return mean_vector(vectors, [size_of(part) for part in parts])

    async def _first_piece(self, text: str, refusal: _Refused) -> tuple[list[str], list[Vector]]:
        """The pieces of a text, of a size that the endpoint takes, and the first one's vector."""
        size = size_of(text)
        while size > SHORTEST_PIECE:
            size = max(SHORTEST_PIECE, size // 2)
            parts = list(pieces(text, size))
            if len(parts) > MOST_PIECES:
                longest = MOST_PIECES * size
                raise TextRefused(0, f"the endpoint takes no more than {longest} bytes of it")
            try:
                return parts, await self._ask(parts[:1])
            except _Refused as again:
                refusal = again
        await self._tell_refusal(text, refusal)
        raise TextRefused(0, f"the embedding endpoint refuses it with status {refusal.status}")

    async def _tell_refusal(self, text: str, refusal: _Refused) -> None:
        said = await asyncio.to_thread(excerpt, refusal.said, [*self._secrets, text])
        log.warning("a text of %d bytes is refused: %s: %s", size_of(text), refusal, said)

    async def _ask(self, texts: Sequence[str], attempts: int | None = None) -> list[Vector]:
        """Unit vectors of one request, made again as long as that may help."""
        patience = self._patience
        pause, asked = patience.pause, time.monotonic()
        for left in reversed(range(attempts or patience.attempts)):
            self._wait_as_told()
            try:
                async with self._slots:
                    began = time.monotonic()
                    vectors = await self._vectors(texts)
                self._telemetry.done(len(texts), began - asked, time.monotonic() - began)
                self._failure = None
                return vectors
            except _Passing as error:
                self._telemetry.failed()
                wait = pause if error.wait is None else error.wait
                if not left or wait > patience.longest_pause:
                    await self._give_up(error, wait, texts)
            except ValueError as error:
                self._telemetry.failed()
                self._failed(f"the embedder gave a bad reply: {error}")
                raise Unavailable("the embedder gave a bad reply", reason=str(error)) from error
            except Unavailable as error:
                self._telemetry.failed()
                self._failed(error.detail)
                raise
            await asyncio.sleep(wait)
            pause = min(2 * pause, patience.longest_pause)
        raise AssertionError("the last attempt either returns or raises")

    async def _vectors(self, texts: Sequence[str]) -> list[Vector]:
        """As one request, with a probe if the encoder is to be verified again."""
        due = self._probes is not None and time.monotonic() - self._verified > VERIFY_S
        if due and len(texts) >= self._most_texts:
            await self._vectors([])
            due = False
        asked = [*texts, PROBES[0]] if due else texts
        # Endpoints refuse an empty text; a full stop says as little.
        filled = [text if text.strip() else "." for text in asked]
        vectors = unit_rows(await self._post(filled), len(asked), self._dimension)
        if due:
            self._verify(vectors.pop())
        return vectors

    def _verify(self, probe: Vector) -> None:
        """Raises Unavailable if another encoder than that of the start made this vector."""
        if self._probes is not None and not self._probes.is_same_probe(0, probe):
            raise Unavailable(
                "the embedder answers with another model than at the start: give it back its "
                "model, or restart this server to use the new one",
                30,
                reason="its vector of a fixed sentence has changed",
            )
        self._verified = time.monotonic()

    async def _give_up(self, error: _Passing, wait: float, texts: Sequence[str]) -> None:
        if (
            error.status == 500 and error.wait is None
        ):  # every time: it may be this text that breaks it
            raise _Refused(error.status, error.said)
        if error.wait is not None:
            self._not_before = time.monotonic() + min(error.wait, 60.0)
        self._failed(str(error))
        said = await asyncio.to_thread(excerpt, error.said, [*self._secrets, *texts])
        raise Unavailable(str(error), max(1, math.ceil(wait)), reason=said) from error

    def _wait_as_told(self) -> None:
        """Raises Unavailable while the endpoint wants no requests."""
        left = self._not_before - time.monotonic()
        if left > 0:
            raise Unavailable("the embedder has asked for a pause", max(1, math.ceil(left)))

    def _failed(self, detail: str) -> None:
        """Whatever answers next may be another encoder."""
        self._failure, self._verified = detail, -math.inf

    async def _post(self, texts: Sequence[str]) -> bytes:
        if self._session is None:
            raise Unavailable("the embedder is not running")
        with_format = self._with_format
        try:
            return await self._post_once(self._session, texts, with_format=with_format)
        except _Refused as refusal:
            if self._endpoint.dialect != "openai" or b"encoding_format" not in refusal.said:
                raise
        reply = await self._post_once(self._session, texts, with_format=not with_format)
        self._with_format = not with_format
        return reply

    async def _post_once(
        self, session: aiohttp.ClientSession, texts: Sequence[str], *, with_format: bool
    ) -> bytes:
        body = self._endpoint.body(texts, with_format=with_format)
        try:
            async with session.post(
                self._endpoint.target, data=body, allow_redirects=False
            ) as response:
                if response.status == 200:
                    return await _bounded(response)
                said = await response.content.read(ERROR_BYTES)
                await self._raise(response, said, texts)
        except (aiohttp.ClientError, OSError) as error:
            raise _Passing(f"the embedder cannot be reached: {type(error).__name__}") from error
        raise AssertionError("every other status raises")

    async def _raise(
        self, response: aiohttp.ClientResponse, said: bytes, texts: Sequence[str]
    ) -> None:
        """What a status other than 200 means."""
        status = response.status
        if status in REFUSING or (status == 500 and ABOUT_THE_TEXT.search(said)):
            raise _Refused(status, said)
        if status in PASSING:
            wait = _seconds(response.headers.get("Retry-After"))
            raise _Passing(f"the embedder answered {status}", wait, status, said)
        detail = f"the embedder answered {status}{ADVICE.get(status, '')}"
        if 300 <= status < 400:
            detail += ": redirects are not followed, name the final address"
        quoted = await asyncio.to_thread(excerpt, said, [*self._secrets, *texts])
        raise Unavailable(detail, 5, reason=quoted)


def _batches(texts: Sequence[str], most: int) -> list[slice]:
    """Neighbours together, within the bounds of one request."""
    found, start, total = [], 0, 0
    for place, text in enumerate(texts):
        size = size_of(text)
        if place > start and (place - start == most or total + size > BATCH_BYTES):
            found.append(slice(start, place))
            start, total = place, 0
        total += size
    if start < len(texts):
        found.append(slice(start, len(texts)))
    return found


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > REPLY_BYTES:
            raise ValueError(f"more than {REPLY_BYTES} bytes")
    return bytes(content)


def _seconds(header: str | None) -> float | None:
    """A Retry-After, in seconds or as a date; None for what is neither."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            until = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None
