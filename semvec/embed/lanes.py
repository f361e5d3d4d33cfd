"""The encoder's queue: long texts do not hold up short ones, and still come to an end."""

import threading
from collections import deque
from typing import Generic, Protocol, TypeVar

LONG_SHARE = 4
"""One turn in so many goes to long texts while short ones wait as well."""


class Sized(Protocol):
    @property
    def is_long(self) -> bool: ...


T = TypeVar("T", bound=Sized)


class Lanes(Generic[T]):
    """First in, first out, in two lanes; safe to use from several threads.

    Long work comes in small parts, each put back at the end of its lane: it is done in turns.
    """

    def __init__(self) -> None:
        self._short: deque[T] = deque()
        self._long: deque[T] = deque()
        self._changed = threading.Condition()
        self._turns = 0
        self._closed = False

    def put(self, item: T) -> None:
        with self._changed:
            (self._long if item.is_long else self._short).append(item)
            self._changed.notify()

    def take(self) -> T | None:
        """The next item, once there is one; None when the queue is closed and empty."""
        with self._changed:
            while not self._short and not self._long:
                if self._closed:
                    return None
                self._changed.wait()
            return self._next().popleft()

    def more_like(self, item: T) -> T | None:
        """Another one of the same lane, if one waits."""
        with self._changed:
            lane = self._long if item.is_long else self._short
            return lane.popleft() if lane else None

    def waiting_like(self, item: T) -> int:
        """How many wait in the same lane."""
        return len(self._long if item.is_long else self._short)

    def close(self) -> None:
        """Ends the wait of all who take, once nothing is left."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _next(self) -> deque[T]:
        if not self._short or not self._long:
            return self._short or self._long
        self._turns = (self._turns + 1) % LONG_SHARE
        return self._short if self._turns else self._long
