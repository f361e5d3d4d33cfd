"""A limit on the bytes of all request bodies in memory."""

from collections import Counter

from semvec.errors import Unavailable

MIN_TOTAL_BYTES = 64 << 20
LARGEST_BODIES_AT_ONCE = 16
"""The budget holds at least this many bodies of the largest size."""
CALLER_SHARES = 4
"""One caller may use at most 1 / CALLER_SHARES of the budget."""


class BodyBudget:
    """Count the bytes of each body from its arrival until its request is answered."""

    def __init__(self, max_body_bytes: int) -> None:
        self._total = max(MIN_TOTAL_BYTES, LARGEST_BODIES_AT_ONCE * max_body_bytes)
        self._used = 0
        self._by_caller: Counter[str] = Counter()

    @property
    def used(self) -> int:
        """Bytes in use."""
        return self._used

    def take(self, caller: str, nbytes: int) -> None:
        """Count received bytes. Raise Unavailable if the caller or all callers exceed the
        budget."""
        if self._by_caller[caller] + nbytes > self._total // CALLER_SHARES:
            raise Unavailable("your requests have too many bytes of bodies at once: send fewer")
        if self._used + nbytes > self._total:
            raise Unavailable("the server has too many bytes of bodies at once: try again")
        self._used += nbytes
        self._by_caller[caller] += nbytes

    def give_back(self, caller: str, nbytes: int) -> None:
        """Release bytes that `take` counted."""
        self._used -= nbytes
        self._by_caller[caller] -= nbytes
        if not self._by_caller[caller]:
            del self._by_caller[caller]
