"""The memories that matter for a query, hot and archived in one ranking."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semvec.session.events import MemoryRecord
from semvec.session.lexical import agree, terms
from semvec.session.memory import Content, Memories, joined
from semvec.session.recall import Order, Scores, Signals, rank, relevance
from semvec.session.session import Session, vector_of
from semvec.vectors import Vector

POLICY_SHARE = 0.1
"""What a policy vector of weight 1 adds at most."""
RECENT_S = 3600.0
"""Age in seconds at which a memory's recency is one half."""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """`vector` has shape (d,), unit length; `text` is None for a query by vector alone."""

    text: str | None
    vector: Vector


@dataclass(frozen=True, slots=True)
class Found:
    """A memory, hot or out of the archive."""

    memory: Content | MemoryRecord
    relevance: float

    @property
    def text(self) -> str:
        return joined(self.memory.question, self.memory.response)


def search(
    session: Session,
    query: Query,
    cosines: Vector,
    k: int,
    now: float,
    archived: Sequence[MemoryRecord] = (),
) -> list[Found]:
    """The best k by falling relevance.

    `cosines`, shape (count,), are the query's to the session's rows; `archived` are candidates from
    the archive, scored as if they were hot.
    """
    memories, n = session.memories, session.memories.count
    candidates = [record for record in archived if record.id not in memories]
    words = None if query.text is None else terms(query.text)
    lexical = None if not words else memories.lexical.scores(words, n)
    signals = Signals(
        cosine=cosines,
        lexical=lexical,
        recency=recency(now - memories.created[:n]),
        importance=memories.importance[:n].astype(np.float32),
        boost=policy_boost(session, memories.vectors[:n]),
    )
    ids = memories.ids[:n]
    order = Order(memories.previous[:n], memories.next[:n])
    if candidates:
        signals = extended(signals, session, query, words, candidates, now)
        alone = np.full(len(candidates), -1)
        order = Order(np.append(order.previous, alone), np.append(order.next, alone))
        ids = np.append(ids, [record.id for record in candidates])
    scores = relevance(signals, order)
    return [
        Found(memories.content(slot) if slot < n else candidates[slot - n], float(scores[slot]))
        for slot in rank(scores, ids, k).tolist()
    ]


def extended(
    signals: Signals,
    session: Session,
    query: Query,
    words: Sequence[str] | None,
    candidates: Sequence[MemoryRecord],
    now: float,
) -> Signals:
    """The signals with those of archived candidates at the end."""
    vectors = np.stack([vector_of(record.vector) for record in candidates])
    questions = np.stack(
        [vector_of(record.question_vector or record.vector) for record in candidates]
    )
    lexical = signals.lexical
    if lexical is not None and words:
        index = session.memories.lexical
        texts = (joined(record.question, record.response) for record in candidates)
        more = [index.score_document(words, terms(text)) for text in texts]
        lexical = np.append(lexical, np.array(more, np.float32))
    created = np.array([record.created for record in candidates])
    importance = np.array([record.importance for record in candidates], np.float32)
    cosine = np.maximum(vectors @ query.vector, questions @ query.vector)
    return Signals(
        cosine=np.append(signals.cosine, cosine),
        lexical=lexical,
        recency=np.append(signals.recency, recency(now - created)),
        importance=np.append(signals.importance, importance),
        boost=joined_boost(signals.boost, policy_boost(session, vectors)),
    )


def familiar(memories: Memories, cosines: Vector, text: str) -> tuple[float, bool]:
    """The highest cosine to anything remembered, and whether that memory answers this question.

    It does when it holds an answer and its numbers, dates and names are the question's.
    """
    if not len(memories):
        return 0.0, False
    row = int(cosines.argmax())
    similarity = max(-1.0, min(1.0, float(cosines[row])))
    content = memories.contents[row]
    if content is None or content.question is None or content.response is None:
        return similarity, False
    return similarity, agree(text, content.question)


def recency(age: npt.NDArray[np.float64]) -> Scores:
    """1 for an age of 0 seconds, 1/2 at RECENT_S, towards 0."""
    return (RECENT_S / (RECENT_S + np.maximum(age, 0.0))).astype(np.float32)


def joined_boost(hot: Scores | None, archived: Scores | None) -> Scores | None:
    return None if hot is None or archived is None else np.append(hot, archived)


def policy_boost(session: Session, vectors: Vector) -> Scores | None:
    """The largest boost that any policy vector gives each row, in [0, POLICY_SHARE]."""
    if not len(session.policies):
        return None
    pull = (vectors @ session.policies.T).max(axis=1)
    boost: Scores = POLICY_SHARE * np.clip(pull, 0.0, 1.0)
    return boost
