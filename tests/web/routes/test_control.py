from typing import Any

import pytest

from semvec.session.events import IsolationLevel, MemoryTier
from tests.web.conftest import Client, RecordingService

SESSION = {"owner": "anonymous", "session_id": "s"}


async def test_a_trigger_passes_on_every_field(client: Client, service: RecordingService) -> None:
    asked = {"keyword": "refund", "embedding": [1.0], "threshold": -0.5}
    answer = await client.post("/v1/session/s/trigger", json=asked)
    assert service.calls == [("set_trigger", SESSION | asked)]
    assert await answer.json() == {"session_id": "s", "trigger_count": 3}
    await client.post("/v1/session/s/trigger", json={})
    assert service.last_call == SESSION | {"keyword": None, "embedding": None, "threshold": 0.8}
    cleared = await client.delete("/v1/session/s/trigger")
    assert await cleared.json() == {"session_id": "s", "trigger_count": 0}


async def test_anchors(client: Client, service: RecordingService) -> None:
    answer = await client.post("/v1/session/s/anchor", json={"embedding": [1, 2]})
    assert service.last_call == SESSION | {"embedding": [1.0, 2.0]}
    assert await answer.json() == {"session_id": "s", "anchor_count": 2}
    score = await client.get("/v1/session/s/anchor_score")
    assert await score.json() == {
        "session_id": "s",
        "anchor_score": 0.25,
        "anchor_count": 2,
        "drift_threshold": 0.5,
        "realignment_remaining": 4,
    }


async def test_isolation_is_put_whole(client: Client, service: RecordingService) -> None:
    asked: dict[str, Any] = {
        "level": "LOCKDOWN",
        "exclusion_embeddings": [[1.0], [2.0]],
        "allowlist_embeddings": [[3.0]],
        "similarity_threshold": 0.25,
    }
    answer = await client.put("/v1/session/s/isolation", json=asked)
    assert service.last_call == SESSION | asked | {"level": IsolationLevel.LOCKDOWN}
    assert await answer.json() == {"session_id": "s", "level": "LOCKDOWN", "held_count": 7}
    left_out = {"level": "OPEN", "exclusion_embeddings": None}
    assert (await client.put("/v1/session/s/isolation", json=left_out)).status == 200
    assert service.last_call == SESSION | {
        "level": IsolationLevel.OPEN,
        "exclusion_embeddings": [],
        "allowlist_embeddings": [],
        "similarity_threshold": 0.7,
    }
    released = await client.post("/v1/session/s/isolation/release")
    assert await released.json() == {"session_id": "s", "released_count": 7}


async def test_a_memory_passes_on_every_field(client: Client, service: RecordingService) -> None:
    asked = {
        "embedding": [1.0],
        "text": "Oslo.",
        "tier": "long_term",
        "importance": 1.0,
        "access_count": 3,
    }
    answer = await client.post("/v1/session/s/memory", json=asked)
    assert service.last_call == SESSION | asked | {"tier": MemoryTier.LONG_TERM}
    assert await answer.json() == {
        "session_id": "s",
        "tier": "long_term",
        "total_memories": 5,
        "learned": True,
        "withheld_by": None,
        "memory_hash": "ab12",
    }
    await client.post("/v1/session/s/memory", json={"embedding": [1.0], "text": "Oslo."})
    defaults = {"tier": MemoryTier.SHORT_TERM, "importance": 0.5, "access_count": 0}
    assert service.last_call == SESSION | {"embedding": [1.0], "text": "Oslo."} | defaults


@pytest.mark.parametrize(
    ("method", "path", "body", "loc"),
    [
        ("POST", "trigger", {"keyword": "a", "threshold": 1.5}, ["threshold"]),
        ("POST", "trigger", {"keyword": "a" * 513}, ["keyword"]),
        ("POST", "trigger", {"keyword": "a\0"}, ["keyword"]),
        ("POST", "anchor", {}, ["embedding"]),
        ("PUT", "isolation", {"level": "open"}, ["level"]),
        ("PUT", "isolation", {}, ["level"]),
        (
            "PUT",
            "isolation",
            {"level": "OPEN", "allowlist_embeddings": [[1.0]] * 1025},
            ["allowlist_embeddings"],
        ),
        (
            "PUT",
            "isolation",
            {"level": "OPEN", "exclusion_embeddings": [[1.0], ["a"]]},
            ["exclusion_embeddings", 1, 0],
        ),
        ("POST", "memory", {"embedding": [1.0], "text": ""}, ["text"]),
        ("POST", "memory", {"embedding": [1.0], "text": "a", "tier": "archive"}, ["tier"]),
        ("POST", "memory", {"embedding": [1.0], "text": "a", "importance": 2}, ["importance"]),
        (
            "POST",
            "memory",
            {"embedding": [1.0], "text": "a", "access_count": -1},
            ["access_count"],
        ),
    ],
)
async def test_what_does_not_fit_is_told_by_field(
    client: Client,
    service: RecordingService,
    method: str,
    path: str,
    body: dict[str, Any],
    loc: list[str | int],
) -> None:
    answer = await client.request(method, f"/v1/session/s/{path}", json=body)
    assert answer.status == 422
    (fault,) = (await answer.json())["detail"]
    assert fault["loc"] == ["body", *loc]
    assert not service.calls
