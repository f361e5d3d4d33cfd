"""Search in the archive: memories that share words with a query, or whose neighbours do.

A term counts for a memory with the highest weight among its occurrences: in the memory itself, or
in one learnt just before or after it. Only neighbours of seeds are ranked; seeds are the memories
that hold most of the query's rarer terms themselves. Scanning all postings of common terms takes a
quarter of a second with 100,000 memories and finds no more. Figures: docs/recall.md.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Connection, TextClause, text

from semvec.store.tables import content_key
from semvec.store.terms import indexable

MAX_TERMS = 256
"""Terms of a query that are searched, those with the highest weights."""
POSTINGS = 16_384
"""Index entries that one search reads: those of the terms with the fewest archived memories, as
many terms as fit. Of a term with more entries than this, the newest entries are read."""
SEEDS = 128
SHARES: Mapping[int, int] = MappingProxyType({0: 10, -1: 8, -2: 7, 1: 6})
"""Weight of a term in tenths, by how many ids after the memory it occurs."""

# CROSS JOIN in SQLite and LATERAL with LIMIT in PostgreSQL force the plan to go from each term to
# its entries. Otherwise the planner may scan all terms of a session.
_SQLITE = {
    "asked": """
        SELECT key AS place, json_extract(value, '$[0]') AS term,
            json_extract(value, '$[1]') AS weight
        FROM json_each(:terms)""",
    "entries": """
        SELECT memory_id, place, weight FROM rare CROSS JOIN archive_terms AS entry
        WHERE entry.key = (SELECT key FROM content) AND entry.term = rare.term
            AND memory_id >= CASE held WHEN :postings THEN (
                SELECT memory_id FROM archive_terms AS entry
                WHERE entry.key = (SELECT key FROM content) AND entry.term = rare.term
                ORDER BY memory_id DESC LIMIT 1 OFFSET :postings - 1
            ) ELSE 0 END""",
}
_POSTGRESQL = {
    "asked": """
        SELECT place, value ->> 0 AS term, CAST(value ->> 1 AS BIGINT) AS weight
        FROM json_array_elements(CAST(:terms AS json)) WITH ORDINALITY AS pairs (value, place)""",
    "entries": """
        SELECT memory_id, place, weight FROM rare CROSS JOIN LATERAL (
            SELECT memory_id FROM archive_terms AS entry
            WHERE entry.key = (SELECT key FROM content) AND entry.term = rare.term
            ORDER BY memory_id DESC LIMIT :postings
        ) AS newest""",
}


def _search(asked: str, entries: str) -> TextClause:
    """Build the statement; the dialects differ only in how the query's terms are read and
    joined."""
    # IS TRUE makes PostgreSQL use a hashed subplan instead of a nested loop.
    return text(f"""
    WITH content AS (SELECT {content_key} AS key FROM sessions WHERE sessions.key = :key),
    asked AS ({asked}
    ),
    counted AS MATERIALIZED (
        SELECT place, term, weight, (
            SELECT count(*) FROM (
                SELECT 1 FROM archive_terms AS entry
                WHERE entry.key = (SELECT key FROM content) AND entry.term = asked.term
                LIMIT :postings
            ) AS counting
        ) AS held
        FROM asked
    ),
    rare AS (
        SELECT place, term, weight, held FROM (
            SELECT *, sum(held) OVER (ORDER BY held, place) AS total FROM counted
        ) AS summed
        WHERE total <= :postings
    ),
    entries AS ({entries}
    ),
    seeds AS (
        SELECT memory_id AS id FROM entries
        GROUP BY memory_id ORDER BY sum(weight) DESC, memory_id DESC LIMIT :seeds
    ),
    shares (gap, share) AS (VALUES {", ".join(map(str, SHARES.items()))}),
    near AS (
        SELECT DISTINCT seeds.id - gap AS id FROM seeds CROSS JOIN shares
        WHERE (
            SELECT archived_seq FROM memories
            WHERE memories.key = (SELECT key FROM content) AND memories.id = seeds.id - gap
        ) IS NOT NULL
    ),
    around AS MATERIALIZED (
        SELECT memory_id, place, weight FROM entries
        WHERE (memory_id IN (SELECT near.id + gap FROM near CROSS JOIN shares)) IS TRUE
    ),
    windows AS (
        SELECT memory_id - gap AS id, weight, max(share) AS share
        FROM around CROSS JOIN shares
        WHERE (memory_id - gap IN (SELECT id FROM near)) IS TRUE
        GROUP BY memory_id - gap, place, weight
    ),
    best AS (
        SELECT id, sum(weight * share) AS score FROM windows
        GROUP BY id ORDER BY score DESC, id DESC LIMIT :limit
    )
    SELECT (
        SELECT payload FROM memories
        WHERE memories.key = (SELECT key FROM content) AND memories.id = best.id
    ) FROM best ORDER BY score DESC, id DESC""")


SEARCH = MappingProxyType({"sqlite": _search(**_SQLITE), "postgresql": _search(**_POSTGRESQL)})


def search(connection: Connection, key: int, weights: Mapping[str, int], limit: int) -> list[bytes]:
    heaviest = sorted(indexable(weights), key=lambda term: (-weights[term], term))
    terms = [(term, weights[term]) for term in heaviest[:MAX_TERMS]]
    if not terms:
        return []
    asked = {"key": key, "terms": json.dumps(terms), "limit": limit}
    bounds = {"postings": POSTINGS, "seeds": SEEDS}
    return list(connection.scalars(SEARCH[connection.dialect.name], asked | bounds))
