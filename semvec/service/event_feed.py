"""Lists that grow, and those who wait for what comes next."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from semvec.errors import Unavailable

Item = TypeVar("Item")
Read = Callable[[int], Awaitable[Sequence[tuple[int, Item]]]]
"""What comes after a number, in order, each with its own number; maybe not all of it at once."""

FEED_POLL_S = 1.0
"""How soon is seen what another process adds."""


class Notifier:
    """Wakes those who follow a list, by its topic, when it may have grown."""

    def __init__(self, *, shared: bool) -> None:
        self.poll_s = FEED_POLL_S if shared else None
        self._waiting: defaultdict[Hashable, set[asyncio.Event]] = defaultdict(set)

    def notify(self, topic: Hashable) -> None:
        for wake in self._waiting.get(topic, ()):
            wake.set()

    @contextmanager
    def subscribed(self, topic: Hashable, wake: asyncio.Event) -> Iterator[None]:
        """Sets `wake` whenever the topic is rung for."""
        self._waiting[topic].add(wake)
        try:
            yield
        finally:
            self._waiting[topic].discard(wake)
            if not self._waiting[topic]:
                del self._waiting[topic]


def check_reaches(newest: int, last: int) -> None:
    """Raises Unavailable where a list ends before a number that it has had: its database is an
    older one now. Whoever follows it has to come back, and goes on from where the list ends."""
    if newest < last:
        raise Unavailable("the list has become shorter")


@dataclass(frozen=True, slots=True, eq=False)
class EventFeed(Generic[Item]):
    """One list from a number on: what it has by now is read, what comes later is rung for."""

    topic: Hashable
    after: int
    read: Read[Item]
    notifier: Notifier
