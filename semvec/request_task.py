"""The task that serves one request, and when it may be cancelled.

A request is cancelled when its client disconnects. Parts that must not be interrupted (a read,
whose interruption would cost a database connection; a thread that works under a lock) delay the
cancellation. After its first write a request always runs to its end, so that nothing is left half
done.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class RequestTask:
    """State of a request's task; created inside the task.

    `stopping` is set when shutdown has cancelled the task, `has_written` when a write of the
    request has taken effect or may have.
    """

    __slots__ = ("_abandoned", "_holds", "_task", "has_written", "stopping")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._holds = 0
        self._abandoned = False
        self.stopping = False
        self.has_written = False

    def abandon(self) -> None:
        """Cancel the task once nothing holds the cancellation off; the client has disconnected."""
        self._abandoned = True
        self._cancel_if_free()

    def stop(self) -> None:
        """Cancel the task at once; the server is shutting down."""
        if self._task is not None:
            self.stopping = True
            self._task.cancel()

    def uncancel(self) -> None:
        """Undo the cancellation, so that the request can be answered."""
        if self._task is not None:
            self._task.uncancel()

    def end(self) -> None:
        """Mark the request as answered; it can no longer be cancelled."""
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
    """Delay the cancellation of the current request, if there is one."""
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
    """Delay the cancellation during a write. Call the yielded function with whether the write took
    effect; if so, the request runs to its end."""
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
    """Run a function on a thread, for work under a lock: unlike `asyncio.to_thread`, this returns
    or raises only when the thread is done."""
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
