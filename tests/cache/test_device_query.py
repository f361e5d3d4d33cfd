"""The kernel for many sessions at once ranks the memories of one as the session does."""

import numpy as np
import pytest

from semvec.kernels import numpy_
from semvec.kernels.protocol import MatchEvidence, QuantisedRows, Ranking, Runs, Spans, TokenQueries
from semvec.session.query import EncodedQuery, QueryUnits, units_of
from semvec.session.scoring import IMPORTANCE_SHARE, NEXT_SHARE, PREVIOUS_SHARE, RECENCY_SHARE
from semvec.session.search import (
    POOLED_WORD_SHARE,
    UNRELATED,
    WORD_SHARE,
    Search,
    occurrences,
    recency,
)
from semvec.session.session import Session
from semvec.vectors import Vector
from tests.session.conversations import DIMENSION, new_session, play, said, worded

SPOKEN = "the kite code tent was red 42 in rain brought Lotte found river and left"
MEMORIES, K = 50, 20


def talked() -> Session:
    """A session with fewer memories than a shortlist takes, some of them without token vectors."""
    rng, session = np.random.default_rng(4), new_session(token_dimension=DIMENSION)
    words = SPOKEN.split()
    for turn in range(MEMORIES):
        text = " ".join(rng.choice(words, int(rng.integers(3, 12))))
        play(session, response=(said if turn % 5 == 0 else worded)(f"{text} {turn}"))
    return session


def evidence(session: Session, units: QueryUnits, cosines: Vector, now: float) -> MatchEvidence:
    """What the session's words, vectors and times say of its memories, in order of learning."""
    memories, order = session.memories, np.argsort(session.memories.ids[: session.memories.count])
    found = occurrences(units, memories)[:, order]
    at, where = np.nonzero(found)
    worded_units = np.array([bool(stems) for stems in units.stems])
    kept = RECENCY_SHARE * recency(now - memories.created[order])
    kept += IMPORTANCE_SHARE * memories.importance[order].astype(np.float32)
    return MatchEvidence(
        np.where(worded_units, WORD_SHARE, 0.0),
        np.where(worded_units, POOLED_WORD_SHARE, 0.0),
        at.astype(np.int32),
        where.astype(np.int32),
        found[at, where],
        np.array([0, len(at)]),
        cosines[order],
        (1.0 - kept).astype(np.float32),
    )


@pytest.mark.parametrize("text", ["where was the red kite in the rain", "42", "Lotte and the code"])
@pytest.mark.parametrize("by_words", [True, False])
def test_match_ranks_as_a_session_does(text: str, by_words: bool) -> None:
    session, asked = talked(), worded(text)
    query = EncodedQuery(
        text if by_words else None, asked.vector, asked.tokens if by_words else None
    )
    memories, now = session.memories, session.used_at + 600.0
    cosines = memories.cosines(query.vector[None])[0]
    units = units_of(query, memories.lexical)
    order = np.argsort(memories.ids[: memories.count])
    vectors = units.vectors
    if vectors is None:
        vectors = np.zeros((len(units), memories.tokens.dimension), np.float32)
    tokens, plane = memories.tokens, memories.tokens.lease.plane
    top = numpy_.match_top(
        TokenQueries(vectors, units.weights, np.array([0, len(units)])),
        QuantisedRows(plane.codes, plane.scales),
        Spans(tokens.places(order), tokens.lengths[order], memories.ids[order]),
        Runs.single([0], [len(order)]),
        evidence(session, units, cosines, now),
        Ranking(UNRELATED, NEXT_SHARE, PREVIOUS_SHARE),
        K,
    )
    expected = Search(session, query, cosines, now).best(K)
    np.testing.assert_allclose(top.scores[0], [found.relevance for found in expected], atol=1e-5)
    assert top.ids[0].tolist() == [getattr(found.memory, "id", None) for found in expected]
