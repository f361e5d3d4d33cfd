"""Identification of the encoder by its vectors, so that all vectors of a session come from one
encoder."""

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence

import numpy as np

from semvec.clock import Clock
from semvec.embed.identity import PROBES, ProbeVectors
from semvec.embed.protocol import Embedder
from semvec.errors import SemvecError
from semvec.intake import EncoderNames
from semvec.persistence import rebuilt
from semvec.session.events import MemoryRecord
from semvec.session.session import Session
from semvec.store import Store
from semvec.store.encoders import EncoderRow, known, sampled_sessions
from semvec.vectors import Vector

log = logging.getLogger(__name__)

SAMPLED_SESSIONS = 16
"""Number of the last used sessions, and of the oldest, that are sampled for their encoders."""
SAMPLED_MEMORIES = 8
"""Memories for each encoder name that are encoded again to compare their vectors."""
LONGEST_SAMPLE = 1000
"""Characters of such a memory. A text that fits any window gives the same vector again."""
SAME_STORED_VECTOR = 0.95
"""Least cosine to a stored 8-bit vector that means the same encoder."""

Samples = Mapping[str, Sequence[tuple[str, bytes]]]


class EncoderRecords:
    """The encoders known to a database, each by its vectors of fixed sentences."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def recognise(self, embedder: Embedder) -> EncoderNames:
        """Return the names under which sessions hold vectors of this encoder. A new encoder is
        recorded.

        Raises ConnectionError if the encoder does not answer.
        """
        try:
            encodings = await embedder.encode(PROBES)
        except SemvecError as error:
            raise ConnectionError(f"the embedder fails at the start: {error}") from error
        probes = ProbeVectors.of([each.vector for each in encodings])
        rows = await self._store.query(known)
        found = _names_of(rows, probes)
        if not found:
            names = await self._new_names(embedder, probes, rows)
            now, data = self._clock(), probes.packed()
            new = [EncoderRow(name, embedder.dimension, data, now) for name in names]
            await self._store.add_encoders(*new)
            found = _names_of(await self._store.query(known), probes)
        return _chosen(embedder.model_name, found)

    async def _new_names(
        self, embedder: Embedder, probes: ProbeVectors, rows: Sequence[EncoderRow]
    ) -> list[str]:
        """Choose names for an encoder that is not recorded, its own name first."""
        name, recorded = embedder.model_name, {row.name for row in rows}
        same, other = await self._judged(embedder, recorded)
        if strangers := recorded | other:
            log.warning(
                "the embedder %s gives other vectors than %s gave, which sessions of this database "
                "were made with: these sessions refuse texts (422) and take vectors only",
                name,
                ", ".join(sorted(strangers)),
            )
        own = _another(name, probes) if name in strangers else name
        return [own, *sorted(same - {own})]

    async def _judged(
        self, embedder: Embedder, recorded: Container[str]
    ) -> tuple[set[str], set[str]]:
        """Compare this encoder with unrecorded names, in sessions of a release that kept no
        records. Return the names whose vectors it reproduces, and those whose vectors it does
        not."""
        same: set[str] = set()
        other: set[str] = set()
        for name, samples in (await self._samples(embedder.dimension)).items():
            if name in recorded:
                continue
            texts = [text for text, _ in samples]
            try:
                encodings = await embedder.encode(texts)
            except SemvecError as error:
                raise ConnectionError(f"the embedder fails at the start: {error}") from error
            cosines = [
                _cosine(each.vector, codes)
                for each, (_, codes) in zip(encodings, samples, strict=True)
            ]
            # One match is enough: clients may have sent the other vectors.
            (same if max(cosines) >= SAME_STORED_VECTOR else other).add(name)
            log.info("sessions made with %s: cosine to this encoder %.3f", name, max(cosines))
        return same, other

    async def _samples(self, dimension: int) -> Samples:
        """Return texts and their stored vectors, by the name of their encoder."""
        found: defaultdict[str, list[tuple[str, bytes]]] = defaultdict(list)
        for owner, session_id in await self._store.query(sampled_sessions, SAMPLED_SESSIONS):
            stored = await self._store.load(owner, session_id)
            if stored is None:
                continue
            try:
                session, _ = await asyncio.to_thread(rebuilt, stored)
            except Exception as error:  # damaged rows can raise anything
                log.warning("session %r cannot be read: %s", session_id, error)
                continue
            if session.profile.model is not None and session.profile.dimension == dimension:
                samples = found[session.profile.model]
                samples += list(_samples_of(session))[: SAMPLED_MEMORIES - len(samples)]
        return {name: samples for name, samples in found.items() if samples}


def _samples_of(session: Session) -> Iterator[tuple[str, bytes]]:
    """Yield texts whose vector is of that text alone. In a pair, that is the question."""
    for record in session.memories.records_after(0):
        text, vector = _half(record)
        if text is not None and text.strip() and len(text) <= LONGEST_SAMPLE:
            yield text, vector


def _half(record: MemoryRecord) -> tuple[str | None, bytes]:
    if record.question and record.response:
        return (record.question if record.question_vector else None), record.question_vector or b""
    return record.question or record.response, record.vector


def _cosine(vector: Vector, codes: bytes) -> float:
    kept = np.frombuffer(codes, np.int8).astype(np.float32)
    return float(vector @ kept) / max(float(np.linalg.norm(kept)), 1e-9)


def _names_of(rows: Sequence[EncoderRow], probes: ProbeVectors) -> list[str]:
    """Return the names recorded for the encoder of these probe vectors."""
    return [
        row.name
        for row in rows
        if ProbeVectors.unpacked(row.probes, row.dimension).is_same_encoder(probes)
    ]


def _chosen(own: str, names: Sequence[str]) -> EncoderNames:
    """Choose the name for new sessions: the encoder's own if it is listed, else the first."""
    return EncoderNames(own if own in names else names[0], frozenset(names))


def _another(name: str, probes: ProbeVectors) -> str:
    """Return a distinct name for an encoder whose own name belongs to another one in this
    database."""
    return f"{name}@{hashlib.sha256(probes.packed()).hexdigest()[:8]}"
