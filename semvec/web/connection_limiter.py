"""How many connections each address has open."""

from collections import Counter


class ConnectionLimiter:
    """`turned_away` counts the connections that were one too many."""

    def __init__(self, most: int) -> None:
        self.turned_away = 0
        self._most = most
        self._open: Counter[str] = Counter()

    def acquire(self, address: str) -> bool:
        """Whether the address may have one more; then it has."""
        if self._open[address] >= self._most:
            self.turned_away += 1
            return False
        self._open[address] += 1
        return True

    def release(self, address: str) -> None:
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]
