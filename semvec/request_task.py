"""The task that serves one request, and when it may be cancelled.

A request is cancelled when its client has left. Parts that must come to their end (a read that
would cost the database a connection, a thread at work under a lock) hold that off for their time.
From its first write on, a request is finished whether anybody waits for it or not, so that nothing
stays half done.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class RequestTask:
    """Made by the task itself. `stopping`: the server's end has cancelled it. `has_written`: a
    write of the request has taken effect, or may have."""

    __slots__ = ("_abandoned", "_holds", "_task", "has_written", "stopping")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._holds = 0
        self._abandoned = False
        self.stopping = False
        self.has_written = False

    def abandon(self) -> None:
        """Nobody waits for the answer: cancel the task, as soon as nothing holds that off."""
        self._abandoned = True
        self._cancel_if_free()

    def stop(self) -> None:
        """The server ends: cancel the task, whatever it is doing."""
        if self._task is not None:
            self.stopping = True
            self._task.cancel()

    def uncancel(self) -> None:
        """Take the cancellation back, to answer after all."""
        if self._task is not None:
            self._task.uncancel()

    def end(self) -> None:
        """The request has its answer: there is nothing to cancel any more."""
        self._task = None

    def hold(self) -> None:
        self._holds += 1

    def release(self) -> None:
        self._holds -= 1
        self._cancel_if_free()

    def _cancel_if_free(self) -> None:
        if self._abandoned and not self._holds and self._task is not None:
            self._task.cancel()
            self._task = None


REQUEST_TASK: ContextVar[RequestTask | None] = ContextVar("request_task", default=None)


@contextmanager
def uncancelled() -> Iterator[None]:
    """Hold off the cancellation of the request that this is done for, if it is for one."""
    task = REQUEST_TASK.get()
    if task is None:
        yield
        return
    task.hold()
    try:
        yield
    finally:
        task.release()


@contextmanager
def writing() -> Iterator[Callable[[bool], None]]:
    """Hold off the cancellation during a write. Call what is yielded with whether the write took
    effect: if so, the request goes on to its end."""
    task = REQUEST_TASK.get()
    if task is None:
        yield lambda took_effect: None
        return
    before, task.has_written = task.has_written, True
    task.hold()

    def end(took_effect: bool) -> None:
        if took_effect:
            task.hold()
        else:
            task.has_written = before

    try:
        yield end
    finally:
        task.release()


async def on_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`asyncio.to_thread` for work under a lock: it returns, or raises, when the thread is done."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
