"""Texts that draw nothing, on every way in."""

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.servers import Client, serving

BLANKS = [
    " ",
    "\n\t",
    "\u200b",
    "\u00ad\u2060",
    "\x01\x7f",
    "\u2800",
    "\u3164",
    "\ufe0f",
    "\U000e0041",
]
V = [1.0, 0.0, 0.0]


async def bodies(client: Client, blank: str) -> list[tuple[str, str, dict[str, object], str]]:
    """Method, path, body and the field that is blank."""
    session = {"session_id": "s"}
    both = {"message_embedding": V, "response_embedding": V}
    return [
        ("POST", "/v1/run", {**session, **both, "message": blank}, "message"),
        ("POST", "/v1/run", {**session, **both, "message": "a", "response": blank}, "response"),
        ("POST", "/v1/store", {**session, "response": blank, "response_embedding": V}, "response"),
        ("POST", "/v1/state/context", {**session, "q": blank, "q_embedding": V}, "q"),
        ("POST", "/v1/session/s/memory", {"text": blank, "embedding": V}, "text"),
        ("POST", "/v1/session/s/trigger", {"keyword": blank, "embedding": V}, "keyword"),
        ("POST", "/v1/session/s/entities", {"key": blank, "kind": "path", "value": "v"}, "key"),
        ("POST", "/v1/cluster/", {"name": blank, "dimension": 3}, "name"),
        ("POST", "/v1/cluster/c/store", {**both, "message": blank, "response": "a"}, "message"),
        ("POST", "/v1/cluster/c/store", {**both, "message": "a", "response": blank}, "response"),
        ("POST", "/v1/region/", {"name": blank, "dimension": 3}, "name"),
        ("POST", "/v1/network/users/switch", {"user_id": blank}, "user_id"),
    ]


async def test_blank_texts_are_refused_with_the_name_of_their_field(
    database_url: str, tmp_path: Path
) -> None:
    async with serving(database_url, tmp_path) as server, server.client() as client:
        assert (await client.post("/v1/session/create", session_id="s", dimension=3)).status == 200
        made = await client.post("/v1/cluster/", cluster_id="c", name="c", dimension=3)
        assert made.status in (200, 201)
        for blank in BLANKS:
            for method, path, body, field in await bodies(client, blank):
                answer = await getattr(client, method.lower())(path, **body)
                assert answer.status == 422, (path, answer.body)
                (fault,) = answer.json()["detail"]
                assert (fault["loc"], fault["type"]) == (["body", field], "blank"), path
            query = f"session_id=s&q={quote(blank)}"
            answer = await client.get(f"/v1/state/context?{query}")
            assert answer.status == 422, query
            assert answer.json()["detail"][0]["loc"] == ["query", "q"]
            assert (await client.get(f"/v1/session/s/entities?q={quote(blank)}")).status == 422
        metrics = (await client.get("/v1/metrics/s")).json()
        assert metrics["total_memories"] == metrics["interaction_count"] == 0


async def test_an_empty_response_is_none(database_url: str, tmp_path: Path) -> None:
    async with serving(database_url, tmp_path) as server, server.client() as client:
        fields = {"message": "a", "response": "", "message_embedding": V}
        assert (await client.post("/v1/run", **fields)).status == 200


@pytest.mark.parametrize("text", ["\u0301", "👍", ".", "\u0600"])
async def test_what_draws_anything_is_learnt(text: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/semvec.db"
    async with serving(url, tmp_path) as server, server.client() as client:
        await client.post("/v1/session/create", session_id="s", dimension=3)
        stored = await client.post("/v1/store", session_id="s", response=text, response_embedding=V)
        assert stored.status == 200
        digest = stored.json()["memory_hash"]
        assert (await client.get(f"/v1/session/s/memories/{digest}")).json()["text"] == text
