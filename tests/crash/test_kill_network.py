"""Promise 1 for users, trust and anomalies: a kill loses nothing that was acknowledged."""

import asyncio
import os
import random
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.observers import STEADY, axis
from tests.servers import Client, Cut, Refused, Server, serving
from tests.services import DIMENSION

KILLS = max(4, int(os.environ.get("SEMVEC_TEST_KILLS", "50")) // 5)
INTERVAL_S = 86_400
"""No sample but those that are asked for."""


@dataclass
class Account:
    """Counts of what was acknowledged; `open` is what a cut has left without an answer."""

    done: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("switch", "propose", "again"), 0)
    )
    open: str | None = None

    def counts(self, kind: str) -> Iterable[int]:
        """What the server may show."""
        return self.done[kind], self.done[kind] + (self.open == kind)


async def post(client: Client, path: str, status: int = 200, **body: Any) -> Any:
    answer = await client.post(path, **body)
    assert answer.status == status, (path, answer.body)
    return answer.json()


async def tell(client: Client, session_id: str, subject: int, words: str) -> None:
    fields: dict[str, Any] = {"session_id": session_id, "response": words}
    await post(client, "/v1/store", **fields, response_embedding=axis(subject))


async def begin(server: Server) -> None:
    """Voters, and a cluster that drifts in a region that is observed."""
    dimension: dict[str, Any] = {"dimension": DIMENSION}
    async with server.client() as client:
        for name in "pab":
            await post(client, "/v1/session/create", session_id=name, **dimension)
        for name, subject in (("a", 0), ("b", 1)):
            await tell(client, name, subject, "something")
        await post(client, "/v1/cluster/", 201, cluster_id="c", name="n", **dimension)
        await post(client, "/v1/region/", 201, region_id="r", name="n", **dimension)
        await post(client, "/v1/region/r/clusters", cluster_id="c")
        for place in range(STEADY):
            await tell(client, "c", 0, f"steady {place}")
        await tell(client, "c", 1, "suddenly")
        observer: dict[str, Any] = {"sample_interval_seconds": INTERVAL_S}
        await post(client, "/v1/observer/", 201, **observer)


async def change(client: Client, account: Account, kind: str) -> None:
    account.open = kind
    if kind == "switch":
        await post(client, "/v1/network/users/switch", user_id=f"u{account.done[kind] + 1}")
    elif kind == "propose":
        proposal: dict[str, Any] = {"proposer_session_id": "p", "target_embedding": axis(2)}
        assert not (await post(client, "/v1/network/consensus", **proposal))["accepted"]
    else:
        await post(client, "/v1/observer/regions", region_id="r")
        assert (await post(client, "/v1/observer/sample"))["new_anomalies"] == 1
        assert (await client.delete("/v1/observer/regions/r")).status == 200
        await post(client, "/v1/observer/sample")
    account.done[kind] += 1
    account.open = None


async def work(server: Server, account: Account, chance: random.Random) -> None:
    async with server.client() as client:
        with suppress(Cut, Refused):
            while True:
                await change(client, account, chance.choice([*account.done]))


async def settle(server: Server, account: Account) -> None:
    """Everything acknowledged is there, and of the rest all of it or nothing."""
    async with server.client() as client:
        active = (await client.get("/v1/network/users/active")).json()["active_user"]
        switched = int(active.removeprefix("u")) if active != "default" else 0
        assert switched in account.counts("switch")
        for number in range(1, switched + 1):
            state = (await post(client, f"/v1/network/users/u{number}/serialize"))["state"]
            assert state["active"] == (number == switched)
            assert (state["saved_at"] is None) == (number == switched)
        trust = (await client.get("/v1/network/consensus/trust")).json()["trust_scores"]
        votes = round(1 / (1 - trust["a"])) - 2  # always right: (n + 1) / (n + 2)
        assert votes in account.counts("propose")
        assert trust["a"] == trust["b"] == (votes + 1) / (votes + 2)
        summary = (await client.get("/v1/observer/summary")).json()
        found = summary["anomaly_count"]
        assert found in account.counts("again")
        listed = await client.get("/v1/observer/anomalies?limit=1000")
        assert len(listed.json()) == min(found, 1000)
        account.done = {"switch": switched, "propose": votes, "again": found}
        account.open = None
        await client.delete("/v1/observer/regions/r")
        await post(client, "/v1/observer/sample")  # what stood is clear


async def kills_lose_nothing(url: str, folder: Path, kills: int) -> None:
    seed = random.getrandbits(32)
    print(f"seed {seed}")
    chance, account = random.Random(seed), Account()
    async with serving(url, folder) as server:
        await begin(server)
    for _ in range(kills):
        async with serving(url, folder) as server:
            await settle(server, account)
            working = asyncio.create_task(work(server, account, chance))
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            await server.kill()
            await working
    async with serving(url, folder) as server:
        await settle(server, account)
    assert min(account.done.values()) > 0


@pytest.mark.timeout(600)
async def test_promise_1_kills_lose_nothing_sqlite(sqlite_url: str, tmp_path: Path) -> None:
    await kills_lose_nothing(sqlite_url, tmp_path, KILLS)


@pytest.mark.timeout(600)
async def test_promise_1_kills_lose_nothing_postgresql(postgres_url: str, tmp_path: Path) -> None:
    await kills_lose_nothing(postgres_url, tmp_path, max(2, KILLS // 3))
