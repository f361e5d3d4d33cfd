from tests.web.conftest import Client, RecordingService


async def test_run_passes_on_every_field(client: Client, service: RecordingService) -> None:
    asked = {
        "message": "And in 2023?",
        "session_id": "s",
        "response": "Oslo.",
        "short_circuit_threshold": 0.5,
        "reset_context": True,
        "learn": False,
        "message_embedding": [1.0],
        "response_embedding": [2.0],
    }
    answer = await client.post("/v1/run", json=asked)
    assert service.calls == [("run", asked | {"owner": "anonymous"})]
    assert await answer.json() == {
        "session_id": "s",
        "context": "# 0 turns",
        "top_similarity": 0.0,
        "short_circuit": False,
        "drift_score": 0.25,
        "drift_detected": False,
        "drift_phase": "stable",
        "learned": False,
        "withheld_by": None,
    }


async def test_run_needs_nothing_but_a_message(client: Client, service: RecordingService) -> None:
    await client.post("/v1/run", json={"message": "Hello"})
    assert service.last_call == {
        "owner": "anonymous",
        "message": "Hello",
        "session_id": None,
        "response": None,
        "short_circuit_threshold": 0.85,
        "reset_context": False,
        "learn": True,
        "message_embedding": None,
        "response_embedding": None,
    }


async def test_store_passes_on_every_field(client: Client, service: RecordingService) -> None:
    asked = {"session_id": "s", "response": "Oslo.", "response_embedding": [1.0]}
    answer = await client.post("/v1/store", json=asked)
    assert service.calls == [("store", asked | {"owner": "anonymous"})]
    assert (await answer.json())["memory_hash"] == "ab12"


async def test_an_unknown_session_is_not_found(client: Client) -> None:
    answer = await client.post("/v1/store", json={"session_id": "unknown", "response": "Oslo."})
    assert answer.status == 404
    assert (await answer.json())["detail"] == "session not found"
