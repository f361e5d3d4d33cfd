"""Promise 5 in small: two servers share a database, and a session that both change at once."""

import asyncio
from collections import Counter
from itertools import count
from pathlib import Path

from semvec.cache.cached_session import rebuild
from semvec.session.memory import text_of
from semvec.session.session import Session
from semvec.store import Store
from tests.servers import Client, Cut, Refused, Server, serving
from tests.services import DIMENSION, embedding

CLIENTS = 8
CHANGES = 30


class Speaker:
    """Speaks in one session that others speak in too."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.heard: list[str] = []
        self.unanswered: list[str] = []

    async def speak(self, client: Client, number: int) -> None:
        """A lone response, or a message that waits for anybody's answer."""
        words = f"{self.name} says {number}"
        kind, field = ("run", "message") if number % 3 == 0 else ("store", "response")
        said = {"session_id": "shared", field: words, f"{field}_embedding": embedding(words)}
        try:
            answer = await client.post(f"/v1/{kind}", **said)
        except Cut:
            self.unanswered.append(words)
            raise
        assert answer.status == 200, answer
        self.heard.append(words)

    async def speak_up(self, server: Server, changes: int) -> None:
        async with server.client() as client:
            for number in range(changes):
                await self.speak(client, number)

    async def speak_until_cut(self, server: Server) -> None:
        async with server.client() as client:
            try:
                for number in count():
                    await self.speak(client, number)
            except (Cut, Refused):
                return


async def create(server: Server) -> None:
    async with server.client() as client:
        answer = await client.post("/v1/session/create", session_id="shared", dimension=DIMENSION)
    assert answer.json() == {"session_id": "shared", "created": True}


async def rebuilt(url: str, session_id: str = "shared") -> Session:
    """The session out of storage, where no event is missing and none is there twice."""
    store = Store(url)
    stored = await store.load("anonymous", session_id)
    await store.engine.dispose()
    assert stored is not None
    session = rebuild(("anonymous", session_id), stored, 0.0).session
    assert session.seq == stored.head.seq
    return session


def inputs(session: Session) -> list[str]:
    """All that was said, in the one order in which the session took it."""
    said: list[str | None] = []
    for record in session.memories.records_after(0):
        said += [record.question, record.response]
    said.append(text_of(session.pending))
    return [words for words in said if words is not None]


async def check(url: str, speakers: list[Speaker], *servers: Server) -> None:
    session = await rebuilt(url)
    said = inputs(session)
    assert max(Counter(said).values()) == 1
    heard = {words for speaker in speakers for words in speaker.heard}
    unanswered = {words for speaker in speakers for words in speaker.unanswered}
    assert heard <= set(said) <= heard | unanswered
    for speaker in speakers:
        own = [words for words in said if words.startswith(f"{speaker.name} ")]
        assert own == [*speaker.heard, *speaker.unanswered][: len(own)]
    assert session.state.interaction_count == session.total_memories
    for server in servers:
        async with server.client() as client:
            metrics = (await client.get("/v1/metrics/shared")).json()
        assert metrics["interaction_count"] == session.state.interaction_count
        assert metrics["norm_history"] == [update.norm for update in session.state.updates]
        assert metrics["similarity_history"] == [
            update.similarity for update in session.state.updates
        ]


async def test_promise_5_one_session_on_two_servers(postgres_url: str, tmp_path: Path) -> None:
    async with serving(postgres_url, tmp_path) as one, serving(postgres_url, tmp_path) as other:
        await create(one)
        speakers = [Speaker(f"c{number}") for number in range(CLIENTS)]
        servers = (one, other) * (CLIENTS // 2)
        await asyncio.gather(
            *(
                speaker.speak_up(server, CHANGES)
                for speaker, server in zip(speakers, servers, strict=True)
            )
        )
        assert sum(len(speaker.heard) for speaker in speakers) == CLIENTS * CHANGES
        await check(postgres_url, speakers, one, other)


async def test_promise_5_one_of_two_servers_is_killed(postgres_url: str, tmp_path: Path) -> None:
    async with serving(postgres_url, tmp_path) as one, serving(postgres_url, tmp_path) as other:
        await create(one)
        speakers = [Speaker(f"c{number}") for number in range(CLIENTS)]
        doomed, spared = speakers[::2], speakers[1::2]
        cut = asyncio.gather(*(speaker.speak_until_cut(one) for speaker in doomed))
        speaking = asyncio.gather(*(speaker.speak_up(other, 2 * CHANGES) for speaker in spared))
        await asyncio.sleep(0.5)
        async with asyncio.timeout(30):
            while not all(speaker.heard for speaker in doomed):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await one.kill()
        await cut
        assert all(speaker.heard for speaker in doomed)
        await speaking
        assert all(len(speaker.heard) == 2 * CHANGES for speaker in spared)
        await check(postgres_url, speakers, other)
        async with serving(postgres_url, tmp_path) as again:
            late = Speaker("late")
            await late.speak_up(again, CHANGES)
            await check(postgres_url, [*speakers, late], other, again)
