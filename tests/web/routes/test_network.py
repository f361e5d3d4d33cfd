from typing import Any

import pytest

from tests.web.conftest import Client, RecordingService


async def test_a_transfer_passes_on_every_field(client: Client, service: RecordingService) -> None:
    asked = {"source_session_id": "a", "target_session_id": "b", "max_weight": 0.5}
    answer = await client.post("/v1/network/transfer", json=asked)
    assert service.calls == [("transfer", {"owner": "anonymous"} | asked)]
    assert await answer.json() == {
        "source_session_id": "a",
        "target_session_id": "b",
        "delta_norm": 0.25,
    }
    await client.post(
        "/v1/network/transfer", json={"source_session_id": "a", "target_session_id": "b"}
    )
    assert service.last_call["max_weight"] == 0.15


async def test_users(client: Client, service: RecordingService) -> None:
    switched = await client.post("/v1/network/users/switch", json={"user_id": "bob"})
    assert await switched.json() == {"active_user": "bob", "previous_user": "default"}
    active = await client.get("/v1/network/users/active")
    assert await active.json() == {"active_user": "default"}
    answer = await client.post("/v1/network/users/bob/serialize")
    assert service.last_call == {"owner": "anonymous", "user_id": "bob"}
    assert await answer.json() == {
        "user_id": "bob",
        "state": {
            "active": True,
            "created_at": 1.5,
            "saved_at": None,
            "session_count": 1,
            "sessions": [
                {
                    "session_id": "s",
                    "dimension": 8,
                    "created_at": 1.5,
                    "last_used_at": 2.5,
                    "interaction_count": 3,
                    "total_memories": 4,
                    "trust": 0.5,
                }
            ],
        },
    }


@pytest.mark.parametrize("form", ["a/b/c", "a%2Fb%2Fc"])
async def test_a_user_may_have_slashes(
    client: Client, service: RecordingService, form: str
) -> None:
    answer = await client.post(f"/v1/network/users/{form}/serialize")
    assert answer.status == 200
    assert service.last_call["user_id"] == "a/b/c"


async def test_a_proposal_and_trust(client: Client, service: RecordingService) -> None:
    asked = {"proposer_session_id": "p", "target_embedding": [1, 0]}
    answer = await client.post("/v1/network/consensus", json=asked)
    expected = {"owner": "anonymous", "proposer": "p", "target": [1.0, 0.0]}
    assert service.calls == [("propose", expected)]
    assert await answer.json() == {"accepted": True, "trust_scores": {"a": 0.75}}
    answer = await client.get("/v1/network/consensus/trust")
    assert await answer.json() == {"trust_scores": {"a": 0.75}}


@pytest.mark.parametrize(
    ("path", "body", "loc"),
    [
        ("transfer", {"source_session_id": "a"}, ["target_session_id"]),
        ("transfer", {"source_session_id": 1, "target_session_id": "b"}, ["source_session_id"]),
        (
            "transfer",
            {"source_session_id": "a", "target_session_id": "b", "max_weight": 1.5},
            ["max_weight"],
        ),
        ("users/switch", {}, ["user_id"]),
        ("users/switch", {"user_id": ""}, ["user_id"]),
        ("users/switch", {"user_id": "a" * 513}, ["user_id"]),
        ("users/switch", {"user_id": "a\0"}, ["user_id"]),
        ("consensus", {"proposer_session_id": "p"}, ["target_embedding"]),
        (
            "consensus",
            {"proposer_session_id": "p", "target_embedding": ["a"]},
            ["target_embedding", 0],
        ),
    ],
)
async def test_what_does_not_fit_is_told_by_field(
    client: Client,
    service: RecordingService,
    path: str,
    body: dict[str, Any],
    loc: list[str | int],
) -> None:
    answer = await client.post(f"/v1/network/{path}", json=body)
    assert answer.status == 422
    (fault,) = (await answer.json())["detail"]
    assert fault["loc"] == ["body", *loc]
    assert not service.calls
