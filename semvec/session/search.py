"""The memories that matter for a query, hot and archived in one ranking."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semvec.kernels.numpy_ import nearer_cosines
from semvec.session.agreement import agree
from semvec.session.events import MemoryRecord
from semvec.session.memory import Content
from semvec.session.recall import Order, Scores, Signals, rank, relevance
from semvec.session.session import Session
from semvec.session.words import terms
from semvec.vectors import Vector, unpacked

POLICY_SHARE = 0.1
"""What a policy vector of weight 1 adds at most."""
RECENT_S = 3600.0
"""Age in seconds at which a memory's recency is one half."""
TWIN = 1e-6
"""Difference of cosines below which two memories are equally near."""
TWINS = 8
"""Equally near memories that are looked at for an answer."""


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
        return self.memory.text


class Search:
    """One query over a session's hot memories and candidates of its archive.

    Slots are the session's rows, then the candidates. Good until the session changes.
    """

    def __init__(
        self,
        session: Session,
        query: Query,
        cosines: Vector,
        now: float,
        archived: Sequence[MemoryRecord] = (),
    ) -> None:
        """`cosines`, shape (count,), are the query's to the session's rows."""
        memories = session.memories
        self._session, self._query, self._now = session, query, now
        self._archived = [record for record in archived if record.id not in memories]
        self._hot = memories.count
        self._cosine, self._ids = cosines, memories.ids[: self._hot]
        if self._archived:
            self._cosine = np.append(cosines, archived_cosines(self._archived, query.vector))
            self._ids = np.append(self._ids, [record.id for record in self._archived])

    def best(self, k: int) -> list[Found]:
        """At most k memories by falling relevance."""
        scores = relevance(self._signals(), self._order())
        return [
            Found(self._memory(slot), float(scores[slot]))
            for slot in rank(scores, self._ids, k).tolist()
        ]

    def familiar(self, threshold: float) -> tuple[float, bool]:
        """The highest cosine to anything remembered, and whether that memory answers the query.

        It does where the cosine reaches the threshold, the memory holds an answer, and its
        question's numbers, dates and names are the query's.
        """
        cosines = np.where(self._ids >= 0, self._cosine, -np.inf)
        highest = float(cosines.max(initial=-np.inf))
        if highest == -np.inf:
            return 0.0, False
        similarity = max(-1.0, min(1.0, highest))
        if similarity < threshold or self._query.text is None:
            return similarity, False
        twins = np.flatnonzero(cosines >= highest - TWIN)
        newest = twins[np.argsort(-self._ids[twins])][:TWINS].tolist()
        return similarity, any(answers(self._memory(slot), self._query.text) for slot in newest)

    def _memory(self, slot: int) -> Content | MemoryRecord:
        if slot < self._hot:
            return self._session.memories.content(slot)
        return self._archived[slot - self._hot]

    def _signals(self) -> Signals:
        memories, archived, n = self._session.memories, self._archived, self._hot
        created, importance = memories.created[:n], memories.importance[:n]
        if archived:
            created = np.append(created, [record.created for record in archived])
            importance = np.append(importance, [record.importance for record in archived])
        lexical = self._lexical()
        return Signals(
            scorers=(self._cosine,) if lexical is None else (self._cosine, lexical),
            recency=recency(self._now - created),
            importance=importance.astype(np.float32),
            boost=self._boost(),
        )

    def _lexical(self) -> Scores | None:
        """BM25 of every slot; None for a query without words."""
        words = terms(self._query.text or "")
        if not words:
            return None
        index = self._session.memories.lexical
        weights = index.weights(words)
        scores = index.scores(weights, self._hot)
        if not self._archived:
            return scores
        more = [index.score_document(weights, terms(each.text)) for each in self._archived]
        return np.append(scores, np.array(more, np.float32))

    def _boost(self) -> Scores | None:
        """The largest boost of any policy vector for each slot, in [0, POLICY_SHARE]."""
        policies = self._session.policies
        if not len(policies):
            return None
        vectors = self._session.memories.vectors[: self._hot]
        if self._archived:
            vectors = np.concatenate([vectors, rows_of(self._archived)])
        boost: Scores = POLICY_SHARE * np.clip((vectors @ policies.T).max(axis=1), 0.0, 1.0)
        return boost

    def _order(self) -> Order:
        memories = self._session.memories
        previous, following = memories.previous[: self._hot], memories.next[: self._hot]
        if not self._archived:
            return Order(previous, following)
        alone = np.full(len(self._archived), -1)
        return Order(np.append(previous, alone), np.append(following, alone))


def answers(memory: Content | MemoryRecord, question: str) -> bool:
    """Whether a memory holds the answer to this very question."""
    if memory.question is None or memory.response is None:
        return False
    return agree(question, memory.question)


def archived_cosines(records: Sequence[MemoryRecord], x: Vector) -> Vector:
    """The higher of the cosines of each record's text and question to `x`, shape (records,)."""
    questions = np.stack([unpacked(each.question_vector or each.vector) for each in records])
    return nearer_cosines(x[None], rows_of(records), questions).reshape(-1)


def rows_of(records: Sequence[MemoryRecord]) -> Vector:
    return np.stack([unpacked(record.vector) for record in records])


def recency(age: npt.NDArray[np.float64]) -> Scores:
    """1 for an age of 0 seconds, 1/2 at RECENT_S, towards 0."""
    return (RECENT_S / (RECENT_S + np.maximum(age, 0.0))).astype(np.float32)
