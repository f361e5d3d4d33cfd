"""Those who follow what happens: woken by this process, or by what others have written."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from semvec.errors import Conflict, SemvecError, Unavailable
from semvec.store import Store
from semvec.store.grouped import last_events

MOST_STREAMS = 16
"""Streams that one subject may have open on a process."""
POLL_S = 0.5
"""How often a database that others write is asked whether anything is new."""


class Following:
    """`wait` returns when there may be something new about a key, or time is up."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._followers: defaultdict[int, set[asyncio.Event]] = defaultdict(set)
        self._open: Counter[str] = Counter()
        self._ended = asyncio.Event()
        self._seen: dict[int, int] = {}
        self._poller: asyncio.Task[None] | None = None

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    @contextmanager
    def follow(self, subject: str, key: int) -> Iterator[asyncio.Event]:
        """What is set whenever something may be new about the key. Raises Conflict for one stream
        too many, Unavailable once all streams are to end."""
        if self.ended:
            raise Unavailable("the server is draining: follow again on another one")
        if self._open[subject] >= MOST_STREAMS:
            raise Conflict(f"{MOST_STREAMS} streams are open, the most one subject may have")
        news = asyncio.Event()
        self._open[subject] += 1
        self._followers[key].add(news)
        self._poll()
        try:
            yield news
        finally:
            self._open[subject] -= 1
            if not self._open[subject]:
                del self._open[subject]
            self._followers[key].discard(news)
            if not self._followers[key]:
                del self._followers[key]

    def wake(self, keys: Iterable[int]) -> None:
        for key in keys:
            for news in self._followers.get(key, ()):
                news.set()

    def end(self) -> None:
        """Have every stream come to its end."""
        self._ended.set()
        self.wake([*self._followers])

    async def close(self) -> None:
        self.end()
        if self._poller is not None:
            self._poller.cancel()
            with suppress(asyncio.CancelledError):
                await self._poller

    def _poll(self) -> None:
        """Look at the database from now on, if others write it."""
        if self._store.shared and (self._poller is None or self._poller.done()):
            self._poller = asyncio.create_task(self._look())

    async def _look(self) -> None:
        """One question for all streams of the process, for as long as there are any."""
        while self._followers:
            with suppress(SemvecError):  # those who follow hear of it when they read themselves
                found = await self._store.look(last_events, [*self._followers])
                self.wake(changed(self._seen, found, [*self._followers]))
                self._seen = found
            await asyncio.sleep(POLL_S)


def changed(
    before: Mapping[int, int], now: Mapping[int, int], keys: Collection[int]
) -> Iterator[int]:
    """The keys about which anything is new, or that are gone."""
    return (key for key in keys if before.get(key) != now.get(key))
