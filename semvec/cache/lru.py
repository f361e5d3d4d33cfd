"""The LRU cache: which sessions are in memory, their size, and which are evicted."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice

from semvec.cache.cached_session import CachedSession, SessionName
from semvec.telemetry.protocol import Reason


class LruCache:
    """Cached sessions in the order of their last use.

    The callback `evict` starts an eviction, which may take a while and ends in the method `evict`.
    """

    def __init__(
        self,
        evict: Callable[[CachedSession, Reason], None],
        *,
        max_sessions: int,
        memory_bytes: int,
        idle_ttl_s: float,
    ) -> None:
        self._evict = evict
        self._max_sessions, self._memory_bytes = max_sessions, memory_bytes
        self._idle_ttl_s = idle_ttl_s
        self._copies: OrderedDict[SessionName, CachedSession] = OrderedDict()
        self._nbytes = 0

    def __len__(self) -> int:
        return len(self._copies)

    def __iter__(self) -> Iterator[CachedSession]:
        return iter(self._copies.values())

    @property
    def nbytes(self) -> int:
        """Bytes of all cached sessions."""
        return self._nbytes

    def get(self, name: SessionName) -> CachedSession | None:
        """Return the cached session, without comparing it with the database."""
        return self._copies.get(name)

    def has(self, name: SessionName, key: int) -> bool:
        hot = self._copies.get(name)
        return hot is not None and hot.key == key

    def put(self, hot: CachedSession) -> CachedSession:
        """Insert a session. If the name is taken, the one with the higher key stays, or the cached
        one if the keys are equal. Return the one that stays."""
        if (there := self._copies.get(hot.name)) is not None:
            if there.key >= hot.key:
                hot.is_live = False
                return there
            self.evict(there)
        self._copies[hot.name] = hot
        self._nbytes += hot.nbytes
        self._make_room()
        return hot

    def evict(self, hot: CachedSession) -> None:
        """Remove a session from the cache at once, without saving it."""
        if hot.is_live:
            hot.is_live = False
            self._nbytes -= hot.nbytes
            if self._copies.get(hot.name) is hot:
                del self._copies[hot.name]

    def touch(self, hot: CachedSession, now: float) -> None:
        """Mark a session as used now."""
        hot.used_at = now
        if hot.is_live:
            self._copies.move_to_end(hot.name)

    def resize(self, hot: CachedSession) -> None:
        """Update the size of a session that has changed."""
        if hot.is_live:
            nbytes = hot.session.nbytes
            self._nbytes += nbytes - hot.nbytes
            hot.nbytes = nbytes
            if self._nbytes > self._memory_bytes:
                self._make_room()

    def limit_bytes(self, memory_bytes: int) -> None:
        """Lower the limit on the bytes of all sessions, if this is less."""
        self._memory_bytes = min(self._memory_bytes, memory_bytes)

    def sweep(self, now: float) -> None:
        """Start the eviction of idle sessions, and of the least recently used ones beyond the
        limits."""
        horizon = now - self._idle_ttl_s
        for hot in [hot for hot in self if hot.used_at < horizon]:
            self._start_eviction(hot, "idle")
        self._make_room()

    def _make_room(self) -> None:
        """Start evicting the least recently used sessions beyond the limits on number and bytes;
        always keep one."""
        number, nbytes = len(self) - self._max_sessions, self._nbytes - self._memory_bytes
        for hot in islice(self, max(0, len(self) - 1)):
            if number <= 0 and nbytes <= 0:
                return
            number, nbytes = number - 1, nbytes - hot.nbytes
            self._start_eviction(hot, "room")

    def _start_eviction(self, hot: CachedSession, reason: Reason) -> None:
        if not hot.is_evicting:
            hot.is_evicting = True
            self._evict(hot, reason)
