"""Runs work on long texts off the event loop."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from semvec.request_task import on_thread

P = ParamSpec("P")
T = TypeVar("T")


class OffLoop:
    """Runs functions on a thread, one at a time, so that the event loop competes with only one
    thread for the interpreter lock. A call into C holds that lock; each should take a millisecond
    at most."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        async with self._turn:
            return await on_thread(function, *args, **kwargs)
