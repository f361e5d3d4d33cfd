import asyncio
from typing import Any

import pytest
from aiohttp import ServerDisconnectedError, web
from aiohttp.test_utils import TestClient, TestServer

from semvec.errors import Unavailable
from semvec.settings import Settings
from semvec.telemetry.factory import Telemetry, open_telemetry
from semvec.telemetry.lines import AccessRecord
from semvec.web.app import assemble
from semvec.web.keys import METRICS, RequestContext
from semvec.web.middleware.access_log import FLUSH_REQUESTS, AccessLog
from semvec.web.middleware.route_info import RouteInfo
from tests.web.conftest import Client, RecordingService, Serve

ODD = ("PROPFIND", "MKCOL", "PURGE", "TRACE")
Told = list[AccessRecord]


@pytest.fixture
def told() -> Told:
    return []


@pytest.fixture
def app(settings: Settings, service: RecordingService, told: Told) -> web.Application:
    metrics = open_telemetry(settings).metrics
    service_: Any = service
    return assemble(settings, service_, None, Telemetry(metrics, tell=told.append))


@pytest.fixture
def counts(app: web.Application) -> Any:
    def count(name: str, **labels: str) -> float | None:
        app[METRICS].collect()
        return app[METRICS].registry.get_sample_value(f"semvec_{name}", labels)

    return count


async def test_a_request_is_counted_by_the_template_of_its_route(
    client: Client, counts: Any
) -> None:
    for session in ("a", "b", "a%2Fb"):
        await client.get(f"/v1/metrics/{session}")
    await client.get("/v1/metrics/unknown/")
    labels = {"method": "GET", "endpoint": "/v1/metrics/{session_id}"}
    assert counts("requests_total", status="200", **labels) == 3
    assert counts("requests_total", status="404", **labels) == 1
    assert counts("request_duration_seconds_count", **labels) == 4
    assert 0 < counts("request_duration_seconds_sum", **labels) < 4


async def test_paths_and_methods_that_nobody_serves_are_few_series(
    client: Client, app: web.Application, counts: Any
) -> None:
    for number in range(20):
        await client.get(f"/v1/nowhere/{number}")
        await client.request(ODD[number % len(ODD)], "/v1/health")
    unmatched = {"endpoint": "unmatched"}
    assert counts("requests_total", method="GET", status="404", **unmatched) == 20
    assert counts("requests_total", method="other", status="405", **unmatched) == 20
    [requests] = [
        each for each in app[METRICS].registry.collect() if each.name == "semvec_requests"
    ]
    assert len(requests.samples) == 2


async def test_a_status_that_is_not_foreseen_is_other(
    app: web.Application, serve: Serve, told: Told, counts: Any
) -> None:
    async def odd(request: web.Request) -> web.Response:
        return web.Response(status=299)

    app.router.add_get("/v1/odd", odd)
    client = await serve(app)
    await client.get("/v1/odd")
    assert counts("requests_total", method="GET", endpoint="unmatched", status="other") == 1
    assert told[0].status == 299


async def test_below_a_prefix_templates_are_the_same(
    app: web.Application, serve: Serve, counts: Any
) -> None:
    outer = web.Application()
    outer.add_subapp("/memory", app)
    client = await serve(outer)
    await client.get("/memory/v1/health")
    assert counts("requests_total", method="GET", endpoint="/v1/health", status="200") == 1


async def test_head_is_a_method_of_its_own(client: Client, counts: Any) -> None:
    await client.head("/v1/health")
    assert counts("requests_total", method="HEAD", endpoint="/v1/health", status="200") == 1


async def test_faults_are_counted_and_told(
    client: Client, service: RecordingService, told: Told, counts: Any
) -> None:
    service.failure = ZeroDivisionError("a secret of the house")
    await client.post("/v1/run", json={"message": "a"})
    service.failure = Unavailable("storage cannot commit")
    await client.post("/v1/run", json={"message": "a"})
    for status in ("500", "503"):
        assert counts("requests_total", method="POST", endpoint="/v1/run", status=status) == 1
    assert [line.fault for line in told] == [None, "storage cannot commit"]


async def test_a_client_that_leaves_is_counted(
    app: web.Application, serve: Serve, service: RecordingService, counts: Any
) -> None:
    service.failure = asyncio.CancelledError()
    client = await serve(app)
    with pytest.raises(ServerDisconnectedError):
        await client.post("/v1/run", json={"message": "a"})
    assert counts("requests_total", method="POST", endpoint="/v1/run", status="499") == 1
    app[METRICS].collect()
    assert counts("requests_in_progress") == 0


async def test_a_request_is_told_of_in_one_line_without_what_it_says(
    app: web.Application, client: Client, told: Told
) -> None:
    answer = await client.post(
        "/v1/run",
        json={"message": "a secret", "session_id": "s"},
        headers={"X-Request-ID": "find-me", "Authorization": "Bearer hush", "User-Agent": "hush"},
    )
    assert answer.status == 200
    assert (await client.post("/v1/run?token=hush", json={"message": "a secret"})).status == 422
    app[METRICS].collect()
    line, refused = told
    assert line.request_id == "find-me"
    assert (line.method, line.endpoint, line.status) == ("POST", "/v1/run", 200)
    assert (line.client, line.subject) == ("127.0.0.1", "anonymous")
    assert 0 < line.took < 5
    assert "hush" not in repr(told)
    assert "secret" not in repr(told)
    assert (refused.endpoint, refused.status) == ("/v1/run", 422)


async def test_a_public_path_has_no_subject(
    app: web.Application, client: Client, told: Told
) -> None:
    await client.get("/v1/health")
    app[METRICS].collect()
    assert told[0].subject is None


async def test_requests_are_told_of_in_order_before_anybody_looks(
    client: Client, told: Told
) -> None:
    for number in range(FLUSH_REQUESTS + 1):
        await client.get("/v1/livez", headers={"X-Request-ID": str(number)})
    names = [line.request_id for line in told]
    assert names[:FLUSH_REQUESTS] == [str(number) for number in range(FLUSH_REQUESTS)]


async def test_the_last_requests_are_told_of_when_the_server_ends(
    app: web.Application, told: Told
) -> None:
    async with TestClient(TestServer(app)) as client:
        await client.get("/v1/livez")
    assert [line.endpoint for line in told] == ["/v1/livez"]


@pytest.fixture
def places(settings: Settings, told: Told) -> AccessLog:
    return AccessLog(Telemetry(open_telemetry(settings).metrics, tell=told.append))


def answered(name: str) -> RequestContext:
    place = RouteInfo(open_telemetry(Settings(memory_bytes=1)).metrics.edge, "GET", "/x")
    return RequestContext(name, place.method, place.endpoint, "203.0.113.7", place=place)


async def test_a_single_request_is_told_of_soon(
    places: AccessLog, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("semvec.web.middleware.access_log.FLUSH_INTERVAL_S", 0.0)
    places.record(answered("a"), 200, 0.1)
    assert told == []
    await asyncio.sleep(0.01)
    assert [line.request_id for line in told] == ["a"]


async def test_what_is_answered_after_the_end_is_told_of_at_once(
    app: web.Application, places: AccessLog, told: Told
) -> None:
    places.record(answered("before"), 200, 0.1)
    await places.end(app)
    places.record(answered("after"), 499, 0.1)
    assert [(line.request_id, line.status) for line in told] == [("before", 200), ("after", 499)]
