"""Endpoints as they are in the field: each is asked in words that it takes, and understood."""

import asyncio
import base64
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from semvec.embed import remote
from semvec.embed.identity import PROBES
from semvec.embed.protocol import TextRefused
from semvec.embed.remote import RemoteEmbedder
from semvec.errors import Unavailable
from semvec.vectors import Vector
from tests.embed.endpoints import QUICK, Endpoint, drawn, running_endpoint, texts_of

Body = dict[str, Any]


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with running_endpoint() as endpoint:
        yield endpoint


@asynccontextmanager
async def started(
    endpoint: Endpoint, path: str = "", model: str | None = "m", **more: Any
) -> AsyncIterator[RemoteEmbedder]:
    embedder = RemoteEmbedder(endpoint.url(path), model=model, patience=QUICK, **more)
    await embedder.start()
    endpoint.requests.clear()
    try:
        yield embedder
    finally:
        await embedder.close()


def data(body: Body) -> web.Response:
    rows = [{"index": i, "embedding": drawn(text)} for i, text in enumerate(texts_of(body))]
    return web.json_response({"data": rows})


def in_base64(_: web.Request, body: Body) -> web.Response:
    rows = [
        base64.b64encode(np.array(drawn(text), "<f4").tobytes()).decode() for text in texts_of(body)
    ]
    return web.json_response({"data": [{"index": i, "embedding": x} for i, x in enumerate(rows)]})


def without_index(_: web.Request, body: Body) -> web.Response:
    return web.json_response({"data": [{"embedding": drawn(text)} for text in texts_of(body)]})


def zero_left_out(_: web.Request, body: Body) -> web.Response:
    """Gemini: a default value is no value."""
    rows = [
        {"embedding": drawn(text)} | ({"index": i} if i else {})
        for i, text in enumerate(texts_of(body))
    ]
    return web.json_response({"data": rows[::-1]})


def ollama(request: web.Request, body: Body) -> web.Response:
    if request.path != "/api/embed" or body.get("truncate") is not False:
        return web.json_response({"error": "not Ollama's words"}, status=400)
    return web.json_response({"model": "m", "embeddings": [drawn(t) for t in body["input"]]})


def llama_cpp(_: web.Request, body: Body) -> web.Response:
    rows = [{"index": i, "embedding": [drawn(t)]} for i, t in enumerate(texts_of(body))]
    return web.json_response(rows)


def cohere(_: web.Request, body: Body) -> web.Response:
    return web.json_response({"embeddings": {"float": [drawn(t) for t in texts_of(body)]}})


def voyage(_: web.Request, body: Body) -> web.Response:
    if body.get("encoding_format") not in (None, "base64"):
        detail = "argument encoding_format: float is not one of null, base64"
        return web.json_response({"detail": detail}, status=400)
    return data(body)


def strict(_: web.Request, body: Body) -> web.Response:
    """FastAPI with extra fields forbidden."""
    if "encoding_format" in body:
        loc = {"loc": ["body", "encoding_format"], "msg": "Extra inputs are not permitted"}
        return web.json_response({"detail": [loc]}, status=422)
    return data(body)


def azure(request: web.Request, body: Body) -> web.Response:
    if request.query.get("api-version") != "2024-10-21" or "api-key" not in request.headers:
        return web.json_response({"error": {"code": "401", "message": "no key"}}, status=401)
    return data(body)


def compressed(_: web.Request, body: Body) -> web.Response:
    response = data(body)
    response.enable_compression(web.ContentCoding.gzip)
    return response


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        (in_base64, ""),
        (without_index, ""),
        (zero_left_out, "v1beta/openai/embeddings"),
        (ollama, "api/embed"),
        (llama_cpp, "embeddings"),
        (cohere, "embed"),
        (voyage, ""),
        (strict, ""),
        (azure, "openai/deployments/small/embeddings?api-version=2024-10-21"),
        (compressed, ""),
    ],
)
async def test_each_kind_of_endpoint_is_understood(
    endpoint: Endpoint, answer: Callable[[web.Request, Body], web.Response], path: str
) -> None:
    endpoint.asked = answer
    async with started(endpoint, path, api_key="secret") as embedder:
        for texts in (["one", "three", "five"], ["one"]):
            encodings = await embedder.encode(texts)
            for text, encoding in zip(texts, encodings, strict=True):
                np.testing.assert_allclose(encoding.vector, unit(text), atol=1e-6)
        assert embedder.failure is None


async def test_a_refused_field_is_left_out_from_then_on(endpoint: Endpoint) -> None:
    endpoint.asked = voyage
    async with started(endpoint) as embedder:
        await embedder.encode(["one"])
        assert len(endpoint.requests) == 1
        assert "encoding_format" not in endpoint.requests[0][1]


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([{"index": 0}, {"index": 0}], "not numbered one by one"),
        ([{"index": 0}, {"index": 2}], "not numbered one by one"),
        ([{"index": 1}, {"index": 2}], "not numbered one by one"),
        ([{"index": -1}, {"index": 0}], "not numbered one by one"),
        ([{"index": 0}, {}], "not numbered one by one"),
        ([{"index": "0"}, {"index": "1"}], "not numbered one by one"),
        ([{"index": 0}], "1 embeddings of 2 texts"),
        ([{"index": 0}, {"index": 1}, {"index": 2}], "3 embeddings of 2 texts"),
    ],
)
async def test_vectors_that_cannot_be_told_apart_are_refused(
    endpoint: Endpoint, rows: list[Body], wrong: str
) -> None:
    async with started(endpoint) as embedder:
        answer = {"data": [{**row, "embedding": [1, 2, 3]} for row in rows]}
        endpoint.asked = lambda *_: web.json_response(answer)
        with pytest.raises(Unavailable, match=wrong):
            await embedder.encode(["one", "two"])
        assert embedder.failure is not None


def refusing(fits: Callable[[list[str]], bool], message: str, status: int) -> Any:
    def answer(_: web.Request, body: Body) -> web.Response:
        if fits(texts_of(body)):
            return data(body)
        return web.json_response({"error": {"message": message}}, status=status)

    return answer


@pytest.mark.parametrize(
    ("most", "status", "message"),
    [
        (8, 413, "batch size 40 > maximum allowed batch size 8"),
        (8, 422, "batch size 40 > maximum allowed batch size 8"),
        (10, 400, "batch size is invalid, it should not be larger than 10"),
        (1, 400, "only a single input text"),
    ],
)
async def test_a_smaller_number_of_texts_is_learnt(
    endpoint: Endpoint, most: int, status: int, message: str
) -> None:
    endpoint.asked = refusing(lambda texts: len(texts) <= most, message, status)
    texts = [f"text {n}" for n in range(40)]
    async with started(endpoint) as embedder:
        assert_vectors(await encoded(embedder, texts), texts)
        endpoint.requests.clear()
        assert_vectors(await encoded(embedder, texts), texts)
        assert max(map(len, endpoint.sent)) <= most


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "This model's maximum context length is 512 tokens, however you requested 9000"),
        (413, "Input validation error: `inputs` must have less than 512 tokens. Given: 9000"),
        (422, "输入过长"),
        (500, "input (9000 tokens) is too large to process. increase the physical batch size"),
    ],
)
async def test_a_text_past_the_window_is_encoded_in_pieces(
    endpoint: Endpoint, status: int, message: str
) -> None:
    endpoint.asked = refusing(
        lambda texts: all(len(text) <= 2000 for text in texts), message, status
    )
    long = " ".join(f"word{n}" for n in range(4000))
    async with started(endpoint) as embedder:
        first, found, last = await encoded(embedder, ["before", long, "after"])
        assert embedder.failure is None
    assert_vectors([first, last], ["before", "after"])
    parts = {text for texts in endpoint.sent for text in texts if text in long}
    taken = sorted((part for part in parts if len(part) <= 2000), key=long.index)
    assert "".join(taken) == long
    assert all(part.endswith(" ") for part in taken[:-1])
    mean = np.average([unit(part) for part in taken], axis=0, weights=list(map(len, taken)))
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-5)


@pytest.mark.parametrize("cut", [400, 1100, 2500])
async def test_an_endpoint_that_cuts_texts_off_unseen_gets_them_in_pieces(
    endpoint: Endpoint, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.asked = lambda _, body: data({"input": [text[:cut] for text in texts_of(body)]})
    long = " ".join(f"word{n}" for n in range(4000))
    with caplog.at_level(logging.WARNING):
        async with started(endpoint) as embedder:
            assert "cuts off what is past" in caplog.text
            await encoded(embedder, ["before", long, "after"])
            parts = {text for texts in endpoint.sent for text in texts if text in long}
            assert max(map(len, parts)) <= cut
            assert "".join(sorted(parts, key=long.index)) == long
            one, other = await encoded(embedder, [f"{long} one", f"{long} other"])
            assert abs(one - other).max() > 1e-4


async def test_an_endpoint_that_takes_long_texts_gets_them_whole(endpoint: Endpoint) -> None:
    endpoint.asked = lambda _, body: data(body)
    async with started(endpoint) as embedder:
        long = " ".join(f"word{n}" for n in range(4000))
        assert_vectors(await encoded(embedder, [long]), [long])


async def test_a_text_that_is_refused_for_itself_is_named_and_others_are_not(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    """Its sender learns of it; neither its words nor the key reach the log."""
    text = "Agent Zwetschge hides behind secret-key-4711 today"
    said = f"content filter: '{text}' with Bearer secret-key-4711 is not allowed"
    endpoint.asked = refusing(lambda texts: text not in texts, said, 400)
    async with started(endpoint, api_key="secret-key-4711") as embedder:
        with caplog.at_level(logging.WARNING), pytest.raises(TextRefused) as refused:
            await embedder.encode(["before", "more", text, "after"])
        assert refused.value.place == 2
        assert embedder.failure is None
        assert "refuses it with status 400" in str(refused.value)
        assert "content filter" in caplog.text
        for word in ("Zwetschge", "secret", "4711", "hides"):
            assert word not in caplog.text + str(refused.value)
        assert_vectors(await encoded(embedder, ["before"]), ["before"])


async def test_a_500_for_one_text_is_that_texts_fault(endpoint: Endpoint) -> None:
    """bge-m3 behind Ollama: the same text gives NaN each time."""
    said = "failed to encode response: json: unsupported value: NaN"
    endpoint.asked = refusing(lambda texts: "poison" not in texts, said, 500)
    async with started(endpoint) as embedder:
        with pytest.raises(TextRefused) as refused:
            await embedder.encode(["one", "poison"])
        assert refused.value.place == 1


async def test_an_endpoint_that_refuses_everything_is_unavailable_and_quoted(
    endpoint: Endpoint,
) -> None:
    async with started(endpoint, api_key="secret-key-4711") as embedder:
        endpoint.asked = refusing(lambda _: False, "model bge is not loaded; key secret-key", 400)
        with pytest.raises(Unavailable) as caught:
            await embedder.encode(["Zwetschge"] * 32)
        assert len(endpoint.requests) == 2
        assert caught.value.reason == "model bge is not loaded; … …-…"
        assert (
            embedder.failure
            == "the embedder answered 400: it refuses every text, check its settings"
        )


async def test_a_start_that_is_refused_quotes_the_endpoint_and_hides_the_login(
    endpoint: Endpoint,
) -> None:
    endpoint.asked = refusing(lambda _: False, "model 'm' not found, try pulling it first", 404)
    address = endpoint.url("v1?token=hidden").replace("http://", "http://ada:hidden@")
    embedder = RemoteEmbedder(address, model="m", patience=QUICK)
    with pytest.raises(ConnectionError) as caught:
        await embedder.start()
    assert "try pulling it first" in str(caught.value)
    assert "SEMVEC_EMBED_MODEL" in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert endpoint.requests[0][2] == "Basic YWRhOmhpZGRlbg=="


async def test_another_model_behind_the_address_is_noticed(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once after a failure, else within some seconds; and its old model is welcome again."""
    salt = [""]

    def answer(_: web.Request, body: Body) -> web.Response:
        return web.json_response([drawn(salt[0] + text) for text in texts_of(body)])

    endpoint.asked = answer
    monkeypatch.setattr(remote, "VERIFY_S", 0.0)
    async with started(endpoint, "embed") as embedder:
        await embedder.encode(["one"])
        salt[0] = "other "
        for _ in range(2):
            with pytest.raises(Unavailable, match="another model than at the start"):
                await embedder.encode(["one"])
        assert embedder.failure is not None
        salt[0] = ""
        assert_vectors(await encoded(embedder, ["one"]), ["one"])
        assert embedder.failure is None


async def test_a_probe_rides_along_only_now_and_then(endpoint: Endpoint) -> None:
    endpoint.asked = lambda _, body: data(body)
    async with started(endpoint) as embedder:
        for _ in range(5):
            await embedder.encode(["one"])
        assert endpoint.sent == [["one"]] * 5
        endpoint.script = [lambda _: web.Response(status=503)]
        await embedder.encode(["two"])
        assert endpoint.sent[5:] == [["two"], ["two"]]
        embedder._failed("it was away")
        await embedder.encode(["three"])
        assert endpoint.sent[-1] == ["three", PROBES[0]]


async def test_noise_of_another_machine_is_no_other_model(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = np.random.default_rng(1)

    def answer(_: web.Request, body: Body) -> web.Response:
        rows = [np.array(drawn(text, 384)) for text in texts_of(body)]
        return web.json_response([(x + 0.15 * noise.standard_normal(384)).tolist() for x in rows])

    endpoint.asked = answer
    monkeypatch.setattr(remote, "VERIFY_S", 0.0)
    async with started(endpoint, "embed") as embedder:
        for _ in range(20):
            await embedder.encode(["one"])


async def test_while_the_endpoint_wants_a_pause_it_is_left_alone(endpoint: Endpoint) -> None:
    async with started(endpoint) as embedder:
        endpoint.asked = lambda *_: web.Response(status=429, headers={"Retry-After": "30"})
        for _ in range(3):
            with pytest.raises(Unavailable) as caught:
                await embedder.encode(["one"])
            assert 28 <= caught.value.retry_after <= 30
        assert len(endpoint.requests) == 1


async def test_a_call_that_is_given_up_is_closed_and_no_other_one(endpoint: Endpoint) -> None:
    async def hang(_: list[str]) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    async with started(endpoint) as embedder:
        endpoint.script = [hang]
        left = asyncio.create_task(embedder.encode(["one"]))
        async with asyncio.timeout(5):
            while not endpoint.sent:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        stays = asyncio.create_task(embedder.encode(["two"]))
        left.cancel()
        with pytest.raises(asyncio.CancelledError):
            await left
        assert len(await stays) == 1
        async with asyncio.timeout(5):
            while endpoint.is_connected(0):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert embedder.failure is None


async def encoded(embedder: RemoteEmbedder, texts: list[str]) -> list[Vector]:
    return [each.vector for each in await embedder.encode(texts)]


def unit(text: str) -> Vector:
    x = np.array(drawn(text))
    return np.asarray(x / np.linalg.norm(x), np.float32)


def assert_vectors(found: list[Vector], texts: list[str]) -> None:
    np.testing.assert_allclose(found, [unit(text) for text in texts], atol=1e-5)
