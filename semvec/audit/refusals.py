"""Refused logins, aggregated to one audit row per address and minute."""

from semvec.clock import Clock
from semvec.store import AuditEntry

MINUTE_S = 60.0
MAX_REFUSAL_ROWS = 4096
"""Addresses counted separately; all others share one count."""
ROWS = MAX_REFUSAL_ROWS + 1
ACTION = "login.refused"
RESOURCE = "login"


class RefusedLoginLog:
    """Counts of refused logins. `record` counts; `due` returns the rows of past minutes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute = 0.0
        self._counts: dict[str | None, int] = {}
        self._over: list[AuditEntry] = []

    def record(self, address: str) -> None:
        self._turn()
        known = address in self._counts or len(self._counts) < MAX_REFUSAL_ROWS
        who = address if known else None
        self._counts[who] = self._counts.get(who, 0) + 1

    def due(self, *, closing: bool = False) -> list[AuditEntry]:
        """Return the rows to write; those of the current minute only when `closing`."""
        self._turn(at_once=closing)
        over, self._over = self._over, []
        return over

    def give_back(self, entries: list[AuditEntry]) -> None:
        """Take back rows that could not be written, if there is room."""
        self._over = [*entries, *self._over][:ROWS]

    def _turn(self, *, at_once: bool = False) -> None:
        minute = self._clock() // MINUTE_S * MINUTE_S
        if minute == self._minute and not at_once:
            return
        rows = [
            AuditEntry(self._minute, "", ACTION, RESOURCE, 401, "", address, f'{{"count":{count}}}')
            for address, count in self._counts.items()
        ]
        self._over = [*self._over, *rows][:ROWS]
        self._counts.clear()
        self._minute = minute
