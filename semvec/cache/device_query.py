"""A search as a query to the device kernels, which compare all memories and need no short list."""

import numpy as np

from semvec.kernels.arena import SharedPool
from semvec.kernels.launches import Best, MatchQuery
from semvec.kernels.protocol import Ranking
from semvec.session.rows import TokenRows
from semvec.session.scoring import NEXT_SHARE, PREVIOUS_SHARE, headroom
from semvec.session.search import POOLED_WORD_SHARE, UNRELATED, WORD_SHARE, Found, Search

RANKING = Ranking(UNRELATED, NEXT_SHARE, PREVIOUS_SHARE)


class DeviceQuery:
    """A search in a session whose vectors are in an arena.

    Token vectors of archived candidates are kept there too while the query exists.
    """

    def __init__(self, search: Search, k: int) -> None:
        """The search must have token vectors, the session memories."""
        self._search = search
        session, pool, units = search.session, search.pool, search.units
        tokens, archived = session.memories.tokens, search.pool.archived
        plane = tokens.lease.plane
        assert isinstance(plane, SharedPool)
        assert units.vectors is not None
        self._borrowed = TokenRows(plane)
        for row, record in enumerate(archived.records):
            self._borrowed.put(row, record.tokens)
        hot, others = np.arange(session.memories.count), np.arange(len(archived))
        found = search.occurrences
        at, where = np.nonzero(found)
        worded = np.array([bool(stems) for stems in units.stems])
        self.asked = MatchQuery(
            plane=plane,
            vectors=units.vectors,
            weights=units.weights,
            word_shares=np.where(worded, np.float32(WORD_SHARE), np.float32(0.0)),
            whole_shares=np.where(worded, np.float32(POOLED_WORD_SHARE), np.float32(0.0)),
            units=at.astype(np.int32),
            memories=where.astype(np.int32),
            shares=found[at, where],
            ids=pool.ids,
            starts=pool.merged(tokens.places(hot), self._borrowed.places(others)),
            lengths=pool.merged(tokens.lengths, self._borrowed.lengths[others]),
            text_cosine=search.text_cosine,
            headroom=headroom(np.ones(len(pool), np.float32), search.signals()),
            ranking=RANKING,
            k=k,
        )

    def results(self, best: Best) -> list[Found]:
        """Return the memories of the kernels' answer. The session must not have changed since."""
        ids, scores = best
        places = np.searchsorted(self._search.pool.ids, ids).tolist()
        memories = map(self._search.pool.memory, places)
        return [Found(*each) for each in zip(memories, scores.tolist(), strict=True)]
