from tests.web.conftest import Client, RecordingService


async def test_the_callers_events(client: Client, service: RecordingService) -> None:
    answer = await client.get(
        "/v1/audit/events?action=run&resource=session/s&since=1.5&until=2&limit=7&cursor=c"
    )
    assert answer.status == 200
    assert answer.headers["X-Total-Estimate"] == "1"
    (event,) = await answer.json()
    assert event["action"] == "run"
    assert event["client_ip"] == "127.0.0.1"
    assert service.last_call == {
        "subject": "anonymous",
        "action": "run",
        "resource": "session/s",
        "since": 1.5,
        "until": 2.0,
        "limit": 7,
        "cursor": "c",
    }


async def test_bounds(client: Client) -> None:
    for query in ("limit=0", "limit=1001", "since=x", "until=nan"):
        assert (await client.get(f"/v1/audit/events?{query}")).status == 422
