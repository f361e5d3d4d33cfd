"""A shop's support desk governs its assistant's memory: over HTTP, with the default encoder."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from semvec.embed.factory import open_embedder
from semvec.embed.protocol import Embedder
from tests.servers import Client, serving

LOCAL = {"SEMVEC_EMBEDDER": "local"}
PATH = "/v1/session/desk"
CARD = "My credit card number is 4111 1111 1111 1111 and the security code is 123."
PARCEL = "Parcels to Norway take five days."


@pytest.fixture
async def embedder() -> AsyncIterator[Embedder]:
    embedder = open_embedder("local")
    assert embedder is not None
    await embedder.start()
    yield embedder
    await embedder.close()


async def vector(embedder: Embedder, text: str) -> list[float]:
    (encoding,) = await embedder.encode([text])
    return [float(number) for number in encoding.vector]


async def post(client: Client, path: str, expected: int = 200, **fields: Any) -> Any:
    answer = await client.post(path, **fields)
    assert answer.status == expected, answer.body
    return answer.json()


async def put_isolation(client: Client, level: str, **lists: list[list[float]]) -> Any:
    answer = await client.put(f"{PATH}/isolation", level=level, similarity_threshold=0.6, **lists)
    assert answer.status == 200, answer.body
    return answer.json()


async def store(client: Client, response: str) -> Any:
    return await post(client, "/v1/store", session_id="desk", response=response)


async def recall(client: Client, q: str) -> dict[str, float]:
    """Relevance by text, best first."""
    query = urlencode({"session_id": "desk", "q": q, "top_k": 20})
    items = (await client.get(f"/v1/state/context?{query}")).json()["context"]
    return {item["text"]: item["relevance"] for item in items}


async def entities(client: Client, **query: Any) -> Any:
    return (await client.get(f"{PATH}/entities?{urlencode(query)}")).json()


async def test_the_desk_keeps_card_numbers_out_of_recall(
    sqlite_url: str, tmp_path: Path, embedder: Embedder
) -> None:
    cards = await vector(embedder, "a credit card number and its security code")
    async with serving(sqlite_url, tmp_path, **LOCAL) as server, server.client() as client:
        await post(client, "/v1/session/create", session_id="desk")
        answer = await put_isolation(client, "QUARANTINE", exclusion_embeddings=[cards])
        assert (answer["level"], answer["held_count"]) == ("QUARANTINE", 0)
        asked = await post(client, "/v1/run", session_id="desk", message=CARD)
        assert (asked["learned"], asked["withheld_by"]) == (False, "quarantine")
        thanked = await post(
            client, "/v1/run", session_id="desk", message="Thanks", response="Noted."
        )
        assert (thanked["learned"], thanked["withheld_by"]) == (False, "quarantine")
        assert (await store(client, PARCEL))["learned"]
        assert not any("4111" in text for text in await recall(client, "credit card number"))
        server.process.terminate()
        assert await server.exit_status(within_s=10) == 0
    async with serving(sqlite_url, tmp_path, **LOCAL) as server, server.client() as client:
        assert not any("4111" in text for text in await recall(client, "credit card number"))
        released = await post(client, f"{PATH}/isolation/release")
        assert released == {"session_id": "desk", "released_count": 1}
        assert next(iter(await recall(client, "credit card number"))) == f"{CARD}\nNoted."
        await put_isolation(client, "FILTER", exclusion_embeddings=[cards])
        dropped = await store(client, f"As I said: {CARD}")
        assert (dropped["withheld_by"], dropped["memory_hash"]) == ("filter", None)
        assert (await post(client, f"{PATH}/isolation/release"))["released_count"] == 0


async def test_the_desk_lifts_what_matters_and_stays_on_its_subject(
    sqlite_url: str, tmp_path: Path, embedder: Embedder
) -> None:
    async with serving(sqlite_url, tmp_path, **LOCAL) as server, server.client() as client:
        await post(client, "/v1/session/create", session_id="desk")
        for text in (PARCEL, "Refunds arrive within a week.", "The shop opens at nine."):
            await store(client, text)
        before = await recall(client, "When do I get my money for the Norway order?")
        trigger = await post(client, f"{PATH}/trigger", keyword="Norway")
        assert trigger == {"session_id": "desk", "trigger_count": 1}
        after = await recall(client, "When do I get my money for the Norway order?")
        assert after[PARCEL] > before[PARCEL] + 0.05
        near = await vector(embedder, "How long does a parcel to Norway take?")
        await post(client, f"{PATH}/trigger", embedding=near, threshold=0.7)
        cleared = await client.delete(f"{PATH}/trigger")
        assert cleared.json() == {"session_id": "desk", "trigger_count": 0}

        await post(client, f"{PATH}/anchor", embedding=await vector(embedder, "web shop orders"))
        for text in ("The moon has no air.", "Cats sleep all day.", "Bach wrote fugues."):
            await store(client, text)
        score = (await client.get(f"{PATH}/anchor_score")).json()
        assert score["anchor_score"] < score["drift_threshold"] == 0.5
        assert (score["anchor_count"], score["realignment_remaining"]) == (1, 5)

        text = "The warehouse in Bergen closes in July."
        fields: dict[str, Any] = {"embedding": await vector(embedder, text), "text": text}
        injected = await post(client, f"{PATH}/memory", **fields, tier="long_term")
        assert (injected["tier"], injected["total_memories"]) == ("long_term", 7)
        assert next(iter(await recall(client, "Is the Bergen warehouse open in July?"))) == text
        assert (await client.get("/v1/metrics/desk")).json()["interaction_count"] == 6


async def test_the_desk_keeps_literals_to_the_byte(sqlite_url: str, tmp_path: Path) -> None:
    key, value = "src/shop/config.py::MAX_RETRIES", "MAX_RETRIES = 3\r\n# Größe \u2028 ok"
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        await post(client, "/v1/session/create", session_id="desk", dimension=3)
        stored = await post(
            client, f"{PATH}/entities", 201, key=key, kind="constant", value=value, context="upload"
        )
        assert stored == {"session_id": "desk", "key": key, "size": 1}
        await post(client, f"{PATH}/entities", 201, key="retryOnce", kind="function", value="")
        found = await entities(client, q="retries")
        assert (found["total"], found["entities"][0]["value"]) == (1, value)
        assert (await entities(client, q="retr", max_results=1))["total"] == 2
        wrong = await client.post(f"{PATH}/entities", key="k", kind="gadget", value="v")
        assert wrong.status == 400
        assert "variable, function, class" in wrong.json()["detail"]
        for status in (200, 404):
            answer = await client.delete(f"{PATH}/entities?key={quote(key, safe='')}")
            assert answer.status == status
        assert "no entity" in answer.json()["detail"]
        slashed = "a/b/c.py"
        await post(client, f"{PATH}/entities", 201, key=slashed, kind="path", value="x")
        assert (await client.delete(f"{PATH}/entities/{slashed}")).json()["removed"]
        assert [each["key"] for each in (await entities(client))["entities"]] == ["retryOnce"]
        await client.delete(PATH)
        assert (await client.get(f"{PATH}/entities")).status == 404
