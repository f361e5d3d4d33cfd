"""Promise 6: a request with an Idempotency-Key has one effect, however often it is sent."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from semvec.audit import AuditLog
from semvec.store import AuditFilter, Store
from tests.api.test_two_servers import inputs, rebuilt
from tests.servers import Answer, Client, Cut, Refused, Server, serving
from tests.services import DIMENSION, embedding

REQUESTS = 1_000
SESSIONS = 16
AT_ONCE = 3
PATIENCE = 200
KILL_AT = 0.5
"""Share of the requests that have an answer when the server is killed."""


@dataclass(slots=True)
class Keyed:
    """A request with a key, and every answer that it has got."""

    number: int
    answers: list[Answer] = field(default_factory=list)

    @property
    def session_id(self) -> str:
        return f"s{self.number % SESSIONS}"

    @property
    def words(self) -> str:
        return f"request {self.number}"

    async def send(self, client: Client) -> None:
        """Until there is an answer that is not "still being carried out"."""
        body = {"response": self.words, "response_embedding": embedding(self.words)}
        path = "/v1/store"
        fields: dict[str, Any] = {"session_id": self.session_id, **body}
        if self.number % 10 == 0:  # makes its own session
            path, fields = "/v1/run", {"message": self.words}
            fields["message_embedding"] = embedding(self.words)
        content = json.dumps(fields).encode()
        for _ in range(PATIENCE):
            answer = await client.request("POST", path, content, key=f"key-{self.number}")
            if answer.status != 409:
                self.answers.append(answer)
                return
            assert answer.headers["retry-after"] == "1"
            await asyncio.sleep(0.02)
        raise AssertionError("there was no end to it")


async def send_all(server: Server, keyed: list[Keyed], done: asyncio.Event) -> None:
    """Each request three times at once, once more where it has answers, as far as the server
    lives."""
    waiting = list(keyed)

    async def sender(name: int) -> None:
        async with server.client() as one, server.client() as other, server.client() as third:
            while waiting:
                request = waiting.pop()
                if len(waiting) < len(keyed) * KILL_AT:
                    done.set()
                clients = (one,) if request.answers else (one, other, third)
                await asyncio.gather(*map(request.send, clients))

    outcomes = await asyncio.gather(*map(sender, range(8)), return_exceptions=True)
    done.set()
    unexpected = [each for each in outcomes if each and not isinstance(each, Cut | Refused)]
    assert not unexpected, unexpected


async def check(url: str, keyed: list[Keyed]) -> None:
    """Each request had one effect, and one answer, the first one new and the others repeated."""
    for request in keyed:
        assert {answer.status for answer in request.answers} == {200}
        assert len({answer.body for answer in request.answers}) == 1
        fresh = [a for a in request.answers if "idempotency-replayed" not in a.headers]
        assert len(fresh) <= 1
    store = Store(url)
    try:
        log = await store.entries(AuditFilter("anonymous"), limit=10 * REQUESTS, before=None)
        report = await AuditLog(store).verify()
        made = await store.count("anonymous")
    finally:
        await store.engine.dispose()
    counted = Counter(row.entry.action for row in log)
    own = sum(request.number % 10 == 0 for request in keyed)
    assert counted == {"create_session": SESSIONS, "run": own, "store": REQUESTS - own}
    assert made == SESSIONS + own
    assert report.intact, report.faults
    said: list[str] = []
    for number in range(SESSIONS):
        said += inputs(await rebuilt(url, f"s{number}"))
    assert sorted(said) == sorted(each.words for each in keyed if each.number % 10)


@pytest.mark.timeout(300)
async def test_promise_6_a_thousand_requests_have_a_thousand_effects(
    database_url: str, tmp_path: Path
) -> None:
    seed = random.getrandbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    keyed = [Keyed(number) for number in range(REQUESTS)]
    chance.shuffle(keyed)
    async with serving(database_url, tmp_path) as server:
        async with server.client() as client:
            for number in range(SESSIONS):
                fields = {"session_id": f"s{number}", "dimension": DIMENSION}
                assert (await client.post("/v1/session/create", **fields)).status == 200
        half = asyncio.Event()
        sending = asyncio.create_task(send_all(server, keyed, half))
        await half.wait()
        await asyncio.sleep(chance.uniform(0.0, 0.2))
        await server.kill()
        await sending
    answered = {request.number for request in keyed if request.answers}
    assert 0 < len(answered) < REQUESTS
    async with serving(database_url, tmp_path) as server:
        await send_all(server, keyed, asyncio.Event())
    replayed = [
        request.answers[-1].headers.get("idempotency-replayed")
        for request in keyed
        if request.number in answered
    ]
    assert set(replayed) == {"true"}
    await check(database_url, keyed)
