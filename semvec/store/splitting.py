"""Batches that fail because of one of their operations: committed again, and then in parts.

A conflict with another transaction passes, so the batch is committed again after a short pause. A
statement that is refused is refused for what one operation writes: the batch is halved until that
one fails alone, and the others commit. So is one that waits for a lock which another transaction
keeps; its parts wait for no longer than is usual. Only what is certainly rolled back is committed
again.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from semvec.errors import Unavailable
from semvec.store.failures import Failure, failure_of

log = logging.getLogger(__name__)

TRIES = 4
"""Commits of the same operations, if each but the last ends in a conflict."""
PAUSE_S = 0.01
"""Mean pause after the first conflict; twice as long after each further one."""
PATIENCE_S = 8.0
"""Time after which nothing more of a batch is begun: more than a lock is waited for, less than
callers wait."""

BatchOp = TypeVar("BatchOp")
BatchResult = TypeVar("BatchResult")
Op_contra = TypeVar("Op_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class Commit(Protocol[Op_contra, Result_co]):
    def __call__(
        self, operations: Sequence[Op_contra], /, *, hurried: bool
    ) -> Awaitable[Sequence[Result_co]]:
        """Commit all and return their outcomes, or raise and have written none. One that is
        `hurried` waits for locks only as long as transactions usually take."""


class Splitting(Generic[BatchOp, BatchResult]):
    """`committing` says whether the last COMMIT of `commit` had begun. `draw` gives a random number
    below 1."""

    def __init__(
        self,
        commit: Commit[BatchOp, BatchResult],
        committing: Callable[[], bool],
        *,
        draw: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commit, self._committing = commit, committing
        self._draw, self._clock = draw, clock

    async def commit(self, operations: Sequence[BatchOp]) -> Sequence[BatchResult | Exception]:
        """The outcome of each operation, in order, or why it is not committed; raises where the
        cause is the same for all."""
        return await self._parts(operations, self._clock() + PATIENCE_S, hurried=False)

    async def _parts(
        self, operations: Sequence[BatchOp], until: float, *, hurried: bool
    ) -> Sequence[BatchResult | Exception]:
        try:
            return await self._again(operations, until, hurried=hurried)
        except Exception as error:
            failure = self._failure(error)
            if len(operations) == 1 or failure is None:
                raise
            log.warning("%d writes are committed in two parts: %s", len(operations), error)
        hurried, middle = hurried or failure is Failure.BLOCKED, len(operations) // 2
        first = await self._part(operations[:middle], until, hurried=hurried)
        return [*first, *await self._part(operations[middle:], until, hurried=hurried)]

    async def _part(
        self, operations: Sequence[BatchOp], until: float, *, hurried: bool
    ) -> Sequence[BatchResult | Exception]:
        """Outcomes and errors: what becomes of one part is nothing to the other."""
        if self._clock() >= until:
            reason = "others of the batch took too long"
            late = Unavailable("storage cannot commit", reason=reason, outcome="not_written")
            return [late] * len(operations)
        try:
            return await self._parts(operations, until, hurried=hurried)
        except Exception as error:
            return [error] * len(operations)

    async def _again(
        self, operations: Sequence[BatchOp], until: float, *, hurried: bool
    ) -> Sequence[BatchResult]:
        """Commit all together, several times where there are conflicts."""
        for tried in range(1, TRIES):
            try:
                return await self._commit(operations, hurried=hurried)
            except Exception as error:
                if self._failure(error) is not Failure.CONFLICT or self._clock() >= until:
                    raise
                log.warning("%d writes are committed again: %s", len(operations), error)
            await asyncio.sleep(PAUSE_S * 2 ** (tried - 1) * (0.5 + self._draw()))
        return await self._commit(operations, hurried=hurried)

    def _failure(self, error: Exception) -> Failure | None:
        return failure_of(error, committing=self._committing())
