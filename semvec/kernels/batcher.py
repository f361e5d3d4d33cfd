"""One thread for the kernels: what requests ask for at the same time is answered by one launch."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from semvec.errors import Unavailable
from semvec.telemetry.protocol import SILENT, Batches

ROOM = 1024
"""Questions that may wait; as many as a launch takes a few milliseconds for."""

Request = TypeVar("Request")
LaunchResult = TypeVar("LaunchResult")
Launch = Callable[[Sequence[Request]], Sequence[LaunchResult]]
"""Answers many questions at once, in their order; runs on the thread."""


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """`outcome` is for the loop alone."""

    launch: Launch[Any, Any]
    asked: Any
    outcome: asyncio.Future[Any]
    since: float


LaunchBatch = tuple[asyncio.AbstractEventLoop, list[Waiter]]
Done = list[tuple[Waiter, Any]]
"""Who asked, and the answer or an exception."""


class Batcher:
    """Questions to the same `Launch` that gather while another one runs go together.

    An idle thread takes what comes at once, so that a lone question waits for nobody. All methods
    are the event loop's.
    """

    def __init__(self, telemetry: Batches = SILENT, room: int = ROOM) -> None:
        self._telemetry, self._room = telemetry, room
        self._waiting: list[Waiter] = []
        self._busy, self._closed = False, False
        self._begun = 0.0
        self._idle = asyncio.Event()
        self._idle.set()
        self._batches: SimpleQueue[LaunchBatch | None] = SimpleQueue()
        self._thread: Thread | None = None

    async def answer(self, launch: Launch[Request, LaunchResult], asked: Request) -> LaunchResult:
        """Raises what the launch raises, and Unavailable where too many wait."""
        if self._closed:
            raise Unavailable("the server is stopping")
        if len(self._waiting) >= self._room:
            self._waiting = [each for each in self._waiting if not each.outcome.cancelled()]
        if len(self._waiting) >= self._room:
            raise Unavailable(f"{self._room} recalls wait already")
        outcome: asyncio.Future[LaunchResult] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiter(launch, asked, outcome, time.monotonic()))
        self._dispatch()
        return await outcome

    async def close(self) -> None:
        """Answer what waits, then end the thread."""
        self._closed = True
        await self._idle.wait()
        if self._thread is not None:
            self._batches.put(None)
            await asyncio.to_thread(self._thread.join)
            self._thread = None

    def _dispatch(self) -> None:
        if self._busy:
            return
        batch = [each for each in self._waiting if not each.outcome.cancelled()]
        self._waiting.clear()
        if not batch:
            self._idle.set()
            return
        if self._thread is None:
            self._thread = Thread(target=self._run, name="kernels", daemon=True)
            self._thread.start()
        self._busy = True
        self._idle.clear()
        self._begun = time.monotonic()
        self._batches.put((asyncio.get_running_loop(), batch))

    def _run(self) -> None:
        while (given := self._batches.get()) is not None:
            loop, batch = given
            loop.call_soon_threadsafe(self._settle, launched(batch))

    def _settle(self, done: Done) -> None:
        self._busy = False
        waited = self._begun - min(waiter.since for waiter, _ in done)
        self._telemetry.done(len(done), waited, time.monotonic() - self._begun)
        if any(isinstance(answer, Exception) for _, answer in done):
            self._telemetry.failed()
        for waiter, answer in done:
            if waiter.outcome.done():  # nobody waits for it any more
                continue
            if isinstance(answer, BaseException):
                waiter.outcome.set_exception(answer)
            else:
                waiter.outcome.set_result(answer)
        self._dispatch()


def launched(batch: Sequence[Waiter]) -> Done:
    """Who asked, with their answers; an error is that of all who share its launch."""
    together: dict[Launch[Any, Any], list[Waiter]] = {}
    for waiter in batch:
        together.setdefault(waiter.launch, []).append(waiter)
    done: Done = []
    for launch, waiters in together.items():
        try:
            answers = launch([waiter.asked for waiter in waiters])
            done += list(zip(waiters, answers, strict=True))
        except Exception as error:
            done += [(waiter, error) for waiter in waiters]
    return done
