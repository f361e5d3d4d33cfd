"""A bound on the bytes of all request bodies that lie in memory at once."""

from collections import Counter

from semvec.errors import Unavailable

MIN_TOTAL_BYTES = 64 << 20
LARGEST_BODIES_AT_ONCE = 16
"""Bodies of the largest size that fit at once, where `MIN_TOTAL_BYTES` holds fewer."""
CALLER_SHARES = 4
"""Callers that fill the budget together; a single one fills no more than its share."""


class BodyBudget:
    """Counts the bytes of bodies from their arrival until their requests are answered."""

    def __init__(self, max_body_bytes: int) -> None:
        self._total = max(MIN_TOTAL_BYTES, LARGEST_BODIES_AT_ONCE * max_body_bytes)
        self._used = 0
        self._by_caller: Counter[str] = Counter()

    @property
    def used(self) -> int:
        """Bytes that are counted now."""
        return self._used

    def take(self, caller: str, nbytes: int) -> None:
        """Count bytes that have arrived. Raises Unavailable where they are too many."""
        if self._by_caller[caller] + nbytes > self._total // CALLER_SHARES:
            raise Unavailable("your requests have too many bytes of bodies at once: send fewer")
        if self._used + nbytes > self._total:
            raise Unavailable("the server has too many bytes of bodies at once: try again")
        self._used += nbytes
        self._by_caller[caller] += nbytes

    def give_back(self, caller: str, nbytes: int) -> None:
        """Count no longer what was taken, as the request is answered."""
        self._used -= nbytes
        self._by_caller[caller] -= nbytes
        if not self._by_caller[caller]:
            del self._by_caller[caller]
