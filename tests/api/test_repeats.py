"""Keys and the audit log over HTTP, on whole servers."""

import asyncio
import json
from pathlib import Path
from typing import Any

from semvec.audit import AuditLog
from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import TokenClaims, sign
from semvec.store import Store
from tests.servers import Answer, Client, Server, serving
from tests.services import DIMENSION, embedding

RACES = 30


async def post(client: Client, path: str, key: str | None = None, **fields: Any) -> Answer:
    return await client.request("POST", path, json.dumps(fields).encode(), key)


async def patiently(client: Client, path: str, key: str, **fields: Any) -> Answer:
    """Until nobody is carrying it out any more."""
    for _ in range(1000):
        answer = await post(client, path, key, **fields)
        if answer.status != 409:
            break
        await asyncio.sleep(0.01)
    return answer


async def test_servers_race_on_one_key(postgres_url: str, tmp_path: Path) -> None:
    async with serving(postgres_url, tmp_path) as one, serving(postgres_url, tmp_path) as other:
        async with one.client() as client:
            made = await post(client, "/v1/session/create", session_id="s", dimension=DIMENSION)
            assert made.status == 200

        async def race(server: Server, number: int) -> Answer:
            words = f"race {number}"
            async with server.client() as client:
                return await patiently(
                    client,
                    "/v1/store",
                    f"key-{number}",
                    session_id="s",
                    response=words,
                    response_embedding=embedding(words),
                )

        for number in range(RACES):
            ran = await asyncio.gather(*(race(server, number) for server in (one, other, one)))
            assert {answer.status for answer in ran} == {200}
            assert len({answer.body for answer in ran}) == 1
            fresh = [each for each in ran if "idempotency-replayed" not in each.headers]
            assert len(fresh) == 1
        for server in (one, other):
            async with server.client() as client:
                metrics = (await client.get("/v1/metrics/s")).json()
            assert metrics["interaction_count"] == RACES
    store = Store(postgres_url)
    report = await AuditLog(store).verify()
    await store.engine.dispose()
    assert report.intact, report.faults
    assert report.rows == 1 + RACES + len(report.ends)


async def test_what_stands_over_sessions_takes_keys_too(database_url: str, tmp_path: Path) -> None:
    """Every POST of clusters and regions: carried out once, also when a kill comes between."""
    asked: list[tuple[str, dict[str, Any]]] = [
        ("/v1/session/create", {"session_id": "a", "dimension": DIMENSION}),
        ("/v1/store", spoken("a", "Oslo is in Norway.")),
        (
            "/v1/cluster/",
            {"name": "c", "cluster_id": "c", "dimension": DIMENSION, "coupling_factor": 0.5},
        ),
        ("/v1/cluster/", {"name": "another", "dimension": DIMENSION}),
        ("/v1/cluster/c/members", {"session_id": "a"}),
        ("/v1/cluster/c/run", {"message": "Where?", "message_embedding": embedding("Where?")}),
        ("/v1/cluster/c/feedback", {}),
        ("/v1/region/", {"name": "r", "region_id": "r", "dimension": DIMENSION}),
        ("/v1/region/r/clusters", {"cluster_id": "c"}),
        ("/v1/observer/", {}),
        ("/v1/observer/regions", {"region_id": "r"}),
        ("/v1/observer/sample", {}),
        ("/v1/network/users/switch", {"user_id": "bob"}),
        ("/v1/session/create", {"session_id": "b", "dimension": DIMENSION}),
        ("/v1/network/transfer", {"source_session_id": "a", "target_session_id": "b"}),
        (
            "/v1/network/consensus",
            {"proposer_session_id": "b", "target_embedding": embedding("Oslo")},
        ),
    ]
    first: list[Answer] = []
    async with serving(database_url, tmp_path) as server:
        async with server.client() as client:
            for number, (path, fields) in enumerate(asked):
                first.append(await post(client, path, f"k{number}", **fields))
                assert first[-1].status < 300, (path, first[-1])
        await server.kill()
    async with serving(database_url, tmp_path) as server, server.client() as client:
        for number, (path, fields) in enumerate(asked):
            again = await post(client, path, f"k{number}", **fields)
            assert (again.status, again.body) == (first[number].status, first[number].body)
            assert again.headers["idempotency-replayed"] == "true"
        events = (await client.get("/v1/audit/events")).json()
        made = first[3].json()["cluster_id"]
        assert [(each["action"], each["resource"]) for each in reversed(events)] == [
            ("create_session", "session/a"),
            ("store", "session/a"),
            ("create_cluster", "cluster/c"),
            ("create_cluster", f"cluster/{made}"),
            ("add_member", "cluster/c"),
            ("run_in_cluster", "cluster/c"),
            ("feed_back", "cluster/c"),
            ("create_region", "region/r"),
            ("attach_cluster", "region/r"),
            ("create_observer", "observer"),
            ("register_region", "region/r"),
            ("sample", "observer"),
            ("switch_user", "user/bob"),
            ("create_session", "session/b"),
            ("transfer", "network"),
            ("propose", "network"),
        ]
        taken = await post(client, "/v1/cluster/", "new", name="c", cluster_id="c", dimension=4)
        assert taken.status == 409
        assert "retry-after" not in taken.headers


def spoken(session_id: str, words: str) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "response": words,
        "response_embedding": embedding(words),
    }


async def test_promise_7_nobody_reads_what_others_did(sqlite_url: str, tmp_path: Path) -> None:
    await asyncio.to_thread(write_key_pair, tmp_path)
    signing = await asyncio.to_thread(private_key, tmp_path / "private.pem")
    tokens = {
        name: sign(TokenClaims(sub=name, tier="enterprise", iat=1, exp=2**33), signing)
        for name in ("ada", "bob")
    }
    public = str(tmp_path / "public.pem")
    async with serving(sqlite_url, tmp_path, SEMVEC_LICENSE_PUBLIC_KEY=public) as server:
        for name, token in tokens.items():
            async with server.client(token) as client:
                fields = {"session_id": f"of-{name}", "dimension": 4}
                first = await post(client, "/v1/session/create", "key", **fields)
                assert first.json()["created"]
        async with server.client("nonsense") as client:
            for _ in range(3):
                assert (await client.get("/v1/audit/events")).status == 401
        for name, token in tokens.items():
            async with server.client(token) as client:
                events = (await client.get("/v1/audit/events")).json()
                assert [each["resource"] for each in events] == [f"session/of-{name}"]
                other = await client.get("/v1/audit/events?resource=session/of-somebody")
                assert other.json() == []
        server.process.terminate()
        assert await server.exit_status(10) == 0
    store = Store(sqlite_url)
    await store.open()  # it keeps the key that hides the numbers of events
    try:
        page = await AuditLog(store).query(action="login.refused")
    finally:
        await store.close()
    (refused,) = page.items
    assert (refused.client_ip, refused.details) == ("127.0.0.1", {"count": 3})
