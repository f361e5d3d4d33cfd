import pytest

from tests.web.conftest import Client, RecordingService


@pytest.mark.parametrize("path", ["/v1/metrics/s", "/v1/state/metrics?session_id=s"])
async def test_metrics_are_served_in_two_places(client: Client, path: str) -> None:
    body = await (await client.get(path)).json()
    assert body["session_id"] == "s"
    assert body["phase_history"] == ["initialization"]


async def test_context_takes_a_query_string(client: Client, service: RecordingService) -> None:
    path = "/v1/state/context?session_id=s&q=Where%3F&top_k=7&full_first=true&max_text_chars=9"
    answer = await client.get(path)
    assert service.calls == [
        (
            "context",
            {
                "owner": "anonymous",
                "session_id": "s",
                "q": "Where?",
                "q_embedding": None,
                "top_k": 7,
                "full_first": True,
                "max_text_chars": 9,
            },
        )
    ]
    assert await answer.json() == {
        "session_id": "s",
        "context": [
            {
                "text": "We met in Oslo.",
                "relevance": 0.75,
                "memory_hash": "ab12",
                "truncated": False,
            }
        ],
    }


async def test_context_takes_a_body(client: Client, service: RecordingService) -> None:
    await client.post("/v1/state/context", json={"session_id": "s", "q_embedding": [1.0]})
    assert service.last_call == {
        "owner": "anonymous",
        "session_id": "s",
        "q": None,
        "q_embedding": [1.0],
        "top_k": 5,
        "full_first": False,
        "max_text_chars": 500,
    }


async def test_a_body_is_not_read_as_text(client: Client) -> None:
    answer = await client.post("/v1/state/context", json={"session_id": "s", "top_k": "7"})
    assert answer.status == 422
    assert (await answer.json())["detail"][0]["loc"] == ["body", "top_k"]
