"""Growing lists, and streams that wait for their next items."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from semvec.errors import Unavailable

Item = TypeVar("Item")
Read = Callable[[int], Awaitable[Sequence[tuple[int, Item]]]]
"""Read items after a number, in order, each with its number; one call may return only some of
them."""

FEED_POLL_S = 1.0
"""Interval at which additions by other processes are looked for."""


class Notifier:
    """Wakes the subscribers of a topic when its list may have grown."""

    def __init__(self, *, shared: bool) -> None:
        self.poll_s = FEED_POLL_S if shared else None
        self._waiting: defaultdict[Hashable, set[asyncio.Event]] = defaultdict(set)

    def notify(self, topic: Hashable) -> None:
        for wake in self._waiting.get(topic, ()):
            wake.set()

    @contextmanager
    def subscribed(self, topic: Hashable, wake: asyncio.Event) -> Iterator[None]:
        """Set `wake` at each notification of the topic."""
        self._waiting[topic].add(wake)
        try:
            yield
        finally:
            self._waiting[topic].discard(wake)
            if not self._waiting[topic]:
                del self._waiting[topic]


def check_reaches(newest: int, last: int) -> None:
    """Raise Unavailable if a list ends before a number that it once had, as its database was
    restored from an older state. The client reconnects and continues from the new end."""
    if newest < last:
        raise Unavailable("the list has become shorter")


@dataclass(frozen=True, slots=True, eq=False)
class EventFeed(Generic[Item]):
    """A list from a number on: present items are read, later ones are announced by the notifier."""

    topic: Hashable
    after: int
    read: Read[Item]
    notifier: Notifier
