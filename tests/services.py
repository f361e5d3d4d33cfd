"""Services for tests that bring their own vectors, and a clock that stands still."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import numpy as np
import sqlalchemy

from semvec import answers
from semvec.embed.protocol import Embedder
from semvec.intake import NewSession
from semvec.kernels.factory import OpenedDevice, open_device
from semvec.service import Service
from semvec.session.events import IsolationLevel, MemoryTier
from semvec.settings import Settings
from semvec.store import Store

DIMENSION = 8
OWNER = "ada"


class HeldClock:
    """Time that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def embedding(text: str) -> list[float]:
    """A vector that depends on nothing but the text."""
    seed = int.from_bytes(text.encode()[-8:], "big") + len(text)
    numbers: list[float] = np.random.default_rng(seed).standard_normal(DIMENSION).tolist()
    return numbers


@asynccontextmanager
async def running(
    url: str,
    clock: HeldClock | None = None,
    *,
    shared: bool | None = None,
    embedder: Embedder | None = None,
    open_device: Callable[[str], OpenedDevice | None] = open_device,
    **settings: Any,
) -> AsyncIterator[Service]:
    """A service on this database, without an embedder unless one is given."""
    chosen = Settings(**{"memory_bytes": 1 << 30, **settings}, database_url=url, embedder="none")
    ids = count(1)
    service = Service(
        Store(url, shared=shared),
        embedder,
        chosen,
        clock or HeldClock(),
        lambda: f"made-{id(ids)}-{next(ids)}",
        open_device=open_device,
    )
    await service.start()
    try:
        yield service
    finally:
        await service.close()


async def create(service: Service, session_id: str = "s", owner: str = OWNER, **more: Any) -> None:
    wanted = NewSession(**{"dimension": DIMENSION, **more})
    await service.sessions.create(owner, session_id, wanted)


async def store(
    service: Service, text: str, session_id: str = "s", owner: str = OWNER
) -> answers.Stored:
    return await service.conversation.store(
        owner, session_id=session_id, response=text, response_embedding=embedding(text)
    )


async def run(
    service: Service,
    message: str,
    response: str | None = None,
    *,
    session_id: str | None = "s",
    owner: str = OWNER,
    learn: bool = True,
    reset: bool = False,
) -> answers.Run:
    return await service.conversation.run(
        owner,
        message=message,
        session_id=session_id,
        response=response,
        short_circuit_threshold=0.85,
        reset_context=reset,
        learn=learn,
        message_embedding=embedding(message),
        response_embedding=embedding(response) if response else None,
    )


async def recall(
    service: Service, q: str | None, session_id: str = "s", owner: str = OWNER, top_k: int = 5
) -> list[answers.ContextItem]:
    context = await service.recall.context(
        owner,
        session_id=session_id,
        q=q,
        q_embedding=embedding(q) if q else None,
        top_k=top_k,
        full_first=False,
        max_text_chars=500,
    )
    return context.context


async def isolate(
    service: Service,
    level: IsolationLevel,
    excluded: tuple[str, ...] = (),
    allowed: tuple[str, ...] = (),
    **more: Any,
) -> None:
    fields: dict[str, Any] = {
        "level": level,
        "exclusion_embeddings": [embedding(each) for each in excluded],
        "allowlist_embeddings": [embedding(each) for each in allowed],
        "similarity_threshold": 0.99,
    }
    await service.control.isolate(OWNER, "s", **{**fields, **more})


async def inject(
    service: Service, words: str, tier: MemoryTier = MemoryTier.SHORT_TERM, owner: str = OWNER
) -> Any:
    return await service.control.inject(
        owner,
        "s",
        embedding=embedding(words),
        text=words,
        tier=tier,
        importance=0.75,
        access_count=2,
    )


async def trigger(
    service: Service,
    keyword: str | None = "refund",
    vector: list[float] | None = None,
    owner: str = OWNER,
) -> int:
    answer = await service.control.set_trigger(
        owner, "s", keyword=keyword, embedding=vector, threshold=0.8
    )
    return answer.trigger_count


async def put(service: Service, key: str, value: str = "v", owner: str = OWNER) -> int:
    answer = await service.literals.put(
        owner, "s", key=key, kind="path", value=value, context="", importance=1.0
    )
    return answer.size


async def find(service: Service, q: str = "", owner: str = OWNER) -> list[tuple[str, str, int]]:
    found = await service.literals.find(owner, "s", q=q, max_results=1000)
    return [(each.key, each.value, each.access_count) for each in found.body.entities]


async def evicted(service: Service, clock: HeldClock) -> None:
    """Let every session grow idle and leave memory."""
    clock.now += 10_000
    service.sweep()
    async with asyncio.timeout(10):
        while service.resident:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def rows(service: Service, table: str) -> list[Any]:
    async with service.database.engine.connect() as connection:
        return list((await connection.execute(sqlalchemy.text(f"SELECT * FROM {table}"))).all())
