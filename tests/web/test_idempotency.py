"""Keys of requests, and what the web layer makes of them."""

import pytest
from multidict import CIMultiDict

from semvec.errors import Conflict, Malformed, StillRunning
from semvec.store.unit_of_work import WRITE_CONTEXT, WriteContext
from semvec.web.idempotency import IDEMPOTENCY_HEADER, REPLAYED, key_of
from tests.web.conftest import Client, RecordingService

STORE = {"session_id": "s", "response": "hello"}


def key(*values: str) -> str | None:
    return key_of(CIMultiDict([(IDEMPOTENCY_HEADER, value) for value in values]))


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("k", "k"),
        ('"k"', "k"),
        (" k ", "k"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        ("x" * 255, "x" * 255),
        ('"' + "x" * 255 + '"', "x" * 255),
    ],
)
def test_a_key_may_be_quoted(sent: str, meant: str) -> None:
    assert key(sent) == meant


def test_a_request_may_have_none() -> None:
    assert key() is None


@pytest.mark.parametrize(
    "sent", ["", '""', "a b", '"a b"', "ä", '"', '"a', "a\x7f", "a\tb", "x" * 256, '"a"b"']
)
def test_what_is_no_key_is_refused(sent: str) -> None:
    with pytest.raises(Malformed):
        key(sent)
    with pytest.raises(Malformed):
        key("k", "k")


async def scope(client: Client, service: RecordingService, path: str, key: str) -> bytes:
    answer = await client.post(path, json=STORE, headers={IDEMPOTENCY_HEADER: key})
    assert answer.status == 200, await answer.text()
    assert answer.headers[REPLAYED] == "true"
    ((_, given),) = [call for call in service.calls if call[0] == "answer"][-1:]
    found: bytes = given["scope"]
    return found


async def test_the_same_key_on_the_same_path_is_the_same_request(
    client: Client, service: RecordingService
) -> None:
    one = await scope(client, service, "/v1/store", "k")
    assert await scope(client, service, "/v1/store/", '"k"') == one
    assert await scope(client, service, "/v1/store", "K") != one


async def test_a_key_is_refused_where_it_has_no_meaning(
    client: Client, service: RecordingService
) -> None:
    headers = {IDEMPOTENCY_HEADER: "k"}
    context = {"session_id": "s", "q": "x"}
    for answer in (
        await client.delete("/v1/session/s", headers=headers),
        await client.get("/v1/metrics/s", headers=headers),
        await client.put("/v1/session/s/isolation", json={"level": "OPEN"}, headers=headers),
        await client.post("/v1/state/context", json=context, headers=headers),
    ):
        assert answer.status == 422
        (fault,) = (await answer.json())["detail"]
        assert fault["loc"] == ["header", "Idempotency-Key"]
    bad = {IDEMPOTENCY_HEADER: "no key at all"}
    assert (await client.post("/v1/store", json=STORE, headers=bad)).status == 400
    assert not service.calls


async def test_a_request_that_runs_already_is_told_when_to_come_again(
    client: Client, service: RecordingService
) -> None:
    service.failure = StillRunning("still being carried out")
    answer = await client.post("/v1/store", json=STORE, headers={IDEMPOTENCY_HEADER: "k"})
    assert answer.status == 409
    assert answer.headers["Retry-After"] == "1"


async def test_an_upload_is_told_apart_by_all_of_its_bytes(
    client: Client, service: RecordingService
) -> None:
    digests = []
    for content in (b"a" * 3_000, b"a" * 3_000, b"a" * 2_999 + b"b"):
        path = "/v1/session/s/import"
        answer = await client.post(path, data=content, headers={IDEMPOTENCY_HEADER: "k"})
        assert answer.status == 200
        digests.append([given for name, given in service.calls if name == "answer"][-1]["digest"])
    assert digests[0] == digests[1] != digests[2]


async def test_a_request_that_breaks_off_after_a_commit_says_so(
    client: Client, service: RecordingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def halfway(owner: str, session_id: str) -> None:
        effect = WRITE_CONTEXT.get()
        assert effect is not None
        (effect.recorded,) = effect.entries()
        raise Conflict("no further")

    monkeypatch.setattr(service, "release", halfway)
    answer = await client.post("/v1/session/s/isolation/release")
    assert answer.status == 409
    (told,) = [given for name, given in service.calls if name == "broke_off"]
    recorded, request_id = told["recorded"], answer.headers["X-Request-ID"]
    assert (recorded.action, recorded.resource) == ("release", "session/s")
    assert (recorded.subject, recorded.request_id) == ("anonymous", request_id)
    assert (recorded.client_ip, recorded.status) == ("127.0.0.1", 200)
    assert WRITE_CONTEXT.get() is None


async def test_a_request_that_changes_nothing_is_no_effect(
    client: Client, service: RecordingService, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[WriteContext | None] = []

    async def metrics(owner: str, session_id: str) -> None:
        seen.append(WRITE_CONTEXT.get())
        raise Conflict("no answer")

    monkeypatch.setattr(service, "metrics", metrics)
    assert (await client.get("/v1/metrics/s")).status == 409
    assert seen == [None]
    assert not [name for name, _ in service.calls if name == "broke_off"]
