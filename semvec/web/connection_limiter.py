"""A limit on the open connections of each address."""

from collections import Counter


class ConnectionLimiter:
    """Count open connections by address. `turned_away` counts rejected ones."""

    def __init__(self, most: int) -> None:
        self.turned_away = 0
        self._most = most
        self._open: Counter[str] = Counter()

    def acquire(self, address: str) -> bool:
        """Count one more connection of the address; return False if it has too many."""
        if self._open[address] >= self._most:
            self.turned_away += 1
            return False
        self._open[address] += 1
        return True

    def release(self, address: str) -> None:
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]
