"""The memories that matter for a query, cached and archived in one ranking."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from semvec.session.boost import TRIGGER_SHARE, boosts, candidates, named
from semvec.session.candidate_set import CandidateSet
from semvec.session.events import MemoryRecord, join_pair
from semvec.session.memory import Content, Memories, RowNumbers
from semvec.session.query import EncodedQuery, QueryUnits, units_of
from semvec.session.question_match import Asked
from semvec.session.scoring import Scores, Signals, Slots, match, rank, relevance
from semvec.session.session import Session
from semvec.session.text_normalise import fold_of, normalised_digest
from semvec.session.triggers import Words
from semvec.vectors import Vector

WORD_SHARE = 0.25
"""Weight of the word itself for a unit, beside the nearest token."""
POOLED_WORD_SHARE = 0.5
"""The same if the vector of the complete text replaces token vectors."""
UNRELATED = 0.2
"""Cosine below which a token and its nearest one are unrelated."""
SHORTLIST = 64
"""Memories whose tokens are compared: the best by cosine and words together."""
SHORTLIST_AFTER, SHORTLIST_BEFORE = 0.25, 0.125
"""Shares of a memory's score added to the memory just after it, and to the one just before."""
RECENT_S = 3600.0
"""Age in seconds at which a memory's recency is one half."""
MAX_ANSWERS = 8
"""Nearest memories that are checked for an answer."""
LONGEST_QUERY = 10_000
"""Characters beyond which a question must be the same text exactly, as normalising takes
milliseconds."""
SAME_COSINE = 0.999
"""Least cosine of the same words, after rounding to int8."""


@dataclass(frozen=True, slots=True)
class Found:
    """A memory with its relevance, cached or archived."""

    memory: Content | MemoryRecord
    relevance: float

    @property
    def text(self) -> str:
        return self.memory.text

    @property
    def length(self) -> int:
        parts = [each for each in (self.memory.question, self.memory.response) if each is not None]
        return sum(map(len, parts)) + len(parts) - 1

    def beginning(self, limit: int) -> str:
        """At most `limit` characters of the text, without joining all of a long one."""
        question, response = self.memory.question, self.memory.response
        head = None if question is None else question[:limit]
        return join_pair(head, None if response is None else response[:limit])[:limit]


@dataclass(frozen=True, slots=True, eq=False)
class Scan:
    """A comparison of token vectors, (q, p), with those of the memories in `rows`.

    `places` are these memories' places in the candidate set. A device needs nothing else.
    """

    memories: Memories
    vectors: Vector
    rows: RowNumbers
    places: Slots

    def maxima(self) -> Vector:
        """The highest cosine of each token to any of each memory, shape (q, rows)."""
        return self.memories.tokens.maxima(self.vectors, self.rows)


class Search:
    """One query over a session's cached memories and its archive candidates.

    Valid until the session changes.
    """

    def __init__(
        self,
        session: Session,
        query: EncodedQuery,
        cosines: Vector,
        now: float,
        archived: Sequence[MemoryRecord] = (),
    ) -> None:
        """`cosines`, shape (count,), are the query's to the session's rows."""
        self.session, self._query, self._now = session, query, now
        self.pool = CandidateSet(session.memories, archived)
        others = self.pool.archived.cosines(query.vector[None])[0]
        self._cosines = self.pool.merged(cosines, others)

    def best(self, k: int) -> list[Found]:
        """Return at most k memories by descending relevance."""
        pool = self.pool
        matched = match(self._answered(), self.units.weights, pool.ids)
        scores = relevance(matched, self.signals())
        places = rank(scores, pool.ids, k).tolist()
        return [Found(pool.memory(place), float(scores[place])) for place in places]

    def familiar(self, threshold: float) -> tuple[float, bool]:
        """Return the highest cosine to any memory, and whether a memory answers the query.

        It does if it is among the nearest, its cosine reaches the threshold, it holds an answer,
        and its question names the same numbers, dates and names as the query. Identical words have
        a cosine of 1.
        """
        near, text = [], self._query.text
        for place in rank(self._cosines, self.pool.ids, MAX_ANSWERS).tolist():
            memory = self.pool.memory(place)
            near.append((similarity(memory, text, float(self._cosines[place])), memory))
        highest = max((cosine for cosine, _ in near), default=0.0)
        if text is None or highest < threshold:
            return highest, False
        asked = Asked(text)
        return highest, any(cosine >= threshold and answers(each, asked) for cosine, each in near)

    @cached_property
    def scan(self) -> Scan | None:
        """The comparison that `best` needs; None if the query has no token vectors."""
        if self.units.vectors is None:
            return None
        places = self._shortlist()
        places, rows = self.pool.hot_among(places[self._tokened[places]])
        return Scan(self.session.memories, self.units.vectors, rows, places)

    @cached_property
    def units(self) -> QueryUnits:
        return units_of(self._query, self.session.memories.lexical)

    @cached_property
    def occurrences(self) -> Scores:
        """How strongly each unit's word occurs in each memory, shape (q, n), in [0, 1]."""
        memories, archived = self.session.memories, self.pool.archived
        hot = occurrences(self.units, memories)
        others = archived.occurrences(self.units.stems, memories.lexical)
        return self.pool.merged(hot, others)

    @cached_property
    def _tokened(self) -> npt.NDArray[np.bool_]:
        """Which memories are compared by token vectors, shape (n,); none if the query has none."""
        if self.units.vectors is None:
            return np.zeros(len(self.pool), bool)
        hot = self.session.memories.tokens.lengths > 0
        return self.pool.merged(hot, self.pool.archived.tokened)

    @cached_property
    def text_cosine(self) -> Scores:
        """The cosine of each memory's text, shape (n,), clipped to [0, 1]."""
        return self._cosines.clip(0.0, 1.0)

    def _shortlist(self) -> Slots:
        """Return the places of the memories whose tokens are compared."""
        alone = self.text_cosine + self.units.weights @ self.occurrences
        if len(alone) <= SHORTLIST:
            return np.arange(len(alone))
        ids = self.pool.ids
        together, adjacent = alone.copy(), ids[1:] - ids[:-1] == 1
        together[1:] += SHORTLIST_AFTER * alone[:-1] * adjacent
        together[:-1] += SHORTLIST_BEFORE * alone[1:] * adjacent
        return np.argpartition(together, -SHORTLIST)[-SHORTLIST:]

    def _answered(self) -> Scores:
        """Return how well each memory answers each unit, shape (q, n), in [0, 1], from the
        occurrence of its word and from vectors."""
        worded = np.array([[bool(stems)] for stems in self.units.stems])
        by_word = np.where(self._tokened, np.float32(WORD_SHARE), np.float32(POOLED_WORD_SHARE))
        shares: Scores = worded * by_word
        answered = self._near()
        answered *= 1.0 - shares
        answered += shares * self.occurrences
        return answered

    def _near(self) -> Scores:
        """Return how near each memory is to each unit, shape (q, n), in [0, 1]: by its nearest
        token if it is short-listed or archived, by the vector of its text if it has no tokens."""
        pool, whole = self.pool, np.where(self._tokened, np.float32(0.0), self.text_cosine)
        near: Scores = whole[None].repeat(len(self.units), axis=0)
        if (scan := self.scan) is not None:
            near[:, scan.places] = related(scan.maxima())
            archived = pool.archived_places[pool.archived.tokened]
            near[:, archived] = related(pool.archived.maxima(scan.vectors))
        return near

    def signals(self) -> Signals:
        memories, archived = self.session.memories, self.pool.archived
        created = self.pool.merged(memories.created, archived.created)
        importance = self.pool.merged(memories.importance, archived.importance)
        return Signals(recency(self._now - created), importance.astype(np.float32), self._boost())

    def _boost(self) -> Scores | None:
        """Return the largest boost of any anchor or trigger for each memory; None if there is
        none."""
        session, pool = self.session, self.pool
        anchors, query = session.anchors, self._query
        if not len(session.triggers) and not len(anchors):
            return None
        fired = session.triggers.fired(
            query.text, query.vector, None if query.wording is None else query.wording.spoken
        )
        if not fired and not len(anchors):
            return None
        probes = np.concatenate([anchors.vectors, fired.vectors])
        cosines = pool.merged(session.memories.cosines(probes), pool.archived.cosines(probes))
        boost = boosts(anchors, fired, cosines)
        if fired.keywords:
            slots = self._candidates(fired.keywords)
            boost[named(fired.keywords, slots, self._text)] = TRIGGER_SHARE
        return boost

    def _candidates(self, keywords: Collection[Words]) -> Slots:
        """Return the places of memories that may hold a keyword, newest first."""
        pool, memories = self.pool, self.session.memories
        slots = candidates(memories.lexical, keywords)
        if slots is None:
            return np.arange(len(pool))[::-1]
        hot = np.zeros(memories.count, bool)
        hot[list(slots)] = True
        return np.flatnonzero(pool.merged(hot, np.ones(len(pool.archived), bool)))[::-1]

    def _text(self, place: int) -> str:
        return self.pool.memory(place).text


def occurrences(units: QueryUnits, memories: Memories) -> Scores:
    """Return how strongly each unit's word occurs in the memory of each row, shape (q, count), in
    [0, 1]."""
    found = np.zeros((len(units), memories.count), np.float32)
    parts = [(unit, stem) for unit, stems in enumerate(units.stems) for stem in stems]
    held = memories.lexical.occurrences([stem for _, stem in parts])
    unit_of = np.array([unit for unit, _ in parts], np.intp)
    places = memories.count * unit_of[held.terms] + held.slots
    np.maximum.at(found.reshape(-1), places, held.shares)
    return found


def related(cosines: Scores) -> Scores:
    """Scale token cosines to [0, 1], with 0 for unrelated ones."""
    shares: Scores = (cosines - UNRELATED) / np.float32(1.0 - UNRELATED)
    return shares.clip(0.0, 1.0)


def similarity(memory: Content | MemoryRecord, text: str | None, cosine: float) -> float:
    """Return the cosine, or 1 for the same words, whose vectors differ after rounding."""
    if text is not None and cosine > SAME_COSINE and says(memory, text):
        return 1.0
    return max(-1.0, min(1.0, cosine))


def says(memory: Content | MemoryRecord, text: str) -> bool:
    """Whether the memory or its question has the same text after `text_normalise`."""
    question = memory.question
    if len(text) > LONGEST_QUERY or len(question or "") > LONGEST_QUERY:
        return text in (memory.text, question)
    fold = normalised_digest(text)
    return fold_of(memory.fold, memory.text) == fold or (
        question is not None and normalised_digest(question) == fold
    )


def answers(memory: Content | MemoryRecord, asked: Asked) -> bool:
    """Whether a memory holds the answer to this very question."""
    if memory.question is None or memory.response is None:
        return False
    if len(asked.text) > LONGEST_QUERY or len(memory.question) > LONGEST_QUERY:
        return asked.text == memory.question
    return asked.agrees(Asked(memory.question))


def recency(age: npt.NDArray[np.float64]) -> Scores:
    """Return 1 for an age of 0 seconds, 1/2 at RECENT_S, towards 0 after that."""
    return (RECENT_S / (RECENT_S + np.maximum(age, 0.0))).astype(np.float32)
