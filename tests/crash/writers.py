"""Clients that write, and know exactly what a server may hold afterwards."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

from semvec.session.events import join_pair
from semvec.session.text_normalise import content_hash
from tests.servers import Answer, Client, Cut
from tests.services import DIMENSION, embedding

SESSIONS = 4
LONG_TERM = 1
"""So few hot memories that sessions soon have an archive."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a session holds: texts learnt, in order, and the question that waits for its answer."""

    learnt: tuple[str, ...] = ()
    pending: str | None = None

    def hear(self, message: str | None, response: str | None) -> "Held":
        """After a run, or a store where there is no message."""
        text = join_pair(self.pending, response)
        learnt = (*self.learnt, text) if text else self.learnt
        return Held(learnt, message)


State = Held | None
"""None where there is no session."""


@dataclass(frozen=True, slots=True)
class Change:
    """A request that creates, deletes, or carries on a session with a message or a response."""

    kind: str
    session_id: str
    message: str | None = None
    response: str | None = None

    def applied(self, state: State) -> State:
        if self.kind in ("create", "delete"):
            return Held() if self.kind == "create" else None
        assert state is not None
        return state.hear(self.message, self.response)

    async def send(self, client: Client) -> Answer:
        if self.kind == "delete":
            return await client.delete(f"/v1/session/{self.session_id}")
        fields: dict[str, object] = {"session_id": self.session_id}
        if self.kind == "create":
            fields |= {"dimension": DIMENSION, "long_term_memories": LONG_TERM}
            return await client.post("/v1/session/create", **fields)
        for name in ("message", "response"):
            if (text := getattr(self, name)) is not None:
                fields |= {name: text, f"{name}_embedding": embedding(text)}
        return await client.post(f"/v1/{self.kind}", **fields)


class Writer:
    """One client with sessions of its own, one request at a time.

    For each session it keeps every state that the server may hold: the one after all acknowledged
    changes, and while a request has been left without an answer, or with 503, the one after it.
    """

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name, self._chance = name, chance
        self.states: dict[str, set[State]] = {f"{name}-{n}": {None} for n in range(SESSIONS)}
        self.acknowledged = 0
        self.unavailable = 0
        self._checked: dict[str, int] = {}
        self._numbers = count()

    @property
    def in_doubt(self) -> list[str]:
        return [session_id for session_id, states in self.states.items() if len(states) > 1]

    async def write(self, client: Client) -> Answer:
        """Send a change of a session that is not in doubt. Raises what the client raises."""
        certain = [session_id for session_id, states in self.states.items() if len(states) == 1]
        session_id = self._chance.choice(certain)
        (state,) = self.states[session_id]
        kind = "create"
        if state is not None:
            kind = self._chance.choices(("store", "run", "ask", "delete"), (45, 40, 13, 2))[0]
        return await self.send(client, self.change(kind, session_id))

    def change(self, kind: str, session_id: str) -> Change:
        """No two texts have the same words; a message alone is `ask`."""
        if kind in ("create", "delete"):
            return Change(kind, session_id)
        number = next(self._numbers)
        asked, said = f"{self.name} asks {number}", f"{self.name} says {number}"
        if kind == "store":
            return Change(kind, session_id, None, said)
        return Change("run", session_id, asked, None if kind == "ask" else said)

    async def send(self, client: Client, change: Change) -> Answer:
        before = self.states[change.session_id]
        after = {change.applied(state) for state in before}
        try:
            answer = await change.send(client)
        except Cut:
            self.states[change.session_id] = before | after
            raise
        if answer.status == 503:
            self._note_unavailable(answer)
            self.states[change.session_id] = before | after
            return answer
        assert answer.status == 200, (change, answer)
        self.acknowledged += 1
        if change.kind in ("create", "delete"):
            self._checked.pop(change.session_id, None)
            assert answer.json().get("created", True), change
        elif change.kind == "store":
            digest = answer.json()["memory_hash"]
            after = {held for held in after if held and content_hash(held.learnt[-1]) == digest}
            assert after, (change, answer)
        self.states[change.session_id] = after
        return answer

    async def settle(self, client: Client) -> None:
        """Learn which state the sessions in doubt are in; each is wholly in one of them."""
        for session_id in self.in_doubt:
            await self._look(client, session_id)
            if len(self.states[session_id]) > 1:
                await self.send(client, self.change("store", session_id))

    async def check(self, client: Client) -> None:
        """Everything acknowledged since the last check is there, word for word, and no more."""
        await self.settle(client)
        for session_id in self.states:
            await self._look(client, session_id)
            (state,) = self.states[session_id]
            if state is not None:
                done = self._checked.get(session_id, 0)
                await self._expand(client, session_id, state.learnt[done:])
                self._checked[session_id] = len(state.learnt)

    async def check_all(self, client: Client) -> None:
        self._checked.clear()
        await self.check(client)

    async def read(self, client: Client, path: str, **fields: object) -> Answer:
        """What changes nothing may be asked again at once; a POST where there are fields."""
        for _ in range(2):
            answer = await (client.post(path, **fields) if fields else client.get(path))
            if answer.status != 503:
                break
            self._note_unavailable(answer)
        return answer

    def _note_unavailable(self, answer: Answer) -> None:
        assert int(answer.headers["retry-after"]) >= 1
        self.unavailable += 1

    async def _look(self, client: Client, session_id: str) -> None:
        """Keep the states that fit what the server counts."""
        answer = await self.read(client, f"/v1/metrics/{session_id}")
        counted = None
        if answer.status != 404:
            assert answer.status == 200, answer
            counted = answer.json()["interaction_count"]
            assert answer.json()["total_memories"] == counted, answer
        states = self.states[session_id]
        fitting = {state for state in states if size(state) == counted}
        assert fitting, f"{session_id}: {answer.body!r} fits none of {[*map(size, states)]}"
        self.states[session_id] = fitting

    async def _expand(self, client: Client, session_id: str, texts: Iterable[str]) -> None:
        for text in texts:
            path = f"/v1/session/{session_id}/memories/{content_hash(text)}"
            answer = await self.read(client, path)
            assert answer.status == 200, (session_id, text, answer)
            assert answer.json()["text"] == text


def size(state: State) -> int | None:
    return None if state is None else len(state.learnt)
