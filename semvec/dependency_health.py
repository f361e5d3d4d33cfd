"""Whether a dependency of requests worked when it was last used."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator

from semvec.errors import SemvecError, Unavailable

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0


class DependencyHealth:
    """The outcome of the last use of a dependency; after a failure `attempt` is repeated until it
    succeeds.

    `attempt` uses the dependency as a request does, so its outcome is recorded here too.
    """

    def __init__(self, name: str, attempt: Callable[[], Awaitable[object]]) -> None:
        self._name, self._attempt = name, attempt
        self._fault = ""
        self._failing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def fault(self) -> str:
        """The error of the last use, empty if it succeeded; contains nothing private."""
        return self._fault

    @contextlib.contextmanager
    def observed(self) -> Iterator[None]:
        """Record the outcome of one use. Client errors and cancellations are not recorded."""
        try:
            yield
        except Unavailable as error:
            self.failed(error.detail)
            raise
        except SemvecError:
            raise
        except Exception:
            self.failed("internal error")
            raise
        self.succeeded()

    def failed(self, fault: str) -> None:
        if not self._fault:
            log.warning("%s failed: %s", self._name, fault)
        self._fault = fault
        self._failing.set()

    def succeeded(self) -> None:
        if self._fault:
            log.warning("%s works again", self._name)
        self._fault = ""
        self._failing.clear()

    def start(self) -> None:
        self._task = asyncio.create_task(self._repeat(), name=f"semvec-condition-{self._name}")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def try_once(self, within_s: float) -> None:
        """Determine the health by one attempt, within this time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._try()

    async def _repeat(self) -> None:
        while True:
            await self._failing.wait()
            pause = FIRST_PAUSE_S
            while self._failing.is_set():
                await asyncio.sleep(pause)
                await self._try()
                pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _try(self) -> None:
        try:
            await self._attempt()
        except SemvecError as error:
            log.debug("%s is tried again: %s", self._name, error)
        except Exception:
            log.exception("%s is tried again", self._name)
