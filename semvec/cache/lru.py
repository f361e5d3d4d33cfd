"""The copies in memory: which they are, what they take together, and who makes room."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice

from semvec.cache.cached_session import CachedSession, SessionName
from semvec.telemetry.protocol import Reason


class LruCache:
    """In the order of their last use. `evict` starts what ends in `drop`; that may take a while."""

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
        """Bytes that they take together."""
        return self._nbytes

    def get(self, name: SessionName) -> CachedSession | None:
        """The copy in memory, as far as it knows."""
        return self._copies.get(name)

    def has(self, name: SessionName, key: int) -> bool:
        hot = self._copies.get(name)
        return hot is not None and hot.key == key

    def put(self, hot: CachedSession) -> CachedSession:
        """The copy that stays: of two of a name the newer session's, of one session's the first."""
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
        """Let go of a copy, whatever it is."""
        if hot.is_live:
            hot.is_live = False
            self._nbytes -= hot.nbytes
            if self._copies.get(hot.name) is hot:
                del self._copies[hot.name]

    def touch(self, hot: CachedSession, now: float) -> None:
        """Note that somebody asked for a copy."""
        hot.used_at = now
        if hot.is_live:
            self._copies.move_to_end(hot.name)

    def resize(self, hot: CachedSession) -> None:
        """Count a copy anew, which has changed."""
        if hot.is_live:
            nbytes = hot.session.nbytes
            self._nbytes += nbytes - hot.nbytes
            hot.nbytes = nbytes
            if self._nbytes > self._memory_bytes:
                self._make_room()

    def limit_bytes(self, memory_bytes: int) -> None:
        """Have sessions take no more than this together, if that is less than they may."""
        self._memory_bytes = min(self._memory_bytes, memory_bytes)

    def sweep(self, now: float) -> None:
        """Start the eviction of sessions that are idle, or too many, or too large together."""
        horizon = now - self._idle_ttl_s
        for hot in [hot for hot in self if hot.used_at < horizon]:
            self._start_eviction(hot, "idle")
        self._make_room()

    def _make_room(self) -> None:
        """Evict the longest idle beyond the number and the bytes that may be hot, but one."""
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
