"""Three subjects, a region each, twelve clusters, sixty sessions: who moves, and how far."""

import asyncio
import base64
import signal
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from semvec.licensing.token import Claims, sign
from tests.coordination import STEADY, Reals, axis, unit
from tests.servers import Answer, Client, Cut, Refused, Server, serving
from tests.services import DIMENSION

SUBJECTS = ("ada", "bob", "eve")
CLUSTERS = 4
MEMBERS = 5
COUPLING = (0.0, 0.25, 0.5, 1.0)
PROJECT, WEATHER = 0, 6
"""What talk is about before and after it drifts."""


@dataclass
class Licence:
    key: Ed25519PrivateKey
    file: Path

    def token(self, subject: str) -> str:
        now = int(time.time())
        return sign(Claims(sub=subject, tier="enterprise", iat=now, exp=now + 600), self.key)


@pytest.fixture
def licence(tmp_path: Path) -> Licence:
    key = Ed25519PrivateKey.generate()
    file = tmp_path / "public.pem"
    file.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return Licence(key, file)


@dataclass
class Team:
    """One subject's sessions in clusters, and its clusters in a region of its name."""

    subject: str
    client: Client
    number: int

    async def ask(self, answer: Any, status: int = 200) -> Any:
        found: Answer = await answer
        assert found.status == status, (found.status, found.body)
        return found.json()

    def clusters(self) -> list[str]:
        return [f"{self.subject}-{number}" for number in range(CLUSTERS)]

    def members(self, cluster: int) -> list[str]:
        return [f"{self.subject}-{cluster}-{number}" for number in range(MEMBERS)]

    async def settle(self) -> None:
        await self.ask(
            self.client.post(
                "/v1/region/", region_id=self.subject, name="office", dimension=DIMENSION
            ),
            201,
        )
        for number, name in enumerate(self.clusters()):
            fields = {"cluster_id": name, "name": f"team {number}", "dimension": DIMENSION}
            coupling = COUPLING[number]
            await self.ask(
                self.client.post("/v1/cluster/", coupling_factor=coupling, **fields), 201
            )
            await self.ask(self.client.post(f"/v1/region/{self.subject}/clusters", cluster_id=name))
            for place, member in enumerate(self.members(number)):
                await self.join(name, member, number, place)

    async def join(self, cluster: str, member: str, subject: int, remarks: int) -> None:
        """A session with one remark more than its place, all about its cluster's subject."""
        await self.ask(
            self.client.post("/v1/session/create", session_id=member, dimension=DIMENSION)
        )
        for number in range(1 + remarks):
            await self.ask(
                self.client.post(
                    "/v1/store",
                    session_id=member,
                    response=f"remark {number}",
                    response_embedding=axis(subject + number),
                )
            )
        await self.ask(self.client.post(f"/v1/cluster/{cluster}/members", session_id=member))

    async def say(self, cluster: str, subject: int, words: str) -> Any:
        return await self.ask(
            self.client.post(
                f"/v1/cluster/{cluster}/run",
                message=f"{words} {subject}",
                response="I see",
                message_embedding=axis(subject),
                response_embedding=axis(subject),
            )
        )

    async def work(self) -> None:
        """Steady talk, which nobody takes for a drift."""
        for name in self.clusters():
            for number in range(STEADY):
                said = await self.say(name, PROJECT, f"step {number}")
                assert not said["drift_detected"]

    async def digress(self, cluster: str) -> None:
        assert (await self.say(cluster, WEATHER, "by the way"))["drift_detected"]

    async def region(self) -> Any:
        return await self.ask(self.client.get(f"/v1/region/{self.subject}"))

    async def pointing(self, cluster: str) -> Reals:
        state = await self.ask(self.client.get(f"/v1/cluster/{cluster}"))
        return np.array(state["aggregate_vector"])

    async def mean(self, session_id: str) -> Reals:
        exported = await self.ask(self.client.get(f"/v1/session/{session_id}/export"))
        packed = base64.b64decode(exported["state_dict"]["core"]["state"]["mean"])
        return np.frombuffer(packed, "<f8")


async def test_one_region_drifts_and_realigns_and_the_others_do_not(
    database_url: str, tmp_path: Path, licence: Licence
) -> None:
    variables = {"SEMVEC_LICENSE_PUBLIC_KEY": str(licence.file)}
    async with serving(database_url, tmp_path, **variables) as server, AsyncExitStack() as clients:
        ada, bob, eve = [
            Team(subject, await clients.enter_async_context(client), number)
            for number, subject in enumerate(SUBJECTS)
            for client in [server.client(licence.token(subject))]
        ]
        teams = (ada, bob, eve)
        for team in teams:
            await team.settle()
        await asyncio.gather(*(team.work() for team in teams))
        sessions = await ada.ask(ada.client.get("/v1/session/?limit=1000"))
        assert len(sessions) == CLUSTERS * MEMBERS

        first, second, third, silent = ada.clusters()
        await ada.digress(first)
        await ada.digress(second)
        await bob.digress(bob.clusters()[0])
        assert (await ada.region())["last_realignment"] is None  # two of four are no majority
        assert (await ada.region())["voting_cluster_count"] == 2

        quiet = [first, second, silent]
        before = {name: await ada.mean(name) for name in quiet}
        others = [*bob.clusters(), "bob"]
        theirs = {name: await bob.mean(name) for name in others}
        direction = unit(np.sum([await ada.pointing(name) for name in ada.clusters()], axis=0))
        await ada.digress(third)
        realigned = (await ada.region())["last_realignment"]
        assert realigned == pytest.approx(time.time(), abs=30)
        for name in quiet:
            share = COUPLING[ada.clusters().index(name)]
            expected = (1 - share) * before[name] + share * direction
            np.testing.assert_allclose(await ada.mean(name), expected, atol=1e-6)
        np.testing.assert_allclose(await ada.mean("ada"), direction, atol=1e-6)
        for name in others:
            assert (await bob.mean(name)).tolist() == theirs[name].tolist()
        assert [(await team.region())["last_realignment"] for team in (bob, eve)] == [None, None]

        await ada.digress(silent)  # one vote of a new round
        state = await ada.region()
        assert (state["last_realignment"], state["voting_cluster_count"]) == (realigned, 1)
        events = await ada.ask(ada.client.get("/v1/region/ada/events"))
        assert [event["cluster_id"] for event in events] == [silent, third, second, first]
        assert [event["event_id"] for event in events] == [4, 3, 2, 1]
        assert await eve.ask(eve.client.get("/v1/region/eve/events")) == []

        await feedback(ada, cluster=1)
        await feedback(ada, cluster=0)
        for path in ("/v1/region/ada", f"/v1/cluster/{first}", "/v1/session/ada-0-0/export"):
            assert (await bob.client.get(path)).status == 404


async def feedback(team: Team, cluster: int) -> None:
    """Moves the cluster's members, and nobody else's, by what the coupling factor says."""
    name, share = team.clusters()[cluster], COUPLING[cluster]
    direction = await team.pointing(name)
    moved, still = team.members(cluster), team.members(cluster + 1)
    before = {each: await team.mean(each) for each in (*moved, *still)}
    answer = await team.ask(team.client.post(f"/v1/cluster/{name}/feedback"))
    assert answer["sessions_updated"] == (MEMBERS if share else 0)
    for each in moved:
        expected = (1 - share) * before[each] + share * direction
        np.testing.assert_allclose(await team.mean(each), expected, atol=1e-6)
    for each in still:
        assert (await team.mean(each)).tolist() == before[each].tolist()


async def post(client: Client, path: str, **body: object) -> Any:
    answer = await client.post(path, **body)
    assert answer.status in (200, 201), (path, answer.status, answer.body)
    return answer.json()


async def settle(client: Client, *clusters: str) -> None:
    await post(client, "/v1/region/", region_id="r", name="r", dimension=DIMENSION)
    for name in clusters:
        await post(client, "/v1/cluster/", cluster_id=name, name=name, dimension=DIMENSION)
        await post(client, "/v1/region/r/clusters", cluster_id=name)


async def digress(client: Client, cluster: str, since: int = 0) -> None:
    for number in range(STEADY + 1):
        subject = since if number < STEADY else since + 1
        said = await post(
            client,
            f"/v1/cluster/{cluster}/run",
            message=f"turn {since} {number}",
            message_embedding=axis(subject),
        )
        assert said["drift_detected"] == (number == STEADY)


async def state(client: Client) -> Any:
    return (await client.get("/v1/region/r")).json()


async def test_votes_outlive_a_kill(database_url: str, tmp_path: Path) -> None:
    """What was acknowledged counts on: one vote more makes the majority on the next server."""
    async with serving(database_url, tmp_path) as server, server.client() as client:
        await settle(client, "a", "b", "c")
        await post(client, "/v1/session/create", session_id="s", dimension=DIMENSION)
        await post(client, "/v1/cluster/a/members", session_id="s")
        await digress(client, "a")
        before = await state(client)
        await server.kill()
    async with serving(database_url, tmp_path) as server, server.client() as client:
        assert await state(client) == before
        assert before["voting_cluster_count"] == 1
        assert (await client.get("/v1/cluster/a")).json()["member_count"] == 1
        await digress(client, "b")
        realigned = await state(client)
        assert realigned["last_realignment"] is not None
        await server.kill()
    async with serving(database_url, tmp_path) as server, server.client() as client:
        assert await state(client) == realigned


async def test_kills_at_any_moment_leave_votes_and_events_alike(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Every drift that was told has its event and its turn, and one that was not may have both."""
    told, in_doubt = 0, 0
    for number in range(6):
        async with serving(sqlite_url, tmp_path) as server, server.client() as client:
            if not number:
                await settle(client, "a", "b", "c")
            events = (await client.get("/v1/region/r/events?limit=1000")).json()
            assert told <= len(events) <= told + in_doubt
            assert [each["event_id"] for each in events] == [*range(len(events), 0, -1)]
            for name in "abc":
                verified = await post(client, f"/v1/session/{name}/verify", test_embeddings=[])
                assert verified["consistent"], verified
            told = len(events)
            killing = asyncio.create_task(kill_soon(server, 0.1 + 0.07 * number))
            told += await digress_until_cut(client, 1000 * number)
            in_doubt = 1
            await killing
    assert told > 6


async def digress_until_cut(client: Client, since: int) -> int:
    """How many drifts were told."""
    told = 0
    with suppress(Cut, Refused):
        for number in count(since):
            said = await post(
                client,
                f"/v1/cluster/{'abc'[number % 3]}/run",
                message=f"turn {number}",
                message_embedding=axis(number // 12),
            )
            told += said["drift_detected"]
    return told


async def kill_soon(server: Server, after_s: float) -> None:
    await asyncio.sleep(after_s)
    await server.kill()


async def test_streams_end_when_the_server_is_told_to_stop(sqlite_url: str, tmp_path: Path) -> None:
    async with serving(sqlite_url, tmp_path) as server, server.client() as client:
        await settle(client, "a")
        streams = [server.client() for _ in range(4)]
        readers = []
        for stream in streams:
            reader, writer = await stream.connect()
            writer.write(b"GET /v1/region/r/events/stream HTTP/1.1\r\nHost: here\r\n\r\n")
            assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
            readers.append(reader)
        await digress(client, "a")
        for reader in readers:
            assert b"id: 1" in await reader.readuntil(b"data: ")
        server.process.send_signal(signal.SIGTERM)
        for reader in readers:
            assert (await reader.read()).endswith(b"0\r\n\r\n")
        assert await server.exit_status(10) == 0
        assert "Traceback" not in server.log.read_text()
        for stream in streams:
            await stream.close()


async def test_a_drift_on_one_server_is_seen_on_the_other(
    postgres_url: str, tmp_path: Path
) -> None:
    async with (
        serving(postgres_url, tmp_path) as one,
        serving(postgres_url, tmp_path) as other,
        one.client() as here,
        other.client() as there,
        other.client() as stream,
    ):
        await settle(here, "a", "b")
        reader, writer = await stream.connect()
        writer.write(b"GET /v1/region/r/events/stream HTTP/1.1\r\nHost: here\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await digress(here, "a")
        async with asyncio.timeout(5):
            assert b"id: 1" in await reader.readuntil(b"data: ")
        await digress(there, "b")
        assert (await state(here))["last_realignment"] is not None
        assert await state(here) == await state(there)
        async with asyncio.timeout(5):
            assert b"id: 2" in await reader.readuntil(b"data: ")
