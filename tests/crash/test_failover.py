"""A database that fails over to a standby which lacks commits, under servers that go on."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.failover import Pair, running_pair
from tests.servers import Answer, Server, serving

pytestmark = pytest.mark.slow

DIMENSION = 8
WITHIN_S = 30.0


@pytest.fixture
def pair() -> Iterator[Pair]:
    with running_pair() as pair:
        yield pair


def vector(number: int) -> list[float]:
    return [1.0 if place == number % DIMENSION else 0.1 for place in range(DIMENSION)]


async def store(server: Server, session: str, text: str, key: str | None = None) -> Answer:
    said = {"session_id": session, "response": text, "response_embedding": vector(len(text))}
    async with server.client() as client:
        return await client.request("POST", "/v1/store", json.dumps(said).encode(), key)


async def stored(server: Server, session: str, text: str, key: str | None = None) -> Answer:
    """As soon as the server finds the new primary."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            answer = await store(server, session, text, key)
            if answer.status == 200:
                return answer
            assert answer.status == 503, answer
            await asyncio.sleep(0.2)


async def texts(server: Server, session: str) -> list[str] | int:
    """What the session remembers, or the status that says that it does not."""
    asked = {
        "session_id": session,
        "q": "all",
        "q_embedding": [1.0] * DIMENSION,
        "top_k": 20,
    }
    async with asyncio.timeout(WITHIN_S):
        while True:
            async with server.client() as client:
                answer = await client.post("/v1/state/context", **asked)
            if answer.status != 503:
                break
            await asyncio.sleep(0.2)
    if answer.status != 200:
        return answer.status
    return sorted(memory["text"] for memory in answer.json()["context"])


async def create(server: Server, *sessions: str) -> None:
    async with server.client() as client:
        for session in sessions:
            answer = await client.post(
                "/v1/session/create", session_id=session, dimension=DIMENSION
            )
            assert answer.status == 200, answer


async def test_what_the_new_primary_lacks_is_not_served_and_destroys_nothing(
    pair: Pair, tmp_path: Path
) -> None:
    async with serving(pair.url, tmp_path) as ahead, serving(pair.url, tmp_path) as other:
        await create(ahead, "equal", "ahead", "behind", "goes-on")
        for session in ("equal", "ahead", "behind", "goes-on"):
            assert (await store(ahead, session, "base")).status == 200
        pair.stall()
        pair.query("ALTER SYSTEM SET synchronous_standby_names = ''")
        pair.query("SELECT pg_reload_conf()")
        await create(ahead, "ghost")
        for session in ("equal", "ahead", "behind", "goes-on"):
            assert (await store(ahead, session, "lost", f"key-of-{session}")).status == 200
        assert await texts(ahead, "equal") == ["base", "lost"]
        pair.fail_over()

        await stored(other, "equal", "after")
        assert await texts(ahead, "equal") == await texts(other, "equal") == ["after", "base"]
        assert await texts(ahead, "ahead") == ["base"]
        assert await texts(ahead, "ghost") == 404
        await create(other, "ghost")
        assert await texts(ahead, "ghost") == []
        await stored(ahead, "goes-on", "more")
        assert await texts(other, "goes-on") == ["base", "more"]
        again = await stored(ahead, "ahead", "lost", "key-of-ahead")
        assert "idempotency-replayed" not in again.headers
        assert await texts(other, "ahead") == ["base", "lost"]

        for text in ("after", "and again"):
            await stored(other, "behind", text)
        ahead.process.send_signal(SIGTERM)
        assert await ahead.exit_status(within_s=15) == 0
        await other.kill()
    async with serving(pair.url, tmp_path) as later:
        assert await texts(later, "behind") == ["after", "and again", "base"]
        assert await texts(later, "equal") == ["after", "base"]


async def test_a_change_is_replayed_only_once_it_is_confirmed(pair: Pair, tmp_path: Path) -> None:
    async with serving(pair.url, tmp_path) as one, serving(pair.url, tmp_path) as other:
        await create(one, "cancelled", "waiting")
        assert (await store(one, "cancelled", "base", "known")).status == 200
        assert (await store(other, "cancelled", "base", "known")).status == 200
        pair.stall()

        asked = asyncio.create_task(store(one, "cancelled", "unknown", "first"))
        await asyncio.to_thread(cancel_commit, pair)
        assert outcome(await asked) == "unknown"
        assert pair.query("SELECT max(seq) FROM sessions WHERE session_id = 'cancelled'") == "3"
        for server in (one, other):
            assert (await store(server, "cancelled", "unknown", "first")).status == 503
            assert (await store(server, "cancelled", "base", "known")).status == 503
        assert outcome(await store(one, "waiting", "refused")) == "not_written"
        async with one.client() as client:
            assert (await client.get("/v1/metrics/cancelled")).status == 503

        assert outcome(await store(other, "waiting", "unknown", "second")) == "unknown"
        assert (await store(one, "waiting", "unknown", "second")).status == 503
        assert pair.query("SELECT seq FROM sessions WHERE session_id = 'waiting'") == "1"

        pair.fail_over()
        for session, key in (("cancelled", "first"), ("waiting", "second")):
            anew = await stored(one, session, "unknown", key)
            assert "idempotency-replayed" not in anew.headers
            again = await stored(other, session, "unknown", key)
            assert again.headers["idempotency-replayed"] == "true"
            assert again.body == anew.body
        assert await texts(one, "cancelled") == ["base", "unknown"]
        assert await texts(other, "waiting") == ["unknown"]


async def test_a_change_that_was_unknown_is_there_once_the_standby_is_back(
    pair: Pair, tmp_path: Path
) -> None:
    async with serving(pair.url, tmp_path) as server:
        await create(server, "s")
        pair.stall()
        assert outcome(await store(server, "s", "unknown", "key")) == "unknown"
        pair.resume()
        answer = await stored(server, "s", "unknown", "key")
        assert answer.headers["idempotency-replayed"] == "true"
        assert await texts(server, "s") == ["unknown"]


def outcome(answer: Answer) -> str:
    assert answer.status == 503, answer
    said: str = answer.json()["outcome"]
    return said


def cancel_commit(pair: Pair) -> None:
    """As an operator does who finds it waiting for the standby."""
    pair.wait_for(
        "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
        "1",
    )
