import pytest

from tests.web.conftest import Client, RecordingService


async def test_create_passes_on_every_field(client: Client, service: RecordingService) -> None:
    asked = {
        "session_id": "s",
        "dimension": 3,
        "model_name": "all-MiniLM-L6-v2",
        "enable_topic_switch": False,
        "template_embedding": [1.0, 0.0, 0.0],
        "policy_vectors": [{"embedding": [0.0, 1.0, 0.0], "weight": 2.0, "label": "be kind"}],
        "long_term_memories": 7,
    }
    answer = await client.post("/v1/session/create", json=asked)
    assert service.calls == [("create", asked | {"owner": "anonymous"})]
    assert await answer.json() == {"session_id": "s", "created": True}


async def test_a_policy_vector_needs_nothing_but_its_embedding(
    client: Client, service: RecordingService
) -> None:
    await client.post("/v1/session/create", json={"policy_vectors": [{"embedding": [1.0]}]})
    (policy,) = service.last_call["policy_vectors"]
    assert policy == {"embedding": [1.0], "weight": 1.0, "label": None}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dimension", 0),
        ("dimension", 16385),
        ("dimension", 384.5),
        ("session_id", "a/b"),
        ("session_id", "a" * 129),
        ("long_term_memories", 0),
        ("long_term_memories", 2**31),
        ("policy_vectors", [{"embedding": [1.0]}] * 257),
        ("policy_vectors", [{}]),
    ],
)
async def test_create_keeps_to_its_bounds(
    client: Client, service: RecordingService, field: str, value: object
) -> None:
    answer = await client.post("/v1/session/create", json={field: value})
    assert answer.status == 422
    assert (await answer.json())["detail"][0]["loc"][:2] == ["body", field]
    assert not service.calls


async def test_a_list_asks_for_one_page(client: Client, service: RecordingService) -> None:
    await client.get("/v1/session/")
    await client.get("/v1/session/", params={"limit": 2, "cursor": "2"})
    assert service.calls == [
        ("sessions", {"owner": "anonymous", "limit": 100, "cursor": None}),
        ("sessions", {"owner": "anonymous", "limit": 2, "cursor": "2"}),
    ]


async def test_delete_erases_a_session(client: Client, service: RecordingService) -> None:
    answer = await client.delete("/v1/session/create")
    assert await answer.json() == {"session_id": "create"}
    assert service.calls == [("delete", {"owner": "anonymous", "session_id": "create"})]


async def test_a_memory_is_found_by_its_hash(client: Client) -> None:
    answer = await client.get("/v1/session/s/memories/ab12")
    assert await answer.json() == {
        "session_id": "s",
        "memory_hash": "ab12",
        "text": "Oslo.",
        "truncated": False,
        "importance": 0.5,
        "access_count": 2,
        "timestamp": 3.5,
    }
