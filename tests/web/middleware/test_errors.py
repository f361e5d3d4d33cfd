import asyncio
import logging

import pytest
from aiohttp import ServerDisconnectedError, web

from semvec.errors import (
    Conflict,
    Damaged,
    Invalid,
    LicenseExpired,
    Malformed,
    NotFound,
    SemvecError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from semvec.telemetry.lines import as_json, for_eyes
from semvec.web.middleware import errors
from tests.web.conftest import Client, RecordingService, Serve


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[logging.LogRecord]:
    """What is logged, written nowhere: a file of pytest's own would block the event loop."""
    kept: list[logging.LogRecord] = []
    monkeypatch.setattr(errors.log, "handle", kept.append)
    return kept


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Malformed("not readable"), 400),
        (Unauthorized("Missing license token"), 401),
        (LicenseExpired("renew it"), 402),
        (NotFound("session not found"), 404),
        (Conflict("dimensions differ"), 409),
        (TooManyRequests("slow down", retry_after=7), 429),
        (Unavailable("storage cannot commit", retry_after=7), 503),
    ],
)
async def test_a_domain_error_is_told_by_status_and_detail(
    client: Client, service: RecordingService, error: SemvecError, status: int
) -> None:
    service.failure = error
    answer = await client.post("/v1/run", json={"message": "a"})
    assert answer.status == status
    assert answer.content_type == "application/json"
    undone = {"outcome": "not_written"} if status == 503 else {}
    assert await answer.json() == {
        "detail": error.detail,
        "request_id": answer.headers["X-Request-ID"],
        **undone,
    }
    assert answer.headers.get("Retry-After") == ("7" if status in (429, 503) else None)
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)


async def test_a_damaged_session_is_named_to_its_owner_and_by_number_in_the_log(
    client: Client, service: RecordingService, records: list[logging.LogRecord]
) -> None:
    service.failure = Damaged("a tenant's name", 12, "KeyError at line 7 of snapshot.py")
    answer = await client.post("/v1/run", json={"message": "a"})
    assert answer.status == 500
    assert (await answer.json())["detail"].startswith('session "a tenant\'s name" cannot be read')
    (record,) = records
    assert "session 12 cannot be read: KeyError at line 7" in record.getMessage()
    assert answer.headers["X-Request-ID"] in record.getMessage()
    assert "tenant" not in record.getMessage()


async def test_a_change_whose_outcome_is_unknown_says_so(
    client: Client, service: RecordingService
) -> None:
    service.failure = Unavailable("storage cannot commit", outcome="unknown")
    answer = await client.post("/v1/run", json={"message": "a"})
    assert (await answer.json())["outcome"] == "unknown"
    service.failure = Unavailable("storage cannot read")
    answer = await client.get("/v1/session/")
    assert answer.status == 503
    assert "outcome" not in await answer.json()


async def test_an_invalid_field_found_by_the_service_is_told_as_a_list(
    client: Client, service: RecordingService
) -> None:
    service.failure = Invalid.field("message_embedding", "3 numbers, not 384")
    answer = await client.post("/v1/run", json={"message": "a"})
    assert answer.status == 422
    assert (await answer.json())["detail"] == [
        {
            "loc": ["body", "message_embedding"],
            "msg": "3 numbers, not 384",
            "type": "value_error",
        }
    ]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PATCH"])
async def test_an_unknown_path_is_not_found(client: Client, method: str) -> None:
    answer = await client.request(method, "/v1/nowhere")
    assert answer.status == 404
    assert (await answer.json())["detail"] == "Not Found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/run", "POST"),
        ("DELETE", "/v1/state/context/", "GET, HEAD, POST"),
        ("POST", "/v1/session/s", "DELETE"),
        ("PUT", "/v1/health", "GET, HEAD"),
        ("GET", "/v1/session/create/", "POST"),
    ],
)
async def test_a_wrong_verb_is_told_the_right_ones(
    client: Client, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"] == allowed
    assert (await answer.json()).keys() == {"detail", "request_id"}


async def test_a_fault_of_the_servers_is_logged_and_not_shown(
    client: Client, service: RecordingService, records: list[logging.LogRecord]
) -> None:
    service.failure = ZeroDivisionError("a secret of the house")
    answer = await client.post(
        "/v1/run", json={"message": "a"}, headers={"X-Request-ID": "find-me"}
    )
    assert answer.status == 500
    assert await answer.json() == {"detail": "internal error", "request_id": "find-me"}
    (record,) = records
    assert "find-me" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is service.failure


@pytest.mark.parametrize("path", ["/entities/my-secret-pin", "/entities?key=my-secret-pin"])
async def test_a_fault_is_told_by_the_routes_template_and_holds_no_text_of_the_path(
    client: Client, service: RecordingService, records: list[logging.LogRecord], path: str
) -> None:
    service.failure = KeyError("my-secret-pin")
    answer = await client.delete(f"/v1/session/a%0Asecret{path}")
    assert answer.status == 500
    (record,) = records
    template = "/v1/session/{session_id}/entities" + ("" if "?" in path else "/{key}")
    request_id = answer.headers["X-Request-ID"]
    assert record.getMessage() == f"DELETE {template} failed, request {request_id}"
    for printed in (as_json.record(record), for_eyes.record(record)):
        assert "secret" not in printed
        assert "KeyError" in printed


async def test_a_cancelled_request_is_no_error(
    app: web.Application,
    service: RecordingService,
    serve: Serve,
    records: list[logging.LogRecord],
) -> None:
    service.failure = asyncio.CancelledError()
    client = await serve(app)
    with pytest.raises(ServerDisconnectedError):
        await client.post("/v1/run", json={"message": "a"})
    assert not records


async def test_what_a_driver_said_is_for_the_log(
    client: Client, service: RecordingService, caplog: pytest.LogCaptureFixture
) -> None:
    said = "could not connect to db-7.internal, SELECT secret"
    service.failure = Unavailable("storage cannot read", reason=said)
    answer = await client.get("/v1/session/")
    body = await answer.json()
    assert (answer.status, body["detail"]) == (503, "storage cannot read")
    assert "internal" not in await answer.text()
    assert f"storage cannot read: {said}, request {body['request_id']}" in caplog.text
