from typing import Any

import pytest

from tests.web.conftest import Client, RecordingService

ANOMALY = {"type": "systemic_drift", "detected_at": 1.5, "details": {"cluster_count": 3}}


async def test_creation_says_whether_it_is_new(client: Client, service: RecordingService) -> None:
    asked = {"sample_interval_seconds": 5, "region_ids": ["r", "q"]}
    expected = {"observer_id": "o", "registered_regions": 2, "meta_session_id": "m"}
    for service.observer.new, status in ((True, 201), (False, 200)):
        answer = await client.post("/v1/observer/", json=asked)
        assert (answer.status, await answer.json()) == (status, expected)
    given = {"interval_s": 5.0, "region_ids": ["r", "q"]}
    assert service.last_call == {"owner": "anonymous"} | given
    await client.post("/v1/observer")
    assert service.last_call == {"owner": "anonymous", "interval_s": 30.0, "region_ids": []}


async def test_a_summary_and_a_sample(client: Client) -> None:
    answer = await client.get("/v1/observer/summary")
    assert await answer.json() == {
        "observer_id": "o",
        "registered_regions": 2,
        "total_clusters_observed": 3,
        "last_sample_at": None,
        "anomaly_count": 1,
        "recent_anomalies": [ANOMALY],
        "meta_session_id": "m",
        "sample_interval_seconds": 30.0,
    }
    answer = await client.post("/v1/observer/sample")
    assert await answer.json() == {
        "sampled_at": 1.5,
        "sample_duration_ms": 0.25,
        "regions_sampled": 2,
        "regions_registered": 2,
        "clusters_sampled": 3,
        "new_anomalies": 1,
        "total_anomalies": 4,
    }


async def test_the_log(client: Client, service: RecordingService) -> None:
    answer = await client.get("/v1/observer/anomalies", params={"limit": 7, "cursor": "c"})
    assert service.last_call == {"owner": "anonymous", "limit": 7, "cursor": "c"}
    assert await answer.json() == [ANOMALY]
    assert answer.headers["X-Next-Cursor"] == "next"
    await client.get("/v1/observer/anomalies")
    assert service.last_call == {"owner": "anonymous", "limit": 20, "cursor": None}
    answer = await client.delete("/v1/observer/anomalies")
    assert await answer.json() == {"cleared": 4}


async def test_regions(client: Client, service: RecordingService) -> None:
    answer = await client.post("/v1/observer/regions", json={"region_id": "r"})
    assert await answer.json() == {"registered": True}
    assert service.calls[-1] == ("register", {"owner": "anonymous", "region_id": "r"})
    answer = await client.delete("/v1/observer/regions/r")
    assert await answer.json() == {"unregistered": True}
    assert service.calls[-1] == ("unregister", {"owner": "anonymous", "region_id": "r"})


async def test_anomalies_are_streamed(client: Client, service: RecordingService) -> None:
    headers = {"Last-Event-ID": "6"}
    answer = await client.get("/v1/observer/anomalies/stream", headers=headers)
    assert service.last_call == {"owner": "anonymous", "after": 6}
    assert answer.content_type == "text/event-stream"
    assert await answer.content.readuntil(b"\n\n") == b"retry: 2000\n\n"
    event = await answer.content.readuntil(b"\n\n")
    assert event.startswith(b"event: anomaly\nid: 7\ndata: {")
    assert b'"type":"systemic_drift"' in event


@pytest.mark.parametrize(
    ("path", "body", "loc"),
    [
        ("", {"sample_interval_seconds": 0.5}, ["sample_interval_seconds"]),
        ("", {"sample_interval_seconds": 86_401}, ["sample_interval_seconds"]),
        ("", {"region_ids": "r"}, ["region_ids"]),
        ("", {"region_ids": ["r", 1]}, ["region_ids", 1]),
        ("regions", {}, ["region_id"]),
    ],
)
async def test_what_does_not_fit_is_told_by_field(
    client: Client,
    service: RecordingService,
    path: str,
    body: dict[str, Any],
    loc: list[str | int],
) -> None:
    answer = await client.post(f"/v1/observer/{path}", json=body)
    assert answer.status == 422
    (fault,) = (await answer.json())["detail"]
    assert fault["loc"] == ["body", *loc]
    assert not service.calls
