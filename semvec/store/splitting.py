"""Retry batches that fail because of one of their operations, first as a whole and then in parts.

A conflict with another transaction is temporary, so the batch is committed again after a short
pause. A refused statement is the fault of one operation: the batch is halved until that operation
fails alone and the others commit. A batch that waits for a lock which another transaction keeps is
halved too; its parts wait no longer than transactions usually take. Only work that was certainly
rolled back is committed again.
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
"""Attempts to commit the same operations, if each but the last ends in a conflict."""
PAUSE_S = 0.01
"""Mean pause in seconds after the first conflict; it doubles with each further one."""
PATIENCE_S = 8.0
"""Seconds after which no part of a batch is started: longer than a lock timeout, shorter than
callers wait."""

BatchOp = TypeVar("BatchOp")
BatchResult = TypeVar("BatchResult")
Op_contra = TypeVar("Op_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class Commit(Protocol[Op_contra, Result_co]):
    def __call__(
        self, operations: Sequence[Op_contra], /, *, hurried: bool
    ) -> Awaitable[Sequence[Result_co]]:
        """Commit all and return their outcomes, or write nothing and raise. `hurried` shortens the
        lock timeout to what transactions usually take."""


class Splitting(Generic[BatchOp, BatchResult]):
    """Commit batches through `commit`. `committing` says whether its last COMMIT had begun. `draw`
    returns a random number below 1."""

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
        """Return the outcome of each operation, in order, or its error. Raise if all fail for the
        same cause."""
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
        """Commit one part; return outcomes and errors, so that a failure does not affect the other
        part."""
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
        """Commit all operations in one transaction, several times if there are conflicts."""
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
