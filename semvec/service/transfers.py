"""Export of full sessions to a file, and import from one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import islice
from typing import BinaryIO

from semvec import answers
from semvec.cache import CachedSession, SessionCache, session_not_found
from semvec.clock import Clock
from semvec.document import DocumentReader, DocumentWriter
from semvec.errors import Conflict, SemvecError, Unavailable
from semvec.intake import Intake
from semvec.persistence import archived_row, head_columns, memory_row, reading_rows, rebuilt
from semvec.service.bulk_jobs import BulkJobs
from semvec.service.files import room_needed
from semvec.session import snapshot
from semvec.session.events import Profile, decode_memory, encode_piece
from semvec.session.session import Session
from semvec.session.transfer import Image, image_of, session_of
from semvec.store import MemoryRow, PieceRow, Replace, StagedRows, Store, StoredSession

log = logging.getLogger(__name__)

IMPORT_PAGE = 64
"""Memories, or components, that are staged in one transaction."""
STALE_IMPORT_S = 3600.0
"""Time without progress after which an import is considered dead."""
TEXTS_PER_PAGE = 16
"""Size limit of one part of a document, in request bodies; the vectors of one component are
extra."""
VECTORS = 12_000
"""Characters of these vectors for each dimension: 2,048 vectors, 4 bytes each, in base64."""


class Transfers:
    def __init__(
        self,
        aside: BulkJobs,
        store: Store,
        hot: SessionCache,
        intake: Intake,
        clock: Clock,
        max_body_bytes: int,
    ) -> None:
        self._intake = intake
        self._aside, self._store, self._hot, self._clock = aside, store, hot, clock
        self._max_body_bytes = max_body_bytes

    async def export(self, owner: str, session_id: str) -> BinaryIO:
        """Write the current session to a file. The caller closes it."""
        async with self._aside.reading(), self._aside.reader((owner, session_id)) as whole:
            with room_needed():
                file = await self._aside.files.open(owner)
            try:
                with room_needed():
                    writer = await self._aside.run(begin, file, session_id, whole.stored)
                    async for page in whole.archive():
                        with reading_rows(session_id, whole.stored.head.key):
                            await self._aside.run(add, writer, page)
                    await self._aside.run(writer.finish)
            except BaseException:
                file.close()
                raise
            return file

    async def find_export(self, owner: str, session_id: str) -> None:
        """Raise NotFound if there is nothing to export."""
        if await self._store.head(owner, session_id) is None:
            raise session_not_found(session_id)

    async def load(
        self, owner: str, session_id: str, receive: Callable[[BinaryIO], Awaitable[None]]
    ) -> answers.Imported:
        """Replace the content of a session by the document that `receive` writes into a file.

        The document is checked in full before anything is written, and takes effect at once.
        """
        hot = await self._hot.get((owner, session_id))
        have = hot.session.profile
        with room_needed():
            file = await self._aside.files.open(owner)
        try:
            with room_needed():
                await receive(file)
            largest = TEXTS_PER_PAGE * self._max_body_bytes + VECTORS * have.dimension
            reader = DocumentReader(file, largest)
            core = await self._aside.run_through(reader.check())
            if not self._intake.same_vectors(core.profile, have):
                raise another_kind(core.profile, have)
            image = await self._aside.run_through(reader.image(core))
            session = await self._aside.run(session_of, image)
            await self._replace(hot, pages_of(reader, image), session)
        finally:
            await asyncio.to_thread(file.close)
        return answers.Imported(session_id, imported=True)

    async def sweep(self) -> None:
        """Erase the staged rows of unfinished imports."""
        try:
            await self._store.clean_up(self._clock() - STALE_IMPORT_S)
        except SemvecError as error:
            log.warning("imports that were given up stay for now: %s", error)

    async def _replace(
        self, hot: CachedSession, pages: Iterator[StagedRows], session: Session
    ) -> None:
        content = await self._begin()
        try:
            while (rows := await self._aside.run(next, pages, None)) is not None:
                if not await self._store.stage(content, self._clock(), rows):
                    raise Unavailable("the import took so long that it was given up; try again")
            hot = await self._hot.get(hot.name)
            session.created_at, session.used_at = hot.session.created_at, self._clock()
            await self._hot.replace(
                hot.name,
                Replace(
                    key=hot.key,
                    content=content,
                    snapshot=await self._aside.run(snapshot.take, session),
                    used_at=session.used_at,
                    interaction_count=session.state.interaction_count,
                    total_memories=session.total_memories,
                    **head_columns(session),
                ),
            )
        except BaseException:
            await self._give_up(content)
            raise

    async def _begin(self) -> int:
        beginning = asyncio.ensure_future(self._store.begin_import(self._clock()))
        try:
            return await asyncio.shield(beginning)
        except asyncio.CancelledError:
            with suppress(SemvecError):
                await self._give_up(await beginning)
            raise

    async def _give_up(self, content: int) -> None:
        with suppress(SemvecError):  # the sweep tries again
            await self._store.discard(content)


def begin(file: BinaryIO, session_id: str, stored: StoredSession) -> DocumentWriter:
    return DocumentWriter(file, session_id, image_of(rebuilt(stored)[0]))


def add(writer: DocumentWriter, page: list[MemoryRow]) -> None:
    writer.add(decode_memory(row.payload) for row in page)


def pages_of(reader: DocumentReader, image: Image) -> Iterator[StagedRows]:
    """Yield the rows of a document, in pages."""
    memories = reader.memories()
    while page := list(islice(memories, IMPORT_PAGE)):
        hot = tuple(memory_row(each) for each in page if each.id in image.memories)
        archived = tuple(archived_row(each) for each in page if each.id not in image.memories)
        yield StagedRows(hot, archived)
    pieces = (PieceRow(key, encode_piece(piece)) for key, piece in image.pieces.items())
    while rows := tuple(islice(pieces, IMPORT_PAGE)):
        yield StagedRows(pieces=rows)


def another_kind(sent: Profile, have: Profile) -> Conflict:
    return Conflict(
        f"the export holds vectors of {sent.dimension} numbers by {sent.model or 'its client'}, "
        f"this session {have.dimension} by {have.model or 'its client'}: import it into a session "
        "with the same dimension and model"
    )
