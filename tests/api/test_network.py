"""Two teams on one server: what each passes on, agrees on and observes is its own."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import TokenClaims, sign
from tests.observers import STEADY, axis
from tests.servers import Client, Server, serving
from tests.services import DIMENSION

NETWORK, OBSERVER = "/v1/network", "/v1/observer"


@dataclass(frozen=True, slots=True)
class Team:
    """Somebody with a token, and a connection."""

    token: str
    client: Client

    async def ask(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        content = json.dumps(body).encode() if body else b""
        answer = await self.client.request(method, path, content)
        assert answer.status == status, (path, answer.body)
        return answer.json()

    async def post(self, path: str, status: int = 200, **body: Any) -> Any:
        return await self.ask("POST", path, status, **body)

    async def get(self, path: str, status: int = 200) -> Any:
        return await self.ask("GET", path, status)

    async def session(self, session_id: str, *subjects: int) -> None:
        await self.post("/v1/session/create", session_id=session_id, dimension=DIMENSION)
        for place, subject in enumerate(subjects):
            await self.tell(session_id, subject, f"{session_id} says {place}")

    async def tell(self, session_id: str, subject: int, words: str) -> Any:
        fields: dict[str, Any] = {"session_id": session_id, "response": words}
        return await self.post("/v1/store", **fields, response_embedding=axis(subject))

    async def drifting(self, cluster_id: str, region_id: str) -> None:
        """A cluster of a region, the one that it has, which drifts."""
        dimension: dict[str, Any] = {"dimension": DIMENSION}
        await self.post("/v1/cluster/", 201, cluster_id=cluster_id, name="n", **dimension)
        region: dict[str, Any] = {"region_id": region_id, "name": "n", "consensus_threshold": 1.0}
        await self.post("/v1/region/", 201, **region, **dimension)
        await self.post(f"/v1/region/{region_id}/clusters", cluster_id=cluster_id)
        for place in range(STEADY):
            await self.tell(cluster_id, 0, f"steady {place}")
        assert (await self.tell(cluster_id, 1, "suddenly"))["drift_phase"] == "drifted"


@dataclass(frozen=True, slots=True)
class Teams:
    """The key that tokens are checked with, and a token for each."""

    public: Path
    tokens: dict[str, str]

    @asynccontextmanager
    async def on(self, server: Server, sub: str) -> AsyncIterator[Team]:
        async with server.client(self.tokens[sub]) as client:
            yield Team(self.tokens[sub], client)


@pytest.fixture
def teams(tmp_path: Path) -> Teams:
    private, public = write_key_pair(tmp_path / "keys")
    now, key = int(time.time()), private_key(private)
    claims = {
        sub: TokenClaims(sub=sub, tier="enterprise", iat=now, exp=now + 600)
        for sub in ("ada", "eve")
    }
    return Teams(public, {sub: sign(each, key) for sub, each in claims.items()})


@asynccontextmanager
async def serving_teams(url: str, folder: Path, teams: Teams) -> AsyncIterator[Server]:
    async with serving(url, folder, SEMVEC_LICENSE_PUBLIC_KEY=str(teams.public)) as server:
        yield server


@asynccontextmanager
async def streaming(server: Server, token: str, **headers: str) -> AsyncIterator[Any]:
    headers = {"Authorization": f"Bearer {token}", **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}{OBSERVER}/anomalies/stream", headers=headers) as answer,
    ):
        assert answer.status == 200
        assert await heard(answer) == {"retry": "2000"}
        yield answer


async def heard(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """The fields of the next event."""
    async with asyncio.timeout(10):
        lines = (await answer.content.readuntil(b"\n\n")).decode().split("\n")[:-2]
    return dict(line.split(": ", 1) for line in lines)


async def test_a_team_passes_on_agrees_and_keeps_its_users(
    sqlite_url: str, tmp_path: Path, teams: Teams
) -> None:
    async with serving_teams(sqlite_url, tmp_path, teams) as server, teams.on(server, "ada") as ada:
        for name, subject in (("a", 0), ("b", 0), ("c", 1)):
            await ada.session(name, subject)
        switched = await ada.post(f"{NETWORK}/users/switch", user_id="bob/1")
        assert switched == {"active_user": "bob/1", "previous_user": "default"}
        await ada.session("p")
        proposal: dict[str, Any] = {"proposer_session_id": "p", "target_embedding": axis(0)}
        agreed = await ada.post(f"{NETWORK}/consensus", **proposal)
        scores = {"a": 2 / 3, "b": 2 / 3, "c": 1 / 3}
        assert agreed == {"accepted": True, "trust_scores": scores}
        moved: dict[str, Any] = {
            "source_session_id": "c",
            "target_session_id": "a",
        }
        norm = (await ada.post(f"{NETWORK}/transfer", **moved, max_weight=1.0))["delta_norm"]
        assert norm == pytest.approx(2**0.5 / 3, rel=0.1)
    async with serving_teams(sqlite_url, tmp_path, teams) as server, teams.on(server, "ada") as ada:
        trust = await ada.get(f"{NETWORK}/consensus/trust")
        assert trust == {"trust_scores": scores | {"p": 0.5}}
        assert await ada.get(f"{NETWORK}/users/active") == {"active_user": "bob/1"}
        bob = (await ada.post(f"{NETWORK}/users/bob%2F1/serialize"))["state"]
        assert [each["session_id"] for each in bob["sessions"]] == ["p"]
        first = (await ada.post(f"{NETWORK}/users/default/serialize"))["state"]
        assert {each["session_id"]: each["trust"] for each in first["sessions"]} == scores


BY_OTHERS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", f"{NETWORK}/transfer", {"source_session_id": "s", "target_session_id": "mine"}),
    ("POST", f"{NETWORK}/transfer", {"source_session_id": "mine", "target_session_id": "s"}),
    ("POST", f"{NETWORK}/transfer", {"source_session_id": "c", "target_session_id": "mine"}),
    ("POST", f"{NETWORK}/consensus", {"proposer_session_id": "s", "target_embedding": axis(0)}),
    ("POST", f"{NETWORK}/users/bob/serialize", {}),
    ("POST", f"{OBSERVER}/", {"region_ids": ["r"]}),
    ("POST", f"{OBSERVER}/regions", {"region_id": "r"}),
    ("DELETE", f"{OBSERVER}/regions/r", {}),
]


async def test_promise_7_what_is_another_teams_is_not_there(
    sqlite_url: str, tmp_path: Path, teams: Teams
) -> None:
    """In the path and in the body, with an observer of one's own and without."""
    async with (
        serving_teams(sqlite_url, tmp_path, teams) as server,
        teams.on(server, "ada") as ada,
        teams.on(server, "eve") as eve,
    ):
        await ada.session("s", 0)
        await ada.drifting("c", "r")
        await ada.post(f"{NETWORK}/users/switch", user_id="bob")
        await ada.post(f"{OBSERVER}/", 201, region_ids=["r"])
        assert (await ada.post(f"{OBSERVER}/sample"))["new_anomalies"] == 1
        await eve.session("mine", 1)
        before = await state(ada)
        for _ in range(2):
            for method, path, body in BY_OTHERS:
                refused = await eve.ask(method, path, 404, **body)
                assert "not found" in refused["detail"]
            for path in ("summary", "anomalies", "anomalies/stream"):
                await eve.get(f"{OBSERVER}/{path}", 404)
            assert (await eve.post(f"{OBSERVER}/sample", 404))["detail"] == "observer not found"
            await eve.ask("DELETE", f"{OBSERVER}/anomalies", 404)
            assert await eve.get(f"{NETWORK}/users/active") == {"active_user": "default"}
            assert await eve.get(f"{NETWORK}/consensus/trust") == {"trust_scores": {"mine": 0.5}}
        assert await state(ada) == before
        await eve.post(f"{OBSERVER}/", 201)
        for method, path, body in BY_OTHERS[-3:]:
            assert "region 'r' not found" in (await eve.ask(method, path, 404, **body))["detail"]
        assert await eve.get(f"{OBSERVER}/anomalies") == []
        assert (await eve.ask("DELETE", f"{OBSERVER}/anomalies"))["cleared"] == 0
        proposal: dict[str, Any] = {"proposer_session_id": "mine", "target_embedding": axis(0)}
        assert (await eve.post(f"{NETWORK}/consensus", **proposal))["trust_scores"] == {}
        assert await state(ada) == before


async def state(team: Team) -> list[Any]:
    """All that there is to see of a team's network and observer."""
    return [
        await team.get("/v1/metrics/s"),
        await team.get(f"{NETWORK}/consensus/trust"),
        await team.post(f"{NETWORK}/users/default/serialize"),
        await team.get(f"{OBSERVER}/anomalies"),
        (await team.get(f"{OBSERVER}/summary"))["registered_regions"],
    ]


async def again(team: Team) -> None:
    """Have what stands clear, and stand once more."""
    await team.ask("DELETE", f"{OBSERVER}/regions/r")
    assert (await team.post(f"{OBSERVER}/sample"))["new_anomalies"] == 0
    await team.post(f"{OBSERVER}/regions", region_id="r")
    assert (await team.post(f"{OBSERVER}/sample"))["new_anomalies"] == 1


async def test_anomalies_come_as_they_are_found_and_none_is_missed(
    sqlite_url: str, tmp_path: Path, teams: Teams
) -> None:
    """By the server's own sample too, over a restart, to the end of the server."""
    async with serving_teams(sqlite_url, tmp_path, teams) as server, teams.on(server, "ada") as ada:
        await ada.drifting("c", "r")
        await ada.post(f"{OBSERVER}/", 201, region_ids=["r"], sample_interval_seconds=1)
        async with streaming(server, ada.token) as stream:
            event = await heard(stream)
            assert (event["event"], event["id"]) == ("anomaly", "1")
            assert [json.loads(event["data"])] == await ada.get(f"{OBSERVER}/anomalies")
            server.process.terminate()
            async with asyncio.timeout(5):
                assert await stream.content.read() == b""  # whole to its end
        assert await server.exit_status(10) == 0
    async with serving_teams(sqlite_url, tmp_path, teams) as server, teams.on(server, "ada") as ada:
        await again(ada)
        async with streaming(server, ada.token, **{"Last-Event-ID": "1"}) as stream:
            assert (await heard(stream))["id"] == "2"


async def test_what_one_server_finds_the_other_tells(
    postgres_url: str, tmp_path: Path, teams: Teams
) -> None:
    async with (
        serving_teams(postgres_url, tmp_path, teams) as one,
        serving_teams(postgres_url, tmp_path, teams) as other,
        teams.on(one, "ada") as ada,
    ):
        await ada.drifting("c", "r")
        await ada.post(f"{OBSERVER}/", 201, region_ids=["r"], sample_interval_seconds=3600)
        async with streaming(other, ada.token) as stream:
            assert (await ada.post(f"{OBSERVER}/sample"))["new_anomalies"] == 1
            assert (await heard(stream))["id"] == "1"
            await again(ada)
            assert (await heard(stream))["id"] == "2"


async def test_promise_6_requests_with_a_key_take_effect_once(
    sqlite_url: str, tmp_path: Path, teams: Teams
) -> None:
    async with serving_teams(sqlite_url, tmp_path, teams) as server, teams.on(server, "ada") as ada:

        async def twice(path: str, status: int = 200, **body: Any) -> Any:
            """What is answered to a request, and to the same one again."""
            keyed = server.client(ada.token, **{"Idempotency-Key": str(time.monotonic_ns())})
            async with keyed as client:
                first, again = [await client.post(path, **body) for _ in range(2)]
            assert (first.status, again.status) == (status, status), first.body
            assert again.headers["idempotency-replayed"] == "true"
            assert first.body == again.body
            return first.json()

        for name, subject in (("a", 0), ("b", 1)):
            await ada.session(name, subject)
        await ada.session("p")
        await ada.drifting("c", "r")
        switched = await twice(f"{NETWORK}/users/switch", user_id="bob")
        assert switched["previous_user"] == "default"
        proposal: dict[str, Any] = {"proposer_session_id": "p", "target_embedding": axis(0)}
        voted = await twice(f"{NETWORK}/consensus", **proposal)
        assert voted == {"accepted": False, "trust_scores": {"a": 1 / 3, "b": 2 / 3}}
        trust = await ada.get(f"{NETWORK}/consensus/trust")
        assert trust["trust_scores"] == voted["trust_scores"] | {"p": 0.5}
        moved: dict[str, Any] = {"source_session_id": "a", "target_session_id": "b"}
        norm = (await twice(f"{NETWORK}/transfer", **moved))["delta_norm"]
        again = (await ada.post(f"{NETWORK}/transfer", **moved))["delta_norm"]
        assert again == pytest.approx(0.85 * norm)  # it has moved once
        made = await twice(f"{OBSERVER}/", 201, region_ids=["r"], sample_interval_seconds=3600)
        assert await ada.post(f"{OBSERVER}/") == made
        async with streaming(server, ada.token) as stream:
            assert (await twice(f"{OBSERVER}/sample"))["new_anomalies"] == 1
            assert (await heard(stream))["id"] == "1"
        assert (await ada.get(f"{OBSERVER}/summary"))["anomaly_count"] == 1
        assert (await twice(f"{OBSERVER}/regions", region_id="r")) == {"registered": False}
        rows = await ada.get("/v1/audit/events?limit=100")
        told = {(each["action"], each["resource"]) for each in rows}
        assert {
            ("switch_user", "user/bob"),
            ("propose", "network"),
            ("transfer", "network"),
            ("create_observer", "observer"),
            ("sample", "observer"),
        } <= told
