"""Verification of a session's invariants, and of its stored copy."""

import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from semvec import answers
from semvec.cache import SessionCache, SessionName
from semvec.errors import Damaged, Unavailable
from semvec.inspection import journal, page_faults
from semvec.persistence import reading_rows, rebuilt
from semvec.request_task import on_thread
from semvec.service.bulk_jobs import BulkJobs
from semvec.session.session import Session
from semvec.session.snapshot import SnapshotRecord
from semvec.session.transfer import Image, image_of
from semvec.session.verify import (
    Check,
    Recalled,
    alike,
    checked,
    invariants,
    recalled,
)
from semvec.store import SessionSnapshotReader
from semvec.vectors import Vector, unit_vectors

log = logging.getLogger(__name__)

MAX_VERIFY_ATTEMPTS = 100
"""Attempts to read a session that other processes keep changing."""


@dataclass(frozen=True, slots=True, eq=False)
class LiveView:
    """The content of a session, and its recall for each probe."""

    image: Image
    recalled: list[Recalled]


class Verification:
    def __init__(self, aside: BulkJobs, hot: SessionCache) -> None:
        self._aside, self._hot = aside, hot

    async def verify(
        self, owner: str, session_id: str, test_embeddings: Sequence[Sequence[float]]
    ) -> answers.Verified:
        """Compare the cached session with a copy from storage, both as of the same event."""
        checks: list[Check] = []
        async with self._aside.reading(), AsyncExitStack() as reading:
            try:
                probes, live, whole = await self._look(
                    (owner, session_id), test_embeddings, reading
                )
                copy, _ = await self._aside.run(rebuilt, whole.stored)
                with reading_rows(session_id, whole.stored.head.key):
                    stored = await self._aside.run(look, copy, probes)
                    checks += await self._aside.run(compared, live, stored)
                checks.append(journal(whole.stored.head, copy))
                checks.append(await self._archive(whole, stored.image.record))
            except Damaged as damage:
                log.warning("a session does not verify: %s", damage.logged)
                checks.append(Check("storage", False, f"it makes no session: {damage.reason}"))
        return answers.Verified(session_id, all(each.ok for each in checks), checks)

    async def _look(
        self, name: SessionName, test_embeddings: Sequence[Sequence[float]], reading: AsyncExitStack
    ) -> tuple[list[Vector], LiveView, SessionSnapshotReader]:
        """Return the probes, the live session and the stored one, both as of the same event."""
        for _ in range(MAX_VERIFY_ATTEMPTS):
            hot = await self._hot.get(name)
            dimension = hot.session.profile.dimension
            probes = list(unit_vectors(test_embeddings, dimension, "test_embeddings"))
            async with hot.lock:
                whole = await reading.enter_async_context(self._aside.reader(name))
                if hot.is_live and whole.shows(hot.key, hot.session.seq, hot.line):
                    return probes, await on_thread(look, hot.session, probes), whole
            await reading.aclose()
        raise Unavailable("too many writers on this session at once")

    async def _archive(self, whole: SessionSnapshotReader, session: SnapshotRecord) -> Check:
        faults: list[str] = []
        count = 0
        async for page in whole.archive():
            count += len(page)
            faults += await self._aside.run(page_faults, page, session)
        if count != session.archived:
            faults.append(f"the session counts {session.archived} archived ones, there are {count}")
        return checked("archive", faults, f"{count} memories")


def look(session: Session, probes: Sequence[Vector]) -> LiveView:
    return LiveView(image_of(session), recalled(session, probes))


def compared(live: LiveView, stored: LiveView) -> list[Check]:
    differences = [
        f"the live session's {name} are not those of the stored one"
        for name in ("record", "memories", "pieces")
        if getattr(live.image, name) != getattr(stored.image, name)
    ]
    strange = [
        f"test_embeddings[{place}] recalls other memories"
        for place, (one, other) in enumerate(zip(live.recalled, stored.recalled, strict=True))
        if not alike(one, other)
    ]
    return [
        *invariants(live.image),
        checked("copy", differences, "equal to the bit"),
        checked("recall", strange, f"{len(live.recalled)} probes"),
    ]
