"""Recall while most of what was learnt is in the archive (promise 26).

    python -m bench.pressure DATA [--turns 1000] [--hot 300]

DATA is a file like `locomo_dev.json`: a list of {turns: [{id, text}], questions: [{question,
evidence: [turn id]}]}. Each conversation is learnt turn by turn, a minute apart, with turns of the
others after or before it until there are so many; then its questions are asked. Sessions lie in
SQLite, with room for all turns or for so few hot memories. Figures in %, over all questions.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from semvec.embed.factory import open_embedder
from semvec.embed.protocol import Embedder
from semvec.intake import NewSession
from semvec.service import Service
from semvec.session.tiers import MEDIUM_TERM, SHORT_TERM
from semvec.settings import Settings
from semvec.store import Store
from semvec.vectors import Encoding

TURN_S = 60.0
DEPTHS = (5, 10)
OWNER, SESSION = "bench", "s"
ROOM = 1_000_000
"""More than anybody learns here."""


class Turn(TypedDict):
    id: str
    text: str


class Question(TypedDict):
    question: str
    evidence: list[str]


class Conversation(TypedDict):
    turns: list[Turn]
    questions: list[Question]


class Remembered:
    """An embedder that encodes each text once, however often it is asked."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder, self._known = embedder, dict[str, Encoding]()
        self.model_name, self.dimension = embedder.model_name, embedder.dimension
        self.token_dimension = embedder.token_dimension

    async def start(self) -> None:
        """The embedder has been started."""

    async def close(self) -> None:
        """The embedder is closed by whoever opened it."""

    async def encode(self, texts: Sequence[str]) -> list[Encoding]:
        if missing := [text for text in texts if text not in self._known]:
            encoded = await self._embedder.encode(missing)
            self._known.update(zip(missing, encoded, strict=True))
        return [self._known[text] for text in texts]


@dataclass(slots=True)
class Minutes:
    """A clock that only turns move."""

    now: float = 1e9

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Row:
    """Whether a conversation is learnt before its filling, and into sessions with what room."""

    name: str
    first: bool
    long_term: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Recall at DEPTHS in %, and the share of the memories that lie in the archive, in %."""

    recall: list[float]
    archived: float


@asynccontextmanager
async def running(embedder: Embedder, clock: Minutes) -> AsyncIterator[Service]:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        service = Service(Store(url), embedder, Settings(database_url=url), clock, lambda: SESSION)
        await service.start()
        try:
            yield service
        finally:
            await service.close()


def filled(conversations: Sequence[Conversation], turns: int) -> Iterator[list[Turn]]:
    """For each conversation the turns of the others that make it so long."""
    for place, own in enumerate(conversations):
        others = [*conversations[place + 1 :], *conversations[:place]]
        filling = [turn for other in others for turn in other["turns"]]
        yield filling[: max(0, turns - len(own["turns"]))]


async def measure(
    conversations: Sequence[Conversation], embedder: Embedder, row: Row, turns: int
) -> Figures:
    shares: list[list[float]] = []
    archived: list[float] = []
    for own, filling in zip(conversations, filled(conversations, turns), strict=True):
        clock = Minutes()
        async with running(embedder, clock) as service:
            await service.sessions.create(
                OWNER, SESSION, NewSession(long_term_memories=row.long_term)
            )
            for turn in [*own["turns"], *filling] if row.first else [*filling, *own["turns"]]:
                clock.now += TURN_S
                await service.conversation.store(
                    OWNER, session_id=SESSION, response=turn["text"], response_embedding=None
                )
            shares += [await recall(service, own, question) for question in own["questions"]]
            total = (await service.sessions.metrics(OWNER, SESSION)).total_memories
            hot = row.long_term + MEDIUM_TERM + SHORT_TERM
            archived.append(max(0.0, 1.0 - hot / total))
    means = 100 * np.mean(shares, axis=0)
    return Figures(means.tolist(), 100 * float(np.mean(archived)))


async def recall(service: Service, own: Conversation, question: Question) -> list[float]:
    """The share of the question's evidence among the first memories, at each depth."""
    found = await service.recall.context(
        OWNER,
        session_id=SESSION,
        q=question["question"],
        q_embedding=None,
        top_k=max(DEPTHS),
        full_first=False,
        max_text_chars=ROOM,
    )
    said = {turn["id"]: turn["text"] for turn in own["turns"]}
    evidence = [said[turn_id] for turn_id in question["evidence"]]
    best = [item.text for item in found.context]
    return [sum(text in best[:k] for text in evidence) / len(evidence) for k in DEPTHS]


async def report(conversations: Sequence[Conversation], turns: int, hot: int) -> None:
    embedder = open_embedder("local")
    assert embedder is not None
    await embedder.start()
    remembered, long_term = Remembered(embedder), hot - MEDIUM_TERM - SHORT_TERM
    print(f"{'':<32}{'archived':>10}" + "".join(f"{f'R@{k}':>8}" for k in DEPTHS))
    for row in (
        Row("room for all", True, ROOM),
        Row(f"room for {hot}, learnt first", True, long_term),
        Row(f"room for {hot}, learnt last", False, long_term),
    ):
        figures = await measure(conversations, remembered, row, turns)
        shares = "".join(f"{share:>8.1f}" for share in figures.recall)
        print(f"{row.name:<32}{figures.archived:>10.1f}{shares}", flush=True)
    await embedder.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--turns", type=int, default=1000)
    parser.add_argument("--hot", type=int, default=300)
    args = parser.parse_args()
    asyncio.run(report(json.loads(args.data.read_text()), args.turns, args.hot))


if __name__ == "__main__":
    main()
