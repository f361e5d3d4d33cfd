"""Services for tests that bring their own vectors, and a clock that stands still."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import numpy as np

from semvec import answers
from semvec.service import Service
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
    url: str, clock: HeldClock | None = None, *, shared: bool | None = None, **settings: Any
) -> AsyncIterator[Service]:
    """A service without an embedder on this database."""
    chosen = Settings(**{"memory_bytes": 1 << 30, **settings}, database_url=url, embedder="none")
    ids = count(1)
    service = Service(
        Store(url, shared=shared),
        None,
        chosen,
        clock or HeldClock(),
        lambda: f"made-{id(ids)}-{next(ids)}",
    )
    await service.start()
    try:
        yield service
    finally:
        await service.close()


async def create(service: Service, session_id: str = "s", owner: str = OWNER, **more: Any) -> None:
    fields: dict[str, Any] = {
        "dimension": DIMENSION,
        "model_name": None,
        "enable_topic_switch": True,
        "template_embedding": None,
        "policy_vectors": None,
        "long_term_memories": None,
    }
    await service.create(owner, session_id=session_id, **{**fields, **more})


async def store(
    service: Service, text: str, session_id: str = "s", owner: str = OWNER
) -> answers.Stored:
    return await service.store(
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
    return await service.run(
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
    context = await service.context(
        owner,
        session_id=session_id,
        q=q,
        q_embedding=embedding(q) if q else None,
        top_k=top_k,
        full_first=False,
        max_text_chars=500,
    )
    return context.context
