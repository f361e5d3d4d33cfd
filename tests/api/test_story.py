"""Three licence subjects, three regions, twelve clusters, sixty sessions: a day among them.

Ada has two regions, the north and the south, Bob has the coast, and Eve has a token and nothing
else. Everybody talks about three subjects. Each of them has an observer, which looks when it is
asked to.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semvec.licensing.keys import private_key, write_key_pair
from semvec.licensing.token import TokenClaims, sign
from tests.coordination import STEADY, Reals, axis, unit
from tests.servers import Client, serving
from tests.services import DIMENSION

SUBJECTS = BUDGET, TRAVEL, WEATHER = 0, 3, 6
"""What there is to talk about."""
COUPLING = (0.0, 0.25, 0.5, 1.0)
"""Of the four clusters of every region."""
MEMBERS = 5
CONVERGING, RESONANT = 11, 19
"""Turns after which a cluster is in `convergence`, and one that never drifted in `resonance`."""
REMEMBERED_S, SELDOM_S = 3600.0, 86400.0
"""For how long a vote counts; how often an observer looks unasked."""

CLUSTERS = {
    region: [f"{region}-{number}" for number in range(len(COUPLING))]
    for region in ("north", "south", "coast")
}
NORTH, SOUTH, COAST = CLUSTERS.values()


@dataclass
class Team:
    """A licence subject, and what its observer has told it so far."""

    client: Client
    told: list[Any] = field(default_factory=list)

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self.client.get(path)
        assert answer.status == status, (path, answer.status, answer.body)
        return answer.json()

    async def post(self, path: str, status: int = 200, **fields: object) -> Any:
        answer = await self.client.post(path, **fields)
        assert answer.status == status, (path, answer.status, answer.body)
        return answer.json()

    async def settle(self, region: str) -> None:
        await self.post(
            "/v1/region/",
            201,
            region_id=region,
            name=region,
            dimension=DIMENSION,
            vote_window_seconds=REMEMBERED_S,
        )
        for number, cluster in enumerate(CLUSTERS[region]):
            await self.post(
                "/v1/cluster/",
                201,
                cluster_id=cluster,
                name=cluster,
                dimension=DIMENSION,
                coupling_factor=COUPLING[number],
            )
            await self.post(f"/v1/region/{region}/clusters", cluster_id=cluster)
            for place, member in enumerate(members(cluster)):
                await self.join(cluster, member, remarks=1 + place, first=number)

    async def join(self, cluster: str, member: str, remarks: int, first: int) -> None:
        """A session that takes the three subjects in turn, as many remarks as it has to make."""
        await self.post("/v1/session/create", session_id=member, dimension=DIMENSION)
        for number in range(remarks):
            await self.post(
                "/v1/store",
                session_id=member,
                response=f"remark {number}",
                response_embedding=axis(SUBJECTS[(first + number) % len(SUBJECTS)]),
            )
        await self.post(f"/v1/cluster/{cluster}/members", session_id=member)

    async def say(self, cluster: str, subject: int, turn: int) -> tuple[bool, str]:
        said = await self.post(
            "/v1/store",
            session_id=cluster,
            response=f"turn {turn}",
            response_embedding=axis(subject),
        )
        return said["drift_detected"], said["drift_phase"]

    async def drift(self, cluster: str, subject: int = WEATHER) -> None:
        said = await self.say(cluster, subject, await self.turns(cluster))
        assert said == (True, "drifted")

    async def talk(self, cluster: str, subject: int, turns: int) -> None:
        """Stay with the subject until there have been so many turns."""
        for turn in range(await self.turns(cluster), turns):
            assert await self.say(cluster, subject, turn) == (False, "stable")

    async def calm(self, cluster: str, subject: int = WEATHER) -> None:
        """One more turn on what a cluster has drifted to."""
        await self.talk(cluster, subject, await self.turns(cluster) + 1)

    async def turns(self, cluster: str) -> int:
        turns: int = (await self.get(f"/v1/cluster/{cluster}"))["interaction_count"]
        return turns

    async def phases(self, *clusters: str) -> list[str]:
        return [(await self.get(f"/v1/cluster/{cluster}"))["phase"] for cluster in clusters]

    async def region(self, region: str) -> tuple[float | None, int]:
        """When it realigned last, and how many of its clusters have voted since."""
        state = await self.get(f"/v1/region/{region}")
        return state["last_realignment"], state["voting_cluster_count"]

    async def pointing(self, cluster: str) -> Reals:
        return np.array((await self.get(f"/v1/cluster/{cluster}"))["aggregate_vector"])

    async def means(self, *sessions: str) -> dict[str, Reals]:
        """The states of sessions, whole and exact."""
        found = {}
        for session in sessions:
            exported = await self.get(f"/v1/session/{session}/export")
            packed = base64.b64decode(exported["state_dict"]["core"]["state"]["mean"])
            found[session] = np.frombuffer(packed, "<f8")
        return found

    async def observe(self, *regions: str) -> None:
        fields = {"region_ids": regions, "sample_interval_seconds": SELDOM_S}
        made = await self.post("/v1/observer/", 201, **fields)
        assert made["registered_regions"] == len(regions)

    async def news(self) -> list[dict[str, Any]]:
        """What a sample reports; the log has it, and all that was told before."""
        sample = await self.post("/v1/observer/sample")
        log = (await self.get("/v1/observer/anomalies?limit=1000"))[::-1]
        known = len(self.told)
        assert log[:known] == self.told
        assert len(log) == sample["total_anomalies"] == known + sample["new_anomalies"]
        self.told = log
        return [{"type": each["type"], **each["details"]} for each in log[known:]]


def members(cluster: str) -> list[str]:
    return [f"{cluster}-{number}" for number in range(MEMBERS)]


def systemic_drift(*drifting: str, among: int) -> dict[str, Any]:
    return {
        "type": "systemic_drift",
        "drifting_count": len(drifting),
        "cluster_count": among,
        "cluster_ids": [*drifting],
    }


def convergence(*alike: str, over: list[str]) -> dict[str, Any]:
    return {
        "type": "cross_cluster_convergence",
        "phase": "convergence",
        "cluster_count": len(alike),
        "region_count": len(over),
        "cluster_ids": [*alike],
        "region_ids": over,
    }


def divergence(cluster: str, *, turns: int, average: float) -> dict[str, Any]:
    return {
        "type": "cluster_divergence",
        "region_id": cluster.partition("-")[0],
        "cluster_id": cluster,
        "interaction_count": turns,
        "region_average": average,
    }


def same(before: dict[str, Reals], after: dict[str, Reals]) -> bool:
    """To the bit."""
    return {name: mean.tobytes() for name, mean in before.items()} == {
        name: mean.tobytes() for name, mean in after.items()
    }


@dataclass(frozen=True, slots=True)
class Licences:
    """The key that tokens are checked with, and a token for each."""

    public: Path
    tokens: list[str]


@pytest.fixture
def licences(tmp_path: Path) -> Licences:
    """Ada's, Bob's and Eve's."""
    private, public = write_key_pair(tmp_path / "keys")
    now, key = int(time.time()), private_key(private)
    claims = [
        TokenClaims(sub=sub, tier="enterprise", iat=now, exp=now + 600)
        for sub in ("ada", "bob", "eve")
    ]
    return Licences(public, [sign(each, key) for each in claims])


@asynccontextmanager
async def teams(database_url: str, folder: Path, licences: Licences) -> AsyncIterator[list[Team]]:
    """All on one server."""
    variables = {"SEMVEC_LICENSE_PUBLIC_KEY": str(licences.public)}
    async with serving(database_url, folder, **variables) as server, AsyncExitStack() as clients:
        yield [
            Team(await clients.enter_async_context(server.client(token)))
            for token in licences.tokens
        ]


async def test_a_day_in_three_regions(
    database_url: str, tmp_path: Path, licences: Licences
) -> None:
    async with teams(database_url, tmp_path, licences) as (ada, bob, eve):
        await asyncio.gather(
            move_in_and_work(ada, "north", "south"), move_in_and_work(bob, "coast")
        )
        await nothing_is_new(ada, bob)
        realigned = await the_north_drifts_and_realigns(ada, bob)
        await nothing_is_new(ada, bob)
        await most_of_adas_clusters_drift(ada)
        await nothing_is_new(ada, bob)
        await the_north_and_the_south_converge(ada)
        await nothing_is_new(ada, bob)
        await one_of_the_coast_does_all_the_talking(bob)
        await nothing_is_new(ada, bob)
        await members_follow_their_clusters(ada)
        await nothing_is_new(ada, bob)
        await eve_finds_nothing(eve)
        for team, reports in ((ada, 4), (bob, 2), (eve, 0)):
            assert len(team.told) == reports
            assert (await team.get("/v1/observer/summary"))["anomaly_count"] == reports
        assert await ada.region("north") == (realigned, 1)  # once, whatever came later
        assert await ada.region("south") == (None, 2)
        assert await bob.region("coast") == (None, 1)


async def move_in_and_work(team: Team, *regions: str) -> None:
    clusters = [cluster for region in regions for cluster in CLUSTERS[region]]
    for region in regions:
        await team.settle(region)
    assert len(await team.get("/v1/session/?limit=1000")) == MEMBERS * len(clusters)
    await team.observe(*regions)
    assert await team.news() == []
    for cluster in clusters:
        await team.talk(cluster, BUDGET, STEADY)
    assert await team.news() == []
    assert (await team.get("/v1/observer/summary"))["total_clusters_observed"] == len(clusters)


async def nothing_is_new(*teams: Team) -> None:
    """Whatever stands has been reported."""
    for team in teams:
        assert await team.news() == []


async def the_north_drifts_and_realigns(ada: Team, bob: Team) -> float:
    """The clusters of the north go to their consensus by their coupling factors, no others."""
    first, second, third, last = NORTH
    await bob.drift(COAST[0])
    await ada.drift(first)
    await ada.drift(second)
    assert await ada.region("north") == (None, 2)  # two of four are no majority
    assert await ada.news() == []

    before = await ada.means(*NORTH)
    others = [*SOUTH, "south", *members(last)], [*COAST, "coast"]
    theirs = await ada.means(*others[0]), await bob.means(*others[1])
    consensus = unit(np.sum([await ada.pointing(cluster) for cluster in NORTH], axis=0))
    await ada.drift(third)
    realigned, votes = await ada.region("north")
    assert realigned is not None
    assert realigned == pytest.approx(time.time(), abs=30)
    assert votes == 0
    before[third] = 0.8 * before[third] + 0.2 * unit(axis(WEATHER))  # its fifth turn, a fifth
    after = await ada.means(*NORTH)
    for cluster, coupling in zip(NORTH, COUPLING, strict=True):
        expected = (1 - coupling) * before[cluster] + coupling * consensus
        np.testing.assert_allclose(after[cluster], expected, atol=1e-6)
    np.testing.assert_allclose((await ada.means("north"))["north"], consensus, atol=1e-6)
    assert same(theirs[0], await ada.means(*others[0]))
    assert same(theirs[1], await bob.means(*others[1]))
    assert await ada.region("south") == (None, 0)
    assert await bob.region("coast") == (None, 1)

    await ada.drift(last)
    assert await ada.region("north") == (realigned, 1)  # one vote of a new round
    events = await ada.get("/v1/region/north/events")
    assert [each["cluster_id"] for each in events] == [last, third, second, first]
    assert [each["event_id"] for each in events] == [4, 3, 2, 1]
    assert await ada.news() == []  # four drift of eight: half of them is not most
    assert await bob.news() == []  # one of four
    return realigned


async def most_of_adas_clusters_drift(ada: Team) -> None:
    fifth, sixth = SOUTH[:2]
    await ada.drift(fifth)
    assert await ada.news() == [systemic_drift(*NORTH, fifth, among=8)]
    await ada.drift(sixth)
    assert await ada.news() == []  # six instead of five: it still stands
    await ada.calm(sixth)
    await ada.calm(NORTH[0])
    assert await ada.news() == []  # four: it is over
    await ada.drift(sixth, TRAVEL)
    assert await ada.news() == [systemic_drift(*NORTH[1:], fifth, sixth, among=8)]
    assert await ada.region("south") == (None, 2)  # two votes of one cluster count once
    await ada.calm(sixth, TRAVEL)


async def the_north_and_the_south_converge(ada: Team) -> None:
    third, fourth = SOUTH[2:]
    await ada.talk(NORTH[0], WEATHER, CONVERGING)
    await ada.talk(third, BUDGET, CONVERGING)
    assert await ada.phases(NORTH[0], third) == ["convergence"] * 2
    assert await ada.news() == []  # two clusters are too few
    await ada.talk(NORTH[1], WEATHER, CONVERGING)
    both = ["north", "south"]
    assert await ada.news() == [convergence(*NORTH[:2], third, over=both)]
    await ada.talk(NORTH[2], WEATHER, CONVERGING)
    assert await ada.news() == []  # four instead of three: it still stands
    await ada.talk(third, BUDGET, RESONANT)
    assert await ada.phases(*NORTH[:3], third) == [*["convergence"] * 3, "resonance"]
    assert await ada.news() == []  # three of one region: it is over
    await ada.talk(fourth, BUDGET, CONVERGING)
    assert await ada.news() == [convergence(*NORTH[:3], fourth, over=both)]


async def one_of_the_coast_does_all_the_talking(bob: Team) -> None:
    loud, quiet = COAST[3], COAST[:3]
    assert sum([await bob.turns(cluster) for cluster in quiet]) == 13
    await bob.talk(loud, BUDGET, 3 * 13)
    assert await bob.news() == []  # 39 of 52: three times the average, and not over it
    await bob.talk(loud, BUDGET, 40)
    assert await bob.news() == [divergence(loud, turns=40, average=13.25)]
    await bob.talk(loud, BUDGET, 41)
    assert await bob.news() == []  # it still stands
    await bob.calm(quiet[0])
    assert await bob.news() == []  # 41 of 55: it is over
    await bob.talk(loud, BUDGET, 43)
    assert await bob.news() == [divergence(loud, turns=43, average=14.25)]


async def members_follow_their_clusters(ada: Team) -> None:
    """Feedback moves a cluster's members by its coupling factor, and nobody else's."""
    everybody = [member for cluster in NORTH for member in members(cluster)]
    before, directions = await ada.means(*everybody), []
    for cluster, coupling in zip(NORTH, COUPLING, strict=True):
        directions.append(await ada.pointing(cluster))
        answer = await ada.post(f"/v1/cluster/{cluster}/feedback")
        assert answer["sessions_updated"] == (MEMBERS if coupling else 0)
    after = await ada.means(*everybody)
    for cluster, coupling, direction in zip(NORTH, COUPLING, directions, strict=True):
        for member in members(cluster):
            expected = (1 - coupling) * before[member] + coupling * direction
            np.testing.assert_allclose(after[member], expected, atol=1e-6)


async def eve_finds_nothing(eve: Team) -> None:
    """Neither what others have, nor anything out of the ordinary."""
    for path in ("region/north", "cluster/north-0", "session/north-0-0/export", "observer/summary"):
        await eve.get(f"/v1/{path}", 404)
    await eve.post("/v1/observer/", 404, region_ids=["coast"])
    await eve.observe()
    await eve.post("/v1/observer/regions", 404, region_id="north")
    assert (await eve.post("/v1/observer/sample"))["clusters_sampled"] == 0
