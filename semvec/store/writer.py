"""Group commit: one task writes, and operations that arrive meanwhile share the next
transaction."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from semvec.errors import ChangeOutcome, Unavailable
from semvec.telemetry.protocol import SILENT, Batches

log = logging.getLogger(__name__)

MAX_WRITES_PER_COMMIT = 256
MAX_QUEUED_WRITES = 10_000
WRITE_TIMEOUT_S = 15.0
DRAIN_S = 1.5
"""Seconds to commit the rest of the queue on shutdown: what snapshots leave of the ten seconds of a
stop."""

WriterOp = TypeVar("WriterOp")
WriterResult = TypeVar("WriterResult")


@dataclass(frozen=True)
class PendingWrite(Generic[WriterOp, WriterResult]):
    operation: WriterOp
    done: asyncio.Future[WriterResult]
    since: float


class Writer(Generic[WriterOp, WriterResult]):
    """Pass operations to `commit` in batches, in the order of arrival.

    `commit` returns, for each operation, its outcome or the error that prevented its commit; it
    raises an error that holds for all. Callers may not rely on anything that a failed operation has
    written. Failures of storage are raised as Unavailable, and the callers get its text.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[WriterOp]], Awaitable[Sequence[WriterResult | Exception]]],
        telemetry: Batches = SILENT,
    ) -> None:
        self._commit, self._telemetry = commit, telemetry
        self._queue: deque[PendingWrite[WriterOp, WriterResult]] = deque()
        self._large: deque[PendingWrite[WriterOp, WriterResult]] = deque()
        self._batch: list[PendingWrite[WriterOp, WriterResult]] = []
        self._arrived = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def lag(self) -> float:
        """Seconds that the oldest pending operation has been waiting."""
        oldest = self._batch or self._queue
        return time.monotonic() - oldest[0].since if oldest else 0.0

    @property
    def waiting(self) -> int:
        """The number of pending operations."""
        return len(self._batch) + len(self._queue) + len(self._large)

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="semvec-writer")

    async def close(self) -> None:
        """Commit queued operations, then stop; those that are not committed in time fail."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=DRAIN_S)
            self._task.cancel()
            await asyncio.wait([self._task], timeout=1.0)
        left = [*self._batch, *self._queue, *self._large]
        closing = "storage cannot commit: the server is closing"
        self._fail(self._batch, closing, outcome="unknown")
        self._fail(left, closing, outcome="not_written")
        self._queue.clear()
        self._large.clear()

    async def submit(self, operation: WriterOp, *, large: bool = False) -> WriterResult:
        """Commit an operation and return its outcome. Raise Unavailable if it is not committed or
        that is unknown.

        A `large` operation is a batch of its own and lets one batch of the others go first.
        """
        if self._closing or self._task is None:
            raise Unavailable("storage cannot commit: it is closed", outcome="not_written")
        queue = self._large if large else self._queue
        if len(queue) >= MAX_QUEUED_WRITES:
            detail = f"storage cannot commit: {MAX_QUEUED_WRITES} writes are waiting"
            raise Unavailable(detail, outcome="not_written")
        waiting: PendingWrite[WriterOp, WriterResult] = PendingWrite(
            operation, asyncio.get_running_loop().create_future(), time.monotonic()
        )
        queue.append(waiting)
        self._arrived.set()
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                return await waiting.done
        except TimeoutError as error:
            detail = f"storage cannot commit: no answer in {WRITE_TIMEOUT_S:.0f} s"
            raise Unavailable(detail, 5, outcome=self._left(waiting)) from error

    def _left(self, waiting: PendingWrite[WriterOp, WriterResult]) -> ChangeOutcome:
        """Return what is known of an operation whose caller has timed out."""
        at_work = any(each is waiting for each in self._batch)
        return "unknown" if at_work else "not_written"

    async def _run(self) -> None:
        while True:
            if not self._queue and not self._large:
                if self._closing:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                continue
            for queue, most in ((self._queue, MAX_WRITES_PER_COMMIT), (self._large, 1)):
                self._batch = self._take(queue, most)
                if self._batch:
                    await self._write(self._batch)
                    self._batch = []
                    await asyncio.sleep(0)  # so that callers that write again are in the next batch

    def _take(
        self, queue: deque[PendingWrite[WriterOp, WriterResult]], most: int
    ) -> list[PendingWrite[WriterOp, WriterResult]]:
        """Take the next batch, without operations whose callers have gone."""
        taken = [queue.popleft() for _ in range(min(most, len(queue)))]
        return [waiting for waiting in taken if not waiting.done.done()]

    async def _write(self, batch: Sequence[PendingWrite[WriterOp, WriterResult]]) -> None:
        began = time.monotonic()
        try:
            outcomes = await self._commit([waiting.operation for waiting in batch])
        except Exception as error:
            self._refuse(batch, error)
            return
        failed: dict[Exception, list[PendingWrite[WriterOp, WriterResult]]] = {}
        for waiting, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                failed.setdefault(outcome, []).append(waiting)
            elif not waiting.done.done():
                waiting.done.set_result(outcome)
        for reason, refused in failed.items():
            self._refuse(refused, reason)
        if done := len(batch) - sum(map(len, failed.values())):
            self._telemetry.done(done, began - batch[0].since, time.monotonic() - began)

    def _refuse(
        self, batch: Sequence[PendingWrite[WriterOp, WriterResult]], error: Exception
    ) -> None:
        """Fail these operations and log the error."""
        self._telemetry.failed()
        if isinstance(error, Unavailable):
            log.error("a batch of %d writes: %s", len(batch), error)
            self._fail(batch, error.detail, error.reason, error.outcome)
        else:
            log.error("a batch of %d writes was not committed", len(batch), exc_info=error)
            self._fail(batch, "storage cannot commit", type(error).__name__, "unknown")

    def _fail(
        self,
        batch: Sequence[PendingWrite[WriterOp, WriterResult]],
        detail: str,
        reason: str = "",
        outcome: ChangeOutcome | None = None,
    ) -> None:
        for waiting in batch:
            if not waiting.done.done():
                error = Unavailable(detail, reason=reason, outcome=outcome)
                waiting.done.set_exception(error)
