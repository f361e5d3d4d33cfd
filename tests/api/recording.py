"""Clients that speak to several servers about the same sessions, and write down when."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from urllib.parse import quote

import orjson

from semvec.session.text_normalise import content_hash
from tests.api.session_model import MISSING, Call, Result
from tests.histories import Operation
from tests.servers import Answer, Client, Cut, Refused, Server
from tests.services import DIMENSION, embedding

ENTITIES = ("one", "two/three", "four")
KINDS = {
    **{"store": 14, "run": 8, "inject": 6, "trigger": 5, "clear": 1, "anchor": 4},
    **{"put": 12, "remove": 6, "delete": 3, "create": 3},
    **{"metrics": 14, "recall": 8, "entities": 12, "memory": 6, "anchors": 4},
}
"""What clients ask, and how often."""
READS = frozenset({"metrics", "recall", "entities", "memory", "anchors"})
KEYED = frozenset({"store", "run", "inject", "trigger", "anchor", "put"})

TOP_K = 50
"""More memories than sessions have here but for a few: all of them are recalled."""

Sent = tuple[str, str, dict[str, object]]
"""Method, path, fields."""


def request(session: str, call: Call) -> Sent:
    path, text = f"/v1/session/{session}", call.text
    vector = embedding(text)
    match call.kind:
        case "create":
            return "POST", "/v1/session/create", {"session_id": session, "dimension": DIMENSION}
        case "delete":
            return "DELETE", path, {}
        case "store":
            said: dict[str, object] = {"response": text, "response_embedding": vector}
            return "POST", "/v1/store", {"session_id": session, **said}
        case "run":
            said = {"response": text, "response_embedding": vector}
            said |= {"message": f"After {text}?", "message_embedding": vector}
            return "POST", "/v1/run", {"session_id": session, **said}
        case "inject":
            return "POST", f"{path}/memory", {"text": text, "embedding": vector}
        case "trigger":
            return "POST", f"{path}/trigger", {"keyword": text}
        case "clear":
            return "DELETE", f"{path}/trigger", {}
        case "anchor":
            return "POST", f"{path}/anchor", {"embedding": vector}
        case "put":
            entity: dict[str, object] = {"key": call.entity, "kind": "constant", "value": text}
            return "POST", f"{path}/entities", entity
        case "remove":
            return "DELETE", f"{path}/entities/{quote(call.entity)}", {}
        case "recall":
            asked = {"session_id": session, "q": text, "q_embedding": vector, "top_k": TOP_K}
            return "POST", "/v1/state/context", asked
        case _:
            return "GET", place(session, call), {}


def place(session: str, call: Call) -> str:
    """Where a read goes to."""
    return {
        "metrics": f"/v1/metrics/{session}",
        "anchors": f"/v1/session/{session}/anchor_score",
        "entities": f"/v1/session/{session}/entities",
        "memory": f"/v1/session/{session}/memories/{call.text}",
    }[call.kind]


ANSWERED: dict[str, Callable[[dict[str, object]], object]] = {
    "create": lambda body: body["created"],
    "store": lambda body: body["memory_hash"],
    "run": lambda body: body["learned"],
    "inject": lambda body: body["total_memories"],
    "trigger": lambda body: body["trigger_count"],
    "clear": lambda body: body["trigger_count"],
    "anchor": lambda body: body["anchor_count"],
    "anchors": lambda body: body["anchor_count"],
    "put": lambda body: body["size"],
    "remove": lambda body: body["removed"],
    "metrics": lambda body: (body["interaction_count"], body["total_memories"]),
    "recall": lambda body: frozenset(each["memory_hash"] for each in body["context"]),  # type: ignore[attr-defined]
    "entities": lambda body: frozenset((each["key"], each["value"]) for each in body["entities"]),  # type: ignore[attr-defined]
}


def result_of(call: Call, answer: Answer) -> Result:
    if answer.status == 404:
        return Result(200, False) if call.kind == "remove" else MISSING
    assert answer.status in (200, 201), (call, answer)
    value = ANSWERED[call.kind](answer.json()) if call.kind in ANSWERED else None
    return Result(answer.status, value)


@dataclass
class History:
    """Operations by session."""

    sessions: Sequence[str]
    operations: defaultdict[str, list[Operation[Call]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    asked: int = 0
    """Requests that have been sent, by which a test knows how far it has come."""


class Speaker:
    """One client: one request at a time, each to a server of its choice."""

    def __init__(
        self, name: str, servers: Sequence[Server], history: History, chance: random.Random
    ) -> None:
        self.name = name
        self._clients = [server.client() for server in servers]
        self._history, self._chance = history, chance
        self._hashes: dict[str, list[str]] = defaultdict(list)
        self._gone: set[str] = set()
        self._count = 0

    async def speak(self, requests: int) -> None:
        async with AsyncExitStack() as stack:
            for client in self._clients:
                await stack.enter_async_context(client)
            for _ in range(requests):
                session = self._chance.choice(self._history.sessions)
                call = self._drawn(session)
                await self._ask(session, call)
                if call.key is not None and self._chance.random() < 0.6:
                    await self._ask(session, call)

    def _drawn(self, session: str) -> Call:
        self._count += 1
        kind = self._chance.choices([*KINDS], [*KINDS.values()])[0]
        if session in self._gone and self._chance.random() < 0.5:
            kind = "create"
        text = f"{self.name} says {self._count}"
        if kind == "memory":
            text = self._chance.choice(self._hashes[session] or [content_hash(text)])
        keyed = kind in KEYED and self._chance.random() < 0.3
        key = f"{session}-{self.name}-{self._count}" if keyed else None
        return Call(kind, text, self._chance.choice(ENTITIES), key)

    async def _ask(self, session: str, call: Call) -> None:
        """Until it is answered, or nobody knows what became of it."""
        method, path, fields = request(session, call)
        while self._clients:
            client = self._chance.choice(self._clients)
            self._history.asked += 1
            invoked = time.monotonic()
            try:
                answer = await sent(client, method, path, fields, call.key)
            except Refused:
                self._clients.remove(client)
                continue
            except Cut:
                self._note(session, call, invoked, None)
                return
            if answer.status == 409 and call.key is not None:
                await asyncio.sleep(0.005)
                continue
            self._note(session, call, invoked, None if answer.status == 503 else answer)
            return

    def _note(self, session: str, call: Call, invoked: float, answer: Answer | None) -> None:
        operations = self._history.operations[session]
        if answer is None:
            if call.kind not in READS:
                operations.append(Operation(self.name, call, invoked))
            return
        result = result_of(call, answer)
        if isinstance(result.value, frozenset) and len(result.value) == TOP_K:
            return  # it may not be all
        operations.append(Operation(self.name, call, invoked, time.monotonic(), result))
        if result == MISSING and call.kind != "memory":
            self._gone.add(session)
        elif call.kind != "remove":
            self._gone.discard(session)
        if call.kind == "store" and isinstance(result.value, str):
            self._hashes[session].append(result.value)


async def sent(
    client: Client, method: str, path: str, fields: dict[str, object], key: str | None
) -> Answer:
    body = orjson.dumps(fields) if fields else b""
    return await client.request(method, path, body, key)
