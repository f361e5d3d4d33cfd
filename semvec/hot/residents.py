"""The copies in memory: which they are, what they take together, and who makes room."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice

from semvec.hot.copy import Hot, Name
from semvec.telemetry.protocol import Reason


class Residents:
    """In the order of their last use. `evict` starts what ends in `drop`; that may take a while."""

    def __init__(
        self,
        evict: Callable[[Hot, Reason], None],
        *,
        max_sessions: int,
        memory_bytes: int,
        idle_ttl_s: float,
    ) -> None:
        self._evict = evict
        self._max_sessions, self._memory_bytes = max_sessions, memory_bytes
        self._idle_ttl_s = idle_ttl_s
        self._copies: OrderedDict[Name, Hot] = OrderedDict()
        self._nbytes = 0

    def __len__(self) -> int:
        return len(self._copies)

    def __iter__(self) -> Iterator[Hot]:
        return iter(self._copies.values())

    @property
    def nbytes(self) -> int:
        """Bytes that they take together."""
        return self._nbytes

    def peek(self, name: Name) -> Hot | None:
        """The copy in memory, as far as it knows."""
        return self._copies.get(name)

    def has(self, name: Name, key: int) -> bool:
        hot = self._copies.get(name)
        return hot is not None and hot.key == key

    def keep(self, hot: Hot) -> Hot:
        """The copy that stays: of two of a name the newer session's, of one session's the first."""
        if (there := self._copies.get(hot.name)) is not None:
            if there.key >= hot.key:
                hot.live = False
                return there
            self.drop(there)
        self._copies[hot.name] = hot
        self._nbytes += hot.nbytes
        self._make_room()
        return hot

    def drop(self, hot: Hot) -> None:
        """Let go of a copy, whatever it is."""
        if hot.live:
            hot.live = False
            self._nbytes -= hot.nbytes
            if self._copies.get(hot.name) is hot:
                del self._copies[hot.name]

    def use(self, hot: Hot, now: float) -> None:
        """Note that somebody asked for a copy."""
        hot.used_at = now
        if hot.live:
            self._copies.move_to_end(hot.name)

    def resize(self, hot: Hot) -> None:
        """Count a copy anew, which has changed."""
        if hot.live:
            nbytes = hot.session.nbytes
            self._nbytes += nbytes - hot.nbytes
            hot.nbytes = nbytes
            if self._nbytes > self._memory_bytes:
                self._make_room()

    def limit(self, memory_bytes: int) -> None:
        """Have sessions take no more than this together, if that is less than they may."""
        self._memory_bytes = min(self._memory_bytes, memory_bytes)

    def sweep(self, now: float) -> None:
        """Start the eviction of sessions that are idle, or too many, or too large together."""
        horizon = now - self._idle_ttl_s
        for hot in [hot for hot in self if hot.used_at < horizon]:
            self._send_off(hot, "idle")
        self._make_room()

    def _make_room(self) -> None:
        """Evict the longest idle beyond the number and the bytes that may be hot, but one."""
        number, nbytes = len(self) - self._max_sessions, self._nbytes - self._memory_bytes
        for hot in islice(self, max(0, len(self) - 1)):
            if number <= 0 and nbytes <= 0:
                return
            number, nbytes = number - 1, nbytes - hot.nbytes
            self._send_off(hot, "room")

    def _send_off(self, hot: Hot, reason: Reason) -> None:
        if not hot.leaving:
            hot.leaving = True
            self._evict(hot, reason)
