import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from semvec.embed.remote import BATCH_TEXTS, RemoteEmbedder
from semvec.errors import Unavailable
from tests.embed.endpoints import (
    QUICK,
    Answer,
    Endpoint,
    numbered,
    raw,
    running_endpoint,
    tei,
    vector,
)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
async def embedder(endpoint: Endpoint) -> AsyncIterator[RemoteEmbedder]:
    embedder = RemoteEmbedder(endpoint.url(), model="small", api_key="secret", patience=QUICK)
    await embedder.start()
    endpoint.requests.clear()
    yield embedder
    await embedder.close()


def units(texts: list[str]) -> np.ndarray[Any, Any]:
    rows = np.array([vector(text) for text in texts])
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


async def test_an_openai_endpoint_is_asked_in_its_own_words(
    endpoint: Endpoint, embedder: RemoteEmbedder
) -> None:
    texts = ["one", "three", " "]
    encodings = await embedder.encode(texts)
    assert (embedder.model_name, embedder.dimension) == ("small", 3)
    ((path, body, authorization),) = endpoint.requests
    assert (path, authorization) == ("/v1/embeddings", "Bearer secret")
    assert body == {"model": "small", "input": ["one", "three", "."], "encoding_format": "float"}
    np.testing.assert_allclose([e.vector for e in encodings], units(body["input"]), rtol=1e-6)
    assert encodings[0].vector.dtype == np.float32
    assert encodings[0].tokens is None


async def test_a_tei_endpoint_is_asked_in_its_own_words(endpoint: Endpoint) -> None:
    endpoint.usual = tei
    embedder = RemoteEmbedder(endpoint.url("embed"), patience=QUICK)
    await embedder.start()
    encodings = await embedder.encode(["one", "three"])
    await embedder.close()
    assert embedder.model_name == "127.0.0.1"
    path, body, authorization = endpoint.requests[-1]
    assert (path, authorization) == ("/embed", None)
    assert body == {"inputs": ["one", "three"], "truncate": False}
    np.testing.assert_allclose([e.vector for e in encodings], units(["one", "three"]), rtol=1e-6)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("", "/v1/embeddings"),
        ("v1", "/v1/embeddings"),
        ("v1/", "/v1/embeddings"),
        ("openai/v1/embeddings", "/openai/v1/embeddings"),
        ("gateway?version=3", "/gateway/v1/embeddings?version=3"),
    ],
)
async def test_the_path_is_completed(endpoint: Endpoint, given: str, asked: str) -> None:
    embedder = RemoteEmbedder(endpoint.url(given), model="small", patience=QUICK)
    await embedder.start()
    await embedder.close()
    assert endpoint.requests[0][0] == asked


async def test_many_texts_go_in_batches_and_come_back_in_order(
    endpoint: Endpoint, embedder: RemoteEmbedder
) -> None:
    texts = ["x" * n for n in range(1, 2 * BATCH_TEXTS + 6)]
    encodings = await embedder.encode(texts)
    assert sorted(len(body["input"]) for _, body, _ in endpoint.requests) == [5, 32, 32]
    np.testing.assert_allclose([e.vector for e in encodings], units(texts), rtol=1e-5)


async def drop(_: list[str]) -> web.StreamResponse:
    raise asyncio.CancelledError


async def dawdle(_: list[str]) -> web.StreamResponse:
    await asyncio.sleep(2 * QUICK.timeout)
    return web.Response()


@pytest.mark.parametrize(
    "failures",
    [
        [raw("", 500)],
        [raw("", 503), raw("", 502)],
        [raw("slow down", 429, **{"Retry-After": "0"})],
        [raw("", 429, **{"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"})],
        [drop],
        [dawdle],
    ],
)
async def test_what_may_pass_is_tried_again(
    endpoint: Endpoint, embedder: RemoteEmbedder, failures: list[Answer]
) -> None:
    endpoint.script = list(failures)
    assert len(await embedder.encode(["one"])) == 1
    assert len(endpoint.requests) == len(failures) + 1


async def test_tries_are_bounded(endpoint: Endpoint, embedder: RemoteEmbedder) -> None:
    endpoint.usual = raw("", 500)
    with pytest.raises(Unavailable, match="answered 500"):
        await embedder.encode(["one"])
    assert len(endpoint.requests) == QUICK.attempts + 1  # the last is a probe: is it the text?


async def test_all_tries_together_are_bounded(endpoint: Endpoint) -> None:
    patience = replace(QUICK, timeout=5.0, total=0.3)
    embedder = RemoteEmbedder(endpoint.url(), model="small", patience=patience)
    await embedder.start()
    endpoint.usual = dawdle
    with pytest.raises(Unavailable, match="does not answer in time"):
        await embedder.encode(["one"])
    await embedder.close()


async def test_a_long_wait_is_passed_on(endpoint: Endpoint, embedder: RemoteEmbedder) -> None:
    endpoint.usual = raw("", 429, **{"Retry-After": "17"})
    with pytest.raises(Unavailable, match="answered 429") as caught:
        await embedder.encode(["one"])
    assert caught.value.retry_after == 17
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (raw("no", 401), "answered 401"),
        (raw("", 307, Location="/elsewhere"), "answered 307"),
        (raw("<html>"), "bad reply"),
        (raw(""), "bad reply"),
        (raw("[]"), "bad reply"),
        (raw('{"data": null}'), "bad reply"),
        (numbered(), "0 embeddings of 1 texts"),
        (numbered([1, 2, 3], [1, 2, 3]), "2 embeddings of 1 texts"),
        (raw('{"data": [{"index": 1, "embedding": [1, 2, 3]}]}'), "not numbered one by one"),
        (numbered([1, 2]), "2 dimensions where there were 3"),
        (numbered([]), "bad reply"),
        (numbered([0, 0, 0]), "zero or not finite"),
        (numbered([1, 2, None]), "bad reply"),
        (numbered([1, 2, "3"]), "bad reply"),
        (raw('{"data": [{"index": 0, "embedding": [1, 2, 1e999]}]}'), "bad reply"),
        (raw('{"data": [{"index": 0, "embedding": [1, 2, NaN]}]}'), "bad reply"),
    ],
)
async def test_a_bad_answer_is_refused_at_once(
    endpoint: Endpoint, embedder: RemoteEmbedder, answer: Answer, message: str
) -> None:
    endpoint.usual = answer
    with pytest.raises(Unavailable, match=message):
        await embedder.encode(["one"])
    assert len(endpoint.requests) == 1


async def test_an_endless_answer_is_cut_off(
    endpoint: Endpoint, embedder: RemoteEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semvec.embed.remote.REPLY_BYTES", 1000)
    endpoint.usual = raw(" " * 1001)
    with pytest.raises(Unavailable, match="more than 1000 bytes"):
        await embedder.encode(["one"])


async def test_a_start_without_an_endpoint_names_it() -> None:
    url = f"http://127.0.0.1:{unused_port()}/embed"
    embedder = RemoteEmbedder(url, patience=QUICK)
    with pytest.raises(ConnectionError, match=rf"{url}: the embedder cannot be reached"):
        await embedder.start()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = embedder.dimension


async def test_the_dimension_is_the_one_seen_at_the_start(endpoint: Endpoint) -> None:
    lengths = itertools.chain([5, 5, 5], itertools.repeat(6))

    def longer(texts: list[str]) -> web.Response:
        return web.json_response([[1.0] * length for length in [next(lengths)] for _ in texts])

    endpoint.usual = longer
    embedder = RemoteEmbedder(endpoint.url("embed"), patience=QUICK)
    await embedder.start()
    assert embedder.dimension == 5
    with pytest.raises(Unavailable, match="6 dimensions where there were 5"):
        await embedder.encode(["one"])
    await embedder.close()


async def test_a_closed_one_refuses(embedder: RemoteEmbedder) -> None:
    await embedder.close()
    with pytest.raises(Unavailable, match="not running"):
        await embedder.encode(["one"])
