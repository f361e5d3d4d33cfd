"""Clusters and regions over HTTP: fields, bounds, statuses, and whose they are."""

import asyncio
import json
import time
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from aiohttp import ClientResponse
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from semvec.licensing.keys import PublicKey
from semvec.licensing.token import TokenClaims, sign
from semvec.licensing.verifier import Verifier
from semvec.service import Service
from semvec.settings import Settings
from semvec.store import Store
from semvec.web.app import assemble
from semvec.web.stream import STREAMS, Streams
from tests.coordination import axis, drift
from tests.services import DIMENSION, HeldClock
from tests.web.conftest import Client, Serve


@dataclass
class Site:
    """A server over a real database, and what its callers ask."""

    client: Client
    service: Service
    key: Ed25519PrivateKey

    @property
    def streams(self) -> Streams:
        assert self.client.app is not None
        return self.client.app[STREAMS]

    async def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        sub: str = "ada",
        key: str | None = None,
    ) -> ClientResponse:
        now = int(time.time())
        token = sign(TokenClaims(sub=sub, tier="pro", iat=now, exp=now + 600), self.key)
        headers = {"Authorization": f"Bearer {token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self.client.request(method, path, json=body, headers=headers)

    async def get(self, path: str) -> Any:
        answer = await self.ask("GET", path)
        assert answer.status == 200, await answer.text()
        return await answer.json()

    async def post(self, path: str, status: int = 200, **body: Any) -> Any:
        answer = await self.ask("POST", path, body)
        assert answer.status == status, await answer.text()
        return await answer.json()

    async def delete(self, path: str) -> Any:
        answer = await self.ask("DELETE", path)
        assert answer.status == 200, await answer.text()
        return await answer.json()


@pytest.fixture
async def site(serve: Serve, sqlite_url: str) -> Site:
    settings = Settings(
        database_url=sqlite_url, embedder="none", rate_limit=False, memory_bytes=1 << 28
    )
    ids = count(1)
    service = Service(Store(sqlite_url), None, settings, HeldClock(), lambda: f"made-{next(ids)}")
    key = Ed25519PrivateKey.generate()
    verifier = Verifier([PublicKey(None, key.public_key())], renewal_url="https://renew.example")
    return Site(await serve(assemble(settings, service, verifier)), service, key)


async def filled(site: Site) -> None:
    """A cluster c with a member s, in a region r."""
    await site.post("/v1/session/create", session_id="s", dimension=DIMENSION)
    await site.post("/v1/cluster/", 201, cluster_id="c", name="all", dimension=DIMENSION)
    await site.post("/v1/region/", 201, region_id="r", name="here", dimension=DIMENSION)
    await site.post("/v1/cluster/c/members", session_id="s")
    await site.post("/v1/region/r/clusters", cluster_id="c")


async def test_a_cluster_from_its_creation_to_its_end(site: Site) -> None:
    info = await site.post(
        "/v1/cluster",
        201,
        name="keen",
        aggregation_mode="attention",
        coupling_factor=0.25,
        dimension=DIMENSION,
    )
    assert info == {
        "cluster_id": "made-1",
        "name": "keen",
        "aggregation_mode": "attention",
        "coupling_factor": 0.25,
        "dimension": DIMENSION,
    }
    path = "/v1/cluster/made-1"
    await site.post("/v1/session/create", session_id="s", dimension=DIMENSION)
    added = {"cluster_id": "made-1", "session_id": "s"}
    for first in (True, False):
        assert await site.post(f"{path}/members", session_id="s") == {**added, "added": first}
    run = await site.post(f"{path}/run", message="hello", message_embedding=axis(0))
    assert (run["session_id"], run["drift_detected"]) == ("made-1", False)
    stored = await site.post(
        f"{path}/store",
        message="who?",
        response="me",
        message_embedding=axis(0),
        response_embedding=axis(0),
    )
    assert stored["learned"] is True
    assert await site.post(f"{path}/feedback") == {"cluster_id": "made-1", "sessions_updated": 0}
    await site.post("/v1/store", session_id="s", response="words", response_embedding=axis(0))
    assert await site.post(f"{path}/feedback") == {"cluster_id": "made-1", "sessions_updated": 1}
    assert await site.get("/v1/cluster/") == [
        {"cluster_id": "made-1", "name": "keen", "member_count": 1}
    ]
    state = await site.get(path)
    assert (state["member_count"], state["interaction_count"]) == (1, 2)
    assert sum(value**2 for value in state["aggregate_vector"]) == pytest.approx(1.0)
    removed = {"cluster_id": "made-1", "session_id": "s"}
    assert await site.delete(f"{path}/members/s") == {**removed, "removed": True}
    assert (await site.ask("DELETE", f"{path}/members/s")).status == 404
    assert await site.delete(path) == {"deleted": True}
    assert (await site.ask("GET", path)).status == 404
    assert await site.get("/v1/cluster/") == []


async def test_a_region_from_its_creation_to_its_end(site: Site) -> None:
    info = await site.post("/v1/region/", 201, name="here", dimension=DIMENSION)
    assert info == {
        "region_id": "made-1",
        "name": "here",
        "meta_session_id": "made-1",
        "dimension": DIMENSION,
    }
    await site.post("/v1/cluster/", 201, cluster_id="c", name="c", dimension=DIMENSION)
    await site.post("/v1/cluster/", 201, cluster_id="d", name="d", dimension=DIMENSION)
    for name in ("c", "d"):
        answer = await site.post("/v1/region/made-1/clusters", cluster_id=name)
        assert answer == {"added": True}
    assert await site.get("/v1/region") == [
        {"region_id": "made-1", "name": "here", "cluster_count": 2}
    ]
    await drift(site.service, "c", "ada")
    (event,) = await site.get("/v1/region/made-1/events")
    state = await site.get("/v1/region/made-1")
    assert state == {
        "region_id": "made-1",
        "name": "here",
        "meta_session_id": "made-1",
        "dimension": DIMENSION,
        "cluster_count": 2,
        "consensus_threshold": 0.5,
        "vote_window_seconds": 60.0,
        "voting_cluster_count": 1,
        "recent_drift_events": [event],
        "last_realignment": None,
    }
    assert event == {
        "cluster_id": "c",
        "region_id": "made-1",
        "drift_score": event["drift_score"],
        "drift_phase": "drifted",
        "timestamp": 1_000_000.0,
        "event_id": 1,
    }
    assert await site.delete("/v1/region/made-1/clusters/d") == {"removed": True}
    assert (await site.get("/v1/region/made-1"))["last_realignment"] == 1_000_000.0
    assert (await site.ask("DELETE", "/v1/region/made-1/clusters/d")).status == 404
    assert await site.delete("/v1/region/made-1") == {"deleted": True}
    assert (await site.ask("GET", "/v1/region/made-1")).status == 404


async def test_lists_are_paged(site: Site) -> None:
    for number in range(3):
        await site.post("/v1/cluster/", 201, cluster_id=f"c{number}", name="c", dimension=2)
        await site.post("/v1/region/", 201, region_id=f"r{number}", name="r", dimension=2)
    for kind in ("cluster", "region"):
        answer = await site.ask("GET", f"/v1/{kind}/?limit=2")
        assert [each[f"{kind}_id"] for each in await answer.json()] == [
            f"{kind[0]}2",
            f"{kind[0]}1",
        ]
        assert answer.headers["X-Total-Estimate"] == "3"
        rest = await site.get(f"/v1/{kind}/?cursor={answer.headers['X-Next-Cursor']}")
        assert [each[f"{kind}_id"] for each in rest] == [f"{kind[0]}0"]
        assert (await site.ask("GET", f"/v1/{kind}/?cursor=none")).status == 400


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/cluster/", {}, 422),
        ("/v1/cluster/", {"name": ""}, 422),
        ("/v1/cluster/", {"name": "n" * 1025, "dimension": 8}, 422),
        ("/v1/cluster/", {"name": "n", "cluster_id": "a/b"}, 422),
        ("/v1/cluster/", {"name": "n", "aggregation_mode": "median"}, 400),
        ("/v1/cluster/", {"name": "n", "coupling_factor": 1.1}, 422),
        ("/v1/cluster/", {"name": "n", "dimension": 0}, 422),
        ("/v1/cluster/", {"name": "n"}, 422),
        ("/v1/cluster/", {"name": "n", "dimension": 8, "cluster_id": "c"}, 409),
        ("/v1/cluster/", {"name": "n", "dimension": 8, "cluster_id": "s"}, 409),
        ("/v1/cluster/c/members", {}, 422),
        ("/v1/cluster/c/members", {"session_id": "r"}, 409),
        ("/v1/cluster/c/run", {"message": ""}, 422),
        ("/v1/cluster/c/run", {"message": "m", "session_id": "s"}, 404),
        ("/v1/cluster/c/store", {"message": "m"}, 422),
        ("/v1/cluster/c/store", {"message": "m", "response": "r"}, 422),
        ("/v1/region/", {"name": "n", "consensus_threshold": -0.1}, 422),
        ("/v1/region/", {"name": "n" * 1025, "dimension": 8}, 422),
        ("/v1/region/", {"name": "n", "vote_window_seconds": 0.5}, 422),
        ("/v1/region/", {"name": "n", "vote_window_seconds": 86401}, 422),
        ("/v1/region/", {"name": "n", "dimension": 8, "region_id": "c"}, 409),
        ("/v1/region/r/clusters", {"cluster_id": "s"}, 404),
    ],
)
async def test_what_is_refused(site: Site, path: str, body: dict[str, Any], status: int) -> None:
    await filled(site)
    assert (await site.ask("POST", path, body)).status == status


OTHERS = [
    ("GET", "/v1/cluster/{c}", None),
    ("DELETE", "/v1/cluster/{c}", None),
    ("POST", "/v1/cluster/{c}/members", {"session_id": "mine"}),
    ("POST", "/v1/cluster/own/members", {"session_id": "s"}),
    ("DELETE", "/v1/cluster/{c}/members/s", None),
    ("DELETE", "/v1/cluster/own/members/s", None),
    ("POST", "/v1/cluster/{c}/store", {"message": "m", "response": "r"}),
    ("POST", "/v1/cluster/{c}/run", {"message": "m"}),
    ("POST", "/v1/cluster/own/run", {"message": "m", "session_id": "s"}),
    ("POST", "/v1/cluster/own/run", {"message": "m", "session_id": "c"}),
    ("POST", "/v1/run", {"message": "m", "session_id": "c"}),
    ("POST", "/v1/cluster/{c}/feedback", None),
    ("GET", "/v1/region/{r}", None),
    ("DELETE", "/v1/region/{r}", None),
    ("POST", "/v1/region/{r}/clusters", {"cluster_id": "own"}),
    ("POST", "/v1/region/place/clusters", {"cluster_id": "c"}),
    ("DELETE", "/v1/region/{r}/clusters/c", None),
    ("DELETE", "/v1/region/place/clusters/c", None),
    ("GET", "/v1/region/{r}/events", None),
    ("GET", "/v1/region/{r}/events/stream", None),
]


@pytest.mark.parametrize(("method", "path", "body"), OTHERS)
async def test_promise_7_what_is_another_owners_is_not_there(
    site: Site, method: str, path: str, body: dict[str, Any] | None
) -> None:
    await filled(site)
    for kind, fields in (
        ("session/create", {"session_id": "mine"}),
        ("cluster/", {"cluster_id": "own", "name": "n"}),
        ("region/", {"region_id": "place", "name": "n"}),
    ):
        answer = await site.ask("POST", f"/v1/{kind}", {**fields, "dimension": 8}, sub="eve")
        assert answer.status in (200, 201)
    await drift(site.service, "c", "ada")
    before = await dump(site)
    answer = await site.ask(method, path.format(c="c", r="r"), body, sub="eve")
    assert answer.status == 404
    assert "not found" in (detail := (await answer.json())["detail"]) or "is not the one" in detail
    assert await dump(site) == before


async def dump(site: Site) -> list[Any]:
    tables = ("sessions", "events", "clusters", "members", "regions", "region_clusters", "votes")
    async with site.service.database.engine.connect() as connection:
        return [
            sorted(map(repr, await connection.execute(text(f"SELECT * FROM {name}"))))
            for name in tables
        ]


async def test_requests_with_a_key_take_effect_once(site: Site) -> None:
    """With their answers: also what they have regions do once they are committed."""

    async def twice(key: str, path: str, **body: Any) -> Any:
        answers = [await site.ask("POST", path, body, key=key) for _ in range(2)]
        assert [each.headers.get("Idempotency-Replayed") for each in answers] == [None, "true"]
        first, again = [await each.json() for each in answers]
        assert first == again
        return first

    await twice("c", "/v1/cluster/", cluster_id="c", name="c", dimension=8, coupling_factor=0.5)
    made = await twice("d", "/v1/cluster/", name="d", dimension=8)
    await twice("r", "/v1/region/", region_id="r", name="r", dimension=8)
    assert await twice("a", "/v1/region/r/clusters", cluster_id="c") == {"added": True}
    await site.post("/v1/session/create", session_id="s", dimension=8)
    await site.post("/v1/store", session_id="s", response="x", response_embedding=axis(3))
    assert (await twice("m", "/v1/cluster/c/members", session_id="s"))["added"]
    for number in range(4):
        await site.post("/v1/cluster/c/run", message=f"m{number}", message_embedding=axis(0))
    said = await twice("run", "/v1/cluster/c/run", message="new", message_embedding=axis(1))
    assert said["drift_detected"]
    assert (await site.get("/v1/region/r"))["last_realignment"] is not None
    assert len(await site.get("/v1/region/r/events")) == 1
    assert (await twice("f", "/v1/cluster/c/feedback"))["sessions_updated"] == 1
    for name, seq in (("s", 3), ("c", 7), ("r", 2)):
        head = await site.service.database.head("ada", name)
        assert head is not None
        assert head.seq == seq
        verified = await site.post(f"/v1/session/{name}/verify", test_embeddings=[])
        assert verified["consistent"], verified
    assert len(await site.get("/v1/cluster/")) == 2
    assert (await site.get(f"/v1/cluster/{made['cluster_id']}"))["member_count"] == 0


async def told(answer: ClientResponse, number: int) -> list[dict[str, str]]:
    """The fields of so many events of a stream, comments left out."""
    found: list[dict[str, str]] = []
    fields: dict[str, str] = {}
    async with asyncio.timeout(10):
        while len(found) < number:
            line = (await answer.content.readline()).decode().rstrip("\n")
            name, _, value = line.partition(": ")
            if not line and "data" in fields:
                found.append(fields)
                fields = {}
            elif name and value:
                fields[name] = value
    return found


async def test_events_come_as_they_happen_and_again_after_the_last_one_seen(site: Site) -> None:
    await filled(site)
    live = await site.ask("GET", "/v1/region/r/events/stream")
    assert live.status == 200
    assert live.headers["Content-Type"] == "text/event-stream"
    assert live.headers["Cache-Control"] == "no-store"
    await drift(site.service, "c", "ada")
    (event,) = await told(live, 1)
    assert (event["id"], event["event"]) == ("1", "drift")
    assert [json.loads(event["data"])] == await site.get("/v1/region/r/events")
    await drift(site.service, "c", "ada", since=1, to=2)
    assert [each["id"] for each in await told(live, 1)] == ["2"]
    live.close()

    again = await resumed(site, "1")
    assert [each["id"] for each in await told(again, 1)] == ["2"]
    again.close()
    for wrong in ("x", "-1", "1.5", "9" * 19):
        assert (await resumed(site, wrong)).status == 400


async def resumed(site: Site, last: str) -> ClientResponse:
    now = int(time.time())
    token = sign(TokenClaims(sub="ada", tier="pro", iat=now, exp=now + 600), site.key)
    return await site.client.get(
        "/v1/region/r/events/stream",
        headers={"Authorization": f"Bearer {token}", "Last-Event-ID": last},
    )


async def test_a_stream_shows_that_it_lives(site: Site) -> None:
    site.streams.heartbeat_s = 0.2
    await filled(site)
    live = await site.ask("GET", "/v1/region/r/events/stream")
    async with asyncio.timeout(10):
        assert await live.content.readuntil(b"\n\n") == b"retry: 2000\n\n"
        for _ in range(3):
            assert await live.content.readuntil(b"\n\n") == b":\n\n"
    live.close()


async def test_a_client_that_is_gone_leaves_room_for_another(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site.streams, "_most", 1)
    await filled(site)
    live = await site.ask("GET", "/v1/region/r/events/stream")
    refused = await site.ask("GET", "/v1/region/r/events/stream")
    assert refused.status == 409
    assert "1 streams are open" in (await refused.json())["detail"]
    live.close()
    async with asyncio.timeout(10):
        again = refused
        while again.status == 409:
            await asyncio.sleep(0.1)
            again = await site.ask("GET", "/v1/region/r/events/stream")
    assert again.status == 200
    again.close()


async def test_a_look_at_a_stream_has_no_body(site: Site) -> None:
    await filled(site)
    answer = await site.ask("HEAD", "/v1/region/r/events/stream")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
    assert (await site.ask("HEAD", "/v1/region/none/events/stream")).status == 404


async def test_streams_end_as_the_server_does(site: Site) -> None:
    await filled(site)
    live = await site.ask("GET", "/v1/region/r/events/stream")
    await live.content.readuntil(b"\n\n")
    site.streams.end()
    async with asyncio.timeout(5):
        assert await live.read() == b""
    refused = await site.ask("GET", "/v1/region/r/events/stream")
    assert refused.status == 503
    assert refused.headers["Retry-After"]
