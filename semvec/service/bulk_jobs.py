"""Work on full sessions (export, import, verification), limited so that it does not delay other
requests."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from semvec.cache import SessionName, session_not_found
from semvec.document import Steps
from semvec.errors import Unavailable
from semvec.request_task import on_thread
from semvec.service.files import FILES_RETRY_S, Files
from semvec.store import SessionSnapshotReader, Store

P = ParamSpec("P")
T = TypeVar("T")

BULK_THREADS = 2
"""Steps that run at once; others wait in order."""
MAX_FULL_READERS = 4
"""Sessions that are read in full at once; each holds a connection of the pool."""
READER_TIMEOUT_S = 30.0


class BulkJobs:
    def __init__(self, store: Store) -> None:
        self._store = store
        self.files = Files()
        self._threads = asyncio.Semaphore(BULK_THREADS)
        self._readers = asyncio.Semaphore(MAX_FULL_READERS)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Limit concurrent full-session reads. Raises Unavailable."""
        try:
            async with asyncio.timeout(READER_TIMEOUT_S):
                await self._readers.acquire()
        except TimeoutError as error:
            raise Unavailable("too many sessions are read as a whole", FILES_RETRY_S) from error
        try:
            yield
        finally:
            self._readers.release()

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function on a thread; it should take a few hundredths of a second at most."""
        async with self._threads:
            return await on_thread(function, *args, **kwargs)

    async def run_through(self, steps: Steps[T]) -> T:
        """Run a generator on threads to its end and return its result. It can be cancelled at each
        yield."""
        while not (ended := await self.run(_step, steps)):
            pass
        return ended[0]

    @asynccontextmanager
    async def reader(self, name: SessionName) -> AsyncIterator[SessionSnapshotReader]:
        """Open a session as of one moment, inside `reading`. Raises NotFound."""
        async with self._store.open_reader(*name) as whole:
            if whole is None:
                raise session_not_found(name[1])
            yield whole


def _step(steps: Steps[T]) -> tuple[T] | None:
    try:
        return next(steps)
    except StopIteration as end:
        return (end.value,)
